"""Laws of curves and Cox models of interval-censored times, and the constrained Newton method against the EM algorithm by definition."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.cox.cox import cox
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.fit import Fit
from cobalamin.models.interval.interval_cox import interval_cox
from cobalamin.models.interval.interval_cox_curve import interval_baseline
from cobalamin.models.interval.interval_curves import IntervalCurves
from cobalamin.models.interval.range_sums import spread_over, sum_over
from cobalamin.models.interval.turnbull import interval_survival

SAME_MAXIMUM = 1e-6  # the same likelihood climbed from another start
SAME_COEFFICIENTS = 1e-5
NEARLY_THERE = 1e-5  # a likelihood that rises for ever is left where 1e-6 is to be gained
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def tables(draw: st.DrawFn, most: int = 20, late: bool = True) -> pd.DataFrame:
    """Few whole times, so that bounds and entries tie; exact, left-, right- and interval-censored rows."""
    n = draw(st.integers(4, most))
    entry = np.array(draw(st.lists(st.integers(0, 4 if late else 0), min_size=n, max_size=n)), dtype=float)
    wait = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)), dtype=float)
    width = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), dtype=float)
    kind = np.array(draw(st.lists(st.sampled_from(["interval", "interval", "right", "exact"]), min_size=n, max_size=n)))
    low = entry + wait
    high = np.where(kind == "right", np.inf, low + np.where(kind == "exact", 0, 1 + width))
    low = np.where((kind == "exact") & (wait == 0), low + 1, low)  # an exact time comes after entry
    high = np.where(kind == "exact", low, high)
    copies = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    x = draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    return pd.DataFrame({"in": entry, "low": low, "high": high, "copies": copies, "x": np.array(x, dtype=float)})


def curve(data: pd.DataFrame, **options: object) -> IntervalCurves:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return interval_survival(data, **{"lower": "low", "upper": "high", "entry": "in", **options})  # type: ignore[arg-type]


def fit(data: pd.DataFrame, formula: str = "x", **options: object) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return interval_cox(formula, data, **{"lower": "low", "upper": "high", "entry": "in", **options})  # type: ignore[arg-type]


def assert_same_model(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Both fits are the same; where a coefficient runs to infinity, in both, and the likelihood is as good as there."""
    if not np.isfinite(one["high"]).any():
        return
    a, b = (fit(data, weights="w" if "w" in data else None) for data in (one, other))
    assert np.array_equal(np.isfinite(a.coefficients), np.isfinite(b.coefficients))
    finite = bool(np.isfinite(a.coefficients).all())
    assert_allclose(a.loglik, b.loglik, atol=SAME_MAXIMUM if finite else NEARLY_THERE)
    if finite:
        assert_allclose(a.coefficients, b.coefficients, atol=1e-3)


class ByDefinition:
    """The likelihood on every bound and entry, row by row: no innermost intervals, no running sums."""

    def __init__(self, data: pd.DataFrame, density: bool) -> None:
        low, high, entry = (data[name].to_numpy()[:, None] for name in ("low", "high", "in"))
        times = np.unique(np.concatenate([low, np.where(np.isfinite(high), high, low), entry]))
        points = np.sort(np.concatenate([times, times + 0.5]))[None, :]  # at every bound, and between bounds
        exact = low == high
        self.within = ((low < points) & (points <= high) & np.isfinite(high) & ~exact) | (exact & (points == high))
        self.free = (entry < points) & (points <= low) & ~(exact & (points == high))
        self.points, self.weight = points[0], np.ones(len(data))
        self.density = exact[:, 0] if density else np.zeros(len(data), dtype=bool)
        self.free[self.density] |= self.within[self.density]

    def loglik(self, hazard: np.ndarray, risk: np.ndarray) -> float:
        value = -risk * (self.free @ hazard)
        inside = self.within @ hazard
        event = self.within.any(axis=1)
        with np.errstate(divide="ignore"):
            value[event & ~self.density] += np.log(-np.expm1(-(risk * inside)[event & ~self.density]))
            value[self.density] += np.log((risk * inside)[self.density])
        return float(value.sum())

    def climb(self, risk: np.ndarray, steps: int = 1500) -> tuple[float, np.ndarray]:
        """Run the EM algorithm of latent Poisson counts."""
        hazard = np.full(self.within.shape[1], 0.3)
        within, free = self.within.astype(float), self.free.astype(float)
        certain = ~self.density & self.within.any(axis=1)
        at_risk = (risk[:, None] * (free + within * certain[:, None])).sum(axis=0)
        for _ in range(steps):
            inside = within @ hazard
            expected = np.where(self.density, 1 / np.maximum(inside, 1e-300), risk / np.maximum(-np.expm1(-risk * inside), 1e-300))
            count = hazard * (within * expected[:, None])[self.within.any(axis=1)].sum(axis=0)
            hazard = np.divide(count, at_risk, out=np.zeros(len(hazard)), where=at_risk > 0)
            hazard = np.minimum(hazard, 60.0)
        return self.loglik(hazard, risk), hazard


@given(tables(most=12))
@settings(max_examples=15, deadline=None)
def test_no_em_climbs_higher(data: pd.DataFrame) -> None:
    assume(np.isfinite(data["high"]).any())
    definition = ByDefinition(data, density=False)
    theirs, _ = definition.climb(np.ones(len(data)))
    ours = curve(data)
    assert ours.gap["Overall"] < 1e-5
    assert ours.loglik["Overall"] >= theirs - 1e-9
    # EM crawls where a mass goes to 0 or to infinity; it comes near from below
    assert_allclose(theirs, ours.loglik["Overall"], atol=0.02)


@given(tables(most=12))
@settings(max_examples=10, deadline=None)
def test_no_em_climbs_higher_with_a_covariate(data: pd.DataFrame) -> None:
    assume(np.isfinite(data["high"]).any())
    found = fit(data)
    assume(np.isfinite(found.coefficients).all())
    risk = np.exp(data["x"].to_numpy() * found.coefficients[0])
    theirs, _ = ByDefinition(data, density=True).climb(risk)
    assert found.loglik >= theirs - 1e-8
    assert_allclose(theirs, found.loglik, atol=0.02)
    for away in (-0.05, 0.05):  # and no other coefficient does better
        other, _ = ByDefinition(data, density=True).climb(np.exp(data["x"].to_numpy() * (found.coefficients[0] + away)))
        assert other <= found.loglik + 1e-8


@given(tables())
@settings(max_examples=15, deadline=None)
def test_survival_falls_within_0_and_1(data: pd.DataFrame) -> None:
    frame = curve(data).frame
    assert frame["estimate"].between(0, 1).all() and (frame["estimate"].diff().dropna() < 0).all()
    assert (frame["left"] <= frame["right"]).all() and (frame["mass"] > 0).all()


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_row_order_does_not_matter(data: pd.DataFrame, random: object) -> None:
    order = list(range(len(data)))
    random.shuffle(order)  # type: ignore[attr-defined]
    one, other = curve(data), curve(data.iloc[order])
    assert_allclose(one.loglik["Overall"], other.loglik["Overall"], rtol=SAME_MAXIMUM, atol=SAME_MAXIMUM)
    assert_same_model(data, data.iloc[order])


@pytest.mark.parametrize("weights", [None, "copies"])
def test_a_likelihood_that_rises_for_ever_is_climbed_in_any_order(weights: str | None) -> None:
    # found by hypothesis: relative risks from 1e-10 to 1e+10, of which running sums lost the small ones
    data = pd.DataFrame({"in": [1, 1, 1, 3, 1, 4], "low": [4, 4, 1, 6, 6, 9], "high": [np.inf, np.inf, 6, 11, 7, 9]}, dtype=float)
    data = data.assign(x=[-2.0, -2.0, -1.0, 0.0, 0.0, 1.0], copies=[3, 2, 3, 2, 1, 3])
    limit = -1.0 if weights is None else -3.0  # the exact time at 9 gives log(h) - h = -1 for each person, all others nothing
    for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 5, 0, 4, 1, 3]):
        found = fit(data.iloc[order], weights=weights)
        assert found.converged and found.coefficients[0] == -np.inf
        assert_allclose(found.loglik, limit, atol=NEARLY_THERE)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.floats(-60, 60)), min_size=1, max_size=25),
    st.lists(st.floats(-60, 60), min_size=12, max_size=12),
)
@settings(max_examples=100, deadline=None)
def test_sums_over_ranges_lose_no_digits(rows: list[tuple[int, int, float]], logs: list[float]) -> None:
    ends = np.sort(np.array([row[:2] for row in rows]), axis=1)
    start, stop, amount, value = ends[:, 0], ends[:, 1], np.exp([row[2] for row in rows]), np.exp(logs)
    inside = (np.arange(12) >= start[:, None]) & (np.arange(12) < stop[:, None])
    # amounts of like size (within 1e5) are summed by differences, which leave the rounding of the largest where nothing is
    assert_allclose(spread_over(start, stop, amount, 12), inside.T @ amount, rtol=1e-9, atol=1e-9 * amount.min())
    assert_allclose(sum_over(start, stop, value), inside @ value, rtol=1e-9, atol=1e-9 * value.min())


@given(tables(late=False))
@settings(max_examples=15, deadline=None)
def test_without_truncation_the_curve_is_unique_in_any_order(data: pd.DataFrame) -> None:
    one, other = curve(data), curve(data.iloc[::-1])
    assert_allclose(one.at([1, 2, 3, 4.9])["estimate"], other.at([1, 2, 3, 4.9])["estimate"], atol=1e-5)


@given(tables())
@settings(max_examples=15, deadline=None)
def test_weight_2_is_two_copies(data: pd.DataFrame) -> None:
    repeated = data.loc[data.index.repeat(data["copies"])]
    one, other = curve(data, weights="copies"), curve(repeated)
    assert_allclose(one.loglik["Overall"], other.loglik["Overall"], rtol=SAME_MAXIMUM, atol=SAME_MAXIMUM)
    times = [0.5, 1, 2, 3, 5]
    assert_allclose(one.at(times)["n_at_risk"], other.at(times)["n_at_risk"])
    assert_same_model(data.assign(w=data["copies"]), repeated.assign(w=1))


@given(tables(late=False), st.sampled_from([0.1, 7.0]))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_time_does_not_matter(data: pd.DataFrame, unit: float) -> None:
    other = data.assign(low=data["low"] * unit, high=data["high"] * unit, **{"in": data["in"] * unit})
    times = np.array([0.7, 1.2, 2.3, 4.4])
    assert_allclose(curve(data).at(times)["estimate"], curve(other).at(times * unit)["estimate"], atol=1e-6)


@given(tables())
@settings(max_examples=10, deadline=None)
def test_only_the_order_of_times_matters_to_a_cox_model(data: pd.DataFrame) -> None:
    assert_same_model(data, data.assign(**{name: np.sqrt(data[name]) * 3 for name in ("low", "high", "in")}))


@given(tables(late=False))
@settings(max_examples=10, deadline=None)
def test_entry_0_is_no_entry(data: pd.DataFrame) -> None:
    assert_allclose(curve(data).frame.drop(columns=["group", "state"]), curve(data, entry=None).frame.drop(columns=["group", "state"]))


@given(tables(late=False))
@settings(max_examples=15, deadline=None)
def test_exact_times_are_kaplan_meier_and_cox(data: pd.DataFrame) -> None:
    data = data.assign(high=np.where(np.isfinite(data["high"]), data["low"] + 1, np.inf), low=data["low"] + 1)
    data["event"] = np.isfinite(data["high"]).astype(int)
    ours, theirs = curve(data), survival_curve(data, exit="low", event="event")
    times = np.unique(data["low"])
    assert_allclose(
        ours.at(times)[["estimate", "std_error", "n_at_risk"]], theirs.at(times)[["estimate", "std_error", "n_at_risk"]], atol=1e-8
    )
    if data["event"].any() and data["x"].nunique() > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            reference = cox("x", data, exit="low", event="event", ties="breslow")
        if np.isfinite(reference.coefficients).all():
            mine = fit(data)
            assert_allclose(mine.coefficients, reference.coefficients, atol=SAME_COEFFICIENTS)
            assert_allclose(mine.model_covariance, reference.covariance, rtol=1e-4)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 400
    x, z = rng.normal(size=n), rng.integers(0, 2, n)
    time = (rng.exponential(size=n) / np.exp(0.5 * x - 0.7 * z)) ** 0.7
    entry = rng.uniform(0, 0.4, n)
    step = rng.uniform(0.1, 0.5, n)
    low = entry + np.floor(np.maximum(time - entry, 0) / step) * step
    data = pd.DataFrame({"x": x, "z": z, "in": entry, "low": low, "high": low + step})
    data.loc[rng.random(n) < 0.3, "high"] = np.inf
    return data.loc[time > entry].reset_index(drop=True)


def test_shifting_and_scaling_a_covariate(cohort: pd.DataFrame) -> None:
    base, moved = fit(cohort, "x + z"), fit(cohort.assign(x=1000 + 10 * cohort["x"]), "x + z")
    assert_allclose(moved.coefficients * [10, 1], base.coefficients, rtol=SAME_COEFFICIENTS)
    assert_allclose(np.sqrt(np.diag(moved.covariance)) * [10, 1], np.sqrt(np.diag(base.covariance)), rtol=1e-4)
    assert_allclose(moved.loglik, base.loglik, rtol=1e-9)


def test_the_score_of_the_profile_is_its_slope(cohort: pd.DataFrame) -> None:
    from cobalamin.models.interval.interval_profile import ProfileLikelihood

    solved = fit(cohort, "x + z").parts["solved"]
    columns = (cohort[["x", "z"]].to_numpy() - solved.center) / solved.scale
    likelihood = ProfileLikelihood(solved.problem, columns)
    at, step = np.array([0.3, -0.1]), 1e-4
    slope = [(likelihood.evaluate(at + d).loglik - likelihood.evaluate(at - d).loglik) / (2 * step) for d in step * np.eye(2)]
    assert_allclose(likelihood.evaluate(at).score, slope, rtol=1e-4)


def test_the_curve_at_covariates_is_a_power_of_the_baseline(cohort: pd.DataFrame) -> None:
    found = fit(cohort, "x + z")
    times = [0.2, 0.6, 1.1]
    person = pd.DataFrame({"x": [1.0], "z": [1]})
    base = interval_baseline(found).at(times)["estimate"]
    ratio = np.exp(found.linear_predictor(person)[0])
    assert_allclose(interval_baseline(found, person).at(times)["estimate"], base**ratio, rtol=1e-9)
