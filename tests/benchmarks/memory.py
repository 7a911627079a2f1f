"""Peak memory of a fit over that of its design matrix, in a process of its own: `python -m tests.benchmarks.memory cox 1000000`.

The measure: growth of the peak resident size during the call over the resident size before it (data frame loaded, a small model
fitted, memory returned to the system), divided by the bytes of the design matrix, 8 n p. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tests.benchmarks.cases import COX, FINE_GRAY, T, call
from tests.benchmarks.cohorts import cohort

MOST = 3.0
KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "Cox, Efron": lambda data: call(COX, T, data, exit="days", event="event"),
    "Cox, left truncation": lambda data: call(COX, T, data, exit="exit", entry="entry", event="event"),
    "Cox, cluster-robust variance": lambda data: call(COX, T, data, exit="days", event="event", cluster="group"),
    "Cox, 1,000 strata": lambda data: call(COX, T, data, exit="days", event="event", strata="stratum"),
    "Fine-Gray with variance": lambda data: call(FINE_GRAY, T, data, exit="days", event="kind"),
}


def measured(kind: str, n: int) -> float | None:
    """Return the ratio, measured in a fresh process; None where the system does not tell."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.memory", kind, str(n)], capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def _resident(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def main() -> None:
    kind, n = sys.argv[1], int(sys.argv[2])
    data = cohort(n)
    KINDS[kind](data.head(2000))
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    KINDS[kind](data)
    print((_resident("VmHWM") - before) / (8 * 10 * n))


if __name__ == "__main__":
    main()
