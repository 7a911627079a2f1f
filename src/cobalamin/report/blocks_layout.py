"""How an exhibit fits on paper: type size, column widths, upright or sideways. One answer for Word and PDF."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cobalamin.report.blocks_text import clean, label_lines
from cobalamin.report.exhibit import FigureBody, TableBody
from cobalamin.report.wrapping import text_width

# A4 with margins of 22 mm: width of the text in points, upright and sideways
UPRIGHT = 470.0
SIDEWAYS = 717.0
# points at the left and at the right of the text of a cell
PADDING = 4.0
INDENT = 9.0
# tried in this order; smaller type is not legible in print
_SHAPES = ((UPRIGHT, 8.5), (UPRIGHT, 7.5), (SIDEWAYS, 8.5), (SIDEWAYS, 7.5), (SIDEWAYS, 7.0))
# `text_width` is that of DejaVu Sans; the faces of tables are narrower, their bold less so (measured on Open Sans)
_REGULAR, _BOLD = 0.93, 0.98
# ems: a longer word is broken, a longer text wrapped, before the table turns or shrinks
_WORD, _TEXT, _NUMBER = 12.0, 11.0, 16.0

# points: a table that is taller may run over the end of a page
_WHOLE, _WHOLE_SIDEWAYS = 480.0, 280.0

# points: drawings are made 5.4 inches wide, where their letters have the size of the text
FIGURE_WIDTH = 388.8
_TALLEST, _TALLEST_SIDEWAYS = 590.0, 370.0
_USUAL_UNITS, _WIDE_UNITS = 520.0, 640.0


@dataclass(frozen=True)
class Panel:
    """Columns that stand side by side; a table too wide for a page has several, each with its first column.

    Attributes
    ----------
    columns : tuple of int
        Positions in ``TableBody.columns``.
    widths : tuple of float
        Points, padding included.
    """

    columns: tuple[int, ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class TableLayout:
    """A table on paper.

    Attributes
    ----------
    size : float
        Type size in points.
    sideways : bool
        Whether it needs a page in landscape.
    panels : tuple of Panel
        One, unless the table is wider than a page.
    whole : bool
        Whether it is short enough to stay on one page.
    """

    size: float
    sideways: bool
    panels: tuple[Panel, ...]
    whole: bool = True


@dataclass(frozen=True)
class FigureLayout:
    """A figure on paper: points, and whether it needs a page in landscape."""

    width: float
    height: float
    sideways: bool


@dataclass(frozen=True)
class _Need:
    """What a column needs, in ems without padding: its longest word, a width that reads well, its longest text."""

    least: float
    good: float
    natural: float


def table_layout(body: TableBody) -> TableLayout:
    """Choose type size, direction of the page and column widths of a table.

    Parameters
    ----------
    body : TableBody
        The table.

    Returns
    -------
    TableLayout
        The largest type and the upright page where no number breaks; else smaller type, a page in landscape, several panels.

    Examples
    --------
    >>> from cobalamin.report.exhibit import Column, Row
    >>> layout = table_layout(TableBody((Column("Step", "left"), Column("n")), (Row(("All", "1,234")),)))
    >>> layout.size, layout.sideways, len(layout.panels)
    (8.5, False, 1)
    """
    needs = [_need(body, j) for j in range(len(body.columns))]
    for width, size in _SHAPES:
        if _room(needs, size, "good") <= width:
            panel = _panel(needs, range(len(needs)), size, width)
            sideways = width == SIDEWAYS
            page = _WHOLE_SIDEWAYS if sideways else _WHOLE
            return TableLayout(size, sideways, (panel,), _height(body, panel, size) <= page)
    width, size = _SHAPES[-1]
    panels = tuple(_panel(needs, columns, size, width) for columns in _batches(needs, size, width))
    return TableLayout(size, True, panels, whole=False)


def figure_layout(body: FigureBody) -> FigureLayout:
    """Choose the size of a figure on paper.

    Parameters
    ----------
    body : FigureBody
        The drawing.

    Returns
    -------
    FigureLayout
        At the width it was drawn for; smaller where it would be taller than a page, in landscape where it is very wide.

    Examples
    --------
    >>> figure_layout(FigureBody("<svg/>", 388.8, 200))
    FigureLayout(width=388.8, height=200.0, sideways=False)
    """
    sideways = body.width > _WIDE_UNITS
    width = min(SIDEWAYS, body.width) if sideways else FIGURE_WIDTH if body.width <= _USUAL_UNITS else UPRIGHT
    height = width * body.height / body.width
    shrink = min(1.0, (_TALLEST_SIDEWAYS if sideways else _TALLEST) / height)
    return FigureLayout(width * shrink, height * shrink, sideways)


def line_ems(width: float, size: float) -> float:
    """Say how long a word may be before it runs over its line.

    Parameters
    ----------
    width : float
        Points, padding of a cell included.
    size : float
        Type size in points.

    Returns
    -------
    float
        Ems, as `text_width` counts them.

    Examples
    --------
    >>> line_ems(106, 10)
    10.0
    """
    return (width - 2 * PADDING) / (size * _BOLD)


def _need(body: TableBody, j: int) -> _Need:
    """Measure a column; the first may be indented, headings that span the table need nothing."""
    lines = label_lines(body.columns[j].label)
    heads = [_BOLD * text_width(line) for line in lines]
    words = _longest_word(lines) * _BOLD
    rows = [row for row in body.rows if row.kind != "heading"]
    shift = [(row.indent * INDENT / _SHAPES[-1][1] if j == 0 else 0.0) for row in rows]
    cells = [s + _REGULAR * text_width(clean(row.cells[j])) for s, row in zip(shift, rows, strict=True)]
    inner = _longest_word(clean(row.cells[j]) for row in rows) * _REGULAR + max(shift, default=0.0)
    least = max(min(words, _WORD), min(inner, _WORD), 2.0)
    longest = max(cells, default=0.0)
    # a number that breaks is misread; a text may wrap
    wanted = min(longest, _NUMBER) if body.columns[j].align == "right" else min(longest, _TEXT)
    return _Need(least, max(least, wanted), max(longest, *heads, least))


def _height(body: TableBody, panel: Panel, size: float) -> float:
    """Estimate the height of rows and notes, rather too high: a table kept whole must fit a page."""
    inner = [w - 2 * PADDING for w in panel.widths]
    lines = [1 + max(c.label.count("\n") for c in body.columns) + 1]
    for row in body.rows:
        room = inner if len(row.cells) > 1 else [sum(panel.widths)]
        lines.append(max(_lines(cell, size, width) for cell, width in zip(row.cells, room, strict=True)))
    rows = sum(n * 1.25 * size + 5.0 for n in lines)
    notes = sum(_lines(note, 8.0, UPRIGHT) * 11.0 + 3.0 for note in body.notes)
    return rows + notes


def _lines(text: str, size: float, width: float) -> int:
    """Lines of a text; lines that break between words are not quite full."""
    return max(1, math.ceil(1.1 * _REGULAR * text_width(clean(text)) * size / width))


def _longest_word(texts: Iterable[str]) -> float:
    return max((text_width(word) for text in texts for word in text.split(" ")), default=0.0)


def _room(needs: Sequence[_Need], size: float, what: str) -> float:
    return sum(float(getattr(need, what)) * size + 2 * PADDING for need in needs)


def _panel(needs: Sequence[_Need], columns: Iterable[int], size: float, width: float) -> Panel:
    """Give each column what reads well, then share what is left by what each could still use."""
    chosen = tuple(columns)
    own = [needs[j] for j in chosen]
    low = "good" if _room(own, size, "good") <= width else "least"
    widths = [float(getattr(need, low)) * size + 2 * PADDING for need in own]
    wish = [need.natural * size + 2 * PADDING - w for need, w in zip(own, widths, strict=True)]
    share = min(1.0, max(0.0, width - sum(widths)) / sum(wish)) if sum(wish) > 0 else 0.0
    made = [w + share * more for w, more in zip(widths, wish, strict=True)]
    scale = min(1.0, width / sum(made))
    return Panel(chosen, tuple(round(w * scale, 2) for w in made))


def _batches(needs: Sequence[_Need], size: float, width: float) -> list[list[int]]:
    """Deal the columns into panels, each led by the first column."""
    if _room(needs, size, "least") <= width:
        return [list(range(len(needs)))]
    batches = [[0]]
    for j in range(1, len(needs)):
        if len(batches[-1]) > 1 and _room([needs[i] for i in (*batches[-1], j)], size, "good") > width:
            batches.append([0])
        batches[-1].append(j)
    return batches
