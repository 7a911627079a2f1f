"""Timings beside the peers; never a timed assertion. `python -m tests.benchmarks` prints the table."""
