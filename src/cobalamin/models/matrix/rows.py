"""Which rows of a table a model uses, and what it says about the others."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    DesignError,
    MissingRowsWarning,
    MissingValuesError,
    did_you_mean,
    list_names,
)

Bools = npt.NDArray[np.bool_]
Missing = Literal["drop", "error"]


def require_columns(data: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse what is not a data frame, and names that are not columns of the data, or that several columns have.

    Parameters
    ----------
    data : DataFrame
        The table.
    names : iterable of str
        Names that must be columns.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    ColumnNotFoundError
        The first absent name, with the nearest column.
    DataError
        Another kind of table, or a name that several columns have.

    Examples
    --------
    >>> require_columns(pd.DataFrame({"age": [1]}), ["age"])
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    unique = data.columns.is_unique
    for name in names:
        if name not in data.columns:
            columns = [str(c) for c in data.columns]
            raise ColumnNotFoundError(
                f"there is no column '{name}'.{did_you_mean(str(name), columns)} The columns are: {list_names(columns)}."
            )
        if not unique and (times := int((data.columns == name).sum())) > 1:
            raise DataError(f"'{name}' is the name of {times} columns; rename or leave out the others.")


def refuse_follow_up(variables: Iterable[str], *follow: str | None) -> None:
    """Refuse a formula that explains follow-up by itself.

    Parameters
    ----------
    variables : iterable of str
        Columns that the formula uses.
    *follow : str or None
        Columns of the end, the event and the start of follow-up.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DesignError
        A column of the follow-up is among the covariates.

    Examples
    --------
    >>> refuse_follow_up(["age"], "exit", "event", None)
    """
    found = [name for name in dict.fromkeys(variables) if name in follow]
    if found:
        raise DesignError(
            f"formula: uses {list_names(found)}, by which the follow-up is given, so it would explain the outcome by itself. Leave it out:"
            " age at entry goes into a column of its own, and for a coefficient that changes with time split the rows first"
            " (split_at_events)."
        )


def complete_rows(data: pd.DataFrame, names: Sequence[str], inside: Bools | None = None) -> tuple[Bools, dict[str, int], int]:
    """Find the rows without missing values.

    Parameters
    ----------
    data : DataFrame
        The table.
    names : sequence of str
        Columns that must be present in a row.
    inside : ndarray of bool, optional
        Rows to consider.

    Returns
    -------
    kept : ndarray of bool
        Rows considered and complete.
    counts : dict of str to int
        Missing values per column among the rows considered, where there are any.
    n_missing : int
        Rows considered and incomplete.

    Raises
    ------
    DataError
        No rows at all.
    MissingValuesError
        A column without any value.

    Examples
    --------
    >>> complete_rows(pd.DataFrame({"a": [1.0, None]}), ["a"])[1:]
    ({'a': 1}, 1)
    """
    considered = np.ones(len(data), dtype=bool) if inside is None else inside
    total = int(considered.sum())
    if total == 0:
        raise DataError("data: there are no rows to fit." if inside is None else "data: the domain has no rows.")
    kept, counts = considered.copy(), {}
    for name in names:
        absent = data[name].isna().to_numpy() & considered
        n = int(absent.sum())
        if n == total:
            raise MissingValuesError(f"{name}: all {n} values are missing; nothing can be estimated from it.")
        if n:
            counts[str(name)] = n
            kept &= ~absent
    return kept, counts, total - int(kept.sum())


def report_missing(counts: Mapping[str, int], n_missing: int, n_kept: int, missing: Missing) -> None:
    """Warn of, or refuse, rows with missing values.

    Parameters
    ----------
    counts : mapping of str to int
        Missing values per column.
    n_missing, n_kept : int
        Rows left out and rows that stay.
    missing : {"drop", "error"}
        The stated policy.

    Returns
    -------
    None
        Nothing.

    Raises
    ------
    MissingValuesError
        With ``missing="error"``, or where no complete row is left.
    DataError
        A policy of another name.

    Warns
    -----
    MissingRowsWarning
        With ``missing="drop"``.
    """
    if missing not in ("drop", "error"):
        raise DataError(f"missing: got {missing!r}; expected 'drop' or 'error'.")
    if not n_missing:
        return
    text = f"{n_missing} of {n_missing + n_kept} rows have missing values: {counted(counts)}"
    if missing == "error":
        raise MissingValuesError(f'{text}. Mend, impute or leave out these rows, or state missing="drop".')
    if n_kept == 0:
        raise MissingValuesError(f"{text}; no complete row is left.")
    warnings.warn(f"{text}. The model uses the {n_kept} complete rows.", MissingRowsWarning, stacklevel=4)


def counted(counts: Mapping[str, int]) -> str:
    """Write counts by name for a message.

    Parameters
    ----------
    counts : mapping of str to int
        Counts; zeros are not shown.

    Returns
    -------
    str
        ``"bmi (12), age (3)"``.

    Examples
    --------
    >>> counted({"bmi": 12, "age": 0})
    'bmi (12)'
    """
    return list_names([f"{name} ({n})" for name, n in counts.items() if n], most=12)
