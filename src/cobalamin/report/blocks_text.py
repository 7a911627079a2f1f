"""The texts of a document as paper forms need them: free of characters that no file format takes, and breakable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from cobalamin.report.blocks import Block, Bullets, Definitions, Document, Note, Paragraph
from cobalamin.report.exhibit import Exhibit, TableBody
from cobalamin.report.labels import plain
from cobalamin.report.wrapping import text_width

# Joiners that shape letters of Arabic and Indic scripts, and the soft hyphen; other invisible characters only hide text
_KEPT_INVISIBLE = {"\u200c", "\u200d", "\u00ad"}
# Shown for private, unassigned and forbidden code points: neither XML nor archival PDF takes them
REPLACEMENT = "\ufffd"
ZERO_WIDTH_SPACE = "\u200b"
_JOINTS = re.compile(r"(?<=[_/:;,.+*~|=()\[\]-])")


def clean(text: str) -> str:
    r"""Make a text fit for XML and PDF: one line, no invisible, private or unassigned characters.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same words; what has no meaning outside one computer becomes U+FFFD.

    Examples
    --------
    >>> clean("a\x00b\u202e c\ue000")
    'a b c\ufffd'
    """
    return "".join(_keep(c) for c in plain(text))


def breakable(text: str, width: float) -> str:
    r"""Allow line breaks inside words that are too long for their place, and in no others.

    Parameters
    ----------
    text : str
        Cleaned text.
    width : float
        Of a line, in ems (see `text_width`).

    Returns
    -------
    str
        With zero-width spaces after the joints of long words, and between all letters where a piece is still too long.

    Examples
    --------
    >>> breakable("log2(b12)+age_at_entry 1,234", 6).split("\u200b")
    ['log2(', 'b12)', '+', 'age_', 'at_', 'entry 1,234']
    """
    return " ".join(_broken(word, width) if text_width(word) > width else word for word in text.split(" "))


def document_texts(document: Document) -> list[str]:
    """List every text that a form of the report must show, in order of appearance.

    Parameters
    ----------
    document : Document
        From `compose`.

    Returns
    -------
    list of str
        Title, question, headings, sentences, captions, cells and footnotes, cleaned; not the letters inside drawings.

    Examples
    --------
    >>> document_texts(Document("A title", "Why?", False, ()))
    ['A title', 'Why?']
    """
    found = [document.title, document.question]
    for section in document.sections:
        found.append(section.title)
        found += [text for block in section.blocks for text in _block_texts(block)]
    return [text for text in map(clean, found) if text]


def label_lines(label: str) -> list[str]:
    r"""Split the heading of a column into its lines.

    Parameters
    ----------
    label : str
        `Column.label`.

    Returns
    -------
    list of str
        Cleaned; the second line is set smaller.

    Examples
    --------
    >>> label_lines("Overall\nn = 12")
    ['Overall', 'n = 12']
    """
    return [clean(line) for line in label.split("\n")]


def _keep(c: str) -> str:
    kind = unicodedata.category(c)
    if kind in {"Co", "Cn", "Cs"}:
        return REPLACEMENT
    return "" if kind == "Cf" and c not in _KEPT_INVISIBLE else c


def _broken(word: str, width: float) -> str:
    pieces = _JOINTS.split(word)
    return ZERO_WIDTH_SPACE.join(ZERO_WIDTH_SPACE.join(piece) if text_width(piece) > width else piece for piece in pieces if piece)


def _block_texts(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield from (s.text for s in block.sentences)
    elif isinstance(block, Bullets):
        yield from (s.text for s in block.items)
    elif isinstance(block, Note):
        yield block.text
    elif isinstance(block, Definitions):
        yield block.title
        yield from (text for pair in block.items for text in pair)
    else:
        yield from _exhibit_texts(block.exhibit)


def _exhibit_texts(exhibit: Exhibit) -> Iterator[str]:
    yield from (exhibit.name, exhibit.title, exhibit.caption)
    if isinstance(exhibit.body, TableBody):
        yield from (line for column in exhibit.body.columns for line in column.label.split("\n"))
        yield from (cell for row in exhibit.body.rows for cell in row.cells)
        yield from exhibit.body.notes
