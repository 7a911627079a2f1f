"""Confidence limits of generalized linear models by profile likelihood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import coefficient_index
from cobalamin.models.regression.fitting import Refit
from cobalamin.models.regression.newton import climb
from cobalamin.models.regression.rates import joint_maximum
from cobalamin.models.regression.separation import orthogonal_to
from cobalamin.models.regression.solution import Rows, Solution, maximum

Floats = npt.NDArray[np.float64]
Profile = Callable[[float], float]
FARTHEST = 1e4  # standard errors from the estimate at which a limit is taken as infinite
PRECISION = 1e-8  # of a limit, in standard errors


def glm_profile_interval(fit: Fit, term: str | Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
    """Return confidence limits by profile likelihood.

    Parameters
    ----------
    fit : Fit
        From `logistic`, `poisson`, `negative_binomial` or `linear`, with model-based variance; with Firth's penalty the penalised
        likelihood is profiled.
    term : str or sequence of str, optional
        Names of coefficients; all by default.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``term, estimate, conf_low, conf_high, p_value``, on the scale of the coefficient; ``p_value`` is that of the likelihood-ratio
        test of no effect. An infinite coefficient has one finite limit; an alias has NaN.

    Raises
    ------
    DataError
        A model of another kind, an unknown term, a level outside (0, 1), or a variance that is not model-based (rows are then not
        independent people, and the likelihood is not one).

    Notes
    -----
    The limits are where twice the fall of the maximised log-likelihood reaches the quantile of chi-squared with 1 degree of freedom
    (R ``confint.glm``). Of a negative binomial model theta is maximised anew at every value. Of a linear model the limits are those
    of t, which are exact.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals. J R Stat Soc C 1988;37:87-94.
    doi:10.2307/2347496

    Examples
    --------
    >>> from cobalamin.models.regression.regression import logistic
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> glm_profile_interval(logistic("ill ~ exposed", people), "exposed").round(3).values.tolist()
    [['exposed', 1.792, 0.925, 2.725, 0.0]]
    """
    refit = _checked(fit, level)
    names = list(fit.names) if term is None else [term] if isinstance(term, str) else list(term)
    where = [coefficient_index(fit, name) for name in names]
    if fit.family.name == "linear":
        table = fit.tidy(level=level).iloc[where].reset_index(drop=True)
        return table[["term", "estimate", "conf_low", "conf_high", "p_value"]]
    found = refit.maximum(level)
    joint = "theta" in fit.facts and np.isfinite(fit.facts["theta"])
    rows = [
        (name, fit.coefficients[j], *_limits(refit, found, j, level, fit.loglik if joint else None))
        for name, j in zip(names, where, strict=True)
    ]
    return pd.DataFrame(rows, columns=["term", "estimate", "conf_low", "conf_high", "p_value"])


def _checked(fit: Fit, level: float) -> Refit:
    refit = fit.parts.get("refit")
    if not isinstance(refit, Refit):
        raise DataError(f"profile limits: a {fit.family.title} fit has none here.")
    if fit.variance != "model":
        raise DataError("profile limits take rows as independent people: fit without cluster, survey or robust variance.")
    if refit.likelihood.bounded:
        raise DataError(f"profile limits: the likelihood of {fit.family.title} ends at a border; take the limits of tidy().")
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    return refit


def _limits(refit: Refit, found: Solution, j: int, level: float, joint: float | None) -> tuple[float, float, float]:
    """Return both limits and the p-value of the likelihood-ratio test."""
    from scipy.special import chdtrc, chdtri

    if found.aliases[j] or np.isnan(found.coefficients[j]):
        return np.nan, np.nan, np.nan
    if found.separated[j]:
        low, high = found.limits.get(j, (np.nan, np.nan))
        return low, high, float(chdtrc(1, 2 * max(found.loglik - _without(refit, j), 0.0)))
    profile, top = (_slice(found, j), found.loglik) if joint is None else (_joint(refit, j), joint)
    spread = float(np.sqrt(found.covariance(found.bread)[j, j]))
    target = top - float(chdtri(1, 1 - level)) / 2
    low, high = (_crossing(profile, float(found.coefficients[j]), side * spread, target) for side in (-1, 1))
    return low, high, float(chdtrc(1, 2 * max(top - profile(0.0), 0.0)))


def _without(refit: Refit, j: int) -> float:
    rows = refit.rows
    kept = [k for k in range(rows.x.shape[1]) if k != j]
    return maximum(replace(rows, x=rows.x[:, kept], names=[rows.names[k] for k in kept]), refit.likelihood, profile=False).loglik


def _slice(found: Solution, j: int) -> Profile:
    """Return the log-likelihood maximised over the other coefficients; each climb starts on the tangent of the one before."""
    if found.separated.any() and len(found.objective.y) == found.counted.sum():
        return _overlap(found, j)
    report = found.back[j]
    basis, tangent = orthogonal_to(report), found.bread @ report / (report @ found.bread @ report)
    near = found.beta

    def profile(value: float) -> float:
        nonlocal near
        best = climb(found.objective, near + (value - float(report @ near)) * tangent, basis=basis, limit=200)
        near = best.beta
        return best.loglik

    return profile


def _overlap(found: Solution, j: int) -> Profile:
    """Return the same where other coefficients are infinite: rows that these tell exactly say nothing more."""
    seen, inner = np.isfinite(found.eta[found.counted]), found.objective
    x = found.z[found.counted][seen]
    offset = None if inner.offset is None else inner.offset[seen]
    part = replace(found, objective=replace(inner, x=x, y=inner.y[seen], weight=inner.weight[seen], offset=offset))
    return _slice(part, j)


def _joint(refit: Refit, j: int) -> Profile:
    """Return the log-likelihood of counts maximised over the other coefficients and theta."""
    rows = refit.rows
    kept = [k for k in range(rows.x.shape[1]) if k != j]
    base = np.zeros(len(rows.y)) if rows.offset is None else rows.offset

    def profile(value: float) -> float:
        held = Rows(rows.x[:, kept], rows.y, rows.weight, base + value * rows.x[:, j], [rows.names[k] for k in kept])
        best, _ = joint_maximum(held)
        return best.loglik + float(best.objective.weight @ best.objective.likelihood.constant(best.objective.y))

    return profile


def _crossing(profile: Profile, at: float, step: float, target: float) -> float:
    """Find where the profile crosses the target, from the estimate outwards."""
    from scipy.optimize import brentq

    inside, outside = at, at + 1.5 * step
    while profile(outside) > target:
        if abs(outside - at) > FARTHEST * abs(step):
            return float(np.sign(step)) * np.inf
        inside, outside = outside, at + 2 * (outside - at)
    return float(brentq(lambda value: profile(value) - target, inside, outside, xtol=PRECISION * abs(step), rtol=1e-12))
