"""Risk sets as integers: which event times each person is at risk for, with strata, delayed entry and near ties.

Every (stratum, event time) pair gets an index k = 0 .. K-1, ordered by stratum and then time. A row is at risk at a
contiguous run of these indexes, so every sum over risk sets becomes a cumulative sum over k.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import FitWarning, FollowUpError
from cobalamin.core.followup import FollowUp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# two times closer than this, absolutely or relative to the mean time, are one time (R's timefix)
TIME_TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))
MERGED_SHARE = 0.01  # of the distinct times, above which their merging is said
_ARITHMETIC = 5e-13  # relative error of times computed from dates: what the merging is for


@dataclass(frozen=True, eq=False)
class RiskSets:
    """The event times and who is at risk at each.

    Attributes
    ----------
    n : int
        Rows of the follow-up.
    times : ndarray, shape (K,)
        Distinct event times, by stratum.
    stratum : ndarray of int, shape (K,)
        Stratum of each event time.
    starts : ndarray of int, shape (H,)
        First index of each stratum that has events.
    exit_at : ndarray of int, shape (n,)
        Number of event times up to the last one at which each row is at risk, 1 .. K; 0 for a row that is at risk at none.
    entry_at : ndarray of int, shape (n,), or None
        Number of event times up to the last one before the row enters; 0 where it enters before the first of its stratum, or is
        never at risk. None without delayed entry.
    death_rows : ndarray of int, shape (D,)
        Rows with an event, ordered by event time.
    death_bin : ndarray of int, shape (D,)
        Their event time.
    """

    n: int
    times: Floats
    stratum: Ints
    starts: Ints
    exit_at: Ints
    entry_at: Ints | None
    death_rows: Ints
    death_bin: Ints

    @cached_property
    def rows(self) -> Ints:
        """Rows at risk at one event time or more, ordered by the last one; shape (m,)."""
        rows = np.flatnonzero(self.exit_at)
        return rows[order_of(self.exit_at[rows], len(self.times) + 1)]

    @property
    def exit_bin(self) -> Ints:
        """Last event time at which each of ``rows`` is at risk."""
        return self.exit_at[self.rows] - 1

    @property
    def entry_bin(self) -> Ints | None:
        """Last event time before each of ``rows`` enters, -1 for none; None without delayed entry."""
        return None if self.entry_at is None else self.entry_at[self.rows] - 1

    @property
    def entry_order(self) -> Ints:
        """Positions in ``rows`` of those that enter late, ordered by ``entry_bin``."""
        if self.entry_at is None:
            return np.zeros(0, dtype=np.int64)
        entered = self.entry_at[self.rows]
        late = np.flatnonzero(entered)
        return late[order_of(entered[late], len(self.times) + 1)]

    @property
    def death_starts(self) -> Ints:
        """Position in ``death_rows`` where each event time begins."""
        return np.searchsorted(self.death_bin, np.arange(len(self.times))).astype(np.int64)


def risk_sets(follow: FollowUp, stratum: Ints | None = None, used: npt.NDArray[np.bool_] | None = None, *, warn: bool = False) -> RiskSets:
    """Index the risk sets of a follow-up.

    Parameters
    ----------
    follow : FollowUp
        Entry, exit and event (0/1) of n rows.
    stratum : ndarray of int, shape (n,), optional
        Stratum of each row, 0, 1, 2, ...
    used : ndarray of bool, shape (n,), optional
        Rows that count at all (weight above zero).
    warn : bool
        Whether to warn as `merge_near_ties`.

    Returns
    -------
    RiskSets
        A row is at risk at time t when ``entry < t <= exit``.

    Raises
    ------
    FollowUpError
        Entry and exit that are equal up to the tolerance for tied times.

    Notes
    -----
    Times that differ by less than 1.5e-8, absolutely or relative to the mean time, are one time, as with ``timefix`` in
    R's survival: dates divided by 365.25 otherwise tie or not by the accident of rounding.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> sets = risk_sets(follow_up(exit=[1.0, 2.0, 3.0], event=[1, 0, 1]))
    >>> sets.times.tolist(), sets.rows.tolist(), sets.exit_bin.tolist()
    ([1.0, 3.0], [0, 1, 2], [0, 0, 1])
    """
    entry, exit_ = merge_near_ties(follow.entry, follow.exit, warn=warn)
    event = follow.event > 0 if used is None else (follow.event > 0) & used
    deaths = np.flatnonzero(event)
    distinct = np.unique(exit_[deaths])
    last = _rank(distinct, exit_)
    first = _rank(distinct, entry) if follow.delayed else None
    if stratum is None:
        stratum_of_time, starts = np.zeros(len(distinct), dtype=np.int64), np.zeros(min(1, len(distinct)), dtype=np.int64)
        begin: Ints | int = 0
    else:
        keys, offset = _stratum_keys(last[deaths], stratum[deaths], len(distinct))
        last = _rank_keys(keys, stratum * offset + last, offset)
        first = None if first is None else _rank_keys(keys, stratum * offset + first, offset)
        stratum_of_time, distinct = keys // offset, distinct[keys % offset - 1]
        starts = np.flatnonzero(np.r_[True, np.diff(stratum_of_time) != 0]) if len(keys) else np.zeros(0, dtype=np.int64)
        begin = np.searchsorted(stratum_of_time, np.arange(int(stratum.max(initial=0)) + 1))[stratum]
    return _assemble(len(exit_), distinct, stratum_of_time, starts, last, first, begin, deaths, used)


def _assemble(
    n: int,
    times: Floats,
    stratum: Ints,
    starts: Ints,
    last: Ints,
    first: Ints | None,
    begin: Ints | int,
    deaths: Ints,
    used: npt.NDArray[np.bool_] | None,
) -> RiskSets:
    """Say for each row between which event times it is at risk; those at risk at none have 0 and 0."""
    at_risk = last > (begin if first is None else np.maximum(first, begin))
    if used is not None:
        at_risk &= used
    entry_at = None if first is None else first * (at_risk & (first > begin))
    death_bin = last[deaths] - 1
    order = order_of(death_bin, len(times) + 1)
    return RiskSets(n, times, stratum, starts, last * at_risk, entry_at, deaths[order], death_bin[order])


def merge_near_ties(entry: Floats, exit: Floats, *, warn: bool = False) -> tuple[Floats, Floats]:
    """Make times that are equal up to rounding equal.

    Parameters
    ----------
    entry, exit : ndarray, shape (n,)
        Times; entries may be ``-inf``.
    warn : bool
        Whether to say that times that differ by more than the error of arithmetic become ties.

    Returns
    -------
    entry, exit : ndarray, shape (n,)
        The same, each run of near ties replaced by its smallest time.

    Raises
    ------
    FollowUpError
        Where entry and exit become equal.

    Warns
    -----
    FitWarning
        More than 1% of the distinct times are lost in this way: the unit is too large, or the origin too far.

    Examples
    --------
    >>> merge_near_ties(np.array([-np.inf, -np.inf]), np.array([0.3, 0.1 + 0.2]))[1].tolist()
    [0.3, 0.3]
    """
    delayed = bool(np.isfinite(entry).any())
    if _whole_and_small(exit) and (not delayed or _whole_and_small(entry[np.isfinite(entry)])):
        return entry, exit
    values = np.unique(np.concatenate([exit, entry[np.isfinite(entry)]]) if delayed else exit)
    gaps = np.diff(values)
    near = gaps <= max(TIME_TOLERANCE, TIME_TOLERANCE * float(np.mean(np.abs(values))))
    if not near.any():
        return entry, exit
    if warn:
        _warn_of_merged(values, gaps[near])
    cuts = values[np.r_[True, ~near]]
    merged_exit = cuts[np.searchsorted(cuts, exit, side="right") - 1]
    merged_entry = np.where(np.isfinite(entry), cuts[np.searchsorted(cuts, entry, side="right") - 1], entry)
    empty = int((merged_entry >= merged_exit).sum())
    if empty:
        raise FollowUpError(
            f"{empty} of {len(exit)} rows have entry and exit equal up to rounding ({TIME_TOLERANCE:.1e}):"
            " no follow-up; mend the times or leave these rows out."
        )
    return merged_entry, merged_exit


def _warn_of_merged(values: Floats, gaps: Floats) -> None:
    lost = int((gaps > _ARITHMETIC * float(np.abs(values).max())).sum())
    if lost > MERGED_SHARE * len(values):
        warnings.warn(
            f"{lost} of {len(values)} distinct times lie within {TIME_TOLERANCE:.1e} of another one, absolutely or relative to the mean"
            " time, and are taken as ties. If they differ in truth measure time in a smaller unit, or from a nearer origin.",
            FitWarning,
            stacklevel=4,
        )


def order_of(bins: Ints, count: int) -> Ints:
    """Return the stable order of small non-negative integers.

    Parameters
    ----------
    bins : ndarray of int, shape (n,)
        Values from 0 to ``count - 1``.
    count : int
        Number of possible values.

    Returns
    -------
    ndarray of int, shape (n,)
        Positions in ascending order; ties keep their order.

    Notes
    -----
    Sixteen-bit integers are radix sorted by numpy in linear time, so two passes serve any count below 2**32.

    Examples
    --------
    >>> order_of(np.array([2, 0, 1, 0]), 3).tolist()
    [1, 3, 2, 0]
    """
    low = (bins & 0xFFFF).astype(np.uint16)
    order = np.argsort(low, kind="stable")
    if count > 1 << 16:
        high = (bins >> 16).astype(np.uint16)
        order = order[np.argsort(high[order], kind="stable")]
    return order


def _whole_and_small(times: Floats) -> bool:
    """Whether times are whole numbers that cannot be near ties (days, months)."""
    if len(times) == 0:
        return True
    return bool(np.abs(times).max() < 1 / TIME_TOLERANCE / 2 and np.array_equal(times, np.rint(times)))


def _rank(distinct: Floats, times: Floats) -> Ints:
    """Count the distinct event times at or before each time."""
    if len(distinct) and _whole_and_small(distinct):
        low, high = int(distinct[0]), int(distinct[-1])
        if high - low < 4 * len(times) + 1000:
            # a table of all whole numbers in between is faster than searching
            table = np.zeros(high - low + 2, dtype=np.int64)
            table[(distinct - low).astype(np.int64) + 1] = 1
            return np.cumsum(table)[np.clip(np.floor(times), low - 1, high).astype(np.int64) - low + 1]
    return np.searchsorted(distinct, times, side="right").astype(np.int64)


def _stratum_keys(rank: Ints, stratum: Ints, count: int) -> tuple[Ints, int]:
    """Return the distinct (stratum, event time) pairs as sorted integers, and what one stratum adds."""
    offset = count + 1
    return np.unique(stratum * offset + rank), offset


def _rank_keys(keys: Ints, values: Ints, offset: int) -> Ints:
    """Count the keys at or below each value."""
    top = int(values.max(initial=0)) + offset
    if top <= 8 * len(values) + 1000:
        # small integers: the table may be several times as long as the data
        table = np.zeros(top + 1, dtype=np.int8)
        table[keys] = 1
        return np.cumsum(table, dtype=np.int32)[values].astype(np.int64)
    return np.searchsorted(keys, values, side="right").astype(np.int64)
