"""The likelihood of cumulative link models: score and information with the block-tridiagonal part of the cut-points."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cobalamin.models.ordinal.links import Between, between
from cobalamin.models.regression.algebra import cross_product, solve

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Curvature:
    """Information (minus the second derivative) in the blocks in which it is computed.

    Attributes
    ----------
    diagonal : ndarray, shape (c, m, m)
        Of each cut-point with itself.
    beside : ndarray, shape (c - 1, m, m)
        Of cut-point j + 1 (rows) with cut-point j (columns); cut-points farther apart share no row.
    cross : ndarray, shape (c * m, p)
        Of cut-points with coefficients.
    covariates : ndarray, shape (p, p)
        Of the coefficients.
    """

    diagonal: Floats
    beside: Floats
    cross: Floats
    covariates: Floats

    def dense(self) -> Floats:
        """Return the whole matrix, cut-points first."""
        c, m, _ = self.diagonal.shape
        total = c * m + len(self.covariates)
        full = np.zeros((total, total))
        for j in range(c):
            full[j * m : (j + 1) * m, j * m : (j + 1) * m] = self.diagonal[j]
        for j in range(c - 1):
            full[(j + 1) * m : (j + 2) * m, j * m : (j + 1) * m] = self.beside[j]
            full[j * m : (j + 1) * m, (j + 1) * m : (j + 2) * m] = self.beside[j].T
        full[: c * m, c * m :], full[c * m :, : c * m] = self.cross, self.cross.T
        full[c * m :, c * m :] = self.covariates
        return full

    def banded(self) -> Floats:
        """Return the cut-points' part as the upper bands that `scipy.linalg.solveh_banded` reads."""
        c, m, _ = self.diagonal.shape
        width = 2 * m - 1
        bands = np.zeros((width + 1, c * m))
        for a in range(m):
            for b in range(a, m):
                bands[width + a - b, b::m] = self.diagonal[:, a, b]
            for b in range(m):
                # row a of cut-point j with column b of cut-point j + 1: b + m - a places right of the diagonal
                bands[width + a - b - m, m + b :: m] = self.beside[:, b, a] if c > 1 else 0.0
        return bands

    def newton(self, score: Floats) -> Floats:
        """Solve information @ step = score: the bands first, then the Schur complement of the coefficients."""
        from scipy.linalg import LinAlgError, solveh_banded

        size = self.cross.shape[0]
        try:
            inside = solveh_banded(self.banded(), np.column_stack([score[:size], self.cross]))
        except (LinAlgError, ValueError):
            return solve(self.dense(), score)
        first, rest = inside[:, 0], inside[:, 1:]
        if not self.cross.shape[1]:
            return np.asarray(first)
        b = solve(self.covariates - self.cross.T @ rest, score[size:] - self.cross.T @ first)
        return np.concatenate([first - rest @ b, b])


@dataclass(frozen=True, eq=False)
class Value:
    """A log-likelihood with its derivatives.

    Attributes
    ----------
    loglik : float
        Weighted log-likelihood; ``-inf`` where cut-points cross.
    score : ndarray, shape (k,)
        First derivative.
    information : Curvature
        Minus the second derivative.
    rows : Between
        Derivatives per row.
    """

    loglik: float
    score: Floats
    information: Curvature
    rows: Between


@dataclass(frozen=True, eq=False)
class CumulativeRows:
    """Rows of a cumulative link model, sorted by category.

    The model is ``P(Y <= j) = F(T_j'z - x'b)``: with ``z = 1`` the proportional-odds model and its cut-points T_j; further columns of z
    have an effect that differs by cut-point. Parameters are (T_1, ..., T_{c}, b).

    Attributes
    ----------
    x : ndarray, shape (n, p)
        Columns with one coefficient each.
    z : ndarray, shape (n, m)
        1, then columns with a coefficient per cut-point.
    weight : ndarray, shape (n,)
        Weights > 0.
    code : ndarray of int, shape (n,)
        Category 0 to c, ascending, each present.
    link : str
        Name of the distribution.
    """

    x: Floats
    z: Floats
    weight: Floats
    code: Ints
    link: str

    @property
    def cuts(self) -> int:
        """Number of cut-points."""
        return int(self.code[-1]) if len(self.code) else 0

    @property
    def n_cut_parameters(self) -> int:
        """Number of parameters of cut-points."""
        return int(self.cuts * self.z.shape[1])

    @property
    def starts(self) -> Ints:
        """First row of each category."""
        return np.searchsorted(self.code, np.arange(self.cuts + 1)).astype(np.int64)

    def bounds(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Return the upper and lower bound of each row on the scale of the linear predictor."""
        m, size = self.z.shape[1], self.n_cut_parameters
        cut = parameters[:size].reshape(self.cuts, m)
        shift = self.x @ parameters[size:]
        if m == 1:
            top, bottom = np.append(cut[:, 0], np.inf), np.append(-np.inf, cut[:, 0])
            return top[self.code] - shift, bottom[self.code] - shift
        upper, lower = (np.einsum("ij,ij->i", self.z, cut[np.clip(at, 0, self.cuts - 1)]) - shift for at in (self.code, self.code - 1))
        upper[self.code == self.cuts], lower[self.code == 0] = np.inf, -np.inf
        return upper, lower

    def evaluate(self, parameters: Floats) -> Value | None:
        """Return the likelihood at a place; None where the bounds of a row cross."""
        upper, lower = self.bounds(parameters)
        if not (upper > lower).all():
            return None
        rows = between(self.link, upper, lower)
        loglik = float(self.weight @ rows.logp)
        if not np.isfinite(loglik):
            return None
        return Value(loglik, self.score(rows), self.information(rows), rows)

    def score(self, rows: Between) -> Floats:
        """Return the first derivative of the log-likelihood."""
        up, down = (self._by_category(self.weight * g, self.z) for g in (rows.upper, rows.lower))
        slope = self.weight * (rows.upper + rows.lower)
        return np.concatenate([(up[:-1] + down[1:]).ravel(), -(self.x.T @ slope)])

    def row_scores(self, rows: Between) -> Floats:
        """Return the weighted score of each row, shape (n, k)."""
        m, n = self.z.shape[1], len(self.z)
        full = np.zeros((n, self.cuts + 2, m))
        at = np.arange(n)
        # places 0 and c + 1 stand for the bounds that do not exist
        full[at, self.code + 1] = (self.weight * rows.upper)[:, None] * self.z
        full[at, self.code] = (self.weight * rows.lower)[:, None] * self.z
        cuts = full[:, 1 : self.cuts + 1].reshape(n, -1)
        return np.hstack([cuts, -(self.weight * (rows.upper + rows.lower))[:, None] * self.x])

    def information(self, rows: Between) -> Curvature:
        """Return minus the second derivative of the log-likelihood."""
        w, m = self.weight, self.z.shape[1]
        squares = (self.z[:, :, None] * self.z[:, None, :]).reshape(len(self.z), m * m) if m > 1 else self.z
        up, down, mixed = (self._by_category(w * h, squares).reshape(-1, m, m) for h in (rows.upper2, rows.lower2, rows.mixed))
        cross_up, cross_down = (self._crossed(w * (h + rows.mixed)) for h in (rows.upper2, rows.lower2))
        covariates = cross_product(self.x, -w * (rows.upper2 + rows.lower2 + 2 * rows.mixed))
        cross = (cross_up[:-1] + cross_down[1:]).reshape(self.n_cut_parameters, -1)
        return Curvature(-(up[:-1] + down[1:]), -mixed[1:-1], cross, covariates)

    def _by_category(self, values: Floats, columns: Floats) -> Floats:
        """Sum values * columns within each category, shape (c + 1, columns)."""
        return np.add.reduceat(values[:, None] * columns, self.starts, axis=0)

    def _crossed(self, values: Floats) -> Floats:
        """Sum values * z x' within each category, shape (c + 1, m, p)."""
        edges = np.append(self.starts, len(self.code))
        left = values[:, None] * self.z
        return np.stack([left[a:b].T @ self.x[a:b] for a, b in pairwise(edges)])

    def stacked(self) -> tuple[Floats, Floats, Ints]:
        """Return each bound as a row of a binary outcome: covariates (r, k), outcome (r,) and the row it belongs to.

        A cut-point above a row counts as the outcome 1, one below it as 0. A direction of the parameters that separates these outcomes
        raises the likelihood of the model for ever, and the other way round.
        """
        m, size, n = self.z.shape[1], self.n_cut_parameters, len(self.z)
        parts = []
        for cut, present in ((self.code, self.code < self.cuts), (self.code - 1, self.code > 0)):
            where = np.flatnonzero(present)
            full = np.zeros((len(where), self.cuts, m))
            full[np.arange(len(where)), cut[where]] = self.z[where]
            parts.append(np.hstack([full.reshape(len(where), size), -self.x[where]]))
        ones = np.concatenate([np.ones(len(parts[0])), np.zeros(len(parts[1]))])
        home = np.concatenate([np.flatnonzero(self.code < self.cuts), np.flatnonzero(self.code > 0)])
        return np.vstack(parts), ones, home.astype(np.int64) if n else home
