"""Weighted counting of points below and to the right of others, for all of them at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def sums_below(rank: Ints, weight: Floats, first: Ints, last: Ints, limit: Ints) -> Floats:
    """Sum the weights of points in a run of positions whose rank is below a limit, for many runs.

    Parameters
    ----------
    rank : ndarray of int, shape (n,)
        Rank of the point at each position, 0 or more.
    weight : ndarray, shape (n,)
        Its weight.
    first, last : ndarray of int, shape (m,)
        The run of each query: positions ``first <= i < last``.
    limit : ndarray of int, shape (m,)
        Points with ``rank < limit`` are summed.

    Returns
    -------
    ndarray, shape (m,)
        One sum per query.

    Notes
    -----
    A wavelet matrix: the points are partitioned by one bit of the rank after another, and every query follows its limit down, adding
    the points that branch off below it. Time (n + m) log n, all in whole-array steps.

    References
    ----------
    Claude F, Navarro G, Ordonez A. The wavelet matrix. Inf Syst 2015;47:15-32. doi:10.1016/j.is.2014.06.002

    Examples
    --------
    >>> sums_below(np.array([2, 0, 1]), np.ones(3), np.array([0, 1]), np.array([3, 3]), np.array([2, 1])).tolist()
    [2.0, 1.0]
    """
    total = np.zeros(len(limit))
    top = int(max(rank.max(initial=0), limit.max(initial=0)))
    low, high = first.astype(np.int64), last.astype(np.int64)
    for bit in range(top.bit_length() - 1, -1, -1):
        ones = (rank >> bit) & 1 == 1
        zeros = np.append(0, np.cumsum(~ones))
        mass = np.append(0.0, np.cumsum(np.where(ones, 0.0, weight)))
        up = (limit >> bit) & 1 == 1
        total += np.where(up, mass[high] - mass[low], 0.0)
        count = zeros[-1]
        low = np.where(up, count + low - zeros[low], zeros[low])
        high = np.where(up, count + high - zeros[high], zeros[high])
        order = np.concatenate([np.flatnonzero(~ones), np.flatnonzero(ones)])
        rank, weight = rank[order], weight[order]
    return total
