"""Penalties of a Cox model: Firth's, against the bias of few events, and ridge, against many correlated covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.models.cox.newton import Evaluate, covariance_of
from cobalamin.models.cox.partial_likelihood import Evaluation, PartialLikelihood

Floats = npt.NDArray[np.float64]

# half-width of the differences of log |I|, in standard deviations of a covariate: error about width**4, rounding about 1e-16 / width
_WIDTH = 2e-3
_MAX_STEPS = 500


@dataclass(frozen=True)
class Ridge:
    """A ridge penalty: ``theta / 2`` times the sum of squared coefficients is taken from the log partial likelihood.

    Attributes
    ----------
    theta : float
        Strength, 0 or more.
    terms : tuple of str or None
        Names of the coefficients to shrink (as in ``fit.names``); all of them by default.
    standardize : bool
        Multiply each coefficient by the standard deviation of its covariate first, as R's ``ridge(scale = TRUE)``.
    """

    theta: float
    terms: tuple[str, ...] | None = None
    standardize: bool = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.theta) and self.theta >= 0):
            raise DataError(f"Ridge: theta must be a number of 0 or more; got {self.theta}.")


Penalty = Literal["firth"] | Ridge


def ridge_weights(ridge: Ridge, likelihood: PartialLikelihood, names: Sequence[str]) -> Floats:
    """Return what multiplies half the squared standardised coefficients.

    Parameters
    ----------
    ridge : Ridge
        The penalty.
    likelihood : PartialLikelihood
        Of the p columns.
    names : sequence of str, length p
        Their names.

    Returns
    -------
    ndarray, shape (p,)
        Zero where a coefficient is free.

    Raises
    ------
    DataError
        A term that the model does not have.
    """
    unknown = [term for term in ridge.terms or () if term not in names]
    if unknown:
        raise DataError(f"Ridge: '{unknown[0]}' is not a coefficient of the model.")
    n = likelihood.sets.n
    # the covariates are standardised with divisor n, R's var() has n - 1
    weight = np.full(len(names), ridge.theta * n / max(n - 1, 1)) if ridge.standardize else ridge.theta / likelihood.scale**2
    return weight if ridge.terms is None else np.where([name in ridge.terms for name in names], weight, 0.0)


def with_ridge(evaluate: Evaluate, weight: Floats) -> Evaluate:
    """Take a ridge penalty from a log-likelihood.

    Parameters
    ----------
    evaluate : callable
        Coefficients -> `Evaluation`.
    weight : ndarray, shape (p,)
        From `ridge_weights`.

    Returns
    -------
    callable
        The penalised likelihood and its derivatives.

    References
    ----------
    Verweij PJM, van Houwelingen HC. Penalized likelihood in Cox regression. Stat Med 1994;13:2427-2436. doi:10.1002/sim.4780132307

    Examples
    --------
    >>> flat = lambda b: Evaluation(0.0, np.zeros(1), np.zeros((1, 1)))
    >>> with_ridge(flat, np.array([2.0]))(np.array([3.0])).loglik
    -9.0
    """

    def penalised(b: Floats) -> Evaluation:
        own = evaluate(b)
        return Evaluation(own.loglik - 0.5 * float(weight @ (b * b)), own.score - weight * b, own.information + np.diag(weight))

    return penalised


def with_firth(evaluate: Evaluate, scale: Floats) -> Evaluate:
    """Add Firth's penalty, half the logarithm of the determinant of the information (Jeffreys' prior).

    Parameters
    ----------
    evaluate : callable
        Coefficients of the standardised covariates -> `Evaluation`.
    scale : ndarray, shape (p,)
        Standard deviations of the covariates: the log-likelihood reported has the determinant in the units of the data.

    Returns
    -------
    callable
        The penalised likelihood and score; the information stays that of the likelihood, as is usual for the variance.

    Notes
    -----
    The derivative of the penalty is taken by differences of order four (4 p evaluations), so that ties, strata, weights and delayed
    entry need no formulas of their own.

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics 2001;57:114-119.
    doi:10.1111/j.0006-341X.2001.00114.x
    """
    units = float(np.log(scale).sum())

    def half_log_determinant(b: Floats) -> float:
        sign, value = np.linalg.slogdet(evaluate(b).information)
        return 0.5 * float(value) if sign > 0 else -np.inf

    def slope(b: Floats, j: int) -> float:
        step = np.zeros(len(b))
        step[j] = _WIDTH
        near = half_log_determinant(b + step) - half_log_determinant(b - step)
        far = half_log_determinant(b + 2 * step) - half_log_determinant(b - 2 * step)
        return (8 * near - far) / (12 * _WIDTH)

    def penalised(b: Floats) -> Evaluation:
        own = evaluate(b)
        sign, value = np.linalg.slogdet(own.information) if np.isfinite(own.loglik) else (0.0, 0.0)
        if sign <= 0:
            return Evaluation(-np.inf, own.score, own.information)
        extra = np.array([slope(b, j) for j in range(len(b))])
        return Evaluation(own.loglik + 0.5 * float(value) + units, own.score + extra, own.information)

    return penalised


def climb(evaluate: Evaluate, start: Floats) -> tuple[Floats, Evaluation, int, bool]:
    """Maximise a penalised likelihood whose information is not its own curvature.

    Parameters
    ----------
    evaluate : callable
        From `with_firth`.
    start : ndarray, shape (p,)
        Where to begin.

    Returns
    -------
    b : ndarray, shape (p,)
        The maximum.
    value : Evaluation
        There.
    steps : int
        Steps taken.
    converged : bool
        Whether the last step was below 1e-9 standard errors.
    """
    b, value = start, evaluate(start)
    for count in range(_MAX_STEPS):
        step = covariance_of(value.information) @ value.score
        if float(value.score @ step) <= 1e-18:
            return b, value, count, True
        # a step far beyond the data only meets a flat likelihood
        step *= min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-300))
        moved = _halved(evaluate, b, value, step)
        if moved is None:
            return b, value, count, float(value.score @ step) <= 1e-12
        b, value = moved
    return b, value, _MAX_STEPS, False


def _halved(evaluate: Evaluate, b: Floats, value: Evaluation, step: Floats) -> tuple[Floats, Evaluation] | None:
    slack = 1e-13 * (abs(value.loglik) + 1)
    for _ in range(30):
        trial = evaluate(b + step)
        if trial.loglik >= value.loglik - slack:
            return b + step, trial
        step = step / 2
    return None
