"""Hand-worked flat studies: one row per person that already holds the follow-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from spec.design.drawn import drawn

from cobalamin.core.errors import DataError, EventCodeError, FollowUpError, MissingValuesError
from cobalamin.design import (
    Case,
    Competing,
    Covariate,
    Criterion,
    Derivation,
    Design,
    Exposure,
    ExposureScales,
    GivenFollowUp,
    Outcome,
    SurveyColumns,
    build_cohort,
)

PEOPLE = """
person_id | months_age | years_age | months | vital | ever | now      | b12 | weight | psu
a         | 601        | 50        | 120    | dead  | no   |          | 100 | 1      | 1
b         |            | 60        | 24     | alive | yes  | none     | 200 | 2      | 1
c         | 480        | 40        | 0      | dead  | yes  | daily    | 300 | 3      | 2
d         | 360        | 30        |        |       | yes  | daily    | 400 | 4      | 2
e         | 840        | 70        | 60     | dead  |      | daily    | 500 | 5      | 1
f         | 840        | 70        | 60     | alive | yes  |          |     |        | 1
"""


def people():
    return drawn(PEOPLE, vital=["alive", "dead"], ever=["no", "yes"], now=["daily", "none"])


def flat(**change: object) -> Design:
    base = Design(
        derive=(
            Derivation(name="age_entry", expression="where(is_missing(months_age), years_age + 0.5, months_age / 12)"),
            Derivation(name="age_exit", expression="age_entry + months / 12"),
            Derivation(name="died", expression="where(vital == 'dead', 1, 0)"),
            Derivation(
                name="smoking",
                reference="never",
                cases=(
                    Case("current", "ever == 'yes' and now == 'daily'"),
                    Case("former", "ever == 'yes' and now == 'none'"),
                    Case("never", "ever == 'no'"),
                ),
            ),
        ),
        outcome=Outcome(name="death", column="died"),
        follow_up=GivenFollowUp(entry="age_entry", exit="age_exit"),
        time_scale="attained-age",
        exposures=(Exposure(name="b12", column="b12", scales=ExposureScales(log2=True)),),
        covariates=(Covariate(name="smoking", column="smoking"),),
    )
    return replace(base, **change)


def test_the_cohort_and_its_flow_chart() -> None:
    cohort = build_cohort({"persons": people()}, flat(eligibility=(Criterion("B12 measured", "not is_missing(b12)"),)))
    assert cohort.attrition[["label", "n", "n_excluded", "events", "events_excluded", "n_unknown"]].values.tolist() == [
        ["People in persons", 6, 0, 3, 0, 0],
        ["B12 measured", 5, 1, 3, 0, 0],
        ["Follow-up and outcome known", 4, 1, 3, 0, 1],
        ["Follow-up above zero", 3, 1, 2, 1, 0],
    ]
    assert cohort.data["person_id"].tolist() == ["a", "b", "e"]
    assert_allclose(cohort.data["entry"], [601 / 12, 60.5, 70.0])
    assert_allclose(cohort.data["person_time"], [10.0, 2.0, 5.0])
    assert cohort.data["event"].tolist() == [1, 0, 1]
    # e: whether ever a smoker is not known, so the first case is undecided and the value is missing, although 'daily' is recorded
    assert cohort.data["smoking"].astype(object).fillna("").tolist() == ["never", "former", ""]
    assert cohort.data["smoking"].cat.categories.tolist() == ["never", "current", "former"]
    assert repr(cohort) == "Cohort(3 people, 2 events, 17.0 person-years, 3 steps)"
    assert "Follow-up above zero" in cohort._repr_html_() and "B12" in cohort._repr_html_()


def test_a_lag_moves_the_entry_or_shortens_the_time() -> None:
    aged = build_cohort({"persons": people()}, flat(lag_years=2))
    assert aged.data["person_id"].tolist() == ["a", "e", "f"]  # b has exactly 2 years: nothing is left after the lag
    assert_allclose(aged.data["entry"], [601 / 12 + 2, 72.0, 72.0])
    assert aged.attrition["label"].iloc[-1] == "Still at risk 2 years after entry"
    since = flat(
        lag_years=2,
        time_scale="follow-up",
        follow_up=GivenFollowUp(exit="years"),
        derive=(*flat().derive, Derivation(name="years", expression="months / 12")),
    )
    timed = build_cohort({"persons": people()}, since)
    assert_allclose(timed.data["entry"], 0)
    assert_allclose(timed.data["exit"], [8.0, 3.0, 3.0])
    assert_allclose(timed.data["person_time"], aged.data["person_time"])


def test_exit_before_entry_is_an_error_unless_left_out() -> None:
    table = people()
    table.loc[0, "months"] = -1.0
    with pytest.raises(FollowUpError, match="1 of 6 people: age_exit before age_entry in 1 people"):
        build_cohort({"persons": table}, flat())
    cohort = build_cohort({"persons": table}, flat(unordered_dates="exclude"))
    assert cohort.attrition.set_index("label").loc["Dates in order", "n_excluded"] == 1


def test_event_coding_is_guarded() -> None:
    table = people()
    table["died12"] = [2.0, 1.0, 2.0, 1.0, 2.0, 1.0]
    with pytest.raises(EventCodeError, match="1 = censored, 2 = event"):
        build_cohort({"persons": table}, flat(outcome=Outcome(name="death", column="died12")))
    with pytest.raises(EventCodeError, match=r"got a column of category \(alive, dead\)\. Derive one"):
        build_cohort({"persons": table}, flat(outcome=Outcome(name="death", column="vital")))


def test_the_outcome_wins_over_a_competing_event_of_the_same_row() -> None:
    table = people()
    table["heart"] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    design = flat(outcome=Outcome(name="heart", column="heart"), competing=(Competing(name="death", column="died"),))
    cohort = build_cohort({"persons": table}, design)
    assert cohort.data["event"].tolist() == [1, 0, 2, 0]
    assert cohort.events == 1


def test_outsiders_stay_for_the_survey_design() -> None:
    design = flat(
        eligibility=(Criterion("B12 measured", "not is_missing(b12)"),),
        survey=SurveyColumns(weights="weight", psu="psu"),
        keep=("years_age",),
    )
    cohort = build_cohort({"persons": people()}, design)
    full = cohort.with_outsiders()
    assert full["in_cohort"].tolist() == [1, 1, 0, 0, 1, 0]
    assert full["psu"].tolist() == [1, 1, 2, 2, 1, 1]
    assert full.loc[full["in_cohort"] == 0, ["entry", "exit", "event"]].isna().all().all()
    assert_allclose(full["b12_log2"], np.log2([100, 200, 300, 400, 500, np.nan]))
    assert cohort.data[["weight", "psu", "years_age"]].notna().all().all()
    assert set(full.columns) - set(cohort.data.columns) == {"in_cohort"}


def test_a_member_without_a_weight_is_refused() -> None:
    with pytest.raises(MissingValuesError, match="survey column 'weight': 1 of 4 members have none"):
        build_cohort({"persons": people()}, flat(survey=SurveyColumns(weights="weight"), exposures=()))


def test_an_exposure_that_nobody_has_is_refused() -> None:
    table = people().assign(b12=np.nan)
    with pytest.raises(DataError, match="'b12' is missing for all 4 people"):
        build_cohort({"persons": table}, flat())
