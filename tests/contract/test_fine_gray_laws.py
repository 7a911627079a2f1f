"""Laws of Fine-Gray regression and of absolute risk, against a slow twin that writes down every weight."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp
from cobalamin.models.competing.absolute_risk import absolute_risk, cause_specific
from cobalamin.models.competing.fine_gray import fine_gray
from cobalamin.models.competing.fine_gray_likelihood import fine_gray_likelihood
from cobalamin.models.competing.fine_gray_weights import observation
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit

SAME_SUMS = 1e-7  # the same sums in another order, through a solution that is exact to rounding
NUMERICAL = 1e-5  # central differences with a step of 1e-4
KAPLAN_MEIER_STEP = 5e-3  # Fine and Gray divide by n where the derivative of Kaplan-Meier's product has n - d


@st.composite
def cohorts(draw: st.DrawFn, late: bool = True) -> pd.DataFrame:
    """Forty people on whole days, so that everything ties; twenty under observation from the start, so that no gap can arise."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = 40
    entry = np.where(np.arange(n) < 20, 0, rng.integers(0, 9 if late else 1, n)).astype(float)
    out = np.where(np.arange(n) < 20, rng.integers(5, 20, n), entry + rng.integers(1, 15, n))
    return pd.DataFrame(
        {
            "id": range(n),
            "in": entry,
            "out": out,
            "e": rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3]),
            "x": rng.normal(size=n).round(2),
            "z": rng.integers(0, 2, n),
            "copies": rng.integers(1, 3, n),
            "w": rng.uniform(0.3, 2, n).round(2),
        }
    )


def fit(data: pd.DataFrame, **options: Any) -> Fit:
    return fine_gray("x + z", data, **{"exit": "out", "event": "e", "entry": "in", **options})


def finite(result: Fit) -> bool:
    return bool(np.isfinite(result.covariance).all())


def quiet(data: pd.DataFrame, **options: Any) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = fit(data, **options)
    assume(finite(result))
    return result


def assert_same(one: Fit, other: Fit, tolerance: float = SAME_SUMS) -> None:
    assert_allclose(one.coefficients, other.coefficients, rtol=tolerance, atol=tolerance)
    assert_allclose(one.covariance, other.covariance, rtol=10 * tolerance, atol=tolerance)


class Twin:
    """Fine and Gray's estimator with every person's weight at every event time, and every sum by definition."""

    def __init__(self, data: pd.DataFrame, late: bool, as_crr: bool, weight: np.ndarray) -> None:
        self.entry = data["in"].to_numpy() if late else np.full(len(data), -np.inf)
        self.exit, self.event, self.case = data["out"].to_numpy(), data["e"].to_numpy(), weight
        self.x, self.late, self.as_crr = data[["x", "z"]].to_numpy(float), late, as_crr
        self.times = np.unique(self.exit[self.event == 1])
        self.weight = np.array([[self.weight_of(i, t) for t in self.times] for i in range(len(data))])

    def at_risk_of_censoring(self, u: float) -> np.ndarray:
        tied_event = (self.exit == u) & (self.event > 0) & (not self.as_crr)
        return (self.entry < u) & (u <= self.exit) & ~tied_event

    def observed(self, t: float) -> float:
        """G(t-) H(t-), the latter up to a constant."""
        chance = 1.0
        for u in np.unique(self.exit[self.event == 0]):
            if u < t:
                chance *= 1 - self.case[(self.exit == u) & (self.event == 0)].sum() / self.case[self.at_risk_of_censoring(u)].sum()
        for e in np.unique(self.entry[np.isfinite(self.entry)]):
            inside = (self.entry <= e) & (e < self.exit)
            share = self.case[self.entry == e].sum() / self.case[inside].sum()
            chance *= 1 - share if e >= t and share < 1 else 1.0
        return chance

    def weight_of(self, i: int, t: float) -> float:
        if self.entry[i] < t <= self.exit[i]:
            return 1.0
        if self.event[i] == 2 and self.exit[i] < t:
            return self.observed(t) / self.observed(self.exit[i])
        return 0.0

    def scores(self, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return eta and psi, each person's."""
        risk = np.exp(self.x @ b)
        eta, psi = np.zeros(self.x.shape), np.zeros(self.x.shape)
        every = [self.moments(k, risk) for k in range(len(self.times))]
        for k, t in enumerate(self.times):
            mean, hazard = every[k]
            dead = (self.exit == t) & (self.event == 1)
            eta += (self.x - mean) * (dead - self.weight[:, k] * risk * hazard)[:, None]
        for u in np.unique(self.exit[self.event == 0]):
            at_risk, own = self.at_risk_of_censoring(u), (self.exit == u) & (self.event == 0)
            psi += self.martingale(own, at_risk)[:, None] * self.q(u, risk, every, exact=not self.as_crr)
        for e in np.unique(self.entry[np.isfinite(self.entry)]):
            at_risk, own = (self.entry <= e) & (e < self.exit), self.entry == e
            psi -= self.martingale(own, at_risk)[:, None] * self.q(e, risk, every, exact=True)
        return eta, psi

    def moments(self, k: int, risk: np.ndarray) -> tuple[np.ndarray, float]:
        mass = self.case * self.weight[:, k] * risk
        dead = (self.exit == self.times[k]) & (self.event == 1)
        return mass @ self.x / mass.sum(), float(self.case[dead].sum() / mass.sum())

    def martingale(self, own: np.ndarray, at_risk: np.ndarray) -> np.ndarray:
        y = self.case[at_risk].sum()
        return (own - at_risk * self.case[own].sum() / y) / y

    def q(self, u: float, risk: np.ndarray, every: list[tuple[np.ndarray, float]], *, exact: bool) -> np.ndarray:
        total = np.zeros(self.x.shape[1])
        for k, t in enumerate(self.times):
            mean, hazard = every[k]
            for j in np.flatnonzero(self.event == 2):
                if (self.exit[j] <= u < t) if exact else (self.exit[j] < u <= t):
                    total += self.case[j] * self.weight[j, k] * risk[j] * (self.x[j] - mean) * hazard
        return total

    def information(self, b: np.ndarray) -> np.ndarray:
        risk = np.exp(self.x @ b)
        total = np.zeros((self.x.shape[1], self.x.shape[1]))
        for k, t in enumerate(self.times):
            mass = self.case * self.weight[:, k] * risk
            mean = mass @ self.x / mass.sum()
            centred = self.x - mean
            dead = self.case[(self.exit == t) & (self.event == 1)].sum()
            total += dead * (centred.T * mass) @ centred / mass.sum()
        return total


@given(cohorts(), st.booleans(), st.sampled_from(["crr", "finegray"]), st.booleans())
@settings(max_examples=12, deadline=None)
def test_is_its_slow_twin(data: pd.DataFrame, late: bool, ties: str, weighted: bool) -> None:
    weight = data["w"].to_numpy() if weighted else np.ones(len(data))
    options = {"entry": "in" if late else None, "censoring_ties": ties, "weights": "w" if weighted else None}
    ours = quiet(data.assign(cluster=data["id"] // 3), **options)
    twin = Twin(data, late, ties == "crr", weight)
    eta, psi = twin.scores(ours.coefficients)
    assert_allclose(weight @ eta, 0, atol=1e-8)  # the score is zero at the estimate
    bread = np.linalg.inv(twin.information(ours.coefficients))
    assert_allclose(ours.model_covariance, bread, rtol=SAME_SUMS)
    parts = weight[:, None] * (eta + psi) @ bread
    assert_allclose(ours.covariance, parts.T @ parts, rtol=SAME_SUMS, atol=SAME_SUMS)
    clustered = quiet(data.assign(cluster=data["id"] // 3), cluster="cluster", **options)
    sums = np.array([parts[data["id"] // 3 == c].sum(axis=0) for c in range(14)])
    assert_allclose(clustered.covariance, sums.T @ sums, rtol=SAME_SUMS, atol=SAME_SUMS)


@given(cohorts(), st.booleans())
@settings(max_examples=10, deadline=None)
def test_row_order_and_unit_of_time_do_not_matter(data: pd.DataFrame, late: bool) -> None:
    base = quiet(data, entry="in" if late else None)
    other = data.assign(**{"in": data["in"] / 365.25, "out": data["out"] / 365.25}).iloc[::-1]
    assert_same(base, quiet(other, entry="in" if late else None))


@given(cohorts())
@settings(max_examples=10, deadline=None)
def test_weight_two_is_two_people(data: pd.DataFrame) -> None:
    assert_same(quiet(data, weights="copies"), quiet(data.loc[data.index.repeat(data["copies"])]))


@given(cohorts(late=False))
@settings(max_examples=10, deadline=None)
def test_entry_at_zero_is_no_delayed_entry(data: pd.DataFrame) -> None:
    assert_same(quiet(data), quiet(data, entry=None))


@given(cohorts(), st.sampled_from(["breslow", "efron"]))
@settings(max_examples=10, deadline=None)
def test_without_competing_events_it_is_cox_with_the_robust_variance(data: pd.DataFrame, ties: Any) -> None:
    data = data.assign(e=(data["e"] == 1).astype(int))
    ours = quiet(data, ties=ties)
    theirs = cox("x + z", data, exit="out", event="e", entry="in", ties=ties, robust=True)
    assert_same(ours, theirs)
    assert_allclose(ours.loglik, theirs.loglik, rtol=SAME_SUMS)
    assert_allclose(ours.model_covariance, theirs.model_covariance, rtol=SAME_SUMS)


@given(cohorts())
@settings(max_examples=10, deadline=None)
def test_shifting_and_scaling_a_covariate(data: pd.DataFrame) -> None:
    base, other = quiet(data), quiet(data.assign(x=1000 + 0.01 * data["x"]))
    assert_allclose(base.coefficients, other.coefficients * [0.01, 1], rtol=1e-5, atol=1e-8)
    assert_allclose(base.covariance, other.covariance * np.outer([0.01, 1], [0.01, 1]), rtol=1e-5, atol=1e-8)


@given(cohorts(), st.floats(-1, 1), st.sampled_from(["breslow", "efron"]))
@settings(max_examples=10, deadline=None)
def test_score_and_information_are_derivatives(data: pd.DataFrame, b: float, ties: Any) -> None:
    follow = FollowUp(data["in"].to_numpy(), data["out"].to_numpy(float), data["e"].to_numpy())
    try:
        likelihood = fine_gray_likelihood(data[["x", "z"]].to_numpy(float), follow, 1, observation(follow, None, "finegray"), None, ties)
    except DataError:
        assume(False)
    at, step = np.array([b, -b / 2]), 1e-4
    value = likelihood.evaluate(at)
    for j, direction in enumerate(np.eye(2)):
        up, down = likelihood.evaluate(at + step * direction), likelihood.evaluate(at - step * direction)
        assert_allclose((up.loglik - down.loglik) / (2 * step), value.score[j], rtol=NUMERICAL, atol=NUMERICAL)
        assert_allclose(-(up.score - down.score) / (2 * step), value.information[j], rtol=NUMERICAL, atol=NUMERICAL)


NEW = pd.DataFrame({"x": [-0.5, 0.8], "z": [0, 1]})


def jackknife(data: pd.DataFrame, predict: Any) -> np.ndarray:
    """Standard errors from the derivative of a prediction by each person's weight."""
    moved = []
    for i in range(len(data)):
        up, down = (predict(data.assign(one=np.where(data.index == i, 1 + s, 1.0))) for s in (1e-4, -1e-4))
        moved.append((up - down) / 2e-4)
    return np.sqrt((np.array(moved) ** 2).sum(axis=0))


def cohort(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 30
    entry = np.where(np.arange(n) < 15, 0, rng.integers(0, 6, n)).astype(float)
    out = entry + rng.integers(4, 20, n)
    x, z, e = rng.normal(size=n), rng.integers(0, 2, n), rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])
    return pd.DataFrame({"in": entry, "out": out, "e": e, "x": x, "z": z, "one": 1.0})


@pytest.mark.parametrize(("entry", "ties"), [(None, "efron"), ("in", "breslow")])
def test_errors_of_absolute_risk_are_the_infinitesimal_jackknife(entry: str | None, ties: str) -> None:
    data = cohort(1)

    def fits(rows: pd.DataFrame, weights: str | None) -> Any:
        return cause_specific({1: "x + z", 2: "x"}, rows, exit="out", event="e", entry=entry, ties=ties, weights=weights)

    ours = absolute_risk(fits(data, None), NEW, [6, 12])
    brute = jackknife(data, lambda rows: absolute_risk(fits(rows, "one"), NEW, [6, 12])["estimate"].to_numpy())
    assert_allclose(ours["std_error"], brute, rtol=NUMERICAL)


@pytest.mark.parametrize("entry", [None, "in"])
def test_errors_of_a_fine_gray_prediction_are_the_infinitesimal_jackknife(entry: str | None) -> None:
    data = cohort(2)
    ours = absolute_risk(fit(data, entry=entry), NEW, [6, 12])
    brute = jackknife(data, lambda rows: absolute_risk(fit(rows, entry=entry, weights="one"), NEW, [6, 12])["estimate"].to_numpy())
    assert_allclose(ours["std_error"], brute, rtol=KAPLAN_MEIER_STEP)
    coefficients = jackknife(data, lambda rows: fit(rows, entry=entry, weights="one").coefficients)
    assert_allclose(np.sqrt(np.diag(fit(data, entry=entry).covariance)), coefficients, rtol=KAPLAN_MEIER_STEP)


def test_absolute_risks_of_all_causes_are_a_probability_and_rise() -> None:
    fits = cause_specific("x + z", cohort(3), exit="out", event="e")
    table = absolute_risk(fits, NEW, np.arange(1, 20)).pivot_table(index=["row", "time"], columns="state", values="estimate")
    assert ((table >= 0) & (table <= 1)).all().all()
    assert (table.sum(axis=1) <= 1).all()
    assert (table.groupby("row").diff().dropna() >= 0).all().all()


@pytest.mark.slow
def test_fine_gray_intervals_cover() -> None:
    """Fine and Gray's own simulation: F1(t|x) = 1 - (1 - p (1 - exp(-t)))^exp(xb)."""
    rng = np.random.default_rng(20240915)
    truth, hits, n = np.array([0.5, -0.5]), np.zeros(2), 300
    for _ in range(1000):
        x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
        ratio = np.exp(x @ truth)
        first = rng.random(n) < 1 - 0.4**ratio
        u = rng.random(n) * (1 - 0.4**ratio)
        t1 = -np.log(1 - (1 - (1 - u) ** (1 / ratio)) / 0.6)
        t = np.where(first, t1, rng.exponential(1 / np.exp(x[:, 0] / 2)))
        c = rng.uniform(0.3, 3, n)
        data = pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "out": np.minimum(t, c), "e": np.where(c < t, 0, np.where(first, 1, 2))})
        table = fit(data, entry=None).tidy()
        hits += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
    assert ((hits >= 935) & (hits <= 965)).all()
