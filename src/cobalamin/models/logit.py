"""From arrays to a logistic solution: aliases left out, infinite coefficients proved and taken to their limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.binomial import independent_columns, maximize, probability, solve
from cobalamin.models.separation import Separation, climb, profile_limit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
MOST_PROFILE_ROWS = 200_000  # above this no profile-likelihood limits: each takes some 200 passes over the rows


@dataclass(frozen=True, eq=False)
class Solution:
    """A maximum of the logistic likelihood, aliases and infinite coefficients included.

    Attributes
    ----------
    coefficients : ndarray, shape (p,)
        NaN for aliases, infinite where there is no maximum.
    used : ndarray of bool, shape (p,)
        Columns in ``bread``.
    bread : ndarray, shape (k, k)
        Inverse information of the columns used.
    aliases : ndarray of bool, shape (p,)
        Linear combinations of earlier columns.
    separated : ndarray of bool, shape (p,)
        Coefficients without a maximum.
    mu : ndarray, shape (n,)
        Fitted probabilities.
    loglik : float
        Log-likelihood, or its supremum.
    limits : mapping of int to (low, high)
        Profile-likelihood limits of infinite coefficients.
    iterations : int
        Newton steps.
    """

    coefficients: Floats
    used: Bools
    bread: Floats
    aliases: Bools
    separated: Bools
    mu: Floats
    loglik: float
    limits: Mapping[int, tuple[float, float]]
    iterations: int

    @property
    def finite(self) -> Bools:
        """Coefficients with a standard error."""
        return np.asarray(~self.aliases & ~self.separated)


def maximum(x: Floats, y: Floats, weight: Floats, *, profile: bool = True) -> Solution:
    """Maximize the logistic likelihood over columns that may be aliased and outcomes that may be separated.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates with their intercept.
    y, weight : ndarray, shape (n,)
        Outcomes 0/1 and weights >= 0.
    profile : bool
        Whether to seek profile-likelihood limits of infinite coefficients.

    Returns
    -------
    Solution
        The maximum, or its limit.

    Raises
    ------
    ConvergenceError
        No maximum and no separation found.
    """
    counted = weight > 0
    every = bool(counted.all())
    rows = x if every else x[counted]
    kept = independent_columns(rows)
    part = (rows if kept.all() else rows[:, kept], y if every else y[counted], weight if every else weight[counted])
    optimum, separation = climb(*part, _start(*part))
    where = np.flatnonzero(kept)
    if separation is None:
        if not optimum.converged:
            raise ConvergenceError(
                f"No maximum after {optimum.iterations} steps; look for covariates of very different size, and rescale them."
            )
        mu = probability(x[:, kept] @ optimum.beta)
        bread = solve(optimum.information, np.eye(len(where)))
        return Solution(_spread(optimum.beta, kept), kept, bread, ~kept, ~kept & kept, mu, optimum.loglik, {}, optimum.iterations)
    beta, used, bread, part_mu, loglik = _in_the_limit(*part, separation)
    infinite = separation.coefficients != 0
    sought = np.flatnonzero(np.isinf(separation.coefficients)) if profile and len(y) <= MOST_PROFILE_ROWS else np.array([], dtype=np.int64)
    limits = {int(where[j]): profile_limit(*part, int(j), optimum, loglik) for j in sought}
    mu = y.copy()
    mu[counted] = part_mu
    coefficients = _spread(np.where(infinite, separation.coefficients, beta), kept)
    return Solution(
        coefficients, _mark(where[used], kept), bread, ~kept, _mark(where[infinite], kept), mu, loglik, limits, optimum.iterations
    )


def _start(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Begin at the overall odds where there is an intercept, so that rare outcomes need no more steps than common ones."""
    start = np.zeros(x.shape[1])
    share = float(weight @ y / weight.sum())
    if (x[:, 0] == 1).all():
        start[0] = np.log(share / (1 - share))
    return start


def _spread(values: Floats, where: Bools) -> Floats:
    full = np.full(len(where), np.nan)
    full[where] = values
    return full


def _mark(where: npt.NDArray[np.int64], like: Bools) -> Bools:
    marked = np.zeros_like(like)
    marked[where] = True
    return marked


def _in_the_limit(x: Floats, y: Floats, weight: Floats, separation: Separation) -> tuple[Floats, Bools, Floats, Floats, float]:
    """Fit the rows that overlap: what the likelihood still says when the infinite coefficients have done their work.

    Returns coefficients, columns used, inverse information of these, fitted probabilities and log-likelihood.
    """
    overlap = separation.overlap
    used, mu = np.zeros(x.shape[1], dtype=np.bool_), y.copy()
    if not overlap.any():
        return np.zeros(len(used)), used, np.zeros((0, 0)), mu, 0.0
    order = np.argsort(separation.coefficients != 0, kind="stable")  # finite coefficients first, so that they are never the alias
    used[order] = independent_columns(x[overlap][:, order])
    rows = x[overlap][:, used]
    optimum = maximize(rows, y[overlap], weight[overlap], start=np.zeros(rows.shape[1]), limit=60)
    mu[overlap] = probability(rows @ optimum.beta)
    bread = solve(optimum.information, np.eye(rows.shape[1]))
    return np.nan_to_num(_spread(optimum.beta, used)), used, bread, mu, optimum.loglik
