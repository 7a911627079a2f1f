"""What a mixed model knows of its own precision: variance parameters and Satterthwaite's degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.repeated.mixed_blocks import Blocks
from cobalamin.models.repeated.mixed_criterion import evaluate, unpack
from cobalamin.models.repeated.mixed_optimum import STEP, Optimum

Floats = npt.NDArray[np.float64]
DEGENERATE = 1e-7  # of 1 - correlation squared, or of a variance as a share of the largest: rounding of zero


@dataclass(frozen=True)
class ComponentNames:
    """Names of the variance parameters.

    Attributes
    ----------
    effects : tuple of str, length q
        Random covariates.
    group : str
        The group.
    crossed : tuple of str
        Crossed factors.
    """

    effects: tuple[str, ...]
    group: str
    crossed: tuple[str, ...]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of random effects that have a correlation."""
        return tuple((a, b) for b in range(len(self.effects)) for a in range(b))

    @property
    def natural(self) -> tuple[str, ...]:
        """Names on the scale where errors are near normal."""
        sds = tuple(f"log(sd {self.group}: {effect})" for effect in self.effects)
        cors = tuple(f"atanh(cor {self.group}: {self.effects[a]}, {self.effects[b]})" for a, b in self.pairs)
        return (*sds, *cors, *(f"log(sd {name})" for name in self.crossed), "log(sd residual)")

    @property
    def theta(self) -> tuple[str, ...]:
        """What each relative variance parameter stands for, in words."""
        q = len(self.effects)
        inside = tuple(
            f"the variance of {self.effects[a]} between {self.group}"
            if a == b
            else f"the covariance of {self.effects[b]} and {self.effects[a]} between {self.group}"
            for a, b in zip(*np.tril_indices(q), strict=True)
        )
        return (*inside, *(f"the variance between {name}" for name in self.crossed))


def natural(theta: Floats, log_sigma: float, scaling: Floats) -> Floats:
    """Return the variance parameters as logarithms of standard deviations and Fisher's z of correlations.

    Parameters
    ----------
    theta : ndarray, shape (m,)
        Relative variance parameters.
    log_sigma : float
        Logarithm of the residual standard deviation.
    scaling : ndarray, shape (q, q)
        From standardised random covariates back to those of the data.

    Returns
    -------
    ndarray, shape (m + 1,)
        -inf for a variance of 0, +-inf for a correlation of +-1, NaN for a correlation with an effect of variance 0.

    Examples
    --------
    >>> natural(np.array([1.0]), 0.0, np.eye(1))
    array([0., 0.])
    """
    factor, tau = unpack(theta, len(scaling))
    rows = scaling @ factor
    size = np.sqrt((rows**2).sum(axis=1))
    # a row whose parts cancel is 0 but for rounding
    size = np.where(size < 1e-9 * np.abs(scaling).max(axis=1) * max(1.0, np.abs(factor).max()), 0.0, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = rows / size[:, None]
        cors = np.array([_fisher(float(unit[a] @ unit[b])) if size[a] and size[b] else np.nan for b in range(len(rows)) for a in range(b)])
        return np.concatenate([np.log(size) + log_sigma, cors, np.log(tau) + log_sigma, [log_sigma]])


def _fisher(r: float) -> float:
    return float(np.arctanh(r)) if 1 - abs(r) > DEGENERATE else float(np.copysign(np.inf, r))


@dataclass(frozen=True, eq=False)
class Precision:
    """Variances of the variance parameters, and what follows.

    Attributes
    ----------
    natural : ndarray, shape (m + 1,)
        From `natural`.
    covariance : ndarray, shape (m + 1, m + 1)
        Their variance; NaN for those on the boundary.
    df : ndarray, shape (p,)
        Satterthwaite's degrees of freedom of the coefficients.
    """

    natural: Floats
    covariance: Floats
    df: Floats


def precision(blocks: Blocks, best: Optimum, reml: bool, carry: Floats, scaling: Floats) -> Precision:
    """Work out the precision of the variance parameters and the degrees of freedom of the coefficients.

    Parameters
    ----------
    blocks : Blocks
        Cross-products.
    best : Optimum
        The maximum.
    reml : bool
        Restricted likelihood.
    carry : ndarray, shape (p, k)
        From coefficients of the orthonormal columns to those of the covariates.
    scaling : ndarray, shape (q, q)
        From standardised random covariates back.

    Returns
    -------
    Precision
        Variances by the curvature of the likelihood.

    Notes
    -----
    ``df = 2 v^2 / (g' A g)``: v the variance of a coefficient, g its derivatives with respect to the variance parameters and A their
    variance. Parameters on the boundary are taken as known, as their derivative is 0 there.

    References
    ----------
    Satterthwaite FE. Biometrics Bulletin 1946;2:110-114. doi:10.2307/3002019. Kuznetsova A, Brockhoff PB, Christensen RHB. lmerTest.
    J Stat Softw 2017;82:1-26. doi:10.18637/jss.v082.i13
    """
    m, nu = len(best.theta), blocks.n - blocks.p if reml else blocks.n
    log_sigma = 0.5 * float(np.log(best.value.rss / nu))
    free = np.append(best.free, True)
    a = np.full((m + 1, m + 1), 0.0)
    a[np.ix_(free, free)] = 2 * np.linalg.pinv(best.hessian[np.ix_(free, free)], hermitian=True)
    variance = _variances(best.value.information, carry)
    slopes, jacobian = np.zeros((m + 1, len(carry))), np.zeros((m + 1, m + 1))
    at = natural(best.theta, log_sigma, scaling)
    slopes[m], jacobian[:, m] = 2 * variance, (~np.isnan(at)) & _is_sd(m, len(scaling))
    for j in np.flatnonzero(best.free):
        width = np.zeros(m)
        width[j] = min(STEP * max(1.0, abs(best.theta[j])), abs(best.theta[j]) / 2 or STEP)
        sides = [best.theta + sign * width for sign in (1, -1)]
        up, down = (_variances(evaluate(blocks, side, reml).information, carry) for side in sides)
        slopes[j] = (up - down) / (2 * width[j])
        with np.errstate(invalid="ignore"):
            jacobian[:, j] = (natural(sides[0], log_sigma, scaling) - natural(sides[1], log_sigma, scaling)) / (2 * width[j])
    bottom = np.einsum("ij,ik,kj->j", slopes, a, slopes)
    finite = np.isfinite(at)
    spread = np.where(np.isfinite(jacobian), jacobian, 0.0)
    covariance = np.where(np.outer(finite, finite), spread @ a @ spread.T, np.nan)
    return Precision(at, covariance, 2 * variance**2 / bottom)


def _variances(information: Floats, carry: Floats) -> Floats:
    """Variances of the coefficients relative to sigma squared."""
    return np.asarray(((carry @ np.linalg.inv(information)) * carry).sum(axis=1))


def _is_sd(m: int, q: int) -> npt.NDArray[np.bool_]:
    kind = np.ones(m + 1, dtype=bool)
    kind[q : q * (q + 1) // 2] = False
    return kind
