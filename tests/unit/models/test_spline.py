"""Spline bases: shape where theory says what it is, and knots where Harrell puts them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError, FormulaError
from cobalamin.models.matrix.spline import harrell_knots, natural_cubic, natural_knots, restricted_cubic


def test_default_knots_are_harrells_quantiles():
    x = np.arange(10001.0)
    assert_allclose(harrell_knots(x, 3), [1000, 5000, 9000])
    assert_allclose(harrell_knots(x, 4), [500, 3500, 6500, 9500])
    assert_allclose(harrell_knots(x, 5), [500, 2750, 5000, 7250, 9500])
    assert_allclose(harrell_knots(x, 6), [500, 2300, 4100, 5900, 7700, 9500])
    # table 2.3 of the book prints 1/40, .1833, .3417, .5, .6583, .8167, 39/40
    assert_allclose(harrell_knots(x, 7), [250, 1833, 3417, 5000, 6583, 8167, 9750], atol=0.5)


def test_small_samples_take_the_fifth_smallest_and_fifth_largest():
    knots = harrell_knots(np.arange(1.0, 51.0), 4)
    assert (knots[0], knots[-1]) == (5, 46)


def test_restricted_cubic_by_hand():
    """Knots 0, 1, 3: the column is (x^3 - (x-1)^3 * 3/2 + (x-3)^3 / 2) / 9 beyond the last knot."""
    x = np.array([-1.0, 0.5, 2.0, 5.0])
    nonlinear = restricted_cubic(x, [0, 1, 3])[:, 1]
    assert_allclose(nonlinear, [0, 0.125 / 9, (8 - 1.5) / 9, (125 - 64 * 1.5 + 8 * 0.5) / 9])


@pytest.mark.parametrize("knots", [[0, 1, 3], [-2, 0.5, 1, 4], [0, 1, 2, 3, 10]])
def test_restricted_cubic_is_linear_in_the_tails_and_smooth_at_the_knots(knots):
    outside = np.array([knots[0] - 3.0, knots[0] - 2, knots[0] - 1, knots[-1] + 1, knots[-1] + 2, knots[-1] + 3])
    basis = restricted_cubic(outside, knots)
    assert_allclose(np.diff(basis[:3], n=2, axis=0), 0, atol=1e-9)
    assert_allclose(np.diff(basis[3:], n=2, axis=0), 0, atol=1e-9)
    h = 1e-3
    for knot in knots:
        around = restricted_cubic(knot + h * np.arange(-3.0, 4), knots)
        second = np.diff(around, n=2, axis=0) / h**2
        assert np.abs(np.diff(second, axis=0)).max() < 0.05


def test_natural_spline_is_linear_beyond_its_boundary():
    x = np.linspace(0, 10, 40)
    inner, boundary = natural_knots(x, 4)
    basis = natural_cubic(np.array([-3.0, -2, -1, 11, 12, 13]), inner, boundary)
    assert_allclose(np.diff(basis[:3], n=2, axis=0), 0, atol=1e-10)
    assert_allclose(np.diff(basis[3:], n=2, axis=0), 0, atol=1e-10)


def test_natural_and_restricted_splines_span_the_same_curves():
    x = np.linspace(0, 10, 60)
    knots = np.array([0.0, 2.5, 5, 7.5, 10])
    natural = np.column_stack([np.ones(60), natural_cubic(x, knots[1:-1], knots[[0, -1]])])
    restricted = np.column_stack([np.ones(60), restricted_cubic(x, knots)])
    fitted = natural @ np.linalg.lstsq(natural, restricted, rcond=None)[0]
    assert_allclose(fitted, restricted, atol=1e-9)


@pytest.mark.parametrize("knots", [[1, 2], [1, 1, 2], [3, 2, 1], [1, 2, np.inf], list(range(40))])
def test_bad_knots(knots):
    with pytest.raises(FormulaError, match="increasing"):
        restricted_cubic(np.arange(5.0), knots)


def test_too_few_distinct_values():
    with pytest.raises(DataError, match="2 distinct values"):
        harrell_knots(np.repeat([0.0, 1.0], 200), 4)
    with pytest.raises(DataError, match="smaller df"):
        natural_knots(np.repeat([0.0, 1.0], 200), 4)
    for k in (2, 8, True, 4.5):
        with pytest.raises(FormulaError, match="3 to 7"):
            harrell_knots(np.arange(100.0), k)
