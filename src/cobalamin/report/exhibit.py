"""Exhibit: a table or a figure with its title, caption, alternative text and the Estimates behind it.

The body says what is shown, not how a page, Word or PDF draws it, so the three forms agree by construction.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates

Align = Literal["left", "right"]
RowKind = Literal["body", "heading", "note"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    label : str
        Heading; a second line (after a line feed) is set smaller, for counts under a group name.
    align : {"left", "right"}
        Numbers stand right.
    """

    label: str
    align: Align = "right"

    @property
    def has_long_word(self) -> bool:
        """Whether a word of the heading must be broken to keep the table narrow."""
        return any(len(word) > 20 for word in self.label.split())


@dataclass(frozen=True)
class Link:
    """Words of a cell that lead to another place of the same report.

    Attributes
    ----------
    column : int
        Position of the cell in its row.
    words : str
        As they stand in the cell: ``"Table 2"``.
    anchor : str
        Key of an exhibit or of a section.
    """

    column: int
    words: str
    anchor: str


@dataclass(frozen=True)
class Row:
    """A row of a table: one text per column.

    Attributes
    ----------
    cells : tuple of str
        Formatted texts; the first is the row's name.
    kind : {"body", "heading", "note"}
        A heading spans the table and names the rows beneath it.
    indent : int
        0 or 1: level beneath a heading.
    links : tuple of Link
        Links within the report, in the order of their words; forms without links leave them out.
    """

    cells: tuple[str, ...]
    kind: RowKind = "body"
    indent: int = 0
    links: tuple[Link, ...] = ()

    def pieces(self, column: int) -> list[tuple[str, str]]:
        """Return the text of a cell cut at its links: each piece with its anchor, or with none.

        Examples
        --------
        >>> Row(("See Table 2.",), links=(Link(0, "Table 2", "table-main"),)).pieces(0)
        [('See ', ''), ('Table 2', 'table-main'), ('.', '')]
        """
        left, found = self.cells[column], []
        for link in self.links:
            before, words, after = left.partition(link.words) if link.column == column else (left, "", "")
            if words:
                found += [(before, ""), (words, link.anchor)]
                left = after
        return [(text, anchor) for text, anchor in (*found, (left, "")) if text]


@dataclass(frozen=True)
class TableBody:
    """Columns, rows and footnotes of a table.

    Attributes
    ----------
    columns : tuple of Column
        In order.
    rows : tuple of Row
        Each with one cell per column (headings with one cell).
    notes : tuple of str
        Footnotes in order.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for i, row in enumerate(self.rows):
            expected = 1 if row.kind == "heading" else len(self.columns)
            if len(row.cells) != expected:
                raise DataError(f"table row {i} ({row.kind}) has {len(row.cells)} cells; expected {expected}.")


@dataclass(frozen=True)
class FigureBody:
    """A drawing as standalone SVG text.

    Attributes
    ----------
    svg : str
        One ``<svg>`` element with ``<title>`` and ``<desc>``, ids unique to the exhibit, no style elements, no scripts.
    width, height : float
        Natural size in CSS pixels.
    """

    svg: str
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Exhibit:
    """A numbered table or figure.

    Attributes
    ----------
    key : str
        Stable short name, used for links and ids (``"forest-hazard-ratio"``).
    title, caption : str
        Title in one line; caption with what the reader needs to read it alone.
    alt : str
        The content in words, for people who do not see it.
    estimates : Estimates
        Exactly the rows that are shown.
    body : TableBody or FigureBody
        The content.
    number : int
        Number within its kind, given by `number_exhibits`; 0 before.
    """

    key: str
    title: str
    caption: str
    alt: str
    estimates: Estimates
    body: TableBody | FigureBody
    number: int = 0

    @property
    def kind(self) -> Literal["table", "figure"]:
        """Whether this is a table or a figure."""
        return "table" if isinstance(self.body, TableBody) else "figure"

    @property
    def name(self) -> str:
        """``"Table 2"``."""
        return f"{self.kind.capitalize()} {self.number}"

    def _repr_html_(self) -> str:
        from cobalamin.report.html import render_exhibit

        return render_exhibit(self)


def number_exhibits(exhibits: list[Exhibit]) -> list[Exhibit]:
    """Number tables and figures separately, in the order given.

    Parameters
    ----------
    exhibits : list of Exhibit
        In order of appearance.

    Returns
    -------
    list of Exhibit
        Copies with ``number`` set from 1.

    Raises
    ------
    DataError
        Two exhibits with one key: their links would clash.

    Examples
    --------
    >>> empty = TableBody((Column("x"),), ())
    >>> number_exhibits([Exhibit("a", "A", "", "", Estimates.from_rows([]), empty)])[0].name
    'Table 1'
    """
    numbered: list[Exhibit] = []
    seen: set[str] = set()
    for exhibit in exhibits:
        if exhibit.key in seen:
            raise DataError(f"two exhibits have the key '{exhibit.key}'; give each its own.")
        seen.add(exhibit.key)
        before = sum(e.kind == exhibit.kind for e in numbered)
        numbered.append(dataclasses.replace(exhibit, number=before + 1))
    return numbered
