"""Laboratory columns for a formula: numbers, in the expected range, in the expected unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError

Floats = npt.NDArray[np.float64]


def positive(values: pd.Series | Floats | float, name: str, unit: str, high: float, hint: str = "") -> Floats:
    """Return values as numbers after refusing those that no person has.

    Parameters
    ----------
    values : Series, ndarray or float
        Results; missing allowed.
    name, unit : str
        For messages.
    high : float
        Values above cannot be in ``unit``.
    hint : str
        What to do when they are.

    Returns
    -------
    ndarray, shape (n,)
        Float; NaN where missing.

    Raises
    ------
    DataError
        Text, zero, negative or impossible values (their number, not the values).

    Examples
    --------
    >>> positive(pd.Series([1.0, None]), "creatinine", "mg/dL", 40.0).tolist()
    [1.0, nan]
    """
    raw = pd.Series(np.atleast_1d(values) if np.ndim(values) == 0 else values)
    numbers = pd.to_numeric(raw, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = int((np.isnan(numbers) & raw.notna().to_numpy()).sum())
    if text:
        raise DataError(f"{name}: {text} of {len(numbers)} values are not numbers; expected {unit}.")
    low = int((numbers <= 0).sum())
    if low:
        raise DataError(f"{name}: {low} of {len(numbers)} values are 0 or negative; expected positive values in {unit}.")
    wrong = int((numbers > high).sum())
    if wrong:
        raise DataError(f"{name}: {wrong} of {len(numbers)} values are above {high:g} {unit}, which no person has. {hint}".rstrip())
    return numbers
