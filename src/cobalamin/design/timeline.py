"""Calendar arithmetic in whole days, and each person's time zero.

Inside the room a date is a number of days since 1970-01-01 (float64, NaN = no date), so that windows, lags and ties are
compared exactly. A year of person-time has 365.25 days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError

Floats = npt.NDArray[np.float64]
DAYS_PER_YEAR = 365.25
_NONE = np.datetime64("NaT")


def to_days(dates: pd.Series[Any]) -> Floats:
    """Turn dates into days since 1970-01-01; the time of day is cut off.

    Parameters
    ----------
    dates : Series of datetime64, shape (n,)
        Calendar dates without a time zone.

    Returns
    -------
    ndarray, shape (n,)
        Days, NaN where there is no date.

    Raises
    ------
    DataError
        Not a column of dates, or with a time zone.

    Examples
    --------
    >>> to_days(pd.Series(pd.to_datetime(["1970-01-02", None]))).tolist()
    [1.0, nan]
    """
    if dates.dtype.kind != "M" or isinstance(dates.dtype, pd.DatetimeTZDtype):
        raise DataError(f"'{dates.name}' is a column of {dates.dtype}; expected calendar dates without a time zone.")
    stamps = dates.to_numpy().astype("datetime64[D]")
    days: Floats = stamps.astype(np.int64).astype(np.float64)
    days[np.isnat(stamps)] = np.nan
    return days


def from_days(days: npt.ArrayLike) -> pd.Series[Any]:
    """Turn days since 1970-01-01 back into dates.

    Parameters
    ----------
    days : array-like, shape (n,)
        Days, NaN where there is no date.

    Returns
    -------
    Series of datetime64, shape (n,)

    Examples
    --------
    >>> from_days([1.0, np.nan]).tolist()
    [Timestamp('1970-01-02 00:00:00'), NaT]
    """
    return pd.Series(_stamps(np.asarray(days, dtype=np.float64)).astype("datetime64[ns]"))


def day_of(date: dt.date) -> float:
    """Return one date as days since 1970-01-01.

    Parameters
    ----------
    date : date
        A calendar date.

    Returns
    -------
    float

    Examples
    --------
    >>> day_of(dt.date(1970, 1, 2))
    1.0
    """
    return float((dt.date(date.year, date.month, date.day) - dt.date(1970, 1, 1)).days)


def add_years(days: Floats, years: npt.ArrayLike) -> Floats:
    """Add whole calendar years; 29 February falls on 1 March in a common year.

    Parameters
    ----------
    days : ndarray, shape (n,)
        Days since 1970-01-01.
    years : float or array-like
        Whole years.

    Returns
    -------
    ndarray, shape (n,)
        Days since 1970-01-01.

    Examples
    --------
    >>> leap = day_of(dt.date(2004, 2, 29))
    >>> from_days(add_years(np.array([leap]), 1)).dt.strftime("%Y-%m-%d").tolist()
    ['2005-03-01']
    """
    year, since_month, day = _parts(days)
    step = np.broadcast_to(np.asarray(years, dtype=np.float64), days.shape)
    known = np.isfinite(days) & np.isfinite(step)
    target = (year + np.where(known, step, 0).astype(np.int64)).astype("datetime64[Y]")
    month = target.astype("datetime64[M]") + since_month
    # day 29 of a month that has 28 runs over into the next month, which is the rule wanted
    result: Floats = (month.astype("datetime64[D]") + day).astype(np.int64).astype(np.float64)
    result[~known] = np.nan
    return result


def age_at(days: Floats, birth: Floats) -> Floats:
    """Calendar age: a whole number on every birthday, and the fraction of the year since the last one.

    Parameters
    ----------
    days, birth : ndarray, shape (n,)
        The day of interest and the day of birth, in days since 1970-01-01.

    Returns
    -------
    ndarray, shape (n,)
        Age in years; NaN where either is missing.

    Notes
    -----
    ``(days - birth) / 365.25`` is 17.9986 on some eighteenth birthdays; an age limit needs the calendar.

    Examples
    --------
    >>> born, birthday = day_of(dt.date(2000, 3, 1)), day_of(dt.date(2018, 3, 1))
    >>> age_at(np.array([birthday]), np.array([born])).tolist()
    [18.0]
    """
    known = np.isfinite(days) & np.isfinite(birth)
    when, born = np.where(known, days, 0.0), np.where(known, birth, 0.0)
    completed = (_parts(when)[0] - _parts(born)[0]).astype(np.float64)
    completed -= add_years(born, completed) > when
    last, following = add_years(born, completed), add_years(born, completed + 1)
    age: Floats = completed + (when - last) / (following - last)
    age[~known] = np.nan
    return age


def birth_days(column: pd.Series[Any]) -> Floats:
    """Take a column of birth as days: a date as it is, a year as 1 July of that year.

    Parameters
    ----------
    column : Series, shape (n,)
        Dates, or calendar years (where only the year may be held).

    Returns
    -------
    ndarray, shape (n,)
        Days since 1970-01-01.

    Raises
    ------
    DataError
        Neither dates nor plausible years.

    Examples
    --------
    >>> from_days(birth_days(pd.Series([1980.0]))).dt.strftime("%Y-%m-%d").tolist()
    ['1980-07-01']
    """
    if column.dtype.kind == "M":
        return to_days(column)
    if column.dtype.kind not in "iuf":
        raise DataError(f"'{column.name}' is a column of {column.dtype}; expected dates or years of birth.")
    year: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(year)
    odd = known & ((year < 1800) | (year > 2200) | (year % 1 != 0))
    if odd.any():
        raise DataError(f"'{column.name}': {int(odd.sum())} of {len(year)} rows are not calendar years (1800 to 2200).")
    months = ((np.where(known, year, 1970).astype(np.int64) - 1970) * 12 + 6).astype("datetime64[M]")
    days: Floats = months.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    days[~known] = np.nan
    return days


def years_in_days(years: float) -> int:
    """Return a span of years in whole days of follow-up, half a day rounded up (2 years = 731 days).

    Parameters
    ----------
    years : float
        For example a lag.

    Returns
    -------
    int

    Examples
    --------
    >>> years_in_days(1.0), years_in_days(2.0)
    (365, 731)
    """
    return int(np.floor(years * DAYS_PER_YEAR + 0.5))


def _stamps(days: Floats) -> npt.NDArray[np.datetime64]:
    known = np.isfinite(days)
    stamps = np.where(known, days, 0).astype(np.int64).astype("datetime64[D]")
    stamps[~known] = _NONE
    return stamps


def _parts(days: Floats) -> tuple[Any, Any, Any]:
    """Year, months since January and days since the first of the month."""
    stamps = np.where(np.isfinite(days), days, 0).astype(np.int64).astype("datetime64[D]")
    years, months = stamps.astype("datetime64[Y]"), stamps.astype("datetime64[M]")
    return years.astype(np.int64), months - years.astype("datetime64[M]"), stamps - months.astype("datetime64[D]")
