"""Risk-set sums and the hazard increments they give, with Efron's or Breslow's treatment of ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The log partial likelihood and its derivatives at one coefficient vector.

    Attributes
    ----------
    loglik : float
        Log partial likelihood; ``-inf`` where it cannot be computed.
    score : ndarray, shape (p,)
        First derivative.
    information : ndarray, shape (p, p)
        Minus the second derivative.
    """

    loglik: float
    score: Floats
    information: Floats


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over each risk set and over those who die in it, at one coefficient vector.

    Attributes
    ----------
    s0, s1 : ndarray, shapes (K,) and (p, K)
        Sum of the risk weights, and of risk weight times covariate, over those at risk.
    d0, d1 : ndarray, shapes (K,) and (p, K)
        The same over the deaths (zero with Breslow's method).
    shift : float
        Risk weights are ``weight * exp(x'b - shift)``.
    """

    s0: Floats
    s1: Floats
    d0: Floats
    d1: Floats
    shift: float


@dataclass(frozen=True, eq=False)
class Hazard:
    """Increments of the baseline hazard and what ties do to them; all of shape (K,).

    Attributes
    ----------
    h : ndarray
        Hazard increment for those who survive the event time.
    q : ndarray
        The part of it that those who die in a tie are spared (Efron).
    a2, b2, c2 : ndarray
        Sums over the tied deaths of ``w / den**2`` times 1, f and f**2, where f runs over the fractions 0/d ... (d-1)/d.
    log_sum : float
        Sum of the logarithms of the denominators, weighted.
    """

    h: Floats
    q: Floats
    a2: Floats
    b2: Floats
    c2: Floats
    log_sum: float


def hazard_of(sums: Sums, mean_weight: Floats, tied: Ints, death_bin: Ints, fraction: Floats | None) -> Hazard:
    """Turn risk-set sums into hazard increments.

    Parameters
    ----------
    sums : Sums
        At one coefficient vector.
    mean_weight : ndarray, shape (K,)
        Mean weight of the deaths at each event time.
    tied : ndarray of int, shape (K,)
        Number of deaths at each event time.
    death_bin : ndarray of int, shape (D,)
        Event time of each death, ascending.
    fraction : ndarray, shape (D,), or None
        0/d ... (d-1)/d within each event time (Efron); None for Breslow's method or no ties.

    Returns
    -------
    Hazard
        Per event time.

    References
    ----------
    Efron B. The efficiency of Cox's likelihood function for censored data. JASA 1977;72:557-565. doi:10.1080/01621459.1977.10480613
    Breslow N. Covariance analysis of censored survival data. Biometrics 1974;30:89-99. doi:10.2307/2529620

    Examples
    --------
    >>> none = np.zeros((0, 1))
    >>> sums = Sums(np.array([4.0]), none, np.array([2.0]), none, 0.0)
    >>> hazard = hazard_of(sums, np.array([1.0]), np.array([2]), np.array([0, 0]), np.array([0.0, 0.5]))
    >>> round(float(hazard.h[0]), 6) == round(1 / 4 + 1 / 3, 6)
    True
    """
    if fraction is None:
        mass = mean_weight * tied
        h, zero = mass / sums.s0, np.zeros(len(mass))
        return Hazard(h, zero, h / sums.s0, zero, zero, float(mass @ np.log(sums.s0)))
    starts = np.cumsum(tied) - tied
    den = sums.s0[death_bin] - fraction * sums.d0[death_bin]
    a = mean_weight[death_bin] / den
    parts = np.vstack([a, a * fraction, a / den, a * fraction / den, a * fraction * fraction / den])
    h, q, a2, b2, c2 = np.add.reduceat(parts, starts, axis=1)
    return Hazard(h, q, a2, b2, c2, float(mean_weight[death_bin] @ np.log(den)))


def mean_products(sums: Sums, hazard: Hazard) -> Floats:
    """Sum over deaths the outer product of the mean covariate of the risk set.

    Parameters
    ----------
    sums : Sums
        Per event time.
    hazard : Hazard
        Per event time.

    Returns
    -------
    ndarray, shape (p, p)
        What is taken from the weighted cross-product to give the information.
    """
    product = (sums.s1 * hazard.a2) @ sums.s1.T
    if hazard.b2.any():
        mixed = (sums.s1 * hazard.b2) @ sums.d1.T
        product = product - mixed - mixed.T + (sums.d1 * hazard.c2) @ sums.d1.T
    return np.asarray(product)
