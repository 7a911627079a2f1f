"""The bootstrap: draw rows (or whole clusters of rows), compute again, take percentiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import CobalaminError, ConvergenceError, DataError
from cobalamin.models.grouping import require_rows

Floats = npt.NDArray[np.float64]
MOST_FAILED = 0.1  # share of replicates that may fail before the rest say nothing about the sampling distribution


@dataclass(frozen=True, eq=False)
class Bootstrapped:
    """Replicates of a statistic.

    Attributes
    ----------
    estimate : ndarray, shape (k,)
        In the data themselves.
    replicates : ndarray, shape (r, k)
        In the draws that could be computed.
    n_failed : int
        Draws in which the statistic could not be computed.
    """

    estimate: Floats
    replicates: Floats
    n_failed: int

    @property
    def std_error(self) -> Floats:
        """Standard deviation of the replicates, shape (k,)."""
        return np.asarray(np.nanstd(self.replicates, axis=0, ddof=1))

    def limits(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return percentile limits.

        Parameters
        ----------
        level : float
            Confidence level.

        Returns
        -------
        tuple of ndarray, shape (k,)
            Lower and upper; missing where more than a tenth of the replicates have no value.
        """
        tail = (1 - level) / 2
        lost = np.isnan(self.replicates).mean(axis=0) > MOST_FAILED
        filled = np.where(lost, 0.0, self.replicates)
        low, high = np.nanquantile(filled, [tail, 1 - tail], axis=0)
        return np.where(lost, np.nan, low), np.where(lost, np.nan, high)


def bootstrap(
    statistic: Callable[[pd.DataFrame], Floats],
    data: pd.DataFrame,
    *,
    replicates: int = 1000,
    seed: int,
    cluster: str | None = None,
    workers: int = 1,
) -> Bootstrapped:
    """Draw with replacement and compute again.

    Parameters
    ----------
    statistic : callable
        Data frame -> ndarray, shape (k,).
    data : DataFrame
        Rows of people.
    replicates : int
        Number of draws.
    seed : int
        Each draw has a stream of its own, so that the result does not depend on the number of workers.
    cluster : str, optional
        Draw whole clusters (people with several rows).
    workers : int
        Processes.

    Returns
    -------
    Bootstrapped
        Estimate, replicates and how many failed.

    Raises
    ------
    DataError
        Fewer than two clusters or no rows.
    ConvergenceError
        More than a tenth of the draws could not be computed.

    References
    ----------
    Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> bootstrap(lambda d: np.array([d["x"].mean()]), table, replicates=50, seed=1).replicates.shape
    (50, 1)
    """
    from joblib import Parallel, delayed

    require_rows(data, [cluster])
    units = _units(data, cluster)
    if len(units.size) < 2:
        raise DataError(f"bootstrap: {len(units.size)} unit to draw from; expected at least 2.")
    seeds = np.random.SeedSequence(seed).spawn(replicates)
    drawn = Parallel(n_jobs=workers)(delayed(_once)(statistic, data, units, stream, cluster) for stream in seeds)
    kept = [values for values in drawn if values is not None]
    failed = replicates - len(kept)
    if failed > MOST_FAILED * replicates:
        raise ConvergenceError(
            f"bootstrap: the statistic could not be computed in {failed} of {replicates} draws: some groups are too small for it."
        )
    return Bootstrapped(np.asarray(statistic(data), dtype=np.float64), np.array(kept), failed)


@dataclass(frozen=True, eq=False)
class _Units:
    """What is drawn: positions of the rows of each unit, one unit after the other."""

    rows: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]

    def draw(self, stream: np.random.SeedSequence) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Draw as many units as there are; return positions of rows and the number of the draw that each came with."""
        n = len(self.size)
        drawn = np.random.default_rng(stream).integers(n, size=n)
        if len(self.rows) == n:
            return self.rows[drawn], np.arange(n)
        size = self.size[drawn]
        begin = (np.cumsum(self.size) - self.size)[drawn]
        first = np.cumsum(size) - size
        return self.rows[np.arange(size.sum()) + np.repeat(begin - first, size)], np.repeat(np.arange(n), size)


def _units(data: pd.DataFrame, cluster: str | None) -> _Units:
    if cluster is None:
        return _Units(np.arange(len(data)), np.ones(len(data), dtype=np.int64))
    code = data[cluster].factorize()[0]
    if (code < 0).any():
        raise DataError(f"{cluster}: {int((code < 0).sum())} of {len(code)} rows have no cluster.")
    return _Units(np.argsort(code, kind="stable"), np.bincount(code))


def _once(
    statistic: Callable[[pd.DataFrame], Floats],
    data: pd.DataFrame,
    units: _Units,
    stream: np.random.SeedSequence,
    cluster: str | None,
) -> Floats | None:
    places, number = units.draw(stream)
    rows = data.take(places)
    rows.index = pd.RangeIndex(len(places))  # its own rows: nothing of data changes, and nothing is copied again
    if cluster is not None:  # a cluster drawn twice is two clusters
        rows = rows.assign(**{cluster: number})
    try:
        return np.asarray(statistic(rows), dtype=np.float64)
    except CobalaminError:
        return None
