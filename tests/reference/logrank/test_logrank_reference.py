"""Log-rank tests against R's survdiff, R's score tests under delayed entry, Stata, and printed textbook numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.curves.logrank import logrank, logrank_groups

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE = pd.DataFrame(EXPECTED["people"])
SAME_SUMS = 1e-9  # the same sums in another order
PRINTED = 1e-6  # numbers as printed by the other program

# Freireich et al. 1963: remission of leukaemia, weeks
DRUG = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
DRUG_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
GEHAN = pd.DataFrame({"weeks": [*DRUG, *PLACEBO], "event": [*DRUG_EVENT, *[1] * 21], "arm": ["6-MP"] * 21 + ["control"] * 21})
STATA = {
    # statsmodels' tests of survdiff give these data with the output of Stata's `sts test`
    "second": ([5, 3, 4, 2, 5, 4, 6, 7, 5, 9], [1, 1, 0, 1, 1, 0, 1, 1, 0, 0], [1, 2, 2, 1, 3, 3, 5, 4, 2, 5], 6.694424, 3.0),
    "third": ([2, 1, 5, 8, 7, 8, 8, 9, 4, 9], [1, 1, 1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 2, 2, 3, 3, 2, 1, 2, 0], 6.9543024, 6.75082959),
}


def chi2(by: str = "dose", **options: Any) -> float:
    return float(logrank(PEOPLE, **{"exit": "exit", "event": "event", "by": by, **options})["chi2"].item())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plain", {}),
        ("rho1", {"weights_family": "fleming-harrington", "rho": 1}),
        ("rho05", {"weights_family": "fleming-harrington", "rho": 0.5}),
        ("strata", {"strata": "site"}),
        ("strata_rho1", {"weights_family": "fleming-harrington", "rho": 1, "strata": "site"}),
        ("clinics", {"by": "clinic"}),
    ],
)
def test_survdiff(name: str, options: dict[str, Any]) -> None:
    assert_allclose(chi2(**options), EXPECTED["right"][name]["chi2"], rtol=SAME_SUMS)


@pytest.mark.parametrize(("name", "options"), [("plain", {}), ("strata", {"strata": "site"}), ("clinics", {"by": "clinic"})])
def test_observed_and_expected(name: str, options: dict[str, Any]) -> None:
    table = logrank_groups(PEOPLE, **{"exit": "exit", "event": "event", "by": "dose", **options})
    assert_allclose(table["observed"], EXPECTED["right"][name]["observed"])
    assert_allclose(table["expected"], EXPECTED["right"][name]["expected"], rtol=SAME_SUMS)


@pytest.mark.parametrize(("name", "options"), [("plain", {}), ("strata", {"strata": "site"})])
def test_delayed_entry_is_the_score_test_of_a_cox_model(name: str, options: dict[str, Any]) -> None:
    assert_allclose(chi2(entry="entry", **options), EXPECTED["late"][name], rtol=SAME_SUMS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("right", {"trend": True}),
        ("late", {"trend": True, "entry": "entry"}),
        ("strata", {"trend": True, "entry": "entry", "strata": "site"}),
        ("scores", {"trend": [0, 1, 5, 6], "entry": "entry"}),
    ],
)
def test_trend_is_the_score_test_of_a_number(name: str, options: dict[str, Any]) -> None:
    assert_allclose(chi2(**options), EXPECTED["trend"][name], rtol=SAME_SUMS)


@pytest.mark.parametrize("name", STATA)
def test_stata_with_and_without_entry(name: str) -> None:
    exit_, event, entry, without, with_entry = STATA[name]
    data = pd.DataFrame({"t": exit_, "e": event, "from": entry, "g": [0] * 5 + [1] * 5})
    assert_allclose(logrank(data, exit="t", event="e", by="g")["chi2"], without, rtol=PRINTED)
    # Stata leaves out the row that ends when it begins
    late = data[data["from"] < data["t"]]
    assert_allclose(logrank(late, exit="t", event="e", by="g", entry="from")["chi2"], with_entry, rtol=PRINTED)


@pytest.mark.parametrize(
    ("family", "wanted"), [("logrank", 16.79294), ("wilcoxon", 13.457852), ("tarone-ware", 15.123575), ("peto", 14.084139)]
)
def test_kleinbaum_and_klein(family: Any, wanted: float) -> None:
    assert_allclose(logrank(GEHAN, exit="weeks", event="event", by="arm", weights_family=family)["chi2"], wanted, rtol=PRINTED)


def test_gehan_in_r() -> None:
    names = {"exit": "weeks", "event": "event", "by": "arm"}
    assert_allclose(logrank(GEHAN, **names)["chi2"], EXPECTED["published"]["gehan"], rtol=SAME_SUMS)
    peto = logrank(GEHAN, **names, weights_family="fleming-harrington", rho=1)
    assert_allclose(peto["chi2"], EXPECTED["published"]["gehan_rho1"], rtol=SAME_SUMS)
    assert_allclose(peto["chi2"], 14.457, atol=5e-4)


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "reference" / f"{name}.csv")


def test_data_of_r(shared_data: Path) -> None:
    published = EXPECTED["published"]
    lung = read(shared_data, "lung")
    found = {
        "lung": logrank(lung.assign(d=lung["status"] == 2), exit="time", event="d", by="sex"),
        "ovarian": logrank(read(shared_data, "ovarian"), exit="futime", event="fustat", by="rx"),
        "colon": logrank(read(shared_data, "colon").query("etype == 2"), exit="time", event="status", by="rx"),
        "aml": logrank(read(shared_data, "aml"), exit="time", event="status", by="x"),
        "heart": logrank(read(shared_data, "heart"), exit="stop", event="event", by="transplant", entry="start"),
    }
    for name, table in found.items():
        assert_allclose(table["chi2"], published[name], rtol=SAME_SUMS, err_msg=name)
    oracle = read(shared_data, "R_ORACLE").query("model == 'aml_logrank'")["coef"].item()
    assert_allclose(found["aml"]["chi2"], oracle, rtol=SAME_SUMS)
    assert np.round(found["lung"]["p_value"].item(), 3) == 0.001
