"""Rows in blocks that stay in cache, on two threads, with the linear algebra library held to one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

# rows of a block: ten covariates of these stay in the cache of a core
BLOCK = 4096


def blocks(stop: int, start: int = 0) -> Iterator[slice]:
    """Cut rows into blocks.

    Parameters
    ----------
    stop, start : int
        First row after the last, and first row.

    Returns
    -------
    iterator of slice
        In order.

    Examples
    --------
    >>> list(blocks(5000))
    [slice(0, 4096, None), slice(4096, 5000, None)]
    """
    return (slice(first, min(first + BLOCK, stop)) for first in range(start, stop, BLOCK))


def each_chunk(sweep: Callable[[slice], Any], n: int, size: int) -> Iterator[Any]:
    """Run a function on every chunk of rows, on two threads where there are several.

    Parameters
    ----------
    sweep : callable
        Slice of rows -> result.
    n, size : int
        Rows in all, and rows of a chunk.

    Returns
    -------
    iterator
        Results in the order of the rows: what is added up does not depend on threads.

    Examples
    --------
    >>> sum(each_chunk(lambda rows: rows.stop - rows.start, 10, 4))
    10
    """
    chunks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    return map(sweep, chunks) if len(chunks) < 3 else _pool().map(sweep, chunks)


def each(function: Callable[[int], Any], count: int, size: int) -> Iterator[Any]:
    """Run a function on 0 .. count - 1, on two threads where the work is worth it.

    Parameters
    ----------
    function : callable
        Number -> result.
    count, size : int
        How many numbers, and how many elements all of them read.

    Returns
    -------
    iterator
        Results in order.

    Examples
    --------
    >>> list(each(lambda j: 2 * j, 3, 10))
    [0, 2, 4]
    """
    return map(function, range(count)) if size < 32 * BLOCK else _pool().map(function, range(count))


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
