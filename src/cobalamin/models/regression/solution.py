"""From arrays to the maximum of a likelihood: aliases left out, infinite coefficients proved and taken to their limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError, DataError, list_names
from cobalamin.models.regression.algebra import column_spread, cross_product, independent_columns, solve
from cobalamin.models.regression.likelihoods import LOGIT, Likelihood
from cobalamin.models.regression.newton import Objective, Optimum, climb
from cobalamin.models.regression.separation import Separation, ascend, profile_limit
from cobalamin.models.regression.start import starting_point

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
MOST_PROFILE_ROWS = 200_000  # above this no profile-likelihood limits: each takes some 200 passes over the rows


@dataclass(frozen=True, eq=False)
class Rows:
    """What a model is fitted to.

    Attributes
    ----------
    x : ndarray, shape (n, p)
        Covariates with their intercept.
    y, weight : ndarray, shape (n,)
        Outcomes, and weights >= 0.
    offset : ndarray, shape (n,), optional
        Added to the linear predictor.
    names : sequence of str, length p
        Names of the columns, for messages.
    """

    x: Floats
    y: Floats
    weight: Floats
    offset: Floats | None
    names: Sequence[str]


@dataclass(frozen=True, eq=False)
class Solution:
    """A maximum of a likelihood, aliases and infinite coefficients included.

    Attributes
    ----------
    coefficients : ndarray, shape (p,)
        NaN for aliases, infinite where there is no maximum.
    z : ndarray, shape (n, k)
        Standardised covariates: those of the columns that carry the estimate.
    back : ndarray, shape (p, k)
        From coefficients of ``z`` to coefficients of the covariates.
    beta : ndarray, shape (k,)
        Coefficients of ``z``.
    bread : ndarray, shape (k, k)
        Inverse expected information of the coefficients of ``z``.
    aliases : ndarray of bool, shape (p,)
        Linear combinations of earlier columns.
    separated : ndarray of bool, shape (p,)
        Coefficients without a maximum.
    counted : ndarray of bool, shape (n,)
        Rows of weight above zero.
    eta : ndarray, shape (n,)
        Linear predictors; -inf or inf in rows that an infinite coefficient tells.
    loglik : float
        Log-likelihood without constants (penalised if a penalty is), or its supremum.
    limits : mapping of int to (low, high)
        Profile-likelihood limits of infinite coefficients.
    iterations : int
        Newton steps.
    objective : Objective
        What was maximized, over the rows of weight above zero.
    """

    coefficients: Floats
    z: Floats
    back: Floats
    beta: Floats
    bread: Floats
    aliases: Bools
    separated: Bools
    counted: Bools
    eta: Floats
    loglik: float
    limits: Mapping[int, tuple[float, float]]
    iterations: int
    objective: Objective

    def covariance(self, of_z: Floats) -> Floats:
        """Carry a variance of the coefficients of ``z`` to those of the covariates; NaN where there is no standard error."""
        finite = ~self.aliases & ~self.separated
        return np.where(np.outer(finite, finite), self.back @ of_z @ self.back.T, np.nan)


def maximum(
    rows: Rows,
    likelihood: Likelihood = LOGIT,
    *,
    profile: bool = True,
    level: float = 0.95,
    firth: bool = False,
    scale: float = 1.0,
) -> Solution:
    """Maximize a likelihood over columns that may be aliased and outcomes that may be separated.

    Parameters
    ----------
    rows : Rows
        Covariates, outcomes and weights.
    likelihood : Likelihood
        Kind of outcome and link.
    profile : bool
        Whether to seek profile-likelihood limits of infinite coefficients.
    level : float
        Confidence level of these limits.
    firth : bool
        Whether to add Firth's penalty.
    scale : float
        Size of the linear predictor by which a step is small.

    Returns
    -------
    Solution
        The maximum, or its limit.

    Raises
    ------
    DataError
        More columns than rows.
    ConvergenceError
        No maximum and no separation found.
    """
    counted = rows.weight > 0
    if rows.x.shape[1] > counted.sum():
        raise DataError(
            f"formula: {rows.x.shape[1]} columns for {int(counted.sum())} rows with a weight above zero; a model cannot have more columns"
            " than rows. Leave out terms or merge levels."
        )
    z, back = standardize(rows.x, counted)
    kept = independent_columns(z if counted.all() else z[counted])
    if not kept.all():
        z, back = z[:, kept], back[:, kept]
    objective = _objective(rows, z, counted, likelihood, firth, scale)
    optimum, separation = ascend(objective, starting_point(objective), back)
    if separation is not None:
        limits = level if profile and len(rows.y) <= MOST_PROFILE_ROWS else None
        return _in_the_limit(objective, optimum, separation, (z, back, ~kept), (rows.offset, counted), limits)
    if not optimum.converged:
        raise ConvergenceError(_why_not(rows.names, back, optimum, likelihood))
    eta = z @ optimum.beta if rows.offset is None else z @ optimum.beta + rows.offset
    return Solution(
        coefficients=np.where(kept, back @ optimum.beta, np.nan),
        z=z,
        back=back,
        beta=optimum.beta,
        bread=_bread(objective, optimum, eta if counted.all() else eta[counted]),
        aliases=~kept,
        separated=np.zeros_like(kept),
        counted=counted,
        eta=eta,
        loglik=optimum.loglik,
        limits={},
        iterations=optimum.iterations,
        objective=objective,
    )


def again(rows: Rows, found: Solution, likelihood: Likelihood, *, profile: bool = True) -> Solution:
    """Maximize another likelihood of the same rows from where one was: columns are not standardised and sorted out anew.

    Parameters
    ----------
    rows : Rows
        Covariates, outcomes and weights.
    found : Solution
        The maximum of the likelihood before.
    likelihood : Likelihood
        The new one.
    profile : bool
        Whether to seek profile-likelihood limits of infinite coefficients.

    Returns
    -------
    Solution
        The new maximum.

    Raises
    ------
    ConvergenceError
        No maximum found.
    """
    if found.separated.any():
        return maximum(rows, likelihood, profile=profile)
    objective = replace(found.objective, likelihood=likelihood)
    optimum = climb(objective, found.beta, limit=60)
    if not optimum.converged:
        raise ConvergenceError(_why_not(rows.names, found.back, optimum, likelihood))
    eta = found.z @ optimum.beta if rows.offset is None else found.z @ optimum.beta + rows.offset
    return replace(
        found,
        coefficients=np.where(found.aliases, np.nan, found.back @ optimum.beta),
        beta=optimum.beta,
        bread=_bread(objective, optimum, eta if found.counted.all() else eta[found.counted]),
        eta=eta,
        loglik=optimum.loglik,
        iterations=found.iterations + optimum.iterations,
        objective=objective,
    )


def _objective(rows: Rows, z: Floats, counted: Bools, likelihood: Likelihood, firth: bool, scale: float) -> Objective:
    if counted.all():
        return Objective(z, rows.y, rows.weight, likelihood, rows.offset, firth, scale)
    offset = None if rows.offset is None else rows.offset[counted]
    return Objective(z[counted], rows.y[counted], rows.weight[counted], likelihood, offset, firth, scale)


def _bread(objective: Objective, optimum: Optimum, eta: Floats) -> Floats:
    information = optimum.information
    if not objective.likelihood.canonical:
        information = cross_product(objective.x, objective.weight * objective.likelihood.expected(eta))
    return solve(information, np.eye(objective.x.shape[1]))


def _why_not(names: Sequence[str], back: Floats, optimum: Optimum, likelihood: Likelihood) -> str:
    """Name the coefficients that would not stand still and say what to try."""
    moved = np.abs(back @ optimum.step) / np.maximum(np.abs(back @ optimum.beta), 1.0)
    order = [names[j] for j in np.argsort(-moved)[:3] if moved[j] > 0.1 * moved.max()]
    where = f"No maximum after {optimum.iterations} steps; the coefficients that still move most: {list_names(order)}."
    if not likelihood.bounded:
        return f"{where} Look for covariates with a few extreme values, rescale them, or leave these terms out."
    other = "risk_ratio(..., method='poisson')" if likelihood.link == "log" else "risk_difference(..., method='linear')"
    return (
        f"{where} The likelihood rises up to its border, where a fitted risk is 0 or 1: there is no maximum inside and no standard error."
        f" Use {other}, which has no border, or merge sparse levels."
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
    if with_intercept:
        centre[0] = 0.0
    z = x - centre
    size = np.where(constant, 1.0, column_spread(z if counted.all() else z[counted]))
    z /= size
    back = np.diag(1 / size)
    back[0] -= centre / size
    return z, back


def _in_the_limit(
    objective: Objective,
    optimum: Optimum,
    separation: Separation,
    columns: tuple[Floats, Floats, Bools],
    rows: tuple[Floats | None, Bools],
    level: float | None,
) -> Solution:
    """Fit the rows that overlap: what the likelihood still says when the infinite coefficients have done their work."""
    (z, back, aliases), (offset, counted), overlap = columns, rows, separation.overlap
    infinite = np.where(aliases, 0.0, separation.coefficients)
    x = objective.x[overlap]
    used = independent_columns(x) if overlap.any() else np.zeros(x.shape[1], dtype=np.bool_)
    inner = replace(
        objective,
        x=x[:, used],
        y=objective.y[overlap],
        weight=objective.weight[overlap],
        offset=None if objective.offset is None else objective.offset[overlap],
    )
    # a log link leaves all events in the rows that overlap; of 0/1 outcomes these may show one kind only
    start = starting_point(inner) if objective.likelihood.runs == "down" else np.zeros(int(used.sum()))
    found = climb(inner, start, limit=60)
    eta = np.where(objective.y > 0, np.inf, -np.inf)
    eta[overlap] = inner.eta(found.beta)
    everywhere = z[:, used] @ found.beta if offset is None else z[:, used] @ found.beta + offset
    everywhere[counted] = eta
    sought = np.flatnonzero(np.isinf(infinite)) if level is not None else np.array([], dtype=np.int64)
    return Solution(
        coefficients=np.where(aliases, np.nan, np.where(infinite != 0, infinite, back[:, used] @ found.beta)),
        z=z[:, used],
        back=back[:, used],
        beta=found.beta,
        bread=_bread(inner, found, eta[overlap]),
        aliases=aliases,
        separated=infinite != 0,
        counted=counted,
        eta=everywhere,
        loglik=found.loglik,
        limits={
            int(j): profile_limit(objective, back[j], optimum, found.loglik, np.sign(infinite[j]), level=level or 0.95) for j in sought
        },
        iterations=optimum.iterations,
        objective=objective,
    )
