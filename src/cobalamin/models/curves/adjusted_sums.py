"""Standardised survival on arrays: means over people of predicted survival, and what their variance needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.cox_baseline import Baseline
from cobalamin.models.cox.sweeps import one_blas_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Baselines of S strata at T times; everything counted from the start.

    Attributes
    ----------
    hazard, variance : ndarray, shape (S, T)
        Cumulative hazard at the means of the covariates, and its variance were the coefficients known.
    mean : ndarray, shape (S, p, T)
        Sum of hazard increment times mean covariate of the risk set.
    last : ndarray, shape (S,)
        Last follow-up.
    upto, since : ndarray of int, shapes (S, T) and (S,)
        First event time, of those of all strata in order, after each time and after the start.
    """

    hazard: Floats
    variance: Floats
    mean: Floats
    last: Floats
    upto: Ints
    since: Ints


@dataclass(frozen=True, eq=False)
class Total:
    """Sums over people, for L levels, S strata and T times.

    Attributes
    ----------
    survival : ndarray, shape (L, T)
        Sum of weight times survival.
    slope : ndarray, shape (L, S, T)
        Sum of weight times survival times hazard ratio.
    turn : ndarray, shape (L, p, T)
        The same times cumulative hazard times covariate, over all strata.
    square, cross : ndarray, shapes (L, T) and (L, L, T)
        Sum of squared weight times survival, and times the product of two survivals.
    weight, squared_weight : float
        Sums of the weights and their squares.
    used : ndarray of bool, shape (S,)
        Strata that have people.
    """

    survival: Floats
    slope: Floats
    turn: Floats
    square: Floats
    cross: Floats
    weight: float
    squared_weight: float
    used: npt.NDArray[np.bool_]

    def plus(self, other: Total) -> Total:
        """Return the sums over both lots of people."""
        return Total(
            self.survival + other.survival,
            self.slope + other.slope,
            self.turn + other.turn,
            self.square + other.square,
            self.cross + other.cross,
            self.weight + other.weight,
            self.squared_weight + other.squared_weight,
            self.used | other.used,
        )


def grid_of(baselines: Sequence[Baseline], times: Floats, start: float | None) -> Grid:
    """Read off the baselines at given times.

    Parameters
    ----------
    baselines : sequence of Baseline
        One per stratum.
    times : ndarray, shape (T,)
        Times.
    start : float, optional
        Count the hazard from here on.

    Returns
    -------
    Grid
        The baselines.
    """
    parts, upto, since, offset = [], [], [], 0
    for base in baselines:
        held = np.vstack([base.hazard, base.variance, base.mean])
        end = np.searchsorted(base.times, times, side="right")
        begin = 0 if start is None else int(np.searchsorted(base.times, start, side="right"))
        parts.append(held[:, end] - held[:, [begin]])
        upto.append(end + offset)
        since.append(begin + offset)
        offset += len(base.times)
    every = np.array(parts)
    last = np.array([base.end for base in baselines])
    return Grid(every[:, 0], every[:, 1], every[:, 2:], last, np.array(upto, dtype=np.int64), np.array(since, dtype=np.int64))


def people_sums(grid: Grid, lines: Sequence[tuple[Floats, Floats, Ints]], weight: Floats) -> Total:
    """Sum over a lot of people.

    Parameters
    ----------
    grid : Grid
        Baselines.
    lines : sequence of (risk, z, stratum), one per level
        Hazard ratio (m,), standardised covariates (m, p) and stratum (m,) that each person would have at the level.
    weight : ndarray, shape (m,)
        Weights.

    Returns
    -------
    Total
        The sums.
    """
    strata, count = grid.hazard.shape
    levels, p = len(lines), grid.mean.shape[1]
    survival = np.empty((levels, len(weight), count))
    slope, turn, used = np.zeros((levels, strata, count)), np.zeros((levels, p, count)), np.zeros(strata, dtype=np.bool_)
    with one_blas_thread():
        for a, (risk, z, stratum) in enumerate(lines):
            hazard = grid.hazard[stratum] if strata > 1 else grid.hazard
            np.exp(-risk[:, None] * hazard, out=survival[a])
            moved = survival[a] * (weight * risk)[:, None]
            where, slope_of = _by_stratum(moved, stratum)
            slope[a, where], used[where] = slope_of, True
            moved *= hazard
            turn[a] = z.T @ moved
        squares = weight**2
        cross = np.array([[squares @ (one * other) for other in survival] for one in survival])
        return Total(weight @ survival, slope, turn, squares @ survival, cross, float(weight.sum()), float(squares.sum()), used)


def _by_stratum(values: Floats, stratum: Ints) -> tuple[Ints, Floats]:
    """Sum rows by stratum; return the strata that occur and their sums."""
    if stratum[0] == stratum[-1] and (stratum == stratum[0]).all():
        return stratum[:1], values.sum(axis=0)[None]
    order = np.argsort(stratum, kind="stable")
    sorted_ = stratum[order]
    starts = np.flatnonzero(np.append(True, sorted_[1:] != sorted_[:-1]))
    return sorted_[starts], np.add.reduceat(values[order], starts, axis=0)


def gradients(total: Total, grid: Grid) -> tuple[Floats, Floats]:
    """Return how the means fall with the baseline hazards and the coefficients.

    Parameters
    ----------
    total : Total
        Sums over everybody.
    grid : Grid
        Baselines.

    Returns
    -------
    slope : ndarray, shape (L, S, T)
        Minus the derivative by the cumulative hazard of each stratum at the means of the covariates.
    q : ndarray, shape (L, p, T)
        Minus the derivative by the standardised coefficients, that of the baseline included.
    """
    slope = total.slope / total.weight
    return slope, total.turn / total.weight - np.einsum("ast,spt->apt", slope, grid.mean)


def standardised(total: Total, grid: Grid, covariance: Floats, *, random: bool) -> tuple[Floats, Floats]:
    """Return standardised survival and its covariance between levels.

    Parameters
    ----------
    total : Total
        Sums over everybody.
    grid : Grid
        Baselines.
    covariance : ndarray, shape (p, p)
        Variance of the standardised coefficients.
    random : bool
        Whether the people are a random sample of those to whom the curves apply.

    Returns
    -------
    survival : ndarray, shape (L, T)
        Means.
    variance : ndarray, shape (L, L, T)
        Covariances at each time.

    Notes
    -----
    With ``A_s`` the mean of S exp(x'b) over stratum s (as a share of everybody) and ``q = mean of S exp(x'b) H x - sum A_s xbar_s``, the
    variance is ``sum A_s^2 V_s + q' V q``, V_s being that of the baseline hazard; to this sampled people add the variance of the mean.
    """
    mean = total.survival / total.weight
    slope, q = gradients(total, grid)
    variance = np.einsum("ast,bst,st->abt", slope, slope, grid.variance)
    variance += np.einsum("apt,pk,bkt->abt", q, covariance, q, optimize=True)
    if random:
        product = mean[:, None] * total.square[None]
        spread = total.cross - product - product.transpose(1, 0, 2) + mean[:, None] * mean[None] * total.squared_weight
        variance += spread / total.weight**2
    return mean, variance
