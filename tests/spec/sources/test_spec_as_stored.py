"""One small table, drawn as text, in every kind of file: what a source hands over, and what the check makes of it.

Hand-worked. The drawing:

    person_id | visited    | b12  | smoking          99 in smoking is declared missing: refused
    P1        | 2010-03-01 | 250  | 1
    P2        | 2011-12-31 |      | 99
    P3        |            | 1e3  | 2                after the check: 250, none, 1000 pmol/L; never, none, current
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from cobalamin.dictionary.check import check
from cobalamin.dictionary.dictionary import load_dictionary
from cobalamin.sources.source import Source, open_source

DESCRIPTOR = """
name: visits
title: Visits
description: Three people.
primaryKey: [person_id]
fields:
  - {name: person_id, title: Person, description: Key., type: string, role: person_id, disclosure: sensitive, constraints: {required: true}}
  - {name: visited, title: Day of visit, description: Day., type: date, role: date, disclosure: quasi}
  - {name: b12, title: Serum B12, description: Level., type: number, unit: pmol/L, role: exposure, disclosure: none}
  - name: smoking
    title: Smoking
    description: As reported.
    type: integer
    role: covariate
    disclosure: none
    categories: [{value: 1, label: never}, {value: 2, label: current}]
    missingValues: [{value: "", label: not asked}, {value: 99, label: refused}]
"""
DRAWN = "person_id,visited,b12,smoking\nP1,2010-03-01,250,1\nP2,2011-12-31,,99\nP3,,1e3,2\n"
TYPED = pd.DataFrame(
    {
        "person_id": ["P1", "P2", "P3"],
        "visited": pd.to_datetime(["2010-03-01", "2011-12-31", None]),
        "b12": [250.0, None, 1000.0],
        "smoking": [1.0, 99.0, 2.0],
    }
)


def _csv(folder: Path) -> Path:
    return _text(folder / "visits.csv", DRAWN)


def _semicolon(folder: Path) -> Path:
    return _text(folder / "visits.csv", DRAWN.replace(",", ";"))


def _tsv(folder: Path) -> Path:
    return _text(folder / "visits.tsv", DRAWN.replace(",", "\t"))


def _byte_order_mark(folder: Path) -> Path:
    return _text(folder / "visits.csv", "\ufeff" + DRAWN.replace("\n", "\r\n"))


def _text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8", newline="")
    return path


def _parquet(folder: Path) -> Path:
    TYPED.to_parquet(folder / "visits.parquet", index=False)
    return folder / "visits.parquet"


def _stata(folder: Path) -> Path:
    pyreadstat.write_dta(TYPED, folder / "visits.dta")
    return folder / "visits.dta"


def _spss(folder: Path) -> Path:
    labels = {"smoking": {1.0: "aldrig", 2.0: "ja", 99.0: "vill inte svara"}}
    pyreadstat.write_sav(TYPED, folder / "visits.sav", variable_value_labels=labels, missing_ranges={"smoking": [99]})
    return folder / "visits.sav"


def _transport(folder: Path) -> Path:
    pyreadstat.write_xport(TYPED, folder / "visits.xpt", file_format_version=8)
    return folder / "visits.xpt"


FILES = [_csv, _semicolon, _tsv, _byte_order_mark, _parquet, _stata, _spss, _transport]


@pytest.fixture(params=[*FILES, None], ids=[f.__name__.strip("_") for f in FILES] + ["memory"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    make: Callable[[Path], Path] | None = request.param
    return open_source({"visits": TYPED}) if make is None else open_source(make(tmp_path))


def test_names(source: Source) -> None:
    assert source.tables == ("visits",)
    assert source.columns("visits") == ("person_id", "visited", "b12", "smoking")
    assert not source.simulated
    assert source.truth() == {}


def test_columns_come_in_the_order_asked_for(source: Source) -> None:
    assert list(source.read("visits", ["smoking", "person_id"]).columns) == ["smoking", "person_id"]


def test_codes_are_as_stored(source: Source) -> None:
    smoking = source.read("visits", ["smoking"])["smoking"]
    assert pd.to_numeric(smoking).tolist() == [1, 99, 2]  # neither labelled nor blanked


def test_check_gives_the_same_table_from_every_kind_of_file(source: Source, tmp_path: Path) -> None:
    (tmp_path / "visits.yaml").write_text(DESCRIPTOR, encoding="utf-8")
    report = check(source, load_dictionary(tmp_path / "visits.yaml"))
    assert report.ok, report.failures.to_string()
    valid = report.valid["visits"]
    assert valid["person_id"].tolist() == ["P1", "P2", "P3"]
    assert valid["visited"].dt.strftime("%Y-%m-%d").fillna("").tolist() == ["2010-03-01", "2011-12-31", ""]
    assert valid["b12"].fillna(-1).tolist() == [250.0, -1.0, 1000.0]
    assert valid["smoking"].astype(object).where(valid["smoking"].notna(), None).tolist() == ["never", None, "current"]
    refused = report.missing.query("column == 'smoking' and reason == 'refused'")
    assert refused["n_rows"].tolist() == [1]
