"""The door: memory, one file, a folder; what is refused there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import ColumnNotFoundError, IdentifierError, SourceError
from cobalamin.sources.files import FileSource
from cobalamin.sources.memory import MemorySource
from cobalamin.sources.simulated import SimulatedSource
from cobalamin.sources.source import Source, open_source

PERSONS = pd.DataFrame({"person_id": ["a", "b"], "sex": ["female", "male"]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    PERSONS.to_csv(tmp_path / "persons.csv", index=False)
    PERSONS.assign(code="L90.0").to_parquet(tmp_path / "diagnoses.parquet", index=False)
    (tmp_path / "notes.txt").write_text("not a table")
    (tmp_path / ".hidden.csv").write_text("a\n1\n")
    return tmp_path


def test_every_source_is_a_source(folder: Path) -> None:
    for source in (open_source(folder), open_source({"persons": PERSONS}), SimulatedSource(persons=5, seed=1)):
        assert isinstance(source, Source)
        assert "Source(" in repr(source)


def test_a_folder_is_one_table_per_file(folder: Path) -> None:
    source = open_source(folder)
    assert isinstance(source, FileSource)
    assert source.tables == ("diagnoses", "persons")
    assert source.ignored == ("notes.txt",)
    assert source.columns("diagnoses") == ("person_id", "sex", "code")
    assert set(source.hashes()) == {"diagnoses.parquet", "persons.csv"}


def test_hashes_follow_the_content(folder: Path) -> None:
    before = open_source(folder).hashes()
    assert before == open_source(folder / "persons.csv").hashes() | {"diagnoses.parquet": before["diagnoses.parquet"]}
    with (folder / "persons.csv").open("a") as file:
        file.write("c,male\n")
    after = open_source(folder).hashes()
    assert after["persons.csv"] != before["persons.csv"]
    assert after["diagnoses.parquet"] == before["diagnoses.parquet"]


def test_memory_is_copied_in_and_out() -> None:
    mine = PERSONS.copy()
    source = MemorySource({"persons": mine})
    before = source.hashes()
    mine.loc[0, "sex"] = "changed"
    got = source.read("persons")
    got.loc[1, "sex"] = "changed too"
    assert source.read("persons")["sex"].tolist() == ["female", "male"]
    assert source.hashes() == before
    assert MemorySource({"persons": mine}).hashes() != before


@pytest.mark.parametrize("bad", [{}, {"persons": [1, 2]}])
def test_memory_wants_data_frames(bad: dict[str, object]) -> None:
    with pytest.raises(SourceError, match=r"data frame|DataFrame"):
        MemorySource(bad)  # type: ignore[arg-type]


def test_unknown_tables_and_columns_get_a_suggestion(folder: Path) -> None:
    source = open_source(folder)
    with pytest.raises(SourceError, match=r"no table 'person'.*Did you mean 'persons'"):
        source.read("person")
    with pytest.raises(ColumnNotFoundError, match=r"no column 'sexx'.*Did you mean 'sex'"):
        source.read("persons", ["sexx"])


def test_a_column_asked_for_twice_comes_once() -> None:
    assert list(MemorySource({"persons": PERSONS}).read("persons", ["sex", "sex"]).columns) == ["sex"]


def test_columns_that_differ_in_capitals_only_are_refused() -> None:
    with pytest.raises(SourceError, match="2 columns share a name"):
        MemorySource({"t": pd.DataFrame(np.zeros((1, 2)), columns=["Age", "age"])})


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "s3://bucket/a.parquet", "file:///a.csv"])
def test_addresses_are_not_data(address: str) -> None:
    with pytest.raises(SourceError, match="web address"):
        open_source(address)


def test_a_missing_path_names_what_is_near(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"does not exist\. Near it: persons\.csv"):
        open_source(folder / "person.csv")
    with pytest.raises(SourceError, match=r"Near it: .*persons\.csv"):
        open_source(folder / "persons.parquet")
    with pytest.raises(SourceError, match=r"The folder .* does not exist either"):
        open_source(folder / "no" / "persons.csv")
    with pytest.raises(SourceError, match=r"The folder holds diagnoses\.parquet"):
        open_source(folder / "xyzw")


def test_a_folder_without_tables(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no table: found no files, expected .*\.csv"):
        open_source(tmp_path)


def test_unknown_kinds_and_encodings(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"'notes\.txt' is of an unknown kind"):
        open_source(folder / "notes.txt")
    with pytest.raises(SourceError, match="encoding 'cp1252'"):
        open_source(folder, encoding="cp1252")
    with pytest.raises(SourceError, match="not a path"):
        open_source("  ")


def test_two_files_for_one_table(folder: Path) -> None:
    PERSONS.to_csv(folder / "Persons.tsv", sep="\t")
    with pytest.raises(SourceError, match="several files for one table"):
        open_source(folder)


def test_paths_stay_inside(folder: Path) -> None:
    study = folder / "study"
    study.mkdir()
    PERSONS.to_csv(study / "own.csv", index=False)
    assert open_source(study / "own.csv", inside=study).tables == ("own",)
    with pytest.raises(SourceError, match="outside the folder 'study'"):
        open_source(study / ".." / "persons.csv", inside=study)
    (study / "linked.csv").symlink_to(folder / "persons.csv")
    with pytest.raises(SourceError, match=r"'linked\.csv' lies outside"):
        open_source(study, inside=study)


def test_identifiers_stop_every_source(folder: Path) -> None:
    leak = PERSONS.assign(contact=["a.person@example.org", "b.person@example.org"])
    leak.to_csv(folder / "leak.csv", index=False)
    leak.to_parquet(folder / "leak2.parquet", index=False)
    sources = {"leak": open_source(folder), "leak2": open_source(folder), "persons": open_source({"persons": leak})}
    for table, source in sources.items():
        with pytest.raises(IdentifierError, match="contact") as caught:
            source.read(table)
        assert "example.org" not in str(caught.value)
        assert source.read(table, ["sex"])["sex"].tolist() == ["female", "male"]  # the column is not read, so it is not held


def test_nhanes_raw_codes_open(shared_data: Path) -> None:
    source = open_source(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
    (table,) = source.tables
    one = source.columns(table)[0]
    assert len(source.read(table, [one])) > 50_000
