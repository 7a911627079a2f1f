"""Newton's method for log-likelihoods that are smooth but not concave everywhere (delayed entry, shapes)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.newton import DECREMENT, Evaluate, Solution
from cobalamin.models.partial_likelihood import Evaluation

Floats = npt.NDArray[np.float64]

MAX_ITERATIONS = 200
_MOST_STEP = 5.0  # of a parameter of standardised columns, in one iteration
_FLOOR = 1e-10  # smallest curvature, as a share of the largest, that a step relies on
_POLISH = 1e-20


def climb(evaluate: Evaluate, start: Floats) -> Solution:
    """Climb to a maximum from a starting point.

    Parameters
    ----------
    evaluate : callable
        Parameters -> `Evaluation`.
    start : ndarray, shape (k,)
        Where to begin.

    Returns
    -------
    Solution
        ``converged`` says whether the score is 0 and the information positive definite there.

    Raises
    ------
    ConvergenceError
        The likelihood cannot be computed at the start.

    Notes
    -----
    Where the information is not positive definite its eigenvalues count by their size, so every step points uphill; steps are halved until
    the likelihood rises. The last steps polish the maximum to rounding error.

    Examples
    --------
    >>> parabola = lambda b: Evaluation(-float((b - 2) @ (b - 2)), -2 * (b - 2), 2 * np.eye(1))
    >>> climb(parabola, np.zeros(1)).b.tolist()
    [2.0]
    """
    b, value = start, evaluate(start)
    if not np.isfinite(value.loglik):
        raise ConvergenceError("the likelihood cannot be computed at the start; a time or covariate is of extreme size.")
    for iteration in range(MAX_ITERATIONS):
        step, definite = _uphill(value)
        decrement = float(value.score @ step)
        if definite and decrement <= DECREMENT:
            return _polished(evaluate, b, value, iteration)
        moved = _advance(evaluate, b, value, step)
        if moved is None:
            return Solution(b, value, step, iteration, definite and decrement <= 1e-6)
        b, value = moved
    return Solution(b, value, _uphill(value)[0], MAX_ITERATIONS, False)


def _polished(evaluate: Evaluate, b: Floats, value: Evaluation, iteration: int) -> Solution:
    """Take full Newton steps while they bring the score closer to 0."""
    step, _ = _uphill(value)
    for _ in range(3):
        decrement = float(value.score @ step)
        trial = evaluate(b + step) if decrement > _POLISH else value
        after, definite = _uphill(trial)
        if trial is value or not definite or not float(trial.score @ after) < decrement:
            break
        b, value, step = b + step, trial, after
    return Solution(b, value, step, iteration, True)


def _uphill(value: Evaluation) -> tuple[Floats, bool]:
    """Return a step that points uphill, and whether the information is positive definite."""
    if not len(value.score):
        return value.score, True
    size = np.sqrt(np.maximum(np.abs(np.diag(value.information)), np.finfo(np.float64).tiny))
    roots, axes = np.linalg.eigh(value.information / np.outer(size, size))
    curvature = np.maximum(np.abs(roots), _FLOOR * np.abs(roots).max())
    step = axes @ ((axes.T @ (value.score / size)) / curvature) / size
    largest = float(np.abs(step).max())
    return (step * (_MOST_STEP / largest) if largest > _MOST_STEP else step), bool(roots.min() > 0)


def _advance(evaluate: Evaluate, b: Floats, value: Evaluation, step: Floats) -> tuple[Floats, Evaluation] | None:
    slack = 1e-13 * (abs(value.loglik) + 1)
    for _ in range(50):
        trial = evaluate(b + step)
        if trial.loglik >= value.loglik - slack:
            return b + step, trial
        step = step / 2
    return None
