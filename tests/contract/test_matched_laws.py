"""Laws of conditional logistic regression: every subset counted one by one, pairs as differences, sets too large for counting."""

from __future__ import annotations

import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.fit import Fit
from cobalamin.models.regression.regression import logistic
from cobalamin.models.sampled.matched import conditional_logistic
from cobalamin.models.sampled.subset_moments import shapes_of, subset_likelihood

SAME_SUMS = 1e-9  # the same terms in another order
SAME_MAXIMUM = 1e-7  # two solutions of the same equations
DERIVATIVE = 1e-5  # central differences


@st.composite
def one_set(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 9))
    cases = draw(st.integers(1, n - 1))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    scale = draw(st.sampled_from([0.3, 1.0, 20.0]))
    return rng.normal(size=(n, 2)) * scale, np.isin(np.arange(n), rng.choice(n, cases, replace=False)), rng.normal(size=2)


def enumerated(z: np.ndarray, case: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, score and information from the list of all subsets."""
    sums = np.array([z[list(rows)].sum(axis=0) for rows in combinations(range(len(z)), int(case.sum()))])
    eta = sums @ b
    chance = np.exp(eta - eta.max())
    log_sum = eta.max() + np.log(chance.sum())
    chance /= chance.sum()
    mean, own = chance @ sums, z[case].sum(axis=0)
    return float(own @ b - log_sum), own - mean, (sums * chance[:, None]).T @ sums - np.outer(mean, mean)


@given(one_set())
@settings(max_examples=60, deadline=None)
def test_recursion_counts_every_subset(given_set: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    z, case, b = given_set
    [shape] = shapes_of(z, case, np.zeros(len(z), dtype=np.int64))
    size = np.abs(z).max() ** 2 * len(z)
    for ours, theirs in zip(subset_likelihood(shape, b), enumerated(z, case, b), strict=True):
        assert_allclose(ours, theirs, rtol=SAME_SUMS, atol=SAME_SUMS * size)


def test_large_sets_neither_overflow_nor_lose_digits() -> None:
    """C(3000, 1200) is 10**875; at b = 0 the likelihood is minus its logarithm, the variance that of a sample without replacement."""
    from scipy.special import gammaln

    rng = np.random.default_rng(2)
    z, case = rng.normal(size=(3000, 1)), np.arange(3000) < 1200
    [shape] = shapes_of(z, case, np.zeros(3000, dtype=np.int64))
    loglik, score, information = subset_likelihood(shape, np.zeros(1))
    assert_allclose(loglik, -(gammaln(3001) - gammaln(1201) - gammaln(1801)), rtol=1e-11)
    assert_allclose(score, z[case].sum() - 1200 * z.mean(), rtol=1e-9)
    assert_allclose(information, 1200 * 1800 / 2999 * z.var(), rtol=1e-9)
    for b in (5.0, 60.0):
        up, down, here = (subset_likelihood(shape, np.array([b + h])) for h in (1e-6, -1e-6, 0.0))
        assert_allclose(here[1], (up[0] - down[0]) / 2e-6, rtol=DERIVATIVE, atol=1e-4)
        assert_allclose(here[2].item(), (down[1] - up[1]).item() / 2e-6, rtol=1e-3, atol=1e-3)


@st.composite
def studies(draw: st.DrawFn) -> pd.DataFrame:
    """Sets of several shapes whose cases depend on x, with enough of them for a finite maximum."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    parts = []
    for s in range(draw(st.integers(25, 35))):
        n = int(rng.integers(2, 7))
        x, case = rng.normal(size=n), np.zeros(n, dtype=int)
        case[rng.choice(n, int(rng.integers(1, n)), replace=False, p=np.exp(0.4 * x) / np.exp(0.4 * x).sum())] = 1
        parts.append(pd.DataFrame({"set": s, "case": case, "x": x, "z": rng.choice(list("ab"), n)}))
    return pd.concat(parts, ignore_index=True)


def fit(data: pd.DataFrame, formula: str = "case ~ x + z", **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return conditional_logistic(formula, data, **{"matched_set": "set", **options})


def numbers(model: Fit) -> np.ndarray:
    return np.concatenate([model.coefficients, np.sqrt(np.diag(model.covariance)), [model.loglik]])


@given(studies(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_row_order_and_names_of_sets_do_not_matter(data: pd.DataFrame, random: Any) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    shuffled = data.iloc[order].assign(set=lambda d: "s" + (100 - d["set"]).astype(str))
    assert_allclose(numbers(fit(shuffled)), numbers(fit(data)), rtol=SAME_MAXIMUM)


@given(studies())
@settings(max_examples=10, deadline=None)
def test_what_a_set_shares_does_not_matter(data: pd.DataFrame) -> None:
    moved = data.assign(x=data["x"] + 1000 * data["set"])
    assert_allclose(numbers(fit(moved)), numbers(fit(data)), rtol=1e-5)


@given(studies())
@settings(max_examples=10, deadline=None)
def test_controls_as_cases_turn_the_sign(data: pd.DataFrame) -> None:
    turned = fit(data.assign(case=1 - data["case"]))
    assert_allclose(turned.coefficients, -fit(data).coefficients, rtol=SAME_MAXIMUM)
    assert_allclose(turned.covariance, fit(data).covariance, rtol=SAME_MAXIMUM)


@given(studies())
@settings(max_examples=10, deadline=None)
def test_every_set_twice_halves_the_variance(data: pd.DataFrame) -> None:
    one, two = fit(data), fit(pd.concat([data, data.assign(set=data["set"] + 1000)]))
    assert_allclose(two.coefficients, one.coefficients, rtol=SAME_MAXIMUM)
    assert_allclose(two.covariance, one.covariance / 2, rtol=SAME_MAXIMUM)


@given(studies())
@settings(max_examples=10, deadline=None)
def test_sets_without_contrast_change_nothing_but_are_counted(data: pd.DataFrame) -> None:
    idle = pd.DataFrame({"set": [900, 900, 901, 901], "case": [0, 0, 1, 1], "x": [5.0, 6, 7, 8], "z": list("abab")})
    one, other = fit(data), fit(pd.concat([data, idle]))
    assert_allclose(numbers(other), numbers(one), rtol=SAME_MAXIMUM)
    assert other.facts["n_sets_without_contrast"] - one.facts["n_sets_without_contrast"] == 2


@given(studies())
@settings(max_examples=10, deadline=None)
def test_pairs_are_a_logistic_regression_of_differences(data: pd.DataFrame) -> None:
    pairs = data.sort_values(["set", "case"]).groupby("set").nth([0, -1])
    pairs = pairs.groupby("set").filter(lambda s: s["case"].sum() == 1)
    assume(len(pairs) > 20)
    wide = pairs[pairs["case"] == 1].set_index("set")["x"] - pairs[pairs["case"] == 0].set_index("set")["x"]
    assume(wide.gt(0).sum() > 2 and wide.lt(0).sum() > 2)
    sign = np.where(np.arange(len(wide)) % 2 == 0, 1, -1)  # a logistic regression wants both outcomes
    differences = pd.DataFrame({"y": (sign > 0).astype(int), "x": wide.to_numpy() * sign})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        twin = logistic("y ~ 0 + x", differences)
    assert_allclose(numbers(fit(pairs, "case ~ x")), numbers(twin), rtol=SAME_MAXIMUM)


@pytest.mark.slow
def test_95_percent_intervals_cover_the_truth_95_times_in_100() -> None:
    """1,000 studies of 40 pairs, 30 sets of 2 cases in 6 and 20 of 3 in 8, drawn by their exact chances; 93.5 to 96.5% is asked."""
    rng, times, covered, truth = np.random.default_rng(8), 1000, 0, 0.5
    for _ in range(times):
        parts = [drawn(rng, truth, *shape) for shape in ((40, 2, 1), (30, 6, 2), (20, 8, 3))]
        data = pd.concat(parts, keys=range(3), names=["shape"]).reset_index("shape")
        row = fit(data, "case ~ x", matched_set=["shape", "set"]).tidy().iloc[0]
        covered += row["conf_low"] <= truth <= row["conf_high"]
    assert 0.935 <= covered / times <= 0.965


def drawn(rng: np.random.Generator, b: float, sets: int, n: int, d: int) -> pd.DataFrame:
    """Matched sets with d cases among n members, the subset chosen by its exact chance."""
    subsets = np.array(list(combinations(range(n), d)))
    x = rng.normal(size=(sets, n))
    chance = np.exp(b * x[:, subsets].sum(axis=2))
    chosen = (np.cumsum(chance, axis=1) < rng.random((sets, 1)) * chance.sum(axis=1, keepdims=True)).sum(axis=1)
    case = np.zeros((sets, n), dtype=int)
    case[np.arange(sets)[:, None], subsets[chosen]] = 1
    return pd.DataFrame({"set": np.repeat(np.arange(sets), n), "case": case.ravel(), "x": x.ravel()})
