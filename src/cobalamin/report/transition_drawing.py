"""Layout and drawing of states and transitions as SVG.

States that people pass through stand beneath one another in their order; the final state that most others lead to (death) stands beside
all of them, so that no arrow crosses another; arrows that pass over a state, or lead back over one, run at the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from cobalamin.report import svg
from cobalamin.report.exhibit import FigureBody
from cobalamin.report.wrapping import text_width, wrap

INK = "#222222"
BOX, BETWEEN, SINK, LANE = 168.0, 150.0, 128.0, 126.0
ROOM = 66.0
FONT_SIZE, SMALL = 12.5, 11.5
LINE, PAD, EDGE = 16.5, 9.0, 3.0
# room at the left for the numbers of an arrow that has one back beside it
BACK = 44.0
# a small diagram must not grow to the width of the page
NARROWEST = 470.0


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
        The final state with most arrows into it stands beside the others, unless it is the only one and only the state before leads there.

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
    last = max((i for i in final if into[i] == most), default=-1)
    passed = any(a.end == last and a.start != last - 1 for a in arrows)
    beside = last if n_states > 2 and last >= 0 and (passed or len(final) > 1) else None
    column = tuple(i for i in range(n_states) if i != beside)
    place = {state: row for row, state in enumerate(column)}
    far = [a for a in arrows if a.end != beside and abs(place[a.start] - place[a.end]) > 1]
    return Layout(column, beside, tuple(sorted(far, key=lambda a: abs(place[a.start] - place[a.end]))))


def draw_transitions(
    states: list[tuple[str, str]], arrows: list[Arrow], note: str, *, key: str, title: str, alt: str, simulated: bool
) -> FigureBody:
    """Lay states and arrows out and draw them.

    Parameters
    ----------
    states : list of (str, str)
        Name and number of people of each state, in order.
    arrows : list of Arrow
        Transitions.
    note : str
        Printed beneath: what the numbers are.
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
    both = {(a.start, a.end) for a in arrows} & {(a.end, a.start) for a in arrows}
    left = LANE * len(layout.aside) + (BACK if both else 0.0)
    taken = left + BOX + 2 * EDGE + (BETWEEN + SINK if layout.beside is not None else 0.0)
    width = max(taken, NARROWEST)
    root, x = svg.element("svg"), EDGE + left + (width - taken) / 2
    lines = {i: [*((t, True) for t in wrap(name, _ems(BOX), 2)), *(((n, False),) if n else ())] for i, (name, n) in enumerate(states)}
    tops, bottoms, y = {}, {}, EDGE
    for i in layout.column:
        tops[i], bottoms[i] = y, y + len(lines[i]) * LINE + 2 * PAD
        y = bottoms[i] + ROOM
    height = y - ROOM + EDGE
    for a in arrows:
        if a.end == layout.beside:
            _across(root, a, x + BOX, (tops[a.start] + bottoms[a.start]) / 2)
        elif a not in layout.aside:
            _along(root, a, x + BOX / 2, tops, bottoms, both=(a.start, a.end) in both)
    for lane, a in enumerate(layout.aside):
        _around(root, a, x, BACK if both else 0.0, lane, tops, bottoms)
    for i in layout.column:
        _box(root, lines[i], x, tops[i], BOX, bottoms[i] - tops[i])
    if layout.beside is not None:
        name, n = states[layout.beside]
        inside = [*((t, True) for t in wrap(name, _ems(SINK), 3)), *(((n, False),) if n else ())]
        _box(root, inside, x + BOX + BETWEEN, EDGE, SINK, height - 2 * EDGE, fill="#f4f4f4")
    for line in wrap(note, (width - 2 * EDGE) / SMALL, 3):
        height += 15
        _text(root, line, EDGE, height - 1, "start")
    root.set("viewBox", f"0 0 {width:g} {height + 3:g}")
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


def _around(root: Element, arrow: Arrow, x: float, room: float, lane: int, tops: dict[int, float], bottoms: dict[int, float]) -> None:
    start, end = ((tops[i] + bottoms[i]) / 2 for i in (arrow.start, arrow.end))
    shift = 9.0 * lane + 4
    start, end = (start + shift, end - shift) if end > start else (start - shift, end + shift)
    left, middle = x - room - LANE * (lane + 0.5), (start + end) / 2
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
