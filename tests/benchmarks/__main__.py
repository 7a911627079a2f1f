"""Print timings of our models beside R, lifelines and statsmodels: `python -m tests.benchmarks [--quick] [--large] [--slow] ...`.

Turns alternate: ours, each peer, ours, each peer, ...; the medians are shown. Beside seconds stand processor seconds (all threads),
whose ratio a busy machine disturbs less. Nothing here fails because something is slow.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.cases import CASES, COX, Case, T, call
from tests.benchmarks.cohorts import cohort
from tests.benchmarks.memory import KINDS, MOST, measured
from tests.benchmarks.peers import Running

Seconds = tuple[float, float]
LIMIT = 600.0


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: on a busy machine read the ratios of processor seconds")
    print(f"{'case':<44}{'peer':<20}{'ours':>8}{'(cpu)':>8}{'peer':>9}{'(cpu)':>9}{'ratio':>8}{'(cpu)':>8}  contract")
    for case in CASES:
        if options.only.lower() in case.label.lower():
            for line in run_case(case, options):
                print(line, flush=True)
    if not options.only:
        print_growth(options)
        print_memory(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Timings beside the peers; medians in seconds.")
    parser.add_argument("--quick", action="store_true", help="small tables: whether everything runs, not how fast")
    parser.add_argument("--large", action="store_true", help="growth up to ten million rows (10 GB of memory)")
    parser.add_argument("--slow", action="store_true", help="also peers that take minutes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="cases with this text in their name, and no growth or memory")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with StatsPAI and comprisk")
    return parser.parse_args()


def run_case(case: Case, options: argparse.Namespace) -> list[str]:
    """Time one case in every program at hand; return its lines of the table."""
    if case.missing:
        return [f"{case.label:<44}skipped: {case.missing}"]
    data = case.make(case.quick if options.quick else case.n)
    running = [Running(peer, data, LIMIT, options.peers) for peer in case.peers if options.slow or not peer.slow]
    case.ours(data.head(2000))
    mine: list[Seconds] = []
    theirs: list[list[Seconds]] = [[] for _ in running]
    for _ in range(options.repeats):
        mine.append(timed(lambda: case.ours(data)))
        for peer, seconds in zip(running, theirs, strict=True):
            # a peer that needs minutes is timed once
            if not seconds or seconds[0][0] < LIMIT / 10:
                seconds += [found for found in [peer.time()] if found]
    lines = [
        _line(case, peer, _median(mine), _median(seconds), judged=not options.quick) for peer, seconds in zip(running, theirs, strict=True)
    ]
    for peer in running:
        peer.close()
    return lines or [f"{case.label:<44}no peer"]


def timed(job: Callable[[], Any]) -> Seconds:
    """Return elapsed and processor seconds."""
    start, processor = time.perf_counter(), time.process_time()
    job()
    return time.perf_counter() - start, time.process_time() - processor


def _median(seconds: list[Seconds]) -> Seconds | None:
    return (statistics.median(s[0] for s in seconds), statistics.median(s[1] for s in seconds)) if seconds else None


def _line(case: Case, peer: Running, mine: Seconds | None, theirs: Seconds | None, *, judged: bool) -> str:
    assert mine is not None
    start = f"{case.label:<44}{peer.peer.name:<20}{mine[0] / case.per:>8.3f}{mine[1] / case.per:>8.3f}"
    if theirs is None:
        return f"{start}  skipped: {peer.reason}"
    elapsed, processor = theirs[0] / mine[0], theirs[1] / max(mine[1], 1e-9)
    wanted = peer.peer.contract if judged else None
    verdict = "" if wanted is None else f">= {wanted:g}x {'met' if elapsed >= wanted else 'MISSED'}"
    if wanted is not None and (elapsed >= wanted) != (processor >= wanted):
        verdict += f" ({'met' if processor >= wanted else 'missed'} by cpu)"
    return f"{start}{theirs[0] / case.per:>9.3f}{theirs[1] / case.per:>9.3f}{elapsed:>7.1f}x{processor:>7.1f}x  {verdict}"


def print_growth(options: argparse.Namespace) -> None:
    """Print how the cost of a Cox model grows with the number of rows: seconds ~ n ** exponent."""
    sizes = [10_000, 30_000] if options.quick else [10_000, 100_000, 1_000_000, *([10_000_000] if options.large else [])]
    for name, given in {"Efron": {"exit": "days"}, "left truncation": {"exit": "exit", "entry": "entry"}}.items():
        seconds = [_cost(cohort(n), given, options.repeats) for n in sizes]
        whole, last = np.polyfit(np.log(sizes), np.log(seconds), 1)[0], np.log(seconds[-1] / seconds[-2]) / np.log(sizes[-1] / sizes[-2])
        shown = ", ".join(f"{n:.0e}: {s:.3f}" for n, s in zip(sizes, seconds, strict=True))
        print(
            f"growth of Cox, {name} (cpu seconds {shown}): exponent {whole:.2f}, last step {last:.2f}; contract <= 1.1 "
            f"{'met' if max(whole, last) <= 1.1 else 'MISSED' if whole > 1.1 else 'met over all, missed in the last step'}",
            flush=True,
        )


def _cost(data: pd.DataFrame, given: dict[str, str], repeats: int) -> float:
    return statistics.median(timed(lambda: call(COX, T, data, event="event", **given))[1] for _ in range(repeats))


def print_memory(options: argparse.Namespace) -> None:
    """Print peak memory over the bytes of the design matrix."""
    n = 200_000 if options.quick else 1_000_000
    for kind in KINDS:
        ratio = measured(kind, n)
        verdict = "not measured here" if ratio is None else f"{ratio:.2f}; contract <= {MOST:g} {'met' if ratio <= MOST else 'MISSED'}"
        print(f"peak memory over the design matrix, {kind}, n={n:.0e}: {verdict}", flush=True)


if __name__ == "__main__":
    main()
