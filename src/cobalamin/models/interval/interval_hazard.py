"""Nonparametric maximum likelihood of the hazard of interval-censored, left-truncated times, at fixed relative risks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.interval.interval_data import IntervalData
from cobalamin.models.interval.interval_sets import IntervalSets, interval_sets
from cobalamin.models.interval.range_sums import sum_over

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class HazardProblem:
    """The likelihood of hazard masses on innermost intervals.

    Attributes
    ----------
    sets : IntervalSets
        n rows as ranges of m innermost intervals.
    weights : ndarray, shape (n,)
        Case weights.
    within : ndarray of int
        Rows that add ``log P(event within first .. last - 1)``; rows that had the event where all at risk did are certain and add none.
    points : ndarray of int
        Rows that add the logarithm of the hazard mass at their exact time (Breslow's likelihood).
    stop : ndarray of int, shape (n,)
        End of the range over which each row is free of the event.
    endless : ndarray of bool, shape (m,)
        Innermost intervals that nobody is known to survive: the hazard there is infinite and the survival curve ends at 0.
    exact_mass : ndarray of bool, shape (m,)
        Innermost intervals with rows of ``points``: their hazard is never 0.
    wanted, survived : ndarray of bool, shape (m,)
        Innermost intervals that rows of ``within`` span, and that somebody is known to survive. Sums over nobody are exactly 0 there,
        where running sums leave rounding errors.
    """

    sets: IntervalSets
    weights: Floats
    within: Ints
    points: Ints
    stop: Ints
    endless: Bools
    exact_mass: Bools
    wanted: Bools
    survived: Bools

    def at_risk(self, risk: Floats) -> Floats:
        """Return the summed relative risks of those known to survive each innermost interval, shape (m,)."""
        return np.where(self.survived, self.sets.add(self.sets.entry, self.stop, self.weights * risk), 0.0)

    def over_within(self, amount: Floats) -> Floats:
        """Sum amounts of the rows of ``within`` over the innermost intervals they span, shape (m,)."""
        rows = self.within
        return np.where(self.wanted, self.sets.add(self.sets.first[rows], self.sets.last[rows], amount), 0.0)

    def survived_by(self, mass: Floats) -> Floats:
        """Return the hazard each row survived, shape (n,)."""
        return sum_over(self.sets.entry, self.stop, mass)

    def inside(self, mass: Floats) -> Floats:
        """Return the hazard within the interval of each row of ``within``."""
        return sum_over(self.sets.first[self.within], self.sets.last[self.within], mass)


def hazard_problem(times: IntervalData, weights: Floats, *, density: bool) -> HazardProblem:
    """Set up the likelihood.

    Parameters
    ----------
    times : IntervalData
        n rows.
    weights : ndarray, shape (n,)
        Positive case weights.
    density : bool
        How exact times count: by the hazard mass times survival (Cox models: Breslow's likelihood), or by the probability of the
        mass (survival curves: the product limit).

    Returns
    -------
    HazardProblem
        Ready for `maximise_hazard`.
    """
    sets = interval_sets(times, density=density)
    point = sets.exact & density
    stop = np.where(point, sets.last, sets.first)
    interval = (sets.last > sets.first) & ~point
    survived = _count(sets, sets.entry, stop) > 0
    endless = ~survived & (_count(sets, sets.first[interval], sets.last[interval]) > 0)
    before = np.append(0, np.cumsum(endless))
    certain = before[sets.last] > before[sets.first]
    within, points = np.flatnonzero(interval & ~certain), np.flatnonzero(point)
    wanted = _count(sets, sets.first[within], sets.last[within]) > 0
    exact_mass = np.bincount(sets.first[points], minlength=len(sets)) > 0
    return HazardProblem(sets, weights, within, points, stop, endless, exact_mass, wanted, survived)


def _count(sets: IntervalSets, start: Ints, stop: Ints) -> Ints:
    size = len(sets) + 1
    change = np.bincount(start, minlength=size) - np.bincount(stop, minlength=size)
    return np.asarray(np.cumsum(change)[:-1], dtype=np.int64)


def log_likelihood(problem: HazardProblem, mass: Floats, risk: Floats) -> float:
    """Return the log-likelihood of hazard masses.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    mass : ndarray, shape (m,)
        Hazard of each innermost interval, 0 where it is endless.
    risk : ndarray, shape (n,)
        Relative risk of each row.

    Returns
    -------
    float
        ``sum w [-r (L(lower) - L(entry)) + log(1 - exp(-r (L(upper) - L(lower))))]``; ``-inf`` where an interval has no hazard.
    """
    value = -float(problem.weights * risk @ problem.survived_by(mass))
    inside, rows, points = problem.inside(mass), problem.within, problem.points
    with np.errstate(divide="ignore"):
        value += float(problem.weights[rows] @ np.log(-np.expm1(-inside * risk[rows])))
        if len(points):
            value += float(problem.weights[points] @ np.log(mass[problem.sets.first[points]] * risk[points]))
    return value if np.isfinite(value) else -np.inf


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives of the log-likelihood in the hazard masses.

    Attributes
    ----------
    gain : ndarray, shape (m,)
        What more hazard brings to the rows that had the event there.
    cost : ndarray, shape (m,)
        What it takes from those who survived: summed relative risks.
    bend : ndarray
        Minus the second derivative of each row of ``within`` in the hazard inside its interval.
    point_bend : ndarray, shape (m,)
        Minus the second derivative of the logarithms of exact masses.
    """

    gain: Floats
    cost: Floats
    bend: Floats
    point_bend: Floats

    @property
    def gradient(self) -> Floats:
        """First derivative, shape (m,)."""
        return self.gain - self.cost


def slopes(problem: HazardProblem, mass: Floats, risk: Floats, cost: Floats) -> Slopes:
    """Differentiate the log-likelihood in the hazard masses.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    mass, risk : ndarray, shapes (m,) and (n,)
        Masses and relative risks; every interval holds some hazard.
    cost : ndarray, shape (m,)
        ``problem.at_risk(risk)``.

    Returns
    -------
    Slopes
        First and second derivatives, in time proportional to rows + intervals.
    """
    sets, rows = problem.sets, problem.within
    own, weight = risk[rows], problem.weights[rows]
    u = np.minimum(problem.inside(mass) * own, 700.0)
    growth = np.expm1(u)
    pull = weight * own / growth
    gain = problem.over_within(pull)
    point_bend = np.zeros(len(sets))
    if len(problem.points):
        count = np.bincount(sets.first[problem.points], problem.weights[problem.points], minlength=len(sets))
        held = np.where(problem.exact_mass, mass, 1.0)
        gain = gain + count / held
        point_bend = count / held**2
    return Slopes(gain, cost, -pull * own / np.expm1(-u), point_bend)


def survival_of(problem: HazardProblem, mass: Floats) -> Floats:
    """Return the survival probability after each innermost interval.

    Parameters
    ----------
    problem : HazardProblem
        The data.
    mass : ndarray, shape (m,)
        Hazard masses.

    Returns
    -------
    ndarray, shape (m,)
        ``exp(-cumulative hazard)``, 0 from the first endless interval on.
    """
    return np.where(np.cumsum(problem.endless) > 0, 0.0, np.exp(-np.cumsum(mass)))
