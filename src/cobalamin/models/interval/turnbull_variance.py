"""How uncertain a Turnbull curve is: Greenwood, information, or bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.models.interval.interval_bend import separate_masses, solve_bend
from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.interval.interval_hazard import HazardProblem, hazard_problem, slopes, survival_of
from cobalamin.models.interval.interval_npmle import maximise_hazard

Floats = npt.NDArray[np.float64]

MOST_FOR_INFORMATION = 2000  # steps up to which the information matrix is inverted
NO_ERROR = (
    "no standard errors: some innermost intervals have no mass of their own (or there are very many), so the inverse information is"
    " not the variance of the curve. State seed= for bootstrap limits."
)


def log_variance(problem: HazardProblem, mass: Floats, times: IntervalData) -> tuple[str, Floats]:
    """Return the variance of log S where the likelihood gives it.

    Parameters
    ----------
    problem : HazardProblem
        The data, m innermost intervals.
    mass : ndarray, shape (m,)
        Hazard masses at the maximum.
    times : IntervalData
        The rows behind it.

    Returns
    -------
    kind : str
        ``"greenwood"`` (exact and right-censored times), ``"information"`` (every innermost interval has mass), or ``"none"``.
    variance : ndarray, shape (m,)
        Variance of log S after each innermost interval; NaN where S is 0, and throughout for ``"none"``.

    Notes
    -----
    With a hazard mass l in an innermost interval in which everybody's event time is exact, the inverse information is Greenwood's
    ``d / (n (n - d))``.
    """
    ended = np.cumsum(problem.endless) > 0
    used = np.flatnonzero(~ended)
    if (times.exact | ~times.happened).all():
        died = problem.sets.add(problem.sets.first, problem.sets.last, problem.weights)
        cost = problem.at_risk(np.ones(len(problem.weights)))
        terms = np.divide(died, cost * (cost + died), out=np.zeros(len(mass)), where=~ended & (cost > 0))
        return "greenwood", np.where(ended, np.nan, np.cumsum(terms))
    apart = separate_masses(problem, mass)
    if (mass[used] <= 0).any() or len(used) > MOST_FOR_INFORMATION or len(apart) < len(used):
        return "none", np.full(len(mass), np.nan)
    risk = np.ones(len(problem.weights))
    found = slopes(problem, mass, risk, problem.at_risk(risk))
    inverse = solve_bend(problem, found, used, np.eye(len(used)))
    variance = np.full(len(mass), np.nan)
    variance[used] = np.diag(np.cumsum(np.cumsum(inverse, axis=0), axis=1))
    return "information", variance


def bootstrap_limits(
    times: IntervalData, weight: Floats, moments: Floats, rng: np.random.Generator, replicates: int, level: float
) -> tuple[Floats, Floats, Floats]:
    """Draw persons with replacement and estimate the curve anew.

    Parameters
    ----------
    times : IntervalData
        n rows.
    weight : ndarray, shape (n,)
        Whole case weights.
    moments : ndarray, shape (m,)
        Times at which the curve is wanted.
    rng : Generator
        Source of randomness.
    replicates : int
        Samples.
    level : float
        Confidence level.

    Returns
    -------
    std_error, low, high : ndarray, shape (m,)
        Standard deviation and percentiles over the samples.

    References
    ----------
    Sen B, Xu G. Model based bootstrap methods for interval censored data. Comput Stat Data Anal 2015;81:121-129.
    doi:10.1016/j.csda.2014.07.007 (the nonparametric bootstrap is approximate where visits are continuous)
    """
    drawn = np.empty((replicates, len(moments)))
    total = int(weight.sum())
    for b in range(replicates):
        copies = rng.multinomial(total, weight / total)
        rows = np.flatnonzero(copies)
        drawn[b] = _survival_at(times.take(rows), copies[rows].astype(np.float64), moments)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return drawn.std(axis=0, ddof=1), low, high


def _survival_at(times: IntervalData, weight: Floats, moments: Floats) -> Floats:
    problem = hazard_problem(times, weight, density=False)
    mass = maximise_hazard(problem, np.ones(len(weight)), tolerance=1e-6).mass
    middle = (problem.sets.left + problem.sets.right) / 2
    return np.append(1.0, survival_of(problem, mass))[np.searchsorted(middle, moments, side="right")]
