"""Laws of what follows a Cox fit: tests, residuals, predictions, concordance, frailty, penalties, splitting; with slow twins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from cobalamin.core.errors import DataError
from cobalamin.core.followup import follow_up
from cobalamin.models.cox.concordance import concordance, count_pairs
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.cox_predict import predict_survival
from cobalamin.models.cox.cox_residuals import cox_residuals
from cobalamin.models.cox.dominance import sums_below
from cobalamin.models.cox.frailty import cox_frailty
from cobalamin.models.cox.penalty import Ridge
from cobalamin.models.cox.ph_test import ph_test
from cobalamin.models.cox.profile_interval import profile_interval
from cobalamin.models.cox.time_varying import split_at_events

# the same sums in another order
ROUNDING = 1e-8
# a statistic that is a quotient of small numbers
LOOSE = 1e-6

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
fewer = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 10_000)


def cohort(seed: int, n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, z, site = rng.normal(size=n).round(2), rng.integers(0, 2, n), rng.integers(0, 3, n)
    entry, time = rng.integers(0, 12, n), np.ceil(rng.exponential(10 * np.exp(-0.5 * x)))
    clinic = rng.integers(0, 12, n)
    return pd.DataFrame(
        {
            "entry": entry,
            "exit": entry + time,
            "event": (rng.random(n) < 0.7).astype(int),
            "x": x,
            "z": z,
            "site": site,
            "clinic": clinic,
            "real": rng.uniform(0.5, 2, n).round(3),
        }
    )


def fit_of(data: pd.DataFrame, formula: str = "x + z", **given):
    return cox(formula, data, **{"exit": "exit", "event": "event", "entry": "entry", **given})


variants = st.sampled_from([{}, {"strata": "site"}, {"weights": "real", "robust": False}, {"ties": "breslow"}, {"entry": None}])


@few
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=30), st.data())
def test_sums_below_equal_a_loop(points, data):
    rank, weight = np.array([p[0] for p in points]), np.array([p[1] for p in points], dtype=float)
    index = st.integers(0, len(points))
    queries = data.draw(st.lists(st.tuples(index, index, st.integers(0, 8)), min_size=1, max_size=10))
    first, last, limit = (np.array(column) for column in zip(*[(min(a, b), max(a, b), c) for a, b, c in queries], strict=True))
    slow = [weight[a:b][rank[a:b] < c].sum() for a, b, c in zip(first, last, limit, strict=True)]
    assert_allclose(sums_below(rank, weight, first, last, limit), slow)


rows = st.tuples(
    st.integers(0, 5), st.integers(1, 5), st.integers(0, 1), st.integers(-2, 2), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 1)
)


@few
@given(table=st.lists(rows, min_size=2, max_size=16), delayed=st.booleans())
def test_pairs_equal_a_loop(table, delayed):
    entry, length, event, score, weight, stratum = (np.array(column, dtype=float) for column in zip(*table, strict=True))
    exit, entry = entry + length, entry if delayed else np.full(len(entry), -np.inf)
    follow = follow_up(exit=exit, event=event, entry=entry if delayed else None)
    slow = np.zeros((3, len(exit)))
    for i in np.flatnonzero(event == 1):
        for j in range(len(exit)):
            later = exit[j] > exit[i] or (exit[j] == exit[i] and event[j] == 0)
            if j != i and stratum[i] == stratum[j] and entry[j] < exit[i] and later:
                kind = 0 if score[i] > score[j] else 1 if score[i] < score[j] else 2
                slow[kind, i] += weight[j]
                slow[kind, j] += weight[i]
    fast = count_pairs(follow, score, weight, stratum.astype(int))
    assert_allclose([fast.concordant, fast.discordant, fast.tied], slow, atol=1e-12)


@fewer
@given(seed=seeds, variant=variants)
def test_residuals_sum_to_zero_and_give_the_robust_variance(seed, variant):
    data = cohort(seed)
    fit = fit_of(data, **variant)
    weight = data["real"].to_numpy() if "weights" in variant else np.ones(len(data))
    assert_allclose(weight @ cox_residuals(fit, "score"), 0, atol=1e-6)
    assert_allclose(weight @ cox_residuals(fit, "martingale"), 0, atol=1e-8)
    effect = cox_residuals(fit, "dfbeta")
    assert_allclose(effect.T @ effect, fit_of(data, **{**variant, "robust": True}).covariance, rtol=ROUNDING, atol=1e-14)
    if "weights" not in variant:
        assert_allclose(cox_residuals(fit, "schoenfeld").sum(axis=0), 0, atol=1e-6)


@fewer
@given(seed=seeds, variant=variants, transform=st.sampled_from(["km", "identity", "rank", "log"]))
def test_ph_test_does_not_depend_on_order_units_or_weights_that_are_all_equal(seed, variant, transform):
    data = cohort(seed)
    table = ph_test(fit_of(data, **variant), transform)
    shuffled = data.sample(frac=1, random_state=seed)
    assert_allclose(ph_test(fit_of(shuffled, **variant), transform)["chi2"], table["chi2"], rtol=LOOSE)
    turned = data.assign(x=lambda d: 100 - 7 * d["x"], entry=lambda d: d["entry"] * 3, exit=lambda d: d["exit"] * 3)
    assert_allclose(ph_test(fit_of(turned, **variant), transform)["chi2"], table["chi2"], rtol=LOOSE)
    assert (table["chi2"] >= 0).all()


@fewer
@given(seed=seeds)
def test_ph_test_is_the_score_test_of_the_split_model(seed):
    data = cohort(seed)
    split = split_at_events(data, exit="exit", event="event", entry="entry")
    centred = split.assign(xt=lambda d: d["x"] * d["exit"])
    null, full = fit_of(split), fit_of(centred, "x + z + xt")
    # score and information of the larger model at the smaller one's estimate
    likelihood = full.parts["solved"].likelihood
    at = likelihood.evaluate(np.append(null.coefficients, 0.0) * likelihood.scale)
    chi2 = at.score @ np.linalg.solve(at.information, at.score)
    assert_allclose(ph_test(fit_of(data), "identity")["chi2"].iloc[0], chi2, rtol=LOOSE)


@fewer
@given(seed=seeds, variant=variants)
def test_splitting_at_events_changes_nothing(seed, variant):
    data = cohort(seed)
    given = {"exit": "exit", "event": "event", **({} if "entry" in variant else {"entry": "entry"})}
    split = split_at_events(data.drop(columns="entry") if "entry" in variant else data, strata=variant.get("strata"), **given)
    whole, pieces = fit_of(data, **variant), fit_of(split, **{**variant, "entry": "entry"})
    assert_allclose(pieces.coefficients, whole.coefficients, rtol=ROUNDING)
    assert_allclose(pieces.covariance, whole.covariance, rtol=ROUNDING)
    assert pieces.events == whole.events
    step = split_at_events(data, exit="exit", event="event", entry="entry", breaks=[4.0, 9.0])
    lengths = (step["exit"] - step["entry"]).groupby(level=0).sum()
    assert_allclose(lengths, data["exit"] - data["entry"])


@fewer
@given(seed=seeds, variant=variants)
def test_predicted_survival_is_a_survival_curve(seed, variant):
    data = cohort(seed)
    curves = predict_survival(fit_of(data, **variant), data.head(3), confidence="log-log")
    for _, one in curves.frame.groupby("row"):
        known = one.dropna(subset=["estimate"])
        assert (np.diff(known["estimate"]) <= 1e-12).all()
        assert known["estimate"].between(0, 1).all()
        assert (known["conf_low"] <= known["estimate"] + 1e-12).all()
        assert (known["estimate"] <= known["conf_high"] + 1e-12).all()
    moments = [2.0, 5.0]
    mean = curves.at(moments).groupby("time")["estimate"].mean()
    assert_allclose(curves.mean(moments)["estimate"], mean, rtol=1e-12)


@fewer
@given(seed=seeds)
def test_prediction_does_not_depend_on_centre_and_unit(seed):
    data = cohort(seed)
    moved = data.assign(x=lambda d: 1000 + 5 * d["x"])
    one = predict_survival(fit_of(data, strata="site"), data.head(4)).at([3, 6])
    other = predict_survival(fit_of(moved, strata="site"), moved.head(4)).at([3, 6])
    assert_allclose(one[["estimate", "std_error"]], other[["estimate", "std_error"]], rtol=LOOSE)


@fewer
@given(seed=seeds)
def test_an_offset_is_a_known_coefficient(seed):
    data = cohort(seed).assign(known=lambda d: 0.7 * d["x"])
    free, held = fit_of(data), fit_of(data, offset="known")
    assert_allclose(held.coefficients[0] + 0.7, free.coefficients[0], rtol=LOOSE, atol=LOOSE)
    assert_allclose(held.loglik, free.loglik, rtol=ROUNDING)
    assert_allclose(concordance(held)["estimate"], concordance(free)["estimate"], rtol=ROUNDING)
    assert_allclose(ph_test(held)["chi2"], ph_test(free)["chi2"], rtol=LOOSE)
    one, other = (predict_survival(fit, data.head(2)).at([4])["std_error"] for fit in (held, free))
    assert_allclose(one, other, rtol=LOOSE)
    constant = fit_of(data.assign(known=3.0), offset="known")
    assert_allclose(constant.loglik, free.loglik, rtol=ROUNDING)


@fewer
@given(seed=seeds)
def test_penalties_shrink_and_vanish(seed):
    data = cohort(seed)
    free, none, strong = fit_of(data), fit_of(data, penalty=Ridge(0.0)), fit_of(data, penalty=Ridge(1e6))
    assert_allclose(none.coefficients, free.coefficients, rtol=LOOSE, atol=LOOSE)
    assert_allclose(strong.coefficients, 0, atol=1e-3)
    one, split = fit_of(data, penalty="firth"), fit_of(data.assign(x=lambda d: 4 - 10 * d["x"]), penalty="firth")
    assert_allclose(split.coefficients[0] * -10, one.coefficients[0], rtol=LOOSE, atol=LOOSE)
    assert_allclose(split.coefficients[1], one.coefficients[1], rtol=LOOSE, atol=LOOSE)


@fewer
@given(seed=seeds, variant=st.sampled_from([{}, {"strata": "site"}, {"penalty": "firth"}, {"penalty": Ridge(3.0)}]))
def test_profile_limits_are_where_the_likelihood_has_fallen(seed, variant):
    data = cohort(seed)
    fit = fit_of(data, **variant)
    limits = profile_interval(fit, "x").iloc[0]
    assert limits["conf_low"] < fit.coefficients[0] < limits["conf_high"]
    solved = fit.parts["solved"]
    for end in ("conf_low", "conf_high"):
        held = data.assign(known=lambda d, value=limits[end]: value * d["x"])
        if "penalty" in variant:
            # the penalty is on x too: hold its coefficient and search the other
            at = limits[end] * solved.likelihood.scale[0]
            best = minimize_scalar(lambda b, at=at: -solved.objective(np.array([at, b])).loglik, bounds=(-4, 4), method="bounded")
            assert_allclose(fit_top(fit) + best.fun, 1.920729, atol=1e-5)
        else:
            rest = fit_of(held, "z", offset="known", **variant)
            assert_allclose(fit.loglik - rest.loglik, 1.920729, atol=1e-6)


def fit_top(fit) -> float:
    solved = fit.parts["solved"]
    return solved.objective(solved.b).loglik


@fewer
@given(seed=seeds, theta=st.sampled_from([0.05, 0.5, 2.0]))
def test_frailty_solution_is_that_of_the_em_algorithm(seed, theta):
    data = cohort(seed)
    fit = cox_frailty("x + z", data, entry="entry", exit="exit", event="event", cluster="clinic", theta=theta, ties="breslow")
    frailty = fit.parts["frailty"].set_index("clinic")
    # E step: the frailty given events and expected events; M step: Cox with the frailties as offsets
    data = data.assign(known=np.log(data["clinic"].map(frailty["frailty"])))
    step = fit_of(data, offset="known", ties="breslow")
    assert_allclose(step.coefficients, fit.coefficients, rtol=LOOSE, atol=LOOSE)
    excess = pd.Series(cox_residuals(step, "martingale")).groupby(data["clinic"]).sum()
    expected = ((frailty["events"] - excess) / frailty["frailty"]).reindex(frailty.index)
    assert_allclose((1 / theta + frailty["events"]) / (1 / theta + expected), frailty["frailty"], rtol=LOOSE)
    assert_allclose(frailty["frailty"].mean(), 1, rtol=1e-9)


def test_too_many_rows_are_refused_before_they_are_made():
    with pytest.raises(DataError, match="max_rows=100"):
        split_at_events(cohort(1), exit="exit", event="event", entry="entry", max_rows=100)


def simulate(kind: str, rng: np.random.Generator) -> tuple[pd.DataFrame, dict]:
    # the sandwich needs many clusters: with 50 of them its intervals cover about 93.5%
    n = 750 if kind == "cluster" else 250
    x = rng.normal(size=n)
    if kind == "cluster":
        group = np.repeat(np.arange(n // 5), 5)
        x = rng.normal(size=n // 5)[group]
        # positive stable frailty keeps hazards proportional within and across clusters: the marginal effect is alpha times 0.5
        alpha = 0.7
        angle, spread = rng.uniform(0, np.pi, n // 5), rng.exponential(size=n // 5)
        stable = np.sin(alpha * angle) / np.sin(angle) ** (1 / alpha) * (np.sin((1 - alpha) * angle) / spread) ** ((1 - alpha) / alpha)
        death = rng.exponential(1 / (stable[group] * np.exp(0.5 / alpha * x)))
        end = np.minimum(death, rng.uniform(0.3, 3, n))
        return pd.DataFrame({"x": x, "exit": end, "event": (death <= end) * 1, "id": group}), {"cluster": "id"}
    death, entry = rng.exponential(np.exp(-0.5 * x)), rng.uniform(0, 0.8, n) if kind == "delayed" else np.zeros(n)
    end = np.minimum(death, entry + rng.uniform(0.3, 2, n))
    frame = pd.DataFrame({"x": x, "entry": entry, "exit": end, "event": (death <= end) * 1})
    return frame[death > entry], {"entry": "entry"} if kind == "delayed" else {}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "delayed", "cluster"])
def test_intervals_of_the_coefficient_and_of_survival_cover(kind):
    rng = np.random.default_rng({"plain": 11, "delayed": 12, "cluster": 13}[kind])
    hits, survived = 0, 0
    for _ in range(1000):
        data, given = simulate(kind, rng)
        fit = cox("x", data, exit="exit", event="event", **given)
        row = fit.tidy().iloc[0]
        hits += row["conf_low"] < 0.5 < row["conf_high"]
        if kind != "cluster":
            at = predict_survival(fit, pd.DataFrame({"x": [0.4]}), [0.5], confidence="log-log").frame.iloc[0]
            survived += at["conf_low"] < np.exp(-0.5 * np.exp(0.2)) < at["conf_high"]
    assert 0.935 <= hits / 1000 <= 0.965
    assert kind == "cluster" or 0.935 <= survived / 1000 <= 0.965
