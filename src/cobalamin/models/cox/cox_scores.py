"""Score residuals of a Cox model by row or summed by cluster, in linear time and little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.blocks import blocks, one_blas_thread
from cobalamin.models.cox.hazard import Hazard, Sums
from cobalamin.models.cox.partial_likelihood import PartialLikelihood
from cobalamin.models.cox.sweeps import prefix_sums

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# covariates whose score residuals are held at once where only their sums are wanted
_AT_ONCE = 2


def score_residuals(likelihood: PartialLikelihood, b: Floats) -> Floats:
    """Return each row's contribution to the score, per unit of case weight.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Data of the model.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.

    Returns
    -------
    ndarray, shape (n, p)
        On the scale of the original covariates; rows never at risk at an event have zeros. Weighted, the columns sum to the score.

    Notes
    -----
    L_i = d_i (z_i - zbar(t_i)) - r_i sum over event times in (entry_i, exit_i] of (z_i - zbar(t)) h(t). With Efron's method a tied
    death takes the mean of the d denominators, and is itself at risk for a part of each (as R's ``residuals(type = "score")``).

    References
    ----------
    Therneau TM, Grambsch PM. Modeling Survival Data: Extending the Cox Model, section 4.6. Springer 2000. doi:10.1007/978-1-4757-3294-8
    """
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        return _score_rows(likelihood, _Terms.at(likelihood, b), slice(None)).T


def score_sums(likelihood: PartialLikelihood, b: Floats, weights: Floats | None, clusters: tuple[Ints, int]) -> Floats:
    """Return the score residuals, times their case weights, summed by cluster.

    Parameters
    ----------
    likelihood : PartialLikelihood
        Data of the model.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.
    weights : ndarray, shape (n,), or None
        Case weights.
    clusters : (codes, count)
        Cluster of each row.

    Returns
    -------
    ndarray, shape (count, p)
        A few covariates at a time, so that no second array of the size of the model matrix is made.
    """
    codes, count = clusters
    total = np.empty((likelihood.p, count))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        terms = _Terms.at(likelihood, b)
        for start in range(0, likelihood.p, _AT_ONCE):
            for j, line in enumerate(_score_rows(likelihood, terms, slice(start, start + _AT_ONCE)), start):
                total[j] = np.bincount(codes, line if weights is None else line * weights, minlength=count)
    return total.T


@dataclass(frozen=True, eq=False)
class _Terms:
    """What the score residuals of all covariates share: sums, hazard, and risk per row and per death, without case weights."""

    sums: Sums
    hazard: Hazard
    risk: Floats
    dead_risk: Floats

    @classmethod
    def at(cls, likelihood: PartialLikelihood, b: Floats) -> _Terms:
        sums, risk = likelihood.sums(b)
        return cls(sums, likelihood.hazard(sums), likelihood.per_weight(risk), likelihood.dead_risk(b, sums.shift))


def _score_rows(likelihood: PartialLikelihood, terms: _Terms, chosen: slice) -> Floats:
    """Score residuals of some covariates by column, shape (q, n)."""
    sets, columns, hazard = likelihood.sets, likelihood.columns.keep(chosen), terms.hazard
    s1, d1, z_dead = terms.sums.s1[chosen], terms.sums.d1[chosen], likelihood.z_dead[chosen]
    # per event time: sum over tied deaths of a * mean covariate, and the same times the fraction f
    mean_h = s1 * hazard.a2 - d1 * hazard.b2
    mean_q = s1 * hazard.b2 - d1 * hazard.c2
    held = np.c_[np.zeros(len(s1) + 1), prefix_sums(np.vstack([hazard.h, mean_h]), sets.starts)]
    residuals: Floats = np.empty((len(s1), sets.n))
    for block in blocks(sets.n):
        through = held.take(sets.exit_at[block], axis=1)
        if sets.entry_at is not None:
            through -= held.take(sets.entry_at[block], axis=1)
        part = columns.centred(block)
        part *= through[0] / -columns.scale[:, None]
        part += through[1:]
        np.multiply(part, terms.risk[block], out=residuals[:, block])
    bins = sets.death_bin
    per_death = ((s1 * hazard.h - d1 * hazard.q) / (likelihood.mean_weight * likelihood.tied))[:, bins]
    spared = terms.dead_risk * (z_dead * hazard.q[bins] - mean_q[:, bins])
    residuals[:, sets.death_rows] += z_dead - per_death + spared
    residuals *= columns.scale[:, None]
    return residuals
