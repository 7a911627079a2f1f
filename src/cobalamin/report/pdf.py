"""Typeset a Document as PDF: tagged, searchable, archival, with drawings as vectors and all fonts inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cobalamin.report.blocks import Block, Bullets, Definitions, Document, Note, Paragraph
from cobalamin.report.blocks_flow import Heading, page_runs
from cobalamin.report.blocks_layout import INDENT, UPRIGHT, Panel, figure_layout, line_ems, table_layout
from cobalamin.report.blocks_text import breakable, clean, label_lines
from cobalamin.report.exhibit import Exhibit, Row, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import SIMULATED
from cobalamin.report.pdf_engine import typeset_pdf

# a heading without words is refused by PDF/UA
UNTITLED = "Untitled"
# sizes of type in the template, in points
_TITLE, _HEADING, _TEXT, _CODE = 19.0, 13.0, 10.5, 8.0


def render_pdf(document: Document, facts: StudyFacts | None = None) -> bytes:
    """Typeset the whole report.

    Parameters
    ----------
    document : Document
        From `compose`.
    facts : StudyFacts, optional
        Outcome and exposure, for the keywords of the file.

    Returns
    -------
    bytes
        A PDF that meets PDF/A-2a and PDF/UA-1; the same document gives the same bytes.

    Raises
    ------
    TypesettingError
        The typesetter refused the document.

    Notes
    -----
    Texts reach the typesetter as strings inside JSON, so no text from data can be read as markup. A script that no bundled font
    has (emoji, Chinese) shows as boxes of the Last Resort font and stays searchable text.

    Examples
    --------
    >>> render_pdf(Document("A *title*", "Why?", False, ()))[:5]
    b'%PDF-'
    """
    return typeset_pdf("report.typ", typeset_data(document, facts))


def typeset_data(document: Document, facts: StudyFacts | None = None) -> dict[str, Any]:
    """Turn a document into what the template reads.

    Parameters
    ----------
    document : Document
        From `compose`.
    facts : StudyFacts, optional
        For the keywords.

    Returns
    -------
    dict
        Texts cleaned and breakable, tables and figures with their sizes.

    Examples
    --------
    >>> sorted(typeset_data(Document("t", "q", True, ())))
    ['keywords', 'lists', 'mark', 'question', 'runs', 'simulated', 'title']
    """
    return {
        "title": _fit(document.title, UPRIGHT, _TITLE) or UNTITLED,
        "question": _fit(document.question, UPRIGHT, _TEXT),
        "simulated": document.simulated,
        "mark": SIMULATED,
        "keywords": keywords(facts),
        "lists": sorted({f"{e.kind.capitalize()}s" for e in document.exhibits}),
        "runs": [{"sideways": r.sideways, "items": [_item(i) for i in r.items]} for r in page_runs(document)],
    }


def keywords(facts: StudyFacts | None) -> list[str]:
    """List the keywords of a file.

    Parameters
    ----------
    facts : StudyFacts, optional
        Outcome and exposure.

    Returns
    -------
    list of str
        Cleaned.

    Examples
    --------
    >>> keywords(StudyFacts("t", "q", outcome="diagnosis of LS", group="Serum B12"))
    ['diagnosis of LS', 'Serum B12', 'cohort study']
    """
    return [text for text in map(clean, (facts.outcome, facts.group, "cohort study")) if text] if facts else []


def _fit(text: str, width: float, size: float) -> str:
    return breakable(clean(text), line_ems(width, size))


def _item(item: Heading | Block) -> dict[str, Any]:
    if isinstance(item, Heading):
        return {"kind": "heading", "title": _fit(item.title, UPRIGHT, _HEADING) or UNTITLED}
    if isinstance(item, Paragraph):
        return {"kind": item.kind, "text": " ".join(_fit(s.text, UPRIGHT, _TEXT) for s in item.sentences)}
    if isinstance(item, Bullets):
        return {"kind": item.kind, "items": [_fit(s.text, UPRIGHT - 20, _TEXT) for s in item.items]}
    if isinstance(item, Note):
        return {"kind": item.kind, "tone": item.tone, "text": _fit(item.text, UPRIGHT - 20, _TEXT)}
    if isinstance(item, Definitions):
        pairs = [[_fit(text, UPRIGHT - 20, _CODE) for text in pair] for pair in item.items]
        return {"kind": item.kind, "title": _fit(item.title, UPRIGHT, _TEXT) or UNTITLED, "items": pairs}
    return _exhibit(item.exhibit)


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    common = {
        "key": exhibit.key,
        "kind": exhibit.kind,
        "number": str(exhibit.number),
        "name": exhibit.name,
        "title": _fit(exhibit.title, UPRIGHT - 60, _TEXT),
        "caption": _fit(exhibit.caption, UPRIGHT, _TEXT),
        "alt": clean(exhibit.alt) or clean(exhibit.title),
    }
    if isinstance(exhibit.body, TableBody):
        return {**common, "table": _table(exhibit.body)}
    layout = figure_layout(exhibit.body)
    return {**common, "svg": exhibit.body.svg, "width": layout.width}


def _table(body: TableBody) -> dict[str, Any]:
    layout = table_layout(body)
    widths = {j: w for panel in layout.panels for j, w in zip(panel.columns, panel.widths, strict=True)}
    room = [line_ems(widths[j], layout.size) for j in range(len(body.columns))]
    heads = [
        {"align": c.align, "lines": [breakable(line, most) for line in label_lines(c.label)]}
        for c, most in zip(body.columns, room, strict=True)
    ]
    return {
        "size": layout.size,
        "whole": layout.whole,
        "panels": [_panel(p) for p in layout.panels],
        "columns": heads,
        "rows": [_row(row, room, layout.size) for row in body.rows],
        "notes": [_fit(note, UPRIGHT, _TEXT) for note in body.notes],
    }


def _panel(panel: Panel) -> Mapping[str, Any]:
    return {"columns": list(panel.columns), "widths": list(panel.widths)}


def _row(row: Row, room: list[float], size: float) -> dict[str, Any]:
    if row.kind == "heading":
        return {"heading": True, "indent": 0, "cells": [_fit(row.cells[0], UPRIGHT, size)]}
    inner = [room[0] - row.indent * INDENT / size, *room[1:]]
    cells = [breakable(clean(cell), most) for cell, most in zip(row.cells, inner, strict=True)]
    return {"heading": False, "indent": row.indent, "cells": cells}
