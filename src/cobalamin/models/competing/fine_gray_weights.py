"""Weights of the Fine-Gray model: how far those with a competing event still count, estimated from censoring and delayed entry.

Nobody's row is expanded. A person with a competing event at x has at event time t > x the weight G(t-) H(t-) / (G(x-) H(x-)):
one number per event time divided by one number per person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.core.followup import FollowUp

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
CensoringTies = Literal["crr", "finegray"]


@dataclass(frozen=True, eq=False)
class Leavings:
    """Distinct times at which people are censored (or enter), and the people who could have been.

    Attributes
    ----------
    time : ndarray, shape (M,)
        Distinct times, rising.
    count, at_risk : ndarray, shape (M,)
        Weight that is censored (or enters), and weight that could have been.
    """

    time: Floats
    count: Floats
    at_risk: Floats

    @property
    def log_factor(self) -> Floats:
        """Logarithm of ``1 - count / at_risk``; 0 where that is nobody, whose weight is never used."""
        share = self.count / self.at_risk
        return np.log1p(-np.where(share < 1 - 1e-12, share, 0.0))


@dataclass(frozen=True, eq=False)
class Observation:
    """The estimated chance of being under observation.

    Attributes
    ----------
    censoring : Leavings
        Censorings: G(t-) is the product of ``1 - count / at_risk`` over times before t.
    entering : Leavings or None
        Late entries: H(t-) is the product over times at or after t; None without delayed entry.
    ties : {"crr", "finegray"}
        Whether those with an event at a time could have been censored at that time ("crr") or not ("finegray").
    """

    censoring: Leavings
    entering: Leavings | None
    ties: CensoringTies

    def log_probability(self, times: Floats) -> Floats:
        """Return log G(t-) H(t-), up to a constant.

        Parameters
        ----------
        times : ndarray
            Times.

        Returns
        -------
        ndarray
            At each time.
        """
        held = np.append(0.0, np.cumsum(self.censoring.log_factor))
        total = held[np.searchsorted(self.censoring.time, times, side="left")]
        if self.entering is None:
            return np.asarray(total)
        held = np.append(0.0, np.cumsum(self.entering.log_factor))
        # H(t) = H(0) / product over entries before t
        return np.asarray(total - held[np.searchsorted(self.entering.time, times, side="left")])


def is_delayed(follow: FollowUp) -> bool:
    """Return whether anybody enters when others can already have left; otherwise entry has no bearing on the weights.

    Parameters
    ----------
    follow : FollowUp
        Checked follow-up.

    Returns
    -------
    bool
        True for delayed entry that matters.
    """
    return follow.delayed and bool((follow.entry >= follow.exit.min()).any())


def observation(follow: FollowUp, weights: Floats | None, ties: CensoringTies) -> Observation:
    """Estimate the chance of being under observation.

    Parameters
    ----------
    follow : FollowUp
        Follow-up with event codes 0 (censored), 1, 2, ...; n rows.
    weights : ndarray, shape (n,), optional
        Case weights.
    ties : {"crr", "finegray"}
        Treatment of censorings tied with events.

    Returns
    -------
    Observation
        Censoring and, with delayed entry, entering.

    References
    ----------
    Geskus RB. Cause-specific cumulative incidence estimation and the Fine and Gray model under both left truncation and right
    censoring. Biometrics 2011;67:39-49. doi:10.1111/j.1541-0420.2010.01420.x

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> seen = observation(follow_up(exit=[1.0, 2.0, 3.0, 4.0], event=[0, 1, 0, 1]), None, "crr")
    >>> np.exp(seen.log_probability(np.array([1.0, 2.0, 4.0]))).round(4).tolist()
    [1.0, 0.75, 0.375]
    """
    w = np.ones(len(follow)) if weights is None else weights
    gone = _Ranked(follow.exit, w)
    come = _Ranked(follow.entry[np.isfinite(follow.entry)], w[np.isfinite(follow.entry)]) if follow.delayed else None
    censored = follow.event == 0
    time, count = _totals(follow.exit[censored], w[censored])
    at_risk = gone.from_(time) - (0.0 if come is None else come.from_(time))
    if ties == "finegray":
        failed = _Ranked(follow.exit[~censored], w[~censored])
        at_risk = at_risk - (failed.from_(time) - failed.after(time))
    entering = None
    if come is not None and is_delayed(follow):
        entered, n_entered = _totals(follow.entry[np.isfinite(follow.entry)], w[np.isfinite(follow.entry)])
        # entry <= e < exit
        entering = Leavings(entered, n_entered, gone.after(entered) - come.after(entered))
    return Observation(Leavings(time, count, at_risk), entering, ties)


class _Ranked:
    """Weight with a time at or after, or after, any given time."""

    def __init__(self, times: Floats, weights: Floats) -> None:
        order = np.argsort(times, kind="stable")
        self.time = times[order]
        self.weight = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)

    def from_(self, times: Floats) -> Floats:
        return self.weight[np.searchsorted(self.time, times, side="left")]

    def after(self, times: Floats) -> Floats:
        return self.weight[np.searchsorted(self.time, times, side="right")]


def _totals(times: Floats, weights: Floats) -> tuple[Floats, Floats]:
    distinct, place = np.unique(times, return_inverse=True)
    return distinct, np.bincount(place, weights=weights, minlength=len(distinct)).astype(np.float64)


def check_gaps(seen: Observation, stay_exit: Floats, last_event: float) -> None:
    """Refuse weights that cannot be estimated: nobody under observation for a time after a competing event.

    Parameters
    ----------
    seen : Observation
        From `observation`.
    stay_exit : ndarray
        Times of competing events after which there are events of the cause.
    last_event : float
        Last event of the cause.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DataError
        Those who had a competing event before a gap would have infinite weight after it.
    """
    if seen.entering is None or not len(stay_exit):
        return
    entering = seen.entering
    alone = entering.time[entering.count >= entering.at_risk * (1 - 1e-12)]
    late = alone[(alone >= stay_exit.min()) & (alone < last_event)]
    if len(late):
        raise DataError(
            f"entry: {len(late)} time(s) with nobody under observation, after a competing event and before later entries: the weights of"
            " the Fine-Gray model cannot be estimated there. Start follow-up later: keep rows with exit after a chosen time and set"
            " entry to at least that time."
        )
