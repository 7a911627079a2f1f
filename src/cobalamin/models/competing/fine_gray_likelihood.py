"""The weighted partial likelihood of Fine and Gray: the kernel of the Cox model plus those who stay at risk after a competing event."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.competing.fine_gray_weights import Observation, check_gaps
from cobalamin.models.cox.covariates import Columns, gather
from cobalamin.models.cox.hazard import Hazard, Sums
from cobalamin.models.cox.partial_likelihood import PartialLikelihood, Ties, partial_likelihood
from cobalamin.models.cox.risk_sets import Ints, risk_sets
from cobalamin.models.cox.sweeps import bin_sums, weighted_cross

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FineGrayLikelihood(PartialLikelihood):
    """A `PartialLikelihood` whose risk sets keep those with a competing event, with falling weight.

    Attributes
    ----------
    z_stay : ndarray, shape (p, s)
        Standardised covariates of those with a competing event before the last event of the cause, in order of time.
    stay_rows : ndarray of int, shape (s,)
        Their rows.
    stay_exit : ndarray, shape (s,)
        The times of their competing events.
    stay_bin : ndarray of int, shape (s,)
        First event time after that, rising.
    stay_weight : ndarray, shape (s,)
        Case weight over the chance of being observed at the competing event.
    decay : ndarray, shape (K,)
        Chance of being observed at each event time.
    """

    z_stay: Floats
    stay_rows: Ints
    stay_exit: Floats
    stay_bin: Ints
    stay_weight: Floats
    decay: Floats

    def without(self, columns: npt.NDArray[np.bool_]) -> FineGrayLikelihood:
        """Return the likelihood with some covariates left out.

        Parameters
        ----------
        columns : ndarray of bool, shape (p,)
            Covariates to leave out.

        Returns
        -------
        FineGrayLikelihood
            A copy that shares what it can.
        """
        fewer = super().without(columns)
        assert isinstance(fewer, FineGrayLikelihood)
        return replace(fewer, z_stay=self.z_stay[~columns])

    def sums(self, b: Floats) -> tuple[Sums, Floats]:
        """Sum over risk sets; also return the risk weight of each row.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        sums : Sums
            Per event time, those with earlier competing events included.
        risk : ndarray, shape (n,)
            ``weight * exp(x'b - shift)``.
        """
        own, risk = super().sums(b)
        stay, _ = bin_sums(self._stay_columns, self.stay_bin + 1, None, len(self.decay), b, own.shift, self.stay_weight)
        stay = np.cumsum(stay, axis=1) * self.decay
        return Sums(own.s0 + stay[0], own.s1 + stay[1:], own.d0, own.d1, own.shift), risk

    def stay_risk(self, b: Floats, shift: float) -> Floats:
        """Return the risk weight of those who stay, over their chance of being observed.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.
        shift : float
            As in the sums.

        Returns
        -------
        ndarray, shape (s,)
            ``weight * exp(x'b - shift) / (G H)``.
        """
        return np.asarray(self.stay_weight * np.exp(b @ self.z_stay - shift))

    def _cross_product(self, risk: Floats, hazard: Hazard, b: Floats, shift: float) -> Floats:
        product = super()._cross_product(risk, hazard, b, shift)
        held = np.append(0.0, np.cumsum(self.decay * hazard.h))
        last = np.full(len(self.stay_bin), len(self.decay))
        return product + weighted_cross(self._stay_columns, self.stay_risk(b, shift), held, last, self.stay_bin)

    @property
    def _stay_columns(self) -> Columns:
        return Columns(self.z_stay, np.zeros(self.p), np.ones(self.p))

    def _shift(self, b: Floats) -> float:
        shift = super()._shift(b)
        return max(shift, float((b @ self.z_stay).max(initial=shift))) if shift else 0.0


def fine_gray_likelihood(
    x: Floats, follow: FollowUp, cause: int, seen: Observation, weights: Floats | None, ties: Ties
) -> FineGrayLikelihood:
    """Gather the data of a Fine-Gray model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    follow : FollowUp
        Follow-up with event codes 0, 1, 2, ...
    cause : int
        Event of interest; it occurs.
    seen : Observation
        Chance of being under observation.
    weights : ndarray, shape (n,), optional
        Case weights, all positive.
    ties : {"breslow", "efron"}
        How tied events are treated.

    Returns
    -------
    FineGrayLikelihood
        Ready to evaluate.

    Raises
    ------
    DataError
        Weights that cannot be estimated (see `check_gaps`).
    """
    sets = risk_sets(FollowUp(follow.entry, follow.exit, (follow.event == cause).astype(np.int64)))
    base = partial_likelihood(x, sets, weights, ties)
    stay = np.flatnonzero((follow.event > 0) & (follow.event != cause) & (follow.exit < sets.times[-1]))
    stay = stay[np.argsort(follow.exit[stay], kind="stable")]
    left = follow.exit[stay]
    check_gaps(seen, left, float(sets.times[-1]))
    log_chance = seen.log_probability(left)
    own = {f.name: getattr(base, f.name) for f in fields(base)}
    return FineGrayLikelihood(
        **own,
        z_stay=gather(x, stay, base.center, base.scale),
        stay_rows=stay,
        stay_exit=left,
        stay_bin=np.searchsorted(sets.times, left, side="right").astype(np.int64),
        stay_weight=np.exp(-log_chance) * (1.0 if weights is None else weights[stay]),
        decay=np.exp(seen.log_probability(sets.times)),
    )
