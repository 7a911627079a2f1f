"""Differences beside ratios, joint tests in the table, and what the report draws of severity."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cobalamin.core.estimates import Estimates
from cobalamin.report.document import compose
from cobalamin.report.exhibit import Exhibit, TableBody
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.forest import axis_limits, exhibits_forest
from cobalamin.report.format import p_value
from cobalamin.report.labels import adjustment_words
from cobalamin.report.measures import difference_digits, estimate_interval
from cobalamin.report.narrative import range_sentence, result_sentences
from cobalamin.report.select import contrasts
from cobalamin.report.severity import exhibits_severity, exhibits_trajectories
from cobalamin.report.severity_tables import exhibit_proportional_odds, exhibit_two_parts, severity_sentences
from cobalamin.report.tables import exhibit_results

ADJUSTED = ("age", "gastritis")


def model(name: str, kind: str, rows: str = "baseline", role: Any = "primary", **more: Any) -> ModelFacts:
    given = {"adjustments": ADJUSTED, "exposures": ("x",), "outcome": "score", "method": f"{kind} model"} | more
    return ModelFacts(name, name.capitalize(), role, kind, "x", rows=rows, **given)


def row(name: str, measure: str, value: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    given = {"analysis": "primary", "context": "estimate", "model": name, "outcome": "score", "term": "x", "measure": measure}
    return given | {"value": value, "low": low, "high": high, "p": 0.0116, "n": 100} | more


def told(found: dict[str, Any], which: ModelFacts) -> str:
    facts = StudyFacts("t", "q", labels={"score": "the score"}, models=(which,))
    return result_sentences(Estimates.from_rows([found]), facts, which.role)[0].text


@pytest.mark.parametrize(
    ("measure", "numbers", "kind", "words"),
    [
        (
            "mean difference",
            (-2.015, -5.909, 1.878),
            "linear",
            "no clear association with the score (mean difference −2.0, 95% CI −5.9 to 1.9",
        ),
        ("mean difference", (-2.015, -5.909, 1.878), "linear", "compatible with anything between a mean 5.9 lower and one 1.9 higher."),
        (
            "mean difference",
            (2.0, 1.0, 3.0),
            "linear",
            "was associated with a higher mean of the score (mean difference 2.0, 95% CI 1.0 to 3.0",
        ),
        (
            "risk difference",
            (-0.034, -0.052, -0.016),
            "risk_difference",
            "was associated with a lower risk of the score (risk difference −0.034",
        ),
        (
            "risk difference",
            (0.01, -0.02, 0.04),
            "risk_difference",
            "a risk 2.0 percentage points lower and one 4.0 percentage points higher",
        ),
        ("odds ratio", (1.5, 1.2, 1.9), "ordinal", "was associated with higher odds of a higher the score"),
        ("odds ratio", (1.0, 0.8, 1.25), "ordinal", "anything between odds of a higher score 20% lower and odds 25% higher"),
    ],
)
def test_the_null_of_a_difference_is_zero(measure: str, numbers: tuple[float, float, float], kind: str, words: str) -> None:
    text = told(row("m", measure, *numbers), model("m", kind))
    assert words in text
    assert "trend" not in text and "effect" not in text


def test_an_interval_at_zero_is_no_clear_association_and_one_beside_it_is() -> None:
    assert "no clear association" in told(row("m", "mean difference", 1.0, 0.0, 2.0), model("m", "linear"))
    assert "was associated" in told(row("m", "mean difference", 1.0, 1e-9, 2.0), model("m", "linear"))
    # 0.5 to 2 holds 1 but not 0
    assert "no clear association" in told(row("m", "odds ratio", 1.0, 0.5, 2.0), model("m", "logistic"))


def test_a_product_is_told_as_an_interaction() -> None:
    found = row("m", "mean difference", 0.1, -0.2, 0.4, term="x:years")
    assert "no clear interaction for the score" in told(found, model("m", "mixed", exposures=("x:years",)))
    assert adjustment_words(model("m", "mixed", exposures=("x", "x:years"))) == "adjusted for age and gastritis"


def test_ranges_count_intervals_around_their_null() -> None:
    models = (model("m", "linear"), model("a", "linear", role="sensitivity"), model("b", "linear", role="sensitivity"))
    rows = [row("m", "mean difference", 1, 0.5, 1.5)]
    rows += [row(n, "mean difference", v, v - 0.9, v + 0.9, analysis="sensitivity") for n, v in (("a", -0.5), ("b", 1.5))]
    said = range_sentence(Estimates.from_rows(rows), StudyFacts("t", "q", models=models))
    assert said is not None and said.text.endswith("ranged from −0.50 to 1.50; 1 of 2 intervals include 0.")


def cells(exhibit: Exhibit | None) -> list[tuple[str, ...]]:
    assert exhibit is not None and isinstance(exhibit.body, TableBody)
    return [r.cells for r in exhibit.body.rows]


def test_reference_rows_and_joint_tests_stand_in_the_table() -> None:
    found = [
        row("m", "mean difference", 0.0, math.nan, math.nan, level="a", reference="a", p=math.nan),
        row("m", "mean difference", 1.2, 0.2, 2.2, level="b", reference="a"),
        row("m", "mean difference", 0.2, -0.8, 1.2, level="c", reference="a", p=0.00049),
        {**row("m", "wald test", 9.1, math.nan, math.nan, p=0.0105), "context": "diagnostic"},
    ]
    table = exhibit_results(Estimates.from_rows(found), StudyFacts("t", "q", models=(model("m", "linear"),)))
    lines = cells(table)
    assert ("x", "", "", "0.010") in lines
    assert ("a", "100", "0 (reference)", "–") in lines, "no column of events that nobody has"
    assert ("b", "100", "1.2 (0.2 to 2.2)", "0.012") in lines and lines[-1][-1] == "<0.001"
    assert table is not None and "all its coefficients are 0" in table.caption


@pytest.mark.parametrize(("p", "text"), [(0.0116, "0.012"), (0.00049, "<0.001"), (0.0499, "0.050"), (0.9951, ">0.99")])
def test_p_values_are_rounded_not_truncated(p: float, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("numbers", "digits"), [((0.0, -150.0, 150.0), 0), ((1.0, -14.0, 16.0), 0), ((0.5, 0.4, 0.6), 2), ((1.0, 1.0, 1.0), 1)]
)
def test_digits_of_differences(numbers: tuple[float, float, float], digits: int) -> None:
    assert difference_digits(*numbers) == digits


def test_a_limit_that_is_not_zero_is_not_printed_as_zero() -> None:
    assert estimate_interval("mean difference", 2.0, 0.004, 4.0) == "2.000 (0.004 to 4.000)"


def two() -> tuple[Estimates, StudyFacts]:
    onset = model("onset", "cox", rows="", role="secondary", outcome="ls")
    facts = StudyFacts("t", "q", simulated=True, labels={"score": "the score", "ls": "diagnosis"}, models=(model("m", "ordinal"), onset))
    rows = [
        row("m", "odds ratio", 1.02, 0.73, 1.44),
        row("onset", "hazard ratio", 0.97, 0.85, 1.12, analysis="secondary", outcome="ls", n=5000, events=700),
        {"analysis": "truth", "context": "diagnostic", "outcome": "score", "term": "x", "measure": "odds ratio", "value": 1.0},
    ]
    return Estimates.from_rows(rows), facts


def test_onset_and_severity_are_told_together_with_the_caveat() -> None:
    estimates, facts = two()
    text = " ".join(s.text for s in severity_sentences(estimates, facts))
    assert "selection on the outcome" in text and "hazard ratio 0.97 (95% CI 0.85 to 1.12)" in text and "the score odds ratio 1.02" in text
    lines = cells(exhibit_two_parts(estimates, facts))
    assert ("diagnosis", "5,000", "700", "hazard ratio 0.97 (0.85 to 1.12)", "0.012") in lines


def test_another_adjustment_is_no_second_part() -> None:
    estimates, facts = two()
    other = StudyFacts(
        "t", "q", models=(facts.models[0], model("onset", "cox", rows="", role="secondary", outcome="ls", adjustments=("age",)))
    )
    assert exhibit_two_parts(estimates, other) is None
    assert len(severity_sentences(estimates, other)) == 1
    assert severity_sentences(estimates, StudyFacts("t", "q", models=(model("m", "ordinal", rows=""),))) == []


def test_scores_share_a_forest_and_its_axis_is_linear() -> None:
    models = (model("m", "linear"), model("k", "linear", outcome="other"))
    rows = [row("m", "mean difference", -2, -5, 1), row("k", "mean difference", 1, 0.5, 1.5, outcome="other")]
    rows.append(row("m", "mean difference", 0.1, 0.0, 0.2, term="x:years"))
    estimates, facts = Estimates.from_rows(rows), StudyFacts("t", "q", models=models)
    (forest,) = exhibits_forest(estimates, facts)
    assert forest.title == "Mean differences of scores of severity, all models" and "Logarithmic" not in forest.caption
    low, high = axis_limits([c for m in models for c in contrasts(estimates, facts, m)])
    assert low < -5 and high > 1.5
    assert "x:years" not in forest.alt


def bars() -> list[dict[str, Any]]:
    base = {"analysis": "severity", "context": "summary", "model": "g", "outcome": "score", "term": "score_band"}
    rows: list[dict[str, Any]] = []
    for group, values in (("Overall", (40.0, 60.0)), ("u", (math.nan, math.nan))):
        rows.append({**base, "term": "", "measure": "total", "subgroup": group, "n": 90})
        rows += [
            {**base, "measure": "percent", "subgroup": group, "level": b, "value": v} for b, v in zip(("<4", ">=4"), values, strict=True)
        ]
    return rows


def test_hidden_shares_are_hatched_and_said() -> None:
    (exhibit,) = exhibits_severity(Estimates.from_rows(bars()), StudyFacts("t", "q", simulated=True))
    assert "Hatched" in exhibit.caption and "not clinical cut-offs" in exhibit.caption and "≥4 60.0%" in exhibit.alt
    assert "SIMULATED" in exhibit.body.svg  # type: ignore[union-attr]
    assert exhibits_severity(Estimates.from_rows(bars()[3:]), StudyFacts("t", "q")) == []


def test_trajectories_and_tests_have_their_places_in_the_document() -> None:
    base = {"analysis": "trajectory", "context": "summary", "model": "g", "outcome": "score", "measure": "mean score", "unit": "years"}
    rows = [
        {**base, "subgroup": g, "at": t, "value": v, "low": v - 1, "high": v + 1, "n": 50}
        for g, v in (("u", 9), ("v", 8))
        for t in (0.2, 1.0)
    ]
    odds = {"analysis": "proportional odds", "context": "diagnostic", "model": "m", "outcome": "score", "term": "GLOBAL"}
    rows += [
        {**odds, "measure": "proportional odds test", "value": 5.6, "p": 0.061},
        {**odds, "measure": "proportional odds test df", "value": 2},
    ]
    estimates, facts = two()
    every = Estimates.concat([estimates, Estimates.from_rows([*rows, *bars()])])
    (drawn,) = exhibits_trajectories(every, facts)
    assert "u: 9.0 at 0.2 years and 9.0 at 1 years" in drawn.alt
    assert ("All terms together", "5.6", "2", "0.061") in cells(exhibit_proportional_odds(every, facts))
    keys = [e.key for e in compose(every, facts).exhibits]
    assert (
        keys.index("table-two-parts")
        < keys.index("severity-score-g")
        < keys.index("trajectory-score-g")
        < keys.index("table-proportional-odds")
    )
