"""The kernel of every Cox model: log partial likelihood, score and information in one sweep over the rows.

Rows are gathered once into the order of their last event time, covariates by column, and swept in blocks that stay in
cache. Risk-set sums are cumulative sums over event times; delayed entry subtracts the sums of those not yet entered;
ties (Efron) cost vectors of the length of the deaths only. No loop over risk sets or strata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.hazard import Evaluation, Hazard, Sums, hazard_of, mean_products
from cobalamin.models.cox.risk_sets import Ints, RiskSets
from cobalamin.models.cox.sweeps import bin_sums, column_facts, gather, one_blas_thread, prefix_sums, suffix_sums, weighted_cross

__all__ = ["Evaluation", "PartialLikelihood", "Ties", "partial_likelihood"]
Floats = npt.NDArray[np.float64]
Ties = Literal["efron", "breslow"]

# beyond this exp() of a linear predictor is shifted by its maximum; exp overflows at 709
_SAFE_ETA = 300.0


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Data of a Cox model, gathered for evaluation.

    Attributes
    ----------
    sets : RiskSets
        Who is at risk when.
    ties : {"efron", "breslow"}
        How tied deaths are treated.
    center, scale : ndarray, shape (p,)
        What standardised the covariates.
    z : ndarray, shape (p, m)
        Standardised covariates of ``sets.rows``.
    z_late : ndarray, shape (p, m2), or None
        The same of those that enter late, ordered by entry.
    z_dead : ndarray, shape (p, D)
        The same of ``sets.death_rows``.
    z_range : (low, high), each ndarray of shape (p,)
        Range of the standardised covariates.
    w : ndarray, shape (m,), or None
        Case weights.
    mass : ndarray, shape (m,), or None
        What multiplies exp(x'b): case weight times exp(offset).
    tilt_dead : ndarray, shape (D,), or None
        exp(offset) of the deaths.
    offset_sum : float
        Weighted sum of the offsets of the deaths.
    w_dead : ndarray, shape (D,)
        Case weights of the deaths.
    death_starts, tied : ndarray of int, shape (K,)
        First death and number of deaths at each event time.
    mean_weight : ndarray, shape (K,)
        Mean weight of the deaths at each event time.
    fraction : ndarray, shape (D,)
        0/d, 1/d ... (d-1)/d within each event time of d deaths.
    event_sum : ndarray, shape (p,)
        Weighted sum of the covariates of the deaths.
    """

    sets: RiskSets
    ties: Ties
    center: Floats
    scale: Floats
    z: Floats
    z_late: Floats | None
    z_dead: Floats
    z_range: tuple[Floats, Floats]
    w: Floats | None
    mass: Floats | None
    tilt_dead: Floats | None
    offset_sum: float
    w_dead: Floats
    death_starts: Ints
    tied: Ints
    mean_weight: Floats
    fraction: Floats
    event_sum: Floats

    @property
    def p(self) -> int:
        """Number of covariates."""
        return len(self.center)

    @property
    def has_ties(self) -> bool:
        """Whether Efron's correction has anything to correct."""
        return self.ties == "efron" and len(self.w_dead) > len(self.tied)

    def without(self, columns: npt.NDArray[np.bool_]) -> PartialLikelihood:
        """Return the likelihood with some covariates left out.

        Parameters
        ----------
        columns : ndarray of bool, shape (p,)
            Covariates to leave out.

        Returns
        -------
        PartialLikelihood
            A copy that shares what it can.
        """
        keep = ~columns
        low, high = self.z_range
        return replace(
            self,
            center=self.center[keep],
            scale=self.scale[keep],
            z=self.z[keep],
            z_late=None if self.z_late is None else self.z_late[keep],
            z_dead=self.z_dead[keep],
            z_range=(low[keep], high[keep]),
            event_sum=self.event_sum[keep],
        )

    def with_offset(self, offset: Floats) -> PartialLikelihood:
        """Return the likelihood with a known part of the linear predictor.

        Parameters
        ----------
        offset : ndarray, shape (n,)
            Added to the linear predictor of each row; it takes the place of an earlier offset.

        Returns
        -------
        PartialLikelihood
            A copy that shares the covariates.
        """
        tilt, dead = np.exp(offset[self.sets.rows]), offset[self.sets.death_rows]
        mass = tilt if self.w is None else self.w * tilt
        return replace(self, mass=mass, tilt_dead=np.exp(dead), offset_sum=float(self.w_dead @ dead))

    def evaluate(self, b: Floats) -> Evaluation:
        """Compute the log-likelihood, score and information.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        Evaluation
            At ``b``.

        Notes
        -----
        The information is ``Z' diag(r_i [H(exit_i) - H(entry_i)]) Z`` less the sum over events of the outer product of the mean
        covariate of the risk set, so that the part of order n p**2 is one weighted cross-product.
        """
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            sums, risk = self.sums(b)
            hazard = self.hazard(sums)
            loglik = float(b @ self.event_sum) + self.offset_sum - float(self.w_dead.sum()) * sums.shift - hazard.log_sum
            if not np.isfinite(loglik):
                return Evaluation(-np.inf, np.full(self.p, np.nan), np.full((self.p, self.p), np.nan))
            score = self.event_sum - sums.s1 @ hazard.h + sums.d1 @ hazard.q
            information = self.information(sums, risk, hazard, b)
        return Evaluation(loglik, score, information)

    def information(self, sums: Sums, risk: Floats, hazard: Hazard, b: Floats) -> Floats:
        """Sum the covariance matrices of the risk sets.

        Parameters
        ----------
        sums : Sums
            From `sums`.
        risk : ndarray, shape (m,)
            From `sums`.
        hazard : Hazard
            From `hazard`; multiplied by g(t) >= 0, the covariance matrices are.
        b : ndarray, shape (p,)
            Where the sums were taken.

        Returns
        -------
        ndarray, shape (p, p)
            Symmetric.
        """
        information = self._cross_product(risk, hazard, b, sums.shift) - mean_products(sums, hazard)
        return np.asarray((information + information.T) / 2)

    def dead_risk(self, b: Floats, shift: float) -> Floats:
        """Return exp(x'b - shift) of the deaths, offset included and case weight not.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.
        shift : float
            As in the sums.

        Returns
        -------
        ndarray, shape (D,)
            In the order of ``sets.death_rows``.
        """
        risk = np.exp(b @ self.z_dead - shift)
        return np.asarray(risk if self.tilt_dead is None else risk * self.tilt_dead)

    def sums(self, b: Floats) -> tuple[Sums, Floats]:
        """Sum over risk sets; also return the risk weight of each row in the order of ``sets.rows``.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        sums : Sums
            Per event time.
        risk : ndarray, shape (m,)
            ``weight * exp(x'b + offset - shift)``.
        """
        sets, count = self.sets, len(self.sets.times)
        shift = self._shift(b)
        risk = np.empty(len(sets.rows))
        total = bin_sums(self.z, sets.exit_bin, count, b, shift, self.mass, risk)
        if self.z_late is not None and sets.entry_bin is not None:
            late_weights = None if self.mass is None else self.mass[sets.entry_order]
            total -= bin_sums(self.z_late, sets.entry_bin[sets.entry_order], count, b, shift, late_weights, None)
        at_risk = suffix_sums(total, sets.starts)
        dead = np.zeros((self.p + 1, count))
        if self.has_ties:
            weight = self.w_dead * self.dead_risk(b, shift)
            dead = np.add.reduceat(np.vstack([weight, self.z_dead * weight]), self.death_starts, axis=1)
        return Sums(at_risk[0], at_risk[1:], dead[0], dead[1:], shift), risk

    def hazard(self, sums: Sums) -> Hazard:
        """Turn risk-set sums into hazard increments.

        Parameters
        ----------
        sums : Sums
            At one coefficient vector.

        Returns
        -------
        Hazard
            Per event time.
        """
        return hazard_of(sums, self.mean_weight, self.tied, self.sets.death_bin, self.fraction if self.has_ties else None)

    def _cross_product(self, risk: Floats, hazard: Hazard, b: Floats, shift: float) -> Floats:
        """Sum r_i [H(exit_i) - H(entry_i)] z_i z_i' over rows, with the tie correction of the deaths."""
        cumulative = np.r_[0.0, prefix_sums(hazard.h, self.sets.starts)]
        product = weighted_cross(self.z, risk, cumulative, self.sets.exit_bin, self.sets.entry_bin)
        if self.has_ties:
            spared = self.w_dead * self.dead_risk(b, shift) * hazard.q[self.sets.death_bin]
            product -= (self.z_dead * spared) @ self.z_dead.T
        return product

    def _shift(self, b: Floats) -> float:
        """Return 0 unless exp(z'b) might overflow; then the largest linear predictor."""
        low, high = self.z_range
        bound = float(np.maximum(np.abs(low * b), np.abs(high * b)).sum())
        return float((b @ self.z).max()) if bound > _SAFE_ETA else 0.0


def partial_likelihood(x: Floats, sets: RiskSets, weights: Floats | None = None, ties: Ties = "efron") -> PartialLikelihood:
    """Gather the data of a Cox model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    sets : RiskSets
        Who is at risk when.
    weights : ndarray, shape (n,), optional
        Case weights; rows of weight 0 must not be in ``sets``.
    ties : {"efron", "breslow"}
        How tied deaths are treated.

    Returns
    -------
    PartialLikelihood
        Ready to evaluate.

    Examples
    --------
    >>> from cobalamin.core.followup import follow_up
    >>> from cobalamin.models.cox.risk_sets import risk_sets
    >>> sets = risk_sets(follow_up(exit=[1.0, 2.0], event=[1, 1]))
    >>> round(partial_likelihood(np.array([[0.0], [1.0]]), sets).evaluate(np.zeros(1)).loglik, 6)
    -0.693147
    """
    with one_blas_thread():
        center, scale, z_range = column_facts(x)
        z, z_dead = gather(x, sets.rows, center, scale), gather(x, sets.death_rows, center, scale)
        late = gather(x, sets.rows[sets.entry_order], center, scale) if len(sets.entry_order) else None
    w_dead = np.ones(len(sets.death_rows)) if weights is None else weights[sets.death_rows]
    starts = sets.death_starts
    tied = np.diff(np.r_[starts, len(sets.death_bin)])
    return PartialLikelihood(
        sets=sets,
        ties=ties,
        center=center,
        scale=scale,
        z=z,
        z_late=late,
        z_dead=z_dead,
        z_range=z_range,
        w=None if weights is None else weights[sets.rows],
        mass=None if weights is None else weights[sets.rows],
        tilt_dead=None,
        offset_sum=0.0,
        w_dead=w_dead,
        death_starts=starts,
        tied=tied,
        mean_weight=np.add.reduceat(w_dead, starts) / tied,
        fraction=(np.arange(len(w_dead)) - starts[sets.death_bin]) / tied[sets.death_bin],
        event_sum=z_dead @ w_dead,
    )
