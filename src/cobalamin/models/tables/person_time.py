"""Splitting follow-up at the breaks of a time scale (a Lexis expansion)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.followup import follow_up
from cobalamin.models.grouping import require_rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def split_person_time(
    data: pd.DataFrame,
    *,
    entry: str,
    exit: str,
    event: str,
    breaks: Any,
    origin: str | None = None,
    band: str | None = None,
) -> pd.DataFrame:
    """Split each row at the breaks of a time scale.

    Parameters
    ----------
    data : DataFrame, shape (n, ...)
        One row per person or per interval of a person.
    entry, exit : str
        Columns of the times between which a person is at risk, ``(entry, exit]``.
    event : str
        Column of event codes (0 = none).
    breaks : array-like of float, shape (k,)
        Rising cut points on the scale. Time before the first and after the last break is kept, in pieces of its own.
    origin : str, optional
        Column of the zero of the scale, in the unit of ``entry``: with calendar time in ``entry`` and birth as origin the breaks are ages.
        Default: the scale of ``entry``.
    band : str, optional
        Name of a column to make: the band of the scale that the piece lies in, as an ordered category like ``"[40, 50)"``.

    Returns
    -------
    DataFrame, shape (pieces, ...)
        All columns of ``data`` with ``entry`` and ``exit`` those of the piece and ``event`` only in the last piece of a row, and
        ``interval_start``, ``interval_end`` (the same two times, on the scale of the breaks) and ``person_time``. The index repeats that
        of ``data``, so that pieces of one row are found again. To split on several scales, split the result again.

    Raises
    ------
    DataError
        Breaks that do not rise, or a name in ``band`` that exists.
    FollowUpError, EventCodeError
        As `follow_up`.

    Notes
    -----
    The sum of person-time and the number of events are those of ``data``. A person whose event falls on a break has it in the piece
    that ends there.

    References
    ----------
    Carstensen B, Plummer M. Using Lexis objects for multi-state models in R. J Stat Softw 2011;38(6). doi:10.18637/jss.v038.i06

    Examples
    --------
    >>> one = pd.DataFrame({"in": [38.0], "out": [52.0], "ls": [1]})
    >>> split_person_time(one, entry="in", exit="out", event="ls", breaks=[40, 50])[["in", "out", "ls", "person_time"]].values.tolist()
    [[38.0, 40.0, 0.0, 2.0], [40.0, 50.0, 0.0, 10.0], [50.0, 52.0, 1.0, 2.0]]
    """
    require_rows(data, [entry, exit, event, origin])
    twice = data.columns[data.columns.duplicated()]
    if len(twice):
        raise DataError(f"'{twice[0]}' is the name of several columns; rename or leave out the others.")
    cuts = _cuts(breaks)
    if origin is not None and {entry, exit} & {"interval_start", "interval_end"}:
        raise DataError("interval_start and interval_end are made anew on the scale of the breaks: name other columns with origin=.")
    if band is not None and band in data.columns:
        raise DataError(f"band='{band}': the table has a column of that name already.")
    times = follow_up(exit=data[exit], event=data[event], entry=data[entry], kinds=None, names=(entry, exit, event))
    zero = None if origin is None else _origin(data[origin], origin)
    start, stop = (times.entry, times.exit) if zero is None else (times.entry - zero, times.exit - zero)
    first = np.searchsorted(cuts, start, side="right")
    pieces = np.searchsorted(cuts, stop, side="left") - first + 1
    end = np.cumsum(pieces)
    begin = end - pieces
    at: npt.NDArray[Any] = np.arange(int(end[-1]), dtype=np.int32 if end[-1] < 2**31 else np.int64)
    at += np.repeat((first - begin).astype(at.dtype), pieces)
    # a piece ends at the edge of its band, but the first begins and the last ends with the person
    low, high = np.concatenate([[-np.inf], cuts])[at], np.append(cuts, np.inf)[at]
    low[begin], high[end - 1] = start, stop
    made = {"interval_start": low, "interval_end": high, "person_time": high - low}
    shift = None if zero is None else np.repeat(zero, pieces)
    moved = [edge.copy() if shift is None else edge + shift for edge in (low, high)]
    moved[0][begin], moved[1][end - 1] = times.entry, times.exit  # to the last digit
    code = np.zeros(len(at), dtype=times.event.dtype)
    code[end - 1] = times.event
    own = {entry: moved[0], exit: moved[1], event: code}
    kept = {name: own[name] if name in own else data[name].array.repeat(pieces) for name in data.columns if name in own or name not in made}
    labels = {} if band is None else {band: _bands(cuts, at)}
    return pd.DataFrame({**kept, **made, **labels}, index=data.index.repeat(pieces), copy=False)  # the arrays are ours


def _cuts(breaks: Any) -> Floats:
    cuts = np.atleast_1d(np.asarray(breaks, dtype=np.float64))
    if cuts.ndim != 1 or not len(cuts) or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise DataError("breaks: expected at least one number, all finite and rising.")
    return cuts


def _origin(values: pd.Series, name: str) -> Floats:
    zero = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = int((~np.isfinite(zero)).sum())
    if wrong:
        raise DataError(f"{name}: {wrong} of {len(zero)} values are missing or not numbers; the scale has no zero there.")
    return zero


def _bands(cuts: Floats, at: npt.NDArray[Any]) -> pd.Categorical:
    texts = [f"{cut:g}" for cut in cuts]
    labels = [f"< {texts[0]}", *(f"[{a}, {b})" for a, b in pairwise(texts)), f">= {texts[-1]}"]
    return pd.Categorical.from_codes(at, pd.Index(labels), ordered=True)  # type: ignore[arg-type]
