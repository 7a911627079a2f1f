"""Ratios and differences: the value without an association, and how each is printed."""

from __future__ import annotations

import math

from cobalamin.report import format as fmt


def is_ratio(measure: str) -> bool:
    """Whether a measure is a ratio, 1 without an association; every other one is a difference, 0 without.

    Parameters
    ----------
    measure : str
        ``Estimates.measure``.

    Returns
    -------
    bool
        True for ``hazard ratio``, ``ratio of means``, ...

    Examples
    --------
    >>> is_ratio("odds ratio"), is_ratio("mean difference")
    (True, False)
    """
    return "ratio" in measure.replace("-", " ").split()


def null_of(measure: str) -> float:
    """Return the value of a measure without an association.

    Parameters
    ----------
    measure : str
        ``Estimates.measure``.

    Returns
    -------
    float
        1 or 0.

    Examples
    --------
    >>> null_of("risk ratio"), null_of("risk difference")
    (1.0, 0.0)
    """
    return 1.0 if is_ratio(measure) else 0.0


def difference_digits(value: float, low: float, high: float) -> int:
    """Choose the decimals of a difference and its interval together.

    Parameters
    ----------
    value, low, high : float
        Difference and confidence limits.

    Returns
    -------
    int
        Two significant digits of half the interval (of the value without one); more where a limit other than 0 would print as 0.

    Examples
    --------
    >>> difference_digits(-2.015, -5.909, 1.878), difference_digits(-0.034, -0.052, -0.016), difference_digits(-2.0, -4.0, -0.01)
    (1, 3, 2)
    """
    half = (high - low) / 2 if math.isfinite(high - low) else abs(value)
    digits = 1 if not half > 0 else min(max(1 - math.floor(math.log10(half)), 0), 4)
    limits = [x for x in (low, high) if math.isfinite(x) and x != 0]
    while digits < 4 and any(float(round(x, digits)) == 0 for x in limits):
        digits += 1
    return digits


def estimate_digits(measure: str, value: float, low: float, high: float) -> int:
    """Choose the decimals of an estimate and its interval.

    Parameters
    ----------
    measure : str
        What it is.
    value, low, high : float
        Estimate and limits.

    Returns
    -------
    int
        Decimals.

    Examples
    --------
    >>> estimate_digits("odds ratio", 0.9, 0.7, 1.2)
    2
    """
    return fmt.ratio_digits(value, low, high) if is_ratio(measure) else difference_digits(value, low, high)


def estimate_value(measure: str, value: float, digits: int = 2) -> str:
    """Format one ratio or difference.

    Parameters
    ----------
    measure : str
        What it is.
    value : float
        The estimate, or a limit.
    digits : int
        Decimals.

    Returns
    -------
    str
        Text.

    Examples
    --------
    >>> estimate_value("mean difference", -0.5, 1), estimate_value("odds ratio", 0.5)
    ('\u22120.5', '0.50')
    """
    return fmt.ratio(value, digits) if is_ratio(measure) else fmt.number(value, digits)


def estimate_limits(measure: str, low: float, high: float, digits: int) -> str:
    """Format the limits of a ratio or difference.

    Parameters
    ----------
    measure : str
        What it is.
    low, high : float
        Limits.
    digits : int
        Decimals.

    Returns
    -------
    str
        ``"0.85 to 1.17"``; an en dash when both are missing.

    Examples
    --------
    >>> estimate_limits("mean difference", -1.25, 2.0, 1)
    '\u22121.2 to 2.0'
    """
    if math.isnan(low) and math.isnan(high):
        return fmt.DASH
    return f"{estimate_value(measure, low, digits)} to {estimate_value(measure, high, digits)}"


def estimate_interval(measure: str, value: float, low: float, high: float) -> str:
    """Format a ratio or difference with its interval.

    Parameters
    ----------
    measure : str
        What it is.
    value, low, high : float
        Estimate and limits; without limits only the estimate is shown.

    Returns
    -------
    str
        ``"0.98 (0.85 to 1.17)"``, all three with the same decimals.

    Examples
    --------
    >>> estimate_interval("mean difference", -2.015, -5.909, 1.878)
    '\u22122.0 (\u22125.9 to 1.9)'
    """
    if math.isnan(value):
        return fmt.DASH
    digits = estimate_digits(measure, value, low, high)
    shown = estimate_value(measure, value, digits)
    return shown if math.isnan(low) and math.isnan(high) else f"{shown} ({estimate_limits(measure, low, high, digits)})"
