"""Separated outcomes: where a likelihood has no maximum, which coefficients are infinite, and what is left to estimate.

The data are separated when some direction of the coefficients raises the likelihood for ever: no row loses by it. Newton's
method then walks along that direction, so the direction can be read off its steps and proved by projection. In logistic models
rows may run either way, in models with a log link only rows with outcome 0, downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.regression.algebra import cross_product
from cobalamin.models.regression.newton import Objective, Optimum, climb

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
STILL = 1e-3  # a row whose linear predictor moves less than this per step is taken as not separated, then checked exactly
FLAT = 1e-10  # eigenvalue, as share of the largest, below which columns are dependent in the rows that overlap
ZERO = 1e-6  # size of a component, as share of the largest, that counts as none
MOST_CELLS = 2_000_000  # above this many numbers the sign of an infinite coefficient is read off the direction found


@dataclass(frozen=True, eq=False)
class Separation:
    """What separates the outcome.

    Attributes
    ----------
    overlap : ndarray of bool, shape (n,)
        Rows that are not separated: the finite coefficients are estimated from them.
    coefficients : ndarray, shape (p,)
        0 where the coefficient is finite, +-inf where it is not, NaN where even its sign is undetermined.
    """

    overlap: Bools
    coefficients: Floats


def ascend(objective: Objective, start: Floats, back: Floats, *, limit: int = 60) -> tuple[Optimum, Separation | None]:
    """Maximize a likelihood, or prove that it has no maximum.

    Parameters
    ----------
    objective : Objective
        What to maximize; its columns are independent.
    start : ndarray, shape (k,)
        Where to begin.
    back : ndarray, shape (p, k)
        From coefficients of the objective's columns to the coefficients that are reported.
    limit : int
        Most Newton steps.

    Returns
    -------
    Optimum
        The maximum, or the place reached.
    Separation or None
        Why there is no maximum.
    """
    found = climb(objective, start, limit=10)
    steps = found.iterations
    runs = objective.likelihood.runs != "none" and not objective.firth
    while not found.converged and steps < limit:
        separation = separate(objective.x, *_sides(objective), found.step, back) if runs else None
        if separation is not None:
            return found, separation
        found = climb(objective, found.beta, limit=3 if runs else limit)
        steps += max(found.iterations, 1)
    return found, None


def _sides(objective: Objective) -> tuple[Floats, Bools]:
    """Return the way in which each row may run (+1 or -1), and the rows that may not."""
    if objective.likelihood.runs == "both":
        return 2 * objective.y - 1, np.zeros(len(objective.y), dtype=np.bool_)
    return np.full(len(objective.y), -1.0), objective.y > 0


def separate(x: Floats, side: Floats, pinned: Bools, step: Floats, back: Floats) -> Separation | None:
    """Prove from a Newton step that the outcome is separated.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Independent covariates.
    side : ndarray, shape (n,)
        +1 or -1: the way in which the linear predictor of a row may run without loss.
    pinned : ndarray of bool, shape (n,)
        Rows that lose either way.
    step : ndarray, shape (k,)
        A late Newton step.
    back : ndarray, shape (p, k)
        From coefficients of x to the coefficients that are reported.

    Returns
    -------
    Separation or None
        None where the step proves nothing.

    Notes
    -----
    A direction d separates when ``side_i x_i'd >= 0`` for all rows, = 0 for pinned ones and > 0 for some. The step is projected on
    the null space of the rows that it leaves in place; the projection is then held to the definition.

    References
    ----------
    Albert A, Anderson JA (1984), Biometrika 71:1-10, doi:10.1093/biomet/71.1.1. Geyer CJ (2009), Electron J Stat
    3:259-289, doi:10.1214/08-EJS349.
    """
    gain = side * (x @ step)
    overlap = np.abs(gain) <= STILL
    if gain.min() < -STILL or overlap.all() or (pinned & ~overlap).any():
        return None
    size = np.abs(x).max(axis=0)
    free = _null_space(x[overlap] / size)
    direction = free @ (free.T @ (step * size))
    proof = side * (x / size @ direction)
    top = proof.max()
    if not top > 0 or (proof[~overlap] <= ZERO * top).any() or (np.abs(proof[overlap]) > ZERO * top).any():
        return None
    free = np.where(np.abs(free) > ZERO, free, 0.0)
    reported = (back / size) @ free
    weight_of = np.abs(back / size) @ np.abs(free)
    infinite = (np.abs(reported) > ZERO * weight_of).any(axis=1)
    corner = np.unique((side[:, None] * x / size)[~overlap] @ free, axis=0)
    if corner.size <= MOST_CELLS:
        sign = np.array([_sign(corner, row / np.abs(row).max()) if moves else 0.0 for row, moves in zip(reported, infinite, strict=True)])
    else:
        sign = np.sign((back / size) @ direction)
    return Separation(overlap, np.where(infinite, np.where(sign == 0, np.nan, np.copysign(np.inf, sign)), 0.0))


def _null_space(rows: Floats) -> Floats:
    p = rows.shape[1]
    if not len(rows):
        return np.eye(p)
    values, vectors = np.linalg.eigh(cross_product(rows, np.ones(len(rows))))
    return np.asarray(vectors[:, values <= FLAT * max(values[-1], 1e-300)]).reshape(p, -1)


def _sign(corner: Floats, component: Floats) -> float:
    """Return the sign that a coefficient has in every separating direction, 0 where both occur (two linear programs)."""
    from scipy.optimize import linprog

    ends = []
    for way in (1.0, -1.0):
        found = linprog(-way * component, A_ub=-corner, b_ub=np.zeros(len(corner)), bounds=[(-1, 1)] * corner.shape[1], method="highs")
        ends.append(-way * float(found.fun or 0.0) if found.status == 0 else way)
    up, down = ends[0] > ZERO, ends[1] < -ZERO
    return float(up) - float(down)


def profile_limit(
    objective: Objective, report: Floats, reached: Optimum, sup: float, sign: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the one-sided confidence interval of an infinite coefficient from the profile likelihood.

    Parameters
    ----------
    objective : Objective
        The likelihood.
    report : ndarray, shape (k,)
        The coefficient as a linear function of the coefficients of the objective's columns.
    reached : Optimum
        The place that Newton's method reached, far out on the infinite side, and the step with which it went on.
    sup : float
        Supremum of the log-likelihood.
    sign : float
        +1 or -1, on which side the coefficient is infinite.
    level : float
        Confidence level.

    Returns
    -------
    low, high : float
        One of them infinite; NaN where no finite limit was found.

    References
    ----------
    Heinze G, Schemper M (2002), Stat Med 21:2409-2419, doi:10.1002/sim.1047.
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri

    basis = orthogonal_to(report)
    pace = float(report @ reached.step)
    drop = float(chdtri(1, 1 - level)) / 2
    here = float(report @ reached.beta)
    solved = {here: reached.beta}
    answers: dict[float, float] = {}

    def excess(value: float) -> float:
        """Log-likelihood at the best other coefficients, above the level that bounds the interval."""
        if value not in answers:
            near = min(solved, key=lambda known: abs(known - value))
            # along the separating direction the rows that overlap keep their linear predictors: a start close to the solution
            start = solved[near] + (value - near) / pace * reached.step
            best = climb(objective, start, limit=40, basis=basis)
            solved[value], answers[value] = best.beta, best.loglik - sup + drop
        return answers[value]

    stride = sign * abs(pace) / objective.reach(reached.step)
    inside = excess(here) >= 0
    for _ in range(100):
        # inside the interval walk towards zero, outside it further out, until the bound has been passed
        there = here - stride if inside else here + stride
        if (excess(there) >= 0) != inside:
            limit = float(brentq(excess, min(here, there), max(here, there), xtol=1e-9 * abs(stride), rtol=1e-9))
            return (limit, np.inf) if sign > 0 else (-np.inf, limit)
        here, stride = there, 1.2 * stride
    return np.nan, np.nan


def orthogonal_to(report: Floats) -> Floats:
    """Return the directions in which a linear function of the coefficients does not change.

    Parameters
    ----------
    report : ndarray, shape (k,)
        The linear function.

    Returns
    -------
    ndarray, shape (k, k - 1)
        Directions: those of single coefficients, where the function does not use them (no rounding is added to the information).

    Examples
    --------
    >>> orthogonal_to(np.array([2.0, 0.0, 1.0])).tolist()
    [[0.0, -0.5], [1.0, 0.0], [0.0, 1.0]]
    """
    pivot = int(np.argmax(np.abs(report)))
    basis = np.delete(np.eye(len(report)), pivot, axis=1)
    basis[pivot] = -np.delete(report, pivot) / report[pivot] + 0.0
    return basis
