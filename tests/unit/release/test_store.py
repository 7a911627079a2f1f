"""The results folder: whole, checked, locked, and nobody's files touched."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cobalamin.core.errors import StoreError
from cobalamin.core.estimates import Estimates
from cobalamin.release import manifest as manifests
from cobalamin.release import swap
from cobalamin.release.disclosure import disclose
from cobalamin.release.lock import LOCK_FILE, lock_results
from cobalamin.release.store import (
    build_manifest,
    code_version,
    compare,
    decisions_to_csv,
    estimates_to_csv,
    read_results,
    verify_inputs,
    write_results,
)

ROWS = [
    {"analysis": "primary", "context": "estimate", "term": "age", "measure": "hazard ratio", "value": 1.5, "n": 803, "events": 61},
    {"analysis": "attrition", "context": "attrition", "term": "all", "at": 0, "measure": "remaining", "n": 5},
]


def files(value: float = 1.5, **more: bytes) -> dict[str, bytes]:
    released = disclose(Estimates.from_rows([{**ROWS[0], "value": value}, ROWS[1]]), "cms")
    made = {"estimates.csv": estimates_to_csv(released.estimates), "disclosure.csv": decisions_to_csv(released.decisions)}
    return {**made, "facts.json": b"{}", "report.html": b"<html></html>", **more}


def manifest(**facts: Any) -> dict[str, Any]:
    versions = {"cobalamin": "0"}
    return build_manifest(inputs={"a.csv": "11"}, protocol_fingerprint="p", dictionary_fingerprint="d", seed=7, versions=versions, **facts)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class TestRoundTrip:
    def test_what_was_written_is_read(self, tmp_path: Path) -> None:
        written = write_results(tmp_path / "new" / "results", files(), manifest(simulated=True))
        stored = read_results(tmp_path / "new" / "results")
        assert stored.estimates.frame["value"].iloc[0] == 1.5 and stored.facts_json == b"{}" and stored.report == b"<html></html>"
        assert stored.manifest == written and stored.manifest["simulated"] is True and stored.manifest["seed"] == 7
        assert set(stored.decisions["action"]) == {"hidden", "changed 1 numbers"}

    def test_two_runs_give_the_same_bytes_and_leave_nothing_behind(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            write_results(tmp_path / name, files(), manifest())
        write_results(tmp_path / "two", files(), manifest())
        assert tree(tmp_path / "one") == tree(tmp_path / "two")
        assert set(tree(tmp_path / "one")) == {*files(), "manifest.json"}

    def test_subfolders_and_no_standard_files(self, tmp_path: Path) -> None:
        write_results(tmp_path, {"figures/km.svg": b"<svg/>"}, manifest())
        stored = read_results(tmp_path)
        assert stored.files["figures/km.svg"] == b"<svg/>" and len(stored.estimates) == 0 and stored.report == b""

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="holds no results"):
            read_results(tmp_path)
        with pytest.raises(StoreError, match="holds no results"):
            read_results(tmp_path / "absent")


class TestOtherFiles:
    def test_our_stale_files_go_and_the_users_stay(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(**{"figures/old.svg": b"old", "figures/edited.svg": b"ours"}), manifest())
        (tmp_path / "notes.txt").write_text("mine")
        (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
        (tmp_path / "figures" / "edited.svg").write_bytes(b"edited by hand")
        write_results(tmp_path, files(), manifest())
        assert set(tree(tmp_path)) == {*files(), "manifest.json", "notes.txt", "figures/mine.png", "figures/edited.svg"}

    def test_an_emptied_folder_of_ours_goes(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(**{"a/b/c.svg": b"x"}), manifest())
        write_results(tmp_path, files(), manifest())
        assert not (tmp_path / "a").exists()

    def test_a_forged_manifest_deletes_nothing(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(), manifest())
        (tmp_path / "precious.txt").write_bytes(b"x")
        forged = json.loads((tmp_path / "manifest.json").read_bytes())
        forged["outputs"]["precious.txt"] = swap.sha256(b"x")
        (tmp_path / "manifest.json").write_text(json.dumps(forged))
        write_results(tmp_path, files(), manifest())
        assert (tmp_path / "precious.txt").exists()


class TestNames:
    BAD = (
        "../x",
        "/etc/x",
        "a/../../x",
        "",
        ".",
        "a//b",
        "./a",
        "a\\b",
        "C:x",
        "manifest.json",
        LOCK_FILE,
        ".cobalamin-staging/x",
        "a\nb",
        "a\x00b",
    )

    @pytest.mark.parametrize("name", BAD)
    def test_a_name_that_leads_elsewhere_is_refused(self, tmp_path: Path, name: str) -> None:
        folder = tmp_path / "results"
        with pytest.raises(StoreError, match="not a name for a results file"):
            write_results(folder, {name: b"x"}, manifest())
        assert list(tmp_path.iterdir()) == []

    def test_a_link_out_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "results").mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "results" / "figures").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="link"):
            write_results(tmp_path / "results", {"figures/x.svg": b"x"}, manifest())
        assert not list((tmp_path / "elsewhere").iterdir())

    def test_a_link_in_place_of_a_file_is_replaced_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "results").mkdir()
        (tmp_path / "precious").write_bytes(b"precious")
        (tmp_path / "results" / "report.html").symlink_to(tmp_path / "precious")
        write_results(tmp_path / "results", files(), manifest())
        assert (tmp_path / "precious").read_bytes() == b"precious"
        assert not (tmp_path / "results" / "report.html").is_symlink()


class TestDamage:
    @pytest.mark.parametrize("name", ["estimates.csv", "report.html", "facts.json", "disclosure.csv"])
    def test_a_changed_byte_is_named(self, tmp_path: Path, name: str) -> None:
        write_results(tmp_path, files(), manifest())
        data = bytearray((tmp_path / name).read_bytes())
        data[-1] ^= 1
        (tmp_path / name).write_bytes(bytes(data))
        with pytest.raises(StoreError, match=f"'{name}' differs"):
            read_results(tmp_path)

    def test_an_absent_file_is_named(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(), manifest())
        (tmp_path / "facts.json").unlink()
        with pytest.raises(StoreError, match=r"'facts.json' is named in the manifest but cannot be read"):
            read_results(tmp_path)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (b'"seed": 7', b'"seed": 8', "differs from what was written"),
            (b"{", b"[", "not JSON"),
            (b'"format": 1', b'"format": 9', "format 1"),
        ],
    )
    def test_a_changed_manifest(self, tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
        write_results(tmp_path, files(), manifest())
        path = tmp_path / "manifest.json"
        path.write_bytes(path.read_bytes().replace(old, new, 1))
        with pytest.raises(StoreError, match=words):
            read_results(tmp_path)


class TestRefusals:
    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "results").write_text("a file")
        with pytest.raises(StoreError, match=r"'results' cannot be written.*A file stands where a folder is needed"):
            write_results(tmp_path / "results", files(), manifest())

    def test_a_folder_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("a file")
        with pytest.raises(StoreError, match="cannot be written"):
            write_results(tmp_path / "x" / "results", files(), manifest())

    def test_a_full_disk_leaves_the_earlier_results(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_results(tmp_path, files(1.5), manifest())
        before = tree(tmp_path)

        def full(path: Path, data: bytes) -> None:
            if path.name == "facts.json":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        monkeypatch.setattr(swap, "_write_synced", full)
        with pytest.raises(StoreError, match=r"No space left.*Free some disk space.*earlier results are untouched"):
            write_results(tmp_path, files(2.5), manifest())
        assert tree(tmp_path) == before and read_results(tmp_path).estimates.frame["value"].iloc[0] == 1.5

    def test_a_read_only_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> int:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(StoreError, match=r"Permission denied.*Ask for the right to write"):
            write_results(tmp_path, files(), manifest())

    @pytest.mark.parametrize("after", [0, 1, 2, 3])
    def test_a_refused_rename_is_completed_at_the_next_opening(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        write_results(tmp_path, files(1.5), manifest())
        real, done = Path.replace, []

        def refuse(self: Path, target: Path) -> Path:
            # the journal is the first rename; from then on the new results are the truth
            if len(done) > after:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done.append(target)
            return real(self, target)

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.raises(StoreError, match="completes them"):
            write_results(tmp_path, files(2.5), manifest())
        monkeypatch.undo()
        assert read_results(tmp_path).estimates.frame["value"].iloc[0] == 2.5
        assert set(tree(tmp_path)) == {*files(), "manifest.json"}

    def test_a_lost_staged_file_is_said(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(), manifest())
        (tmp_path / swap.JOURNAL).write_text(json.dumps({"files": {"estimates.csv": "0" * 64}, "stale": {}}))
        with pytest.raises(StoreError, match=r"estimates.csv' of a killed run is lost; delete"):
            read_results(tmp_path)

    def test_an_unreadable_journal_is_said(self, tmp_path: Path) -> None:
        write_results(tmp_path, files(), manifest())
        (tmp_path / swap.JOURNAL).write_bytes(b"\x00")
        with pytest.raises(StoreError, match="cannot be read; delete it"):
            write_results(tmp_path, files(), manifest())


class TestLock:
    def test_two_runs_do_not_mix(self, tmp_path: Path) -> None:
        with lock_results(tmp_path), pytest.raises(StoreError, match=rf"process {os.getpid()} holds {tmp_path.name}/{LOCK_FILE}"):
            write_results(tmp_path, files(), manifest())
        write_results(tmp_path, files(), manifest())
        assert not (tmp_path / LOCK_FILE).exists()

    def test_a_run_that_holds_the_lock_writes(self, tmp_path: Path) -> None:
        with lock_results(tmp_path) as lock:
            write_results(tmp_path, files(), manifest(), lock=lock)
        assert len(read_results(tmp_path).estimates) == 2

    def test_the_lock_of_another_folder_does_not_count(self, tmp_path: Path) -> None:
        with lock_results(tmp_path / "a") as lock, pytest.raises(StoreError, match="another folder"):
            write_results(tmp_path / "b", files(), manifest(), lock=lock)

    def test_the_lock_of_a_dead_process_is_taken_over(self, tmp_path: Path) -> None:
        code = (
            "import os; from pathlib import Path; from cobalamin.release.lock import lock_results\n"
            f"with lock_results(Path({str(tmp_path)!r})): os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", code], check=False)
        assert (tmp_path / LOCK_FILE).exists()
        write_results(tmp_path, files(), manifest())

    def test_another_process_is_named(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from cobalamin.release.lock import lock_results\n"
            f"with lock_results(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.readline()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None and other.stdout.readline() == "held\n"
            with pytest.raises(StoreError, match=f"process {other.pid} holds"):
                write_results(tmp_path, files(), manifest())
            other.communicate("\n")
        write_results(tmp_path, files(), manifest())


class TestManifest:
    def test_it_says_nothing_of_the_day_the_folder_or_the_machine(self, tmp_path: Path) -> None:
        real = build_manifest(inputs={"a.csv": "11"}, protocol_fingerprint="p", dictionary_fingerprint="d")
        text = manifests.manifest_to_json(real).decode()
        assert str(tmp_path) not in text and os.uname().nodename not in text and str(Path.cwd()) not in text
        assert real["versions"]["cobalamin"] == code_version() and real["versions"]["pandas"] == pd.__version__

    @pytest.mark.parametrize("name", ["/data/a.csv", "~/a.csv", "C:\\a.csv", "\\\\host\\a.csv"])
    def test_absolute_paths_are_refused(self, name: str) -> None:
        with pytest.raises(StoreError, match="absolute path"):
            build_manifest(inputs={name: "11"}, protocol_fingerprint="p", dictionary_fingerprint="d", versions={})

    @pytest.mark.parametrize("fact", [{1, 2}, float("nan"), object()])
    def test_only_plain_json(self, fact: object) -> None:
        with pytest.raises(StoreError, match="plain JSON"):
            manifest(fact=fact)

    def test_the_code_version_follows_the_sources(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "release").mkdir()
        monkeypatch.setattr(manifests, "__file__", str(tmp_path / "release" / "manifest.py"))
        seen = []
        for source in (b"a = 1\r\n", b"a = 1\n", b"a = 2\n"):
            (tmp_path / "x.py").write_bytes(source)
            code_version.cache_clear()
            seen.append(code_version())
        code_version.cache_clear()
        assert seen[0] == seen[1] != seen[2]

    def test_inputs_that_changed(self) -> None:
        moved = verify_inputs({"inputs": {"a": "1", "b": "2", "c": "3"}}, {"a": "1", "b": "x", "d": "4"})
        assert moved[["input", "change"]].to_numpy().tolist() == [["b", "changed"], ["c", "absent"], ["d", "new"]]
        assert verify_inputs({"inputs": {"a": "1"}}, {"a": "1"}).empty


class TestCompare:
    def test_noise_is_no_movement_and_order_does_not_matter(self) -> None:
        old = Estimates.from_rows(ROWS)
        new = Estimates.from_rows([ROWS[1], {**ROWS[0], "value": 1.5 + 1e-13}])
        assert compare(old, new).empty

    def test_numbers_that_moved_appeared_or_went(self) -> None:
        old = Estimates.from_rows([*ROWS, {"term": "sex", "value": 1.0}])
        new = Estimates.from_rows([{**ROWS[0], "value": 1.25, "p": 0.04}, ROWS[1], {"term": "bmi", "value": 1.0}])
        moved = compare(old, new)
        assert sorted(moved[["term", "column"]].to_numpy().tolist()) == [["age", "p"], ["age", "value"], ["bmi", "(row)"], ["sex", "(row)"]]
        assert moved.set_index(["term", "column"]).loc[("age", "value"), "difference"] == -0.25

    def test_bins_of_a_histogram_are_matched_in_order(self) -> None:
        bins = [{"term": "b12", "measure": "histogram", "low": i, "high": i + 1, "n": 10 * i} for i in range(4)]
        other = [*bins[:3], {**bins[3], "n": 99}]
        moved = compare(Estimates.from_rows(bins), Estimates.from_rows(other))
        assert moved[["column", "old", "new"]].to_numpy().tolist() == [["n", 30.0, 99.0]]

    def test_a_number_that_was_hidden(self) -> None:
        moved = compare(Estimates.from_rows([{"n": 20}]), Estimates.from_rows([{"n": None}]))
        assert len(moved) == 1 and moved["new"].isna().all()
