"""States, transitions and every other summary as cells and sums; and the numbers of whole groups that all results share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import pandas as pd

from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.curve_cells import AT_RISK, CURVE_CELL, EVERYBODY, ends_of_curves, same_counts, whole_group
from cobalamin.release.model_cells import COUNTS, FLOW_CELL, bare_term
from cobalamin.release.policy import Policy
from cobalamin.release.table_cells import CELL, OVERALL, TABLE_MEASURES

STATE_MEASURES = ("state", "transition")
STATE_CELL = 9  # "state", analysis, grouping column, outcome, group, kind, term, level, column
_RANK_MOVES, _RANK_STATE, _RANK_OTHER = 1, 2, 2


def state_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of states and transitions.

    Parameters
    ----------
    frame : DataFrame
        Rows of Estimates.

    Returns
    -------
    DataFrame
        Some of them.
    """
    return frame[(frame["context"] == "summary") & frame["measure"].isin(STATE_MEASURES)]


def enter_states(ledger: Ledger, frame: pd.DataFrame) -> None:
    """Enter the states and transitions of multi-state processes.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    frame : DataFrame
        Rows of Estimates; curves already entered.

    Notes
    -----
    Transitions into a state add to its arrivals, which its at-risk table ends with; to the people seen in it, with those who began
    there; transitions out of it add to them too, with those who stayed. Groups add to everybody.
    """
    rows = state_rows(frame)
    for names, part in rows.groupby(["analysis", "model", "outcome", "subgroup"], sort=False):
        process = ("state", *map(str, names))
        for index, measure, term, level in zip(part.index, part["measure"], part["term"], part["level"], strict=True):
            for column in COUNTS:
                count = float(cast("float", part.at[index, column]))
                if not math.isnan(count):
                    rank = _RANK_STATE if measure == "state" else _RANK_MOVES
                    key = (*process, str(measure), str(term), str(level), column)
                    ledger.add(Cell(key, round(count), rank=rank, attribute=True), (int(str(index)), column))
        _add_moves(ledger, process)
    _add_to_everybody(ledger)


def _add_moves(ledger: Ledger, process: Key) -> None:
    moves = [k for k in ledger.cells if k[:5] == process and k[5] == "transition" and k[8] == "events"]
    states = {k[6]: k for k in ledger.cells if k[:5] == process and k[5] == "state" and k[8] == "n"}
    for state in dict.fromkeys([*states, *(name for k in moves for name in k[6:8])]):
        into, out = [k for k in moves if k[7] == state], [k for k in moves if k[6] == state]
        for kind, parts, measure in (("arrivals", into, AT_RISK), ("moves", into + out, "state probability")):
            if parts:
                total = (*process, kind, state, "", "events")
                ledger.add(Cell(total, sum(ledger.cells[k].count for k in parts), shown=False, attribute=False))
                ledger.total(total, parts)
                _meet_curve(ledger, total, measure)
        if state in states:
            ledger.total(states[state], into, some=True)
            ledger.total(states[state], out, some=True)


def _meet_curve(ledger: Ledger, total: Key, measure: str) -> None:
    """State that the curve of a state ends with all its moves, when it does."""
    _, analysis, model, outcome, group, _, state, *_ = total
    line = [
        k
        for k in ledger.cells
        if k[:4] == ("curve", analysis, model, outcome) and len(k) == CURVE_CELL and k[5:9] == (state, group, measure, "events")
    ]
    if line:
        ledger.same(total, max(line, key=lambda k: float(k[9])))


def _add_to_everybody(ledger: Ledger) -> None:
    keys = [k for k in ledger.cells if k[0] == "state" and len(k) == STATE_CELL]
    for total in [k for k in keys if k[4] in EVERYBODY]:
        groups: dict[str, list[Key]] = {}
        for key in keys:
            if key[4] not in EVERYBODY and (key[1], key[3], *key[5:]) == (total[1], total[3], *total[5:]):
                groups.setdefault(key[2], []).append(key)
        for parts in groups.values():
            ledger.total(total, parts)


def enter_others(ledger: Ledger, frame: pd.DataFrame) -> None:
    """Enter the counts beside every other summary: ratios along a number, coefficients over time, restricted means, what comes next.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    frame : DataFrame
        Rows of Estimates.
    """
    for index, row in other_rows(frame).iterrows():
        key = ("other", *(str(row[name]) for name in ("analysis", "model", "outcome", "subgroup", "term", "level")))
        for column in COUNTS:
            if not pd.isna(row[column]):
                count, cell = round(row[column]), (*key, column)
                if cell in ledger.cells and ledger.cells[cell].count != count:
                    cell = (*cell, str(index))
                ledger.add(Cell(cell, count, rank=_RANK_OTHER, attribute=True), (int(str(index)), column))


def other_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that no special rule is for.

    Parameters
    ----------
    frame : DataFrame
        Rows of Estimates.

    Returns
    -------
    DataFrame
        Some of them.
    """
    special = frame["context"].isin(("attrition", "estimate", "diagnostic", "curve"))
    known = frame["measure"].isin((*TABLE_MEASURES, *STATE_MEASURES, "histogram"))
    return frame[~special & ~known & (frame["analysis"] != "truth")]


def link_everything(ledger: Ledger, policy: Policy) -> None:
    """State that numbers of the same whole group are the same wherever they stand, and that a state is entered by some of its group.

    Parameters
    ----------
    ledger : Ledger
        With all its cells.
    policy : Policy
        Small numbers of everybody, as of missing rows, are equal by chance and are not tied.

    Notes
    -----
    The number of people and of events of a group stands in the flow chart, Table 1, models, at the ends of curves and beside many
    other results; where the same number stands it is taken for the same people.
    """
    same_counts(ledger, [(told, k) for told, k in _wholes(ledger) if told[1] or ledger.cells[k].count > policy.limit])
    people: dict[tuple[str, str, str], Key] = {}
    for described, key in _wholes(ledger):
        if key[0] in ("table", "curve"):
            people.setdefault(described, key)
    for key in [k for k in ledger.cells if k[0] == "state" and k[5] == "state" and len(k) == STATE_CELL]:
        total = people.get(whole_group("n", key[2], key[4]))
        if total is not None:
            ledger.total(total, [key], some=True)


def _wholes(ledger: Ledger) -> Iterator[tuple[tuple[str, str, str], Key]]:
    for key in ledger.cells:
        if key[0] == "flow" and len(key) == FLOW_CELL:
            yield (key[6], "", ""), key
        elif key[0] == "table" and len(key) == CELL and key[4] in ("total", "events", "base"):
            yield whole_group("events" if key[4] == "events" else "n", key[2], key[7]), key
        elif key[0] == "table" and len(key) == CELL and key[4] == "level" and key[7] == OVERALL:
            yield ("n", key[5], key[6]), key
        elif key[0] == "model" and len(key) == 6:
            yield ("events" if "events" in key[5] else "n", "", ""), key
        elif key[0] == "model" and len(key) == 8 and key[5] in COUNTS:
            yield (key[5], bare_term(key[6]), key[7]), key
        elif key[0] == "histogram" and len(key) == 6:
            yield whole_group("n", key[2], key[5]), key
        elif key[0] == "state" and len(key) == STATE_CELL and key[5] in ("state", "arrivals"):
            yield whole_group(key[8], key[2], key[4]), key
        elif key[0] == "other":
            yield whole_group(key[7], key[2], key[4]), key
    yield from ends_of_curves(ledger)
