"""Variances from influence functions: robust (sandwich), cluster-robust, and the plumbing for aliased columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DesignError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def influence(scores: Floats, covariance: Floats) -> Floats:
    """Return the influence of each row on the coefficients (R's weighted ``dfbeta``).

    Parameters
    ----------
    scores : ndarray, shape (n, p)
        Score contribution of each row, multiplied by its weight.
    covariance : ndarray, shape (p, p)
        Inverse of the information.

    Returns
    -------
    ndarray, shape (n, p)
        Approximate change of each coefficient that the row brings.

    References
    ----------
    Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. JASA 1989;84:1074-1078.
    doi:10.1080/01621459.1989.10478874

    Examples
    --------
    >>> influence(np.array([[1.0], [-1.0]]), np.array([[0.5]])).tolist()
    [[0.5], [-0.5]]
    """
    return scores @ covariance


def cluster_codes(values: Any) -> tuple[Ints, int]:
    """Number the clusters 0, 1, 2, ...

    Parameters
    ----------
    values : array-like, shape (n,)
        Cluster of each row (a person, a family, a clinic), none missing.

    Returns
    -------
    codes : ndarray of int, shape (n,)
        Number of each row's cluster.
    count : int
        How many clusters there are.

    Examples
    --------
    >>> cluster_codes(["b", "a", "b"])
    (array([0, 1, 0]), 2)
    """
    # an array, not a Series of objects, whose type pandas would guess
    codes, labels = pd.factorize(np.asarray(values))
    return np.asarray(codes, dtype=np.int64), len(labels)


def sum_by(values: Floats, codes: Ints, count: int) -> Floats:
    """Sum rows by code.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Rows.
    codes : ndarray of int, shape (n,)
        Group of each row, 0 to ``count - 1``.
    count : int
        Number of groups.

    Returns
    -------
    ndarray, shape (count, p)
        Sums.

    Examples
    --------
    >>> sum_by(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0]), 2).tolist()
    [[5.0], [2.0]]
    """
    columns = [np.bincount(codes, weights=values[:, j], minlength=count) for j in range(values.shape[1])]
    return np.column_stack(columns) if columns else np.zeros((count, 0))


def sandwich(influence: Floats, clusters: tuple[Ints, int] | None = None, *, correction: bool = False) -> Floats:
    """Return the robust variance: the cross-product of influences, summed within clusters first.

    Parameters
    ----------
    influence : ndarray, shape (n, p)
        From `influence`.
    clusters : (codes, count), optional
        From `cluster_codes`; without it every row is its own cluster.
    correction : bool
        Multiply by G / (G - 1) for G clusters. R's ``coxph`` does not, Stata does.

    Returns
    -------
    ndarray, shape (p, p)
        Variance of the coefficients.

    Raises
    ------
    DesignError
        Fewer than two clusters.

    References
    ----------
    Lin DY, Wei LJ. JASA 1989;84:1074-1078. doi:10.1080/01621459.1989.10478874

    Examples
    --------
    >>> sandwich(np.array([[1.0], [-1.0]])).tolist()
    [[2.0]]
    """
    total = influence if clusters is None else sum_by(influence, *clusters)
    groups = len(total)
    if clusters is not None and groups < 2:
        raise DesignError(f"cluster: got {groups} cluster in the rows used; a cluster-robust variance needs at least 2 clusters.")
    scale = groups / (groups - 1) if correction else 1.0
    return np.asarray(scale * (total.T @ total))


def expand_vector(values: Floats, keep: Bools) -> Floats:
    """Put NaN where a column was left out as an alias.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Values of the columns kept.
    keep : ndarray of bool, shape (p,)
        Columns kept.

    Returns
    -------
    ndarray, shape (p,)
        Values with NaN for the others.

    Examples
    --------
    >>> expand_vector(np.array([1.0]), np.array([True, False])).tolist()
    [1.0, nan]
    """
    full = np.full(len(keep), np.nan)
    full[keep] = values
    return full


def expand_matrix(values: Floats, keep: Bools) -> Floats:
    """Put NaN in the rows and columns of coefficients left out as aliases.

    Parameters
    ----------
    values : ndarray, shape (k, k)
        Variance of the columns kept.
    keep : ndarray of bool, shape (p,)
        Columns kept.

    Returns
    -------
    ndarray, shape (p, p)
        Variance with NaN for the others.

    Examples
    --------
    >>> expand_matrix(np.array([[2.0]]), np.array([False, True])).tolist()
    [[nan, nan], [nan, 2.0]]
    """
    full = np.full((len(keep), len(keep)), np.nan)
    full[np.ix_(keep, keep)] = values
    return full
