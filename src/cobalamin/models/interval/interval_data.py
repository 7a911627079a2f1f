"""Interval-censored times: the event happened in ``(lower, upper]``, read and checked once for every model that takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import FollowUpError, MissingValuesError
from cobalamin.core.followup import FollowUp
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class IntervalData:
    """Checked interval-censored times of n rows: known free of the event until ``lower``, known to have had it by ``upper``.

    Attributes
    ----------
    lower : ndarray, shape (n,)
        Last time known to be free of the event; ``-inf`` where there is none (left-censored).
    upper : ndarray, shape (n,)
        First time known to have had the event; equal to ``lower`` for an exact time, ``inf`` when right-censored.
    entry : ndarray, shape (n,)
        Start of observation (the row is there because the event came later); ``-inf`` without delayed entry.
    """

    lower: Floats
    upper: Floats
    entry: Floats

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def exact(self) -> Bools:
        """Rows whose event time is known."""
        return np.asarray(self.lower == self.upper)

    @property
    def happened(self) -> Bools:
        """Rows known to have had the event."""
        return np.isfinite(self.upper)

    @property
    def delayed(self) -> bool:
        """Whether anyone enters after the origin of the time scale."""
        return bool(np.isfinite(self.entry).any())

    def take(self, rows: Any) -> IntervalData:
        """Return some of the rows.

        Parameters
        ----------
        rows : index array, mask or slice
            Which.

        Returns
        -------
        IntervalData
            Those rows.
        """
        return IntervalData(self.lower[rows], self.upper[rows], self.entry[rows])


def marked_missing(data: pd.DataFrame, lower: str, upper: str) -> tuple[pd.DataFrame, str]:
    """Mark the rows that say nothing: neither bound is known.

    Parameters
    ----------
    data : DataFrame
        The table.
    lower, upper : str
        Columns of the bounds.

    Returns
    -------
    marked : DataFrame
        The table with one more column, missing in those rows.
    name : str
        Its name, ``"lower and upper"`` in the words of the data.

    Notes
    -----
    One missing bound is information (left- or right-censored); only both missing is a missing row.

    Examples
    --------
    >>> marked, name = marked_missing(pd.DataFrame({"seen": [1.0, None], "ill": [None, None]}), "seen", "ill")
    >>> name, int(marked[name].isna().sum())
    ('seen and ill', 1)
    """
    require_columns(data, [lower, upper])
    name = f"{lower} and {upper}"
    low, high = read_times(data[lower], lower), read_times(data[upper], upper)
    blank = (np.isnan(low) | np.isneginf(low)) & (np.isnan(high) | np.isposinf(high))
    return data.assign(**{name: np.where(blank, np.nan, 0.0)}), name


def read_intervals(data: pd.DataFrame, *, lower: str, upper: str, entry: str | None = None, any_origin: bool = False) -> IntervalData:
    """Read bounds and entry from columns and check them.

    Parameters
    ----------
    data : DataFrame
        Rows of which at least one bound is known.
    lower, upper : str
        Columns of the bounds. Missing ``lower``: left-censored. Missing or infinite ``upper``: right-censored. Equal: exact.
    entry : str, optional
        Column of the start of observation.
    any_origin : bool
        Whether negative values are allowed (a measurement rather than a time).

    Returns
    -------
    IntervalData
        The checked times; ``lower`` is not before ``entry``.

    Raises
    ------
    FollowUpError
        ``lower`` after ``upper``, an infinite lower bound, negative times, or ``upper`` not after ``entry``.
    MissingValuesError
        A missing entry, or a row without any bound.

    Examples
    --------
    >>> visits = pd.DataFrame({"last_free": [0.0, 2.0], "first_ill": [1.0, None]})
    >>> read_intervals(visits, lower="last_free", upper="first_ill").upper.tolist()
    [1.0, inf]
    """
    low, high = read_times(data[lower], lower), read_times(data[upper], upper)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    start = np.full(len(low), -np.inf) if entry is None else read_times(data[entry], entry)
    _check_bounds(low, high, lower, upper)
    if np.isnan(start).any():
        raise MissingValuesError(f"{entry}: {int(np.isnan(start).sum())} of {len(start)} rows are missing; leave these rows out first.")
    if not any_origin and entry is None:
        negative = ((low < 0) & np.isfinite(low)) | (high < 0)
        _refuse(negative, f"{lower} or {upper} is negative", "times run from 0; give entry= for another origin")
    _refuse(high <= start, f"{upper} is not after {entry}", "the event is known to come before observation starts (a prevalent case)")
    return IntervalData(np.maximum(low, start), high, start)


def from_follow_up(follow: FollowUp) -> IntervalData:
    """Return exact and right-censored times as intervals.

    Parameters
    ----------
    follow : FollowUp
        Checked follow-up with event codes 0 and 1.

    Returns
    -------
    IntervalData
        Events with equal bounds, the others with ``upper`` infinite.
    """
    return IntervalData(follow.exit, np.where(follow.event > 0, follow.exit, np.inf), follow.entry)


def read_times(column: pd.Series[Any], name: str) -> Floats:
    """Return a column of times as numbers, missing ones NaN.

    Parameters
    ----------
    column : Series
        The column.
    name : str
        Its name, for messages.

    Returns
    -------
    ndarray, shape (n,)
        Times.

    Raises
    ------
    FollowUpError
        Dates or text.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        raise FollowUpError(f"{name} holds dates; expected numbers on one time scale. Subtract the origin first, e.g. days / 365.25.")
    if pd.api.types.is_timedelta64_dtype(column):
        raise FollowUpError(
            f"{name} holds durations; expected numbers. Divide by the unit first, e.g. data['{name}'] / pandas.Timedelta(days=365.25)."
        )
    values = np.asarray(pd.to_numeric(column.astype(object), errors="coerce"), dtype=np.float64)
    text = int((np.isnan(values) & column.notna().to_numpy()).sum())
    if text:
        raise FollowUpError(f"{name}: expected numbers, got text in {text} of {len(values)} rows.")
    return values


def _check_bounds(low: Floats, high: Floats, lower: str, upper: str) -> None:
    blank = int((np.isneginf(low) & np.isposinf(high)).sum())
    if blank:
        raise MissingValuesError(f"{lower} and {upper}: {blank} of {len(low)} rows have neither bound; leave these rows out first.")
    _refuse(np.isposinf(low), f"{lower} is infinite", f"it is the last time known to be free of the event; {upper} may be infinite")
    _refuse(np.isneginf(high), f"{upper} is minus infinity", "it is the first time known to have had the event")
    _refuse(low > high, f"{lower} is after {upper}", f"the event is between {lower} and {upper}; mend the bounds, or leave these rows out")


def _refuse(bad: Bools, what: str, remedy: str) -> None:
    if bad.any():
        first = ", ".join(str(i) for i in np.flatnonzero(bad)[:5])
        more = ", ..." if bad.sum() > 5 else ""
        raise FollowUpError(f"{what} in {int(bad.sum())} of {len(bad)} rows (row positions {first}{more}): {remedy}.")
