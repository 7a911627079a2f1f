"""Standardized differences: how far apart groups are, in standard deviations, whatever the sample size."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
FLAT = 1e-12  # eigenvalues below this share of the largest are rounding


def difference_in_means(means: Floats, variances: Floats) -> float:
    """Return the largest absolute standardized difference between any two groups of a continuous variable.

    Parameters
    ----------
    means, variances : ndarray, shape (groups,)
        Mean and variance of each group.

    Returns
    -------
    float
        ``max |m1 - m2| / sqrt((v1 + v2) / 2)``; infinite for different constants, NaN where a group has no variance.

    References
    ----------
    Austin PC (2009), Stat Med 28:3083-3107, doi:10.1002/sim.3697.

    Examples
    --------
    >>> difference_in_means(np.array([10.0, 12.0]), np.array([4.0, 4.0]))
    1.0
    """
    pairs = [_scaled(means[i] - means[j], (variances[i] + variances[j]) / 2) for i, j in combinations(range(len(means)), 2)]
    return float(np.max(pairs)) if pairs else float("nan")


def _scaled(difference: float, variance: float) -> float:
    if variance == 0:
        return 0.0 if difference == 0 else float("inf")
    return abs(difference) / float(np.sqrt(variance))


def difference_in_shares(shares: Floats) -> float:
    """Return the largest standardized difference between any two groups of a categorical variable.

    Parameters
    ----------
    shares : ndarray, shape (groups, levels)
        Share of each level in each group; every row sums to 1.

    Returns
    -------
    float
        ``sqrt((p1 - p2)' S^-1 (p1 - p2))`` over all levels but one, S the mean of the two multinomial covariances; for two
        levels ``|p1 - p2| / sqrt((p1 q1 + p2 q2) / 2)``. Infinite where the difference lies in a direction without variance.

    References
    ----------
    Yang D, Dalton JE (2012), A unified approach to measuring the effect size between two groups using SAS, SAS Global Forum
    paper 335-2012.

    Examples
    --------
    >>> round(difference_in_shares(np.array([[0.5, 0.5], [0.3, 0.7]])), 4)
    0.417
    """
    pairs = [_mahalanobis(shares[i], shares[j]) for i, j in combinations(range(len(shares)), 2)]
    return float(np.max(pairs)) if pairs else float("nan")


def _mahalanobis(first: Floats, second: Floats) -> float:
    if np.isnan(first).any() or np.isnan(second).any():
        return float("nan")
    seen = np.flatnonzero(first + second > 0)[1:]
    difference = first[seen] - second[seen]
    covariance = np.mean([np.diag(p[seen]) - np.outer(p[seen], p[seen]) for p in (first, second)], axis=0)
    if not len(seen) or not np.abs(difference).max() > FLAT:
        return 0.0
    sizes, directions = np.linalg.eigh(covariance)
    along = directions.T @ difference
    flat = sizes <= FLAT * max(float(sizes.max()), FLAT)
    if (np.abs(along[flat]) > np.sqrt(FLAT)).any():
        return float("inf")
    return float(np.sqrt(np.sum(along[~flat] ** 2 / sizes[~flat])))
