"""The profiled (restricted) likelihood of a linear mixed model and its derivatives, vectorised over groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cobalamin.models.repeated.mixed_blocks import Blocks, Crossed

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Criterion:
    """The likelihood at one value of the relative variance parameters, beta and sigma profiled out.

    Attributes
    ----------
    logdet : float
        Log-determinant of the relative variance of the rows; with REML also that of ``X'V^-1 X``.
    rss : float
        Generalised residual sum of squares.
    grad_logdet, grad_rss : ndarray, shape (m,)
        Their derivatives with respect to theta.
    inside_logdet, inside_rss : ndarray, shape (q, q)
        Their derivatives with respect to the relative variance matrix of the random effects (where it is singular, theta hides them).
    cross_logdet, cross_rss : ndarray, shape (factors,)
        The same for the relative variances of the crossed factors.
    beta : ndarray, shape (p,)
        Coefficients of the orthonormal columns.
    information : ndarray, shape (p, p)
        ``X'V^-1 X`` of the orthonormal columns, V relative to sigma squared.
    latent : Latent
        What predictions of random effects need.
    """

    logdet: float
    rss: float
    grad_logdet: Floats
    grad_rss: Floats
    inside_logdet: Floats
    inside_rss: Floats
    cross_logdet: Floats
    cross_rss: Floats
    beta: Floats
    information: Floats
    latent: Latent


@dataclass(frozen=True, eq=False)
class Latent:
    """Pieces of ``V^-1`` seen from the random effects.

    Attributes
    ----------
    zr : ndarray, shape (q, groups)
        ``Z'V^-1 (y - X beta)``.
    zz : ndarray, shape (q, q, groups)
        ``Z'W^-1 Z`` of each group, W without the crossed factors.
    pc : tuple of sparse array (groups, levels)
        ``Z'W^-1 C``; empty without crossed factors.
    inner : ndarray, shape (levels, levels)
        ``T (I + T C'W^-1 C T)^-1 T``, T the relative standard deviations.
    cr : ndarray, shape (levels,)
        ``C'V^-1 (y - X beta)``.
    cc : ndarray, shape (levels,)
        Diagonal of ``C'V^-1 C``.
    """

    zr: Floats
    zz: Floats
    pc: tuple[Any, ...]
    inner: Floats
    cr: Floats
    cc: Floats


def unpack(theta: Floats, q: int) -> tuple[Floats, Floats]:
    """Split theta into the relative Cholesky factor and the relative standard deviations of crossed factors.

    Parameters
    ----------
    theta : ndarray, shape (q (q + 1) / 2 + factors,)
        Lower triangle row by row, then one number per crossed factor.
    q : int
        Random covariates.

    Returns
    -------
    factor : ndarray, shape (q, q)
        Lower triangular.
    crossed : ndarray, shape (factors,)
        Relative standard deviations.

    Examples
    --------
    >>> unpack(np.array([1.0, 2.0, 3.0, 4.0]), 2)
    (array([[1., 0.],
           [2., 3.]]), array([4.]))
    """
    factor = np.zeros((q, q))
    size = q * (q + 1) // 2
    factor[np.tril_indices(q)] = theta[:size]
    return factor, theta[size:]


def evaluate(blocks: Blocks, theta: Floats, reml: bool) -> Criterion:
    """Evaluate the likelihood and its derivatives.

    Parameters
    ----------
    blocks : Blocks
        Cross-products of the rows.
    theta : ndarray, shape (m,)
        Relative variance parameters: see `unpack`.
    reml : bool
        Restricted likelihood.

    Returns
    -------
    Criterion
        ``-2 l = logdet + nu (1 + log(2 pi rss / nu))`` at the best sigma, nu = n - p (REML) or n.

    Notes
    -----
    With ``G = L L'`` relative to sigma squared, ``V = I + Z G Z' + sum tau_k^2 C_k C_k'``. In each group ``P = (I + Z'Z G)^-1`` gives
    ``W^-1 = I - Z G P Z'``; crossed levels follow by one Schur complement. For a change dG,
    ``d log|V| = tr(Z'V^-1 Z dG)`` and ``d (F'V^-1 F) = -F'V^-1 Z dG Z'V^-1 F``.

    References
    ----------
    Bates D, Maechler M, Bolker B, Walker S. Fitting linear mixed-effects models using lme4. J Stat Softw 2015;67:1-48.
    doi:10.18637/jss.v067.i01
    """
    q, p = blocks.q, blocks.p
    factor, tau = unpack(theta, q)
    g = factor @ factor.T
    inverse, logdet = _inverse(blocks.zz, g)
    c = _times(inverse, blocks.zf)
    zz = np.einsum("abg,bcg->acg", inverse, blocks.zz)
    h = np.tensordot(g, c, axes=1)
    s = blocks.ff - sum(blocks.zf[a].T @ h[a] for a in range(q))
    traces, pc, inner = zz.sum(axis=2), (), np.zeros((0, 0))
    cf, cc, belongs = np.zeros((0, p + 1)), np.zeros(0), np.zeros((0, 0))
    if blocks.crossed is not None:
        belongs = np.eye(blocks.n_factors)[:, blocks.crossed.factor]
        pc, inner, schur, scf, more = _cross(blocks.crossed, inverse, g, h, tau)
        logdet, s, cf = logdet + more, s - scf.T @ inner @ scf, scf - schur @ (inner @ scf)
        cc = np.diag(schur) - np.einsum("ij,ij->i", schur @ inner, schur)
        c = np.stack([c[a] - pc[a] @ (inner @ scf) for a in range(q)])
        traces = traces - [[float((pc[a].T @ pc[b]).multiply(inner).sum()) for b in range(q)] for a in range(q)]
    information = s[:p, :p]
    inverse_information, more = _positive_inverse(information)
    beta = inverse_information @ s[:p, p]
    v = np.append(-beta, 1.0)
    weight = inverse_information if reml else np.zeros((p, p))
    inside_l, inside_r = np.empty((q, q)), np.empty((q, q))
    for a in range(q):
        for b in range(q):
            u = c[a].T @ c[b]
            inside_l[a, b], inside_r[a, b] = traces[a, b] - (weight * u[:p, :p]).sum(), -v @ u @ v
    cross_l = belongs @ (cc - np.einsum("ij,jk,ik->i", cf[:, :p], weight, cf[:, :p]))
    cross_r = -belongs @ (cf @ v) ** 2
    below = np.tril_indices(q)
    return Criterion(
        logdet=logdet + (more if reml else 0.0),
        rss=float(v @ s @ v),
        grad_logdet=np.append(2 * (inside_l @ factor)[below], 2 * tau * cross_l),
        grad_rss=np.append(2 * (inside_r @ factor)[below], 2 * tau * cross_r),
        inside_logdet=inside_l,
        inside_rss=inside_r,
        cross_logdet=cross_l,
        cross_rss=cross_r,
        beta=beta,
        information=information,
        latent=Latent(c @ v, zz, pc, inner, cf @ v, cc),
    )


def _times(matrix: Floats, vectors: Floats) -> Floats:
    """Multiply (q, q, groups) with (q, groups, k), group by group."""
    q = len(matrix)
    return np.stack([sum((matrix[a, b][:, None] * vectors[b] for b in range(1, q)), matrix[a, 0][:, None] * vectors[0]) for a in range(q)])


def _inverse(zz: Floats, g: Floats) -> tuple[Floats, float]:
    """Invert ``I + Z'Z G`` of each group; return also the sum of the log-determinants.

    Two by two is written out: the determinant 1 + tr(AG) + |A||G| is a sum of positive terms.
    """
    m = np.eye(len(g))[:, :, None] + np.einsum("abg,bc->acg", zz, g)
    if len(m) == 1:
        return 1 / m, float(np.log(m[0, 0]).sum())
    if len(m) == 2:
        both = (zz[0, 0] * zz[1, 1] - zz[0, 1] ** 2) * max(g[0, 0] * g[1, 1] - g[0, 1] ** 2, 0.0)
        det = m[0, 0] + m[1, 1] - 1 + np.maximum(both, 0.0)
        return np.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / det, float(np.log(det).sum())
    stacked = np.moveaxis(m, 2, 0)
    return np.moveaxis(np.linalg.inv(stacked), 0, 2), float(np.linalg.slogdet(stacked)[1].sum())


def _positive_inverse(m: Floats) -> tuple[Floats, float]:
    """Invert a positive definite matrix; return also its log-determinant."""
    from scipy.linalg import cho_factor, cho_solve

    root = cho_factor(m, lower=True)
    return np.asarray(cho_solve(root, np.eye(len(m)))), float(2 * np.log(np.diag(root[0])).sum())


def _cross(crossed: Crossed, inverse: Floats, g: Floats, h: Floats, tau: Floats) -> tuple[tuple[Any, ...], Floats, Floats, Floats, float]:
    """Eliminate the groups from the crossed levels, then the crossed levels from the rest."""
    from scipy.sparse import diags_array

    q, zc = len(crossed.zc), crossed.zc

    def scaled(by: Floats, rows: Any) -> Any:
        return (diags_array(by) @ rows).tocsr()

    pc = tuple(sum((scaled(inverse[a, b], zc[b]) for b in range(1, q)), scaled(inverse[a, 0], zc[0])) for a in range(q))
    hc = [sum((g[a, b] * pc[b] for b in range(1, q)), g[a, 0] * pc[0]) for a in range(q)]
    schur = (crossed.cc - sum(zc[a].T @ hc[a] for a in range(q))).toarray()
    scf = crossed.cf - sum(zc[a].T @ h[a] for a in range(q))
    t = tau[crossed.factor]
    inner, logdet = _positive_inverse(np.eye(len(t)) + t[:, None] * (schur + schur.T) / 2 * t)
    return pc, t[:, None] * inner * t, schur, np.asarray(scf), logdet
