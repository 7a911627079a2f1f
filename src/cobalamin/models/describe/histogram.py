"""Histograms that may be shown: round edges, and no bin with fewer people than a minimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.models.grouping import MOST_GROUPS, group_by, known_rows, require_rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# preferred numbers of ISO 3: round, and evenly spaced on a logarithmic axis
RENARD_40 = np.array(
    [
        *(1.0, 1.06, 1.12, 1.18, 1.25, 1.32, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.12, 2.24, 2.36, 2.5, 2.65, 2.8, 3.0),
        *(3.15, 3.35, 3.55, 3.75, 4.0, 4.25, 4.5, 4.75, 5.0, 5.3, 5.6, 6.0, 6.3, 6.7, 7.1, 7.5, 8.0, 8.5, 9.0, 9.5),
    ]
)


def histogram(
    data: pd.DataFrame,
    variable: str,
    *,
    bins: int = 20,
    by: str | None = None,
    log: bool = False,
    minimum: int = 10,
    unit: str = "",
) -> Estimates:
    """Count people in bins of a number.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person.
    variable : str
        Column of numbers.
    bins : int
        About how many bins before merging, 1 to 200.
    by : str, optional
        Grouping column: one histogram per group, on the same grid of edges.
    log : bool
        Edges evenly spaced on a logarithmic axis (positive numbers only).
    minimum : int
        Bins with fewer people are merged with their neighbours, tails first.
    unit : str
        Unit of the variable.

    Returns
    -------
    Estimates
        Rows ``histogram`` (``low <= value < high``, ``n`` people) and one row ``missing`` per group.

    Raises
    ------
    ColumnNotFoundError
        A name that is not a column.
    DataError
        Text, infinite values, nothing known, ``bins`` or ``minimum`` out of range, or values <= 0 with ``log``.

    Warns
    -----
    MissingRowsWarning
        Rows without a group.

    Notes
    -----
    A merged outer bin ends at the next number 1, 2 or 5 times a power of ten outwards, so the edge does not give away
    the smallest or largest value. A group with fewer than ``minimum`` people keeps one bin, which says no more than its size.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [31.0] * 12 + [45.0] * 20 + [88.0]})
    >>> histogram(people, "age", bins=5).frame.query("n > 0")[["low", "high", "n"]].values.tolist()
    [[30.0, 40.0, 12.0], [40.0, 100.0, 21.0]]
    """
    require_rows(data, [variable, by])
    if not (1 <= bins <= 200 and minimum >= 1):
        raise DataError(f"histogram: got bins={bins}, minimum={minimum}; expected 1 to 200 bins and a minimum of at least 1.")
    values = _values(data[variable], variable, log)
    known = ~np.isnan(values)
    edges = _edges(values[known], bins, log)
    grouping = group_by(data, by, MOST_GROUPS)
    known_rows({by or "": grouping.code < 0}, "the histogram")
    rows = []
    for i, label in enumerate(grouping.labels):
        member = grouping.code == i
        rows += _bins(values[member & known], edges, minimum, label)
        lost = int((member & ~known).sum())
        rows.append({"subgroup": label, "measure": "missing", "n": lost, "value": 100 * lost / member.sum()})
    return Estimates.from_rows(rows, analysis="distribution", context="summary", model=by or "", term=variable, unit=unit)


def _values(column: pd.Series[Any], name: str, log: bool) -> Floats:
    try:
        values = np.asarray(pd.to_numeric(column), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: a histogram needs numbers; got {column.dtype}.") from error
    if np.isinf(values).any() or np.isnan(values).all():
        raise DataError(
            f"{name}: {int(np.isinf(values).sum())} infinite and {int(np.isnan(values).sum())} missing of {len(values)} values."
        )
    if log and (values <= 0).any():
        raise DataError(f"{name}: {int((values <= 0).sum())} values are 0 or below, where a logarithm has no value; use log=False.")
    return values


def _edges(values: Floats, bins: int, log: bool) -> Floats:
    """Return round edges that cover all values: even over the bulk, one wide bin for far outliers on either side."""
    first, last = float(values.min()), float(values.max())
    grid = _even_edges(*_bulk(values, bins, log), bins) if not log else _log_edges(*_bulk(values, bins, log), bins)
    before = [outward(first, -1)] if first < grid[0] else []
    after = [outward(np.nextafter(last, np.inf), 1)] if last >= grid[-1] else []
    return np.array([*before, *grid, *after])


def _bulk(values: Floats, bins: int, log: bool) -> tuple[float, float]:
    """Return the range to divide evenly: all of it, or without the outermost 1 % where far outliers would fill it."""
    low, high = np.quantile(values, [0.01, 0.99])
    first, last = values.min(), values.max()
    near = np.log(last / first) <= 2 * np.log(high / low) if log else last - first <= 2 * (high - low)
    return (float(first), float(last)) if near or low == high else (float(low), float(high))


def _even_edges(low: float, high: float, bins: int) -> Floats:
    width = (high - low) / bins if high > low else max(abs(high), 1.0) / bins
    size = 10.0 ** np.floor(np.log10(width))
    step = min((m * size for m in (1.0, 2.0, 2.5, 5.0, 10.0)), key=lambda s: abs(np.log(s / width)))
    return np.asarray(np.round(np.arange(np.floor(low / step), np.floor(high / step) + 2) * step, 12))


def _log_edges(low: float, high: float, bins: int) -> Floats:
    decades = np.arange(np.floor(np.log10(low)), np.floor(np.log10(high)) + 2)
    wanted = bins / max(np.log10(high / low), 1e-9)
    stride = min((8, 4, 2, 1), key=lambda s: abs(np.log(40 / s / wanted)))
    grid = np.round(np.outer(10.0**decades, RENARD_40[::stride]).ravel(), 12)
    inside = slice(np.searchsorted(grid, low, side="right") - 1, np.searchsorted(grid, high, side="right") + 1)
    return np.asarray(grid[inside])


def outward(value: float, direction: int) -> float:
    """Return the nearest number 1, 2 or 5 times a power of ten at or beyond a value.

    Parameters
    ----------
    value : float
        Any number.
    direction : int
        -1 for at or below, 1 for at or above.

    Returns
    -------
    float
        The round number; 0 for 0.

    Examples
    --------
    >>> outward(37.0, -1), outward(1730.0, 1), outward(-3.0, -1)
    (20.0, 2000.0, -5.0)
    """
    if value == 0:
        return 0.0
    size = 10.0 ** np.floor(np.log10(abs(value)))
    steps = np.round(np.array([1.0, 2.0, 5.0, 10.0]) * size, 12)
    away = (value > 0) == (direction > 0)
    return float(np.sign(value) * (steps[steps >= abs(value)].min() if away else steps[steps <= abs(value)].max()))


def _bins(values: Floats, edges: Floats, minimum: int, label: str) -> list[dict[str, Any]]:
    if not len(values):
        return []
    counts = np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=len(edges) - 1)
    kept = merge(counts, minimum)
    low, high = edges[kept[:-1]], edges[kept[1:]]
    if counts[0] < minimum:
        low[0] = outward(low[0], -1)
    if counts[-1] < minimum:
        high[-1] = outward(high[-1], 1)
    sums = np.add.reduceat(counts, kept[:-1])
    return [{"subgroup": label, "measure": "histogram", "low": a, "high": b, "n": n} for a, b, n in zip(low, high, sums, strict=True)]


def merge(counts: Ints, minimum: int) -> Ints:
    """Return the edges to keep so that no bin has fewer than ``minimum`` people.

    Parameters
    ----------
    counts : ndarray of int, shape (m,)
        People per bin.
    minimum : int
        Fewest people per bin.

    Returns
    -------
    ndarray of int
        Positions of the kept edges, 0 and m among them; only these two where all people together are fewer.

    Examples
    --------
    >>> merge(np.array([2, 9, 30, 4, 8, 1]), 10).tolist()
    [0, 2, 3, 6]
    """
    kept, running = [0], 0
    for i, n in enumerate(counts):
        running += int(n)
        if running >= minimum:
            kept.append(i + 1)
            running = 0
    if len(kept) == 1:
        return np.array([0, len(counts)])
    kept[-1] = len(counts)  # what is left at the end joins the last bin
    return np.array(kept)
