"""Flexible parametric models against their likelihood written out and maximised in R, with delta-method predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.parametric.aft import aft
from cobalamin.models.parametric.parametric_predict import predict_hazard_ratio, predict_parametric, predict_quantile
from cobalamin.models.parametric.royston_parmar import flexible_parametric

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
PEOPLE, TIMES = pd.DataFrame(EXPECTED["people"]), EXPECTED["times"]
COLUMNS = {"exit": "time", "event": "ill"}
NUMERICAL = 2e-5  # R maximised with numerical derivatives
ERRORS = 1e-4
SCALES = ["hazard", "odds", "normal"]
NEW = pd.DataFrame({"x": 0.5, "g": [0, 1]})


def assert_model(fit: Fit, theirs: dict[str, Any]) -> None:
    assert_allclose(fit.loglik, theirs["loglik"], rtol=1e-9)
    assert_allclose(fit.coefficients, theirs["coef"], rtol=NUMERICAL, atol=NUMERICAL)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=ERRORS)
    assert_allclose(fit.parts["curve"].knots, theirs["knots"], rtol=1e-12)


def assert_predictions(fit: Fit, theirs: dict[str, Any]) -> None:
    by_time = predict_parametric(fit, NEW, TIMES).sort_values(["time", "row"])
    assert_allclose(by_time["estimate"], theirs["survival"], rtol=NUMERICAL)
    assert_allclose(by_time["std_error"], theirs["survival_se"], rtol=ERRORS)
    hazard = predict_parametric(fit, NEW, TIMES, measure="hazard").sort_values(["time", "row"])
    assert_allclose(hazard["estimate"], theirs["hazard"], rtol=1e-4)
    assert_allclose(hazard["std_error"] / hazard["estimate"], theirs["log_hazard_se"], rtol=ERRORS)
    ratio = predict_hazard_ratio(fit, NEW.iloc[[1]], NEW.iloc[[0]], TIMES)
    assert_allclose(np.log(ratio["estimate"]), theirs["log_ratio"], rtol=1e-4)
    assert_allclose(ratio["std_error"], theirs["log_ratio_se"], rtol=ERRORS)
    median = predict_quantile(fit, NEW)
    assert_allclose(np.log(median["estimate"]), theirs["log_median"], rtol=NUMERICAL)
    assert_allclose(median["std_error"] / median["estimate"], theirs["log_median_se"], rtol=ERRORS)


@pytest.mark.parametrize("scale", SCALES)
def test_delayed_entry(scale: str) -> None:
    fit = flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", scale=scale)
    assert_model(fit, EXPECTED["late"][scale])
    assert_predictions(fit, EXPECTED["late"][scale])


@pytest.mark.parametrize("scale", SCALES)
def test_without_delayed_entry(scale: str) -> None:
    assert_model(flexible_parametric("x + g", PEOPLE, **COLUMNS, df=2, scale=scale), EXPECTED["plain"][scale])


@pytest.mark.parametrize("scale", SCALES)
def test_effects_that_change_with_time(scale: str) -> None:
    fit = flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", scale=scale, time_dependent={"g": 2})
    assert fit.names[-2:] == ("g:gamma1", "g:gamma2")
    assert_model(fit, EXPECTED["varying"][scale])
    assert_predictions(fit, EXPECTED["varying"][scale])


def test_many_knots_weights_and_clusters() -> None:
    assert_model(flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", df=5), EXPECTED["five"])
    assert_model(flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", weights="copies"), EXPECTED["copies"])
    assert_model(flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", cluster="clinic"), EXPECTED["cluster"])


@pytest.mark.parametrize(("scale", "distribution"), [("hazard", "weibull"), ("odds", "loglogistic"), ("normal", "lognormal")])
def test_one_degree_of_freedom_is_the_parametric_model(scale: str, distribution: str) -> None:
    line = flexible_parametric("x + g", PEOPLE, **COLUMNS, entry="entry", df=1, scale=scale)
    model = aft("x + g", PEOPLE, **COLUMNS, entry="entry", distribution=distribution)
    assert_allclose(line.loglik, model.loglik, rtol=1e-12)
    steep = np.exp(-model.coefficients[-1])
    assert_allclose(line.coefficients, [*(-model.coefficients[1:3] * steep), -model.coefficients[0] * steep, steep], rtol=1e-6)
    for measure in ("survival", "hazard", "cumulative hazard"):
        ours, theirs = (predict_parametric(fit, NEW, TIMES, measure=measure) for fit in (line, model))
        assert_allclose(ours.to_numpy(dtype=float), theirs.to_numpy(dtype=float), rtol=1e-6)
