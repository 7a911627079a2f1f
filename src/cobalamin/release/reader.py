"""What a reader of the released numbers can conclude about one of them.

The reader is assumed to know everything printed, every sum that ties the numbers together, the policy, and for each
hidden number whether it was hidden as small or for the sake of another. What such a reader can believe of one cell is
an interval, found by linear programming; in tables with margins its ends are whole numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cobalamin.core.errors import DisclosureError
from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.exchange import exchangeable
from cobalamin.release.policy import Policy
from cobalamin.release.rounding import INFINITE, shown_interval

SMALL = "small"
SECOND = "secondary"
ROUNDING_SLACK = 1e-6  # the tolerance of the linear programs, against which intervals of whole numbers are compared
DENSE = 40_000  # entries up to which a dense matrix is quicker to hand over than a sparse one


@dataclass(frozen=True, eq=False)
class Reader:
    """A reader's knowledge before any arithmetic.

    Attributes
    ----------
    ledger : Ledger
        The sums.
    touching : mapping
        Key -> numbers of the equations it stands in.
    bounds : dict
        Key -> (lowest, highest).
    """

    ledger: Ledger
    touching: Mapping[Key, list[int]]
    bounds: dict[Key, tuple[float, float]]

    @classmethod
    def of(cls, ledger: Ledger, hidden: Mapping[Key, str], policy: Policy) -> Reader:
        """Return what a reader knows when these cells are hidden for these reasons."""
        bounds = {key: cell_bounds(cell, hidden.get(key), policy) for key, cell in ledger.cells.items()}
        return cls(ledger, ledger.touching(), bounds)

    def told(self, changes: Mapping[Key, tuple[float, float]]) -> Reader:
        """Return a reader who knows other bounds of some cells."""
        return Reader(self.ledger, self.touching, {**self.bounds, **changes})

    def hang_together(self, start: Key) -> tuple[dict[Key, int], list[int]]:
        """Return the cells (and equations) tied to one cell through others that are not known exactly."""
        free, position = [start], {start: 0}
        numbers: dict[int, None] = {}
        for key in free:
            for number in self.touching.get(key, []):
                if number in numbers:
                    continue
                numbers[number] = None
                for other in self.ledger.equations[number]:
                    if other not in position and self.bounds[other][0] != self.bounds[other][1]:
                        position[other] = len(free)
                        free.append(other)
        return position, list(numbers)

    def range(self, key: Key) -> tuple[float, float]:
        """Return the lowest and highest count believable of one cell."""
        program = Program(self, key)
        return program.extreme([key], 1, [key])[key], program.extreme([key], -1, [key])[key]


def cell_bounds(cell: Cell, reason: str | None, policy: Policy) -> tuple[float, float]:
    """Return what a reader knows of one cell from its print, or from the reason it is not printed.

    Parameters
    ----------
    cell : Cell
        The cell.
    reason : str or None
        Why it is hidden; None = printed.
    policy : Policy
        The rules.

    Returns
    -------
    tuple of float
        Lowest and highest.
    """
    if not cell.shown:
        return 0.0, INFINITE
    if reason is None:
        return shown_interval(cell.count, policy, exact=cell.exact)
    if reason == SECOND:
        return (policy.limit + 1.0 if cell.count > policy.limit else 0.0), INFINITE
    if reason == SMALL:
        return (0.0 if policy.zero_disclosive and cell.attribute else 1.0), float(policy.limit)
    return 0.0, float(policy.limit)


def reader_range(ledger: Ledger, hidden: Mapping[Key, str], policy: Policy, key: Key) -> tuple[float, float]:
    """Return the lowest and highest count a reader can still believe of one cell.

    Parameters
    ----------
    ledger : Ledger
        The system of counts.
    hidden : mapping
        Key -> reason, of the hidden cells.
    policy : Policy
        The rules.
    key : tuple
        The cell attacked.

    Returns
    -------
    tuple of float
        Lowest and highest.

    Examples
    --------
    >>> from cobalamin.release.policy import preset
    >>> ledger = Ledger()
    >>> parts = [ledger.add(Cell((name,), count, exact=True)) for name, count in [("a", 3), ("b", 40), ("c", 57)]]
    >>> ledger.total(ledger.add(Cell(("all",), 100, exact=True)), parts)
    >>> reader_range(ledger, {("a",): SMALL}, preset("cms"), ("a",))
    (3.0, 3.0)
    >>> reader_range(ledger, {("a",): SMALL, ("b",): SECOND}, preset("cms"), ("a",))
    (1.0, 10.0)
    """
    return Reader.of(ledger, hidden, policy).range(key)


def narrow(reader: Reader, keys: Iterable[Key], need: float, *, quick: bool) -> list[Key]:
    """Return the cells of which a reader's interval is narrower than needed.

    Parameters
    ----------
    reader : Reader
        The reader.
    keys : iterable of tuple
        Cells to try.
    need : float
        Width that is enough.
    quick : bool
        Take cells without an exchange for narrow; the linear program decides only where the search was given up. Exact
        where all bounds are far apart; with rounded counts it would hide more than needed.

    Returns
    -------
    list of tuple
        The narrow ones.
    """
    tried = {key: exchangeable(reader, key, need) for key in keys}
    left = [key for key, proved in tried.items() if proved is None or (proved is False and not quick)]
    found = [key for key, proved in tried.items() if proved is False and quick]
    while left:
        program = Program(reader, left[0])
        near = [key for key in left if key in program.position]
        found += program.narrow(near, need)
        done = set(near)
        left = [key for key in left if key not in done]
    return found


class Program:
    """The linear program of the cells that hang together with one cell.

    Parameters
    ----------
    reader : Reader
        The reader.
    start : tuple
        The cell.
    """

    def __init__(self, reader: Reader, start: Key) -> None:
        self.position, numbers = reader.hang_together(start)
        self._true = {key: float(reader.ledger.cells[key].count) for key in self.position}
        # an end far beyond every count keeps the program bounded and never makes an interval look wider than it is
        far = 2.0 * sum(self._true.values()) + 1000.0
        self._bounds = np.array([(reader.bounds[key][0], min(reader.bounds[key][1], far)) for key in self.position])
        self._matrix, self._right = _equations(reader.ledger, self.position, numbers)

    def narrow(self, keys: list[Key], need: float) -> list[Key]:
        """Return the cells whose interval is narrower than needed (see `narrow`)."""
        # the truth is always believable, and one solution bears witness for many cells: all are pushed together first
        low = {key: self._true[key] for key in keys}
        high, enough = dict(low), need - ROUNDING_SLACK
        for group in [keys, *([key] for key in keys)] if len(keys) > 1 else [keys]:
            for sign in (1, -1):
                push = [key for key in group if high[key] - low[key] < enough]
                for key, value in self.extreme(push, sign, keys).items() if push else ():
                    low[key], high[key] = min(low[key], value), max(high[key], value)
        return [key for key in keys if high[key] - low[key] < enough]

    def extreme(self, push: Collection[Key], sign: int, report: Iterable[Key]) -> dict[Key, float]:
        """Push cells down (sign 1) or up (-1) together and return the counts of ``report``."""
        from scipy.optimize import linprog

        goal = np.zeros(len(self._bounds))
        goal[[self.position[key] for key in push]] = sign
        given: Any = {"A_eq": self._matrix, "b_eq": self._right, "bounds": self._bounds}
        found: Any = linprog(goal, **given, method="highs")
        if found.x is None:
            raise DisclosureError(
                "The counts of a table contradict their own margins (a negative count, or parts larger than their total), so disclosure "
                "control cannot check it. Check how the table was made."
            )
        return {key: float(found.x[self.position[key]]) for key in report}


def _equations(ledger: Ledger, position: Mapping[Key, int], numbers: list[int]) -> tuple[Any, Any]:
    if not numbers:
        return None, None
    from scipy.sparse import coo_array

    entries: list[tuple[int, int, float]] = []
    right = np.zeros(len(numbers))
    for row, number in enumerate(numbers):
        for key, coefficient in ledger.equations[number].items():
            if key in position:
                entries.append((row, position[key], float(coefficient)))
            else:
                right[row] -= coefficient * ledger.cells[key].count
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = coo_array((values, (rows, columns)), shape=(len(numbers), len(position)))
    return (matrix.toarray() if len(numbers) * len(position) <= DENSE else matrix.tocsr()), right
