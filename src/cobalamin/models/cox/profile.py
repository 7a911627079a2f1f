"""Profile likelihood limits of a coefficient whose estimate is infinite: one of its two limits is still finite."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cobalamin.models.cox.newton import Evaluate, maximise
from cobalamin.models.cox.partial_likelihood import Evaluation

Floats = npt.NDArray[np.float64]

# half the 95% point of chi-squared with 1 degree of freedom
_HALF_CHI2 = 1.920729410347062
_DOUBLINGS = 12
_BISECTIONS = 45


def finite_limit(evaluate: Evaluate, b: Floats, j: int, supremum: float) -> float:
    """Return the finite 95% profile-likelihood limit of a coefficient that runs to infinity.

    Parameters
    ----------
    evaluate : callable
        Coefficients -> `Evaluation`.
    b : ndarray, shape (p,)
        Where Newton's method gave up; the sign of ``b[j]`` tells the direction.
    j : int
        The coefficient.
    supremum : float
        The log-likelihood there.

    Returns
    -------
    float
        The limit on the side towards zero; NaN where the likelihood never falls far enough.

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of monotone likelihood in Cox regression. Biometrics 2001;57:114-119.
    doi:10.1111/j.0006-341X.2001.00114.x
    """
    target = supremum - _HALF_CHI2
    inside, outside = float(b[j]), _below(evaluate, b, j, target)
    if np.isnan(outside):
        return np.nan
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        if _profile(evaluate, b, j, middle) >= target:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


def _below(evaluate: Evaluate, b: Floats, j: int, target: float) -> float:
    """Walk against the direction of the coefficient until the profile is below the target."""
    direction = np.sign(b[j]) or 1.0
    reach = 0.0
    for k in range(_DOUBLINGS):
        if _profile(evaluate, b, j, -direction * reach) < target:
            return float(-direction * reach)
        reach = 2.0**k
    return np.nan


def _profile(evaluate: Evaluate, b: Floats, j: int, value: float) -> float:
    """Maximise over the other coefficients with one held fixed."""
    others = np.arange(len(b)) != j

    def restricted(rest: Floats) -> Evaluation:
        full = np.full(len(b), value)
        full[others] = rest
        whole = evaluate(full)
        return Evaluation(whole.loglik, whole.score[others], whole.information[np.ix_(others, others)])

    start = np.zeros(int(others.sum()))
    first = restricted(start)
    if not np.isfinite(first.loglik):
        return -np.inf
    return maximise(restricted, start, first).value.loglik
