"""Designs that would bias their own answer are refused, with the part, the reason and what to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, FollowUpError, FormulaError, MissingValuesError
from cobalamin.design import (
    Censoring,
    Competing,
    Covariate,
    Criterion,
    Derivation,
    Design,
    Exposure,
    GivenFollowUp,
    Outcome,
    SurveyColumns,
    TimeZero,
    build_cohort,
)
from cobalamin.dictionary.codelist import Code, CodeList

LAB = {"table": "lab", "date": "date", "value": "result"}


def persons(n: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(n)],
            "age": np.linspace(30, 60, n),
            "start": pd.to_datetime(["2000-01-01"] * n),
            "exit": pd.to_datetime(["2015-01-01"] * n),
            "death": pd.to_datetime([None] * n),
        }
    )


def tables(n: int = 4) -> dict[str, pd.DataFrame]:
    lab = pd.DataFrame({"person_id": ["p0", "p1"], "date": pd.to_datetime(["2009-06-01"] * 2), "result": [1.0, 2.0]})
    diagnoses = pd.DataFrame({"person_id": ["p0"], "date": pd.to_datetime(["2012-01-01"]), "code": ["L90.0"], "system": ["icd10"]})
    return {"persons": persons(n), "lab": lab, "diagnoses": diagnoses}


def design(**change: object) -> Design:
    base = Design(
        time_zero=TimeZero(on=dt.date(2010, 1, 1)),
        outcome=Outcome(name="LS", table="diagnoses", date="date", codes=("L90.0",)),
        competing=(Competing(name="death", column="death"),),
        censoring=Censoring(start="start", columns=("exit",)),
    )
    return replace(base, **change)


@pytest.mark.parametrize("part", [Exposure, Covariate])
def test_a_window_after_time_zero_is_immortal_time(part: type) -> None:
    with pytest.raises(DesignError, match=r"'b12': window_days ends 1 days after time zero: immortal time.*End the window at 0"):
        part(name="b12", window_days=(-365, 1), **LAB)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eligibility": (Criterion("Survivors", "exit > '2012-01-01'"),)}, r"eligibility 'Survivors' uses exit.*it ends follow-up"),
        ({"eligibility": (Criterion("Alive", "is_missing(death)"),)}, r"eligibility 'Alive' uses death.*it records 'death'"),
        ({"covariates": (Covariate(name="death", column="death"),)}, "'death' uses death, known only after time zero: immortal time"),
        ({"exposures": (Exposure(name="b12", column="exit"),)}, "'b12' uses exit"),
        ({"time_zero": TimeZero(column="start", on_or_after=("death",))}, "time zero uses death"),
        ({"time_zero": TimeZero(column="exit")}, "time zero uses exit"),
        (
            {"after_time_zero": ("age",), "eligibility": (Criterion("Old", "age > 40"),)},
            "the data dictionary gives it a role after time zero",
        ),
        (
            {
                "derive": (
                    Derivation(name="lived", expression="days_between(start, exit)"),
                    Derivation(name="long", expression="lived > 5000"),
                ),
                "eligibility": (Criterion("Followed long", "long"),),
            },
            r"eligibility 'Followed long' uses long.*it is derived from 'lived'",
        ),
    ],
)
def test_later_knowledge_is_refused(change: dict, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        build_cohort(tables(), design(**change))


def test_the_outcome_of_a_flat_table_cannot_choose_its_people() -> None:
    flat = Design(
        outcome=Outcome(name="death", column="died"),
        follow_up=GivenFollowUp(exit="years"),
        derive=(Derivation(name="died", expression="is_missing(age)"),),
        eligibility=(Criterion("Followed for a year", "years > 1"),),
    )
    with pytest.raises(DesignError, match="eligibility 'Followed for a year' uses years"):
        build_cohort({"persons": persons().assign(years=1.0)}, flat)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"outcome": Outcome(name="LS", column="age")}, DesignError, r"column 'age' holds no dates; a 0/1 column needs"),
        ({"keep": ("agee",)}, ColumnNotFoundError, "keep: table 'persons' has no column 'agee'. Did you mean 'age'"),
        (
            {"eligibility": (Criterion("x", "agee > 3"),)},
            ColumnNotFoundError,
            "eligibility 'x': there is no column 'agee'. Did you mean 'age'",
        ),
        ({"eligibility": (Criterion("x", "age"),)}, FormulaError, "eligibility 'x': expected a condition"),
        ({"person_table": "person"}, DesignError, "there is no table 'person'. Did you mean 'persons'"),
        ({"exposures": (Exposure(name="b12", table="labs", date="date", value="result"),)}, DesignError, "'b12': there is no table 'labs'"),
        (
            {"exposures": (Exposure(name="b12", table="lab", date="day", value="result"),)},
            ColumnNotFoundError,
            "table 'lab' has no column 'day'",
        ),
        (
            {"exposures": (Exposure(name="b12", table="lab", date="date", value="res"),)},
            ColumnNotFoundError,
            "table 'lab' has no column 'res'",
        ),
        ({"exposures": (Exposure(name="age", **LAB),)}, DesignError, "'age' is a column of the person table and, with other content"),
        ({"derive": (Derivation(name="age", expression="1"),)}, DesignError, "already has a column of that name"),
        ({"time_zero": TimeZero(**{"table": "lab", "date": "date", "where": "result > 9"})}, DataError, "step 1 'Time zero known'"),
        ({"censoring": Censoring(start="start"), "competing": ()}, FollowUpError, "follow-up has no end for 3 of 4 people"),
        ({"covariates": (Covariate(name="age0", at_time_zero="age"),)}, DesignError, "needs the column of birth"),
    ],
)
def test_what_is_not_there_is_named(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build_cohort(tables(), design(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time_zero": None}, "give either time_zero"),
        ({"follow_up": GivenFollowUp(exit="x")}, "give either time_zero"),
        ({"time_scale": "attained-age"}, "needs the column of birth"),
        ({"time_scale": "age"}, "time_scale: got 'age', expected one of follow-up, attained-age"),
        ({"unit": "months"}, "unit: got 'months'"),
        ({"lag_years": -1}, "lag_years is -1"),
        ({"unordered_dates": "drop"}, "expected one of error, exclude"),
        ({"competing": (Competing(name="LS", column="death"),)}, "'LS' is given twice among the outcome"),
        ({"covariates": (Covariate(name="a", column="age"), Covariate(name="a", column="start"))}, "'a' is given twice"),
        ({"covariates": (Covariate(name="entry", column="age"),)}, "'entry' is a column that the cohort makes itself"),
    ],
)
def test_contradictions_are_refused_at_once(change: dict, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        design(**change)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeZero(), "exactly one of on"),
        (lambda: TimeZero(table="lab"), "which column of table 'lab' holds the date"),
        (lambda: TimeZero(on=dt.date(2010, 1, 1), on_or_after=("start",)), "on_or_after has no meaning"),
        (lambda: Outcome(name="LS"), "give either a column"),
        (lambda: Outcome(name="LS", table="diagnoses", date="date"), "by codes or where"),
        (lambda: Exposure(name="b12", table="lab", date="date"), "which column of table 'lab' holds the value"),
        (lambda: Exposure(name="b12", choose="latest", **LAB), "got 'latest', expected one of last, first, mean"),
        (lambda: Exposure(name="b12", ties="max", **LAB), "expected one of mean, lowest, highest"),
        (lambda: Exposure(name="b12", window_days=(0, -5), **LAB), "runs from 0 to -5"),
        (lambda: Exposure(name="b12", lag_years=-1, **LAB), "lag_years is -1"),
        (lambda: Covariate(name="x", table="lab", date="date"), "by codes or where; or give a value"),
        (lambda: Covariate(name="x", at_time_zero="month"), "'age' or 'year'"),
        (lambda: Criterion("", "age > 1"), "needs a label"),
    ],
)
def test_parts_that_say_too_little_or_too_much(make, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        make()


def test_people_and_keys() -> None:
    twice = tables()
    twice["persons"] = pd.concat([persons(), persons(2)], ignore_index=True)
    with pytest.raises(DataError, match=r"2 values of 'person_id' stand on 4 of 6 rows"):
        build_cohort(twice, design())
    nameless = tables()
    nameless["persons"].loc[0, "person_id"] = None
    with pytest.raises(MissingValuesError, match="1 of 4 rows have no 'person_id'"):
        build_cohort(nameless, design())
    with pytest.raises(DataError, match="table 'persons' has no rows"):
        build_cohort(tables() | {"persons": persons().iloc[:0]}, design())
    strangers = tables()
    strangers["diagnoses"]["person_id"] = [7]
    with pytest.raises(DataError, match=r"none of its 1 rows has a 'person_id' of the person table \(int64 here, object there\)"):
        build_cohort(strangers, design())


def test_a_list_of_several_classifications_needs_to_know_which_one_a_row_uses() -> None:
    both = CodeList("ls", (Code("icd10", "L90.0", "LS", "verified", ""), Code("icd10cm", "N90.4", "LS", "verified", "")))
    data = tables()
    data["diagnoses"]["code"] = ["N90.4"]  # in ICD-10 of the WHO this is leukoplakia, not lichen sclerosus
    outcome = Outcome(name="LS", table="diagnoses", date="date", codes=both)
    with pytest.raises(DesignError, match=r"code list 'ls' holds codes of several classifications \(icd10, icd10cm\)"):
        build_cohort(data, design(outcome=outcome))
    assert build_cohort(data, design(outcome=replace(outcome, code_system="system"))).events == 0
    assert build_cohort(data, design(outcome=replace(outcome, code_system="icd10cm"))).events == 1
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'system'"):
        build_cohort(data, design(outcome=replace(outcome, code_system="sytem")))


def test_negative_survey_weights_are_refused() -> None:
    data = {"persons": persons().assign(w=[1.0, -1.0, 1.0, 1.0], years=1.0, died=0.0)}
    flat = Design(outcome=Outcome(name="death", column="died"), follow_up=GivenFollowUp(exit="years"), survey=SurveyColumns(weights="w"))
    with pytest.raises(DataError, match="1 are negative"):
        build_cohort(data, flat)
