"""A disk that is really full: a small file system of its own, where the machine allows one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cobalamin.core.errors import StoreError
from cobalamin.release.store import build_manifest, read_results, write_results

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this machine does not let the tests mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_the_earlier_results_whole(small_disk: Path) -> None:
    manifest = build_manifest(inputs={}, protocol_fingerprint="p", dictionary_fingerprint="d", versions={})
    write_results(small_disk / "results", {"report.html": b"first"}, manifest)
    with pytest.raises(StoreError, match=r"Free some disk space.*earlier results are untouched"):
        write_results(small_disk / "results", {"report.html": b"x" * 2_000_000}, manifest)
    assert read_results(small_disk / "results").report == b"first"
    write_results(small_disk / "results", {"report.html": b"second"}, manifest)
    assert read_results(small_disk / "results").report == b"second"
