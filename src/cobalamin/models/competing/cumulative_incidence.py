"""Cumulative incidence of competing events by the Aalen-Johansen method: delayed entry, groups, weights, clusters."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, EventCodeError, FitWarning
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.competing.incidence_curves import IncidenceCurves, check_limits
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.curves.aalen_johansen import Incidence, aalen_johansen, aalen_variance, delta_variance, jackknife_variance
from cobalamin.models.curves.kaplan_meier import confidence_limits
from cobalamin.models.grouping import MOST_GROUPS, Grouping, case_weights, group_by, known_rows, require_rows, whole

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ROUNDING = 1e-14
VARIANCES = ("jackknife", "aalen", "delta")


def cumulative_incidence(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    labels: Mapping[int, str] | None = None,
    confidence: str = "log-log",
    level: float = 0.95,
    variance: str = "jackknife",
    unit: str = "",
) -> IncidenceCurves:
    """Estimate the cumulative incidence of competing events by the Aalen-Johansen method.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person, or per interval of a person.
    exit, event : str
        Columns of the end of observation and of the event: 0 = censored, 1, 2, ... = kind of event.
    entry : str, optional
        Column of the start of observation (delayed entry): a row is at risk in ``(entry, exit]``.
    by : str or sequence of str, optional
        Grouping column(s).
    weights : str, optional
        Column of case weights >= 0.
    cluster : str, optional
        Column that ties rows together for a robust variance.
    labels : mapping of int to str, optional
        Event code to label; the code as text without it.
    confidence : {"log-log", "log", "plain"}
        Scale of the pointwise confidence limits.
    level : float
        Confidence level.
    variance : {"jackknife", "aalen", "delta"}
        Infinitesimal jackknife as R's ``survfit``; Aalen's as R's ``cmprsk::cuminc``; the delta method as Stata's ``stcompet``.
        The last two are for independent rows of weight 1 (or whole weights: numbers of people).
    unit : str
        Unit of time, for labels.

    Returns
    -------
    IncidenceCurves
        One curve per group and event; ``.at(times)``, ``.quantile()``, ``.estimates()`` as `Curves`.

    Raises
    ------
    DataError
        An unknown kind of limits or variance, a level outside (0, 1), unusable weights, no row to use, clashing labels.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used; an event without a label where ``labels`` is given.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group, cluster or weight is missing.
    FitWarning
        Under delayed entry everybody at risk had an event, or nobody was at risk, while others enter later.

    Notes
    -----
    ``F_k(t) = sum over u <= t of S(u-) d_k(u) / n(u)``, S being the product-limit probability of no event at all; over all kinds the
    incidences and S add up to 1. One minus Kaplan-Meier with competing events censored overstates the incidence. Without clusters
    and weights the jackknife and the delta method agree unless entry is delayed. Limits: plain ``F -+ z s``; log
    ``F exp(-+ z s / F)``; log-log ``F ** exp(-+ z s / (F log F))``, as R's. Times equal up to 1.5e-8 are ties.

    References
    ----------
    Andersen PK, Borgan O, Gill RD, Keiding N (1993), Statistical models based on counting processes, section IV.4,
    doi:10.1007/978-1-4612-4348-9. Putter H, Fiocco M, Geskus RB (2007), Stat Med 26:2389-2430, doi:10.1002/sim.2712.

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0], "cause": [1, 2, 0, 1]})
    >>> cumulative_incidence(people, exit="years", event="cause").at(4)[["state", "estimate"]].to_numpy().tolist()
    [['1', 0.75], ['2', 0.25]]
    """
    require_rows(data, [exit, event, entry, weights, cluster, *([by] if isinstance(by, str) else by or [])])
    check_limits(confidence, level)
    if variance not in VARIANCES:
        raise DataError(f"variance: got '{variance}'; expected one of {', '.join(VARIANCES)}.")
    start = None if entry is None else data[entry]
    follow = follow_up(exit=data[exit], event=data[event], entry=start, kinds=None, unit=unit, names=(entry or "entry", exit, event))
    follow = FollowUp(*merge_near_ties(follow.entry, follow.exit, warn=True), follow.event, unit)
    grouping, weight = group_by(data, by, MOST_GROUPS), case_weights(data, weights)
    owner = None if cluster is None else np.asarray(pd.factorize(data[cluster])[0], dtype=np.int64)
    missing = {grouping.name: grouping.code < 0, weights or "weights": np.isnan(weight)}
    known = known_rows(missing if owner is None else {**missing, cluster or "": owner < 0}, "the curves")
    keep = known & (weight > 0)
    if not keep.any():
        raise DataError("No row with a known group and a positive weight.")
    codes = _codes(follow.event[keep], labels, event)
    states = tuple(str(code) if labels is None else str(labels[code]) for code in codes)
    copies = owner is None and whole(weight[known])
    if variance != "jackknife" and not copies:
        raise DataError(f"variance: '{variance}' is for independent rows with whole weights; use 'jackknife'.")
    incidence, frames = {}, []
    for label, rows in _rows_of(grouping, keep).items():
        part = FollowUp(follow.entry[rows], follow.exit[rows], follow.event[rows], unit)
        incidence[label] = aalen_johansen(part, weight[rows], codes)
        spread = _variance(variance, incidence[label], part, weight[rows], None if owner is None else owner[rows], copies)
        frames += [_frame(label, s, j, incidence[label], spread[j], confidence, level) for j, s in enumerate(states)]
    return IncidenceCurves(
        frame=pd.concat(frames, ignore_index=True),
        sets={label: one.sets for label, one in incidence.items()},
        by=grouping.name,
        state=event,
        unit=unit,
        confidence=confidence,
        level=level,
        variance=variance if owner is None else "cluster",
        n=int(keep.sum()),
        n_missing=int((~known).sum()),
        n_before_start=0,
        events=int((follow.event[keep] > 0).sum()),
        warnings=_pitfalls(incidence),
        incidence=incidence,
        states=states,
    )


def _codes(events: Ints, labels: Mapping[int, str] | None, name: str) -> tuple[int, ...]:
    """Return the event codes to estimate: those with a label, or those that occur."""
    found = [int(code) for code in np.unique(events) if code > 0]
    if labels is None:
        return tuple(found) or (1,)
    if len(set(labels.values())) < len(labels) or not all(isinstance(code, int | np.integer) and code > 0 for code in labels):
        raise DataError(f"labels: expected different labels for the event codes 1, 2, ...; got {dict(labels)}.")
    unknown = [str(code) for code in found if code not in labels]
    if unknown:
        raise EventCodeError(f"{name}: codes {', '.join(unknown)} have no label; labels= must name every event that occurs.")
    return tuple(sorted(int(code) for code in labels))


def _rows_of(grouping: Grouping, keep: Bools) -> dict[str, Ints | slice]:
    """Return the rows to use of each group; a group without any is left out."""
    if len(grouping.labels) == 1 and keep.all():
        return {grouping.labels[0]: slice(None)}
    rows = {label: np.flatnonzero(keep & (grouping.code == code)) for code, label in enumerate(grouping.labels)}
    return {label: part for label, part in rows.items() if len(part)}


def _variance(kind: str, incidence: Incidence, follow: FollowUp, weights: Floats, cluster: Ints | None, copies: bool) -> Floats:
    if kind == "aalen":
        return aalen_variance(incidence)
    if kind == "delta":
        return delta_variance(incidence)
    return jackknife_variance(incidence, follow, weights, cluster, copies=copies)


def _frame(label: str, state: str, j: int, incidence: Incidence, variance: Floats, confidence: str, level: float) -> pd.DataFrame:
    sets, estimate = incidence.sets, incidence.estimate[j]
    # a certain incidence (everybody had the event) has no variance but that of rounding
    variance = np.where(variance < ROUNDING * estimate**2, 0.0, variance)
    relative = np.divide(variance, estimate**2, out=np.zeros(len(estimate)), where=estimate > 0)
    low, high = confidence_limits(estimate, relative, confidence, level)
    if confidence != "plain":
        # with no event of this kind yet its variance is not known
        low, high = np.where(estimate > 0, low, np.nan), np.where(estimate > 0, high, np.nan)
    return pd.DataFrame(
        {
            "group": label,
            "state": state,
            "time": sets.time,
            "estimate": estimate,
            "std_error": np.sqrt(variance),
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": sets.at_risk,
            "n_event": incidence.events[j],
            "n_censored": sets.censored,
        }
    )


def _pitfalls(incidence: Mapping[str, Incidence]) -> tuple[str, ...]:
    """Say where delayed entry left nobody at risk before the end; without times and counts, which are persons' own."""
    notes = []
    for label, one in incidence.items():
        if one.sets.exhausted[:-1].any():
            notes.append(
                f"{label}: all who were at risk at one time had an event while others enter later; the curves are flat from then on."
            )
        elif one.sets.emptied[:-1].any():
            notes.append(f"{label}: at some time nobody is left under observation until others enter; the curves are flat there.")
    if notes:
        notes.append("Leave out the early follow-up (a later origin) when it has too few people.")
        warnings.warn(" ".join(notes), FitWarning, stacklevel=3)
    return tuple(notes)
