"""The diagram of a multi-state process: a box per state, an arrow per transition with its count and rate. Our own layout, drawn as SVG.

States that people pass through stand beneath one another in their order; the final state that most others lead to (death) stands beside
all of them, so that no arrow crosses another; arrows that pass over a state, or lead back over one, run at the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import svg
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import level_label, slug
from cobalamin.report.records import Record, records
from cobalamin.report.tables import caption, level_text
from cobalamin.report.wrapping import text_width, wrap

INK = "#222222"
BOX, BETWEEN, SINK, LANE = 168.0, 150.0, 128.0, 126.0
ROOM = 66.0
FONT_SIZE, SMALL = 12.5, 11.5
LINE, PAD, EDGE = 16.5, 9.0, 3.0


@dataclass(frozen=True)
class Arrow:
    """A transition.

    Attributes
    ----------
    start, end : int
        States, in their order.
    count, rate : str
        What is printed.
    """

    start: int
    end: int
    count: str
    rate: str


@dataclass(frozen=True)
class Layout:
    """Which states stand beneath one another, and which beside them.

    Attributes
    ----------
    column : tuple of int
        States from top to bottom.
    beside : int or None
        The final state at the right.
    aside : tuple of Arrow
        Arrows that run at the left, the outermost last.
    """

    column: tuple[int, ...]
    beside: int | None
    aside: tuple[Arrow, ...]


def exhibits_transitions(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the states and transitions of each group.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``multi-state``, measures ``state`` and ``transition rate``.
    facts : StudyFacts
        Labels and unit of time.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis="multi-state", context="summary", measure=("state", "transition rate"))
    frame = rows.where(measure="transition rate").frame
    found = dict.fromkeys(zip(frame["model"], frame["outcome"], frame["subgroup"], strict=True))
    several = {(m, o): sum(other[:2] == (m, o) for other in found) > 1 for m, o, _ in found}
    return [_transitions(rows.where(model=m, outcome=o, subgroup=g), (m, o, g), facts, named=several[m, o]) for m, o, g in found]


def lay_out(n_states: int, arrows: list[Arrow]) -> Layout:
    """Decide where the states stand.

    Parameters
    ----------
    n_states : int
        Number of states.
    arrows : list of Arrow
        The transitions.

    Returns
    -------
    Layout
        The final state with most arrows into it stands beside the others, if two or more lead there.

    Examples
    --------
    >>> arrows = [Arrow(0, 1, "", ""), Arrow(1, 2, "", ""), Arrow(0, 3, "", ""), Arrow(1, 3, "", ""), Arrow(0, 2, "", "")]
    >>> made = lay_out(4, arrows)
    >>> made.column, made.beside, [(a.start, a.end) for a in made.aside]
    ((0, 1, 2), 3, [(0, 2)])
    """
    final = [i for i in range(n_states) if not any(a.start == i for a in arrows)]
    into = {i: sum(a.end == i for a in arrows) for i in final}
    most = max(into.values(), default=0)
    beside = max((i for i in final if into[i] == most), default=None) if n_states > 2 and most > 1 else None
    column = tuple(i for i in range(n_states) if i != beside)
    place = {state: row for row, state in enumerate(column)}
    far = [a for a in arrows if a.end != beside and abs(place[a.start] - place[a.end]) > 1]
    return Layout(column, beside, tuple(sorted(far, key=lambda a: abs(place[a.start] - place[a.end]))))


def rate_unit(rates: list[float]) -> int:
    """Choose how many units of person-time rates are printed per.

    Parameters
    ----------
    rates : list of float
        Per one unit; NaN is passed over.

    Returns
    -------
    int
        1, 10, ... 100,000: the first by which the smallest positive rate is at least 1.

    Examples
    --------
    >>> rate_unit([0.0012, 0.2])
    1000
    """
    known = [r for r in rates if r > 0]
    return next((10**k for k in range(6) if min(known) * 10**k >= 1), 100_000) if known else 1


def _transitions(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts, *, named: bool) -> Exhibit:
    moves = list(records(rows.where(measure="transition rate").frame))
    boxes = {r.term: r for r in records(rows.where(measure="state").frame)}
    names = list(dict.fromkeys([*boxes, *(name for r in moves for name in (r.term, r.level))]))
    per = rate_unit([r.value for r in moves])
    unit = next((r.unit for r in moves if r.unit), facts.time_unit)
    arrows = [Arrow(names.index(r.term), names.index(r.level), fmt.count(r.events, r.warning), _rate(r, per)) for r in moves]
    title = "States and transitions" + (f": {level_label(which[2], facts)}" if named else "")
    over = f"{fmt.count(per)} person-{unit}" if per > 1 else f"person-{unit.removesuffix('s')}"
    text = f"Boxes: people seen in each state. Arrows: number of transitions and, beneath it, their rate per {over} ({level_text(facts)})."
    alt = " ".join(
        f"{level_label(r.term, facts)} to {level_label(r.level, facts)}: {fmt.count(r.events, r.warning)} transitions, {_rate(r, per)} per"
        f" {over}."
        for r in moves
    )
    labels = [_box_lines(name, boxes.get(name), facts) for name in names]
    key = slug("-".join(("transitions", *(w for w in which if w))))
    body = draw_transitions(labels, arrows, key=key, title=title, alt=alt, simulated=facts.simulated)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _rate(row: Record, per: int) -> str:
    if math.isnan(row.value):
        return fmt.SUPPRESSED if fmt.is_suppressed(row.warning) else fmt.DASH
    numbers = [x * per for x in (row.value, row.low, row.high)]
    digits = 0 if numbers[0] >= 100 else 1 if numbers[0] >= 10 else 2
    value, low, high = (fmt.number(x, digits) for x in numbers)
    return value if math.isnan(row.low + row.high) else f"{value} ({low}\u2013{high})"


def _box_lines(name: str, row: Record | None, facts: StudyFacts) -> tuple[str, str]:
    if row is None or (math.isnan(row.n) and not fmt.is_suppressed(row.warning)):
        return level_label(name, facts), ""
    number = fmt.count(row.n, row.warning)
    return level_label(name, facts), number if math.isnan(row.n) else f"{number} {'person' if row.n == 1 else 'people'}"


def draw_transitions(states: list[tuple[str, str]], arrows: list[Arrow], *, key: str, title: str, alt: str, simulated: bool) -> FigureBody:
    """Lay states and arrows out and draw them.

    Parameters
    ----------
    states : list of (str, str)
        Name and number of people of each state, in order.
    arrows : list of Arrow
        Transitions.
    key, title, alt : str
        Id prefix, accessible name and description.
    simulated : bool
        Whether to print the SIMULATED mark.

    Returns
    -------
    FigureBody
        The drawing.
    """
    layout = lay_out(len(states), arrows)
    root, x = svg.element("svg"), EDGE + LANE * len(layout.aside)
    lines = {i: [*((t, True) for t in wrap(name, _ems(BOX), 2)), *(((n, False),) if n else ())] for i, (name, n) in enumerate(states)}
    tops, bottoms, y = {}, {}, EDGE
    for i in layout.column:
        tops[i], bottoms[i] = y, y + len(lines[i]) * LINE + 2 * PAD
        y = bottoms[i] + ROOM
    height, width = y - ROOM + EDGE, x + BOX + EDGE
    for a in arrows:
        if a.end == layout.beside:
            _across(root, a, x + BOX, (tops[a.start] + bottoms[a.start]) / 2)
        elif a not in layout.aside:
            _along(root, a, x + BOX / 2, tops, bottoms, both=any((b.start, b.end) == (a.end, a.start) for b in arrows))
    for lane, a in enumerate(layout.aside):
        _around(root, a, x, lane, tops, bottoms)
    for i in layout.column:
        _box(root, lines[i], x, tops[i], BOX, bottoms[i] - tops[i])
    if layout.beside is not None:
        name, n = states[layout.beside]
        inside = [*((t, True) for t in wrap(name, _ems(SINK), 3)), *(((n, False),) if n else ())]
        _box(root, inside, x + BOX + BETWEEN, EDGE, SINK, height - 2 * EDGE, fill="#f4f4f4")
        width = x + BOX + BETWEEN + SINK + EDGE
    root.set("viewBox", f"0 0 {max(width, x + BOX / 2 + 130):g} {height:g}")
    return svg.finish(root, key=key, title=title, desc=alt, simulated=simulated)


def _across(root: Element, arrow: Arrow, x: float, y: float) -> None:
    _path(root, f"M{x:g} {y:g}H{x + BETWEEN - 6:g}")
    _head(root, x + BETWEEN, y, (1, 0))
    middle = x + BETWEEN / 2 - 3
    _text(root, arrow.count, middle, y - 6, "middle", bold=True)
    _text(root, arrow.rate, middle, y + 14, "middle")


def _along(root: Element, arrow: Arrow, x: float, tops: dict[int, float], bottoms: dict[int, float], *, both: bool) -> None:
    down = tops[arrow.end] > tops[arrow.start]
    start, end = (bottoms[arrow.start], tops[arrow.end]) if down else (tops[arrow.start], bottoms[arrow.end])
    sign = 1 if down else -1
    # a way there and a way back stand side by side, each with its numbers outside
    x += (-16 if down else 16) if both else 0
    _path(root, f"M{x:g} {start:g}V{end - 6 * sign:g}")
    _head(root, x, end, (0, sign))
    left = both and down
    middle = (start + end) / 2
    _text(root, arrow.count, x + (-9 if left else 9), middle - 4, "end" if left else "start", bold=True)
    _text(root, arrow.rate, x + (-9 if left else 9), middle + 12, "end" if left else "start")


def _around(root: Element, arrow: Arrow, x: float, lane: int, tops: dict[int, float], bottoms: dict[int, float]) -> None:
    start, end = ((tops[i] + bottoms[i]) / 2 for i in (arrow.start, arrow.end))
    shift = 5.0 * lane + 4
    start, end = (start + shift, end - shift) if end > start else (start - shift, end + shift)
    left, middle = x - LANE * (lane + 0.5), (start + end) / 2
    _path(root, f"M{x:g} {start:g}H{left:g}V{end:g}H{x - 6:g}")
    _head(root, x, end, (1, 0))
    width = SMALL * max(text_width(arrow.count), text_width(arrow.rate)) + 4
    root.append(svg.element("rect", x=left - width / 2, y=middle - 17, width=width, height=34, fill="#ffffff"))
    _text(root, arrow.count, left, middle - 3, "middle", bold=True)
    _text(root, arrow.rate, left, middle + 12, "middle")


def _box(root: Element, lines: list[tuple[str, bool]], x: float, y: float, width: float, height: float, fill: str = "#ffffff") -> None:
    root.append(svg.element("rect", x=x, y=y, width=width, height=height, rx=4, fill=fill, stroke=INK, stroke_width=1.3))
    top = y + height / 2 - len(lines) * LINE / 2
    for i, (line, bold) in enumerate(lines):
        _text(root, line, x + width / 2, top + LINE * (i + 0.75), "middle", bold=bold, size=FONT_SIZE)


def _ems(width: float) -> float:
    return (width - 2 * PAD) / FONT_SIZE


def _path(root: Element, d: str) -> None:
    root.append(svg.element("path", d=d, stroke=INK, fill="none", stroke_width=1.2))


def _head(root: Element, x: float, y: float, way: tuple[int, int]) -> None:
    """Draw an arrow head with its point at (x, y)."""
    dx, dy = way
    points = [(x, y), (x - 9 * dx - 4 * dy, y - 9 * dy - 4 * dx), (x - 9 * dx + 4 * dy, y - 9 * dy + 4 * dx)]
    root.append(svg.element("polygon", points=" ".join(f"{a:g},{b:g}" for a, b in points), fill=INK))


def _text(root: Element, text: str, x: float, y: float, anchor: str, *, bold: bool = False, size: float = SMALL) -> None:
    group = svg.element("g", font_family=svg.FONT, font_size=size, fill=INK, text_anchor=anchor)
    made = svg.element("text", text, x=x, y=y)
    if bold:
        made.set("font-weight", "bold")
    group.append(made)
    root.append(group)
