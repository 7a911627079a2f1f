"""Where Newton's method begins: the overall mean, and inside the bounds of a likelihood that has some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cobalamin.models.regression.algebra import cross_product, solve
from cobalamin.models.regression.likelihoods import link_of
from cobalamin.models.regression.newton import Objective, climb

Floats = npt.NDArray[np.float64]
INWARDS = (1e-2, 1e-4, 1e-6)  # by how much 0/1 outcomes of a bounded likelihood are drawn inwards to find a start


def starting_point(objective: Objective) -> Floats:
    """Begin at the overall mean, so that rare outcomes need no more steps than common ones.

    Parameters
    ----------
    objective : Objective
        What to maximize.

    Returns
    -------
    ndarray, shape (p,)
        Coefficients. Of a bounded likelihood they are close to the maximum: outcomes are drawn inwards, less and less, and climbed,
        so that the way stays off the bounds. That is the copy method of Deddens and Petersen, but as a starting point only: the
        last steps are those of the likelihood itself, and reach its maximum if that lies inside.

    References
    ----------
    Deddens JA, Petersen MR. Occup Environ Med 2008;65:501-506. doi:10.1136/oem.2007.034777

    Examples
    --------
    >>> from cobalamin.models.regression.likelihoods import LOGIT
    >>> starting_point(Objective(np.ones((2, 1)), np.array([0.0, 1.0]), np.ones(2), LOGIT)).tolist()
    [0.0]
    """
    start = _overall(objective)
    if objective.likelihood.bounded:
        for share in INWARDS:
            drawn = replace(objective, y=share + (1 - 2 * share) * objective.y)
            start = climb(drawn, start, limit=60).beta
    return start


def _overall(objective: Objective) -> Floats:
    x, link = objective.x, objective.likelihood.link
    start = np.zeros(x.shape[1])
    share = float(objective.weight @ objective.y / objective.weight.sum())
    if x.shape[1] and (x[:, 0] == 1).all():
        # person-time stands in the offset of a log link: the overall rate, not the mean count
        base = 0.0 if objective.offset is None else _typical(objective.offset, objective.weight, link)
        start[0] = link_of(share, link) - base
    elif objective.likelihood.bounded:
        # without an intercept column: the combination that comes nearest to one risk for everybody
        start = solve(cross_product(x, np.ones(len(x))), x.sum(axis=0)) * link_of(share, link)
    return start


def _typical(offset: Floats, weight: Floats, link: str) -> float:
    if link != "log":
        return float(weight @ offset / weight.sum())
    top = float(offset.max())
    return top + float(np.log(weight @ np.exp(offset - top) / weight.sum()))
