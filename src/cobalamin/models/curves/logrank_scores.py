"""Numbers behind log-rank tests: scores of groups and their hypergeometric variance, on arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.risk_sets import RiskSets
from cobalamin.models.cox.sweeps import prefix_sums, suffix_sums

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# people at risk by group and event time are held for this many cells at once
_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Scores:
    """Weighted log-rank scores of q groups.

    Attributes
    ----------
    score : ndarray, shape (q,)
        Events observed less events expected, weighted.
    variance : ndarray, shape (q, q)
        Their variance if all groups have the same hazard.
    """

    score: Floats
    variance: Floats


def logrank_scores(sets: RiskSets, group: Ints, q: int, family: str, rho: float = 0.0, gamma: float = 0.0) -> Scores:
    """Sum weighted differences of observed and expected events over event times and strata.

    Parameters
    ----------
    sets : RiskSets
        Who is at risk when.
    group : ndarray of int, shape (n,)
        Group of each row, 0 to q - 1.
    q : int
        Number of groups.
    family : str
        Weights, as in `logrank`.
    rho, gamma : float
        Powers of the Fleming-Harrington weight.

    Returns
    -------
    Scores
        Of all groups; the scores sum to zero.

    Notes
    -----
    The variance ``sum c_k (diag(n_gk n_k) - n_gk n_hk)`` with ``c = W^2 d (n - d) / (n^2 (n - 1))`` is one weighted cross-product of
    the numbers at risk by group, in blocks of event times.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> from cobalamin.models.cox.risk_sets import risk_sets
    >>> sets = risk_sets(follow_up(exit=[1.0, 2.0], event=[1, 1]))
    >>> logrank_scores(sets, np.array([0, 1]), 2, "logrank").score.tolist()
    [0.5, -0.5]
    """
    count = len(sets.times)
    dead = np.bincount(sets.death_bin, minlength=count).astype(np.float64)
    leaving = np.bincount(sets.exit_bin, minlength=count).astype(np.float64)
    if sets.entry_bin is not None:
        leaving -= np.bincount(sets.entry_bin[sets.entry_order], minlength=count)
    total = suffix_sums(leaving[None], sets.starts)[0]
    weight = event_weights(total, dead, sets.starts, family, rho, gamma)
    # a single person at risk who has the event tells nothing: no division by n - 1 = 0
    spread = np.divide(weight**2 * dead * (total - dead), total**2 * (total - 1), out=np.zeros(count), where=total > 1)
    expected, own, cross = np.zeros(q), np.zeros(q), np.zeros((q, q))
    for block, at_risk in _blocks(sets, group, q):
        expected += at_risk @ (weight[block] * dead[block] / total[block])
        own += at_risk @ (spread[block] * total[block])
        cross += (at_risk * spread[block]) @ at_risk.T
    observed = np.bincount(group[sets.death_rows], weights=weight[sets.death_bin], minlength=q)
    return Scores(observed - expected, np.diag(own) - cross)


def event_weights(at_risk: Floats, dead: Floats, starts: Ints, family: str, rho: float, gamma: float) -> Floats:
    """Return the weight of each event time.

    Parameters
    ----------
    at_risk, dead : ndarray, shape (K,)
        People at risk and events at each event time, by stratum.
    starts : ndarray of int, shape (H,)
        First event time of each stratum.
    family : str
        As in `logrank`.
    rho, gamma : float
        Powers of the Fleming-Harrington weight.

    Returns
    -------
    ndarray, shape (K,)
        Weights.

    Examples
    --------
    >>> event_weights(np.array([4.0, 2.0]), np.array([1.0, 1.0]), np.array([0]), "fleming-harrington", 1.0, 0.0).tolist()
    [1.0, 0.75]
    """
    if family == "wilcoxon":
        return at_risk
    if family == "tarone-ware":
        return np.sqrt(at_risk)
    if family == "peto":
        return _product(1 - dead / (at_risk + 1), starts)
    if family == "fleming-harrington" and (rho or gamma):
        after = _product(1 - dead / at_risk, starts)
        before = np.concatenate([[1.0], after[:-1]])
        before[starts] = 1.0
        return np.asarray(before**rho * (1 - before) ** gamma)
    return np.ones(len(at_risk))


def _product(factors: Floats, starts: Ints) -> Floats:
    """Multiply from the first event time of each stratum; a factor 0 makes all that follow 0."""
    zero = factors <= 0
    logs = prefix_sums(np.log(np.where(zero, 1.0, factors)), starts)
    return np.where(prefix_sums(zero.astype(np.float64), starts) > 0, 0.0, np.exp(logs))


def _blocks(sets: RiskSets, group: Ints, q: int) -> Iterator[tuple[slice, Floats]]:
    """Return the numbers at risk, group by event time, block by block from the last event time to the first."""
    count, size = len(sets.times), max(1, _CELLS // q)
    first = np.zeros(count, dtype=np.bool_)
    first[sets.starts] = True
    entries = None if sets.entry_bin is None else (sets.entry_bin[sets.entry_order], group[sets.rows[sets.entry_order]])
    carry = np.zeros(q)
    for end in range(count, 0, -size):
        block = slice(max(0, end - size), end)
        change = _tally(sets.exit_bin, group[sets.rows], block, q)
        if entries is not None:
            change -= _tally(*entries, block, q)
        # the last column goes on where the block after this one, of the same stratum, begins
        change[:, -1] += carry
        at_risk = suffix_sums(change, np.unique(np.append(0, np.flatnonzero(first[block]))))
        carry = np.zeros(q) if first[block.start] else at_risk[:, 0]
        yield block, at_risk


def _tally(bins: Ints, group: Ints, block: slice, q: int) -> Floats:
    """Count rows by group and bin, for the bins of a block; bins are ascending."""
    low, high = np.searchsorted(bins, [block.start, block.stop])
    width = block.stop - block.start
    place = group[low:high] * width + bins[low:high] - block.start
    return np.bincount(place, minlength=q * width).reshape(q, width).astype(np.float64)
