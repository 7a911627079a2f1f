"""Time zero: the day on which a person is eligible, exposed and under observation at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError
from cobalamin.design.records import Linked, Note, Rows, find_records, need_columns
from cobalamin.design.timeline import Floats, day_of, to_days


@dataclass(frozen=True, kw_only=True)
class TimeZero(Rows):
    """The rule that gives each person's time zero.

    Attributes
    ----------
    label : str
        In words: ``"first serum B12"``.
    on : date, optional
        The same calendar day for everyone.
    column : str
        A date column of the person table.
    on_or_after : tuple of date or str
        Dates, or date columns of the person table. With ``column`` time zero is the latest of them all; with a table it is the
        first row that counts on or after each of them. A person for whom one of these columns is empty has no time zero.

    Examples
    --------
    >>> TimeZero(table="lab_results", date="sample_date", where="analyte == 'b12'", on_or_after=("registration_date",)).kind
    'table'
    """

    label: str = ""
    on: dt.date | None = None
    column: str = ""
    on_or_after: tuple[dt.date | str, ...] = ()

    def __post_init__(self) -> None:
        if sum((self.on is not None, bool(self.column), bool(self.table))) != 1:
            raise DesignError("time zero: give exactly one of on (a date), column (of the person table) or table (first row that counts).")
        if self.table and not self.date:
            raise DesignError(f"time zero: say which column of table '{self.table}' holds the date.")
        if self.on is not None and self.on_or_after:
            raise DesignError("time zero: on_or_after has no meaning beside one fixed date.")

    @property
    def kind(self) -> str:
        """``"on"``, ``"column"`` or ``"table"``."""
        return "on" if self.on is not None else "column" if self.column else "table"


def time_zero_days(rule: TimeZero, people: pd.DataFrame, linked: Mapping[str, Linked]) -> tuple[Floats, tuple[Note, ...]]:
    """Apply the rule to every person.

    Parameters
    ----------
    rule : TimeZero
        The rule.
    people : DataFrame, shape (n, ...)
        One row per person.
    linked : mapping of str to Linked
        The dated tables.

    Returns
    -------
    days : ndarray, shape (n,)
        Days since 1970-01-01; NaN where the rule gives none.
    notes : tuple of Note
        Rows that could not be used.
    """
    if rule.on is not None:
        return np.full(len(people), day_of(rule.on)), ()
    limits = [_limit(limit, people) for limit in rule.on_or_after]
    earliest: Floats = np.maximum.reduce(limits) if limits else np.full(len(people), -np.inf)
    if rule.column:
        need_columns(people, [rule.column], "time zero", "people")
        return np.maximum(to_days(people[rule.column]), earliest), ()
    found = find_records(linked[rule.table], rule, "time zero")
    late = found.day >= earliest[found.person]
    days = np.full(len(people), np.inf)
    np.minimum.at(days, found.person[late], found.day[late])
    return np.where(np.isinf(days), np.nan, days), found.notes


def _limit(limit: dt.date | str, people: pd.DataFrame) -> Floats:
    if isinstance(limit, dt.date):
        return np.full(len(people), day_of(limit))
    need_columns(people, [limit], "time zero, on_or_after", "people")
    return to_days(people[limit])
