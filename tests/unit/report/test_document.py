"""The document: sections in order, nothing missing in silence, simulated everywhere."""

from __future__ import annotations

import pytest
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Document, Note
from cobalamin.report.document import compose
from cobalamin.report.facts import StudyFacts

EMPTY = Estimates.from_rows([])
SECTIONS = [
    "Summary",
    "Question and evidence",
    "Methods",
    "Participants",
    "Main results",
    "Sensitivity analyses",
    "Diagnostics and warnings",
    "Limitations",
    "Provenance and reproducibility",
]


@pytest.fixture(scope="module")
def onset() -> Document:
    return compose(onset_estimates(), onset_facts())


@pytest.fixture(scope="module")
def nhanes() -> Document:
    return compose(nhanes_estimates(), nhanes_facts())


def notes(document: Document) -> str:
    return " ".join(b.text for s in document.sections for b in s.blocks if isinstance(b, Note))


def test_sections_and_numbers_of_the_onset_report(onset: Document) -> None:
    document = onset
    assert [s.title for s in document.sections] == SECTIONS
    assert [(e.name, e.key) for e in document.exhibits] == [
        ("Figure 1", "flow"),
        ("Table 1", "table1"),
        ("Figure 2", "distribution-b12-pmol-l"),
        ("Table 2", "table-main-results"),
        ("Figure 3", "curves-b12-group-ls-diagnosis"),
        ("Figure 4", "forest-ls-hazard-ratio"),
        ("Table 3", "table-sensitivity-analyses"),
        ("Table 4", "table-fits"),
        ("Table 5", "table-all-coefficients"),
        ("Table 6", "table-models"),
        ("Table 7", "table-attrition"),
    ]


def test_simulated_stands_in_the_title_the_summary_and_every_caption(onset: Document, nhanes: Document) -> None:
    document = onset
    assert document.title.startswith("SIMULATED DATA: ")
    assert "SIMULATED DATA: every person" in notes(document)
    assert all("Simulated data: these people do not exist." in e.caption for e in document.exhibits)
    real = nhanes
    assert "SIMULATED" not in real.title + notes(real)


def test_every_exhibit_has_what_stands_behind_it(onset: Document, nhanes: Document) -> None:
    for document in (onset, nhanes):
        for e in document.exhibits:
            assert e.alt and e.title and e.caption
            assert len(e.estimates) > 0 or e.key == "table-models"


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ("attrition", "no flow chart"),
        ("summary", "Table 1) are not among the results"),
        ("curve", "Survival curves are not among the results"),
        ("estimate", "no estimate from a primary model"),
        ("diagnostic", "truth that was simulated is not among the results"),
    ],
)
def test_what_is_missing_is_said(onset: Document, context: str, said: str) -> None:
    frame = onset_estimates().frame
    document = compose(Estimates.from_frame(frame.loc[frame["context"] != context]), onset_facts())
    assert said in notes(document)
    assert said not in notes(onset)


def test_an_empty_study_has_all_sections_and_says_what_it_lacks() -> None:
    document = compose(EMPTY, StudyFacts("t", "q"))
    assert [s.title for s in document.sections] == SECTIONS
    assert document.exhibits == []
    for said in ("no answer to the question", "no sentences about the design", "declared no model", "is not recorded"):
        assert said in notes(document)


def test_logistic_only_study_has_no_curves_for_a_reason() -> None:
    facts = nhanes_facts(models=nhanes_facts().models[1:2])
    estimates = nhanes_estimates().where(context="estimate", model="determinants")
    document = compose(estimates, facts)
    assert "every model is logistic" in notes(document)
    assert "forest-low-b12-odds-ratio" in [e.key for e in document.exhibits]


def test_a_declared_model_or_exposure_without_estimate_is_named() -> None:
    frame = onset_estimates().frame
    document = compose(Estimates.from_frame(frame.loc[frame["model"] != "lag5"]), onset_facts())
    assert "Model 'Adjusted, lag 5 years' is declared and has no estimate." in notes(document)
    lost = frame.loc[~(frame["model"].eq("crude") & frame["context"].eq("estimate"))]
    extra = Estimates.from_rows(
        [{"analysis": "secondary", "context": "estimate", "model": "crude", "term": "age", "measure": "hazard ratio", "value": 1}]
    )
    document = compose(Estimates.concat([Estimates.from_frame(lost), extra]), onset_facts())
    assert "Model 'Crude, no lag' has no estimate for Serum B12, per doubling." in notes(document)


def test_many_primary_estimates_are_not_cut_in_silence() -> None:
    rows = [
        {
            "analysis": "primary",
            "context": "estimate",
            "model": "m",
            "term": f"x{i}",
            "measure": "odds ratio",
            "value": 1.1,
            "low": 0.9,
            "high": 1.3,
        }
        for i in range(9)
    ]
    document = compose(Estimates.from_rows(rows), StudyFacts("t", "q"))
    assert any(s.text == "3 further primary estimates stand under Main results." for s in document.sentences)
