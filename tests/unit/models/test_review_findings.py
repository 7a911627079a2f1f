"""One test per finding of the review of the models."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, DesignError, EventCodeError
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.cox.cox import cox
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.describe.describe import table1
from cobalamin.models.regression.regression import logistic
from cobalamin.models.survey import Survey

pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


def cohort(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(20)
    levels = np.array(["never", "former", "current"])
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "smoking": pd.Categorical(rng.choice(levels, n), levels),
            "parent_smoking": pd.Categorical(rng.choice(levels, n), levels),
            "t": rng.exponential(np.exp(-0.3 * x)) + 0.01,
            "d": rng.binomial(1, 0.6, n),
            "ill": rng.binomial(1, 0.4, n),
            "clinic": rng.integers(0, 20, n),
            "w": np.where(np.arange(n) % 4 == 0, 0.0, 2.0),
        }
    )


def test_rows_of_weight_zero_are_not_counted_as_people() -> None:
    data = cohort()
    there = data[data["w"] > 0]
    for options in ({"weights": "w"}, {"survey": Survey(psu="clinic", weights="w")}):
        pairs = [
            (cox("x + smoking", data, exit="t", event="d", **options), cox("x + smoking", there, exit="t", event="d", **options)),
            (logistic("ill ~ x + smoking", data, **options), logistic("ill ~ x + smoking", there, **options)),
        ]
        for ours, wanted in pairs:
            assert (ours.n, ours.events) == (len(there), wanted.events)
            assert_allclose(ours.person_time, wanted.person_time)
            assert list(ours.counts) == list(wanted.counts)
            for level, count in wanted.counts.items():
                found = ours.counts[level]
                assert_allclose([found.n, found.events, found.person_time], [count.n, count.events, count.person_time])
            assert_allclose(ours.coefficients, wanted.coefficients, rtol=1e-6)
            assert ours.facts["n_zero_weight"] == 100
            assert "n_zero_weight" not in wanted.facts


def test_interactions_of_factors_name_their_levels() -> None:
    bands = pd.Categorical.from_codes(np.arange(400) % 2, ["a:b]", "[0, 5)"])
    data = cohort().assign(band=bands)
    for formula in ("smoking * parent_smoking", "parent_smoking * smoking", "smoking:parent_smoking", "band * smoking * x"):
        fit = logistic(f"ill ~ {formula}", data)
        keys = [(c.variable, c.level) for c in fit.columns]
        assert len(set(keys)) == len(keys)
    levels = {c.name: c.level for c in logistic("ill ~ smoking * parent_smoking", data).columns}
    assert levels["smoking[T.former]:parent_smoking[T.current]"] == "former & current"
    assert levels["smoking[T.current]:parent_smoking[T.former]"] == "current & former"
    levels = {c.name: c.level for c in logistic("ill ~ band * smoking * x", data).columns}
    assert levels["band[T.[0, 5)]:smoking[T.current]:x"] == "[0, 5) & current"
    assert levels["smoking[T.current]:x"] == "current"


def test_one_cluster_is_refused() -> None:
    data = cohort().assign(clinic=1)
    with pytest.raises(DesignError, match="at least 2 clusters"):
        cox("x", data, exit="t", event="d", cluster="clinic")
    with pytest.raises(DesignError, match="at least 2 clusters"):
        logistic("ill ~ x", data, cluster="clinic")


def test_weights_that_are_not_whole_have_the_robust_variance() -> None:
    data = cohort().assign(w=lambda d: d["clinic"] / 10 + 0.05)
    fit = logistic("ill ~ x", data, weights="w")
    x = np.column_stack([np.ones(len(data)), data["x"]])
    p, w = 1 / (1 + np.exp(-x @ fit.coefficients)), data["w"].to_numpy()
    bread = np.linalg.inv(x.T @ (x * (w * p * (1 - p))[:, None]))
    scores = x * (w * (data["ill"] - p).to_numpy())[:, None]
    assert fit.variance == "robust"
    assert_allclose(fit.covariance, bread @ scores.T @ scores @ bread, rtol=1e-8)
    assert logistic("ill ~ x", data.assign(w=2.0), weights="w").variance == "model"


def test_a_name_of_two_columns_is_refused() -> None:
    data = cohort()
    twice = pd.concat([data, data[["x"]]], axis=1)
    for use in (
        lambda: cox("x", twice, exit="t", event="d"),
        lambda: logistic("ill ~ x", twice),
        lambda: survival_curve(twice, exit="t", event="d", by="x"),
    ):
        with pytest.raises(DataError, match="'x' is the name of 2 columns"):
            use()
    assert logistic("ill ~ smoking", twice).n == len(twice)


@pytest.mark.parametrize(
    "numbers",
    [lambda x: x.astype(object), lambda x: x.map(lambda v: Decimal(repr(float(v)))), lambda x: x.round().astype(int).astype(object)],
)
def test_objects_that_are_numbers_are_numbers(numbers: Any) -> None:
    data = cohort()
    held = numbers(data["x"])
    fit = logistic("ill ~ x", data.assign(x=held, ill=data["ill"].astype(object)))
    assert fit.names == ("Intercept", "x")
    assert_allclose(fit.coefficients, logistic("ill ~ x", data.assign(x=held.astype(float))).coefficients)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([datetime.date(2000, 1, 1 + i % 20) for i in range(400)], "a column of dates"),
        (pd.period_range("2000-01", periods=400, freq="M"), "a column of dates"),
        (np.arange(400) * 1j, "complex"),
        ([f"town {i % 60}" for i in range(400)], "60 different values, more than 50"),
        (["", "a", "b", " "] * 100, "blank text in 200 of 400 rows"),
    ],
)
def test_columns_without_a_right_coding_are_refused(column: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"odd: .*{message}"):
        cox("odd", cohort().assign(odd=column), exit="t", event="d")


def test_messages_do_not_print_rare_values() -> None:
    data = cohort().assign(sex=["f", "m"] * 200, note=["f", "m"] * 199 + ["secret", "m"])
    with pytest.raises(EventCodeError, match="with the values f, m;"):
        logistic("sex ~ x", data)
    fit = logistic("ill ~ note", data)
    for use in (lambda: logistic("note ~ x", data), lambda: fit.parts["matrix"].apply(data.assign(note="other"))):
        with pytest.raises(DataError, match=r"3 (different values|levels)") as caught:
            use()
        assert "secret" not in str(caught.value)
    with pytest.raises(DataError, match="one level only in the rows") as caught:
        logistic("ill ~ note", data.tail(2).head(1))
    assert "secret" not in str(caught.value)


def test_more_than_thirty_groups_are_refused() -> None:
    data = cohort()
    for use in (
        lambda: survival_curve(data, exit="t", event="d", by="x"),
        lambda: cumulative_incidence(data, exit="t", event="d", by="x"),
        lambda: table1(data, by="x"),
    ):
        with pytest.raises(DataError, match=r"400 groups.*cut a number into classes"):
            use()
