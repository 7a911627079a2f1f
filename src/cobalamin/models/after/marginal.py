"""Marginal means with their covariance, and the measures that compare them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
COLUMNS = ["measure", "level", "reference", "estimate", "std_error", "conf_low", "conf_high", "p_value"]


@dataclass(frozen=True, eq=False)
class Marginal:
    """Marginal means: first as observed, then at each level.

    Attributes
    ----------
    kind : {"risk", "rate", "mean"}
        What they are.
    labels : tuple of str
        ``"as observed"`` and the levels.
    value : ndarray, shape (k,)
        The means.
    variance : ndarray, shape (k, k)
        Their covariance.
    n, n_missing : int
        People standardised over, and rows left out.
    """

    kind: str
    labels: tuple[str, ...]
    value: Floats
    variance: Floats
    n: int
    n_missing: int


def limits_of(fit: Fit) -> str:
    """Return what a model's mean is: a risk, a rate or a mean.

    Parameters
    ----------
    fit : Fit
        A generalized linear model.

    Returns
    -------
    {"risk", "rate", "mean"}
        By the name of its measure.

    Examples
    --------
    >>> from cobalamin.models.regression.regression import logistic
    >>> limits_of(logistic("y ~ x", pd.DataFrame({"y": [0, 1, 1, 0] * 9, "x": [1, 1, 2, 2] * 9})))
    'risk'
    """
    if fit.family.measure in ("odds ratio", "risk ratio", "risk difference"):
        return "risk"
    return "rate" if "rate" in fit.family.measure or "ratio" in fit.family.measure else "mean"


def measures(found: Marginal, reference: Any, level: float) -> pd.DataFrame:
    """Compare marginal means.

    Parameters
    ----------
    found : Marginal
        Means as observed and at each level.
    reference : optional
        Label of the level to compare with; the first level by default.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        measure, level, reference, estimate, std_error, conf_low, conf_high, p_value; the standard error of a ratio is that of its
        logarithm.

    Raises
    ------
    DataError
        An unknown reference, or a level outside (0, 1).

    Examples
    --------
    >>> made = Marginal("risk", ("as observed", "0", "1"), np.array([0.15, 0.1, 0.2]), np.eye(3) * 1e-4, 100, 0)
    >>> measures(made, None, 0.95).set_index(["measure", "level"]).loc[("risk difference", "1"), "estimate"].round(3)
    np.float64(0.1)
    """
    if not 0 < level < 1:
        raise DataError(f"level={level}: expected a number between 0 and 1, such as 0.95.")
    labels = list(found.labels[1:])
    base = labels[0] if reference is None else str(reference)
    if base not in labels:
        raise DataError(f"reference: no level '{base}'.{did_you_mean(base, labels)} The levels are: {list_names(labels)}.")
    j = 1 + labels.index(base)
    others = [i for i in range(1, len(found.labels)) if i != j]
    rows = [_own(found, i, level) for i in range(len(found.labels))]
    rows += [_difference(found, i, j, level) for i in others]
    rows += [_ratio(found, i, j, level) for i in others]
    if found.kind == "risk":
        rows += [_needed(found, i, j, level) for i in others]
    if found.kind != "mean":
        rows.append(_attributable(found, j, level))
    return pd.DataFrame(rows)[COLUMNS]


def _z(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _p(value: float, error: float) -> float:
    from scipy.special import ndtr

    return float(2 * ndtr(-abs(value / error))) if error > 0 else np.nan


def _own(found: Marginal, i: int, level: float) -> dict[str, Any]:
    value, error = float(found.value[i]), float(np.sqrt(max(found.variance[i, i], 0.0)))
    low, high = _scaled(found.kind, value, error, _z(level))
    return _row(found.kind, found.labels[i], "", value, error, low, high, np.nan)


def _scaled(kind: str, value: float, error: float, z: float) -> tuple[float, float]:
    """Return limits on the scale on which the kind of mean has no edge."""
    if kind == "mean" or (kind == "rate" and value <= 0) or (kind == "risk" and not 0 < value < 1):
        return value - z * error, value + z * error
    if kind == "rate":
        reach = np.exp(z * error / value)
        return float(value / reach), float(value * reach)
    logit, reach = np.log(value / (1 - value)), z * error / (value * (1 - value))
    low, high = 1 / (1 + np.exp(-(logit + reach * np.array([-1.0, 1.0]))))
    return float(low), float(high)


def _difference(found: Marginal, i: int, j: int, level: float) -> dict[str, Any]:
    value, error = _gap(found, i, j)
    z = _z(level)
    return _row(
        f"{found.kind} difference", found.labels[i], found.labels[j], value, error, value - z * error, value + z * error, _p(value, error)
    )


def _gap(found: Marginal, i: int, j: int) -> tuple[float, float]:
    v = found.variance
    return float(found.value[i] - found.value[j]), float(np.sqrt(max(v[i, i] + v[j, j] - 2 * v[i, j], 0.0)))


def _log_ratio(found: Marginal, i: int, j: int) -> tuple[float, float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = found.value[i], found.value[j]
        slope = np.array([1 / a, -1 / b])
        variance = slope @ found.variance[np.ix_([i, j], [i, j])] @ slope
        return float(np.log(a / b)), float(np.sqrt(np.maximum(variance, 0.0)))


def _ratio(found: Marginal, i: int, j: int, level: float) -> dict[str, Any]:
    value, error = _log_ratio(found, i, j)
    low, high = np.exp(value + _z(level) * error * np.array([-1.0, 1.0]))
    return _row(
        f"{found.kind} ratio", found.labels[i], found.labels[j], float(np.exp(value)), error, float(low), float(high), _p(value, error)
    )


def _needed(found: Marginal, i: int, j: int, level: float) -> dict[str, Any]:
    """Return one over the difference; its limits are missing where those of the difference hold 0 (they pass through infinity)."""
    value, error = _gap(found, i, j)
    z = _z(level)
    low, high = value - z * error, value + z * error
    with np.errstate(divide="ignore"):
        one, two = (np.nan, np.nan) if low <= 0 <= high else sorted((1 / abs(low), 1 / abs(high)))
        needed = float(np.float64(1) / abs(value))
    name = "number needed to harm" if value > 0 else "number needed to benefit"
    return _row(name, found.labels[i], found.labels[j], needed, np.nan, one, two, _p(value, error))


def _attributable(found: Marginal, j: int, level: float) -> dict[str, Any]:
    log_ratio, error = _log_ratio(found, j, 0)
    z = _z(level)
    low, high = 1 - np.exp(log_ratio + z * error), 1 - np.exp(log_ratio - z * error)
    value = 1 - float(np.exp(log_ratio))
    return _row("attributable fraction", found.labels[0], found.labels[j], value, error, float(low), float(high), _p(log_ratio, error))


def _row(measure: str, label: str, reference: str, value: float, error: float, low: float, high: float, p: float) -> dict[str, Any]:
    return dict(zip(COLUMNS, (measure, label, reference, value, error, low, high, p), strict=True))
