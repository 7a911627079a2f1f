"""The likelihood of flexible parametric survival models: right-censored, left-truncated rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.followup import FollowUp
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.parametric.royston_parmar_curve import LINKS, FlexibleCurve
from cobalamin.models.regression.algebra import cross_product

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FlexibleLikelihood:
    """Rows of a flexible parametric model, their columns made orthonormal.

    Attributes
    ----------
    scale : str
        What the spline models.
    columns, slopes : ndarray, shape (n, k)
        Columns of the linear predictor at exit and their derivatives in log time.
    late : ndarray, shape (l, k)
        Columns at entry, of the rows that enter late.
    late_rows : ndarray of int, shape (l,)
        Which rows these are.
    died : ndarray of bool, shape (n,)
        Rows with an event.
    log_time : ndarray, shape (n,)
        Logarithm of the exit.
    weights : ndarray, shape (n,)
        Case weights.
    root, inverse : ndarray, shape (k, k)
        Parameters of the orthonormal columns = ``root @`` parameters of the data, and back.
    """

    scale: str
    columns: Floats
    slopes: Floats
    late: Floats
    late_rows: Ints
    died: npt.NDArray[np.bool_]
    log_time: Floats
    weights: Floats
    root: Floats
    inverse: Floats

    def rows(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return log-likelihood and score of each row, shapes (n,) and (n, k)."""
        link, died = LINKS[self.scale], self.died
        eta = self.columns @ theta
        value, first, _ = _survived(self.scale, eta)
        density, own, _ = link.log_density(eta[died])
        speed = self.slopes[died] @ theta
        value[died] = density + np.log(speed) - self.log_time[died]
        first[died] = own
        score = self.columns * first[:, None]
        score[died] += self.slopes[died] / speed[:, None]
        late, pull, _ = _survived(self.scale, self.late @ theta)
        value[self.late_rows] -= late
        score[self.late_rows] -= self.late * pull[:, None]
        return value, score

    def evaluate(self, theta: Floats) -> Evaluation:
        """Return the log-likelihood, its score and its information.

        Parameters
        ----------
        theta : ndarray, shape (k,)
            Parameters of the orthonormal columns.

        Returns
        -------
        Evaluation
            ``-inf`` where the spline falls at an event.
        """
        with np.errstate(all="ignore"):
            value, score = self.rows(theta)
            information = self._information(theta)
        total = float(self.weights @ value)
        fine = np.isfinite(total) and np.isfinite(information).all()
        return Evaluation(total if fine else -np.inf, self.weights @ score, information)

    def _information(self, theta: Floats) -> Floats:
        link, died, w = LINKS[self.scale], self.died, self.weights
        eta = self.columns @ theta
        second = _survived(self.scale, eta)[2]
        second[died] = link.log_density(eta[died])[2]
        speed = self.slopes[died] @ theta
        total = -cross_product(self.columns, w * second)
        total += cross_product(self.slopes[died], w[died] / speed**2)
        late = _survived(self.scale, self.late @ theta)[2]
        return np.asarray(total + cross_product(self.late, w[self.late_rows] * late))


def _survived(scale: str, eta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log S and its first and second derivative in the linear predictor."""
    link = LINKS[scale]
    value = np.array(link.log_survival(eta))
    density, slope, _ = link.log_density(eta)
    first = -np.exp(density - value)
    return value, first, first * (slope - first)


def flexible_likelihood(curve: FlexibleCurve, x: Floats, follow: FollowUp, weights: Floats) -> FlexibleLikelihood:
    """Set up the likelihood.

    Parameters
    ----------
    curve : FlexibleCurve
        Knots and scale.
    x : ndarray, shape (n, p)
        Covariates without aliases.
    follow : FollowUp
        Entry, exit > 0 and event of the rows.
    weights : ndarray, shape (n,)
        Positive case weights.

    Returns
    -------
    FlexibleLikelihood
        Ready to be evaluated.
    """
    u = np.log(follow.exit)
    columns, slopes = curve.design(x, u)
    late_rows = np.flatnonzero(follow.entry > 0)
    late, _ = curve.design(x[late_rows], np.log(follow.entry[late_rows]))
    # a covariate far from 0 (a date, a year) would drown the digits of the others: the constant of the spline takes its mean
    p, center = x.shape[1], x.mean(axis=0)
    columns[:, :p] -= center
    late[:, :p] -= center
    root = np.asarray(np.linalg.qr(columns * np.sqrt(weights / weights.sum())[:, None])[1])
    inverse = np.linalg.inv(root)
    parts = (columns @ inverse, slopes @ inverse, late @ inverse)
    there, back = np.eye(len(root)), np.eye(len(root))
    there[p, :p], back[p, :p] = center, -center
    return FlexibleLikelihood(curve.scale, *parts, late_rows, follow.event > 0, u, weights, root @ there, back @ inverse)
