"""Variances of generalized linear models: model, heteroscedasticity-consistent, clustered, survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import DataError
from cobalamin.models.covariance import cluster_codes, influence, sandwich, sum_by
from cobalamin.models.regression.algebra import cross_product, quadratic_forms
from cobalamin.models.regression.request import Prepared, Robust
from cobalamin.models.regression.solution import Solution
from cobalamin.models.survey import survey_covariance

Floats = npt.NDArray[np.float64]
FULL = 1 - 1e-10  # a leverage above this is 1: the row alone determines a coefficient


@dataclass(frozen=True, eq=False)
class Variance:
    """A variance and what it is called.

    Attributes
    ----------
    covariance : ndarray, shape (p, p)
        The variance in use.
    model : ndarray, shape (p, p)
        Dispersion times inverse information.
    kind : str
        "model", "robust", "cluster" or "survey".
    """

    covariance: Floats
    model: Floats
    kind: str


def variance_of(ready: Prepared, found: Solution, *, dispersion: float = 1.0, default: Robust | None = None) -> Variance:
    """Choose and compute the variance that a request asks for.

    Parameters
    ----------
    ready : Prepared
        Request and data.
    found : Solution
        The maximum.
    dispersion : float
        By which the inverse information is multiplied: 1, or sigma squared.
    default : {"HC0", "HC1"}, optional
        Robust variance where the request names none: of models whose own variance is wrong by design.

    Returns
    -------
    Variance
        Of the coefficients.

    Raises
    ------
    DesignError
        One cluster, or a survey stratum with one unit.
    DataError
        HC2 or HC3 with a row of leverage 1.

    Notes
    -----
    With scores ``s_i = w_i l'(eta_i) z_i`` and bread B (inverse expected information): HC0 is ``B (sum s s') B``; HC1 multiplies
    by n / (n - k); HC2 and HC3 divide ``s s'`` by ``1 - h`` and ``(1 - h)^2``, h the leverage. A weight that counts people stands for as
    many rows. Clusters: scores are summed first, times G / (G - 1), and with HC1 also times (n - 1) / (n - k).

    References
    ----------
    Zeileis A, Koll S, Graham N. Various versatile variances. J Stat Softw 2020;95(1). doi:10.18637/jss.v095.i01
    """
    request, rows = ready.request, ready.rows
    model = found.covariance(dispersion * found.bread)
    robust = request.robust or default
    if robust == "HC1" and ready.size <= found.z.shape[1]:
        raise DataError(f"robust='HC1': {found.z.shape[1]} coefficients and {ready.size:g} rows leave no degrees of freedom.")
    if ready.design is None and ready.clusters is None and robust is None and ready.counts_people:
        return Variance(model, model, "model")
    score = row_scores(ready, found)
    if ready.design is not None:
        moved = influence(found.z * (rows.weight * score)[:, None], found.bread)
        return Variance(found.covariance(survey_covariance(moved, ready.design, ready.matrix.kept)), model, "survey")
    if ready.clusters is not None:
        used = rows.weight > 0
        codes = cluster_codes(ready.clusters[used])
        total = _sum_scores(found.z[used], (rows.weight * score)[used], *codes)
        scale = (ready.size - 1) / (ready.size - found.z.shape[1]) if robust == "HC1" else 1.0
        summed = sandwich(total @ found.bread, (np.arange(codes[1]), codes[1]), correction=True)
        return Variance(found.covariance(scale * summed), model, "cluster")
    meat = _heteroscedastic(ready, found, score, robust or "HC0")
    return Variance(found.covariance(found.bread @ meat @ found.bread), model, "robust")


def row_scores(ready: Prepared, found: Solution) -> Floats:
    """Return the derivative of each row's log-density by its linear predictor, 0 in rows without weight.

    Parameters
    ----------
    ready : Prepared
        Request and data.
    found : Solution
        The maximum.

    Returns
    -------
    ndarray, shape (n,)
        The derivatives, without weights.
    """
    used = ready.rows.weight > 0
    score = np.zeros(len(used))
    with np.errstate(invalid="ignore", divide="ignore"):
        score[used] = found.objective.likelihood.terms(ready.rows.y[used], found.eta[used])[1]
    return score


def _heteroscedastic(ready: Prepared, found: Solution, score: Floats, robust: Robust) -> Floats:
    weight = ready.rows.weight
    own = np.ones(len(weight)) if ready.counts_people else weight  # a row that stands for 2 people is two rows of weight 1
    square = weight * own * score**2
    if robust == "HC1":
        square *= ready.size / (ready.size - found.z.shape[1])
    if robust in ("HC2", "HC3"):
        used = weight > 0
        free = np.ones(len(weight))
        lever = quadratic_forms(found.z[used], found.bread) * found.objective.likelihood.expected(found.eta[used]) * own[used]
        free[used] = 1 - lever
        _refuse_leverage_one(lever, robust)
        square /= free if robust == "HC2" else free**2
    return cross_product(found.z, square)


def _refuse_leverage_one(lever: Floats, robust: str) -> None:
    alone = int((lever > FULL).sum())
    if alone:
        raise DataError(
            f"robust='{robust}': {alone} of {len(lever)} rows have leverage 1 (the only row of a level, or as many columns as rows), so"
            " their residual is 0 whatever happens. Merge levels or use robust='HC1'."
        )


def _sum_scores(z: Floats, score: Floats, codes: npt.NDArray[np.int64], count: int) -> Floats:
    """Sum ``score_i z_i`` over clusters, one column at a time, without a second matrix of the size of z."""
    columns = [sum_by((z[:, j] * score)[:, None], codes, count) for j in range(z.shape[1])]
    return np.hstack(columns) if columns else np.zeros((count, 0))
