"""Marginal models and bounded scores against R's geepack and sandwiches written out, and against published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.repeated.bounded import bounded_score
from cobalamin.models.repeated.gee import gee

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
VISITS = pd.DataFrame(EXPECTED["data"]["visits"])
SAME = 1e-6  # two solvers of one equation; geepack updates the correlation in steps of its own
R_SCORES = 1e-5  # R's side differentiates numerically

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "gaussian_independence": ("score ~ dose + visit", {}),
    "gaussian_exchangeable": ("score ~ dose + visit", {"correlation": "exchangeable"}),
    "gaussian_ar1": ("score ~ dose + visit", {"correlation": "ar1", "time": "visit"}),
    "binomial_independence": ("high ~ dose + visit", {"family": "binomial"}),
    "binomial_exchangeable": ("high ~ dose + visit", {"family": "binomial", "correlation": "exchangeable"}),
    "binomial_ar1": ("high ~ dose + visit", {"family": "binomial", "correlation": "ar1", "time": "visit"}),
    "poisson_exchangeable": ("count ~ dose + visit", {"family": "poisson", "correlation": "exchangeable"}),
    "poisson_ar1": ("count ~ dose + visit", {"family": "poisson", "correlation": "ar1", "time": "visit"}),
    "poisson_rates": ("count ~ dose + visit", {"family": "poisson", "correlation": "exchangeable", "exposure": "years"}),
    "weighted_independence": ("count ~ dose + visit", {"family": "poisson", "weights": "wt"}),
    "weighted_exchangeable": ("count ~ dose + visit", {"family": "poisson", "correlation": "exchangeable", "weights": "wt"}),
    "weighted_ar1": ("count ~ dose + visit", {"family": "poisson", "correlation": "ar1", "time": "visit", "weights": "wt"}),
}


def errors(fit: Fit) -> np.ndarray:
    return np.sqrt(np.diag(fit.covariance))


@pytest.mark.parametrize("name", CASES)
def test_geepack(name: str) -> None:
    formula, options = CASES[name]
    fit, wanted = gee(formula, VISITS, group="patient", **options), EXPECTED[name]
    assert_allclose(fit.coefficients, wanted["estimate"], rtol=SAME)
    assert_allclose(errors(fit), wanted["std_error"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.model_covariance)), wanted["model_se"], rtol=SAME)
    assert_allclose(fit.facts["scale"], wanted["scale"], rtol=SAME)
    if "correlation" in options:
        assert_allclose(fit.facts["working correlation"], wanted["alpha"], rtol=SAME)


def test_published_pigs() -> None:
    import statsmodels.regression.tests.results as results

    pigs = pd.read_csv(Path(results.__path__[0]) / "dietox.csv")
    fit = gee("Weight ~ Time", pigs, group="Pig", correlation="exchangeable")
    assert_allclose(fit.coefficients, [15.723523, 6.942505], atol=5e-7)
    assert_allclose(errors(fit), [0.545891, 0.079617], atol=5e-7)
    assert_allclose(fit.facts["working correlation"], EXPECTED["dietox"]["alpha"], rtol=SAME)


@pytest.mark.parametrize(("family", "outcome"), [("gaussian", "score"), ("binomial", "high")])
def test_mancl_and_derouen_by_their_definition(family: Any, outcome: str) -> None:
    options: dict[str, Any] = {"group": "patient", "family": family, "correlation": "exchangeable"}
    fit = gee(f"{outcome} ~ dose + visit", VISITS, correction="mancl-derouen", **options)
    assert_allclose(errors(fit), EXPECTED["mancl"][family], rtol=SAME)
    assert fit.df_residual == VISITS["patient"].nunique() - 3
    assert (errors(fit) > errors(gee(f"{outcome} ~ dose + visit", VISITS, **options))).all()


def test_fractional_logit() -> None:
    wanted = EXPECTED["fractional"]
    by_row = bounded_score("score ~ dose + visit", VISITS, lower=0, upper=18)
    by_patient = bounded_score("score ~ dose + visit", VISITS, lower=0, upper=18, group="patient")
    for fit, name in ((by_row, "rows"), (by_patient, "patients")):
        assert_allclose(fit.coefficients, wanted["estimate"], rtol=SAME)
        assert_allclose(errors(fit), wanted[name], rtol=SAME)


def test_ordered_outcome_with_independence_is_polr_with_a_sandwich() -> None:
    fit = gee("class_ ~ dose + visit", VISITS.rename(columns={"class": "class_"}), group="patient", family="ordinal")
    assert_allclose(fit.coefficients, EXPECTED["ordinal"]["estimate"], rtol=R_SCORES)
    assert_allclose(errors(fit), EXPECTED["ordinal"]["std_error"], rtol=R_SCORES)
    assert fit.family.ancillary == ("0|1", "1|2", "2|3")
