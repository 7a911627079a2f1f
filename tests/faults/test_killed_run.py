"""A run killed at any moment leaves the earlier report whole, and the next run goes through."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.studies import PROJECT, copy_study

from cobalamin.release.store import read_results
from cobalamin.study.study import load_study

pytestmark = pytest.mark.faults
MOMENTS = 8


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "cobalamin", "run", str(folder)], cwd=PROJECT, stdout=subprocess.DEVNULL)


@pytest.mark.timeout(900)
def test_a_killed_run_leaves_the_earlier_results_whole(tmp_path: Path) -> None:
    folder = copy_study("onset", tmp_path, persons=3000)
    protocol = folder / "protocol.toml"
    began = time.monotonic()
    assert start(folder).wait(timeout=300) == 0
    whole_run = time.monotonic() - began
    before = read_results(folder / "results").report
    protocol.write_text(protocol.read_text(encoding="utf-8").replace("seed = 20261122", "seed = 7"), encoding="utf-8")
    for moment in np.random.default_rng(1).uniform(0.05, 1.0, MOMENTS) * whole_run:
        run = start(folder)
        time.sleep(moment)
        run.kill()
        run.wait(timeout=30)
        stored = read_results(folder / "results")  # checks every file against the manifest
        assert stored.report == before or stored.manifest["seed"] == 7
    results = load_study(folder).run()
    assert read_results(folder / "results").manifest["seed"] == 7
    assert len(results.estimates)
