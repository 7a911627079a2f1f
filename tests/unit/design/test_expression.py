"""The expression language: three-valued conditions, kinds that do not mix, labels that exist."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, FormulaError
from cobalamin.design.expression import condition, evaluate

TABLE = pd.DataFrame(
    {
        "a": [1.0, 2.0, np.nan, 0.0],
        "sex": pd.Categorical(["female", "male", None, "female"], categories=["female", "male"]),
        "text": ["x", None, "y", "x"],
        "day": pd.to_datetime(["2000-02-29", "2001-01-01", None, "1999-12-31"]),
        "flag": [1.0, 0.0, np.nan, 1.0],
        "count": pd.array([1, 2, None, 4], dtype="Int64"),
    },
    index=[7, 5, 3, 1],
)
T, F, U = True, False, None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > 1 and sex == 'female'", [F, F, U, F]),
        ("a > 1 or sex == 'female'", [T, T, U, T]),
        ("is_missing(a) or sex == 'male'", [F, T, T, F]),
        ("not (a > 1)", [T, F, U, T]),
        ("0 < a <= 1", [T, F, U, F]),
        ("sex in ['female', 'male']", [T, T, U, T]),
        ("sex not in ['female']", [F, T, U, F]),
        ("sex != 'female'", [F, T, U, F]),
        ("isin(a, [1, -2])", [T, F, U, F]),
        ("text == 'x'", [T, U, F, T]),
        ("text != 'x'", [F, U, T, F]),
        ("'2000-01-01' <= day", [T, T, U, F]),
        ("day == '2001-01-01'", [F, T, U, F]),
        ("flag and a < 2", [T, F, U, T]),
        ("a == missing()", [U, U, U, U]),
        ("count >= 2", [F, T, U, T]),
        ("sex == sex", [T, T, U, T]),
        ("True", [T, T, T, T]),
    ],
)
def test_conditions_follow_kleene(text: str, expected: list[bool | None]) -> None:
    result = evaluate(text, TABLE)
    assert result.index.tolist() == [7, 5, 3, 1]
    assert [None if pd.isna(v) else bool(v) for v in result] == expected
    holds, unknown = condition(text, TABLE)
    assert holds.tolist() == [v is True for v in expected]
    assert unknown.tolist() == [v is None for v in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a / 2 + 1", [1.5, 2.0, np.nan, 1.0]),
        ("-a ** 2", [-1.0, -4.0, np.nan, 0.0]),
        ("where(a > 0, log2(a), -1)", [0.0, 1.0, np.nan, -1.0]),
        ("where(is_missing(a), 9, a)", [1.0, 2.0, 9.0, 0.0]),
        ("where(a > 1, 5, missing())", [np.nan, 5.0, np.nan, np.nan]),
        ("exp10(0.97 * log10(a + 1) + 0.14)", [10 ** (0.97 * np.log10(2) + 0.14), 10 ** (0.97 * np.log10(3) + 0.14), np.nan, 10**0.14]),
        ("max(a, 1)", [1.0, 2.0, np.nan, 1.0]),
        ("min(a, 1, count)", [1.0, 1.0, np.nan, 0.0]),
        ("(a > 1) + (sex == 'female')", [1.0, 1.0, np.nan, 1.0]),
        ("year(day)", [2000.0, 2001.0, np.nan, 1999.0]),
        ("days_between(day, '2001-01-01')", [307.0, 0.0, np.nan, 367.0]),
        ("round(a * 1.25)", [1.0, 3.0, np.nan, 0.0]),
        ("7", [7.0] * 4),
    ],
)
def test_numbers(text: str, expected: list[float]) -> None:
    assert_allclose(evaluate(text, TABLE), expected)


def test_dates_and_labels() -> None:
    assert evaluate("add_years(day, 1)", TABLE).dt.strftime("%Y-%m-%d").fillna("").tolist() == [
        "2001-03-01",
        "2002-01-01",
        "",
        "2000-12-31",
    ]
    assert evaluate("add_days(day, -1)", TABLE).iloc[0] == pd.Timestamp("2000-02-28")
    assert evaluate("max(day, '2000-01-01')", TABLE).iloc[3] == pd.Timestamp("2000-01-01")
    labels = evaluate("where(sex == 'female', 'women', 'men')", TABLE)
    assert labels.cat.categories.tolist() == ["women", "men"]
    assert labels.astype(object).fillna("").tolist() == ["women", "men", "", "women"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("sex == 'femal'", FormulaError, r"no label 'femal'\. Did you mean 'female'\? The labels are: female, male"),
        ("sex in ['female', 'man']", FormulaError, "no label 'man'"),
        ("sex > 'female'", FormulaError, "labels have no order"),
        ("sex == 1", FormulaError, r"a column of labels \(female, male\) with a number"),
        ("a == 'x'", FormulaError, "compares a number with text"),
        ("day == 1", FormulaError, "expected a date, got a number"),
        ("day == '2001-13-01'", FormulaError, "write it as 'YYYY-MM-DD'"),
        ("a and True", FormulaError, "expected a condition such as 'age >= 18', got a number"),
        ("sex + 1", FormulaError, "arithmetic needs numbers"),
        ("day - 1", FormulaError, r"days_between\(\) or add_days\(\)"),
        ("where(a > 1, 1, 'x')", FormulaError, "label and number; they must be of one kind"),
        ("where(a > 1, 1)", FormulaError, "got 2 arguments"),
        ("add_days(day, 0.5)", FormulaError, "whole number"),
        ("log2(a)", DataError, r"'log2\(a\)' has no finite value in 1 of 4 rows"),
        ("1 / a", DataError, "division by zero"),
        ("aa > 1", ColumnNotFoundError, "Did you mean 'a'"),
        ("a.real", FormulaError, "an attribute"),
        ("__import__('os')", FormulaError, "function '__import__' is not allowed"),
        ("[x for x in a]", FormulaError, "not allowed"),
    ],
)
def test_what_would_mislead_is_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(text, TABLE)


def test_a_condition_must_be_one() -> None:
    with pytest.raises(FormulaError, match="eligibility 'x': expected a condition"):
        condition("a + 1", TABLE, what="eligibility 'x'")


def test_times_of_day_are_cut_off_and_time_zones_refused() -> None:
    table = pd.DataFrame({"day": pd.to_datetime(["2010-01-01 23:59"])})
    assert evaluate("day <= '2010-01-01'", table).tolist() == [True]
    with pytest.raises(FormulaError, match="time zone"):
        evaluate("day <= '2010-01-01'", table.assign(day=table["day"].dt.tz_localize("UTC")))
