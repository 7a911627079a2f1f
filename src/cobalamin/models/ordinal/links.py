"""Distribution functions of cumulative link models, and the logarithm of the probability between two cut-points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError

Floats = npt.NDArray[np.float64]
Link = Literal["logit", "probit", "cloglog", "loglog", "cauchit"]
LOG_CONCAVE = ("logit", "probit", "cloglog", "loglog")
_FAR = 500.0  # beyond it exp(exp(u)) is no number, and every probability is 0 or 1


@dataclass(frozen=True, eq=False)
class Between:
    """The log-probability of falling between two cut-points, with its derivatives.

    Attributes
    ----------
    logp : ndarray, shape (n,)
        ``log(F(upper) - F(lower))``.
    upper, lower : ndarray, shape (n,)
        First derivatives with respect to the two bounds.
    upper2, lower2, mixed : ndarray, shape (n,)
        Second derivatives; 0 for a bound that is infinite.
    """

    logp: Floats
    upper: Floats
    lower: Floats
    upper2: Floats
    lower2: Floats
    mixed: Floats


def check_link(link: str) -> None:
    """Refuse an unknown link.

    Parameters
    ----------
    link : str
        Name.

    Returns
    -------
    None
        Nothing; the name is known.

    Raises
    ------
    DataError
        A name outside `Link`.

    Examples
    --------
    >>> check_link("probit")
    """
    if link not in get_args(Link):
        raise DataError(f"link: got {link!r}; expected one of {', '.join(get_args(Link))}.")


def between(link: str, upper: Floats, lower: Floats) -> Between:
    """Return log(F(upper) - F(lower)) and its derivatives, without cancellation in either tail.

    Parameters
    ----------
    link : str
        One of `Link`.
    upper, lower : ndarray, shape (n,)
        Bounds, ``lower < upper``; ``inf`` and ``-inf`` where there is none.

    Returns
    -------
    Between
        Values per row.

    Notes
    -----
    Logit: ``F(u) - F(l) = F(u) F(-l) (1 - exp(l - u))``, whose three factors are exact. Other links take the difference in the tail
    in which both terms are small.

    Examples
    --------
    >>> found = between("logit", np.array([40.0]), np.array([39.0]))
    >>> round(float(found.logp[0]), 6)
    -39.458675
    """
    return _between_logit(upper, lower) if link == "logit" else _between_other(link, upper, lower)


def _between_logit(upper: Floats, lower: Floats) -> Between:
    from scipy.special import expit

    above, below, high, low = expit(-upper), expit(lower), expit(upper), expit(-lower)
    with np.errstate(over="ignore", divide="ignore"):
        gap = np.expm1(lower - upper)
        odds = (1 + gap) / -gap
        logp = np.log(high * low * -gap)
    mixed = odds * (1 + odds)
    return Between(logp, above + odds, -below - odds, -above * high - mixed, -below * low - mixed, mixed)


def _between_other(link: str, upper: Floats, lower: Floats) -> Between:
    flip = upper + lower > 0
    high = np.where(flip, log_tail(link, lower), log_distribution(link, upper))
    low = np.where(flip, log_tail(link, upper), log_distribution(link, lower))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        logp = high + np.log(-np.expm1(low - high))
        a, c = np.exp(log_density(link, upper) - logp), np.exp(log_density(link, lower) - logp)
    slope_a, slope_c = slope_ratio(link, upper) * a, slope_ratio(link, lower) * c
    return Between(logp, a, -c, slope_a - a * a, -slope_c - c * c, a * c)


def log_distribution(link: str, u: Floats) -> Floats:
    """Return log F(u).

    Parameters
    ----------
    link : str
        One of `Link`.
    u : ndarray
        Linear predictors, infinite ones allowed.

    Returns
    -------
    ndarray
        Values <= 0.

    Examples
    --------
    >>> log_distribution("logit", np.array([0.0])).round(6).tolist()
    [-0.693147]
    """
    from scipy.special import log_expit, log_ndtr

    if link == "logit":
        return np.asarray(log_expit(u))
    if link == "probit":
        return np.asarray(log_ndtr(u))
    with np.errstate(divide="ignore"):
        if link == "cauchit":
            return np.asarray(np.log(np.arctan2(1.0, -u) / np.pi))
        near = np.clip(u, -_FAR, _FAR)
        if link == "loglog":
            return np.where(u == np.inf, 0.0, np.where(u == -np.inf, -np.inf, -np.exp(-near)))
        return np.where(u == -np.inf, -np.inf, np.log(-np.expm1(-np.exp(near))))


def log_tail(link: str, u: Floats) -> Floats:
    """Return log(1 - F(u)).

    Parameters
    ----------
    link : str
        One of `Link`.
    u : ndarray
        Linear predictors, infinite ones allowed.

    Returns
    -------
    ndarray
        Values <= 0.

    Examples
    --------
    >>> log_tail("cloglog", np.array([0.0])).tolist()
    [-1.0]
    """
    mirror = {"cloglog": "loglog", "loglog": "cloglog"}
    return log_distribution(mirror.get(link, link), -u)


def log_density(link: str, u: Floats) -> Floats:
    """Return log f(u), the logarithm of the derivative of F.

    Parameters
    ----------
    link : str
        One of `Link`.
    u : ndarray
        Linear predictors; ``-inf`` is returned for infinite ones.

    Returns
    -------
    ndarray
        Log-densities.

    Examples
    --------
    >>> log_density("cauchit", np.array([0.0])).round(6).tolist()
    [-1.14473]
    """
    near = np.clip(u, -_FAR, _FAR)
    if link == "logit":
        value = log_distribution("logit", near) + log_distribution("logit", -near)
    elif link == "probit":
        value = -0.5 * near**2 - 0.5 * np.log(2 * np.pi)
    elif link == "cauchit":
        value = -np.log(np.pi * (1 + near**2))
    else:
        way = near if link == "cloglog" else -near
        value = way - np.exp(way)
    return np.where(np.isinf(u), -np.inf, value)


def slope_ratio(link: str, u: Floats) -> Floats:
    """Return f'(u) / f(u).

    Parameters
    ----------
    link : str
        One of `Link`.
    u : ndarray
        Linear predictors; 0 is returned for infinite ones.

    Returns
    -------
    ndarray
        Ratios.

    Examples
    --------
    >>> slope_ratio("probit", np.array([2.0])).tolist()
    [-2.0]
    """
    near = np.where(np.isinf(u), 0.0, np.clip(u, -_FAR, _FAR))
    if link == "logit":
        value = -np.tanh(near / 2)
    elif link == "probit":
        value = -near
    elif link == "cauchit":
        value = -2 * near / (1 + near**2)
    else:
        value = 1 - np.exp(near) if link == "cloglog" else np.exp(-near) - 1
    return np.where(np.isinf(u), 0.0, value)


def quantile(link: str, p: Floats) -> Floats:
    """Return the linear predictor at which F is p.

    Parameters
    ----------
    link : str
        One of `Link`.
    p : ndarray
        Probabilities between 0 and 1.

    Returns
    -------
    ndarray
        Inverse of F.

    Examples
    --------
    >>> quantile("logit", np.array([0.5])).tolist()
    [0.0]
    """
    from scipy.special import logit, ndtri

    if link == "logit":
        return np.asarray(logit(p))
    if link == "probit":
        return np.asarray(ndtri(p))
    if link == "cauchit":
        return np.asarray(np.tan(np.pi * (p - 0.5)))
    return np.log(-np.log1p(-p)) if link == "cloglog" else -np.log(-np.log(p))
