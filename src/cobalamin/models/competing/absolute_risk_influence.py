"""How each person moves a sum over the baseline hazard of a Cox or Fine-Gray fit: what standard errors of predictions are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.competing.fine_gray_likelihood import FineGrayLikelihood
from cobalamin.models.competing.fine_gray_variance import Side, add_weight_influence, fine_gray_scores
from cobalamin.models.covariance import influence
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.hazard import Hazard, Sums
from cobalamin.models.cox.partial_likelihood import PartialLikelihood
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The baseline hazard of a fit with all that is needed for the influence of persons on it.

    Attributes
    ----------
    fit : Fit
        A Cox or Fine-Gray fit without strata.
    likelihood : PartialLikelihood
        Its data.
    sums, hazard : Sums, Hazard
        At the solution.
    risk : ndarray, shape (m,)
        Risk weights of ``likelihood.sets.rows``, per unit of case weight.
    mean : ndarray, shape (p, K)
        Hazard times the mean standardised covariate.
    effect : ndarray, shape (n, p)
        Influence of each row on the standardised coefficients, per unit of case weight.
    """

    fit: Fit
    likelihood: PartialLikelihood
    sums: Sums
    hazard: Hazard
    risk: Floats
    mean: Floats
    effect: Floats

    @property
    def times(self) -> Floats:
        """Event times, shape (K,)."""
        return self.likelihood.sets.times

    def ratio(self, z: Floats) -> float:
        """Return the hazard ratio of a person against the (shifted) baseline.

        Parameters
        ----------
        z : ndarray, shape (p,)
            Standardised covariates of the person.

        Returns
        -------
        float
            ``exp(z'b - shift)``.
        """
        return float(np.exp(self.fit.parts["solved"].b @ z - self.sums.shift))

    def hazard_of(self, z: Floats) -> Floats:
        """Return a person's hazard at each event time.

        Parameters
        ----------
        z : ndarray, shape (p,)
            Standardised covariates of the person.

        Returns
        -------
        ndarray, shape (K,)
            Hazards.
        """
        return self.hazard.h * self.ratio(z)

    def standardise(self, x: Floats) -> Floats:
        """Return standardised covariates of the columns kept.

        Parameters
        ----------
        x : ndarray, shape (m, all columns)
            From ``matrix.apply``.

        Returns
        -------
        ndarray, shape (m, p)
            Standardised.
        """
        keep = self.fit.parts["solved"].keep
        return np.asarray((x[:, keep] - self.likelihood.center) / self.likelihood.scale)

    def move(self, phi: Floats, z: Floats) -> Floats:
        """Return each row's influence on the sum of ``phi(u) h(u)`` over event times u, h being the hazard of a person.

        Parameters
        ----------
        phi : ndarray, shape (K,)
            Factor of the hazard at each event time.
        z : ndarray, shape (p,)
            Standardised covariates of the person.

        Returns
        -------
        ndarray, shape (n,)
            Derivative by the case weight of each row.

        Notes
        -----
        With a person's hazard ``h(u) = exp(z'b) dN(u) / S0(u)``, a row adds ``phi (dN_i - r_i h) / S0`` while at risk, and through the
        coefficients ``[sum of phi (z - zbar) h]' db``. Efron's denominators are used where the fit used them.
        """
        model, hazard = self.likelihood, self.hazard
        sets, bins = model.sets, model.sets.death_bin
        held = np.append(0.0, np.cumsum(phi * hazard.a2))
        through = held[sets.exit_bin + 1] - (0.0 if sets.entry_bin is None else held[sets.entry_bin + 1])
        moved = self.effect @ (z * float(phi @ hazard.h) - self.mean @ phi)
        moved[sets.rows] -= self.risk * through
        mass = (model.mean_weight * model.tied)[bins]
        dead_risk = model.dead_risk(self.fit.parts["solved"].b, self.sums.shift)
        moved[sets.death_rows] += phi[bins] * (hazard.h[bins] / mass + dead_risk * hazard.b2[bins])
        if isinstance(model, FineGrayLikelihood):
            moved += self._stay_moves(model, phi)
        return np.asarray(moved * self.ratio(z))

    def _stay_moves(self, model: FineGrayLikelihood, phi: Floats) -> Floats:
        """Return the part of those who stay at risk after a competing event, and of the estimation of their weights."""
        parts = self.fit.parts
        risk = model.stay_risk(parts["solved"].b, self.sums.shift)
        mass = np.append(0.0, np.cumsum(phi * self.hazard.a2 * model.decay))
        moved = np.zeros(model.sets.n)
        chance = np.exp(-parts["observation"].log_probability(model.stay_exit))
        moved[model.stay_rows] -= risk * (chance / model.stay_weight) * (mass[-1] - mass[model.stay_bin])
        people = np.append(0.0, np.cumsum(risk))

        def q(times: Floats, side: Side) -> Floats:
            before = people[np.searchsorted(model.stay_exit, times, side=side)]
            return np.asarray(before * (mass[-1] - mass[np.searchsorted(model.sets.times, times, side=side)]))[None]

        add_weight_influence(moved[:, None], parts["timed"], parts["observation"], q)
        return moved


def baseline_of(fit: Fit) -> Baseline:
    """Gather what predictions from a fit need.

    Parameters
    ----------
    fit : Fit
        From `cox` (without strata or survey) or `fine_gray`.

    Returns
    -------
    Baseline
        Ready to predict.
    """
    solved = fit.parts["solved"]
    model: PartialLikelihood = solved.likelihood
    with one_blas_thread():
        sums, risk = model.sums(solved.b)
        hazard = model.hazard(sums)
    if isinstance(model, FineGrayLikelihood):
        scores = fine_gray_scores(model, fit.parts["timed"], fit.parts["observation"], solved.b)
    else:
        scores = score_residuals(model, solved.b)
    effect = influence(scores, solved.full_covariance) * model.scale
    mean = sums.s1 * hazard.a2 - sums.d1 * hazard.b2
    return Baseline(fit, model, sums, hazard, model.per_weight(risk)[model.sets.rows], mean, effect)
