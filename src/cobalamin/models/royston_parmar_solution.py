"""Maximising the likelihood of a flexible parametric model, and its estimates in the units of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.aft_solution import solve_aft
from cobalamin.models.binomial import independent_columns
from cobalamin.models.interval_data import from_follow_up
from cobalamin.models.newton import Solution, covariance_of, infinite_terms
from cobalamin.models.parametric_newton import climb
from cobalamin.models.royston_parmar_curve import FlexibleCurve, Scale, time_knots
from cobalamin.models.royston_parmar_likelihood import FlexibleLikelihood, flexible_likelihood

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SPECIAL = {"hazard": "weibull", "odds": "loglogistic", "normal": "lognormal"}
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
    loglik_null: float

    @property
    def coefficients(self) -> Floats:
        """Parameters, infinite where there is no maximum."""
        return np.where(self.infinite, np.sign(self.parameters) * np.inf, self.parameters)

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
    inverse = np.asarray(np.linalg.inv(likelihood.root), dtype=np.float64)
    model = inverse @ covariance_of(solution.value.information) @ inverse.T
    infinite = _infinite(solution, inverse, kept)
    return FlexibleSolved(curve, likelihood, solution, keep, kept, inverse @ solution.b, model, infinite, null.value.loglik)


def _independent(x: Floats) -> Bools:
    """Find columns that are no linear combination of earlier ones and a constant."""
    if not x.shape[1]:
        return np.zeros(0, dtype=bool)
    spread = x.std(axis=0)
    moving = spread > 1e-12 * np.abs(x).max(axis=0)
    return np.asarray(moving & independent_columns((x - x.mean(axis=0)) / np.where(moving, spread, 1.0)))


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


def _infinite(solution: Solution, inverse: Floats, x: Floats) -> Bools:
    if not solution.converged or not x.shape[1]:
        return np.zeros(len(solution.b), dtype=bool)
    still = np.zeros(len(solution.b) - x.shape[1])
    ranges = (np.append(x.min(axis=0), still), np.append(x.max(axis=0), still))
    return infinite_terms(replace(solution, step=inverse @ solution.step), ranges)
