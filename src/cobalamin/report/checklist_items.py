"""Nouns of reporting checklists: an item, where a report answers it, and the checklist that holds the items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from cobalamin.core.errors import DataError
from cobalamin.report.checklist_seen import Place, Seen

Status = Literal["reported", "partly", "to do", "not applicable"]
# how the number and the subject of an item were checked: against the checklist as published or reprinted, against somebody's
# transcription of it, or against summaries by others only
Checked = Literal["published", "transcription", "summary"]
MARKS: dict[Checked, str] = {"published": "", "transcription": "*", "summary": "\u2020"}


@dataclass(frozen=True)
class Filled:
    """What a report holds for an item.

    Attributes
    ----------
    status : {"reported", "partly", "to do", "not applicable"}
        ``partly``: something is there, and the note says what is missing.
    places : tuple of Place
        Where it is.
    note : str
        What the authors still have to write, or why the item does not apply.
    """

    status: Status
    places: tuple[Place, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        found = self.status in ("reported", "partly")
        if found != bool(self.places):
            raise DataError(f"an item that is '{self.status}' {'needs a place' if found else 'has no place'}; got {len(self.places)}.")
        if self.status != "reported" and not self.note:
            raise DataError(f"an item that is '{self.status}' needs a note: what to write, or why it does not apply.")


Rule = Callable[[Seen], Filled]
# number, topic, label, rule
Entry = tuple[str, str, str, Rule]


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes
    ----------
    number : str
        As in the checklist: ``"12c"``.
    topic : str
        Its subject in one or two words.
    section : str
        Heading it stands under.
    label : str
        What it asks for, in our own words: never the official wording.
    rule : callable
        ``rule(seen) -> Filled``: looks at what is in the report.
    checked : {"published", "transcription", "summary"}
        How number and subject were checked.
    """

    number: str
    topic: str
    section: str
    label: str
    rule: Rule
    checked: Checked = "published"

    @property
    def name(self) -> str:
        """Number, mark and subject, as a row begins: ``"12c Statistical methods"``."""
        return f"{self.number}{MARKS[self.checked]} {self.topic}"


@dataclass(frozen=True)
class Checklist:
    """A reporting checklist.

    Attributes
    ----------
    name : str
        As protocols write it: ``"strobe-cohort"``.
    title : str
        For people: ``"STROBE, cohort studies"``.
    citation, doi : str
        The publication with the official wording.
    items : tuple of Item
        In order.
    scope : str
        What it is for, and what it leaves to another checklist; one sentence or none.
    """

    name: str
    title: str
    citation: str
    doi: str
    items: tuple[Item, ...]
    scope: str = ""

    def __post_init__(self) -> None:
        numbers = [item.number for item in self.items]
        twice = sorted({n for n in numbers if numbers.count(n) > 1})
        if twice:
            raise DataError(f"checklist '{self.name}' has item {twice[0]} {numbers.count(twice[0])} times; each stands once.")


def make_items(section: str, entries: Sequence[Entry], checked: Checked = "published") -> list[Item]:
    """Make the items of one section.

    Parameters
    ----------
    section : str
        Its heading.
    entries : sequence of Entry
        Number, topic, label and rule of each.
    checked : {"published", "transcription", "summary"}
        How number and subject of all of them were checked.

    Returns
    -------
    list of Item
        In order.
    """
    return [Item(number, topic, section, label, rule, checked) for number, topic, label, rule in entries]
