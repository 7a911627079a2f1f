"""Numbers behind survival curves: risk sets, the product limit, its variances, limits and quantiles, on arrays.

A person is at risk at time t when ``entry < t <= exit``; events come before censoring at the same time. Two times are
tied when they are the same floating-point number; `curve_rows` has made times equal that are so up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TIE = float(np.sqrt(np.finfo(np.float64).eps))  # survival probabilities closer than this are equal, as in R's quantile.survfit


@dataclass(frozen=True, eq=False)
class Tally:
    """How many persons, and how much weight, have a time at or after any given time.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Distinct times, rising.
    persons : ndarray of int, shape (m + 1,)
        Persons with a time >= ``time[j]``; the last is 0.
    weight : ndarray, shape (m + 1,)
        Their summed weights.
    """

    time: Floats
    persons: Ints
    weight: Floats

    def from_(self, times: Floats) -> tuple[Ints, Floats]:
        """Return persons and weight with a time >= each of ``times``."""
        index = np.searchsorted(self.time, times, side="left")
        return self.persons[index], self.weight[index]


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Risk sets of one group at its distinct exit times.

    Attributes
    ----------
    time : ndarray, shape (m,)
        Distinct exit times, rising.
    at_risk, events : ndarray, shape (m,)
        Weight under observation just before, and weight with the event at, each time.
    n_at_risk, n_events, n_censored : ndarray of int, shape (m,)
        The same as numbers of persons.
    censored : ndarray, shape (m,)
        Weight that leaves without the event at each time.
    exits, entries : Tally
        To count the risk set at any other time.
    origin : float
        Time at which the curve is 1: 0, or the first entry under delayed entry.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    n_at_risk: Ints
    n_events: Ints
    n_censored: Ints
    exits: Tally
    entries: Tally
    origin: float

    @property
    def exhausted(self) -> npt.NDArray[np.bool_]:
        """Times at which everybody at risk has the event, so that the curve falls to 0."""
        return np.asarray((self.n_events == self.n_at_risk) & (self.n_at_risk > 0))

    @property
    def emptied(self) -> npt.NDArray[np.bool_]:
        """Times after which nobody is under observation until somebody enters."""
        return np.asarray(self.n_events + self.n_censored == self.n_at_risk)

    def count(self, times: Floats) -> tuple[Ints, Floats]:
        """Return persons and weight at risk just before each time (just after it at the origin of the curve)."""
        left = self.exits.from_(times)
        late = self.entries.from_(np.where(times == self.origin, np.nextafter(times, np.inf), times))
        return left[0] - late[0], left[1] - late[1]


def risk_sets(follow: FollowUp, weights: Floats) -> RiskSets:
    """Count the risk sets of one group by sorting and cumulative sums.

    Parameters
    ----------
    follow : FollowUp
        Checked follow-up with event codes 0 and 1, n rows.
    weights : ndarray, shape (n,)
        Positive case weights.

    Returns
    -------
    RiskSets
        One element per distinct exit time.
    """
    time, place = np.unique(follow.exit, return_inverse=True)
    happened = follow.event > 0
    delayed = np.isfinite(follow.entry)
    exits = _tally(time, place, weights)
    entries = _tally(*np.unique(follow.entry[delayed], return_inverse=True), weights[delayed])
    late = entries.from_(time)
    n_events = _count(place[happened], len(time))
    return RiskSets(
        time=time,
        at_risk=exits.weight[:-1] - late[1],
        events=_add(place[happened], weights[happened], len(time)),
        censored=_add(place[~happened], weights[~happened], len(time)),
        n_at_risk=exits.persons[:-1] - late[0],
        n_events=n_events,
        n_censored=_count(place, len(time)) - n_events,
        exits=exits,
        entries=entries,
        origin=float(follow.entry.min()) if delayed.all() else 0.0,
    )


def _tally(time: Floats, place: Ints, weights: Floats) -> Tally:
    persons, weight = _count(place, len(time)), _add(place, weights, len(time))
    return Tally(time, np.append(np.cumsum(persons[::-1])[::-1], 0), np.append(np.cumsum(weight[::-1])[::-1], 0.0))


def _count(place: Ints, m: int) -> Ints:
    return np.asarray(np.bincount(place, minlength=m), dtype=np.int64)


def _add(place: Ints, weights: Floats, m: int) -> Floats:
    return np.asarray(np.bincount(place, weights=weights, minlength=m), dtype=np.float64)


def product_limit(sets: RiskSets) -> Floats:
    """Return the Kaplan-Meier estimate at each exit time.

    Parameters
    ----------
    sets : RiskSets
        Risk sets of one group.

    Returns
    -------
    ndarray, shape (m,)
        ``S(t) = prod over u <= t of (1 - d(u) / n(u))``.

    References
    ----------
    Kaplan EL, Meier P (1958), J Am Stat Assoc 53:457-481, doi:10.1080/01621459.1958.10501452.
    """
    share: Floats = np.divide(sets.events, sets.at_risk, out=np.zeros(len(sets.time)), where=sets.n_events > 0)
    share[sets.exhausted] = 1.0  # exact 0 although the weights went through rounded sums
    return np.asarray(np.cumprod(1.0 - np.clip(share, 0.0, 1.0)), dtype=np.float64)


def greenwood(sets: RiskSets) -> Floats:
    """Return Greenwood's variance of log S(t).

    Parameters
    ----------
    sets : RiskSets
        Risk sets of one group.

    Returns
    -------
    ndarray, shape (m,)
        ``sum over u <= t of d / (n (n - d))``; NaN once S is 0.
    """
    return np.where(np.cumsum(sets.exhausted) > 0, np.nan, np.cumsum(_greenwood_terms(sets)))


def _greenwood_terms(sets: RiskSets) -> Floats:
    use = (sets.n_events > 0) & ~sets.exhausted
    terms: Floats = np.divide(sets.events, sets.at_risk * (sets.at_risk - sets.events), out=np.zeros(len(use)), where=use)
    return terms


def robust(sets: RiskSets, follow: FollowUp, weights: Floats, cluster: Ints) -> Floats:
    """Return the infinitesimal-jackknife variance of log S(t), persons of one cluster taken together, in n log n time.

    Parameters
    ----------
    sets : RiskSets
        Risk sets of one group.
    follow : FollowUp
        The rows behind them, n rows.
    weights : ndarray, shape (n,)
        Case weights.
    cluster : ndarray of int, shape (n,)
        Cluster of each row; row numbers for independent rows.

    Returns
    -------
    ndarray, shape (m,)
        Sum over clusters of the squared weighted influence; NaN once S is 0.

    Notes
    -----
    With ``G(t)`` Greenwood's sum, a row under observation at t adds ``w (G(t) - G(entry))`` to its cluster, a finished row
    ``w (G(exit) - G(entry) - event / (n - d))``. So a cluster's influence is ``W G(t) + K`` with W and K constant between
    its own entries and exits, and the sum of squares needs only running sums of ``W^2``, ``W K`` and ``K^2``.
    """
    m, n = len(sets.time), len(weights)
    hazard = np.cumsum(_greenwood_terms(sets))
    left = np.searchsorted(sets.time, follow.exit)
    came = np.minimum(np.searchsorted(sets.time, follow.entry, side="left"), m - 1)
    before = np.searchsorted(sets.time, follow.entry, side="right")
    base = np.append(0.0, hazard)[before]
    inverse = np.divide(1.0, sets.at_risk - sets.events, out=np.zeros(m), where=~sets.exhausted & (sets.n_at_risk > 0))
    end = hazard[left] - np.where(follow.event > 0, inverse[left], 0.0)
    owner, place = np.concatenate([cluster, cluster]), np.concatenate([came, left])
    slope, constant = np.concatenate([weights, -weights]), np.concatenate([-weights * base, weights * end])
    order = np.lexsort((np.repeat([0, 1], n), place, owner))
    squares = _running_squares(owner[order], slope[order], constant[order])
    ww, wk, kk = (np.cumsum(_add(place[order], part, m)) for part in squares)
    variance = np.maximum(ww * hazard**2 + 2 * wk * hazard + kk, 0.0)
    return np.where(np.cumsum(sets.exhausted) > 0, np.nan, variance)


def _running_squares(owner: Ints, slope: Floats, constant: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the change of each cluster's W^2, W K and K^2 at each of its records (sorted by cluster, then time)."""
    first = np.append(True, owner[1:] != owner[:-1])
    total = np.cumsum(np.column_stack([slope, constant]), axis=0)
    starts = np.flatnonzero(first)
    offset = np.repeat(total[starts] - np.column_stack([slope, constant])[starts], np.diff(np.append(starts, len(owner))), axis=0)
    w, k = (total - offset).T
    changes = []
    for part in (w * w, w * k, k * k):
        previous = np.append(0.0, part[:-1])
        previous[first] = 0.0
        changes.append(part - previous)
    return changes[0], changes[1], changes[2]


def confidence_limits(survival: Floats, variance: Floats, kind: str, level: float) -> tuple[Floats, Floats]:
    """Return pointwise confidence limits of S(t) as R's ``survfit(conf.type=)`` does.

    Parameters
    ----------
    survival, variance : ndarray, shape (m,)
        S(t) and the variance of log S(t).
    kind : str
        ``"plain"``, ``"log"`` or ``"log-log"``.
    level : float
        Confidence level, 0 < level < 1.

    Returns
    -------
    low, high : ndarray, shape (m,)
        Within [0, 1]. NaN where S is 0; with log-log also where S is still 1, because no variance is known there.

    Notes
    -----
    With ``s = sqrt(variance)``: plain ``S (1 +- z s)``; log ``S exp(+- z s)``; log-log ``S ** exp(+- z s / log S)``.
    """
    from scipy.special import ndtri

    width = ndtri(0.5 + level / 2) * np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "plain":
            low, high = survival * (1 - width), survival * (1 + width)
        elif kind == "log":
            low, high = survival * np.exp(-width), survival * np.exp(width)
        else:
            inner = np.where((survival > 0) & (survival < 1), np.log(survival), np.nan)
            low, high = np.exp(inner * np.exp(-width / inner)), np.exp(inner * np.exp(width / inner))
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def step_quantile(time: Floats, values: Floats, probability: float, origin: float) -> float:
    """Return the first time at which a falling step function reaches ``1 - probability``.

    Parameters
    ----------
    time, values : ndarray, shape (m,)
        The steps; NaN values are passed over.
    probability : float
        Share of the people with the event, 0..1.
    origin : float
        Time at which the function is 1.

    Returns
    -------
    float
        The time; midway along the step when the function lies exactly on the level there; NaN when it is not reached.
    """
    if probability <= 0:
        return float(origin)
    reached = np.flatnonzero(values <= 1 - probability + TIE)
    if not len(reached):
        return float("nan")
    below = np.flatnonzero(values < 1 - probability - TIE)
    after = time[below[0]] if len(below) else (time[-1] if abs(values[-1] - (1 - probability)) < TIE else time[reached[0]])
    on_level = abs(values[reached[0]] - (1 - probability)) < TIE
    return float((time[reached[0]] + after) / 2) if on_level else float(time[reached[0]])
