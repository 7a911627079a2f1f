"""The noun `Curves`: step functions of one or more groups, read off at any time, inverted, and turned into result rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingValuesError
from cobalamin.core.estimates import Estimates
from cobalamin.models.curves.kaplan_meier import RiskSets, step_quantile
from cobalamin.models.grouping import read_moments

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
AT_COLUMNS = ["group", "state", "time", "estimate", "std_error", "conf_low", "conf_high", "n_at_risk"]


@dataclass(frozen=True, eq=False)
class Curves:
    """Survival curves of one or more groups.

    Attributes
    ----------
    frame : DataFrame
        Every step: ``group, state, time, estimate, std_error, conf_low, conf_high, n_at_risk, n_event, n_censored``, one
        row per group and distinct exit time; counts are sums of weights.
    sets : mapping of str to RiskSets
        Risk sets by group label.
    by : str
        Name of the grouping column; empty without groups.
    state : str
        Label of the event.
    unit : str
        Unit of time.
    confidence : str
        Kind of limits.
    level : float
        Confidence level.
    variance : str
        ``"greenwood"`` or ``"robust"``.
    n, n_missing, n_before_start, events : int
        Rows used, rows left out for a missing group, cluster or weight, rows that end at or before ``start``, events used.
    warnings : tuple of str
        What a reader must know.
    """

    frame: pd.DataFrame
    sets: Mapping[str, RiskSets] = field(repr=False)
    by: str
    state: str
    unit: str
    confidence: str
    level: float
    variance: str
    n: int
    n_missing: int
    n_before_start: int
    events: int
    warnings: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Group labels in order."""
        return tuple(self.sets)

    def at(self, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return the curves at given times.

        Parameters
        ----------
        times : float or sequence of float
            Times, in the unit of the follow-up.

        Returns
        -------
        DataFrame
            ``group, state, time, estimate, std_error, conf_low, conf_high, n_at_risk``, group by group in the order of
            ``times``. ``n_at_risk`` counts ``entry < time <= exit`` (at the origin: everybody who starts there).

        Raises
        ------
        MissingValuesError
            A missing time.

        Notes
        -----
        The curve holds from each step up to, not including, the next. After the last follow-up of a group nothing is
        known and the row is NaN (R's ``extend=TRUE`` repeats the last value); only a curve that has reached 0 stays 0.
        Before the origin the row is NaN as well.
        """
        moments = read_moments(times)
        if np.isnan(moments).any():
            raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
        parts = [self._group_at(label, moments) for label in self.groups]
        return pd.concat(parts, ignore_index=True)

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        steps, sets = self.steps(label), self.sets[label]
        index = np.searchsorted(sets.time, times, side="right")  # 0 = before the first exit
        values = {
            name: np.append(first, steps[name].to_numpy())[index]
            for name, first in {"estimate": 1.0, "std_error": 0.0, "conf_low": 1.0, "conf_high": 1.0}.items()
        }
        unknown = (times < sets.origin) | ((times > sets.time[-1]) & (values["estimate"] > 0))
        values = {name: np.where(unknown, np.nan, column) for name, column in values.items()}
        at_risk = sets.count(times)[1]
        return pd.DataFrame({"group": label, "state": self.state, "time": times, **values, "n_at_risk": at_risk})[AT_COLUMNS]

    def steps(self, group: str) -> pd.DataFrame:
        """Return the rows of ``frame`` of one group.

        Parameters
        ----------
        group : str
            Group label.

        Returns
        -------
        DataFrame
            Its steps in order of time.
        """
        return self.frame.loc[self.frame["group"] == group]

    def quantile(self, probability: float | Sequence[float] = 0.5) -> pd.DataFrame:
        """Return the times by which given shares have had the event; 0.5 is the median survival time.

        Parameters
        ----------
        probability : float or sequence of float
            Shares between 0 and 1.

        Returns
        -------
        DataFrame
            ``group, state, probability, estimate, conf_low, conf_high``; NaN where the curve, or its limit, does not come
            down that far.

        Raises
        ------
        DataError
            A probability outside 0..1.

        Notes
        -----
        The first time at which S <= 1 - p; midway along the step where S equals 1 - p. The limits are the times at which the
        confidence limits of S cross 1 - p (Brookmeyer and Crowley), as R prints them;
        the first crossing, where a limit is not monotone.

        References
        ----------
        Brookmeyer R, Crowley J (1982), Biometrics 38:29-41, doi:10.2307/2530286.
        """
        shares = np.atleast_1d(np.asarray(probability, dtype=np.float64))
        if not ((shares >= 0) & (shares <= 1)).all():
            raise DataError("probability: expected shares between 0 and 1, as 0.5 for the median.")
        rows = []
        for label in self.groups:
            steps = self.steps(label)
            for p in shares:
                found = {
                    name: step_quantile(steps["time"].to_numpy(), steps[name].to_numpy(), float(p), self.sets[label].origin)
                    for name in ("estimate", "conf_low", "conf_high")
                }
                rows.append({"group": label, "state": self.state, "probability": p, **found})
        return pd.DataFrame(rows)

    def estimates(
        self,
        analysis: str = "survival",
        *,
        model: str | None = None,
        outcome: str = "",
        grid: Sequence[float] | None = None,
    ) -> Estimates:
        """Return the curves and the table of numbers at risk as rows of the one results table.

        Parameters
        ----------
        analysis : str
            Name of the analysis.
        model : str, optional
            Name of the grouping; the column's by default.
        outcome : str
            Name of the outcome.
        grid : sequence of float, optional
            Times of the at-risk rows; by default 5 to 10 round times from the origin to the last follow-up.

        Returns
        -------
        Estimates
            Per group ``survival`` rows (the origin, each time with an event, the last follow-up) and ``at risk`` rows.
            ``n`` and ``events`` (cumulative) are persons, whatever the weights. Under delayed entry ``n`` may rise.
        """
        first = min(sets.origin for sets in self.sets.values())
        moments = nice_times(first, float(self.frame["time"].max())) if grid is None else np.asarray(grid, dtype=np.float64)
        parts = [part for label in self.groups for part in (self._curve_rows(label), self._risk_rows(label, moments))]
        common = {"analysis": analysis, "context": "curve", "model": self.by if model is None else model, "outcome": outcome}
        return Estimates.from_frame(pd.concat(parts, ignore_index=True).assign(**common, unit=self.unit, warning=" ".join(self.warnings)))

    def _curve_rows(self, label: str) -> pd.DataFrame:
        sets = self.sets[label]
        change = sets.time[(sets.n_events > 0) | (sets.time == sets.time[-1])]
        times = np.unique(np.append(sets.origin, change))
        rows = self._group_at(label, times)
        return pd.DataFrame(
            {
                "subgroup": label,
                "level": self.state,
                "at": times,
                "measure": "survival",
                "value": rows["estimate"],
                "low": rows["conf_low"],
                "high": rows["conf_high"],
                "std_error": rows["std_error"],
                **self._persons(label, times),
            }
        )

    def _risk_rows(self, label: str, times: Floats) -> pd.DataFrame:
        return pd.DataFrame({"subgroup": label, "level": self.state, "at": times, "measure": "at risk", **self._persons(label, times)})

    def _persons(self, label: str, times: Floats) -> dict[str, Ints]:
        sets = self.sets[label]
        events = np.append(0, np.cumsum(sets.n_events))[np.searchsorted(sets.time, times, side="right")]
        return {"n": sets.count(times)[0], "events": events}

    def _repr_html_(self) -> str:
        table = self.quantile(0.5).drop(columns="probability").rename(columns={"estimate": "median"})
        table.insert(2, "n", [int(s.n_events.sum() + s.n_censored.sum()) for s in self.sets.values()])
        table.insert(3, "events", [int(s.n_events.sum()) for s in self.sets.values()])
        return str(table.to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        left_out = f", {self.n_missing} left out" if self.n_missing else ""
        return f"Curves({self.state}{by}: {len(self.sets)} group(s), {self.n} rows, {self.events} events{left_out})"


def nice_times(first: float, last: float) -> Floats:
    """Return round, evenly spaced times that cover a follow-up.

    Parameters
    ----------
    first, last : float
        Origin and end.

    Returns
    -------
    ndarray
        5 to 11 multiples of 1, 2, 2.5 or 5 times a power of ten, from at or below ``first`` to at or below ``last``.

    Examples
    --------
    >>> nice_times(0, 35).tolist()
    [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]
    """
    span = last - first
    if not span > 0:
        return np.array([first])
    size = 10.0 ** np.floor(np.log10(span / 5))
    step = next(m * size for m in (5.0, 2.5, 2.0, 1.0) if span / (m * size) >= 5 or m == 1.0)
    return np.asarray(np.round(np.arange(np.floor(first / step), np.floor(last / step + 1e-9) + 1) * step, 12))
