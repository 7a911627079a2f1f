"""Ages made of dates, weights, strata, clusters and offsets in one model, against R's survival and cmprsk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb

EXPECTED = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))
SAME_SUMS = 1e-9  # the same sums in another order
COEFFICIENTS = 1e-6  # two Newton climbs, R's stops at a relative change of the log-likelihood of 1e-9
VARIANCES = 1e-5  # follows from the coefficients
ENTRY: dict[str, Any] = {"entry": "entry", "exit": "exit", "event": "event"}
MOMENTS = EXPECTED["moments"]
CURVE = ["estimate", "std_error", "conf_low", "conf_high"]


@pytest.fixture
def people() -> pd.DataFrame:
    days = pd.DataFrame(EXPECTED["days"])
    entry = 50 + days["start"] / 365.25
    # a sum of two quotients: it ties with entries and exits of others but for rounding
    return days.assign(entry=entry, exit=entry + days["span"] / 365.25, event=(days["cause"] == 1).astype(int), years=days["span"] / 365.25)


@pytest.mark.parametrize(("name", "options"), [("survival", {}), ("survival_weighted", {"weights": "weight", "cluster": "clinic"})])
def test_survival_on_the_age_scale(people: pd.DataFrame, name: str, options: dict[str, Any]) -> None:
    found = cb.survival_curve(people, **ENTRY, **options).at(MOMENTS)
    for column in CURVE:
        assert_allclose(found[column], EXPECTED[name][column], rtol=SAME_SUMS)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_with_everything(people: pd.DataFrame, ties: Any) -> None:
    fit = cb.cox("x + arm", people, **ENTRY, strata="site", weights="weight", cluster="clinic", offset="known", ties=ties)
    wanted = EXPECTED[f"cox_{ties}"]
    assert_allclose(fit.coefficients, wanted["coefficients"], rtol=COEFFICIENTS)
    assert_allclose(fit.covariance, wanted["variance"], rtol=VARIANCES)
    assert_allclose([fit.loglik_null, fit.loglik], wanted["loglik"], rtol=SAME_SUMS)
    assert_allclose(cb.cox_residuals(fit)[:20], wanted["martingale"], rtol=VARIANCES)
    found = cb.concordance(fit)
    assert_allclose([found["estimate"].item(), found["std_error"].item() ** 2], wanted["concordance"], rtol=VARIANCES)
    for transform in ("km", "rank", "identity", "log"):
        assert_allclose(cb.ph_test(fit, transform)["chi2"], wanted["zph"][transform], rtol=VARIANCES)  # type: ignore[arg-type]


def test_mean_person_of_a_weighted_fit(people: pd.DataFrame) -> None:
    fit = cb.cox("x + known", people, exit="exit", event="event", weights="weight")
    found = cb.predict_survival(fit).at(MOMENTS)
    for column in CURVE:
        assert_allclose(found[column], EXPECTED["mean_person"][column], rtol=COEFFICIENTS)
    base = cb.cox_baseline(fit, centered=True)
    hazard = [base.loc[base["time"] <= moment, "cumulative_hazard"].iloc[-1] for moment in MOMENTS]
    assert_allclose(hazard, EXPECTED["baseline"], rtol=COEFFICIENTS)


def test_competing_risks(people: pd.DataFrame) -> None:
    found = cb.cumulative_incidence(people, entry="entry", exit="exit", event="cause").at(MOMENTS)
    for column in ("estimate", "std_error"):
        table = found.pivot(index="time", columns="state", values=column)
        assert_allclose(table, EXPECTED["incidence"][column], rtol=SAME_SUMS)
    for name, rho in (("gray", 0.0), ("gray_early", 1.0)):
        test = cb.gray_test(people, exit="years", event="cause", by="arm", strata="site", rho=rho)
        assert_allclose([test["chi2"].item(), test["p_value"].item()], EXPECTED[name], rtol=SAME_SUMS)
    fit = cb.fine_gray("x + arm", people, exit="years", event="cause", cause=2)
    assert_allclose(fit.coefficients, EXPECTED["fine_gray"]["coefficients"], rtol=COEFFICIENTS)
    assert_allclose(fit.covariance, EXPECTED["fine_gray"]["variance"], rtol=VARIANCES)
