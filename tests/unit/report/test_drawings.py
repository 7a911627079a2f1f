"""Drawings: well-formed, safe in a strict page, readable in grey, the same bytes every time, and true to the numbers."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from unit.report.examples import B12, nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.estimates import Estimates
from cobalamin.report.curves import exhibits_curves
from cobalamin.report.distribution import bar_heights, exhibits_distribution, log_spaced
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.flow import exhibit_flow, flow_steps
from cobalamin.report.forest import axis_limits, exhibits_forest, ratio_ticks
from cobalamin.report.select import contrasts, described_models
from cobalamin.report.theme import COLORS, LINES, draw_text
from cobalamin.report.wrapping import text_width, wrap

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> =cmd|' /C calc'!A0 \u05e9\u05dc\u05d5\u05dd \u202eevil $x$ \U0001f9ea " + "W" * 300


def all_figures(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    flow = exhibit_flow(estimates, facts)
    drawn = [*exhibits_distribution(estimates, facts), *exhibits_curves(estimates, facts), *exhibits_forest(estimates, facts)]
    return [*([flow] if flow else []), *drawn]


@pytest.fixture(scope="module")
def figures() -> list[Exhibit]:
    return all_figures(onset_estimates(), onset_facts())


def body(exhibit: Exhibit) -> FigureBody:
    assert isinstance(exhibit.body, FigureBody)
    return exhibit.body


def test_the_onset_study_has_its_four_figures(figures: list[Exhibit]) -> None:
    assert [f.key.split("-")[0] for f in figures] == ["flow", "distribution", "curves", "forest"]


def test_drawings_are_named_described_and_free_of_style_script_and_links(figures: list[Exhibit]) -> None:
    for figure in figures:
        root = ET.fromstring(body(figure).svg)
        assert root.get("role") == "img"
        assert root[0].tag == f"{SVG}title" and root[0].text
        assert root[1].tag == f"{SVG}desc" and root[1].text
        assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"
        for node in root.iter():
            assert node.tag.removeprefix(SVG) not in {"style", "script", "metadata", "image", "foreignObject", "a"}
            assert "style" not in node.attrib
            assert node.get("href", "#").startswith("#")
            assert not [k for k in node.attrib if k.startswith("on")]


def test_ids_are_unique_over_all_drawings_and_every_reference_resolves(figures: list[Exhibit]) -> None:
    text = "".join(body(f).svg for f in figures)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= set(ids)


def test_same_input_same_bytes(figures: list[Exhibit]) -> None:
    assert [body(f).svg for f in all_figures(onset_estimates(), onset_facts())] == [body(f).svg for f in figures]


def test_simulated_drawings_say_so_and_real_ones_do_not(figures: list[Exhibit]) -> None:
    for figure in figures:
        assert "SIMULATED DATA</text>" in body(figure).svg
        assert figure.caption.endswith("Simulated data: these people do not exist.")
    for figure in all_figures(nhanes_estimates(), nhanes_facts()):
        assert "SIMULATED" not in body(figure).svg + figure.caption


def test_flow_counts_who_was_left_out() -> None:
    steps = flow_steps(onset_estimates())
    assert [s.excluded for s in steps] == [
        "",
        "17,590 people (245 events)",
        "21,185 people (293 events)",
        "285 people (87 events)",
        "35 people (0 events)",
    ]


def test_flow_hides_what_is_hidden() -> None:
    rows = [
        {"analysis": "attrition", "context": "attrition", "measure": "remaining", "term": "a", "at": 0, "n": 100},
        {
            "analysis": "attrition",
            "context": "attrition",
            "measure": "remaining",
            "term": "b",
            "at": 1,
            "n": math.nan,
            "warning": "suppressed: n",
        },
        {"analysis": "attrition", "context": "attrition", "measure": "remaining", "term": "c", "at": 2, "n": 1},
    ]
    steps = flow_steps(Estimates.from_rows(rows))
    assert [(s.remaining, s.excluded) for s in steps] == [
        ("100 people", ""),
        ("[suppressed]", "[suppressed]"),
        ("1 person", "[suppressed]"),
    ]


def test_rare_events_show_the_complement_and_common_ones_survival(figures: list[Exhibit]) -> None:
    assert figures[2].title == "Cumulative probability of diagnosis of LS by Serum B12"
    assert "2.6%" in figures[2].alt
    (curve,) = exhibits_curves(nhanes_estimates(), nhanes_facts())
    assert curve.title.startswith("Survival free of death from any cause")


def test_a_hidden_curve_is_named_and_does_not_break_the_others() -> None:
    frame = onset_estimates().frame
    hidden = frame["analysis"].eq("survival") & frame["subgroup"].eq("Below 148 pmol/L") & frame["measure"].eq("survival")
    one = pd.DataFrame({c: [frame.loc[hidden, c].iloc[0]] for c in frame}).assign(
        at=math.nan, value=math.nan, low=math.nan, high=math.nan, warning="suppressed: at least 8 events"
    )
    (curve,) = exhibits_curves(Estimates.from_frame(pd.concat([frame.loc[~hidden], one])), onset_facts())
    assert "Too few events to show the curve of Below 148 pmol/L." in curve.caption


def test_area_of_a_bar_is_its_share() -> None:
    part = pd.DataFrame({"low": [0.0, 10.0, 20.0], "high": [10.0, 20.0, 60.0], "n": [50.0, 30.0, 20.0]})
    assert_allclose(bar_heights(part) * (part["high"] - part["low"]), [500.0, 300.0, 200.0], rtol=1e-12)


def test_logarithmic_intervals_are_recognised_also_when_the_tails_are_merged() -> None:
    edges = np.array([50, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 2000], dtype=float)
    assert log_spaced(pd.DataFrame({"low": edges[:-1], "high": edges[1:]}))
    even = np.arange(50.0, 800.0, 50.0)
    assert not log_spaced(pd.DataFrame({"low": even[:-1], "high": even[1:]}))


def test_people_without_a_value_are_said_in_the_caption() -> None:
    rows = onset_estimates().where(analysis="distribution").frame
    without = rows.iloc[[0]].assign(measure="missing", low=math.nan, high=math.nan, n=40.0)
    (shown,) = exhibits_distribution(Estimates.from_frame(pd.concat([rows, without])), onset_facts())
    assert "40 people have no value." in shown.caption
    assert "1 interval with a small count is not shown." in shown.caption
    assert "148 pmol/L: deficient; 221 pmol/L: marginal" in shown.caption


def test_forests_are_split_by_outcome_and_measure() -> None:
    shown = exhibits_forest(nhanes_estimates(), nhanes_facts())
    assert [f.title for f in shown] == [
        "Hazard ratios of death from any cause, all models",
        "Odds ratios of serum B12 below 148 pmol/L, all models",
    ]
    assert "2.31 (1.85 to 2.89)" in shown[1].alt
    assert f"{B12}" not in shown[0].alt


def test_forest_shows_the_truth_of_a_simulation(figures: list[Exhibit]) -> None:
    assert "the truth that was simulated" in figures[3].caption
    assert len(figures[3].estimates.where(analysis="truth")) == 1


def test_forest_axis_holds_every_estimate_and_no_endless_interval() -> None:
    estimates = onset_estimates()
    frame = estimates.frame.copy()
    crude = frame["model"].eq("crude") & frame["context"].eq("estimate")
    frame.loc[crude, "high"] = math.inf
    shown = [c for m in described_models(estimates, onset_facts()) for c in contrasts(Estimates.from_frame(frame), onset_facts(), m)]
    low, high = axis_limits([c for c in shown if not c.is_reference])
    assert low < 0.8421 < 1.1402 < high < 20
    assert exhibits_forest(Estimates.from_frame(frame), onset_facts())


@pytest.mark.parametrize(("low", "high"), [(0.001, 900), (0.3, 6), (0.8, 1.3), (0.93, 1.08), (0.985, 1.02), (0.9991, 1.0009)])
def test_ratio_ticks_hold_one_and_are_few(low: float, high: float) -> None:
    ticks = ratio_ticks(low, high)
    assert 1 in ticks
    assert len(ticks) <= 7
    assert all(low <= t <= high for t in ticks)


def test_groups_differ_in_line_and_in_grey() -> None:
    assert len({str(line) for line in LINES[:6]}) == 6
    grey = sorted(np.dot([int(c[i : i + 2], 16) for i in (1, 3, 5)], [0.299, 0.587, 0.114]) for c in COLORS[:3])
    assert min(np.diff(grey)) > 3


def test_hostile_labels_stay_text_and_stay_inside() -> None:
    estimates = onset_estimates()
    frame = estimates.frame.copy()
    frame.loc[frame["analysis"].eq("attrition"), "term"] = HOSTILE
    frame.loc[frame["subgroup"].eq("Below 148 pmol/L"), "subgroup"] = HOSTILE
    frame.loc[frame["level"].eq("Below 148 pmol/L"), "level"] = HOSTILE
    facts = onset_facts(title=HOSTILE, labels={**onset_facts().labels, B12: HOSTILE, "b12_pmol_l": HOSTILE}, outcome=HOSTILE, group=HOSTILE)
    for figure in all_figures(Estimates.from_frame(frame), facts):
        svg = body(figure).svg
        assert "<script" not in svg
        assert "\u202e" not in svg + figure.title + figure.caption + figure.alt
        assert body(figure).width <= 500
        assert body(figure).height < 1400
        ET.fromstring(svg)


def test_flow_text_stays_inside_its_box() -> None:
    for line in wrap(HOSTILE, 18.0, 4):
        assert text_width(line) <= 18.0
    assert wrap(HOSTILE, 18.0, 4)[-1].endswith("\u2026")


def test_undrawable_characters_become_a_box() -> None:
    assert draw_text("a\U0001f9eab") == "a\u25a1b"
    assert draw_text("$x^2$") == "$x^2$"
