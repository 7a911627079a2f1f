"""Rows of the same person in order of time: no overlap, gaps counted. Shared by recurrent events, mean counts and multi-state models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import FollowUpError, MissingValuesError
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.cox.risk_sets import merge_near_ties

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Histories:
    """Follow-up rows of persons, and their order in time.

    Attributes
    ----------
    follow : FollowUp
        Checked times and events of n rows, in the order of the table.
    person : ndarray of int, shape (n,)
        Number of each row's person, 0, 1, 2, ...
    n_persons : int
        How many persons there are.
    order : ndarray of int, shape (n,)
        Row positions sorted by person (and kind of row), then entry.
    first : ndarray of bool, shape (n,)
        In that order: whether the row begins a history.
    gap : ndarray of bool, shape (n,)
        In that order: whether the person was not under observation just before the row, though earlier.
    """

    follow: FollowUp
    person: Ints
    n_persons: int
    order: Ints
    first: Bools
    gap: Bools


def read_histories(
    data: pd.DataFrame,
    *,
    person: str,
    exit: str,
    event: Any,
    entry: str | None,
    kind: str | None = None,
    names: tuple[str, str] | None = None,
) -> Histories:
    """Check the follow-up of persons with several rows each.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per interval of a person.
    person, exit : str
        Columns of the person and of the end of the interval.
    event : array-like, shape (n,)
        0/1: whether the interval ends with an event.
    entry : str or None
        Column of the start of the interval; without it a row starts where the person's last one ended, and the first at 0.
    kind : str, optional
        Column of the kind of row; rows of different kinds may overlap.
    names : (str, str), optional
        What the messages call the event and the history (``("event", "person")``).

    Returns
    -------
    Histories
        Times with near ties merged, and the order of the rows.

    Raises
    ------
    MissingValuesError
        A row without a person or kind.
    FollowUpError
        Overlapping rows of one person, or times that `cobalamin.core.followup.follow_up` refuses.
    EventCodeError
        Events other than 0 and 1.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": [1, 1, 2], "out": [5.0, 2.0, 3.0]})
    >>> read_histories(rows, person="id", exit="out", event=[0, 1, 1], entry=None).follow.entry.tolist()
    [2.0, 0.0, 0.0]
    """
    event_name = "event" if names is None else names[0]
    owner, n_persons = _numbered(data[person], person)
    history = owner
    if kind is not None:
        kinds, n_kinds = _numbered(data[kind], kind)
        history = owner * n_kinds + kinds
    given = None if entry is None else data[entry]
    if entry is None:
        stop = follow_up(exit=data[exit], event=event, names=("entry", exit, event_name)).exit
        given = pd.Series(_previous_exit(history, stop))
    follow = follow_up(
        exit=data[exit], event=event, entry=given, names=(entry or f"the person's last {exit} (0 at first)", exit, event_name)
    )
    follow = FollowUp(*merge_near_ties(follow.entry, follow.exit), follow.event)
    order = np.lexsort((follow.entry, history)).astype(np.int64)
    first = np.append(True, np.diff(history[order]) != 0)
    before = np.where(first, -np.inf, np.roll(follow.exit[order], 1))
    _refuse_overlap(follow.entry[order] < before, history[order], person, kind)
    gap = ~first & (follow.entry[order] > before)
    return Histories(follow, owner, n_persons, order, first, gap)


def _numbered(column: pd.Series[Any], name: str) -> tuple[Ints, int]:
    codes, found = pd.factorize(column)
    missing = int((codes < 0).sum())
    if missing:
        raise MissingValuesError(
            f"{name}: {missing} of {len(codes)} rows are missing. A row of nobody has no place in a history; mend or leave out these rows."
        )
    return np.asarray(codes, dtype=np.int64), len(found)


def _previous_exit(history: Ints, stop: Floats) -> Floats:
    order = np.lexsort((stop, history))
    start = np.zeros(len(stop))
    same = np.flatnonzero(np.diff(history[order]) == 0) + 1
    start[order[same]] = stop[order[same - 1]]
    return start


def _refuse_overlap(overlap: Bools, history: Ints, person: str, kind: str | None) -> None:
    if overlap.any():
        many = len(np.unique(history[overlap]))
        what = person if kind is None else f"{person} and {kind}"
        raise FollowUpError(
            f"{int(overlap.sum())} of {len(overlap)} rows begin before the last row of the same {what} ends ({many} histories):"
            " nobody is under observation twice at one time. Mend the intervals, or state kind= if they are different outcomes."
        )


def events_before(histories: Histories) -> Ints:
    """Count each row's earlier events of the same person.

    Parameters
    ----------
    histories : Histories
        Rows in order.

    Returns
    -------
    ndarray of int, shape (n,)
        In the order of the table; an event at the end of the row itself is not counted.
    """
    event = histories.follow.event[histories.order]
    total = np.cumsum(event) - event
    counts = np.empty(len(event), dtype=np.int64)
    counts[histories.order] = total - total[histories.first][np.cumsum(histories.first) - 1]
    return counts


def refuse_after_death(histories: Histories, death: Ints, name: str) -> None:
    """Refuse rows that go on after the person's death.

    Parameters
    ----------
    histories : Histories
        Rows of persons.
    death : ndarray of int, shape (n,)
        1 where the row ends with death.
    name : str
        Name of the column, for the message.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    FollowUpError
        A row that ends after the death of its person.
    """
    last = np.full(histories.n_persons, np.inf)
    dead = np.flatnonzero(death == 1)
    np.minimum.at(last, histories.person[dead], histories.follow.exit[dead])
    late = histories.follow.exit > last[histories.person]
    if late.any():
        raise FollowUpError(
            f"{int(late.sum())} of {len(late)} rows end after the person's death ({name} = 1 in an earlier row):"
            " the dead are not at risk. Mend the dates, or leave out these rows and count them."
        )


def note_gaps(histories: Histories) -> tuple[str, ...]:
    """Say how many rows follow a time without observation.

    Parameters
    ----------
    histories : Histories
        Rows of persons.

    Returns
    -------
    tuple of str
        One sentence without counts (they stand among the facts), or nothing.
    """
    if not histories.gap.any():
        return ()
    return ("Some persons have gaps between their rows; they are not at risk in a gap, and events in it are unknown.",)
