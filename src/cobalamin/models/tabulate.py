"""From a `Fit` to rows: the tidy table, counts per level, and rows of the results table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, did_you_mean, list_names
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix

if TYPE_CHECKING:
    from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Count:
    """How much of the data stands behind a level of a factor.

    Attributes
    ----------
    n : float
        Rows.
    events : float
        Events (NaN where the model has none).
    person_time : float
        Time at risk (NaN where the model has none).
    """

    n: float
    events: float
    person_time: float


def _exp(values: Any) -> Any:
    """Ratios; the limit of a coefficient that the data hardly hold may be too large for a number, and is then infinite."""
    with np.errstate(over="ignore"):
        return np.exp(values)


def tidy_frame(fit: Fit, *, exponentiate: bool, level: float) -> pd.DataFrame:
    """Make the table of `Fit.tidy`.

    Parameters
    ----------
    fit : Fit
        The model.
    exponentiate : bool
        Give ratios.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row per coefficient.
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    if not 0 < level < 1:
        raise DataError(f"level: got {level}; expected a number between 0 and 1, such as 0.95.")
    estimate = fit.coefficients
    with np.errstate(invalid="ignore", divide="ignore"):
        std_error = np.sqrt(np.diag(fit.covariance))
        statistic = estimate / std_error
    df = np.array([fit.term_df.get(name, fit.df_residual) for name in fit.names], dtype=np.float64)
    normal = np.isinf(df)
    p_value = 2 * np.where(normal, ndtr(-np.abs(statistic)), stdtr(np.where(normal, 1.0, df), -np.abs(statistic)))
    width = std_error * np.where(normal, ndtri((1 + level) / 2), stdtrit(np.where(normal, 1.0, df), (1 + level) / 2))
    low, high = estimate - width, estimate + width
    for j, name in enumerate(fit.names):
        if name in fit.limits:
            low[j], high[j] = fit.limits[name]
    scale = _exp if exponentiate else np.asarray
    columns = {"estimate": scale(estimate), "std_error": std_error, "statistic": statistic, "p_value": p_value}
    return pd.DataFrame({"term": list(fit.names), **columns, "conf_low": scale(low), "conf_high": scale(high)})


def count_levels(
    matrix: Matrix, events: Floats | None = None, person_time: Floats | None = None, used: Bools | None = None
) -> dict[tuple[str, str], Count]:
    """Count rows, events and person-time in each level of each factor of a matrix.

    Parameters
    ----------
    matrix : Matrix
        The model matrix.
    events, person_time : ndarray, shape (n,), optional
        Events and time at risk of the rows kept.
    used : ndarray of bool, shape (n,), optional
        Rows to count: those of weight above zero. All by default.

    Returns
    -------
    dict of (variable, level) to Count
        Reference levels included.
    """
    sums = _level_sums(matrix, events, person_time, used)
    counts: dict[tuple[str, str], Count] = {}
    for factor in matrix.factors:
        rows = sums[list(factor.columns)]
        if factor.reference:
            rows = np.vstack([sums[-1] - rows.sum(axis=0), rows])
        counts |= {(factor.variable, level): Count(*map(float, row)) for level, row in zip(factor.levels, rows, strict=True)}
    return counts


def _level_sums(matrix: Matrix, events: Floats | None, person_time: Floats | None, used: Bools | None) -> Floats:
    """Sum n, events and person-time over each column, and over all rows in the last line."""
    n = len(matrix.X)
    absent = np.full(n, np.nan)
    facts = [np.ones(n), absent if events is None else events, absent if person_time is None else person_time]
    if used is not None:
        facts = [np.where(used | np.isnan(fact), fact, 0.0) for fact in facts]
    sums = np.full((matrix.X.shape[1] + 1, 3), np.nan)
    for factor in matrix.factors:
        for j in factor.columns:
            inside = matrix.X[:, j] == 1
            sums[j] = [fact[inside].sum() for fact in facts]
    sums[-1] = [fact.sum() for fact in facts]
    return sums


def _chosen(fit: Fit, terms: Sequence[str] | None) -> list[int]:
    if terms is None:
        return [j for j, column in enumerate(fit.columns) if column.name not in ("Intercept", *fit.family.ancillary)]
    known = {column.variable for column in fit.columns} | set(fit.names)
    for term in terms:
        if term not in known:
            raise ColumnNotFoundError(
                f"the model has no term '{term}'.{did_you_mean(term, known)} Its terms are: {list_names(sorted(known))}."
            )
    return [j for j, column in enumerate(fit.columns) if column.variable in terms or column.name in terms]


def coefficient_rows(fit: Fit, terms: Sequence[str] | None, level: float) -> list[dict[str, Any]]:
    """Make the rows of `Fit.estimates` for the coefficients.

    Parameters
    ----------
    fit : Fit
        The model.
    terms : sequence of str or None
        Variables to report.
    level : float
        Confidence level.

    Returns
    -------
    list of dict
        Rows of `Estimates`, reference levels included.
    """
    chosen = _chosen(fit, terms)
    table = fit.tidy(exponentiate=fit.family.ratio, level=level)
    rows: list[dict[str, Any]] = []
    opened: set[str] = set()
    for j in chosen:
        column = fit.columns[j]
        base = {"context": "estimate", "term": column.variable, "reference": column.reference, "measure": fit.family.measure}
        if column.reference and column.variable not in opened:
            opened.add(column.variable)
            rows.append(
                {**base, "level": column.reference, "value": 1.0 if fit.family.ratio else 0.0, **_counts_of(fit, column, column.reference)}
            )
        line = table.iloc[j]
        numbers = {"value": line.estimate, "low": line.conf_low, "high": line.conf_high, "std_error": line.std_error, "p": line.p_value}
        warning = fit.term_warnings.get(column.name, "")
        rows.append({**base, "level": column.level, **numbers, **_counts_of(fit, column, column.level), "warning": warning})
    return rows


def _counts_of(fit: Fit, column: Column, level: str) -> dict[str, float]:
    count = fit.counts.get((column.variable, level), Count(fit.n, fit.events, fit.person_time))
    return {"n": count.n, "events": count.events, "person_time": count.person_time}


def fact_rows(fit: Fit) -> list[dict[str, Any]]:
    """Make the rows of `Fit.estimates` for the facts of the model.

    Parameters
    ----------
    fit : Fit
        The model.

    Returns
    -------
    list of dict
        Diagnostic rows of `Estimates`.
    """
    facts = {
        "n": fit.n,
        "n_missing": fit.n_missing,
        "events": fit.events,
        "person_time": fit.person_time,
        "log-likelihood": fit.loglik,
        "aic": fit.aic,
        **fit.facts,
    }
    warning = " ".join(fit.warnings)
    return [
        {"context": "diagnostic", "measure": name, "value": value, "warning": warning}
        for name, value in facts.items()
        if not pd.isna(value)
    ]
