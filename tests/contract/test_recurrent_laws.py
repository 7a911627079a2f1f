"""Laws of recurrent-event models and mean numbers of events, and the fast variance against numerical derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit
from cobalamin.models.recurrent.mean_cumulative import MeanCumulative, mean_cumulative
from cobalamin.models.recurrent.recurrent import recurrent_events

SAME_SUMS = 1e-8  # sums of the same terms in another order, after a Newton iteration
NAMES = {"person": "id", "entry": "in", "exit": "out", "event": "ill"}
MODELS: list[Any] = ["andersen-gill", "pwp-total", "pwp-gap", "wlw"]
FEW = settings(max_examples=12, deadline=None)


def cohort(seed: int, n: int = 40, gaps: bool = True) -> pd.DataFrame:
    """Persons of several rows in whole months, so that times tie; late entry and gaps where asked."""
    rng, rows = np.random.default_rng(seed), []
    for person in range(n):
        now, arm = (int(rng.integers(0, 4)) if gaps else 0), int(rng.integers(0, 2))
        for k in range(int(rng.integers(1, 5))):
            now += int(rng.integers(0, 2)) * int(k > 0 and gaps)
            stay = int(rng.integers(1, 9))
            rows.append((person, now, now + stay, int(rng.random() < 0.6), round(float(rng.normal()), 2), arm))
            now += stay
    return pd.DataFrame(rows, columns=["id", "in", "out", "ill", "x", "arm"])


def fit(data: pd.DataFrame, model: Any, **options: Any) -> Fit:
    return recurrent_events("x + arm", data, **{**NAMES, "model": model, "max_number": 3, **options})


def assert_same(one: Fit, other: Fit, tolerance: float = SAME_SUMS) -> None:
    assert_allclose(one.coefficients, other.coefficients, rtol=tolerance, atol=tolerance)
    assert_allclose(one.covariance, other.covariance, rtol=10 * tolerance, atol=tolerance)
    assert_allclose(one.loglik, other.loglik, rtol=tolerance)


@pytest.mark.parametrize("model", MODELS)
class TestEveryModel:
    @given(seed=st.integers(0, 10_000))
    @FEW
    def test_row_order_and_the_unit_of_time_do_not_matter(self, model: Any, seed: int) -> None:
        data = cohort(seed)
        other = data.sample(frac=1, random_state=seed).assign(**{"in": data["in"] * 8, "out": data["out"] * 8})
        assert_same(fit(data, model), fit(other, model))

    @given(seed=st.integers(0, 10_000), cut=st.integers(1, 12))
    @FEW
    def test_a_row_split_in_two_is_the_same_row(self, model: Any, seed: int, cut: int) -> None:
        data = cohort(seed)
        across = (data["in"] < cut) & (cut < data["out"])
        first = data.assign(out=data["out"].where(~across, cut), ill=data["ill"].where(~across, 0))
        assert_same(fit(data, model), fit(pd.concat([first, data[across].assign(**{"in": cut})]), model))

    @given(seed=st.integers(0, 10_000))
    @FEW
    def test_without_entry_rows_follow_each_other_from_0(self, model: Any, seed: int) -> None:
        data = cohort(seed, gaps=False)
        assert_same(fit(data, model), fit(data.drop(columns="in"), model, entry=None))

    @given(seed=st.integers(0, 10_000))
    @FEW
    def test_the_first_event_alone_is_a_cox_model(self, model: Any, seed: int) -> None:
        data = cohort(seed, gaps=False)
        earlier = data.groupby("id")["ill"].cumsum() - data["ill"]
        alone = cox("x + arm", data[earlier == 0], entry="in", exit="out", event="ill", cluster="id")
        assert_same(fit(data, model, max_number=1), alone)

    @given(seed=st.integers(0, 10_000))
    @FEW
    def test_twice_the_people_have_half_the_variance_with_breslow(self, model: Any, seed: int) -> None:
        # Efron's correction counts the tied copies
        data = cohort(seed)
        one, two = (fit(d, model, ties="breslow") for d in (data, pd.concat([data, data.assign(id=data["id"] + 1000)])))
        assert_allclose(one.coefficients, two.coefficients, rtol=1e-6, atol=1e-7)
        assert_allclose(one.covariance, 2 * two.covariance, rtol=1e-5, atol=1e-9)


def mean(data: pd.DataFrame, **options: Any) -> MeanCumulative:
    return mean_cumulative(data, **{**NAMES, **options})


def weighted_mean(data: pd.DataFrame, weight: np.ndarray, moment: float) -> float:
    alive, total = 1.0, 0.0
    entry, stop = data["in"].to_numpy(), data["out"].to_numpy()
    for t in np.unique(stop[stop <= moment]):
        at_risk = weight[(entry < t) & (t <= stop)].sum()
        total += alive * weight[(stop == t) & (data["ill"] == 1)].sum() / at_risk
        alive *= 1 - weight[(stop == t) & (data["dead"] == 1)].sum() / at_risk
    return total


def with_deaths(seed: int) -> pd.DataFrame:
    data = cohort(seed, n=15)
    last = ~data["id"].duplicated(keep="last")
    return data.assign(dead=(last & (data["id"] % 3 == 0)).astype(int))


@given(st.integers(0, 10_000), st.sampled_from([4, 9, 14]), st.booleans())
@FEW
def test_the_variance_is_the_sum_of_squared_derivatives(seed: int, moment: int, mortal: bool) -> None:
    data = with_deaths(seed) if mortal else with_deaths(seed).assign(dead=0)
    if moment > data["out"].max():
        return
    step, slopes = 1e-5, []
    for person in data["id"].unique():
        up, down = (weighted_mean(data, np.where(data["id"] == person, 1 + s, 1.0), moment) for s in (step, -step))
        slopes.append((up - down) / (2 * step))
    row = mean(data, death="dead" if mortal else None).at(moment).iloc[0]
    assert_allclose(row["estimate"], weighted_mean(data, np.ones(len(data)), moment), rtol=SAME_SUMS)
    # central differences are right to about the square of the step
    assert_allclose(row["std_error"], np.sqrt(np.sum(np.square(slopes))), rtol=1e-6, atol=1e-8)


@given(st.integers(0, 10_000), st.integers(1, 12))
@FEW
def test_mean_numbers_do_not_depend_on_how_the_rows_are_written(seed: int, cut: int) -> None:
    data = with_deaths(seed)
    across = (data["in"] < cut) & (cut < data["out"])
    first = data.assign(out=data["out"].where(~across, cut), ill=data["ill"].where(~across, 0), dead=data["dead"].where(~across, 0))
    split = pd.concat([first, data[across].assign(**{"in": cut})]).sample(frac=1, random_state=seed)
    times = data["out"].unique()
    one, other = mean(data, death="dead").at(times), mean(split, death="dead").at(times)
    assert_allclose(one.iloc[:, 2:], other.iloc[:, 2:], rtol=SAME_SUMS, atol=1e-9)
    scaled = mean(data.assign(**{"in": data["in"] * 8, "out": data["out"] * 8}), death="dead").at(times * 8)
    assert_allclose(one.iloc[:, 3:], scaled.iloc[:, 3:], rtol=SAME_SUMS, atol=1e-9)
    assert one["estimate"].iloc[np.argsort(times)].diff().dropna().ge(-1e-12).all()


@given(st.integers(0, 10_000))
@FEW
def test_twice_the_people_have_half_the_variance(seed: int) -> None:
    data = with_deaths(seed)
    one, two = (mean(d, death="dead").frame for d in (data, pd.concat([data, data.assign(id=data["id"] + 1000)])))
    assert_allclose(one["estimate"], two["estimate"], rtol=SAME_SUMS)
    assert_allclose(one["std_error"], two["std_error"] * np.sqrt(2), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_95_percent_limits_cover_the_truth_with_persons_who_differ() -> None:
    """500 cohorts of 100 with gamma frailty (variance 1) and deaths; rate 0.5, mortality 0.2: the truth at 3 by integration."""
    rng, covered, times = np.random.default_rng(11), 0, 500
    truth = 0.5 * (1 - np.exp(-0.6)) / 0.2
    for _ in range(times):
        rows = []
        for person in range(100):
            frailty, death, end = rng.exponential(), rng.exponential(5), rng.uniform(2, 6)
            stop = min(death, end)
            events = np.sort(rng.uniform(0, stop, rng.poisson(0.5 * frailty * stop)))
            rows += [(person, t, 1, 0) for t in events] + [(person, stop, 0, int(death <= end))]
        row = mean(pd.DataFrame(rows, columns=["id", "out", "ill", "dead"]), entry=None, death="dead").at(3).iloc[0]
        covered += row["conf_low"] <= truth <= row["conf_high"]
    # Monte Carlo error 1 point, and the log limits of 100 skewed persons are a little short
    assert abs(covered / times - 0.95) < 0.025
