"""Cox regression of recurrent events: Andersen-Gill, Prentice-Williams-Peterson (total and gap time), Wei-Lin-Weissfeld."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.core.followup import follow_up
from cobalamin.models.cox.cox import cox
from cobalamin.models.cox.partial_likelihood import Ties
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.formula import parse_formula
from cobalamin.models.matrix.rows import Missing, complete_rows, report_missing, require_columns
from cobalamin.models.multistate.multistate_history import Histories, events_before, note_gaps, read_histories, refuse_after_death

Ints = npt.NDArray[np.int64]
RecurrentModel = Literal["andersen-gill", "pwp-total", "pwp-gap", "wlw"]
FAMILIES: Mapping[str, Family] = {
    "andersen-gill": Family("andersen-gill", "Andersen-Gill model of recurrent events", "hazard ratio"),
    "pwp-total": Family("pwp-total", "Prentice-Williams-Peterson model of recurrent events, total time", "hazard ratio"),
    "pwp-gap": Family("pwp-gap", "Prentice-Williams-Peterson model of recurrent events, gap time", "hazard ratio"),
    "wlw": Family("wlw", "Wei-Lin-Weissfeld marginal model of multiple events", "hazard ratio"),
}
NUMBER = "event_number"
# each WLW stack holds the follow-up up to its event: with many numbers the table grows out of hand and the last stacks are empty
MOST_STACKS = 20


def recurrent_events(
    formula: str,
    data: pd.DataFrame,
    *,
    person: str,
    exit: str,
    event: str,
    entry: str | None = None,
    model: RecurrentModel = "andersen-gill",
    kind: str | None = None,
    max_number: int | None = None,
    death: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    ties: Ties = "efron",
    missing: Missing = "drop",
) -> Fit:
    """Fit a Cox model of recurrent (or several kinds of) events, with a variance robust to dependence within persons.

    Parameters
    ----------
    formula : str
        Covariates, one-sided. With PWP and WLW models the column ``event_number`` (1 = first event) may be used, as in
        ``"treatment * C(event_number)"``.
    data : DataFrame
        One row per interval of a person: it ends with an event, with the end of follow-up, or where a covariate changes.
        With ``kind``: one row per person and kind of event.
    person : str
        Column that says whose row it is; persons are independent.
    exit, event : str
        Columns with the end of the interval and the event (0 = none, 1 = event).
    entry : str, optional
        Column with the start of the interval. Without it a row starts where the person's last one ended, and the first at 0.
    model : {"andersen-gill", "pwp-total", "pwp-gap", "wlw"}
        "andersen-gill": one baseline hazard for all events. "pwp-total": a stratum for each event number, a person being at risk
        for the k-th after the (k-1)-th; time since the origin. "pwp-gap": the same, time since the last event (for the
        first: since the person's first entry). "wlw": a stratum for each number (or kind), everybody being at risk for each from the start.
    kind : str, optional
        Column with the kind of event (WLW only): strata are the kinds.
    max_number : int, optional
        Model the first so many events of a person; follow-up after them is left out, and counted in ``glance().n_after_max``.
    death : str, optional
        Column that is 1 where the row ends with death; rows after it are refused.
    strata : str or sequence of str, optional
        Further strata.
    weights : str, optional
        Case weights.
    ties : {"efron", "breslow"}
        Treatment of tied events.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse. Event numbers are counted before rows are left out.

    Returns
    -------
    Fit
        As of `cox`, with the cluster variance by person; ``glance()`` has ``n_persons``, ``n_gaps``, ``n_after_max`` and ``n_data_rows``.
        WLW: ``n``, ``events`` and ``person_time`` are those of the stacked rows.

    Raises
    ------
    DesignError
        Arguments that do not go together, or a column named ``event_number`` in the way.
    FollowUpError
        Overlapping rows of one person, rows after death, or impossible times.
    FormulaError, ColumnNotFoundError, EventCodeError, MissingValuesError, DataError
        As of `cox`.

    Warns
    -----
    MissingRowsWarning, FitWarning
        As of `cox`. The indicators of ``C(event_number)`` itself have no coefficient, as they are in the baseline.

    Notes
    -----
    All four maximise the partial likelihood as if rows were independent; the variance ``sum over persons of U_i U_i'`` (U_i the summed
    dfbeta of a person) is valid although they are not. They answer different questions: Andersen-Gill and WLW coefficients are
    marginal; PWP coefficients are conditional on having had the earlier events, so for later events the groups compared are no
    longer those of the start. Deaths are censorings here: the hazard is that of those alive; see `mean_cumulative` for the
    expected number in the presence of death.

    References
    ----------
    Andersen PK, Gill RD (1982), doi:10.1214/aos/1176345976. Prentice RL, Williams BJ, Peterson AV (1981),
    doi:10.1093/biomet/68.2.373. Wei LJ, Lin DY, Weissfeld L (1989), doi:10.1080/01621459.1989.10478873.
    Therneau TM, Grambsch PM (2000), chapter 8, doi:10.1007/978-1-4757-3294-8.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": [1, 1, 2, 3, 3, 4], "out": [3, 8, 6, 2, 7, 9], "ill": [1, 0, 1, 1, 1, 0], "x": [1, 1, 0, 1, 1, 0]})
    >>> recurrent_events("x", rows, person="id", exit="out", event="ill").glance()["n_persons"].item()
    4.0
    """
    _check_arguments(data, model, kind, max_number, ties)
    listed = [strata] if isinstance(strata, str) else list(strata or [])
    require_columns(data, [name for name in (person, exit, event, entry, kind, death, weights, *listed) if name is not None])
    if len(data) == 0:
        raise DataError("data: there are no rows to fit.")
    histories = read_histories(data, person=person, exit=exit, event=data[event], entry=entry, kind=kind, names=(event, person))
    if not histories.follow.event.any():
        raise DataError(f"{event}: no events in the {len(data)} rows; a hazard ratio cannot be estimated.")
    if death is not None:
        refuse_after_death(histories, follow_up(exit=data[exit], event=data[death], names=("entry", exit, death)).event, death)
    table = _table(data, histories, model, kind, max_number)
    numbered = model != "andersen-gill" and kind is None
    used = parse_formula(formula, [*data.columns, *([NUMBER] if numbered else [])])
    names = [n for n in dict.fromkeys([*used.variables, *listed, weights]) if n is not None and n != NUMBER]
    kept, counts, n_missing = complete_rows(data, names)
    report_missing(counts, n_missing, int(kept.sum()), missing)
    rows = _stacked(table, kept)
    fit = cox(
        formula,
        rows,
        exit=table.exit,
        event=table.event,
        entry=table.entry if (rows[table.entry] != 0).any() else None,
        strata=[*([] if model == "andersen-gill" else [kind or NUMBER]), *listed] or None,
        cluster=person,
        weights=weights,
        ties=ties,
    )
    arguments: dict[str, Any] = {
        "person": person,
        "exit": exit,
        "event": event,
        "entry": entry,
        "model": model,
        "kind": kind,
        "max_number": max_number,
    }
    arguments |= {"death": death, "strata": strata, "weights": weights, "ties": None if ties == "efron" else ties}
    given = "".join(f", {name}={value!r}" for name, value in arguments.items() if value is not None)
    own = {"n_persons": fit.facts["n_clusters"], "n_gaps": float(histories.gap.sum()), "n_after_max": float(table.n_after)}
    return replace(
        fit,
        family=FAMILIES[model],
        call=f"recurrent_events({formula!r}, data{given})",
        n_missing=n_missing,
        missing=counts,
        warnings=(*note_gaps(histories), *fit.warnings),
        facts={**fit.facts, **own, "n_data_rows": float(kept.sum())},
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows of the model, before incomplete ones are left out.

    ``row`` is the row of the data behind each; ``entry``, ``exit`` and ``event`` are the names of the columns made.
    """

    frame: pd.DataFrame
    row: Ints
    entry: str
    exit: str
    event: str
    n_after: int


def _check_arguments(data: Any, model: str, kind: str | None, max_number: int | None, ties: str) -> None:
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if model not in FAMILIES:
        raise DesignError(f"model: got {model!r}; expected one of {', '.join(FAMILIES)}.")
    if ties not in ("efron", "breslow"):
        raise DataError(f"ties: got {ties!r}; expected 'efron' or 'breslow'.")
    if kind is not None and model != "wlw":
        raise DesignError(f"kind= is for model='wlw'; with {model} the events of a person are of one kind, in order of time.")
    if kind is not None and max_number is not None:
        raise DesignError("max_number= counts events of one kind; leave it out where kind= is given.")
    if max_number is not None and (isinstance(max_number, bool) or not isinstance(max_number, int | np.integer) or max_number < 1):
        raise DesignError(f"max_number: got {max_number!r}; expected a whole number from 1.")
    if model != "andersen-gill" and kind is None and NUMBER in data.columns:
        raise DesignError(f"the data have a column '{NUMBER}', which {model} makes itself; rename or leave out that column.")


def _table(data: pd.DataFrame, histories: Histories, model: str, kind: str | None, max_number: int | None) -> _Table:
    """Number the events, choose the clock, and stack the rows that a model needs."""
    number, follow = events_before(histories) + 1, histories.follow
    within = np.ones(len(number), dtype=bool) if max_number is None else number <= max_number
    row, event = np.flatnonzero(within), follow.event
    origin = _last_event(histories) if model == "pwp-gap" else np.zeros(len(number))
    stack = number[row]
    if model == "wlw" and kind is None:
        row, stack = _stack(number, row, max_number or int(number[follow.event == 1].max(initial=1)))
    names = [_fresh(data, name) for name in ("entry_of_model", "exit_of_model", "event_of_model")]
    made = {
        names[0]: (follow.entry - origin)[row],
        names[1]: (follow.exit - origin)[row],
        names[2]: event[row] * (stack == number[row]) if model == "wlw" and kind is None else event[row],
    }
    if kind is None and model != "andersen-gill":
        made[NUMBER] = stack
    frame = data.iloc[row].reset_index(drop=True)
    return _Table(frame.assign(**made), row.astype(np.int64), names[0], names[1], names[2], int((~within).sum()))


def _last_event(histories: Histories) -> Any:
    """Return when the clock of each row was last set to 0: at the person's last event, or at the first entry."""
    follow, order = histories.follow, histories.order
    entry, exit_ = follow.entry[order], follow.exit[order]
    after_event = ~histories.first & (np.roll(follow.event[order], 1) == 1)
    resets = histories.first | after_event
    time = np.where(histories.first, entry, np.roll(exit_, 1))
    latest = np.maximum.accumulate(np.where(resets, np.arange(len(order)), 0))
    origin = np.empty(len(order))
    origin[order] = time[latest]
    return origin


def _stack(number: Ints, row: Ints, most: int) -> tuple[Ints, Ints]:
    """Repeat each row in the stack of every event that has not happened before it."""
    if most > MOST_STACKS:
        raise DesignError(
            f"model='wlw' would stack {most} times the follow-up, one for each event number; state max_number= (at most {MOST_STACKS})."
        )
    first = number[row]
    times = np.maximum(most - first + 1, 0)
    where = np.repeat(np.arange(len(row)), times)
    step = np.arange(len(where)) - np.repeat(np.cumsum(times) - times, times)
    return row[where], (first[where] + step).astype(np.int64)


def _fresh(data: pd.DataFrame, name: str) -> str:
    while name in data.columns:
        name += "_"
    return name


def _stacked(table: _Table, kept: npt.NDArray[np.bool_]) -> pd.DataFrame:
    return table.frame if kept.all() else table.frame.loc[kept[table.row]].reset_index(drop=True)
