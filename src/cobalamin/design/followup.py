"""Follow-up of each person: start, end, event, on the time scale of the design.

A person is at risk in ``(start, end]``: an event on the day follow-up starts is not seen, an event on its last day is. On the
same day the outcome comes before a competing event, and any event before censoring.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DesignError
from cobalamin.design.eligibility import Check
from cobalamin.design.order import ADMINISTRATIVE, Dates, check_at_risk, check_order, checks_after, checks_before
from cobalamin.design.outcome import event_flags, first_days
from cobalamin.design.records import Bools, Ints, Linked, Note, need_columns
from cobalamin.design.timeline import DAYS_PER_YEAR, Floats, birth_days, day_of, to_days, years_in_days
from cobalamin.design.timezero import TimeZero, time_zero_days

if TYPE_CHECKING:
    from cobalamin.design.design import Design


@dataclass(frozen=True, kw_only=True)
class Censoring:
    """When a person is under observation, apart from the events.

    Attributes
    ----------
    start : str
        Date column of the person table: first day under observation.
    columns : tuple of str
        Date columns of the person table that end observation (emigration, end of registration); empty cells end nothing.
    administrative_end : date, optional
        Last day of follow-up for everyone.
    """

    start: str = ""
    columns: tuple[str, ...] = ()
    administrative_end: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class GivenFollowUp:
    """Follow-up that the person table already holds (one row per person).

    Attributes
    ----------
    exit : str
        Column of the end of follow-up on the time scale of the design, in its unit.
    entry : str
        Column of its start; empty = 0.
    """

    exit: str
    entry: str = ""


@dataclass(frozen=True, eq=False)
class Course:
    """Everyone's follow-up, and the steps it imposes on the cohort.

    Attributes
    ----------
    time_zero, entry, exit, person_time : ndarray, shape (n,)
        Time zero in days (NaN where a table has no dates); times on the scale of the design.
    event : ndarray of int, shape (n,)
        0 = censored, 1 = outcome, 2, ... = competing events.
    has_event : ndarray of bool, shape (n,)
        Whose outcome falls into the observed time, at or before time zero included.
    before, after : tuple of Check
        Steps before and after the eligibility criteria.
    birth : ndarray, shape (n,), optional
        Day of birth.
    notes : tuple of Note
        Rows that could not be used.
    """

    time_zero: Floats
    entry: Floats
    exit: Floats
    person_time: Floats
    event: Ints
    has_event: Bools
    before: tuple[Check, ...]
    after: tuple[Check, ...]
    birth: Floats | None
    notes: tuple[Note, ...]


def register_course(design: Design, people: pd.DataFrame, linked: dict[str, Linked]) -> Course:
    """Follow people by dates.

    Parameters
    ----------
    design : Design
        With a time zero.
    people : DataFrame, shape (n, ...)
        One row per person.
    linked : dict of str to Linked
        The dated tables.

    Returns
    -------
    Course

    Raises
    ------
    DataError
        Follow-up without an end.
    """
    rule = design.time_zero
    assert rule is not None  # the caller looked
    zero, notes = time_zero_days(rule, people, linked)
    outcome, more = first_days(design.outcome, people, linked)
    notes += more
    rivals: list[Floats] = []
    for event in design.competing:
        days, more = first_days(event, people, linked)
        rivals, notes = [*rivals, days], notes + more
    limits = _limits(design.censoring, people)
    end = _earliest([*rivals, *limits.values()], len(people))
    last = np.fmin(outcome, end)
    dates = Dates(
        zero=zero,
        first=zero + years_in_days(design.lag_years),
        last=last,
        start=to_days(people[design.censoring.start]) if design.censoring.start else None,
        birth=birth_days(people[design.birth]) if design.birth else None,
        seen=_seen(design, rule, people, zero),
        birth_is_year=bool(design.birth) and people[design.birth].dtype.kind != "M",
        limits=limits,
        events={e.name: days for e, days in zip((design.outcome, *design.competing), (outcome, *rivals), strict=True)},
    )
    return Course(
        time_zero=zero,
        **_on_scale(design, dates),
        event=_events(outcome, rivals, last),
        has_event=np.asarray(outcome <= end),
        before=checks_before(design, dates),
        after=checks_after(design, dates),
        birth=dates.birth,
        notes=notes,
    )


def given_course(design: Design, people: pd.DataFrame) -> Course:
    """Follow people by the times the person table holds.

    Parameters
    ----------
    design : Design
        With ``follow_up``.
    people : DataFrame, shape (n, ...)
        One row per person.

    Returns
    -------
    Course

    Raises
    ------
    EventCodeError
        An event column not coded 0/1.
    """
    given = design.follow_up
    assert given is not None  # the caller looked
    stop = _number(people, given.exit)
    start = _number(people, given.entry) if given.entry else np.zeros(len(people))
    flags = [event_flags(event, people) for event in (design.outcome, *design.competing)]
    known = np.isfinite(stop) & np.isfinite(start) & np.isfinite(np.sum(flags, axis=0))
    lag = design.lag_years * (1.0 if design.unit == "years" else DAYS_PER_YEAR)
    entry, exit = (start + lag, stop) if given.entry else (start, stop - lag)
    event = np.zeros(len(people), dtype=np.int64)
    for code in range(len(flags), 0, -1):
        event[flags[code - 1] == 1] = code  # the outcome is written last and wins
    backwards = known & (stop < start)
    checks = [
        Check("Follow-up and outcome known", known, ~known),
        *check_order(design, {f"{given.exit} before {given.entry or '0'}": backwards}),
    ]
    return Course(
        time_zero=np.full(len(people), np.nan),
        entry=entry,
        exit=exit,
        person_time=exit - entry,
        event=event,
        has_event=flags[0] == 1,
        before=(),
        after=(*checks, check_at_risk(design, exit > entry)),
        birth=None,
        notes=(),
    )


def _seen(design: Design, rule: TimeZero, people: pd.DataFrame, zero: Floats) -> Floats | None:
    if rule.kind == "table":
        return zero
    recorded = rule.kind == "column" and rule.column not in {d.name for d in design.derive}
    return to_days(people[rule.column]) if recorded else None


def _limits(censoring: Censoring, people: pd.DataFrame) -> dict[str, Floats]:
    need_columns(people, [censoring.start, *censoring.columns], "censoring", "people")
    limits = {name: to_days(people[name]) for name in censoring.columns}
    if censoring.administrative_end is not None:
        limits[ADMINISTRATIVE] = np.full(len(people), day_of(censoring.administrative_end))
    return limits


def _earliest(days: list[Floats], n: int) -> Floats:
    end: Floats = np.fmin.reduce(days) if days else np.full(n, np.nan)
    return np.where(np.isnan(end), np.inf, end)


def _events(outcome: Floats, rivals: list[Floats], last: Floats) -> Ints:
    event = np.zeros(len(last), dtype=np.int64)
    for code in range(len(rivals), 0, -1):
        event[rivals[code - 1] == last] = code + 1
    event[outcome == last] = 1
    return event


def _on_scale(design: Design, dates: Dates) -> dict[str, Any]:
    """Times on the scale of the design; integer days are divided once, so that equal days stay equal times."""
    year = DAYS_PER_YEAR if design.unit == "years" else 1.0
    first, last = dates.first, dates.last
    origin = dates.birth if design.time_scale == "attained-age" and dates.birth is not None else first
    return {"entry": (first - origin) / year, "exit": (last - origin) / year, "person_time": (last - first) / year}


def _number(people: pd.DataFrame, name: str) -> Floats:
    need_columns(people, [name], "follow_up", "people")
    if people[name].dtype.kind not in "iuf":
        raise DesignError(f"follow_up: column '{name}' holds {people[name].dtype}; expected numbers on the time scale of the design.")
    values: Floats = people[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values
