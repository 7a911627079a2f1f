"""Primary and secondary suppression: hide small counts, then whatever would give them away.

The reader is assumed to know everything printed, every sum that ties the numbers together, the policy, and for each
hidden number whether it was hidden as small or for the sake of another. What such a reader can conclude about one
cell is an interval, found by linear programming; in tables with margins its ends are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cobalamin.core.errors import DisclosureError
from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.policy import Policy
from cobalamin.release.rounding import INFINITE, shown_interval

SMALL = "small"
SECOND = "secondary"
ROUNDING_SLACK = 1e-6
Bounds = dict[Key, tuple[float, float]]


def sensitive(cell: Cell, policy: Policy) -> bool:
    """Whether a reader must not learn this count.

    Parameters
    ----------
    cell : Cell
        Any cell, printed or derivable.
    policy : Policy
        The rules.

    Returns
    -------
    bool
        True for a small count.
    """
    return policy.small(cell.count, zero=cell.attribute)


def primary(ledger: Ledger, policy: Policy) -> dict[Key, str]:
    """Return the cells hidden for their own sake.

    Parameters
    ----------
    ledger : Ledger
        The system of counts.
    policy : Policy
        The rules.

    Returns
    -------
    dict
        Key -> reason.
    """
    if not policy.redact:
        return {}
    small = {key: SMALL for key, cell in ledger.cells.items() if cell.shown and sensitive(cell, policy)}
    return small | dict(ledger.whole)


def reader_bounds(ledger: Ledger, hidden: Mapping[Key, str], policy: Policy) -> Bounds:
    """Return what a reader knows of each cell before any arithmetic.

    Parameters
    ----------
    ledger : Ledger
        The system of counts.
    hidden : mapping
        Key -> reason, of the hidden cells.
    policy : Policy
        The rules.

    Returns
    -------
    dict
        Key -> (lowest, highest).
    """
    return {key: _bounds(cell, hidden.get(key), policy) for key, cell in ledger.cells.items()}


def _bounds(cell: Cell, reason: str | None, policy: Policy) -> tuple[float, float]:
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
    program = _Program(ledger, reader_bounds(ledger, hidden, policy), key)
    return program.extreme({key}, 1)[key], program.extreme({key}, -1)[key]


def protect(ledger: Ledger, policy: Policy) -> dict[Key, str]:
    """Hide small counts and as many others as it takes that none of them can be computed.

    Parameters
    ----------
    ledger : Ledger
        The system of counts.
    policy : Policy
        The rules.

    Returns
    -------
    dict
        Key -> ``"small"``, ``"secondary"`` or the reason its whole line is hidden.

    Raises
    ------
    DisclosureError
        A count stays computable although everything near it is hidden.

    Notes
    -----
    Greedy: an unsafe cell is given a companion, the least dear printed count of an equation that ties it; hiding more
    never makes another cell less safe, so cells found safe are not looked at again. A cell is safe when the
    reader's interval spans at least a third of the limit, or nothing is left to hide and it still spans two values.
    """
    hidden = primary(ledger, policy)
    if not policy.secondary:
        return hidden
    touching = ledger.touching()
    pending = [key for key, cell in ledger.cells.items() if key in touching and sensitive(cell, policy)]
    while pending:
        bounds = reader_bounds(ledger, hidden, policy)
        pending = _unsafe(ledger, bounds, policy, pending)
        for key in pending:
            victim = _companion(ledger, hidden, policy, touching, key)
            if victim is not None:
                hidden[victim] = SECOND
        if pending and reader_bounds(ledger, hidden, policy) == bounds:
            _settle(ledger, bounds, pending)
            break
    return _give_back(ledger, hidden, policy, touching)


def _give_back(ledger: Ledger, hidden: dict[Key, str], policy: Policy, touching: Mapping[Key, list[int]]) -> dict[Key, str]:
    """Print again, dearest first, what turned out not to be needed once its neighbours were hidden."""
    exposed = [key for key, cell in ledger.cells.items() if key in touching and sensitive(cell, policy)]
    stuck = set(_unsafe(ledger, reader_bounds(ledger, hidden, policy), policy, exposed))
    for key in sorted((k for k, why in hidden.items() if why == SECOND), key=lambda k: (-ledger.cells[k].rank, -ledger.cells[k].count, k)):
        fewer = {k: why for k, why in hidden.items() if k != key}
        near, _ = _hang_together(ledger, reader_bounds(ledger, hidden, policy), key)
        threatened = [k for k in exposed if k in near]
        if set(_unsafe(ledger, reader_bounds(ledger, fewer, policy), policy, threatened)) <= stuck:
            if any(k in stuck for k in threatened):
                continue
            hidden = fewer
    return hidden


def _settle(ledger: Ledger, bounds: Bounds, keys: Iterable[Key]) -> None:
    for key in keys:
        program = _Program(ledger, bounds, key)
        low, high = program.extreme({key}, 1)[key], program.extreme({key}, -1)[key]
        if high - low < 1 - ROUNDING_SLACK:
            raise DisclosureError(
                f"A small count of '{key[1] if len(key) > 1 else key[0]}' can be computed from what is shown although all numbers "
                f"near it are hidden. Merge categories or leave the table out."
            )


def _unsafe(ledger: Ledger, bounds: Bounds, policy: Policy, pending: list[Key]) -> list[Key]:
    need = max(1.0, policy.limit // 3)
    left, unsafe = list(pending), []
    while left:
        program = _Program(ledger, bounds, left[0])
        near = [key for key in left if key in program.position or key == left[0]]
        unsafe += _narrow(program, near, need)
        done = set(near)
        left = [key for key in left if key not in done]
    return unsafe


def _narrow(program: _Program, keys: list[Key], need: float) -> list[Key]:
    # one solution of the program bears witness for many cells, so all are pushed together before any is tried alone
    low, high = dict(program.witness(keys)), dict(program.witness(keys))
    for group in [set(keys), *({key} for key in keys)]:
        open_keys = {key for key in group if high[key] - low[key] < need - ROUNDING_SLACK}
        for sign in (1, -1) if open_keys else ():
            for key, value in program.extreme(open_keys, sign, keys).items():
                low[key], high[key] = min(low[key], value), max(high[key], value)
    return [key for key in keys if high[key] - low[key] < need - ROUNDING_SLACK]


def _companion(ledger: Ledger, hidden: Mapping[Key, str], policy: Policy, touching: Mapping[Key, list[int]], start: Key) -> Key | None:
    """Return the cheapest printed count whose hiding loosens the equations around ``start``."""
    reached, numbers, seen = [start], [], set()
    for key in reached:
        for number in touching.get(key, []):
            if number not in seen:
                seen.add(number)
                numbers.append(number)
                loose = [k for k in ledger.equations[number] if k in hidden or not ledger.cells[k].shown]
                reached += [k for k in loose if k not in reached]
    choices = [_offer(ledger, hidden, policy, number, distance) for distance, number in enumerate(numbers)]
    return min((choice for choice in choices if choice is not None), default=(None,))[-1]


def _offer(ledger: Ledger, hidden: Mapping[Key, str], policy: Policy, number: int, distance: int) -> tuple[Any, ...] | None:
    # first the equations with a single open cell (it is computed by one subtraction), then the numbers least missed;
    # zeros only when nothing else is left, since hiding one gives no room while the reader expects a large count
    keys = [k for k in ledger.equations[number] if k not in hidden and ledger.cells[k].shown]
    if not keys:
        return None
    tied = len(ledger.equations[number]) - len(keys) > 1
    return min((tied, c.count == 0, c.rank, distance, c.count, c.key) for c in map(ledger.cells.__getitem__, keys))


class _Program:
    """The linear program of the cells that hang together with one cell through what a reader does not know exactly."""

    def __init__(self, ledger: Ledger, bounds: Bounds, start: Key) -> None:
        self.position, numbers = _hang_together(ledger, bounds, start)
        self._true = {key: float(ledger.cells[key].count) for key in self.position}
        # an end far beyond every count keeps the program bounded and never makes an interval look wider than it is
        far = 2.0 * sum(self._true.values()) + 1000.0
        self._bounds = [(bounds[key][0], min(bounds[key][1], far)) for key in self.position]
        self._matrix, self._right = _equations(ledger, self.position, numbers)

    def witness(self, keys: Iterable[Key]) -> dict[Key, float]:
        """Return the true counts: the truth is always one of the things a reader can believe."""
        return {key: self._true[key] for key in keys}

    def extreme(self, push: Iterable[Key], sign: int, report: Iterable[Key] | None = None) -> dict[Key, float]:
        """Push cells down (sign 1) or up (-1) together and return the counts of ``report`` (default: of ``push``)."""
        from scipy.optimize import linprog

        push = set(push)
        goal = np.zeros(len(self._bounds))
        for key in push:
            goal[self.position[key]] = sign
        found: Any = linprog(goal, A_eq=self._matrix, b_eq=self._right, bounds=self._bounds, method="highs")
        if found.x is None:
            raise DisclosureError("The counts of a table contradict their own margins; disclosure control cannot check it.")
        return {key: float(found.x[self.position[key]]) for key in (push if report is None else report)}


def _hang_together(ledger: Ledger, bounds: Bounds, start: Key) -> tuple[dict[Key, int], list[int]]:
    touching = ledger.touching()
    free, position = [start], {start: 0}
    numbers: dict[int, None] = {}
    for key in free:
        for number in touching.get(key, []):
            if number in numbers:
                continue
            numbers[number] = None
            for other in ledger.equations[number]:
                if other not in position and bounds[other][0] != bounds[other][1]:
                    position[other] = len(free)
                    free.append(other)
    return position, list(numbers)


def _equations(ledger: Ledger, position: Mapping[Key, int], numbers: list[int]) -> tuple[Any, Any]:
    if not numbers:
        return None, None
    from scipy.sparse import csr_array

    rows, columns, values = [], [], []
    right = np.zeros(len(numbers))
    for row, number in enumerate(numbers):
        for key, coefficient in ledger.equations[number].items():
            if key in position:
                rows.append(row), columns.append(position[key]), values.append(float(coefficient))
            else:
                right[row] -= coefficient * ledger.cells[key].count
    return csr_array((values, (rows, columns)), shape=(len(numbers), len(position))), right
