"""What a printed number allows: everything that rounds to it, and what follows from rounded limits.

For checking publications: a recomputed number agrees with a printed one if it rounds to it; numbers that were printed rounded agree with
one another if some unrounded numbers behind them do.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from itertools import product

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.tables.counts import normal_quantile, two_sided
from cobalamin.models.tables.smr import smr

# binary numbers at a half of the last decimal
_SLACK = 1e-12
POISSON = ("exact", "byar", "square-root")


def printed_range(text: str) -> tuple[float, float]:
    """Return what may have been rounded to a printed number.

    Parameters
    ----------
    text : str
        As printed, with all its decimals: ``"0.40"`` says more than ``"0.4"``. With ``<``, everything below.

    Returns
    -------
    tuple of float
        Lowest and highest value.

    Raises
    ------
    DataError
        Not a number.

    Examples
    --------
    >>> printed_range("0.40"), printed_range("<0.001")
    ((0.395, 0.405), (-inf, 0.001))
    """
    try:
        number = Decimal(text.removeprefix("<").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise DataError("printed_range: expected a number as printed, such as '0.40' or '<0.001'; got a text that is none.")
    if text.startswith("<"):
        return -math.inf, float(number)
    half = Decimal(1).scaleb(int(number.as_tuple().exponent)) / 2
    return float(number - half), float(number + half)


def agrees_with_printed(low: float, high: float, text: str) -> bool:
    """Whether a number, or any of a range of numbers, rounds to a printed one.

    Parameters
    ----------
    low, high : float
        The recomputed number twice, or the range that rounded inputs allow.
    text : str
        As printed; empty where nothing was.

    Returns
    -------
    bool
        True where nothing was printed. A value at a half may have been rounded either way.

    Raises
    ------
    DataError
        The text is no number.

    Examples
    --------
    >>> agrees_with_printed(0.0147, 0.0147, "0.015"), agrees_with_printed(0.0147, 0.0147, "0.02")
    (True, False)
    """
    if not text:
        return True
    least, most = printed_range(text)
    if text.startswith("<"):
        return low < most
    return low <= most + _SLACK * abs(most) and high >= least - _SLACK * abs(least)


def p_from_limits(estimate: str, low: str, high: str, *, log: bool = True, level: float = 0.95) -> pd.DataFrame:
    """Compute what an estimate and its limits, all printed rounded, say about each other and about p.

    Parameters
    ----------
    estimate, low, high : str
        As printed.
    log : bool
        Whether the limits are symmetric on the log scale (ratios) or on the scale printed (differences, coefficients).
    level : float
        Confidence level of the limits.

    Returns
    -------
    DataFrame, shape (2, 4)
        Columns measure, value, low, high. ``middle``: of the limits as printed, and the range that their rounding allows; the estimate
        lies in it if the interval is symmetric. ``p_value``: two-sided normal, of no association, and its range.

    Raises
    ------
    DataError
        Not numbers, limits in the wrong order, or a ratio that may be 0 or below.

    References
    ----------
    Altman DG, Bland JM. How to obtain the P value from a confidence interval. BMJ 2011;343:d2304. doi:10.1136/bmj.d2304

    Examples
    --------
    >>> p_from_limits("0.97", "0.91", "1.04").round(3).values.tolist()
    [['middle', 0.973, 0.968, 0.978], ['p_value', 0.371, 0.257, 0.49]]
    """
    ranges = [printed_range(text) for text in (estimate, low, high)]
    if ranges[1][1] >= ranges[2][0]:
        raise DataError("p_from_limits: after rounding, the lower limit may be as high as the upper one; nothing follows from them.")
    if log and min(r[0] for r in ranges) <= 0:
        raise DataError("p_from_limits: log=True, and a number may be 0 or below; give more decimals, or log=False for differences.")
    printed = np.array([[float(text) for text in (estimate, low, high)]])
    corners = np.array([*printed, *product(*ranges)])
    scaled = np.log(corners) if log else corners
    middle, width = scaled[:, 1:].mean(axis=1), scaled[:, 2] - scaled[:, 1]
    middle = np.exp(middle) if log else middle
    p = two_sided(scaled[:, 0] * 2 * normal_quantile(level) / width)
    # an estimate that may be no association at all has p up to 1
    most = 1.0 if scaled[:, 0].min() <= 0 <= scaled[:, 0].max() else p.max()
    rows = [("middle", middle[0], middle.min(), middle.max()), ("p_value", p[0], p.min(), most)]
    return pd.DataFrame(rows, columns=["measure", "value", "low", "high"])


def expected_from_printed(observed: int, ratio: str, low: str, high: str, *, level: float = 0.95) -> pd.DataFrame:
    """Find the expected counts that give a printed ratio of observed to expected and its printed limits.

    Parameters
    ----------
    observed : int
        Events observed.
    ratio, low, high : str
        As printed.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame, shape (3, 3)
        method (exact, byar, square-root: see `smr`), low, high: the range of expected counts that give all three printed numbers; missing
        where none does.

    Raises
    ------
    DataError
        No count, or texts that are no positive numbers.

    Examples
    --------
    >>> expected_from_printed(182, "33.6", "28.9", "38.6").round(3).values.tolist()
    [['exact', nan, nan], ['byar', nan, nan], ['square-root', 5.418, 5.425]]
    """
    texts = {"estimate": ratio, "conf_low": low, "conf_high": high}
    ranges = {key: printed_range(text) for key, text in texts.items()}
    if min(r[0] for r in ranges.values()) <= 0:
        raise DataError("expected_from_printed: a ratio or limit may be 0; no expected count follows from it.")
    rows = []
    for method in POISSON:
        one = smr(observed, 1.0, method=method, level=level).iloc[0]
        least = max(float(one[key]) / r[1] for key, r in ranges.items())
        most = min(float(one[key]) / r[0] for key, r in ranges.items())
        rows.append((method, least, most) if least <= most else (method, math.nan, math.nan))
    return pd.DataFrame(rows, columns=["method", "low", "high"])
