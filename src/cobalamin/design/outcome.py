"""The outcome and the competing events: the first day on which each is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError, EventCodeError, list_names
from cobalamin.core.followup import follow_up
from cobalamin.design.records import Linked, Note, Rows, find_records, need_columns
from cobalamin.design.timeline import Floats, to_days


@dataclass(frozen=True, kw_only=True)
class Event(Rows):
    """Something that happens once, at its first record.

    Attributes
    ----------
    name : str
        Label of the event in tables and figures.
    column : str
        Instead of a table: a column of the person table. A date in a register study; 0/1 in a flat one.
    """

    name: str
    column: str = ""

    def __post_init__(self) -> None:
        if bool(self.column) == bool(self.table):
            raise DesignError(f"'{self.name}': give either a column of the person table, or a table with its date (and codes).")
        if self.table and not self.date:
            raise DesignError(f"'{self.name}': say which column of table '{self.table}' holds the date.")
        if self.table and self.codes is None and not self.where:
            raise DesignError(f"'{self.name}': say which rows of table '{self.table}' count, by codes or where.")


@dataclass(frozen=True, kw_only=True)
class Outcome(Event):
    """The outcome of the study: event 1.

    Examples
    --------
    >>> Outcome(name="lichen sclerosus", table="diagnoses", date="diagnosis_date", codes=("L90.0",)).name
    'lichen sclerosus'
    """


@dataclass(frozen=True, kw_only=True)
class Competing(Event):
    """An event after which the outcome can no longer be seen: event 2, 3, ... in the order given.

    Examples
    --------
    >>> Competing(name="death", column="death_date").column
    'death_date'
    """


def first_days(event: Event, people: pd.DataFrame, linked: Mapping[str, Linked]) -> tuple[Floats, tuple[Note, ...]]:
    """Find the first day of an event for every person.

    Parameters
    ----------
    event : Event
        What counts.
    people : DataFrame, shape (n, ...)
        One row per person.
    linked : mapping of str to Linked
        The dated tables.

    Returns
    -------
    days : ndarray, shape (n,)
        Days since 1970-01-01; NaN where the event is not recorded.
    notes : tuple of Note
        Rows that could not be used.

    Raises
    ------
    DesignError
        A column that holds no dates.
    """
    if event.column:
        need_columns(people, [event.column], event.name, "people")
        if people[event.column].dtype.kind != "M":
            raise DesignError(
                f"'{event.name}': column '{event.column}' holds no dates; a 0/1 column needs [design.follow_up] with an exit."
            )
        return to_days(people[event.column]), ()
    found = find_records(linked[event.table], event, event.name)
    days = np.full(len(people), np.inf)
    np.minimum.at(days, found.person, found.day)
    return np.where(np.isinf(days), np.nan, days), found.notes


def event_flags(event: Event, people: pd.DataFrame) -> Floats:
    """Read the 0/1 column of an event.

    Parameters
    ----------
    event : Event
        With ``column``.
    people : DataFrame, shape (n, ...)
        One row per person.

    Returns
    -------
    ndarray, shape (n,)
        0, 1 or NaN where not known.

    Raises
    ------
    DesignError
        The event is not a column.
    EventCodeError
        Anything but 0 and 1; the common 1/2 coding is named.
    """
    if not event.column:
        raise DesignError(f"'{event.name}': a study with [design.follow_up] needs a 0/1 column of the person table.")
    need_columns(people, [event.column], event.name, "people")
    column = people[event.column]
    if column.dtype.kind not in "biuf":
        labels = f" ({list_names(column.cat.categories, 4)})" if isinstance(column.dtype, pd.CategoricalDtype) else ""
        raise EventCodeError(
            f"{event.column}: expected 0 (no event) or 1 (event), got a column of {column.dtype}{labels}. "
            f"Derive one, for example: where({event.column} == 'label of the event', 1, 0)."
        )
    flags: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(flags)
    follow_up(exit=np.ones(int(known.sum())), event=flags[known], names=("entry", "exit", event.column))
    return flags
