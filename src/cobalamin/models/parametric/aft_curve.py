"""Hazards of accelerated failure time models and their derivatives in the parameters, for predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.parametric.aft_distributions import GENERALIZED_GAMMA, ErrorDistribution, error_distribution
from cobalamin.models.parametric.aft_likelihood import SHAPE_STEP

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AftCurve:
    """What a fitted accelerated failure time model predicts.

    Attributes
    ----------
    distribution : str
        Name of the distribution.
    p : int
        Number of coefficients; log(scale) and shape follow them.
    """

    distribution: str
    p: int

    @property
    def shaped(self) -> bool:
        """Whether the distribution has a shape parameter."""
        return self.distribution == GENERALIZED_GAMMA

    @property
    def positive(self) -> bool:
        """Whether times are positive."""
        return self.distribution != "gaussian"

    def _error(self, theta: Floats, moved: float = 0.0) -> ErrorDistribution:
        return error_distribution(self.distribution, float(theta[-1]) + moved if self.shaped else None)

    def _tau(self, theta: Floats) -> float:
        return 0.0 if self.distribution == "exponential" else float(theta[self.p])

    def _z(self, x: Floats, t: Floats, theta: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            y = np.log(t) if self.positive else t
        return np.asarray((y - x @ theta[: self.p]) * np.exp(-self._tau(theta)))

    def _gradient(self, x: Floats, z: Floats, slope: Floats, theta: Floats, own: float) -> Floats:
        """Return derivatives in b and log(scale) of a function of z with the given slope, less ``own`` log(scale)."""
        parts = [-x * (slope * np.exp(-self._tau(theta)))[:, None]]
        if self.distribution != "exponential":
            parts.append((-z * slope - own)[:, None])
        return np.column_stack(parts)

    def log_cumulative(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return the log cumulative hazard of rows at their times, and its gradient.

        Parameters
        ----------
        x : ndarray, shape (n, p)
            Covariates.
        t : ndarray, shape (n,)
            Times.
        theta : ndarray, shape (k,)
            Parameters.

        Returns
        -------
        value : ndarray, shape (n,)
            ``log(-log S(t))``.
        gradient : ndarray, shape (n, k)
            Its derivative in the parameters.
        """
        z = self._z(x, t, theta)
        error = self._error(theta)
        with np.errstate(all="ignore"):
            log_s = error.log_survival(z)
            slope = np.exp(error.log_density(z)[0] - log_s) / -log_s
            gradient = self._gradient(x, z, slope, theta, 0.0)
            if self.shaped:
                gradient = np.column_stack([gradient, self._in_shape(lambda e: np.log(-e.log_survival(z)), theta)])
            return np.log(-log_s), gradient

    def log_hazard(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return the log hazard of rows at their times, and its gradient; as `log_cumulative`."""
        z = self._z(x, t, theta)
        error = self._error(theta)
        with np.errstate(all="ignore"):
            density, slope, _ = error.log_density(z)
            log_s = error.log_survival(z)
            value = density - log_s - self._tau(theta) - (np.log(t) if self.positive else 0.0)
            gradient = self._gradient(x, z, slope + np.exp(density - log_s), theta, 1.0)
            if self.shaped:
                change = self._in_shape(lambda e: e.log_density(z)[0] - e.log_survival(z), theta)
                gradient = np.column_stack([gradient, change])
            return np.asarray(value), gradient

    def _in_shape(self, function: object, theta: Floats) -> Floats:
        values = [function(self._error(theta, k * SHAPE_STEP)) for k in (-2, -1, 1, 2)]  # type: ignore[operator]
        return np.asarray((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * SHAPE_STEP))
