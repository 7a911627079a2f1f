"""Coefficients that change with time: rows split at event times or at breaks, so that time can stand in a formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.followup import follow_up
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_ROWS = 20_000_000


def split_at_events(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    breaks: Sequence[float] | None = None,
    max_rows: int = MAX_ROWS,
) -> pd.DataFrame:
    """Split each row at the event times, or at given breaks, so that a coefficient may change with time.

    Parameters
    ----------
    data : DataFrame
        One row per person or person-interval.
    exit, event : str
        Columns with the end of follow-up and the event (0 = none, 1, 2, ...).
    entry : str, optional
        Column with the start of follow-up.
    strata : str or sequence of str, optional
        Strata of the model to come: rows are then split at the event times of their own stratum only.
    breaks : sequence of float, optional
        Where to split instead: a coefficient that is constant between breaks needs few rows.
    max_rows : int
        Refuse to make more rows than this.

    Returns
    -------
    DataFrame
        The columns of ``data`` (index labels repeated), with ``entry`` (the column ``entry`` names, or a new one called ``entry``), exit
        and event of each piece, and ``interval``, the number of breaks before the piece. The event stands in the last piece.

    Raises
    ------
    DataError
        More rows than ``max_rows`` (about n times the number of event times over 2: use ``breaks``), a column that would be overwritten,
        or breaks that do not rise.
    ColumnNotFoundError, EventCodeError, FollowUpError, MissingValuesError
        As for a model.

    Notes
    -----
    At an event time t every row at risk then ends there, so a function of the exit column is a function of t: the model
    ``"x + x:log(exit)"`` on the split rows has the coefficient ``b + c log t``, exactly as R's ``tt()``. For a step function use
    ``"x:C(interval)"`` with breaks. Memory is that of the rows made. Persons of several rows need no cluster variance when their
    rows are pieces of one follow-up.

    References
    ----------
    Therneau T, Crowson C, Atkinson E. Using time dependent covariates and time dependent coefficients in the Cox model. Vignette of
    the R package survival.

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2.0, 3.0], "d": [1, 0, 1]})
    >>> split_at_events(people, exit="t", event="d")[["entry", "t", "d"]].values.tolist()
    [[0.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [1.0, 3.0, 1.0]]
    """
    by = () if strata is None else (strata,) if isinstance(strata, str) else tuple(strata)
    require_columns(data, [name for name in (exit, event, entry, *by) if name is not None])
    taken = [name for name in ("interval", "entry" if entry is None else "interval") if name in data.columns]
    if taken:
        raise DataError(f"data: the column '{taken[0]}' would be overwritten; rename it first.")
    names = (entry or "entry", exit, event)
    follow = follow_up(exit=data[exit], event=data[event], entry=None if entry is None else data[entry], kinds=None, names=names)
    start, stop = merge_near_ties(follow.entry, follow.exit)
    if breaks is None:
        cuts, first, last = _event_cuts(start, stop, follow.event > 0, data, by)
    else:
        cuts = _breaks(breaks)
        first, last = np.searchsorted(cuts, start, side="right"), np.searchsorted(cuts, stop, side="left")
    pieces = np.maximum(last - first, 0) + 1
    total = int(pieces.sum())
    if total > max_rows:
        raise DataError(
            f"data: splitting {len(data)} rows would make {total}, more than max_rows={max_rows}."
            " Give breaks (a step function), or raise max_rows."
        )
    return _pieces(data, names, start, stop, follow.event, cuts, first, pieces)


def _event_cuts(
    start: Floats, stop: Floats, event: npt.NDArray[np.bool_], data: pd.DataFrame, by: Sequence[str]
) -> tuple[Floats, Ints, Ints]:
    """Return the event times stratum after stratum, and the run of them inside each row."""
    codes = np.zeros(len(data), dtype=np.int64) if not by else data.groupby(list(by), sort=True, dropna=False).ngroup().to_numpy()
    cuts: list[Floats] = []
    first, last = np.zeros(len(data), dtype=np.int64), np.zeros(len(data), dtype=np.int64)
    order, offset = np.argsort(codes, kind="stable"), 0
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        own = np.unique(stop[rows][event[rows]])
        first[rows] = offset + np.searchsorted(own, start[rows], side="right")
        last[rows] = offset + np.searchsorted(own, stop[rows], side="left")
        cuts.append(own)
        offset += len(own)
    return np.concatenate(cuts), first, last


def _breaks(breaks: Sequence[float]) -> Floats:
    cuts = np.asarray(breaks, dtype=np.float64)
    if cuts.ndim != 1 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise DataError("breaks: expected numbers that rise.")
    return cuts


def _pieces(
    data: pd.DataFrame, names: tuple[str, str, str], start: Floats, stop: Floats, event: Ints, cuts: Floats, first: Ints, pieces: Ints
) -> pd.DataFrame:
    """Make the rows: piece k of a row runs from its cut k - 1 to its cut k."""
    ends = np.cumsum(pieces)
    row = np.repeat(np.arange(len(pieces)), pieces)
    number = np.arange(len(row)) - (ends - pieces)[row]
    padded = np.append(cuts, np.nan)
    cut = first[row] + number
    final = number == pieces[row] - 1
    # without an entry column a follow-up starts at 0, or before any time that is not above 0
    origin = np.where(np.isfinite(start), start, min(0.0, float(stop.min()) - 1.0) if (stop <= 0).any() else 0.0)
    begin = np.where(number == 0, origin[row], padded[np.maximum(cut - 1, 0)])
    finish = np.where(final, stop[row], padded[np.minimum(cut, len(cuts))])
    split = data.take(row)
    entry, exit, code = names
    made = {entry: begin, exit: finish, code: np.where(final, event[row], 0), "interval": cut}
    return split.assign(**made)
