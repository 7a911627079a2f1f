"""What a parametric survival model predicts: survival, hazards, hazard ratios over time and quantiles, with delta-method limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, MissingValuesError
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import read_moments
from cobalamin.models.matrix.matrix import Matrix

Floats = npt.NDArray[np.float64]
Measure = Literal["survival", "hazard", "cumulative hazard"]
_BISECTIONS = 80


class HazardCurve(Protocol):
    """The hazard of a fitted parametric model and its derivatives in the parameters."""

    @property
    def positive(self) -> bool:
        """Whether times are positive."""

    def log_cumulative(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return ``log(-log S(t))`` of each row and its gradient."""

    def log_hazard(self, x: Floats, t: Floats, theta: Floats) -> tuple[Floats, Floats]:
        """Return the log hazard of each row and its gradient."""


def predict_parametric(
    fit: Fit,
    data: pd.DataFrame,
    times: float | Sequence[float] | npt.NDArray[Any],
    *,
    measure: Measure = "survival",
    level: float = 0.95,
) -> pd.DataFrame:
    """Predict survival, hazard or cumulative hazard for people who are described.

    Parameters
    ----------
    fit : Fit
        From `aft` or `flexible_parametric`.
    data : DataFrame
        One row per person, with the columns of the formula.
    times : float or sequence of float
        Times, in the unit of the follow-up.
    measure : {"survival", "hazard", "cumulative hazard"}
        What to predict.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``row`` (label in ``data``), ``time, estimate, std_error, conf_low, conf_high``, row by row. At time 0 survival is 1.

    Raises
    ------
    DataError
        A fit of another kind or with an infinite coefficient, an unknown measure, negative times.
    ColumnNotFoundError, MissingValuesError
        The data lack a column or a value; a missing time.

    Notes
    -----
    Standard errors by the delta method. Limits are made on the scale of the log cumulative hazard (survival, cumulative hazard) or of
    the log hazard.

    Examples
    --------
    >>> from cobalamin.models.parametric.aft import aft
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0], "died": [1, 1, 1, 0], "x": [0.0, 1.0, 0.0, 1.0]})
    >>> fit = aft("1", people, exit="years", event="died", distribution="exponential")
    >>> predict_parametric(fit, people.head(1), [0, 10 / 3])["estimate"].round(4).tolist()
    [1.0, 0.3679]
    """
    if measure not in get_args(Measure):
        raise DataError(f"measure: got {measure!r}; expected one of {', '.join(get_args(Measure))}.")
    curve, theta, covariance, x = _pieces(fit, data, level)
    moments = _moments(times, curve)
    rows, at = np.repeat(x, len(moments), axis=0), np.tile(moments, len(x))
    value, gradient = (curve.log_hazard if measure == "hazard" else curve.log_cumulative)(rows, at, theta)
    error = _error(gradient, covariance, at > 0 if curve.positive else np.ones(len(at), dtype=bool))
    table = pd.DataFrame({"row": np.repeat(data.index.to_numpy(), len(moments)), "time": at})
    width = _width(level) * error
    with np.errstate(over="ignore", invalid="ignore"):
        middle, low, high = np.exp(value), np.exp(value - width), np.exp(value + width)
        if measure == "survival":
            inverse = np.exp(-middle)
            slope = np.where(middle > 0, inverse * middle, 0.0)
            return table.assign(estimate=inverse, std_error=slope * error, conf_low=np.exp(-high), conf_high=np.exp(-low))
    return table.assign(estimate=middle, std_error=middle * error, conf_low=low, conf_high=high)


def predict_hazard_ratio(
    fit: Fit,
    data: pd.DataFrame,
    reference: pd.DataFrame,
    times: float | Sequence[float] | npt.NDArray[Any],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the ratio of the hazards of two people over time.

    Parameters
    ----------
    fit : Fit
        From `aft` or `flexible_parametric`.
    data, reference : DataFrame
        The people compared, row by row; one row of ``reference`` serves for all.
    times : float or sequence of float
        Times > 0.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``row, time, estimate, std_error, conf_low, conf_high``; ``std_error`` is that of the log ratio.

    Raises
    ------
    DataError
        Tables of different length, times that are not positive, or as `predict_parametric`.

    Examples
    --------
    >>> from cobalamin.models.parametric.aft import aft
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0], "died": [1, 1, 1, 1], "x": [1.0, 0.0, 1.0, 0.0]})
    >>> fit = aft("x", people, exit="years", event="died", distribution="exponential")
    >>> predict_hazard_ratio(fit, people.iloc[[0]], people.iloc[[1]], [1.0])["estimate"].round(6).tolist()
    [1.5]
    """
    curve, theta, covariance, x = _pieces(fit, data, level)
    other = _pieces(fit, reference, level)[3]
    if len(other) not in (1, len(x)):
        raise DataError(f"reference: has {len(other)} rows and data {len(x)}; expected one row, or as many as data.")
    moments = _moments(times, curve)
    if curve.positive and (moments <= 0).any():
        raise DataError(f"times: {int((moments <= 0).sum())} of {len(moments)} are not positive; a hazard ratio needs time > 0.")
    at = np.tile(moments, len(x))
    one = curve.log_hazard(np.repeat(x, len(moments), axis=0), at, theta)
    two = curve.log_hazard(np.repeat(np.broadcast_to(other, x.shape), len(moments), axis=0), at, theta)
    value, error = one[0] - two[0], _error(one[1] - two[1], covariance, np.ones(len(at), dtype=bool))
    width = _width(level) * error
    table = pd.DataFrame({"row": np.repeat(data.index.to_numpy(), len(moments)), "time": at})
    return table.assign(estimate=np.exp(value), std_error=error, conf_low=np.exp(value - width), conf_high=np.exp(value + width))


def predict_quantile(fit: Fit, data: pd.DataFrame, probability: float | Sequence[float] = 0.5, *, level: float = 0.95) -> pd.DataFrame:
    """Return the times by which given shares of people like those described have the event; 0.5 is the median.

    Parameters
    ----------
    fit : Fit
        From `aft` or `flexible_parametric`.
    data : DataFrame
        One row per person, with the columns of the formula.
    probability : float or sequence of float
        Shares between 0 and 1, both excluded.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``row, probability, estimate, std_error, conf_low, conf_high``. NaN where the curve does not come down that far.

    Raises
    ------
    DataError
        A probability outside (0, 1), or as `predict_parametric`.

    Notes
    -----
    With H the cumulative hazard, ``d log t / d parameter = - (d log H / d parameter) / (t h / H)`` at the quantile. Limits are made on the
    scale of log time (of the value itself for a normal distribution).

    Examples
    --------
    >>> from cobalamin.models.parametric.aft import aft
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0], "died": [1, 1, 1, 0]})
    >>> fit = aft("1", people, exit="years", event="died", distribution="exponential")
    >>> predict_quantile(fit, people.head(1))["estimate"].round(4).tolist()
    [2.3105]
    """
    shares = np.atleast_1d(np.asarray(probability, dtype=np.float64))
    if not ((shares > 0) & (shares < 1)).all():
        raise DataError("probability: expected shares between 0 and 1, as 0.5 for the median.")
    curve, theta, covariance, x = _pieces(fit, data, level)
    rows, target = np.repeat(x, len(shares), axis=0), np.tile(np.log(-np.log1p(-shares)), len(x))
    scale = _invert(curve, rows, target, theta)
    t = np.exp(scale) if curve.positive else scale
    value, gradient = curve.log_cumulative(rows, t, theta)
    with np.errstate(all="ignore"):
        speed = np.exp(curve.log_hazard(rows, t, theta)[0] - value) * (t if curve.positive else 1.0)
        error = _error(gradient / speed[:, None], covariance, np.isfinite(scale))
    width = _width(level) * error
    table = pd.DataFrame({"row": np.repeat(data.index.to_numpy(), len(shares)), "probability": np.tile(shares, len(x))})
    if not curve.positive:
        return table.assign(estimate=t, std_error=error, conf_low=t - width, conf_high=t + width)
    return table.assign(estimate=t, std_error=t * error, conf_low=np.exp(scale - width), conf_high=np.exp(scale + width))


def _pieces(fit: Fit, data: pd.DataFrame, level: float) -> tuple[HazardCurve, Floats, Floats, Floats]:
    """Return the curve, the parameters (aliases 0), their covariance and the covariates of new data."""
    if "curve" not in fit.parts:
        raise DataError(f"fit: got a {fit.family.title} model; expected one from aft() or flexible_parametric().")
    if np.isinf(fit.coefficients).any():
        raise DataError("fit: an infinite coefficient predicts no curve; merge the sparse levels or leave the term out first.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    matrix: Matrix = fit.parts["matrix"]
    x = matrix.apply(data)
    known = ~np.isnan(fit.coefficients)
    covariance = np.where(np.outer(known, known), fit.covariance, 0.0)
    return fit.parts["curve"], np.where(known, fit.coefficients, 0.0), covariance, x


def _moments(times: float | Sequence[float] | npt.NDArray[Any], curve: HazardCurve) -> Floats:
    moments = read_moments(times)
    if np.isnan(moments).any():
        raise MissingValuesError(f"times: {int(np.isnan(moments).sum())} of {len(moments)} are missing.")
    if curve.positive and (moments < 0).any():
        raise DataError(f"times: {int((moments < 0).sum())} of {len(moments)} are negative; times run from 0.")
    return moments


def _error(gradient: Floats, covariance: Floats, defined: npt.NDArray[np.bool_]) -> Floats:
    """Return standard errors by the delta method; 0 where nothing depends on the parameters (time 0)."""
    clean = np.where(np.isfinite(gradient), gradient, 0.0)
    return np.where(defined, np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", clean, covariance, clean), 0.0)), 0.0)


def _width(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _invert(curve: HazardCurve, x: Floats, target: Floats, theta: Floats) -> Floats:
    """Find (log) times at which the log cumulative hazard reaches a target, by bisection; NaN where it never does."""

    def short(y: Floats) -> npt.NDArray[np.bool_]:
        with np.errstate(all="ignore"):
            t = np.exp(y) if curve.positive else y
            return np.asarray(~(curve.log_cumulative(x, t, theta)[0] >= target))

    low, high = np.full(len(target), -1.0), np.full(len(target), 1.0)
    for k in range(10):
        low = np.where(short(low), low, -(2.0**k))
        high = np.where(short(high), 2.0**k, high)
    found = ~short(high) & short(low)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        up = short(middle)
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return np.where(found, (low + high) / 2, np.nan)
