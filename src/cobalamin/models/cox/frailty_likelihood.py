"""Gamma frailties of a Cox model: the penalised likelihood of known frailty variance, and the marginal one that tells the variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, gammaln

from cobalamin.models.cox.cox_residuals import martingale_residuals, schoenfeld_residuals
from cobalamin.models.cox.cox_scores import score_residuals
from cobalamin.models.cox.hazard import Hazard
from cobalamin.models.cox.newton import covariance_of
from cobalamin.models.cox.partial_likelihood import PartialLikelihood
from cobalamin.models.cox.sweeps import one_blas_thread

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MAX_STEPS = 1000
# length of the last step in standard errors
_SMALL = 1e-9


@dataclass(frozen=True, eq=False)
class FrailtyProblem:
    """A Cox model whose rows share frailties within clusters.

    Attributes
    ----------
    likelihood : PartialLikelihood
        Without frailties.
    codes : ndarray of int, shape (n,)
        Cluster of each row.
    count : int
        Number of clusters.
    known : ndarray, shape (n,)
        Offset that the model has besides the frailties.
    events : ndarray, shape (count,)
        Weighted events of each cluster.
    weight : ndarray, shape (n,)
        Case weights.
    """

    likelihood: PartialLikelihood
    codes: Ints
    count: int
    known: Floats
    events: Floats
    weight: Floats

    def with_frailty(self, log_frailty: Floats) -> PartialLikelihood:
        """Return the likelihood in which the frailties are known.

        Parameters
        ----------
        log_frailty : ndarray, shape (count,)
            Logarithm of each cluster's frailty.

        Returns
        -------
        PartialLikelihood
            Frailties as offsets.
        """
        return self.likelihood.with_offset(self.known + log_frailty[self.codes])

    def sums(self, rows: Floats) -> Floats:
        """Sum rows, times their case weights, by cluster.

        Parameters
        ----------
        rows : ndarray, shape (n,) or (n, p)
            Values.

        Returns
        -------
        ndarray, shape (count,) or (count, p)
            Sums.
        """
        if rows.ndim == 1:
            return np.asarray(np.bincount(self.codes, rows * self.weight, minlength=self.count), dtype=np.float64)
        columns = [self.sums(rows[:, j]) for j in range(rows.shape[1])]
        return np.column_stack(columns) if columns else np.zeros((self.count, 0))


@dataclass(frozen=True, eq=False)
class FrailtySolution:
    """The maximum of the penalised likelihood at one frailty variance.

    Attributes
    ----------
    theta : float
        Variance of the frailties.
    b : ndarray, shape (p,)
        Coefficients of the standardised covariates.
    log_frailty : ndarray, shape (count,)
        Logarithms of the frailties, whose mean is 1.
    loglik : float
        Log partial likelihood with the frailties as offsets.
    marginal : float
        Log-likelihood with the frailties integrated out.
    covariance : ndarray, shape (p, p)
        Of ``b``.
    effective_df : float
        Degrees of freedom that coefficients and frailties use.
    steps : int
        Steps taken.
    converged : bool
        Whether the maximum was reached.
    """

    theta: float
    b: Floats
    log_frailty: Floats
    loglik: float
    marginal: float
    covariance: Floats
    effective_df: float
    steps: int
    converged: bool


def solve_frailty(problem: FrailtyProblem, theta: float, b: Floats, log_frailty: Floats) -> FrailtySolution:
    """Maximise the partial likelihood penalised for gamma frailties.

    Parameters
    ----------
    problem : FrailtyProblem
        The data.
    theta : float
        Variance of the frailties, above 0.
    b : ndarray, shape (p,)
        Where to begin.
    log_frailty : ndarray, shape (count,)
        Where to begin.

    Returns
    -------
    FrailtySolution
        The maximum.

    Notes
    -----
    The penalty is ``sum (w - exp(w)) / theta`` over log frailties w; its maximum is the solution of the EM algorithm. The steps, and
    the variance, treat the second derivative in w as diagonal (sparse), as R does for more than five clusters.

    References
    ----------
    Therneau TM, Grambsch PM, Pankratz VS. Penalized survival models and frailty. J Comput Graph Stat 2003;12:156-175.
    doi:10.1198/1061860031365
    """
    nu, steps, converged = 1 / theta, 0, False
    state = _derivatives(problem, nu, b, log_frailty)
    while steps < _MAX_STEPS and not converged:
        move_b, move_w = state.step()
        converged = state.length(move_b, move_w) < _SMALL
        scale, steps = min(1.0, 2.0 / max(np.abs(move_w).max(initial=0.0), np.abs(move_b).max(initial=0.0), 1e-300)), steps + 1
        for _ in range(30):
            w = log_frailty + scale * move_w
            w = w - np.log(np.exp(w).mean())
            trial = _derivatives(problem, nu, b + scale * move_b, w)
            if trial.penalised >= state.penalised - 1e-10 * abs(state.penalised):
                break
            scale /= 2
        b, log_frailty, state = b + scale * move_b, w, trial
    return FrailtySolution(
        theta=theta,
        b=b,
        log_frailty=log_frailty,
        loglik=state.loglik,
        marginal=state.loglik + nu * float(log_frailty.sum()) + _correction(problem.events, nu),
        covariance=state.schur,
        effective_df=state.effective_df(),
        steps=steps,
        converged=converged,
    )


@dataclass(frozen=True, eq=False)
class _State:
    """Value, gradient and the bordered diagonal second derivative at one point."""

    loglik: float
    penalised: float
    score: Floats
    pull: Floats  # gradient in the log frailties
    diagonal: Floats
    border: Floats
    penalty: Floats
    schur: Floats

    def step(self) -> tuple[Floats, Floats]:
        move = self.schur @ (self.score - self.border.T @ (self.pull / self.diagonal))
        return move, (self.pull - self.border @ move) / self.diagonal

    def length(self, move_b: Floats, move_w: Floats) -> float:
        gain = float(self.score @ move_b + self.pull @ move_w)
        return float(np.sqrt(max(gain, 0.0)))

    def effective_df(self) -> float:
        spread = self.border / self.diagonal[:, None]
        variance = 1 / self.diagonal + np.einsum("ij,jk,ik->i", spread, self.schur, spread)
        return len(self.score) + len(self.pull) - float(self.penalty @ variance)


def _derivatives(problem: FrailtyProblem, nu: float, b: Floats, w: Floats) -> _State:
    model = problem.with_frailty(w)
    value = model.evaluate(b)
    frailty = np.exp(w)
    excess = problem.sums(martingale_residuals(model, b))
    compensator = score_residuals(model, b)
    compensator[model.sets.death_rows] -= schoenfeld_residuals(model, b)
    border = -problem.sums(compensator) / model.scale
    diagonal = problem.events - excess - _squares(problem, model, b) + nu * frailty
    schur = covariance_of(value.information - border.T @ (border / diagonal[:, None]))
    penalised = value.loglik + nu * float((w - frailty).sum())
    return _State(value.loglik, penalised, value.score, excess - nu * (frailty - 1), diagonal, border, nu * frailty, schur)


def _squares(problem: FrailtyProblem, model: PartialLikelihood, b: Floats) -> Floats:
    """Sum over deaths the squared share of each cluster in the risk set."""
    with one_blas_thread():
        sums, risk = model.sums(b)
        hazard = model.hazard(sums)
    sets = model.sets
    risk = risk[sets.rows]
    begin = sets.starts[np.searchsorted(sets.starts, sets.exit_bin, side="right") - 1]
    first = begin if sets.entry_bin is None else np.maximum(sets.entry_bin + 1, begin)
    own, size = problem.codes[sets.rows], len(sets.times) + 1
    keys = np.concatenate([own * size + first, own * size + sets.exit_bin + 1])
    order = np.argsort(keys, kind="stable")
    keys, change = keys[order], np.concatenate([risk, -risk])[order]
    share = np.cumsum(change)
    held = np.append(0.0, np.cumsum(hazard.a2))
    mass = share[:-1] ** 2 * (held[keys[1:] % size] - held[keys[:-1] % size])
    # where the next change belongs to another cluster, the cluster has emptied
    same = keys[1:] // size == keys[:-1] // size
    squares = np.bincount(keys[:-1][same] // size, mass[same], minlength=problem.count)
    return squares - _spared(problem, model, hazard, model.dead_risk(b, sums.shift) * model.w_dead, keys, share)


def _spared(problem: FrailtyProblem, model: PartialLikelihood, hazard: Hazard, risk: Floats, keys: Ints, share: Floats) -> Floats:
    """What Efron's method takes from the squares where tied deaths leave one by one."""
    if not model.has_ties:
        return np.zeros(problem.count)
    sets, size = model.sets, len(model.sets.times) + 1
    at = problem.codes[sets.death_rows] * size + sets.death_bin
    cells, inverse = np.unique(at, return_inverse=True)
    dead, bins = np.bincount(inverse, risk), cells % size
    present = share[np.searchsorted(keys, cells, side="right") - 1]
    spared = 2 * hazard.b2[bins] * present * dead - hazard.c2[bins] * dead**2
    return np.asarray(np.bincount(cells // size, spared, minlength=problem.count), dtype=np.float64)


def _correction(events: Floats, nu: float) -> float:
    """What turns the partial likelihood at the maximum into the marginal one; 0 as the variance goes to 0."""
    d = events[events > 0]
    rising = gammaln(d) - betaln(nu, d) - d * np.log(nu + d)
    return float((rising + nu * np.log(nu / (nu + d)) + d).sum())
