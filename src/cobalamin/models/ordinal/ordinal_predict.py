"""Probabilities of the categories, and the mean score, that an ordinal model predicts, with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.links import log_density, log_tail
from cobalamin.models.ordinal.ordinal_parts import OrdinalParts, parts_of

Floats = npt.NDArray[np.float64]
Prediction = Literal["probability", "cumulative", "mean"]


def predict_ordinal(
    fit: Fit, data: pd.DataFrame, *, what: Prediction = "probability", scores: Sequence[float] | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Predict the outcome of new people.

    Parameters
    ----------
    fit : Fit
        From `ordinal`.
    data : DataFrame
        Rows with the columns of the formula, none missing.
    what : {"probability", "cumulative", "mean"}
        Probability of each category, probability of each category or a higher one, or mean score.
    scores : sequence of float, optional
        Number of each category for the mean; the outcome itself where it is a number, else 1, 2, ...
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``row`` (index label of ``data``), ``category`` (for ``cumulative`` the lowest one counted; empty for ``mean``), ``estimate,
        std_error, conf_low, conf_high``. Intervals of probabilities are symmetric on the logit scale; standard errors by the delta
        method with the variance of the fit. Where a coefficient is infinite the limit is given, without standard error.

    Raises
    ------
    DataError
        Not an ordinal fit, an unknown ``what``, scores of the wrong number, a level that the fit has not seen.
    ColumnNotFoundError, MissingValuesError
        A column is absent or has missing values.

    Warns
    -----
    FitWarning
        Thresholds of a partial model cross for some rows: their probabilities are below 0 or above 1, and have no interval.

    Examples
    --------
    >>> from cobalamin.models.ordinal.ordinal import ordinal
    >>> people = pd.DataFrame({"y": [0, 1, 2, 1, 0, 2, 0, 1], "x": [1.0, 2, 3, 2, 2, 4, 3, 1]})
    >>> predict_ordinal(ordinal("y ~ 1", people), people.head(1))["estimate"].round(3).tolist()
    [0.375, 0.375, 0.25]
    """
    parts = parts_of(fit)
    if what not in get_args(Prediction):
        raise DataError(f"what: got {what!r}; expected one of {', '.join(get_args(Prediction))}.")
    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    combine, names = combination(parts, what, scores)
    x = parts.matrix.apply(data)
    predictor = predictors(fit, parts, x)
    _warn_of_crossing(predictor)
    exceed = tail(parts.link, predictor)
    value = combine[0] + exceed @ combine[1:]
    error = np.sqrt(_variances(fit, parts, x, predictor, combine[1:]))
    low, high = _limits(value, error, level, bounded=what != "mean")
    numbers = {"estimate": value, "std_error": error, "conf_low": low, "conf_high": high}
    frame = pd.DataFrame({"row": np.repeat(data.index.to_numpy(), len(names)), "category": list(names) * len(data)})
    return frame.assign(**{name: part.ravel() for name, part in numbers.items()})


def combination(parts: OrdinalParts, what: str, scores: Sequence[float] | None = None) -> tuple[Floats, tuple[str, ...]]:
    """Return what is predicted as a linear function of 1 and the probabilities of being above each threshold.

    Parameters
    ----------
    parts : OrdinalParts
        Of the fit.
    what : str
        As in `predict_ordinal`.
    scores : sequence of float, optional
        For the mean.

    Returns
    -------
    combine : ndarray, shape (1 + c, q)
        Weights.
    names : tuple of str, length q
        What each column is about.

    Raises
    ------
    DataError
        Scores of the wrong number.
    """
    labels = parts.categories.labels
    k = len(labels)
    if what == "cumulative":
        return np.eye(k)[:, 1:], labels[1:]
    if what == "probability":
        return np.eye(k) - np.eye(k, k=-1), labels
    numbers = parts.categories.scores if scores is None else np.asarray(scores, dtype=np.float64)
    if numbers.shape != (k,) or not np.isfinite(numbers).all():
        raise DataError(f"scores: expected {k} finite numbers, one per category; got {numbers.size}.")
    return np.append(numbers[0], np.diff(numbers))[:, None], ("",)


def effects_by_threshold(fit: Fit, parts: OrdinalParts) -> Floats:
    """Return the coefficient of each column at each threshold.

    Parameters
    ----------
    fit : Fit
        From `ordinal`.
    parts : OrdinalParts
        Its pieces.

    Returns
    -------
    ndarray, shape (p, c)
        0 for aliases.
    """
    layout = parts.solved.layout
    where = layout.offsets[:-1, None] + np.arange(layout.cuts) * layout.partial[:, None]
    b = fit.coefficients[where]
    return np.where(np.repeat(layout.keep[:, None], layout.cuts, axis=1), b, 0.0)


def predictors(fit: Fit, parts: OrdinalParts, x: Floats) -> Floats:
    """Return threshold less linear predictor, for each row and threshold.

    Parameters
    ----------
    fit : Fit
        From `ordinal`.
    parts : OrdinalParts
        Its pieces.
    x : ndarray, shape (n, p)
        Rows coded as the matrix of the fit.

    Returns
    -------
    ndarray, shape (n, c)
        Infinite where an infinite coefficient meets a covariate other than 0; NaN where two infinities oppose each other.
    """
    b, cut = effects_by_threshold(fit, parts), fit.coefficients[parts.solved.layout.offsets[-1] :]
    finite = np.where(np.isfinite(b), b, 0.0)
    total = cut - x @ finite
    with np.errstate(invalid="ignore"):
        for j, t in zip(*np.nonzero(~np.isfinite(b)), strict=True):
            moved = x[:, j] != 0
            total[moved, t] -= x[moved, j] * b[j, t]
    return np.asarray(total)


def tail(link: str, predictor: Floats) -> Floats:
    """Return the probability of being above each threshold.

    Parameters
    ----------
    link : str
        Name of the distribution.
    predictor : ndarray, shape (n, c)
        From `predictors`.

    Returns
    -------
    ndarray, shape (n, c)
        ``1 - F``.
    """
    return np.asarray(np.exp(log_tail(link, predictor)))


def gradient(parts: OrdinalParts, x: Floats, slope: Floats, size: int) -> Floats:
    """Return derivatives with respect to the coefficients, of sums over thresholds of functions of the predictors.

    Parameters
    ----------
    parts : OrdinalParts
        Of the fit.
    x : ndarray, shape (n, p)
        Rows.
    slope : ndarray, shape (n, c)
        Derivative with respect to each predictor.
    size : int
        Number of coefficients.

    Returns
    -------
    ndarray, shape (n, size)
        In the order of ``fit.coefficients``.
    """
    layout = parts.solved.layout
    made = np.zeros((len(x), size))
    made[:, layout.offsets[-1] :] = slope
    for j in range(x.shape[1]):
        own = slope if layout.partial[j] else slope.sum(axis=1, keepdims=True)
        made[:, layout.offsets[j] : layout.offsets[j + 1]] = -x[:, [j]] * own
    return made


def delta_covariance(fit: Fit) -> Floats:
    """Return the variance of the coefficients with 0 for those that have none: aliases, and infinite ones.

    Parameters
    ----------
    fit : Fit
        From `ordinal`.

    Returns
    -------
    ndarray, shape (r, r)
        Finite.
    """
    return np.where(np.isnan(fit.covariance), 0.0, fit.covariance)


def _variances(fit: Fit, parts: OrdinalParts, x: Floats, predictor: Floats, combine: Floats) -> Floats:
    density, covariance = np.exp(log_density(parts.link, predictor)), delta_covariance(fit)
    made = np.empty((len(x), combine.shape[1]))
    for q in range(combine.shape[1]):
        moved = gradient(parts, x, -density * combine[:, q], len(covariance))
        made[:, q] = np.einsum("ij,ij->i", moved @ covariance, moved)
    made[_without_error(parts, x)] = np.nan
    return np.maximum(made, 0.0)


def _without_error(parts: OrdinalParts, x: Floats) -> npt.NDArray[np.bool_]:
    """Find the rows whose prediction rests on an infinite coefficient."""
    layout, separated = parts.solved.layout, parts.solved.separated
    if separated[layout.offsets[-1] :].any():
        return np.ones(len(x), dtype=np.bool_)
    columns = [j for j in range(x.shape[1]) if separated[layout.offsets[j] : layout.offsets[j + 1]].any()]
    return np.asarray((x[:, columns] != 0).any(axis=1))


def _warn_of_crossing(predictor: Floats) -> None:
    crossed = int((predictor[:, 1:] < predictor[:, :-1]).any(axis=1).sum())
    if crossed:
        text = (
            f"Thresholds cross in {crossed} of {len(predictor)} rows: the partial model gives them probabilities outside 0 to 1. Make fewer"
            " terms partial, merge outcome categories, or do not predict so far from the data."
        )
        warnings.warn(text, FitWarning, stacklevel=3)


def _limits(value: Floats, error: Floats, level: float, *, bounded: bool) -> tuple[Floats, Floats]:
    from scipy.special import expit, logit, ndtri

    width = float(ndtri((1 + level) / 2)) * error
    if not bounded:
        return value - width, value + width
    with np.errstate(divide="ignore", invalid="ignore"):
        centre, scaled = logit(value), width / (value * (1 - value))
        return np.asarray(expit(centre - scaled)), np.asarray(expit(centre + scaled))
