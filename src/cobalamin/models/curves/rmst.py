"""Restricted mean survival time: the mean time without the event up to a horizon, and how groups differ in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean
from cobalamin.core.followup import FollowUp
from cobalamin.models.curves.curve_rows import read_curve_rows
from cobalamin.models.curves.kaplan_meier import risk_sets
from cobalamin.models.curves.restricted_area import restricted_area
from cobalamin.models.grouping import said

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def rmst(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    tau: float,
    by: str | Sequence[str] | None = None,
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    start: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate the restricted mean survival time of each group: the area under its Kaplan-Meier curve up to a horizon.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person or, with ``entry``, per interval of a person.
    exit, event : str
        Columns of the end of follow-up and of the event (1) or censoring (0).
    tau : float
        The horizon, in the unit of ``exit``.
    by : str or sequence of str, optional
        Grouping column(s).
    entry : str, optional
        Column of the start of follow-up (delayed entry): a row is at risk in ``(entry, exit]``.
    weights : str, optional
        Column of case weights >= 0.
    cluster : str, optional
        Column that ties rows together, for a robust variance.
    start : float, optional
        Condition on being event-free at this time and count from there; rows that end at or before it are left out.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``group, estimate, std_error, conf_low, conf_high``; limits are normal.

    Raises
    ------
    DataError
        A horizon beyond the last follow-up of a group whose curve has not reached 0, or not after the start.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group, weight or cluster is missing.

    Notes
    -----
    Times equal up to 1.5e-8, absolutely or relative to the mean time, are ties, as with R's ``timefix``.
    ``integral from 0 to tau of S(t) dt``; the variance is ``sum over t <= tau of A(t)^2 d / (n (n - d))`` with A(t) the area from t to
    tau, as R's ``print(survfit, rmean = tau)``. Under delayed entry S is 1 until the first entry, as in R; give ``start`` to count from
    a time at which enough people are under observation. With weights that are not whole numbers, or with ``cluster``, the variance is
    the infinitesimal jackknife. A curve that ends above 0 is not known after its last follow-up, so its area is not either: ``tau``
    must not go further there (Uno's ``survRM2`` has the same rule).

    References
    ----------
    Irwin JO. The standard error of an estimate of expectation of life. J Hyg 1949;47:188-189. doi:10.1017/S0022172400014443. Royston P,
    Parmar MKB. Restricted mean survival time: an alternative to the hazard ratio. BMC Med Res Methodol 2013;13:152.
    doi:10.1186/1471-2288-13-152

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 4.0, 4.0], "died": [1, 1, 0, 0]})
    >>> rmst(people, exit="years", event="died", tau=4)["estimate"].tolist()
    [2.75]
    """
    means = _means(data, (exit, event, entry), by, (weights, cluster), tau, start)
    z = _width(level)
    error = np.sqrt(np.diag(means.covariance))
    columns = {"estimate": means.value, "std_error": error, "conf_low": means.value - z * error, "conf_high": means.value + z * error}
    return pd.DataFrame({"group": list(means.labels), **columns})


def rmst_difference(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    tau: float,
    by: str | Sequence[str],
    entry: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    start: float | None = None,
    reference: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the restricted mean survival time of each group with that of a reference group.

    Parameters
    ----------
    data, exit, event, tau, by, entry, weights, cluster, start, level
        As in `rmst`. Rows of one cluster may belong to several groups (matched pairs): their covariance counts.
    reference : str, optional
        Label of the group to compare with; the first by default.

    Returns
    -------
    DataFrame
        ``group, reference, measure, estimate, std_error, conf_low, conf_high, p_value`` with the measures ``difference``, ``ratio`` and
        ``ratio of time lost`` (tau less the mean); the standard errors of ratios are those of their logarithm. A ratio is NaN
        where a group has lost no time.

    Raises
    ------
    DataError
        Fewer than two groups, an unknown reference, or as `rmst`.

    References
    ----------
    Uno H et al. Moving beyond the hazard ratio in quantifying the between-group difference in survival analysis. J Clin Oncol
    2014;32:2380-2385. doi:10.1200/JCO.2014.55.2208

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 0], "g": list("aababb")})
    >>> rmst_difference(people, exit="t", event="e", by="g", tau=6).round(3)["estimate"].tolist()
    [3.167, 2.357, 0.136]
    """
    means = _means(data, (exit, event, entry), by, (weights, cluster), tau, start)
    labels = list(means.labels)
    if len(labels) < 2:
        raise DataError(f"{by}: a difference needs two groups; got {len(labels)}.")
    base = labels[0] if reference is None else str(reference)
    if base not in labels:
        names = [by] if isinstance(by, str) else by
        declared = all(isinstance(data[name].dtype, pd.CategoricalDtype) for name in names)
        near = did_you_mean(base, labels) if declared else ""
        raise DataError(f"reference: no group '{base}'.{near} {' x '.join(names)} has: {said(labels, declared=declared)}.")
    width, where = _width(level), labels.index(base)
    rows = [row for i in range(len(labels)) if i != where for row in _compare(means, i, where, width)]
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class _Means:
    """Restricted means of q groups, their covariance, and the time from the start to the horizon."""

    labels: tuple[str, ...]
    value: Floats
    covariance: Floats
    span: float


def _compare(means: _Means, i: int, base: int, width: float) -> list[dict[str, object]]:
    pair = [i, base]
    cov = means.covariance[np.ix_(pair, pair)]
    names = {"group": means.labels[i], "reference": means.labels[base]}
    rows = []
    for measure, both in {"ratio": means.value[pair], "ratio of time lost": means.span - means.value[pair]}.items():
        known = bool((both > 1e-12 * means.span).all())
        slope = np.array([1.0, -1.0]) / both if known else np.full(2, np.nan)
        rows.append((measure, float(np.log(both[0] / both[1])) if known else np.nan, slope))
    rows.insert(0, ("difference", float(means.value[i] - means.value[base]), np.array([1.0, -1.0])))
    return [{**names, "measure": measure, **_inference(measure, center, float(s @ cov @ s), width)} for measure, center, s in rows]


def _inference(measure: str, center: float, variance: float, width: float) -> dict[str, float]:
    from scipy.special import ndtr

    error = float(np.sqrt(max(variance, 0.0))) if np.isfinite(variance) else np.nan
    back = (lambda x: x) if measure == "difference" else np.exp
    p = 2 * float(ndtr(-abs(center) / error)) if error > 0 else np.nan
    limits = {"conf_low": float(back(center - width * error)), "conf_high": float(back(center + width * error))}
    return {"estimate": float(back(center)), "std_error": error, **limits, "p_value": p}


def _width(level: float) -> float:
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    return float(ndtri(0.5 + level / 2))


def _means(
    data: pd.DataFrame,
    columns: tuple[str, str, str | None],
    by: str | Sequence[str] | None,
    extras: tuple[str | None, str | None],
    tau: float,
    start: float | None,
) -> _Means:
    rows = read_curve_rows(data, columns, by=by, weights=extras[0], cluster=extras[1], start=start, purpose="the means")
    begin = _begin(rows.follow, start, tau)
    value, variance, effects = [], [], []
    for label in rows.groups:
        follow, weight, owner = rows.part(label)
        area = restricted_area(risk_sets(follow, weight), begin, tau, label)
        value.append(area.mean)
        variance.append(area.variance)
        effects.append((owner, weight * area.influence(follow)))
    covariance = np.diag(variance) if rows.independent else _cluster_covariance(effects)
    return _Means(tuple(rows.groups), np.array(value), covariance, tau - begin)


def _begin(follow: FollowUp, start: float | None, tau: float) -> float:
    """Return the time from which the area counts: ``start``, or 0, or the first entry where that is before 0."""
    first = follow.entry[np.isfinite(follow.entry)]
    begin = min(0.0, float(first.min())) if start is None and len(first) else start or 0.0
    if not (np.isfinite(tau) and tau > begin):
        raise DataError(f"tau: got {tau:g}; expected a time after {begin:g}, where the curves start.")
    return begin


def _cluster_covariance(effects: list[tuple[Ints, Floats]]) -> Floats:
    """Sum over clusters the products of the groups' summed influences."""
    owners = np.unique(np.concatenate([owner for owner, _ in effects]))
    sums = np.vstack([np.bincount(np.searchsorted(owners, o), weights=e, minlength=len(owners)) for o, e in effects])
    return np.asarray(sums @ sums.T)
