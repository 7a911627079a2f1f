"""The four kinds of value an expression can hold: number, condition, date and label; conversions refuse what would mislead."""

from __future__ import annotations

import ast
import datetime as dt
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cobalamin.core.errors import FormulaError, did_you_mean, list_names

Value: TypeAlias = Any  # a Series, a Python scalar, or None for "missing"


def kind_of(value: Value) -> str:
    """Return the kind of a value.

    Parameters
    ----------
    value : Series or scalar
        What an expression computed.

    Returns
    -------
    str
        ``"number"``, ``"condition"``, ``"date"``, ``"label"`` or ``"missing"`` (the result of ``missing()``).

    Examples
    --------
    >>> kind_of(pd.Series([1.0])), kind_of("female"), kind_of(True)
    ('number', 'label', 'condition')
    """
    if value is None:
        return "missing"
    if isinstance(value, pd.Series):
        if isinstance(value.dtype, pd.CategoricalDtype):
            return "label"
        return {"b": "condition", "f": "number", "M": "date"}.get(value.dtype.kind, "label")
    if isinstance(value, bool):
        return "condition"
    if isinstance(value, str):
        return "label"
    return "date" if isinstance(value, dt.date) else "number"


def column_value(column: pd.Series[Any]) -> pd.Series[Any]:
    """Bring a column of a table to one of the four kinds.

    Parameters
    ----------
    column : Series, shape (n,)
        Any column of a valid table.

    Returns
    -------
    Series, shape (n,)
        ``float64``, ``boolean``, ``datetime64`` at midnight, ``category`` or text.

    Raises
    ------
    FormulaError
        A date with a time zone: the day would depend on where it is read.

    Examples
    --------
    >>> column_value(pd.Series([True, False])).dtype
    BooleanDtype
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        return column if categories.dtype.kind not in "iufb" else column.astype(np.float64)
    kind = column.dtype.kind
    if kind == "b":
        return column.astype("boolean")
    if kind in "iuf":
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if kind == "M":
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            raise FormulaError(f"'{column.name}' holds times with a time zone; expected calendar dates.")
        return pd.Series(column.dt.normalize())
    return column


def as_number(value: Value, what: str) -> Value:
    """Take a value as a number; a condition counts 1 or 0.

    Parameters
    ----------
    value : Series or scalar
        Number or condition.
    what : str
        How messages call it.

    Returns
    -------
    Series of float64 or float

    Raises
    ------
    FormulaError
        Labels and dates are not numbers.

    Examples
    --------
    >>> as_number(pd.Series([True, None], dtype="boolean"), "x").tolist()
    [1.0, nan]
    """
    kind = kind_of(value)
    if kind == "missing":
        return np.nan
    if kind not in ("number", "condition"):
        raise FormulaError(f"{what}: expected a number, got {describe_kind(value)}.")
    if isinstance(value, pd.Series):
        return value if kind == "number" else pd.Series(value.to_numpy(dtype=np.float64, na_value=np.nan))
    return float(value)


def as_condition(value: Value, what: str) -> pd.Series[Any]:
    """Take a column as a condition; a number is one only when it holds nothing but 0 and 1.

    Parameters
    ----------
    value : Series, shape (n,)
        Condition, or a 0/1 column.
    what : str
        How messages call it.

    Returns
    -------
    Series of boolean, shape (n,)
        ``<NA>`` where not known.

    Raises
    ------
    FormulaError
        Anything else.

    Examples
    --------
    >>> as_condition(pd.Series([1.0, np.nan]), "x").tolist()
    [True, <NA>]
    """
    kind = kind_of(value)
    if kind == "condition":
        return pd.Series(value).astype("boolean")
    if kind == "number":
        known = value.notna()
        if value[known].isin([0.0, 1.0]).all():
            return pd.Series(pd.arrays.BooleanArray((value == 1).to_numpy(), ~known.to_numpy()), index=value.index)
    raise FormulaError(f"{what}: expected a condition such as 'age >= 18', got {describe_kind(value)}.")


def as_dates(value: Value, what: str) -> Value:
    """Take a value as a date; text is read as YYYY-MM-DD.

    Parameters
    ----------
    value : Series or scalar
        Dates, or one date as text.
    what : str
        How messages call it.

    Returns
    -------
    Series of datetime64 or Timestamp

    Raises
    ------
    FormulaError
        Text in another form, numbers or labels.

    Examples
    --------
    >>> as_dates("2004-02-29", "x")
    Timestamp('2004-02-29 00:00:00')
    """
    kind = kind_of(value)
    if kind == "missing":
        return pd.NaT
    if kind == "date":
        return value if isinstance(value, pd.Series) else pd.Timestamp(value)
    if isinstance(value, str):
        try:
            return pd.Timestamp(dt.date.fromisoformat(value))
        except ValueError:
            raise FormulaError(f"{what}: '{value[:40]}' is not a date; write it as 'YYYY-MM-DD'.") from None
    raise FormulaError(f"{what}: expected a date, got {describe_kind(value)}.")


def check_labels(a: Value, b: Value, operator: type[ast.cmpop], what: str) -> tuple[Value, Value]:
    """Turn two labels into numbers that are equal exactly when the labels are.

    Parameters
    ----------
    a, b : Series or str
        Columns of labels or text, or one label.
    operator : type
        ``ast.Eq`` or ``ast.NotEq``; labels have no order here.
    what : str
        How messages call the comparison.

    Returns
    -------
    tuple
        Two columns (or a column and a number) of codes; missing stays missing.

    Raises
    ------
    FormulaError
        An ordering of labels, or a label the column does not have: elsewhere that comparison would silently hold for nobody.

    Examples
    --------
    >>> sex = pd.Series(pd.Categorical(["female", None], categories=["female", "male"]))
    >>> check_labels(sex, "male", ast.Eq, "x")[1]
    1.0
    """
    if operator not in (ast.Eq, ast.NotEq):
        raise FormulaError(f"{what}: labels have no order; list the ones you mean: x in ['a', 'b'].")
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        one, other = a.astype(object), b.astype(object)
        codes = pd.factorize(pd.concat([one, other], ignore_index=True))[0].astype(np.float64)
        codes[codes < 0] = np.nan
        return pd.Series(codes[: len(one)]), pd.Series(codes[len(one) :])
    if isinstance(a, str) and isinstance(b, str):
        return 0.0, float(a != b)
    column, label = (a, b) if isinstance(a, pd.Series) else (b, a)
    return _codes(column, label, what)


def _codes(column: pd.Series[Any], label: str, what: str) -> tuple[pd.Series[Any], float]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return (column == label).fillna(False).astype(np.float64).where(column.notna()).astype(np.float64), 1.0
    known = [str(c) for c in column.cat.categories]
    if label not in known:
        raise FormulaError(f"{what}: there is no label '{label[:40]}'.{did_you_mean(label, known)} The labels are: {list_names(known)}.")
    codes = column.cat.codes.to_numpy().astype(np.float64)
    codes[codes < 0] = np.nan
    return pd.Series(codes), float(known.index(label))


def missing_of(kind: str, rows: int) -> pd.Series[Any]:
    """Return a column of that kind in which every row is missing.

    Parameters
    ----------
    kind : str
        As `kind_of`.
    rows : int
        Length.

    Returns
    -------
    Series, shape (rows,)

    Examples
    --------
    >>> missing_of("date", 1).tolist()
    [NaT]
    """
    dtype: Any = {"number": "float64", "condition": "boolean", "date": "datetime64[ns]", "label": object}[kind]
    return pd.Series(np.full(rows, None, dtype=object)).astype(dtype)


def describe_kind(value: Value) -> str:
    """Say in words what a value is, without showing any person's value.

    Parameters
    ----------
    value : Series or scalar
        Any value of an expression.

    Returns
    -------
    str
        For a message.

    Examples
    --------
    >>> describe_kind(pd.Series([1.0]))
    'a number'
    """
    kind = kind_of(value)
    if kind == "label" and isinstance(value, pd.Series) and isinstance(value.dtype, pd.CategoricalDtype):
        return f"a column of labels ({list_names(value.cat.categories, 5)})"
    return {"number": "a number", "condition": "a condition", "date": "a date", "label": "text", "missing": "missing()"}[kind]
