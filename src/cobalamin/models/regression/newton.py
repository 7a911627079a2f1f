"""Newton's method on a regression likelihood: one pass over the rows per step, Firth's penalty, one coefficient held if wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cobalamin.models.regression.algebra import BLOCK, quadratic_forms, solve
from cobalamin.models.regression.likelihoods import Likelihood

Floats = npt.NDArray[np.float64]
SETTLED = 1e-6  # largest change of a linear predictor in the last step; the error left is of its square
SETTLED_FIRTH = 1e-9  # its steps leave out the derivative of the penalty: the error left is of the size of the step


@dataclass(frozen=True, eq=False)
class Point:
    """The likelihood at some coefficients.

    Attributes
    ----------
    loglik : float
        Weighted log-likelihood without constants, with the penalty.
    score : ndarray, shape (p,)
        First derivative.
    information : ndarray, shape (p, p)
        Minus the second derivative (of the likelihood without the penalty).
    """

    loglik: float
    score: Floats
    information: Floats


@dataclass(frozen=True, eq=False)
class Objective:
    """What is to be maximized.

    Attributes
    ----------
    x : ndarray, shape (n, p)
        Covariates, linearly independent.
    y, weight : ndarray, shape (n,)
        Outcomes, and weights > 0.
    likelihood : Likelihood
        Kind of outcome and link.
    offset : ndarray, shape (n,), optional
        Added to the linear predictor.
    firth : bool
        Whether half the logarithm of the determinant of the information is added (Jeffreys' prior).
    scale : float
        Size of the linear predictor by which a step is small: 1, or the standard deviation of a continuous outcome.
    """

    x: Floats
    y: Floats
    weight: Floats
    likelihood: Likelihood
    offset: Floats | None = None
    firth: bool = False
    scale: float = 1.0

    def eta(self, beta: Floats) -> Floats:
        """Return the linear predictor."""
        found = self.x @ beta
        return found if self.offset is None else found + self.offset

    def reach(self, step: Floats) -> float:
        """Return the largest change of a linear predictor by a step."""
        return float(np.abs(self.x @ step).max(initial=0.0)) / self.scale

    def evaluate(self, beta: Floats) -> Point:
        """Return value and derivatives; the value is -inf beyond the bounds of the likelihood."""
        value, score, information = 0.0, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        for first in range(0, len(self.x), BLOCK):
            rows = slice(first, first + BLOCK)
            x, weight = self.x[rows], self.weight[rows]
            eta = x @ beta if self.offset is None else x @ beta + self.offset[rows]
            with np.errstate(over="ignore", invalid="ignore"):
                one, two, three = self.likelihood.terms(self.y[rows], eta)
                value += float(weight @ one)
            if not np.isfinite(value):
                return Point(-np.inf, score, information)
            score += x.T @ (weight * two)
            information += x.T @ (x * (weight * three)[:, None])
        point = Point(value, score, information)
        return self._penalized(beta, point) if self.firth else point

    def _penalized(self, beta: Floats, point: Point) -> Point:
        sign, size = np.linalg.slogdet(point.information)
        if sign <= 0:
            return replace(point, loglik=-np.inf)
        eta = self.eta(beta)
        mu = self.likelihood.mean(eta)
        lever = quadratic_forms(self.x, solve(point.information, np.eye(len(beta)))) * self.weight * self.likelihood.expected(eta)
        # half the logarithmic derivative of the curvature by eta: mu (1 - mu) for the logit, mu for the log link
        slope = 0.5 - mu if self.likelihood.link == "logit" else 0.5
        return Point(point.loglik + 0.5 * float(size), point.score + self.x.T @ (lever * slope), point.information)


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where Newton's method came to.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients.
    step : ndarray, shape (p,)
        The last step, as long as Newton's method wanted it.
    information : ndarray, shape (p, p)
        Minus the second derivative at ``beta``.
    loglik : float
        Weighted log-likelihood at ``beta``, without constants.
    converged : bool
        Whether the linear predictors stood still. They never do where the data are separated: see `separation`.
    iterations : int
        Steps taken.
    """

    beta: Floats
    step: Floats
    information: Floats
    loglik: float
    converged: bool
    iterations: int


def climb(objective: Objective, start: Floats, *, limit: int = 25, basis: Floats | None = None) -> Optimum:
    """Climb a log-likelihood by Newton steps, halved where they overshoot or leave its bounds.

    Parameters
    ----------
    objective : Objective
        What to maximize.
    start : ndarray, shape (p,)
        Where to begin.
    limit : int
        Most steps to take.
    basis : ndarray, shape (p, k), optional
        Directions in which the coefficients may move; all by default.

    Returns
    -------
    Optimum
        The maximum, or the place reached.

    Notes
    -----
    ``l(b) = sum w l_i(eta_i)``, score ``X' w l'``, information ``-X' diag(w l'') X``. With Firth's penalty the score is that of
    ``l + log|I| / 2`` and the steps are ``I^-1 score``.

    References
    ----------
    Firth D. Bias reduction of maximum likelihood estimates. Biometrika 1993;80:27-38. doi:10.1093/biomet/80.1.27

    Examples
    --------
    >>> from cobalamin.models.regression.likelihoods import POISSON
    >>> found = climb(Objective(np.ones((2, 1)), np.array([1.0, 3.0]), np.ones(2), POISSON), np.zeros(1))
    >>> bool(abs(found.beta[0] - np.log(2)) < 1e-9)
    True
    """
    settled = SETTLED_FIRTH if objective.firth else SETTLED
    beta, point, step = start, objective.evaluate(start), np.zeros(len(start))
    taken, done = 0, not np.isfinite(point.loglik)
    arrived = False
    while taken < limit and not done:
        step = _step(point, basis)
        share, point = _shorten(objective, beta, step, point)
        beta, taken = beta + share * step, taken + 1
        arrived = share == 1.0 and objective.reach(step) < settled
        done = arrived or share == 0.0
    return Optimum(beta, step, point.information, point.loglik, arrived, taken)


def _step(point: Point, basis: Floats | None) -> Floats:
    if basis is None:
        return solve(point.information, point.score)
    return np.asarray(basis @ solve(basis.T @ point.information @ basis, basis.T @ point.score))


def _shorten(objective: Objective, beta: Floats, step: Floats, point: Point) -> tuple[float, Point]:
    """Return the share of a step that does not lose likelihood (rounding aside), and the likelihood there."""
    share = 1.0
    slack = 1e-10 * (abs(point.loglik) + 1.0)
    for _ in range(40):
        better = objective.evaluate(beta + share * step)
        if better.loglik >= point.loglik - slack:
            return share, better
        share /= 2
    return 0.0, point
