"""Sums over ranges that lose no digits: no running sums from which others are subtracted where amounts are of very different size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# amounts whose sizes differ by more than this are summed without subtraction; running sums would leave of the smallest
# fewer digits than the Newton steps need
_SIMILAR = 1e5


def spread_over(start: Ints, stop: Ints, amount: Floats, size: int) -> Floats:
    """Add each row's amount to all places of its range.

    Parameters
    ----------
    start, stop : ndarray of int, shape (n,)
        Ranges ``start .. stop - 1``; empty where ``start == stop``.
    amount : ndarray, shape (n,)
        Amounts, of one sign or both.
    size : int
        Number of places, m.

    Returns
    -------
    ndarray, shape (m,)
        Sum at each place.

    Notes
    -----
    Amounts of similar size are summed by differences, in time n + m. Others go up and down a binary tree, in time n log m, in which
    a place only ever receives amounts of ranges that hold it: a relative risk of 1e-10 is not lost after one of 1e10 has left.

    Examples
    --------
    >>> spread_over(np.array([0, 1]), np.array([1, 2]), np.array([1e20, 1.0]), 2).tolist()
    [1e+20, 1.0]
    """
    if not _similar(amount):
        return _through_tree(start, stop, amount, size)
    change = np.bincount(start, amount, minlength=size + 1) - np.bincount(stop, amount, minlength=size + 1)
    return np.asarray(np.cumsum(change)[:size], dtype=np.float64)


def sum_over(start: Ints, stop: Ints, value: Floats) -> Floats:
    """Sum the values of all places of each row's range.

    Parameters
    ----------
    start, stop : ndarray of int, shape (n,)
        Ranges ``start .. stop - 1``; empty where ``start == stop``.
    value : ndarray, shape (m,)
        Values of the places.

    Returns
    -------
    ndarray, shape (n,)
        Sum over each range; as `spread_over` without loss of digits.

    Examples
    --------
    >>> sum_over(np.array([0, 1]), np.array([2, 2]), np.array([1e20, 1.0])).tolist()
    [1e+20, 1.0]
    """
    if _similar(value):
        running = np.append(0.0, np.cumsum(value))
        return np.asarray(running[stop] - running[start])
    return _from_tree(start, stop, value)


def _similar(amount: Floats) -> bool:
    sizes = np.abs(amount[amount != 0])
    return not len(sizes) or bool(sizes.max() <= _SIMILAR * sizes.min())


def _leaves(size: int) -> int:
    return 1 << max(int(size) - 1, 0).bit_length()


def _through_tree(start: Ints, stop: Ints, amount: Floats, size: int) -> Floats:
    leaves = _leaves(size)
    tree = np.zeros(2 * leaves)
    for node, rows in _nodes(start + leaves, stop + leaves):
        tree += np.bincount(node, amount[rows], minlength=2 * leaves)
    level = tree[1:2]
    while len(level) < leaves:
        level = np.repeat(level, 2) + tree[2 * len(level) : 4 * len(level)]
    return np.asarray(level[:size])


def _from_tree(start: Ints, stop: Ints, value: Floats) -> Floats:
    leaves = _leaves(len(value))
    tree = np.zeros(2 * leaves)
    tree[leaves : leaves + len(value)] = value
    width = leaves // 2
    while width:
        tree[width : 2 * width] = tree[2 * width : 4 * width : 2] + tree[2 * width + 1 : 4 * width : 2]
        width //= 2
    total = np.zeros(len(start))
    for node, rows in _nodes(start + leaves, stop + leaves):
        total[rows] += tree[node]
    return total


def _nodes(low: Ints, high: Ints) -> list[tuple[Ints, Ints]]:
    """Cover each range of leaves by few nodes of the tree; return lots of (node, row), each row at most once in a lot."""
    rows, lots = np.arange(len(low)), []
    while len(rows):
        left, right = low % 2 == 1, high % 2 == 1
        open_ = low < high
        lots.append((low[open_ & left], rows[open_ & left]))
        low = low + left
        take = open_ & right & (low < high)
        lots.append((high[take] - 1, rows[take]))
        low, high = low // 2, high // 2
        on = low < high
        low, high, rows = low[on], high[on], rows[on]
    return lots
