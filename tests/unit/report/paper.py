"""A document that paper forms find hard: hostile labels, wide and long tables, a very wide drawing; and readers of its tables."""

from __future__ import annotations

import dataclasses
import functools
from html.parser import HTMLParser

from unit.report.examples import onset_estimates, onset_facts

from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Bullets, Definitions, Document, Note, Paragraph, Section, Sentence, Show
from cobalamin.report.document import compose
from cobalamin.report.exhibit import Column, Exhibit, FigureBody, Row, TableBody, number_exhibits

HOSTILE = (
    "<script>alert(1)</script> \"' =cmd|'/C calc'!A0 \u05e9\u05dc\u05d5\u05dd \u202eevil \U0001f9ea {{7*7}} #panic() $x$ *b* _i_ `c` @ref "
    "<lab> \\ // --- [x] \ue000 \uffff \x07 \u4e2d\u6587 " + "W" * 300
)
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 300"><rect width="998" height="298" fill="none" stroke="black"/></svg>'


def table(key: str, columns: tuple[Column, ...], rows: tuple[Row, ...], *, title: str = "", notes: tuple[str, ...] = ()) -> Exhibit:
    return Exhibit(
        key,
        title or f"Title of {key}",
        f"Caption of {key}.",
        f"Words of {key}.",
        Estimates.from_rows([]),
        TableBody(columns, rows, notes),
    )


def groups(n: int) -> Exhibit:
    columns = (Column("Characteristic", "left"), *(Column(f"Group {i}\nn = {1000 * i:,}") for i in range(n)))
    return table(
        f"groups{n}", columns, tuple(Row((f"Variable {r}", *(f"{r * i + 1000:,} ({r}.{i % 10}%)" for i in range(n)))) for r in range(6))
    )


def long_table(n: int) -> Exhibit:
    columns = (Column("Name", "left"), Column("n"), Column("Hazard ratio (95% CI)"))
    rows = [Row((f"Row {i}", f"{i * 37:,}", "0.98 (0.90 to 1.07)"), indent=1) for i in range(n)]
    return table("long", columns, (Row(("A block",), "heading"), *rows), notes=("\u1d43 A note.",))


def hostile_table() -> Exhibit:
    columns = (Column(HOSTILE, "left"), Column("n"), Column(HOSTILE))
    rows = (Row((HOSTILE,), "heading"), Row((HOSTILE, "1,234", "0.98 (0.90 to 1.07)"), indent=2), Row(("a", HOSTILE, "=1+1")))
    return table("hostile", columns, rows, title=HOSTILE, notes=(HOSTILE,))


@functools.cache
def hostile_figure() -> Exhibit:
    flow = compose(onset_estimates(), onset_facts()).exhibits[0]
    return dataclasses.replace(flow, key="figure", title=HOSTILE, alt=HOSTILE, caption=HOSTILE)


@functools.cache
def hard_document() -> Document:
    wide = dataclasses.replace(hostile_figure(), key="wide", title="Wide", body=FigureBody(DRAWING, 1000, 300))
    shown = [Show(e) for e in number_exhibits([groups(12), groups(30), long_table(90), hostile_table(), hostile_figure(), wide])]
    texts = (Bullets((Sentence(HOSTILE),)), Note(HOSTILE, "warning"), Definitions(HOSTILE, ((HOSTILE, HOSTILE),)))
    first = Section("first", "Wide tables", (shown[0], shown[1], Paragraph((Sentence("Upright again."),))))
    return Document(HOSTILE, HOSTILE, True, (first, Section("second", HOSTILE, (shown[2], *texts, *shown[3:]))))


def one(exhibit: Exhibit) -> Document:
    return Document("Title", "Question?", False, (Section("s", "Section", (Show(number_exhibits([exhibit])[0]),)),))


class PageTables(HTMLParser):
    """The cells of every table of a page, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self.inside = True
        elif tag == "span" and self.inside and ("class", "sub") in attrs:
            self.tables[-1][-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.tables[-1][-1][-1] += data
