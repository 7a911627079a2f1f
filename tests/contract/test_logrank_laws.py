"""Laws of every log-rank test, and the fast sums against a loop over the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.curves import logrank_scores as scores_module
from cobalamin.models.curves.logrank import FAMILIES, logrank, logrank_groups

SAME_SUMS = 1e-7  # sums of the same terms in another order, through the inverse of a small matrix
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Few distinct whole times, so that entries, events and censorings tie."""
    n = draw(st.integers(6, 30))

    def numbers(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    entry = numbers(0, 5)
    data = pd.DataFrame({"in": entry, "out": entry + numbers(1, 8), "d": numbers(0, 1), "g": numbers(0, 2), "s": numbers(0, 1)})
    # two groups with an event and company, so that there is something to compare
    sure = pd.DataFrame({"in": 0, "out": [3, 4, 3, 4], "d": [1, 0, 0, 1], "g": [0, 0, 1, 1], "s": 0})
    return pd.concat([data, sure], ignore_index=True)


OPTIONS = st.fixed_dictionaries(
    {
        "weights_family": st.sampled_from(FAMILIES),
        "entry": st.sampled_from([None, "in"]),
        "strata": st.sampled_from([None, "s"]),
    }
)


def run(data: pd.DataFrame, options: dict[str, Any], **more: Any) -> list[float]:
    powers = {"rho": 0.5, "gamma": 1.0} if options["weights_family"] == "fleming-harrington" else {}
    return logrank(data, exit="out", event="d", by="g", **options, **powers, **more).iloc[0].tolist()


def by_definition(data: pd.DataFrame, options: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and variance, event time by event time and person by person."""
    q, family = 3, options["weights_family"]
    score, variance = np.zeros(q), np.zeros((q, q))
    layers = data["s"] if options["strata"] else np.zeros(len(data))
    for layer in np.unique(layers):
        part = data[layers == layer]
        entry = part["in"] if options["entry"] else -np.inf
        survival, tilde = 1.0, 1.0
        for t in np.unique(part.loc[part["d"] == 1, "out"]):
            at_risk = (entry < t) & (part["out"] >= t)
            dead = (part["out"] == t) & (part["d"] == 1)
            n, d = at_risk.sum(), dead.sum()
            share = np.array([(at_risk & (part["g"] == g)).sum() for g in range(q)]) / n
            own = np.array([(dead & (part["g"] == g)).sum() for g in range(q)])
            tilde *= 1 - d / (n + 1)
            w = {"logrank": 1, "wilcoxon": n, "tarone-ware": n**0.5, "peto": tilde}.get(family, survival**0.5 * (1 - survival))
            survival *= 1 - d / n
            score += w * (own - d * share)
            if n > 1:
                variance += w * w * d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    return score, variance


@given(tables(), OPTIONS)
@settings(max_examples=40, deadline=None)
def test_fast_sums_are_the_definition(data: pd.DataFrame, options: dict[str, Any]) -> None:
    score, variance = by_definition(data, options)
    assume(np.linalg.matrix_rank(variance, tol=1e-6) == 2)
    chi2, df, p = run(data, options)
    assert_allclose(chi2, score[:2] @ np.linalg.solve(variance[:2, :2], score[:2]), rtol=SAME_SUMS, atol=SAME_SUMS)
    assert df == 2 and 0 <= p <= 1
    s = np.array([1.0, 2, 3])
    trend = run(data, options, trend=True)
    assert_allclose(trend[0], (s @ score) ** 2 / (s @ variance @ s), rtol=SAME_SUMS, atol=SAME_SUMS)
    assert trend[1] == 1


@given(tables(), OPTIONS, st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_row_order_and_group_names_do_not_matter(data: pd.DataFrame, options: dict[str, Any], random: Any) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    renamed = data.iloc[order].assign(g=lambda d: d["g"].map({0: "z", 1: "a", 2: "m"}))
    assert_allclose(run(renamed, options), run(data, options), rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables(), OPTIONS)
@settings(max_examples=15, deadline=None)
def test_only_the_order_of_times_matters(data: pd.DataFrame, options: dict[str, Any]) -> None:
    stretched = data.assign(**{"in": data["in"] ** 2 / 7, "out": data["out"] ** 2 / 7})
    assert_allclose(run(stretched, options), run(data, options), rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables(), OPTIONS)
@settings(max_examples=15, deadline=None)
def test_entry_at_0_is_no_entry(data: pd.DataFrame, options: dict[str, Any]) -> None:
    early = data.assign(**{"in": 0})
    assert_allclose(run(early, {**options, "entry": "in"}), run(early, {**options, "entry": None}), rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables(), OPTIONS, st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_a_person_split_in_two_rows_is_the_same_person(data: pd.DataFrame, options: dict[str, Any], cut: int) -> None:
    late = {**options, "entry": "in"}
    across = (data["in"] < cut) & (cut < data["out"])
    split = pd.concat([data.assign(out=data["out"].where(~across, cut), d=data["d"].where(~across, 0)), data[across].assign(**{"in": cut})])
    assert_allclose(run(split, late), run(data, late), rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables(), OPTIONS)
@settings(max_examples=15, deadline=None)
def test_blocks_of_event_times_do_not_show(data: pd.DataFrame, options: dict[str, Any]) -> None:
    whole, size = run(data, options), scores_module._CELLS
    try:
        scores_module._CELLS = 7
        assert_allclose(run(data, options), whole, rtol=SAME_SUMS, atol=SAME_SUMS)
    finally:
        scores_module._CELLS = size


@given(tables())
@settings(max_examples=15, deadline=None)
def test_observed_and_expected_have_one_sum(data: pd.DataFrame) -> None:
    table = logrank_groups(data, exit="out", event="d", by="g", entry="in", strata="s")
    assert table["observed"].sum() == data["d"].sum()
    assert_allclose(table["expected"].sum(), data["d"].sum())


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_difference_5_tests_in_100_find_one(family: Any) -> None:
    """1,000 cohorts of 150 in three groups half of them late; Monte Carlo error 0.7 points; asked within 2."""
    rng, found, times = np.random.default_rng(3), 0, 1000
    for _ in range(times):
        entry, death = np.r_[np.zeros(80), rng.uniform(0, 0.5, 170)], rng.exponential(1, 250)
        seen = rng.permutation(np.flatnonzero(death > entry))[:150]
        data = pd.DataFrame({"in": entry[seen], "out": np.minimum(death[seen], 2), "d": (death[seen] < 2).astype(int), "g": seen % 3})
        found += run(data, {"weights_family": family, "entry": "in", "strata": None})[2] < 0.05
    assert abs(found / times - 0.05) < 0.02
