"""The spline of log time in flexible parametric models: basis, derivative, and the hazards it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.models.parametric.aft_distributions import LOGLOGISTIC, LOGNORMAL, WEIBULL, ErrorDistribution

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Scale = Literal["hazard", "odds", "normal"]

# S(t) = P(error > eta): the linear predictor plays the part of a standardised log time
LINKS: dict[str, ErrorDistribution] = {"hazard": WEIBULL, "odds": LOGLOGISTIC, "normal": LOGNORMAL}


def time_knots(event_times: Floats, df: int) -> Floats:
    """Return knots of a spline of log time: the centiles of the logarithms of uncensored times.

    Parameters
    ----------
    event_times : ndarray, shape (d,)
        Positive times of events.
    df : int
        Degrees of freedom: 1 is a straight line in log time (two boundary knots).

    Returns
    -------
    ndarray, shape (df + 1,)
        Smallest and largest log event time, and ``df - 1`` equally spaced centiles between.

    Raises
    ------
    DataError
        Knots that coincide.

    References
    ----------
    Royston P, Parmar MKB. Flexible parametric proportional-hazards and proportional-odds models for censored survival data. Stat Med
    2002;21:2175-2197. doi:10.1002/sim.1203

    Examples
    --------
    >>> time_knots(np.exp(np.arange(5.0)), 2).tolist()
    [0.0, 2.0, 4.0]
    """
    knots = np.quantile(np.log(event_times), np.linspace(0, 1, df + 1))
    if not (np.diff(knots) > 0).all():
        raise DataError(
            f"df: the {df + 1} knots at centiles of the event times coincide ({len(np.unique(event_times))} distinct times of"
            f" {len(event_times)} events); use a smaller df."
        )
    return knots


def time_basis(u: Floats, knots: Floats) -> tuple[Floats, Floats]:
    """Return the restricted cubic spline basis of log time and its derivative.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Log times.
    knots : ndarray, shape (df + 1,)
        Increasing knots.

    Returns
    -------
    basis, derivative : ndarray, shape (n, df)
        ``u`` and ``df - 1`` bends, in the parametrisation of Royston and Parmar.

    Notes
    -----
    With ``k_1 .. k_m`` and ``w_j = (k_m - k_j) / (k_m - k_1)`` bend j is
    ``(u - k_j)_+^3 - w_j (u - k_1)_+^3 - (1 - w_j) (u - k_m)_+^3``: linear outside the boundary knots.

    Examples
    --------
    >>> time_basis(np.array([0.5]), np.array([0.0, 1.0]))[0].tolist()
    [[0.5]]
    """
    low, high = knots[0], knots[-1]
    values, slopes = [u], [np.ones(len(u))]
    for knot in knots[1:-1]:
        share = (high - knot) / (high - low)
        parts = [(np.maximum(u - k, 0.0), w) for k, w in ((knot, 1.0), (low, -share), (high, share - 1.0))]
        values.append(sum((w * v**3 for v, w in parts), np.zeros(len(u))))
        slopes.append(sum((3 * w * v**2 for v, w in parts), np.zeros(len(u))))
    return np.column_stack(values), np.column_stack(slopes)


@dataclass(frozen=True, eq=False)
class FlexibleCurve:
    """What a fitted flexible parametric model predicts.

    Attributes
    ----------
    scale : {"hazard", "odds", "normal"}
        What the spline models: log cumulative hazard, log odds of the event, or its probit.
    knots : ndarray
        Knots of the baseline spline, in log time.
    varying : tuple of (column, knots)
        Columns of the covariates whose effect changes with time, and the knots of that change.
    """

    scale: Scale
    knots: Floats
    varying: tuple[tuple[int, Floats], ...]

    @property
    def positive(self) -> bool:
        """Times are positive."""
        return True

    def design(self, x: Floats, u: Floats) -> tuple[Floats, Floats]:
        """Return the columns of the linear predictor and their derivatives in log time.

        Parameters
        ----------
        x : ndarray, shape (n, p)
            Covariates.
        u : ndarray, shape (n,)
            Log times.

        Returns
        -------
        columns, slopes : ndarray, shape (n, k)
            Covariates, constant, spline, and covariates times their splines.
        """
        basis, slope = time_basis(u, self.knots)
        columns, slopes = [x, np.ones((len(u), 1)), basis], [np.zeros((len(u), x.shape[1] + 1)), slope]
        for j, knots in self.varying:
            own, own_slope = time_basis(u, knots)
            columns.append(x[:, [j]] * own)
            slopes.append(x[:, [j]] * own_slope)
        return np.column_stack(columns), np.column_stack(slopes)

    def _log_time(self, t: Floats) -> Floats:
        # before the first knot the spline is linear, so a tiny time stands for 0
        return np.asarray(np.log(np.maximum(t, np.exp(self.knots[0] - 100.0))))

    def log_cumulative(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return the log cumulative hazard of rows at their times, and its gradient in the parameters."""
        columns, _ = self.design(x, self._log_time(t))
        eta = columns @ theta
        if self.scale == "hazard":
            return eta, columns
        link = LINKS[self.scale]
        log_s = link.log_survival(eta)
        with np.errstate(all="ignore"):
            slope = np.exp(link.log_density(eta)[0] - log_s) / -log_s
            # far below 0 survival is 1 to the last digit, and 1 - S is the cumulative hazard
            value = np.where(log_s > -1e-12, link.log_distribution(eta), np.log(-log_s))
        return value, columns * slope[:, None]

    def log_hazard(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return the log hazard of rows at their times, and its gradient in the parameters; NaN where the spline falls."""
        u = self._log_time(t)
        columns, slopes = self.design(x, u)
        eta, speed = columns @ theta, slopes @ theta
        link = LINKS[self.scale]
        density, slope, _ = link.log_density(eta)
        log_s = link.log_survival(eta)
        rate = np.exp(density - log_s)
        with np.errstate(all="ignore"):
            value = density - log_s + np.log(speed) - u
            return value, columns * (slope + rate)[:, None] + slopes / speed[:, None]
