"""Laws of restricted means: areas by definition, influence by derivatives, and intervals that cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.followup import follow_up
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.kaplan_meier import risk_sets
from cobalamin.models.curves.restricted_area import restricted_area
from cobalamin.models.curves.rmst import rmst, rmst_difference

SAME_SUMS = 1e-9  # sums of the same terms in another order
DERIVATIVE = 1e-6  # central differences
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(4, 25))

    def numbers(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    entry = numbers(0, 5)
    data = pd.DataFrame(
        {"in": entry, "out": entry + numbers(1, 8), "d": numbers(0, 1), "w": numbers(1, 3), "c": numbers(0, 4), "g": numbers(0, 1)}
    )
    # one of each group is followed to the end, so that every horizon up to 12 is within the follow-up
    return pd.concat([data, pd.DataFrame({"in": 0, "out": 15, "d": 0, "w": 1, "c": [8, 9], "g": [0, 1]})], ignore_index=True)


def means(data: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return rmst(data, **{"exit": "out", "event": "d", "entry": "in", "by": "g", "tau": 9.5, **options})


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert_allclose(one[["estimate", "std_error"]], other[["estimate", "std_error"]], rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables(), st.floats(0.5, 12))
@settings(max_examples=20, deadline=None)
def test_the_area_is_the_sum_of_small_steps(data: pd.DataFrame, tau: float) -> None:
    curves = survival_curve(data, exit="out", event="d", entry="in", by="g")
    grid = np.append(np.arange(0, int(tau)) + 0.5, (int(tau) + tau) / 2)
    width = np.append(np.ones(int(tau)), tau - int(tau))
    for group, found in zip(curves.groups, means(data, tau=tau)["estimate"], strict=True):
        steps = curves.steps(group)
        height = np.append(1.0, steps["estimate"].to_numpy())[np.searchsorted(steps["time"], grid, side="right")]
        assert_allclose(found, height @ width, rtol=SAME_SUMS)


@given(tables())
@settings(max_examples=20, deadline=None)
def test_the_variance_is_that_of_the_definition(data: pd.DataFrame) -> None:
    curves = survival_curve(data, exit="out", event="d", entry="in")
    steps = curves.frame[curves.frame["time"] < 9.5]
    times, height = steps["time"].to_numpy(), steps["estimate"].to_numpy()
    ahead = [sum(height[j:] * np.diff(np.append(times[j:], 9.5))) for j in range(len(times))]
    n, d = steps["n_at_risk"].to_numpy(), steps["n_event"].to_numpy()
    terms = [a * a * x / (m * (m - x)) if m > x else 0.0 for a, x, m in zip(ahead, d, n, strict=True)]
    assert_allclose(means(data, by=None)["std_error"], np.sqrt(sum(terms)), rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables())
@settings(max_examples=15, deadline=None)
def test_influence_is_the_derivative_by_the_weight(data: pd.DataFrame) -> None:
    follow, weight = follow_up(exit=data["out"], event=data["d"], entry=data["in"]), 0.3 + data["w"].to_numpy() / 3
    area = restricted_area(risk_sets(follow, weight), 0.0, 9.5)
    found = area.influence(follow)
    for i in range(len(data)):
        step = np.zeros(len(data))
        step[i] = 1e-5
        up, down = (restricted_area(risk_sets(follow, weight + sign * step), 0.0, 9.5).mean for sign in (1, -1))
        assert_allclose(found[i], (up - down) / 2e-5, rtol=DERIVATIVE, atol=DERIVATIVE)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_row_order_does_not_matter(data: pd.DataFrame, random: Any) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    same(means(data), means(data.iloc[order]))
    same(means(data, cluster="c"), means(data.iloc[order], cluster="c"))


@given(tables())
@settings(max_examples=10, deadline=None)
def test_weight_2_is_two_copies(data: pd.DataFrame) -> None:
    same(means(data, weights="w"), means(data.loc[data.index.repeat(data["w"])]))


@given(tables(), st.integers(1, 7))
@settings(max_examples=10, deadline=None)
def test_a_person_split_in_two_rows_is_the_same_person(data: pd.DataFrame, cut: int) -> None:
    data = data.assign(id=range(len(data)))
    across = (data["in"] < cut) & (cut < data["out"])
    split = pd.concat([data.assign(out=data["out"].where(~across, cut), d=data["d"].where(~across, 0)), data[across].assign(**{"in": cut})])
    same(means(data), means(split))
    same(means(data, cluster="id"), means(split, cluster="id"))


@given(tables(), st.sampled_from([7.0, 1 / 8, 365.25]))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_time_is_the_unit_of_the_mean(data: pd.DataFrame, unit: float) -> None:
    other = means(data.assign(**{"in": data["in"] * unit, "out": data["out"] * unit}), tau=9.5 * unit)
    assert_allclose(other.iloc[:, 1:], means(data).iloc[:, 1:] * unit, rtol=SAME_SUMS)


@given(tables())
@settings(max_examples=10, deadline=None)
def test_pairs_count_their_covariance(data: pd.DataFrame) -> None:
    """Everybody twice, once in each of two equal groups, as one cluster: the difference is known to be 0."""
    twice = pd.concat([data.assign(g="a", id=range(len(data))), data.assign(g="b", id=range(len(data)))])
    names = {"exit": "out", "event": "d", "entry": "in", "by": "g", "tau": 9.5}
    paired = rmst_difference(twice, **names, cluster="id").iloc[0]
    alone = rmst_difference(twice, **names).iloc[0]
    assert_allclose([paired["estimate"], paired["std_error"]], 0, atol=1e-12)
    assert_allclose(alone["std_error"], np.sqrt(2) * means(data, by=None)["std_error"].item(), rtol=SAME_SUMS, atol=SAME_SUMS)


def cohort(rng: np.random.Generator, late: bool) -> pd.DataFrame:
    """300 people in two arms with hazards 1 and 0.6; half of them may come late."""
    people = 450 if late else 300
    arm = np.arange(people) % 2
    death, end = rng.exponential(1 / np.where(arm == 1, 0.6, 1.0)), rng.uniform(1, 4, people)
    entry = rng.uniform(0, 0.5, people) * (rng.random(people) < 0.5) if late else np.zeros(people)
    seen = np.flatnonzero((death > entry) & (end > entry))[:300]
    out = np.minimum(death, end)
    return pd.DataFrame({"in": entry[seen], "out": out[seen], "d": (death <= end)[seen].astype(int), "g": arm[seen]})


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_95_percent_intervals_cover_the_truth_95_times_in_100(late: bool) -> None:
    """1,000 cohorts of 300 people; the area to 1.5 is (1 - exp(-1.5 h)) / h; between 93.5 and 96.5% is asked."""
    rng, times = np.random.default_rng(15), 1000
    truth = [(1 - np.exp(-1.5 * h)) / h for h in (1.0, 0.6)]
    mean, difference = 0, 0
    for _ in range(times):
        data = cohort(rng, late)
        names = {"exit": "out", "event": "d", "entry": "in", "tau": 1.5}
        own = rmst(data[data["g"] == 1], **names).iloc[0]
        both = rmst_difference(data, **names, by="g").iloc[0]
        mean += own["conf_low"] <= truth[1] <= own["conf_high"]
        difference += both["conf_low"] <= truth[1] - truth[0] <= both["conf_high"]
    assert 0.935 <= mean / times <= 0.965
    assert 0.935 <= difference / times <= 0.965
