"""The one number formatter: rounds half to even on the printed decimals, never truncates, never prints "0.000".

Every number of a report passes through these functions, so the table, the figure and the sentence show the same digits.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

MINUS = "\u2212"
DASH = "\u2013"
INFINITY = "\u221e"
SUPPRESSED = "[suppressed]"
# words by which the disclosure room marks a row whose numbers it took away
_SUPPRESSION_WORDS = ("suppress", "redact", "disclos")


def number(value: float, digits: int = 0) -> str:
    """Format a number with a fixed number of decimals and thousands separators.

    Parameters
    ----------
    value : float
        Any number; NaN is "not applicable".
    digits : int
        Decimals.

    Returns
    -------
    str
        ``"1,234.5"``; the minus sign is U+2212; NaN gives an en dash; zero has no sign.

    Notes
    -----
    The shortest decimal form of the float is rounded half to even, so 2.675 gives 2.68 and 0.125 gives 0.12: what a reader of
    the stored table gets by hand.

    Examples
    --------
    >>> number(1234.565, 2), number(-0.001, 2)
    ('1,234.56', '0.00')
    """
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    rounded = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    text = f"{abs(rounded):,.{digits}f}"
    return MINUS + text if rounded < 0 else text


def count(value: float, note: str = "") -> str:
    """Format a count of people or events.

    Parameters
    ----------
    value : float
        The count; NaN when it was hidden or does not apply.
    note : str
        The ``warning`` of its row: it tells hidden from not applicable.

    Returns
    -------
    str
        ``"1,234"``, ``"[suppressed]"`` or an en dash.

    Examples
    --------
    >>> count(12345), count(float("nan"), "suppressed: small count")
    ('12,345', '[suppressed]')
    """
    if math.isnan(value) and is_suppressed(note):
        return SUPPRESSED
    return number(value, 0 if math.isnan(value) or float(value).is_integer() or abs(value) >= 1000 else 1)


def is_suppressed(note: str) -> bool:
    """Say whether the warning of a row means that disclosure control took numbers away.

    Parameters
    ----------
    note : str
        ``Estimates.warning``.

    Returns
    -------
    bool
        True for notes that speak of suppression or redaction.
    """
    return any(word in note.lower() for word in _SUPPRESSION_WORDS)


def without_suppression(note: str) -> str:
    """Return what a warning says besides the hiding of numbers.

    Parameters
    ----------
    note : str
        ``Estimates.warning``: parts joined by semicolons.

    Returns
    -------
    str
        The other parts.

    Examples
    --------
    >>> without_suppression("suppressed in part: events <= 7; 12 events for 4 parameters")
    '12 events for 4 parameters'
    """
    return "; ".join(part for part in note.split("; ") if part and not is_suppressed(part))


def percent(value: float, digits: int = 1) -> str:
    """Format a percentage given in percent.

    Parameters
    ----------
    value : float
        0 to 100.
    digits : int
        Decimals.

    Returns
    -------
    str
        ``"12.3%"``; a positive share never prints as 0 nor an incomplete one as 100.

    Examples
    --------
    >>> percent(0.02), percent(99.99), percent(100)
    ('<0.1%', '>99.9%', '100%')
    """
    if math.isnan(value):
        return DASH
    step = 10.0**-digits
    if 0 < value < step / 2:
        return f"<{number(step, digits)}%"
    if 100 - step / 2 < value < 100:
        return f">{number(100 - step, digits)}%"
    return "0%" if value == 0 else "100%" if value == 100 else f"{number(value, digits)}%"


def p_value(value: float) -> str:
    """Format a p-value.

    Parameters
    ----------
    value : float
        0 to 1.

    Returns
    -------
    str
        ``"<0.001"``, three decimals below 0.1, two above, ``">0.99"`` at the top.

    Examples
    --------
    >>> [p_value(p) for p in (0.0, 0.0342, 0.0996, 0.534, 1.0)]
    ['<0.001', '0.034', '0.10', '0.53', '>0.99']
    """
    if math.isnan(value):
        return DASH
    if value < 0.001:
        return "<0.001"
    if value >= 0.995:
        return ">0.99"
    return number(value, 3 if value < 0.0995 else 2)


def p_phrase(value: float) -> str:
    """Format a p-value with its sign of relation, for sentences.

    Parameters
    ----------
    value : float
        0 to 1.

    Returns
    -------
    str
        ``"p = 0.034"`` or ``"p < 0.001"``.

    Examples
    --------
    >>> p_phrase(0.00001)
    'p < 0.001'
    """
    text = p_value(value)
    return f"p {text[0]} {text[1:]}" if text[0] in "<>" else f"p = {text}"


def ratio_digits(value: float, low: float, high: float) -> int:
    """Choose the decimals of a ratio and its interval together.

    Parameters
    ----------
    value, low, high : float
        Ratio and confidence limits.

    Returns
    -------
    int
        2; 3 or 4 where two would print a limit as exactly 1 that is not 1 or squeeze the interval onto its estimate.

    Examples
    --------
    >>> ratio_digits(0.9968, 0.963, 1.032), ratio_digits(1.021, 1.003, 1.040)
    (2, 3)
    """
    limits = [x for x in (low, high) if math.isfinite(x)]
    for digits in (2, 3):
        shown = [number(x, digits) for x in limits]
        hides_one = any(s == number(1, digits) and x != 1 for s, x in zip(shown, limits, strict=True))
        squeezed = number(value, digits) in shown and len(limits) == 2 and low != high
        if not (hides_one or squeezed):
            return digits
    return 4


def ratio(value: float, digits: int = 2) -> str:
    """Format one ratio (hazard, odds, risk, rate).

    Parameters
    ----------
    value : float
        Not negative.
    digits : int
        Decimals below 10; one fewer above 10, none above 100.

    Returns
    -------
    str
        ``"1.23"``; positive values below the last decimal print as ``"<0.01"``, beyond 10,000 as ``">10,000"``.

    Examples
    --------
    >>> ratio(0.004), ratio(12.345), ratio(253.46), ratio(2e9)
    ('<0.01', '12.3', '253', '>10,000')
    """
    if 0 < value < 10.0**-digits / 2:
        return f"<{number(10.0**-digits, digits)}"
    if math.isfinite(value) and value > 10_000:
        return ">10,000"
    return number(value, digits if value < 9.995 else max(digits - 1, 0) if value < 99.95 else 0)


def interval(low: float, high: float, digits: int = 2) -> str:
    """Format the two limits of a ratio.

    Parameters
    ----------
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
    >>> interval(0.8523, 1.1689)
    '0.85 to 1.17'
    """
    return DASH if math.isnan(low) and math.isnan(high) else f"{ratio(low, digits)} to {ratio(high, digits)}"


def ratio_interval(value: float, low: float, high: float) -> str:
    """Format a ratio with its interval.

    Parameters
    ----------
    value, low, high : float
        Ratio and limits; without limits only the ratio is shown.

    Returns
    -------
    str
        ``"0.98 (0.85 to 1.17)"``, all three with the same decimals.

    Examples
    --------
    >>> ratio_interval(0.98123, 0.8523, 1.1689)
    '0.98 (0.85 to 1.17)'
    """
    if math.isnan(value):
        return DASH
    digits = ratio_digits(value, low, high)
    return ratio(value, digits) if math.isnan(low) and math.isnan(high) else f"{ratio(value, digits)} ({interval(low, high, digits)})"


def summary_digits(spread: float) -> int:
    """Choose the decimals of a mean, median or quartile from the spread of its variable.

    Parameters
    ----------
    spread : float
        Standard deviation, or interquartile range.

    Returns
    -------
    int
        0 from 100 up, 1 from 1 up, else 2 or 3.

    Examples
    --------
    >>> [summary_digits(s) for s in (152.0, 16.3, 0.61, 0.04)]
    [0, 1, 2, 3]
    """
    if math.isnan(spread) or spread <= 0:
        return 1
    return 0 if spread >= 100 else 1 if spread >= 1 else 2 if spread >= 0.1 else 3
