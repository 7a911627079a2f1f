"""Extreme sizes, times that all tie, and mistakes of types: each is computed, or refused by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import cobalamin as cb
from cobalamin.core.errors import ConvergenceError, DataError, FitWarning, FollowUpError, FormulaError

TIMES: dict[str, Any] = {"exit": "t", "event": "d"}
ROWS = np.arange(300)


def people() -> pd.DataFrame:
    columns = {"t": 1 + (ROWS * 17) % 31, "d": (ROWS % 4 > 0).astype(int), "x": np.round(np.sin(ROWS) * 4)}
    return pd.DataFrame(columns).assign(g=np.where(ROWS % 3 > 0, "a", "b"), w=1.0 + ROWS % 3)


@pytest.mark.parametrize("distribution", ["weibull", "lognormal", "loglogistic", "gaussian", "generalized_gamma"])
def test_times_that_are_all_the_same_have_no_scale(distribution: Any) -> None:
    with pytest.raises(ConvergenceError, match=r"gives? the time of every event exactly"):
        cb.aft("x", people().assign(t=3.0, d=1), **TIMES, distribution=distribution)


def test_mistyped_choices_are_told_the_nearest() -> None:
    wrong: Any = "weibul"
    with pytest.raises(DataError, match=r"Did you mean 'weibull'"):
        cb.aft("x", people(), **TIMES, distribution=wrong)
    with pytest.raises(DataError, match=r"Did you mean 'hazard'"):
        cb.flexible_parametric("x", people(), **TIMES, scale="hazards")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e20, 1e300])
def test_weights_of_absurd_size_are_refused(size: float) -> None:
    data = people().assign(w=lambda d: d["w"] * size)
    for fit in (cb.cox, cb.aft, cb.flexible_parametric, cb.fine_gray):
        with pytest.raises(DataError, match=r"w: the largest weight is .* divide the weights by their mean"):
            fit("x", data, **TIMES, weights="w")


def test_a_factor_of_all_weights_changes_the_model_variance_only() -> None:
    fits = [cb.cox("x", people().assign(w=k * (1.0 + ROWS % 3)), **TIMES, weights="w", robust=True) for k in (1.0, 1e-7, 1e14)]
    for other in fits[1:]:
        assert_allclose(other.coefficients, fits[0].coefficients, rtol=1e-6)  # the climb stops at a step of 1e-10 in the likelihood
        assert_allclose(other.covariance, fits[0].covariance, rtol=1e-5)


@pytest.mark.parametrize("size", [1e200, 1e300])
def test_covariates_of_absurd_size_are_refused(size: float) -> None:
    for fit in (cb.cox, cb.aft, cb.flexible_parametric, cb.fine_gray):
        with pytest.raises((ConvergenceError, DataError)):
            fit("x", people().assign(x=lambda d: d["x"] * size), **TIMES)


CURVES: dict[str, Callable[[pd.DataFrame], object]] = {
    "cox": lambda data: cb.cox("x", data, **TIMES),
    "fine_gray": lambda data: cb.fine_gray("x", data, **TIMES),
    "survival_curve": lambda data: cb.survival_curve(data, **TIMES),
    "cumulative_incidence": lambda data: cb.cumulative_incidence(data, **TIMES),
    "cumulative_hazard": lambda data: cb.cumulative_hazard(data, **TIMES),
    "rmst": lambda data: cb.rmst(data, **TIMES, tau=float(data["t"].min())),
    "logrank": lambda data: cb.logrank(data, **TIMES, by="g"),
    "gray_test": lambda data: cb.gray_test(data.assign(d=ROWS % 3), **TIMES, by="g"),
}
every_curve = pytest.mark.parametrize("use", CURVES.values(), ids=CURVES)


@every_curve
@pytest.mark.parametrize("change", [lambda t: t * 1e-9, lambda t: t + 1e12], ids=["unit", "origin"])
def test_different_times_that_become_ties_are_said_once(use: Callable[[pd.DataFrame], object], change: Callable[[Any], Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            use(people().assign(t=lambda d: change(d["t"])))
        except DataError as error:  # nothing to compare at a single time; but only after it has been said why
            assert "compare" in str(error)
    said = [str(one.message) for one in caught if "distinct times" in str(one.message)]
    assert len(said) == 1
    assert said[0].startswith("30 of 31 distinct times lie within 1.5e-08")


@every_curve
def test_the_error_of_arithmetic_is_not_said(use: Callable[[pd.DataFrame], object]) -> None:
    use(people().assign(t=lambda d: (d["t"] + 2_450_000) / 365.25 * (1 + 2e-16 * (ROWS % 5))))


def test_names_in_quotes_are_for_backticks() -> None:
    data = people().rename(columns={"x": "a b"})
    with pytest.raises(FormulaError, match="in backticks"):
        cb.cox('Q("a b")', data, **TIMES)
    assert cb.cox("`a b`", data, **TIMES).names == ("a b",)


def test_times_of_curves_are_numbers() -> None:
    data = people().assign(u=lambda d: d["t"] + 1)
    fit = cb.cox("x", data, **TIMES)
    for curve in (cb.survival_curve(data, **TIMES), cb.interval_survival(data, lower="t", upper="u"), cb.predict_survival(fit)):
        for wrong in ("x", ["x"], [[1], [2, 3]]):
            with pytest.raises(DataError, match="times: expected a number"):
                curve.at(wrong)  # type: ignore[arg-type]


def test_durations_are_divided_by_their_unit() -> None:
    data = people().assign(t=lambda d: pd.to_timedelta(d["t"], unit="D"))
    for use in (lambda: cb.cox("x", data, **TIMES), lambda: cb.interval_survival(data, lower="t", upper="t")):
        with pytest.raises(FollowUpError, match=r"data\['t'\] / pandas\.Timedelta"):
            use()


def test_weights_kept_as_objects_are_numbers() -> None:
    one, two = (cb.cox("x", people().astype({"w": kind}), **TIMES, weights="w") for kind in (float, object))
    assert_allclose(two.coefficients, one.coefficients, rtol=0)
    with pytest.raises(DataError, match="weights must be numbers"):
        cb.cox("x", people().assign(w="many"), **TIMES, weights="w")


def test_text_types_of_the_next_pandas_change_nothing() -> None:
    data = people().assign(c=[f"c{i % 20}" for i in ROWS])
    wanted = cb.cox("x + g", data, **TIMES, cluster="c").covariance
    with pd.option_context("future.infer_string", True):
        assert_allclose(cb.cox("x + g", data, **TIMES, cluster="c").covariance, wanted, rtol=0)


def test_levels_found_in_rows_are_counted_not_listed() -> None:
    fit = cb.cox("x + g", people(), **TIMES)
    with pytest.raises(DataError) as refused:
        cb.adjusted_curve(fit, people(), by="g", times=[5.0]).contrast("A secret")
    assert str(refused.value) == "reference: no level 'A secret' beside others. There are: 2 levels."
    named = people().astype({"g": "category"})
    with pytest.raises(DataError, match=r"There are: a, b"):
        cb.adjusted_curve(cb.cox("x + g", named, **TIMES), named, by="g", times=[5.0]).contrast("c")


def test_warnings_of_merged_times_can_be_silenced_as_others() -> None:
    with pytest.warns(FitWarning, match="smaller unit"):
        cb.survival_curve(people().assign(t=lambda d: d["t"] * 1e-9), **TIMES)
