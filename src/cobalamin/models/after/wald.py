"""Wald tests of several coefficients together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import term_columns

Floats = npt.NDArray[np.float64]


def wald_test(fit: Fit, terms: str | Sequence[str]) -> pd.DataFrame:
    """Test that coefficients are all 0.

    Parameters
    ----------
    fit : Fit
        Any regression model.
    terms : str or sequence of str
        Terms as written in the formula (all their columns), or names of coefficients.

    Returns
    -------
    DataFrame, one row
        chi2, df, p_value. With a finite ``df_residual`` (linear, survey) the p-value is that of F = chi2 / df.

    Raises
    ------
    DataError
        An unknown term, an infinite coefficient, or nothing but aliases.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 41), "d": 1, "g": list("abca") * 10})
    >>> wald_test(cox("g", people, exit="t", event="d"), "g")["df"].tolist()
    [2]
    """
    where = _places(fit, [terms] if isinstance(terms, str) else list(terms))
    return pd.DataFrame([_test(fit, where)])


def nonlinear_columns(fit: Fit, term: str) -> npt.NDArray[np.int64]:
    """Return the columns of a restricted or natural cubic spline beyond its straight line.

    Parameters
    ----------
    fit : Fit
        A model.
    term : str
        ``rcs(x, k)`` as written.

    Returns
    -------
    ndarray of int
        Positions of the coefficients.

    Raises
    ------
    DataError
        A term without more than one column.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 81), "d": 1, "x": [k * 37 % 80 for k in range(80)]})
    >>> nonlinear_columns(cox("rcs(x, 4)", people, exit="t", event="d"), "rcs(x, 4)").tolist()
    [1, 2]
    """
    where = _places(fit, [term])
    if len(where) < 2:
        raise DataError(f"'{term}' has one column: there is nothing beyond a straight line to test.")
    return where[1:]


def wald_of(fit: Fit, where: npt.NDArray[np.int64]) -> dict[str, float]:
    """Test that the coefficients at some positions are all 0.

    Parameters
    ----------
    fit : Fit
        A model.
    where : ndarray of int
        Positions.

    Returns
    -------
    dict
        chi2, df, p_value.

    Raises
    ------
    DataError
        An infinite coefficient, or nothing but aliases.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 41), "d": 1, "x": [k * 37 % 40 for k in range(40)]})
    >>> wald_of(cox("x", people, exit="t", event="d"), np.array([0]))["df"]
    1
    """
    return _test(fit, where)


def _places(fit: Fit, terms: Sequence[str]) -> npt.NDArray[np.int64]:
    known = term_columns(fit)
    names = {name: np.array([j]) for j, name in enumerate(fit.names)}
    for term in terms:
        if term not in known and term not in names:
            raise DataError(f"the model has no term '{term}'.{did_you_mean(term, known)} Its terms are: {list_names(known)}.")
    return np.unique(np.concatenate([known.get(term, names.get(term)) for term in terms])).astype(np.int64)


def wald_of_contrasts(fit: Fit, contrasts: Floats) -> dict[str, float]:
    """Test that sums of coefficients are all 0.

    Parameters
    ----------
    fit : Fit
        A model.
    contrasts : ndarray, shape (k, p)
        Weights of the coefficients, a row for each sum.

    Returns
    -------
    dict
        chi2, df (the rank of what is tested), p_value.

    Raises
    ------
    DataError
        An infinite coefficient or an alias under test.

    Notes
    -----
    ``(Lb)' (LVL')^- (Lb)``. The variances are brought to 1 first: coefficients of x and of x^3 differ by many powers of ten, and a rank
    found on their own scales would lose the smaller one.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 41), "d": 1, "g": list("abca") * 10})
    >>> wald_of_contrasts(cox("g", people, exit="t", event="d"), np.array([[1.0, -1.0]]))["df"]
    1
    """
    used = (contrasts != 0).any(axis=0)
    if not np.isfinite(fit.coefficients[used]).all():
        raise DataError("a coefficient under test is infinite or an alias of others; merge levels, or fit with penalty='firth'.")
    part = contrasts[:, used]
    return _quadratic(part @ fit.coefficients[used], part @ fit.covariance[np.ix_(used, used)] @ part.T, fit.df_residual)


def _test(fit: Fit, where: npt.NDArray[np.int64]) -> dict[str, float]:
    b, real = fit.coefficients[where], ~np.isnan(fit.coefficients[where])
    if np.isinf(b[real]).any():
        raise DataError("a coefficient under test is infinite; fit with penalty='firth', or use a likelihood-ratio test.")
    if not real.any():
        raise DataError("all coefficients under test are aliases of others; there is nothing to test.")
    return _quadratic(b[real], fit.covariance[np.ix_(where[real], where[real])], fit.df_residual)


def _quadratic(b: Floats, covariance: Floats, df_residual: float) -> dict[str, float]:
    from scipy.special import fdtrc

    error = np.sqrt(np.diag(covariance))
    error = np.where(error > 0, error, 1.0)
    z, inner = b / error, covariance / np.outer(error, error)
    chi2, df = float(z @ np.linalg.pinv(inner, hermitian=True) @ z), int(np.linalg.matrix_rank(inner, hermitian=True))
    if np.isfinite(df_residual):
        enough = df > 0 and df_residual > 0
        return {"chi2": chi2, "df": df, "p_value": float(fdtrc(df, df_residual, chi2 / df)) if enough else np.nan}
    return {"chi2": chi2, "df": df, "p_value": _tail(chi2, df)}


def _tail(chi2: float, df: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(df, chi2)) if df else float("nan")
