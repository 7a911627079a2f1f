"""Laws of cumulative incidence and of Gray's test, and the fast sums against loops over the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.competing.gray import gray_scores, gray_test
from cobalamin.models.competing.incidence_curves import IncidenceCurves
from cobalamin.models.curves.curves import survival_curve

SAME_SUMS = 1e-9  # sums of the same terms in another order
STEPS = ["time", "estimate", "std_error", "conf_low", "conf_high"]
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Few distinct whole times, so that entries, events of both kinds and censorings tie."""
    n = draw(st.integers(2, 25))
    numbers = {name: draw(st.lists(st.integers(*span), min_size=n, max_size=n)) for name, span in SPANS.items()}
    data = pd.DataFrame(numbers).assign(id=range(n))
    return data.assign(out=data["in"] + data["stay"]).astype({"in": float, "out": float})


SPANS = {"in": (0, 6), "stay": (1, 8), "d": (0, 2), "copies": (1, 3), "group": (0, 2)}


def fit(data: pd.DataFrame, **options: Any) -> IncidenceCurves:
    return cumulative_incidence(data, **{"exit": "out", "event": "d", "entry": "in", "labels": {1: "one", 2: "two"}, **options})


def assert_same(one: IncidenceCurves, other: IncidenceCurves, columns: list[str] = STEPS) -> None:
    for name in columns:
        power = 2 if name == "std_error" else 1  # the square root of a rounding error is no rounding error
        assert_allclose(one.frame[name] ** power, other.frame[name] ** power, rtol=SAME_SUMS, atol=SAME_SUMS, err_msg=name)


def by_definition(data: pd.DataFrame, weight: np.ndarray, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """F_k and the influence of every person on it at each exit time, person by person."""
    times = np.unique(data["out"])
    survival, d_survival = 1.0, np.zeros(len(data))
    total, d_total = 0.0, np.zeros(len(data))
    estimate, influence = [], []
    for t in times:
        at_risk = ((data["in"] < t) & (t <= data["out"])).to_numpy().astype(float)
        own = ((data["out"] == t) & (data["d"] == kind)).to_numpy().astype(float)
        every = ((data["out"] == t) & (data["d"] > 0)).to_numpy().astype(float)
        n = weight @ at_risk
        share, d_share = weight @ own / n, own / n - at_risk * (weight @ own) / n**2
        hazard, d_hazard = weight @ every / n, every / n - at_risk * (weight @ every) / n**2
        d_total = d_total + d_survival * share + survival * d_share
        total += survival * share
        d_survival = d_survival * (1 - hazard) - survival * d_hazard
        survival *= 1 - hazard
        if survival < 1e-12:
            survival, d_survival = 0.0, np.zeros(len(data))
        estimate.append(total)
        influence.append(d_total)
    return np.array(estimate), np.array(influence)


@given(tables())
@settings(max_examples=20, deadline=None)
def test_fast_sums_are_the_definition(data: pd.DataFrame) -> None:
    weight, cluster = 0.3 + data["copies"].to_numpy() / 4, data["id"].to_numpy() // 2
    data = data.assign(w=weight, c=cluster)
    weighted, clustered = fit(data, weights="w"), fit(data, weights="w", cluster="c")
    for kind, state in enumerate(("one", "two"), start=1):
        estimate, influence = by_definition(data, weight, kind)
        sums = np.array([np.bincount(cluster, weights=weight * row) for row in influence])
        assert_allclose(weighted.steps("Overall", state)["estimate"], estimate, atol=SAME_SUMS)
        assert_allclose(weighted.steps("Overall", state)["std_error"] ** 2, ((weight * influence) ** 2).sum(axis=1), atol=SAME_SUMS)
        assert_allclose(clustered.steps("Overall", state)["std_error"] ** 2, (sums**2).sum(axis=1), atol=SAME_SUMS)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_row_order_does_not_matter(data: pd.DataFrame, random: Any) -> None:
    order = random.sample(range(len(data)), len(data))
    assert_same(fit(data, by="group"), fit(data.iloc[order], by="group"))


@given(tables(), st.sampled_from([1 / 365.25, 7.0]))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_time_does_not_matter(data: pd.DataFrame, factor: float) -> None:
    scaled = data.assign(**{"in": data["in"] * factor, "out": data["out"] * factor})
    assert_same(fit(data), fit(scaled), STEPS[1:])


@given(tables())
@settings(max_examples=10, deadline=None)
def test_weight_two_is_two_people(data: pd.DataFrame) -> None:
    copied = data.loc[data.index.repeat(data["copies"])]
    for variance in ("jackknife", "delta", "aalen"):
        assert_same(fit(data, weights="copies", variance=variance), fit(copied, variance=variance))


@given(tables())
@settings(max_examples=10, deadline=None)
def test_entry_at_zero_is_no_delayed_entry(data: pd.DataFrame) -> None:
    assert_same(fit(data.assign(zero=0.0), entry="zero"), fit(data, entry=None))


@given(tables())
@settings(max_examples=10, deadline=None)
def test_incidences_and_event_free_survival_add_up_to_one(data: pd.DataFrame) -> None:
    curves = fit(data)
    free = survival_curve(data.assign(any=data["d"] > 0), exit="out", event="any", entry="in").frame["estimate"]
    total = sum(curves.steps("Overall", state)["estimate"].to_numpy() for state in curves.states)
    assert_allclose(total + free, 1.0, atol=SAME_SUMS)
    assert (np.diff(curves.steps("Overall", "one")["estimate"]) >= -SAME_SUMS).all()


@given(tables())
@settings(max_examples=10, deadline=None)
def test_one_kind_of_event_is_one_minus_kaplan_meier(data: pd.DataFrame) -> None:
    data = data.assign(d=(data["d"] == 1).astype(int))
    ours, theirs = fit(data).steps("Overall", "one"), survival_curve(data, exit="out", event="d", entry="in").frame
    assert_allclose(1 - ours["estimate"], theirs["estimate"], atol=SAME_SUMS)
    known = theirs["estimate"].to_numpy() > 0  # once S is 0 Kaplan-Meier's error is NaN
    late = survival_curve(data, exit="out", event="d", entry="in", cluster="id").frame  # Greenwood differs where entry is delayed
    assert_allclose(ours["std_error"].to_numpy()[known] ** 2, late["std_error"].to_numpy()[known] ** 2, atol=SAME_SUMS)


def test_two_causes_without_censoring_exhaust_everybody() -> None:
    data = pd.DataFrame({"out": [1.0, 2, 3, 4, 5], "d": [1, 2, 1, 1, 2]})
    last = fit(data, entry=None).at(5)
    assert_allclose(last["estimate"], [3 / 5, 2 / 5])
    assert_allclose(last["std_error"], np.sqrt(0.6 * 0.4 / 5))  # binomial


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_gray_depends_on_the_order_of_times_only(data: pd.DataFrame, random: Any) -> None:
    data = data.assign(d=np.where(data.index == 0, 1, data["d"]), group=np.where(data.index < 2, data.index, data["group"]))
    base = gray_test(data, exit="stay", event="d", by="group")
    order = random.sample(range(len(data)), len(data))
    moved = data.assign(stay=np.sqrt(data["stay"]), group=2 - data["group"]).iloc[order]
    assert_allclose(gray_test(moved, exit="stay", event="d", by="group")["chi2"], base["chi2"], rtol=1e-6)


@given(tables())
@settings(max_examples=10, deadline=None)
def test_gray_without_competing_events_is_the_log_rank_score(data: pd.DataFrame) -> None:
    time, kind, group = data["stay"].to_numpy(float), (data["d"].to_numpy() > 0).astype(int), data["group"].to_numpy()
    score = np.zeros(3)
    for t in np.unique(time[kind == 1]):
        at_risk, dead = np.bincount(group[time >= t], minlength=3), np.bincount(group[(time == t) & (kind == 1)], minlength=3)
        score += dead - dead.sum() * at_risk / at_risk.sum()
    if (kind == 1).any():
        ours, _ = gray_scores(time, kind, group, 3, 0.0)
        assert_allclose(ours, score, atol=SAME_SUMS)
        assert_allclose(ours.sum(), 0, atol=SAME_SUMS)


@pytest.mark.slow
def test_gray_rejects_one_time_in_twenty_when_groups_are_alike() -> None:
    rng = np.random.default_rng(20240914)
    rejected = 0
    for _ in range(1000):
        t, c = rng.exponential(1.0, 150), rng.uniform(0.2, 3, 150)
        data = pd.DataFrame({"t": np.minimum(t, c), "e": np.where(t < c, rng.integers(1, 3, 150), 0), "g": rng.integers(0, 3, 150)})
        rejected += int(gray_test(data, exit="t", event="e", by="g")["p_value"][0] < 0.05)
    assert 30 <= rejected <= 70  # 50 expected, standard deviation 7
