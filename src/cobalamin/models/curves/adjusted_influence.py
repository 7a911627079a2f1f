"""Variance of standardised survival from the influence of each row on coefficients, baseline and mean: robust, by cluster or survey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.covariance import sandwich
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.risk_sets import RiskSets
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.curves.adjusted_sums import Grid, Total, gradients
from cobalamin.models.fit import Fit
from cobalamin.models.survey import survey_covariance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Moves:
    """What one unit of weight of each row of a fit moves.

    Attributes
    ----------
    sets : RiskSets
        Risk sets of the fit.
    stratum, weight : ndarray, shape (n,)
        Stratum and case weight of each row.
    effect : ndarray, shape (n, p)
        Influence on the standardised coefficients.
    risk : ndarray, shape (m,)
        Hazard ratios of ``sets.rows`` against the baseline.
    held : ndarray, shape (K + 1,)
        Running sum of hazard increment over the weight at risk.
    begin : ndarray of int, shape (m,)
        First event time at which each of ``sets.rows`` is at risk.
    jump : ndarray, shape (D,)
        What each death adds to the hazard.
    """

    sets: RiskSets
    stratum: Ints
    weight: Floats
    effect: Floats
    risk: Floats
    held: Floats
    begin: Ints
    jump: Floats

    def of_hazard(self, upto: Ints) -> Floats:
        """Return each row's influence on the cumulative baseline hazard of its stratum, the coefficients held fixed.

        Parameters
        ----------
        upto : ndarray of int, shape (H,)
            Index of the first event time after the time asked for, by stratum.

        Returns
        -------
        ndarray, shape (n,)
            ``sum over event times of (dN_i - r_i dH) / S0``.
        """
        sets = self.sets
        end = np.minimum(sets.exit_bin + 1, upto[self.stratum[sets.rows]])
        moved = np.zeros(sets.n)
        moved[sets.rows] = -self.risk * (self.held[np.maximum(end, self.begin)] - self.held[self.begin])
        done = sets.death_bin < upto[self.stratum[sets.death_rows]]
        moved[sets.death_rows] += np.where(done, self.jump, 0.0)
        return moved


def moves_of(fit: Fit) -> Moves:
    """Gather the influence of the rows of a Cox fit.

    Parameters
    ----------
    fit : Fit
        From `cox`.

    Returns
    -------
    Moves
        Per unit of case weight.
    """
    solved = solution_of(fit)
    model, sets = solved.likelihood, solved.likelihood.sets
    with one_blas_thread():
        sums, risk = model.sums(solved.b)
        hazard = model.hazard(sums)
    codes = fit.parts["stratum"]
    stratum = np.zeros(sets.n, dtype=np.int64) if codes is None else codes
    first = np.searchsorted(sets.stratum, stratum[sets.rows])
    begin = first if sets.entry_bin is None else np.maximum(first, sets.entry_bin + 1)
    bins, scale = sets.death_bin, np.exp(-sums.shift)
    dead = model.dead_risk(solved.b, sums.shift) * hazard.b2[bins]
    jump = (hazard.h / (model.mean_weight * model.tied))[bins] + dead
    weight = np.ones(sets.n) if fit.parts["weights"] is None else fit.parts["weights"]
    effect = score_residuals(model, solved.b) @ solved.full_covariance * model.scale
    held = np.append(0.0, np.cumsum(hazard.a2)) * scale
    return Moves(sets, stratum, weight, effect, model.per_weight(risk)[sets.rows], held, begin.astype(np.int64), jump * scale)


def robust_variance(
    fit: Fit,
    grid: Grid,
    total: Total,
    people: tuple[Sequence[tuple[Floats, Floats, Ints]], Floats],
    *,
    random: bool,
    same_rows: bool,
) -> Floats:
    """Return the covariance of standardised survival between levels from the influence of each row.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    grid : Grid
        Baselines at the times.
    total : Total
        Sums over all people.
    people : (lines, weight)
        As in `people_sums`, for all people.
    random : bool
        Whether the people are a sample.
    same_rows : bool
        Whether the people are the rows of the fit, so that each has one influence in all.

    Returns
    -------
    ndarray, shape (L, L, T)
        Covariances at each time; clusters or the survey design as in the fit.
    """
    lines, weight = people
    moves, summed = moves_of(fit), _summing(fit)
    slope, q = gradients(total, grid)
    mean, share = total.survival / total.weight, weight / total.weight
    levels, count = mean.shape
    out = np.empty((levels, levels, count))
    for t in range(count):
        upto, since = grid.upto[:, t], grid.since
        moved = moves.of_hazard(upto) - moves.of_hazard(since)
        effect = -(slope[:, :, t].T[moves.stratum] * moved[:, None] + moves.effect @ q[:, :, t].T) * moves.weight[:, None]
        own = np.column_stack([np.exp(-risk * grid.hazard[stratum, t]) for risk, _, stratum in lines])
        drawn = share[:, None] * (own - mean[:, t]) if random else np.zeros((len(share), levels))
        out[:, :, t] = summed(effect + drawn) if same_rows else summed(effect) + drawn.T @ drawn
    return out


def _summing(fit: Fit) -> Callable[[Floats], Floats]:
    """Return how influences become a variance in this fit."""
    design = fit.parts["design"]
    if design is not None:
        return lambda effect: survey_covariance(effect, design, fit.parts["matrix"].kept)
    return lambda effect: sandwich(effect, fit.parts["clusters"])
