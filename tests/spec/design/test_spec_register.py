"""Hand-worked register studies: given these rows, this cohort."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from spec.design.drawn import drawn

from cobalamin.core.errors import DataError, FollowUpError
from cobalamin.design import (
    Censoring,
    Competing,
    Covariate,
    Criterion,
    Design,
    Exposure,
    Outcome,
    TimeZero,
    build_cohort,
)

ROUNDING = 1e-12  # days divided by 365.25: the last digits of a double

PERSONS = """
person_id | birth      | start_date | exit_date  | death_date
a         | 1950-06-01 | 2000-01-01 | 2020-12-31 |
b         | 1960-06-01 | 2000-01-01 | 2012-03-31 | 2012-03-31
c         | 1970-06-01 | 2011-01-01 | 2020-12-31 |
d         | 1980-06-01 | 2000-01-01 | 2009-05-05 |
"""
NOBODY = "person_id | diagnosis_date | code\na | 1990-01-01 | Z00"


def register(**change: object) -> Design:
    base = Design(
        time_zero=TimeZero(on=dt.date(2010, 1, 1)),
        outcome=Outcome(name="LS", table="diagnoses", date="diagnosis_date", codes=("L90.0",)),
        competing=(Competing(name="death", column="death_date"),),
        censoring=Censoring(start="start_date", columns=("exit_date",)),
        birth="birth",
        unit="days",
    )
    return replace(base, **change)


def flow(cohort) -> list[tuple[str, int, int]]:
    return list(cohort.attrition[["label", "n", "events"]].itertuples(index=False, name=None))


def rows(frame: pd.DataFrame, *names: str) -> list[tuple]:
    return list(frame[list(names)].itertuples(index=False, name=None))


def test_a_fixed_date_follows_those_who_are_there_on_that_day() -> None:
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY)}, register())
    # c came in 2011, d left in 2009: not under observation on 1 January 2010, and no error
    assert flow(cohort) == [
        ("People in persons", 4, 0),
        ("Under observation at time zero", 2, 0),
        ("No LS at or before time zero", 2, 0),
        ("Follow-up above zero", 2, 0),
    ]
    # a: 2010-01-01 to 2020-12-31 = 4017 days, censored; b dies on day 820
    assert rows(cohort.data, "person_id", "entry", "exit", "event") == [("a", 0, 4017, 0), ("b", 0, 820, 2)]
    assert cohort.event_labels == {0: "censored", 1: "LS", 2: "death"}


@pytest.mark.parametrize(
    ("day", "event", "exit", "n"),
    [
        ("2009-12-31", None, None, 1),  # before time zero: prevalent
        ("2010-01-01", None, None, 1),  # on time zero: prevalent, for follow-up starts after that day
        ("2010-01-02", 1, 1.0, 2),  # the first day at risk
        ("2012-03-30", 1, 819.0, 2),  # the day before death
        ("2012-03-31", 1, 820.0, 2),  # on the day of death: the outcome wins
        ("2012-04-01", 2, 820.0, 2),  # after death: a record that cannot be an event
    ],
)
def test_the_day_of_the_outcome_decides(day: str, event: int | None, exit: float | None, n: int) -> None:
    diagnoses = drawn(f"person_id | diagnosis_date | code\nb | {day} | L900")
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": diagnoses}, register())
    assert cohort.n == n
    person = cohort.data[cohort.data["person_id"] == "b"]
    assert rows(person, "event", "exit") == ([(event, exit)] if event is not None else [])
    # prevalent people are events of the rows above their step, and lost in it
    assert cohort.attrition["events"].iloc[0] == (0 if event == 2 else 1)
    assert cohort.attrition.loc[2, "events_excluded"] == (1 if event is None else 0)


def test_the_first_record_of_the_outcome_counts_whatever_the_order_and_the_spelling() -> None:
    diagnoses = drawn(
        """
        person_id | diagnosis_date | code
        a         | 2015-01-01     | L90.0
        a         | 2012-01-01     | l900
        a         | 2011-01-01     | L90
        a         |                | L90.0
        """
    )
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": diagnoses}, register())
    assert rows(cohort.data[:1], "event", "exit") == [(1, 730.0)]  # 2012-01-01, since L90 is too coarse
    assert rows(cohort.notes, "use", "table", "reason", "n_rows", "n_people") == [("LS", "diagnoses", "no diagnosis_date", 1, 1)]


LAB = """
person_id | sample_date | analyte | result
a         | 2004-02-29  | b12     | 150
a         | 2008-06-01  | mma     | 200
a         | 2008-06-02  | b12     | 250
b         | 2007-12-31  | b12     | 300
b         | 2008-01-01  | b12     |
b         | 2008-01-02  | b12     | 310
d         | 2009-05-05  | b12     | 400
x         | 2008-01-01  | b12     | 500
"""


def first_sample(**limits: object) -> TimeZero:
    return TimeZero(label="first B12", table="lab_results", date="sample_date", where="analyte == 'b12'", **limits)


def test_time_zero_is_the_first_sample_on_or_after_each_limit() -> None:
    design = register(time_zero=first_sample(on_or_after=(dt.date(2008, 1, 1), "start_date")))
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": drawn(LAB)}, design)
    # b: 2008-01-01 itself counts; c has no sample; d's sample is on the last day, so there is no time at risk
    assert rows(cohort.data, "person_id", "time_zero") == [("a", pd.Timestamp("2008-06-02")), ("b", pd.Timestamp("2008-01-01"))]
    assert flow(cohort) == [
        ("People in persons", 4, 0),
        ("Time zero known: first B12", 3, 0),
        ("Under observation at time zero", 3, 0),
        ("No LS at or before time zero", 3, 0),
        ("Follow-up above zero", 2, 0),
    ]
    assert rows(cohort.notes, "table", "reason", "n_rows", "n_people") == [
        ("lab_results", "person not in the person table", 1, 1),
        ("diagnoses", "no row counts: check the condition and the codes", 0, 0),
    ]


def test_time_zero_from_a_column_is_the_latest_of_it_and_its_limits() -> None:
    design = register(time_zero=TimeZero(column="start_date", on_or_after=(dt.date(2005, 3, 1),)))
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY)}, design)
    stamps = [str(day.date()) for day in cohort.data["time_zero"]]
    assert stamps == ["2005-03-01", "2005-03-01", "2011-01-01", "2005-03-01"]


def b12(**change: object) -> Exposure:
    base = Exposure(name="b12", table="lab_results", date="sample_date", value="result", where="analyte == 'b12'", window_days=(-10, 0))
    return replace(base, **change)


WINDOW = """
person_id | sample_date | analyte | result | assay
a         | 2009-12-21  | b12     | 999    | roche
a         | 2009-12-22  | b12     | 100    | roche
a         | 2009-12-31  | b12     | 200    | abbott
a         | 2010-01-01  | b12     | 300    | abbott
a         | 2010-01-01  | b12     | 500    | roche
a         | 2010-01-02  | b12     | 888    | roche
b         | 2009-12-30  | b12     | 400    | roche
b         | 2009-12-31  | b12     |        | abbott
"""


@pytest.mark.parametrize(
    ("change", "a", "b"),
    [
        ({}, 400.0, 400.0),  # a: two results on 1 January, their mean; b: the last one that has a result
        ({"ties": "lowest"}, 300.0, 400.0),
        ({"ties": "highest"}, 500.0, 400.0),
        ({"choose": "first"}, 100.0, 400.0),  # 22 December = day -10 is inside, 21 December is not
        ({"choose": "mean"}, 275.0, 400.0),  # (100 + 200 + 300 + 500) / 4
        ({"window_days": (-10, -1)}, 200.0, 400.0),
        ({"window_days": (-1, -1)}, 200.0, np.nan),
        ({"window_days": (-np.inf, -11)}, 999.0, np.nan),
        ({"window_days": (0, 0)}, 400.0, np.nan),
    ],
)
def test_the_window_has_both_edges_and_one_rule_for_the_same_day(change: dict, a: float, b: float) -> None:
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": drawn(WINDOW)}
    cohort = build_cohort(tables, register(exposures=(b12(**change),)))
    assert_allclose(cohort.data["b12"], [a, b])


def test_the_assay_is_carried_and_is_missing_where_the_day_has_two() -> None:
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": drawn(WINDOW)}
    cohort = build_cohort(tables, register(exposures=(b12(carry=("assay",)),)))
    assert cohort.data["b12_assay"].tolist()[1] == "roche" and pd.isna(cohort.data["b12_assay"][0])
    assert cohort.data["b12_days_before"].tolist() == [0.0, 2.0]
    assert "assay differs between results of the chosen day" in set(cohort.notes["reason"])


def test_a_lag_of_the_exposure_moves_the_whole_window_back() -> None:
    lab = drawn(
        """
        person_id | sample_date | analyte | result
        a         | 2008-12-31  | b12     | 111
        a         | 2009-01-01  | b12     | 222
        a         | 2009-01-02  | b12     | 333
        b         | 2008-12-21  | b12     | 444
        b         | 2008-12-22  | b12     | 555
        """
    )
    # one year = 365 days before 2010-01-01 is 2009-01-01; the window ends there and begins 10 days earlier
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": lab}
    cohort = build_cohort(tables, register(exposures=(b12(lag_years=1),)))
    assert_allclose(cohort.data["b12"], [222.0, 555.0])


@pytest.mark.parametrize(
    ("outcome_day", "kept", "event", "exit"),
    [
        ("2010-12-31", False, None, None),  # day 364
        ("2011-01-01", False, None, None),  # day 365 = the last day of the lag
        ("2011-01-02", True, 1, 1.0),  # the first day at risk
    ],
)
def test_follow_up_starts_after_the_lag(outcome_day: str, kept: bool, event: int | None, exit: float | None) -> None:
    diagnoses = drawn(f"person_id | diagnosis_date | code\na | {outcome_day} | L90.0")
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": diagnoses}, register(lag_years=1))
    person = cohort.data[cohort.data["person_id"] == "a"]
    assert rows(person, "event", "exit") == ([(event, exit)] if kept else [])
    last = cohort.attrition.iloc[-1]
    assert (last["label"], last["events_excluded"]) == ("Still at risk 1 years after time zero", 0 if kept else 1)
    # b dies on day 820 after time zero, 455 days after the lag
    assert rows(cohort.data[cohort.data["person_id"] == "b"], "event", "exit") == [(2, 455.0)]


def test_age_is_calendar_age_and_attained_age_adds_up() -> None:
    persons = drawn(
        """
        person_id | birth      | start_date | exit_date
        leap      | 1992-02-29 | 1992-02-29 | 2012-02-29
        may       | 1992-03-02 | 1992-03-02 | 2012-03-01
        day       | 1992-03-01 | 1992-03-01 | 2012-03-01
        """
    )
    design = Design(
        time_zero=TimeZero(on=dt.date(2010, 3, 1)),
        outcome=Outcome(name="LS", table="diagnoses", date="diagnosis_date", codes=("L90.0",)),
        censoring=Censoring(columns=("exit_date",)),
        birth="birth",
        time_scale="attained-age",
        covariates=(Covariate(name="age", at_time_zero="age"), Covariate(name="year", at_time_zero="year")),
        eligibility=(Criterion("Aged 18 or over", "age >= 18"),),
    )
    diagnoses = drawn("person_id | diagnosis_date | code\nleap | 1991-01-01 | Z00")
    cohort = build_cohort({"persons": persons, "diagnoses": diagnoses}, design)
    # 'may' is 18 on the next day; the one born on 29 February had the birthday on 1 March
    assert cohort.data["person_id"].tolist() == ["leap", "day"]
    assert cohort.data["age"].tolist() == [18.0, 18.0]
    assert cohort.data["year"].tolist() == [2010.0, 2010.0]
    days = np.array([6575, 6574])  # from birth to time zero
    assert_allclose(cohort.data["entry"], days / 365.25, rtol=ROUNDING)
    assert_allclose(cohort.data["exit"], (days + np.array([730, 731])) / 365.25, rtol=ROUNDING)
    assert_allclose(cohort.data["exit"] - cohort.data["entry"], cohort.data["person_time"], rtol=1e-9)


def test_a_missing_value_in_a_criterion_keeps_nobody_and_is_counted() -> None:
    persons = drawn(
        """
        person_id | start_date | exit_date  | death_date | smoking | bmi
        a         | 2000-01-01 | 2020-12-31 |            | never   | 20
        b         | 2000-01-01 | 2020-12-31 |            |         | 20
        c         | 2000-01-01 | 2020-12-31 |            | current |
        d         | 2000-01-01 | 2020-12-31 |            |         | 40
        e         | 2000-01-01 | 2020-12-31 |            | never   | 40
        f         | 2000-01-01 | 2020-12-31 |            | current |
        """,
        smoking=["never", "current"],
    )
    diagnoses = drawn(
        """
        person_id | diagnosis_date | code
        b         | 2011-01-01     | L90.0
        d         | 2011-01-01     | L90.0
        c         | 2011-01-01     | L90.0
        """
    )
    # unknown and False is False; unknown or True is True; the rest is not known
    design = register(
        birth="",
        eligibility=(
            Criterion("Not both", "not (smoking == 'current' and bmi > 30)"),
            Criterion("Lean never smokers", "smoking == 'never' and bmi < 30"),
        ),
    )
    cohort = build_cohort({"persons": persons, "diagnoses": diagnoses}, design)
    table = cohort.attrition.set_index("label")[["n", "n_excluded", "events", "events_excluded", "n_unknown"]]
    # c, f: current and BMI not known -> unknown. d: smoking not known and BMI 40 -> unknown. b: BMI 20 makes it known.
    assert table.loc["Not both"].tolist() == [3, 3, 1, 2, 3]
    # b: smoking not known, lean -> unknown; e: BMI 40 -> known not to hold
    assert table.loc["Lean never smokers"].tolist() == [1, 2, 0, 1, 1]
    assert cohort.data["person_id"].tolist() == ["a"]


def test_recorded_before_looks_at_the_window_only() -> None:
    prescriptions = drawn(
        """
        person_id | dispensed_date | atc
        a         | 2009-01-01     | A10BA02
        a         | 2010-01-02     | A02BC01
        b         | 2008-12-31     | A10BA02
        b         | 2010-01-01     | A02BC02
        """
    )
    drug = Covariate(name="metformin", table="prescriptions", date="dispensed_date", code="atc", codes=("A10BA02",), window_days=(-365, 0))
    ppi = Covariate(name="ppi", table="prescriptions", date="dispensed_date", code="atc", codes=("A02BC",))
    cohort = build_cohort(
        {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "prescriptions": prescriptions}, register(covariates=(drug, ppi))
    )
    assert rows(cohort.data, "person_id", "metformin", "ppi") == [("a", 1.0, 0.0), ("b", 0.0, 1.0)]


def test_impossible_dates_stop_the_study_unless_the_protocol_leaves_the_people_out() -> None:
    lab = drawn(
        """
        person_id | sample_date | analyte | result
        a         | 2010-01-01  | b12     | 100
        b         | 2012-04-01  | b12     | 100
        c         | 2011-01-02  | b12     | 100
        """
    )
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": lab}
    with pytest.raises(FollowUpError, match=r"1 of 4 people: death before time zero in 1 people; exit_date before time zero in 1 people"):
        build_cohort(tables, register(time_zero=first_sample()))
    cohort = build_cohort(tables, register(time_zero=first_sample(), unordered_dates="exclude"))
    assert ("Dates in order", 2, 0) in flow(cohort)
    assert cohort.data["person_id"].tolist() == ["a", "c"]


def test_exit_before_registration_is_an_error_whatever_time_zero_is() -> None:
    persons = drawn(PERSONS.replace("2009-05-05", "1999-05-05"))
    with pytest.raises(FollowUpError, match="exit_date before start_date in 1 people"):
        build_cohort({"persons": persons, "diagnoses": drawn(NOBODY)}, register())


def test_the_step_that_empties_the_cohort_is_named() -> None:
    design = register(eligibility=(Criterion("Started in the future", "start_date > '2030-01-01'"),))
    with pytest.raises(DataError, match=r"the cohort is empty: step 2 'Started in the future' left out the last 2 of 4 people"):
        build_cohort({"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY)}, design)


def test_two_competing_events_on_one_day_go_by_the_order_of_the_protocol() -> None:
    persons = drawn(
        """
        person_id | exit_date  | death_date | emigration_date
        a         | 2020-12-31 | 2011-01-01 | 2011-01-01
        """
    )
    death, move = Competing(name="death", column="death_date"), Competing(name="emigration", column="emigration_date")
    design = Design(
        time_zero=TimeZero(on=dt.date(2010, 1, 1)),
        outcome=Outcome(name="LS", column="diagnosis_date"),
        censoring=Censoring(columns=("exit_date",)),
    )
    persons["diagnosis_date"] = pd.Series([pd.NaT], dtype="datetime64[ns]")
    for order, code in (((death, move), 2), ((move, death), 2)):
        cohort = build_cohort({"persons": persons}, replace(design, competing=order))
        assert cohort.data["event"].tolist() == [code]
        assert cohort.event_labels[code] == order[0].name


def test_a_year_of_birth_stands_for_the_first_of_july() -> None:
    persons = drawn("person_id | birth_year | exit_date\na | 1970 | 2020-07-01\nb | 2010 | 2020-07-01")
    design = Design(
        time_zero=TimeZero(on=dt.date(2010, 7, 1)),
        outcome=Outcome(name="LS", table="diagnoses", date="diagnosis_date", codes=("L90.0",)),
        censoring=Censoring(columns=("exit_date",)),
        birth="birth_year",
        covariates=(Covariate(name="age", at_time_zero="age"),),
    )
    diagnoses = drawn("person_id | diagnosis_date | code\na | 1991-01-01 | Z00")
    assert build_cohort({"persons": persons, "diagnoses": diagnoses}, design).data["age"].tolist() == [40.0, 0.0]


def test_a_competing_disease_before_time_zero_is_a_step_and_not_an_impossible_date() -> None:
    diagnoses = drawn(
        """
        person_id | diagnosis_date | code
        a         | 2009-01-01     | C51
        b         | 2011-01-01     | C51
        """
    )
    cancer = Competing(name="vulvar cancer", table="diagnoses", date="diagnosis_date", codes=("C51",))
    design = register(time_zero=TimeZero(column="start_date", on_or_after=(dt.date(2010, 1, 1),)), competing=(cancer,))
    cohort = build_cohort({"persons": drawn(PERSONS), "diagnoses": diagnoses}, design)
    steps = cohort.attrition.set_index("label")["n_excluded"]
    assert steps["Under observation at time zero"] == 1  # d left in 2009, before the day on which everyone may start
    assert steps["No vulvar cancer at or before time zero"] == 1
    assert rows(cohort.data, "person_id", "event", "exit") == [("b", 2, 365.0), ("c", 0, 3652.0)]


def test_leaving_before_the_recorded_day_of_time_zero_is_an_error_but_before_its_limit_is_not() -> None:
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY)}
    tables["persons"]["visit_date"] = pd.to_datetime(["2001-01-01", "2001-01-01", "2011-06-01", "2009-05-06"])
    rule = TimeZero(column="visit_date", on_or_after=(dt.date(2012, 3, 31),))
    with pytest.raises(FollowUpError, match="exit_date before time zero in 1 people"):  # d came to the visit a day after leaving
        build_cohort(tables, register(time_zero=rule))
    cohort = build_cohort(tables, register(time_zero=rule, unordered_dates="exclude"))
    assert cohort.data["person_id"].tolist() == ["a", "c"]  # b died on 2012-03-31: nothing is left to observe
    assert cohort.attrition.set_index("label")["n_excluded"]["Dates in order"] == 1


def test_nothing_is_recorded_before_a_time_zero_that_is_not_there() -> None:
    seen = Covariate(name="seen", table="lab_results", date="sample_date", where="result > 0")
    design = register(
        time_zero=first_sample(on_or_after=(dt.date(2008, 1, 1),)), covariates=(seen, Covariate(name="age", at_time_zero="age"))
    )
    tables = {"persons": drawn(PERSONS), "diagnoses": drawn(NOBODY), "lab_results": drawn(LAB)}
    everyone = build_cohort(tables, design).with_outsiders().set_index("person_id")
    assert everyone.loc["c", ["seen", "age", "in_cohort"]].isna().tolist() == [True, True, False]
    assert everyone["seen"].dropna().tolist() == [1.0, 1.0, 1.0]
