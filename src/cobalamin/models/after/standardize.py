"""Standardisation after the fit (g-computation): what would be seen if everybody had each level of an exposure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, did_you_mean, list_names
from cobalamin.models.after.bootstrap import bootstrap
from cobalamin.models.after.marginal import Marginal, limits_of, measures
from cobalamin.models.after.standardized import Standardized
from cobalamin.models.curves.adjusted_curves import OBSERVED, adjusted_curve
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import case_weights, label_of
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.rows import Missing, complete_rows, report_missing, require_columns

Floats = npt.NDArray[np.float64]
MOST_LEVELS = 10
_LOT = 200_000  # rows coded at once
Covariates = Literal["random", "fixed"]


def standardize(
    fit: Fit,
    data: pd.DataFrame,
    *,
    by: str,
    levels: Sequence[Any] | None = None,
    reference: Any = None,
    time: float | None = None,
    weights: str | None = None,
    covariates: Covariates | None = None,
    refit: Callable[[pd.DataFrame], Fit] | None = None,
    replicates: int = 500,
    seed: int | None = None,
    cluster: str | None = None,
    level: float = 0.95,
    missing: Missing = "drop",
) -> Standardized:
    """Average predictions over a cohort with an exposure set to each level in turn.

    Parameters
    ----------
    fit : Fit
        From `logistic`, `poisson`, `negative_binomial`, `linear`, `risk_ratio`, `risk_difference` or `cox`.
    data : DataFrame
        The people to standardise over, usually those of the fit.
    by : str
        The exposure, a variable of the formula.
    levels : sequence, optional
        Values to set; by default all levels of a factor, or the distinct numbers if they are at most ten.
    reference : optional
        The level that others are compared with; the first by default.
    time : float, optional
        Time at which a Cox model's risk is read; needed for it and for nothing else.
    weights : str, optional
        Column of weights of the people, to standardise to another population.
    covariates : {"random", "fixed"}, optional
        Whether the variance counts that the people are a sample of those meant. By default "random"; "fixed" after cluster and survey
        variances, for which a bootstrap with ``cluster`` is the way to count the sampling of people.
    refit : callable, optional
        Data frame -> fit. With it the limits are percentiles of a bootstrap that draws people of ``data`` and fits again.
    replicates, seed : int
        Of the bootstrap.
    cluster : str, optional
        The bootstrap draws whole clusters of this column.
    level : float
        Confidence level.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Standardized
        ``.frame``: measure, level, reference, estimate, std_error, conf_low, conf_high, p_value. Measures: the marginal ``risk``,
        ``rate`` or ``mean`` of each level and as observed; difference and ratio against the reference; ``number needed`` (1 over
        the risk difference) and ``attributable fraction`` (share of the observed risk that would be gone if everybody had the
        reference).

    Raises
    ------
    ColumnNotFoundError
        The exposure is not in the model.
    DataError
        A model that has no means, an infinite coefficient, unknown levels, a time that is missing or not wanted.

    Notes
    -----
    ``m_a = mean g^-1(x_a'b)``; variance ``G V G'``, G being the mean gradient, plus (random covariates) the variance of the mean
    over people. Rates are per unit of exposure time. Limits of risks are made on the logit, of rates and ratios on the logarithm.
    These are causal only if the model is right and its covariates hold all confounders.

    References
    ----------
    Robins J. A new approach to causal inference in mortality studies. Math Model 1986;7:1393-1512. doi:10.1016/0270-0255(86)90088-6
    Greenland S, Drescher K. Maximum likelihood estimation of the attributable fraction from logistic models. Biometrics 1993;49:865-872.
    doi:10.2307/2532206

    Examples
    --------
    >>> from cobalamin.models.regression.regression import logistic
    >>> people = pd.DataFrame({"y": [0, 1, 0, 1, 1, 0, 0, 1] * 5, "x": [0, 0, 0, 1, 1, 1, 0, 1] * 5, "z": [1, 2, 3, 4] * 10})
    >>> standardize(logistic("y ~ x + z", people), people, by="x").frame["measure"].unique().tolist()[:3]
    ['risk', 'risk difference', 'risk ratio']
    """
    found = _marginal(fit, data, by, levels, time, weights, covariates, missing)
    frame = measures(found, reference, level)
    if refit is None:
        return Standardized(frame, by, found.kind, found.n, found.n_missing, level, "delta", time)
    if seed is None:
        raise DataError("standardize: a bootstrap needs seed=.")

    def statistic(rows: pd.DataFrame) -> Floats:
        again = _marginal(refit(rows), rows, by, levels, time, weights, "fixed", missing)
        return measures(again, reference, level)["estimate"].to_numpy()

    drawn = bootstrap(statistic, data, replicates=replicates, seed=seed, cluster=cluster)
    low, high = drawn.limits(level)
    frame = frame.assign(std_error=drawn.std_error, conf_low=low, conf_high=high, p_value=np.nan)
    return Standardized(frame, by, found.kind, found.n, found.n_missing, level, "bootstrap", time)


def _marginal(
    fit: Fit,
    data: pd.DataFrame,
    by: str,
    levels: Sequence[Any] | None,
    time: float | None,
    weights: str | None,
    covariates: Covariates | None,
    missing: Missing,
) -> Marginal:
    if covariates not in (None, "random", "fixed"):
        raise DataError(f"covariates: got {covariates!r}; expected 'random' or 'fixed'.")
    chosen: Covariates = covariates or ("fixed" if fit.variance in ("cluster", "survey") else "random")
    if fit.family.name == "cox":
        return _from_cox(fit, data, by, levels, time, weights, chosen, missing)
    if time is not None:
        raise DataError(f"time: {fit.family.title} has no time; leave it out.")
    return _from_means(fit, data, by, levels, weights, chosen, missing)


def _from_cox(
    fit: Fit,
    data: pd.DataFrame,
    by: str,
    levels: Sequence[Any] | None,
    time: float | None,
    weights: str | None,
    covariates: Covariates,
    missing: Missing,
) -> Marginal:
    if time is None:
        raise DataError("time: a Cox model gives a risk by a time; name it, such as time=10.")
    curves = adjusted_curve(
        fit, data, by=by, times=[time], levels=levels, weights=weights, observed=True, covariates=covariates, missing=missing
    )
    survival, variance = curves.joint(0)
    if np.isnan(survival).any():
        raise DataError(f"time: {time:g} is after the last follow-up (of some stratum); nothing is known there.")
    return Marginal("risk", curves.groups, 1 - survival, variance, curves.n, curves.n_missing)


def _from_means(
    fit: Fit, data: pd.DataFrame, by: str, levels: Sequence[Any] | None, weights: str | None, covariates: Covariates, missing: Missing
) -> Marginal:
    if "link" not in fit.parts:
        raise DataError(f"{fit.family.title} has no means to standardise. Use a model for a risk, a rate or a mean, or a Cox model.")
    matrix: Matrix = fit.parts["matrix"]
    variables = list(matrix.formula.variables)
    if by not in variables:
        raise ColumnNotFoundError(
            f"by: '{by}' is not in the model.{did_you_mean(by, variables)} Its variables are: {list_names(variables)}."
        )
    if not np.isfinite(fit.coefficients[~np.isnan(fit.coefficients)]).all():
        raise DataError("a coefficient is infinite: some risks are predicted as 0 or 1. Fit with penalty='firth', or merge levels.")
    names = list(dict.fromkeys([*variables, *([weights] if weights else [])]))
    require_columns(data, names)
    kept, counts, n_missing = complete_rows(data, names)
    report_missing(counts, n_missing, int(kept.sum()), missing)
    rows = data.loc[kept, names].reset_index(drop=True)
    values = _values(matrix, rows, by, levels)
    labels = (OBSERVED, *map(label_of, values))
    weight = case_weights(rows, weights)
    mean, slope, spread = _average(fit, matrix, rows, by, [None, *values], weight / weight.sum())
    variance = slope @ np.where(np.isnan(fit.covariance), 0.0, fit.covariance)[: slope.shape[1], : slope.shape[1]] @ slope.T
    if covariates == "random":
        variance = variance + spread
    return Marginal(limits_of(fit), labels, mean, variance, len(rows), n_missing)


def _values(matrix: Matrix, rows: pd.DataFrame, by: str, levels: Sequence[Any] | None) -> list[Any]:
    if levels is not None:
        chosen = list(dict.fromkeys(levels))
        if len(chosen) < 2:
            raise DataError(f"levels: expected at least two values of {by}.")
        return chosen
    known = matrix.coding.categories.get(by)
    if known is not None:
        return list(known)
    found = np.unique(rows[by])
    if len(found) > MOST_LEVELS:
        raise DataError(f"by: {by} has {len(found)} different values; name those to set, levels=[...].")
    return list(found)


def _average(fit: Fit, matrix: Matrix, rows: pd.DataFrame, by: str, values: list[Any], share: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean prediction and mean gradient per level, and the covariance of the means over people."""
    k, b = len(values), np.nan_to_num(fit.coefficients)
    mean, cross, squares, slope = np.zeros(k), np.zeros((k, k)), 0.0, np.zeros((k, len(matrix.names)))
    for first in range(0, len(rows), _LOT):
        part, own = rows.iloc[first : first + _LOT], share[first : first + _LOT]
        predicted = np.empty((len(part), k))
        for a, value in enumerate(values):
            x = matrix.apply(part if value is None else part.assign(**{by: value}))
            predicted[:, a], steep = _inverse(fit.parts["link"], x @ b[: x.shape[1]])
            slope[a] += (own * steep) @ x
        mean += own @ predicted
        cross += (predicted * (own**2)[:, None]).T @ predicted
        squares += float((own**2).sum())
    # sum of w^2 (m_i - m)(m_i - m)' needs the weighted means with weights w^2; with them it is exact
    second = _second_means(fit, matrix, rows, by, values, share) if not np.allclose(share, share[0]) else mean * squares
    covariance = cross - np.outer(second, mean) - np.outer(mean, second) + squares * np.outer(mean, mean)
    return mean, slope, covariance


def _second_means(fit: Fit, matrix: Matrix, rows: pd.DataFrame, by: str, values: list[Any], share: Floats) -> Floats:
    b = np.nan_to_num(fit.coefficients)
    sums = []
    for value in values:
        x = matrix.apply(rows if value is None else rows.assign(**{by: value}))
        sums.append(float(share**2 @ _inverse(fit.parts["link"], x @ b[: x.shape[1]])[0]))
    return np.array(sums)


def _inverse(link: str, eta: Floats) -> tuple[Floats, Floats]:
    """Return the mean and its slope at a linear predictor."""
    if link == "identity":
        return eta, np.ones(len(eta))
    if link == "log":
        mean = np.exp(eta)
        return mean, mean
    from scipy.special import expit

    mean = np.asarray(expit(eta))
    return mean, mean * (1 - mean)
