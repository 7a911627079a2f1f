"""A table as Word's own: header row repeated on each page, indents by style, fixed widths, alternative text."""

from __future__ import annotations

from cobalamin.report.blocks_layout import Panel, TableLayout, table_layout
from cobalamin.report.blocks_text import clean, label_lines
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.word_styles import TABLE_SIZES, TABLE_STYLE, style_id
from cobalamin.report.word_xml import Element, line_break, make, paragraph, run

_TWIPS = 20
# rows at the top of a long table that are not left alone at the end of a page
_TOGETHER = 4


def word_tables(exhibit: Exhibit) -> list[Element]:
    """Draw a table.

    Parameters
    ----------
    exhibit : Exhibit
        With a `TableBody`.

    Returns
    -------
    list of Element
        ``<w:tbl>``; several where the table is wider than a page.

    Raises
    ------
    TypeError
        The exhibit is a figure.
    """
    body = exhibit.body
    if not isinstance(body, TableBody):
        raise TypeError(f"{exhibit.name} is a figure; expected a table.")
    layout = table_layout(body)
    return [_table(exhibit, body, layout, panel) for panel in layout.panels]


def _table(exhibit: Exhibit, body: TableBody, layout: TableLayout, panel: Panel) -> Element:
    widths = [round(_TWIPS * w) for w in panel.widths]
    suffix = TABLE_SIZES[layout.size]
    rows = [_row(row, body, panel, widths, suffix, keep=layout.whole or i < _TOGETHER) for i, row in enumerate(body.rows)]
    grid = make("tblGrid", *(make("gridCol", w=w) for w in widths))
    return make("tbl", _properties(exhibit, sum(widths)), grid, _header(body, panel, widths, suffix), *rows)


def _properties(exhibit: Exhibit, width: int) -> Element:
    look = make("tblLook", val="0420", firstRow=1, lastRow=0, firstColumn=0, lastColumn=0, noHBand=0, noVBand=1)
    return make(
        "tblPr",
        make("tblStyle", val=TABLE_STYLE),
        make("tblW", w=width, type="dxa"),
        make("tblLayout", type="fixed"),
        look,
        make("tblCaption", val=clean(f"{exhibit.name}. {exhibit.title}")),
        make("tblDescription", val=clean(exhibit.alt)),
    )


def _header(body: TableBody, panel: Panel, widths: list[int], suffix: str) -> Element:
    cells = [_cell(w, _heading(body.columns[j], suffix), bottom=True) for j, w in zip(panel.columns, widths, strict=True)]
    return make("tr", make("trPr", make("cantSplit"), make("tblHeader")), *cells)


def _heading(column: Column, suffix: str) -> Element:
    first, *others = label_lines(column.label)
    more = [part for line in others for part in (line_break(), run(line, style_id("Heading detail")))]
    style = "Table heading right" if column.align == "right" else "Table heading"
    return paragraph(style_id(style + suffix), [run(first), *more], keep=True)


def _row(row: Row, body: TableBody, panel: Panel, widths: list[int], suffix: str, *, keep: bool) -> Element:
    together = make("trPr", make("cantSplit"))
    if row.kind == "heading":
        group = paragraph(style_id("Table group" + suffix), [run(row.cells[0])], keep=True)
        return make("tr", together, _cell(sum(widths), group, span=len(widths)))
    cells = [
        _cell(w, paragraph(style_id(_cell_style(row, body, j) + suffix), [run(row.cells[j])], keep=keep))
        for j, w in zip(panel.columns, widths, strict=True)
    ]
    return make("tr", together, *cells)


def _cell_style(row: Row, body: TableBody, j: int) -> str:
    if j == 0 and row.indent:
        return f"Table text {min(row.indent, 2)}"
    return "Table number" if body.columns[j].align == "right" else "Table text"


def _cell(width: int, content: Element, *, span: int = 1, bottom: bool = False) -> Element:
    parts = [make("tcW", w=width, type="dxa")]
    parts += [make("gridSpan", val=span)] if span > 1 else []
    parts += [make("vAlign", val="bottom")] if bottom else []
    return make("tc", make("tcPr", *parts), content)
