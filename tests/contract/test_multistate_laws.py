"""Laws of multi-state models, and the fast influences against a recursion over persons and times."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.models.multistate.multistate_result import MultiState

SAME_SUMS = 1e-9  # sums of the same terms in another order
ALMOST_NOTHING = 1e-12
NAMES = {"person": "id", "entry": "in", "exit": "out", "from_state": "was", "to_state": "then"}
STATES = ["well", "LS", "cancer", "dead"]
FEW = settings(max_examples=15, deadline=None)
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.FitWarning")


@st.composite
def histories(draw: st.DrawFn) -> pd.DataFrame:
    """Persons who go to and fro between two states, with late entry, gaps, rows split without a change, and many ties."""
    rows = []
    for person in range(draw(st.integers(2, 12))):
        state, now = draw(st.integers(0, 1)), draw(st.integers(0, 4))
        for _ in range(draw(st.integers(1, 4))):
            stay, then = draw(st.integers(1, 5)), draw(st.sampled_from([0, 1, 1, 0, 2, 3, -1]))
            rows.append((person, now, now + stay, state, then))
            now += stay
            if then in (2, 3, -1):
                break
            state = then
    frame = pd.DataFrame(rows, columns=["id", "in", "out", "was", "then"])
    names = np.array([*STATES, "censored"])
    return frame.assign(was=names[frame["was"]], then=names[frame["then"]])


def fit(data: pd.DataFrame, **options: Any) -> MultiState:
    return multi_state(data, **NAMES, **{"states": STATES, "confidence": "plain", **options})


def by_definition(data: pd.DataFrame, initial: np.ndarray, moment: float) -> tuple[np.ndarray, np.ndarray]:
    """State probabilities at one time and their infinitesimal-jackknife variance: U(t) = U(t-)(I + dA) + p(t-) dA_i, person by person."""
    place = {name: i for i, name in enumerate(STATES)}
    was, then = data["was"].map(place).to_numpy(), data["then"].map(place).fillna(-1).to_numpy(int)
    then = np.where(then == was, -1, then)
    p, influence = initial.astype(float), np.zeros((data["id"].max() + 1, 4))
    for t in np.unique(data["out"][then >= 0]):
        if t > moment:
            break
        at_risk = (data["in"] < t).to_numpy() & (t <= data["out"]).to_numpy()
        own = np.zeros((len(influence), 4, 4))
        hazard = np.zeros((4, 4))
        for j in range(4):
            n = (at_risk & (was == j)).sum()
            for k in range(4):
                happens = at_risk & (was == j) & (then == k) & (data["out"] == t).to_numpy()
                hazard[j, k] += happens.sum() / n if n else 0
                for i in np.flatnonzero(happens):
                    own[data["id"].iloc[i], j, k] += 1 / n
                    own[data["id"].iloc[i], j, j] -= 1 / n
            hazard[j, j] -= hazard[j].sum() - hazard[j, j]
            for i in np.flatnonzero(at_risk & (was == j)):
                own[data["id"].iloc[i], j] -= hazard[j] / n
        influence = influence @ (np.eye(4) + hazard) + np.einsum("j,ijk->ik", p, own)
        p = p @ (np.eye(4) + hazard)
    return p, (influence**2).sum(axis=0)


@given(histories(), st.sampled_from([2.0, 4.0, 7.0, 11.0]))
@FEW
def test_fast_influences_are_the_definition(data: pd.DataFrame, moment: float) -> None:
    p, variance = by_definition(data, np.array([0.5, 0.5, 0, 0]), moment)
    rows = fit(data, initial={"well": 0.5, "LS": 0.5}, start=0.0).at([1.0, moment, 3.0]).query("time == @moment")
    known = rows["estimate"].notna().to_numpy()
    assert_allclose(rows["estimate"][known], p[known], rtol=SAME_SUMS, atol=ALMOST_NOTHING)
    assert_allclose(rows["std_error"][known] ** 2, variance[known], rtol=1e-7, atol=ALMOST_NOTHING)


@given(histories(), st.integers(0, 5), st.integers(0, 5), st.integers(0, 6))
@FEW
def test_products_of_transition_matrices(data: pd.DataFrame, s: int, more: int, again: int) -> None:
    model = fit(data)
    whole, first, second = model.matrix(s, s + more + again), model.matrix(s, s + more), model.matrix(s + more, s + more + again)
    assert_allclose(whole, first.to_numpy() @ second.to_numpy(), atol=ALMOST_NOTHING)
    assert_allclose(whole.sum(axis=1), 1.0, rtol=SAME_SUMS)
    assert ((whole >= -ALMOST_NOTHING) & (whole <= 1 + ALMOST_NOTHING)).all(axis=None)
    assert_allclose(model.matrix(s, s), np.eye(4))
    rows = model.transition_probabilities(s, [s + more + again])
    for old, part in rows.groupby("from_state"):
        known = part["estimate"].notna().to_numpy()
        assert_allclose(part.set_index("state")["estimate"][STATES][known], whole.loc[old][STATES][known], atol=ALMOST_NOTHING)


@given(histories())
@FEW
def test_probabilities_add_up_to_1_and_stays_to_the_time(data: pd.DataFrame) -> None:
    model = fit(data)
    sums = model.frame.dropna(subset="estimate").groupby("time")["estimate"].sum()
    assert_allclose(sums, 1.0, rtol=SAME_SUMS)
    start, until = float(data["in"].min()), float(data["out"].max())
    stays = model.length_of_stay(until)
    assert_allclose(stays["estimate"].sum(), until - start, rtol=SAME_SUMS)
    steps = model.at(np.arange(start, until)).pivot(index="time", columns="state", values="estimate")
    assert_allclose(stays.set_index("state")["estimate"], steps.sum()[STATES], rtol=1e-8, atol=1e-10)


@given(histories(), st.randoms(use_true_random=False), st.sampled_from([7.0, 1 / 8, 512.0]))
@FEW
def test_row_order_and_the_unit_of_time_do_not_matter(data: pd.DataFrame, random: Any, unit: float) -> None:
    order = list(range(len(data)))
    random.shuffle(order)
    one, other = fit(data).frame, fit(data.iloc[order].assign(**{"in": data["in"] * unit, "out": data["out"] * unit})).frame
    assert_allclose(one["time"] * unit, other["time"])
    columns = ["estimate", "std_error", "conf_low", "conf_high", "n_at_risk"]
    assert_allclose(one[columns], other[columns], rtol=1e-8, atol=1e-9)


@given(histories(), st.integers(1, 9))
@FEW
def test_a_stay_split_in_two_rows_is_the_same_stay(data: pd.DataFrame, cut: int) -> None:
    across = (data["in"] < cut) & (cut < data["out"])
    first = data.assign(out=data["out"].where(~across, cut), then=data["then"].where(~across, "censored"))
    one, other = fit(data), fit(pd.concat([first, data[across].assign(**{"in": cut})]))
    pd.testing.assert_frame_equal(one.frame, other.frame, rtol=SAME_SUMS, atol=1e-9)
    pd.testing.assert_frame_equal(one.transitions, other.transitions)


@given(histories())
@FEW
def test_twice_the_people_have_half_the_variance(data: pd.DataFrame) -> None:
    one, two = fit(data).frame, fit(pd.concat([data, data.assign(id=data["id"] + 100)])).frame
    assert_allclose(one["estimate"], two["estimate"], rtol=SAME_SUMS, atol=ALMOST_NOTHING)
    assert_allclose(one["std_error"], two["std_error"] * np.sqrt(2), rtol=1e-7, atol=1e-9)


@given(histories())
@FEW
def test_groups_are_models_of_their_own_rows(data: pd.DataFrame) -> None:
    together = fit(data.assign(arm=data["id"] % 2), by="arm")
    for label in together.groups:
        alone = fit(data[data["id"] % 2 == int(label)]).frame
        mine = together.frame.query("group == @label").drop(columns="group").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone.drop(columns="group"), rtol=SAME_SUMS)


@st.composite
def lives(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(3, 25))
    entry = np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    stay = np.array(draw(st.lists(st.integers(1, 8), min_size=n, max_size=n)))
    kind = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    return pd.DataFrame({"id": range(n), "in": entry, "out": entry + stay, "kind": kind, "was": "alive"})


@given(lives())
@FEW
def test_two_states_are_kaplan_meier(data: pd.DataFrame) -> None:
    dead = data.assign(d=(data["kind"] > 0).astype(int), then=np.where(data["kind"] > 0, "dead", "censored"))
    model = fit(dead, states=["alive", "dead"], start=0.0)
    curve = survival_curve(dead, exit="out", event="d", entry="in", cluster="id")
    times = dead["out"].unique().astype(float)
    ours, theirs = model.at(times).query("state == 'alive'"), curve.at(times)
    assert_allclose(ours["estimate"], theirs["estimate"], rtol=SAME_SUMS, atol=ALMOST_NOTHING)
    known = theirs["std_error"].notna().to_numpy()
    assert_allclose(ours["std_error"][known], theirs["std_error"][known], rtol=1e-6, atol=1e-9)


@given(lives())
@FEW
def test_competing_events_are_cumulative_incidences(data: pd.DataFrame) -> None:
    if not {1, 2} <= set(data["kind"]):
        return
    rows = data.assign(then=data["kind"].map({0: "censored", 1: "1", 2: "2"}))
    model = fit(rows, states=["alive", "1", "2"], start=0.0, confidence="log-log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curves = cumulative_incidence(data, exit="out", event="kind", entry="in")
    times = data["out"].unique().astype(float)
    both = curves.at(times).merge(model.at(times), on=["state", "time"])
    assert len(both) == 2 * len(times)
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        known = both[[f"{name}_x", f"{name}_y"]].notna().all(axis=1)
        assert_allclose(both[f"{name}_x"][known], both[f"{name}_y"][known], rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.slow
def test_95_percent_limits_cover_the_truth_about_95_times_in_100() -> None:
    """600 cohorts of 150; illness at rate 0.2, deaths at 0.1 and 0.4. Monte Carlo error 0.9 points; asked within 2."""
    rng, covered, times = np.random.default_rng(7), np.zeros(3), 600
    for _ in range(times):
        rows = illness_death(rng, 150)
        at = multi_state(rows, **NAMES, states=["well", "LS", "dead"]).at(4).set_index("state")
        truth = np.array([np.exp(-1.2), 2 * (np.exp(-1.2) - np.exp(-1.6)), 0])
        truth[2] = 1 - truth.sum()
        at = at.loc[["well", "LS", "dead"]]
        covered += (at["conf_low"] <= truth) & (truth <= at["conf_high"])
    assert (np.abs(covered / times - 0.95) < 0.02).all()


def illness_death(rng: np.random.Generator, n: int) -> pd.DataFrame:
    ill, dead, late, end = rng.exponential(5, n), rng.exponential(10, n), rng.exponential(2.5, n), rng.uniform(2, 9, n)
    first = np.minimum(np.minimum(ill, dead), end)
    then = np.where(end <= first, "censored", np.where(ill < dead, "LS", "dead"))
    well = pd.DataFrame({"id": range(n), "in": 0.0, "out": first, "was": "well", "then": then})
    sick = well[well["then"] == "LS"]
    stop = np.minimum(ill + late, end)[sick["id"]]
    after = np.where((ill + late <= end)[sick["id"]], "dead", "censored")
    return pd.concat([well, sick.assign(**{"in": sick["out"], "out": stop, "was": "LS", "then": after})])
