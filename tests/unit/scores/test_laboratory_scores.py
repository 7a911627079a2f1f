"""Hand-worked patients for the kidney and the combined B12 formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DataError
from cobalamin.scores.combined_b12 import CLASSES, AgeFactor, combined_b12, combined_b12_class
from cobalamin.scores.egfr import egfr

CONSTANTS = AgeFactor(scale=3.79, halfway=230.0, power=2.6)
COLUMNS = {"b12": "b12", "holotc": "holotc", "mma": "mma", "homocysteine": "hcy", "age": "age"}
SWISS = pd.DataFrame({"b12": [237.0], "holotc": [52.0], "mma": [0.207], "hcy": [12.0], "age": [65.0]})


def rate(creatinine: float, age: float, female: bool, unit: str = "mg/dL") -> float:
    return float(egfr(pd.Series([creatinine]), age=pd.Series([age]), female=pd.Series([female]), unit=unit).iloc[0])


def test_kidney_patients_by_hand() -> None:
    # woman, 0.9 mg/dL, 55 years: 142 (9/7)^-1.2 0.9938^55 1.012 = 142 x 0.739630 x 0.710341 x 1.012
    assert_allclose(rate(0.9, 55, True), 142 * np.exp(-1.2 * np.log(9 / 7)) * np.exp(55 * np.log(0.9938)) * 1.012, rtol=1e-12)
    assert_allclose(rate(0.9, 55, True), 75.5, atol=0.05)
    # at the hinge only the age is left: man, 0.9 mg/dL, 50 years: 142 x 0.9938^50 = 142 x 0.732751
    assert_allclose(rate(0.9, 50, False), 104.05, atol=0.01)
    # below the hinge the other exponent: man, 0.45 mg/dL: 2^0.302 = 1.23285 times as much
    assert_allclose(rate(0.45, 50, False) / rate(0.9, 50, False), 2**0.302, rtol=1e-12)
    assert_allclose(rate(0.35, 50, True) / rate(0.7, 50, True), 2**0.241, rtol=1e-12)


def test_units_of_creatinine_are_named_and_wrong_ones_are_seen() -> None:
    assert_allclose(rate(88.4, 60, False, "umol/L"), rate(1.0, 60, False), rtol=1e-12)
    with pytest.raises(DataError, match="Are they in umol/L"):
        rate(80.0, 60, False)
    with pytest.raises(DataError, match="expected one of mg/dL, umol/L"):
        rate(1.0, 60, False, "mmol/L")


def test_kidney_refusals_and_missing_values() -> None:
    with pytest.raises(DataError, match="1 of 1 people are under 18"):
        rate(1.0, 12, True)
    with pytest.raises(DataError, match="0 or negative"):
        rate(0.0, 40, True)
    with pytest.raises(DataError, match=r"not True/False or 1/0"):
        egfr(pd.Series([1.0]), age=pd.Series([40]), female=pd.Series(["f"]), unit="mg/dL")
    found = egfr(pd.Series([np.nan, 1.0, 1.0]), age=pd.Series([40, np.nan, 40]), female=pd.Series([1, 1, None]), unit="mg/dL")
    assert found.isna().all()


def test_combined_indicator_of_the_domain_page() -> None:
    assert_allclose(combined_b12(SWISS, **COLUMNS, age_factor=CONSTANTS), [0.04], atol=0.005)


def test_methylmalonic_acid_in_nanomol_is_refused() -> None:
    with pytest.raises(DataError, match="nmol/L"):
        combined_b12(SWISS.assign(mma=207.0), **COLUMNS, age_factor=CONSTANTS)


def test_mass_units_of_b12_shift_the_index_by_the_known_amount() -> None:
    shift = combined_b12(SWISS.assign(b12=SWISS["b12"] / 0.7378), **COLUMNS, age_factor=CONSTANTS) - combined_b12(
        SWISS, **COLUMNS, age_factor=CONSTANTS
    )
    assert_allclose(shift, [0.132], atol=0.001)


def test_a_missing_marker_and_a_folate_correction() -> None:
    assert combined_b12(SWISS.assign(hcy=np.nan), **COLUMNS, age_factor=CONSTANTS).isna().all()
    corrected = combined_b12(SWISS.assign(f=0.2), **COLUMNS, age_factor=CONSTANTS, folate_correction="f")
    assert_allclose(corrected - combined_b12(SWISS, **COLUMNS, age_factor=CONSTANTS), [0.2])


def test_classes_at_their_limits() -> None:
    values = pd.Series([-2.6, -2.5, -1.6, -1.5, -0.6, -0.5, 1.5, 1.6, np.nan])
    codes = combined_b12_class(values).cat.codes.tolist()
    assert codes == [0, 1, 1, 2, 2, 3, 3, 4, -1]
    assert combined_b12_class(values).cat.categories.tolist() == list(CLASSES)


def test_constants_must_be_given_and_positive() -> None:
    with pytest.raises(TypeError, match="age_factor"):
        combined_b12(SWISS, **COLUMNS)  # type: ignore[call-arg]
    with pytest.raises(DataError, match="positive"):
        AgeFactor(scale=3.79, halfway=0.0, power=2.6)
