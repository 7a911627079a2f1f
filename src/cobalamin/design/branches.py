"""Putting values of an expression together: a constant for every row, and the two branches of ``where``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import FormulaError
from cobalamin.design.values import Value, as_number, kind_of, missing_of


def join(parts: list[tuple[npt.NDArray[np.bool_], Value]], rows: int, what: str) -> pd.Series[Any]:
    """Put the branches of ``where`` together; rows in no branch stay missing.

    Parameters
    ----------
    parts : list of (mask, value)
        For each branch: its rows, shape (n,), and its value on those rows.
    rows : int
        How many rows there are, n.
    what : str
        For the message.

    Returns
    -------
    Series, shape (n,)

    Raises
    ------
    FormulaError
        Branches of different kinds.

    Examples
    --------
    >>> join([(np.array([True, False, False]), 1.0), (np.array([False, True, False]), 2.0)], 3, "x").tolist()
    [1.0, 2.0, nan]
    """
    kinds = {kind_of(value) for _, value in parts} - {"missing"}
    if kinds == {"number", "condition"}:
        parts, kinds = [(mask, as_number(value, what)) for mask, value in parts], {"number"}
    if len(kinds) > 1:
        raise FormulaError(f"{what}: the two values of where() are {' and '.join(sorted(kinds))}; they must be of one kind.")
    kind = kinds.pop() if kinds else "number"
    result = missing_of(kind, rows)
    labels: dict[str, None] = {}
    for mask, value in parts:
        piece = spread(value, int(mask.sum()))
        if kind == "label":
            labels |= dict.fromkeys(piece.cat.categories if isinstance(piece.dtype, pd.CategoricalDtype) else sorted(set(piece.dropna())))
            piece = piece.astype(object)
        if kind_of(value) != "missing":
            result.iloc[np.flatnonzero(mask)] = piece.to_numpy()
    return pd.Series(pd.Categorical(result, categories=list(labels))) if kind == "label" else result


def spread(value: Value, rows: int) -> pd.Series[Any]:
    """Return a constant as a column; a column unchanged.

    Parameters
    ----------
    value : Series or scalar
        Value of an expression.
    rows : int
        How many rows there are.

    Returns
    -------
    Series, shape (rows,)

    Examples
    --------
    >>> spread(2, 2).tolist()
    [2.0, 2.0]
    """
    if isinstance(value, pd.Series):
        return value
    if value is None:
        return missing_of("number", rows)
    if isinstance(value, bool):
        return pd.Series(np.full(rows, value), dtype="boolean")
    if isinstance(value, str):
        return pd.Series(pd.Categorical([value] * rows, categories=[value]))
    return pd.Series(np.full(rows, value)) if isinstance(value, pd.Timestamp) else pd.Series(np.full(rows, float(value)))
