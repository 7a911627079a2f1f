"""Stratified tables: Mantel-Haenszel measures, their test, and whether they are the same in every stratum."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.tables.counts import chi2_tail, counts, normal_quantile, time_at_risk, two_sided
from cobalamin.models.tables.homogeneity import breslow_day, weighted_homogeneity
from cobalamin.models.tables.strata import stratified_counts

Floats = npt.NDArray[np.float64]
Cells = tuple[Floats, Floats, Floats, Floats]
MEASURES = ("odds ratio", "risk ratio", "risk difference", "rate ratio")


def mantel_haenszel(
    a: Any,
    b: Any = None,
    c: Any = None,
    d: Any = None,
    *,
    exposure: str | None = None,
    outcome: str | None = None,
    strata: str | list[str] | None = None,
    person_time: str | None = None,
    measure: str = "odds ratio",
    correction: bool = True,
    level: float = 0.95,
) -> pd.DataFrame:
    """Pool the association over strata by Mantel and Haenszel.

    Parameters
    ----------
    a : DataFrame, or array-like of int, shape (k,)
        Rows of people with the columns named below; or exposed people with the outcome, per stratum.
    b, c, d : array-like, shape (k,)
        Exposed without the outcome; unexposed with and without it. For the rate ratio ``b`` and ``d`` are exposed and unexposed
        person-time. Not with a data frame.
    exposure, outcome : str
        Columns coded 0/1 (or boolean); data frame only.
    strata : str or list of str
        Columns whose combinations are the strata; data frame only.
    person_time : str, optional
        Column of person-time; data frame only, for the rate ratio.
    measure : {"odds ratio", "risk ratio", "risk difference", "rate ratio"}
        What is pooled.
    correction : bool
        Continuity correction of the Mantel-Haenszel test of a table of people, as R's ``mantelhaen.test``.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame, one row
        measure, estimate, conf_low, conf_high, p_value (of the interval's statistic), std_error (of a ratio's logarithm), chi2 and
        chi2_p (Mantel-Haenszel test), homogeneity, homogeneity_df, homogeneity_p (odds ratio: Breslow and Day, Tarone's correction; others:
        inverse-variance weighted), n_strata, n_uninformative (strata that say nothing: one margin empty).

    Raises
    ------
    DataError
        Cells that are no counts, arrays of unequal length, no informative stratum, or an unknown measure.

    Notes
    -----
    Odds ratio: ``sum(ad/n) / sum(bc/n)`` with the variance of Robins, Breslow and Greenland; risk ratio and rate ratio with that of
    Greenland and Robins; risk difference with that of Sato.

    References
    ----------
    Mantel N, Haenszel W. J Natl Cancer Inst 1959;22:719-748. doi:10.1093/jnci/22.4.719
    Robins J, Breslow N, Greenland S. Biometrics 1986;42:311-323. doi:10.2307/2531052
    Greenland S, Robins JM. Biometrics 1985;41:55-68. doi:10.2307/2530643
    Sato T. Biometrics 1989;45:1323-1324.

    Examples
    --------
    >>> found = mantel_haenszel([10, 5], [20, 30], [5, 4], [40, 50])
    >>> found["estimate"].round(3).tolist()
    [3.036]
    """
    if measure not in MEASURES:
        raise DataError(f"measure='{measure}': expected one of {list_names(MEASURES)}.{did_you_mean(measure, MEASURES)}")
    cells = _cells(a, b, c, d, {"exposure": exposure, "outcome": outcome, "strata": strata, "person_time": person_time}, measure)
    used = _informative(cells, measure)
    if not used.any():
        raise DataError(f"mantel_haenszel: none of {len(used)} strata says anything about the {measure}: a margin is empty in each.")
    table: Cells = (cells[0][used], cells[1][used], cells[2][used], cells[3][used])
    pooled = {"odds ratio": _odds, "risk ratio": _risk, "risk difference": _difference, "rate ratio": _rate}[measure](*table)
    row = {"measure": measure, **_interval(*pooled, measure != "risk difference", normal_quantile(level))}
    row |= _test(table, measure, correction) | _homogeneity(table, measure, pooled[0])
    return pd.DataFrame([{**row, "n_strata": len(used), "n_uninformative": int((~used).sum())}])


def _cells(a: Any, b: Any, c: Any, d: Any, columns: dict[str, Any], measure: str) -> Cells:
    if isinstance(a, pd.DataFrame):
        if b is not None or c is not None or d is not None:
            raise DataError("mantel_haenszel: give a data frame with exposure=, outcome= and strata=, or the cells a, b, c, d; not both.")
        return stratified_counts(a, columns, rates=measure == "rate ratio")
    given = [name for name, value in columns.items() if value is not None]
    if given or b is None or c is None or d is None:
        raise DataError("mantel_haenszel: give all four of a, b, c, d (rates: person-time as b and d), or a data frame with column names.")
    times = measure == "rate ratio"
    cells = (
        counts(a, "a"),
        time_at_risk(b, "b (exposed person-time)") if times else counts(b, "b"),
        counts(c, "c"),
        time_at_risk(d, "d (unexposed person-time)") if times else counts(d, "d"),
    )
    if len({len(cell) for cell in cells}) > 1:
        raise DataError(f"mantel_haenszel: a, b, c and d have {', '.join(str(len(x)) for x in cells)} strata; expected the same number.")
    return cells


def _informative(cells: Cells, measure: str) -> npt.NDArray[np.bool_]:
    a, b, c, d = cells
    rows = (a + b > 0) & (c + d > 0) if measure != "rate ratio" else (b > 0) & (d > 0)
    if measure == "risk difference":
        return np.asarray(rows)
    columns = a + c > 0
    return np.asarray(rows & columns & (b + d > 0 if measure == "odds ratio" else True))


def _odds(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    n = a + b + c + d
    r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    top, bottom = r.sum(), s.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (p * r).sum() / (2 * top**2) + (p * s + q * r).sum() / (2 * top * bottom) + (q * s).sum() / (2 * bottom**2)
        return float(np.divide(top, bottom)), float(variance)


def _risk(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    exposed, unexposed = a + b, c + d
    n = exposed + unexposed
    top, bottom = (a * unexposed / n).sum(), (c * exposed / n).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = ((exposed * unexposed * (a + c) - a * c * n) / n**2).sum() / (top * bottom)
        return float(np.divide(top, bottom)), float(variance)


def _rate(a: Floats, exposed: Floats, c: Floats, unexposed: Floats) -> tuple[float, float]:
    total = exposed + unexposed
    top, bottom = (a * unexposed / total).sum(), (c * exposed / total).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = ((a + c) * exposed * unexposed / total**2).sum() / (top * bottom)
        return float(np.divide(top, bottom)), float(variance)


def _difference(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    exposed, unexposed = a + b, c + d
    n = exposed + unexposed
    weight = exposed * unexposed / n
    value = float((a * unexposed / n - c * exposed / n).sum() / weight.sum())
    p = (exposed**2 * c - unexposed**2 * a + exposed * unexposed * (unexposed - exposed) / 2) / n**2
    q = (a * (unexposed - c) + c * (exposed - a)) / (2 * n)
    return value, float((value * p.sum() + q.sum()) / weight.sum() ** 2)


def _interval(value: float, variance: float, ratio: bool, z: float) -> dict[str, float]:
    error = np.sqrt(variance) if variance > 0 else np.nan
    centre = np.log(value) if ratio and value > 0 else (np.nan if ratio else value)
    limits = centre + z * error * np.array([-1.0, 1.0])
    low, high = np.exp(limits) if ratio else limits
    p = float(two_sided(centre / error)) if error > 0 else np.nan
    return {"estimate": value, "conf_low": float(low), "conf_high": float(high), "p_value": p, "std_error": float(error)}


def _test(table: Cells, measure: str, correction: bool) -> dict[str, float]:
    a, b, c, d = table
    if measure == "rate ratio":
        share = b / (b + d)
        expected, variance = (a + c) * share, (a + c) * share * (1 - share)
    else:
        n = a + b + c + d
        expected = (a + b) * (a + c) / n
        variance = (a + b) * (c + d) * (a + c) * (b + d) / np.where(n > 1, n**2 * (n - 1), np.inf)
    gap = abs(float((a - expected).sum()))
    gap = max(0.0, gap - 0.5 * (correction and measure != "rate ratio")) if gap >= 0.5 or not correction else gap
    chi2 = gap**2 / float(variance.sum()) if variance.sum() > 0 else np.nan
    return {"chi2": chi2, "chi2_p": chi2_tail(chi2, 1) if np.isfinite(chi2) else np.nan}


def _homogeneity(table: Cells, measure: str, pooled: float) -> dict[str, float]:
    if not np.isfinite(pooled) or (measure != "risk difference" and pooled <= 0):
        statistic, df = np.nan, 0
    else:
        statistic, df = breslow_day(*table, pooled) if measure == "odds ratio" else weighted_homogeneity(*table, pooled, measure)
    p = chi2_tail(statistic, df) if np.isfinite(statistic) else np.nan
    return {"homogeneity": statistic, "homogeneity_df": df, "homogeneity_p": p}
