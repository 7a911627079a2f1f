"""Draw a Document as an editable Word file: native headings, captions with numbering fields, tables, pictures with their words."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cobalamin.report.blocks import Block, Bullets, Definitions, Document, Note, Paragraph
from cobalamin.report.blocks_flow import Heading, page_runs
from cobalamin.report.blocks_text import clean
from cobalamin.report.exhibit import Exhibit, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import SIMULATED
from cobalamin.report.pdf import keywords
from cobalamin.report.word_package import drop_leftovers, file_bytes, page_setup, set_properties, set_settings, write_running_lines
from cobalamin.report.word_picture import word_picture
from cobalamin.report.word_styles import apply_styles, style_id
from cobalamin.report.word_table import word_tables
from cobalamin.report.word_xml import Element, bookmark, field_end, field_start, link, make, paragraph, run
from cobalamin.report.word_xml import field as word_field

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

# Word takes no longer name of a bookmark
_LONGEST_NAME = 40
_TONES = {"warning": "Note warning", "simulated": "Note simulated"}


@dataclass(frozen=True)
class _Sheet:
    """The file being written and the numbers its parts are told apart by."""

    word: WordDocument
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def mark(self, name: str, content: Sequence[Element]) -> list[Element]:
        return bookmark(name, next(self.numbers), content)


def render_word(document: Document, facts: StudyFacts | None = None) -> bytes:
    """Write the whole report as a Word file.

    Parameters
    ----------
    document : Document
        From `compose`.
    facts : StudyFacts, optional
        For the properties of the file: outcome, exposure, disclosure.

    Returns
    -------
    bytes
        A .docx file; the same document gives the same bytes.

    Notes
    -----
    Tables and figures are numbered by SEQ fields inside bookmarks, so "Insert > Cross-reference" of Word finds them, and the
    numbers follow when an author moves them. Pages of the table of contents appear when its field is updated (F9).

    Examples
    --------
    >>> render_word(Document("A title", "Why?", False, ()))[:2]
    b'PK'
    """
    import docx

    word = docx.Document()
    apply_styles(word)
    set_settings(word)
    drop_leftovers(word)
    comments = facts.disclosure if facts else ""
    set_properties(word, title=document.title, subject=document.question, keywords=keywords(facts), comments=comments)
    write_running_lines(word, mark=SIMULATED if document.simulated else "")
    _write(_Sheet(word), document)
    return file_bytes(word)


def _write(sheet: _Sheet, document: Document) -> None:
    body = sheet.word.element.body
    end = body.sectPr
    runs = page_runs(document)
    for i, pages in enumerate(runs):
        made = _front(document) if i == 0 else []
        made += [element for item in pages.items for element in _item(sheet, item)]
        setup = page_setup(sheet.word, sideways=pages.sideways, first=i == 0)
        if i < len(runs) - 1:
            _end_section(made, setup)
        for element in made:
            end.addprevious(element)
    body.replace(end, setup)


def _end_section(made: list[Element], setup: Element) -> None:
    """The properties of pages stand in their last paragraph."""
    from docx.oxml.ns import qn

    # LibreOffice loses the page numbers of a section that ends inside a table of contents
    if made[-1].tag != qn("w:p") or made[-1].find(qn("w:hyperlink")) is not None:
        made.append(paragraph("Normal", []))
    made[-1].find(qn("w:pPr")).append(setup)


def _front(document: Document) -> list[Element]:
    made = [paragraph("Title", [run(document.title)]), paragraph("Subtitle", [run(document.question)])]
    if not document.sections:
        return made
    headings = [(_section_mark(s.key), s.title) for s in document.sections]
    made += _list("Contents", 'TOC \\o "1-1" \\h \\z \\u', style_id("toc 1"), headings)
    # by numbering, not by style: the names of styles are translated in other languages' Word
    for kind in ("Table", "Figure"):
        entries = [(_exhibit_mark(e), f"{e.name}. {e.title}") for e in document.exhibits if e.name.startswith(kind)]
        made += _list(f"{kind}s", f'TOC \\h \\z \\c "{kind}"', style_id("table of figures"), entries)
    return made


def _list(title: str, code: str, style: str, entries: Sequence[tuple[str, str]]) -> list[Element]:
    """A list of places as Word's own field, with links in it until an author updates it."""
    if not entries:
        return []
    lines = [[link(mark, [run(text)])] for mark, text in entries]
    lines[0] = [*field_start(code), *lines[0]]
    lines[-1] = [*lines[-1], field_end()]
    return [paragraph(style_id("TOC Heading"), [run(title)]), *(paragraph(style, line) for line in lines)]


def _item(sheet: _Sheet, item: Heading | Block) -> list[Element]:
    if isinstance(item, Heading):
        return [paragraph("Heading1", sheet.mark(_section_mark(item.key), [run(item.title)]))]
    if isinstance(item, Paragraph):
        return [paragraph("Normal", [run(" ".join(s.text for s in item.sentences))])]
    if isinstance(item, Bullets):
        return [paragraph("ListBullet", [run(s.text)]) for s in item.items]
    if isinstance(item, Note):
        return [paragraph(style_id(_TONES.get(item.tone, "Note")), [run(item.text)])]
    if isinstance(item, Definitions):
        return _definitions(item)
    return _exhibit(sheet, item.exhibit)


def _definitions(item: Definitions) -> list[Element]:
    term, value = style_id("Definition term"), style_id("Definition value")
    pairs = [paragraph("Definition", [run(name, term), run(": "), run(text, value)]) for name, text in item.items]
    return [paragraph("Heading2", [run(item.title)]), *pairs]


def _exhibit(sheet: _Sheet, exhibit: Exhibit) -> list[Element]:
    caption = _caption(sheet, exhibit)
    noted = isinstance(exhibit.body, TableBody) and bool(exhibit.body.notes)
    text = [paragraph(style_id("Caption text"), [run(exhibit.caption)], keep=noted)] if clean(exhibit.caption) else []
    if not isinstance(exhibit.body, TableBody):
        figure = paragraph("Figure", [word_picture(sheet.word, exhibit, next(sheet.numbers))])
        return [figure, caption, *text]
    notes = [paragraph(style_id("Table note"), [run(note)]) for note in exhibit.body.notes]
    tables = word_tables(exhibit)
    # Word joins tables that touch
    parted = [part for table in tables for part in (table, paragraph(style_id("Table note"), []))][: 2 * len(tables) - 1]
    return [caption, *parted, *text, *notes]


def _caption(sheet: _Sheet, exhibit: Exhibit) -> Element:
    kind, label = exhibit.kind.capitalize(), style_id("Caption label")
    number = word_field(f"SEQ {kind} \\* ARABIC", [run(str(exhibit.number), label)], label)
    name = sheet.mark(_exhibit_mark(exhibit), [run(f"{kind} ", label), *number])
    return make("p", make("pPr", make("pStyle", val="Caption")), *name, run(". ", label), run(exhibit.title))


def _exhibit_mark(exhibit: Exhibit) -> str:
    return re.sub(r"\W", "_", f"{exhibit.name}_{exhibit.key}", flags=re.ASCII)[:_LONGEST_NAME]


def _section_mark(key: str) -> str:
    return re.sub(r"\W", "_", f"Section_{key}", flags=re.ASCII)[:_LONGEST_NAME]
