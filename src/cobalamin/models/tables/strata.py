"""Counting people or person-time by exposure and outcome within strata."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingRowsWarning, list_names
from cobalamin.models.grouping import require_rows
from cobalamin.models.tables.counts import counts

Floats = npt.NDArray[np.float64]


def stratified_counts(data: pd.DataFrame, columns: Mapping[str, Any], rates: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Count the four cells of every stratum.

    Parameters
    ----------
    data : DataFrame
        Rows of people.
    columns : mapping of str to str
        ``exposure``, ``outcome``, ``strata`` and ``person_time``.
    rates : bool
        Whether the second and fourth cell are person-time.

    Returns
    -------
    tuple of ndarray, shape (strata,)
        Cells a, b, c, d.

    Raises
    ------
    DataError
        A column that is not named, or not coded 0/1.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1, 1, 0, 0], "y": [1, 0, 1, 0], "s": [1, 1, 1, 1]})
    >>> names = {"exposure": "x", "outcome": "y", "strata": "s", "person_time": None}
    >>> [cell.tolist() for cell in stratified_counts(frame, names, False)]
    [[1.0], [1.0], [1.0], [1.0]]
    """
    needed = ["exposure", "outcome", "strata", *(["person_time"] if rates else [])]
    absent = [name for name in needed if columns.get(name) is None]
    if absent:
        raise DataError(f"mantel_haenszel: with a data frame name the columns {list_names(needed)}; missing: {list_names(absent)}.")
    strata = [columns["strata"]] if isinstance(columns["strata"], str) else list(columns["strata"])
    names = [columns["exposure"], columns["outcome"], *strata, *([columns["person_time"]] if rates else [])]
    require_rows(data, names)
    rows = _complete(data, names)
    exposed, event = (zero_one(rows[columns[k]], columns[k]) for k in ("exposure", "outcome"))
    code = rows.groupby(strata, observed=True, sort=True).ngroup().to_numpy()
    time = _time(rows[columns["person_time"]], event, columns["person_time"]) if rates else np.ones(len(rows))
    size = int(code.max()) + 1

    def total(which: npt.NDArray[np.bool_], value: Floats) -> Floats:
        return np.bincount(code[which], weights=value[which], minlength=size).astype(np.float64)

    one = np.ones(len(rows))
    if rates:
        return total(exposed & event, one), total(exposed, time), total(~exposed & event, one), total(~exposed, time)
    return total(exposed & event, one), total(exposed & ~event, one), total(~exposed & event, one), total(~exposed & ~event, one)


def _time(values: pd.Series, event: npt.NDArray[np.bool_], name: str) -> Floats:
    time = counts(values, name, whole=False)
    wrong = int((event & (time == 0)).sum())
    if wrong:
        raise DataError(f"{name}: {wrong} rows with events have no person-time.")
    return time


def zero_one(values: pd.Series, name: str) -> npt.NDArray[np.bool_]:
    """Return a column coded 0/1 or boolean as booleans.

    Parameters
    ----------
    values : Series
        No missing values.
    name : str
        For the message.

    Returns
    -------
    ndarray of bool
        True for 1.

    Raises
    ------
    DataError
        Anything else; the common 1/2 coding is named.

    Examples
    --------
    >>> zero_one(pd.Series([0, 1]), "x").tolist()
    [False, True]
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = int((~np.isin(numbers, [0.0, 1.0])).sum())
    if wrong:
        hint = " It looks coded 1/2: recode it, and say which is the exposed or the event." if set(np.unique(numbers)) == {1.0, 2.0} else ""
        raise DataError(f"{name}: {wrong} of {len(numbers)} values are not 0/1 or True/False.{hint}")
    return np.asarray(numbers == 1)


def _complete(data: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    rows = data[names].dropna()
    lost = len(data) - len(rows)
    if lost:
        which = [f"{name} ({int(data[name].isna().sum())})" for name in names if data[name].isna().any()]
        warnings.warn(f"{lost} of {len(data)} rows left out, missing: {list_names(which)}.", MissingRowsWarning, stacklevel=4)
    if not len(rows):
        raise DataError("no row is complete: nothing to count.")
    return rows
