"""Cumulative hazards by Nelson and Aalen, with delayed entry, weights and groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.core.followup import FollowUp
from cobalamin.models.curves.aalen_johansen import _running_products
from cobalamin.models.curves.curve_rows import read_curve_rows
from cobalamin.models.curves.curve_set import AT_COLUMNS, Curves
from cobalamin.models.curves.kaplan_meier import RiskSets, risk_sets

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CONFIDENCE = ("log", "plain")
TIES = ("aalen", "fleming-harrington")


@dataclass(frozen=True, eq=False)
class HazardCurves(Curves):
    """Cumulative hazards: as `Curves`, rising from 0 without a bound."""

    def _group_at(self, label: str, times: Floats) -> pd.DataFrame:
        steps, sets = self.steps(label), self.sets[label]
        index = np.searchsorted(sets.time, times, side="right")  # 0 = before the first exit
        unknown = (times < sets.origin) | (times > sets.time[-1])
        values = {name: np.append(0.0, steps[name].to_numpy())[index] for name in ("estimate", "std_error", "conf_low", "conf_high")}
        values = {name: np.where(unknown, np.nan, column) for name, column in values.items()}
        at_risk = sets.count(times)[1]
        return pd.DataFrame({"group": label, "state": self.state, "time": times, **values, "n_at_risk": at_risk})[AT_COLUMNS]

    def quantile(self, probability: float | Sequence[float] = 0.5) -> pd.DataFrame:
        """Return the times by which the cumulative hazard reaches that of given shares, ``-log(1 - p)``.

        Parameters
        ----------
        probability : float or sequence of float
            Shares of the people with the event, at least 0 and below 1.

        Returns
        -------
        DataFrame
            ``group, state, probability, estimate, conf_low, conf_high``; NaN where the hazard, or its limit, stays below.

        Raises
        ------
        DataError
            A probability outside 0..1.
        """
        shares = np.atleast_1d(np.asarray(probability, dtype=np.float64))
        if not ((shares >= 0) & (shares < 1)).all():
            raise DataError("probability: expected shares from 0 to below 1, as 0.5 for the median.")
        ends = {"estimate": "estimate", "conf_low": "conf_high", "conf_high": "conf_low"}
        rows = []
        for label in self.groups:
            steps = self.steps(label)
            for p in shares:
                found = {name: _reach(steps, column, float(p), self.sets[label].origin) for name, column in ends.items()}
                rows.append({"group": label, "state": self.state, "probability": p, **found})
        return pd.DataFrame(rows)

    def estimates(
        self, analysis: str = "cumulative hazard", *, model: str | None = None, outcome: str = "", grid: Sequence[float] | None = None
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
            Per group ``cumulative hazard`` and ``at risk`` rows.
        """
        return super().estimates(analysis, model=model, outcome=outcome, grid=grid)

    def _curve_rows(self, label: str) -> pd.DataFrame:
        return super()._curve_rows(label).assign(measure="cumulative hazard")

    def _repr_html_(self) -> str:
        last = pd.concat([self.steps(label).iloc[[-1]] for label in self.groups], ignore_index=True)
        last.insert(2, "events", [int(sets.n_events.sum()) for sets in self.sets.values()])
        last = last[["group", "events", "time", "estimate", "conf_low", "conf_high"]]
        return str(last.rename(columns={"time": "last time", "estimate": "cumulative hazard"}).to_html(index=False, na_rep="", escape=True))

    def __repr__(self) -> str:
        return f"HazardCurves{super().__repr__().removeprefix('Curves')}"


def _reach(steps: pd.DataFrame, column: str, share: float, origin: float) -> float:
    if share <= 0:
        return float(origin)
    reached = np.flatnonzero(steps[column].to_numpy() >= -np.log1p(-share) - 1e-12)  # values are sums of rounded steps
    return float(steps["time"].iloc[reached[0]]) if len(reached) else float("nan")


def cumulative_hazard(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    ties: Literal["aalen", "fleming-harrington"] = "aalen",
    confidence: Literal["log", "plain"] = "log",
    level: float = 0.95,
    start: float | None = None,
    unit: str = "",
) -> HazardCurves:
    """Estimate cumulative hazards by the method of Nelson and Aalen.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person or per interval of a person.
    exit, event : str
        Columns of the end of observation and of the event (1) or censoring (0).
    entry : str, optional
        Column of the start of observation (delayed entry): a row is at risk in ``(entry, exit]``.
    by : str or sequence of str, optional
        Grouping column(s): one curve per group.
    weights : str, optional
        Column of case weights >= 0.
    cluster : str, optional
        Column that ties rows together, for a robust variance.
    ties : {"aalen", "fleming-harrington"}
        With d events among n: a step of ``d / n``, or of ``1 / n + ... + 1 / (n - d + 1)`` as if they came one after another.
    confidence : {"log", "plain"}
        Scale of the pointwise limits.
    level : float
        Confidence level.
    start : float, optional
        Count the hazard from this time; rows that end at or before it are left out.
    unit : str
        Unit of time, for labels.

    Returns
    -------
    HazardCurves
        Right-continuous steps at the exit times; ``exp(-estimate)`` estimates survival.

    Raises
    ------
    DataError
        An unknown kind of ties or limits, a level outside (0, 1), unusable weights, robust variance with Fleming-Harrington ties.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group, cluster or weight is missing.

    Notes
    -----
    The variance is the sum of ``d / n^2`` (Aalen), or of ``1 / n^2 + ... + 1 / (n - d + 1)^2``: ``std.chaz`` of R's ``survfit`` with
    ``ctype`` 1 or 2. With weights that are not whole, or clusters, it is the infinitesimal jackknife. Limits: log ``H exp(+- z s / H)``,
    plain ``H +- z s``, not below 0.

    References
    ----------
    Aalen O. Nonparametric inference for a family of counting processes. Ann Stat 1978;6:701-726. doi:10.1214/aos/1176344247. Fleming TR,
    Harrington DP. Nonparametric estimation of the survival distribution in censored data. Commun Stat Theory Methods 1984;13:2469-2486.
    doi:10.1080/03610928408828837

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 2.0, 4.0], "died": [1, 1, 0, 0]})
    >>> cumulative_hazard(people, exit="years", event="died").at([0, 1, 3])["estimate"].round(4).tolist()
    [0.0, 0.25, 0.5833]
    """
    _check_choice(ties, confidence, level)
    rows = read_curve_rows(data, (exit, event, entry), by=by, weights=weights, cluster=cluster, start=start, unit=unit)
    if not rows.independent and ties != "aalen":
        raise DataError("ties='fleming-harrington' has no robust variance; with clusters or weights that are not whole use ties='aalen'.")
    sets, frames = {}, []
    for label in rows.groups:
        follow, weight, owner = rows.part(label)
        sets[label] = risk_sets(follow, weight)
        hazard, variance = _fleming_harrington(sets[label]) if ties != "aalen" else _aalen(sets[label])
        if not rows.independent:
            variance = _robust(sets[label], follow, weight, owner)
        frames.append(_frame(label, event, sets[label], hazard, variance, confidence, level))
    return HazardCurves(
        frame=pd.concat(frames, ignore_index=True),
        sets=sets,
        by=rows.by,
        state=event,
        unit=unit,
        confidence=confidence,
        level=level,
        variance="aalen" if rows.independent else "robust",
        n=rows.n,
        n_missing=rows.n_missing,
        n_before_start=rows.n_before_start,
        events=rows.events,
    )


def _check_choice(ties: str, confidence: str, level: float) -> None:
    if ties not in TIES:
        raise DataError(f"ties: got '{ties}'; expected one of {', '.join(TIES)}.")
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")


def _aalen(sets: RiskSets) -> tuple[Floats, Floats]:
    n = np.where(sets.n_at_risk > 0, sets.at_risk, 1.0)
    return np.cumsum(sets.events / n), np.cumsum(sets.events / n**2)


def _fleming_harrington(sets: RiskSets) -> tuple[Floats, Floats]:
    """Split tied events as if they came one after another; weights are whole numbers of people."""
    deaths = np.rint(sets.events).astype(np.int64)
    place = np.repeat(np.arange(len(deaths)), deaths)
    before = np.arange(len(place)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
    left = sets.at_risk[place] - before
    hazard, variance = (np.cumsum(np.bincount(place, weights=1 / left**power, minlength=len(deaths))) for power in (1.0, 2.0))
    return hazard.astype(np.float64), variance.astype(np.float64)


def _robust(sets: RiskSets, follow: FollowUp, weight: Floats, owner: Ints) -> Floats:
    """Sum over clusters the squared influence: of a row ``w (event / n(exit) - A(exit) + A(entry))`` with A the sum of ``d / n^2``."""
    spread = _aalen(sets)[1]
    left, came = np.searchsorted(sets.time, follow.exit), np.searchsorted(sets.time, follow.entry, side="right")
    start = np.append(0.0, spread)[came]
    zero = np.zeros(len(weight))
    inside = np.vstack([-weight, zero, weight * start])
    after = np.vstack([zero, zero, weight * (start - spread[left] + follow.event / sets.at_risk[left])])
    codes = np.unique(owner, return_inverse=True)[1].astype(np.int64)
    ww, _, wk, _, _, kk = _running_products(came, left, inside, after, codes, len(sets.time))
    return np.maximum(ww * spread**2 + 2 * wk * spread + kk, 0.0)


def _frame(label: str, state: str, sets: RiskSets, hazard: Floats, variance: Floats, confidence: str, level: float) -> pd.DataFrame:
    from scipy.special import ndtri

    error = np.sqrt(variance)
    width = ndtri(0.5 + level / 2) * error
    if confidence == "plain":
        low, high = np.maximum(hazard - width, 0.0), hazard + width
    else:
        ratio = np.exp(np.divide(width, hazard, out=np.full(len(width), np.nan), where=hazard > 0))
        low, high = hazard / ratio, hazard * ratio
    columns = {"estimate": hazard, "std_error": error, "conf_low": low, "conf_high": high}
    counts = {"n_at_risk": sets.at_risk, "n_event": sets.events, "n_censored": sets.censored}
    return pd.DataFrame({"group": label, "state": state, "time": sets.time, **columns, **counts})
