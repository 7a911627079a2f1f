"""The logistic likelihood of 0/1 outcomes and its maximum by Newton's method, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
BLOCK = 2048  # rows per block of a cross-product: in cache, and too small for BLAS to start threads that wait for each other
SETTLED = 1e-6  # largest change of a linear predictor in the last step; the error left is of its square
ALIAS = 1e-11  # squared share of a column that the columns before it must leave unexplained


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where Newton's method came to.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients.
    step : ndarray, shape (p,)
        The last step, as long as Newton's method wanted it.
    information : ndarray, shape (p, p)
        Minus the second derivative at ``beta``.
    loglik : float
        Weighted log-likelihood at ``beta``.
    converged : bool
        Whether the linear predictors stood still. They never do where the data are separated: see `separation`.
    iterations : int
        Steps taken.
    """

    beta: Floats
    step: Floats
    information: Floats
    loglik: float
    converged: bool
    iterations: int


def maximize(x: Floats, y: Floats, weight: Floats, *, start: Floats, offset: Floats | None = None, limit: int = 25) -> Optimum:
    """Climb the logistic log-likelihood by Newton steps, halved where they overshoot.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates, linearly independent.
    y : ndarray, shape (n,)
        Outcomes 0 and 1.
    weight : ndarray, shape (n,)
        Weights > 0.
    start : ndarray, shape (p,)
        Where to begin.
    offset : ndarray, shape (n,), optional
        Added to the linear predictor.
    limit : int
        Most steps to take.

    Returns
    -------
    Optimum
        The maximum, or the place reached.

    Notes
    -----
    ``l(b) = sum w (y eta - log(1 + exp eta))``, score ``X' w (y - mu)``, information ``X' diag(w mu (1 - mu)) X``.
    """
    base = np.zeros(len(y)) if offset is None else offset
    beta, step, done = start, np.zeros(x.shape[1]), False
    eta = base + x @ beta
    loglik = log_likelihood(y, eta, weight)
    taken = 0
    while taken < limit and not done:
        mu = probability(eta)
        step = solve(cross_product(x, weight * mu * (1 - mu)), x.T @ (weight * (y - mu)))
        change = x @ step
        share, better = _shorten(y, eta, change, weight, loglik)
        beta, eta, loglik, taken = beta + share * step, eta + share * change, better, taken + 1
        done = bool(np.abs(change).max(initial=0.0) < SETTLED)
    mu = probability(eta)
    return Optimum(beta, step, cross_product(x, weight * mu * (1 - mu)), loglik, done, taken)


def _shorten(y: Floats, eta: Floats, change: Floats, weight: Floats, loglik: float) -> tuple[float, float]:
    """Return the share of a step that does not lose likelihood (rounding aside), and the likelihood there."""
    share = 1.0
    slack = 1e-10 * (abs(loglik) + 1.0)
    for _ in range(30):
        better = log_likelihood(y, eta + share * change, weight)
        if better >= loglik - slack:
            return share, better
        share /= 2
    return 0.0, loglik


def probability(eta: Floats) -> Floats:
    """Return 1 / (1 + exp(-eta)).

    Parameters
    ----------
    eta : ndarray
        Linear predictors.

    Returns
    -------
    ndarray
        Probabilities.
    """
    from scipy.special import expit

    return np.asarray(expit(eta))


def log_likelihood(y: Floats, eta: Floats, weight: Floats) -> float:
    """Return the weighted log-likelihood of 0/1 outcomes.

    Parameters
    ----------
    y, eta, weight : ndarray, shape (n,)
        Outcomes, linear predictors and weights.

    Returns
    -------
    float
        ``sum w log p(y)``.
    """
    from scipy.special import log_expit

    return float(weight @ log_expit((2 * y - 1) * eta))


def cross_product(x: Floats, weight: Floats) -> Floats:
    """Return ``X' diag(weight) X`` block by block.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    weight : ndarray, shape (n,)
        Weights.

    Returns
    -------
    ndarray, shape (p, p)
        The cross-product.
    """
    total = np.zeros((x.shape[1], x.shape[1]))
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK]
        total += block.T @ (block * weight[first : first + BLOCK, None])
    return total


def solve(information: Floats, score: Floats) -> Floats:
    """Solve ``information @ step = score`` with columns brought to one scale first.

    Parameters
    ----------
    information : ndarray, shape (p, p)
        Positive definite up to rounding.
    score : ndarray, shape (p,) or (p, k)
        Right side.

    Returns
    -------
    ndarray
        The solution; the shortest one (in scaled columns) where the matrix is singular.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    size = np.sqrt(np.diag(information))
    size = np.where(size > 0, size, 1.0)
    scaled = information / np.outer(size, size)
    right = (score.T / size).T
    try:
        found = cho_solve(cho_factor(scaled), right)
    except LinAlgError:
        found = np.linalg.lstsq(scaled, right, rcond=None)[0]
    return np.asarray((found.T / size).T)


def independent_columns(x: Floats) -> Bools:
    """Find the columns that are not linear combinations of the columns before them (R's rule for an alias).

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Standardised covariates (otherwise a column far from zero looks like the intercept).

    Returns
    -------
    ndarray of bool, shape (p,)
        Columns to keep.

    Examples
    --------
    >>> independent_columns(np.array([[1.0, 2.0, 2.0], [1.0, 3.0, 3.0], [1.0, 5.0, 5.0]])).tolist()
    [True, True, False]
    """
    gram = cross_product(x, np.ones(len(x)))
    keep = np.zeros(x.shape[1], dtype=np.bool_)
    for j in range(x.shape[1]):
        left = gram[j, j]
        if keep.any():
            left -= gram[j, keep] @ solve(gram[np.ix_(keep, keep)], gram[keep, j])
        keep[j] = gram[j, j] > 0 and left > ALIAS * gram[j, j]
    return keep


def explained_by(x: Floats, kept: Bools, j: int) -> list[int]:
    """Return the kept columns of which column j is a linear combination.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    kept : ndarray of bool, shape (p,)
        Independent columns.
    j : int
        The dependent one.

    Returns
    -------
    list of int
        Columns with a coefficient other than 0.

    Examples
    --------
    >>> explained_by(np.array([[1.0, 2.0, 4.0], [1.0, 3.0, 6.0], [1.0, 5.0, 10.0]]), np.array([True, True, False]), 2)
    [1]
    """
    where = np.flatnonzero(kept)
    size = np.sqrt((x**2).mean(axis=0))
    part = solve(cross_product(x[:, where], np.ones(len(x))), x[:, where].T @ x[:, j]) * size[where]
    return [int(k) for k, share in zip(where, part, strict=True) if abs(share) > 1e-6 * max(size[j], 1e-300)]
