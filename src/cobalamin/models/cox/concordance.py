"""Concordance of a Cox model: how often who has the event earlier had the higher predicted risk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.followup import FollowUp
from cobalamin.models.covariance import sum_by
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.dominance import sums_below
from cobalamin.models.cox.risk_sets import merge_near_ties
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Weighted pairs of one event and one other person at risk, seen from each person.

    Attributes
    ----------
    concordant, discordant, tied : ndarray, shape (n,)
        Weight of the partners of each person in pairs where the earlier event had the higher, the lower, or the same score.
    """

    concordant: Floats
    discordant: Floats
    tied: Floats


def concordance(fit: Fit) -> pd.DataFrame:
    """Return Harrell's concordance of a Cox model.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    DataFrame
        One row: ``estimate, std_error, conf_low, conf_high`` (95%), and the weighted numbers of pairs ``concordant, discordant, tied``.

    Raises
    ------
    DataError
        The fit is not a Cox model, or no pair can be compared.

    Notes
    -----
    A pair is an event at t and another person of the same stratum who is under observation at t and leaves later (or at t without an
    event); pairs with equal linear predictors count one half. People who enter after t make no pair. The standard error is the
    infinitesimal jackknife, by cluster where the fit has clusters; R's ``concordance`` gives the same numbers.

    References
    ----------
    Harrell FE, Califf RM, Pryor DB, Lee KL, Rosati RA. Evaluating the yield of medical tests. JAMA 1982;247:2543-2546.
    doi:10.1001/jama.1982.03320430047030
    Therneau T, Atkinson E. Concordance. Vignette of the R package survival.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [4, 2, 3, 1, 6, 5], "d": [1, 1, 0, 1, 1, 1], "x": [1.0, 2, 3, 2, 2, 1]})
    >>> concordance(cox("x", people, exit="t", event="d"))["estimate"].round(3).tolist()
    [0.5]
    """
    solved = solution_of(fit)
    score = _scores(fit, np.where(solved.infinite, solved.b / solved.likelihood.scale, solved.coefficients), solved.keep)
    weight = np.ones(fit.n) if fit.parts["weights"] is None else np.asarray(fit.parts["weights"])
    pairs = count_pairs(fit.parts["follow_up"], score, weight, fit.parts["stratum"])
    total = [float(weight @ part) / 2 for part in (pairs.concordant, pairs.discordant, pairs.tied)]
    if not sum(total) > 0:
        raise DataError("no two people can be compared: nobody is under observation when another has the event.")
    estimate = (total[0] + total[2] / 2) / sum(total)
    every = pairs.concordant + pairs.discordant + pairs.tied
    effect = weight * (pairs.concordant + pairs.tied / 2 - estimate * every) / sum(total)
    if fit.parts["clusters"] is not None:
        effect = sum_by(effect[:, None], *fit.parts["clusters"])[:, 0]
    std_error = float(np.sqrt(effect @ effect))
    width = 1.959963984540054 * std_error
    limits = {"conf_low": max(estimate - width, 0.0), "conf_high": min(estimate + width, 1.0)}
    counts = dict(zip(("concordant", "discordant", "tied"), total, strict=True))
    return pd.DataFrame([{"estimate": estimate, "std_error": std_error, **limits, **counts}])


def count_pairs(follow: FollowUp, score: Floats, weight: Floats, stratum: Ints | None = None) -> Pairs:
    """Count the pairs in which each person takes part, in time n log n.

    Parameters
    ----------
    follow : FollowUp
        Entry, exit and event.
    score : ndarray, shape (n,)
        Higher means earlier.
    weight : ndarray, shape (n,)
        Case weights.
    stratum : ndarray of int, shape (n,), optional
        Only people of one stratum are compared.

    Returns
    -------
    Pairs
        Each pair is seen from both its people.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> pairs = count_pairs(follow_up(exit=[1, 2, 3], event=[1, 1, 0]), np.array([3.0, 1, 2]), np.ones(3))
    >>> pairs.concordant.tolist(), pairs.discordant.tolist()
    ([2.0, 1.0, 1.0], [0.0, 1.0, 1.0])
    """
    entry, exit_ = merge_near_ties(follow.entry, follow.exit)
    totals = np.zeros((3, len(score)))
    for rows in _strata(stratum, len(score)):
        event = follow.event[rows] > 0
        rank = np.unique(score[rows], return_inverse=True)[1].astype(np.int64)
        totals[:, rows] = _pairs_of(entry[rows], exit_[rows], event, rank, np.asarray(weight[rows]))
    return Pairs(*totals)


def _scores(fit: Fit, coefficients: Floats, keep: npt.NDArray[np.bool_]) -> Floats:
    """Return the linear predictor, rounded so that rows of equal covariates tie whatever the order of summation."""
    score = fit.parts["matrix"].X[:, keep] @ coefficients
    if fit.parts["offset"] is not None:
        score = score + fit.parts["offset"]
    spread = float(np.ptp(score)) if len(score) else 0.0
    return np.asarray(np.round(score / spread, 12) if spread > 0 else score)


def _strata(stratum: Ints | None, n: int) -> Iterator[Ints]:
    if stratum is None:
        yield np.arange(n)
        return
    order = np.argsort(stratum, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(stratum[order])) + 1)


def _pairs_of(entry: Floats, exit_: Floats, event: npt.NDArray[np.bool_], rank: Ints, weight: Floats) -> Floats:
    """Return concordant, discordant and tied weight of the partners of each row."""
    as_event = _partners_of_events(entry, exit_, event, rank, weight)
    as_other = _events_of_partners(entry, exit_, event, rank, weight)
    return as_event + as_other


def _partners_of_events(entry: Floats, exit_: Floats, event: npt.NDArray[np.bool_], rank: Ints, weight: Floats) -> Floats:
    """For each event at t: others with entry < t who leave after t, or at t without an event."""
    # a row without an event at t leaves just after those with one
    leave = np.lexsort((~event, exit_))
    cases = np.flatnonzero(event)
    after = _after_ties(exit_, event, leave, exit_[cases])
    found = np.zeros((3, len(rank)))
    found[:, cases] = _compare(rank, weight, leave, after, np.full(len(cases), len(rank)), rank[cases])
    if np.isfinite(entry).any():
        # those who enter at t or later also leave after t: take them away again
        enter = np.argsort(entry, kind="stable")
        begin = np.searchsorted(entry[enter], exit_[cases], side="left")
        found[:, cases] -= _compare(rank, weight, enter, begin, np.full(len(cases), len(rank)), rank[cases])
    return found


def _events_of_partners(entry: Floats, exit_: Floats, event: npt.NDArray[np.bool_], rank: Ints, weight: Floats) -> Floats:
    """For each row: events of others at t with entry < t, and t before its exit (or at it, if the row has no event)."""
    cases = np.flatnonzero(event)
    order = cases[np.argsort(exit_[cases], kind="stable")]
    times = exit_[order]
    first = np.searchsorted(times, entry, side="right")
    last = np.where(event, np.searchsorted(times, exit_, side="left"), np.searchsorted(times, exit_, side="right"))
    higher, lower, tied = _compare(rank, weight, order, first, np.maximum(first, last), rank)
    # seen from the partner, a pair is concordant where the event has the higher score
    return np.vstack([lower, higher, tied])


def _after_ties(exit_: Floats, event: npt.NDArray[np.bool_], order: Ints, times: Floats) -> Ints:
    """Return the position in ``order`` after the last event at each time."""
    ordered, died = exit_[order], np.cumsum(event[order])
    begin, end = np.searchsorted(ordered, times, side="left"), np.searchsorted(ordered, times, side="right")
    before = np.append(0, died)
    return np.asarray(begin + before[end] - before[begin], dtype=np.int64)


def _compare(rank: Ints, weight: Floats, order: Ints, first: Ints, last: Ints, own: Ints) -> Floats:
    """Sum the weight of the rows at positions first .. last - 1 of ``order`` with rank below, above and equal to ``own``."""
    ranks, weights = rank[order], weight[order]
    below, up_to = np.split(sums_below(ranks, weights, np.tile(first, 2), np.tile(last, 2), np.r_[own, own + 1]), 2)
    running = np.append(0.0, np.cumsum(weights))
    whole = running[last] - running[first]
    return np.vstack([below, whole - up_to, up_to - below])
