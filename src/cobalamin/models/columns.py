"""Columns of a table made ready for a model: numbers as float64, everything else as Categoricals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, list_names

Floats = npt.NDArray[np.float64]


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
        Dates, mixed types, infinite numbers, or a level that the coding does not know.

    Examples
    --------
    >>> prepare_columns(pd.DataFrame({"s": ["b", "a"]}), ["s"])["s"].cat.categories.tolist()
    ['a', 'b']
    """
    known = categories or {}
    ready = {name: _prepare(data[name], name, known.get(name), replay=categories is not None) for name in names}
    return pd.DataFrame(ready, index=pd.RangeIndex(len(data)), copy=False)


def _prepare(column: pd.Series[Any], name: str, levels: tuple[Any, ...] | None, *, replay: bool) -> Any:
    kind = column.dtype
    is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    if replay and is_number != (levels is None):
        wanted = "numbers" if levels is None else f"the levels {list_names(levels)}"
        raise DataError(f"{name}: expected {wanted} as when the model was fitted; got {kind}.")
    if is_number:
        return _numbers(column, name)
    if levels is not None:
        return _known_levels(column, name, levels)
    if isinstance(kind, pd.CategoricalDtype):
        return pd.Categorical(column).remove_unused_categories()
    if pd.api.types.is_bool_dtype(kind):
        return pd.Categorical(column.astype(bool), categories=[False, True]).remove_unused_categories()
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise DataError(f"{name}: a column of dates cannot be a covariate; derive a number (years since a date) first.")
    try:
        return pd.Categorical(column, categories=sorted(column.unique()))
    except TypeError:
        raise DataError(f"{name}: holds values of mixed types; make it a number, text or Categorical first.") from None


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
        raise DataError(f"{name}: {unseen} of {len(coded)} rows have a level the model has not seen; it knows {list_names(levels)}.")
    return coded
