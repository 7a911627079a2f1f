"""Rounding for release, and what a reader can still conclude from a rounded number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cobalamin.release.policy import Policy

Floats = npt.NDArray[np.float64]
INFINITE = math.inf


def round_count(count: float, base: int, *, midpoint: bool = False) -> float:
    """Round a count to a base.

    Parameters
    ----------
    count : float
        People or events; NaN stays NaN.
    base : int
        0 or 1 = unchanged.
    midpoint : bool
        ``ceil(x / base) * base - base / 2`` for x > 0 (OpenSAFELY midpoint rounding) instead of the nearest multiple.

    Returns
    -------
    float
        The rounded count.

    Examples
    --------
    >>> round_count(13, 5), round_count(6, 6, midpoint=True), round_count(7, 6, midpoint=True)
    (15.0, 3.0, 9.0)
    """
    if math.isnan(count) or base <= 1:
        return float(count)
    if midpoint:
        return math.ceil(count / base) * base - (base / 2 if count > 0 else 0.0)
    return float(math.floor(count / base + 0.5) * base)


def count_interval(rounded: float, base: int, *, midpoint: bool = False) -> tuple[float, float]:
    """Return the smallest and largest whole number that rounds to ``rounded``.

    Parameters
    ----------
    rounded : float
        A number made by `round_count`.
    base : int
        Its base.
    midpoint : bool
        Its rule.

    Returns
    -------
    tuple of float
        Lowest and highest possible count.

    Examples
    --------
    >>> count_interval(15, 5), count_interval(9, 6, midpoint=True)
    ((13.0, 17.0), (7.0, 12.0))
    """
    if base <= 1:
        return float(rounded), float(rounded)
    if midpoint:
        return (0.0, 0.0) if rounded == 0 else (rounded - base / 2 + 1, rounded + base / 2)
    return float(max(math.ceil(rounded - base / 2), 0)), float(math.ceil(rounded + base / 2) - 1)


def shown_count(count: float, policy: Policy, *, exact: bool = False) -> float:
    """Return a count as the policy prints it when it is not hidden.

    Parameters
    ----------
    count : float
        People or events.
    policy : Policy
        The rules.
    exact : bool
        Whether the table it stands in is protected by suppression (flow chart, Table 1) where the policy does not round.

    Returns
    -------
    float
        The printed count.

    Examples
    --------
    >>> from cobalamin.release.policy import preset
    >>> shown_count(103, preset("cms"), exact=True), shown_count(103, preset("cms"))
    (103.0, 100.0)
    """
    base, midpoint = _base(policy, exact)
    return round_count(count, base, midpoint=midpoint)


def shown_interval(count: float, policy: Policy, *, exact: bool = False) -> tuple[float, float]:
    """Return what a reader concludes from a printed count.

    Parameters
    ----------
    count : float
        The true count.
    policy : Policy
        The rules, which the reader knows too: under redaction a printed count is 0 or not small.
    exact : bool
        As in `shown_count`.

    Returns
    -------
    tuple of float
        Lowest and highest possible count.

    Examples
    --------
    >>> from cobalamin.release.policy import preset
    >>> shown_interval(9, preset("opensafely"))
    (8.0, 12.0)
    """
    base, midpoint = _base(policy, exact)
    low, high = count_interval(round_count(count, base, midpoint=midpoint), base, midpoint=midpoint)
    if not policy.redact:
        return low, high
    if count == 0:
        return 0.0, 0.0
    return (max(low, policy.limit + 1.0), high) if count > policy.limit else (low, high)


def _base(policy: Policy, exact: bool) -> tuple[int, bool]:
    if policy.round_base > 1:
        return policy.round_base, policy.midpoint
    return (0 if exact else policy.model_base), False


def significant(values: Any, digits: int) -> Any:
    """Round to significant digits.

    Parameters
    ----------
    values : float or array-like
        Numbers; NaN and infinities stay.
    digits : int
        Significant digits.

    Returns
    -------
    float or ndarray
        The same shape.

    Examples
    --------
    >>> significant(1234.567, 3), significant(0.000123456, 3)
    (1230.0, 0.000123)
    """
    array = np.asarray(values, dtype=np.float64)
    flat = np.array([float(f"{v:.{digits - 1}e}") if math.isfinite(v) else v for v in array.ravel()], dtype=np.float64)
    return float(flat[0]) if array.ndim == 0 else flat.reshape(array.shape)


def probability_decimals(value: float, digits: int) -> int:
    """Return the decimals that give a probability, or its complement, so many significant digits.

    Parameters
    ----------
    value : float
        Between 0 and 1; a survival of 0.9985 must keep what tells it from 1.
    digits : int
        Significant digits of the smaller of p and 1 - p.

    Returns
    -------
    int
        Number of decimals.

    Examples
    --------
    >>> round(0.998512, probability_decimals(0.998512, 3))
    0.99851
    """
    nearer = min(abs(value), abs(1.0 - value))
    if not math.isfinite(nearer) or nearer < 1e-12:
        return digits
    return digits - 1 - math.floor(math.log10(nearer))


def mean_decimals(n: float) -> int:
    """Return the decimals a mean of ``n`` people may show without telling the exact ``n``.

    Parameters
    ----------
    n : float
        How many people the mean describes (as printed).

    Returns
    -------
    int
        Number of decimals.

    Notes
    -----
    A mean of whole numbers is k/n. With decimals d such that 10^-d >= 1/n every nearby n has a k that gives the same
    print, so the print does not tell n from its neighbours.

    Examples
    --------
    >>> mean_decimals(12), mean_decimals(2500)
    (1, 3)
    """
    return math.floor(math.log10(n)) if n >= 1 else 0
