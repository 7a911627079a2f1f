"""Primary and secondary suppression: hide small counts, then whatever would give them away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cobalamin.core.errors import DisclosureError
from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.exchange import exchangeable
from cobalamin.release.policy import Policy
from cobalamin.release.reader import ROUNDING_SLACK, SECOND, SMALL, Reader, cell_bounds, narrow

DEAR = 4  # rank from which a number goes only when nothing else helps: group totals and the cohort


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
    reader = Reader.of(ledger, hidden, policy)
    exposed = [key for key, cell in ledger.cells.items() if key in reader.touching and sensitive(cell, policy)]
    if not policy.secondary:
        return hidden
    need = max(1.0, policy.limit // 3)
    quick = policy.round_base < 2
    pending = narrow(reader, exposed, need, quick=quick)
    while pending:
        more: dict[Key, str] = {}
        for key in pending:
            victim = _companion(ledger, hidden | more, reader.touching, key)
            if victim is not None:
                more[victim] = SECOND
        if not more:
            break
        hidden |= more
        reader = reader.told({key: cell_bounds(ledger.cells[key], SECOND, policy) for key in more})
        pending = narrow(reader, pending, need, quick=quick)
    return _give_back(reader, hidden, policy, exposed, need)


def _give_back(reader: Reader, hidden: dict[Key, str], policy: Policy, exposed: list[Key], need: float) -> dict[Key, str]:
    """Print again, dearest first, what turned out not to be needed once its neighbours were hidden."""
    cells = reader.ledger.cells
    second = sorted((k for k, why in hidden.items() if why == SECOND), key=lambda k: (-cells[k].rank, -cells[k].count, k))
    for key in second:
        near, _ = reader.hang_together(key)
        beside = {k for number in reader.touching[key] for k in reader.ledger.equations[number]}
        threatened = sorted((k for k in exposed if k in near), key=lambda k: k not in beside)
        bolder = reader.told({key: cell_bounds(cells[key], None, policy)})
        # without the linear program: what it might still allow to print is not worth its time
        if all(exchangeable(bolder, k, need) for k in threatened):
            reader, hidden = bolder, {k: why for k, why in hidden.items() if k != key}
    _settle(reader, [k for k in exposed if not exchangeable(reader, k, need)])
    return hidden


def _settle(reader: Reader, keys: Iterable[Key]) -> None:
    # the last look: what no exchange proves wide enough must at least not be known to the person
    for key in keys:
        low, high = reader.range(key)
        if high - low < 1 - ROUNDING_SLACK:
            raise DisclosureError(
                f"A small count of '{key[1] if len(key) > 1 else key[0]}' can be computed from what is shown although all numbers "
                f"near it are hidden. Merge categories or leave the table out."
            )


def _companion(ledger: Ledger, hidden: Mapping[Key, str], touching: Mapping[Key, list[int]], start: Key) -> Key | None:
    """Return the cheapest printed count whose hiding loosens the equations around ``start``."""
    reached, numbers, seen = [start], [], set()
    for key in reached:
        for number in touching.get(key, []):
            if number not in seen:
                seen.add(number)
                numbers.append(number)
                loose = [k for k in ledger.equations[number] if k in hidden or not ledger.cells[k].shown]
                reached += [k for k in loose if k not in reached]
    offers = [_offer(ledger, hidden, number, distance) for distance, number in enumerate(numbers)]
    best = min((offer for offer in offers if offer is not None), default=None)
    return None if best is None else best[-1]


def _offer(ledger: Ledger, hidden: Mapping[Key, str], number: int, distance: int) -> tuple[bool, bool, bool, int, int, int, Key] | None:
    # totals that the whole report hangs on last; else first the equations with a single open cell (one subtraction
    # computes it), then the numbers least missed; zeros when nothing else is left: hiding one gives no room
    keys = [k for k in ledger.equations[number] if k not in hidden and ledger.cells[k].shown]
    if not keys:
        return None
    tied = len(ledger.equations[number]) - len(keys) > 1
    return min((c.count == 0, c.rank >= DEAR, tied, c.rank, distance, c.count, c.key) for c in map(ledger.cells.__getitem__, keys))
