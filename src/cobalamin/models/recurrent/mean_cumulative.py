"""Mean cumulative number of recurrent events, with delayed entry, gaps, groups and, where stated, deaths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.curves.aalen_johansen import _running_products
from cobalamin.models.curves.curve_set import AT_COLUMNS, Curves
from cobalamin.models.curves.kaplan_meier import RiskSets, risk_sets
from cobalamin.models.grouping import MOST_GROUPS, group_by, known_rows, require_rows
from cobalamin.models.multistate.multistate_history import Histories, note_gaps, read_histories, refuse_after_death

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CONFIDENCE = ("log", "plain")


@dataclass(frozen=True, eq=False)
class MeanCumulative(Curves):
    """Mean number of events up to each time: as `Curves`, rising from 0 without a bound."""

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        steps, sets = self.steps(label), self.sets[label]
        index = np.searchsorted(sets.time, times, side="right")  # 0 = before the first exit
        unknown = (times < sets.origin) | (times > sets.time[-1])
        values = {name: np.append(0.0, steps[name].to_numpy())[index] for name in ("estimate", "std_error", "conf_low", "conf_high")}
        values = {name: np.where(unknown, np.nan, column) for name, column in values.items()}
        at_risk = sets.count(times)[1]
        return pd.DataFrame({"group": label, "state": self.state, "time": times, **values, "n_at_risk": at_risk})[AT_COLUMNS]

    def quantile(self, probability: float | Sequence[float] = 1.0) -> pd.DataFrame:
        """Return the times by which the mean number of events reaches given values.

        Parameters
        ----------
        probability : float or sequence of float
            Mean numbers of events, above 0 (they may exceed 1).

        Returns
        -------
        DataFrame
            ``group, state, probability, estimate, conf_low, conf_high``; NaN where the curve, or its limit, stays below.

        Raises
        ------
        DataError
            A value that is not above 0.
        """
        values = np.atleast_1d(np.asarray(probability, dtype=np.float64))
        if not (values > 0).all():
            raise DataError("probability: expected mean numbers of events above 0.")
        ends = {"estimate": "estimate", "conf_low": "conf_high", "conf_high": "conf_low"}
        rows = []
        for label in self.groups:
            steps = self.steps(label)
            for value in values:
                found = {name: _first_reach(steps, column, float(value)) for name, column in ends.items()}
                rows.append({"group": label, "state": self.state, "probability": value, **found})
        return pd.DataFrame(rows)

    def estimates(
        self, analysis: str = "recurrent events", *, model: str | None = None, outcome: str = "", grid: Sequence[float] | None = None
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
            Per group ``mean cumulative number`` and ``at risk`` rows; ``events`` counts events, not persons.
        """
        return super().estimates(analysis, model=model, outcome=outcome, grid=grid)

    def _curve_rows(self, label: str) -> pd.DataFrame:
        return super()._curve_rows(label).assign(measure="mean cumulative number")

    def _repr_html_(self) -> str:
        last = pd.concat([self.steps(label).iloc[[-1]] for label in self.groups], ignore_index=True)
        last.insert(2, "events", [int(sets.n_events.sum()) for sets in self.sets.values()])
        last = last[["group", "events", "time", "estimate", "conf_low", "conf_high"]]
        return str(last.rename(columns={"time": "last time", "estimate": "mean number"}).to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        return f"MeanCumulative{super().__repr__().removeprefix('Curves')}"


def _first_reach(steps: pd.DataFrame, column: str, value: float) -> float:
    reached = np.flatnonzero(steps[column].to_numpy() >= value - 1e-12)  # values are sums of rounded steps
    return float(steps["time"].iloc[reached[0]]) if len(reached) else float("nan")


def mean_cumulative(
    data: pd.DataFrame,
    *,
    person: str,
    exit: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    death: str | None = None,
    confidence: str = "log",
    level: float = 0.95,
    unit: str = "",
) -> MeanCumulative:
    """Estimate the mean cumulative number of recurrent events per person.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per interval of a person.
    person : str
        Column that says whose row it is.
    exit, event : str
        Columns of the end of the interval and of the event (1) at its end.
    entry : str, optional
        Column of the start of the interval. Without it a row starts where the person's last one ended, and the first at 0.
    by : str or sequence of str, optional
        Grouping column(s).
    death : str, optional
        Column that is 1 where the row ends with death. The mean is then per person at the start, the dead having no more events
        (Ghosh and Lin); without it, per person that would stay alive.
    confidence : {"log", "plain"}
        Scale of the pointwise limits.
    level : float
        Confidence level.
    unit : str
        Unit of time, for labels.

    Returns
    -------
    MeanCumulative
        One curve per group; ``n`` counts rows. ``.at(times)``, ``.quantile()``, ``.estimates()`` as `Curves`.

    Raises
    ------
    DataError
        An unknown kind of limits, a level outside (0, 1), no row to use.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used; overlapping rows of a person; rows after death.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group is missing.

    Notes
    -----
    Without deaths ``M(t) = sum over u <= t of d(u) / n(u)``, with the variance of Lawless and Nadeau:
    ``sum over persons of (sum over u <= t of (d_i(u) - at risk_i(u) d(u) / n(u)) / n(u))^2``, right however the events of
    a person depend on each other, and equal to R's ``survfit(Surv(entry, exit, event) ~ 1, id=, robust=TRUE)$cumhaz``.
    With deaths ``M(t) = sum of S(u-) d(u) / n(u)``, S being the Kaplan-Meier estimate of being alive, and the variance is the
    infinitesimal jackknife over persons. A death at the time of an event comes after it.
    Limits: log ``M exp(-+ z s / M)``; plain ``M -+ z s``.

    References
    ----------
    Nelson W (1988), doi:10.1080/00224065.1988.11979080. Lawless JF, Nadeau C (1995), doi:10.1080/00401706.1995.10484300.
    Ghosh D, Lin DY (2000), doi:10.1111/j.0006-341x.2000.00554.x.

    Examples
    --------
    >>> rows = pd.DataFrame({"id": [1, 1, 2], "out": [2.0, 4.0, 3.0], "flare": [1, 1, 0]})
    >>> mean_cumulative(rows, person="id", exit="out", event="flare").at([2, 4])["estimate"].tolist()
    [0.5, 1.5]
    """
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    require_rows(data, [person, exit, event, entry, death, *([by] if isinstance(by, str) else by or [])])
    histories = read_histories(data, person=person, exit=exit, event=data[event], entry=entry, names=(event, person))
    dead = np.zeros(len(data), dtype=np.int64)
    if death is not None:
        dead = follow_up(exit=data[exit], event=data[death], names=("entry", exit, death)).event
        refuse_after_death(histories, dead, death)
    grouping = group_by(data, by, MOST_GROUPS)
    known = known_rows({grouping.name: grouping.code < 0}, "the curves")
    if not known.any():
        raise DataError("No row with a known group.")
    leaves = _leaves(histories)
    sets, frames = {}, []
    for code, label in enumerate(grouping.labels):
        rows = np.flatnonzero(known & (grouping.code == code))
        part = FollowUp(histories.follow.entry[rows], histories.follow.exit[rows], histories.follow.event[rows], unit)
        sets[label] = _persons_only(risk_sets(part, np.ones(len(rows))), part, leaves[rows])
        mean, variance = _estimate(sets[label], part, dead[rows], histories.person[rows])
        frames.append(_frame(label, event, sets[label], mean, variance, confidence, level))
    return MeanCumulative(
        frame=pd.concat(frames, ignore_index=True),
        sets=sets,
        by=grouping.name,
        state=event,
        unit=unit,
        confidence=confidence,
        level=level,
        variance="robust",
        n=int(known.sum()),
        n_missing=int((~known).sum()),
        n_before_start=0,
        events=int(histories.follow.event[known].sum()),
        warnings=note_gaps(histories),
    )


def _leaves(histories: Histories) -> Bools:
    """Return whether each row's person is no longer under observation after it."""
    next_starts = np.append(histories.first[1:] | histories.gap[1:], True)
    leaves = np.empty(len(next_starts), dtype=bool)
    leaves[histories.order] = next_starts
    return leaves


def _persons_only(sets: RiskSets, follow: FollowUp, leaves: Bools) -> RiskSets:
    """Count as censored the persons who leave without an event, not the rows that another row continues."""
    gone = leaves & (follow.event == 0)
    n = np.bincount(np.searchsorted(sets.time, follow.exit[gone]), minlength=len(sets.time))
    return replace(sets, censored=n.astype(np.float64), n_censored=n.astype(np.int64))


def _estimate(sets: RiskSets, follow: FollowUp, death: Ints, person: Ints) -> tuple[Floats, Floats]:
    """Return the mean number of events and its variance at each exit time.

    With S the probability of being alive, ``A = sum S(u-) d / n^2``, ``G = sum q / (n (n - q))`` over deaths q,
    ``B = sum M(u) q / (n (n - q))`` and ``C = M G - A - B``, a row under observation since e has the influence
    ``C(t) - G(e) M(t) + A(e) + B(e)``; once it has ended, a constant plus a multiple of M(t). So the squares of sums over
    the rows of a person need only running sums of products.
    """
    m = len(sets.time)
    left = np.searchsorted(sets.time, follow.exit)
    came = np.searchsorted(sets.time, follow.entry, side="right")
    n = np.where(sets.n_at_risk > 0, sets.at_risk, 1.0)
    q = np.bincount(left[death == 1], minlength=m).astype(np.float64)
    alive = np.append(1.0, np.cumprod(1 - q / n)[:-1])
    inverse = np.divide(1.0, n - q, out=np.zeros(m), where=n > q)
    mean = np.cumsum(alive * sets.events / n)
    a, g, b = (np.append(0.0, np.cumsum(part)) for part in (alive * sets.events / n**2, q / n * inverse, mean * q / n * inverse))
    inside = np.vstack([np.ones(len(left)), -g[came], a[came] + b[came]])
    slope = g[left + 1] - g[came] - death * inverse[left]
    jump = follow.event * (alive / n)[left] + death * (mean * inverse)[left]
    after = np.vstack([np.zeros(len(left)), slope, a[came] + b[came] - a[left + 1] - b[left + 1] + jump])
    c = mean * g[1:] - a[1:] - b[1:]
    cc, cm, ck, mm, mk, kk = _running_products(came, left, inside, after, person, m)
    variance = cc * c * c + mm * mean * mean + kk + 2 * (cm * c * mean + ck * c + mk * mean)
    return mean, np.maximum(variance, 0.0)


def _frame(label: str, state: str, sets: RiskSets, mean: Floats, variance: Floats, confidence: str, level: float) -> pd.DataFrame:
    from scipy.special import ndtri

    error = np.sqrt(variance)
    width = ndtri(0.5 + level / 2) * error
    if confidence == "plain":
        low, high = np.maximum(mean - width, 0.0), mean + width
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = mean * np.exp(-width / mean), mean * np.exp(width / mean)
    return pd.DataFrame(
        {
            "group": label,
            "state": state,
            "time": sets.time,
            "estimate": mean,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": sets.at_risk,
            "n_event": sets.events,
            "n_censored": sets.censored,
        }
    )
