"""Applying an instrument to a table: items in, components and total out; missing items stay missing until one line decides."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, did_you_mean, list_names
from cobalamin.scores.registry import get_score
from cobalamin.scores.score import READ, SECONDARY, Item, Score

Floats = npt.NDArray[np.float64]
POLICIES = ("none", "prorate", "zero")


def score(
    instrument: str | Score,
    data: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    missing: str = "none",
    most_missing: int = 0,
) -> pd.DataFrame:
    """Compute the components and the total of an instrument.

    Parameters
    ----------
    instrument : str or Score
        Name (`scores` lists them) or an instrument of your own.
    data : DataFrame, shape (n, ...)
        One row per assessment, one column per item; each item from 0 to its highest grade.
    columns : mapping of str to str, optional
        Item name to column name, for items whose column is called otherwise.
    missing : {"none", "prorate", "zero"}
        What a total is when items are missing. ``"none"``: missing. ``"prorate"``: mean of the items answered times their number.
        ``"zero"``: missing items count 0. The two last need ``most_missing``.
    most_missing : int
        Most items of the instrument that may be missing; with more the total is missing. A component needs at least one item answered.

    Returns
    -------
    DataFrame, shape (n, components + 2)
        Index of ``data``; ``<name>_<component>`` for each part, ``<name>`` for the total, ``<name>_missing`` the number of missing items.

    Raises
    ------
    ColumnNotFoundError
        A column of an item is not in the table.
    DataError
        An item is not a number, is out of its range or not whole; or the policy is not known or not complete.

    Examples
    --------
    >>> visit = pd.DataFrame({f"gunthert_{f}": [g] for f, g in zip(
    ...     ["erosions", "hyperkeratosis", "fissures", "agglutination", "stenosis", "atrophy"], [0, 2, 1, 1, 0, 2])})
    >>> score("gunthert", visit)["gunthert"].tolist()
    [6.0]
    """
    made = get_score(instrument)
    _check_policy(made, missing, most_missing)
    values = np.column_stack([_item(data, item, column, made.whole) for item, column in _columns(made, data, columns).items()])
    usable = np.isnan(values).sum(axis=1) <= most_missing
    parts = {f"{made.name}_{name}": [made.items.index(item) for item in items] for name, items in made.components.items()}
    groups = {**parts, made.name: list(range(len(made.items)))}
    out = {name: _total(values[:, places], usable, missing) for name, places in groups.items()}
    return pd.DataFrame({**out, f"{made.name}_missing": np.isnan(values).sum(axis=1)}, index=data.index)


def score_bands(instrument: str | Score, total: pd.Series, *, accept_unverified: bool = False) -> pd.Series:
    """Name the band that each total falls into.

    Parameters
    ----------
    instrument : str or Score
        An instrument that has bands.
    total : Series, shape (n,)
        Totals.
    accept_unverified : bool
        Must be True for limits that were not verified in a source: they are a convention, not a fact.

    Returns
    -------
    Series of ordered Categorical, shape (n,)
        Missing where the total is.

    Raises
    ------
    DataError
        The instrument has no bands, its bands are unverified, or a total is out of range.

    Examples
    --------
    >>> score_bands("dlqi", pd.Series([1.0, 12.0])).tolist()
    ['no effect', 'very large effect']
    """
    made = get_score(instrument)
    bands = made.bands
    if bands is None:
        raise DataError(f"{made.title}: no bands of severity are known. Give cut-offs of your own, with their source, by pandas.cut.")
    if bands.fact.status not in (READ, SECONDARY) and not accept_unverified:
        raise DataError(
            f"{made.title}: the limits of its bands are {bands.fact.status}. Pass accept_unverified=True to use them, and say so."
        )
    values = pd.to_numeric(total).to_numpy(dtype=np.float64, na_value=np.nan)
    outside = int(((values < 0) | (values > made.high)).sum())
    if outside:
        raise DataError(f"{made.title}: {outside} of {len(values)} totals are outside 0 to {made.high}.")
    codes = np.where(np.isnan(values), -1, np.searchsorted(bands.lower, values, side="right") - 1)
    return pd.Series(pd.Categorical.from_codes((codes).tolist(), pd.Index(bands.labels), ordered=True), index=total.index)


def _check_policy(made: Score, missing: str, most_missing: int) -> None:
    if missing not in POLICIES:
        raise DataError(f"missing='{missing}': expected one of {list_names(POLICIES)}.{did_you_mean(missing, POLICIES)}")
    if not 0 <= most_missing < len(made.items):
        raise DataError(f"most_missing={most_missing}: {made.title} has {len(made.items)} items; expected 0 to {len(made.items) - 1}.")
    if (missing == "none") != (most_missing == 0):
        raise DataError(
            f"missing='{missing}' with most_missing={most_missing}: to fill in missing items name both the rule"
            " (missing='prorate' or 'zero') and how many may be missing (most_missing=1, ...)."
        )


def _columns(made: Score, data: pd.DataFrame, columns: Mapping[str, str] | None) -> dict[Item, str]:
    given = dict(columns or {})
    names = [item.name for item in made.items]
    for name in given:
        if name not in names:
            raise DataError(f"columns: {made.title} has no item '{name}'.{did_you_mean(name, names)} Items: {list_names(names, 15)}.")
    wanted = {item: given.get(item.name, item.name) for item in made.items}
    absent = [column for column in wanted.values() if column not in data.columns]
    if absent:
        raise ColumnNotFoundError(
            f"{made.title}: {len(absent)} of {len(names)} item columns are not in the table: {list_names(absent)}."
            " Map your columns with columns={'item': 'your column'}."
        )
    twice = sorted({column for column in wanted.values() if list(wanted.values()).count(column) > 1})
    if twice:
        raise DataError(f"columns: {list_names(twice)} stands for more than one item of {made.title}.")
    return wanted


def _item(data: pd.DataFrame, item: Item, column: str, whole: bool) -> Floats:
    raw = data[column]
    values = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = int((np.isnan(values) & raw.notna().to_numpy()).sum())
    if text:
        raise DataError(f"{column}: {text} of {len(values)} values are not numbers; expected 0 to {item.high}.")
    outside = int(((values < 0) | (values > item.high)).sum())
    if outside:
        raise DataError(
            f"{column}: {outside} of {len(values)} values are outside 0 to {item.high} ({item.title}). Declare missing codes in the"
            " data dictionary, or mend the values."
        )
    broken = int((values[~np.isnan(values)] % 1 != 0).sum())
    if broken and whole:
        raise DataError(f"{column}: {broken} of {len(values)} values are not whole grades; expected 0, 1, ... {item.high} ({item.title}).")
    return values


def _total(values: Floats, usable: npt.NDArray[np.bool_], missing: str) -> Floats:
    known = ~np.isnan(values)
    answered, n = known.sum(axis=1), values.shape[1]
    total = np.where(known, values, 0.0).sum(axis=1)
    if missing == "prorate":
        total = np.divide(total * n, answered, out=np.full(len(total), np.nan), where=answered > 0)
    complete = usable & ((answered == n) if missing == "none" else (answered > 0))
    return np.where(complete, total, np.nan)
