"""Gray's test: do the cumulative incidences of one event differ between groups, where other events compete?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.grouping import MOST_GROUPS, Grouping, group_by, known_rows, require_rows, said

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_TOLERANCE = 1e-9  # relative: a variance below is rounding


def gray_test(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    by: str | list[str],
    cause: int = 1,
    strata: str | list[str] | None = None,
    rho: float = 0.0,
) -> pd.DataFrame:
    """Compare the cumulative incidence of one event between groups by Gray's test.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person.
    exit, event : str
        Columns of the end of follow-up (from time 0) and of the event: 0 = censored, 1, 2, ... = kind of event.
    by : str or list of str
        Grouping column(s).
    cause : int
        Event code of interest; every other code competes.
    strata : str or list of str, optional
        Column(s) within whose values groups are compared; scores and variances are added up.
    rho : float
        Power of ``1 - F(t-)`` as weight: 0 weighs all times alike, 1 early differences more.

    Returns
    -------
    DataFrame
        One row: ``chi2, df, p_value``; NaN where the variance of the scores is singular.

    Raises
    ------
    DataError
        Fewer than two groups, no event of the cause, or no two groups at risk together at an event.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group or stratum is missing.
    FitWarning
        Groups that are never at risk with others at an event are left out, as in `cobalamin.models.curves.logrank.logrank`.

    Notes
    -----
    The score of group g is ``sum over event times of (1 - F(t-))^rho (d_1g - d_1 R_g / sum R)`` with
    ``R_g = n_g (1 - F_g(t-)) / S_g(t-)``; its variance is Gray's, with the finite-population correction for ties, as in R's
    ``cmprsk::cuminc``. Times equal up to 1.5e-8 are ties.

    References
    ----------
    Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a competing risk. Ann Stat 1988;16:1141-1154.
    doi:10.1214/aos/1176350951

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 2, 0, 1, 0], "g": list("aababb")})
    >>> gray_test(people, exit="t", event="e", by="g").round(4).to_dict("records")
    [{'chi2': 2.4381, 'df': 1, 'p_value': 0.1184}]
    """
    require_rows(data, [exit, event, *_listed(by), *_listed(strata)])
    follow = follow_up(exit=data[exit], event=data[event], kinds=None, names=("entry", exit, event))
    follow = FollowUp(*merge_near_ties(follow.entry, follow.exit, warn=True), follow.event)
    groups, layers = group_by(data, by, MOST_GROUPS), group_by(data, strata)
    missing = {groups.name: groups.code < 0}
    keep = known_rows(missing if strata is None else {**missing, layers.name: layers.code < 0}, "Gray's test")
    kind = np.where(follow.event == 0, 0, np.where(follow.event == cause, 1, 2))
    present = np.unique(groups.code[keep])
    if len(present) < 2:
        raise DataError(f"{groups.name}: Gray's test compares groups; got {len(present)} with known rows.")
    if not (kind[keep] == 1).any():
        raise DataError(f"{event}: no event with code {cause} in the {int(keep.sum())} rows used.")
    code = np.searchsorted(present, groups.code)
    score, variance = np.zeros(len(present)), np.zeros((len(present), len(present)))
    for layer in np.unique(layers.code[keep]):
        rows = keep & (layers.code == layer)
        one = gray_scores(follow.exit[rows], kind[rows], code[rows], len(present), rho)
        score, variance = score + one[0], variance + one[1]
    labels = [groups.labels[i] for i in present]
    kept = _compared(np.diag(variance), Grouping(groups.name, tuple(labels), code, groups.declared))[:-1]
    return _test(score[kept], variance[np.ix_(kept, kept)])


def _compared(variance: Floats, groups: Grouping) -> Ints:
    """Return the groups that are at risk with others at an event; warn of the rest, refuse where there is none."""
    alone = ~(variance > _TOLERANCE * variance.max(initial=0.0))
    if alone.all():
        raise DataError(
            f"{groups.name}: nothing to compare, because at no event two groups are at risk together with somebody who goes on."
        )
    if alone.any():
        names = said([label for label, out in zip(groups.labels, alone, strict=True) if out], declared=groups.declared)
        warnings.warn(
            f"{groups.name}: never compared with the others at an event, left out of the test: {names}.", FitWarning, stacklevel=3
        )
    return np.flatnonzero(~alone)


def _listed(names: str | list[str] | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _test(score: Floats, variance: Floats) -> pd.DataFrame:
    from scipy.stats import chi2

    df = len(score)
    scale = np.sqrt(np.diag(variance))
    statistic = np.nan
    if (scale > 0).all() and np.linalg.matrix_rank(variance / np.outer(scale, scale), tol=1e-9) == df:
        statistic = float(score @ np.linalg.solve(variance, score))
    return pd.DataFrame({"chi2": [statistic], "df": [df], "p_value": [float(chi2.sf(statistic, df))]})


@dataclass(frozen=True, eq=False)
class _Counts:
    """Per event time (K) and group (q): people at risk, events of interest, competing events, all of shape (K, q)."""

    at_risk: Floats
    own: Floats
    other: Floats

    @property
    def before(self) -> tuple[Floats, Floats, Floats]:
        """Return S(t-), S(t) and F(t-) of each group."""
        share = np.divide(self.own + self.other, self.at_risk, out=np.zeros_like(self.own), where=self.at_risk > 0)
        after = np.cumprod(1 - share, axis=0)
        left = np.vstack([np.ones(share.shape[1]), after[:-1]])
        step = np.divide(left * self.own, self.at_risk, out=np.zeros_like(left), where=self.at_risk > 0)
        return left, after, np.cumsum(step, axis=0) - step


def gray_scores(exit: Floats, kind: Ints, group: Ints, q: int, rho: float) -> tuple[Floats, Floats]:
    """Return Gray's scores of q groups and their variance, within one stratum.

    Parameters
    ----------
    exit : ndarray, shape (n,)
        End of follow-up.
    kind : ndarray of int, shape (n,)
        0 = censored, 1 = event of interest, 2 = another event.
    group : ndarray of int, shape (n,)
        Group of each row, 0 to q - 1.
    q : int
        Number of groups.
    rho : float
        Power of the weight.

    Returns
    -------
    score : ndarray, shape (q,)
        Weighted observed less expected events; they add up to zero.
    variance : ndarray, shape (q, q)
        Their variance.

    Notes
    -----
    With h_g = n_g / S_g(t-) and h its sum, the pooled incidence F has steps d_1 / h. An event of interest at u in group k moves the
    score of g by ``a_gk(u) + b_k(u) [c_gk(end) - c_gk(u)]`` and a competing one by ``(1 - F(u)) / S_k(u) [c_gk(end) - c_gk(u)]``, where
    ``a_gk = w h_g (1{g=k} - h_k / h)``, ``c_gk = sum a_gk d_1 / (h (1 - F(t-)))`` and ``b_k = 1 - (1 - F(u)) / S_k(u)``; the variance adds
    the squares times the binomial variances of the steps.
    """
    counts = _count(exit, kind, group, q)
    left, after, f_group = counts.before
    n, d1 = counts.at_risk, counts.own.sum(axis=1)
    h = np.divide(n, left, out=np.zeros_like(n), where=n > 0)
    total = h.sum(axis=1)
    step = d1 / total
    f = np.cumsum(step)
    rest = np.maximum(1 - (f - step), 0.0)
    weight = rest**rho
    r = h * (1 - f_group)
    r_sum = r.sum(axis=1)
    expected = np.divide(d1, r_sum, out=np.zeros(len(d1)), where=r_sum > 0)[:, None] * r
    score = (weight[:, None] * (counts.own - expected)).sum(axis=0)
    own_variance, other_variance = _step_variances(counts, left, after, d1, total)
    a = -weight[:, None, None] * h[:, :, None] * h[:, None, :] / total[:, None, None]
    a[:, range(q), range(q)] += weight[:, None] * h
    hazard = np.divide(step, rest, out=np.zeros_like(step), where=rest > 0)
    c = np.cumsum(a * hazard[:, None, None], axis=0)
    ahead = c[-1] - c
    lift = np.divide((1 - f)[:, None], after, out=np.zeros_like(after), where=after > 0)
    moved = a + (1 - lift)[:, None, :] * ahead
    passed = lift[:, None, :] * ahead
    variance = np.einsum("tgk,tjk,tk->gj", moved, moved, own_variance, optimize=True)
    return score, variance + np.einsum("tgk,tjk,tk->gj", passed, passed, other_variance, optimize=True)


def _count(exit: Floats, kind: Ints, group: Ints, q: int) -> _Counts:
    """Count people and events at each time with an event of either kind."""
    times = np.unique(exit[kind > 0])
    last = np.searchsorted(times, exit, side="right")  # event times at which the person is at risk
    size = len(times)
    leaving = np.bincount(group * (size + 1) + last, minlength=q * (size + 1)).reshape(q, size + 1).T
    at_risk = np.cumsum(leaving[::-1], axis=0)[::-1][1:]
    place = group * size + last - 1
    own, other = (np.bincount(place[kind == k], minlength=q * size).reshape(q, size).T for k in (1, 2))
    return _Counts(at_risk.astype(np.float64), own.astype(np.float64), other.astype(np.float64))


def _step_variances(counts: _Counts, left: Floats, after: Floats, d1: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Return the variances of the steps of the incidence: of interest (under the hypothesis of one incidence), and of other events."""
    n, at_risk = counts.at_risk, counts.at_risk > 0
    expected = total[:, None] * left - 1  # people at risk that would give the pooled step in this group, less one
    spare = np.divide((d1 - 1)[:, None], expected, out=np.zeros_like(n), where=(d1[:, None] > 1) & (expected != 0))
    own = np.divide((1 - spare) * left * d1[:, None], total[:, None] * n, out=np.zeros_like(n), where=at_risk)
    lost = counts.other
    spare = np.divide(lost - 1, n - 1, out=np.zeros_like(n), where=(lost > 1) & (n > 1))
    other = np.divide((1 - spare) * left**2 * lost, n**2, out=np.zeros_like(n), where=at_risk & (after > 0))
    return own, other
