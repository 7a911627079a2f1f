"""Calendar arithmetic beside Python's own calendar."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalamin.core.errors import DataError
from cobalamin.design.timeline import add_years, age_at, birth_days, day_of, from_days, to_days, years_in_days

DAYS = st.dates(min_value=dt.date(1900, 1, 1), max_value=dt.date(2099, 12, 31))


@given(DAYS, st.integers(-50, 90))
def test_adding_years_is_the_calendar_with_29_february_going_to_1_march(day: dt.date, years: int) -> None:
    try:
        expected = day.replace(year=day.year + years)
    except ValueError:
        expected = dt.date(day.year + years, 3, 1)
    assert add_years(np.array([day_of(day)]), years).tolist() == [day_of(expected)]


@given(DAYS, st.integers(0, 40_000))
def test_completed_years_of_age_are_the_birthdays_gone_by(birth: dt.date, after: int) -> None:
    day = birth + dt.timedelta(days=after)
    anniversary = (3, 1) if (birth.month, birth.day) == (2, 29) and not _leap(day.year) else (birth.month, birth.day)
    completed = day.year - birth.year - ((day.month, day.day) < anniversary)
    age = age_at(np.array([day_of(day)]), np.array([day_of(birth)]))[0]
    assert np.floor(age) == completed
    assert (age == completed) == ((day.month, day.day) == anniversary)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@given(st.lists(st.one_of(st.none(), DAYS), min_size=1))
def test_days_and_dates_are_the_same_thing(dates: list[dt.date | None]) -> None:
    column = pd.Series(pd.to_datetime(dates)).astype("datetime64[ns]")
    pd.testing.assert_series_equal(from_days(to_days(column)), column)


def test_missing_stays_missing() -> None:
    none = np.array([np.nan])
    assert (
        np.isnan(add_years(none, 1)).all()
        and np.isnan(age_at(none, np.array([0.0]))).all()
        and np.isnan(age_at(np.array([0.0]), none)).all()
    )


def test_birth_is_a_date_or_a_year() -> None:
    assert birth_days(pd.Series([2000.0, np.nan]))[0] == day_of(dt.date(2000, 7, 1))
    with pytest.raises(DataError, match="1 of 2 rows are not calendar years"):
        birth_days(pd.Series([57.0, 1950.0], name="birth"))
    with pytest.raises(DataError, match="expected dates or years"):
        birth_days(pd.Series(["1950-01-01"]))


def test_a_lag_is_whole_days_half_up() -> None:
    assert [years_in_days(y) for y in (0, 0.5, 1, 2, 4, 5)] == [0, 183, 365, 731, 1461, 1826]


def test_text_is_not_a_date() -> None:
    with pytest.raises(DataError, match="expected calendar dates"):
        to_days(pd.Series(["2010-01-01"], name="day"))
