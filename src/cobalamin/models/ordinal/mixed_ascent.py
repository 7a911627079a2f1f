"""The climb to the maximum of a likelihood by quadrature, whose centres move with the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.newton import Evaluate
from cobalamin.models.cox.partial_likelihood import Evaluation

Floats = npt.NDArray[np.float64]
MOST_STEPS = 100
_NEAR, _THERE = 1e-3, 1e-14  # squared length of a step in standard errors: close to the maximum, and at it
_MOST_STEP, _FLOOR = 3.0, 1e-10
_MOST_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where the climb ended.

    Attributes
    ----------
    b : ndarray, shape (k,)
        Parameters.
    value : Evaluation
        The likelihood there.
    step : ndarray, shape (k,)
        The last step.
    iterations : int
        Steps taken.
    converged : bool
        Whether the score is 0 and the information positive definite.
    """

    b: Floats
    value: Evaluation
    step: Floats
    iterations: int
    converged: bool


def ascend(evaluate: Evaluate, start: Floats) -> Ascent:
    """Climb to where the score is 0.

    Parameters
    ----------
    evaluate : callable
        Parameters -> `Evaluation`; the score is that of the quadrature with its centres held where they are.
    start : ndarray, shape (k,)
        Where to begin.

    Returns
    -------
    Ascent
        The maximum, or the place reached.

    Notes
    -----
    Far from the maximum steps are halved until the likelihood rises. Close to it they are taken whole: moving the centres changes the
    quadrature's error, and with few points that may be more than the last steps gain.

    Examples
    --------
    >>> parabola = lambda b: Evaluation(-float((b - 2) @ (b - 2)), -2 * (b - 2), 2 * np.eye(1))
    >>> ascend(parabola, np.zeros(1)).b.tolist()
    [2.0]
    """
    b, value = start, evaluate(start)
    step = np.zeros(len(b))
    for iteration in range(MOST_STEPS):
        step, definite = _uphill(value)
        length = float(value.score @ step)
        if definite and length <= _THERE:
            return Ascent(b, value, step, iteration, True)
        moved = _advance(evaluate, b, value, step, whole=definite and length <= _NEAR)
        if moved is None:
            break
        b, value = moved
    return Ascent(b, value, step, MOST_STEPS, False)


def _uphill(value: Evaluation) -> tuple[Floats, bool]:
    """Return a step uphill, and whether the information is positive definite."""
    size = np.sqrt(np.maximum(np.abs(np.diag(value.information)), np.finfo(np.float64).tiny))
    roots, axes = np.linalg.eigh(value.information / np.outer(size, size))
    curvature = np.maximum(np.abs(roots), _FLOOR * np.abs(roots).max())
    step = axes @ ((axes.T @ (value.score / size)) / curvature) / size
    largest = float(np.abs(step).max())
    return (step * (_MOST_STEP / largest) if largest > _MOST_STEP else step), bool(roots.min() > 0)


def _advance(evaluate: Evaluate, b: Floats, value: Evaluation, step: Floats, *, whole: bool) -> tuple[Floats, Evaluation] | None:
    slack = np.inf if whole else 1e-10 * (abs(value.loglik) + 1)
    for _ in range(_MOST_HALVINGS):
        trial = evaluate(b + step)
        if np.isfinite(trial.loglik) and trial.loglik >= value.loglik - slack:
            return b + step, trial
        step = step / 2
    return None
