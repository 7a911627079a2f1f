"""Rows behind the figures of curves and states: simultaneous bands, log-log curves, transitions."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.models.curves.bands import confidence_band
from cobalamin.models.curves.curve_set import Curves
from cobalamin.models.multistate.multistate_process import Process, count_transitions
from cobalamin.models.multistate.multistate_result import MultiState

Floats = npt.NDArray[np.float64]


def band_estimates(
    curves: Curves,
    *,
    method: Literal["equal-precision", "hall-wellner"] = "equal-precision",
    transform: Literal["log-log", "plain", "arcsine"] = "log-log",
    model: str | None = None,
    outcome: str = "",
) -> Estimates:
    """Return the simultaneous band of survival curves as rows of results.

    Parameters
    ----------
    curves : Curves
        From `survival_curve`.
    method, transform : str
        As in `confidence_band`.
    model, outcome : str
        As in `Curves.estimates`.

    Returns
    -------
    Estimates
        Rows ``simultaneous band`` beside those of the curves (analysis ``survival``), at the same times with the same counts, so that
        disclosure control puts both on one grid; ``low`` and ``high`` are NaN where the band does not hold.

    Raises
    ------
    DataError
        As `confidence_band`.

    Examples
    --------
    >>> from cobalamin.models.curves.curves import survival_curve
    >>> people = pd.DataFrame({"years": np.arange(1.0, 41.0), "died": [1, 0] * 20})
    >>> rows = band_estimates(survival_curve(people, exit="years", event="died")).frame
    >>> rows.loc[rows["at"] == 15, ["low", "high"]].round(2).to_numpy().tolist()
    [[0.45, 0.92]]
    """
    band = confidence_band(curves, method=method, transform=transform)
    frame = curves.estimates(model=model, outcome=outcome).where(measure="survival").frame.copy()
    for label in curves.groups:
        mine, own = (frame["subgroup"] == label).to_numpy(), band.loc[band["group"] == label]
        at, steps = frame.loc[mine, "at"].to_numpy(), own["time"].to_numpy()
        index = np.searchsorted(steps, at * (1 + 1e-12), side="right") - 1
        holds = (index >= 0) & (at <= steps[-1])
        for name, column in (("low", "conf_low"), ("high", "conf_high")):
            frame.loc[mine, name] = np.where(holds, own[column].to_numpy()[index], np.nan)
    return Estimates.from_frame(frame.assign(measure="simultaneous band", std_error=np.nan, term=method))


def loglog_estimates(curves: Curves, *, model: str | None = None, outcome: str = "") -> Estimates:
    """Return log(-log S(t)) of survival curves as rows of results: parallel curves speak for proportional hazards.

    Parameters
    ----------
    curves : Curves
        From `survival_curve`.
    model, outcome : str
        As in `Curves.estimates`.

    Returns
    -------
    Estimates
        Rows ``log minus log survival``, analysis ``proportional hazards``, at the times of the curve with its counts; NaN where S is
        0 or 1. The limits are those of S on the other scale.

    Raises
    ------
    DataError
        Curves of another kind.

    Examples
    --------
    >>> from cobalamin.models.curves.curves import survival_curve
    >>> people = pd.DataFrame({"years": np.arange(1.0, 41.0), "died": [1, 0] * 20})
    >>> rows = loglog_estimates(survival_curve(people, exit="years", event="died")).frame
    >>> rows.loc[rows["at"] == 15, "value"].round(3).tolist()
    [-1.381]
    """
    if type(curves) is not Curves:
        raise DataError(f"curves: expected Kaplan-Meier curves from survival_curve; got {type(curves).__name__}.")
    rows = curves.estimates("proportional hazards", model=model, outcome=outcome).where(measure="survival")
    frame = rows.frame
    scaled = {"value": _loglog(frame["value"]), "low": _loglog(frame["high"]), "high": _loglog(frame["low"])}
    return rows.with_columns(**scaled, std_error=np.nan, measure="log minus log survival")


def _loglog(survival: pd.Series[float]) -> Floats:
    s = survival.to_numpy(dtype=np.float64)
    inside = (s > 0) & (s < 1)
    return np.where(inside, np.log(-np.log(np.where(inside, s, 0.5))), np.nan)


def transition_estimates(result: MultiState, *, model: str | None = None, outcome: str = "") -> Estimates:
    """Return the states and transitions of a multi-state process, with counts and person-time, as rows of results.

    Parameters
    ----------
    result : MultiState
        From `multi_state`.
    model : str, optional
        Name of the grouping; the column's by default.
    outcome : str
        Name of the outcome.

    Returns
    -------
    Estimates
        Analysis ``multi-state``, context ``summary``, per group: ``state`` (``term``; ``n`` people seen in it, ``person_time`` in it), in
        order, and ``transition`` (``term`` -> ``level``; ``events``, ``person_time`` at risk).

    Notes
    -----
    The rate is ``events / person_time``; it is left to the figure, because a rate beside a rounded count gives the count away.

    Examples
    --------
    >>> from cobalamin.models.multistate.multistate import multi_state
    >>> rows = pd.DataFrame({"id": [1, 1, 2], "in": [0, 1, 0], "out": [1, 3, 2], "was": ["well", "LS", "well"]})
    >>> rows["then"] = ["LS", "dead", "dead"]
    >>> names = {"person": "id", "entry": "in", "exit": "out", "from_state": "was", "to_state": "then"}
    >>> made = transition_estimates(multi_state(rows, **names, states=["well", "LS", "dead"])).where(measure="transition")
    >>> made.frame[["term", "level", "events", "person_time"]].to_numpy().tolist()
    [['well', 'LS', 1.0, 3.0], ['well', 'dead', 1.0, 3.0], ['LS', 'dead', 1.0, 2.0]]
    """
    rows = [{"subgroup": g, **row} for g, p in result.processes.items() for row in (*_states(p, result), *_moves(p, result))]
    common = {"context": "summary", "model": result.by if model is None else model, "outcome": outcome, "unit": result.unit}
    return Estimates.from_rows(rows, analysis="multi-state", **common)


def _states(process: Process, result: MultiState) -> list[dict[str, Any]]:
    chain, rows = process.chain, []
    for j, state in enumerate(result.states):
        inside = chain.state == j
        seen = np.union1d(chain.person[inside], chain.person[chain.target == j])
        time = float((chain.exit[inside] - chain.entry[inside]).sum())
        rows.append({"term": state, "measure": "state", "n": len(seen), "person_time": time if inside.any() else np.nan})
    return rows


def _moves(process: Process, result: MultiState) -> list[dict[str, Any]]:
    moves = [move for move in count_transitions(process.chain) if move[1] >= 0]
    names = [{"term": result.states[old], "level": result.states[new], "measure": "transition"} for old, new, _, _ in moves]
    return [{**name, "events": n, "person_time": time} for name, (_, _, n, time) in zip(names, moves, strict=True)]
