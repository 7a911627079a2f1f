"""Figures of survival models: present only where rows are, true to them, safe in a page, the same bytes every time."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from unit.report.examples import nhanes_estimates, nhanes_facts

from cobalamin.core.estimates import Estimates
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.cox.cox import cox
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.figures.figure_curves import band_estimates, loglog_estimates, transition_estimates
from cobalamin.models.figures.figure_data import dose_response_estimates, ph_estimates
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.release.disclosure import disclose
from cobalamin.report.blocks import Note, Show
from cobalamin.report.curves import exhibits_curves
from cobalamin.report.document import compose
from cobalamin.report.dose_response import exhibits_dose_response
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.incidence import exhibits_incidence
from cobalamin.report.loglog import exhibits_loglog
from cobalamin.report.schoenfeld import exhibits_schoenfeld
from cobalamin.report.stacked import exhibits_stacked, layers
from cobalamin.report.transition_drawing import Arrow, draw_transitions, lay_out
from cobalamin.report.transitions import exhibits_transitions, rate_interval
from cobalamin.report.wrapping import text_width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> \u05e9\u05dc\u05d5\u05dd \u202eevil $x$ \U0001f9ea " + "W" * 200
NEW = ("incidence", "transitions", "stacked", "dose-response", "schoenfeld", "loglog")
DRAW: tuple[Callable[[Estimates, StudyFacts], list[Exhibit]], ...] = (
    exhibits_curves,
    exhibits_incidence,
    exhibits_transitions,
    exhibits_stacked,
    exhibits_dose_response,
    exhibits_schoenfeld,
    exhibits_loglog,
)


def facts(**changes: Any) -> StudyFacts:
    model = ModelFacts("main", "Adjusted for age", "primary", "cox", "rcs(b12, 3) + age", exposures=("age",), outcome="ls")
    fields: dict[str, Any] = {"labels": {"b12": "Serum B12 (pmol/L)", "rcs(b12, 3)": "Serum B12, spline"}, "models": (model,)}
    return StudyFacts("Study", "Question?", **{**fields, "outcome": "diagnosis of LS", "group": "Sex", **changes})


@pytest.fixture(scope="module")
def fitted() -> Estimates:
    """Rows from real fits of made-up people."""
    rng = np.random.default_rng(5)
    n = 500
    age, b12, sex = rng.uniform(30, 80, n), np.exp(rng.normal(5.7, 0.4, n)), rng.choice(["female", "male"], n)
    ls, death, end = rng.exponential(15, n), rng.exponential(20 * np.exp(-0.03 * (age - 55))), rng.uniform(3, 12, n)
    years = np.minimum.reduce([ls, death, end])
    kind = np.where(years == ls, 1, np.where(years == death, 2, 0))
    years = np.ceil(10 * years) / 10
    people = pd.DataFrame({"id": range(n), "age": age, "b12": b12, "sex": sex, "years": years, "kind": kind, "ls": (kind == 1) * 1})
    people = people.assign(entry=0.0, was="Healthy", then=np.array(["censored", "LS", "Death"])[kind])
    fit = cox("rcs(b12, 3) + age", people, exit="years", event="ls")
    curves = survival_curve(people, exit="years", event="ls", by="sex", unit="years")
    names = {"person": "id", "entry": "entry", "exit": "years", "from_state": "was", "to_state": "then"}
    states = multi_state(people, **names, states=["Healthy", "LS", "Death"], unit="years")
    incidence = cumulative_incidence(people, exit="years", event="kind", by="sex", labels={1: "LS", 2: "death"}, unit="years")
    parts = [curves.estimates(outcome="ls"), band_estimates(curves, outcome="ls"), loglog_estimates(curves, outcome="ls")]
    parts += [incidence.estimates(outcome="ls"), states.estimates(), transition_estimates(states)]
    parts += [ph_estimates(fit, model="main", outcome="ls", unit="years")]
    parts += [dose_response_estimates(fit, "b12", people, reference=300, model="main", outcome="ls", unit="pmol/L", log=True)]
    return Estimates.concat([fit.estimates(analysis="primary", model="main", outcome="ls"), *parts])


@pytest.fixture(scope="module")
def figures(fitted: Estimates) -> dict[str, Exhibit]:
    return {e.key: e for draw in DRAW for e in draw(fitted, facts())}


def svg_of(exhibit: Exhibit) -> str:
    assert isinstance(exhibit.body, FigureBody)
    return exhibit.body.svg


def incidence_rows(*levels: tuple[str, float], group: str = "", points: int = 6) -> list[dict[str, Any]]:
    common = {"analysis": "cumulative incidence", "context": "curve", "measure": "cumulative incidence", "unit": "years"}
    times = np.linspace(0, 10, points)
    return [
        {**common, "subgroup": group, "level": k, "at": t, "value": s * t / 10, "low": s * t / 12, "high": s * t / 8}
        for k, s in levels
        for t in times
    ]


def transition_rows(*moves: tuple[str, str, float, float], group: str = "") -> list[dict[str, Any]]:
    common = {"analysis": "multi-state", "context": "summary", "subgroup": group, "unit": "years"}
    states = [{**common, "measure": "state", "term": s, "n": 100} for s in dict.fromkeys(x for m in moves for x in m[:2])]
    arrows = [{**common, "measure": "transition", "term": a, "level": b, "events": n, "person_time": t} for a, b, n, t in moves]
    return states + [{**a, "warning": "suppressed: events" if math.isnan(a["events"]) else ""} for a in arrows]


def test_real_fits_give_every_figure(figures: dict[str, Exhibit]) -> None:
    assert list(figures) == [
        "curves-sex-ls-ls",
        "incidence-sex-ls-ls",
        "incidence-sex-ls-death",
        "transitions-overall",
        "stacked-cumulative-incidence-sex-ls",
        "stacked-multi-state",
        "dose-response-main-ls-b12",
        "schoenfeld-main-ls",
        "loglog-sex-ls-ls",
    ]
    for figure in figures.values():
        root = ET.fromstring(svg_of(figure))
        assert root[0].text == figure.title and root[1].text == figure.alt and len(figure.alt) > 40
        for node in root.iter():
            assert node.tag.removeprefix(SVG) not in {"style", "script", "metadata", "image", "foreignObject", "a"}
            assert "style" not in node.attrib


def test_same_rows_same_bytes_and_ids_do_not_clash(fitted: Estimates, figures: dict[str, Exhibit]) -> None:
    again = {e.key: e for draw in DRAW for e in draw(fitted, facts())}
    assert {k: svg_of(e) for k, e in again.items()} == {k: svg_of(e) for k, e in figures.items()}
    ids = re.findall(r' id="([^"]+)"', "".join(map(svg_of, figures.values())))
    assert len(ids) == len(set(ids))


def test_they_stand_in_the_report_where_a_reader_expects_them(fitted: Estimates) -> None:
    shown = {s.key: [b.exhibit.key for b in s.blocks if isinstance(b, Show)] for s in compose(fitted, facts()).sections}
    results, diagnostics = shown["results"], shown["diagnostics"]
    kinds = [k.split("-")[0] for k in results if not k.startswith("table")]
    assert kinds == ["curves", "incidence", "incidence", "transitions", "stacked", "stacked", "forest", "dose"]
    assert {"schoenfeld-main-ls", "loglog-sex-ls-ls"} <= set(diagnostics)


def test_a_protocol_that_did_not_ask_reads_nothing_of_them() -> None:
    document = compose(nhanes_estimates(), nhanes_facts())
    shown = [b.exhibit.key for s in document.sections for b in s.blocks if isinstance(b, Show)]
    assert not [k for k in shown if k.startswith(NEW)]
    notes = " ".join(b.text for s in document.sections for b in s.blocks if isinstance(b, Note))
    assert not re.search("incidence|transition|Schoenfeld|log-log|dose", notes)
    assert all(draw(Estimates.from_rows([]), facts()) == [] for draw in DRAW)


@pytest.mark.parametrize("policy", ["opensafely", "cms"])
def test_after_disclosure_control_the_figures_still_stand(fitted: Estimates, policy: str) -> None:
    safe = disclose(fitted, policy).estimates
    made = [e for draw in DRAW for e in draw(safe, facts(protected_curves=True))]
    assert {e.key.split("-")[0] for e in made} == {"curves", "incidence", "transitions", "stacked", "dose", "schoenfeld", "loglog"}
    assert all("disclosure control" in e.caption for e in made if e.key.startswith(("curves", "incidence", "loglog")))


def test_simulated_figures_say_so(fitted: Estimates) -> None:
    own = fitted.where(analysis=("multi-state", "proportional hazards"), context=("summary", "diagnostic"))
    made = [e for draw in DRAW for e in draw(own, facts(simulated=True))]
    assert len(made) == 2
    for exhibit in made:
        assert "SIMULATED DATA</text>" in svg_of(exhibit)
        assert exhibit.caption.endswith("Simulated data: these people do not exist.")


def test_the_band_is_drawn_and_named_where_there_are_rows(fitted: Estimates, figures: dict[str, Exhibit]) -> None:
    assert "Thin lines: 95% simultaneous band (equal precision)" in figures["curves-sex-ls-ls"].caption
    (bare,) = exhibits_curves(Estimates(fitted.frame[fitted.frame["measure"] != "simultaneous band"]), facts())
    assert "simultaneous" not in bare.caption
    assert svg_of(bare).count("<path") + 4 == svg_of(figures["curves-sex-ls-ls"]).count("<path")  # two lines per group


def test_incidence_names_the_competing_events_and_the_last_values(figures: dict[str, Exhibit], fitted: Estimates) -> None:
    figure = figures["incidence-sex-ls-death"]
    assert figure.title == "Cumulative incidence of death by Sex"
    assert "in the presence of LS" in figure.caption
    last = fitted.where(measure="cumulative incidence", level="death", subgroup="male").frame.iloc[-1]
    assert f"male: {100 * last['value']:.1f}%" in figure.alt


def test_stacked_layers_agree_with_the_curves_and_leave_the_rest_on_top() -> None:
    rows = Estimates.from_rows([*incidence_rows(("LS", 0.2), ("death", 0.5))])
    (figure,) = exhibits_stacked(rows, facts())
    assert figure.alt.endswith("All at 10: LS 20.0%, death 50.0% and Event-free 30.0%.")
    times, values = layers(rows.frame, ["LS", "death"], steps=True)
    assert_allclose(values.sum(axis=0), 0.07 * times, atol=1e-12)


def test_steps_hold_and_protected_points_are_joined() -> None:
    part = pd.DataFrame({"level": ["a", "a", "b", "b", "b"], "at": [0, 4, 0, 2, 4.0], "value": [0, 0.4, 0, 0.1, 0.1]})
    assert_allclose(layers(part, ["a", "b"], steps=True)[1], [[0, 0, 0.4], [0, 0.1, 0.1]])
    assert_allclose(layers(part, ["a", "b"], steps=False)[1], [[0, 0.2, 0.4], [0, 0.1, 0.1]])


def test_a_group_with_a_hidden_cause_is_not_stacked_as_if_it_had_none() -> None:
    rows = [*incidence_rows(("LS", 0.2), ("death", 0.5), group="a"), *incidence_rows(("death", 0.5), group="b")]
    hidden = {**rows[0], "subgroup": "b", "at": math.nan, "value": math.nan, "low": math.nan, "high": math.nan, "warning": "suppressed: x"}
    (figure,) = exhibits_stacked(Estimates.from_rows([*rows, hidden]), facts())
    assert "Too few events to show b." in figure.caption
    assert "b at" not in figure.alt


def test_rare_events_are_stacked_on_a_cut_axis_that_says_so() -> None:
    (rare,) = exhibits_stacked(Estimates.from_rows(incidence_rows(("LS", 0.02), ("death", 0.05))), facts())
    assert "The axis is cut; the area of 'Event-free' goes on up to 100%." in rare.caption


def test_schoenfeld_says_the_p_values_and_the_ends_of_each_curve(figures: dict[str, Exhibit], fitted: Estimates) -> None:
    figure = figures["schoenfeld-main-ls"]
    assert figure.title.endswith("Adjusted for age")
    smooth = fitted.where(measure="coefficient over time", term="age").frame
    assert f"age: hazard ratio {math.exp(smooth['value'].iloc[0]):.2f} at {smooth['at'].iloc[0]:g}" in figure.alt
    assert figure.alt.count("p = ") + figure.alt.count("p < ") + figure.alt.count("p > ") == 2
    assert "all terms together: p" in figure.caption
    assert "A spline is shown as a multiple of its fitted curve" in figure.caption


def test_the_curve_of_ratios_names_its_reference_and_its_unit(figures: dict[str, Exhibit], fitted: Estimates) -> None:
    figure = figures["dose-response-main-ls-b12"]
    assert figure.title == "Hazard ratio of diagnosis of LS along Serum B12 (pmol/L)"
    assert "relative to 300 pmol/L (dot), with 95% CI" in figure.caption
    assert "Beneath: how many people" in figure.caption
    alone = Estimates(fitted.frame[(fitted.frame["analysis"] == "dose-response") & (fitted.frame["measure"] != "histogram")])
    (bare,) = exhibits_dose_response(alone, facts())
    assert "Beneath" not in bare.caption
    assert isinstance(bare.body, FigureBody) and isinstance(figure.body, FigureBody)
    assert bare.body.height < figure.body.height


def test_the_distribution_of_the_study_serves_where_the_curve_brings_none(fitted: Estimates) -> None:
    frame = fitted.frame[fitted.frame["analysis"] == "dose-response"]
    moved = frame.assign(analysis=np.where(frame["measure"] == "histogram", "distribution", frame["analysis"]))
    (figure,) = exhibits_dose_response(Estimates.from_frame(moved), facts())
    assert "Beneath: how many people" in figure.caption


def test_rates_come_from_published_counts_with_exact_limits() -> None:
    from scipy.stats import chi2

    rate, low, high = rate_interval(12, 400.0, 0.95)
    assert_allclose([rate, low, high], [0.03, chi2.ppf(0.025, 24) / 800, chi2.ppf(0.975, 26) / 800], rtol=1e-9)
    assert rate_interval(0, 10.0, 0.95)[:2] == (0.0, 0.0)
    assert math.isnan(rate_interval(math.nan, 10.0, 0.95)[0])


def test_the_diagram_prints_counts_and_rates_and_hides_what_is_hidden() -> None:
    rows = transition_rows(("Healthy", "LS", 120, 4000), ("Healthy", "Death", 80, 4000), ("LS", "Death", math.nan, 300))
    (figure,) = exhibits_transitions(Estimates.from_rows(rows), facts())
    texts = [t.text for t in ET.fromstring(svg_of(figure)).iter(f"{SVG}text")]
    assert "120" in texts and "3.00 (2.49\u20133.59)" in texts and "[suppressed]" in texts
    assert "LS to Death: [suppressed], rate" in figure.alt or "LS to Death: [suppressed]." in figure.alt
    assert "per 100 person-years" in figure.caption


def test_death_stands_beside_and_arrows_that_pass_over_a_state_run_aside() -> None:
    arrows = [Arrow(a, b, "1", "1.0 (0.1\u20139.9)") for a, b in ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3), (1, 0))]
    layout = lay_out(4, arrows)
    assert (layout.column, layout.beside, [(a.start, a.end) for a in layout.aside]) == ((0, 1, 2), 3, [(0, 2)])
    competing = lay_out(3, [Arrow(0, 1, "", ""), Arrow(0, 2, "", "")])
    cured = lay_out(3, [Arrow(0, 1, "", ""), Arrow(1, 0, "", ""), Arrow(0, 2, "", "")])
    assert (cured.column, cured.beside, cured.aside) == ((0, 1), 2, ())
    chain = lay_out(3, [Arrow(0, 1, "", ""), Arrow(1, 2, "", "")])
    assert (chain.column, chain.beside) == ((0, 1, 2), None)
    assert (competing.column, competing.beside, competing.aside) == ((0, 1), 2, ())


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_nothing_of_the_diagram_lies_outside_it_or_on_other_words(n: int) -> None:
    moves = [(a, b) for a in range(n) for b in range(n) if a < n - 1 and (b == a + 1 or b == n - 1 or b == a + 2 or b == a - 1) and b >= 0]
    arrows = [Arrow(a, b, "12,345", "12.3 (11.2\u201313.4)") for a, b in dict.fromkeys(moves)]
    states = [(f"State number {i} with a longer name", "123,456 people") for i in range(n)]
    body = draw_transitions(states, arrows, "What the numbers are", key="k", title="t", alt="a", simulated=False)
    root = ET.fromstring(body.svg)
    boxes = []
    for group in root.iter(f"{SVG}g"):
        for text in group.findall(f"{SVG}text"):
            size, x, y = float(group.attrib["font-size"]), float(text.attrib["x"]), float(text.attrib["y"])
            wide = text_width(text.text or "") * size * 0.93  # the estimate is on the wide side
            left = x - {"start": 0, "middle": wide / 2, "end": wide}[group.attrib["text-anchor"]]
            boxes.append((left, y - 0.75 * size, left + wide, y, text.text))
    assert len(boxes) >= 2 * len(arrows) + n
    for a in boxes:
        assert a[0] >= -1 and a[2] <= body.width + 1 and a[1] >= 0 and a[3] <= body.height
        for b in boxes:
            assert a is b or a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)


def test_groups_have_diagrams_of_their_own() -> None:
    rows = [*transition_rows(("Healthy", "LS", 12, 400), group="women"), *transition_rows(("Healthy", "LS", 3, 400), group="men")]
    made = exhibits_transitions(Estimates.from_rows(rows), facts())
    assert [e.title for e in made] == ["States and transitions: women", "States and transitions: men"]


def test_hostile_and_long_labels_are_drawn_as_text() -> None:
    survival = {"analysis": "proportional hazards", "context": "curve", "measure": "log minus log survival", "unit": "years"}
    smooth = {"analysis": "proportional hazards", "context": "summary", "model": HOSTILE, "term": HOSTILE, "unit": HOSTILE}
    curve = {
        "analysis": "dose-response",
        "context": "summary",
        "term": HOSTILE,
        "reference": "2",
        "measure": "hazard ratio",
        "unit": HOSTILE,
    }
    rows = [*incidence_rows((HOSTILE, 0.2), ("death", 0.5), group=HOSTILE), *incidence_rows((HOSTILE, 0.1), ("death", 0.5), group="b")]
    rows += transition_rows(("Healthy", HOSTILE, 12, 400), ("Healthy", "Death", 12, 400))
    rows += [{**survival, "subgroup": HOSTILE, "at": t, "value": math.log(t) - 3} for t in (1, 2, 4)]
    rows += [{**smooth, "measure": "coefficient over time", "at": t, "value": 0.1 * t, "low": -1, "high": 1} for t in (1, 2, 4)]
    rows += [{**curve, "at": t, "value": t / 2, "low": t / 3, "high": t} for t in (1, 2, 4, 8)]
    made = [e for draw in DRAW for e in draw(Estimates.from_rows(rows), facts(group=HOSTILE))]
    assert len(made) == 7
    for exhibit in made:
        assert "<script" not in svg_of(exhibit)
        assert "\u202e" not in svg_of(exhibit)


def test_wild_bands_do_not_flatten_the_curve() -> None:
    smooth = {"analysis": "proportional hazards", "context": "summary", "model": "m", "term": "x", "measure": "coefficient over time"}
    rows = [{**smooth, "at": t, "value": 0.1 * t, "low": -50.0 * t, "high": 800.0 * t} for t in (1, 2, 4)]
    (figure,) = exhibits_schoenfeld(Estimates.from_rows(rows), facts())
    assert "inf" not in svg_of(figure).lower().replace("information", "")
    assert "hazard ratio 1.11 at 1, 1.49 at 4" in figure.alt


def test_a_log_log_plot_of_a_single_point_is_not_drawn() -> None:
    common = {"analysis": "proportional hazards", "context": "curve", "measure": "log minus log survival", "subgroup": "a", "model": "g"}
    rows = [{**common, "at": 0.0, "value": math.nan}, {**common, "at": 50.0, "value": -2.0}]
    assert exhibits_loglog(Estimates.from_rows(rows), facts()) == []
    assert len(exhibits_loglog(Estimates.from_rows([*rows, {**common, "at": 60.0, "value": -1.5}]), facts())) == 1
