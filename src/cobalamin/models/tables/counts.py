"""Checking counts and person-time, and the interval that every asymptotic measure uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError

Floats = npt.NDArray[np.float64]


def counts(values: Any, name: str, whole: bool = True) -> Floats:
    """Return counts as numbers after refusing what no count is.

    Parameters
    ----------
    values : array-like or number
        Counts; a scalar becomes an array of one.
    name : str
        For messages.
    whole : bool
        Whether parts of a person are refused (weighted tables have them).

    Returns
    -------
    ndarray, shape (k,)
        Float.

    Raises
    ------
    DataError
        Missing, infinite, negative or broken counts.

    Examples
    --------
    >>> counts([1, 2], "a").tolist()
    [1.0, 2.0]
    """
    _refuse_other_kinds(values, name)
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected numbers.") from None
    wrong = int((~np.isfinite(numbers)).sum())
    if wrong:
        raise DataError(f"{name}: {wrong} of {numbers.size} counts are missing or infinite.")
    low = int((numbers < 0).sum())
    if low:
        raise DataError(f"{name}: {low} of {numbers.size} counts are negative.")
    broken = int((numbers != np.rint(numbers)).sum())
    if whole and broken:
        raise DataError(f"{name}: {broken} of {numbers.size} counts are not whole numbers. Percentages? Give the counts themselves.")
    return numbers


def _refuse_other_kinds(values: Any, name: str) -> None:
    """Refuse dates and durations, which numpy would turn into nanoseconds, and complex numbers, which would lose a part."""
    kind = np.asarray(values).dtype.kind
    if kind == "m":
        raise DataError(f"{name}: durations; expected numbers. Divide by the unit first: data['{name}'] / pandas.Timedelta(days=365.25).")
    if kind in "Mc":
        raise DataError(f"{name}: {'dates' if kind == 'M' else 'complex numbers'}; expected numbers.")


def time_at_risk(values: Any, name: str) -> Floats:
    """Return person-time as numbers after refusing zero, negative, missing and infinite values.

    Parameters
    ----------
    values : array-like or number
        Person-time.
    name : str
        For messages.

    Returns
    -------
    ndarray, shape (k,)
        Float, positive.

    Raises
    ------
    DataError
        Values that are not positive finite numbers.

    Examples
    --------
    >>> time_at_risk(10, "person_time").tolist()
    [10.0]
    """
    numbers = counts(values, name, whole=False)
    zero = int((numbers == 0).sum())
    if zero:
        raise DataError(f"{name}: {zero} of {numbers.size} values are 0; a rate needs time at risk.")
    return numbers


def normal_quantile(level: float) -> float:
    """Return the two-sided standard normal quantile of a confidence level.

    Parameters
    ----------
    level : float
        Between 0 and 1.

    Returns
    -------
    float
        1.96 for 0.95.

    Raises
    ------
    DataError
        A level outside (0, 1), such as 95.

    Examples
    --------
    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise DataError(f"level={level}: expected a number between 0 and 1, such as 0.95.")
    return float(ndtri(0.5 + level / 2))


def two_sided(z: float | Floats) -> Floats:
    """Return two-sided p-values of standard normal statistics.

    Parameters
    ----------
    z : float or ndarray
        Statistics.

    Returns
    -------
    ndarray
        p-values.

    Examples
    --------
    >>> two_sided(0.0).tolist()
    1.0
    """
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-np.abs(np.asarray(z, dtype=np.float64))))


def chi2_tail(statistic: float, df: float) -> float:
    """Return the upper tail of the chi-squared distribution.

    Parameters
    ----------
    statistic, df : float
        Value and degrees of freedom.

    Returns
    -------
    float
        p-value; NaN without degrees of freedom.

    Examples
    --------
    >>> round(chi2_tail(3.841459, 1), 3)
    0.05
    """
    from scipy.special import gammaincc

    return float(gammaincc(df / 2, statistic / 2)) if df > 0 else float("nan")
