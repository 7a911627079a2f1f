"""The maximum of a mixed model's likelihood: quasi-Newton, Newton to the last digit, and what lies on the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cobalamin.core.errors import ConvergenceError
from cobalamin.models.repeated.mixed_blocks import Blocks
from cobalamin.models.repeated.mixed_criterion import Criterion, evaluate, unpack

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NEAR_ZERO = 1e-3  # a relative standard deviation this small is tried at 0
SLACK = 1e-7  # of the deviance: nothing that a reader could see
SETTLED = 1e-8  # deviance still to gain when Newton's method may stop
STEP = 1e-4  # of central differences of the gradient
MOST_RESTARTS, MOST_NEWTON = 8, 25


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best relative variance parameters.

    Attributes
    ----------
    theta : ndarray, shape (m,)
        See `unpack`; standard deviations on the boundary are exactly 0.
    free : ndarray of bool, shape (m,)
        Parameters not on the boundary.
    value : Criterion
        The likelihood there.
    deviance : float
        Minus twice the log-likelihood, but for constants of the fixed columns.
    hessian : ndarray, shape (m + 1, m + 1)
        Second derivatives of the deviance in (theta, log sigma); the rows of parameters on the boundary are NaN.
    iterations : int
        Evaluations of the likelihood.
    """

    theta: Floats
    free: Bools
    value: Criterion
    deviance: float
    hessian: Floats
    iterations: int


def deviance(blocks: Blocks, value: Criterion, reml: bool) -> float:
    """Return minus twice the profiled log-likelihood.

    Parameters
    ----------
    blocks : Blocks
        Cross-products.
    value : Criterion
        The likelihood at some theta.
    reml : bool
        Restricted likelihood.

    Returns
    -------
    float
        ``logdet + nu (1 + log(2 pi rss / nu))``.
    """
    nu = blocks.n - blocks.p if reml else blocks.n
    return float(value.logdet + nu * (1 + np.log(2 * np.pi * value.rss / nu)))


def optimum(blocks: Blocks, names: tuple[str, ...], reml: bool) -> Optimum:
    """Maximise the profiled likelihood over the relative variance parameters.

    Parameters
    ----------
    blocks : Blocks
        Cross-products.
    names : tuple of str, length m
        What each parameter is called, for messages.
    reml : bool
        Restricted likelihood.

    Returns
    -------
    Optimum
        The maximum, perhaps on the boundary.

    Raises
    ------
    ConvergenceError
        No maximum found; names the parameter that still moves.

    Notes
    -----
    On the boundary the derivative with respect to a standard deviation is 0 whatever the likelihood does, so a quasi-Newton method may
    rest there by mistake. What counts is the derivative with respect to the variance matrix: where it is negative in a direction
    in which the matrix is singular, the search goes on from a small variance in that direction.
    """
    search = _Search(blocks, reml)
    theta = search.descend(_start(blocks))
    for _ in range(MOST_RESTARTS):
        theta = search.to_boundary(theta)
        inner = search.inward(theta)
        if inner is None:
            theta, hessian, gain = search.newton(theta)
            if search.to_boundary(theta) is theta:
                break
        else:
            theta = search.descend(inner)
    else:
        theta, hessian, gain = search.newton(theta)
    if not gain <= max(SETTLED, 1e-12 * abs(search.last)):
        raise ConvergenceError(_advice(names, theta, hessian))
    value = evaluate(blocks, theta, reml)
    return Optimum(theta, theta_free(theta, blocks.q), value, deviance(blocks, value, reml), hessian, search.count)


def _start(blocks: Blocks) -> Floats:
    q = blocks.q
    return np.append(np.eye(q)[np.tril_indices(q)], np.ones(blocks.n_factors))


def _variances(blocks: Blocks) -> Bools:
    """Which parameters are standard deviations (bounded by 0): the diagonal and the crossed factors."""
    rows, columns = np.tril_indices(blocks.q)
    return np.append(rows == columns, np.ones(blocks.n_factors, dtype=bool))


def theta_free(theta: Floats, q: int) -> Bools:
    """Find the parameters that the likelihood still depends on, to first order or to second.

    Parameters
    ----------
    theta : ndarray, shape (m,)
        Relative variance parameters.
    q : int
        Random covariates.

    Returns
    -------
    ndarray of bool, shape (m,)
        False for standard deviations of 0, and for what stands in a column below such a diagonal.

    Examples
    --------
    >>> theta_free(np.array([0.0, 0.0, 0.5, 0.0]), 2).tolist()
    [False, False, True, False]
    """
    rows, columns = np.tril_indices(q)
    factor, crossed = unpack(theta, q)
    dead = np.diag(factor) == 0
    free = ~dead[columns] | ((rows > columns) & (theta[: len(rows)] != 0))
    return np.append(free, crossed != 0)


class _Search:
    """The steps of the search, and how often the likelihood was evaluated."""

    def __init__(self, blocks: Blocks, reml: bool) -> None:
        self.blocks, self.reml, self.count, self.last = blocks, reml, 0, np.inf
        self.nu = blocks.n - blocks.p if reml else blocks.n
        self.bounded = _variances(blocks)

    def value(self, theta: Floats) -> tuple[float, Floats]:
        self.count += 1
        at = evaluate(self.blocks, theta, self.reml)
        self.last = deviance(self.blocks, at, self.reml)
        return self.last, at.grad_logdet + self.nu * at.grad_rss / at.rss

    def descend(self, theta: Floats) -> Floats:
        from scipy.optimize import minimize

        bounds = [(0.0, None) if bounded else (None, None) for bounded in self.bounded]
        options = {"maxiter": 300, "ftol": 1e-13, "gtol": 1e-6}
        found: Any = minimize(self.value, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=options)  # type: ignore[call-overload]
        return np.asarray(found.x)

    def to_boundary(self, theta: Floats) -> Floats:
        """Put standard deviations that are all but 0 at 0, where the likelihood is as high there."""
        best = self.value(theta)[0]
        for j in np.flatnonzero(self.bounded & (theta != 0) & (np.abs(theta) < NEAR_ZERO * max(1.0, float(np.abs(theta).max())))):
            tried = theta.copy()
            tried[j] = 0.0
            at_zero = self.value(tried)[0]
            if at_zero <= best + SLACK:
                theta, best = tried, at_zero
        return theta

    def inward(self, theta: Floats) -> Floats | None:
        """Return a better place inside, where the boundary is not the maximum; else None."""
        at = evaluate(self.blocks, theta, self.reml)
        factor, tau = unpack(theta, self.blocks.q)
        slope = at.inside_logdet + self.nu * at.inside_rss / at.rss
        cross = at.cross_logdet + self.nu * at.cross_rss / at.rss
        roots, axes = np.linalg.eigh(factor @ factor.T)
        null = axes[:, roots <= 1e-14 * max(1.0, roots.max())]
        best, moved = deviance(self.blocks, at, self.reml) - SLACK, None
        trials = []
        if null.shape[1]:
            steep, directions = np.linalg.eigh(null.T @ slope @ null)
            if steep[0] < 0:
                d = null @ directions[:, 0]
                trials += [(factor @ factor.T + size * np.outer(d, d), tau) for size in (1.0, 1e-1, 1e-2, 1e-4)]
        for k in np.flatnonzero((tau == 0) & (cross < 0)):
            trials += [(factor @ factor.T, np.where(np.arange(len(tau)) == k, size, tau)) for size in (1.0, 0.3, 0.1, 0.01)]
        for g, t in trials:
            tried = np.append(_cholesky(g)[np.tril_indices(self.blocks.q)], t)
            found = self.value(tried)[0]
            if found < best:
                best, moved = found, tried
        return moved

    def newton(self, theta: Floats) -> tuple[Floats, Floats, float]:
        """Take Newton steps in the parameters off the boundary; return also the Hessian and the deviance left to gain."""
        best, slope = self.value(theta)
        for step_number in range(MOST_NEWTON):
            hessian = self.hessian(theta)
            free = theta_free(theta, self.blocks.q)
            step, gain = _newton_step(hessian, slope, free)
            if gain <= 1e-3 * SETTLED or step_number == MOST_NEWTON - 1:
                break
            size = 1.0
            while size > 1e-6:
                tried = theta + size * step
                tried[self.bounded] = np.abs(tried[self.bounded])
                found, new_slope = self.value(tried)
                if found <= best:
                    break
                size /= 4
            else:
                break
            theta, best, slope = tried, found, new_slope
        return theta, hessian, gain

    def hessian(self, theta: Floats) -> Floats:
        """Differentiate the gradient of the deviance in (theta, log sigma), sigma at its best."""
        at = evaluate(self.blocks, theta, self.reml)
        sigma2, m = at.rss / self.nu, len(theta)
        h = np.full((m + 1, m + 1), np.nan)
        h[m, m] = 4 * self.nu
        free = theta_free(theta, self.blocks.q)
        for j in np.flatnonzero(free):
            width = np.zeros(m)
            width[j] = STEP * max(1.0, abs(theta[j])) if not self.bounded[j] else min(STEP * max(1.0, theta[j]), theta[j] / 2)
            up, down = (evaluate(self.blocks, theta + sign * width, self.reml) for sign in (1, -1))
            self.count += 2
            change = (up.grad_logdet - down.grad_logdet) + (up.grad_rss - down.grad_rss) / sigma2
            h[j, :m] = np.where(free, change / (2 * width[j]), np.nan)
            h[j, m] = h[m, j] = -2 * at.grad_rss[j] / sigma2
        h[:m, :m] = (h[:m, :m] + h[:m, :m].T) / 2
        return h


def _newton_step(hessian: Floats, slope: Floats, free: Bools) -> tuple[Floats, float]:
    m, step = len(slope), np.zeros(len(slope))
    if not free.any():
        return step, 0.0
    inside = np.flatnonzero(free)
    profiled = hessian[np.ix_(inside, inside)] - np.outer(hessian[inside, m], hessian[m, inside]) / hessian[m, m]
    roots, axes = np.linalg.eigh(profiled)
    curvature = np.maximum(np.abs(roots), 1e-10 * np.abs(roots).max())
    turned = axes.T @ slope[inside]
    step[inside] = -axes @ (turned / curvature)
    return step, float((turned**2 / curvature).sum() / 2) if roots.min() > -1e-6 * np.abs(roots).max() else np.inf


def _cholesky(g: Floats) -> Floats:
    """Return the lower Cholesky factor of a matrix that may be singular."""
    factor = np.zeros_like(g)
    for j in range(len(g)):
        left = g[j:, j] - factor[j:, :j] @ factor[j, :j]
        if left[0] > 1e-14 * max(1.0, g[j, j]):
            factor[j:, j] = left / np.sqrt(left[0])
    return factor


def _advice(names: tuple[str, ...], theta: Floats, hessian: Floats) -> str:
    m = len(theta)
    flat = np.nan_to_num(np.diag(hessian)[:m], nan=np.inf)
    name = names[int(np.argmin(flat))]
    return (
        f"no maximum of the likelihood found: {name} does not settle. Try fewer random effects (random='1'), look for groups with extreme"
        " values, or for a covariate that is nearly constant within groups."
    )
