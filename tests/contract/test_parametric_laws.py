"""Laws of accelerated failure time and flexible parametric models: order, copies, units, entry 0, scores, curves, coverage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.models.fit import Fit
from cobalamin.models.interval.interval_cox import interval_cox
from cobalamin.models.parametric.aft import aft
from cobalamin.models.parametric.parametric_predict import predict_parametric
from cobalamin.models.parametric.royston_parmar import flexible_parametric

SAME = 1e-6  # one maximum, climbed on other numbers
SLOPE = 1e-5  # of finite differences
DISTRIBUTIONS = ["weibull", "exponential", "lognormal", "loglogistic", "generalized_gamma"]
SCALES = ["hazard", "odds", "normal"]
COLUMNS = {"exit": "exit", "event": "event"}
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


def cohort(seed: int, n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), rng.integers(0, 2, n)
    time = np.exp(1 + 0.4 * x - 0.5 * g + 0.6 * np.log(rng.exponential(size=n))) + 0.01
    entry = np.where(rng.random(n) < 0.5, rng.uniform(0, 2, n), 0.0)
    stop = entry + rng.exponential(4, n) + 0.05
    data = pd.DataFrame({"x": x, "g": g, "entry": entry, "exit": np.minimum(time, stop), "event": (time <= stop).astype(int)})
    data["copies"] = rng.integers(1, 4, n)
    return data.loc[time > entry].reset_index(drop=True)


def model(name: str, formula: str = "x + g") -> Callable[..., Fit]:
    def fitted(data: pd.DataFrame, **options: Any) -> Fit:
        options = {"entry": "entry", **COLUMNS, **options}
        if name in DISTRIBUTIONS:
            return aft(formula, data, distribution=name, **options)
        return flexible_parametric(formula, data, scale=name, df=2, **options)

    return fitted


every_model = pytest.mark.parametrize("name", [*DISTRIBUTIONS, *SCALES])
several = pytest.mark.parametrize("seed", [1, 2])


def assert_same(one: Fit, other: Fit) -> None:
    assert one.converged and other.converged
    assert_allclose(one.coefficients, other.coefficients, rtol=SAME, atol=SAME)
    assert_allclose(one.covariance, other.covariance, rtol=1e-4, atol=1e-7)
    assert_allclose(one.loglik, other.loglik, rtol=1e-9)


@every_model
@several
def test_row_order_and_copies(name: str, seed: int) -> None:
    data, fit = cohort(seed), model(name)
    assert_same(fit(data), fit(data.sample(frac=1, random_state=seed)))
    weighted = fit(data, weights="copies")
    # knots of the spline are centiles of rows, so copies are compared where there are only boundary knots
    if name in SCALES:
        weighted = flexible_parametric("x + g", data, scale=name, df=1, entry="entry", weights="copies", **COLUMNS)  # type: ignore[arg-type]
        repeated = flexible_parametric("x + g", data.loc[data.index.repeat(data["copies"])], scale=name, df=1, entry="entry", **COLUMNS)  # type: ignore[arg-type]
        assert_same(weighted, repeated)
    else:
        assert_same(weighted, fit(data.loc[data.index.repeat(data["copies"])]))


@every_model
def test_the_unit_of_time_moves_the_intercept_only(name: str) -> None:
    data, fit = cohort(3), model(name)
    other = fit(data.assign(exit=data["exit"] * 12, entry=data["entry"] * 12))
    one, d = fit(data), int(data["event"].sum())
    places = [one.names.index(term) for term in ("x", "g")]
    assert_allclose(one.coefficients[places], other.coefficients[places], rtol=SAME)
    assert_allclose(np.diag(one.covariance)[places], np.diag(other.covariance)[places], rtol=1e-5)
    assert_allclose(one.loglik - other.loglik, d * np.log(12), rtol=1e-8)  # densities are per unit of time
    if name in DISTRIBUTIONS:
        assert_allclose(other.coefficients[0] - one.coefficients[0], np.log(12), rtol=SAME)


@every_model
def test_shifting_and_scaling_a_covariate(name: str) -> None:
    data, fit = cohort(4), model(name)
    one, other = fit(data), fit(data.assign(x=500 + 20 * data["x"]))
    k = one.names.index("x")
    assert_allclose(other.coefficients[k] * 20, one.coefficients[k], rtol=SAME)
    assert_allclose(other.covariance[k, k] * 400, one.covariance[k, k], rtol=1e-5)
    assert_allclose(other.loglik, one.loglik, rtol=1e-9)


@every_model
def test_entry_0_is_no_entry(name: str) -> None:
    data = cohort(5).assign(entry=0.0)
    assert_same(model(name)(data), model(name)(data, entry=None))


@every_model
def test_the_score_is_the_slope_and_the_information_its_slope(name: str) -> None:
    solved = model(name)(cohort(6)).parts["solved"]
    evaluate, at = solved.likelihood.evaluate, solved.solution.b + 0.03
    steps = 1e-4 * np.eye(len(at))
    ups, downs = [evaluate(at + s) for s in steps], [evaluate(at - s) for s in steps]
    slope = [(u.loglik - d.loglik) / 2e-4 for u, d in zip(ups, downs, strict=True)]
    bend = [(d.score - u.score) / 2e-4 for u, d in zip(ups, downs, strict=True)]
    size = np.abs(evaluate(at).information).max()
    assert_allclose(evaluate(at).score, slope, atol=SLOPE * size)
    assert_allclose(evaluate(at).information, bend, atol=SLOPE * size)


@every_model
def test_survival_falls_from_1_within_0_and_1(name: str) -> None:
    data, times = cohort(7), np.linspace(0, 30, 40)
    found = predict_parametric(model(name)(data), pd.DataFrame({"x": [-2.0, 2.0], "g": [0, 1]}), times)
    for _, rows in found.groupby("row"):
        assert rows["estimate"].iloc[0] == 1 and rows["estimate"].between(0, 1).all()
        assert (rows["estimate"].diff().dropna() <= 0).all()
        assert ((rows["conf_low"] <= rows["estimate"]) & (rows["estimate"] <= rows["conf_high"])).all()


@several
def test_weight_zero_is_nobody(seed: int) -> None:
    data = cohort(seed).assign(w=1.0, g=lambda d: np.where(d["g"] == 1, "yes", "no"))
    data.loc[::4, "w"] = 0
    for name in ("weibull", "hazard"):
        one, other = model(name)(data, weights="w"), model(name)(data.loc[data["w"] > 0])
        assert_same(one, other)
        assert (one.n, one.events, one.person_time) == (other.n, other.events, pytest.approx(other.person_time))
        assert one.counts == pytest.approx(other.counts) or [c.n for c in one.counts.values()] == [c.n for c in other.counts.values()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weibull", "interval_cox"])
def test_95_percent_intervals_cover_95_percent_under_delayed_entry(name: str) -> None:
    rng, covered, samples = np.random.default_rng(20240901), 0, 1000
    for _ in range(samples):
        n = 260 if name == "weibull" else 150
        x, g = rng.normal(size=n), rng.integers(0, 2, n)
        error = np.log(rng.exponential(size=n))  # Weibull: proportional hazards with log ratio -b / scale
        time, entry = np.exp(1 + 0.4 * x - 0.5 * g * (name == "weibull") + 0.5 * error), rng.uniform(0, 1.5, n)
        stop = entry + rng.uniform(1, 5, n)
        data = pd.DataFrame({"x": x, "g": g, "entry": entry, "exit": np.minimum(time, stop), "event": (time <= stop).astype(int)})
        if name == "weibull":
            fit, truth = aft("x + g", data.loc[time > entry], entry="entry", **COLUMNS), 0.4  # type: ignore[arg-type]
        else:
            low = entry + np.floor(np.maximum(time - entry, 0) / 0.5) * 0.5
            seen = low + 0.5 <= stop
            data = data.assign(low=np.where(seen, low, np.minimum(low, entry + np.floor((stop - entry) / 0.5) * 0.5)))
            data = data.assign(high=np.where(seen, low + 0.5, np.inf))
            fit, truth = interval_cox("x", data.loc[time > entry], lower="low", upper="high", entry="entry"), -0.8
        row = fit.tidy().set_index("term").loc["x"]
        covered += bool(row["conf_low"] <= truth <= row["conf_high"])
    assert 0.935 <= covered / samples <= 0.965
