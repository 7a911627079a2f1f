"""Printed results in a report: texts, table, links, forest and map."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from cobalamin.core.estimates import Estimates
from cobalamin.report.document import compose
from cobalamin.report.evidence import evidence_entries, evidence_sentences, exhibit_recomputed, has_evidence, printed_text, recomputed_text
from cobalamin.report.evidence_forest import exhibit_evidence_forest
from cobalamin.report.evidence_links import linked
from cobalamin.report.evidence_map import exhibit_evidence_map
from cobalamin.report.exhibit import FigureBody, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.html import render

NAN = math.nan


def pair(
    at: int, printed: str, verdict: str, value: float, low: float = NAN, high: float = NAN, p: float = NAN, **other: Any
) -> list[dict[str, Any]]:
    common = {
        "at": at,
        "model": "Ada L 1843 J Eng 1:1",
        "reference": "10.1136/bmj.c2181",
        "term": "HLA",
        "outcome": "LS",
        "subgroup": "lichen sclerosus",
    }
    same = {"context": "summary", "measure": "odds ratio", **common, **other}
    made = {"analysis": "recomputed", "level": verdict, "value": value, "low": low, "high": high, "p": p}
    return [{**same, "analysis": "printed", "level": printed}, {**same, **made}]


def on_map(term: str, disease: str, measure: str = "study", design: str = "cohort", n: float = NAN) -> dict[str, Any]:
    row = {"analysis": "evidence map", "context": "summary", "term": term, "subgroup": disease}
    return {**row, "measure": measure, "level": "" if measure != "study" else design, "n": n, "model": "Ada 1843"}


def example() -> Estimates:
    return Estimates.from_rows(
        [
            *pair(1, "4.3 | 1.9 | 9.6 | ", "reproduced; limits: Woolf", 4.3057, 1.9326, 9.5931, 1e-4),
            *pair(2, " |  |  | <0.001", "consistent; test: Fisher", math.inf, 3.53, math.inf, 4e-5),
            *pair(3, "1.65 | 1.58 | 1.73 | ", "not reproduced", 1.793, 1.720, 1.869, 0.0, subgroup="other", warning="Matched."),
            *pair(4, "0.97 | 0.91 | 1.04 | 0.429", "consistent; limits: symmetric; test: normal", 0.9728, 0.91, 1.04, 0.3712),
            *pair(5, "-60.67 | -107.31 | -14.03 | 2.1e-08", "reproduced", -60.67, -107.31, -14.03, 1.17e-8, measure="mean difference"),
            on_map("Serum B12", "lichen sclerosus", "no study found"),
            on_map("Serum B12", "oral lichen planus", design="case series", n=352),
            on_map("HLA type", "lichen sclerosus", design="astrology"),
        ]
    )


FACTS = StudyFacts("Printed", "What is printed?")


@pytest.mark.parametrize(
    ("i", "printed", "again"),
    [
        (0, "4.3 (1.9 to 9.6)", "4.31 (1.93 to 9.59)"),
        (1, "p < 0.001", "\u221e (3.53 to \u221e); p < 0.001"),
        (3, "0.97 (0.91 to 1.04); p = 0.429", "0.973, the middle of the limits; p = 0.371"),
        (4, "\u221260.67 (\u2212107.31 to \u221214.03); p = 2.1e-08", "\u221260.670 (\u2212107.310 to \u221214.030); p = 1.17e-08"),
    ],
)
def test_texts(i: int, printed: str, again: str) -> None:
    entry = evidence_entries(example())[i]
    assert (printed_text(entry).replace("\u00a0", " "), recomputed_text(entry).replace("\u00a0", " ")) == (printed, again)


def test_one_printed_limit_is_said_to_be_one() -> None:
    (entry,) = evidence_entries(Estimates.from_rows(pair(1, " | 45 |  | ", "not reproduced", 66.667, 48.78, 80.77)))
    assert printed_text(entry) == "lower limit 45"
    assert recomputed_text(entry) == "66.7 (48.8 to 80.8)"


def test_summary_counts_every_verdict_and_names_what_is_not_reproduced_and_not_found() -> None:
    said = [s.text for s in evidence_sentences(example())]
    assert (
        said[0].startswith("Of 5 printed results, 2 are reproduced from their counts, 2 are consistent")
        and "1 are not reproduced" in said[0]
    )
    assert "printed 1.65 (1.58 to 1.73), recomputed 1.793 (1.720 to 1.869). Matched." in said[1]
    assert said[2].startswith("No study found: Serum B12 in lichen sclerosus")


def test_table_has_a_heading_per_study_and_disease_and_all_rows() -> None:
    table = exhibit_recomputed(example())
    assert table is not None and isinstance(table.body, TableBody)
    kinds = [row.kind for row in table.body.rows]
    assert kinds.count("heading") == 2 and kinds.count("body") == 5
    assert "2 reproduced, 2 consistent and 1 not reproduced" in table.alt
    assert len(table.estimates) == 10


def test_map_words_say_what_was_not_found_and_nothing_about_what_was_not_looked_for() -> None:
    figure = exhibit_evidence_map(example())
    assert figure is not None
    assert "Serum B12 - lichen sclerosus: no study found; oral lichen planus: case series of 352 people." in figure.alt
    assert "HLA type - lichen sclerosus: astrology." in figure.alt


def test_forest_shows_ratios_only() -> None:
    figure = exhibit_evidence_forest(example())
    assert figure is not None and isinstance(figure.body, FigureBody)
    assert set(figure.estimates.frame["at"]) == {1, 2, 3, 4}
    assert "\u221e (3.53 to \u221e)" in figure.alt


def test_nothing_is_drawn_from_other_results() -> None:
    other = Estimates.from_rows([{"analysis": "primary", "context": "estimate", "measure": "odds ratio", "value": 2.0}])
    assert not has_evidence(other) and exhibit_recomputed(other) is exhibit_evidence_map(other) is exhibit_evidence_forest(other) is None


def test_page_links_publications_and_nothing_else() -> None:
    page = render(compose(example(), FACTS))
    assert set(re.findall(r'href="(http[^"]*)"', page)) == {"https://doi.org/10.1136/bmj.c2181"}
    assert "no study found" in page and "nothing is pooled" in page
    assert "no primary model" not in page


def test_map_without_printed_results_says_what_is_absent() -> None:
    page = render(compose(example().where(analysis="evidence map"), FACTS))
    assert "The results hold no printed result." in page


@pytest.mark.parametrize(
    "text",
    ["doi:10.1234/a\"onclick='x'", "doi:10.1234/<script>alert(1)</script>", "doi:javascript:alert(1)", "doi:10.1234/a&b", "xdoi:10.1234/a"],
)
def test_hostile_identifiers_stay_text_or_harmless(text: str) -> None:
    made = str(linked(text))
    assert "<script" not in made and "onclick='" not in made.partition(">")[0]
    assert all(link.startswith("https://doi.org/10.") for link in re.findall(r'href="([^"]*)"', made))
    assert (
        re.sub(r"<a [^>]*>|</a>", "", made)
        .replace("&#39;", "'")
        .replace("&#34;", '"')
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
        == text
    )
