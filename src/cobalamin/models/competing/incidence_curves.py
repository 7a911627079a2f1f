"""The noun `IncidenceCurves`: cumulative incidence by group and kind of event, read off at any time and turned into result rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.models.curves.aalen_johansen import Incidence
from cobalamin.models.curves.curve_set import AT_COLUMNS, Curves

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CONFIDENCE = ("log-log", "log", "plain")


@dataclass(frozen=True, eq=False)
class IncidenceCurves(Curves):
    """Cumulative incidence curves: as `Curves`, with one curve per group and kind of event, rising from 0.

    Attributes
    ----------
    incidence : mapping of str to Incidence
        Estimates and counts by group label.
    states : tuple of str
        Labels of the kinds of event, in the order of their codes.
    """

    incidence: Mapping[str, Incidence] = field(default_factory=dict, repr=False)
    states: tuple[str, ...] = ()

    def steps(self, group: str, state: str | None = None) -> pd.DataFrame:
        """Return the rows of ``frame`` of one group.

        Parameters
        ----------
        group : str
            Group label.
        state : str, optional
            Label of the event; all by default.

        Returns
        -------
        DataFrame
            Its steps in order of time.
        """
        rows = super().steps(group)
        return rows if state is None else rows.loc[rows["state"] == state]

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        sets = self.sets[label]
        index = np.searchsorted(sets.time, times, side="right")  # 0 = before the first exit
        # once everybody has had an event nothing can change any more; otherwise nothing is known after the last exit
        unknown = (times < sets.origin) | ((times > sets.time[-1]) & (not sets.exhausted.any()))
        at_risk = sets.count(times)[1]
        parts = []
        for state in self.states:
            steps = self.steps(label, state)
            values = {name: np.append(0.0, steps[name].to_numpy())[index] for name in ("estimate", "std_error", "conf_low", "conf_high")}
            values = {name: np.where(unknown, np.nan, column) for name, column in values.items()}
            parts.append(pd.DataFrame({"group": label, "state": state, "time": times, **values, "n_at_risk": at_risk}))
        return pd.concat(parts, ignore_index=True)[AT_COLUMNS]

    def quantile(self, probability: float | Sequence[float] = 0.5) -> pd.DataFrame:
        """Return the times by which given shares of everybody have had each kind of event.

        Parameters
        ----------
        probability : float or sequence of float
            Shares between 0 and 1.

        Returns
        -------
        DataFrame
            ``group, state, probability, estimate, conf_low, conf_high``: the first time at which the incidence, and its upper and
            lower limit, reach the share; NaN where they never do.

        Raises
        ------
        DataError
            A probability outside 0..1.
        """
        shares = np.atleast_1d(np.asarray(probability, dtype=np.float64))
        if not ((shares >= 0) & (shares <= 1)).all():
            raise DataError("probability: expected shares between 0 and 1, as 0.1 for the time by which a tenth had the event.")
        ends = {"estimate": "estimate", "conf_low": "conf_high", "conf_high": "conf_low"}
        rows = []
        for label in self.groups:
            for state in self.states:
                steps = self.steps(label, state)
                time = steps["time"].to_numpy()
                for p in shares:
                    found = {name: _first_reach(time, steps[column].to_numpy(), float(p)) for name, column in ends.items()}
                    rows.append({"group": label, "state": state, "probability": p, **found})
        return pd.DataFrame(rows)

    def estimates(
        self,
        analysis: str = "cumulative incidence",
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
        model, outcome, grid
            As in `Curves.estimates`.

        Returns
        -------
        Estimates
            Per group and event ``cumulative incidence`` rows (the origin, each time with that event, the last follow-up) and
            ``at risk`` rows; ``level`` is the event, ``events`` its cumulative number of persons.
        """
        return super().estimates(analysis, model=model, outcome=outcome, grid=grid)

    def _curve_rows(self, label: str) -> pd.DataFrame:
        sets, parts = self.sets[label], []
        for j, state in enumerate(self.states):
            change = sets.time[(self.incidence[label].n_events[j] > 0) | (sets.time == sets.time[-1])]
            times = np.unique(np.append(sets.origin, change))
            rows = self._group_at(label, times)
            rows = rows.loc[rows["state"] == state].reset_index(drop=True)
            names = {"value": "estimate", "low": "conf_low", "high": "conf_high", "std_error": "std_error"}
            values = {new: rows[old] for new, old in names.items()}
            parts.append(pd.DataFrame({"subgroup": label, "level": state, "at": times, **values, **self._persons_of(label, j, times)}))
        return pd.concat(parts, ignore_index=True).assign(measure="cumulative incidence")

    def _risk_rows(self, label: str, times: Floats) -> pd.DataFrame:
        parts = [
            pd.DataFrame({"subgroup": label, "level": state, "at": times, "measure": "at risk", **self._persons_of(label, j, times)})
            for j, state in enumerate(self.states)
        ]
        return pd.concat(parts, ignore_index=True)

    def _persons_of(self, label: str, j: int, times: Floats) -> dict[str, Ints]:
        sets = self.sets[label]
        events = np.append(0, np.cumsum(self.incidence[label].n_events[j]))[np.searchsorted(sets.time, times, side="right")]
        return {"n": sets.count(times)[0], "events": events}

    def _repr_html_(self) -> str:
        last = pd.concat([self.steps(g, s).iloc[[-1]] for g in self.groups for s in self.states], ignore_index=True)
        last["events"] = [int(self.incidence[g].n_events[j].sum()) for g in self.groups for j in range(len(self.states))]
        last = last[["group", "state", "events", "time", "estimate", "conf_low", "conf_high"]]
        return str(last.rename(columns={"time": "last time"}).to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        return f"Incidence{super().__repr__()}"


def _first_reach(time: Floats, values: Floats, probability: float) -> float:
    reached = np.flatnonzero(values >= probability - 1e-12)  # values are sums of rounded steps
    return float(time[reached[0]]) if len(reached) else float("nan")


def check_limits(confidence: str, level: float) -> None:
    """Refuse an unknown kind of confidence limits or an impossible level.

    Parameters
    ----------
    confidence : str
        ``"log-log"``, ``"log"`` or ``"plain"``.
    level : float
        Confidence level.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DataError
        Anything else, or a level outside (0, 1).
    """
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
