"""The noun `IntervalCurves`: survival curves of interval-censored times, whose steps are known only to within an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.followup import FollowUp
from cobalamin.models.curves.curve_set import AT_COLUMNS, Curves
from cobalamin.models.curves.kaplan_meier import RiskSets, risk_sets
from cobalamin.models.grouping import read_moments
from cobalamin.models.interval.interval_data import IntervalData

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FRAME = ["group", "state", "time", "left", "right", "mass", "estimate", "std_error", "conf_low", "conf_high", "n_at_risk", "n_event"]


@dataclass(frozen=True, eq=False)
class IntervalCurves(Curves):
    """Survival curves from interval-censored times: as `Curves`, each step known to lie in ``(left, right]``.

    Attributes
    ----------
    frame : DataFrame
        ``group, state, time, left, right, mass, estimate, std_error, conf_low, conf_high, n_at_risk, n_event``: one row per innermost
        interval with probability ``mass``; ``time`` is its midpoint (R's ``survfit``), where `at` puts the step; ``n_event`` is
        the expected number of events in it.
    sets : mapping of str to RiskSets
        Persons by the last time they are known to be free of the event.
    ends : mapping of str to ndarray
        Times by which events are known to have happened, rising, by group label.
    loglik : mapping of str to float
        Log-likelihood of each group at its maximum.
    gap : mapping of str to float
        How far the conditions of the global maximum are violated, as a share of the number at risk (about 0).
    """

    ends: Mapping[str, Floats] = field(default_factory=dict, repr=False)
    loglik: Mapping[str, float] = field(default_factory=dict)
    gap: Mapping[str, float] = field(default_factory=dict)

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        steps, sets = self.steps(label), self.sets[label]
        index = np.searchsorted(steps["time"].to_numpy(), times, side="right")
        first = {"estimate": 1.0, "std_error": 0.0, "conf_low": 1.0, "conf_high": 1.0}
        if "none" in self.variance and steps["std_error"].isna().all():  # no limits at all: none before the first step either
            first |= {"std_error": np.nan, "conf_low": np.nan, "conf_high": np.nan}
        values = {name: np.append(start, steps[name].to_numpy())[index] for name, start in first.items()}
        unknown = (times < sets.origin) | ((times > sets.time[-1]) & (values["estimate"] > 0))
        values = {name: np.where(unknown, np.nan, column) for name, column in values.items()}
        at_risk = sets.count(times)[1]
        return pd.DataFrame({"group": label, "state": self.state, "time": times, **values, "n_at_risk": at_risk})[AT_COLUMNS]

    def bounds(self, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return between which values the curve may lie, for want of knowledge within the innermost intervals.

        Parameters
        ----------
        times : float or sequence of float
            Times.

        Returns
        -------
        DataFrame
            ``group, time, low, high``: the estimate if the step that holds the time lay at its left, or at its right end. These are
            no confidence limits.

        Notes
        -----
        Every way to spread the mass of an innermost interval within it has the same likelihood, so the data cannot choose.
        """
        moments = read_moments(times)
        parts = []
        for label in self.groups:
            steps, sets = self.steps(label), self.sets[label]
            value = np.append(1.0, steps["estimate"].to_numpy())
            left, right = steps["left"].to_numpy(), steps["right"].to_numpy()
            # an exact step (left == right) has happened at its time, an interval (left, right] may have at any time after left
            begun = np.searchsorted(left, moments, side="left") + np.searchsorted(left[left == right], moments, side="right")
            begun -= np.searchsorted(left[left == right], moments, side="left")
            done = np.searchsorted(right, moments, side="right")
            unknown = (moments < sets.origin) | ((moments > sets.time[-1]) & (value[done] > 0))
            found = {"low": np.where(unknown, np.nan, value[begun]), "high": np.where(unknown, np.nan, value[done])}
            parts.append(pd.DataFrame({"group": label, "time": moments, **found}))
        return pd.concat(parts, ignore_index=True)

    def _curve_rows(self, label: str) -> pd.DataFrame:
        sets = self.sets[label]
        times = np.unique(np.concatenate([[sets.origin], self.steps(label)["time"].to_numpy(), sets.time[-1:]]))
        rows = self._group_at(label, times)
        names = {"value": "estimate", "low": "conf_low", "high": "conf_high", "std_error": "std_error"}
        values = {new: rows[old] for new, old in names.items()}
        return pd.DataFrame(
            {"subgroup": label, "level": self.state, "at": times, "measure": "survival", **values, **self._persons(label, times)}
        )

    def _persons(self, label: str, times: Floats) -> dict[str, Ints]:
        events = np.searchsorted(self.ends[label], times, side="right")
        return {"n": self.sets[label].count(times)[0], "events": np.asarray(events, dtype=np.int64)}

    def __repr__(self) -> str:
        return f"Interval{super().__repr__()}"


def known_free(times: IntervalData, weight: Floats) -> RiskSets:
    """Count persons by the last time they are known to be free of the event.

    Parameters
    ----------
    times : IntervalData
        n rows.
    weight : ndarray, shape (n,)
        Whole case weights.

    Returns
    -------
    RiskSets
        Its ``count(t)`` are those under observation and known to be free of the event just before t.
    """
    origin = min(0.0, float(times.upper.min()))
    last = np.where(np.isneginf(times.lower), origin, times.lower)
    return risk_sets(FollowUp(times.entry, last, times.happened.astype(np.int64)), weight)


def known_ends(times: IntervalData, weight: Floats) -> Floats:
    """Return the times by which events are known to have happened.

    Parameters
    ----------
    times : IntervalData
        n rows.
    weight : ndarray, shape (n,)
        Whole case weights.

    Returns
    -------
    ndarray, shape (events,)
        Rising; a row of weight 2 twice.
    """
    happened = times.happened
    return np.sort(np.repeat(times.upper[happened], weight[happened].astype(np.int64)))
