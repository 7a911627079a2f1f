"""Events over person-time: rates by group, their ratio and difference."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.tables.counts import counts, normal_quantile, time_at_risk, two_sided
from cobalamin.models.tables.person_time_sums import person_time_sums
from cobalamin.models.tables.smr import poisson_limits

Floats = npt.NDArray[np.float64]
RATIO_METHODS = ("exact", "mid-p", "wald")


def rates(
    data: pd.DataFrame,
    *,
    event: str,
    person_time: str,
    by: str | list[str] | None = None,
    per: float = 1000.0,
    method: str = "exact",
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute event rates by group.

    Parameters
    ----------
    data : DataFrame, shape (n, ...)
        Rows of people, of split person-time, or of a table of counts.
    event : str
        Column of 0/1, or of numbers of events.
    person_time : str
        Column of person-time; positive.
    by : str or list of str, optional
        Grouping columns. Declared categories without rows are listed with 0 events and no rate.
    per : float
        Rates are per this much person-time.
    method : {"exact", "mid-p", "byar", "square-root"}
        Of the limits.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        The grouping columns, events, person_time, rate, conf_low, conf_high.

    Raises
    ------
    ColumnNotFoundError
        A column that is not there.
    DataError
        Events that are no counts or person-time that is not positive.

    Examples
    --------
    >>> table = pd.DataFrame({"smokes": ["no", "yes"], "deaths": [101, 630], "years": [39220, 142247]})
    >>> rates(table, event="deaths", person_time="years", by="smokes").round(2)["rate"].tolist()
    [2.58, 4.43]
    """
    sums = person_time_sums(data, event=event, person_time=person_time, by=by)
    seen, time = sums["events"].to_numpy(dtype=np.float64), sums["person_time"].to_numpy(dtype=np.float64)
    low, high = poisson_limits(seen, method, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {name: np.where(time > 0, per * x / time, np.nan) for name, x in (("rate", seen), ("conf_low", low), ("conf_high", high))}
    return sums.assign(**values)


def rate_ratio(a: int, exposed_time: float, b: int, unexposed_time: float, *, method: str = "exact", level: float = 0.95) -> pd.DataFrame:
    """Compare two rates by their ratio and their difference.

    Parameters
    ----------
    a, b : int
        Events among exposed and unexposed.
    exposed_time, unexposed_time : float
        Person-time.
    method : {"exact", "mid-p", "wald"}
        Of the ratio. Exact and mid-p: binomial, given the total number of events; Wald: on the logarithm.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Rows rate ratio and rate difference; measure, estimate, conf_low, conf_high, p_value. The difference has Wald's limits and is per
        unit of person-time.

    Raises
    ------
    DataError
        No counts, no person-time, no events at all, or an unknown method.

    References
    ----------
    Rothman KJ, Greenland S, Lash TL. Modern Epidemiology, 3rd ed. 2008, chapter 14.

    Examples
    --------
    >>> rate_ratio(41, 28010, 15, 19017).round(2)[["estimate", "conf_low", "conf_high"]].values.tolist()[0]
    [1.86, 1.01, 3.61]
    """
    if method not in RATIO_METHODS:
        raise DataError(f"method='{method}': expected one of {list_names(RATIO_METHODS)}.{did_you_mean(method, RATIO_METHODS)}")
    x, y = float(counts(a, "a")[0]), float(counts(b, "b")[0])
    s, t = float(time_at_risk(exposed_time, "exposed_time")[0]), float(time_at_risk(unexposed_time, "unexposed_time")[0])
    if x + y == 0:
        raise DataError("rate_ratio: no events among exposed or unexposed: there is no ratio. Report the rates with their upper limits.")
    z = normal_quantile(level)
    ratio = _wald(x, s, y, t, z) if method == "wald" else _binomial(x, s, y, t, level, method == "mid-p")
    value, error = x / s - y / t, np.sqrt(x / s**2 + y / t**2)
    difference = [value, value - z * error, value + z * error, float(two_sided(value / error))]
    frame = pd.DataFrame([ratio, difference], columns=["estimate", "conf_low", "conf_high", "p_value"])
    frame.insert(0, "measure", ["rate ratio", "rate difference"])
    return frame


def _wald(x: float, s: float, y: float, t: float, z: float) -> list[float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.float64(x) / s / (np.float64(y) / t)
        error = np.sqrt(np.float64(1) / x + np.float64(1) / y)
    if not np.isfinite(error):
        return [float(value), np.nan, np.nan, np.nan]
    limits = np.exp(np.log(value) + z * error * np.array([-1.0, 1.0]))
    return [float(value), float(limits[0]), float(limits[1]), float(two_sided(np.log(value) / error))]


def _binomial(x: float, s: float, y: float, t: float, level: float, midp: bool) -> list[float]:
    low, high = _share_limits(x, x + y, level, midp)
    with np.errstate(divide="ignore"):
        odds = [np.float64(p) / (1 - p) * t / s for p in (low, high)]
        value = np.float64(x) / s / (np.float64(y) / t)
    return [float(value), float(odds[0]), float(odds[1]), _share_p(x, x + y, s / (s + t), midp)]


def _tail(x: float, n: float, p: float, midp: bool) -> tuple[float, float]:
    """Return P(X >= x) and P(X <= x) of a binomial; half of x for mid-p."""
    from scipy.special import bdtr, gammaln, xlog1py, xlogy

    here = np.exp(gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, p) + xlog1py(n - x, -p))
    below = float(bdtr(x, int(n), p))
    return 1 - below + here - 0.5 * midp * here, below - 0.5 * midp * here


def _share_limits(x: float, n: float, level: float, midp: bool) -> tuple[float, float]:
    from scipy.optimize import brentq

    alpha = (1 - level) / 2
    low = 0.0 if x == 0 else brentq(lambda p: _tail(x, n, p, midp)[0] - alpha, 1e-15, 1 - 1e-15, xtol=1e-15)
    high = 1.0 if x == n else brentq(lambda p: _tail(x, n, p, midp)[1] - alpha, 1e-15, 1 - 1e-15, xtol=1e-15)
    return float(low), float(high)


def _share_p(x: float, n: float, p: float, midp: bool) -> float:
    return float(min(1.0, 2 * min(_tail(x, n, p, midp))))
