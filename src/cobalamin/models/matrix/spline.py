"""Spline bases that a formula may name: restricted cubic (Harrell), natural and B-splines, all with replayable knots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError, FormulaError

Floats = npt.NDArray[np.float64]

MAX_KNOTS = 7
MAX_DF = 15
# Harrell's default positions of the knots on the distribution of x, by number of knots
_QUANTILES = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
    6: (0.05, 0.23, 0.41, 0.59, 0.77, 0.95),
    7: (0.025, 11 / 60, 41 / 120, 0.5, 79 / 120, 49 / 60, 0.975),
}
_SMALL_SAMPLE = 100


def harrell_knots(x: Floats, k: int) -> Floats:
    """Return Harrell's default knots of a restricted cubic spline.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The covariate, without missing values.
    k : int
        Number of knots, 3 to 7.

    Returns
    -------
    ndarray, shape (k,)
        Quantiles of ``x`` (R's type 7); with fewer than 100 values the outer knots are the fifth smallest and fifth largest.

    Raises
    ------
    FormulaError
        ``k`` outside 3 to 7.
    DataError
        Too few distinct values to place the knots apart.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed., section 2.4.6. Springer 2015. doi:10.1007/978-3-319-19425-7

    Examples
    --------
    >>> harrell_knots(np.arange(1001.0), 3)
    array([100., 500., 900.])
    """
    knots = np.quantile(x, harrell_probabilities(len(x), k))
    if 10 <= len(x) < _SMALL_SAMPLE:
        ordered = np.sort(x)
        knots[0], knots[-1] = ordered[4], ordered[-5]
    if (np.diff(knots) <= 0).any():
        raise DataError(
            f"rcs(): {k} knots at the default quantiles fall on equal values (the covariate has {len(np.unique(x))} distinct values"
            f" in {len(x)} rows). Use fewer knots, or name them: rcs(x, knots=[..])."
        )
    return knots


def harrell_probabilities(n: float, k: int) -> tuple[float, ...]:
    """Return where on the distribution of a number Harrell's default knots stand.

    Parameters
    ----------
    n : float
        Number of people.
    k : int
        Number of knots, 3 to 7.

    Returns
    -------
    tuple of float
        Shares below each knot; with 10 to 99 people the outer ones are those of the fifth smallest and fifth largest value.

    Raises
    ------
    FormulaError
        ``k`` outside 3 to 7.

    Examples
    --------
    >>> harrell_probabilities(1000, 3), harrell_probabilities(41, 3)
    ((0.1, 0.5, 0.9), (0.1, 0.5, 0.9))
    """
    if isinstance(k, bool) or k not in _QUANTILES:
        raise FormulaError(f"rcs(): got {k!r} knots; expected a whole number from 3 to {MAX_KNOTS}.")
    inner = _QUANTILES[k]
    if not 10 <= n < _SMALL_SAMPLE:
        return inner
    return (4 / (n - 1), *inner[1:-1], (n - 5) / (n - 1))


def restricted_cubic(x: Floats, knots: Sequence[float] | Floats) -> Floats:
    """Return the restricted cubic spline basis: cubic between the knots, linear outside them.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The covariate.
    knots : sequence of float, length k
        Increasing knots.

    Returns
    -------
    ndarray, shape (n, k - 1)
        ``x`` itself, then ``k - 2`` nonlinear columns on the scale of ``x``.

    Raises
    ------
    FormulaError
        Fewer than three knots, or knots not increasing.

    Notes
    -----
    Column j is ``(x - t_j)_+^3 - (x - t_{k-1})_+^3 (t_k - t_j) / (t_k - t_{k-1}) + (x - t_k)_+^3 (t_{k-1} - t_j) / (t_k - t_{k-1})``,
    divided by ``(t_k - t_1)^2`` as in Harrell's software, so that all columns have the unit of ``x``.

    References
    ----------
    Stone CJ, Koo CY. Additive splines in statistics. Proc Stat Comp Sect ASA 1985:45-48.
    Durrleman S, Simon R. Flexible regression models with cubic splines. Stat Med 1989;8:551-561. doi:10.1002/sim.4780080504

    Examples
    --------
    >>> restricted_cubic(np.array([0.0, 1.0, 2.0]), [0.0, 1.0, 2.0]).tolist()
    [[0.0, 0.0], [1.0, 0.25], [2.0, 1.5]]
    """
    t = np.asarray(knots, dtype=np.float64)
    if t.ndim != 1 or not 3 <= len(t) <= MAX_DF or not np.isfinite(t).all() or (np.diff(t) <= 0).any():
        raise FormulaError(f"rcs(): knots must be 3 to {MAX_DF} increasing numbers.")
    first, second_last, last = t[0], t[-2], t[-1]
    gap = last - second_last
    past_last, past_second = _cube(x - last), _cube(x - second_last)
    columns = [np.asarray(x, dtype=np.float64)]
    for knot in t[:-2]:
        bend = _cube(x - knot) - past_second * (last - knot) / gap + past_last * (second_last - knot) / gap
        columns.append(bend / (last - first) ** 2)
    return np.column_stack(columns)


def _cube(x: Floats) -> Floats:
    positive = np.maximum(x, 0.0)
    return positive * positive * positive


def natural_knots(x: Floats, df: int) -> tuple[Floats, Floats]:
    """Return inner and boundary knots of a natural cubic spline with ``df`` columns, as R's ``ns``.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The covariate.
    df : int
        Number of columns, 1 to 15.

    Returns
    -------
    inner : ndarray, shape (df - 1,)
        Equally spaced quantiles.
    boundary : ndarray, shape (2,)
        Smallest and largest value.

    Raises
    ------
    FormulaError
        ``df`` outside 1 to 15.
    DataError
        Knots that coincide.

    Examples
    --------
    >>> natural_knots(np.arange(5.0), 2)[0].tolist()
    [2.0]
    """
    if isinstance(df, bool) or not isinstance(df, int) or not 1 <= df <= MAX_DF:
        raise FormulaError(f"a spline's df must be a whole number from 1 to {MAX_DF}; got {df!r}.")
    inner = np.quantile(x, np.arange(1, df) / df)
    boundary = np.array([x.min(), x.max()])
    if (np.diff(np.concatenate([boundary[:1], inner, boundary[1:]])) <= 0).any():
        raise DataError(f"a spline with df={df} needs more distinct values: some knots coincide. Use a smaller df.")
    return inner, boundary


def natural_cubic(x: Floats, inner: Floats, boundary: Floats) -> Floats:
    """Return the natural cubic spline basis of R's ``ns`` (no intercept column).

    Parameters
    ----------
    x : ndarray, shape (n,)
        The covariate.
    inner, boundary : ndarray
        Knots from `natural_knots`.

    Returns
    -------
    ndarray, shape (n, len(inner) + 1)
        B-spline columns projected on second derivative zero at the boundary; linear beyond it.

    References
    ----------
    Hastie TJ. Generalized additive models. In: Chambers, Hastie (eds). Statistical Models in S, 1992. doi:10.1201/9780203738535

    Examples
    --------
    >>> natural_cubic(np.arange(5.0), np.array([2.0]), np.array([0.0, 4.0])).shape
    (5, 2)
    """
    from scipy.interpolate import BSpline

    low, high = boundary
    t = np.concatenate([np.repeat(low, 4), inner, np.repeat(high, 4)])
    spline = BSpline(t, np.eye(len(t) - 4), 3)
    inside = np.clip(x, low, high)
    basis = spline(inside)
    # beyond the boundary the curve continues as its tangent
    basis += (x - inside)[:, None] * np.where((x < low)[:, None], spline(low, 1), spline(high, 1))
    curvature = spline(np.array([low, high]), 2)
    q, _ = np.linalg.qr(curvature[:, 1:].T, mode="complete")
    return np.asarray(basis[:, 1:] @ q[:, 2:])
