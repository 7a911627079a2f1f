"""Estimated glomerular filtration rate: CKD-EPI 2021, creatinine, without race."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.scores.laboratory import positive

MICROMOL_PER_MG_DL = 88.4
UNITS = ("mg/dL", "umol/L")


def egfr(creatinine: pd.Series, *, age: pd.Series, female: pd.Series, unit: str) -> pd.Series:
    """Estimate the glomerular filtration rate by CKD-EPI 2021.

    Parameters
    ----------
    creatinine : Series, shape (n,)
        Serum creatinine, standardised (IDMS).
    age : Series, shape (n,)
        Years, 18 or more.
    female : Series of bool or 0/1, shape (n,)
        Sex.
    unit : {"mg/dL", "umol/L"}
        Unit of creatinine; there is no default, because a wrong one is not seen in the result.

    Returns
    -------
    Series, shape (n,)
        mL/min/1.73 m2; missing where an input is.

    Raises
    ------
    DataError
        Unknown unit, impossible creatinine, age under 18 or above 120, or sex not 0/1.

    Notes
    -----
    ``142 min(c/k, 1)^a max(c/k, 1)^-1.200 0.9938^age (1.012 if female)``, c in mg/dL; k = 0.7 and a = -0.241 for women,
    0.9 and -0.302 for men.

    References
    ----------
    Inker LA, Eneanya ND, Coresh J, et al. New creatinine- and cystatin C-based equations to estimate GFR without race.
    N Engl J Med 2021;385:1737-1749. doi:10.1056/NEJMoa2102953

    Examples
    --------
    >>> egfr(pd.Series([0.9]), age=pd.Series([55]), female=pd.Series([True]), unit="mg/dL").round(0).tolist()
    [75.0]
    """
    if unit not in UNITS:
        raise DataError(f"unit='{unit}': expected one of {', '.join(UNITS)}.")
    factor = 1.0 if unit == "mg/dL" else MICROMOL_PER_MG_DL
    other = UNITS[1 - UNITS.index(unit)]
    c = positive(creatinine, "creatinine", unit, 40.0 * factor, f"Are they in {other}? Then pass unit='{other}'.") / factor
    years = positive(age, "age", "years", 120.0)
    young = int((years < 18).sum())
    if young:
        raise DataError(f"age: {young} of {len(years)} people are under 18; CKD-EPI 2021 was made for adults.")
    woman = _sex(female)
    k, a = np.where(woman == 1, 0.7, 0.9), np.where(woman == 1, -0.241, -0.302)
    value = 142 * np.minimum(c / k, 1) ** a * np.maximum(c / k, 1) ** -1.2 * 0.9938**years * np.where(woman == 1, 1.012, 1.0)
    return pd.Series(np.where(np.isnan(woman), np.nan, value), index=getattr(creatinine, "index", None), name="egfr")


def _sex(female: pd.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = pd.to_numeric(pd.Series(female), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = int((~np.isin(values, [0.0, 1.0]) & pd.Series(female).notna().to_numpy()).sum())
    if wrong:
        raise DataError(f"female: {wrong} of {len(values)} values are not True/False or 1/0. Pass (sex == 'female').")
    return values
