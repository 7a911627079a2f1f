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
    exactly, which unbalances others, until all balance again. The exchange can be repeated, forwards and backwards, as
    far as the bounds of its cells allow; how often is the width proved.
    """
    search = _Search(reader, need)
    down, up = search.room(start, 1)
    if down + up < need:
        return False
    if search.close({start}, search.owe({}, start, 1), down, up):
        return True
    return None if search.given_up[0] else False


class _Search:
    def __init__(self, reader: Reader, need: float) -> None:
        self._cells, self._equations = reader.ledger.cells, reader.ledger.equations
        self._touching, self._bounds = reader.touching, reader.bounds
        self._need, self._tries = need, [TRIES]
        self.given_up = [False]

    def room(self, key: Key, sign: int) -> tuple[float, float]:
        """How often the cell can be moved backwards and forwards."""
        low, high = self._bounds[key]
        count = self._cells[key].count
        return (count - low, high - count) if sign > 0 else (high - count, count - low)

    def owe(self, debts: dict[int, int], key: Key, sign: int) -> dict[int, int]:
        """The imbalance of each equation after moving one cell."""
        after = dict(debts)
        for number in self._touching[key]:
            debt = after.pop(number, 0) + sign * self._equations[number][key]
            if debt:
                after[number] = debt
        return after

    def close(self, moved: set[Key], debts: dict[int, int], down: float, up: float) -> bool:
        """Balance what is left, one equation after the other."""
        if not debts:
            return True
        self._tries[0] -= 1
        if len(moved) > DEPTH or self._tries[0] < 0:
            self.given_up[0] = True
            return False
        _, options = min(((n, self._options(n, debt, moved)) for n, debt in debts.items()), key=lambda choice: len(choice[1]))
        for key, sign in options:
            back, forth = self.room(key, sign)
            back, forth = min(back, down), min(forth, up)
            if back + forth >= self._need and self.close(moved | {key}, self.owe(debts, key, sign), back, forth):
                return True
        return False

    def _options(self, number: int, debt: int, moved: set[Key]) -> list[tuple[Key, int]]:
        terms = self._equations[number]
        free = [k for k in terms if k not in moved and self._bounds[k][1] - self._bounds[k][0] >= self._need]
        # cells in few sums first: they close the exchange soonest
        free.sort(key=lambda k: len(self._touching[k]))
        return [(k, -debt * terms[k]) for k in free if abs(debt * terms[k]) == 1]
