"""The kernel of every Cox model: log partial likelihood, score and information in one sweep over the rows.

Rows stay where they are, covariates by column, and are swept in blocks that stay in cache: no sorting and no second copy of
the model matrix. Each row's risk weight goes to the bin of its last event time, and with delayed entry is taken from the bin
before it enters; risk-set sums are then cumulative sums over bins. Ties (Efron) cost vectors of the length of the deaths
only. No loop over risk sets or strata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.blocks import one_blas_thread
from cobalamin.models.cox.covariates import Columns, column_facts, gather, safe_shift
from cobalamin.models.cox.hazard import Evaluation, Hazard, Sums, hazard_of, mean_products
from cobalamin.models.cox.risk_sets import Ints, RiskSets
from cobalamin.models.cox.sweeps import bin_sums, prefix_sums, suffix_sums, weighted_cross

__all__ = ["Evaluation", "PartialLikelihood", "Ties", "partial_likelihood"]
Floats = npt.NDArray[np.float64]
Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Data of a Cox model, gathered for evaluation.

    Attributes
    ----------
    sets : RiskSets
        Who is at risk when.
    ties : {"efron", "breslow"}
        How tied deaths are treated.
    columns : Columns
        Covariates of all rows, with what standardises them.
    z_dead : ndarray, shape (p, D)
        Standardised covariates of ``sets.death_rows``.
    z_range : (low, high), each ndarray of shape (p,)
        Range of the standardised covariates.
    w : ndarray, shape (n,), or None
        Case weights.
    mass : ndarray, shape (n,), or None
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
    columns: Columns
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
        return len(self.columns.center)

    @property
    def center(self) -> Floats:
        """What was subtracted from the covariates, shape (p,)."""
        return self.columns.center

    @property
    def scale(self) -> Floats:
        """What divided the covariates, shape (p,)."""
        return self.columns.scale

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
            columns=self.columns.keep(keep),
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
        # rows that are never at risk have none: an overflow there must not spread
        tilt, dead = np.where(self.sets.exit_at > 0, np.exp(offset), 0.0), offset[self.sets.death_rows]
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
        risk : ndarray, shape (n,)
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
        """Sum over risk sets; also return the risk weight of each row.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        sums : Sums
            Per event time.
        risk : ndarray, shape (n,)
            ``weight * exp(x'b + offset - shift)``.
        """
        sets, count = self.sets, len(self.sets.times)
        shift = self._shift(b)
        total, risk = bin_sums(self.columns, sets.exit_at, sets.entry_at, count, b, shift, self.mass)
        at_risk = suffix_sums(total, sets.starts)
        dead = np.zeros((self.p + 1, count))
        if self.has_ties:
            weight = self.w_dead * self.dead_risk(b, shift)
            dead = np.add.reduceat(np.vstack([weight, self.z_dead * weight]), self.death_starts, axis=1)
        return Sums(at_risk[0], at_risk[1:], dead[0], dead[1:], shift), risk

    def per_weight(self, risk: Floats) -> Floats:
        """Divide risk weights by case weights.

        Parameters
        ----------
        risk : ndarray, shape (n,)
            From `sums`.

        Returns
        -------
        ndarray, shape (n,)
            ``exp(x'b + offset - shift)``; 0 for rows without weight.
        """
        return risk if self.w is None else np.divide(risk, self.w, out=np.zeros(len(risk)), where=self.w > 0)

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
        product = weighted_cross(self.columns, risk, cumulative, self.sets.exit_at, self.sets.entry_at)
        if self.has_ties:
            spared = self.w_dead * self.dead_risk(b, shift) * hazard.q[self.sets.death_bin]
            product -= (self.z_dead * spared) @ self.z_dead.T
        return product

    def _shift(self, b: Floats) -> float:
        return safe_shift(self.columns, b, self.z_range, self.sets.exit_at)


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
        z_dead = gather(x, sets.death_rows, center, scale)
    w_dead = np.ones(len(sets.death_rows)) if weights is None else weights[sets.death_rows]
    starts = sets.death_starts
    tied = np.diff(np.r_[starts, len(sets.death_bin)])
    return PartialLikelihood(
        sets=sets,
        ties=ties,
        columns=Columns(np.ascontiguousarray(x.T, dtype=np.float64), center, scale),
        z_dead=z_dead,
        z_range=z_range,
        w=weights,
        mass=weights,
        tilt_dead=None,
        offset_sum=0.0,
        w_dead=w_dead,
        death_starts=starts,
        tied=tied,
        mean_weight=np.add.reduceat(w_dead, starts) / tied,
        fraction=(np.arange(len(w_dead)) - starts[sets.death_bin]) / tied[sets.death_bin],
        event_sum=z_dead @ w_dead,
    )
