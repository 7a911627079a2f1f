"""Newton's method for cumulative link models, and the likelihood that is left when parameters run to infinity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.likelihood.climb import climb as climb_anywhere
from cobalamin.models.ordinal.cumulative import CumulativeRows, Value
from cobalamin.models.ordinal.links import LOG_CONCAVE, between, quantile
from cobalamin.models.regression.algebra import independent_columns, solve
from cobalamin.models.regression.separation import Separation, separate

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
SETTLED = 1e-6  # largest change of a linear predictor in the last step; the error left is of its square
MOST_STEPS = 60
_FIRST_LOOK = 10  # steps after which separation is looked for
_MOST_STACKED = 100_000_000  # numbers in the stacked matrix that separation is proved from


@dataclass(frozen=True, eq=False)
class Climbed:
    """Where Newton's method came to.

    Attributes
    ----------
    parameters : ndarray, shape (k,)
        Cut-points, then coefficients.
    value : Value
        The likelihood there.
    step : ndarray, shape (k,)
        The last step, as long as Newton's method wanted it.
    converged : bool
        Whether the linear predictors stood still.
    iterations : int
        Steps taken.
    separation : Separation or None
        Why there is no maximum.
    """

    parameters: Floats
    value: Value
    step: Floats
    converged: bool
    iterations: int
    separation: Separation | None = None


def start_of(rows: CumulativeRows) -> Floats:
    """Return the maximum of the model without covariates.

    Parameters
    ----------
    rows : CumulativeRows
        The rows.

    Returns
    -------
    ndarray, shape (k,)
        Cut-points at the cumulative shares, coefficients 0.
    """
    share = np.bincount(rows.code, weights=rows.weight, minlength=rows.cuts + 1)
    start = np.zeros(rows.n_cut_parameters + rows.x.shape[1])
    start[: rows.n_cut_parameters : rows.z.shape[1]] = quantile(rows.link, np.cumsum(share)[:-1] / share.sum())
    return start


def maximize_rows(rows: CumulativeRows, back: Floats, start: Floats | None = None) -> Climbed:
    """Climb to the maximum, or prove that there is none.

    Parameters
    ----------
    rows : CumulativeRows
        The rows.
    back : ndarray, shape (r, k)
        From parameters to the coefficients that are reported.
    start : ndarray, shape (k,), optional
        Where to begin; the model without covariates by default.

    Returns
    -------
    Climbed
        The maximum or the place reached.

    Notes
    -----
    The log-likelihood is concave in cut-points and coefficients together for every log-concave density (Pratt 1981), and runs to minus
    infinity where cut-points meet: Newton steps, halved until they gain, keep the cut-points in order. The Cauchy distribution is not
    log-concave; its steps come from the eigenvalues of the information.

    References
    ----------
    Pratt JW. Concavity of the log likelihood. JASA 1981;76:103-106. doi:10.1080/01621459.1981.10477613
    """
    place = start_of(rows) if start is None else start
    if rows.link not in LOG_CONCAVE:
        return _climb_uneven(rows, place)
    found = _newton(rows, place, _FIRST_LOOK)
    steps = found.iterations
    while not found.converged and steps < MOST_STEPS:
        proof = _separation(rows, found.step, back)
        if proof is not None:
            return Climbed(found.parameters, found.value, found.step, False, steps, proof)
        found = _newton(rows, found.parameters, 3)
        steps += max(found.iterations, 1)
    return Climbed(found.parameters, found.value, found.step, found.converged, steps)


def _newton(rows: CumulativeRows, start: Floats, limit: int) -> Climbed:
    parameters, value = start, rows.evaluate(start)
    assert value is not None, "the start has ordered cut-points"
    step, done, taken = np.zeros(len(start)), False, 0
    while taken < limit and not done:
        step = value.information.newton(value.score)
        done = _largest_move(rows, step) < SETTLED
        moved = _advance(rows, parameters, value, step)
        if moved is None:
            break
        parameters, value = moved
        taken += 1
    return Climbed(parameters, value, step, done, taken)


def _largest_move(rows: CumulativeRows, step: Floats) -> float:
    """Return a bound of the largest change of a linear predictor."""
    m, size = rows.z.shape[1], rows.n_cut_parameters
    reach_x = np.abs(rows.x).max(axis=0, initial=0.0) if rows.x.size else np.zeros(0)
    cuts = np.abs(step[:size]).reshape(-1, m) @ np.abs(rows.z).max(axis=0)
    return float(cuts.max() + reach_x @ np.abs(step[size:]))


def _advance(rows: CumulativeRows, parameters: Floats, value: Value, step: Floats) -> tuple[Floats, Value] | None:
    slack = 1e-12 * (abs(value.loglik) + 1)
    share = 1.0
    for _ in range(50):
        trial = rows.evaluate(parameters + share * step)
        if trial is not None and trial.loglik >= value.loglik - slack:
            return parameters + share * step, trial
        share /= 2
    return None


def dense_evaluation(rows: CumulativeRows, parameters: Floats) -> Evaluation:
    """Return the likelihood with its whole information matrix; minus infinity where bounds cross.

    Parameters
    ----------
    rows : CumulativeRows
        The rows.
    parameters : ndarray, shape (k,)
        The place.

    Returns
    -------
    Evaluation
        For climbers that ask nothing of a likelihood but its derivatives.
    """
    value = rows.evaluate(parameters)
    if value is None:
        return Evaluation(-np.inf, np.zeros(len(parameters)), np.eye(len(parameters)))
    return Evaluation(value.loglik, value.score, value.information.dense())


def _climb_uneven(rows: CumulativeRows, start: Floats) -> Climbed:
    found = climb_anywhere(lambda place: dense_evaluation(rows, place), start)
    value = rows.evaluate(found.b)
    assert value is not None, "a climber ends where the likelihood exists"
    return Climbed(found.b, value, found.step, found.converged, found.iterations)


def _separation(rows: CumulativeRows, step: Floats, back: Floats) -> Separation | None:
    if 2 * len(rows.code) * len(step) > _MOST_STACKED:
        return None
    x, y, _ = rows.stacked()
    return separate(x, 2 * y - 1, np.zeros(len(y), dtype=np.bool_), step, back)


@dataclass(frozen=True, eq=False)
class Remainder:
    """What the likelihood still says when the infinite parameters have done their work.

    Attributes
    ----------
    used : ndarray of bool, shape (k,)
        Parameters that the remaining bounds identify; the others are held at 0.
    parameters : ndarray, shape (u,)
        Their values at the maximum.
    information : ndarray, shape (u, u)
        Minus the second derivative there.
    scores : ndarray, shape (n, u)
        Weighted score of each row.
    loglik : float
        Supremum of the log-likelihood.
    converged : bool
        Whether the maximum was reached.
    """

    used: Bools
    parameters: Floats
    information: Floats
    scores: Floats
    loglik: float
    converged: bool


@dataclass(frozen=True, eq=False)
class _OpenRows:
    """Rows whose bounds are any linear functions of the parameters, some of them infinite."""

    upper: Floats
    lower: Floats
    open_above: Bools
    open_below: Bools
    weight: Floats
    link: str

    def evaluate(self, parameters: Floats) -> tuple[Evaluation, Floats]:
        high = np.where(self.open_above, np.inf, self.upper @ parameters)
        low = np.where(self.open_below, -np.inf, self.lower @ parameters)
        k = len(parameters)
        if not (high > low).all():
            return Evaluation(-np.inf, np.zeros(k), np.eye(k)), np.zeros((0, k))
        rows, w = between(self.link, high, low), self.weight
        scores = (w * rows.upper)[:, None] * self.upper + (w * rows.lower)[:, None] * self.lower
        mixed = self.upper.T @ ((w * rows.mixed)[:, None] * self.lower)
        second = self.upper.T @ ((w * rows.upper2)[:, None] * self.upper) + self.lower.T @ ((w * rows.lower2)[:, None] * self.lower)
        return Evaluation(float(w @ rows.logp), scores.sum(axis=0), -(second + mixed + mixed.T)), scores


def in_the_limit(rows: CumulativeRows, climbed: Climbed) -> Remainder:
    """Fit what overlaps: each bound that separation moves to infinity is taken there.

    Parameters
    ----------
    rows : CumulativeRows
        The rows.
    climbed : Climbed
        With its separation.

    Returns
    -------
    Remainder
        The finite part of the solution.
    """
    assert climbed.separation is not None, "only separated outcomes have a limit"
    x, y, home = rows.stacked()
    overlap = climbed.separation.overlap
    used = independent_columns(x[overlap]) if overlap.any() else np.zeros(x.shape[1], dtype=np.bool_)
    n, k = len(rows.code), int(used.sum())
    sides: list[tuple[Floats, Bools]] = []
    for side in (1, 0):
        chosen = overlap & (y == side)
        full, is_open = np.zeros((n, k)), np.ones(n, dtype=np.bool_)
        full[home[chosen]], is_open[home[chosen]] = x[chosen][:, used], False
        sides.append((full, is_open))
    kept = _OpenRows(sides[0][0], sides[1][0], sides[0][1], sides[1][1], rows.weight, rows.link)
    start = _feasible(climbed.parameters, x[overlap], used)
    found = climb_anywhere(lambda place: kept.evaluate(place)[0], start) if k else None
    place = start if found is None else found.b
    value, scores = kept.evaluate(place)
    return Remainder(used, place, value.information, scores, value.loglik, found is None or found.converged)


def _feasible(parameters: Floats, overlap: Floats, used: Bools) -> Floats:
    """Return values of the used parameters that give the overlapping bounds the places they have now."""
    if not used.any():
        return np.zeros(0)
    inner = overlap[:, used]
    return np.asarray(solve(inner.T @ inner, inner.T @ (overlap @ parameters)))
