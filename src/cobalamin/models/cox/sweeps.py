"""Sweeps over many rows in blocks that stay in cache, and cumulative sums within strata."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCK = 8192


def suffix_sums(values: Floats, starts: Ints) -> Floats:
    """Sum from each event time to the last one of its stratum.

    Parameters
    ----------
    values : ndarray, shape (q, K)
        Values per event time.
    starts : ndarray of int, shape (H,)
        First index of each stratum.

    Returns
    -------
    ndarray, shape (q, K)
        Sums within strata, from the end.

    Examples
    --------
    >>> suffix_sums(np.array([[1.0, 2.0, 4.0]]), np.array([0, 2])).tolist()
    [[3.0, 2.0, 4.0]]
    """
    count = values.shape[1]
    ends = np.r_[starts[1:], count]
    return prefix_sums(values[:, ::-1], (count - ends)[::-1])[:, ::-1]


def prefix_sums(values: Floats, starts: Ints) -> Floats:
    """Sum from the first event time of each stratum.

    Parameters
    ----------
    values : ndarray, shape (K,) or (q, K)
        Values per event time.
    starts : ndarray of int, shape (H,)
        First index of each stratum.

    Returns
    -------
    ndarray, same shape
        Sums within strata.

    Notes
    -----
    One cumulative sum, with each stratum's total taken away where the next begins; what rounding leaves there is then
    taken away as well, so that a small stratum after a large one loses no digits.

    Examples
    --------
    >>> prefix_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 2])).tolist()
    [1.0, 3.0, 4.0]
    """
    if len(starts) < 2:
        return np.cumsum(values, axis=-1)
    totals = np.add.reduceat(values, starts, axis=-1)
    reset = values.copy()
    reset[..., starts[1:]] -= totals[..., :-1]
    running = np.cumsum(reset, axis=-1)
    residue = running[..., starts[1:]] - values[..., starts[1:]]
    lengths = np.diff(np.r_[starts, values.shape[-1]])
    running[..., starts[1] :] -= np.repeat(residue, lengths[1:], axis=-1)
    return running


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))


def column_facts(x: Floats) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Return mean, standard deviation and standardised range of each column.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates; fastest where each column is contiguous.

    Returns
    -------
    center, scale : ndarray, shape (p,)
        Mean and standard deviation; the scale is 1 where a column varies no more than its rounding error.
    low, high : ndarray, shape (p,)
        Smallest and largest standardised value.

    Examples
    --------
    >>> [np.asarray(v).tolist() for v in column_facts(np.array([[1.0], [3.0]]))]
    [[2.0], [1.0], [[-1.0], [1.0]]]
    """

    def facts(j: int) -> tuple[float, float, float, float]:
        column = x[:, j]
        mean = float(column.mean())
        spread = float(column @ column) / len(column) - mean * mean
        if spread < 1e-6 * mean * mean:
            # the difference of two large numbers has lost its digits: look again, centred
            spread = float(np.square(column - mean).mean())
        scale = np.sqrt(spread)
        return mean, 1.0 if scale <= 1e-12 * abs(mean) else float(scale), float(column.min()), float(column.max())

    if len(x) == 0 or x.shape[1] == 0:
        zero, one = np.zeros(x.shape[1]), np.ones(x.shape[1])
        return zero, one, (zero, zero)
    center, scale, low, high = np.array(list(_each(facts, x.shape[1], x.size))).T
    return center, scale, ((low - center) / scale, (high - center) / scale)


def gather(x: Floats, rows: Ints, center: Floats, scale: Floats) -> Floats:
    """Take rows of a matrix, standardise them, and store them by column.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates; fastest where each column is contiguous.
    rows : ndarray of int, shape (m,)
        Rows in the order wanted.
    center, scale : ndarray, shape (p,)
        What to subtract and to divide by.

    Returns
    -------
    ndarray, shape (p, m)
        One contiguous line per covariate.

    Examples
    --------
    >>> gather(np.array([[1.0], [3.0]]), np.array([1, 0]), np.array([2.0]), np.array([0.5])).tolist()
    [[2.0, -2.0]]
    """
    z = np.empty((x.shape[1], len(rows)))

    def fill(j: int) -> None:
        column, line, factor = x[:, j], z[j], 1 / scale[j]
        for block in _blocks(len(rows)):
            part = column.take(rows[block])
            part -= center[j]
            np.multiply(part, factor, out=line[block])

    list(_each(fill, len(z), z.size))
    return z


def bin_sums(z: Floats, bins: Ints, count: int, b: Floats, shift: float, weights: Floats | None, risk: Floats | None) -> Floats:
    """Sum risk weight, and risk weight times covariate, over rows of equal bin.

    Parameters
    ----------
    z : ndarray, shape (p, m)
        Covariates, rows ordered by bin.
    bins : ndarray of int, shape (m,)
        Bin of each row, ascending.
    count : int
        Number of bins.
    b : ndarray, shape (p,)
        Coefficients.
    shift : float
        Subtracted from the linear predictor.
    weights : ndarray, shape (m,), optional
        Case weights.
    risk : ndarray, shape (m,), optional
        Filled with the risk weights.

    Returns
    -------
    ndarray, shape (p + 1, count)
        Line 0 sums the risk weights, the others risk weight times covariate.
    """
    p, n = z.shape
    out = np.zeros((p + 1, count))

    def sweep(block: slice) -> tuple[Ints, Floats]:
        part = z[:, block]
        r = np.exp(b @ part - shift)
        if weights is not None:
            r *= weights[block]
        if risk is not None:
            risk[block] = r
        product = np.empty((p + 1, len(r)))
        product[0] = r
        np.multiply(part, r, out=product[1:])
        own = bins[block]
        first = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
        return own[first], np.add.reduceat(product, first, axis=1)

    for where, sums in _each_block(sweep, n):
        # neighbouring blocks may share a bin; the order of addition is fixed, so results do not depend on threads
        out[:, where] += sums
    return out


def weighted_cross(z: Floats, risk: Floats, cumulative: Floats, exit_bin: Ints, entry_bin: Ints | None) -> Floats:
    """Sum risk_i [H(exit_i) - H(entry_i)] z_i z_i' over rows.

    Parameters
    ----------
    z : ndarray, shape (p, m)
        Covariates.
    risk : ndarray, shape (m,)
        Risk weights.
    cumulative : ndarray, shape (K + 1,)
        Cumulative hazard after each bin, with a leading 0.
    exit_bin, entry_bin : ndarray of int, shape (m,)
        Bins; entry -1 (or None) where there is no delayed entry.

    Returns
    -------
    ndarray, shape (p, p)
        The weighted cross-product.
    """

    def sweep(block: slice) -> Floats:
        expected = cumulative[exit_bin[block] + 1]
        if entry_bin is not None:
            expected = expected - cumulative[entry_bin[block] + 1]
        part = z[:, block] * np.sqrt(np.maximum(risk[block] * expected, 0.0))
        return np.asarray(part @ part.T)

    total = np.zeros((len(z), len(z)))
    for product in _each_block(sweep, z.shape[1]):
        total += product
    return total


def _each_block(sweep: Any, n: int) -> Iterator[Any]:
    """Run a function on every block; results come in order."""
    blocks = list(_blocks(n))
    return map(sweep, blocks) if len(blocks) < 8 else _pool().map(sweep, blocks)


def _each(function: Any, count: int, size: int) -> Iterator[Any]:
    """Run a function on 0 .. count - 1, on two threads where the work is worth it; results come in order."""
    return map(function, range(count)) if size < 16 * BLOCK else _pool().map(function, range(count))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="cobalamin")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the linear algebra library to one thread: blocks are small, and the threads are ours.

    Returns
    -------
    iterator of None
        A context manager.
    """
    with _blas().limit(limits=1, user_api="blas"):
        yield


# a forked process has the cache but not the threads
os.register_at_fork(after_in_child=_pool.cache_clear)
