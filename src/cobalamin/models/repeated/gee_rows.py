"""Marginal means, their derivatives and standardised residuals: one row of a number, or one per cut-point of an ordered outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MarginalFamily = Literal["gaussian", "binomial", "poisson", "ordinal"]
FAR = 30.0  # a linear predictor that no data show: the fit runs away


@dataclass(frozen=True, eq=False)
class Standardized:
    """Rows on the scale on which their variance is 1, one block per cut-point below the other.

    Attributes
    ----------
    slope : ndarray, shape (blocks * n, p)
        Derivative of the mean over its standard deviation.
    residual : ndarray, shape (blocks * n,)
        Outcome less mean, over the standard deviation.
    mean : ndarray, shape (n,) or (n, blocks)
        Fitted means; of an ordered outcome the probabilities of lying at or below each cut-point.
    far : bool
        Whether a linear predictor ran away.
    """

    slope: Floats
    residual: Floats
    mean: Floats
    far: bool


def standardized(family: MarginalFamily, x: Floats, y: Floats, offset: Floats, parameters: Floats) -> Standardized:
    """Evaluate the marginal model of a number.

    Parameters
    ----------
    family : {"gaussian", "binomial", "poisson"}
        Identity, logit or log link, each with its variance.
    x : ndarray, shape (n, p)
        Covariates.
    y, offset : ndarray, shape (n,)
        Outcomes, and what is added to the linear predictor.
    parameters : ndarray, shape (p,)
        Coefficients.

    Returns
    -------
    Standardized
        One block.

    Examples
    --------
    >>> standardized("poisson", np.ones((2, 1)), np.array([0.0, 2.0]), np.zeros(2), np.zeros(1)).residual.tolist()
    [-1.0, 1.0]
    """
    from scipy.special import expit

    eta = x @ parameters + offset
    if family == "gaussian":
        return Standardized(x, y - eta, eta, False)
    far = bool(np.abs(eta - offset).max() > FAR)
    if family == "poisson":
        mean = np.exp(np.minimum(eta, 700.0))
        spread = np.sqrt(mean)
    else:
        mean = expit(eta)
        spread = np.sqrt(mean * expit(-eta))
    spread = np.maximum(spread, 1e-150)
    return Standardized(x * spread[:, None], (y - mean) / spread, mean, far)


def standardized_ordinal(x: Floats, code: Ints, cuts: int, parameters: Floats) -> Standardized:
    """Evaluate the marginal proportional odds model.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Covariates without an intercept.
    code : ndarray of int, shape (n,)
        Categories 0 to ``cuts``.
    cuts : int
        Cut-points.
    parameters : ndarray, shape (cuts + p,)
        Cut-points, ascending, and coefficients: ``logit P(Y <= c) = cut_c - x b``.

    Returns
    -------
    Standardized
        One block per cut-point. Indicators of lying at or below each cut-point are made uncorrelated within a row by the symmetric root
        of their inverse variance, which does not depend on the direction in which the categories are numbered.

    Examples
    --------
    >>> standardized_ordinal(np.zeros((2, 1)), np.array([0, 1]), 1, np.zeros(2)).residual.tolist()
    [1.0, -1.0]
    """
    from scipy.special import expit

    n, p = x.shape
    eta = parameters[:cuts] - (x @ parameters[cuts:])[:, None]
    below = expit(eta)
    upper = np.triu_indices(cuts)
    spread = np.empty((n, cuts, cuts))
    for a, b in zip(*upper, strict=True):
        spread[:, a, b] = spread[:, b, a] = below[:, a] * expit(-eta[:, b])
    values, axes = np.linalg.eigh(spread)
    root = (axes / np.sqrt(np.maximum(values, 1e-300))[:, None, :]) @ np.swapaxes(axes, 1, 2)
    change = below * expit(-eta)
    residual = np.einsum("nab,nb->na", root, (code[:, None] <= np.arange(cuts)) - below)
    own = root * change[:, None, :]
    slope = np.concatenate([own, -own.sum(axis=2)[:, :, None] * x[:, None, :]], axis=2)
    far = bool(np.abs(eta - parameters[:cuts]).max(initial=0.0) > FAR)
    return Standardized(np.swapaxes(slope, 0, 1).reshape(cuts * n, cuts + p), residual.T.ravel(), below, far)
