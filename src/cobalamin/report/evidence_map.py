"""The evidence map: what was measured, in which disease, by which design, and where nothing was found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.labels import join_words, plain
from cobalamin.report.records import Record, records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = "no study found"
LEFT = 1.72  # inches for the names of the rows
ROW, HEAD, KEY = 0.4, 0.45, 0.2
PER_LINE = 6
# shape says the design, so that grey prints can be read
DESIGNS: dict[str, tuple[str, str]] = {
    "trial": ("*", theme.COLORS[1]),
    "cohort": ("o", theme.COLORS[0]),
    "register": ("P", theme.COLORS[0]),
    "case-control": ("s", theme.COLORS[2]),
    "cross-sectional": ("^", theme.COLORS[5]),
    "case series": ("v", theme.COLORS[3]),
    "meta-analysis": ("D", theme.INK),
    "Mendelian randomization": ("X", theme.INK),
}
OTHER = ("h", theme.GREY)
_SIZES = ((10_000, 10.5, "10,000 people or more"), (500, 8.0, "500 to 9,999"), (1, 5.5, "below 500"))


def exhibit_evidence_map(estimates: Estimates) -> Exhibit | None:
    """Draw the map of the evidence.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``evidence map``: ``term`` = what was measured, ``subgroup`` = disease, ``level`` = design, ``n`` = people,
        ``measure`` = ``study`` or ``no study found``.

    Returns
    -------
    Exhibit or None
        None without such rows.
    """
    rows = estimates.where(analysis="evidence map")
    found = list(records(rows.frame))
    if not found:
        return None
    topics = list(dict.fromkeys(r.term for r in found))
    diseases = list(dict.fromkeys(r.subgroup for r in found))
    title = "Evidence map: what was measured, in which disease, by which design"
    alt = "Evidence map. " + " ".join(_words(topic, diseases, found) for topic in topics)
    with theme.theme():
        body = _draw(topics, diseases, found, title, alt)
    text = (
        "Each mark is one study: its shape is the design, its size the number of people; open marks: the number is not at hand."
        " 'No study found': searched for, and nothing found. A short line: nothing among the entries of this study, which is no"
        " systematic review, so it does not mean that nothing exists."
    )
    return Exhibit("figure-evidence-map", title, text, alt, rows, body)


def _words(topic: str, diseases: list[str], found: list[Record]) -> str:
    parts = []
    for disease in diseases:
        cell = [r for r in found if r.term == topic and r.subgroup == disease]
        studies = [f"{plain(r.level)}{'' if math.isnan(r.n) else f' of {fmt.count(r.n)} people'}" for r in cell if r.measure != GAP]
        if any(r.measure == GAP for r in cell) or studies:
            parts.append(f"{plain(disease)}: {join_words(studies) or GAP}")
    return f"{plain(topic)} - {'; '.join(parts)}."


def _draw(topics: list[str], diseases: list[str], found: list[Record], title: str, alt: str) -> FigureBody:
    designs = _designs(found)
    keys = 1 + math.ceil(len(designs) / 2) + 1 + len(_SIZES)
    rows = HEAD + ROW * len(topics)
    height = rows + KEY * keys + 0.1
    figure = theme.new_figure(height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, theme.WIDTH)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    width = (theme.WIDTH - LEFT - 0.05) / len(diseases)
    for j, disease in enumerate(diseases):
        text = theme.draw_lines(plain(disease).capitalize(), width * 72 / theme.FONT_SIZE * 0.95, 2)
        axes.text(LEFT + width * (j + 0.5), HEAD / 2, text, ha="center", va="center", weight="bold", linespacing=1.1)
    for i, topic in enumerate(topics):
        y = HEAD + ROW * (i + 0.5)
        axes.plot([0.02, theme.WIDTH - 0.02], [y - ROW / 2] * 2, color="#bbbbbb", linewidth=0.6)
        axes.text(0.03, y, theme.draw_lines(topic, LEFT * 72 / theme.FONT_SIZE * 0.97, 2), ha="left", va="center", linespacing=1.05)
        for j, disease in enumerate(diseases):
            _cell(axes, [r for r in found if r.term == topic and r.subgroup == disease], LEFT + width * j, y, width)
    axes.plot([0.02, theme.WIDTH - 0.02], [rows] * 2, color=theme.INK, linewidth=0.8)
    _key(axes, designs, rows + KEY)
    return theme.save(figure, key="figure-evidence-map", title=title, desc=alt, simulated=False)


def _designs(found: list[Record]) -> list[str]:
    present = {r.level for r in found if r.measure != GAP}
    return [d for d in DESIGNS if d in present] + sorted(present - set(DESIGNS))


def _cell(axes: Axes, cell: list[Record], x: float, y: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    studies = [r for r in cell if r.measure != GAP]
    if any(r.measure == GAP for r in cell) and not studies:
        look: dict[str, Any] = {"facecolor": "#f2f2f2", "edgecolor": theme.INK, "linewidth": 0.9, "linestyle": (0, (3, 2))}
        axes.add_patch(Rectangle((x + 0.04, y - ROW / 2 + 0.04), width - 0.08, ROW - 0.08, **look))
        axes.text(x + width / 2, y, GAP, ha="center", va="center", fontsize=theme.SMALL, weight="bold")
        return
    if not studies:
        axes.text(x + width / 2, y, fmt.DASH, ha="center", va="center", color=theme.GREY)
        return
    ordered = sorted(studies, key=lambda r: (list(DESIGNS).index(r.level) if r.level in DESIGNS else 99, -r.n if r.n == r.n else 0))
    lines = [ordered[k : k + PER_LINE] for k in range(0, len(ordered), PER_LINE)]
    step = min(0.19, (width - 0.1) / PER_LINE)
    for k, line in enumerate(lines):
        height = y + (k - (len(lines) - 1) / 2) * 0.17
        for m, r in enumerate(line):
            _mark(axes, x + width / 2 + (m - (len(line) - 1) / 2) * step, height, r.level, r.n)


def _mark(axes: Axes, x: float, y: float, design: str, people: float) -> None:
    marker, color = DESIGNS.get(design, OTHER)
    size = next((s for least, s, _ in _SIZES if people >= least), _SIZES[1][1])
    face = "white" if math.isnan(people) else color
    axes.plot([x], [y], marker=marker, markersize=size, markerfacecolor=face, markeredgecolor=color, markeredgewidth=1.1, linestyle="none")


def _key(axes: Axes, designs: list[str], y: float) -> None:
    half = math.ceil(len(designs) / 2)
    axes.text(0.03, y, "Design", weight="bold", va="center", fontsize=theme.SMALL)
    for k, design in enumerate(designs):
        x, below = 0.15 + (k // half) * theme.WIDTH / 2, y + KEY * (1 + k % half)
        _mark(axes, x, below, design, 1000)
        axes.text(x + 0.18, below, theme.draw_text(plain(design).capitalize()), va="center", fontsize=theme.SMALL)
    y += KEY * (half + 1)
    axes.text(0.03, y, "People (open: number not at hand)", weight="bold", va="center", fontsize=theme.SMALL)
    for k, (least, _, text) in enumerate(_SIZES):
        _mark(axes, 0.15, y + KEY * (k + 1), "cohort", least)
        axes.text(0.33, y + KEY * (k + 1), text, va="center", fontsize=theme.SMALL)
