"""Tests on tables of counts: Pearson's chi-squared for independent people, McNemar's for pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.tables.counts import chi2_tail, counts
from cobalamin.models.tables.proportion import proportion

PAIRED = ("exact", "mid-p", "asymptotic", "corrected")


def chi_squared(table: Any, *, correction: bool = False) -> pd.DataFrame:
    """Test whether the rows of a table of counts have the same distribution over its columns.

    Parameters
    ----------
    table : array-like, shape (r, c)
        Counts of people, each in one cell: ``[[a, b], [c, d]]``.
    correction : bool
        Yates's continuity correction; for 2 x 2 tables only.

    Returns
    -------
    DataFrame, shape (1, 3)
        chi2, df, p_value.

    Raises
    ------
    DataError
        Cells that are no counts, fewer than two rows or columns, a row or column without people, or a correction of a larger table.

    Notes
    -----
    ``sum((O - E)^2 / E)``, with Yates ``sum((|O - E| - min(1/2, |O - E|))^2 / E)``, as R's ``chisq.test``. Where an expected count is
    below 5 prefer ``two_by_two(method="exact")``.

    References
    ----------
    Pearson K. Philos Mag 1900;50:157-175. doi:10.1080/14786440009463897
    Yates F. J R Stat Soc Suppl 1934;1:217-235. doi:10.2307/2983604

    Examples
    --------
    >>> chi_squared([[23, 9], [213, 217]]).round(4).values.tolist()
    [[5.9485, 1.0, 0.0147]]
    """
    shape = np.shape(table)
    if len(shape) != 2 or min(shape) < 2:
        raise DataError(f"chi_squared: expected a table of at least 2 x 2 counts; got shape {shape}.")
    seen = counts(np.ravel(table), "table").reshape(shape)
    rows, columns = seen.sum(axis=1), seen.sum(axis=0)
    empty = int((rows == 0).sum() + (columns == 0).sum())
    if empty:
        raise DataError(f"chi_squared: {empty} rows or columns of the table hold nobody; leave them out.")
    if correction and shape != (2, 2):
        raise DataError(f"chi_squared: Yates's correction is for 2 x 2 tables; this one is {shape[0]} x {shape[1]}.")
    expected = np.outer(rows, columns) / seen.sum()
    apart = np.abs(seen - expected)
    apart -= np.minimum(0.5, apart) if correction else 0.0
    value, df = float((apart**2 / expected).sum()), (shape[0] - 1) * (shape[1] - 1)
    return pd.DataFrame({"chi2": [value], "df": [df], "p_value": [chi2_tail(value, df)]})


def mcnemar(b: int, c: int, *, method: str = "exact", level: float = 0.95) -> pd.DataFrame:
    """Compare two answers given by the same people (or by matched pairs) through the pairs that disagree.

    Parameters
    ----------
    b, c : int
        Pairs with yes-no, and pairs with no-yes; pairs that agree say nothing about a difference.
    method : {"exact", "mid-p", "asymptotic", "corrected"}
        Of the p-value: the binomial test of ``b`` among ``b + c`` with share 1/2, its mid-p form, McNemar's chi-squared
        ``(b - c)^2 / (b + c)``, or that with Edwards's correction ``(|b - c| - 1)^2 / (b + c)``.
    level : float
        Confidence level of the odds ratio.

    Returns
    -------
    DataFrame, shape (1, 6)
        b, c, estimate (conditional odds ratio ``b / c``, infinite without c), conf_low, conf_high (exact, from Clopper and Pearson's
        limits of ``b / (b + c)``), p_value.

    Raises
    ------
    DataError
        No counts, no pair that disagrees, or an unknown method.

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153-157. doi:10.1007/BF02295996
    Fagerland MW, Lydersen S, Laake P. BMC Med Res Methodol 2013;13:91. doi:10.1186/1471-2288-13-91

    Examples
    --------
    >>> mcnemar(6, 0)["p_value"].tolist()
    [0.03125]
    """
    if method not in PAIRED:
        raise DataError(f"method='{method}': expected one of {list_names(PAIRED)}.{did_you_mean(method, PAIRED)}")
    if np.size(b) != 1 or np.size(c) != 1:
        raise DataError("mcnemar: expected one count of each kind of pair that disagrees.")
    first, second = float(counts(b, "b")[0]), float(counts(c, "c")[0])
    if first + second == 0:
        raise DataError("mcnemar: no pair disagrees (b = c = 0), so there is nothing to compare.")
    share = proportion(first, first + second, method="exact", level=level)[["estimate", "conf_low", "conf_high"]].to_numpy()[0]
    with np.errstate(divide="ignore"):
        odds = share / (1 - share)
    whole = {"b": [int(first)], "c": [int(second)]}
    found = {"estimate": odds[:1], "conf_low": odds[1:2], "conf_high": odds[2:], "p_value": [_paired_p(first, second, method)]}
    return pd.DataFrame({**whole, **found})


def _paired_p(b: float, c: float, method: str) -> float:
    from scipy.special import bdtr, gammaln

    pairs, fewer = b + c, min(b, c)
    if method in ("asymptotic", "corrected"):
        apart = max(abs(b - c) - (method == "corrected"), 0.0)
        return chi2_tail(apart**2 / pairs, 1)
    tail = float(bdtr(fewer, int(pairs), 0.5))
    if method == "exact":
        return min(1.0, 2 * tail)
    here = float(np.exp(gammaln(pairs + 1) - gammaln(fewer + 1) - gammaln(pairs - fewer + 1) - pairs * np.log(2)))
    return min(1.0, 2 * tail - here) if b != c else 1.0 - here
