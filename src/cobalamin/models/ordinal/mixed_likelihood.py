"""The likelihood of an ordinal model with a normal random intercept, by adaptive Gauss-Hermite quadrature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.ordinal.cumulative import CumulativeRows
from cobalamin.models.ordinal.links import Between, between

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SETTLED = 1e-9  # largest change of a group's mode, in standard deviations of the intercept
_MOST_STEPS, _MOST_STRIDE = 50, 2.0


@dataclass(frozen=True, eq=False)
class Centres:
    """Where the quadrature of each group is centred.

    Attributes
    ----------
    mode : ndarray, shape (G,)
        Most likely intercept of each group, in standard deviations.
    spread : ndarray, shape (G,)
        Standard deviation of the normal curve that touches its likelihood there.
    """

    mode: Floats
    spread: Floats


@dataclass(frozen=True, eq=False)
class MixedLikelihood:
    """Rows of a cumulative link model whose groups have normal intercepts ``sd * u``, u standard normal.

    Parameters of the likelihood: cut-points, coefficients, log(sd).

    Attributes
    ----------
    rows : CumulativeRows
        Standardised, sorted by category, without columns whose effect differs by cut-point.
    group : ndarray of int, shape (n,)
        Group of each row.
    count : int
        Number of groups.
    points : int
        Quadrature points.
    """

    rows: CumulativeRows
    group: Ints
    count: int
    points: int

    @cached_property
    def _by_group(self) -> Any:
        from scipy.sparse import csr_matrix

        n = len(self.group)
        return csr_matrix((np.ones(n), (self.group, np.arange(n))), shape=(self.count, n))

    @cached_property
    def _rule(self) -> tuple[Floats, Floats]:
        """Nodes and log-weights for a standard normal."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(self.points)
        return nodes, np.log(weights) - 0.5 * np.log(2 * np.pi)

    def _at(self, parameters: Floats, u: Floats) -> Between:
        """Return the likelihood of each row with the intercept of its group at u."""
        upper, lower = self.rows.bounds(parameters[:-1])
        shift = np.exp(parameters[-1]) * u[self.group]
        return between(self.rows.link, upper - shift, lower - shift)

    def centres(self, parameters: Floats) -> Centres:
        """Find each group's mode by Newton's method, all groups at once."""
        sd, mode = float(np.exp(parameters[-1])), np.zeros(self.count)
        for _ in range(_MOST_STEPS):
            rows = self._at(parameters, mode)
            slope = -sd * (self._by_group @ (rows.upper + rows.lower)) - mode
            curvature = 1 - sd**2 * (self._by_group @ (rows.upper2 + rows.lower2 + 2 * rows.mixed))
            step = np.clip(slope / curvature, -_MOST_STRIDE, _MOST_STRIDE)
            mode = mode + step
            if np.abs(step).max() < _SETTLED:
                break
        return Centres(mode, 1 / np.sqrt(curvature))

    def _nodes(self, centres: Centres) -> Iterator[tuple[Floats, Floats]]:
        """Yield the intercepts of each quadrature point, and the log-weight of each group there."""
        for node, log_weight in zip(*self._rule, strict=True):
            u = centres.mode + centres.spread * node
            yield u, log_weight + np.log(centres.spread) + (node**2 - u**2) / 2

    def evaluate(self, parameters: Floats) -> Evaluation:
        """Return the log-likelihood with its first two derivatives (Louis), the quadrature centred anew."""
        k = len(parameters)
        upper, lower = self.rows.bounds(parameters[:-1])
        if not (upper > lower).all() or not np.isfinite(parameters).all():
            return Evaluation(-np.inf, np.zeros(k), np.eye(k))
        centres = self.centres(parameters)
        joint = np.stack([w + self._by_group @ self._at(parameters, u).logp for u, w in self._nodes(centres)])
        top = joint.max(axis=0)
        total = top + np.log(np.exp(joint - top).sum(axis=0))
        loglik = float(total.sum())
        if not np.isfinite(loglik):
            return Evaluation(-np.inf, np.zeros(k), np.eye(k))
        return Evaluation(loglik, *self._derivatives(parameters, centres, np.exp(joint - total)))

    def _derivatives(self, parameters: Floats, centres: Centres, share: Floats) -> tuple[Floats, Floats]:
        """Return score and information; ``share`` is the posterior weight of each point in each group, shape (points, G)."""
        k, sd = len(parameters), float(np.exp(parameters[-1]))
        information, mean = np.zeros((k, k)), np.zeros((self.count, k))
        for (u, _), weight in zip(self._nodes(centres), share, strict=True):
            rows = self._at(parameters, u)
            own = u[self.group]
            wide = CumulativeRows(np.column_stack([self.rows.x, own]), self.rows.z, weight[self.group], self.rows.code, self.rows.link)
            information += wide.information(rows).dense()
            score = self._group_scores(wide.x, rows)
            information -= (score * weight[:, None]).T @ score
            mean += score * weight[:, None]
        information += mean.T @ mean
        total = mean.sum(axis=0)
        # from sd to log(sd)
        information[-1, :] *= sd
        information[:, -1] *= sd
        information[-1, -1] -= sd * total[-1]
        total[-1] *= sd
        return total, information

    def _group_scores(self, x: Floats, rows: Between) -> Floats:
        """Sum the scores of the rows of each group, shape (G, k)."""
        cuts = self.rows.cuts
        wide = np.bincount(self.group * (cuts + 2) + self.rows.code + 1, weights=rows.upper, minlength=self.count * (cuts + 2))
        wide = wide + np.bincount(self.group * (cuts + 2) + self.rows.code, weights=rows.lower, minlength=self.count * (cuts + 2))
        # places 0 and cuts + 1 stand for the bounds that do not exist
        return np.hstack([wide.reshape(self.count, -1)[:, 1:-1], -(self._by_group @ ((rows.upper + rows.lower)[:, None] * x))])

    def slope_at_zero(self, parameters: Floats) -> float:
        """Return the derivative of the log-likelihood by the variance of the intercept, where that is 0.

        Parameters
        ----------
        parameters : ndarray, shape (k - 1,)
            Cut-points and coefficients, best of the model without random intercept.
        """
        rows = between(self.rows.link, *self.rows.bounds(parameters))
        summed = self._by_group @ (rows.upper + rows.lower)
        return 0.5 * float((summed**2).sum() + (rows.upper2 + rows.lower2 + 2 * rows.mixed).sum())
