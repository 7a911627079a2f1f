"""From columns and categories to a solution in the units of the data: aliases, infinite coefficients, variance by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.likelihood.climb import finite_limit
from cobalamin.models.ordinal.ascent import Climbed, Remainder, dense_evaluation, in_the_limit, maximize_rows
from cobalamin.models.ordinal.cumulative import CumulativeRows
from cobalamin.models.ordinal.links import Between
from cobalamin.models.regression.algebra import independent_columns, solve
from cobalamin.models.regression.solution import standardize

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_MOST_LIMIT_ROWS, _MOST_LIMIT_PARAMETERS = 20_000, 60  # above these no profile-likelihood limits of infinite coefficients


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parameters of a model are.

    Reported are, column by column of the matrix, one coefficient or (``partial``) one per cut-point, and last the cut-points.

    Attributes
    ----------
    partial : ndarray of bool, shape (p,)
        Columns whose coefficient differs by cut-point.
    keep : ndarray of bool, shape (p,)
        Columns that are not aliases.
    cuts : int
        Number of cut-points.
    """

    partial: Bools
    keep: Bools
    cuts: int

    @property
    def offsets(self) -> Ints:
        """Place of the first coefficient of each column, and of the first cut-point."""
        return np.concatenate([[0], np.cumsum(np.where(self.partial, self.cuts, 1))]).astype(np.int64)

    @property
    def reported(self) -> int:
        """Number of coefficients reported."""
        return int(self.offsets[-1]) + self.cuts

    @property
    def estimated(self) -> Bools:
        """Which reported coefficients are not aliases."""
        return np.concatenate([np.repeat(self.keep, np.where(self.partial, self.cuts, 1)), np.ones(self.cuts, dtype=np.bool_)])

    def back(self, center: Floats, size: Floats) -> Floats:
        """Return the map from parameters of standardised columns to what is reported; rows of aliases are 0."""
        nominal, common = np.flatnonzero(self.partial & self.keep), np.flatnonzero(~self.partial & self.keep)
        m = 1 + len(nominal)
        full = np.zeros((self.reported, self.cuts * m + len(common)))
        cuts, offsets = int(self.offsets[-1]), self.offsets
        for j in range(self.cuts):
            full[cuts + j, j * m] = 1.0
            for a, column in enumerate(nominal):
                full[offsets[column] + j, j * m + 1 + a] = -1 / size[column]
                full[cuts + j, j * m + 1 + a] = -center[column] / size[column]
            full[cuts + j, self.cuts * m :] = center[common] / size[common]
        for b, column in enumerate(common):
            full[offsets[column], self.cuts * m + b] = 1 / size[column]
        return full


@dataclass(frozen=True, eq=False)
class OrdinalSolved:
    """A maximised likelihood of a cumulative link model, in the units of the data.

    Attributes
    ----------
    rows : CumulativeRows
        Standardised, sorted by category, weights > 0.
    order : ndarray of int
        Row of the matrix that each of them is.
    layout : Layout
        Where the parameters are.
    back : ndarray, shape (r, u)
        From the parameters that carry the estimate to what is reported.
    parameters : ndarray, shape (u,)
        Parameters of standardised columns.
    bread : ndarray, shape (u, u)
        Their inverse information.
    last : Between or Remainder
        What the scores of the rows are made from.
    coefficients : ndarray, shape (r,)
        Reported; NaN for aliases, infinite without a maximum.
    separated : ndarray of bool, shape (r,)
        Coefficients without a maximum.
    limits : mapping of int to (low, high)
        Profile-likelihood limits of infinite coefficients.
    loglik : float
        Log-likelihood, or its supremum.
    iterations : int
        Newton steps.
    """

    rows: CumulativeRows
    order: Ints
    layout: Layout
    back: Floats
    parameters: Floats
    bread: Floats
    last: Between | Remainder
    coefficients: Floats
    separated: Bools
    limits: Mapping[int, tuple[float, float]]
    loglik: float
    iterations: int

    @property
    def scores(self) -> Floats:
        """Weighted score of each row at the solution, shape (n, u)."""
        return self.last.scores if isinstance(self.last, Remainder) else self.rows.row_scores(self.last)

    def covariance(self, inner: Floats) -> Floats:
        """Carry a variance of the parameters to what is reported; NaN where there is no standard error."""
        finite = self.layout.estimated & ~self.separated
        return np.where(np.outer(finite, finite), self.back @ inner @ self.back.T, np.nan)


def sorted_rows(x: Floats, code: Ints, weight: Floats, partial: Bools, link: str) -> tuple[CumulativeRows, Ints, Layout, Floats]:
    """Standardise the columns, leave out aliases and sort the rows that count by category.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates, without intercept.
    code : ndarray of int, shape (n,)
        Category 0 to k - 1.
    weight : ndarray, shape (n,)
        Weights >= 0.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by cut-point.
    link : str
        Name of the distribution.

    Returns
    -------
    rows : CumulativeRows
        Ready for `maximize_rows`.
    order : ndarray of int
        Where each of its rows was.
    layout : Layout
        Where the parameters are.
    back : ndarray, shape (r, k)
        From parameters to what is reported.
    """
    counted = weight > 0
    order = np.argsort(code, kind="stable")
    order = order if counted.all() else order[counted[order]]
    z, scaling = standardize(np.column_stack([np.ones(len(order)), x[order]]), np.ones(len(order), dtype=np.bool_))
    keep = independent_columns(z)[1:]
    size = 1 / np.diag(scaling)[1:]
    center = -scaling[0, 1:] * size
    nominal, common = np.flatnonzero(partial & keep) + 1, np.flatnonzero(~partial & keep) + 1
    rows = CumulativeRows(np.ascontiguousarray(z[:, common]), z[:, [0, *nominal]], weight[order], code[order], link)
    layout = Layout(partial, keep, rows.cuts)
    return rows, order.astype(np.int64), layout, layout.back(center, size)


def solve_ordinal(
    x: Floats, code: Ints, weight: Floats, *, partial: Bools, link: str, names: Sequence[str], profile: bool = True
) -> OrdinalSolved:
    """Fit a cumulative link model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates in the units of the data, without intercept.
    code : ndarray of int, shape (n,)
        Category 0 to k - 1.
    weight : ndarray, shape (n,)
        Weights >= 0.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by cut-point.
    link : str
        Name of the distribution.
    names : sequence of str, length r
        Names of what is reported, for messages.
    profile : bool
        Whether to seek profile-likelihood limits of infinite coefficients.

    Returns
    -------
    OrdinalSolved
        The maximum, or its limit.

    Raises
    ------
    ConvergenceError
        No maximum and no separation found.
    """
    rows, order, layout, back = sorted_rows(x, code, weight, partial, link)
    with one_blas_thread():
        climbed = maximize_rows(rows, back)
    if climbed.separation is not None:
        return _limit(rows, order, layout, back, climbed, profile)
    if not climbed.converged:
        raise ConvergenceError(_lost(climbed, back, names))
    size = len(climbed.parameters)
    return OrdinalSolved(
        rows=rows,
        order=order,
        layout=layout,
        back=back,
        parameters=climbed.parameters,
        bread=solve(climbed.value.information.dense(), np.eye(size)),
        last=climbed.value.rows,
        coefficients=np.where(layout.estimated, back @ climbed.parameters, np.nan),
        separated=np.zeros(layout.reported, dtype=np.bool_),
        limits={},
        loglik=climbed.value.loglik,
        iterations=climbed.iterations,
    )


def _lost(climbed: Climbed, back: Floats, names: Sequence[str]) -> str:
    worst = int(np.argmax(np.abs(back @ climbed.step)))
    return (
        f"No maximum after {climbed.iterations} steps; '{names[worst]}' still moves most. Merge outcome categories or factor levels with"
        " few rows, look for a covariate with a few extreme values, leave terms out of partial=, or take the logit link."
    )


def _limit(rows: CumulativeRows, order: Ints, layout: Layout, back: Floats, climbed: Climbed, profile: bool) -> OrdinalSolved:
    assert climbed.separation is not None, "called for separated outcomes only"
    rest = in_the_limit(rows, climbed)
    if not rest.converged:
        raise ConvergenceError(
            "The outcome is separated, and what is left has no maximum. Merge sparse levels, or leave out terms that tell the outcome."
        )
    infinite = np.where(layout.estimated, climbed.separation.coefficients, 0.0)
    seek = profile and len(order) <= _MOST_LIMIT_ROWS and len(climbed.parameters) <= _MOST_LIMIT_PARAMETERS
    finite = back[:, rest.used] @ rest.parameters
    return OrdinalSolved(
        rows=rows,
        order=order,
        layout=layout,
        back=back[:, rest.used],
        parameters=rest.parameters,
        bread=solve(rest.information, np.eye(len(rest.parameters))),
        last=rest,
        coefficients=np.where(~layout.estimated, np.nan, np.where(infinite != 0, infinite, finite)),
        separated=infinite != 0,
        limits=_limits(rows, layout, back, climbed, infinite, rest.loglik) if seek else {},
        loglik=rest.loglik,
        iterations=climbed.iterations,
    )


def _limits(
    rows: CumulativeRows, layout: Layout, back: Floats, climbed: Climbed, infinite: Floats, supremum: float
) -> dict[int, tuple[float, float]]:
    """Return one-sided limits of infinite coefficients; cut-points have none."""
    limits: dict[int, tuple[float, float]] = {}
    for j in map(int, np.flatnonzero(np.isinf(infinite[: layout.offsets[-1]]))):
        own = int(np.flatnonzero(back[j])[0])
        finite = finite_limit(lambda place: dense_evaluation(rows, place), climbed.parameters, own, supremum) * float(back[j, own])
        limits[j] = (finite, np.inf) if infinite[j] > 0 else (-np.inf, finite)
    return limits
