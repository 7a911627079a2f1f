"""Maximising the likelihood of a flexible parametric model, and its estimates in the units of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.core.followup import FollowUp
from cobalamin.models.cox.newton import Evaluate, Solution, covariance_of
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.interval.interval_data import from_follow_up
from cobalamin.models.likelihood.climb import climb, finite_limit, unbounded
from cobalamin.models.parametric.aft_solution import solve_aft
from cobalamin.models.parametric.royston_parmar_curve import FlexibleCurve, Scale, time_knots
from cobalamin.models.parametric.royston_parmar_likelihood import FlexibleLikelihood, flexible_likelihood
from cobalamin.models.regression.algebra import independent_columns

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SPECIAL = {"hazard": "weibull", "odds": "loglogistic", "normal": "lognormal"}
LIMIT_ROWS = 20_000  # up to here the finite limit of an infinite coefficient is looked for
_ROUNDING = 1e-14  # a column that varies less, as a share of its size, does so by the error of its arithmetic
_GRID = 200  # times at which the spline is looked at


@dataclass(frozen=True, eq=False)
class FlexibleSolved:
    """A maximised likelihood in the units of the data.

    Attributes
    ----------
    curve : FlexibleCurve
        Knots and scale, columns numbered among those kept.
    likelihood : FlexibleLikelihood
        On orthonormal columns.
    solution : Solution
        Its maximum.
    keep : ndarray of bool, shape (p,)
        Columns of the covariates that are not aliases.
    x : ndarray, shape (n, kept)
        Their values in the rows used.
    parameters : ndarray, shape (k,)
        Coefficients, spline, changes in time.
    model : ndarray, shape (k, k)
        Inverse information.
    infinite : ndarray of bool, shape (k,)
        Parameters without a finite maximum.
    limits : mapping of int to (low, high)
        95% limits of infinite parameters.
    loglik_null : float
        Of the baseline spline alone.
    """

    curve: FlexibleCurve
    likelihood: FlexibleLikelihood
    solution: Solution
    keep: Bools
    x: Floats
    parameters: Floats
    model: Floats
    infinite: Bools
    limits: Mapping[int, tuple[float, float]]
    loglik_null: float

    @property
    def coefficients(self) -> Floats:
        """Parameters, infinite where there is no maximum."""
        return np.where(self.infinite, np.copysign(np.inf, self.parameters), self.parameters)

    def blank(self, covariance: Floats) -> Floats:
        """Return a covariance matrix with NaN for infinite parameters."""
        full = covariance.copy()
        full[self.infinite] = np.nan
        full[:, self.infinite] = np.nan
        return full

    def curve_of_columns(self) -> FlexibleCurve:
        """Return the curve with columns numbered as in the model matrix, aliases included."""
        place = np.flatnonzero(self.keep)
        return replace(self.curve, varying=tuple((int(place[j]), knots) for j, knots in self.curve.varying))

    def falls(self) -> bool:
        """Whether the spline falls, for somebody in the data, between the first and the last exit (a negative hazard)."""
        moments = np.linspace(self.likelihood.log_time.min(), self.likelihood.log_time.max(), _GRID)
        people = np.unique(self.x[:, [j for j, _ in self.curve.varying]], axis=0) if self.curve.varying else np.zeros((1, 0))
        if len(people) > _GRID:
            people = people[np.linspace(0, len(people) - 1, _GRID).astype(np.int64)]
        x = np.zeros((len(people), self.x.shape[1]))
        x[:, [j for j, _ in self.curve.varying]] = people
        slopes = self.curve.design(np.repeat(x, _GRID, axis=0), np.tile(moments, len(x)))[1]
        return bool((slopes @ self.parameters <= 0).any())


def solve_flexible(x: Floats, follow: FollowUp, weights: Floats, df: int, scale: Scale, varying: Mapping[int, int]) -> FlexibleSolved:
    """Fit a flexible parametric model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates without an intercept.
    follow : FollowUp
        Follow-up with positive exits.
    weights : ndarray, shape (n,)
        Positive case weights.
    df : int
        Degrees of freedom of the baseline spline.
    scale : {"hazard", "odds", "normal"}
        What the spline models.
    varying : mapping of int to int
        Columns whose effect changes with time, and the degrees of freedom of the change.

    Returns
    -------
    FlexibleSolved
        Estimates and variance.

    Raises
    ------
    DataError
        Knots that coincide.
    ConvergenceError
        The likelihood cannot be computed.
    """
    keep = _independent(x)
    kept = np.ascontiguousarray(x[:, keep])
    died = follow.exit[follow.event > 0]
    place = np.cumsum(keep) - 1
    changes = tuple((int(place[j]), time_knots(died, own)) for j, own in sorted(varying.items()) if keep[j])
    curve = FlexibleCurve(scale, time_knots(died, df), changes)
    likelihood = flexible_likelihood(curve, kept, follow, weights)
    solution = climb(likelihood.evaluate, likelihood.root @ _start(curve, kept, follow, weights))
    plain = replace(curve, varying=())
    alone = flexible_likelihood(plain, kept[:, :0], follow, weights)
    null = climb(alone.evaluate, alone.root @ _start(plain, kept[:, :0], follow, weights))
    inverse = likelihood.inverse
    model = inverse @ covariance_of(solution.value.information) @ inverse.T
    evaluate, b = _in_units(likelihood), inverse @ solution.b
    infinite = _infinite(solution, inverse, evaluate, kept)
    limits = _limits(evaluate, b, infinite, solution.value.loglik, len(kept))
    return FlexibleSolved(curve, likelihood, solution, keep, kept, b, model, infinite, limits, null.value.loglik)


def _independent(x: Floats) -> Bools:
    """Find columns that are no linear combination of earlier ones and a constant."""
    if not x.shape[1]:
        return np.zeros(0, dtype=bool)
    with np.errstate(all="ignore"):
        centred = x - x.mean(axis=0)
        spread = centred.std(axis=0)
    if not np.isfinite(spread).all():
        raise ConvergenceError("the likelihood cannot be computed at the start; a covariate is of extreme size.")
    moving = spread > _ROUNDING * np.abs(x).max(axis=0)
    return np.asarray(moving & independent_columns(centred / np.where(moving, spread, 1.0)))


def _start(curve: FlexibleCurve, x: Floats, follow: FollowUp, weights: Floats) -> Floats:
    """Start from the model with a straight line in log time: Weibull, log-logistic or log-normal."""
    times, special = from_follow_up(follow), _SPECIAL[curve.scale]
    line = solve_aft(np.column_stack([np.ones(len(x)), x]), 0, weights, times, special)
    if line.infinite.any() or not line.solution.converged:
        line = solve_aft(np.ones((len(x), 1)), 0, weights, times, special)
    b = line.parameters
    steep = float(np.exp(-b[-1]))
    start = np.zeros(x.shape[1] + len(curve.knots) + sum(len(knots) - 1 for _, knots in curve.varying))
    start[: len(b) - 2] = -b[1:-1] * steep
    start[x.shape[1] : x.shape[1] + 2] = -b[0] * steep, steep
    return start


def _in_units(likelihood: FlexibleLikelihood) -> Evaluate:
    """Return the log-likelihood as a function of the parameters in the units of the data."""

    def evaluate(parameters: Floats) -> Evaluation:
        turned = likelihood.evaluate(likelihood.root @ parameters)
        root = likelihood.root
        return Evaluation(turned.loglik, turned.score @ root, root.T @ turned.information @ root)

    return evaluate


def _infinite(solution: Solution, inverse: Floats, evaluate: Evaluate, x: Floats) -> Bools:
    if not x.shape[1]:
        return np.zeros(len(solution.b), dtype=bool)
    still = np.zeros(len(solution.b) - x.shape[1])
    b = inverse @ solution.b
    turned = replace(solution, b=b, step=inverse @ solution.step, value=evaluate(b))
    return unbounded(turned, np.append(x.min(axis=0), still), np.append(x.max(axis=0), still))


def _limits(evaluate: Evaluate, b: Floats, infinite: Bools, supremum: float, n: int) -> dict[int, tuple[float, float]]:
    limits: dict[int, tuple[float, float]] = {}
    for j in map(int, np.flatnonzero(infinite)):
        finite = finite_limit(evaluate, b, j, supremum) if n <= LIMIT_ROWS else np.nan
        limits[j] = (finite, np.inf) if b[j] > 0 else (-np.inf, finite)
    return limits
