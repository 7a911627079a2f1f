"""Sentences follow the interval: a null reads as null, an imprecise estimate as imprecise, and nothing as an effect."""

from __future__ import annotations

import math
import re

import pytest
from unit.report.examples import B12, nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.estimates import Estimates
from cobalamin.report import narrative
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.select import contrasts, described_models
from cobalamin.report.statements import evidence_statement, warning_sentences

FACTS = StudyFacts("t", "q", outcome="diagnosis of LS", models=(ModelFacts("m", "Adjusted", "primary", "cox", "b12"),))


def sentence(value: float, low: float, high: float, **more: object) -> str:
    row = {"analysis": "primary", "context": "estimate", "model": "m", "term": "b12", "measure": "hazard ratio"}
    rows = Estimates.from_rows([{**row, "value": value, "low": low, "high": high, **more}])
    return narrative.result_sentences(rows, FACTS, "primary")[0].text


def test_null_reads_as_null_with_what_it_is_compatible_with() -> None:
    text = sentence(1.02, 0.85, 1.22)
    assert "no clear association with diagnosis of LS (hazard ratio 1.02, 95% CI 0.85 to 1.22)" in text
    assert text.endswith("compatible with anything between a hazard 15% lower and one 22% higher.")


def test_narrow_null_says_that_larger_differences_are_unlikely() -> None:
    assert "larger differences are hardly compatible" in sentence(1.0, 0.95, 1.05)
    assert "larger differences" not in sentence(1.0, 0.85, 1.2)


def test_clear_association_is_not_called_an_effect() -> None:
    text = sentence(1.35, 1.1, 1.66)
    assert "was associated with a higher hazard of diagnosis of LS (hazard ratio 1.35, 95% CI 1.10 to 1.66)" in text
    assert "was associated with higher odds of" in sentence(1.35, 1.1, 1.66, measure="odds ratio")
    assert "was associated with a lower hazard" in sentence(0.6, 0.4, 0.9)


def test_imprecise_estimates_say_so() -> None:
    assert "the estimate is imprecise" in sentence(0.61, 0.29, 1.29)
    assert "The interval is wide" in sentence(4.0, 1.2, 13.0)


def test_nearly_significant_is_a_null() -> None:
    text = sentence(1.2, 0.999, 1.44, p=0.051)
    assert "no clear association" in text
    assert "0.1% lower" in text


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_what_cannot_be_estimated_has_no_number(value: float) -> None:
    text = sentence(value, math.nan, math.nan, warning="infinite coefficient")
    assert "could not be estimated (infinite coefficient)" in text


def test_hidden_numbers_are_named_as_hidden() -> None:
    assert "disclosure control hid its numbers" in sentence(math.nan, math.nan, math.nan, warning="suppressed: events <= 7")


def test_endless_interval_says_next_to_nothing() -> None:
    assert "next to nothing" in sentence(3.0, 0.0, math.inf)
    assert "cannot be judged" in sentence(1.3, math.nan, math.nan)


@pytest.mark.parametrize(("estimates", "facts"), [(onset_estimates(), onset_facts()), (nhanes_estimates(), nhanes_facts())])
def test_no_sentence_overstates(estimates: Estimates, facts: StudyFacts) -> None:
    texts = [s.text for s in narrative.result_sentences(estimates, facts)]
    forbidden = re.compile(
        r"trend|significan|\bcauses\b|\bcaused\b|\beffects?\b|protect|risk factor|increases|decreases|prove", re.IGNORECASE
    )
    assert not [t for t in texts if forbidden.search(t)]


def test_every_sentence_cites_the_row_whose_numbers_it_prints() -> None:
    estimates, facts = onset_estimates(), onset_facts()
    rows = {c.key: c for m in described_models(estimates, facts) for c in contrasts(estimates, facts, m)}
    sentences = narrative.result_sentences(estimates, facts)
    assert len(sentences) == 6
    for s in sentences:
        row = rows[s.cites[0]].row
        assert f"{row.value:.2f}" in s.text
        assert f"{row.low:.2f} to {row.high:.2f}" in s.text


def test_simulated_truth_stands_beside_each_estimate() -> None:
    texts = [s.text for s in narrative.result_sentences(onset_estimates(), onset_facts(), "primary", "secondary")]
    assert "The simulated truth is 1.00; the interval contains it." in texts[0]
    assert "The simulated truth is 1.00; the interval does not contain it." in texts[1]


def test_absolute_risk_is_given_for_each_group() -> None:
    text = narrative.curve_sentences(onset_estimates(), onset_facts())[0].text
    assert "to 14, years since time zero: 2.6% (95% CI" in text
    assert text.count("%") == 3 * 3 + 3  # value and two limits per group, and the level


def test_sensitivity_is_summed_up() -> None:
    found = narrative.range_sentence(onset_estimates(), onset_facts())
    assert found is not None
    assert found.text == "Across 2 sensitivity estimates the hazard ratio ranged from 0.93 to 1.01; 2 of 2 intervals include 1."


def test_people_are_counted_from_the_flow_chart_with_the_person_time_of_table_1() -> None:
    found = narrative.people_sentence(onset_estimates(), onset_facts())
    assert found is not None
    assert found.text == "60,905 people were analysed with 1,015 events (LS diagnoses) over 549,486 person-years."


def test_warnings_are_listed_with_their_models_and_without_suppressions() -> None:
    texts = [s.text for s in warning_sentences(nhanes_estimates(), nhanes_facts())]
    assert texts == ["Never smokers only: 12 events for 2 parameters"]
    assert warning_sentences(onset_estimates(), onset_facts()) == []


def test_evidence_statement_claims_no_more_than_is_known() -> None:
    text = " ".join(s.text for s in evidence_statement(onset_facts()))
    for needed in ("no published study", "autoimmune gastritis", "must not be used to advise B12 supplements", "overlooked", "2.38"):
        assert needed in text
    other = " ".join(s.text for s in evidence_statement(nhanes_facts()))
    assert other.startswith("The outcome of this study is not lichen sclerosus (LS)")


def test_label_of_the_exposure_is_closed_by_a_comma() -> None:
    text = narrative.result_sentences(onset_estimates(), onset_facts(), "primary")[0].text
    assert text.startswith("Primary model (Adjusted, lag 2 years): Serum B12, per doubling, showed")
    assert B12 not in text
