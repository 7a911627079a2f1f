"""Laws of hazards and of simultaneous bands: closed forms, simulated paths, and bands that hold whole curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import kolmogorov, ndtr
from scipy.stats import norm

from cobalamin.models.curves.band_values import bridge_probability, equal_precision_value, hall_wellner_value, stationary_probability
from cobalamin.models.curves.bands import confidence_band
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.nelson_aalen import cumulative_hazard

SAME_SUMS = 1e-9  # the same terms in another order
PRINTED = 5e-5
CHOICES = [(m, t) for m in ("equal-precision", "hall-wellner") for t in ("log-log", "plain", "arcsine")]


def paths(rng: np.random.Generator, low: float, high: float, steps: int, count: int) -> np.ndarray:
    """Brownian bridges at equally spaced times from low to high, shape (count, steps + 1)."""
    times = np.linspace(low, high, steps + 1)
    motion = np.cumsum(rng.normal(size=(count, steps + 1)) * np.sqrt(np.diff(times, prepend=0)), axis=1)
    end = motion[:, -1] + rng.normal(size=count) * np.sqrt(1 - high)
    return motion - times * end[:, None]


class TestCriticalValues:
    @given(st.floats(0.4, 3))
    @settings(max_examples=20, deadline=None)
    def test_the_whole_bridge_is_kolmogorovs_law(self, k: float) -> None:
        assert_allclose(bridge_probability(k, 0.0, 1.0), 1 - kolmogorov(k), atol=1e-12)

    @given(st.floats(0.3, 3), st.floats(0.05, 0.9))
    @settings(max_examples=20, deadline=None)
    def test_a_short_interval_is_a_normal_variable(self, k: float, at: float) -> None:
        # within 1e-5 of time a path moves some 0.003: its largest value is that of one point but for the edge
        assert_allclose(bridge_probability(k, at, at + 1e-5), 2 * ndtr(k / np.sqrt(at * (1 - at))) - 1, atol=0.01)
        assert_allclose(stationary_probability(k, 1e-6), 2 * ndtr(k) - 1, atol=2e-3)

    @given(st.floats(0.05, 0.5), st.floats(0.55, 0.95), st.sampled_from([0.9, 0.95, 0.99]))
    @settings(max_examples=4, deadline=None)
    def test_turned_in_time_and_widened(self, low: float, high: float, level: float) -> None:
        for value in (hall_wellner_value, equal_precision_value):
            here = value(level, low, high)
            assert_allclose(value(level, 1 - high, 1 - low), here, rtol=1e-8)
            assert value(level, low / 2, high) >= here >= value(level * 0.9, low, high)
        # Bonferroni from above and a single point from below
        assert norm.ppf(0.5 + level / 2) < equal_precision_value(level, low, high)

    @pytest.mark.parametrize(("low", "high"), [(0.1, 0.6), (0.3, 0.5), (0.02, 0.9)])
    def test_simulated_paths(self, low: float, high: float) -> None:
        """20,000 paths of 400 steps; the chance to cross between two points is that of a bridge with its ends known."""
        rng, steps = np.random.default_rng(5), 400
        walk = paths(rng, low, high, steps, 20_000)
        width = (high - low) / steps
        times = np.linspace(low, high, steps + 1)
        for bound in (hall_wellner_value(0.95, low, high), equal_precision_value(0.95, low, high) * np.sqrt(times * (1 - times))):
            gap_up, gap_down = np.broadcast_to(bound, walk.shape) - walk, np.broadcast_to(bound, walk.shape) + walk
            inside = (gap_up > 0).all(axis=1) & (gap_down > 0).all(axis=1)
            crossed = [np.exp(-2 * np.maximum(g[:, 1:] * g[:, :-1], 0) / width) for g in (gap_up, gap_down)]
            stays = np.where(inside, np.prod((1 - crossed[0]) * (1 - crossed[1]), axis=1), 0.0)
            # Monte Carlo error 0.0015
            assert abs(stays.mean() - 0.95) < 0.006

    def test_printed_values(self) -> None:
        assert_allclose([hall_wellner_value(level) for level in (0.9, 0.95, 0.99)], [1.2238, 1.3581, 1.6276], atol=PRINTED)
        # Hall and Wellner 1980, table 1: from 0 to a
        assert_allclose([hall_wellner_value(0.95, 0, a) for a in (0.25, 0.5, 0.75)], [1.014, 1.273, 1.354], atol=5e-4)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(8, 30))

    def numbers(low: int, high: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    entry = numbers(0, 5)
    data = pd.DataFrame({"in": entry, "out": entry + numbers(1, 8), "d": numbers(0, 1), "w": numbers(1, 3), "id": range(n)})
    # events that make a window for the band, and people who stay to the end
    sure = pd.DataFrame({"in": 0, "out": [4, 6, 14, 14, 14], "d": [1, 1, 0, 0, 0], "w": 1, "id": range(50, 55)})
    return pd.concat([data, sure], ignore_index=True)


names = {"exit": "out", "event": "d", "entry": "in"}


@given(tables())
@settings(max_examples=15, deadline=None)
def test_hazards_are_the_definition(data: pd.DataFrame) -> None:
    for ties in ("aalen", "fleming-harrington"):
        total, variance, wanted = 0.0, 0.0, []
        for t in np.unique(data["out"]):
            n = int(((data["in"] < t) & (data["out"] >= t)).sum())
            d = int(((data["out"] == t) & (data["d"] == 1)).sum())
            left = [n] * d if ties == "aalen" else range(n, n - d, -1)
            total, variance = total + sum(1 / m for m in left), variance + sum(1 / m**2 for m in left)
            wanted.append([total, np.sqrt(variance)])
        found = cumulative_hazard(data, **names, ties=ties).frame[["estimate", "std_error"]]  # type: ignore[arg-type]
        assert_allclose(found, wanted, rtol=SAME_SUMS)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_hazards_under_order_copies_and_split_rows(data: pd.DataFrame, random: Any) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    for options in ({}, {"cluster": "id"}):
        one = cumulative_hazard(data, **names, **options).frame
        assert_allclose(cumulative_hazard(data.iloc[order], **names, **options).frame.iloc[:, 2:], one.iloc[:, 2:], rtol=1e-7, atol=1e-9)
        across = (data["in"] < 5) & (data["out"] > 5)
        split = pd.concat([data.assign(out=data["out"].where(~across, 5), d=data["d"].where(~across, 0)), data[across].assign(**{"in": 5})])
        times = one["time"].to_numpy()
        columns = ["estimate", "std_error", "n_at_risk"]
        whole, parts = (cumulative_hazard(rows, **names, **options).at(times)[columns] for rows in (data, split))
        assert_allclose(parts, whole, rtol=1e-7, atol=1e-9)
    repeated = data.loc[data.index.repeat(data["w"])]
    for ties in ("aalen", "fleming-harrington"):
        weighted = cumulative_hazard(data, **names, weights="w", ties=ties)  # type: ignore[arg-type]
        assert_allclose(weighted.frame.iloc[:, 2:], cumulative_hazard(repeated, **names, ties=ties).frame.iloc[:, 2:])  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")
@pytest.mark.parametrize(("method", "transform"), CHOICES)
@given(data=tables())
@settings(max_examples=5, deadline=None)
def test_bands_hold_the_curve_and_the_pointwise_limits(method: Any, transform: Any, data: pd.DataFrame) -> None:
    data = data[(data["d"] == 0) | (data["out"] > 3)]
    confidence = "plain" if transform == "plain" else "log-log"
    curves = survival_curve(data, **names, confidence=confidence)
    if curves.frame["estimate"].min() <= 0:
        return
    band = confidence_band(curves, method=method, transform=transform)
    at = curves.at(band["time"])
    assert_allclose(band["estimate"], at["estimate"])
    assert (band["conf_low"] <= band["estimate"]).all() and (band["estimate"] <= band["conf_high"]).all()
    if method == "equal-precision" and transform != "arcsine":
        assert (band["conf_low"] <= at["conf_low"] + 1e-12).all() and (at["conf_high"] - 1e-12 <= band["conf_high"]).all()
        # a band at a level whose critical value is z is the pointwise interval
        slow = survival_curve(data.assign(out=data["out"] * 7, **{"in": data["in"] * 7}), **names)
        assert_allclose(confidence_band(slow, method=method, transform=transform).iloc[:, 3:], band.iloc[:, 3:], rtol=SAME_SUMS)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "transform"), [choice for choice in CHOICES if choice[1] != "plain"])
@pytest.mark.parametrize("late", [False, True])
def test_bands_hold_the_whole_curve_95_times_in_100(method: Any, transform: Any, late: bool) -> None:
    """1,000 cohorts of 400, exponential survival, band from 0.2 to 1; between 93 and 97% is asked (an asymptotic law of a supremum)."""
    rng, times, held = np.random.default_rng(11), 1000, 0
    for _ in range(times):
        people = 600 if late else 400
        death = rng.exponential(1, people)
        entry = rng.uniform(0, 0.3, people) * (rng.random(people) < 0.5) if late else np.zeros(people)
        seen = np.flatnonzero(death > entry)[:400]
        end = entry + rng.uniform(0.5, 2.5, people)
        out = np.minimum(death, end)[seen]
        data = pd.DataFrame({"in": entry[seen], "out": out, "d": (death <= end)[seen].astype(int)})
        band = confidence_band(survival_curve(data, **names), method=method, transform=transform, low=0.2, high=1.0)
        start, stop = np.exp(-band["time"]), np.exp(-np.append(band["time"].to_numpy()[1:], 1.0))
        held += bool(((band["conf_low"] <= stop) & (start <= band["conf_high"])).all())
    assert 0.93 <= held / times <= 0.97
