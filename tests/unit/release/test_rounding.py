"""Rounding, and what a reader concludes from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.release.policy import PRESETS
from cobalamin.release.rounding import (
    count_interval,
    mean_decimals,
    probability_decimals,
    round_count,
    shown_count,
    shown_interval,
    significant,
)


@pytest.mark.parametrize(("count", "printed"), [(0, 0), (1, 3), (6, 3), (7, 9), (12, 9), (13, 15), (18, 15)])
def test_midpoint_6_is_the_table_of_its_holder(count: int, printed: int) -> None:
    assert round_count(count, 6, midpoint=True) == printed


@given(count=st.integers(0, 10**7), base=st.sampled_from([0, 1, 5, 6, 10, 20]), midpoint=st.booleans())
def test_the_interval_holds_the_count_and_nothing_that_prints_otherwise(count: int, base: int, midpoint: bool) -> None:
    midpoint = midpoint and base == 6
    printed = round_count(count, base, midpoint=midpoint)
    low, high = count_interval(printed, base, midpoint=midpoint)
    assert low <= count <= high
    assert round_count(low, base, midpoint=midpoint) == round_count(high, base, midpoint=midpoint) == printed
    assert round_count(high + 1, base, midpoint=midpoint) != printed
    assert low == 0 or round_count(low - 1, base, midpoint=midpoint) != printed


@given(count=st.integers(0, 5000), name=st.sampled_from([n for n in PRESETS if n != "none"]))
def test_a_reader_never_excludes_the_truth(count: int, name: str) -> None:
    low, high = shown_interval(count, PRESETS[name], exact=True)
    assert low <= count <= high


def test_missing_counts_stay_missing() -> None:
    assert math.isnan(shown_count(math.nan, PRESETS["opensafely"]))


def test_significant_digits() -> None:
    assert_allclose(significant([1.23456, -98765.0, 0.0], 3), [1.23, -98800.0, 0.0], rtol=0)
    assert math.isinf(significant(math.inf, 3)) and math.isnan(significant(math.nan, 3))


@pytest.mark.parametrize(("p", "printed"), [(0.99851234, 0.99851), (0.5, 0.5), (0.0123456, 0.0123), (1.0, 1.0), (0.0, 0.0)])
def test_a_probability_keeps_what_tells_it_from_0_and_1(p: float, printed: float) -> None:
    assert round(p, probability_decimals(p, 3)) == printed


@pytest.mark.parametrize("n", [12, 40, 130, 999])
def test_a_printed_mean_of_whole_numbers_fits_every_neighbouring_n(n: int) -> None:
    decimals = mean_decimals(n)
    for total in range(3 * n, 4 * n):
        printed = round(total / n, decimals)
        for other in (n - 1, n + 1):
            nearest = round(printed * other) / other
            assert abs(nearest - printed) <= 0.51 * 10.0**-decimals + 0.5 / other
