"""`Score`: an instrument made of items, with its ranges, its source and how far each fact was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

READ = "read in the source"
SECONDARY = "read in a secondary source"
DERIVED = "derived by arithmetic from facts of the source"
UNVERIFIED = "not verified in a source"
STATUSES = (READ, SECONDARY, DERIVED, UNVERIFIED)


@dataclass(frozen=True)
class Fact:
    """A statement about an instrument and how far it was checked.

    Attributes
    ----------
    text : str
        What is stated.
    status : str
        One of ``STATUSES``.
    source : str
        Where it stands; empty only where the status is ``UNVERIFIED``.

    Examples
    --------
    >>> Fact("143 patients", READ, "Erni 2021").status
    'read in the source'
    """

    text: str
    status: str
    source: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of: {'; '.join(STATUSES)}")
        if not self.source and self.status != UNVERIFIED:
            raise ValueError("a fact that was checked names its source")


@dataclass(frozen=True)
class Item:
    """One question or grade of an instrument.

    Attributes
    ----------
    name : str
        Default column name.
    title : str
        What is asked or graded.
    high : int
        Highest grade; the lowest is 0.
    component : str
        Part of the instrument it belongs to; empty if there are no parts.
    """

    name: str
    title: str
    high: int
    component: str = ""


@dataclass(frozen=True)
class Bands:
    """Names for ranges of a total, with how far the limits were checked.

    Attributes
    ----------
    lower : tuple of int
        Lowest total of each band, rising.
    labels : tuple of str
        Names.
    fact : Fact
        Where the limits come from.
    """

    lower: tuple[int, ...]
    labels: tuple[str, ...]
    fact: Fact


@dataclass(frozen=True)
class Score:
    """An instrument whose total is the sum of its items.

    Attributes
    ----------
    name : str
        Short name, used in protocols (``"clissco"``).
    title : str
        For headings.
    items : tuple of Item
        In the order of the instrument.
    citation : str
        Where the instrument was published.
    doi : str
        Its DOI, if it has one.
    range_fact : Fact
        How far the number of items and their range were checked.
    whole : bool
        Whether items take whole numbers only.
    bands : Bands, optional
        Ranges of the total that somebody named.
    facts : tuple of Fact
        What else is known: reliability, smallest important difference, warnings.
    """

    name: str
    title: str
    items: tuple[Item, ...]
    citation: str
    range_fact: Fact
    doi: str = ""
    whole: bool = True
    bands: Bands | None = None
    facts: tuple[Fact, ...] = field(default_factory=tuple)

    @property
    def high(self) -> int:
        """Highest total; the lowest is 0."""
        return sum(item.high for item in self.items)

    @property
    def components(self) -> Mapping[str, tuple[Item, ...]]:
        """Items per part, in order; empty for an instrument without parts."""
        names = dict.fromkeys(item.component for item in self.items if item.component)
        return {name: tuple(item for item in self.items if item.component == name) for name in names}

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<tr><td>{escape(i.name)}</td><td>{escape(i.title)}</td><td>0 to {i.high}</td></tr>" for i in self.items)
        facts = "".join(f"<li>{escape(f.text)} ({escape(f.status)})</li>" for f in (self.range_fact, *self.facts))
        return f"<h4>{escape(self.title)}, 0 to {self.high}</h4><table>{rows}</table><ul>{facts}</ul><p>{escape(self.citation)}</p>"
