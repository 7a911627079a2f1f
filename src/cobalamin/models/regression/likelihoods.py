"""The likelihoods of generalized linear models, each as functions of an outcome and a linear predictor.

Each of them is concave in the linear predictor, also where the link is not the canonical one, so Newton's method with the
observed curvature finds the maximum. Variances use the expected curvature, as R's glm does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Link = Literal["identity", "log", "logit"]
Runs = Literal["both", "down", "none"]
Terms = tuple[Floats, Floats, Floats]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """One kind of outcome with its link.

    Attributes
    ----------
    link : {"identity", "log", "logit"}
        From the mean to the linear predictor.
    terms : callable
        (y, eta) -> log-density without what depends on y alone, its derivative by eta, and minus its second derivative.
    mean : callable
        eta -> mean.
    expected : callable
        eta -> expected value of minus the second derivative.
    top : callable
        y -> the largest value that ``terms`` can give for an outcome: the deviance is measured from it.
    constant : callable
        y -> what depends on y alone.
    runs : {"both", "down", "none"}
        Which rows may have a linear predictor of +-infinity at the maximum: those with y = 0 ("down"), also those with y = 1 ("both").
    bounded : bool
        Whether the linear predictor has to stay below or between bounds: the log-density is minus infinity beyond them.
    canonical : bool
        Whether expected and observed curvature are the same.
    """

    link: Link
    terms: Callable[[Floats, Floats], Terms]
    mean: Callable[[Floats], Floats]
    expected: Callable[[Floats], Floats]
    top: Callable[[Floats], Floats]
    constant: Callable[[Floats], Floats]
    runs: Runs = "none"
    bounded: bool = False
    canonical: bool = True


def link_of(mean: float, link: Link) -> float:
    """Return the linear predictor of a mean.

    Parameters
    ----------
    mean : float
        A mean inside the range of the link.
    link : {"identity", "log", "logit"}
        The link.

    Returns
    -------
    float
        The linear predictor.

    Examples
    --------
    >>> link_of(0.5, "logit")
    0.0
    """
    if link == "identity":
        return mean
    return float(np.log(mean) if link == "log" else np.log(mean / (1 - mean)))


def _nothing(y: Floats) -> Floats:
    return np.zeros(len(y))


def _logit(y: Floats, eta: Floats) -> Terms:
    small = np.exp(-np.abs(eta))
    mu = np.where(eta >= 0, 1.0, small) / (1.0 + small)
    # log(1 + e) loses relative accuracy for a tiny e, but it is added to numbers of size 1
    value = y * eta - np.maximum(eta, 0.0) - np.log(1.0 + small)
    return value, y - mu, mu * (1.0 - mu)


def _probability(eta: Floats) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(eta))


def _binomial_information(eta: Floats) -> Floats:
    mu = _probability(eta)
    return mu * (1 - mu)


def _square(y: Floats, eta: Floats) -> Terms:
    left = y - eta
    return -0.5 * left * left, left, np.ones(len(y))


def _itself(eta: Floats) -> Floats:
    return eta


def _ones(eta: Floats) -> Floats:
    return np.ones(len(eta))


def _poisson(y: Floats, eta: Floats) -> Terms:
    mu = np.exp(eta)
    return y * eta - mu, y - mu, mu


def _poisson_top(y: Floats) -> Floats:
    from scipy.special import xlogy

    return np.asarray(xlogy(y, y) - y)


def _poisson_constant(y: Floats) -> Floats:
    from scipy.special import gammaln

    return np.asarray(-gammaln(y + 1))


def _log_binomial(y: Floats, eta: Floats) -> Terms:
    if eta.max(initial=-1.0) >= 0:
        return np.full(len(y), -np.inf), eta, eta
    risk, none = np.exp(eta), -np.expm1(eta)
    return y * eta + (1 - y) * np.log(none), (y - risk) / none, (1 - y) * risk / none**2


def _odds_of_log(eta: Floats) -> Floats:
    return np.asarray(np.exp(eta) / -np.expm1(eta))


def _identity_binomial(y: Floats, eta: Floats) -> Terms:
    if eta.min(initial=0.5) <= 0 or eta.max(initial=0.5) >= 1:
        return np.full(len(y), -np.inf), eta, eta
    none = 1 - eta
    return y * np.log(eta) + (1 - y) * np.log(none), (y - eta) / (eta * none), y / eta**2 + (1 - y) / none**2


def _inverse_variance(eta: Floats) -> Floats:
    return 1 / (eta * (1 - eta))


GAUSSIAN = Likelihood("identity", _square, _itself, _ones, _nothing, _nothing)
LOGIT = Likelihood("logit", _logit, _probability, _binomial_information, _nothing, _nothing, runs="both")
POISSON = Likelihood("log", _poisson, np.exp, np.exp, _poisson_top, _poisson_constant, runs="down")
LOG_BINOMIAL = Likelihood("log", _log_binomial, np.exp, _odds_of_log, _nothing, _nothing, runs="down", bounded=True, canonical=False)
IDENTITY_BINOMIAL = Likelihood(
    "identity", _identity_binomial, _itself, _inverse_variance, _nothing, _nothing, bounded=True, canonical=False
)


def negative_binomial_of(theta: float) -> Likelihood:
    """Return the likelihood of counts with variance ``mu + mu^2 / theta`` (NB2), log link.

    Parameters
    ----------
    theta : float
        Size parameter, > 0.

    Returns
    -------
    Likelihood
        With ``theta`` held.

    Examples
    --------
    >>> y = np.array([0.0, 3.0])
    >>> [float(part.round(4)[1]) for part in negative_binomial_of(2.0).terms(y, np.log(y + 1))]
    [-4.7999, -0.3333, 1.1111]
    """

    def terms(y: Floats, eta: Floats) -> Terms:
        mu = np.exp(eta)
        share = theta / (theta + mu)
        return y * eta - (y + theta) * np.log(theta + mu), (y - mu) * share, (y + theta) * share * (1 - share)

    def information(eta: Floats) -> Floats:
        mu = np.exp(eta)
        return np.asarray(mu * theta / (theta + mu))

    def top(y: Floats) -> Floats:
        from scipy.special import xlogy

        return np.asarray(xlogy(y, y) - (y + theta) * np.log(y + theta))

    def constant(y: Floats) -> Floats:
        from scipy.special import gammaln

        return np.asarray(gammaln(y + theta) - gammaln(theta) - gammaln(y + 1) + theta * np.log(theta))

    return Likelihood("log", terms, np.exp, information, top, constant, runs="down", canonical=False)
