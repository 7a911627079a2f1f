"""From arrays to a logistic solution: aliases left out, infinite coefficients proved and taken to their limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.regression.binomial import Optimum, independent_columns, maximize, probability, solve
from cobalamin.models.regression.separation import Separation, climb, profile_limit

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
    z : ndarray, shape (n, k)
        Standardised covariates: those of the columns that carry the estimate.
    back : ndarray, shape (p, k)
        From coefficients of ``z`` to coefficients of the covariates.
    bread : ndarray, shape (k, k)
        Inverse information of the coefficients of ``z``.
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
    z: Floats
    back: Floats
    bread: Floats
    aliases: Bools
    separated: Bools
    mu: Floats
    loglik: float
    limits: Mapping[int, tuple[float, float]]
    iterations: int

    def covariance(self, of_z: Floats) -> Floats:
        """Carry a variance of the coefficients of ``z`` to those of the covariates; NaN where there is no standard error."""
        finite = ~self.aliases & ~self.separated
        return np.where(np.outer(finite, finite), self.back @ of_z @ self.back.T, np.nan)


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
    z, back = standardize(x, counted)
    kept = independent_columns(z if counted.all() else z[counted])
    if not kept.all():
        z, back = z[:, kept], back[:, kept]
    rows = (z, y, weight) if counted.all() else (z[counted], y[counted], weight[counted])
    optimum, separation = climb(*rows, _start(*rows), back)
    if separation is not None:
        return _in_the_limit(rows, optimum, separation, (z, back, ~kept), counted, profile and len(y) <= MOST_PROFILE_ROWS)
    if not optimum.converged:
        raise ConvergenceError(f"No maximum after {optimum.iterations} steps; look for covariates with a few extreme values.")
    return Solution(
        coefficients=np.where(kept, back @ optimum.beta, np.nan),
        z=z,
        back=back,
        bread=solve(optimum.information, np.eye(z.shape[1])),
        aliases=~kept,
        separated=np.zeros_like(kept),
        mu=probability(z @ optimum.beta),
        loglik=optimum.loglik,
        limits={},
        iterations=optimum.iterations,
    )


def standardize(x: Floats, counted: Bools) -> tuple[Floats, Floats]:
    """Bring covariates to mean 0 (where there is an intercept) and standard deviation 1, so that rounding cannot hurt.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates; the intercept, if any, is the first column.
    counted : ndarray of bool, shape (n,)
        Rows that say something.

    Returns
    -------
    z : ndarray, shape (n, p)
        Standardised covariates; a constant other than the intercept becomes 0.
    back : ndarray, shape (p, p)
        Coefficients of x are ``back @`` coefficients of z.
    """
    rows = x if counted.all() else x[counted]
    p = x.shape[1]
    with_intercept = bool((rows[:, 0] == 1).all())
    constant = rows.max(axis=0) == rows.min(axis=0)
    centre = np.where(constant, rows[0], rows.mean(axis=0)) if with_intercept else np.zeros(p)
    size = np.where(constant, 1.0, rows.std(axis=0))
    if with_intercept:
        centre[0] = 0.0
    z = x - centre
    z /= size
    back = np.diag(1 / size)
    back[0] -= centre / size
    return z, back


def _start(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Begin at the overall odds where there is an intercept, so that rare outcomes need no more steps than common ones."""
    start = np.zeros(x.shape[1])
    share = float(weight @ y / weight.sum())
    if x.shape[1] and (x[:, 0] == 1).all():
        start[0] = np.log(share / (1 - share))
    return start


def _in_the_limit(
    rows: tuple[Floats, Floats, Floats],
    optimum: Optimum,
    separation: Separation,
    columns: tuple[Floats, Floats, Bools],
    counted: Bools,
    profile: bool,
) -> Solution:
    """Fit the rows that overlap: what the likelihood still says when the infinite coefficients have done their work."""
    (x, y, weight), (z, back, aliases), overlap = rows, columns, separation.overlap
    infinite = np.where(aliases, 0.0, separation.coefficients)
    used = independent_columns(x[overlap]) if overlap.any() else np.zeros(x.shape[1], dtype=np.bool_)
    inner = x[overlap][:, used]
    found = maximize(inner, y[overlap], weight[overlap], start=np.zeros(inner.shape[1]), limit=60)
    mu = np.zeros(len(z))
    mu[counted] = y
    mu[np.flatnonzero(counted)[overlap]] = probability(inner @ found.beta)
    sought = np.flatnonzero(np.isinf(infinite)) if profile else np.array([], dtype=np.int64)
    return Solution(
        coefficients=np.where(aliases, np.nan, np.where(infinite != 0, infinite, back[:, used] @ found.beta)),
        z=z[:, used],
        back=back[:, used],
        bread=solve(found.information, np.eye(inner.shape[1])),
        aliases=aliases,
        separated=infinite != 0,
        mu=mu,
        loglik=found.loglik,
        limits={int(j): profile_limit(x, y, weight, back[j], optimum, found.loglik, float(np.sign(infinite[j]))) for j in sought},
        iterations=optimum.iterations,
    )
