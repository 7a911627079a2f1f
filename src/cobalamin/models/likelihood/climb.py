"""Newton's method for log-likelihoods that are smooth but not concave everywhere (delayed entry, shapes)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.cox.blocks import one_blas_thread
from cobalamin.models.cox.newton import DECREMENT, Evaluate, Solution, covariance_of, infinite_terms
from cobalamin.models.cox.partial_likelihood import Evaluation

Floats = npt.NDArray[np.float64]

MAX_ITERATIONS = 200
_MOST_STEP = 5.0  # of a parameter of standardised columns, in one iteration
_FLOOR = 1e-10  # smallest curvature, as a share of the largest, that a step relies on
_POLISH = 1e-20
_FAR = 10.0  # a log ratio that no data show
# gain in log-likelihood for which a predictor that is far out and still takes such strides need not go farther (the likelihood nears
# its limit as exp(-b), and what is left to gain is the decrement); with a finite
# maximum the strides are long only if the standard error over the range of the covariate is above 10
_LEFT, _STRIDE = 1e-6, 0.3
HALF_CHI2 = 1.920729410347062  # half the 95% point of chi-squared with 1 degree of freedom


def climb(evaluate: Evaluate, start: Floats, span: Floats | None = None) -> Solution:
    """Climb to a maximum from a starting point.

    Parameters
    ----------
    evaluate : callable
        Parameters -> `Evaluation`.
    start : ndarray, shape (k,)
        Where to begin.
    span : ndarray, shape (k,), optional
        Range of the column of each parameter. With it the climb ends where the linear predictor is far out and hardly anything is
        left to gain: the likelihood rises for ever.

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
    with one_blas_thread():  # the matrices are small, and likelihoods have threads of their own
        return _climb(evaluate, start, span)


def _climb(evaluate: Evaluate, start: Floats, span: Floats | None) -> Solution:
    b, value = start, evaluate(start)
    if not np.isfinite(value.loglik):
        raise ConvergenceError("the likelihood cannot be computed at the start; a time or covariate is of extreme size.")
    for iteration in range(MAX_ITERATIONS):
        step, definite = _uphill(value)
        decrement = float(value.score @ step)
        if not step.any() and not definite:
            return Solution(b, value, step, iteration, False)
        if definite and decrement <= DECREMENT:
            return _polished(evaluate, b, value, iteration)
        if span is not None and 0 <= decrement <= _LEFT and ((np.abs(b) * span > _FAR) & (np.abs(step) * span > _STRIDE)).any():
            return Solution(b, value, step, iteration, True)
        moved = _advance(evaluate, b, value, step)
        if moved is None:
            return Solution(b, value, step, iteration, definite and decrement <= 1e-6)
        b, value = moved
    return Solution(b, value, _uphill(value)[0], MAX_ITERATIONS, False)


def finite_limit(evaluate: Evaluate, b: Floats, j: int, supremum: float) -> float:
    """Return the finite 95% profile-likelihood limit of a parameter that runs to infinity.

    Parameters
    ----------
    evaluate : callable
        Parameters -> `Evaluation`.
    b : ndarray, shape (k,)
        Where the climb ended; the sign of ``b[j]`` tells the direction.
    j : int
        The parameter.
    supremum : float
        The log-likelihood there.

    Returns
    -------
    float
        The limit on the side towards zero; NaN where the likelihood never falls far enough.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114-119. doi:10.1111/j.0006-341X.2001.00114.x

    Examples
    --------
    >>> def flat(b):
    ...     e = np.exp(-b)
    ...     return Evaluation(-float(e[0]), e, np.diag(e))
    >>> bool(round(finite_limit(flat, np.array([30.0]), 0, 0.0), 3) == round(-np.log(1.920729), 3))
    True
    """
    target, inside, others = supremum - HALF_CHI2, float(b[j]), b.copy()
    outside = np.nan
    for reach in (0.0, *(2.0**k for k in range(8))):
        value, others = _profile(evaluate, others, j, -np.sign(b[j]) * reach)
        if value < target:
            outside = -np.sign(b[j]) * reach
            break
    if np.isnan(outside):
        return np.nan
    for _ in range(40):
        middle = (inside + outside) / 2
        value, others = _profile(evaluate, others, j, middle)
        inside, outside = (middle, outside) if value >= target else (inside, middle)
    return float((inside + outside) / 2)


def _profile(evaluate: Evaluate, b: Floats, j: int, fixed: float) -> tuple[float, Floats]:
    """Maximise over the other parameters, from where they were, with one held fixed."""
    free = np.arange(len(b)) != j

    def restricted(rest: Floats) -> Evaluation:
        full = np.full(len(b), fixed)
        full[free] = rest
        whole = evaluate(full)
        return Evaluation(whole.loglik, whole.score[free], whole.information[np.ix_(free, free)])

    try:
        found = climb(restricted, b[free])
    except ConvergenceError:
        return -np.inf, b
    full = np.full(len(b), fixed)
    full[free] = found.b
    return found.value.loglik, full


def unbounded(solution: Solution, low: Floats, high: Floats) -> npt.NDArray[np.bool_]:
    """Find parameters that run to infinity although the likelihood hardly rises.

    Parameters
    ----------
    solution : Solution
        Where the climb ended.
    low, high : ndarray, shape (k,)
        Range of the column of each parameter, in units of the scale of the error; equal for parameters without a column.

    Returns
    -------
    ndarray of bool, shape (k,)
        True where the last step still moved the linear predictor, or where its error is beyond all measure.
    """
    if not solution.converged:
        return np.zeros(len(solution.b), dtype=bool)
    span = high - low
    error = np.sqrt(np.maximum(np.diag(covariance_of(solution.value.information)), 0.0))
    far = (np.abs(solution.b) * span > 1) & (error * span > _FAR**2)
    return np.asarray(infinite_terms(solution, (low, high)) | far)


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
    with np.errstate(all="ignore"):
        scaled = value.information / size[:, None] / size
    if not np.isfinite(scaled).all():  # curvature that floats cannot hold: there is no way from here
        return np.zeros(len(size)), False
    roots, axes = np.linalg.eigh(scaled)
    curvature = np.maximum(np.abs(roots), _FLOOR * np.abs(roots).max())
    with np.errstate(all="ignore"):
        step = axes @ ((axes.T @ (value.score / size)) / curvature) / size
    if not np.isfinite(step).all():
        return np.zeros(len(size)), False
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
