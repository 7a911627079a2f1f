"""The Cox model of interval-censored times against its special cases in R, and against its likelihood maximised in two other ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.interval.interval_cox import interval_cox
from cobalamin.models.interval.interval_cox_curve import interval_baseline

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
YEARLY, KNOWN, VISITS = (pd.DataFrame(EXPECTED[name]) for name in ("yearly", "known", "visits"))
COLUMNS = {"lower": "low", "upper": "high"}
SAME = 1e-6  # coefficients, as the project asks
ERRORS = 1e-4  # standard errors
STOPPED = 2e-5  # coefficients where EM or a quasi-Newton method in R stopped
PROFILE = 0.01  # the profile likelihood over one standard error is not quite a parabola


def test_common_visits_are_the_complementary_log_log_model() -> None:
    fit, theirs = interval_cox("x + g", YEARLY, **COLUMNS, entry="entry"), EXPECTED["glm"]
    assert_allclose(fit.coefficients, theirs["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.model_covariance)), theirs["se"], rtol=ERRORS)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=PROFILE)
    assert_allclose([fit.loglik_null, fit.loglik], [theirs["null"], theirs["loglik"]], rtol=1e-9)
    curve = interval_baseline(fit)
    hazard = -np.diff(np.log(np.append(1.0, curve.frame["estimate"])))
    years = curve.frame["right"].to_numpy().astype(int)
    assert_allclose(hazard, np.array(theirs["hazard"])[years - 1], rtol=1e-5)


def test_common_visits_without_delayed_entry_differ() -> None:
    ignored = interval_cox("x + g", YEARLY, **COLUMNS)
    assert abs(ignored.loglik - EXPECTED["glm"]["loglik"]) > 1


def test_exact_times_are_breslows_cox_model() -> None:
    fit, theirs = interval_cox("x + g", KNOWN, **COLUMNS, entry="entry"), EXPECTED["breslow"]
    assert_allclose(fit.coefficients, theirs["coef"], rtol=SAME)
    assert_allclose(np.sqrt(np.diag(fit.model_covariance)), theirs["se"], rtol=ERRORS)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), theirs["se"], rtol=PROFILE)
    assert_allclose(fit.facts["likelihood_ratio"], theirs["lr"], rtol=1e-8)


def test_tiny_intervals_come_close_to_exact_times() -> None:
    tiny = KNOWN.assign(low=KNOWN["low"].where(KNOWN["high"].isna(), KNOWN["low"] - 1e-5))
    fit = interval_cox("x + g", tiny, **COLUMNS, entry="entry")
    assert_allclose(fit.coefficients, EXPECTED["breslow"]["coef"], atol=0.01)  # 1 - exp(-h) is not h where few are at risk


@pytest.mark.parametrize(("entry", "key"), [(None, ""), ("entry", "_late")])
def test_visits_at_any_time(entry: str | None, key: str) -> None:
    fit = interval_cox("x + g", VISITS, **COLUMNS, entry=entry)
    for way in ("em", "direct"):
        theirs = EXPECTED[way + key]
        assert_allclose(fit.coefficients, theirs["coef"], atol=STOPPED)
        assert_allclose(fit.loglik, theirs["loglik"], rtol=1e-9)
        assert fit.loglik >= theirs["loglik"] - 1e-8  # ours is the maximum
    assert fit.facts["n_exact"] == 8
    assert fit.parts["solved"].baseline.gap < 1e-7


def test_breast_cosmesis(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "reference" / "kmsurv_bcdeter.csv")
    fit, theirs = interval_cox("C(treat)", data, lower="lower", upper="upper"), EXPECTED["bcdeter"]
    assert_allclose(fit.coefficients[0], theirs["coef"], rtol=1e-5)
    assert_allclose([fit.loglik_null, fit.loglik], [theirs["null"], theirs["loglik"]], rtol=1e-8)
    assert_allclose(np.sqrt(fit.covariance[0, 0]), theirs["se"], rtol=0.02)  # second differences over a step of about one error
