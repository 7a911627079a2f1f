"""Working correlations of marginal models: their estimates, and rows made uncorrelated, without a matrix per group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Correlation = Literal["independence", "exchangeable", "ar1"]
EDGE = 0.99  # how near to the end of its range a working correlation may come


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows in groups, sorted by group and time.

    Attributes
    ----------
    kind : {"independence", "exchangeable", "ar1"}
        The working correlation.
    starts : ndarray of int, shape (groups,)
        First row of each group.
    sizes : ndarray of int, shape (groups,)
        Rows of each group.
    time : ndarray, shape (n,)
        Times, ascending in each group (ar1).
    blocks : int
        How often the rows are repeated, one block below the other.
    """

    kind: Correlation
    starts: Ints
    sizes: Ints
    time: Floats
    blocks: int = 1

    def stacked(self, times: int) -> Layout:
        """Lay out several blocks of the same rows, one below the other, each with groups of its own."""
        n = int(self.sizes.sum())
        starts = np.concatenate([self.starts + k * n for k in range(times)])
        return Layout(self.kind, starts, np.tile(self.sizes, times), np.tile(self.time, times), times)

    @property
    def whole(self) -> bool:
        """Whether all gaps between times are whole numbers, so that the correlation may be negative."""
        gaps = self.gaps
        return bool((gaps == np.round(gaps)).all())

    @property
    def gaps(self) -> Floats:
        """Time since the row before; 0 in the first row of a group."""
        gaps = np.diff(self.time, prepend=self.time[0])
        gaps[self.starts] = 0.0
        return gaps


def layout(kind: Correlation, group: Ints, time: Floats | None = None) -> Layout:
    """Lay out rows that are sorted by group, and by time within it.

    Parameters
    ----------
    kind : {"independence", "exchangeable", "ar1"}
        The working correlation.
    group : ndarray of int, shape (n,)
        Groups in ascending order.
    time : ndarray, shape (n,), optional
        Times.

    Returns
    -------
    Layout
        Where the groups are.

    Examples
    --------
    >>> layout("exchangeable", np.array([0, 0, 1])).sizes.tolist()
    [2, 1]
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return Layout(kind, starts, np.diff(np.append(starts, len(group))), np.zeros(len(group)) if time is None else time)


def estimate(rows: Layout, residual: Floats, scale: float, weight: Floats) -> tuple[float, bool]:
    """Estimate the working correlation from Pearson residuals.

    Parameters
    ----------
    rows : Layout
        The groups.
    residual : ndarray, shape (n,)
        Pearson residuals.
    scale : float
        Their variance.
    weight : ndarray, shape (n,)
        Weights of the rows; a pair counts by their product.

    Returns
    -------
    alpha : float
        Correlation of two rows of a group, or (ar1) of two rows one unit of time apart.
    moved : bool
        Whether the estimate lay outside the range in which the correlations of the largest group are possible, and was put to its edge.

    Notes
    -----
    Exchangeable: mean product of residuals over all pairs of rows of a group, over the scale. Ar1: least squares of the products on
    ``alpha^|time difference|`` over all pairs, as R's ``geepack``.

    References
    ----------
    Liang KY, Zeger SL. Biometrika 1986;73:13-22. doi:10.1093/biomet/73.1.13. Halekoh U, Hojsgaard S, Yan J. The R package geepack. J Stat
    Softw 2006;15:1-11. doi:10.18637/jss.v015.i02

    Examples
    --------
    >>> estimate(layout("exchangeable", np.array([0, 0, 1, 1])), np.array([1.0, 0.5, -1.0, -0.5]), 1.0, np.ones(4))
    (0.5, False)
    """
    if rows.kind == "independence":
        return 0.0, False
    if rows.kind == "exchangeable":
        product, pairs = (
            float((np.add.reduceat(part, rows.starts) ** 2 - np.add.reduceat(part**2, rows.starts)).sum())
            for part in (weight * residual, weight)
        )
        alpha = product / (scale * pairs)
        low = -EDGE / max(int(rows.sizes.max()) - 1, 1)
    else:
        alpha = _decay(rows, residual / np.sqrt(scale), weight)
        low = -EDGE if rows.whole else 0.0
    kept = min(max(alpha, low), EDGE)
    return kept, kept != alpha


def _decay(rows: Layout, residual: Floats, weight: Floats) -> float:
    """Solve ``sum over pairs of d a^(d - 1) (product - a^d) = 0`` by minimising the sum of squares."""
    from scipy.optimize import minimize_scalar

    position = np.arange(len(residual)) - np.repeat(rows.starts, rows.sizes)
    size = np.repeat(rows.sizes, rows.sizes)
    apart, products, counted = [], [], []
    for lag in range(1, int(rows.sizes.max())):
        first = np.flatnonzero(position + lag < size)
        apart.append(rows.time[first + lag] - rows.time[first])
        counted.append(weight[first] * weight[first + lag])
        products.append(counted[-1] * residual[first] * residual[first + lag])
    distance, where = np.unique(np.concatenate(apart).round(9), return_inverse=True)
    n = np.bincount(where, weights=np.concatenate(counted))
    mean = np.bincount(where, weights=np.concatenate(products)) / n

    def misfit(a: float) -> float:
        return float(n @ (mean - _power(a, distance)) ** 2)

    low = -1.0 if rows.whole else 0.0
    grid = np.linspace(low + 1e-3, 1 - 1e-3, 201)
    best = int(np.argmin([misfit(a) for a in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, 200)])
    alpha = float(minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x)
    for _ in range(20):  # Gauss-Newton to the last digit
        slope = distance * _power(alpha, distance - 1)
        step = float(n @ (slope * (mean - _power(alpha, distance))) / (n @ slope**2))
        if not np.isfinite(step) or abs(step) > 1e-3 or abs(alpha + step) >= 1:
            break
        alpha += step
        if abs(step) < 1e-15:
            break
    return alpha


def _power(a: float, d: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.float64(a) ** d)


def uncorrelated(rows: Layout, alpha: float, values: Floats) -> Floats:
    """Multiply rows by a root of the inverse working correlation of their group.

    Parameters
    ----------
    rows : Layout
        The groups.
    alpha : float
        From `estimate`.
    values : ndarray, shape (n, k)
        Rows.

    Returns
    -------
    ndarray, shape (n, k)
        ``L values`` with ``L'L = R^-1`` in each group.

    Notes
    -----
    Exchangeable: ``R^-1/2`` has the eigenvalue ``(1 + (m - 1) alpha)^-1/2`` for the mean of a group of m rows and ``(1 - alpha)^-1/2`` for
    deviations from it. Ar1 is Markov: ``(row - a row before) / sqrt(1 - a^2)``, a = ``alpha^gap``.

    Examples
    --------
    >>> rows = layout("exchangeable", np.array([0, 0]))
    >>> root = uncorrelated(rows, 0.5, np.eye(2))
    >>> np.linalg.inv(root.T @ root).round(12).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    if rows.kind == "independence" or alpha == 0.0:
        return values
    if rows.kind == "exchangeable":
        apart = 1 / np.sqrt(1 - alpha)
        together = 1 / np.sqrt(1 + (rows.sizes - 1) * alpha)
        mean = np.add.reduceat(values, rows.starts, axis=0) / rows.sizes[:, None]
        return np.asarray(values * apart + np.repeat((together - apart)[:, None] * mean, rows.sizes, axis=0))
    a = _power(alpha, rows.gaps)
    a[rows.starts] = 0.0
    before = np.vstack([values[:1], values[:-1]])
    return np.asarray((values - a[:, None] * before) / np.sqrt(1 - a**2)[:, None])
