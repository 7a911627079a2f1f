"""Print timings of our models beside lifelines and R: `python -m tests.benchmarks [--large] [--repeats N]`."""

from __future__ import annotations

import argparse
import os

from tests.benchmarks.cox_cases import CASES, run_case


def main() -> None:
    parser = argparse.ArgumentParser(description="Timings beside the peers, in seconds; the median of the repeats.")
    parser.add_argument("--large", action="store_true", help="also the cases of a million rows")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: on a busy machine read the ratios, not the seconds")
    print(f"{'case':<42}{'ours':>9}{'(cpu)':>9}{'lifelines':>11}{'R':>9}{'(cpu)':>9}{'R / ours':>10}")
    for case in CASES:
        if case.n <= 200_000 or options.large:
            print(run_case(case, options.repeats), flush=True)


if __name__ == "__main__":
    main()
