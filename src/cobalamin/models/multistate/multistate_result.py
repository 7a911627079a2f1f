"""The noun `MultiState`: probabilities of states and transitions by group, read off at any time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingValuesError, did_you_mean, list_names
from cobalamin.core.estimates import Estimates
from cobalamin.models.curves.curve_set import AT_COLUMNS, nice_times
from cobalamin.models.curves.kaplan_meier import confidence_limits
from cobalamin.models.grouping import read_moments
from cobalamin.models.multistate.multistate_chain import path, product_between
from cobalamin.models.multistate.multistate_influence import stay
from cobalamin.models.multistate.multistate_process import Process, count_transitions, squared_influence

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MARKOV = (
    "Transition probabilities from a time after the start assume a Markov process: what happens next depends on the present state and"
    " the time, not on the way there or the time spent there."
)
# persons x times above which a whole curve has its standard errors at some times only
_EVERY_TIME = 2e7
_SOME_TIMES = 100


@dataclass(frozen=True, eq=False)
class MultiState:
    """Aalen-Johansen estimates of a multi-state process, for one or more groups.

    Attributes
    ----------
    processes : mapping of str to Process
        Numbers by group label.
    states : tuple of str
        Labels of the states in order.
    by, unit : str
        Name of the grouping column (empty without groups), and unit of time.
    confidence, level : str, float
        Kind and level of the limits.
    n, n_persons, n_missing, n_gaps, n_jumps : int
        Rows and persons used, rows left out, rows after a gap in observation, and changes of state in a gap.
    variance : str
        ``"jackknife"``: the infinitesimal jackknife over persons.
    warnings : tuple of str
        What a reader must know.
    """

    processes: Mapping[str, Process] = field(repr=False)
    states: tuple[str, ...]
    by: str
    unit: str
    confidence: str
    level: float
    n: int
    n_persons: int
    n_missing: int
    n_gaps: int
    n_jumps: int
    variance: str = "jackknife"
    warnings: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Group labels in order."""
        return tuple(self.processes)

    @property
    def frame(self) -> pd.DataFrame:
        """State probabilities as `at`, at the start, the transition times (a choice of 100 in large tables) and the last follow-up."""
        return pd.concat([self._group_at(label, self._times(label)) for label in self.groups], ignore_index=True)

    @property
    def transitions(self) -> pd.DataFrame:
        """Counts: ``group, from_state, to_state, n, person_time``; ``to_state`` is empty for stays that end without a transition."""
        names = ("", *self.states)
        rows = [
            (label, names[old + 1], names[new + 1], n, time)
            for label, process in self.processes.items()
            for old, new, n, time in count_transitions(process.chain)
        ]
        return pd.DataFrame(rows, columns=["group", "from_state", "to_state", "n", "person_time"])

    def at(self, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return the state probabilities at given times.

        Parameters
        ----------
        times : float or sequence of float
            Times, in the unit of the follow-up.

        Returns
        -------
        DataFrame
            ``group, state, time, estimate, std_error, conf_low, conf_high, n_at_risk``; the last is the number under observation
            in the state just before the time. NaN before the start and after the last follow-up.

        Raises
        ------
        MissingValuesError
            A missing time.
        """
        moments = _moments(times)
        return pd.concat([self._group_at(label, moments) for label in self.groups], ignore_index=True)

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        process = self.processes[label]
        ends = np.maximum(process.chain.index(times), process.begin)
        frame = self._limits(process.before[ends - process.begin], process.variance(ends), times, process)
        at_risk = process.chain.count_at_risk(np.where(times <= process.origin, np.nextafter(process.origin, np.inf), times))
        return frame.assign(group=label, n_at_risk=at_risk.T.ravel())[AT_COLUMNS]

    def _limits(self, estimate: Floats, variance: Floats, times: Floats, process: Process, start: float = -np.inf) -> pd.DataFrame:
        """Lay out (T, K) estimates as rows, state by state, with their limits."""
        unknown = (times < max(process.origin, start)) | (times > process.last)
        estimate, variance = np.clip(estimate, 0.0, 1.0).T.ravel(), variance.T.ravel()
        relative = np.divide(variance, estimate**2, out=np.zeros(len(estimate)), where=estimate > 0)
        low, high = confidence_limits(estimate, relative, self.confidence, self.level)
        if self.confidence != "plain":
            # as long as nobody can have reached a state the variance of its probability is not known
            low, high = np.where(estimate > 0, low, np.nan), np.where(estimate > 0, high, np.nan)
        columns = {"estimate": estimate, "std_error": np.sqrt(variance), "conf_low": low, "conf_high": high}
        hidden = np.tile(unknown, len(self.states))
        values = {name: np.where(hidden, np.nan, column) for name, column in columns.items()}
        return pd.DataFrame({"state": np.repeat(self.states, len(times)), "time": np.tile(times, len(self.states)), **values})

    def transition_probabilities(self, start: float, times: float | Sequence[float] | npt.NDArray[Any]) -> pd.DataFrame:
        """Return the probability of each state at given times, for those in each state at a time ``start``.

        Parameters
        ----------
        start : float
            Time at which the state is known.
        times : float or sequence of float
            Times not before it.

        Returns
        -------
        DataFrame
            ``group, from_state, state, time, estimate, std_error, conf_low, conf_high, n_at_start``: one block for each state in which
            somebody is under observation after ``start``; ``n_at_start`` persons just after it.

        Raises
        ------
        DataError, MissingValuesError
            A time before ``start``, or a missing one.

        Notes
        -----
        Needs the Markov assumption unless ``start`` is the origin. Everybody at risk after ``start`` contributes, whenever observed from.
        """
        moments, parts = _moments(times), []
        if np.isnan(start) or (moments < start).any():
            raise DataError(f"times: {int((moments < start).sum())} of {len(moments)} lie before start={start:g}.")
        for label, process in self.processes.items():
            chain = process.chain
            begin, ends = int(chain.index(np.array([start]))[0]), chain.index(moments)
            present = chain.count_at_risk(np.nextafter([start], np.inf))[0]
            for j in np.flatnonzero([len(part) > 0 and part[-1] > start for part in chain.exits]):
                before = path(chain, np.eye(len(self.states))[j], begin)
                frame = self._limits(before[ends - begin], squared_influence(chain, before, begin, ends, None), moments, process, start)
                parts.append(frame.assign(group=label, from_state=self.states[j], n_at_start=int(present[j])))
        columns = ["group", "from_state", *AT_COLUMNS[1:-1], "n_at_start"]
        return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)

    def matrix(self, start: float, stop: float, group: str | None = None) -> pd.DataFrame:
        """Return the matrix of transition probabilities P(start, stop).

        Parameters
        ----------
        start, stop : float
            Times; transitions in ``(start, stop]`` count.
        group : str, optional
            Group label; needed where there are several.

        Returns
        -------
        DataFrame
            Rows: state at ``start``; columns: state at ``stop``; each row adds up to 1. A state that nobody is observed in stays.

        Raises
        ------
        DataError
            An unknown or missing group, or ``stop`` before ``start``.
        """
        if not start <= stop:
            raise DataError(f"stop: got {stop:g}, before start={start:g}.")
        if group is None and len(self.groups) > 1:
            raise DataError(f"group: there are several, {list_names(self.groups)}; state one.")
        if group is not None and group not in self.processes:
            raise DataError(f"group: there is no '{group}'.{did_you_mean(group, self.groups)} The groups are {list_names(self.groups)}.")
        chain = self.processes[self.groups[0] if group is None else group].chain
        begin, end = chain.index(np.array([start, stop], dtype=np.float64)).tolist()
        return pd.DataFrame(product_between(chain, begin, end), index=list(self.states), columns=list(self.states))

    def length_of_stay(self, until: float) -> pd.DataFrame:
        """Return the expected time spent in each state from the start until a given time.

        Parameters
        ----------
        until : float
            End of the time counted; not after the last follow-up.

        Returns
        -------
        DataFrame
            ``group, state, start, until, estimate, std_error, conf_low, conf_high``; the estimates of a group add up to ``until - start``.
            Limits are normal.

        Raises
        ------
        DataError
            ``until`` before the start or after the last follow-up of a group.
        """
        from scipy.special import ndtri

        parts = []
        for label, process in self.processes.items():
            if not process.origin <= until <= process.last:
                raise DataError(
                    f"until: got {until:g}; expected a time from the start to the last follow-up of every group ({label} has it not)."
                )
            expected, own = stay(process.chain, process.before, process.begin, (process.origin, float(until)), process.influence)
            error = np.sqrt(np.einsum("ki,ki->k", own, own))
            width = ndtri(0.5 + self.level / 2) * error
            limits = {"conf_low": np.maximum(expected - width, 0.0), "conf_high": np.minimum(expected + width, until - process.origin)}
            columns = {"group": label, "state": self.states, "start": process.origin, "until": float(until)}
            parts.append(pd.DataFrame({**columns, "estimate": expected, "std_error": error, **limits}))
        return pd.concat(parts, ignore_index=True)

    def hazards(self) -> pd.DataFrame:
        """Return the cumulative hazard of each transition that occurs.

        Returns
        -------
        DataFrame
            ``group, from_state, to_state, time, estimate, std_error, n_at_risk, n_event``, one row per time of the transition;
            Nelson-Aalen, with Aalen's variance ``sum of d / n^2``.
        """
        parts = []
        for label, process in self.processes.items():
            chain = process.chain
            for j, k in np.argwhere(chain.count[process.begin :].sum(axis=0) > 0):
                at = process.begin + np.flatnonzero(chain.count[process.begin :, j, k])
                d, n = chain.count[at, j, k], chain.at_risk[at, j]
                names = {"group": label, "from_state": self.states[j], "to_state": self.states[k], "time": chain.time[at]}
                values = {"estimate": np.cumsum(d / n), "std_error": np.sqrt(np.cumsum(d / n**2)), "n_at_risk": n, "n_event": d}
                parts.append(pd.DataFrame({**names, **values}))
        return pd.concat(parts, ignore_index=True)

    def _times(self, label: str) -> Floats:
        process = self.processes[label]
        times = process.chain.time[process.begin :]
        if len(process.chain.entry) * len(times) > _EVERY_TIME:
            times = times[np.unique(np.linspace(0, len(times) - 1, _SOME_TIMES).astype(int))]
        return np.unique(np.concatenate([[process.origin], times, [process.chain.exit.max()]]))

    def estimates(
        self, analysis: str = "multi-state", *, model: str | None = None, outcome: str = "", grid: Sequence[float] | None = None
    ) -> Estimates:
        """Return the state probabilities and the table of numbers at risk as rows of the one results table.

        Parameters
        ----------
        analysis : str
            Name of the analysis.
        model : str, optional
            Name of the grouping; the column's by default.
        outcome : str
            Name of the outcome.
        grid : sequence of float, optional
            Times of the at-risk rows; by default 5 to 10 round times.

        Returns
        -------
        Estimates
            Per group and state (``level``) ``state probability`` rows, with ``n`` under observation in any state and ``events`` the
            transitions into or out of the state so far (each moves the curve, which is what disclosure rules ask), and ``at risk``
            rows with ``n`` under observation in that state and ``events`` the transitions into it.
        """
        parts = []
        for label, process in self.processes.items():
            shown = nice_times(process.origin, float(process.chain.exit.max())) if grid is None else np.asarray(grid, dtype=np.float64)
            for times, measure in ((self._times(label), "state probability"), (shown, "at risk")):
                rows = self._group_at(label, times).rename(columns={"estimate": "value", "conf_low": "low", "conf_high": "high"})
                rows = rows.rename(columns={"group": "subgroup", "state": "level", "time": "at", "n_at_risk": "n"})
                rows = rows.assign(measure=measure, events=self._moves(process, times, measure == "state probability").T.ravel())
                if measure == "at risk":
                    rows[["value", "low", "high", "std_error"]] = np.nan
                else:
                    rows["n"] = np.tile(rows["n"].to_numpy().reshape(len(self.states), -1).sum(axis=0), len(self.states))
                parts.append(rows)
        common = {"analysis": analysis, "context": "curve", "model": self.by if model is None else model, "outcome": outcome}
        return Estimates.from_frame(pd.concat(parts, ignore_index=True).assign(**common, unit=self.unit, warning=" ".join(self.warnings)))

    def _moves(self, process: Process, times: Floats, both: bool) -> Ints:
        """Count the transitions into each state (with ``both`` also out of it) after the start, up to each time."""
        count = process.chain.count[process.begin :]
        moves = np.cumsum(count.sum(axis=1) + (count.sum(axis=2) if both else 0), axis=0)
        counts = np.vstack([np.zeros(len(self.states)), moves])
        return counts[np.maximum(process.chain.index(times) - process.begin, 0)].astype(np.int64)

    def _repr_html_(self) -> str:
        return str(self.transitions.to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        by = f" by {self.by}" if self.by else ""
        moves = int(sum(process.chain.count.sum() for process in self.processes.values()))
        return f"MultiState({list_names(self.states)}{by}: {self.n_persons} persons, {self.n} rows, {moves} transitions)"


def _moments(times: Any) -> Floats:
    moments = read_moments(times)
    if np.isnan(moments).any():
        raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
    return moments
