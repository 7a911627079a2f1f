"""Numbers behind cumulative incidence: the Aalen-Johansen estimate of competing events and three of its variances, on arrays.

Everybody starts event-free and can have one of several events. All sums over risk sets are cumulative sums over the
distinct exit times, so the cost after sorting is linear in the people and in the times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.curves.kaplan_meier import RiskSets, product_limit, risk_sets

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Incidence:
    """Cumulative incidences of one group at its m distinct exit times, for J kinds of event.

    Attributes
    ----------
    sets : RiskSets
        Risk sets; their events are events of any kind.
    codes : tuple of int
        Event codes, in the order of the lines below.
    events : ndarray, shape (J, m)
        Weight with each kind of event at each time.
    n_events : ndarray of int, shape (J, m)
        The same as numbers of persons.
    before : ndarray, shape (m,)
        Probability of being event-free just before each time.
    increment, estimate : ndarray, shape (J, m)
        Step of the cumulative incidence at each time, and the incidence up to and including it.
    """

    sets: RiskSets
    codes: tuple[int, ...]
    events: Floats
    n_events: Ints
    before: Floats
    increment: Floats
    estimate: Floats


def aalen_johansen(follow: FollowUp, weights: Floats, codes: tuple[int, ...]) -> Incidence:
    """Estimate the cumulative incidence of each kind of event.

    Parameters
    ----------
    follow : FollowUp
        Checked follow-up with event codes 0, 1, ..., n rows.
    weights : ndarray, shape (n,)
        Positive case weights.
    codes : tuple of int
        Event codes to estimate; together all that occur.

    Returns
    -------
    Incidence
        Estimates and the risk sets behind them.

    Notes
    -----
    ``F_k(t) = sum over u <= t of S(u-) d_k(u) / n(u)`` with S the Kaplan-Meier estimate of having no event of any kind.

    References
    ----------
    Aalen OO, Johansen S (1978), Scand J Stat 5:141-150 (an empirical transition matrix for non-homogeneous Markov chains based on
    censored observations). Andersen PK, Borgan O, Gill RD, Keiding N (1993), section IV.4, doi:10.1007/978-1-4612-4348-9.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> people = follow_up(exit=[1.0, 2.0, 3.0, 4.0], event=[1, 2, 0, 1], kinds=2)
    >>> aalen_johansen(people, np.ones(4), (1, 2)).estimate.tolist()
    [[0.25, 0.25, 0.25, 0.75], [0.0, 0.25, 0.25, 0.25]]
    """
    sets = risk_sets(follow, weights)
    m = len(sets.time)
    cells = np.searchsorted(sets.time, follow.exit)
    line = np.full(max(int(follow.event.max(initial=0)), *codes) + 1, -1)
    line[list(codes)] = np.arange(len(codes))
    kind = line[follow.event]
    kind[follow.event == 0] = -1
    dead = kind >= 0
    place = kind[dead] * m + cells[dead]
    events: Floats = np.bincount(place, weights=weights[dead], minlength=len(codes) * m).reshape(len(codes), m).astype(np.float64)
    persons = np.bincount(place, minlength=len(codes) * m).reshape(len(codes), m)
    before = np.append(1.0, product_limit(sets)[:-1])
    share = np.divide(events, sets.at_risk, out=np.zeros_like(events), where=sets.n_events > 0)
    increment = before * share
    return Incidence(sets, codes, events, np.asarray(persons, dtype=np.int64), before, increment, np.cumsum(increment, axis=1))


def jackknife_variance(incidence: Incidence, follow: FollowUp, weights: Floats, cluster: Ints | None, *, copies: bool) -> Floats:
    """Return the infinitesimal-jackknife variance of each cumulative incidence, persons of one cluster taken together.

    Parameters
    ----------
    incidence : Incidence
        Estimates of one group.
    follow : FollowUp
        The rows behind them, n rows.
    weights : ndarray, shape (n,)
        Case weights.
    cluster : ndarray of int, shape (n,), optional
        Cluster of each row; rows are independent without it.
    copies : bool
        Weight 2 means two people (and not one person who counts twice); only without clusters.

    Returns
    -------
    ndarray, shape (J, m)
        Variance at each exit time.

    Notes
    -----
    The influence of a row on F_k(t) is the derivative of F_k(t) by its weight. With Greenwood's sum G, ``A = sum of G(u-) dF_k(u)``
    and ``C(t) = A(t) - sum of dF_k(u) / n(u)``, a row under observation since e has the influence ``C(t) - C(e) - G(e) (F(t) - F(e))``;
    once it has left, its influence is a constant plus ``(G(exit) - G(e) - event / (n - d)) F(t)``. So it is always a combination of
    C(t), F(t) and 1 whose coefficients change twice, and the sum of squares needs six running sums of products.
    This is the variance of R's ``survfit`` for competing events.

    References
    ----------
    Therneau TM, Grambsch PM (2000), doi:10.1007/978-1-4757-3294-8 (infinitesimal jackknife). Andersen et al. (1993), section IV.4.
    """
    sets = incidence.sets
    hazard, inverse = _greenwood_sum(sets)
    left = np.searchsorted(sets.time, follow.exit)
    came = np.searchsorted(sets.time, follow.entry, side="right") if follow.delayed else np.zeros(len(left), dtype=np.int64)
    start = np.append(0.0, hazard)[came]
    slope = hazard[left] - start - np.where(follow.event > 0, inverse[left], 0.0)
    scale = np.sqrt(weights) if copies and cluster is None else weights
    before = np.append(0.0, hazard[:-1])
    per_person = np.divide(incidence.before, sets.at_risk, out=np.zeros(len(sets.time)), where=sets.n_at_risk > 0)
    out = np.empty_like(incidence.estimate)
    for j, code in enumerate(incidence.codes):
        f = incidence.estimate[j]
        spread = np.divide(incidence.increment[j], sets.at_risk, out=np.zeros(len(f)), where=sets.n_at_risk > 0)
        c = np.cumsum(before * incidence.increment[j] - spread)
        f0, c0 = np.append(0.0, f)[came], np.append(0.0, c)[came]
        end = c[left] - c0 - start * (f[left] - f0) + np.where(follow.event == code, per_person[left], 0.0)
        inside = np.vstack([np.ones(len(start)), -start, start * f0 - c0]) * scale
        after = np.vstack([np.zeros(len(start)), slope, end - slope * f[left]]) * scale
        ww, wf, wk, ff, fk, kk = _running_products(came, left, inside, after, cluster, len(f))
        out[j] = ww * c * c + ff * f * f + kk + 2 * (wf * c * f + wk * c + fk * f)
    return np.maximum(out, 0.0)


def _greenwood_sum(sets: RiskSets) -> tuple[Floats, Floats]:
    """Return Greenwood's sum, and 1 / (n - d), at each exit time; 0 where everybody at risk has the event."""
    alive = (sets.n_at_risk > sets.n_events) & (sets.n_at_risk > 0)
    inverse = np.divide(1.0, sets.at_risk - sets.events, out=np.zeros(len(alive)), where=alive)
    terms = np.divide(sets.events * inverse, sets.at_risk, out=np.zeros(len(alive)), where=alive & (sets.n_events > 0))
    return np.cumsum(terms), inverse


def _running_products(came: Ints, left: Ints, inside: Floats, after: Floats, cluster: Ints | None, m: int) -> list[Floats]:
    """Sum over clusters, at each of m times, the products of pairs of three coefficients: 00, 01, 02, 11, 12, 22."""
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    if cluster is None:
        place = np.concatenate([came, left])
        change = [np.concatenate([inside[a] * inside[b], after[a] * after[b] - inside[a] * inside[b]]) for a, b in pairs]
    else:
        owner, place = np.concatenate([cluster, cluster]), np.concatenate([came, left])
        order = np.lexsort((place, owner))
        place = place[order]
        change = _changes(owner[order], np.hstack([inside, after - inside])[:, order], pairs)
    return [np.cumsum(np.bincount(place, weights=part, minlength=m)[:m]) for part in change]


def _changes(owner: Ints, steps: Floats, pairs: list[tuple[int, int]]) -> list[Floats]:
    """Return how each cluster's products change at each of its records (sorted by cluster, then time)."""
    first = np.append(True, owner[1:] != owner[:-1])
    starts = np.flatnonzero(first)
    total = np.cumsum(steps, axis=1)
    total -= np.repeat(total[:, starts] - steps[:, starts], np.diff(np.append(starts, len(owner))), axis=1)
    changes = []
    for a, b in pairs:
        part = total[a] * total[b]
        previous = np.append(0.0, part[:-1])
        previous[first] = 0.0
        changes.append(part - previous)
    return changes


def delta_variance(incidence: Incidence) -> Floats:
    """Return the variance of each cumulative incidence by the delta method, for independent rows.

    Parameters
    ----------
    incidence : Incidence
        Estimates of one group.

    Returns
    -------
    ndarray, shape (J, m)
        Variance at each exit time.

    Notes
    -----
    ``sum (F(t) - F(u))^2 d / (n (n - d)) + sum S(u-)^2 d_k (n - d_k) / n^3 - 2 sum (F(t) - F(u)) S(u-) d_k / n^2`` over u <= t;
    Stata's ``stcompet`` uses it.

    References
    ----------
    Marubini E, Valsecchi MG (1995), Analysing survival data from clinical trials and observational studies, section 10.2. Wiley.
    """
    sets = incidence.sets
    alive = (sets.n_at_risk > sets.n_events) & (sets.n_at_risk > 0)
    n = np.where(sets.n_at_risk > 0, sets.at_risk, 1.0)
    g = np.divide(sets.events, n * (n - sets.events), out=np.zeros(len(n)), where=alive)
    f, d = incidence.estimate, incidence.events
    own = incidence.before**2 * d * (n - d) / n**3
    cross = incidence.before * d / n**2
    squares = f * f * np.cumsum(g) - 2 * f * np.cumsum(f * g, axis=1) + np.cumsum(f * f * g, axis=1)
    return np.asarray(np.maximum(squares + np.cumsum(own, axis=1) - 2 * (f * np.cumsum(cross, axis=1) - np.cumsum(f * cross, axis=1)), 0.0))


def aalen_variance(incidence: Incidence) -> Floats:
    """Return Aalen's variance of each cumulative incidence, for independent rows; R's ``cmprsk::cuminc`` prints it.

    Parameters
    ----------
    incidence : Incidence
        Estimates of one group.

    Returns
    -------
    ndarray, shape (J, m)
        Variance at each exit time.

    Notes
    -----
    With ``v_j = S(u-)^2 d_j (n - d_j) / (n^2 (n - 1))`` for each kind j, the variance is the sum over u <= t of
    ``v_k (1 - (F(t) - F(u)) / S(u))^2 + v_other ((F(t) - F(u)) / S(u))^2``, the terms with ``F(t) - F(u)`` being left out once S is 0.

    References
    ----------
    Aalen OO (1978), Ann Stat 6:534-545, doi:10.1214/aos/1176344198. Gray RJ (1988), doi:10.1214/aos/1176350951.
    """
    sets = incidence.sets
    n = np.where(sets.n_at_risk > 0, sets.at_risk, 1.0)
    survival = np.append(incidence.before[1:], product_limit(sets)[-1])
    inverse = np.divide(1.0, survival, out=np.zeros(len(n)), where=survival > 0)
    out = np.empty_like(incidence.estimate)
    for j, f in enumerate(incidence.estimate):
        own = _binomial(incidence.before, incidence.events[j], n)
        other = _binomial(incidence.before, sets.events - incidence.events[j], n) * (survival > 0)
        base, both = 1 + f * inverse, (own + other) * inverse**2
        flat = np.cumsum(own * base**2 + other * (f * inverse) ** 2)
        out[j] = flat + f * f * np.cumsum(both) - 2 * f * np.cumsum(own * base * inverse + other * f * inverse**2)
    return np.maximum(out, 0.0)


def _binomial(before: Floats, events: Floats, at_risk: Floats) -> Floats:
    """Return the variance of a step of the incidence: binomial, with the finite-population correction for ties."""
    spare = np.divide(np.maximum(events - 1, 0.0), at_risk - 1, out=np.zeros(len(events)), where=at_risk > 1)
    return np.asarray(before**2 * (1 - spare) * np.maximum(events, 0.0) / at_risk**2)
