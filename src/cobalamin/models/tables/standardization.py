"""Rates that can be compared: direct and indirect standardisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, list_names
from cobalamin.models.tables.counts import normal_quantile
from cobalamin.models.tables.person_time_sums import person_time_sums
from cobalamin.models.tables.smr import smr

Floats = npt.NDArray[np.float64]


def standardized_rates(
    data: pd.DataFrame,
    *,
    event: str,
    person_time: str,
    strata: str,
    standard: Mapping[object, float] | pd.Series,
    by: str | Sequence[str] | None = None,
    per: float = 1000.0,
    method: str = "gamma",
    level: float = 0.95,
) -> pd.DataFrame:
    """Standardise rates directly to a standard population.

    Parameters
    ----------
    data : DataFrame
        Rows of people, of split person-time or of counts.
    event, person_time : str
        Columns of events and person-time.
    strata : str
        Column of the strata of the standard (age bands).
    standard : mapping or Series
        Stratum to its size in the standard population; need not sum to 1.
    by : str or sequence of str, optional
        Groups that are compared.
    per : float
        Rates are per this much person-time.
    method : {"gamma", "normal"}
        Limits: Fay and Feuer's gamma limits (right for few events), or normal ones.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Grouping columns, events, person_time, crude_rate, rate, conf_low, conf_high.

    Raises
    ------
    DataError
        A stratum of the data without weight, a stratum of the standard without person-time in a group, or an unknown method.

    Notes
    -----
    ``sum(w_i d_i / t_i)``, variance ``sum(w_i^2 d_i / t_i^2)``, weights that sum to 1.

    References
    ----------
    Fay MP, Feuer EJ. Stat Med 1997;16:791-801. doi:10.1002/(SICI)1097-0258(19970415)16:7<791::AID-SIM500>3.0.CO;2-#

    Examples
    --------
    >>> table = pd.DataFrame({"age": ["young", "old"], "d": [10, 30], "t": [1000.0, 500.0]})
    >>> standardized_rates(table, event="d", person_time="t", strata="age", standard={"young": 1, "old": 1}).round(1)["rate"].tolist()
    [35.0]
    """
    if method not in ("gamma", "normal"):
        raise DataError(f"method='{method}': expected one of gamma, normal.")
    normal_quantile(level)
    groups = [] if by is None else [by] if isinstance(by, str) else list(by)
    sums = person_time_sums(data, event=event, person_time=person_time, by=[*groups, strata])
    weights = _weights(standard, sums[strata])
    parts = sums.groupby(groups, observed=True, sort=True) if groups else [((), sums)]
    rows = [{**dict(zip(groups, _key(key), strict=True)), **_direct(part, strata, weights, per, method, level)} for key, part in parts]
    return pd.DataFrame(rows)


def _key(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _weights(standard: Mapping[object, float] | pd.Series, strata: pd.Series) -> pd.Series:
    weights = pd.Series(dict(standard.items()), dtype=np.float64)
    if not ((weights >= 0) & np.isfinite(weights)).all() or not weights.sum() > 0:
        raise DataError("standard: sizes must be finite and not negative, and not all 0.")
    lacking = [str(s) for s in strata.unique() if s not in weights.index]
    if lacking:
        raise DataError(f"standard: {len(lacking)} of {strata.nunique()} strata of '{strata.name}' have no size in the standard.")
    return weights.div(float(weights.sum()))


def _direct(part: pd.DataFrame, strata: str, weights: pd.Series, per: float, method: str, level: float) -> dict[str, float]:
    table = part.set_index(strata)[["events", "person_time"]].reindex(weights.index).fillna(0.0)
    d, t, w = table["events"].to_numpy(), table["person_time"].to_numpy(), weights.to_numpy()
    empty = int(((t == 0) & (w > 0)).sum())
    if empty:
        raise DataError(f"standard: {empty} of {len(w)} strata have no person-time in a group: its rate there is unknown. Merge strata.")
    used = w > 0
    share = w[used] / t[used]
    value, variance = float(share @ d[used]), float(share**2 @ d[used])
    low, high = _gamma(value, variance, float(share.max()), level) if method == "gamma" else _normal(value, variance, level)
    totals = {"events": float(d.sum()), "person_time": float(t.sum()), "crude_rate": per * float(d.sum() / t.sum())}
    return {**totals, "rate": per * value, "conf_low": per * low, "conf_high": per * high}


def _normal(value: float, variance: float, level: float) -> tuple[float, float]:
    reach = normal_quantile(level) * float(np.sqrt(variance))
    return value - reach, value + reach


def _gamma(value: float, variance: float, largest: float, level: float) -> tuple[float, float]:
    from scipy.special import gammainccinv, gammaincinv

    tail = (1 - level) / 2
    low = 0.0 if value == 0 else variance / value * float(gammaincinv(value**2 / variance, tail))
    top, spread = value + largest, variance + largest**2
    return low, spread / top * float(gammainccinv(top**2 / spread, tail))


def standardized_ratio(
    data: pd.DataFrame, *, event: str, person_time: str, strata: str | Sequence[str], reference: pd.DataFrame, rate: str = "rate",
    per: float = 1.0, by: str | Sequence[str] | None = None, method: str = "exact", level: float = 0.95
) -> pd.DataFrame:  # fmt: skip
    """Standardise indirectly: observed events over those expected at reference rates.

    Parameters
    ----------
    data : DataFrame
        Rows of people, of split person-time or of counts.
    event, person_time : str
        Columns of events and person-time.
    strata : str or sequence of str
        Columns that link to the reference (age band, sex, year).
    reference : DataFrame
        One row per stratum with a column of rates.
    rate : str
        That column.
    per : float
        The reference rates are per this much person-time.
    by : str or sequence of str, optional
        Groups that get a ratio each.
    method, level
        As in `smr`.

    Returns
    -------
    DataFrame
        Grouping columns and the columns of `smr`.

    Raises
    ------
    DataError
        A stratum of the data that the reference lacks or has twice, or rates that are no rates.

    Examples
    --------
    >>> table = pd.DataFrame({"age": ["young", "old"], "d": [10, 30], "t": [1000.0, 500.0]})
    >>> everyone = pd.DataFrame({"age": ["young", "old"], "rate": [0.005, 0.03]})
    >>> standardized_ratio(table, event="d", person_time="t", strata="age", reference=everyone)[["expected", "estimate"]].values.tolist()
    [[20.0, 2.0]]
    """
    links = [strata] if isinstance(strata, str) else list(strata)
    groups = [] if by is None else [by] if isinstance(by, str) else list(by)
    sums = person_time_sums(data, event=event, person_time=person_time, by=list(dict.fromkeys([*groups, *links])))
    sums = sums[sums["person_time"] > 0]
    if reference.duplicated(links).any():
        raise DataError(f"reference: {int(reference.duplicated(links).sum())} strata of {list_names(links)} stand there more than once.")
    linked = sums.merge(reference[[*links, rate]].astype({c: sums[c].dtype for c in links}), on=links, how="left")
    wrong = int((~(linked[rate] >= 0) | ~np.isfinite(linked[rate])).sum())
    if wrong:
        raise DataError(f"reference: {wrong} of {len(linked)} strata with person-time have no rate in the reference (or no valid one).")
    linked["expected"] = linked["person_time"] * linked[rate] / per
    if not groups:
        return smr(linked["events"].sum(), linked["expected"].sum(), method, level=level)
    totals = linked.groupby(groups, observed=True, sort=True)[["events", "expected"]].sum().reset_index()
    return pd.concat([totals[groups], smr(totals["events"], totals["expected"], method, level=level)], axis=1)
