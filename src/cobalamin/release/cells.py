"""The counts of a report as one system: what is printed, what can be derived, and which sums tie them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

Key = tuple[str, ...]
Place = tuple[int, str]


@dataclass(frozen=True)
class Cell:
    """One count of people or events.

    Attributes
    ----------
    key : tuple of str
        Its identity.
    count : int
        Its true value.
    rank : int
        How dear it is to the reader: of several numbers that could be hidden the lowest rank goes first.
    exact : bool
        Printed to the unit where the policy does not round.
    shown : bool
        False for what is never printed but can be derived (people excluded at a step, people in no listed group).
    attribute : bool
        Whether zero tells something about people (a category, an event), as against nobody missing or excluded.
    """

    key: Key
    count: int
    rank: int = 0
    exact: bool = False
    shown: bool = True
    attribute: bool = True


@dataclass(frozen=True)
class Ledger:
    """Cells, the sums between them, and where each is printed.

    Attributes
    ----------
    cells : dict
        Key -> Cell.
    equations : list of dict
        Key -> coefficient; the coefficients times the counts add to zero.
    places : dict
        (row, column) of the results table -> Key; one count may be printed in several places.
    sums : dict
        Margin -> its parts, for margins that are printed as the sum of rounded parts.
    whole : dict
        Key -> reason, for cells hidden because the line they stand in describes few people, whatever their own count.
    pairs : set of frozenset
        Cells already stated to be the same.
    """

    cells: dict[Key, Cell] = field(default_factory=dict)
    equations: list[dict[Key, int]] = field(default_factory=list)
    places: dict[Place, Key] = field(default_factory=dict)
    sums: dict[Key, tuple[Key, ...]] = field(default_factory=dict)
    whole: dict[Key, str] = field(default_factory=dict)
    pairs: set[frozenset[Key]] = field(default_factory=set)

    def add(self, cell: Cell, place: Place | None = None) -> Key:
        """Enter a cell (the first entry of a key stays) and, if given, a place where it is printed."""
        self.cells.setdefault(cell.key, cell)
        if place is not None:
            self.places[place] = cell.key
        return cell.key

    def total(self, total: Key, parts: Sequence[Key], *, margin: bool = False, some: bool = False) -> None:
        """State that ``parts`` add to ``total``; people in no part become a cell of their own.

        With ``some`` the reader knows only that the parts are some of the total: the others are a cell even where there are none.
        Parts that overlap (their sum exceeds the total) are no partition, and nothing is stated.
        """
        rest = self.cells[total].count - sum(self.cells[part].count for part in parts)
        if rest < 0 or not parts:
            return
        terms = {total: -1} | dict.fromkeys(parts, 1)
        if rest > 0 or some:
            terms[self.add(Cell((*total, "remainder", *_tail(parts)), rest, shown=False, attribute=False))] = 1
        elif margin:
            self.sums[total] = tuple(parts)
        self.equations.append(terms)

    def same(self, one: Key, other: Key) -> None:
        """State that two cells count the same people, when their counts agree."""
        pair = frozenset((one, other))
        if one != other and pair not in self.pairs and self.cells[one].count == self.cells[other].count:
            self.pairs.add(pair)
            self.equations.append({one: 1, other: -1})

    def touching(self) -> dict[Key, list[int]]:
        """Return the equations of each cell."""
        index: dict[Key, list[int]] = {}
        for number, equation in enumerate(self.equations):
            for key in equation:
                index.setdefault(key, []).append(number)
        return index


def _tail(parts: Sequence[Key]) -> Key:
    # two partitions of one total (two factors of a model) have two remainders
    return parts[0]
