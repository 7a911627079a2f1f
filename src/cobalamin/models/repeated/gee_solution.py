"""Solving generalised estimating equations, and the variance of the solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError, DesignError
from cobalamin.models.repeated.gee_correlation import Layout, estimate, uncorrelated
from cobalamin.models.repeated.gee_rows import Standardized

Floats = npt.NDArray[np.float64]
MOST_STEPS = 100
SETTLED = 1e-9  # largest step of a standardised coefficient, relative to its size; of a number relative to its residual deviation
ROUNDING = 1e-15  # of sums, relative to a mean far from zero
LONGEST = 5.0  # step of a standardised coefficient
CHUNK = 4096  # groups whose information matrices are held at once
Evaluate = Callable[[Floats], Standardized]


@dataclass(frozen=True, eq=False)
class GeeSolution:
    """A solution of the estimating equations.

    Attributes
    ----------
    parameters : ndarray, shape (p,)
        The solution.
    bread : ndarray, shape (p, p)
        Inverse of ``sum D'V^-1 D``, V without the scale.
    scores : ndarray, shape (groups, p)
        ``D'V^-1 (y - mean)`` of each group.
    slope : ndarray, shape (blocks * n, p)
        Derivatives, made uncorrelated.
    alpha, scale : float
        Working correlation and variance of Pearson residuals.
    moved : bool
        Whether the working correlation was put to the edge of its range.
    at : Standardized
        The rows at the solution.
    iterations : int
        Steps taken.
    """

    parameters: Floats
    bread: Floats
    scores: Floats
    slope: Floats
    alpha: float
    scale: float
    moved: bool
    at: Standardized
    iterations: int


def solve_gee(
    evaluate: Evaluate,
    start: Floats,
    rows: Layout,
    weight: Floats,
    names: Sequence[str],
    allowed: Callable[[Floats], bool],
    *,
    identity: bool = False,
) -> GeeSolution:
    """Solve generalised estimating equations by Fisher scoring, the working correlation estimated at each step.

    Parameters
    ----------
    evaluate : callable
        Parameters -> `Standardized` rows.
    start : ndarray, shape (p,)
        Where to begin.
    rows : Layout
        The groups, once per block.
    weight : ndarray, shape (blocks * n,)
        Weight of each row.
    names : sequence of str, length p
        Names of the parameters, for messages.
    allowed : callable
        Parameters -> whether they are possible (cut-points in order).
    identity : bool
        Whether coefficients are in the unit of the outcome, and not on a logarithmic scale; steps are then judged in that unit.

    Returns
    -------
    GeeSolution
        The solution.

    Raises
    ------
    ConvergenceError
        No solution; the message names the parameter that still moves.

    Notes
    -----
    ``sum over groups of D'V^-1 (y - mean) = 0``, ``V = A^1/2 W^-1/2 R(alpha) W^-1/2 A^1/2``.
    """
    parameters, root, total = start, np.sqrt(weight), float(weight.sum())
    step = np.zeros(len(start))
    for taken in range(MOST_STEPS + 1):
        at = evaluate(parameters)
        if at.far or not np.isfinite(at.residual).all():
            raise ConvergenceError(_runs_away(names, parameters, step, rows))
        scale = float(weight @ at.residual**2) / total
        alpha, moved = estimate(rows, at.residual, scale, weight) if taken else (0.0, False)
        slope = uncorrelated(rows, alpha, at.slope * root[:, None])
        residual = uncorrelated(rows, alpha, (at.residual * root)[:, None])
        information = slope.T @ slope
        step = _solve(information, slope.T @ residual[:, 0], names)
        size = float(np.abs(parameters).max())
        still = SETTLED * np.sqrt(scale) + ROUNDING * size if identity else SETTLED * max(1.0, size)
        if taken and np.abs(step).max() <= still:
            scores = _group_sums(slope * residual, rows)
            return GeeSolution(
                parameters, np.asarray(np.linalg.inv(information), dtype=np.float64), scores, slope, alpha, scale, moved, at, taken
            )
        step *= 1.0 if identity else min(1.0, LONGEST / float(np.abs(step).max()))
        while not allowed(parameters + step):
            step = step / 2
        parameters = parameters + step
    raise ConvergenceError(_runs_away(names, parameters, step, rows))


def _solve(information: Floats, score: Floats, names: Sequence[str]) -> Floats:
    try:
        return np.asarray(np.linalg.solve(information, score))
    except np.linalg.LinAlgError:
        weakest = names[int(np.argmin(np.diag(information)))]
        raise ConvergenceError(f"the data say nothing about {weakest}; leave it out or merge sparse levels.") from None


def _runs_away(names: Sequence[str], parameters: Floats, step: Floats, rows: Layout) -> str:
    name = names[int(np.argmax(np.abs(step)))]
    way = "runs to infinity" if np.abs(parameters).max() > LONGEST else "does not settle"
    other = "" if rows.kind == "independence" else ", or try correlation='independence'"
    return (
        f"the estimating equations have no solution: {name} {way}. Look for a level in which the outcome always or never happens"
        f" (merge sparse levels or leave the term out){other}."
    )


def _group_sums(values: Floats, rows: Layout) -> Floats:
    """Sum rows within groups, over all blocks."""
    sums = np.add.reduceat(values, rows.starts, axis=0)
    return np.asarray(sums.reshape(rows.blocks, -1, values.shape[1]).sum(axis=0))


def robust_covariance(solution: GeeSolution) -> Floats:
    """Return the sandwich variance, summed over groups.

    Parameters
    ----------
    solution : GeeSolution
        The solution.

    Returns
    -------
    ndarray, shape (p, p)
        ``B (sum u u') B``, as R's ``geepack``: no correction for the number of groups.
    """
    moved = solution.scores @ solution.bread
    return np.asarray(moved.T @ moved)


def corrected_covariance(solution: GeeSolution, rows: Layout) -> Floats:
    """Return the sandwich variance with the correction of Mancl and DeRouen for few groups.

    Parameters
    ----------
    solution : GeeSolution
        The solution.
    rows : Layout
        The groups.

    Returns
    -------
    ndarray, shape (p, p)
        ``sum (A - K_i)^-1 u_i u_i' (A - K_i)^-1`` with ``K_i = D_i'V_i^-1 D_i`` and ``A = sum K_i``.

    Raises
    ------
    DesignError
        One group alone decides a coefficient.

    Notes
    -----
    The correction divides the residuals of a group by ``I - H_i``, ``H_i = D_i A^-1 D_i'V_i^-1``. By Woodbury's identity
    ``A^-1 D_i'V_i^-1 (I - H_i)^-1 r_i = (A - K_i)^-1 u_i``: what leaving out the group would change.

    References
    ----------
    Mancl LA, DeRouen TA. A covariance estimator for GEE with improved small-sample properties. Biometrics 2001;57:126-134.
    doi:10.1111/j.0006-341X.2001.00126.x
    """
    groups, p = solution.scores.shape
    size = np.sqrt(np.diag(np.linalg.inv(solution.bread)))
    total = np.linalg.inv(solution.bread) / np.outer(size, size)
    slope, scores = solution.slope / size, solution.scores / size
    out = np.zeros((p, p))
    for first in range(0, groups, CHUNK):
        last = min(first + CHUNK, groups)
        own = np.zeros((last - first, p, p))
        for block in range(rows.blocks):
            pick = slice(block * groups + first, block * groups + last)
            starts = rows.starts[pick]
            part = slope[starts[0] : starts[-1] + rows.sizes[pick][-1]]
            for j in range(p):
                own[:, j] += np.add.reduceat(part * part[:, [j]], starts - starts[0], axis=0)
        left = total - own
        if np.linalg.eigvalsh(left)[:, 0].min() < 1e-10:
            raise DesignError("correction: one group alone decides a coefficient, so that its variance cannot be corrected; merge levels.")
        moved = np.linalg.solve(left, scores[first:last, :, None])[:, :, 0]
        out += moved.T @ moved
    return np.asarray(out / np.outer(size, size))
