"""Arithmetic in formulas, numbers far from zero, change from baseline, Cauchy errors and pooled rates, against R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.models.fit import Fit

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
SAME_SUMS = 1e-9  # the same sums in another order
SOLUTIONS = 1e-6  # two iterations to one solution
OPTIMUM = 1e-4  # R's optim with a numeric gradient stops where the likelihood is flat
FLAT = 1e-9  # but the likelihood there is the highest


@pytest.fixture
def visits() -> pd.DataFrame:
    return pd.DataFrame(EXPECTED["visits"])


def compare(fit: Fit, wanted: dict[str, Any], tolerance: float) -> None:
    """Compare the first rows of a fit with those of R, which has no rows for variances."""
    rows = fit.tidy().head(len(wanted["estimate"]))
    for column in ("estimate", "std_error"):
        assert_allclose(rows[column], wanted[column], rtol=tolerance)


@pytest.mark.parametrize("terms", ["x + I(x**2) + I(x > 3)", "x + {x**2} + {x > 3}"])
def test_arithmetic_in_formulas(visits: pd.DataFrame, terms: str) -> None:
    compare(cb.linear(f"score ~ {terms}", visits), EXPECTED["square"], SAME_SUMS)


def test_marginal_model_of_numbers_far_from_zero(visits: pd.DataFrame) -> None:
    far = visits.assign(score=visits["score"] + 1000)
    fit = cb.gee("score ~ x + b12", far, group="person", correlation="exchangeable", correction="mancl-derouen")
    assert_allclose(fit.coefficients, EXPECTED["far"]["estimate"], rtol=SOLUTIONS)
    plain = cb.gee(
        "score ~ x + b12", pd.concat([far, far.assign(person=far["person"] + "again")]), group="person", correlation="exchangeable"
    )
    assert_allclose(plain.tidy()["std_error"] * 2**0.5, EXPECTED["far"]["std_error"], rtol=SOLUTIONS)  # 80 groups: no warning of few


def test_change_from_baseline_with_persons_as_categories(visits: pd.DataFrame) -> None:
    table = visits.astype({"person": "category"})
    compare(cb.change_from_baseline("score ~ b12", table, person="person", visit="visit", baseline=0), EXPECTED["change"], SOLUTIONS)


def test_cumulative_model_with_cauchy_errors(visits: pd.DataFrame) -> None:
    table = visits.assign(**{"class": pd.Categorical(visits["class"], ["low", "middle", "high"], ordered=True)})
    fit = cb.ordinal("`class` ~ x + b12", table, link="cauchit")
    assert_allclose(fit.loglik, EXPECTED["cauchy"]["loglik"], rtol=FLAT)
    assert_allclose(fit.coefficients, EXPECTED["cauchy"]["estimate"], atol=OPTIMUM)


def test_pooled_rate_ratio() -> None:
    cells = EXPECTED["counts"]
    found = cb.mantel_haenszel(cells["x1"], cells["t1"], cells["x2"], cells["t2"], measure="rate ratio").iloc[0]
    for column, value in EXPECTED["pooled"].items():
        assert_allclose(found[column], value, rtol=SAME_SUMS)
