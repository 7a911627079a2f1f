"""The profile likelihood of hazard ratios of interval-censored data: the baseline hazard is maximised out at every value."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.newton import covariance_of
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.interval.interval_bend import separate_masses, solve_bend
from cobalamin.models.interval.interval_hazard import HazardProblem, slopes
from cobalamin.models.interval.interval_npmle import HazardEstimate, maximise_hazard

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# how far from the estimate the score is read for its slope, in standard errors
PROFILE_STEP = 1.0
_MOST_RANGE = 200.0  # of the linear predictor: beyond, products of relative risks and hazards leave the range of numbers


@dataclass(frozen=True, eq=False)
class ProfileLikelihood:
    """The log-likelihood of coefficients with the best baseline hazard for each.

    Attributes
    ----------
    problem : HazardProblem
        The data, n rows.
    z : ndarray, shape (n, p)
        Standardised covariates.
    found : list of HazardEstimate
        The last baseline, from where the next search starts.
    """

    problem: HazardProblem
    z: Floats
    found: list[HazardEstimate] = field(default_factory=list)

    def baseline(self, b: Floats) -> HazardEstimate:
        """Return the baseline hazard of highest likelihood at coefficients ``b``."""
        start = self.found[-1].mass if self.found else None
        estimate = maximise_hazard(self.problem, np.exp(self.z @ b), start)
        self.found[:] = [estimate]
        return estimate

    def evaluate(self, b: Floats) -> Evaluation:
        """Return the profile log-likelihood, its score, and its information with the support of the baseline held.

        Parameters
        ----------
        b : ndarray, shape (p,)
            Coefficients of the standardised covariates.

        Returns
        -------
        Evaluation
            ``-inf`` where relative risks are too far apart to be summed.

        Notes
        -----
        The score of the profile is that of the likelihood in ``b`` (the baseline is at its maximum). The information is
        ``I_bb - I_bh I_hh^-1 I_hb``, over the masses in use.
        """
        eta = self.z @ b
        if not np.ptp(eta) < _MOST_RANGE:
            return Evaluation(-np.inf, np.zeros(len(b)), np.eye(len(b)))
        estimate = self.baseline(b)
        risk = np.exp(eta)
        score, curvature, pull = _row_derivatives(self.problem, estimate.mass, risk)
        information = (self.z.T * (self.problem.weights * curvature)) @ self.z
        used = separate_masses(self.problem, estimate.mass)
        if len(used):
            cross = _cross(self.problem, self.z, risk, pull)[used]
            found = slopes(self.problem, estimate.mass, risk, self.problem.at_risk(risk))
            information = information - cross.T @ solve_bend(self.problem, found, used, cross)
        return Evaluation(estimate.loglik, self.z.T @ (self.problem.weights * score), (information + information.T) / 2)


def _row_derivatives(problem: HazardProblem, mass: Floats, risk: Floats) -> tuple[Floats, Floats, Floats]:
    """Return each row's first and minus second derivative in its linear predictor, and minus the mixed one within its interval."""
    survived, inside, rows = problem.survived_by(mass), problem.inside(mass), problem.within
    score = -survived * risk
    curvature = survived * risk
    score[problem.points] += 1.0
    x = np.minimum(inside * risk[rows], 700.0)
    growth = np.expm1(x)
    first, second = 1 / growth, 1 / (growth * np.expm1(-x))
    score[rows] += x * first
    curvature[rows] -= x * first + x * x * second
    return score, curvature, -risk[rows] * (first + x * second)


def _cross(problem: HazardProblem, z: Floats, risk: Floats, pull: Floats) -> Floats:
    """Return minus the mixed second derivatives in each mass and each coefficient, shape (m, p)."""
    sets, rows, weight = problem.sets, problem.within, problem.weights
    columns = [
        sets.add(sets.entry, problem.stop, weight * risk * z[:, j]) + problem.over_within(weight[rows] * pull * z[rows, j])
        for j in range(z.shape[1])
    ]
    return np.column_stack(columns) if columns else np.zeros((len(sets), 0))


def profile_covariance(likelihood: ProfileLikelihood, b: Floats, covariance: Floats, move: npt.NDArray[np.bool_]) -> Floats:
    """Return the variance from the curvature of the profile likelihood over one standard error to either side.

    Parameters
    ----------
    likelihood : ProfileLikelihood
        The profile.
    b : ndarray, shape (p,)
        Its maximum.
    covariance : ndarray, shape (p, p)
        Inverse information with the support of the baseline held, which sets the size of the steps.
    move : ndarray of bool, shape (p,)
        Coefficients to differentiate in; the others have no finite maximum.

    Returns
    -------
    ndarray, shape (p, p)
        Inverse of the observed information; for coefficients not in ``move`` (or without information) as in ``covariance``.

    Notes
    -----
    Differences of the score, which is the exact first derivative of the profile, are second differences of the profile. The theory
    wants steps of the order of a standard error: closer by, the support of the baseline does not change, and the curvature is
    that of a model whose jump times are known.

    References
    ----------
    Murphy SA, van der Vaart AW. On profile likelihood. JASA 2000;95:449-465. doi:10.1080/01621459.2000.10474219
    """
    where = np.flatnonzero(move & (np.diag(covariance) > 0))
    curvature = np.empty((len(where), len(where)))
    for row, j in enumerate(where):
        step = np.zeros(len(b))
        step[j] = PROFILE_STEP * np.sqrt(covariance[j, j])
        scores = [likelihood.evaluate(b + sign * step).score[where] for sign in (1.0, -1.0)]
        curvature[row] = (scores[1] - scores[0]) / (2 * step[j])
    full = covariance.copy()
    full[np.ix_(where, where)] = covariance_of((curvature + curvature.T) / 2)
    return full
