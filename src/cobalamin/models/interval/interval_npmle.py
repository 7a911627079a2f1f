"""The constrained Newton method that finds the nonparametric maximum likelihood estimate of a hazard, and proves that it has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.interval.interval_bend import multiply_bend, solve_bend
from cobalamin.models.interval.interval_hazard import HazardProblem, Slopes, log_likelihood, slopes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# largest gradient allowed, as a share of the number at risk: the log-likelihood is concave, so it lies within this share of
# the expected number of events below its maximum
KKT_TOLERANCE = 1e-8
MAX_ITERATIONS = 500
_KEEP = 0.9  # an exact time keeps some hazard: a step takes at most this share of it
_EM_START = 3
_NOTHING, _PATIENCE = 1e-14, 60  # relative gain that is none; after that many steps one below the noise counts as none
_STUCK = 1e-5  # violation that is accepted where no step brings the log-likelihood further
_NOISE = 1e-11  # relative rounding error of a log-likelihood of many rows


@dataclass(frozen=True, eq=False)
class HazardEstimate:
    """A nonparametric maximum.

    Attributes
    ----------
    mass : ndarray, shape (m,)
        Hazard of each innermost interval; 0 where it is endless (see `HazardProblem`).
    loglik : float
        Log-likelihood.
    gap : float
        Largest violation of the conditions of a maximum, as a share of the number at risk.
    iterations : int
        Steps taken.
    """

    mass: Floats
    loglik: float
    gap: float
    iterations: int


def maximise_hazard(problem: HazardProblem, risk: Floats, start: Floats | None = None, tolerance: float = KKT_TOLERANCE) -> HazardEstimate:
    """Find the hazard masses of highest likelihood at given relative risks.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    risk : ndarray, shape (n,)
        Relative risks (1 for a survival curve).
    start : ndarray, shape (m,), optional
        Masses to start from.
    tolerance : float
        Largest violation of the optimality conditions, as a share of the number at risk.

    Returns
    -------
    HazardEstimate
        The global maximum: the log-likelihood is concave in the masses, with delayed entry too.

    Raises
    ------
    ConvergenceError
        The conditions of a maximum are not met after many steps.

    Notes
    -----
    Most masses are 0 at the maximum. Each step adds the innermost intervals where the gradient is largest between those in use,
    takes a Newton step on them, and lets masses that would be negative leave (Wang's constrained Newton method, here in the
    cumulative hazard, where delayed entry keeps the problem concave). Where that does not climb, a step of the EM algorithm does.
    At the end the gradient is 0 where there is mass and not positive elsewhere: the Karush-Kuhn-Tucker conditions.

    References
    ----------
    Wang Y. Dimension-reduced nonparametric maximum likelihood computation for interval-censored data. Comput Stat Data Anal
    2008;52:2388-2402. doi:10.1016/j.csda.2007.10.018
    Gentleman R, Geyer CJ. Maximum likelihood for interval censored data: consistency and computation. Biometrika 1994;81:618-623.
    doi:10.1093/biomet/81.3.618
    """
    if not len(problem.sets):
        return HazardEstimate(np.zeros(0), 0.0, 0.0, 0)
    with one_blas_thread():
        return _climb(problem, risk, start, tolerance)


def _climb(problem: HazardProblem, risk: Floats, start: Floats | None, tolerance: float) -> HazardEstimate:
    cost = problem.at_risk(risk)
    mass = _first_masses(problem, cost) if start is None else start
    loglik = log_likelihood(problem, mass, risk)
    if not np.isfinite(loglik):
        mass = _first_masses(problem, cost)
        loglik = log_likelihood(problem, mass, risk)
    step = _Step(mass, loglik, np.inf)
    for iteration in range(MAX_ITERATIONS):
        found = slopes(problem, step.mass, risk, cost)
        gap = _violation(problem, step.mass, found)
        if gap <= tolerance:
            return HazardEstimate(step.mass, step.loglik, gap, iteration)
        tried = start is None or iteration >= _EM_START  # EM takes the first steps from masses of other risks
        new = _newton(problem, step, risk, found) if tried else None
        small = (_NOTHING if iteration < _PATIENCE else _NOISE) * (abs(step.loglik) + 1)
        if new is not None and new.promise <= small:
            last = new if np.isfinite(new.loglik) else step  # the step is tiny, but the score of a profile feels it
            return HazardEstimate(last.mass, last.loglik, _violation(problem, last.mass, slopes(problem, last.mass, risk, cost)), iteration)
        climbed = _em(problem, step, risk, found) if new is None or not np.isfinite(new.loglik) else new
        lost = climbed.loglik - step.loglik <= _NOISE * (abs(step.loglik) + 1)
        if tried and climbed is not new and lost and (gap <= _STUCK or iteration >= _PATIENCE):
            return HazardEstimate(step.mass, step.loglik, gap, iteration)  # as high as the rounding of sums lets it climb
        step = climbed
    raise ConvergenceError(
        f"the nonparametric likelihood of {len(problem.weights)} rows was not maximised in {MAX_ITERATIONS} steps"
        f" (largest violation {gap:.1e} of the number at risk). Round the times to the accuracy they have, and try again."
    )


def _first_masses(problem: HazardProblem, cost: Floats) -> Floats:
    """Cover every interval by as few innermost intervals as can be; the hazard there is events over those at risk."""
    sets, rows = problem.sets, problem.within
    newest = np.full(len(sets) + 1, -1, dtype=np.int64)
    np.maximum.at(newest, sets.last[rows], sets.first[rows])
    chosen = problem.exact_mass.copy()
    covered = -1  # the last innermost interval chosen
    for end in np.flatnonzero((newest >= 0) | np.append(False, chosen)):
        if newest[end] > covered and not chosen[newest[end] : end].any():
            chosen[end - 1] = True
        if chosen[end - 1]:
            covered = int(end) - 1
    home = _last_chosen(chosen)[sets.last[rows] - 1]
    share = np.bincount(home, problem.weights[rows], minlength=len(sets)) / np.maximum(cost, 1e-12)
    mass = np.where(chosen, np.log1p(share), 0.0)
    if len(problem.points):
        mass += np.bincount(sets.first[problem.points], problem.weights[problem.points], minlength=len(sets)) / np.maximum(cost, 1e-12)
    return mass


def _last_chosen(chosen: Bools) -> Ints:
    return np.asarray(np.maximum.accumulate(np.where(chosen, np.arange(len(chosen)), 0)), dtype=np.int64)


def _violation(problem: HazardProblem, mass: Floats, found: Slopes) -> float:
    share = np.divide(found.gradient, found.cost, out=np.zeros(len(mass)), where=(found.cost > 0) & ~problem.endless)
    return float(np.where(mass > 0, np.abs(share), share).max(initial=0.0))


@dataclass(frozen=True, eq=False)
class _Step:
    """Masses, their log-likelihood, and how much the quadratic approximation promised of the step to them."""

    mass: Floats
    loglik: float
    promise: float


def _em(problem: HazardProblem, now: _Step, risk: Floats, found: Slopes) -> _Step:
    """Take a step of the EM algorithm: expected events over those at risk."""
    # those in whose interval the event came are at risk in it too: they add what is neither gain nor known survival
    own = problem.over_within((problem.weights * risk)[problem.within])
    at_risk = found.cost + own
    new = np.divide(now.mass * (found.gain + own), at_risk, out=now.mass * found.gain, where=at_risk > 0)
    return _Step(new, log_likelihood(problem, new, risk), np.inf)


def _newton(problem: HazardProblem, now: _Step, risk: Floats, found: Slopes) -> _Step | None:
    """Take a Newton step on the masses in use and the most promising others; None where it does not point uphill."""
    used = np.flatnonzero((now.mass > 0) | _promising(problem, now.mass, found))
    direction = _direction(problem, now.mass, found, used)
    if not float(found.gradient @ direction) > 0:  # masses that left together took the step downhill: let one go at a time
        direction = _careful_direction(problem, now.mass, found, used)
    slope = float(found.gradient @ direction)
    return _search(problem, now, risk, direction, slope) if slope > 0 else None


def _search(problem: HazardProblem, now: _Step, risk: Floats, direction: Floats, slope: float) -> _Step:
    size, noise = 1.0, _NOISE * abs(now.loglik)
    for _ in range(30):
        trial = np.maximum(now.mass + size * direction, 0.0)
        value = log_likelihood(problem, trial, risk)
        # near the maximum the gain is lost in the rounding of the log-likelihood; the gradient decides there
        if value >= now.loglik + 1e-4 * size * slope or (slope < noise and value >= now.loglik - noise):
            return _Step(trial, value, slope)
        size /= 2
    return _Step(now.mass, -np.inf, slope)


def _promising(problem: HazardProblem, mass: Floats, found: Slopes) -> Bools:
    """Find the largest positive gradient between each two innermost intervals in use."""
    gradient = np.where((mass > 0) | problem.endless, -np.inf, found.gradient)
    gradient[gradient <= 0] = -np.inf
    stretch = np.cumsum(mass > 0)
    peak = np.full(int(stretch[-1]) + 1, -np.inf)
    np.maximum.at(peak, stretch, gradient)
    return np.asarray(np.isfinite(gradient) & (gradient == peak[stretch]), dtype=np.bool_)


def _direction(problem: HazardProblem, mass: Floats, found: Slopes, used: Ints) -> Floats:
    """Solve the quadratic approximation, letting masses that would be negative leave one lot after another."""
    direction = np.zeros(len(mass))
    free = used
    while len(free):
        push = found.gradient - multiply_bend(problem, found, direction) if len(free) < len(used) else found.gradient
        step = solve_bend(problem, found, free, push[free])
        negative = mass[free] + step < 0
        if not negative.any():
            direction[free] = step
            return direction
        leaving = free[negative]
        direction[leaving] = np.where(problem.exact_mass[leaving], -_KEEP, -1.0) * mass[leaving]
        free = free[~negative]
    return direction


def _careful_direction(problem: HazardProblem, mass: Floats, found: Slopes, used: Ints) -> Floats:
    """Solve the quadratic approximation and go as far as the first mass that becomes 0; this always points uphill."""
    free = used
    step = solve_bend(problem, found, free, found.gradient[free])
    while ((mass[free] <= 0) & (step < 0)).any():
        free = free[(mass[free] > 0) | (step >= 0)]
        step = solve_bend(problem, found, free, found.gradient[free])
    falling = np.flatnonzero(step < 0)
    room = np.where(problem.exact_mass[free], _KEEP, 1.0)[falling] * mass[free][falling] / -step[falling]
    direction = np.zeros(len(mass))
    direction[free] = step * min(1.0, float(room.min(initial=1.0)))
    if len(room) and room.min() < 1.0:
        first = free[falling[int(room.argmin())]]
        direction[first] = np.where(problem.exact_mass[first], -_KEEP, -1.0) * mass[first]  # exactly 0, not a rounding error from it
    return direction
