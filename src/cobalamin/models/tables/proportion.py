"""Shares of people with Wilson, Clopper-Pearson and Wald limits, and the difference of two shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.tables.counts import counts, normal_quantile

Floats = npt.NDArray[np.float64]
METHODS = ("wilson", "exact", "wald")
DIFFERENCES = ("newcombe", "wald")


def proportion(events: Any, n: Any, *, method: str = "wilson", level: float = 0.95) -> pd.DataFrame:
    """Divide the people with an event by all people.

    Parameters
    ----------
    events : int or array-like, shape (k,)
        People with the event.
    n : int or array-like, shape (k,)
        All people, those with the event among them.
    method : {"wilson", "exact", "wald"}
        Of the limits. ``"wilson"`` inverts the score test; ``"exact"`` is Clopper and Pearson's, never narrower than it says; ``"wald"``
        is the textbook's, too narrow near 0 and 1: for checking what others printed.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame, shape (k, 5)
        events, n, estimate, conf_low, conf_high; shares between 0 and 1 (Wald's limits may lie outside, as published ones do).

    Raises
    ------
    DataError
        No counts, nobody at all, more events than people, unequal lengths, or an unknown method or level.

    Notes
    -----
    Wilson: ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``. Clopper-Pearson: the ``alpha/2`` quantile of
    ``Beta(x, n-x+1)`` and the ``1 - alpha/2`` quantile of ``Beta(x+1, n-x)``. Wald: ``p -+ z sqrt(p(1-p)/n)``.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212. doi:10.1080/01621459.1927.10502953
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> proportion(64, 86).round(3).values.tolist()
    [[64.0, 86.0, 0.744, 0.643, 0.825]]
    """
    x, total = _shares(events, n)
    if method not in METHODS:
        raise DataError(f"method='{method}': expected one of {list_names(METHODS)}.{did_you_mean(method, METHODS)}")
    z = normal_quantile(level)
    low, high = _exact(x, total, level) if method == "exact" else _wilson(x, total, z) if method == "wilson" else _wald(x, total, z)
    whole = {"events": x.astype(np.int64), "n": total.astype(np.int64)}
    return pd.DataFrame({**whole, "estimate": x / total, "conf_low": low, "conf_high": high})


def proportion_difference(a: int, n_a: int, b: int, n_b: int, *, method: str = "newcombe", level: float = 0.95) -> pd.DataFrame:
    """Subtract the share in one group of people from that in another.

    Parameters
    ----------
    a, n_a : int
        People with the event, and all people, in the first group.
    b, n_b : int
        The same in the second group, other people than the first.
    method : {"newcombe", "wald"}
        Of the limits. ``"newcombe"`` puts two Wilson intervals together and stays within -1 and 1; ``"wald"`` as `two_by_two`.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame, shape (1, 3)
        estimate, conf_low, conf_high.

    Raises
    ------
    DataError
        As `proportion`.

    Notes
    -----
    With Wilson limits ``l, u`` of each share ``p``: ``d - sqrt((p1-l1)^2 + (u2-p2)^2)`` to ``d + sqrt((u1-p1)^2 + (p2-l2)^2)``.

    References
    ----------
    Newcombe RG. Stat Med 1998;17:873-890 (method 10). doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I

    Examples
    --------
    >>> proportion_difference(56, 70, 48, 80).round(4).values.tolist()
    [[0.2, 0.0524, 0.3339]]
    """
    if method not in DIFFERENCES:
        raise DataError(f"method='{method}': expected one of {list_names(DIFFERENCES)}.{did_you_mean(method, DIFFERENCES)}")
    x, total = _shares([a, b], [n_a, n_b])
    z = normal_quantile(level)
    p = x / total
    low, high = _wilson(x, total, z) if method == "newcombe" else _wald(x, total, z)
    below, above = p - low, high - p
    value = float(p[0] - p[1])
    limits = [value - float(np.hypot(below[0], above[1])), value + float(np.hypot(above[0], below[1]))]
    return pd.DataFrame({"estimate": [value], "conf_low": limits[:1], "conf_high": limits[1:]})


def _shares(events: Any, n: Any) -> tuple[Floats, Floats]:
    x, total = counts(events, "events"), counts(n, "n")
    if len(x) != len(total):
        raise DataError(f"proportion: {len(x)} values of events and {len(total)} of n; give one n for each.")
    nobody, more = int((total == 0).sum()), int((x > total).sum())
    if nobody:
        raise DataError(f"proportion: n is 0 in {nobody} of {len(total)} groups; a share of nobody does not exist.")
    if more:
        raise DataError(f"proportion: more events than people in {more} of {len(total)} groups. n counts everyone, with and without event.")
    return x, total


def _wilson(x: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    p, bend = x / n, z * z / n
    half = z * np.sqrt(p * (1 - p) / n + bend / (4 * n))
    middle, share = p + bend / 2, 1 + bend
    # at 0 and n the limit is the share itself, which the subtraction would miss in the last digit
    return np.where(x == 0, 0.0, (middle - half) / share), np.where(x == n, 1.0, (middle + half) / share)


def _exact(x: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = betaincinv(np.maximum(x, 1), n - x + 1, tail)
    high = betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail)
    return np.where(x == 0, 0.0, low), np.where(x == n, 1.0, high)


def _wald(x: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    p = x / n
    half = z * np.sqrt(p * (1 - p) / n)
    return p - half, p + half
