"""Published numbers recomputed: every entry, its verdict, the stored recomputation of others, and the map's empty cells."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.studies import PROJECT

from cobalamin.report.evidence import evidence_entries
from cobalamin.study.results import Results
from cobalamin.study.study import load_study
from cobalamin.study.verify import verify_study

STUDY = PROJECT / "analyses" / "published_evidence"
DISAGREE = {"lam2013_ppi", "lam2013_h2ra", "oyama2003_prop_blot", "carmel2012_c"}
# computed by us from what was read beside the file of entries
ADDED = {"oyama2003_prop_blot", "carmel2012_c"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("evidence") / "published_evidence"
    shutil.copytree(STUDY, folder, ignore=shutil.ignore_patterns("results"))
    return load_study(folder).run()


@pytest.fixture(scope="module")
def entries() -> pd.DataFrame:
    return pd.read_csv(STUDY / "evidence.csv", dtype=str, keep_default_na=False).set_index("id")


@pytest.fixture(scope="module")
def again(results: Results, entries: pd.DataFrame) -> pd.DataFrame:
    frame = results.estimates.where(analysis="recomputed").frame
    return frame.set_index(entries.index[frame["at"].astype(int) - 1])


def test_every_entry_is_recomputed_and_these_do_not_agree(again: pd.DataFrame, entries: pd.DataFrame) -> None:
    assert again.index.tolist() == entries.index.tolist()
    assert again["value"].notna().all()
    assert set(again.index[again["level"] == "not reproduced"]) == DISAGREE
    assert (again.loc[sorted(DISAGREE), "warning"] != "").all(), "each says what is known about it"


def test_intervals_name_the_method_that_reproduces_them(again: pd.DataFrame) -> None:
    named = {
        "kreuter2013_any": "reproduced; limits: Woolf",
        "oyama2003_prop_cases": "reproduced; limits: Wald",
        "oyama2003_prop_controls": "reproduced; limits: Wald",
        "dejager2010_low": "reproduced; limits: Wald",
        "halonen2017_vulva": "consistent; limits: square-root",
        "halonen2017_vagina": "consistent; limits: exact",
        "bao2020_anaemia": "reproduced; test: Pearson",
        "carmel2012_b": "reproduced; test: exact McNemar",
    }
    assert again.loc[list(named), "level"].to_dict() == named


def test_entries_are_those_of_the_shared_file(shared_data: Path, entries: pd.DataFrame) -> None:
    stored = json.loads((shared_data / "published_evidence.json").read_text())
    assert {e["id"] for e in stored} == set(entries.index) - ADDED
    for e in stored:
        row = entries.loc[e["id"]]
        assert row["doi"] == e["doi"]
        pairs = (("printed", "estimate"), ("printed_low", "ci_low"), ("printed_high", "ci_high"))
        for column, key in pairs:
            assert (float(row[column]) if row[column] else None) == e["published"].get(key), (e["id"], key)
        cells = ("exposed_cases", "exposed_noncases", "unexposed_cases", "unexposed_noncases")
        if "table_2x2" in e:
            assert [int(row[k]) for k in "abcd"] == [e["table_2x2"][k] for k in cells]


def test_numbers_are_those_computed_elsewhere(shared_data: Path, again: pd.DataFrame) -> None:
    for e in json.loads((shared_data / "published_evidence.json").read_text()):
        theirs, ours = e["recomputed"], again.loc[e["id"]]
        if "zero_cell" in theirs:
            assert math.isinf(ours["value"]), "they add half a person to each cell; we do not"
            continue
        numbers = [
            (k, theirs[k]) for k in ("estimate", "percent", "youden", "rcv", "ci_geometric_mean", "mean_of_sex_rates") if k in theirs
        ]
        assert all(ours["value"] == pytest.approx(x, rel=6e-4) for _, x in numbers), e["id"]
        for column, key in (("low", "ci_low"), ("high", "ci_high"), ("p", "p"), ("p", "p_from_rounded"), ("p", "p_exact_mcnemar")):
            if key in theirs:
                assert ours[column] == pytest.approx(theirs[key], rel=6e-3), (e["id"], key)
        if ours["level"].endswith("test: Pearson"):
            assert ours["p"] == pytest.approx(theirs["p_pearson"], rel=6e-3)


def test_b12_in_lichen_sclerosus_is_an_empty_cell_that_says_so(results: Results) -> None:
    cell = results.estimates.where(analysis="evidence map", term="Serum B12", subgroup="lichen sclerosus").frame
    assert cell["measure"].tolist() == ["no study found"]
    page = results.report()
    assert "Serum B12 - lichen sclerosus: no study found" in page
    assert "We found no published study that measured serum B12" in page


def test_page_shows_every_entry_with_its_link(results: Results, entries: pd.DataFrame) -> None:
    page = results.report()
    assert page.count("https://doi.org/") >= entries["doi"].replace("", None).nunique()
    assert len(evidence_entries(results.estimates)) == len(entries)


def test_same_bytes_again(results: Results) -> None:
    assert verify_study(results.folder.parent).ok


def test_script_is_short_enough_to_read() -> None:
    assert (STUDY / "analysis.py").read_text(encoding="utf-8").count("\n") <= 120
