"""Where interval-censored data can tell: the innermost intervals, and which of them each row spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.interval.range_sums import spread_over

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# order of endpoints at one time t: an exact time t opens just before t; upper bounds and entries at t close just after it;
# lower bounds at t open after that, because (lower, upper] does not hold lower
_EXACT, _CLOSE, _OPEN = 0, 1, 2


@dataclass(frozen=True, eq=False)
class IntervalSets:
    """The m innermost intervals ``(left, right]`` of n rows, and the rows as ranges of them.

    Attributes
    ----------
    left, right : ndarray, shape (m,)
        Bounds; equal where the interval is one exact time.
    entry, first, last : ndarray of int, shape (n,)
        A row is at risk from innermost interval ``entry`` on, known free of the event up to (not including) ``first``, and had the
        event in one of ``first .. last - 1``. Right-censored rows have ``last == first``.
    exact : ndarray of bool, shape (n,)
        Rows whose event time is known: ``last == first + 1``.
    """

    left: Floats
    right: Floats
    entry: Ints
    first: Ints
    last: Ints
    exact: Bools

    def __len__(self) -> int:
        return len(self.left)

    def add(self, start: Ints, stop: Ints, amount: Floats) -> Floats:
        """Sum amounts over the innermost intervals ``start .. stop - 1`` of each row (see `spread_over`)."""
        return spread_over(start, stop, amount, len(self))


def interval_sets(times: IntervalData, *, density: bool = False) -> IntervalSets:
    """Find the innermost intervals and place each row on them.

    Parameters
    ----------
    times : IntervalData
        n rows.
    density : bool
        Whether exact times count by hazard mass times survival (Cox models) rather than by probability (survival curves): the row then
        survives its own time, and hazard after it costs less.

    Returns
    -------
    IntervalSets
        Innermost intervals in order of time.

    Notes
    -----
    The likelihood of a row rises with the cumulative hazard over ``(lower, upper]`` and falls with that over ``(entry, lower]``, so
    a nonparametric maximum puts hazard only where a lower bound is followed by an upper bound or an entry with no other bound
    between. How the hazard is spread within such an interval leaves the likelihood the same.

    References
    ----------
    Turnbull BW. The empirical distribution function with arbitrarily grouped, censored and truncated data. JRSS B 1976;38:290-295.
    doi:10.1111/j.2517-6161.1976.tb01597.x
    Alioum A, Commenges D. A proportional hazards model for arbitrarily censored and truncated data. Biometrics 1996;52:512-524.
    doi:10.2307/2532891

    Examples
    --------
    >>> times = IntervalData(np.array([0.0, 1.0]), np.array([2.0, 3.0]), np.full(2, -np.inf))
    >>> sets = interval_sets(times)
    >>> sets.left.tolist(), sets.right.tolist()
    ([1.0], [2.0])
    """
    exact = times.exact
    known = np.concatenate([times.lower, times.upper, times.entry])
    moments = np.unique(known[np.isfinite(known)])
    opens = _key(times.lower, moments, np.where(exact, _EXACT, _OPEN))
    closes = _key(times.upper, moments, np.full(len(exact), _CLOSE))
    enters = _key(times.entry, moments, np.full(len(exact), _CLOSE))
    parts = [opens, closes[times.happened], enters[np.isfinite(times.entry)]]
    if density:
        parts.append(_key(times.upper, moments, np.full(len(exact), _OPEN))[exact])
    keys = np.unique(np.concatenate(parts))
    opening = keys % 3 != _CLOSE
    here = np.flatnonzero(opening[:-1] & ~opening[1:])
    ends = keys[here + 1]
    first = np.searchsorted(ends, opens)
    last = np.where(times.happened, np.searchsorted(ends, closes, side="right"), first)
    entry = np.searchsorted(ends, enters, side="right")
    return IntervalSets(_moment(keys[here], moments), _moment(ends, moments), entry, first, last, exact)


def _key(values: Floats, moments: Floats, order: Ints) -> Ints:
    """Number endpoints so that sorting the numbers sorts times and, at one time, kinds of endpoint; -1 (an opening) before all."""
    place = np.searchsorted(moments, values)
    return np.where(np.isneginf(values), -1, 3 * place + order).astype(np.int64)


def _moment(keys: Ints, moments: Floats) -> Floats:
    """Return the time of endpoints; before all of them is the origin 0, unless times are negative."""
    origin = min(0.0, float(moments[0]))
    return np.where(keys < 0, origin, moments[np.maximum(keys, 0) // 3])
