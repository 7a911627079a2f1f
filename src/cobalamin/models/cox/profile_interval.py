"""Profile-likelihood confidence limits of any coefficient of a Cox model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.cox.cox_residuals import solution_of
from cobalamin.models.cox.cox_solution import Solved
from cobalamin.models.cox.newton import covariance_of, maximise
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import coefficient_index

Floats = npt.NDArray[np.float64]

# a limit beyond exp(40) standard deviations of the covariate is infinite
_FARTHEST = 40.0
_PRECISION = 1e-9


def profile_interval(fit: Fit, term: str | Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
    """Return confidence limits by profile likelihood.

    Parameters
    ----------
    fit : Fit
        From `cox`, with model-based variance; with Firth's or a ridge penalty the penalised likelihood is profiled.
    term : str or sequence of str, optional
        Names of coefficients; all by default.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``term, estimate, conf_low, conf_high, p_value``, on the log hazard scale; ``p_value`` is that of the likelihood-ratio test of no
        effect. A limit that the likelihood does not bound is infinite; an alias has NaN.

    Raises
    ------
    DataError
        Not a Cox model, an unknown term, a level outside (0, 1), a frailty, or a variance that is not model-based (rows are then not
        independent, and the partial likelihood is not a likelihood).

    Notes
    -----
    The limits are where twice the fall of the maximised log-likelihood reaches the quantile of chi-squared with 1 degree of freedom.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals. J R Stat Soc C 1988;37:87-94.
    doi:10.2307/2347496
    Heinze G, Schemper M. Biometrics 2001;57:114-119. doi:10.1111/j.0006-341X.2001.00114.x

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(12), "x": [1, 3, 2, 2] * 3, "d": 1})
    >>> profile_interval(cox("x", people, exit="t", event="d"), "x").round(2).values.tolist()
    [['x', -0.14, -1.12, 0.83, 0.78]]
    """
    from scipy.special import chdtrc, chdtri

    solved = solution_of(fit)
    if fit.variance != "model" or "frailty" in fit.parts:
        raise DataError("profile limits take rows as independent: fit without cluster, survey, robust variance or frailty.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    names = list(fit.names) if term is None else [term] if isinstance(term, str) else list(term)
    position = np.cumsum(solved.keep) - 1
    rows = []
    for name in names:
        j = coefficient_index(fit, name)
        found = _row(solved, int(position[j]), float(chdtri(1, 1 - level)) / 2) if solved.keep[j] else (np.nan,) * 3
        rows.append((name, fit.coefficients[j], *found))
    table = pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high", "drop"])
    return table.assign(p_value=chdtrc(1, 2 * table.pop("drop").to_numpy()))


def _row(solved: Solved, j: int, half: float) -> tuple[float, float, float]:
    """Return both limits on the scale of the data, and the fall of the log-likelihood at no effect."""
    top = solved.objective(solved.b)
    profile, scale = _profiler(solved, j), float(solved.likelihood.scale[j])
    spread = float(np.sqrt(covariance_of(top.information)[j, j]))
    low, high = (_limit(profile, float(solved.b[j]), side * min(spread, 2.0), top.loglik - half) for side in (-1, 1))
    if solved.infinite[j]:
        low, high = (low, np.inf) if solved.b[j] > 0 else (-np.inf, high)
    return low / scale, high / scale, max(top.loglik - profile(0.0), 0.0)


def _profiler(solved: Solved, j: int) -> Callable[[float], float]:
    """Return the log-likelihood maximised over the other coefficients; each maximum starts from the one before."""
    others = np.arange(len(solved.b)) != j
    start = solved.b[others]

    def profile(value: float) -> float:
        nonlocal start

        def restricted(rest: Floats) -> Evaluation:
            full = np.full(len(solved.b), value)
            full[others] = rest
            whole = solved.objective(full)
            return Evaluation(whole.loglik, whole.score[others], whole.information[np.ix_(others, others)])

        first = restricted(start)
        if not np.isfinite(first.loglik):
            start = np.zeros(int(others.sum()))
            first = restricted(start)
        found = maximise(restricted, start, first)
        start = found.b
        return found.value.loglik

    return profile


def _limit(profile: Callable[[float], float], at: float, step: float, target: float) -> float:
    """Find where the profile crosses the target, from the estimate outwards."""
    from scipy.optimize import brentq

    inside, outside = at, at + 1.5 * step
    while profile(outside) > target:
        if abs(outside) > _FARTHEST:
            return float(np.sign(step)) * np.inf
        inside, outside = outside, at + 2 * (outside - at)
    return float(brentq(lambda value: profile(value) - target, inside, outside, xtol=_PRECISION))
