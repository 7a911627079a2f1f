"""Curves, at-risk tables and distributions for release."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobalamin.core.estimates import Estimates
from cobalamin.release.curves import Steps, round_times, safe_times
from cobalamin.release.disclosure import SUPPRESSED, disclose, preset
from cobalamin.release.histogram import join_bins

ACTIVE = ["opensafely", "opensafely-midpoint6", "acro", "ukllc", "cms"]


def kaplan_meier(exit_times: np.ndarray, event: np.ndarray, group: str = "all") -> list[dict]:
    """One row per distinct time, as the models write curves."""
    rows, survival, cumulative = [], 1.0, 0
    rows.append({"at": 0.0, "value": 1.0, "low": 1.0, "high": 1.0, "std_error": 0.0, "n": len(exit_times), "events": 0})
    for time in np.unique(exit_times):
        at_risk, died = int((exit_times >= time).sum()), int(event[exit_times == time].sum())
        survival *= 1 - died / at_risk
        cumulative += died
        rows.append(
            {
                "at": time,
                "value": survival,
                "low": survival**1.1,
                "high": survival**0.9,
                "std_error": 0.0123456,
                "n": at_risk,
                "events": cumulative,
            }
        )
    common = {
        "analysis": "survival",
        "context": "curve",
        "model": "sex",
        "level": "LS",
        "measure": "survival",
        "unit": "years",
        "subgroup": group,
    }
    return [{**common, **row} for row in rows]


def sample(n: int, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    death, end = rng.exponential(1 / rate, n), rng.uniform(5, 15, n)
    return np.minimum(death, end).round(4), (death <= end).astype(int)


@pytest.mark.parametrize("name", ACTIVE)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(n=st.integers(1, 600), rate=st.sampled_from([0.0001, 0.01, 0.05, 0.3]), seed=st.integers(0, 10**6))
def test_every_published_interval_holds_enough_events_and_people(name: str, n: int, rate: float, seed: int) -> None:
    policy = preset(name)
    times, event = sample(n, rate, seed)
    frame = disclose(Estimates.from_rows(kaplan_meier(times, event)), name).estimates.frame
    if len(frame) == 1 and math.isnan(frame["at"].iloc[0]):
        assert frame["warning"].iloc[0].startswith(SUPPRESSED) and frame[["value", "n", "events"]].isna().all().all()
        return
    at = frame["at"].to_numpy()
    deaths = np.array([event[times <= t].sum() for t in at])
    passed = np.diff(deaths)
    allowed_empty = 0 if policy.zero_disclosive else 1
    assert (passed[passed > 0] >= policy.events_between).all() and (passed == 0).sum() <= allowed_empty
    assert all((times >= t).sum() > policy.limit for t in at)
    assert not set(at[at > 0]) & set(times[event == 1]) or len(times) > 300, "round times are nobody's date"
    assert (np.diff(frame["value"]) <= 0).all() and frame["value"].between(0, 1).all()
    assert (np.diff(frame["events"]) >= 0).all()


def test_the_curve_keeps_its_height_at_the_times_shown() -> None:
    times, event = sample(5000, 0.05, 1)
    truth = pd.DataFrame(kaplan_meier(times, event))
    frame = disclose(Estimates.from_frame(truth), "opensafely").estimates.frame
    assert len(frame) > 40
    for row in frame.itertuples():
        exact = truth.loc[truth["at"] <= row.at, "value"].iloc[-1]
        assert abs(row.value - exact) <= 0.5e-2 * min(exact, 1 - exact) + 1e-12
        assert row.n % 5 == 0 and row.events % 5 == 0


def test_a_curve_of_few_events_is_one_row_that_says_so() -> None:
    times, event = np.arange(1.0, 200.0), np.r_[np.ones(4), np.zeros(195)]
    released = disclose(Estimates.from_rows(kaplan_meier(times, event)), "opensafely")
    assert len(released.estimates) == 1
    assert released.decisions["action"].tolist() == ["curve hidden"]


def test_a_curve_without_numbers_at_risk_is_hidden() -> None:
    rows = [{k: v for k, v in row.items() if k != "n"} for row in kaplan_meier(*sample(500, 0.1, 2))]
    frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
    assert len(frame) == 1 and "not given" in frame["warning"].iloc[0]


def test_states_of_competing_events_get_their_own_times() -> None:
    times, event = sample(2000, 0.05, 3)
    rare = np.zeros_like(event)
    rare[:20] = event[:20] = 1
    rows = kaplan_meier(times, event) + [{**row, "level": "death"} for row in kaplan_meier(times, rare)]
    frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
    deaths = frame.loc[frame["level"] == "death", "at"]
    assert len(deaths) <= 3
    assert len(frame[frame["level"] == "LS"]) > 10


def test_at_risk_table_hides_the_thin_end() -> None:
    common = {"analysis": "survival", "context": "curve", "measure": "at risk", "subgroup": "women"}
    rows = [{**common, "at": t, "n": n, "events": e} for t, n, e in [(0, 403, 0), (5, 203, 4), (10, 6, 33)]]
    frame = disclose(Estimates.from_rows(rows), "opensafely").estimates.frame
    assert frame["n"].iloc[:2].tolist() == [405, 205] and math.isnan(frame["n"].iloc[2])
    assert frame["events"].iloc[0] == 0 and math.isnan(frame["events"].iloc[1]) and frame["events"].iloc[2] == 35


def test_round_times_cover_a_span_whatever_its_size() -> None:
    for first, last in [(0, 1), (0, 30.7), (40.123, 99.87), (0, 7300), (0, 0.003), (5, 5)]:
        times = round_times(first, last)
        assert 1 <= len(times) <= 62 and times[0] <= first and times[-1] <= last * (1 + 1e-12)


def test_nobody_at_risk_enough_means_no_times() -> None:
    steps = Steps(time=np.array([0.0, 1.0]), n=np.array([5.0, 4.0]), events=np.array([0.0, 1.0]))
    assert safe_times(steps, preset("cms")) == []


class TestHistogram:
    def rows(self, counts: list[int], group: str = "Overall", low: float = 73.4, width: float = 50.0) -> list[dict]:
        common = {
            "analysis": "distribution",
            "context": "summary",
            "term": "b12",
            "measure": "histogram",
            "unit": "pmol/L",
            "subgroup": group,
        }
        return [{**common, "low": low + i * width, "high": low + (i + 1) * width, "n": n} for i, n in enumerate(counts)]

    @pytest.mark.parametrize("name", ACTIVE)
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(counts=st.lists(st.one_of(st.integers(0, 12), st.integers(20, 90)), min_size=1, max_size=15))
    def test_no_bin_holds_few(self, name: str, counts: list[int]) -> None:
        policy = preset(name)
        joins = join_bins(np.array(counts, dtype=float)[:, None], policy)
        sums = [sum(counts[a : b + 1]) for a, b in joins]
        assert sum(sums) == sum(counts) and joins[0][0] == 0 and joins[-1][1] == len(counts) - 1
        assert all(joins[i][1] + 1 == joins[i + 1][0] for i in range(len(joins) - 1))
        if not policy.small(sum(counts), zero=True):
            assert not any(policy.small(n, zero=True) for n in sums)

    def test_bins_are_joined_and_the_ends_round(self) -> None:
        frame = disclose(Estimates.from_rows(self.rows([3, 20, 40, 30, 9, 2])), "cms").estimates.frame
        assert frame["n"].tolist() == [20, 40, 30, 10]
        assert frame["low"].iloc[0] == 70 and frame["high"].iloc[-1] == 380

    def test_edges_already_round_stay(self) -> None:
        frame = disclose(Estimates.from_rows(self.rows([30, 40], low=100.0)), "cms").estimates.frame
        assert frame["low"].tolist() == [100, 150] and frame["high"].tolist() == [150, 200]

    def test_groups_share_their_joins_and_a_small_group_goes_with_another(self) -> None:
        rows = self.rows([3, 100, 200]) + self.rows([0, 3, 2], "A") + self.rows([2, 47, 60], "B") + self.rows([1, 50, 138], "C")
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        hidden = frame[frame["n"].isna()]
        assert hidden["subgroup"].tolist() == ["A", "B"] and hidden["warning"].str.startswith(SUPPRESSED).all()
        assert frame.dropna(subset=["n"]).groupby("subgroup")["low"].apply(tuple).nunique() == 1

    def test_groups_with_bins_of_their_own_meet_at_common_edges(self) -> None:
        common = {"analysis": "distribution", "context": "summary", "term": "b12", "measure": "histogram"}
        bins = {"A": [(0, 10, 50), (10, 20, 60), (20, 30, 70)], "B": [(0, 20, 80), (20, 30, 90)], "C": [(0, 30, 40)]}
        rows = [{**common, "subgroup": g, "low": a, "high": b, "n": n} for g, part in bins.items() for a, b, n in part]
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert frame[["subgroup", "low", "high", "n"]].to_numpy().tolist() == [
            ["A", 0, 20, 110], ["A", 20, 30, 70], ["B", 0, 20, 80], ["B", 20, 30, 90], ["C", 0, 30, 40],
        ]  # fmt: skip
