"""Maximising the likelihood of an accelerated failure time model, on standardised columns, and back to the units of the data."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.cox.newton import Solution, covariance_of
from cobalamin.models.cox.sweeps import column_facts
from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.likelihood.climb import climb, finite_limit, unbounded
from cobalamin.models.parametric.aft_distributions import GENERALIZED_GAMMA
from cobalamin.models.parametric.aft_likelihood import AftLikelihood, aft_likelihood
from cobalamin.models.regression.algebra import independent_columns

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_LIMIT_ROWS = 20_000  # up to here the finite limit of an infinite coefficient is looked for
_MANY = 5_000  # rows above which the generalised gamma, whose derivatives are costly, starts from the maximum of some of them
_FIRST_SHAPES = {"weibull": 1.0, "lognormal": 0.05}  # of the generalised gamma, from the fits of its special cases


@dataclass(frozen=True, eq=False)
class AftSolved:
    """A maximised likelihood in the units of the data, aliased columns left out.

    Attributes
    ----------
    likelihood : AftLikelihood
        On standardised columns.
    solution : Solution
        Its maximum, of the standardised parameters.
    keep : ndarray of bool, shape (p,)
        Columns that are not aliases.
    infinite : ndarray of bool, shape (k,)
        Parameters without a finite maximum.
    units : ndarray, shape (k, k)
        Parameters of the data = ``units @ standardised + origin``.
    origin : ndarray, shape (k,)
        See ``units``.
    covariance : ndarray, shape (k, k)
        Inverse information of the standardised parameters.
    loglik, loglik_null : float
        At the maximum, and with the intercept only.
    limits : dict of int to (low, high)
        95% limits of infinite parameters, in the units of the data.
    """

    likelihood: AftLikelihood
    solution: Solution
    keep: Bools
    infinite: Bools
    units: Floats
    origin: Floats
    covariance: Floats
    loglik: float
    loglik_null: float
    limits: dict[int, tuple[float, float]]

    @property
    def parameters(self) -> Floats:
        """Parameters in the units of the data; infinite where there is no maximum."""
        raw = self.units @ self.solution.b + self.origin
        return np.where(self.infinite, np.copysign(np.inf, self.solution.b), raw)

    def variance_of(self, standardised: Floats) -> Floats:
        """Return a covariance matrix of standardised parameters in the units of the data; NaN for infinite parameters."""
        full = self.units @ standardised @ self.units.T
        full[self.infinite] = np.nan
        full[:, self.infinite] = np.nan
        return np.asarray(full)


def solve_aft(x: Floats, intercept: int | None, weights: Floats, times: IntervalData, distribution: str) -> AftSolved:
    """Fit an accelerated failure time model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates in the units of the data.
    intercept : int or None
        Which column is the intercept.
    weights : ndarray, shape (n,)
        Positive case weights.
    times : IntervalData
        Bounds and entries.
    distribution : str
        Name of the distribution.

    Returns
    -------
    AftSolved
        Estimates and variance.

    Raises
    ------
    ConvergenceError
        The likelihood cannot be computed, or has no maximum.
    """
    z, center, scale = _standardised(x, intercept)
    if not np.isfinite(z).all():
        raise ConvergenceError("the likelihood cannot be computed at the start; a covariate is of extreme size.")
    keep = independent_columns(z)
    shift, unit = _location(times) if distribution == "gaussian" else (0.0, 1.0)
    scaled = IntervalData(*((part - shift) / unit for part in (times.lower, times.upper, times.entry)))
    likelihood = aft_likelihood(np.ascontiguousarray(z[:, keep]), weights, scaled, distribution)
    solution = _maximum(likelihood, None if intercept is None else int(keep[:intercept].sum()))
    _refuse_flat(solution, likelihood)
    null = _null(likelihood, solution, intercept)
    infinite = _infinite(likelihood, solution)
    units, origin = _units(keep, center, scale, intercept, likelihood.n_ancillary, shift, unit, likelihood.scaled)
    lost = float(weights[times.exact].sum()) * float(np.log(unit))
    limits = _limits(likelihood, solution, infinite, np.diag(units))
    covariance = covariance_of(solution.value.information)
    value = solution.value.loglik - lost
    return AftSolved(likelihood, solution, keep, infinite, units, origin, covariance, value, null - lost, limits)


def _refuse_flat(solution: Solution, likelihood: AftLikelihood) -> None:
    if not solution.converged and likelihood.explained(solution.b):
        raise ConvergenceError(
            "the likelihood has no maximum: the covariates give the time of every event exactly, as when all events happen at one time,"
            " so that the scale goes to 0. Check the times, or take distribution='exponential', which has no scale."
        )
    if not solution.converged and not (np.diag(solution.value.information) > 0).all():
        raise ConvergenceError(
            "the likelihood has no maximum: the bounds leave the parameters open, as when nobody is known to be free of the event for"
            " any time under observation. Check lower= and entry=."
        )


def _standardised(x: Floats, intercept: int | None) -> tuple[Floats, Floats, Floats]:
    center, scale, _ = column_facts(x)
    if intercept is None:
        center = np.zeros(x.shape[1])  # without an intercept columns cannot be moved
    else:
        center[intercept], scale[intercept] = 0.0, 1.0
    with np.errstate(all="ignore"):
        z = np.where(np.isfinite(scale), (x - center) / scale, np.nan)
    return z, center, scale


def _location(times: IntervalData) -> tuple[float, float]:
    y = _near(times.lower, times.upper)
    return float(y.mean()), float(y.std()) or 1.0


def _near(low: Floats, high: Floats) -> Floats:
    """Return a value near each event: the middle of its interval, or its only bound."""
    with np.errstate(invalid="ignore"):
        middle = (low + high) / 2
    return np.where(np.isfinite(middle), middle, np.where(np.isfinite(low), low, np.where(np.isfinite(high), high, 0.0)))


def _maximum(likelihood: AftLikelihood, intercept: int | None) -> Solution:
    if likelihood.distribution != GENERALIZED_GAMMA:
        return climb(likelihood.evaluate, _start(likelihood, intercept), _span(likelihood))
    if len(likelihood.x) > _MANY:  # few rows show the way, and all of them the maximum
        few = _maximum(likelihood.every(-(-len(likelihood.x) // _MANY)), intercept)
        if few.converged:
            with suppress(ConvergenceError):
                return climb(likelihood.evaluate, few.b, _span(likelihood))
    found = []
    for special, shape in _FIRST_SHAPES.items():
        span = _span(likelihood)
        from_here = climb(replace(likelihood, distribution=special).evaluate, _start(likelihood, intercept)[:-1], span[:-1])
        found.append(climb(likelihood.evaluate, np.append(from_here.b, shape), span))
    return max(found, key=lambda solution: (solution.converged, solution.value.loglik))


def _span(likelihood: AftLikelihood) -> Floats:
    """Return the range of each parameter's column; 0 for the intercept, the scale and the shape."""
    return np.append(np.ptp(likelihood.x, axis=0), np.zeros(likelihood.n_ancillary))


def _start(likelihood: AftLikelihood, intercept: int | None) -> Floats:
    y = _near(likelihood.low, likelihood.high)
    start = np.zeros(likelihood.x.shape[1] + likelihood.n_ancillary)
    if intercept is not None:
        start[intercept] = float(np.average(y, weights=likelihood.weights))
    elif likelihood.x.shape[1]:
        start[: likelihood.x.shape[1]] = np.linalg.lstsq(likelihood.x, y, rcond=None)[0]
    if likelihood.scaled:
        residual = y - likelihood.x @ start[: likelihood.x.shape[1]]
        start[likelihood.x.shape[1]] = np.log(max(float(residual.std()), 1e-3))
    return start


def _null(likelihood: AftLikelihood, solution: Solution, intercept: int | None) -> float:
    """Return the log-likelihood with the intercept only (R's ``survreg``); NaN for models without an intercept."""
    if intercept is None:
        return np.nan
    if likelihood.x.shape[1] == 1:
        return solution.value.loglik
    alone = likelihood.intercept_only()
    try:
        return _maximum(alone, 0).value.loglik
    except ConvergenceError:
        return np.nan


def _infinite(likelihood: AftLikelihood, solution: Solution) -> Bools:
    beyond = np.zeros(likelihood.n_ancillary)
    scale = float(np.exp(solution.b[likelihood.x.shape[1]])) if likelihood.scaled else 1.0
    low, high = (np.append(edge, beyond) / scale for edge in (likelihood.x.min(axis=0), likelihood.x.max(axis=0)))
    return unbounded(solution, low, high)


def _units(
    keep: Bools, center: Floats, scale: Floats, intercept: int | None, ancillary: int, shift: float, unit: float, scaled: bool
) -> tuple[Floats, Floats]:
    """Return the linear map from standardised parameters to those of the data."""
    kept = np.flatnonzero(keep)
    k = len(kept) + ancillary
    units, origin = np.eye(k), np.zeros(k)
    units[: len(kept), : len(kept)] = np.diag(unit / scale[kept])
    if intercept is not None and keep[intercept]:
        row = int(keep[:intercept].sum())
        units[row, : len(kept)] = -unit * center[kept] / scale[kept]
        units[row, row] = unit
        origin[row] = shift
    if scaled:
        origin[len(kept)] = np.log(unit)
    return units, origin


def _limits(likelihood: AftLikelihood, solution: Solution, infinite: Bools, units: Floats) -> dict[int, tuple[float, float]]:
    limits: dict[int, tuple[float, float]] = {}
    for j in map(int, np.flatnonzero(infinite)):
        finite = np.nan
        if len(likelihood.x) <= _LIMIT_ROWS:
            finite = finite_limit(likelihood.evaluate, solution.b, j, solution.value.loglik) * float(units[j])
        limits[j] = (finite, np.inf) if solution.b[j] > 0 else (-np.inf, finite)
    return limits
