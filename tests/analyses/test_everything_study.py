"""A small simulated study that asks for everything: what is written equals the direct call of the library."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from support.everything import everything

import cobalamin as cb
from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.models.after.wald import wald_test
from cobalamin.models.figures.figure_data import dose_response_estimates
from cobalamin.report.blocks import Document
from cobalamin.report.document import compose
from cobalamin.report.exhibit import TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.format import p_value
from cobalamin.report.incidence import exhibits_incidence
from cobalamin.study.followed import incidence_rows
from cobalamin.study.inputs import Inputs
from cobalamin.study.results import Results
from cobalamin.study.sections import IncidenceSection
from cobalamin.study.study import Study, load_study
from cobalamin.study.variants import read_design

# the written numbers are those of the call, to the last digits
SAME = 1e-12
pytestmark = pytest.mark.filterwarnings("ignore::cobalamin.core.errors.CobalaminWarning")
FOLLOW = {"entry": "entry", "exit": "exit"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return load_study(everything(tmp_path_factory.mktemp("all"), persons=3000, preset="none"))


@pytest.fixture(scope="module")
def made(study: Study) -> tuple[Results, Document]:
    documents: list[Document] = []

    def compose_once(estimates: cb.Estimates, facts: StudyFacts) -> Document:
        documents.append(compose(estimates, facts))
        return documents[0]

    # the document that the run writes, so that figures are drawn once
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cobalamin.report.document.compose", compose_once)
        return study.run(), documents[0]


@pytest.fixture(scope="module")
def results(made: tuple[Results, Document]) -> Results:
    return made[0]


@pytest.fixture(scope="module")
def document(made: tuple[Results, Document]) -> Document:
    return made[1]


@pytest.fixture(scope="module")
def inputs(study: Study) -> Inputs:
    return study.inputs()


@pytest.fixture(scope="module")
def cohorts(study: Study, inputs: Inputs) -> dict[float, Cohort]:
    design = read_design(study.protocol, inputs.dictionary)
    return {lag: build_cohort(inputs.report.valid, dataclasses.replace(design, lag_years=lag)) for lag in (0.0, 2.0)}


def with_event(cohort: Cohort, code: int = 1) -> pd.DataFrame:
    return cohort.data.assign(d=(cohort.data["event"] == code) * 1.0)


def from_forty(data: pd.DataFrame) -> pd.DataFrame:
    return data.loc[data["exit"] > 40].assign(entry=lambda d: d["entry"].clip(lower=40))


def written(results: Results, **which: Any) -> pd.DataFrame:
    frame = results.estimates.where(**which).frame
    assert len(frame), which
    return frame


ADJUSTED = "gastritis + thyroid + metformin + ppi + smoking + bmi + year + b12_assay"
CALLS: dict[str, tuple[Any, float, str, dict[str, Any]]] = {
    "adjusted_lag2": (cb.cox, 2.0, f"b12_log2 + {ADJUSTED}", {"event": "d", "strata": "sex"}),
    "spline_lag2": (cb.cox, 2.0, f"rcs(b12, 4) + {ADJUSTED}", {"event": "d", "strata": "sex"}),
    "fine_gray_lag2": (cb.fine_gray, 2.0, f"b12_log2 + sex + {ADJUSTED}", {"event": "event", "cause": 1}),
    "firth": (cb.cox, 0.0, "b12_class + gastritis", {"event": "d", "strata": "sex", "penalty": "firth"}),
    "ridge": (cb.cox, 0.0, "b12_log2 + gastritis", {"event": "d", "ties": "breslow", "penalty": cb.Ridge(5.0, ("gastritis",))}),
    "frailty": (cb.cox_frailty, 0.0, "b12_log2", {"event": "d", "cluster": "region"}),
    "clustered": (cb.cox, 0.0, "b12_log2", {"event": "d", "cluster": "region", "weights": "one"}),
    "weibull": (cb.aft, 0.0, "b12_log2 + gastritis", {"event": "d"}),
    "lognormal": (cb.aft, 0.0, "b12_log2", {"event": "d", "distribution": "lognormal"}),
    "flexible": (cb.flexible_parametric, 0.0, "b12_log2 + gastritis", {"event": "d", "df": 2}),
}


@pytest.mark.parametrize("name", CALLS)
def test_models_are_those_of_the_library(results: Results, cohorts: dict[float, Cohort], name: str) -> None:
    function, lag, formula, options = CALLS[name]
    fit = function(formula, with_event(cohorts[lag]), **FOLLOW, **options)
    want = fit.estimates(analysis="", model="", outcome="").frame
    got = written(results, model=name, context=("estimate", "diagnostic"), analysis=("primary", "secondary", "sensitivity"))
    joint = got["measure"].str.removesuffix(" df").isin(["wald test", "non-linearity test"])
    tests, got = got.loc[joint], got.loc[~joint]
    for row in tests.loc[tests["measure"] == "wald test"].itertuples():
        assert_allclose([row.value, row.p], wald_test(fit, str(row.term)).iloc[0][["chi2", "p_value"]].astype(float), rtol=SAME)
    assert got["term"].tolist() == want["term"].tolist()
    for column in ("value", "low", "high", "std_error", "p", "n", "events", "person_time"):
        assert_allclose(got[column], want[column], rtol=SAME, err_msg=column)


def test_a_spline_has_its_two_tests(results: Results, cohorts: dict[float, Cohort], document: Document) -> None:
    fit = cb.cox(f"rcs(b12, 4) + {ADJUSTED}", with_event(cohorts[2.0]), **FOLLOW, event="d", strata="sex")
    rows = written(results, model="spline_lag2", term="rcs(b12, 4)", context="diagnostic").set_index("measure")
    assert rows["value"][["wald test df", "non-linearity test df"]].tolist() == [3, 2]
    beyond = wald_test(fit, ["rcs(b12, 4)[2]", "rcs(b12, 4)[3]"]).iloc[0]
    assert_allclose(rows.loc["non-linearity test", ["value", "p"]].astype(float), beyond[["chi2", "p_value"]].astype(float), rtol=SAME)
    table = next(e for e in document.exhibits if e.key == "table-sensitivity-analyses")
    assert isinstance(table.body, TableBody)
    lines = [row.cells for row in table.body.rows if row.cells[0].endswith("spline") or row.cells[0] == "Non-linearity"]
    assert [cells[-1] for cells in lines] == [p_value(rows.loc[test, "p"]) for test in ("wald test", "non-linearity test")]


def test_a_cause_specific_model_is_of_its_event(results: Results, cohorts: dict[float, Cohort]) -> None:
    fit = cb.cox(f"b12_log2 + {ADJUSTED}", with_event(cohorts[2.0], 2), **FOLLOW, event="d", strata="sex")
    got = written(results, model="death_lag2", context="estimate", term="b12_log2")
    assert got["outcome"].tolist() == ["death"] and got["events"].tolist() == [fit.events]
    assert_allclose(np.log(got["value"]), fit.coefficients[0], rtol=1e-9)


def test_curves_incidences_and_their_tests(results: Results, cohorts: dict[float, Cohort]) -> None:
    data = with_event(cohorts[0.0])
    curves = cb.survival_curve(data, **FOLLOW, event="d", by="b12_class", start=40)
    incidence = cb.cumulative_incidence(
        from_forty(data), **FOLLOW, event="event", by="b12_class", labels={1: "lichen sclerosus", 2: "death"}
    )
    for analysis, measure, direct in (("survival", "survival", curves), ("cumulative incidence", "cumulative incidence", incidence)):
        rows = written(results, analysis=analysis, measure=measure)
        assert rows.groupby(["subgroup", "level"]).size().max() <= 202
        for (group, state), part in rows.groupby(["subgroup", "level"]):
            want = direct.at(part["at"].to_numpy()).query("group == @group")
            want = want.query("state == @state") if analysis != "survival" else want
            assert_allclose(
                part[["value", "low", "high"]], want[["estimate", "conf_low", "conf_high"]], rtol=SAME, err_msg=str((group, state))
            )
    test = cb.logrank(from_forty(data), **FOLLOW, event="d", by="b12_class").iloc[0]
    row = written(results, measure="log-rank test").iloc[0]
    assert_allclose([row["value"], row["p"]], [test["chi2"], test["p_value"]], rtol=SAME)
    assert not len(results.estimates.where(measure="Gray's test")), "there is none under delayed entry"
    assert "Gray's test knows no delayed entry" in " ".join(results.facts.design)


def test_restricted_means(results: Results, cohorts: dict[float, Cohort]) -> None:
    given = {**FOLLOW, "event": "d", "by": "b12_class", "start": 40, "tau": 75}
    means, changes = cb.rmst(with_event(cohorts[0.0]), **given), cb.rmst_difference(with_event(cohorts[0.0]), **given)
    rows = written(results, measure="restricted mean")
    assert_allclose(rows[["value", "low", "high"]], means[["estimate", "conf_low", "conf_high"]], rtol=SAME)
    rows, want = written(results, measure="difference in restricted mean"), changes.query("measure == 'difference'")
    assert_allclose(rows[["value", "p"]], want[["estimate", "p_value"]], rtol=SAME)
    people = from_forty(cohorts[0.0].data).groupby("b12_class", observed=True).size()
    assert rows["n"].tolist() == [min(people[g], people[">=221"]) for g in rows["subgroup"]]


def test_proportional_hazards_and_dose_response(results: Results, cohorts: dict[float, Cohort]) -> None:
    data = with_event(cohorts[2.0])
    fit = cb.cox(f"b12_log2 + {ADJUSTED}", data, **FOLLOW, event="d", strata="sex")
    rows, test = written(results, model="adjusted_lag2", measure="ph test"), cb.ph_test(fit)
    assert rows["term"].tolist() == test["term"].tolist()
    assert_allclose(rows[["value", "p"]], test[["chi2", "p_value"]], rtol=SAME)
    assert set(written(results, model="adjusted_lag2", measure="coefficient over time")["term"]) == {"b12_log2"}
    assert set(written(results, model="death_lag2", measure="coefficient over time")["term"]) == {"bmi"}
    spline = cb.cox(f"rcs(b12, 4) + {ADJUSTED}", data, **FOLLOW, event="d", strata="sex")
    want = dose_response_estimates(spline, "b12", data, reference=221, log=True, unit="pmol/L").frame
    got = written(results, analysis="dose-response", model="spline_lag2")
    assert_allclose(got[["at", "value", "low", "high", "n"]], want[["at", "value", "low", "high", "n"]], rtol=SAME)
    assert set(got["unit"]) == {"pmol/L"}


def test_people_are_followed_on_after_the_outcome(inputs: Inputs, results: Results, cohorts: dict[float, Cohort]) -> None:
    moves = written(results, measure="transition", model="").set_index(["term", "level"])["events"]
    events = cohorts[0.0].data["event"].value_counts()
    assert moves["Event-free", "lichen sclerosus"] == events[1] and moves["Event-free", "death"] == events[2]
    persons = inputs.report.valid["persons"].set_index("person_id")
    cases = cohorts[0.0].data.loc[cohorts[0.0].data["event"] == 1, "person_id"]
    last = persons.loc[cases, ["exit_date"]].min(axis=1).fillna(pd.Timestamp("2020-12-31")).clip(upper=pd.Timestamp("2020-12-31"))
    assert moves["lichen sclerosus", "death"] == (persons.loc[cases, "death_date"] <= last).sum()
    shares = written(results, measure="state probability", model="").groupby("at")["value"].sum()
    assert_allclose(shares, 1.0, rtol=1e-9)
    by_sex = written(results, measure="transition", model="sex").groupby(["term", "level"])["events"].sum()
    assert by_sex.to_dict() == moves.to_dict()


def test_the_report_numbers_and_names_every_exhibit(results: Results, document: Document) -> None:
    keys = [e.key for e in document.exhibits]
    starts = ("curves-", "table-restricted-mean", "incidence-", "transitions-", "stacked-", "forest-", "dose-response-", "loglog-")
    assert all(any(k.startswith(s) for k in keys) for s in (*starts, "schoenfeld-", "table-ph-test")), keys
    assert len(set(keys)) == len(keys)
    page = (results.folder / "report.html").read_text(encoding="utf-8")
    for words in ("Kaplan-Meier", "Aalen-Johansen", "log-rank test", "scaled Schoenfeld", "Fine-Gray", "Weibull accelerated", "Firth"):
        assert words in page, words
    assert "a curve (see its figure)" in page and "has no estimate for" not in page
    figures = page.split("<figure")[1:]
    assert all("SIMULATED" in f.split("</figure>")[0] for f in figures if "<svg" in f.split("</figure>")[0])


def test_the_truth_of_one_outcome_does_not_stand_beside_another(document: Document) -> None:
    said = [s.text for s in document.sentences if "Death without" in s.text and "hazard ratio" in s.text]
    assert said and not any("simulated truth" in text for text in said)


@pytest.mark.slow
def test_everything_is_protected(tmp_path: Path) -> None:
    results = load_study(everything(tmp_path, persons=4000, preset="opensafely")).run()
    frame = results.estimates.frame
    shown = np.concatenate([frame["n"].dropna(), frame["events"].dropna()])
    assert (shown % 5 == 0).all()
    assert "disclosure control" in results.report()


def test_gray_test_where_everybody_starts_together(study: Study, inputs: Inputs) -> None:
    design = dataclasses.replace(read_design(study.protocol, inputs.dictionary), time_scale="follow-up")
    cohort = build_cohort(inputs.report.valid, design)
    rows = incidence_rows(cohort, IncidenceSection(by="b12_class"))
    for cause, label in ((1, "lichen sclerosus"), (2, "death")):
        test = cb.gray_test(cohort.data, exit="exit", event="event", by="b12_class", cause=cause).iloc[0]
        row = rows.where(measure="Gray's test", level=label).frame.iloc[0]
        assert_allclose([row["value"], row["p"]], [test["chi2"], test["p_value"]], rtol=SAME)
    captions = [e.caption for e in exhibits_incidence(rows, StudyFacts("t", "q"))]
    assert len(captions) == 2 and all("Gray's test of equal curves: chi-squared" in text for text in captions)
