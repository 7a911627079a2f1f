"""Covariates by column as the data hold them, and what standardises them on the way through a sweep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.blocks import blocks, each

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# mean over standard deviation up to which sums may be centred afterwards: two of sixteen digits are lost
_NEAR = 100.0
# beyond this exp() of a linear predictor is shifted by its maximum; exp overflows at 709
_SAFE_ETA = 300.0


@dataclass(frozen=True, eq=False)
class Columns:
    """Covariates as the data hold them, by column, and what standardises them on the way.

    Attributes
    ----------
    x : ndarray, shape (p, n)
        One contiguous line per covariate; shared with the model matrix, never written to.
    center, scale : ndarray, shape (p,)
        What to subtract and to divide by.
    """

    x: Floats
    center: Floats
    scale: Floats

    @property
    def near(self) -> bool:
        """Whether sums may be centred after summing."""
        return bool((np.abs(self.center) <= _NEAR * self.scale).all())

    def centred(self, block: slice) -> Floats:
        """Return a copy of some rows with the center taken away; shape (p, rows)."""
        return self.x[:, block] - self.center[:, None]

    def keep(self, chosen: npt.NDArray[np.bool_] | slice) -> Columns:
        """Return some of the covariates."""
        return Columns(self.x[chosen], self.center[chosen], self.scale[chosen])


def safe_shift(columns: Columns, b: Floats, z_range: tuple[Floats, Floats], exit_at: Ints) -> float:
    """Return what to subtract from the linear predictor before exponentials are taken.

    Parameters
    ----------
    columns : Columns
        Covariates.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.
    z_range : (low, high), each ndarray of shape (p,)
        Range of the standardised covariates.
    exit_at : ndarray of int, shape (n,)
        0 for rows that count nowhere.

    Returns
    -------
    float
        0 unless exp might overflow; then the largest linear predictor of the rows that count.
    """
    low, high = z_range
    if float(np.maximum(np.abs(low * b), np.abs(high * b)).sum()) <= _SAFE_ETA:
        return 0.0
    slope = b / columns.scale
    return max(float((slope @ columns.centred(rows))[exit_at[rows] > 0].max(initial=-np.inf)) for rows in blocks(len(exit_at)))


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
        with np.errstate(all="ignore"):  # squares that overflow are infinite, which the start of the climb refuses
            return of(column)

    def of(column: Floats) -> tuple[float, float, float, float]:
        mean = float(column.mean())
        spread = float(column @ column) / len(column) - float(np.square(mean))
        if spread < 1e-6 * float(np.square(mean)):
            # the difference of two large numbers has lost its digits: look again, centred
            spread = float(np.square(column - mean).mean())
        scale = np.sqrt(spread)
        return mean, 1.0 if scale <= 1e-12 * abs(mean) else float(scale), float(column.min()), float(column.max())

    if len(x) == 0 or x.shape[1] == 0:
        zero, one = np.zeros(x.shape[1]), np.ones(x.shape[1])
        return zero, one, (zero, zero)
    center, scale, low, high = np.array(list(each(facts, x.shape[1], x.size))).T
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
        for block in blocks(len(rows)):
            part = column.take(rows[block])
            part -= center[j]
            np.multiply(part, factor, out=line[block])

    list(each(fill, len(z), z.size))
    return z
