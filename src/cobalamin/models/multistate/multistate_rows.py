"""From one row per person with the times of what happened to the rows of a multi-state model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FollowUpError, MissingValuesError, list_names
from cobalamin.core.followup import follow_up
from cobalamin.models.grouping import label_of, require_rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
COLUMNS = ("entry", "exit", "from_state", "to_state")
CENSORED = "censored"


def transition_rows(
    data: pd.DataFrame,
    *,
    person: str,
    exit: str,
    passing: Mapping[str, str],
    final: Mapping[str, str],
    entry: str | None = None,
    first: str = "healthy",
    same_time: str = "error",
) -> pd.DataFrame:
    """Make the rows of a multi-state model from one row per person (illness-death and its extensions).

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person.
    person : str
        Column that says who it is.
    exit : str
        Column of the end of follow-up.
    passing : mapping of str to str
        Column with the time of reaching a state -> label of that state, for states that can be left (``{"ls_time": "LS"}``).
        Missing = not reached during follow-up.
    final : mapping of str to str
        The same for states that end the history (``{"cancer_time": "cancer", "death_time": "death"}``).
    entry : str, optional
        Column of the start of follow-up; 0 without it. States reached at or before entry say where the person starts.
    first : str
        Label of the state before all others.
    same_time : {"error", "last"}
        A state reached at the very time of the next one (illness found at death): refuse, or go to the later one at once, in
        the order of ``passing`` and then ``final``.

    Returns
    -------
    DataFrame
        Columns ``entry, exit, from_state, to_state`` after those of ``data`` that are not times; ``to_state`` is ``"censored"`` where
        follow-up ended. The state columns are Categorical, states in the order first, passing, final.

    Raises
    ------
    DesignError
        Clashing labels or columns, or persons with several rows.
    FollowUpError
        Times after the end of follow-up, rows that go on after a final state, or equal times with ``same_time="error"``.
    MissingValuesError, ColumnNotFoundError, DataError
        Missing persons or ends of follow-up, unknown columns, times that are not numbers.

    Notes
    -----
    Follow-up ends at the first final state: a later one (death after cancer) is left out, because the cancer state is not left.
    To follow on, name the state in ``passing``.

    Examples
    --------
    >>> people = pd.DataFrame({"id": [1, 2], "end": [9.0, 4.0], "ls": [3.0, None], "died": [9.0, None]})
    >>> rows = transition_rows(people, person="id", exit="end", passing={"ls": "LS"}, final={"died": "death"})
    >>> rows[["id", "entry", "exit", "from_state", "to_state"]].to_numpy().tolist()
    [[1, 0.0, 3.0, 'healthy', 'LS'], [1, 3.0, 9.0, 'LS', 'death'], [2, 0.0, 4.0, 'healthy', 'censored']]
    """
    labels = _check_names(data, person, exit, entry, passing, final, first, same_time)
    n, names = len(data), [*passing, *final]
    follow = follow_up(
        exit=data[exit], event=np.zeros(n), entry=np.zeros(n) if entry is None else data[entry], names=(entry or "0", exit, "")
    )
    times = np.column_stack([_times(data[name], name) for name in names])
    _refuse_late(times, follow.exit, names, exit)
    times, end = _until_final(times, len(passing), follow.exit, exit)
    order = np.argsort(times, axis=1, kind="stable")
    sorted_times = np.take_along_axis(times, order, axis=1)
    start = np.column_stack([np.full(n, -np.inf), sorted_times])
    stop = np.column_stack([sorted_times, np.full(n, np.inf)])
    state = np.column_stack([np.zeros(n, dtype=np.int64), order + 1])
    _refuse_ties(start, stop, same_time)
    return _rows(data, [*names, exit, *([entry] if entry else [])], labels, follow.entry, end, start, stop, state, len(passing))


def _check_names(
    data: pd.DataFrame,
    person: str,
    exit: str,
    entry: str | None,
    passing: Mapping[str, str],
    final: Mapping[str, str],
    first: str,
    ties: str,
) -> list[str]:
    require_rows(data, [person, exit, entry, *passing, *final])
    labels = [label_of(value) for value in (first, *passing.values(), *final.values())]
    if len(set(labels)) < len(labels) or CENSORED in labels or set(passing) & set(final):
        raise DesignError(f"passing, final: expected different columns and labels, none of them '{CENSORED}'; got {list_names(labels)}.")
    if len(labels) == 1:
        raise DesignError("passing, final: name at least one column with the time of reaching a state.")
    kept = [str(c) for c in data.columns if c not in {*passing, *final, exit, entry}]
    clash = [name for name in COLUMNS if name in kept]
    if clash:
        raise DesignError(
            f"the data have columns named {list_names(clash)}, which the result makes itself; rename or leave out these columns."
        )
    if ties not in ("error", "last"):
        raise DataError(f"same_time: got {ties!r}; expected 'error' or 'last'.")
    if data[person].isna().any():
        raise MissingValuesError(f"{person}: {int(data[person].isna().sum())} of {len(data)} rows are missing; whose history is it?")
    many = int(data[person].duplicated().sum())
    if many:
        raise DesignError(f"{person}: {many} of {len(data)} rows repeat a person; expected one row per person.")
    return labels


def _times(column: pd.Series[Any], name: str) -> Floats:
    numbers = np.asarray(pd.to_numeric(column.astype(object), errors="coerce"), dtype=np.float64)
    text = int((np.isnan(numbers) & column.notna().to_numpy()).sum())
    if text or pd.api.types.is_datetime64_any_dtype(column) or np.isinf(numbers).any():
        raise DataError(f"{name}: expected numbers on the time scale of the follow-up, or missing; got dates, text or infinite times.")
    return np.where(np.isnan(numbers), np.inf, numbers)


def _refuse_late(times: Floats, end: Floats, names: list[str], exit: str) -> None:
    late = np.isfinite(times) & (times > end[:, None])
    if late.any():
        which = list_names(f"{name} ({int(n)})" for name, n in zip(names, late.sum(axis=0), strict=True) if n)
        raise FollowUpError(
            f"{int(late.any(axis=1).sum())} of {len(end)} persons reach a state after {exit}: {which}. What happens after the end of"
            " follow-up is not observed for everybody: mend the dates, or make these times missing."
        )


def _until_final(times: Floats, n_passing: int, end: Floats, exit: str) -> tuple[Floats, Floats]:
    """End each history at its first final state, and forget what comes after it."""
    stop = times[:, n_passing:].min(axis=1, initial=np.inf)
    beyond = times[:, :n_passing] > stop[:, None]
    late = int((beyond & np.isfinite(times[:, :n_passing])).any(axis=1).sum())
    if late:
        raise FollowUpError(f"{late} of {len(end)} persons reach a passing state after a final one: mend the dates, or their order.")
    kept = times.copy()
    finals = kept[:, n_passing:]
    finals[finals > stop[:, None]] = np.inf
    twice = int((np.isfinite(finals).sum(axis=1) > 1).sum())
    if twice:
        raise FollowUpError(
            f"{twice} of {len(end)} persons reach two final states at one time: decide which one counts, as cause of the end."
        )
    return kept, np.minimum(end, stop)


def _refuse_ties(start: Floats, stop: Floats, same_time: str) -> None:
    tied = np.isfinite(start) & (start == stop)
    if same_time == "error" and tied.any():
        raise FollowUpError(
            f"{int(tied.any(axis=1).sum())} of {len(start)} persons reach two states at one time, so they spend no time in the first:"
            ' mend the dates, or state same_time="last" to go to the later state at once.'
        )


def _rows(
    data: pd.DataFrame,
    times: list[str],
    labels: list[str],
    entry: Floats,
    end: Floats,
    start: Floats,
    stop: Floats,
    state: Ints,
    n_passing: int,
) -> pd.DataFrame:
    """Lay out the stays of positive length within the follow-up, person by person."""
    begin, leave = np.maximum(start, entry[:, None]), np.minimum(stop, end[:, None])
    # nobody stays in a final state; a person who reached one at or before entry has no rows, and that is an error of the dates
    within = (begin < leave) & (state <= n_passing)
    empty = int((~within.any(axis=1)).sum())
    if empty:
        raise FollowUpError(
            f"{empty} of {len(end)} persons reach a final state at or before entry: they are not at risk; leave them out, and count them."
        )
    who, stay = np.nonzero(within)
    moves = stop[who, stay] <= end[who]
    ahead = np.column_stack([state, np.full(len(end), -1)])
    following = _last_of_ties(stop, ahead)[who, stay]
    codes = np.where(moves, following, len(labels))
    frame = data.drop(columns=times).iloc[who].reset_index(drop=True)
    return frame.assign(
        entry=begin[who, stay],
        exit=leave[who, stay],
        from_state=_labelled(state[who, stay], labels),
        to_state=_labelled(codes, [*labels, CENSORED]),
    )


def _last_of_ties(stop: Floats, state: Ints) -> Ints:
    """Return the state entered at each stop: of several at one time the last."""
    after = state[:, 1:].copy()
    for j in range(stop.shape[1] - 2, -1, -1):
        tied = np.isfinite(stop[:, j]) & (stop[:, j] == stop[:, j + 1])
        after[tied, j] = after[tied, j + 1]
    return after


def _labelled(codes: Any, labels: Any) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=labels)
