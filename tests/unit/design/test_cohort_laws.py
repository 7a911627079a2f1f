"""Laws that hold for any tables: order, strangers, lag zero, time scales; and a slow twin that follows one person at a time."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.design import (
    Censoring,
    Competing,
    Covariate,
    Criterion,
    Design,
    Exposure,
    ExposureScales,
    Outcome,
    TimeZero,
    build_cohort,
)

SUM_OF_TIMES = 1e-9  # relative: sums of a few hundred differences of ages


def simulated(seed: int, n: int = 300) -> dict[str, pd.DataFrame]:
    """People with everything random on a coarse grid of days, so that ties and edges are common."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"p{i:04d}" for i in range(n)])

    def days(low: int, high: int, size: int) -> pd.Series:
        return pd.Series(pd.to_datetime("2000-01-01") + pd.to_timedelta(7 * rng.integers(low, high, size), unit="D"))

    start, exit = days(0, 100, n), days(300, 500, n)
    death = exit.where(rng.random(n) < 0.2)
    persons = pd.DataFrame({"person_id": ids, "birth": days(-4000, -900, n), "start": start, "exit": exit, "death": death})
    persons["bmi"] = np.where(rng.random(n) < 0.1, np.nan, rng.normal(26, 4, n).round())
    lab = pd.DataFrame({"person_id": rng.choice(ids, 4 * n), "date": days(0, 300, 4 * n), "analyte": rng.choice(["b12", "mma"], 4 * n)})
    lab["result"] = np.where(rng.random(4 * n) < 0.05, np.nan, rng.integers(100, 500, 4 * n))
    diagnoses = pd.DataFrame({"person_id": rng.choice(ids, n), "date": days(0, 500, n), "code": rng.choice(["L90.0", "E06.3"], n)})
    return {"persons": persons, "lab": lab, "diagnoses": diagnoses}


def design(**change: object) -> Design:
    b12 = Exposure(
        name="b12",
        table="lab",
        date="date",
        value="result",
        where="analyte == 'b12'",
        window_days=(-70, 0),
        scales=ExposureScales(log2=True, quantiles=4, cutoffs=(148, 221)),
    )
    base = Design(
        time_zero=TimeZero(
            table="lab", date="date", where="analyte == 'b12' and not is_missing(result)", on_or_after=(dt.date(2000, 6, 1), "start")
        ),
        outcome=Outcome(name="LS", table="diagnoses", date="date", codes=("L90.0",)),
        competing=(Competing(name="death", column="death"),),
        censoring=Censoring(start="start", columns=("exit",), administrative_end=dt.date(2008, 12, 31)),
        birth="birth",
        exposures=(b12,),
        covariates=(
            Covariate(name="age", at_time_zero="age"),
            Covariate(name="bmi", column="bmi"),
            Covariate(name="thyroid", table="diagnoses", date="date", codes=("E06",)),
        ),
        eligibility=(Criterion("Adult", "age >= 18"), Criterion("BMI under 35", "bmi < 35")),
        unordered_dates="exclude",
    )
    return replace(base, **change)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    tables = simulated(seed)
    cohort = build_cohort(tables, design())
    rng = np.random.default_rng(seed)
    shuffled = {name: frame.iloc[rng.permutation(len(frame))] for name, frame in tables.items()}
    other = build_cohort(shuffled, design())
    pd.testing.assert_frame_equal(
        cohort.data.sort_values("person_id", ignore_index=True), other.data.sort_values("person_id", ignore_index=True)
    )
    pd.testing.assert_frame_equal(cohort.attrition, other.attrition)
    pd.testing.assert_frame_equal(cohort.notes, other.notes)
    assert cohort.cutpoints == other.cutpoints


def test_people_who_are_not_eligible_change_nothing_but_the_counts_before_they_leave() -> None:
    tables = simulated(3)
    cohort = build_cohort(tables, design())
    extra = tables["persons"].head(50).assign(person_id=[f"x{i}" for i in range(50)])
    lab = tables["lab"].head(400).assign(person_id=lambda f: "x" + (np.arange(len(f)) % 50).astype(str), analyte="mma")
    other = build_cohort(tables | {"persons": pd.concat([tables["persons"], extra]), "lab": pd.concat([tables["lab"], lab])}, design())
    pd.testing.assert_frame_equal(cohort.data, other.data)
    assert (other.attrition["n"] - cohort.attrition["n"]).tolist() == [50] + [0] * (len(cohort.attrition) - 1)


def test_lag_zero_is_no_lag_and_a_lag_only_shortens() -> None:
    tables = simulated(4)
    none, zero, two = (build_cohort(tables, design(**c)) for c in ({}, {"lag_years": 0.0}, {"lag_years": 2}))
    pd.testing.assert_frame_equal(none.data, zero.data)
    pd.testing.assert_frame_equal(none.attrition, zero.attrition)
    both = two.data.merge(none.data, on="person_id", suffixes=("_2", "_0"))
    assert len(both) == two.n < none.n
    assert_allclose(both["exit_0"] - both["exit_2"], 731 / 365.25)
    assert (both["event_0"] == both["event_2"]).all()


def test_both_time_scales_have_the_same_person_time_and_events() -> None:
    tables = simulated(5)
    since, aged = (build_cohort(tables, design(time_scale=scale)) for scale in ("follow-up", "attained-age"))
    assert_allclose(aged.person_time, since.person_time, rtol=0)
    assert_allclose((aged.data["exit"] - aged.data["entry"]).sum(), since.data["exit"].sum(), rtol=SUM_OF_TIMES)
    assert aged.data["event"].tolist() == since.data["event"].tolist()
    in_days = build_cohort(tables, design(unit="days"))
    assert_allclose(in_days.data["exit"] / 365.25, since.data["exit"])


@pytest.mark.parametrize("seed", [6, 7])
def test_a_slow_twin_follows_one_person_at_a_time(seed: int) -> None:
    tables = simulated(seed, n=150)
    cohort = build_cohort(tables, design())
    twin = [row for person in tables["persons"].itertuples() if (row := one_person(person, tables)) is not None]
    expected = pd.DataFrame(twin, columns=["person_id", "time_zero", "exit", "event", "b12", "thyroid"])
    assert len(expected) > 15
    pd.testing.assert_frame_equal(cohort.data[expected.columns], expected, check_dtype=False)
    assert cohort.events == cohort.attrition["events"].iloc[-1] == (expected["event"] == 1).sum()
    assert cohort.n == cohort.attrition["n"].iloc[-1]


def one_person(person, tables: dict[str, pd.DataFrame]) -> tuple | None:
    """The design above, read aloud for one person."""
    lab = tables["lab"][(tables["lab"]["person_id"] == person.person_id) & (tables["lab"]["analyte"] == "b12")].dropna(subset="result")
    first = lab[(lab["date"] >= "2000-06-01") & (lab["date"] >= person.start)]["date"].min()
    if pd.isna(first) or first > person.exit or first > pd.Timestamp("2008-12-31"):
        return None
    birthday = pd.Timestamp(person.birth.year + 18, person.birth.month, 1) + pd.Timedelta(days=person.birth.day - 1)
    if first < birthday or not person.bmi < 35:
        return None
    mine = tables["diagnoses"][tables["diagnoses"]["person_id"] == person.person_id]
    onset = mine[mine["code"] == "L90.0"]["date"].min()
    if onset <= first:
        return None
    end = min(person.exit, pd.Timestamp("2008-12-31"))
    event = 2 if person.death == end else 0
    if onset <= end:
        end, event = onset, 1
    if end <= first:
        return None
    seen = lab[(lab["date"] <= first) & (lab["date"] >= first - pd.Timedelta(days=70))]
    value = seen[seen["date"] == seen["date"].max()]["result"].mean()
    thyroid = float(((mine["code"] == "E06.3") & (mine["date"] <= first)).any())
    return person.person_id, first, (end - first).days / 365.25, event, value, thyroid


def test_the_flow_chart_adds_up_and_is_made_of_results() -> None:
    cohort = build_cohort(simulated(9), design())
    flow = cohort.attrition
    assert (flow["n"].shift(fill_value=flow["n"][0]) - flow["n_excluded"] == flow["n"]).all()
    assert (flow["events"].shift(fill_value=flow["events"][0]) - flow["events_excluded"] == flow["events"]).all()
    assert (flow["n_unknown"] <= flow["n_excluded"]).all() and flow["n_unknown"].sum() > 0
    estimates = cohort.estimates()
    steps = estimates.where(context="attrition").frame
    assert steps["term"].tolist() == flow["label"].tolist()
    assert steps["n"].tolist() == flow["n"].tolist() and steps["events"].tolist() == flow["events"].tolist()
    assert (
        set(steps["measure"]) == {"remaining"} and set(steps["analysis"]) == {"attrition"} and steps["at"].tolist() == flow["step"].tolist()
    )
    assert set(estimates.where(context="diagnostic").frame["measure"]) == {"not known", "cut-point"}


def test_the_tables_given_are_not_changed() -> None:
    tables = simulated(10)
    before = {name: frame.copy() for name, frame in tables.items()}
    cohort = build_cohort(tables, design())
    everyone = cohort.with_outsiders()
    everyone.loc[:, "in_cohort"] = 9
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])
    assert set(cohort.everyone["in_cohort"]) == {0, 1}
