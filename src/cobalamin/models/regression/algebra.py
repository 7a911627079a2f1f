"""Small linear algebra of regression models: cross-products in cache, scaled solutions, aliased columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
BLOCK = 2048  # rows per block of a cross-product: in cache, and too small for BLAS to start threads that wait for each other
ALIAS = 1e-11  # squared share of a column that the columns before it must leave unexplained


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

    Examples
    --------
    >>> cross_product(np.array([[1.0], [2.0]]), np.array([1.0, 3.0])).tolist()
    [[13.0]]
    """
    total = np.zeros((x.shape[1], x.shape[1]))
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK]
        total += block.T @ (block * weight[first : first + BLOCK, None])
    return total


def quadratic_forms(x: Floats, matrix: Floats) -> Floats:
    """Return ``x_i' M x_i`` for every row, block by block.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates.
    matrix : ndarray, shape (p, p)
        M.

    Returns
    -------
    ndarray, shape (n,)
        The forms; with M the inverse information they are leverages but for the rows' weights.

    Examples
    --------
    >>> quadratic_forms(np.array([[1.0, 2.0]]), np.eye(2)).tolist()
    [5.0]
    """
    found = np.empty(len(x))
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK]
        found[first : first + BLOCK] = ((block @ matrix) * block).sum(axis=1)
    return found


def column_spread(x: Floats) -> Floats:
    """Return the standard deviation of every column in one pass over blocks that stay in cache.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Columns, centred if the result has to be exact.

    Returns
    -------
    ndarray, shape (p,)
        Standard deviations; the root mean square of columns so far from zero that the difference would be rounding error.

    Examples
    --------
    >>> column_spread(np.array([[1.0, 0.0], [-1.0, 4.0]])).tolist()
    [1.0, 2.0]
    """
    total, square = x.sum(axis=0) / len(x), np.zeros(x.shape[1])
    for first in range(0, len(x), BLOCK):
        block = x[first : first + BLOCK]
        square += (block * block).sum(axis=0) / len(x)
    variance = square - total**2
    return np.asarray(np.sqrt(np.where(variance > 1e-10 * square, variance, square)))


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

    if not information.size:
        return np.zeros_like(score)
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
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
