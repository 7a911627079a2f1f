"""Cox regression on made-up cohorts: 10 covariates, about 5% events, times in whole days; data frame in, fit out."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cobalamin.models.cox.cox import cox

COVARIATES = [f"x{j}" for j in range(10)]
FORMULA = " + ".join(COVARIATES)

# R reads the table, fits as often as asked, and prints elapsed and processor seconds of each fit
R_SCRIPT = """
suppressMessages(library(survival))
a <- commandArgs(TRUE)
header <- strsplit(readLines(a[1], 1), ",")[[1]]
values <- readBin(a[2], "double", as.numeric(a[3]) * length(header))
d <- as.data.frame(matrix(values, ncol = length(header), dimnames = list(NULL, header)))
for (i in seq_len(as.integer(a[4]))) {
  t <- system.time(eval(parse(text = a[5])))
  cat(t[["elapsed"]], t[["user.self"]] + t[["sys.self"]], "\\n")
}
"""


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    label: str
    n: int
    delayed: bool = False
    cluster: bool = False
    lifelines: bool = False


CASES = (
    Case("Cox, Efron, n=1e4", 10_000, lifelines=True),
    Case("Cox, Efron, n=1e5", 100_000, lifelines=True),
    Case("Cox, left truncation, n=1e4", 10_000, delayed=True),
    Case("Cox, left truncation, n=1e5", 100_000, delayed=True),
    Case("Cox, cluster-robust variance, n=1e5", 100_000, cluster=True),
    Case("Cox, Efron, n=1e6", 1_000_000, lifelines=True),
    Case("Cox, left truncation, n=1e6", 1_000_000, delayed=True),
    Case("Cox, cluster-robust variance, n=1e6", 1_000_000, cluster=True),
)


def cohort(n: int, seed: int = 1) -> pd.DataFrame:
    """Make a cohort of n people, followed for up to 22 years from an age between 20 and 70."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, len(COVARIATES)))
    x[:, 0] = rng.integers(0, 2, n)
    death = rng.exponential(1 / (1.3e-5 * np.exp(x @ np.linspace(-0.3, 0.3, len(COVARIATES)))))
    censored = rng.uniform(0, 8030, n)
    days = np.ceil(np.minimum(death, censored))
    entry = np.floor(rng.uniform(20, 70, n) * 365.25)
    frame = pd.DataFrame(x, columns=COVARIATES)
    return frame.assign(days=days, event=(death <= censored) * 1.0, entry=entry, exit=entry + days, group=rng.integers(0, n // 5, n) * 1.0)


def run_case(case: Case, repeats: int) -> str:
    """Time one case in every program at hand; return a line of the table."""
    data = cohort(case.n)
    ours, ours_cpu = _ours(case, data, repeats)
    theirs = _lifelines(case, data)
    elapsed, cpu = _r(case, data, min(repeats, 2))
    shown = [f"{value:.3f}" if value is not None else "-" for value in (ours, ours_cpu, theirs, elapsed, cpu)]
    ratio = f"{elapsed / ours:.1f}x" if elapsed is not None else "-"
    return f"{case.label:<42}{shown[0]:>9}{shown[1]:>9}{shown[2]:>11}{shown[3]:>9}{shown[4]:>9}{ratio:>10}"


def _ours(case: Case, data: pd.DataFrame, repeats: int) -> tuple[float, float]:
    given = {"exit": "exit", "entry": "entry"} if case.delayed else {"exit": "days"}
    given |= {"cluster": "group"} if case.cluster else {}
    cox(FORMULA, data.head(2000), event="event", **given)
    times = []
    for _ in range(repeats):
        start, processor = time.perf_counter(), time.process_time()
        cox(FORMULA, data, event="event", **given)
        times.append((time.perf_counter() - start, time.process_time() - processor))
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def _lifelines(case: Case, data: pd.DataFrame) -> float | None:
    if not case.lifelines:
        return None
    from lifelines import CoxPHFitter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        CoxPHFitter().fit(data[[*COVARIATES, "days", "event"]], "days", "event")
    return time.perf_counter() - start


def _r(case: Case, data: pd.DataFrame, repeats: int) -> tuple[float | None, float | None]:
    program = shutil.which("Rscript")
    if program is None:
        return None, None
    outcome = "Surv(entry, exit, event)" if case.delayed else "Surv(days, event)"
    call = f"coxph({outcome} ~ {FORMULA}, d{', cluster = group' if case.cluster else ''})"
    with tempfile.TemporaryDirectory() as folder:
        header, values, script = (str(Path(folder) / name) for name in ("header", "values", "time.R"))
        Path(header).write_text(",".join(data.columns) + "\n")
        np.asarray(data, dtype="<f8").T.tofile(values)
        Path(script).write_text(R_SCRIPT)
        done = subprocess.run(
            [program, script, header, values, str(len(data)), str(repeats), call], capture_output=True, text=True, check=True
        )
    lines = np.array([[float(v) for v in line.split()] for line in done.stdout.splitlines()])
    elapsed, cpu = np.median(lines, axis=0)
    return float(elapsed), float(cpu)
