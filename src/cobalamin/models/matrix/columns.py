"""Columns of a table made ready for a model: numbers as float64, everything else as Categoricals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, list_names

Floats = npt.NDArray[np.float64]
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
DATES = ("date", "datetime", "datetime64", "timedelta", "timedelta64", "period", "time")
MOST_LEVELS = 50  # of a text column: more is a name, a number written as text, or free text
FOUND = "found in rows"  # name of categories that nobody declared, so that messages do not list them
MOST_SHOWN, FEWEST_ROWS = 5, 5  # levels are printed where they are few and none is rare: else they may be persons' values


def prepare_columns(data: pd.DataFrame, names: Sequence[str], categories: Mapping[str, tuple[Any, ...]] | None = None) -> pd.DataFrame:
    """Return the named columns as numbers or Categoricals only.

    Parameters
    ----------
    data : DataFrame
        Rows without missing values in ``names``.
    names : sequence of str
        Columns to take.
    categories : mapping of str to tuple, optional
        Levels to hold to (replay); a value outside them is refused.

    Returns
    -------
    DataFrame
        Numbers as float64; text, booleans and Categoricals as Categorical with the reference first and no unused level.

    Raises
    ------
    DataError
        Dates, complex numbers, mixed types, infinite numbers, blank or more than 50 levels of text, or a level that the coding does
        not know.

    Examples
    --------
    >>> prepare_columns(pd.DataFrame({"s": ["b", "a"]}), ["s"])["s"].cat.categories.tolist()
    ['a', 'b']
    """
    known = categories or {}
    ready = {name: _prepare(data[name], name, known.get(name), replay=categories is not None) for name in names}
    return pd.DataFrame(ready, index=pd.RangeIndex(len(data)), copy=False)


def plain_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of objects that are all numbers as float64, any other column as it is.

    Parameters
    ----------
    column : Series
        Values without missing ones.

    Returns
    -------
    Series
        The column.

    Examples
    --------
    >>> plain_numbers(pd.Series([1, 2.5], dtype=object)).dtype
    dtype('float64')
    """
    is_object = pd.api.types.is_object_dtype(column.dtype)
    return column.astype(np.float64) if is_object and pd.api.types.infer_dtype(column) in NUMBERS else column


def shown_levels(values: pd.Series[Any]) -> str:
    """Write the levels of a column for a message: by name where they are few and none is rare, else their number.

    Parameters
    ----------
    values : Series
        Values without missing ones.

    Returns
    -------
    str
        ``"no, yes"`` or ``"12 different values"``.

    Examples
    --------
    >>> shown_levels(pd.Series(["no", "yes"] * 5)), shown_levels(pd.Series(["no", "yes"]))
    ('no, yes', '2 different values')
    """
    counts = values.value_counts()
    counts = counts[counts > 0]
    if len(counts) <= MOST_SHOWN and counts.min() >= FEWEST_ROWS:
        return list_names(sorted(map(str, counts.index)))
    return f"{len(counts)} different value{'s' if len(counts) > 1 else ''}"


def _prepare(column: pd.Series[Any], name: str, levels: tuple[Any, ...] | None, *, replay: bool) -> Any:
    if levels is None:
        column = plain_numbers(column)
    kind = column.dtype
    _check_kind(column, name)
    is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    if replay and is_number != (levels is None):
        wanted = "numbers" if levels is None else f"a factor of {len(levels)} levels"
        raise DataError(f"{name}: expected {wanted} as when the model was fitted; got {kind}.")
    if is_number:
        return _numbers(column, name)
    if levels is not None:
        return _known_levels(column, name, levels)
    if isinstance(kind, pd.CategoricalDtype):
        return pd.Categorical(column).remove_unused_categories()
    if pd.api.types.is_bool_dtype(kind):
        return pd.Categorical(column.astype(bool), categories=[False, True]).remove_unused_categories()
    try:
        levels_found = sorted(column.unique())
    except TypeError:
        raise DataError(f"{name}: holds values of mixed types; make it a number, text or Categorical first.") from None
    if len(levels_found) > MOST_LEVELS:
        raise DataError(
            f"{name}: text with {len(levels_found)} different values, more than {MOST_LEVELS}. If these are numbers write"
            f" pd.to_numeric(data['{name}']); if they are classes merge them or make the column a Categorical."
        )
    if pd.api.types.is_object_dtype(kind):  # as an array with levels of its own type, so that pandas guesses none
        return pd.Categorical(column.to_numpy(), categories=pd.Index(levels_found, dtype=object, name=FOUND))
    return pd.Categorical(column, categories=pd.Index(levels_found, name=FOUND))


def _check_kind(column: pd.Series[Any], name: str) -> None:
    """Refuse dates, complex numbers and blank text, which no coding could be right for."""
    kind = column.dtype
    held = pd.api.types.infer_dtype(column) if pd.api.types.is_object_dtype(kind) else ""
    if pd.api.types.is_complex_dtype(kind) or held == "complex":
        raise DataError(f"{name}: complex numbers cannot be a covariate; take their real part or their size first.")
    dates = pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind) or isinstance(kind, pd.PeriodDtype)
    if dates or held in DATES:
        raise DataError(f"{name}: a column of dates cannot be a covariate; derive a number (years since a date) first.")
    if not pd.api.types.is_numeric_dtype(kind):
        blank = int(column.map(lambda v: isinstance(v, str) and not v.strip()).astype(bool).sum())
        if blank:
            raise DataError(f"{name}: blank text in {blank} of {len(column)} rows; make it missing (pd.NA) or give the level a name.")


def _numbers(column: pd.Series[Any], name: str) -> Floats:
    values = column.to_numpy(dtype=np.float64)
    # a sum is infinite or NaN only if a value is (or overflows): the exact count is made in that rare case
    if not np.isfinite(values.sum()):
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise DataError(f"{name}: {infinite} of {len(values)} values are infinite; mend or leave out these rows.")
    return values


def _known_levels(column: pd.Series[Any], name: str, levels: tuple[Any, ...]) -> pd.Categorical:
    coded = pd.Categorical(column, categories=list(levels))
    unseen = int((coded.codes < 0).sum())
    if unseen:
        raise DataError(f"{name}: {unseen} of {len(coded)} rows have a level the model has not seen; it knows {len(levels)} levels.")
    return coded
