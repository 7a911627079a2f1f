"""Pieces of WordprocessingML: elements, runs, fields, bookmarks and links, each made as a tree so that text is never pasted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from cobalamin.report.blocks_text import clean

if TYPE_CHECKING:
    from docx.oxml.xmlchemy import BaseOxmlElement

    Element: TypeAlias = BaseOxmlElement
else:
    Element = Any

_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def make(tag: str, *children: Element, **attributes: str | int) -> Element:
    """Make an element of the main namespace.

    Parameters
    ----------
    tag : str
        ``"p"``, ``"tbl"``, ... without the prefix ``w:``.
    *children : Element
        In order.
    **attributes : str or int
        Names without prefix; a trailing underscore is dropped.

    Returns
    -------
    Element
        The element.

    Examples
    --------
    >>> make("pStyle", val="Caption").tag.endswith("}pStyle")
    True
    """
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made: Element = OxmlElement(f"w:{tag}")
    for name, value in attributes.items():
        made.set(qn(f"w:{name.rstrip('_')}"), str(value))
    made.extend(children)
    return made


def run(text: str, style: str = "") -> Element:
    """Make a run of text.

    Parameters
    ----------
    text : str
        Any text; cleaned here.
    style : str
        Id of a character style.

    Returns
    -------
    Element
        ``<w:r>``.
    """
    made = make("t")
    made.text = _clean_edges(text)
    made.set(_SPACE, "preserve")
    return make("r", *_run_style(style), made)


def line_break() -> Element:
    """Make a run that breaks the line.

    Returns
    -------
    Element
        ``<w:r>``.
    """
    return make("r", make("br"))


def paragraph(style: str, content: Iterable[Element], *, keep: bool = False) -> Element:
    """Make a paragraph.

    Parameters
    ----------
    style : str
        Id of a paragraph style.
    content : iterable of Element
        Runs, fields, links.
    keep : bool
        Whether it stays on the page of the next paragraph.

    Returns
    -------
    Element
        ``<w:p>``.
    """
    marks = [make("keepNext")] if keep else []
    return make("p", make("pPr", make("pStyle", val=style), *marks), *content)


def field(code: str, shown: Iterable[Element], style: str = "") -> list[Element]:
    r"""Make a field with the text it shows until Word computes it again.

    Parameters
    ----------
    code : str
        Field code, ``"SEQ Table \* ARABIC"``.
    shown : iterable of Element
        Runs.
    style : str
        Id of a character style: Word takes the look of a computed text from the code, not from the shown text.

    Returns
    -------
    list of Element
        Runs.
    """
    return [*field_start(code, style), *shown, field_end(style)]


def field_start(code: str, style: str = "") -> list[Element]:
    """Begin a field whose text may run over several paragraphs.

    Parameters
    ----------
    code : str
        Field code.
    style : str
        Id of a character style.

    Returns
    -------
    list of Element
        Runs up to the shown text.
    """
    instruction = make("instrText")
    instruction.text = f" {code} "
    instruction.set(_SPACE, "preserve")
    return [_field_mark("begin", style), make("r", *_run_style(style), instruction), _field_mark("separate", style)]


def field_end(style: str = "") -> Element:
    """End a field.

    Parameters
    ----------
    style : str
        Id of a character style.

    Returns
    -------
    Element
        ``<w:r>``.
    """
    return _field_mark("end", style)


def bookmark(name: str, number: int, content: Iterable[Element]) -> list[Element]:
    """Put a bookmark around runs.

    Parameters
    ----------
    name : str
        Letters, digits and underscores, 40 at most.
    number : int
        Unique in the file.
    content : iterable of Element
        Runs.

    Returns
    -------
    list of Element
        The runs between the marks.
    """
    return [make("bookmarkStart", id=number, name=name), *content, make("bookmarkEnd", id=number)]


def link(target: str, content: Iterable[Element]) -> Element:
    """Make a link to a bookmark.

    Parameters
    ----------
    target : str
        Name of the bookmark.
    content : iterable of Element
        Runs.

    Returns
    -------
    Element
        ``<w:hyperlink>``.
    """
    return make("hyperlink", *content, anchor=target, history=1)


def _field_mark(kind: str, style: str) -> Element:
    return make("r", *_run_style(style), make("fldChar", fldCharType=kind))


def _run_style(style: str) -> list[Element]:
    return [make("rPr", make("rStyle", val=style))] if style else []


def _clean_edges(text: str) -> str:
    """Clean a text and keep one blank at either end, which separates runs."""
    words = clean(text)
    if not words:
        return " " if text else ""
    return f"{' ' if text[:1] == ' ' else ''}{words}{' ' if text[-1:] == ' ' else ''}"
