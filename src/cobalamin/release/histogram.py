"""Distributions for release: neighbouring bins are joined until none holds few people, and the ends are round."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.release.draft import NUMBERS_OF_A_ROW, Draft
from cobalamin.release.policy import SUPPRESSED, Policy
from cobalamin.release.summaries import REVEALS
from cobalamin.release.table_cells import OVERALL

HISTOGRAM = ["analysis", "model", "outcome", "term", "unit"]


def join_histograms(draft: Draft, policy: Policy) -> pd.DataFrame:
    """Return the histogram rows with joined bins and true counts.

    Parameters
    ----------
    draft : Draft
        The rows with measure ``histogram``; receives the decisions.
    policy : Policy
        The rules.

    Returns
    -------
    DataFrame
        New rows, whose counts are still to be protected, with joined bins (of unequal width: draw heights as
        ``n / (high - low)``); the index is that of the first row of each group.
    """
    parts = [_protect(draft, part, policy) for _, part in draft.true.groupby(HISTOGRAM, sort=False)]
    return pd.concat(parts) if parts else draft.true


def _protect(draft: Draft, part: pd.DataFrame, policy: Policy) -> pd.DataFrame:
    totals = {str(g): float(rows["n"].sum()) for g, rows in part.groupby("subgroup", sort=False)}
    silent = _silent(totals, policy)
    split = (part.groupby("subgroup")["n"].transform("size") > 1).to_numpy(dtype=bool)
    shown = ~part["subgroup"].isin(silent).to_numpy(dtype=bool)
    # the same joins in every group: bins joined differently could be subtracted from one another; a group in a single
    # bin says no more than its size, and keeps it
    table = common_bins(part.loc[shown & (split | (not split.any()))])
    joins = join_bins(table.to_numpy(float), policy)
    made = []
    for group, rows in part.groupby("subgroup", sort=False):
        identity = {name: str(rows.iloc[0][name]) for name in ("analysis", "context", "model", "outcome", "term", "subgroup", "measure")}
        if str(group) in silent:
            draft.note(silent[str(group)], "histogram hidden", column="n", **identity)
            made.append(_hidden(rows, silent[str(group)]))
        elif group not in table:
            made.append(_joined(rows, common_bins(rows)[group], [(0, 0)]))
        else:
            draft.note(f"bins with n {policy.words} joined", f"{len(rows)} bins made {len(joins)}", column="n", **identity)
            made.append(_joined(rows, table[group], joins))
    return pd.concat(made)


def _silent(totals: dict[str, float], policy: Policy) -> dict[str, str]:
    silent = {group: f"group n {policy.words}" for group, n in totals.items() if policy.small(n)}
    groups = sorted((n, g) for g, n in totals.items() if g not in (OVERALL, ""))
    whole = totals.get(OVERALL, totals.get("", math.nan))
    unlisted = 0.0 if math.isnan(whole) else max(whole - sum(n for n, _ in groups), 0.0)
    for _, group in groups if policy.secondary and not math.isnan(whole) else []:
        if policy.small(unlisted + sum(totals[g] for g in silent)):
            silent.setdefault(group, REVEALS)
    return silent


def common_bins(rows: pd.DataFrame) -> pd.DataFrame:
    """Count people in the bins whose edges all groups share.

    Parameters
    ----------
    rows : DataFrame
        Histogram rows of one variable; groups may have joined outer bins of their own.

    Returns
    -------
    DataFrame
        Index (low, high), one column of counts per group.
    """
    if rows.empty:
        return pd.DataFrame()
    groups = {str(g): part.sort_values("low") for g, part in rows.groupby("subgroup", sort=False)}
    inner = sorted(set.intersection(*(set(part["low"].iloc[1:]) for part in groups.values())))
    edges = [float(rows["low"].min()), *inner, float(rows["high"].max())]
    counts = {}
    for group, part in groups.items():
        place = np.searchsorted(inner, part["low"].to_numpy(float), side="right")
        counts[group] = np.bincount(place, weights=part["n"].to_numpy(float), minlength=len(inner) + 1)
    return pd.DataFrame(counts, index=pd.MultiIndex.from_arrays([edges[:-1], edges[1:]], names=["low", "high"]), dtype=np.float64)


def join_bins(counts: npt.NDArray[np.float64], policy: Policy) -> list[tuple[int, int]]:
    """Join neighbouring bins until no group has a small count in any.

    Parameters
    ----------
    counts : ndarray, shape (bins, groups)
        People per bin.
    policy : Policy
        The rules; empty bins stay unless the policy treats "nobody" as disclosive.

    Returns
    -------
    list of (int, int)
        First and last old bin of each new one; one bin for all when they cannot be told apart.

    Examples
    --------
    >>> from cobalamin.release.policy import preset
    >>> join_bins(np.array([[3.0], [20.0], [0.0], [30.0], [2.0]]), preset("opensafely"))
    [(0, 1), (2, 2), (3, 4)]
    """
    made: list[tuple[int, int]] = []
    first = 0
    for last in range(len(counts)):
        if _enough(counts[first : last + 1], policy):
            made.append((first, last))
            first = last + 1
    while first < len(counts) and made:
        # what is left at the upper end joins the bins below it until it is enough
        first = made.pop()[0]
        if _enough(counts[first:], policy):
            break
    return [*made, (first, len(counts) - 1)] if first < len(counts) else made


def _enough(counts: npt.NDArray[np.float64], policy: Policy) -> bool:
    return not any(policy.small(n, zero=True) for n in counts.sum(axis=0))


def _joined(rows: pd.DataFrame, counts: pd.Series[float], joins: list[tuple[int, int]]) -> pd.DataFrame:
    edges = list(counts.index)
    made = rows.iloc[[0] * len(joins)].copy()
    made[["at", *NUMBERS_OF_A_ROW]] = np.nan
    made["low"] = [edges[first][0] for first, _ in joins]
    made["high"] = [edges[last][1] for _, last in joins]
    made["n"] = [float(counts.iloc[first : last + 1].sum()) for first, last in joins]
    # an edge at the smallest or largest value of anybody would be that person's value
    lows, highs = made["low"].tolist(), made["high"].tolist()
    lows[0], highs[-1] = _round_edge(lows[0], edges[0], math.floor), _round_edge(highs[-1], edges[-1], math.ceil)
    return made.assign(low=lows, high=highs)


def _round_edge(edge: float, bin_edges: tuple[float, float], outward: Callable[[float], int]) -> float:
    step = 10.0 ** math.floor(math.log10(bin_edges[1] - bin_edges[0]))
    number = edge / step
    nearest = round(number)
    whole = nearest if abs(number - nearest) < 1e-9 * max(abs(number), 1.0) else outward(number)
    return float(f"{whole * step:.12g}")


def _hidden(rows: pd.DataFrame, rule: str) -> pd.DataFrame:
    row = rows.iloc[[0]].copy()
    row.loc[:, ["at", *NUMBERS_OF_A_ROW]] = np.nan
    row["warning"] = f"{SUPPRESSED}: {rule}"
    return row
