"""Laws of every survival curve, and the fast sums against a loop over the definition."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import FitWarning
from cobalamin.models.curves.curves import Curves, survival_curve

SAME_SUMS = 1e-9  # sums of the same terms in another order
STEPS = ["time", "estimate", "std_error", "conf_low", "conf_high"]
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def tables(draw: st.DrawFn, late: bool = True) -> pd.DataFrame:
    """Few distinct whole times, so that entries, events and censorings tie."""
    n = draw(st.integers(2, 25))
    entry = draw(st.lists(st.integers(0, 6 if late else 0), min_size=n, max_size=n))
    stay = draw(st.lists(st.integers(1, 8), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    copies = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    entries = np.array(entry, dtype=float)
    return pd.DataFrame({"in": entries, "out": entries + stay, "d": event, "copies": copies, "id": range(n)})


def fit(data: pd.DataFrame, **options: object) -> Curves:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return survival_curve(data, **{"exit": "out", "event": "d", "entry": "in", **options})  # type: ignore[arg-type]


def assert_same(one: Curves, other: Curves, columns: list[str] = STEPS) -> None:
    for name in columns:
        assert_allclose(one.frame[name], other.frame[name], rtol=SAME_SUMS, atol=SAME_SUMS, err_msg=name)


def by_definition(data: pd.DataFrame, weight: np.ndarray, cluster: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    """S, Greenwood's and the robust standard error at each exit time, person by person."""
    estimate, greenwood, robust = [], [], []
    survival, variance, influence = 1.0, 0.0, np.zeros(len(data))
    for t in np.unique(data["out"]):
        at_risk = ((data["in"] < t) & (t <= data["out"])).to_numpy()
        happens = ((data["out"] == t) & (data["d"] == 1)).to_numpy()
        n, d = weight[at_risk].sum(), weight[happens].sum()
        survival *= 1 - d / n
        if d < n:
            variance += d / (n * (n - d))
            influence += np.where(at_risk, d / (n * (n - d)), 0) - np.where(happens, 1 / (n - d), 0)
        gone = survival < 1e-12
        sums = np.bincount(cluster, weights=weight * influence)
        estimate.append(0.0 if gone else survival)
        greenwood.append(np.nan if gone else survival * np.sqrt(variance))
        robust.append(np.nan if gone else survival * np.sqrt((sums**2).sum()))
        survival = 0.0 if gone else survival
    return estimate, greenwood, robust


@given(tables())
@settings(max_examples=15, deadline=None)
def test_fast_sums_are_the_definition(data: pd.DataFrame) -> None:
    rows = np.arange(len(data))
    weight, cluster = 0.3 + data["copies"].to_numpy() / 4, rows // 2
    estimate, greenwood, _ = by_definition(data, np.ones(len(data)), rows)
    assert_allclose(fit(data).frame[["estimate", "std_error"]], np.column_stack([estimate, greenwood]), rtol=SAME_SUMS, atol=SAME_SUMS)
    estimate, _, robust = by_definition(data, weight, cluster)
    curves = fit(data.assign(w=weight, c=cluster), weights="w", cluster="c")
    assert_allclose(curves.frame[["estimate", "std_error"]], np.column_stack([estimate, robust]), rtol=1e-7, atol=1e-7)


@given(tables())
@settings(max_examples=15, deadline=None)
def test_survival_falls_within_0_and_1_and_its_limits_hold_it(data: pd.DataFrame) -> None:
    for kind in ("plain", "log", "log-log"):
        frame = fit(data, confidence=kind).frame
        assert frame["estimate"].between(0, 1).all() and (frame["estimate"].diff().dropna() <= 0).all()
        known = frame.dropna()
        assert (known["conf_low"] <= known["estimate"] + SAME_SUMS).all() and (known["estimate"] <= known["conf_high"] + SAME_SUMS).all()


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_row_order_does_not_matter(data: pd.DataFrame, random: object) -> None:
    order = list(range(len(data)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert_same(fit(data), fit(data.iloc[order]))
    weighted = data.assign(w=data["copies"] / 3)
    assert_same(fit(weighted, weights="w"), fit(weighted.iloc[order], weights="w"))


@given(tables())
@settings(max_examples=15, deadline=None)
def test_weight_2_is_two_copies(data: pd.DataFrame) -> None:
    repeated = data.loc[data.index.repeat(data["copies"])]
    assert_same(fit(data, weights="copies"), fit(repeated), [*STEPS, "n_at_risk", "n_event", "n_censored"])


@given(tables(), st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_a_person_split_in_two_rows_is_the_same_person(data: pd.DataFrame, cut: int) -> None:
    across = (data["in"] < cut) & (cut < data["out"])
    split = pd.concat([data.assign(out=data["out"].where(~across, cut), d=data["d"].where(~across, 0)), data[across].assign(**{"in": cut})])
    whole, parts = fit(data), fit(split)
    times = whole.frame["time"]
    for name in ("estimate", "std_error", "conf_low", "conf_high", "n_at_risk"):
        assert_allclose(whole.at(times)[name], parts.at(times)[name], rtol=SAME_SUMS, err_msg=name)
    weights = {"weights": "w", "cluster": "id"}
    robust = [fit(d.assign(w=0.5 + d["copies"] / 7), **weights).at(times)["std_error"] for d in (data, split)]
    assert_allclose(robust[0], robust[1], rtol=1e-7, atol=1e-9)


@given(tables(late=False))
@settings(max_examples=12, deadline=None)
def test_entry_at_0_is_no_entry(data: pd.DataFrame) -> None:
    one, other = fit(data), fit(data, entry=None)
    assert_same(one, other)
    assert_allclose(one.at([0, 1, 3]).iloc[:, 2:], other.at([0, 1, 3]).iloc[:, 2:])


@given(tables(), st.sampled_from([7.0, 1 / 8, 512.0]))
@settings(max_examples=12, deadline=None)
def test_the_unit_of_time_changes_only_the_times(data: pd.DataFrame, unit: float) -> None:
    one, other = fit(data), fit(data.assign(**{"in": data["in"] * unit, "out": data["out"] * unit}))
    assert_same(one, other, STEPS[1:])
    assert_allclose(one.quantile([0.25, 0.5])[["estimate", "conf_low", "conf_high"]] * unit, other.quantile([0.25, 0.5]).iloc[:, 3:])


@given(tables(), st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_conditioning_divides_by_survival_at_the_start(data: pd.DataFrame, start: int) -> None:
    whole = fit(data)
    before = whole.at(start)["estimate"].item()
    if not (data["out"] > start).any() or not before > 0 or np.isnan(before):
        return
    later = fit(data, start=float(start))
    first = max(start, later.sets["Overall"].origin)
    times = later.frame["time"]
    if first == start:
        assert_allclose(later.at(times)["estimate"], whole.at(times)["estimate"] / before, rtol=SAME_SUMS, atol=SAME_SUMS)


@given(tables())
@settings(max_examples=12, deadline=None)
def test_groups_are_curves_of_their_own_rows(data: pd.DataFrame) -> None:
    together = fit(data.assign(g=data["id"] % 2), by="g")
    for label in together.groups:
        assert_same(part_of(together, label), fit(data[data["id"] % 2 == int(label)]))


def part_of(curves: Curves, label: str) -> Curves:
    from dataclasses import replace

    return replace(curves, frame=curves.steps(label))


def test_95_percent_limits_cover_the_truth_about_95_times_in_100() -> None:
    """400 cohorts of 80 with late entry; exponential survival, S(1) = 0.368. Monte Carlo error 1.1 points; asked within 3.5."""
    rng, covered, times = np.random.default_rng(95), 0, 400
    for _ in range(times):
        entry, death = np.r_[np.zeros(40), rng.uniform(0, 0.5, 120)], rng.exponential(1, 160)
        seen = np.flatnonzero(death > entry)[:80]
        data = pd.DataFrame({"in": entry[seen], "out": np.minimum(death[seen], 2), "d": (death[seen] < 2).astype(int)})
        row = fit(data).at(1).iloc[0]
        covered += row["conf_low"] <= np.exp(-1) <= row["conf_high"]
    assert abs(covered / times - 0.95) < 0.035
