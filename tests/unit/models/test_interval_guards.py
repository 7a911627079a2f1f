"""What curves, Cox models and parametric models of interval-censored times refuse, and what they make of the ends of intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    ConvergenceError,
    DataError,
    FitWarning,
    FollowUpError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.interval.interval_cox import interval_cox
from cobalamin.models.interval.interval_cox_curve import interval_baseline
from cobalamin.models.interval.turnbull import interval_survival
from cobalamin.models.parametric.aft import aft

BOUNDS = {"lower": "free", "upper": "ill"}


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 60
    free = rng.integers(1, 6, n).astype(float)
    ill = np.where(rng.random(n) < 0.6, free + rng.integers(1, 3, n), np.nan)
    data = pd.DataFrame({"free": free, "ill": ill, "entry": 0.5, "x": rng.normal(size=n), "w": 1.0})
    return data.assign(g=np.where(rng.random(n) < 0.5, "a", "b"))


METHODS: dict[str, Callable[..., Any]] = {
    "turnbull": lambda data, **options: interval_survival(data, **BOUNDS, **options),
    "interval_cox": lambda data, **options: interval_cox("x + g", data, **BOUNDS, **options),
    "aft": lambda data, **options: aft("x + g", data, **BOUNDS, **options),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def broken(column: str, value: float, rows: int = 2) -> pd.DataFrame:
    data = table()
    data.loc[: rows - 1, column] = value
    return data


@every_method
def test_lower_after_upper(method: Callable[..., Any]) -> None:
    data = broken("ill", 0.5)
    with pytest.raises(FollowUpError, match=r"free is after ill in 2 of 60 rows \(row positions 0, 1\)"):
        method(data)


@every_method
@pytest.mark.parametrize(
    ("column", "value", "text"), [("free", -1.0, "negative"), ("free", np.inf, "free is infinite|neither bound|known")]
)
def test_limits_that_cannot_be(method: Callable[..., Any], column: str, value: float, text: str) -> None:
    data = broken(column, value)
    data.loc[:1, "ill"] = 7.0
    with pytest.raises(FollowUpError, match=text):
        method(data)


@every_method
def test_a_missing_upper_bound_is_infinite_and_means_not_seen_yet(method: Callable[..., Any]) -> None:
    one, other = method(table()), method(table().assign(ill=lambda d: d["ill"].fillna(np.inf)))
    assert one.n == other.n == 60 and one.events == other.events == int(table()["ill"].notna().sum())


@every_method
def test_a_row_with_neither_bound_is_a_missing_row(method: Callable[..., Any]) -> None:
    data = broken("free", np.nan)
    data.loc[:1, "ill"] = np.nan
    with pytest.warns(MissingRowsWarning, match="free and ill"):
        found = method(data)
    assert found.n_missing == 2 and found.n == 58


@every_method
def test_entry_after_the_event_is_a_prevalent_case(method: Callable[..., Any]) -> None:
    data = table()
    data["entry"] = np.where(np.arange(60) == data["ill"].first_valid_index(), 20.0, 0.5)
    with pytest.raises(FollowUpError, match=r"ill is not after entry in 1 of 60 rows.*prevalent"):
        method(data, entry="entry")


@every_method
def test_entry_after_the_last_negative_visit_is_where_knowledge_starts(method: Callable[..., Any]) -> None:
    data = table().assign(entry=lambda d: np.where((d.index % 3 == 0) & (d["free"] < 4), d["free"] + 0.5, 0.5))
    first = method(data, entry="entry")
    other = method(data.assign(free=np.maximum(data["free"], data["entry"])), entry="entry")
    assert_allclose(*(value if isinstance(value, float) else value["Overall"] for value in (first.loglik, other.loglik)))


@every_method
@pytest.mark.parametrize(("value", "error"), [(-1.0, DataError), (np.inf, DataError)])
def test_weights_that_are_none(method: Callable[..., Any], value: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="w"):
        method(broken("w", value), weights="w")


@pytest.mark.parametrize("method", [METHODS["turnbull"], METHODS["interval_cox"]], ids=["turnbull", "interval_cox"])
def test_weights_that_are_not_whole(method: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="whole numbers of people"):
        method(broken("w", 0.5), weights="w")


@every_method
def test_weight_zero_is_nobody(method: Callable[..., Any]) -> None:
    data = broken("w", 0.0, rows=20)
    one, other = method(data, weights="w"), method(data.iloc[20:])
    assert (one.n, one.events) == (other.n, other.events)
    if hasattr(one, "counts"):
        assert [(c.n, c.events) for c in one.counts.values()] == [(c.n, c.events) for c in other.counts.values()]
        assert_allclose(one.coefficients, other.coefficients, rtol=1e-6)


@every_method
def test_all_weights_zero(method: Callable[..., Any]) -> None:
    with pytest.raises(DataError):
        method(table().assign(w=0.0), weights="w")


@every_method
def test_unknown_columns_have_a_nearest_name(method: Callable[..., Any]) -> None:
    with pytest.raises(ColumnNotFoundError, match="entry"):
        method(table(), entry="entrry")


@every_method
def test_dates_and_text(method: Callable[..., Any]) -> None:
    with pytest.raises(FollowUpError, match="dates"):
        method(table().assign(ill=pd.Timestamp("2020-01-01")))
    with pytest.raises(FollowUpError, match="text"):
        method(table().assign(ill="later"))


@pytest.mark.parametrize("method", [METHODS["aft"], METHODS["interval_cox"]], ids=["aft", "interval_cox"])
def test_no_events(method: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="no events in the 60 rows"):
        method(table().assign(ill=np.nan))


def test_times_that_bound_nothing_from_below_have_no_model() -> None:
    data = table().assign(entry=lambda d: d["free"] + 0.5)  # nobody is known to be free of the event after entry
    with pytest.raises(ConvergenceError, match="no maximum"):
        aft("x", data, entry="entry", **BOUNDS)


def test_a_curve_without_events_stays_at_1() -> None:
    assert interval_survival(table().assign(ill=np.nan), **BOUNDS).at([1.0])["estimate"].tolist() == [1.0]


def test_aliases_are_named_and_constant_columns_too() -> None:
    data = table().assign(twice=lambda d: 2 * d["x"], one=1.0)
    with pytest.warns(FitWarning, match="twice: is a linear combination of x"):
        fit = interval_cox("x + twice", data, **BOUNDS)
    assert np.isnan(fit.coefficients[1]) and np.isfinite(fit.coefficients[0])
    with pytest.warns(FitWarning, match="one: does not vary"):
        interval_cox("x + one", data, **BOUNDS)


def test_two_people_are_few_but_not_refused() -> None:
    two = pd.DataFrame({"free": [0.0, 1.0], "ill": [1.0, 2.0]})
    assert interval_survival(two, **BOUNDS).at([1.0, 2.0])["estimate"].tolist() == [0.5, 0.0]


def test_missing_rows_can_be_refused() -> None:
    with pytest.raises(MissingValuesError):
        interval_cox("x", broken("x", np.nan), missing="error", **BOUNDS)


def test_a_baseline_needs_a_fit_of_its_kind() -> None:
    with pytest.raises(DataError, match="interval_cox"):
        interval_baseline(aft("x", table(), **BOUNDS))
    with pytest.raises(DataError, match="replicates: got 5"):
        interval_baseline(interval_cox("x", table(), **BOUNDS), seed=1, replicates=5)
