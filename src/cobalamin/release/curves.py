"""Curves for release: on a grid of round times, with enough events in every interval and enough people at risk.

A survival curve with one step per death is a list of persons: each step gives one date of death, and the height of the
step gives the number at risk. On the grid every published interval holds several events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.release.draft import NUMBERS_OF_A_ROW, Draft
from cobalamin.release.policy import SUPPRESSED, Policy
from cobalamin.release.rounding import probability_decimals, significant

CURVE = ["analysis", "model", "outcome", "term", "level", "subgroup", "measure"]
AT_RISK = "at risk"
GRID_POINTS = 60
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """A step function with its counts.

    Attributes
    ----------
    time, n, events : ndarray, shape (k,)
        Times in order, people at risk just before each, events up to and including each.
    """

    time: Floats
    n: Floats
    events: Floats

    def last_row(self, at: float) -> int:
        """Row in force at a time; -1 before the first."""
        return int(np.searchsorted(self.time, at * (1 + 1e-12), side="right")) - 1

    def at_risk(self, at: float) -> float:
        """People at risk just before a time: those of the first row not before it; NaN after the last row."""
        row = int(np.searchsorted(self.time, at * (1 - 1e-12), side="left"))
        return float(self.n[row]) if row < len(self.n) else math.nan

    def events_by(self, at: float) -> float:
        """Events up to and including a time."""
        row = self.last_row(at)
        return float(self.events[row]) if row >= 0 else 0.0


def thin_curves(draft: Draft, policy: Policy) -> pd.DataFrame:
    """Return the rows of curves and at-risk tables on times at which they may be shown, with true counts.

    Parameters
    ----------
    draft : Draft
        The rows with context ``curve``; receives the decisions.
    policy : Policy
        The rules.

    Returns
    -------
    DataFrame
        New rows, whose counts are still to be protected; the index is that of the first row of each curve.
    """
    parts = []
    for names, part in draft.true.groupby(CURVE, sort=False):
        parts.append(part if names[-1] == AT_RISK else _regrid(draft, part.sort_values("at", kind="stable"), policy))
    return pd.concat(parts) if parts else draft.true


def _regrid(draft: Draft, part: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    identity = {name: str(part.iloc[0][name]) for name in CURVE} | {"context": "curve"}
    rule = f"at least {policy.events_between} events in every interval, more than {policy.limit} at risk"
    if part[["n", "events", "at"]].isna().to_numpy().any():
        times, rule = [], "numbers at risk or events are not given"
    else:
        steps = Steps(part["at"].to_numpy(float), part["n"].to_numpy(float), part["events"].to_numpy(float))
        times = safe_times(steps, policy)
    if not times:
        draft.note(rule, "curve hidden", column="value", **identity)
        return _hidden_curve(part, rule)
    draft.note(rule, f"{len(part)} steps put on {len(times)} times", column="value", **identity)
    return _rows_at(part, steps, times, policy)


def _hidden_curve(part: pd.DataFrame, rule: str) -> pd.DataFrame:
    row = part.iloc[[0]].copy()
    row.loc[:, ["at", *NUMBERS_OF_A_ROW]] = np.nan
    row["warning"] = f"{SUPPRESSED}: {rule}"
    return row


def safe_times(steps: Steps, policy: Policy) -> list[float]:
    """Choose the times at which a curve may be shown.

    Parameters
    ----------
    steps : Steps
        The curve as estimated.
    policy : Policy
        The rules.

    Returns
    -------
    list of float
        Round times; empty when no interval holds enough events.

    Notes
    -----
    Of the round times with enough people at risk each is kept once enough events have passed since the last one kept.
    The last time closes the curve: few events before it are joined to the interval before, none may stand as a flat
    tail unless the policy treats "nobody" as disclosive.

    Examples
    --------
    >>> from cobalamin.release.policy import preset
    >>> days = np.arange(101.0)
    >>> steps = Steps(time=days, n=1000 - days, events=days)
    >>> safe_times(steps, preset("opensafely"))[:3]
    [0.0, 8.0, 16.0]
    """
    grid = round_times(float(steps.time[0]), float(steps.time[-1]))
    usable = [t for t in grid if steps.at_risk(t) > policy.limit]
    if not usable:
        return []
    start = [usable[0]] if steps.events_by(usable[0]) == 0 else []
    kept: list[float] = []
    passed = 0.0
    for time in usable:
        if steps.events_by(time) - passed >= policy.events_between:
            kept.append(time)
            passed = steps.events_by(time)
    rest = steps.events_by(usable[-1]) - passed
    if rest > 0 and kept:
        kept[-1] = usable[-1]
    elif rest == 0 and not policy.zero_disclosive and usable[-1] not in [*start, *kept]:
        kept.append(usable[-1])
    return start + kept if kept else []


def round_times(first: float, last: float) -> list[float]:
    """Return round times that cover a span, at most about sixty.

    Parameters
    ----------
    first, last : float
        Ends of the span.

    Returns
    -------
    list of float
        Multiples of 1, 2, 2.5 or 5 times a power of ten; the first is not after ``first``, the last not after ``last``.

    Examples
    --------
    >>> round_times(0.3, 1.0)[:3]
    [0.3, 0.32, 0.34]
    """
    if not last > first:
        return [first]
    rough = (last - first) / GRID_POINTS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * (1 - 1e-9))
    low, high = math.floor(first / step + 1e-9), math.floor(last / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(low, high + 1)]


def _rows_at(part: pd.DataFrame, steps: Steps, times: list[float], policy: Policy) -> pd.DataFrame:
    rows = part.iloc[[max(steps.last_row(t), 0) for t in times]].copy()
    rows.index = pd.Index([part.index[0]] * len(times))
    rows["at"] = times
    rows["n"] = [steps.at_risk(t) for t in times]
    rows["events"] = [steps.events_by(t) for t in times]
    for column in ("person_time", "p"):
        rows[column] = np.nan
    probability = rows["value"].between(0, 1).all()
    for column in ("value", "low", "high", "std_error"):
        numbers = rows[column].to_numpy(float)
        rows[column] = [
            round(x, probability_decimals(v, policy.digits - 1)) if probability and math.isfinite(x) else significant(x, policy.digits)
            for x, v in zip(numbers, part["value"].to_numpy(float)[[max(steps.last_row(t), 0) for t in times]], strict=True)
        ]
    return rows
