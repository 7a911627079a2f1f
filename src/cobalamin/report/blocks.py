"""The document model: what a report says, in order, without saying how HTML, Word or PDF draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cobalamin.report.exhibit import Exhibit


@dataclass(frozen=True)
class Sentence:
    """A sentence and the addresses of the Estimates rows its numbers come from.

    Attributes
    ----------
    text : str
        One or more plain sentences.
    cites : tuple of str
        `Contrast.key` of each row; empty for a sentence without results.
    """

    text: str
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Paragraph:
    """Sentences that run on."""

    sentences: tuple[Sentence, ...]
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Bullets:
    """Sentences as a list."""

    items: tuple[Sentence, ...]
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Note:
    """Something the reader would look for here and that is not there, or must not overlook.

    Attributes
    ----------
    text : str
        Plain sentence.
    tone : str
        ``absent``, ``warning`` or ``simulated``.
    """

    text: str
    tone: str = "absent"
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Definitions:
    """Name and value pairs, such as versions and hashes.

    Attributes
    ----------
    title : str
        What they are.
    items : tuple of (str, str)
        In order.
    """

    title: str
    items: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "definitions"


@dataclass(frozen=True)
class Show:
    """A numbered exhibit at its place."""

    exhibit: Exhibit
    kind: ClassVar[str] = "exhibit"


Block = Paragraph | Bullets | Note | Definitions | Show


@dataclass(frozen=True)
class Section:
    """A headed part of the document.

    Attributes
    ----------
    key : str
        Id for links.
    title : str
        Heading.
    blocks : tuple of Block
        In order.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes
    ----------
    title : str
        With the mark of simulated data where it applies.
    question : str
        One sentence.
    simulated : bool
        Whether the people are simulated.
    sections : tuple of Section
        In order.
    """

    title: str
    question: str
    simulated: bool
    sections: tuple[Section, ...]

    @property
    def exhibits(self) -> list[Exhibit]:
        """Every exhibit in order of appearance."""
        return [b.exhibit for s in self.sections for b in s.blocks if isinstance(b, Show)]

    @property
    def sentences(self) -> list[Sentence]:
        """Every sentence in order of appearance."""
        found: list[Sentence] = []
        for block in (b for s in self.sections for b in s.blocks):
            if isinstance(block, Paragraph):
                found += block.sentences
            elif isinstance(block, Bullets):
                found += block.items
        return found

    def _repr_html_(self) -> str:
        from cobalamin.report.html import render_body

        return render_body(self)
