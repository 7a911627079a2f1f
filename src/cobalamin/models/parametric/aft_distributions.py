"""Standard distributions of the error of a log time: log density, log survival and log distribution, with derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_LOG_ROOT_2PI = 0.5 * float(np.log(2 * np.pi))
# where the generalised gamma is this close to the normal its formulas lose digits: values between are interpolated
_NEAR_NORMAL = 1e-3
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class ErrorDistribution:
    """The distribution of ``(log t - x'b) / scale``.

    Attributes
    ----------
    name : str
        Name of the distribution of t.
    log_density : callable
        z -> (value, first derivative, second derivative), each of the shape of z.
    log_survival, log_distribution : callable
        z -> log P(Z > z), log P(Z <= z).
    logarithm : bool
        Whether times are taken as logarithms; False for a normal distribution of the values themselves.
    scaled : bool
        Whether there is a scale to estimate; False for the exponential distribution.
    """

    name: str
    log_density: Callable[[Floats], tuple[Floats, Floats, Floats]]
    log_survival: Callable[[Floats], Floats]
    log_distribution: Callable[[Floats], Floats]
    logarithm: bool = True
    scaled: bool = True


def _extreme_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    x = np.exp(z)
    return z - x, 1 - x, -x


def _extreme_distribution(z: Floats) -> Floats:
    return np.asarray(np.log(-np.expm1(-np.exp(z))))


def _normal_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    return -0.5 * z * z - _LOG_ROOT_2PI, -z, np.full(z.shape, -1.0)


def _normal_survival(z: Floats) -> Floats:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(-z))


def _normal_distribution(z: Floats) -> Floats:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(z))


def _logistic_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    from scipy.special import expit

    p = expit(z)
    return z - 2 * np.logaddexp(0.0, z), 1 - 2 * p, -2 * p * (1 - p)


def _logistic_survival(z: Floats) -> Floats:
    return -np.logaddexp(0.0, z)


def _logistic_distribution(z: Floats) -> Floats:
    return -np.logaddexp(0.0, -z)


WEIBULL = ErrorDistribution("weibull", _extreme_density, lambda z: -np.exp(z), _extreme_distribution)
EXPONENTIAL = ErrorDistribution("exponential", _extreme_density, lambda z: -np.exp(z), _extreme_distribution, scaled=False)
LOGNORMAL = ErrorDistribution("lognormal", _normal_density, _normal_survival, _normal_distribution)
LOGLOGISTIC = ErrorDistribution("loglogistic", _logistic_density, _logistic_survival, _logistic_distribution)
GAUSSIAN = ErrorDistribution("gaussian", _normal_density, _normal_survival, _normal_distribution, logarithm=False)
PLAIN = {d.name: d for d in (WEIBULL, EXPONENTIAL, LOGNORMAL, LOGLOGISTIC, GAUSSIAN)}
GENERALIZED_GAMMA = "generalized_gamma"


def error_distribution(name: str, shape: float | None = None) -> ErrorDistribution:
    """Return a distribution by name.

    Parameters
    ----------
    name : str
        ``weibull, exponential, lognormal, loglogistic, gaussian`` or ``generalized_gamma``.
    shape : float, optional
        Prentice's shape Q of the generalised gamma: 1 is Weibull, 0 log-normal, and Q = scale a gamma distribution.

    Returns
    -------
    ErrorDistribution
        The distribution of the standardised error.

    Notes
    -----
    Generalised gamma: with ``k = 1 / Q^2``, ``k exp(Q z)`` is gamma distributed with shape k (its upper tail where Q < 0).

    References
    ----------
    Prentice RL. A log gamma model and its maximum likelihood estimation. Biometrika 1974;61:539-544. doi:10.1093/biomet/61.3.539
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 2nd ed. Wiley 2002. doi:10.1002/9781118032985

    Examples
    --------
    >>> gamma = error_distribution("generalized_gamma", 1.0)
    >>> round(float(gamma.log_survival(np.array([0.5]))[0]), 6) == round(-float(np.exp(0.5)), 6)
    True
    """
    if name != GENERALIZED_GAMMA:
        return PLAIN[name]
    q = 1.0 if shape is None else shape
    return ErrorDistribution(
        name,
        lambda z: _blend(_gamma_density, q, z),
        lambda z: _blend(lambda s, v: (_gamma_tail(s, v, upper=True),), q, z)[0],
        lambda z: _blend(lambda s, v: (_gamma_tail(s, v, upper=False),), q, z)[0],
    )


def _blend(function: Callable[[float, Floats], tuple[Floats, ...]], q: float, z: Floats) -> Any:
    """Evaluate at shape q; close to 0 by the cubic through four shapes to either side, which is exact to about 1e-12."""
    if abs(q) >= _NEAR_NORMAL:
        return function(q, z)
    nodes = np.array([-2.0, -1.0, 1.0, 2.0]) * _NEAR_NORMAL
    weights = [float(np.prod([(q - m) / (n - m) for m in nodes if m != n])) for n in nodes]
    parts = [function(float(n), z) for n in nodes]
    return tuple(np.sum([w * part[i] for w, part in zip(weights, parts, strict=True)], axis=0) for i in range(len(parts[0])))


def _gamma_density(q: float, z: Floats) -> tuple[Floats, Floats, Floats]:
    from scipy.special import gammaln

    k = 1 / q**2
    growth = np.expm1(q * z)
    # k log k - k - log gamma(k) by Stirling's series where k is large, so that no digits cancel
    stirling = 0.5 * np.log(k) - _LOG_ROOT_2PI - 1 / (12 * k) + 1 / (360 * k**3) if k > 1e3 else k * np.log(k) - k - gammaln(k)
    return np.log(abs(q)) + k * _short_of_linear(q * z) + stirling, -growth / q, -(growth + 1)


def _short_of_linear(x: Floats) -> Floats:
    """Return x - expm1(x) without loss of digits near 0."""
    series = -x * x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))))
    return np.where(np.abs(x) < 0.02, series, x - np.expm1(x))


def _gamma_tail(q: float, z: Floats, *, upper: bool) -> Floats:
    from scipy.special import gammainc, gammaincc

    k = 1 / q**2
    log_x = np.log(k) + q * z
    x = np.exp(log_x)
    high = upper == (q > 0)
    value = np.atleast_1d(np.asarray(gammaincc(k, x) if high else gammainc(k, x), dtype=np.float64))
    tail = np.log(np.maximum(value, _TINY))
    near = value > 0.5  # there the other tail has the digits
    tail[near] = np.log1p(-(gammainc if high else gammaincc)(k, x[near]))
    lost = (value < _TINY) & np.isfinite(z)
    return np.where(lost, _far_tail(k, log_x, high=high), tail) if lost.any() else tail


def _far_tail(k: float, log_x: Floats, *, high: bool) -> Floats:
    """Return the logarithm of an incomplete gamma function too small for a float, by its leading terms."""
    from scipy.special import gammaln

    x = np.exp(log_x)
    front = k * log_x - x - gammaln(k)
    if high:
        return np.asarray(front - np.log(x - k + 1 + (k - 1) / (x - k + 3)))
    return np.asarray(front - np.log(k) + np.log1p(x / (k + 1) * (1 + x / (k + 2))))
