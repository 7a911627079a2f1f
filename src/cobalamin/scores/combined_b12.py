"""Combined indicator of vitamin B12 status (4cB12): four markers in one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.scores.laboratory import Floats, positive

# Limits of the classes of a reference laboratory, lowest first; below the first: probable deficiency.
CLASS_LIMITS = (-2.5, -1.5, -0.5, 1.5)
CLASSES = ("probable deficiency", "possible deficiency", "low", "adequate", "elevated")


@dataclass(frozen=True)
class AgeFactor:
    """Constants of the age factor ``scale / (1 + (age / halfway)^power)``.

    Attributes
    ----------
    scale, halfway, power : float
        3.79, 230 years and 2.6 are in circulation. They were found in no source that could be read, therefore nothing is built in:
        who uses them writes them down.

    Examples
    --------
    >>> AgeFactor(scale=3.79, halfway=230.0, power=2.6).at(65.0).round(3)
    np.float64(3.653)
    """

    scale: float
    halfway: float
    power: float

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.halfway > 0 and self.power > 0):
            raise DataError("AgeFactor: scale, halfway and power must be positive numbers.")

    def at(self, age: float | Floats) -> Floats:
        """Return the factor at ages in years."""
        return np.asarray(self.scale / (1 + (np.asarray(age, dtype=np.float64) / self.halfway) ** self.power))


def combined_b12(
    data: pd.DataFrame,
    *,
    b12: str,
    holotc: str,
    mma: str,
    homocysteine: str,
    age: str,
    age_factor: AgeFactor,
    folate_correction: str | None = None,
) -> pd.Series:
    """Combine four markers of vitamin B12 status.

    Parameters
    ----------
    data : DataFrame, shape (n, ...)
        One row per sample.
    b12, holotc : str
        Columns of total B12 and holotranscobalamin, pmol/L.
    mma, homocysteine : str
        Columns of methylmalonic acid and total homocysteine, umol/L.
    age : str
        Column of age in years.
    age_factor : AgeFactor
        Constants of the age factor; an argument, because they are not verified.
    folate_correction : str, optional
        Column of log10 of measured over expected homocysteine at low folate; added.

    Returns
    -------
    Series, shape (n,)
        No unit; below -0.5 points to deficiency. Missing where a marker is.

    Raises
    ------
    DataError
        A marker that is text, not positive, or too large for its unit (methylmalonic acid in nmol/L shifts the index by 3).

    Notes
    -----
    ``log10(holoTC * B12 / (MMA * Hcy)) - age factor``. Comparing it with one of its own markers is circular.

    References
    ----------
    Fedosov SN, Brito A, Miller JW, Green R, Allen LH. Combined indicator of vitamin B12 status. Clin Chem Lab Med
    2015 (structure of the index; the constants of the age factor were not found there).

    Examples
    --------
    >>> swiss = pd.DataFrame({"b12": [237.0], "holotc": [52.0], "mma": [0.207], "hcy": [12.0], "age": [65.0]})
    >>> constants = AgeFactor(scale=3.79, halfway=230.0, power=2.6)
    >>> combined_b12(swiss, b12="b12", holotc="holotc", mma="mma", homocysteine="hcy", age="age", age_factor=constants).round(2).tolist()
    [0.04]
    """
    total = positive(data[b12], b12, "pmol/L", 100_000.0)
    active = positive(data[holotc], holotc, "pmol/L", 10_000.0)
    acid = positive(data[mma], mma, "umol/L", 20.0, "Are they in nmol/L? Divide by 1000: the index would be wrong by 3.")
    amino = positive(data[homocysteine], homocysteine, "umol/L", 500.0)
    years = positive(data[age], age, "years", 120.0)
    value = np.log10(active * total / (acid * amino)) - age_factor.at(years)
    if folate_correction is not None:
        value = value + pd.to_numeric(data[folate_correction]).to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(value, index=data.index, name="combined_b12")


def combined_b12_class(value: pd.Series) -> pd.Series:
    """Name the class of the combined indicator.

    Parameters
    ----------
    value : Series, shape (n,)
        From `combined_b12`.

    Returns
    -------
    Series of ordered Categorical, shape (n,)
        Probable deficiency (< -2.5), possible deficiency, low, adequate (from -0.5), elevated (> 1.5).

    Notes
    -----
    Limits as a reference laboratory's page gives them (Viapath); which class a value on a limit belongs to is not said there.

    Examples
    --------
    >>> combined_b12_class(pd.Series([0.04, -3.0])).tolist()
    ['adequate', 'probable deficiency']
    """
    values = value.to_numpy(dtype=np.float64)
    codes = np.searchsorted(CLASS_LIMITS, values, side="right")
    codes = np.where(values == CLASS_LIMITS[-1], codes - 1, codes)
    return pd.Series(
        pd.Categorical.from_codes((np.where(np.isnan(values), -1, codes)).tolist(), pd.Index(CLASSES), ordered=True), index=value.index
    )
