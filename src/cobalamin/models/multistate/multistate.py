"""Multi-state models: Aalen-Johansen state and transition probabilities for any graph of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FollowUpError, MissingValuesError, list_names
from cobalamin.models.grouping import MOST_GROUPS, group_by, known_rows, label_codes, label_of, require_rows
from cobalamin.models.multistate.multistate_chain import initial_distribution, make_chain
from cobalamin.models.multistate.multistate_history import Histories, note_gaps, read_histories
from cobalamin.models.multistate.multistate_process import Process
from cobalamin.models.multistate.multistate_result import MARKOV, MultiState

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CONFIDENCE = ("log-log", "log", "plain")
# the matrices of all transition times are held at once
MOST_STATES = 25


def multi_state(
    data: pd.DataFrame,
    *,
    person: str,
    entry: str,
    exit: str,
    from_state: str,
    to_state: str,
    by: str | Sequence[str] | None = None,
    states: Sequence[Any] | None = None,
    censored: Any = "censored",
    start: float | None = None,
    initial: Mapping[Any, float] | None = None,
    confidence: str = "log-log",
    level: float = 0.95,
    unit: str = "",
) -> MultiState:
    """Estimate the probabilities of states and transitions by the Aalen-Johansen method.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per stay of a person in a state (or part of one); `transition_rows` makes them from one row per person.
    person : str
        Column that says whose row it is.
    entry, exit : str
        Columns of the start and end of observation in the state: at risk in ``(entry, exit]``. Entry may be late.
    from_state, to_state : str
        Columns of the state, and of the state entered at exit; ``censored``, or the same state, where there was no transition.
    by : str or sequence of str, optional
        Grouping column(s).
    states : sequence, optional
        The states in order; by default the categories of a Categorical, otherwise all that occur, sorted.
    censored : object
        The value of ``to_state`` that means: observation ended without a transition.
    start : float, optional
        When to start; by default the first entry.
    initial : mapping of state to float, optional
        Fixed distribution over the states at the start. By default that of the people under observation just before the first
        transition after ``start``, its uncertainty being part of the standard errors.
    confidence : {"log-log", "log", "plain"}
        Scale of the pointwise limits.
    level : float
        Confidence level.
    unit : str
        Unit of time, for labels.

    Returns
    -------
    MultiState
        ``.at(times)`` state probabilities; ``.transition_probabilities(start, times)`` and ``.matrix(start, stop)``;
        ``.length_of_stay(until)``; ``.hazards()``; ``.transitions`` counts; ``.estimates()``.

    Raises
    ------
    DesignError
        A person who changes state between two adjoining rows, or too many states.
    DataError
        Unknown states or options, or an initial distribution that is none.
    FollowUpError, MissingValuesError, ColumnNotFoundError
        Times, states, persons or names that cannot be used; overlapping rows of a person.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group is missing.

    Notes
    -----
    ``P(s, t) = product over u in (s, t] of (I + dA(u))``, ``dA_jk(u) = transitions j to k at u / persons in j just before u``, and
    ``p(t) = p(s) P(s, t)``. The standard errors are the infinitesimal jackknife over persons, as in R's ``survfit``: the sum of squares of
    each person's influence. With two states P is Kaplan-Meier's; without return it gives cumulative incidences.
    The transition probabilities assume that the process is Markov: what happens next depends on the state and the time, not on
    the way or the time since entry into the state. State probabilities from the first entry do not need this if everybody is observed
    from there and censoring is independent of the history. Times equal up to 1.5e-8 are tied.

    References
    ----------
    Aalen OO, Johansen S (1978), Scand J Stat 5:141-150. Andersen PK, Borgan O, Gill RD, Keiding N (1993), section IV.4,
    doi:10.1007/978-1-4612-4348-9. Datta S, Satten GA (2001), doi:10.1016/S0167-7152(01)00155-9. Putter H, Fiocco M, Geskus RB (2007),
    doi:10.1002/sim.2712.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": [1, 1, 2], "in": [0, 1, 0], "out": [1, 3, 2], "was": ["well", "LS", "well"]})
    >>> rows["then"] = ["LS", "dead", "dead"]
    >>> names = {"person": "id", "entry": "in", "exit": "out", "from_state": "was", "to_state": "then"}
    >>> multi_state(rows, **names, states=["well", "LS", "dead"]).matrix(0, 2)
          well   LS  dead
    well   0.0  0.5   0.5
    LS     0.0  1.0   0.0
    dead   0.0  0.0   1.0
    """
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    require_rows(data, [person, entry, exit, from_state, to_state, *([by] if isinstance(by, str) else by or [])])
    labels, was, then = _read_states(data, from_state, to_state, states, label_of(censored))
    histories = read_histories(data, person=person, exit=exit, event=then >= 0, entry=entry, names=(to_state, person))
    n_jumps = _check_continuity(histories, was, then, from_state)
    grouping = group_by(data, by, MOST_GROUPS)
    known = known_rows({grouping.name: grouping.code < 0}, "the probabilities")
    fixed = None if initial is None else _fixed(initial, labels)
    processes = {}
    for code, label in enumerate(grouping.labels):
        rows = np.flatnonzero(known & (grouping.code == code))
        processes[label] = _process(histories, rows, was, then, len(labels), start, fixed, label)
    return MultiState(
        processes=processes,
        states=labels,
        by=grouping.name,
        unit=unit,
        confidence=confidence,
        level=level,
        n=int(known.sum()),
        n_persons=len(np.unique(histories.person[known])),
        n_missing=int((~known).sum()),
        n_gaps=int(histories.gap.sum()),
        n_jumps=n_jumps,
        warnings=(MARKOV, *note_gaps(histories), *_notes(processes, labels, n_jumps)),
    )


def _read_states(data: pd.DataFrame, old: str, new: str, states: Sequence[Any] | None, censored: str) -> tuple[tuple[str, ...], Ints, Ints]:
    """Return the labels of the states, and the codes of the states before and after; -1 for no transition."""
    parts, found = [], []
    for name in (old, new):
        codes, values = label_codes(data[name], name)
        missing = int((codes < 0).sum())
        if missing:
            raise MissingValuesError(
                f"{name}: {missing} of {len(codes)} rows are missing. An unknown state is not a censored one: write '{censored}' in {new}"
                " where observation ended without a transition."
            )
        parts.append((codes, values))
        categorical = isinstance(data[name].dtype, pd.CategoricalDtype)
        found.append([v for i, v in enumerate(values) if v != censored and (categorical or (codes == i).any())])
    both = list(dict.fromkeys([*found[0], *found[1]]))
    ordered = any(isinstance(data[name].dtype, pd.CategoricalDtype) for name in (old, new))
    labels = [label_of(s) for s in states] if states is not None else both if ordered else sorted(both)
    unknown = [v for v in both if v not in labels]
    if unknown:
        raise DataError(f"states: {len(unknown)} states of the data are not listed. The states listed are {list_names(labels)}.")
    if len(set(labels)) < len(labels) or censored in labels:
        raise DataError(
            f"states: expected different labels, none of them '{censored}' (the label of no transition); got {list_names(labels)}."
        )
    if not 2 <= len(labels) <= MOST_STATES:
        raise DesignError(f"states: got {len(labels)}; expected 2 to {MOST_STATES}. Merge rare states first.")
    place = {label: i for i, label in enumerate(labels)} | {censored: -1}
    was, then = (np.array([place.get(v, -1) for v in values], dtype=np.int64)[codes] for codes, values in parts)
    if (was < 0).any():
        raise DataError(f"{old}: {int((was < 0).sum())} of {len(was)} rows are '{censored}': nobody is at risk from no state.")
    return tuple(labels), was, np.where(then == was, -1, then)


def _check_continuity(histories: Histories, was: Ints, then: Ints, name: str) -> int:
    """Refuse a change of state between adjoining rows; count those in gaps."""
    order = histories.order
    state = was[order]
    expected = np.where(then[order] >= 0, then[order], state)
    changed = ~histories.first & (state != np.roll(expected, 1))
    wrong = changed & ~histories.gap
    if wrong.any():
        raise DesignError(
            f"{name}: {int(wrong.sum())} of {len(wrong)} rows begin in another state than the person's last row went to, at the same time."
            " Mend the states: each row starts where the last one ended."
        )
    return int((changed & histories.gap).sum())


def _fixed(initial: Mapping[Any, float], labels: tuple[str, ...]) -> Floats:
    given = {label_of(state): float(share) for state, share in initial.items()}
    unknown = [state for state in given if state not in labels]
    if unknown:
        raise DataError(f"initial: no such state: {list_names(unknown)}. The states are {list_names(labels)}.")
    shares = np.array([given.get(label, 0.0) for label in labels])
    if not ((shares >= 0).all() and abs(shares.sum() - 1) < 1e-8):
        raise DataError(f"initial: expected shares from 0 to 1 that add up to 1; they add up to {shares.sum():g}.")
    return shares


def _process(
    histories: Histories, rows: Ints, was: Ints, then: Ints, k: int, start: float | None, fixed: Floats | None, label: str
) -> Process:
    follow = histories.follow
    person = np.unique(histories.person[rows], return_inverse=True)[1].astype(np.int64)
    chain = make_chain(follow.entry[rows], follow.exit[rows], was[rows], then[rows], person, k)
    origin = float(chain.entry.min()) if start is None else float(start)
    if not (chain.exit > origin).any():
        raise FollowUpError(f"start: nobody of group {label} is under observation after {origin:g}; expected an earlier time.")
    shares, influence = initial_distribution(chain, origin)
    if fixed is not None:
        return Process.starting(chain, origin, fixed, None)
    if np.isnan(shares).any():
        raise FollowUpError(f"start: nobody of group {label} is under observation just after it; state initial= or a later start.")
    return Process.starting(chain, origin, shares, influence if influence.any() else None)


def _notes(processes: Mapping[str, Process], labels: tuple[str, ...], n_jumps: int) -> tuple[str, ...]:
    """Say what a reader must know; without times and counts, which are persons' own."""
    notes = []
    if n_jumps:
        notes.append(
            "Some persons changed state in a gap between their rows; when, and which way, is unknown and not counted as a transition."
        )
    for label, process in processes.items():
        lost = [labels[j] for j in process.unobserved()]
        if lost:
            notes.append(
                f"{label}: at some time nobody is under observation in {list_names(lost)} although its probability is not 0 and transitions"
                " follow elsewhere; the estimates treat such people as staying there."
            )
    return tuple(notes)
