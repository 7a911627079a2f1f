"""A run killed at any moment leaves the earlier results or the new ones, whole, and the users' files alone."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cobalamin.core.estimates import Estimates
from cobalamin.release.store import build_manifest, estimates_to_csv, read_results, write_results

pytestmark = [pytest.mark.faults, pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked writers")]

# every call through which the writer changes the disk
CALLS: list[tuple[Any, tuple[str, ...]]] = [
    (os, ("fsync", "unlink", "rmdir", "mkdir", "ftruncate")),
    (Path, ("open", "replace", "unlink", "mkdir", "rmdir")),
    (shutil, ("rmtree",)),
]


def results(value: float) -> dict[str, bytes]:
    rows = Estimates.from_rows([{"analysis": "primary", "context": "estimate", "term": f"x{i}", "value": value} for i in range(200)])
    stale = {"figures/old.svg": b"old"} if value == 1.5 else {"figures/new.svg": b"new" * 1000}
    return {"estimates.csv": estimates_to_csv(rows), "facts.json": b"{}", "report.html": str(value).encode() * 5000, **stale}


def manifest() -> dict[str, object]:
    return build_manifest(inputs={}, protocol_fingerprint="p", dictionary_fingerprint="d", versions={})


def check_whole(folder: Path, allowed: tuple[float, ...]) -> float:
    stored = read_results(folder)
    value = float(stored.estimates.frame["value"].iloc[0])
    assert value in allowed and dict(stored.files) == results(value)
    visible = {
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and not p.relative_to(folder).parts[0].startswith(".")
    }
    assert visible == {*results(value), "manifest.json", "mine.txt"}
    assert (folder / "mine.txt").read_text() == "mine"
    return value


def forked(work: Callable[[], None]) -> int:
    """Run work in a forked child and return its process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking beside test threads: the child only writes files and dies
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def deadly(calls: int, *, after: bool) -> None:
    """Make this process die by SIGKILL just before or after the given call that changes the disk."""
    left = [calls]

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            mine = left[0] == 0
            if mine and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return call(*args, **kwargs)
            finally:
                if mine:
                    os.kill(os.getpid(), signal.SIGKILL)

        return run

    for owner, names in CALLS:
        for name in names:
            setattr(owner, name, wrap(getattr(owner, name)))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_every_call_that_changes_the_disk(tmp_path: Path, after: bool) -> None:
    seen, finished, calls = set(), False, 0
    while not finished:
        calls += 1
        folder = tmp_path / f"r{calls}"
        write_results(folder, results(1.5), manifest())
        (folder / "mine.txt").write_text("mine")

        def die(folder: Path = folder, calls: int = calls) -> None:
            deadly(calls, after=after)
            write_results(folder, results(2.5), manifest())

        _, status = os.waitpid(forked(die), 0)
        finished = os.WIFEXITED(status)
        assert finished or os.WTERMSIG(status) == signal.SIGKILL
        assert not finished or os.WEXITSTATUS(status) == 0
        seen.add(check_whole(folder, (1.5, 2.5)))
        write_results(folder, results(2.5), manifest())
        check_whole(folder, (2.5,))
    assert calls > 30, "fewer calls than a swap of five files needs: the kills missed it"
    assert seen == {1.5, 2.5}, "kills before and after the journal must both have been tried"


def test_killed_at_random_moments(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    write_results(folder, results(1.5), manifest())
    (folder / "mine.txt").write_text("mine")

    def write_for_ever() -> None:
        while True:
            for value in (2.5, 1.5):
                write_results(folder, results(value), manifest())

    dice = random.Random(1)
    for _ in range(40):
        writer = forked(write_for_ever)
        time.sleep(dice.uniform(0.0, 0.12))
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        check_whole(folder, (1.5, 2.5))


def test_a_reader_beside_a_writer_never_sees_a_mixture(tmp_path: Path) -> None:
    from cobalamin.core.errors import StoreError

    folder = tmp_path / "results"
    write_results(folder, results(1.5), manifest())

    def write_for_ever() -> None:
        while True:
            for value in (2.5, 1.5):
                write_results(folder, results(value), manifest())

    writer, whole = forked(write_for_ever), 0
    try:
        for _ in range(60):
            try:
                stored = read_results(folder)
            except StoreError as refusal:
                # a reader that meets a swap is told so, or finds that a file moved on; it is never given a mixture
                assert "Another run is writing" in str(refusal) or "differs" in str(refusal) or "cannot be read" in str(refusal)
                continue
            whole += dict(stored.files) == results(float(stored.estimates.frame["value"].iloc[0]))
            assert dict(stored.files) == results(float(stored.estimates.frame["value"].iloc[0]))
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert whole > 0
