"""Agreement between raters against R: psych::ICC, vcd::Kappa, t.test and lm, and Shrout and Fleiss's printed table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.repeated.agreement import icc
from cobalamin.models.repeated.agreement_kappa import weighted_kappa
from cobalamin.models.repeated.agreement_limits import limits_of_agreement

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
CLOSED_FORM = 1e-9  # the same sums of squares, quantiles of F from other libraries
JUDGES, SCORES, PAIRS = (pd.DataFrame(EXPECTED[name]) for name in ("judges", "scores", "pairs"))


@pytest.mark.parametrize(("data", "name"), [(JUDGES, "icc_judges"), (SCORES, "icc_scores")])
def test_intraclass_correlations(data: pd.DataFrame, name: str) -> None:
    table, wanted = icc(data, ratings=list(data.columns)).frame, EXPECTED[name]
    for ours, theirs in {"estimate": "estimate", "conf_low": "low", "conf_high": "high", "f": "f"}.items():
        assert_allclose(table[ours], wanted[theirs], rtol=CLOSED_FORM, err_msg=ours)
    assert_allclose(table["p_value"], wanted["p"], rtol=1e-6, atol=1e-15)


def test_shrout_and_fleiss_as_printed() -> None:
    table = icc(JUDGES, ratings=list("abcd")).frame
    assert table["estimate"].round(2).tolist() == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_kappa(weights: Any) -> None:
    levels = pd.CategoricalDtype(range(5), ordered=True)
    data, wanted = PAIRS.astype(levels), EXPECTED[weights]
    row = weighted_kappa(data, ratings=["first", "second"], weights=weights).frame.iloc[0]
    assert_allclose([row["estimate"], row["std_error"]], [wanted["weighted"], wanted["weighted_error"]], rtol=CLOSED_FORM)
    row = weighted_kappa(data, ratings=["first", "second"], weights="none").frame.iloc[0]
    assert_allclose([row["estimate"], row["std_error"]], [wanted["kappa"], wanted["kappa_error"]], rtol=CLOSED_FORM)


def test_limits_of_agreement() -> None:
    table, wanted = limits_of_agreement(SCORES, ratings=["x", "y"]).frame, EXPECTED["bland"]
    assert_allclose(table["estimate"].head(3), wanted["estimate"], rtol=CLOSED_FORM)
    assert_allclose(table["std_error"].head(3), wanted["std_error"], rtol=CLOSED_FORM)
    assert_allclose(table.loc[0, ["conf_low", "conf_high", "p_value"]].astype(float), [*wanted["bias_interval"], wanted["p"]], rtol=1e-8)
    assert_allclose(table.loc[3, ["estimate", "std_error", "p_value"]].astype(float), [wanted["slope"][i] for i in (0, 1, 3)], rtol=1e-8)
