"""Laws of every Cox fit: what must not change the answer, and the brute-force twin that says what the answer is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.followup import follow_up
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_residuals import cox_baseline, cox_residuals
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.partial_likelihood import partial_likelihood
from cobalamin.models.cox.risk_sets import risk_sets

# the same sums in another order
ROUNDING = 1e-9
# a central difference of step 1e-5 has an error of about 1e-10 of the third derivative
DIFFERENCE = 1e-6

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
fewer = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])

rows = st.tuples(
    st.integers(0, 5),  # entry
    st.integers(1, 5),  # time at risk
    st.integers(0, 1),  # event
    st.integers(-2, 2),  # x
    st.sampled_from([-1.5, 0.0, 0.25, 3.0]),  # z
    st.integers(0, 2),  # stratum
    st.sampled_from([0.5, 1.0, 2.0, 3.0]),  # weight
)
tables = st.lists(rows, min_size=2, max_size=14).filter(lambda table: any(row[2] for row in table))
ties = st.sampled_from(["efron", "breslow"])


def brute_force(b, x, entry, exit, event, stratum, weight, method):
    """Log partial likelihood by its definition: a loop over strata, event times and tied deaths."""
    total, risk = 0.0, weight * np.exp(x @ b)
    for s in np.unique(stratum):
        own = stratum == s
        for t in np.unique(exit[own & (event == 1)]):
            at_risk, dead = own & (entry < t) & (t <= exit), own & (event == 1) & (exit == t)
            d = dead.sum()
            for j in range(d):
                spared = j / d * risk[dead].sum() if method == "efron" else 0.0
                total -= weight[dead].sum() / d * np.log(risk[at_risk].sum() - spared)
            total += (weight[dead] * (x[dead] @ b)).sum()
    return total


def difference(function, b):
    step = 1e-5
    return np.array([(function(b + step * e) - function(b - step * e)) / (2 * step) for e in np.eye(len(b))])


@few
@given(table=tables, method=ties, b=st.tuples(st.floats(-1, 1), st.floats(-1, 1)), delayed=st.booleans(), strata=st.booleans())
def test_fast_equals_brute_force_and_derivatives_are_derivatives(table, method, b, delayed, strata):
    entry, length, event, x1, x2, stratum, weight = (np.array(column, dtype=float) for column in zip(*table, strict=True))
    exit, x, codes = entry + length, np.column_stack([x1, x2]), (stratum if strata else np.zeros(len(entry))).astype(int)
    follow = follow_up(exit=exit, event=event, entry=entry if delayed else None)
    likelihood = partial_likelihood(x, risk_sets(follow, codes if strata else None), weight, method)
    standardised = np.array(b)

    def slow(c):
        raw = c / likelihood.scale
        return brute_force(raw, x - likelihood.center, follow.entry, exit, event, codes, weight, method)

    fast = likelihood.evaluate(standardised)
    assert_allclose(fast.loglik, slow(standardised), rtol=ROUNDING, atol=ROUNDING)
    assert_allclose(fast.score, difference(slow, standardised), rtol=DIFFERENCE, atol=DIFFERENCE)
    information = -difference(lambda c: likelihood.evaluate(c).score, standardised)
    assert_allclose(fast.information, information, rtol=DIFFERENCE, atol=DIFFERENCE)
    residuals = score_residuals(likelihood, standardised)
    assert_allclose(weight @ residuals / likelihood.scale, fast.score, rtol=ROUNDING, atol=ROUNDING)


def cohort(seed: int, n: int = 70) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n).round(2), rng.integers(0, 2, n)
    entry = rng.integers(0, 12, n)
    time = np.ceil(rng.exponential(10 * np.exp(-0.5 * x)))
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "entry": entry,
            "exit": entry + time,
            "event": rng.integers(0, 2, n),
            "x": x,
            "z": z,
            "site": rng.integers(0, 3, n),
            "copies": rng.integers(1, 4, n),
            "real": rng.uniform(0.5, 2, n).round(3),
        }
    )


def fit_of(data: pd.DataFrame, formula: str = "x + z", **given):
    return cox(formula, data, **{"exit": "exit", "event": "event", "entry": "entry", **given})


def same(one, other, tolerance: float = ROUNDING, covariance: bool = True):
    assert_allclose(one.coefficients, other.coefficients, rtol=tolerance, atol=tolerance)
    if covariance:
        assert_allclose(one.covariance, other.covariance, rtol=tolerance, atol=tolerance)


seeds = st.integers(0, 10_000)
variants = st.sampled_from([{}, {"strata": "site"}, {"weights": "real"}, {"cluster": "site"}, {"ties": "breslow"}, {"entry": None}])


@fewer
@given(seed=seeds, variant=variants)
def test_row_order_does_not_matter(seed, variant):
    data = cohort(seed)
    same(fit_of(data, **variant), fit_of(data.sample(frac=1, random_state=seed), **variant))


@fewer
@given(seed=seeds)
def test_weight_two_is_two_copies_under_breslow(seed):
    data = cohort(seed)
    copies = data.loc[data.index.repeat(data["copies"])]
    weighted, doubled = fit_of(data, weights="copies", ties="breslow"), fit_of(copies, ties="breslow")
    same(weighted, doubled)
    assert_allclose(weighted.loglik, doubled.loglik, rtol=ROUNDING)


@fewer
@given(seed=seeds)
def test_weight_two_is_two_copies_without_ties(seed):
    # under Efron's method copies of a death are tied with one another, so censored copies only
    data = cohort(seed).assign(exit=lambda d: d["exit"] + d["id"] / 1000, copies=lambda d: np.where(d["event"] == 1, 1, d["copies"]))
    same(fit_of(data, weights="copies"), fit_of(data.loc[data.index.repeat(data["copies"])]))


@fewer
@given(seed=seeds, scale=st.sampled_from([1e-3, 7.0, 1e4]), shift=st.sampled_from([-50.0, 0.0, 1e4]))
def test_shifting_and_scaling_a_covariate(seed, scale, shift):
    data = cohort(seed)
    one, other = fit_of(data), fit_of(data.assign(x=shift + scale * data["x"]))
    assert_allclose(other.coefficients * [scale, 1], one.coefficients, rtol=1e-7, atol=1e-9)
    assert_allclose(np.sqrt(np.diag(other.covariance)) * [scale, 1], np.sqrt(np.diag(one.covariance)), rtol=1e-7)
    assert_allclose(other.loglik, one.loglik, rtol=ROUNDING)


@fewer
@given(seed=seeds)
def test_entry_before_everything_equals_no_entry(seed):
    data = cohort(seed)
    same(fit_of(data, entry=None), fit_of(data.assign(zero=0.0), entry="zero"))
    same(fit_of(data, entry=None), fit_of(data.assign(early=-1000.0), entry="early"))


@fewer
@given(seed=seeds, at=st.integers(1, 20), variant=variants)
def test_splitting_a_row_changes_nothing(seed, at, variant):
    data = cohort(seed).assign(zero=0)
    variant = {**variant, "entry": "zero" if variant.get("entry", "entry") is None else "entry"}
    start = variant["entry"]
    cut = (data[start] < at) & (at < data["exit"])
    first = data[cut].assign(exit=at, event=0)
    split = pd.concat([first, data.assign(**{start: data[start].where(~cut, at)})], ignore_index=True)
    same(fit_of(data, **variant), fit_of(split, **variant), covariance=variant.get("weights") is None)
    if "weights" in variant:
        same(fit_of(data, cluster="id", **variant), fit_of(split, cluster="id", **variant))


@fewer
@given(seed=seeds)
def test_singleton_clusters_are_the_robust_variance(seed):
    same(fit_of(cohort(seed), cluster="id"), fit_of(cohort(seed), robust=True))


@fewer
@given(seed=seeds)
def test_a_stratum_is_a_time_scale_of_its_own(seed):
    """Strata give the fit of one cohort whose strata live at different times."""
    data = cohort(seed)
    apart = data.assign(entry=data["entry"] + 1000 * data["site"], exit=data["exit"] + 1000 * data["site"])
    same(fit_of(data, strata="site"), fit_of(apart))


@fewer
@given(seed=seeds, variant=variants)
def test_martingale_residuals_balance(seed, variant):
    fit = fit_of(cohort(seed), **variant)
    weight = 1.0 if fit.parts["weights"] is None else fit.parts["weights"]
    residuals = cox_residuals(fit, "martingale")
    assert_allclose(np.sum(weight * residuals), 0, atol=1e-8)
    assert (residuals <= 1 + ROUNDING).all()


@fewer
@given(seed=seeds)
def test_baseline_hazard_never_falls(seed):
    base = cox_baseline(fit_of(cohort(seed), strata="site"))
    assert (base["hazard"] > 0).all()
    assert (base.groupby("stratum")["cumulative_hazard"].diff().dropna() > 0).all()


def test_intervals_cover_the_truth():
    """95% intervals hold the true log hazard ratio in about 95 of 100 simulated cohorts with delayed entry."""
    rng, held, runs = np.random.default_rng(8), 0, 200
    for _ in range(runs):
        x = rng.integers(0, 2, 250)
        entry = rng.uniform(0, 1, 250)
        death = rng.exponential(1 / np.exp(0.7 * x))
        seen = death > entry
        data = pd.DataFrame({"x": x, "entry": entry, "exit": np.minimum(death, 2.5), "event": (death <= 2.5) * 1})[seen & (entry < 2.5)]
        table = fit_of(data, "x").tidy()
        held += int(table["conf_low"].iloc[0] <= 0.7 <= table["conf_high"].iloc[0])
    # binomial(200, .95): fewer than 180 or more than 199 happens less than once in 300 runs of a right program
    assert 180 <= held <= 199


@pytest.mark.parametrize("seed", range(3))
def test_blocks_and_threads_do_not_matter(seed, monkeypatch):
    from cobalamin.models.cox import sweeps

    data = cohort(seed, n=3000)
    whole = fit_of(data, strata="site", cluster="id")
    monkeypatch.setattr(sweeps, "BLOCK", 64)
    same(whole, fit_of(data, strata="site", cluster="id"))
