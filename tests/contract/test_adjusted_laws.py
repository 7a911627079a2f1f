"""Laws of standardised survival: means of predictions, influence by derivatives, and intervals that cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.curves import adjusted_curves as module
from cobalamin.models.curves.adjusted_curves import adjusted_curve
from cobalamin.models.curves.adjusted_set import AdjustedCurves
from cobalamin.models.fit import Fit
from cobalamin.models.survey import Survey

SAME_SUMS = 1e-9  # the same terms in another order
DERIVATIVE = 1e-5  # central differences through a refit
TIMES = [2.0, 5.0]


def people(seed: int, n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, dose = rng.normal(size=n), rng.choice(["high", "low"], n)
    entry = rng.integers(0, 3, n)
    stay, end = rng.exponential(5 * np.exp(-0.4 * x - 0.5 * (dose == "high"))), rng.uniform(4, 9, n)
    out = np.ceil(4 * np.minimum(stay, end)) / 4
    return pd.DataFrame(
        {
            "in": entry,
            "out": entry + out,
            "d": (stay <= end).astype(int),
            "x": x,
            "dose": dose,
            "s": rng.integers(0, 2, n),
            "id": np.arange(n),
        }
    )


tables = st.integers(0, 10**6).map(people)


def model(data: pd.DataFrame, **options: Any) -> Fit:
    return cox("x + dose", data, **{"exit": "out", "event": "d", "entry": "in", **options})


def curves(data: pd.DataFrame, fit: Fit | None = None, **options: Any) -> AdjustedCurves:
    return adjusted_curve(model(data) if fit is None else fit, data, **{"by": "dose", "times": TIMES, **options})


def same(one: AdjustedCurves, other: AdjustedCurves, tolerance: float = SAME_SUMS) -> None:
    columns = ["estimate", "std_error"]
    assert_allclose(one.frame[columns], other.frame[columns], rtol=tolerance, atol=tolerance)


@given(tables)
@settings(max_examples=8, deadline=None)
def test_each_curve_is_the_mean_of_the_predictions(data: pd.DataFrame) -> None:
    for options in ({}, {"strata": "s", "ties": "breslow"}):
        fit = model(data, **options)
        for level, part in curves(data, fit).frame.groupby("group"):
            wanted = predict_survival(fit, data.assign(dose=level)).mean(TIMES)["estimate"]
            assert_allclose(part["estimate"], wanted, rtol=SAME_SUMS)


@given(tables)
@settings(max_examples=8, deadline=None)
def test_one_kind_of_people_has_the_curve_and_error_of_one_person(data: pd.DataFrame) -> None:
    fit, alike = model(data), data.assign(x=0.7)
    found = curves(alike, fit).frame
    wanted = predict_survival(fit, pd.DataFrame({"x": [0.7, 0.7], "dose": ["high", "low"]}), times=TIMES).frame
    assert_allclose(found[["estimate", "std_error"]], wanted[["estimate", "std_error"]], rtol=SAME_SUMS)


@pytest.mark.parametrize("options", [{}, {"ties": "breslow"}, {"strata": "s"}])
def test_the_robust_variance_is_the_sum_of_squared_derivatives(options: dict[str, Any]) -> None:
    """Each person's weight a little up and down, in the fit and in the mean; the infinitesimal jackknife without any formula."""
    data, step = people(4, 40), 1e-4

    def moved(i: int, by: float) -> np.ndarray:
        weighted = data.assign(w=np.where(data["id"] == i, 1 + by, 1.0))
        fit = model(weighted, weights="w", robust=True, **options)
        return curves(weighted, fit, weights="w", robust=False).frame["estimate"].to_numpy()

    slopes = np.array([(moved(i, step) - moved(i, -step)) / (2 * step) for i in range(len(data))])
    found = curves(data, model(data, **options), robust=True)
    assert_allclose(found.frame["std_error"], np.sqrt((slopes**2).sum(axis=0)), rtol=DERIVATIVE)
    pair = slopes[:, 2:] - slopes[:, :2]
    assert_allclose(found.contrast("high")["std_error"], np.sqrt((pair**2).sum(axis=0)), rtol=DERIVATIVE)
    clustered = curves(data.assign(c=data["id"] // 3), model(data.assign(c=data["id"] // 3), cluster="c", **options))
    sums = np.add.reduceat(slopes, np.arange(0, len(data), 3))
    assert_allclose(clustered.frame["std_error"], np.sqrt((sums**2).sum(axis=0)), rtol=DERIVATIVE)


@given(tables, st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_row_order_does_not_matter(data: pd.DataFrame, random: Any) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    for options in ({}, {"robust": True}):
        same(curves(data, **options), curves(data.iloc[order], **options), 1e-7)


@given(tables)
@settings(max_examples=8, deadline=None)
def test_weights_of_people_are_copies_of_people(data: pd.DataFrame) -> None:
    fit, copies = model(data), 1 + data["id"] % 3
    weighted = curves(data.assign(w=copies), fit, weights="w", covariates="fixed")
    same(weighted, curves(data.loc[data.index.repeat(copies)], fit, covariates="fixed"))


@given(tables)
@settings(max_examples=8, deadline=None)
def test_lots_of_people_do_not_show(data: pd.DataFrame) -> None:
    whole, size = curves(data, model(data, strata="s")), module._CELLS
    try:
        module._CELLS = 30
        same(curves(data, model(data, strata="s")), whole)
    finally:
        module._CELLS = size


@given(tables)
@settings(max_examples=8, deadline=None)
def test_a_survey_of_single_people_is_the_robust_variance(data: pd.DataFrame) -> None:
    """With everybody an own unit of weight 1, the linearised variance is the jackknife times n / (n - 1)."""
    fit = model(data.assign(w=1.0), survey=Survey(weights="w"))
    found, robust = curves(data.assign(w=1.0), fit).frame, curves(data, robust=True).frame
    n = len(data)
    assert_allclose(found["std_error"], robust["std_error"] * np.sqrt(n / (n - 1)), rtol=1e-6)


@given(tables)
@settings(max_examples=8, deadline=None)
def test_start_conditions_every_person(data: pd.DataFrame) -> None:
    fit = model(data)
    found = curves(data, fit, start=1.0).frame
    for level, part in found.groupby("group"):
        alone = predict_survival(fit, data.assign(dose=level), times=[1.0, *TIMES]).frame["estimate"].to_numpy().reshape(len(data), 3)
        assert_allclose(part["estimate"], (alone[:, 1:] / alone[:, :1]).mean(axis=0), rtol=SAME_SUMS)
    assert np.isnan(adjusted_curve(fit, data, by="dose", times=[0.5], start=1.0).frame["estimate"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("robust", [False, True])
def test_95_percent_intervals_cover_the_truth_95_times_in_100(robust: bool) -> None:
    """1,000 cohorts of 400 with late entry and a confounder; between 93.5 and 96.5% is asked of curve and difference at 1."""
    rng, times, one, pair = np.random.default_rng(9), 1000, 0, 0
    grid = np.polynomial.hermite_e.hermegauss(60)
    share = grid[1] / grid[1].sum()
    truth = {g: float(share @ np.exp(-0.7 * np.exp(0.6 * grid[0] + 0.5 * g))) for g in (0, 1)}
    for _ in range(times):
        x = rng.normal(size=400)
        g = (rng.random(400) < 1 / (1 + np.exp(-x))).astype(int)
        death = rng.exponential(1 / (0.7 * np.exp(0.6 * x + 0.5 * g)))
        # people are kept until their follow-up starts by chance, not because they survived: entry is before anybody's death
        entry = rng.uniform(0, 1, 400) * np.minimum(death, 0.3) * (rng.random(400) < 0.5)
        data = pd.DataFrame({"in": entry, "out": np.minimum(death, 1.5), "d": (death < 1.5).astype(int), "x": x, "g": g})
        fit = cox("x + g", data, exit="out", event="d")
        made = adjusted_curve(fit, data, by="g", times=[1.0], robust=robust)
        row, difference = made.frame.iloc[1], made.contrast().iloc[0]
        one += row["conf_low"] <= truth[1] <= row["conf_high"]
        pair += difference["conf_low"] <= truth[1] - truth[0] <= difference["conf_high"]
    assert 0.935 <= one / times <= 0.965
    assert 0.935 <= pair / times <= 0.965
