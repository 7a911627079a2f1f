"""Simulated cohorts as files: same bytes, marked, never over somebody's data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cobalamin.core.errors import SourceError
from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import load_dictionary
from cobalamin.sources.marker import MARKER
from cobalamin.sources.simulated import SimulatedSource
from cobalamin.sources.simulated_folder import simulate_to_folder
from cobalamin.sources.source import open_source

DICTIONARY = Path(__file__).resolve().parents[3] / "data_dictionary" / "ls_cohort"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_give_the_same_valid_tables_as_memory(tmp_path: Path, kind: str) -> None:
    simulate_to_folder(tmp_path / "data", persons=2000, seed=4, format=kind, b12_effect=-0.2)
    dictionary = load_dictionary(DICTIONARY)
    memory = check(SimulatedSource(persons=2000, seed=4, b12_effect=-0.2), dictionary)
    stored = check(open_source(tmp_path / "data"), dictionary)
    assert stored.ok, stored.failures.to_string()
    for name, frame in memory.valid.items():
        assert len(frame), name
        ours, theirs = (f.astype(object).where(f.notna(), None).map(str) for f in (frame, stored.valid[name]))
        assert ours.equals(theirs), name


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    for folder in ("one", "two"):
        simulate_to_folder(tmp_path / folder, persons=300, seed=4, format=kind)
        SimulatedSource(persons=5, seed=1).read("persons")  # empties the cache, so the second run draws again
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "two").iterdir())
    assert len(names) == 7
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_files_keep_saying_simulated(tmp_path: Path) -> None:
    simulate_to_folder(tmp_path, persons=50, seed=4, b12_effect=-0.25)
    for path in (tmp_path, tmp_path / "persons.csv"):
        source = open_source(path)
        assert source.simulated
        assert source.truth()["b12_log_hazard_ratio_per_doubling"] == -0.25
        assert MARKER in source.hashes()
    assert "SIMULATED" in (tmp_path / "README.md").read_text()
    facts = json.loads((tmp_path / MARKER).read_text())
    assert (facts["persons"], facts["seed"], facts["parameters"]["b12_effect"]) == (50, 4, -0.25)


def test_a_damaged_marker_is_refused_rather_than_forgotten(tmp_path: Path) -> None:
    simulate_to_folder(tmp_path, persons=20, seed=4)
    (tmp_path / MARKER).write_text('{"truth": 3}')
    source = open_source(tmp_path)
    assert source.simulated
    with pytest.raises(SourceError, match="damaged"):
        source.truth()


def test_an_earlier_simulation_is_replaced_also_in_the_other_format(tmp_path: Path) -> None:
    simulate_to_folder(tmp_path, persons=20, seed=4)
    simulate_to_folder(tmp_path, persons=30, seed=4, format="parquet")
    source = open_source(tmp_path)
    assert len(source.read("persons")) == 30


def test_other_files_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "persons.csv").write_text("person_id\nreal\n")
    with pytest.raises(SourceError, match="holds 1 other files; choose an empty folder"):
        simulate_to_folder(tmp_path, persons=20, seed=4)
    assert (tmp_path / "persons.csv").read_text() == "person_id\nreal\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_requests_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="format 'xlsx'"):
        simulate_to_folder(tmp_path / "new", persons=20, format="xlsx")
    with pytest.raises(SourceError, match="Did you mean 'b12_effect'"):
        simulate_to_folder(tmp_path / "new", persons=20, b12_efect=1.0)
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceError, match="is a file"):
        simulate_to_folder(tmp_path / "file", persons=20)


def test_a_full_disk_is_said_in_words_and_leaves_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pandas.DataFrame.to_csv", full)
    with pytest.raises(SourceError, match="cannot be written \\(No space left"):
        simulate_to_folder(tmp_path, persons=20, seed=4)
    assert {p.name for p in tmp_path.iterdir()} == {MARKER, "README.md"}
