"""Tests that an association is the same in every stratum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def breslow_day(a: Floats, b: Floats, c: Floats, d: Floats, pooled: float) -> tuple[float, int]:
    """Return Breslow and Day's statistic with Tarone's correction.

    Parameters
    ----------
    a, b, c, d : ndarray, shape (k,)
        Cells of the informative strata.
    pooled : float
        Mantel-Haenszel odds ratio.

    Returns
    -------
    tuple of (float, int)
        Chi-squared and its degrees of freedom (k - 1).

    References
    ----------
    Tarone RE. On heterogeneity tests based on efficient scores. Biometrika 1985;72:91-95. doi:10.1093/biomet/72.1.91

    Examples
    --------
    >>> x = np.array([10.0, 5.0]); statistic, df = breslow_day(x, x + 10, x, x + 10, 1.0)
    >>> round(statistic, 6), df
    (0.0, 1)
    """
    expected = _fitted_cell(a, b, c, d, pooled)
    row, column, other = a + b, a + c, c + d
    with np.errstate(divide="ignore"):
        variance = 1 / (1 / expected + 1 / (row - expected) + 1 / (column - expected) + 1 / (other - column + expected))
    kept = variance > 0
    statistic = float((((a - expected) ** 2)[kept] / variance[kept]).sum()) - float((a - expected).sum()) ** 2 / float(variance.sum())
    return statistic, int(kept.sum()) - 1


def _fitted_cell(a: Floats, b: Floats, c: Floats, d: Floats, odds: float) -> Floats:
    """Return the first cell that has the margins of each stratum and the pooled odds ratio."""
    row, column, n = a + b, a + c, a + b + c + d
    if abs(odds - 1) < 1e-10:
        return np.asarray(row * column / n)
    middle = odds * (row + column) + (n - row - column)
    root = np.sqrt(np.maximum(middle**2 - 4 * odds * (odds - 1) * row * column, 0.0))
    # the root that lies between the margins, written so that nothing cancels
    return np.asarray(2 * odds * row * column / (middle + root))


def weighted_homogeneity(a: Floats, b: Floats, c: Floats, d: Floats, pooled: float, measure: str) -> tuple[float, int]:
    """Return the inverse-variance weighted sum of squares of the strata about the pooled value.

    Parameters
    ----------
    a, b, c, d : ndarray, shape (k,)
        Cells (for the rate ratio ``b`` and ``d`` are person-time).
    pooled : float
        Mantel-Haenszel measure.
    measure : str
        "risk ratio", "risk difference" or "rate ratio".

    Returns
    -------
    tuple of (float, int)
        Chi-squared over the strata that have a variance, and its degrees of freedom.

    Examples
    --------
    >>> x = np.array([10.0, 5.0]); weighted_homogeneity(x, 9 * x, x, 9 * x, 1.0, "risk ratio")
    (0.0, 1)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value, variance = _each(a, b, c, d, measure)
        centre = pooled if measure == "risk difference" else np.log(pooled)
        kept = np.isfinite(value) & np.isfinite(variance) & (variance > 0)
        statistic = float((((value - centre) ** 2)[kept] / variance[kept]).sum())
    return statistic, int(kept.sum()) - 1


def _each(a: Floats, b: Floats, c: Floats, d: Floats, measure: str) -> tuple[Floats, Floats]:
    if measure == "rate ratio":
        return np.log(a / b) - np.log(c / d), 1 / a + 1 / c
    exposed, unexposed = a + b, c + d
    if measure == "risk ratio":
        return np.log(a / exposed) - np.log(c / unexposed), 1 / a - 1 / exposed + 1 / c - 1 / unexposed
    return a / exposed - c / unexposed, a * b / exposed**3 + c * d / unexposed**3
