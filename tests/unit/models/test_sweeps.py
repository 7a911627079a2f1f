"""Risk sets as integers, sums within strata, splines and survey variances: each against its definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cobalamin.core.errors import FollowUpError
from cobalamin.core.followup import follow_up
from cobalamin.models.cox.blocks import BLOCK
from cobalamin.models.cox.covariates import Columns, safe_shift
from cobalamin.models.cox.cox_scores import score_residuals, score_sums
from cobalamin.models.cox.newton import covariance_of, find_aliases
from cobalamin.models.cox.partial_likelihood import partial_likelihood
from cobalamin.models.cox.risk_sets import merge_near_ties, order_of, risk_sets
from cobalamin.models.cox.sweeps import bin_sums, prefix_sums, suffix_sums, weighted_cross


@settings(max_examples=60, deadline=None)
@given(
    table=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=20),
    delayed=st.booleans(),
    shift=st.sampled_from([0.0, 0.25]),
)
def test_risk_sets_are_entry_before_t_and_t_up_to_exit(table, delayed, shift):
    entry, length, event, stratum = (np.array(column) for column in zip(*table, strict=True))
    exit = entry + length + shift
    follow = follow_up(exit=exit, event=event, entry=entry if delayed else None)
    sets = risk_sets(follow, stratum)
    pairs = sorted({(s, t) for s, t, e in zip(stratum, exit, event, strict=True) if e})
    assert list(zip(sets.stratum, sets.times, strict=True)) == pairs
    begin = dict(zip(sets.stratum[sets.starts], sets.starts, strict=True))
    at_risk = {int(row): (sets.exit_bin[i], -1 if sets.entry_bin is None else sets.entry_bin[i]) for i, row in enumerate(sets.rows)}
    for k, (s, t) in enumerate(pairs):
        for i in range(len(exit)):
            want = stratum[i] == s and (not delayed or entry[i] < t) and t <= exit[i]
            last, first = at_risk.get(i, (-1, -1))
            assert (stratum[i] == s and max(first, begin[s] - 1) < k <= last) == want
    assert_array_equal(np.sort(sets.death_rows), np.flatnonzero(event))
    assert (np.diff(sets.death_bin) >= 0).all()
    assert (np.diff(sets.exit_bin) >= 0).all()


def test_near_ties_merge_in_chains_and_by_relative_size():
    exit = np.array([1.0, 1 + 1e-9, 1 + 2e-9, 2.0])
    none = np.full(4, -np.inf)
    assert_array_equal(merge_near_ties(none, exit)[1], [1, 1, 1, 2])
    # relative to the mean time, as R does: seconds since 1970 tie within some 20 seconds
    seconds = np.array([1.7e9 + 0.5, 1.7e9 + 1, 1.7e9 + 1000])
    assert_array_equal(merge_near_ties(np.full(3, -np.inf), seconds)[1], [1.7e9 + 0.5, 1.7e9 + 0.5, 1.7e9 + 1000])
    assert_array_equal(merge_near_ties(none, np.array([1.0, 1.001, 3, 4.5]))[1], [1.0, 1.001, 3, 4.5])


def test_follow_up_that_is_only_rounding_is_refused():
    with pytest.raises(FollowUpError, match="1 of 2 rows have entry and exit equal up to rounding"):
        merge_near_ties(np.array([0.3, 0.0]), np.array([0.1 + 0.2, 1.5]))


@given(values=st.lists(st.integers(0, 200_000), min_size=1, max_size=200))
def test_order_is_stable(values):
    bins = np.array(values)
    assert_array_equal(order_of(bins, 200_001), np.argsort(bins, kind="stable"))


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8), seed=st.integers(0, 999))
def test_sums_within_strata(lengths, seed):
    values = np.random.default_rng(seed).normal(size=(2, sum(lengths)))
    starts = np.cumsum([0, *lengths[:-1]])
    parts = np.split(values, starts[1:], axis=1)
    assert_allclose(prefix_sums(values, starts), np.hstack([np.cumsum(p, axis=1) for p in parts]), rtol=1e-12, atol=1e-14)
    assert_allclose(suffix_sums(values, starts), np.hstack([np.cumsum(p[:, ::-1], axis=1)[:, ::-1] for p in parts]), rtol=1e-12, atol=1e-14)


def test_a_small_stratum_after_a_large_one_keeps_its_digits():
    rng = np.random.default_rng(3)
    large, small = rng.uniform(1e8, 1e9, 5000), rng.uniform(1e-4, 1e-3, 50)
    sums = prefix_sums(np.r_[large, small, large], np.array([0, 5000, 5050]))
    assert_allclose(sums[5000:5050], np.cumsum(small), rtol=1e-12)


def test_aliases_and_what_they_are_made_of():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 3))
    x = np.column_stack([x[:, 0], x[:, 1], 2 * x[:, 0] - x[:, 1], x[:, 2], np.zeros(200)])
    keep, combination = find_aliases(x.T @ x, 200.0)
    assert keep.tolist() == [True, True, False, True, False]
    assert_allclose(combination[2], [2, -1, 0, 0, 0], atol=1e-9)
    assert_allclose(combination[4], 0)
    # nearly, but not wholly, the same column
    near = np.column_stack([x[:, 0], x[:, 0] + 1e-4 * x[:, 1]])
    assert find_aliases(near.T @ near, 200.0)[0].all()


def test_inverse_of_an_ill_scaled_information():
    scale = np.array([1e-6, 1.0, 1e6])
    plain = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.2], [0.1, 0.2, 3.0]])
    inverse = covariance_of(plain * np.outer(scale, scale))
    assert_allclose(inverse * np.outer(scale, scale), np.linalg.inv(plain), rtol=1e-12, atol=1e-15)
    assert np.isfinite(covariance_of(np.ones((2, 2)))).all()


def test_no_delayed_entry_means_no_entry_bins():
    sets = risk_sets(follow_up(exit=[1.0, 2.0], event=[1, 0]))
    assert sets.entry_bin is None
    assert len(sets.entry_order) == 0
    assert pd.Series(sets.rows).tolist() == [0, 1]


# sums of 20,000 terms in another order differ by some 1e-13 of their size
SUMMED = 1e-11


@pytest.mark.parametrize("center", [0.0, 50.0, 1e6], ids=["at zero", "as ages", "far from zero"])
def test_sweeps_over_many_chunks_are_their_definitions(center):
    rng = np.random.default_rng(4)
    n, count = 20 * BLOCK + 7, 11
    x = np.ascontiguousarray(rng.normal(size=(3, n)) * [[1.0], [0.1], [7.0]] + center)
    columns = Columns(x, x.mean(axis=1), x.std(axis=1))
    exit_at, b, mass = rng.integers(0, count + 1, n), np.array([0.3, -0.2, 0.1]), rng.uniform(0, 2, n)
    entry_at = np.minimum(rng.integers(0, count + 1, n), exit_at)
    z = (x - columns.center[:, None]) / columns.scale[:, None]
    sums, risk = bin_sums(columns, exit_at, entry_at, count, b, 0.0, mass)
    assert_allclose(risk, mass * np.exp(b @ z), rtol=SUMMED)
    lines = np.vstack([np.ones(n), z]) * risk
    for k in range(count):
        want = lines[:, exit_at == k + 1].sum(axis=1) - lines[:, entry_at == k + 1].sum(axis=1)
        assert_allclose(sums[:, k], want, rtol=1e-8, atol=SUMMED * n)
    cumulative = np.append(0.0, np.cumsum(rng.uniform(size=count)))
    spent = risk * (cumulative[exit_at] - cumulative[entry_at])
    assert_allclose(weighted_cross(columns, risk, cumulative, exit_at, entry_at), (z * spent) @ z.T, rtol=1e-8, atol=SUMMED * n)


def test_rows_that_count_nowhere_neither_shift_nor_overflow():
    x = np.array([[-2.0, 1.0, 3.0, 4e3]])
    columns = Columns(x, np.zeros(1), np.ones(1))
    exit_at = np.array([1, 2, 2, 0])
    shift = safe_shift(columns, np.array([200.0]), (x.min(axis=1), x.max(axis=1)), exit_at)
    assert shift == 600.0
    sums, risk = bin_sums(columns, exit_at, None, 2, np.array([200.0]), shift, None)
    assert np.isfinite(risk).all()
    assert_allclose(sums[0], [np.exp(-1000.0), 1 + np.exp(-400.0)])


def test_scores_summed_by_cluster_are_the_sums_of_scores():
    rng = np.random.default_rng(5)
    n = 300
    start = rng.integers(0, 20, n)
    follow = follow_up(entry=start, exit=start + rng.integers(1, 30, n), event=rng.integers(0, 2, n))
    weights, codes = rng.integers(1, 4, n).astype(np.float64), rng.integers(0, 25, n)
    likelihood = partial_likelihood(rng.normal(size=(n, 6)) + 40, risk_sets(follow, rng.integers(0, 3, n)), weights)
    b = rng.normal(size=6) / 5
    rows = score_residuals(likelihood, b) * weights[:, None]
    want = np.array([rows[codes == g].sum(axis=0) for g in range(25)])
    assert_allclose(score_sums(likelihood, b, weights, (codes, 25)), want, rtol=1e-9, atol=1e-10)
    assert_allclose(rows.sum(axis=0) / likelihood.scale, likelihood.evaluate(b).score, rtol=1e-9)
