"""The typeset report: the same texts and numbers as the page, tagged, archival, and no text from data is ever markup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.report import paper
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.report import pdf_engine
from cobalamin.report.blocks import Document, Paragraph, Section, Sentence
from cobalamin.report.blocks_flow import page_runs
from cobalamin.report.blocks_layout import SIDEWAYS, UPRIGHT, figure_layout, table_layout
from cobalamin.report.blocks_text import REPLACEMENT, ZERO_WIDTH_SPACE, breakable, clean, document_texts
from cobalamin.report.document import compose
from cobalamin.report.exhibit import Column, FigureBody, Row, TableBody
from cobalamin.report.html import render
from cobalamin.report.pdf import render_pdf, typeset_data
from cobalamin.report.pdf_engine import TypesettingError, picture, typeset_pdf
from cobalamin.report.wrapping import text_width


@pytest.fixture(scope="module", params=["onset", "nhanes"])
def document(request: pytest.FixtureRequest) -> Document:
    made = (onset_estimates(), onset_facts()) if request.param == "onset" else (nhanes_estimates(), nhanes_facts())
    return compose(*made)


def strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data.replace(ZERO_WIDTH_SPACE, "")
    elif isinstance(data, dict):
        yield from (s for value in data.values() for s in strings(value))
    elif isinstance(data, list):
        yield from (s for value in data for s in strings(value))


def set_tables(document: Document) -> list[list[list[str]]]:
    """The cells that the template gets, in the shape of `paper.PageTables`."""
    items = [i for run in typeset_data(document)["runs"] for i in run["items"] if i["kind"] == "table"]
    heads = [[["\n".join(c["lines"]) for c in i["table"]["columns"]]] for i in items]
    rows = [[row["cells"] for row in i["table"]["rows"]] for i in items]
    return [[[c.replace(ZERO_WIDTH_SPACE, "") for c in row] for row in (*h, *r)] for h, r in zip(heads, rows, strict=True)]


def test_says_every_text_of_the_document(document: Document) -> None:
    said = "\n".join(strings(typeset_data(document)))
    assert [text for text in document_texts(document) if text not in said] == []
    assert len(document_texts(document)) > 100


def test_tables_are_those_of_the_page(document: Document) -> None:
    assert set_tables(document) == paper.PageTables(render(document)).tables


def test_is_tagged_archival_and_knows_its_language(document: Document) -> None:
    made = render_pdf(document)
    for mark in (b"/MarkInfo", b"/StructTreeRoot", b"/Lang", b"/Outlines", b"pdfuaid:part>1<", b"pdfaid:part>2<", b"pdfaid:conformance>A<"):
        assert mark in made, mark
    assert b"/Subtype/Image" not in made.replace(b" ", b"")  # drawings are vectors


def test_the_same_document_gives_the_same_bytes() -> None:
    first, second = (render_pdf(compose(nhanes_estimates(), nhanes_facts()), nhanes_facts()) for _ in range(2))
    assert first == second


def test_hostile_labels_are_typeset_as_text() -> None:
    document = paper.hard_document()
    facts = onset_facts(outcome=paper.HOSTILE, group=paper.HOSTILE)
    assert render_pdf(document, facts).startswith(b"%PDF")
    said = "\n".join(strings(typeset_data(document)))
    assert clean(paper.HOSTILE) in said
    assert set_tables(document) == [
        [[clean(c) if "\n" not in c else c for c in row] for row in t] for t in paper.PageTables(render(document)).tables
    ]


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=40))
def test_any_text_can_be_typeset(text: str) -> None:
    document = Document(text or "t", text, False, (Section("s", text or "s", (Paragraph((Sentence(text),)),)),))
    assert render_pdf(document).startswith(b"%PDF")


@given(st.text(max_size=60))
def test_cleaned_text_is_stable_and_has_no_hidden_characters(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not set(cleaned) & {"\u202e", "\u200b", "\ufeff", "\x00", "\n", "\ue000", "\uffff"}
    assert len(cleaned) <= len(text)
    assert clean("a\ue000b") == f"a{REPLACEMENT}b"


@given(st.text("Wx.1,_( ", max_size=80), st.floats(3, 30))
def test_only_words_too_long_for_their_line_are_broken(text: str, width: float) -> None:
    made = breakable(text, width)
    assert made.replace(ZERO_WIDTH_SPACE, "") == text
    for whole, word in zip(text.split(" "), made.split(" "), strict=True):
        assert (ZERO_WIDTH_SPACE in word) <= (text_width(whole) > width)
        assert all(text_width(piece) <= width or len(piece) == 1 for piece in word.split(ZERO_WIDTH_SPACE))


def test_a_table_turns_and_shrinks_before_it_is_cut() -> None:
    def shape(columns: int) -> tuple[bool, float, int]:
        body = paper.groups(columns).body
        assert isinstance(body, TableBody)
        layout = table_layout(body)
        return layout.sideways, layout.size, len(layout.panels)

    assert shape(3) == (False, 8.5, 1)
    assert shape(7) == (False, 7.5, 1)
    assert shape(8)[0] and shape(8)[2] == 1
    assert shape(30)[2] > 1


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2))
def test_panels_hold_every_column_and_fit_the_page(columns: int, letters: int, indent: int) -> None:
    heads = tuple(Column("x" * letters if j % 3 else "Name", "left" if j % 4 == 0 else "right") for j in range(columns))
    layout = table_layout(TableBody(heads, (Row(tuple("1,234 (5.6)" for _ in heads), indent=indent),)))
    for panel in layout.panels:
        assert sum(panel.widths) <= (SIDEWAYS if layout.sideways else UPRIGHT) + 0.01 * len(panel.widths)
        assert panel.columns[0] == 0
        assert min(panel.widths) > 12
    assert sorted({j for panel in layout.panels for j in panel.columns}) == list(range(columns))


def test_a_heading_turns_with_its_first_exhibit() -> None:
    runs = page_runs(paper.hard_document())
    assert [run.sideways for run in runs] == [False, True, False, True]
    assert [type(item).__name__ for item in runs[1].items] == ["Heading", "Show", "Show"]


def test_tall_and_wide_figures_stay_on_the_page() -> None:
    tall, wide = figure_layout(FigureBody("", 400, 2000)), figure_layout(FigureBody("", 2000, 500))
    assert tall.height <= 600 and not tall.sideways and tall.width / tall.height == pytest.approx(0.2)
    assert wide.width <= SIDEWAYS and wide.sideways


def test_a_picture_has_300_dots_per_inch() -> None:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(picture(paper.DRAWING, 144))) as image:
        assert image.size == (600, 180)
        assert round(image.info["dpi"][0]) == 300
        assert image.convert("RGBA").getextrema()[3] == (255, 255)  # nothing shines through


def test_a_missing_font_is_not_replaced_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_engine, "_FAMILIES", ("Open Sans", "No Such Face"))
    pdf_engine._fonts.cache_clear()
    with pytest.raises(TypesettingError, match=r"1 font\(s\) are not installed.*: No Such Face"):
        picture(paper.DRAWING, 10)
    pdf_engine._fonts.cache_clear()


def test_a_broken_drawing_is_refused_with_a_reason() -> None:
    with pytest.raises(TypesettingError, match="the typesetter refused"):
        picture("<svg", 100)
    with pytest.raises(TypesettingError, match="the typesetter refused"):
        typeset_pdf("report.typ", {"title": "no more than a title"})
