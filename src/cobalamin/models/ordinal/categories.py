"""The ordered outcome: its categories in order, and the category of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, list_names
from cobalamin.models.grouping import label_of
from cobalamin.models.matrix.columns import plain_numbers
from cobalamin.models.matrix.matrix import Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
MOST_CATEGORIES = 1000  # the variance of all cut-points is one dense matrix


@dataclass(frozen=True, eq=False)
class Categories:
    """The categories of an ordered outcome that occur in the rows used.

    Attributes
    ----------
    labels : tuple of str, length k
        Lowest first.
    scores : ndarray, shape (k,)
        The numbers themselves, or 1, 2, ..., k for labels.
    numeric : bool
        Whether the outcome is a number.
    code : ndarray of int, shape (n,)
        Category of each row, 0 to k - 1; -1 in rows of weight 0 whose category no other row has.
    notes : tuple of str
        Declared levels without rows.
    """

    labels: tuple[str, ...]
    scores: Floats
    numeric: bool
    code: Ints
    notes: tuple[str, ...] = ()

    @property
    def thresholds(self) -> tuple[str, ...]:
        """Names of the cut-points, ``"lower|higher"`` as in R."""
        return tuple(f"{a}|{b}" for a, b in zip(self.labels, self.labels[1:], strict=False))


def refuse_unordered(data: pd.DataFrame, name: str) -> None:
    """Refuse an outcome whose order is not known.

    Parameters
    ----------
    data : DataFrame
        The table.
    name : str
        The outcome as written in the formula; an expression passes (it is a number).

    Returns
    -------
    None
        Nothing; the outcome is a number, a boolean or an ordered Categorical.

    Raises
    ------
    DataError
        Text or an unordered Categorical.

    Examples
    --------
    >>> refuse_unordered(pd.DataFrame({"itch": [0, 1, 2]}), "itch")
    """
    if name not in data.columns:
        return
    column = plain_numbers(data[name].dropna())
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        if not kind.ordered:
            raise DataError(
                f"{name}: a Categorical without order; an ordinal model needs to know which level is lower. Check the order of its levels"
                f" and write data['{name}'] = data['{name}'].cat.as_ordered(), or .cat.reorder_categories([lowest, ..., highest],"
                " ordered=True)."
            )
    elif not pd.api.types.is_numeric_dtype(kind) and not column.map(lambda v: isinstance(v, bool | np.bool_)).all():
        raise DataError(
            f"{name}: the outcome is {kind}, whose order is not known (the alphabet is none). Write"
            f" data['{name}'] = pd.Categorical(data['{name}'], categories=[lowest, ..., highest], ordered=True)."
        )


def read_categories(matrix: Matrix, data: pd.DataFrame, used: Bools) -> Categories:
    """Read the ordered outcome of the rows of a matrix.

    Parameters
    ----------
    matrix : Matrix
        With its response.
    data : DataFrame
        The table it was made from.
    used : ndarray of bool, shape (n,)
        Rows of weight above zero; only their categories count.

    Returns
    -------
    Categories
        Categories that occur, in order.

    Raises
    ------
    DataError
        Fewer than two categories, or too many.
    """
    name = matrix.formula.response.strip("`")
    column: Any = data.loc[matrix.kept, name] if name in data.columns else pd.Series(np.asarray(matrix.response, dtype=np.float64))
    values, labels, numeric, notes = _levels(column, name, used)
    if len(labels) < 2:
        raise DataError(f"{name}: {len(labels)} category in the {int(used.sum())} rows used; an ordinal model needs two or more.")
    if len(labels) > MOST_CATEGORIES:
        raise DataError(
            f"{name}: {len(labels)} different values, more than {MOST_CATEGORIES}: with so many, treat the outcome as a continuous number"
            " (a linear model), or round it first."
        )
    scores = np.asarray(labels, dtype=np.float64) if numeric else np.arange(1.0, len(labels) + 1)
    return Categories(tuple(label_of(v) for v in labels), scores, numeric, values, notes)


def _levels(column: pd.Series[Any], name: str, used: Bools) -> tuple[Ints, list[Any], bool, tuple[str, ...]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = np.asarray(column.cat.codes, dtype=np.int64)
        found = np.unique(codes[used])
        empty = [str(v) for i, v in enumerate(column.cat.categories) if i not in set(found.tolist())]
        notes = (f"{name}: no rows with {list_names(empty)}; the model has no cut-point for it.",) if empty else ()
        return _positions(codes, found), [column.cat.categories[i] for i in found], False, notes
    flat = plain_numbers(column)
    numeric = pd.api.types.is_numeric_dtype(flat.dtype) and not pd.api.types.is_bool_dtype(flat.dtype)
    values = flat.to_numpy(dtype=np.float64)
    found_values = np.unique(values[used])
    return _positions(values, found_values), [v if numeric else bool(v) for v in found_values.tolist()], numeric, ()


def _positions(values: npt.NDArray[Any], found: npt.NDArray[Any]) -> Ints:
    if not len(found):
        return np.full(len(values), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(found, values), len(found) - 1)
    return np.where(found[place] == values, place, -1).astype(np.int64)
