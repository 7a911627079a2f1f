"""Survival curves: Kaplan-Meier with delayed entry, case weights and groups, with standard errors and limits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.curves.curve_set import Curves
from cobalamin.models.curves.kaplan_meier import RiskSets, confidence_limits, greenwood, product_limit, risk_sets, robust
from cobalamin.models.grouping import MOST_GROUPS, Grouping, case_weights, group_by, known_rows, require_rows, whole

__all__ = ["Curves", "survival_curve"]
CONFIDENCE = ("log-log", "log", "plain")
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def survival_curve(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    by: str | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    confidence: str = "log-log",
    level: float = 0.95,
    start: float | None = None,
    unit: str = "",
) -> Curves:
    """Estimate survival curves by the Kaplan-Meier method.

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
        Column of case weights >= 0; a row of weight 0 is as good as absent.
    cluster : str, optional
        Column that ties rows together (persons of several rows, matched sets) for a robust variance.
    confidence : {"log-log", "log", "plain"}
        Scale of the pointwise confidence limits.
    level : float
        Confidence level.
    start : float, optional
        Condition on being event-free at this time: the curve is 1 there, and rows that end at or before it are left out.
    unit : str
        Unit of time, for labels.

    Returns
    -------
    Curves
        The curves, right-continuous steps at the exit times.

    Raises
    ------
    DataError
        An unknown kind of limits, a level outside (0, 1), unusable weights, or no row under observation after ``start``.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        As `cobalamin.core.followup.follow_up` and the column names demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group, cluster or weight is missing; counted in ``n_missing``.
    FitWarning
        Under delayed entry everybody at risk had the event, or nobody was at risk, while others enter later. The curve
        stays at 0 (or flat) although it says nothing about them: condition on a later ``start``.

    Notes
    -----
    Without weights, or with whole ones (weight 2 = two people), Greenwood's variance is used. With other weights, or with
    ``cluster``, it is the infinitesimal jackknife: ``survfit(robust=TRUE)`` in R, which chooses in the same way. Once S is
    0 its standard error and limits are NaN (R writes 0 for the robust one). ``start`` keeps rows with exit > start, where
    R's ``start.time`` keeps exit >= start. Times equal up to 1.5e-8 are ties, as with R's ``timefix``.

    References
    ----------
    Kaplan EL, Meier P (1958), doi:10.1080/01621459.1958.10501452. Therneau TM, Grambsch PM (2000), Modeling Survival Data,
    doi:10.1007/978-1-4757-3294-8.

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 2.0, 4.0], "died": [1, 1, 0, 0]})
    >>> survival_curve(people, exit="years", event="died").at([0, 1, 3])["estimate"].tolist()
    [1.0, 0.75, 0.5]
    """
    names = [exit, event, entry, weights, cluster, *([by] if isinstance(by, str) else by or [])]
    require_rows(data, names)
    _check_choice(confidence, level)
    follow = follow_up(
        exit=data[exit],
        event=data[event],
        entry=None if entry is None else data[entry],
        unit=unit,
        names=(entry or "entry", exit, event),
    )
    follow = FollowUp(*merge_near_ties(follow.entry, follow.exit, warn=True), follow.event, unit)
    grouping, weight = group_by(data, by, MOST_GROUPS), case_weights(data, weights)
    owner = np.arange(len(data), dtype=np.int64) if cluster is None else np.asarray(pd.factorize(data[cluster])[0], dtype=np.int64)
    missing = {grouping.name: grouping.code < 0, weights or "weights": np.isnan(weight), cluster or "cluster": owner < 0}
    known = known_rows(missing, "the curves")
    lasting = follow.exit > (-np.inf if start is None else start)
    keep = known & lasting & (weight > 0)
    if not keep.any():
        raise DataError(
            "No row with a known group and a positive weight is under observation" + ("." if start is None else " after start.")
        )
    by_greenwood = cluster is None and whole(weight[known])
    rows = FollowUp(follow.entry if start is None else np.maximum(follow.entry, start), follow.exit, follow.event, unit)
    sets, frames = {}, []
    for label, index in _rows_of(grouping, keep).items():
        part, w = FollowUp(rows.entry[index], rows.exit[index], rows.event[index], unit), weight[index]
        sets[label] = risk_sets(part, w)
        variance = greenwood(sets[label]) if by_greenwood else robust(sets[label], part, w, owner[index])
        frames.append(_frame(label, event, sets[label], variance, confidence, level))
    return Curves(
        frame=pd.concat(frames, ignore_index=True),
        sets=sets,
        by=grouping.name,
        state=event,
        unit=unit,
        confidence=confidence,
        level=level,
        variance="greenwood" if by_greenwood else "robust",
        n=int(keep.sum()),
        n_missing=int((~known).sum()),
        n_before_start=int((known & ~lasting).sum()),
        events=int(follow.event[keep].sum()),
        warnings=_pitfalls(sets),
    )


def _check_choice(confidence: str, level: float) -> None:
    if confidence not in CONFIDENCE:
        raise DataError(f"confidence: got '{confidence}'; expected one of {', '.join(CONFIDENCE)}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")


def _rows_of(grouping: Grouping, keep: Bools) -> dict[str, Ints | slice]:
    """Return the rows to use of each group; a group without any is left out."""
    if len(grouping.labels) == 1 and keep.all():
        return {grouping.labels[0]: slice(None)}
    rows = np.flatnonzero(keep)
    order = rows[np.argsort(grouping.code[rows], kind="stable")]
    ends = np.searchsorted(grouping.code[order], np.arange(len(grouping.labels)), side="right")
    parts = zip(grouping.labels, np.split(order, ends[:-1]), strict=True)
    return {label: part for label, part in parts if len(part)}


def _frame(label: str, state: str, sets: RiskSets, variance: Floats, confidence: str, level: float) -> pd.DataFrame:
    survival = product_limit(sets)
    low, high = confidence_limits(survival, variance, confidence, level)
    return pd.DataFrame(
        {
            "group": label,
            "state": state,
            "time": sets.time,
            "estimate": survival,
            "std_error": survival * np.sqrt(variance),
            "conf_low": low,
            "conf_high": high,
            "n_at_risk": sets.at_risk,
            "n_event": sets.events,
            "n_censored": sets.censored,
        }
    )


def _pitfalls(sets: Mapping[str, RiskSets]) -> tuple[str, ...]:
    """Say where delayed entry left the curve without anybody at risk before the end; without times and counts, which are persons' own."""
    notes = []
    for label, group in sets.items():
        if group.exhausted[:-1].any():
            notes.append(
                f"{label}: the curve falls to 0 early, because all who were at risk at one time had the event while others enter later;"
                " condition on a later time with start=, when enough people are under observation."
            )
        elif group.emptied[:-1].any():
            notes.append(
                f"{label}: at some time nobody is left under observation until others enter;"
                " the curve is flat there for want of data. Condition on a later time with start=."
            )
    if notes:
        warnings.warn(" ".join(notes), FitWarning, stacklevel=3)
    return tuple(notes)
