"""One table of exposure by outcome: odds ratio, risk ratio and risk difference."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning, did_you_mean, list_names
from cobalamin.models.tables.counts import counts, normal_quantile, two_sided
from cobalamin.models.tables.exact_odds import conditional_estimate, conditional_limits, conditional_p, conditional_table

METHODS = ("woolf", "exact", "mid-p")
MOST_TABLES = 2_000_000  # that an exact limit sums over
MEASURES = ("odds ratio", "risk ratio", "risk difference")


def two_by_two(a: float, b: float, c: float, d: float, *, method: str = "woolf", level: float = 0.95) -> pd.DataFrame:
    """Compute the association measures of a 2 x 2 table.

    Parameters
    ----------
    a, b : int
        Exposed people with and without the outcome.
    c, d : int
        Unexposed people with and without the outcome.
    method : {"woolf", "exact", "mid-p"}
        Of the odds ratio. ``"woolf"``: sample odds ratio, limits from the standard error of its logarithm. ``"exact"`` and ``"mid-p"``:
        conditional maximum likelihood with both margins fixed, as R's ``fisher.test``. The risk ratio has Katz's log limits and the
        risk difference Wald's limits in every case: for a design with fixed margins (case-control) read the odds ratio only.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Columns measure, estimate, conf_low, conf_high, p_value; rows odds ratio, risk ratio, risk difference. The p-value of each row
        tests no association by the method of its interval.

    Raises
    ------
    DataError
        Cells that are no counts, a row without people, or an unknown method.

    Notes
    -----
    ``log OR = log(ad/bc)``, variance ``1/a + 1/b + 1/c + 1/d``; ``log RR``, variance ``1/a - 1/(a+b) + 1/c - 1/(c+d)``;
    ``RD``, variance ``ab/(a+b)^3 + cd/(c+d)^3``. With an empty cell Woolf's and Katz's limits do not exist: they are missing, and a
    warning names the exact method. No half person is ever added to a cell.

    References
    ----------
    Woolf B. Ann Hum Genet 1955;19:251-253. doi:10.1111/j.1469-1809.1955.tb01348.x
    Katz D, Baptista J, Azen SP, Pike MC. Biometrics 1978;34:469-474. doi:10.2307/2530610

    Examples
    --------
    >>> two_by_two(13, 2163, 5, 3349).round(2)[["measure", "estimate", "conf_low", "conf_high"]].values.tolist()[:2]
    [['odds ratio', 4.03, 1.43, 11.31], ['risk ratio', 4.01, 1.43, 11.23]]
    """
    if method not in METHODS:
        raise DataError(f"method='{method}': expected one of {list_names(METHODS)}.{did_you_mean(method, METHODS)}")
    a, b, c, d = (_one(value, name) for value, name in zip((a, b, c, d), "abcd", strict=True))
    if not (a + b and c + d):
        raise DataError("two_by_two: one row of the table is empty: nobody is exposed (a + b), or nobody unexposed (c + d).")
    if method != "woolf" and min(a + b, c + d, a + c, b + d) > MOST_TABLES:
        raise DataError(f"method='{method}': the margins allow more than {MOST_TABLES:,} tables; take method='woolf'.")
    z = normal_quantile(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = _woolf(a, b, c, d, z) if method == "woolf" else _conditional(a, b, c, d, level, method == "mid-p")
        rows = [odds, _katz(a, b, c, d, z), _difference(a, b, c, d, z)]
    if np.isnan(np.array(rows[:2])[:, 1:3]).any():
        warnings.warn("a cell of the table is 0: limits by logarithms do not exist. method='exact' has some.", FitWarning, stacklevel=2)
    frame = pd.DataFrame(rows, columns=["estimate", "conf_low", "conf_high", "p_value"])
    frame.insert(0, "measure", list(MEASURES))
    return frame


def _one(value: float, name: str) -> float:
    if np.size(value) != 1:
        raise DataError(f"{name}: expected one count. For several tables use mantel_haenszel.")
    return float(counts(value, name)[0])


def _logarithmic(log_value: float, variance: float, z: float) -> list[float]:
    value, error = float(np.exp(log_value)), float(np.sqrt(variance))
    if not np.isfinite(error):
        return [value, np.nan, np.nan, np.nan]
    limits = np.exp(log_value + z * error * np.array([-1.0, 1.0]))
    return [value, float(limits[0]), float(limits[1]), float(two_sided(log_value / error))]


def _woolf(a: float, b: float, c: float, d: float, z: float) -> list[float]:
    return _logarithmic(np.log(a) + np.log(d) - np.log(b) - np.log(c), np.sum(1 / np.array([a, b, c, d])), z)


def _katz(a: float, b: float, c: float, d: float, z: float) -> list[float]:
    variance = np.float64(1) / a - 1 / (a + b) + np.float64(1) / c - 1 / (c + d)
    return _logarithmic(np.log(a / (a + b)) - np.log(c / (c + d)), float(variance), z)


def _difference(a: float, b: float, c: float, d: float, z: float) -> list[float]:
    value = a / (a + b) - c / (c + d)
    error = np.sqrt(a * b / (a + b) ** 3 + c * d / (c + d) ** 3)
    p = float(two_sided(value / error)) if error > 0 else np.nan
    return [float(value), float(value - z * error), float(value + z * error), p]


def _conditional(a: float, b: float, c: float, d: float, level: float, midp: bool) -> list[float]:
    table = conditional_table(a, b, c, d)
    low, high = conditional_limits(table, level, midp)
    return [float(np.exp(conditional_estimate(table))), float(np.exp(low)), float(np.exp(high)), conditional_p(table, midp)]
