"""Sweeps over many rows in blocks that stay in cache, and cumulative sums within strata."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.blocks import BLOCK, blocks, each_chunk, one_blas_thread
from cobalamin.models.cox.covariates import Columns, column_facts

__all__ = ["bin_sums", "column_facts", "one_blas_thread", "prefix_sums", "suffix_sums", "weighted_cross"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def bin_sums(
    columns: Columns, exit_at: Ints, entry_at: Ints | None, count: int, b: Floats, shift: float, mass: Floats | None
) -> tuple[Floats, Floats]:
    """Sum risk weight, and risk weight times covariate, over rows of equal last event time, less the rows that enter after it.

    Parameters
    ----------
    columns : Columns
        Covariates of n rows in any order.
    exit_at : ndarray of int, shape (n,)
        1 + the bin of each row; 0 for rows that count nowhere.
    entry_at : ndarray of int, shape (n,), or None
        1 + the bin that the row is taken away from; 0 for none.
    count : int
        Number of bins.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.
    shift : float
        Subtracted from the linear predictor; where it is not 0, it is the largest one of the rows that count.
    mass : ndarray, shape (n,), optional
        What multiplies the risk: case weights.

    Returns
    -------
    sums : ndarray, shape (p + 1, count)
        Line 0 sums the risk weights, the others risk weight times standardised covariate.
    risk : ndarray, shape (n,)
        Risk weight of each row.
    """
    n, risk = len(exit_at), np.empty(len(exit_at))
    out = np.zeros((len(b) + 1, count + 1))
    # a chunk makes a table of all bins: it must have some rows per bin to be worth it
    size = BLOCK * max(8, -(-16 * count // BLOCK))
    near = columns.near

    def sweep(chunk: slice) -> Floats:
        r = risk[chunk]
        _fill_risk(risk, chunk, columns, b, shift)
        if mass is not None:
            r *= mass[chunk]
        into = exit_at[chunk]
        from_ = None if entry_at is None else entry_at[chunk]
        return np.array([_scatter(line, into, from_, count + 1) for line in _weighted_lines(columns, r, chunk, near)])

    for sums in each_chunk(sweep, n, size):
        out += sums
    if near:
        out[1:] -= columns.center[:, None] * out[0]
    out[1:] /= columns.scale[:, None]
    return out[:, 1:], risk


def _fill_risk(risk: Floats, chunk: slice, columns: Columns, b: Floats, shift: float) -> None:
    if not b.any():
        risk[chunk] = 1.0
        return
    slope = b / columns.scale
    level = float(slope @ columns.center)
    for block in blocks(chunk.stop, chunk.start):
        eta = slope @ columns.x[:, block] - level if columns.near and not shift else slope @ columns.centred(block)
        # with a shift, only rows that count nowhere exceed it, and they must not overflow
        np.exp(np.minimum(eta - shift, 0.0) if shift else eta, out=risk[block])


def _weighted_lines(columns: Columns, r: Floats, chunk: slice, near: bool) -> Iterator[Floats]:
    """Risk weight, and risk weight times covariate, one line at a time in the same memory; centred unless that can wait."""
    yield r
    line = np.empty(len(r))
    for x, center in zip(columns.x, columns.center, strict=True):
        if near:
            np.multiply(x[chunk], r, out=line)
        else:
            np.subtract(x[chunk], center, out=line)
            line *= r
        yield line


def _scatter(values: Floats, into: Ints, from_: Ints | None, size: int) -> Floats:
    total: Floats = np.bincount(into, values, size).astype(np.float64, copy=False)
    if from_ is not None:
        total -= np.bincount(from_, values, size)
    return total


def weighted_cross(columns: Columns, risk: Floats, cumulative: Floats, exit_at: Ints, entry_at: Ints | None) -> Floats:
    """Sum risk_i [H(exit_i) - H(entry_i)] z_i z_i' over rows, z being standardised covariates.

    Parameters
    ----------
    columns : Columns
        Covariates.
    risk : ndarray, shape (n,)
        Risk weights.
    cumulative : ndarray, shape (K + 1,)
        Cumulative hazard after each bin, with a leading 0.
    exit_at, entry_at : ndarray of int, shape (n,)
        As in `bin_sums`.

    Returns
    -------
    ndarray, shape (p, p)
        The weighted cross-product.
    """

    def sweep(chunk: slice) -> Floats:
        total = np.zeros((len(columns.x), len(columns.x)))
        for block in blocks(chunk.stop, chunk.start):
            expected = cumulative[exit_at[block]]
            if entry_at is not None:
                expected -= cumulative[entry_at[block]]
            expected *= risk[block]
            part = columns.centred(block)
            part *= np.sqrt(np.maximum(expected, 0.0, out=expected), out=expected)
            total += part @ part.T
        return total

    total = np.zeros((len(columns.x), len(columns.x)))
    for product in each_chunk(sweep, len(risk), 4 * BLOCK):
        total += product
    return total / np.outer(columns.scale, columns.scale)
