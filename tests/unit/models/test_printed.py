"""Printed numbers: what rounds to them, and what follows from rounded limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import norm

from cobalamin.core.errors import DataError
from cobalamin.models.tables.printed import agrees_with_printed, expected_from_printed, p_from_limits, printed_range
from cobalamin.models.tables.smr import smr

ULP = 1e-12  # binary numbers beside decimal ones


@settings(deadline=None)
@given(st.floats(-1e4, 1e4), st.integers(0, 6))
def test_every_number_agrees_with_its_own_rounding_and_not_with_the_next(value: float, decimals: int) -> None:
    text = f"{value:.{decimals}f}"
    assert agrees_with_printed(value, value, text)
    other = f"{float(text) + 2 * 10**-decimals:.{decimals}f}"
    assert not agrees_with_printed(value, value, other)


def test_decimals_and_powers_are_read() -> None:
    assert_allclose(printed_range("0.4"), (0.35, 0.45), rtol=ULP)
    assert_allclose(printed_range("2.1e-08"), (2.05e-8, 2.15e-8), rtol=ULP)
    assert_allclose(printed_range("-107.31"), (-107.315, -107.305), rtol=ULP)
    assert agrees_with_printed(0.015, 0.015, "0.01") and agrees_with_printed(0.015, 0.015, "0.02"), "a half may go either way"
    assert agrees_with_printed(0.2, 0.3, "") and not agrees_with_printed(0.001, 0.001, "<0.001")


@settings(deadline=None)
@given(st.floats(-2, 2), st.floats(0.05, 0.8))
def test_a_symmetric_interval_with_its_p_is_never_called_inconsistent(log_ratio: float, error: float) -> None:
    z = 1.959963984540054
    numbers = [np.exp(log_ratio + k * error) for k in (0, -z, z)]
    texts = [f"{x:.2f}" for x in numbers]
    if min(printed_range(t)[0] for t in texts) <= 0 or printed_range(texts[1])[1] >= printed_range(texts[2])[0]:
        return
    found = p_from_limits(*texts).set_index("measure")
    assert found.loc["middle", "low"] <= numbers[0] * (1 + ULP) and numbers[0] <= found.loc["middle", "high"] * (1 + ULP)
    p = 2 * norm.sf(abs(log_ratio) / error)
    assert found.loc["p_value", "low"] <= p * (1 + 1e-9) and p <= found.loc["p_value", "high"] * (1 + 1e-9)


def test_a_difference_uses_its_own_scale() -> None:
    found = p_from_limits("-60.67", "-107.31", "-14.03", log=False).set_index("measure")
    assert_allclose(found.loc["middle", "value"], -60.67, rtol=ULP)
    assert round(found.loc["p_value", "value"], 4) == 0.0108


@pytest.mark.parametrize(("observed", "expected", "method"), [(812, 719.0, "exact"), (4, 1.084, "byar"), (60, 33.3, "square-root")])
def test_the_expected_count_behind_a_printed_ratio_is_found(observed: int, expected: float, method: str) -> None:
    row = smr(observed, expected, method=method).loc[0]
    texts = [f"{row[k]:.2f}" for k in ("estimate", "conf_low", "conf_high")]
    found = expected_from_printed(observed, *texts).set_index("method").loc[method]
    assert found["low"] <= expected <= found["high"]
    for one in found:
        again = smr(observed, one, method=method).loc[0]
        assert all(agrees_with_printed(again[k], again[k], t) for k, t in zip(("estimate", "conf_low", "conf_high"), texts, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: printed_range("about 3"), "a text that is none"),
        (lambda: printed_range("NaN"), "a text that is none"),
        (lambda: p_from_limits("1.0", "0.9", "0.9"), "as high as the upper"),
        (lambda: p_from_limits("0.1", "0.0", "0.9"), "0 or below"),
        (lambda: expected_from_printed(5, "1.2", "0", "3"), "may be 0"),
        (lambda: expected_from_printed(-5, "1.2", "0.5", "3"), "negative"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
