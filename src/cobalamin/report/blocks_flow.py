"""The order of things on paper: runs of upright and sideways pages, headings beside what they head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cobalamin.report.blocks import Block, Document, Show
from cobalamin.report.blocks_layout import figure_layout, table_layout
from cobalamin.report.exhibit import Exhibit, TableBody


@dataclass(frozen=True)
class Heading:
    """The heading of a section.

    Attributes
    ----------
    key, title : str
        Of the section.
    """

    key: str
    title: str


@dataclass(frozen=True)
class Run:
    """What stands on pages of one direction.

    Attributes
    ----------
    sideways : bool
        Whether the pages are in landscape.
    items : tuple of Heading or Block
        In order.
    """

    sideways: bool
    items: tuple[Heading | Block, ...]


def page_runs(document: Document) -> list[Run]:
    """Deal a document into runs of pages of one direction.

    Parameters
    ----------
    document : Document
        From `compose`.

    Returns
    -------
    list of Run
        A heading goes with the block beneath it; the first run is upright, for the title.

    Examples
    --------
    >>> page_runs(Document("t", "q", False, ()))
    [Run(sideways=False, items=())]
    """
    runs = [Run(False, ())]
    for item, sideways in _directed(document):
        if runs[-1].sideways == sideways:
            runs[-1] = Run(sideways, (*runs[-1].items, item))
        else:
            runs.append(Run(sideways, (item,)))
    return runs


def is_sideways(exhibit: Exhibit) -> bool:
    """Say whether an exhibit needs a page in landscape.

    Parameters
    ----------
    exhibit : Exhibit
        Table or figure.

    Returns
    -------
    bool
        True for wide ones.
    """
    body = exhibit.body
    return table_layout(body).sideways if isinstance(body, TableBody) else figure_layout(body).sideways


def _directed(document: Document) -> Iterator[tuple[Heading | Block, bool]]:
    for section in document.sections:
        turned = [isinstance(b, Show) and is_sideways(b.exhibit) for b in section.blocks]
        yield Heading(section.key, section.title), bool(turned and turned[0])
        yield from zip(section.blocks, turned, strict=True)
