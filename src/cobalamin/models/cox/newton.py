"""Newton's method for a log partial likelihood: step-halving, aliased columns, and coefficients without a maximum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.cox.partial_likelihood import Evaluation

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Evaluate = Callable[[Floats], Evaluation]

# share of a column's information that must be its own; an exact copy leaves about 1e-15
ALIAS_TOLERANCE = 1e-11
# squared length of the Newton step in standard errors at which the solution is reached; one more step follows, and the
# variance is computed anew unless the step is so short that it cannot change
DECREMENT = 1e-10
_NO_CHANGE = 1e-18
MAX_ITERATIONS = 60
_MAX_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Solution:
    """Where Newton's method ended.

    Attributes
    ----------
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.
    value : Evaluation
        At ``b`` (or within rounding of it).
    step : ndarray, shape (p,)
        The last Newton step; not small where the likelihood has no maximum.
    iterations : int
        Evaluations that moved.
    converged : bool
        Whether the decrement fell below the limit.
    """

    b: Floats
    value: Evaluation
    step: Floats
    iterations: int
    converged: bool


def maximise(evaluate: Evaluate, start: Floats, first: Evaluation) -> Solution:
    """Climb to the maximum of a concave log-likelihood.

    Parameters
    ----------
    evaluate : callable
        Coefficients -> `Evaluation`.
    start : ndarray, shape (p,)
        Where to begin.
    first : Evaluation
        ``evaluate(start)``.

    Returns
    -------
    Solution
        The maximum, or the point where the likelihood is flat.

    Raises
    ------
    ConvergenceError
        The likelihood cannot be computed at the start.

    Notes
    -----
    Stops on the Newton decrement U' I^-1 U, which is free of scale; then takes the step and evaluates once more, so that the
    variance belongs to the estimate.

    Examples
    --------
    >>> parabola = lambda b: Evaluation(-float((b - 2) @ (b - 2)), -2 * (b - 2), 2 * np.eye(1))
    >>> maximise(parabola, np.zeros(1), parabola(np.zeros(1))).b.tolist()
    [2.0]
    """
    if not np.isfinite(first.loglik):
        raise ConvergenceError("the partial likelihood cannot be computed at the start; a covariate is of extreme size.")
    b, value = start, first
    for iteration in range(MAX_ITERATIONS):
        step = newton_step(value)
        decrement = float(value.score @ step)
        if abs(decrement) <= _NO_CHANGE:
            return Solution(b + step, value, step, iteration, True)
        small = decrement <= DECREMENT
        b, value, moved = _advance(evaluate, b, value, step)
        if small or not moved:
            last = newton_step(value)
            polished = float(value.score @ last) <= DECREMENT
            return Solution(b + last if small and polished else b, value, last, iteration + 1, small)
    return Solution(b, value, newton_step(value), MAX_ITERATIONS, False)


def newton_step(value: Evaluation) -> Floats:
    """Solve information @ step = score.

    Parameters
    ----------
    value : Evaluation
        At the present point.

    Returns
    -------
    ndarray, shape (p,)
        The step.
    """
    return covariance_of(value.information) @ value.score


def covariance_of(information: Floats) -> Floats:
    """Invert an information matrix.

    Parameters
    ----------
    information : ndarray, shape (p, p)
        Symmetric, positive definite but for rounding.

    Returns
    -------
    ndarray, shape (p, p)
        Its inverse; a pseudo-inverse where it is singular.

    Examples
    --------
    >>> covariance_of(np.array([[4.0]])).tolist()
    [[0.25]]
    """
    if len(information) == 0:
        return np.zeros((0, 0))
    # unit diagonal first: a coefficient on its way to infinity has almost no information
    scale = 1 / np.sqrt(np.maximum(np.diag(information), np.finfo(np.float64).tiny))
    unit = information * scale * scale[:, None]
    try:
        root = np.linalg.inv(np.linalg.cholesky(unit))
        inverse: Floats = root.T @ root
    except np.linalg.LinAlgError:
        inverse = np.asarray(np.linalg.pinv(unit, hermitian=True), dtype=np.float64)
    return np.asarray(inverse * scale * scale[:, None])


def _advance(evaluate: Evaluate, b: Floats, value: Evaluation, step: Floats) -> tuple[Floats, Evaluation, bool]:
    """Take the step, halved until the log-likelihood does not fall; the last answer says whether it moved."""
    slack = 1e-12 * (abs(value.loglik) + 1)
    for _ in range(_MAX_HALVINGS):
        trial = evaluate(b + step)
        if trial.loglik >= value.loglik - slack:
            return b + step, trial, True
        step = step / 2
    return b, value, False


def find_aliases(information: Floats, events: float) -> tuple[Bools, dict[int, Floats]]:
    """Find columns that are linear combinations of earlier ones within risk sets.

    Parameters
    ----------
    information : ndarray, shape (p, p)
        At b = 0, of standardised covariates.
    events : float
        Weighted number of events, the size of a diagonal element of a column that varies.

    Returns
    -------
    keep : ndarray of bool, shape (p,)
        Columns to estimate; the later column of a dependent set is the alias, as in R.
    combination : dict of int to ndarray
        For each alias, its coefficients on all columns (standardised scale; zeros for a column that does not vary).

    Examples
    --------
    >>> find_aliases(np.array([[1.0, 2.0], [2.0, 4.0]]), 1.0)
    (array([ True, False]), {1: array([2., 0.])})
    """
    p = len(information)
    keep = np.zeros(p, dtype=bool)
    combination: dict[int, Floats] = {}
    left = information.copy()
    for j in range(p):
        own, pivot = information[j, j], left[j, j]
        keep[j] = own > ALIAS_TOLERANCE * max(events, 1.0) and pivot > ALIAS_TOLERANCE * own
        if keep[j]:
            # what the other columns do not share with this one
            left -= np.outer(left[:, j], left[j]) / pivot
            continue
        combination[j] = np.zeros(p)
        before = np.flatnonzero(keep[:j])
        if own > ALIAS_TOLERANCE * max(events, 1.0):
            combination[j][before] = covariance_of(information[np.ix_(before, before)]) @ information[before, j]
    return keep, combination


def infinite_terms(solution: Solution, z_range: tuple[Floats, Floats]) -> Bools:
    """Find coefficients that still move although the likelihood does not rise: they have no finite maximum.

    Parameters
    ----------
    solution : Solution
        Where Newton's method ended.
    z_range : (low, high), each ndarray of shape (p,)
        Range of the standardised covariates.

    Returns
    -------
    ndarray of bool, shape (p,)
        True for the coefficients that run to infinity.

    Notes
    -----
    Near a maximum the step shrinks with the decrement. On a flat ridge it moves the linear predictor by about 1 each time.

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics 2001;57:114-119.
    doi:10.1111/j.0006-341X.2001.00114.x
    """
    low, high = z_range
    return np.abs(solution.step) * (high - low) > 0.02
