"""Every number a reader sees: rounding, signs, limits and what is hidden."""

from __future__ import annotations

import math

import pytest

from cobalamin.report import format as fmt

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0116, 3, "0.012"),  # rounded, not truncated
        (2.675, 2, "2.68"),  # as the reader of the decimal does it
        (0.125, 2, "0.12"),  # half to even
        (0.135, 2, "0.14"),
        (2.5, 0, "2"),
        (3.5, 0, "4"),
        (-0.001, 2, "0.00"),  # no negative zero
        (-0.0, 1, "0.0"),
        (-1234.5, 1, "\u22121,234.5"),
        (1234567, 0, "1,234,567"),
        (1e15, 0, "1,000,000,000,000,000"),
        (999.995, 2, "1,000.00"),
        (NAN, 2, "\u2013"),
        (INF, 2, "\u221e"),
        (-INF, 2, "\u2212\u221e"),
    ],
)
def test_number(value: float, digits: int, text: str) -> None:
    assert fmt.number(value, digits) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "<0.001"),
        (1e-300, "<0.001"),
        (0.00099999, "<0.001"),
        (0.001, "0.001"),
        (0.0342, "0.034"),
        (0.0496, "0.050"),
        (0.09949, "0.099"),
        (0.0995, "0.10"),
        (0.1, "0.10"),
        (0.9949, "0.99"),
        (0.995, ">0.99"),
        (1.0, ">0.99"),
        (NAN, "\u2013"),
    ],
)
def test_p_value_is_never_zero_nor_one(p: float, text: str) -> None:
    assert fmt.p_value(p) == text


def test_p_phrase_has_one_sign_of_relation() -> None:
    assert [fmt.p_phrase(p) for p in (0.0, 0.0342, 1.0)] == ["p < 0.001", "p = 0.034", "p > 0.99"]


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ((0.98123, 0.8523, 1.1689), "0.98 (0.85 to 1.17)"),
        ((0.99678, 0.96271, 1.03206), "1.00 (0.96 to 1.03)"),
        ((1.3007, 1.0016, 1.6891), "1.301 (1.002 to 1.689)"),  # the lower limit must not read as 1.00
        ((1.00042, 1.00011, 1.00073), "1.0004 (1.0001 to 1.0007)"),
        ((1.018, 1.014, 1.022), "1.018 (1.014 to 1.022)"),
        ((1.0, 1.0, 1.0), "1.00 (1.00 to 1.00)"),
        ((12.345, 5.612, 27.04), "12.3 (5.61 to 27.0)"),
        ((253.46, 221.9, 289.6), "253 (222 to 290)"),
        ((2e12, 0.0, INF), ">10,000 (0.00 to \u221e)"),
        ((0.0004, 0.0001, 0.002), "0.0004 (0.0001 to 0.0020)"),
        ((0.5, 0.00001, 2.0), "0.50 (<0.01 to 2.00)"),
        ((1.5, NAN, NAN), "1.50"),
        ((NAN, NAN, NAN), "\u2013"),
        ((9.9951, 9.4, 10.6), "10.0 (9.40 to 10.6)"),
    ],
)
def test_ratio_with_interval(ratio: tuple[float, float, float], text: str) -> None:
    assert fmt.ratio_interval(*ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (0.02, "<0.1%"), (0.05, "0.0%"), (12.345, "12.3%"), (99.94, "99.9%"), (99.97, ">99.9%"), (100, "100%"), (NAN, "\u2013")],
)
def test_percent(value: float, text: str) -> None:
    assert fmt.percent(value) == text


def test_count_tells_hidden_from_not_applicable() -> None:
    assert fmt.count(NAN, "suppressed in part: events <= 7") == "[suppressed]"
    assert fmt.count(NAN) == "\u2013"
    assert fmt.count(12.5) == "12.5"
    assert fmt.count(12345.0, "suppressed in part: events <= 7") == "12,345"


def test_a_warning_beside_a_suppression_is_kept() -> None:
    assert fmt.without_suppression("suppressed: events <= 7; infinite coefficient") == "infinite coefficient"
    assert fmt.without_suppression("suppressed: events <= 7") == ""


def test_decimals_of_a_mean_follow_the_spread() -> None:
    assert [fmt.summary_digits(s) for s in (NAN, 0.0, 0.04, 0.6, 16.0, 300.0)] == [1, 1, 3, 2, 1, 0]
