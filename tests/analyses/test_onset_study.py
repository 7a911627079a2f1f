"""The onset study end to end on a smaller simulated cohort: it says SIMULATED, shows the truth, and protects small counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.studies import copy_study

from cobalamin.release.store import read_results
from cobalamin.study.results import Results
from cobalamin.study.study import load_study


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_study(copy_study("onset", tmp_path_factory.mktemp("onset"), persons=15_000)).run()


def test_every_part_of_the_report_says_simulated(results: Results) -> None:
    page = results.report()
    assert "<title>SIMULATED" in page
    figures = page.split("<figure")[1:]
    assert len(figures) >= 4
    assert all("imulated" in part.split("</figure>")[0] or "SIMULATED" in part.split("</figure>")[0] for part in figures)


def test_the_truth_stands_beside_the_estimate(results: Results) -> None:
    truth = results.estimates.where(analysis="truth").frame
    assert truth[["term", "measure", "value"]].to_numpy().tolist() == [["b12_log2", "hazard ratio", 1.0]]
    assert "imulated truth" in results.report()


def test_no_small_count_is_shown(results: Results) -> None:
    frame = results.estimates.frame
    shown = np.concatenate([frame["n"].dropna(), frame["events"].dropna()])
    assert not ((shown > 0) & (shown < 8) & (shown % 5 != 0)).any()
    assert (shown % 5 == 0).all()


def test_every_declared_model_is_reported_or_said_to_be_hidden(results: Results) -> None:
    declared = {m.name for m in results.facts.models}
    assert set(results.estimates.where(context="estimate").frame["model"]) == declared


def test_the_same_run_gives_the_same_bytes_in_another_folder(results: Results, tmp_path: Path) -> None:
    again = load_study(copy_study("onset", tmp_path, persons=15_000)).run()
    first, second = read_results(results.folder), read_results(again.folder)
    assert first.files["estimates.csv"] == second.files["estimates.csv"]
    assert first.files["disclosure.csv"] == second.files["disclosure.csv"]


@pytest.mark.slow
def test_adjustment_and_lag_remove_the_association_that_the_crude_model_shows(tmp_path: Path) -> None:
    found = load_study(copy_study("onset", tmp_path)).run().estimates.where(context="estimate", term="b12_log2").frame
    found = found[found["analysis"] != "subgroups"].set_index("model")
    assert found.loc["crude", "high"] < 1
    for lagged in ("adjusted_lag2", "adjusted_lag5"):
        assert found.loc[lagged, "low"] < 1 < found.loc[lagged, "high"]
    assert abs(np.log(found.loc["adjusted_lag2", "value"])) < abs(np.log(found.loc["crude", "value"])) / 2
