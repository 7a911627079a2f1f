"""Observed over expected: standardised mortality or incidence ratios with exact, Byar and square-root limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.tables.counts import counts, normal_quantile, time_at_risk

Floats = npt.NDArray[np.float64]
METHODS = ("exact", "mid-p", "byar", "square-root")


def smr(observed: Any, expected: Any, method: str = "exact", *, level: float = 0.95) -> pd.DataFrame:
    """Divide observed by expected events.

    Parameters
    ----------
    observed : int or array-like, shape (k,)
        Events observed.
    expected : float or array-like, shape (k,)
        Events expected, without sampling error.
    method : {"exact", "mid-p", "byar", "square-root"}
        Of the limits of a Poisson count. ``"byar"`` is within a percent of exact from 5 events on; ``"square-root"`` is
        Vandenbroucke's.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame, shape (k, 6)
        observed, expected, estimate, conf_low, conf_high, p_value (two-sided, of a ratio of 1; exact, or mid-p for ``"mid-p"``).

    Raises
    ------
    DataError
        Observed are no counts, expected not positive, unequal lengths, or an unknown method.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research II. IARC 1987, chapter 2.
    Vandenbroucke JP. A shortcut method for calculating the 95 per cent confidence interval of the standardized mortality ratio.
    Am J Epidemiol 1982;115:303-304. doi:10.1093/oxfordjournals.aje.a113306

    Examples
    --------
    >>> smr(182, 5.42, method="exact").round(1).loc[0, ["estimate", "conf_low", "conf_high"]].tolist()
    [33.6, 28.9, 38.8]
    """
    seen, awaited = counts(observed, "observed"), time_at_risk(expected, "expected")
    if len(seen) != len(awaited):
        raise DataError(f"smr: {len(seen)} observed and {len(awaited)} expected values; give one expected for each observed.")
    low, high = poisson_limits(seen, method, level)
    return pd.DataFrame(
        {
            "observed": seen.astype(np.int64),
            "expected": awaited,
            "estimate": seen / awaited,
            "conf_low": low / awaited,
            "conf_high": high / awaited,
            "p_value": _p_value(seen, awaited, method == "mid-p"),
        }
    )


def poisson_limits(observed: Floats, method: str = "exact", level: float = 0.95) -> tuple[Floats, Floats]:
    """Return confidence limits of the mean of Poisson counts.

    Parameters
    ----------
    observed : ndarray, shape (k,)
        Counts.
    method : {"exact", "mid-p", "byar", "square-root"}
        Exact: Garwood's, by gamma quantiles.
    level : float
        Confidence level.

    Returns
    -------
    tuple of ndarray, shape (k,)
        Lower and upper limits; the lower limit of 0 events is 0.

    Raises
    ------
    DataError
        An unknown method or level.

    References
    ----------
    Garwood F. Fiducial limits for the Poisson distribution. Biometrika 1936;28:437-442. doi:10.1093/biomet/28.3-4.437

    Examples
    --------
    >>> [limit.round(3).tolist() for limit in poisson_limits(np.array([0.0, 10.0]))]
    [[0.0, 4.795], [3.689, 18.39]]
    """
    if method not in METHODS:
        raise DataError(f"method='{method}': expected one of {list_names(METHODS)}.{did_you_mean(method, METHODS)}")
    z = normal_quantile(level)
    if method == "byar":
        return _byar(observed, -z), _byar(observed + 1, z)
    if method == "square-root":
        root = np.sqrt(observed)
        return np.maximum(root - z / 2, 0.0) ** 2 * (observed > 0), (root + z / 2) ** 2
    if method == "mid-p":
        return _midp(observed, level)
    return _garwood(observed, level)


def _garwood(observed: Floats, level: float) -> tuple[Floats, Floats]:
    from scipy.special import gammainccinv, gammaincinv

    tail = (1 - level) / 2
    low = np.where(observed > 0, gammaincinv(np.maximum(observed, 1e-300), tail), 0.0)
    return low, np.asarray(gammainccinv(observed + 1, tail))


def _byar(count: Floats, z: float) -> Floats:
    safe = np.maximum(count, 1e-300)
    value = count * np.maximum(1 - 1 / (9 * safe) + z / (3 * np.sqrt(safe)), 0.0) ** 3
    return np.asarray(np.where(count > 0, value, 0.0))


def _tails(count: float, mean: float) -> tuple[float, float]:
    """Return P(X < count) + P(X = count) / 2 and the other half, at a mean."""
    from scipy.special import gammaln, pdtr

    here = np.exp(count * np.log(mean) - mean - gammaln(count + 1)) if mean > 0 else float(count == 0)
    below = float(pdtr(count, mean)) - here
    return below + 0.5 * here, 1 - below - 0.5 * here


def _midp(observed: Floats, level: float) -> tuple[Floats, Floats]:
    from scipy.optimize import brentq

    tail = (1 - level) / 2
    low, high = _garwood(observed, 1 - (1 - level) / 4)
    lower = [0.0 if x == 0 else brentq(lambda m, x=x: _tails(x, m)[1] - tail, a, x, xtol=1e-12) for x, a in zip(observed, low, strict=True)]
    upper = [brentq(lambda m, x=x: _tails(x, m)[0] - tail, max(x, 1e-9), b, xtol=1e-12) for x, b in zip(observed, high, strict=True)]
    return np.array(lower), np.array(upper)


def _p_value(observed: Floats, expected: Floats, midp: bool) -> Floats:
    from scipy.special import gammainc, pdtr

    if midp:
        return np.array([min(1.0, 2 * min(_tails(x, e))) for x, e in zip(observed, expected, strict=True)])
    above = np.where(observed > 0, gammainc(np.maximum(observed, 1e-300), expected), 1.0)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(above, pdtr(observed, expected))))
