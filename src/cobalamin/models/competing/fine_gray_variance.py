"""What each person adds to the score of a Fine-Gray model, the estimation of the weights included, in linear time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.competing.fine_gray_likelihood import FineGrayLikelihood
from cobalamin.models.competing.fine_gray_weights import Leavings, Observation
from cobalamin.models.cox.blocks import blocks, one_blas_thread
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.hazard import Hazard, Sums

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Side = Literal["left", "right"]


def fine_gray_scores(likelihood: FineGrayLikelihood, follow: FollowUp, seen: Observation, b: Floats) -> Floats:
    """Return each row's contribution to the score, per unit of case weight.

    Parameters
    ----------
    likelihood : FineGrayLikelihood
        Data of the model.
    follow : FollowUp
        The rows behind it, n rows.
    seen : Observation
        The estimated chance of being under observation.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.

    Returns
    -------
    ndarray, shape (n, p)
        eta + psi on the scale of the original covariates; weighted, the columns sum to the score.

    Notes
    -----
    ``eta_i = sum over event times of (z_i - zbar) w_i dM_i``. The weights are estimated, so a censoring at u changes everybody's
    score by ``q(u) / Y(u)``, where q(u) sums ``(z_j - zbar(t)) w_j(t) h(t)`` over those j with a competing event before u and the event
    times t from u on: ``psi_i = sum over u of q(u) dM_i^c(u) / Y(u)``, M^c being the martingale of censoring. Delayed entry adds
    ``- sum over e of q(e) dM_i^e(e) / Y_e(e)`` with the martingale of entering, which runs backwards in time. With q = A(u) h(after u)
    - B(u) hz(after u) every sum is a cumulative sum.

    References
    ----------
    Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing risk. JASA 1999;94:496-509.
    doi:10.1080/01621459.1999.10474144
    Zhang X, Zhang MJ, Fine J. A proportional hazards regression model for the subdistribution with right-censored and left-truncated
    competing risks data. Stat Med 2011;30:1933-1951. doi:10.1002/sim.4264
    """
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        scores = score_residuals(likelihood, b)
        sums = likelihood.sums(b)[0]
        stay = _Stay.of(likelihood, sums, likelihood.hazard(sums), b)
        later = stay.mass[:, -1:] - stay.mass[:, likelihood.stay_bin]
        own = stay.risk / (1.0 if likelihood.w is None else _case_weights(likelihood, seen))
        extra = -(likelihood.z_stay * later[0] - later[1:]) * own
        scores[likelihood.stay_rows] += extra.T * likelihood.scale
        add_weight_influence(scores, follow, seen, lambda times, side: stay.q(likelihood, times, side) * likelihood.scale[:, None])
    return scores


def _case_weights(likelihood: FineGrayLikelihood, seen: Observation) -> Floats:
    """Return the case weights of those who stay."""
    return np.asarray(likelihood.stay_weight * np.exp(seen.log_probability(likelihood.stay_exit)))


@dataclass(frozen=True, eq=False)
class _Stay:
    """Sums over those who stay at risk after a competing event.

    ``risk`` (s,): risk weight over the chance of being observed. ``mass`` (p + 1, K + 1): sums over event times of decay times hazard,
    and of decay times hazard times mean covariate. ``people`` (p + 1, s + 1): sums in order of time of risk, and of risk times covariate.
    """

    risk: Floats
    mass: Floats
    people: Floats

    @classmethod
    def of(cls, likelihood: FineGrayLikelihood, sums: Sums, hazard: Hazard, b: Floats) -> _Stay:
        mean = sums.s1 * hazard.a2 - sums.d1 * hazard.b2
        risk = likelihood.stay_risk(b, sums.shift)
        return cls(
            risk,
            _running(np.vstack([hazard.h, mean]) * likelihood.decay),
            _running(np.vstack([risk, likelihood.z_stay * risk])),
        )

    def q(self, likelihood: FineGrayLikelihood, times: Floats, side: Side) -> Floats:
        """Return q at given times, shape (p, M)."""
        before = self.people[:, np.searchsorted(likelihood.stay_exit, times, side=side)]
        after = self.mass[:, -1:] - self.mass[:, np.searchsorted(likelihood.sets.times, times, side=side)]
        return np.asarray(before[1:] * after[0] - before[0] * after[1:])


def _running(values: Floats) -> Floats:
    return np.cumsum(np.hstack([np.zeros((len(values), 1)), values]), axis=1)


def add_weight_influence(scores: Floats, follow: FollowUp, seen: Observation, q: Callable[[Floats, Side], Floats]) -> None:
    """Add to each row what it moves because the weights are estimated: sums of q dM / Y over censorings, and over entries.

    Parameters
    ----------
    scores : ndarray, shape (n, p)
        Changed in place.
    follow : FollowUp
        Follow-up, n rows.
    seen : Observation
        The estimated chance of being under observation.
    q : callable
        Times (M,) and a side -> what a change of the chance of being observed at each time moves, shape (p, M). With "left",
        cmprsk's way, it counts competing events before the time and events of the cause at or after it; with "right" the exact
        derivative, competing events up to the time and events of the cause after it.
    """
    censoring = _Drift.of(seen.censoring, q(seen.censoring.time, "left" if seen.ties == "crr" else "right"))
    entering = None if seen.entering is None else _Drift.of(seen.entering, q(seen.entering.time, "right"))
    delayed = follow.delayed
    for block in blocks(len(follow)):
        part = FollowUp(follow.entry[block], follow.exit[block], follow.event[block])
        scores[block] += censoring.leaving(part, events_first=seen.ties != "crr", delayed=delayed)
        if entering is not None:
            scores[block] += entering.entering(part)


@dataclass(frozen=True, eq=False)
class _Drift:
    """Per time (M,): the jump q / Y (M, p), and the running sum of jumps times the share that leaves or enters (M + 1, p)."""

    time: Floats
    jump: Floats
    total: Floats

    @classmethod
    def of(cls, leaving: Leavings, q: Floats) -> _Drift:
        jump = q / leaving.at_risk
        return cls(leaving.time, jump.T.copy(), _running(jump * (leaving.count / leaving.at_risk)).T.copy())

    def leaving(self, follow: FollowUp, *, events_first: bool, delayed: bool) -> Floats:
        """Return the martingale sums of censoring: at risk when entry < u <= exit, but not at one's own event if events come first."""
        reached = np.searchsorted(self.time, follow.exit, side="right")
        censored = np.flatnonzero(follow.event == 0)
        if events_first:
            reached[follow.event > 0] = np.searchsorted(self.time, follow.exit[follow.event > 0], side="left")
        moved = -self.total[reached]
        if delayed:
            moved += self.total[np.searchsorted(self.time, follow.entry, side="right")]
        moved[censored] += self.jump[reached[censored] - 1]
        return moved

    def entering(self, follow: FollowUp) -> Floats:
        """Return the martingale sums of entering, with a minus: at risk of entering at e when entry <= e < exit."""
        first = np.searchsorted(self.time, follow.entry, side="left")
        moved = self.total[np.searchsorted(self.time, follow.exit, side="left")] - self.total[first]
        late = np.flatnonzero(np.isfinite(follow.entry))
        moved[late] -= self.jump[first[late]]
        return moved
