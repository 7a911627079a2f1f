"""Columns of a data frame as descriptive methods need them: checked names, group labels, case weights."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingRowsWarning, list_names
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
OVERALL = "Overall"
MOST_GROUPS = 30  # curves or table columns that can still be read


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows sorted into labelled groups.

    Attributes
    ----------
    name : str
        Name of the grouping column, or of several joined by ``" x "``; empty without grouping.
    labels : tuple of str
        Group labels in order.
    code : ndarray of int, shape (n,)
        Position of each row's label; -1 where it is missing.
    declared : bool
        Whether the labels are categories that somebody declared (a Categorical column), not values found in rows.
    """

    name: str
    labels: tuple[str, ...]
    code: Ints
    declared: bool = False


def require_rows(data: pd.DataFrame, names: Iterable[str | None]) -> None:
    """Refuse an empty table and names that are not its columns.

    Parameters
    ----------
    data : DataFrame
        The table.
    names : iterable of str or None
        Column names; None is passed over.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    ColumnNotFoundError
        A name that is not a column, with the nearest one.
    DataError
        A table without rows.
    """
    require_columns(data, [name for name in names if name is not None])
    if not len(data):
        raise DataError("The table has no rows: nobody to describe. Check the eligibility steps that made it.")


def group_by(data: pd.DataFrame, by: str | Sequence[str] | None, most: int | None = None) -> Grouping:
    """Sort the rows into groups.

    Parameters
    ----------
    data : DataFrame
        The table.
    by : str, sequence of str or None
        Grouping column or columns.
    most : int, optional
        Refuse more groups than this.

    Returns
    -------
    Grouping
        Categories in their own order, everything else sorted; only labels that occur. One group ``Overall`` without ``by``.

    Raises
    ------
    DataError
        More groups than ``most``.
    """
    if by is None:
        return Grouping("", (OVERALL,), np.zeros(len(data), dtype=np.int64))
    names = [by] if isinstance(by, str) else list(by)
    parts = [label_codes(data[name], name) for name in names]
    joint, labels = parts[0]
    for code, more in parts[1:]:
        joint = np.where((joint < 0) | (code < 0), -1, joint * len(more) + code)
        labels = [f"{a}, {b}" for a in labels for b in more]
    found = np.unique(joint[joint >= 0])
    if most is not None and len(found) > most:
        raise DataError(f"by: {' x '.join(names)} makes {len(found)} groups, at most {most} can be shown; cut a number into classes first.")
    declared = all(isinstance(data[name].dtype, pd.CategoricalDtype) for name in names)
    return Grouping(" x ".join(names), tuple(labels[i] for i in found), np.where(joint < 0, -1, np.searchsorted(found, joint)), declared)


def said(labels: Sequence[str], *, declared: bool, noun: str = "group") -> str:
    """Return groups as a message may name them: a value found in rows may be a person's.

    Parameters
    ----------
    labels : sequence of str
        Labels of the groups.
    declared : bool
        Whether they are declared categories.
    noun : str
        What they are.

    Returns
    -------
    str
        The labels, or how many there are.

    Examples
    --------
    >>> said(["no", "yes"], declared=True), said(["17", "31"], declared=False), said(["17"], declared=False, noun="stratum")
    ('no, yes', '2 groups', '1 stratum')
    """
    if declared:
        return list_names(labels)
    return f"{len(labels)} {noun if len(labels) == 1 else 'strata' if noun == 'stratum' else noun + 's'}"


def label_codes(column: pd.Series[Any], name: str) -> tuple[Ints, list[str]]:
    """Return the position of each value's label (-1 = missing) and the labels.

    Parameters
    ----------
    column : Series
        Categorical, text, boolean or number.
    name : str
        Its name, for messages.

    Returns
    -------
    codes : ndarray of int, shape (n,)
        Positions.
    labels : list of str
        Labels; a whole number without its decimal point, booleans as ``no`` and ``yes``.

    Raises
    ------
    DataError
        Two different values with the same label (as 1 and "1").
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = np.asarray(column.cat.codes, dtype=np.int64), list(column.cat.categories)
    else:
        codes, found = _factorize(column, name)
        values = list(found)
    labels = [label_of(value) for value in values]
    if len(set(labels)) < len(labels):
        raise DataError(f"{name}: two different values have the same label (as the number 1 and the text '1'); give the column one type.")
    return codes, labels


def _factorize(column: pd.Series[Any], name: str) -> tuple[Ints, Any]:
    try:
        codes, found = pd.factorize(column, sort=True)
    except TypeError as error:
        raise DataError(f"{name}: numbers and text are mixed; give the column one type.") from error
    return np.asarray(codes, dtype=np.int64), found


def label_of(value: Any) -> str:
    """Return how a value is written in a table.

    Parameters
    ----------
    value : object
        A number, text or boolean.

    Returns
    -------
    str
        Its label.

    Examples
    --------
    >>> label_of(2.0), label_of(True), label_of("former")
    ('2', 'yes', 'former')
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def case_weights(data: pd.DataFrame, weights: str | None) -> Floats:
    """Return the weight of each row, NaN where it is missing.

    Parameters
    ----------
    data : DataFrame
        The table.
    weights : str or None
        Column of weights; 1 for everybody without it.

    Returns
    -------
    ndarray, shape (n,)
        Weights, none negative.

    Raises
    ------
    DataError
        Negative, infinite or text weights.
    """
    if weights is None:
        return np.ones(len(data))
    try:
        values = np.asarray(pd.to_numeric(data[weights]), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{weights}: weights must be numbers; got text.") from error
    bad = (values < 0) | np.isinf(values)
    if bad.any():
        raise DataError(f"{weights}: {int(bad.sum())} of {len(values)} weights are negative or infinite; expected numbers >= 0.")
    return values


def read_moments(times: Any) -> Floats:
    """Return the times at which a curve is asked for.

    Parameters
    ----------
    times : float or sequence of float
        One time or several.

    Returns
    -------
    ndarray, shape (moments,)
        Numbers; a missing one is NaN.

    Raises
    ------
    DataError
        Something other than numbers.

    Examples
    --------
    >>> read_moments(2).tolist()
    [2.0]
    """
    try:
        return np.atleast_1d(np.asarray(times, dtype=np.float64))
    except (TypeError, ValueError):
        raise DataError("times: expected a number or a sequence of numbers, in the unit of the follow-up.") from None


def whole(weights: Floats) -> bool:
    """Return whether all weights are whole numbers, so that weight 2 means two people.

    Parameters
    ----------
    weights : ndarray, shape (n,)
        Case weights.

    Returns
    -------
    bool
        True for counts, False for sampling or probability weights.
    """
    return bool((weights == np.floor(weights)).all())


def known_rows(missing: Mapping[str, Bools], purpose: str) -> Bools:
    """Return the rows with nothing missing, and warn once how many are left out and for which columns.

    Parameters
    ----------
    missing : mapping of str to ndarray of bool, shape (n,)
        Column name -> rows where it is missing.
    purpose : str
        What the rows are left out of, for the message.

    Returns
    -------
    ndarray of bool, shape (n,)
        Rows to use.
    """
    known: Bools = ~np.logical_or.reduce(list(missing.values()))
    if not known.all():
        why = list_names(f"{name} ({int(rows.sum())})" for name, rows in missing.items() if rows.any())
        text = f"{int((~known).sum())} of {len(known)} rows are left out of {purpose} because of missing values in {why}."
        warnings.warn(text, MissingRowsWarning, stacklevel=4)
    return known
