"""A quick proof that a hidden count cannot be computed: people can be moved between cells without changing what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cobalamin.release.cells import Key

if TYPE_CHECKING:
    from cobalamin.release.reader import Reader

DEPTH = 14
TRIES = 400


def exchangeable(reader: Reader, start: Key, need: float) -> bool | None:
    """Return whether an exchange of people shows that a reader's interval of one cell is wide enough.

    Parameters
    ----------
    reader : Reader
        What the reader knows.
    start : tuple
        The cell.
    need : float
        Width that is enough.

    Returns
    -------
    bool or None
        True is a proof (the exchanged counts are whole numbers that fit everything known). False: no single exchange
        does it. None: the search was given up.

    Notes
    -----
    Adding one person to a cell unbalances the sums it stands in; each is balanced by one other cell that is not known
    exactly, which unbalances others, until all balance again. The exchange is repeated as far as the bounds of its cells
    allow, then another is looked for from there; the same for taking people away. The sum of both ways is the width
    proved.
    """
    proved, given_up = 0.0, False
    for sign in (1, -1):
        search = _Search(reader, need)
        while proved < need and (moved := search.push(start, sign)):
            proved += moved
        given_up = given_up or search.tries[0] < 0
    return True if proved >= need else (None if given_up else False)


class _Search:
    def __init__(self, reader: Reader, need: float) -> None:
        self._cells, self._equations = reader.ledger.cells, reader.ledger.equations
        self._touching, self._bounds = reader.touching, reader.bounds
        self._need = need
        self._shift: dict[Key, float] = {}
        self.tries = [TRIES]

    def push(self, start: Key, sign: int) -> float:
        """Move people into a cell (sign 1) or out of it by one exchange, and return how many; 0 = there is none."""
        if self._room(start, sign) < 1:
            return 0.0
        moves = self._close({start: sign}, self._owe({}, start, sign))
        if moves is None:
            return 0.0
        many = min(self._need, *(self._room(key, way) for key, way in moves.items()))
        for key, way in moves.items():
            self._shift[key] = self._shift.get(key, 0.0) + way * many
        return many

    def _room(self, key: Key, sign: int) -> float:
        low, high = self._bounds[key]
        count = self._cells[key].count + self._shift.get(key, 0.0)
        return high - count if sign > 0 else count - low

    def _owe(self, debts: dict[int, int], key: Key, sign: int) -> dict[int, int]:
        # the imbalance of each equation after moving one cell
        after = dict(debts)
        for number in self._touching[key]:
            debt = after.pop(number, 0) + sign * self._equations[number][key]
            if debt:
                after[number] = debt
        return after

    def _close(self, moves: dict[Key, int], debts: dict[int, int]) -> dict[Key, int] | None:
        # balance what is left, one equation after the other, first where there is least choice
        if not debts:
            return moves
        self.tries[0] -= 1
        if len(moves) > DEPTH or self.tries[0] < 0:
            return None
        _, options = min(((n, self._options(n, debt, moves)) for n, debt in debts.items()), key=lambda choice: len(choice[1]))
        for key, sign in options:
            found = self._close({**moves, key: sign}, self._owe(debts, key, sign))
            if found is not None:
                return found
        return None

    def _options(self, number: int, debt: int, moves: dict[Key, int]) -> list[tuple[Key, int]]:
        terms = self._equations[number]
        ways = [(k, -debt * terms[k]) for k in terms if k not in moves and abs(debt * terms[k]) == 1]
        # cells in few sums first: they close the exchange soonest
        return sorted(((k, way) for k, way in ways if self._room(k, way) >= 1), key=lambda choice: len(self._touching[choice[0]]))
