"""Average marginal effects of an ordinal model: how much the probability of each category changes with a variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import label_of
from cobalamin.models.ordinal.links import log_density, slope_ratio
from cobalamin.models.ordinal.ordinal_parts import OrdinalParts, parts_of
from cobalamin.models.ordinal.ordinal_predict import (
    combination,
    delta_covariance,
    effects_by_threshold,
    gradient,
    predictors,
    tail,
)

Floats = npt.NDArray[np.float64]
Scale = Literal["probability", "cumulative", "mean"]
_NUDGE = 1e-4  # of a standard deviation: the derivative of a column by its variable


def marginal_effects(fit: Fit, term: str, *, what: Scale = "probability", change: float | None = None, level: float = 0.95) -> pd.DataFrame:
    """Average over the people of the fit the effect of one variable on the probabilities of the outcome.

    Parameters
    ----------
    fit : Fit
        From `ordinal`, without infinite coefficients.
    term : str
        A column of the data that the formula uses (``"b12"``, also where the formula has ``log2(b12)`` or ``rcs(b12, 4)``).
    what : {"probability", "cumulative", "mean"}
        Effect on the probability of each category, on the probability of each category or a higher one, or on the mean score.
    change : float, optional
        For a number: everybody's value is raised by this much. Without it the effect is the derivative (per unit, at everybody's
        value). A factor is always set to each level and compared with its reference.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``term, level, reference`` (of a factor), ``category`` (for ``cumulative`` the lowest one counted), ``estimate, std_error,
        statistic, p_value, conf_low, conf_high``. Effects on probabilities are differences (0.05 = 5 percentage points); those on all
        categories sum to 0.

    Raises
    ------
    DataError
        Not an ordinal fit, a variable that the formula does not use, a change of a factor, an infinite coefficient.

    Notes
    -----
    Averages are weighted as the fit was; the covariates count as fixed. Standard errors by the delta method with analytic derivatives
    and the variance of the fit.

    References
    ----------
    Williams R. Using the margins command to estimate and interpret adjusted predictions and marginal effects. Stata J 2012;12:308-331.
    doi:10.1177/1536867X1201200209

    Examples
    --------
    >>> from cobalamin.models.ordinal.ordinal import ordinal
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"x": rng.normal(size=200)})
    >>> people["y"] = np.digitize(people["x"] + rng.logistic(size=200), [-1, 1])
    >>> effects = marginal_effects(ordinal("y ~ x", people), "x")
    >>> effects["category"].tolist(), abs(round(float(effects["estimate"].sum()), 9))
    (['0', '1', '2'], 0.0)
    """
    parts = parts_of(fit)
    _check(fit, parts, term, what, change, level)
    combine, names = combination(parts, what)
    column = parts.rows[term]
    made = []
    known = parts.matrix.coding.categories.get(term)
    if known is not None:
        base = _average(fit, parts, parts.rows.assign(**{term: _set_to(column, known[0])}))
        for value in known[1:]:
            other = _average(fit, parts, parts.rows.assign(**{term: _set_to(column, value)}))
            made.append((label_of(value), label_of(known[0]), other.minus(base)))
    elif change is not None:
        other = _average(fit, parts, parts.rows.assign(**{term: column + change}))
        made.append(("", "", other.minus(_average(fit, parts, parts.rows))))
    else:
        made.append(("", "", _derivative(fit, parts, term)))
    lines = [_lines(fit, effect, combine, names, level).assign(term=term, level=own, reference=base) for own, base, effect in made]
    table = pd.concat(lines, ignore_index=True)
    return table[["term", "level", "reference", *table.columns.drop(["term", "level", "reference"])]]


@dataclass(frozen=True, eq=False)
class _Effect:
    """An average per threshold, and its derivative with respect to the coefficients."""

    value: Floats
    slope: Floats

    def minus(self, other: _Effect) -> _Effect:
        return _Effect(self.value - other.value, self.slope - other.slope)


def _check(fit: Fit, parts: OrdinalParts, term: str, what: str, change: float | None, level: float) -> None:
    names = parts.matrix.formula.variables
    if term not in names:
        raise DataError(f"term: the formula does not use '{term}'.{did_you_mean(term, names)} It uses: {list_names(names)}.")
    if what not in get_args(Scale):
        raise DataError(f"what: got {what!r}; expected one of {', '.join(get_args(Scale))}.")
    if change is not None and term in parts.matrix.coding.categories:
        raise DataError(f"change: '{term}' is a factor; its levels are compared with the reference, leave change= out.")
    if change is not None and not (np.isfinite(change) and change != 0):
        raise DataError(f"change: got {change}; expected a number other than 0.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    if np.isinf(fit.coefficients).any() or parts.solved.separated.any():
        raise DataError("the fit has infinite coefficients: averages of its probabilities have no standard error. Merge sparse levels.")


def _set_to(column: pd.Series[Any], value: Any) -> Any:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Categorical([value] * len(column), categories=column.cat.categories, ordered=column.cat.ordered)
    return np.full(len(column), value, dtype=column.dtype if isinstance(column.dtype, np.dtype) else object)


def _average(fit: Fit, parts: OrdinalParts, people: pd.DataFrame) -> _Effect:
    x = parts.matrix.apply(people)
    predictor = predictors(fit, parts, x)
    share = parts.weight / parts.weight.sum()
    return _Effect(share @ tail(parts.link, predictor), _averaged(parts, x, -_density(parts, predictor), share, len(fit.coefficients)))


def _density(parts: OrdinalParts, predictor: Floats) -> Floats:
    return np.asarray(np.exp(log_density(parts.link, predictor)))


def _averaged(parts: OrdinalParts, x: Floats, slope: Floats, share: Floats, size: int) -> Floats:
    """Average `gradient` of each threshold on its own, shape (c, size)."""
    made = np.empty((slope.shape[1], size))
    for t in range(slope.shape[1]):
        only = np.zeros_like(slope)
        only[:, t] = slope[:, t]
        made[t] = share @ gradient(parts, x, only, size)
    return made


def _derivative(fit: Fit, parts: OrdinalParts, term: str) -> _Effect:
    """Average derivative of the tail probabilities by a variable, whatever functions of it the formula has."""
    column = parts.rows[term].astype(np.float64)
    nudge = _NUDGE * (float(column.std(ddof=0)) or 1.0)
    up, down = (parts.matrix.apply(parts.rows.assign(**{term: column + way})) for way in (nudge, -nudge))
    x, moved = parts.matrix.X, (up - down) / (2 * nudge)
    predictor, share, size = predictors(fit, parts, x), parts.weight / parts.weight.sum(), len(fit.coefficients)
    density = _density(parts, predictor)
    speed = moved @ effects_by_threshold(fit, parts)
    bend = density * slope_ratio(parts.link, predictor) * speed
    # the coefficients act through the predictor, and directly through the speed at which the variable moves it
    direct = _averaged(parts, moved, -density, share, size)
    direct[:, parts.solved.layout.offsets[-1] :] = 0.0
    return _Effect(share @ (density * speed), _averaged(parts, x, bend, share, size) + direct)


def _lines(fit: Fit, effect: _Effect, combine: Floats, names: tuple[str, ...], level: float) -> pd.DataFrame:
    from scipy.special import ndtr, ndtri

    slopes = combine[1:].T @ effect.slope
    value = effect.value @ combine[1:]
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", slopes, delta_covariance(fit), slopes), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = value / error
    width = float(ndtri((1 + level) / 2)) * error
    numbers = {"estimate": value, "std_error": error, "statistic": statistic, "p_value": 2 * ndtr(-np.abs(statistic))}
    return pd.DataFrame({"category": list(names), **numbers, "conf_low": value - width, "conf_high": value + width})
