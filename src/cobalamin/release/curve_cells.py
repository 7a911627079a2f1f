"""Curves, at-risk tables and distributions as cells and sums: groups and states add up, and so do events from time to time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pandas as pd

from cobalamin.release.cells import Cell, Key, Ledger
from cobalamin.release.table_cells import OVERALL

CURVE_CELL = 10  # "curve", analysis, grouping column, outcome, term, level, group, measure, column, time
AT_RISK, STATES = "at risk", "multi-state"
_RANK_INNER, _RANK_END = 0, 1
_IDENTITY = ["analysis", "model", "outcome", "term", "level", "subgroup", "measure"]
EVERYBODY = ("", OVERALL)


def enter_curves(ledger: Ledger, frame: pd.DataFrame) -> None:
    """Enter the counts of curves and at-risk tables.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    frame : DataFrame
        Rows of Estimates, curves already on the times at which they are shown.

    Notes
    -----
    Events between two times of an at-risk table are cells of their own; the states of a multi-state process add to those under
    observation; groups add to everybody; one count shown in several figures is one count.
    """
    rows = frame[(frame["context"] == "curve") & frame["at"].notna() & (frame["analysis"] != "truth")]
    for names, part in rows.groupby(_IDENTITY, sort=False):
        ordered = part.sort_values("at", kind="stable")
        for column in ("n", "events"):
            _enter_line(ledger, ("curve", *map(str, names), column), ordered, column)
    keys = [k for k in ledger.cells if k[0] == "curve" and len(k) == CURVE_CELL]
    _add_states(ledger, keys)
    _add_groups(ledger, keys)
    same_counts(ledger, ((_moment(k), k) for k in [k for k in ledger.cells if k[0] == "curve" and len(k) == CURVE_CELL]))


def _enter_line(ledger: Ledger, line: Key, ordered: pd.DataFrame, column: str) -> None:
    known = ordered[column].notna()
    times = ordered.loc[known, "at"].tolist()
    keys = []
    for order, (index, count) in enumerate(ordered.loc[known, column].items()):
        rank = _RANK_END if order in (0, len(times) - 1) else _RANK_INNER
        # that a curve begins without events, or that nobody is in a state (as all but the first, at the start), says nothing of anybody
        attribute = line[1] != STATES if column == "n" else line[7] == AT_RISK or order > 0
        cell = Cell((*line, repr(float(times[order]))), round(float(count)), rank=rank, attribute=attribute)
        keys.append(ledger.add(cell, (int(str(index)), column)))
    if column == "events" and line[7] == AT_RISK:
        for before, after in itertools.pairwise(dict.fromkeys(keys)):
            ledger.total(after, [before], some=True)


def _moment(key: Key) -> tuple[object, ...]:
    # the number at risk at a time does not depend on the event; events do
    return (key[2], _group(key[6]), key[8], "" if key[8] == "n" else key[5], key[9], "in" if key[1] == STATES and key[7] == AT_RISK else "")


def _group(label: str) -> str:
    return "" if label in EVERYBODY else label


def _add_states(ledger: Ledger, keys: Iterable[Key]) -> None:
    """Those in each state at a time add to those under observation, who are printed beside the probabilities."""
    found: dict[Key, list[Key]] = {}
    for key in keys:
        if key[1] == STATES and key[7:9] == (AT_RISK, "n"):
            found.setdefault((*key[:5], "", *key[6:7], "under observation", *key[8:]), []).append(key)
    for total, parts in found.items():
        ledger.add(Cell(total, sum(ledger.cells[k].count for k in parts), shown=False, attribute=False))
        ledger.total(total, parts)


def _add_groups(ledger: Ledger, keys: Iterable[Key]) -> None:
    whole: dict[Key, list[Key]] = {}
    parts: dict[tuple[Key, str], list[Key]] = {}
    for key in keys:
        place = (key[1], *key[3:6], *key[7:])
        if key[6] in EVERYBODY:
            whole.setdefault(place, []).append(key)
        else:
            parts.setdefault((place, key[2]), []).append(key)
    for (place, _), groups in parts.items():
        for total in whole.get(place, []):
            ledger.total(total, groups)


def same_counts(ledger: Ledger, found: Iterable[tuple[tuple[object, ...], Key]]) -> None:
    """State that cells of one description that hold the same number count the same people.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    found : iterable of (description, key)
        Cells; what is equal by chance only makes the reader stronger.
    """
    first: dict[tuple[object, ...], Key] = {}
    for described, key in found:
        count = ledger.cells[key].count
        if count:
            ledger.same(first.setdefault((*described, count), key), key)


def ends_of_curves(ledger: Ledger) -> list[tuple[tuple[str, str, str], Key]]:
    """Return the numbers of whole groups that curves begin and end with.

    Parameters
    ----------
    ledger : Ledger
        With its curves.

    Returns
    -------
    list of ((column, grouping, group), key)
        People at the first time and events at the last.
    """
    lines: dict[Key, list[Key]] = {}
    for key in [k for k in ledger.cells if k[0] == "curve" and len(k) == CURVE_CELL]:
        lines.setdefault(key[:-1], []).append(key)
    ends = []
    for line, keys in lines.items():
        key = min(keys, key=_time) if line[8] == "n" else max(keys, key=_time)
        ends.append((whole_group(line[8], line[2], line[6]), key))
    return ends


def whole_group(column: str, grouping: str, label: str) -> tuple[str, str, str]:
    """Describe a number of a whole group, everybody being the same group whatever the grouping.

    Parameters
    ----------
    column : str
        ``n`` or ``events``.
    grouping, label : str
        Name of the grouping column, and the group.

    Returns
    -------
    tuple of str
        The description.
    """
    return (column, "", "") if label in EVERYBODY else (column, grouping, label)


def _time(key: Key) -> float:
    return float(key[9])


def enter_histograms(ledger: Ledger, frame: pd.DataFrame) -> None:
    """Enter the bins of distributions as they will be shown; a table of fewer people leaves the others in each bin.

    Parameters
    ----------
    ledger : Ledger
        Grows.
    frame : DataFrame
        Rows of Estimates, bins already joined.
    """
    rows = frame[(frame["context"] == "summary") & (frame["measure"] == "histogram") & frame["n"].notna()]
    bins: dict[tuple[str, str, str], list[Key]] = {}
    for names, part in rows.groupby(["analysis", "model", "outcome", "term", "subgroup"], sort=False):
        key = ("histogram", *map(str, names))
        mine = []
        for index, low, high, n in zip(part.index, part["low"], part["high"], part["n"], strict=True):
            mine.append(ledger.add(Cell((*key, repr((low, high))), round(n), attribute=True), (int(str(index)), "n")))
            bins.setdefault((str(names[3]), _group(str(names[4])), repr((low, high))), []).append(mine[-1])
        total = ledger.add(Cell(key, sum(ledger.cells[k].count for k in mine), shown=False, attribute=False))
        ledger.total(total, mine)
    for keys in bins.values():
        ordered = sorted(keys, key=lambda k: -ledger.cells[k].count)
        for larger, smaller in itertools.pairwise(ordered):
            ledger.total(larger, [smaller], some=True)
