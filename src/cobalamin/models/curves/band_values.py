"""Critical values of simultaneous confidence bands: how far a Brownian bridge goes, computed to many digits."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.models.cox.sweeps import one_blas_thread

Floats = npt.NDArray[np.float64]

# most terms of the series for the bridge; they fall as exp(-w_j^2 (a_high - a_low) / 2) / j^2
_TERMS = 20_000
_NEGLIGIBLE = 45.0
# polynomials for the process of equal precision, and nodes of the integrals over them
_DEGREE, _NODES = 40, 120


def hall_wellner_value(level: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return the quantile of the largest absolute value of a Brownian bridge on an interval.

    Parameters
    ----------
    level : float
        Confidence level.
    low, high : float
        The interval, 0 <= low < high <= 1.

    Returns
    -------
    float
        The critical value k of the band of Hall and Wellner.

    Raises
    ------
    DataError
        An interval outside 0..1 or a level outside (0, 1).

    Examples
    --------
    >>> round(hall_wellner_value(0.95), 4), round(hall_wellner_value(0.95, 0.1, 0.6), 3)
    (1.3581, 1.321)
    """
    _check(level, low, high)
    return _solve(lambda k: bridge_probability(k, low, high), level)


def equal_precision_value(level: float, low: float, high: float) -> float:
    """Return the quantile of the largest absolute value of a standardised Brownian bridge on an interval.

    Parameters
    ----------
    level : float
        Confidence level.
    low, high : float
        The interval, 0 < low < high < 1.

    Returns
    -------
    float
        The critical value c of Nair's band of equal precision.

    Raises
    ------
    DataError
        An interval that touches 0 or 1, where the standardised bridge is not bounded, or a level outside (0, 1).

    Examples
    --------
    >>> round(equal_precision_value(0.95, 0.1, 0.9), 3)
    3.052
    """
    _check(level, low, high)
    if low <= 0 or high >= 1:
        raise DataError(f"equal precision: the interval must lie inside (0, 1); got {low:g} to {high:g}.")
    length = 0.5 * float(np.log(high * (1 - low) / (low * (1 - high))))
    with one_blas_thread():  # the matrices are small
        return _solve(lambda c: stationary_probability(c, length), level)


def _check(level: float, low: float, high: float) -> None:
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    if not 0 <= low < high <= 1:
        raise DataError(f"expected 0 <= low < high <= 1; got {low:g} and {high:g}.")


def _solve(probability: object, level: float) -> float:
    from scipy.optimize import brentq

    assert callable(probability)
    top = 2.0
    while probability(top) < level:
        top *= 1.5
    return float(brentq(lambda value: probability(value) - level, 1e-2, top, xtol=1e-10))


def bridge_probability(k: float, low: float, high: float) -> float:
    """Return the chance that a Brownian bridge stays within (-k, k) from ``low`` to ``high``.

    Parameters
    ----------
    k : float
        The bound, above 0.
    low, high : float
        The interval, 0 <= low < high <= 1.

    Returns
    -------
    float
        ``sqrt(2 pi) / k sum over odd j of c_j(low) c_j(1 - high) exp(-w_j^2 (high - low) / 2)`` with ``w_j = j pi / (2 k)`` and c_j(a) the
        integral of cos(w_j x) over the normal density of variance a within (-k, k): a Brownian motion absorbed at +-k in between, from
        where it may be at ``low`` to where it may come back to 0 from.

    Examples
    --------
    >>> from scipy.special import kolmogorov
    >>> float(round(bridge_probability(1.2, 0.0, 1.0) + kolmogorov(1.2), 12))
    1.0
    """
    length = high - low
    enough = 2 * k / np.pi * np.sqrt(2 * _NEGLIGIBLE / length)
    w: Floats = np.arange(1.0, min(2.0 * _TERMS, enough + 4), 2) * (np.pi / (2 * k))
    with np.errstate(under="ignore"):
        terms = _cosine(w, low, k) * _cosine(w, 1 - high, k) * np.exp(-w * w * length / 2)
    return float(np.clip(np.sqrt(2 * np.pi) / k * terms.sum(), 0.0, 1.0))


def _cosine(w: Floats, variance: float, k: float) -> Floats:
    """Integrate cos(w x) over a normal density between -k and k, in a form that cannot overflow (Faddeeva's function)."""
    from scipy.special import wofz

    if variance <= 0:
        return np.ones(len(w))
    s, t = k / np.sqrt(2 * variance), w * np.sqrt(variance / 2)
    return np.asarray(np.exp(-t * t) - np.exp(-s * s) * np.real(np.exp(2j * s * t) * wofz(t + 1j * s)))


def stationary_probability(c: float, length: float) -> float:
    """Return the chance that a stationary Ornstein-Uhlenbeck process of unit variance stays within (-c, c).

    Parameters
    ----------
    c : float
        The bound, above 0.
    length : float
        Duration; the correlation after it is exp(-length).

    Returns
    -------
    float
        ``sum over eigenfunctions f of (integral of f phi)^2 exp(-lambda length)``, phi the normal density and f the even solutions of
        ``f'' - x f' + lambda f = 0`` that vanish at +-c, found by Galerkin's method with polynomials.

    Notes
    -----
    ``B(a) / sqrt(a (1 - a))`` is this process in the time ``log(a / (1 - a)) / 2``.

    Examples
    --------
    >>> round(stationary_probability(3.0, 1.0), 4)
    0.97
    """
    x, weight = _nodes()
    value, slope = _basis()
    density = np.exp(-0.5 * (c * x) ** 2) * weight * c / np.sqrt(2 * np.pi)
    mass, stiffness = (value * density) @ value.T, (slope * density) @ slope.T / c**2
    root = np.linalg.inv(np.linalg.cholesky(mass))
    rate, vectors = np.linalg.eigh(root @ stiffness @ root.T)
    share = root @ (value @ density) @ vectors
    return float(np.clip(share**2 @ np.exp(-rate * length), 0.0, 1.0))


@cache
def _nodes() -> tuple[Floats, Floats]:
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    return np.asarray(x), np.asarray(weight)


@cache
def _basis() -> tuple[Floats, Floats]:
    """Return even polynomials that vanish at +-1, and their derivatives, at the nodes: integrals of odd Legendre polynomials."""
    x, _ = _nodes()
    legendre = np.polynomial.legendre
    value, slope = [], []
    for j in range(1, 2 * _DEGREE, 2):
        series = np.zeros(j + 1)
        series[j] = np.sqrt((2 * j + 1) / 2)
        slope.append(legendre.legval(x, series))
        value.append(legendre.legval(x, legendre.legint(series, lbnd=-1)))
    return np.array(value), np.array(slope)
