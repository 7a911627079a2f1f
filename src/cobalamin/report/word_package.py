"""The Word file around the text: properties without a clock, settings of a present-day Word, pages, and the same bytes each time."""

from __future__ import annotations

import copy
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cobalamin.report.blocks_text import clean
from cobalamin.report.pdf_engine import EPOCH
from cobalamin.report.word_styles import LANGUAGE
from cobalamin.report.word_xml import Element, make, paragraph, run

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

# A4 and the margins of `blocks_layout`, in twentieths of a point
_SHORT, _LONG, _MARGIN, _TOP = 11906, 16838, 1247, 1304
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
# since Word 2013; without it Word opens a file "in compatibility mode"
_WORD_VERSION = 15


def set_properties(word: WordDocument, *, title: str, subject: str, keywords: Sequence[str], comments: str) -> None:
    """Fill the properties of the file.

    Parameters
    ----------
    word : docx.document.Document
        The file; it is changed.
    title, subject, comments : str
        Texts.
    keywords : sequence of str
        Keywords.
    """
    own = word.core_properties
    own.title, own.subject, own.comments = (clean(t)[:255] for t in (title, subject, comments))
    own.keywords = ", ".join(keywords)[:255]
    own.author = own.last_modified_by = "cobalamin"
    own.created = own.modified = datetime.fromtimestamp(EPOCH, UTC).replace(tzinfo=None)
    own.revision, own.language, own.category, own.content_status = 1, LANGUAGE, "", ""


def set_settings(word: WordDocument) -> None:
    """Say which Word the file is for, and its language.

    Parameters
    ----------
    word : docx.document.Document
        The file; it is changed.
    """
    from docx.oxml.ns import qn

    settings = word.settings.element
    for name in ("w:compat", "w:themeFontLang"):
        for old in settings.findall(qn(name)):
            settings.remove(old)
    version = make("compatSetting", name="compatibilityMode", uri="http://schemas.microsoft.com/office/word", val=_WORD_VERSION)
    # the schema wants this order: compat, rsids, mathPr, themeFontLang, clrSchemeMapping
    before = next(n for n in settings if n.tag in {qn("w:rsids"), qn("m:mathPr"), qn("w:clrSchemeMapping")})
    before.addprevious(make("compat", version))
    settings.find(qn("w:clrSchemeMapping")).addprevious(make("themeFontLang", val=LANGUAGE))


def drop_leftovers(word: WordDocument) -> None:
    """Take away the template's picture of a page and its second copy of all styles, for a Word of 2010.

    Parameters
    ----------
    word : docx.document.Document
        The file; it is changed.
    """
    for links in (word.part.package.rels, word.part.rels):
        for key in [key for key, rel in links.items() if rel.reltype.endswith(("/thumbnail", "/stylesWithEffects"))]:
            del links[key]


def write_running_lines(word: WordDocument, *, mark: str) -> None:
    """Write the header and the footer of every page.

    Parameters
    ----------
    word : docx.document.Document
        The file; it is changed.
    mark : str
        What stands at the head of every page; may be empty.
    """
    section = word.sections[0]
    if mark:
        _replace(section.header._element, paragraph("Header", [run(mark, "Simulatedmark")]))
    page, pages = (make("fldSimple", run("1"), instr=code) for code in ("PAGE", "NUMPAGES"))
    words = [run("Made with cobalamin \u00b7 Page "), page, run(" of "), pages]
    _replace(section.footer._element, paragraph("Footer", words))


def page_setup(word: WordDocument, *, sideways: bool, first: bool) -> Element:
    """Make the properties of a run of pages.

    Parameters
    ----------
    word : docx.document.Document
        The file, with its header and footer.
    sideways : bool
        Whether the pages are in landscape.
    first : bool
        Whether they are the first of the file; later ones take over header and footer.

    Returns
    -------
    Element
        ``<w:sectPr>``.
    """
    from docx.oxml.ns import qn

    running = {qn("w:headerReference"), qn("w:footerReference")}
    lines = [copy.deepcopy(n) for n in word.element.body.sectPr if n.tag in running] if first else []
    size = make("pgSz", w=_LONG, h=_SHORT, orient="landscape") if sideways else make("pgSz", w=_SHORT, h=_LONG)
    margins = {"top": _TOP, "right": _MARGIN, "bottom": _TOP, "left": _MARGIN, "header": 600, "footer": 600, "gutter": 0}
    return make("sectPr", *lines, make("type", val="nextPage"), size, make("pgMar", **margins))


def file_bytes(word: WordDocument) -> bytes:
    """Write the file with fixed times and order.

    Parameters
    ----------
    word : docx.document.Document
        The finished file.

    Returns
    -------
    bytes
        A zip archive: the same document gives the same bytes.
    """
    loose, fixed = io.BytesIO(), io.BytesIO()
    word.save(loose)
    with zipfile.ZipFile(loose) as source, zipfile.ZipFile(fixed, "w") as target:
        # the list of types comes first: some programs look at nothing else to know what the file is
        for name in sorted(source.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 0
            target.writestr(entry, source.read(name), compresslevel=9)
    return fixed.getvalue()


def _replace(story: Element, content: Element) -> None:
    for old in list(story):
        story.remove(old)
    story.append(content)
