"""The STROBE flow chart: who was there, who was left out at each step, who was followed. Our own small layout, drawn as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from cobalamin.core.estimates import Estimates
from cobalamin.report import svg
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.format import SUPPRESSED, count, is_suppressed
from cobalamin.report.labels import SIMULATED_SENTENCE, plain
from cobalamin.report.records import records
from cobalamin.report.wrapping import wrap

WIDTH = 500.0
MAIN_X, MAIN_WIDTH = 2.0, 250.0
SIDE_X, SIDE_WIDTH = 284.0, 214.0
FONT_SIZE = 12.5
LINE = 16.5
PAD = 9.0
GAP = 10.0


@dataclass(frozen=True)
class Step:
    """One step of the flow.

    Attributes
    ----------
    label : str
        What the people who remain have in common.
    remaining, excluded : str
        Formatted counts ("1,234 people, 56 events"); ``excluded`` is empty for the first step.
    """

    label: str
    remaining: str
    excluded: str


def flow_steps(estimates: Estimates) -> list[Step]:
    """Read the steps of the flow chart from attrition rows.

    Parameters
    ----------
    estimates : Estimates
        Any; rows with context ``attrition`` and measure ``remaining`` count, ordered by ``at``.

    Returns
    -------
    list of Step
        Excluded counts are differences of the published ones, so they give nothing away.
    """
    frame = estimates.where(context="attrition", measure="remaining").frame.sort_values("at", kind="stable")
    steps: list[Step] = []
    before: tuple[float, float] | None = None
    for row in records(frame):
        now = (row.n, row.events)
        left = "" if before is None else _left_out(before[0] - now[0], before[1] - now[1], row.warning)
        steps.append(Step(plain(row.term), _people(*now, row.warning), left))
        before = now
    return steps


def _left_out(people: float, events: float, warning: str) -> str:
    """Say who was left out; differences of rounded counts can hold more events than people, and then only the people are said."""
    return _people(people, math.nan if events > people else events, warning)


def exhibit_flow(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Draw the flow chart of the study population.

    Parameters
    ----------
    estimates : Estimates
        With attrition rows.
    facts : StudyFacts
        Texts.

    Returns
    -------
    Exhibit or None
        None when there are no attrition rows.
    """
    steps = flow_steps(estimates)
    if not steps:
        return None
    alt = " ".join(f"{s.label}: {s.remaining}{f' ({s.excluded} excluded)' if s.excluded else ''}." for s in steps)
    title = "Flow of people into the analysis"
    caption = (
        "People left after each step of eligibility, with the outcome events among them; the boxes at the right show who was left out."
    )
    return Exhibit(
        key="flow",
        title=title,
        caption=f"{caption} {SIMULATED_SENTENCE}" if facts.simulated else caption,
        alt=alt,
        estimates=estimates.where(context="attrition", measure="remaining"),
        body=draw_flow(steps, title=title, alt=alt, simulated=facts.simulated),
    )


def draw_flow(steps: list[Step], *, title: str, alt: str, simulated: bool) -> FigureBody:
    """Lay the boxes out from top to bottom and draw them.

    Parameters
    ----------
    steps : list of Step
        At least one.
    title, alt : str
        Accessible name and description.
    simulated : bool
        Whether to print the SIMULATED mark.

    Returns
    -------
    FigureBody
        The drawing.
    """
    root = svg.element("svg")
    y = 2.0
    for i, step in enumerate(steps):
        if step.excluded:
            y = _draw_exclusion(root, step, y)
        y = _draw_box(root, _lines(step.label, step.remaining, MAIN_WIDTH), MAIN_X, y, MAIN_WIDTH, strong=i in (0, len(steps) - 1))
    root.set("viewBox", f"0 0 {WIDTH:g} {y + 2:g}")
    return svg.finish(root, key="flow", title=title, desc=alt, simulated=simulated)


def _draw_exclusion(root: Element, step: Step, top: float) -> float:
    """Draw the arrow down with its side box; return where the next box starts."""
    middle = MAIN_X + MAIN_WIDTH / 2
    lines = [("Left out at this step", False), *((line, False) for line in wrap(step.excluded, _ems(SIDE_WIDTH), 2))]
    height = len(lines) * LINE + 2 * PAD
    bottom = top + height + 2 * GAP
    root.append(svg.element("path", d=f"M{middle:g} {top:g}V{bottom - 6:g}", stroke="#222222", fill="none"))
    root.append(_arrow_head(middle, bottom, down=True))
    centre = (top + bottom) / 2
    root.append(svg.element("path", d=f"M{middle:g} {centre:g}H{SIDE_X - 6:g}", stroke="#222222", fill="none"))
    root.append(_arrow_head(SIDE_X, centre, down=False))
    _draw_box(root, lines, SIDE_X, top + GAP, SIDE_WIDTH, strong=False, fill="#f4f4f4")
    return bottom


def _draw_box(
    root: Element, lines: list[tuple[str, bool]], x: float, y: float, width: float, *, strong: bool, fill: str = "#ffffff"
) -> float:
    height = len(lines) * LINE + 2 * PAD
    root.append(
        svg.element("rect", x=x, y=y, width=width, height=height, rx=4, fill=fill, stroke="#222222", stroke_width=1.8 if strong else 1.0)
    )
    group = svg.element("g", font_family=svg.FONT, font_size=FONT_SIZE, fill="#222222", text_anchor="middle")
    for i, (line, bold) in enumerate(lines):
        made = svg.element("text", line, x=x + width / 2, y=y + PAD + LINE * (i + 0.75))
        if bold:
            made.set("font-weight", "bold")
        group.append(made)
    root.append(group)
    return y + height


def _lines(label: str, number: str, width: float) -> list[tuple[str, bool]]:
    return [*((line, False) for line in wrap(label, _ems(width), 4)), *((line, True) for line in wrap(number, _ems(width), 2))]


def _ems(width: float) -> float:
    return (width - 2 * PAD) / FONT_SIZE


def _arrow_head(x: float, y: float, *, down: bool) -> Element:
    points = [(x, y), (x - 4, y - 8), (x + 4, y - 8)] if down else [(x, y), (x - 8, y - 4), (x - 8, y + 4)]
    return svg.element("polygon", points=" ".join(f"{a:g},{b:g}" for a, b in points), fill="#222222")


def _people(n: float, events: float, note: str) -> str:
    hidden = math.isnan(n) and (is_suppressed(note) or not note)
    people = SUPPRESSED if hidden else f"{count(n)} {'person' if n == 1 else 'people'}"
    if math.isnan(events):
        return people
    return f"{people} ({count(events)} {'event' if events == 1 else 'events'})"
