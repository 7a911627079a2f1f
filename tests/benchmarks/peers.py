"""Other programs as processes that hold the data and fit once per request, so that their turns and ours alternate."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

Program = Literal["R", "python", "other python"]

# each reads the table, makes ready, says so, and then fits once per line that it is sent, answering elapsed and processor seconds
R_SCRIPT = """
a <- commandArgs(TRUE)
names <- strsplit(readLines(a[1], 1), ",")[[1]]
d <- as.data.frame(matrix(readBin(a[2], "double", as.numeric(a[3]) * length(names)), ncol = length(names), dimnames = list(NULL, names)))
invisible(suppressWarnings(suppressMessages({{{setup}}})))
asked <- file("stdin"); open(asked)
cat("ready\\n")
while (length(readLines(asked, 1)) > 0) {{
  t <- system.time(suppressWarnings(suppressMessages({{{call}}})))
  cat(t[["elapsed"]], t[["user.self"]] + t[["sys.self"]], "\\n")
}}
"""
PYTHON_SCRIPT = """
import sys, time, warnings, contextlib, io
import numpy as np
import pandas as pd
warnings.simplefilter("ignore")
names = open(sys.argv[1]).readline().strip().split(",")
d = pd.DataFrame(np.fromfile(sys.argv[2]).reshape(len(names), -1).T.copy(), columns=names)
def fit():
{call}
with contextlib.redirect_stdout(io.StringIO()):
{setup}
print("ready", flush=True)
for _ in sys.stdin:
    start, processor = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        fit()
    print(time.perf_counter() - start, time.process_time() - processor, flush=True)
"""


@dataclass(frozen=True)
class Peer:
    """Another program's way to do the same, and how many times as fast ours is to be (None: no contract)."""

    name: str
    program: Program
    call: str
    setup: str = ""
    contract: float | None = None
    slow: bool = False


class Running:
    """A peer that holds the data. `reason` says why it cannot be timed."""

    def __init__(self, peer: Peer, data: pd.DataFrame, limit: float, other_python: str | None) -> None:
        self.peer, self.limit, self.reason = peer, limit, ""
        self.folder = tempfile.TemporaryDirectory()
        self.threads = ThreadPoolExecutor(1)
        program = _program(peer, other_python)
        self.process = None
        if program is None:
            self.reason = "not installed" if peer.program != "other python" else "no interpreter given (--peers)"
            return
        names, values, script = (str(Path(self.folder.name) / name) for name in ("names", "values", "script"))
        Path(names).write_text(",".join(data.columns) + "\n")
        np.asarray(data, dtype="<f8").T.tofile(values)
        Path(script).write_text(_script(peer))
        self.process = subprocess.Popen(
            [program, script, names, values, str(len(data))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self._line()
        while line and line != "ready":
            line = self._line()
        if not line:
            self._give_up("cannot start")

    def time(self) -> tuple[float, float] | None:
        """Return elapsed and processor seconds of one fit; None where there is none."""
        if self.process is None or self.process.stdin is None:
            return None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        numbers = (self._line() or "").split()
        if len(numbers) != 2:
            self._give_up("failed")
            return None
        return float(numbers[0]), float(numbers[1])

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
        self.threads.shutdown(wait=False)
        self.folder.cleanup()

    def _line(self) -> str | None:
        assert self.process is not None
        assert self.process.stdout is not None
        try:
            return self.threads.submit(self.process.stdout.readline).result(self.limit).strip()
        except Late:
            self.reason = f"stopped after {self.limit:.0f} s"
            return None

    def _give_up(self, what: str) -> None:
        assert self.process is not None
        self.process.kill()
        errors = [line for line in self.process.communicate()[1].splitlines() if line.strip()]
        self.reason = self.reason or f"{what}: {errors[-1][:70] if errors else 'no message'}"
        self.process = None


def _program(peer: Peer, other_python: str | None) -> str | None:
    return {"R": shutil.which("Rscript"), "python": sys.executable, "other python": other_python}[peer.program]


def _script(peer: Peer) -> str:
    if peer.program == "R":
        return R_SCRIPT.format(setup=peer.setup, call=peer.call)
    indented = {
        name: "\n".join("    " + line for line in (text or "pass").splitlines())
        for name, text in vars(peer).items()
        if name in ("setup", "call")
    }
    return PYTHON_SCRIPT.format(**indented)
