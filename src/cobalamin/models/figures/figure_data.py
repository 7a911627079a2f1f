"""Rows behind the figures of a regression model: coefficients over time, and the hazard ratio along a number. Aggregates only."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.models.cox.cox_residuals import event_rows, schoenfeld_residuals, solution_of
from cobalamin.models.cox.ph_test import Transform, event_scale, ph_test
from cobalamin.models.describe.histogram import histogram
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.spline import natural_cubic, natural_knots
from cobalamin.models.matrix.terms import term_columns

Floats = npt.NDArray[np.float64]
SMOOTH_DF = 4
POINTS = 61
TAIL = 0.01


def ph_estimates(
    fit: Fit, *, model: str = "", outcome: str = "", transform: Transform = "km", df: int = SMOOTH_DF, level: float = 0.95, unit: str = ""
) -> Estimates:
    """Return the smoothed scaled Schoenfeld residuals of a Cox model and its test of proportional hazards as rows of results.

    Parameters
    ----------
    fit : Fit
        From `cox`.
    model, outcome : str
        Names for the report.
    transform : {"km", "identity", "rank", "log"}
        Scale of time of the test and of the smooth.
    df : int
        Degrees of freedom of the smooth (a natural spline), 2 to 10.
    level : float
        Confidence level of the band.
    unit : str
        Unit of time.

    Returns
    -------
    Estimates
        Analysis ``proportional hazards``. Context ``summary``: ``coefficient over time`` on round times between the first and the last
        event, and the ``coefficient`` itself, per column; a spline is one term, ``effect over time`` being the multiple of its fitted
        curve (1 = as fitted). Context ``diagnostic``: ``ph test`` (``value`` chi-squared, ``p``) and ``ph test df``, per term and GLOBAL.

    Raises
    ------
    DataError
        As `ph_test`; ``df`` out of range, or fewer than five events per degree of freedom: a smooth would show single persons.

    Notes
    -----
    The scaled residuals ``b + D r V`` have mean b(t) and variance about ``D V``; a regression spline through them (least squares) has the
    pointwise variance ``D V q (Q'Q)^-1 q'``. Infinite coefficients and aliases have no smooth.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515-526. doi:10.1093/biomet/81.3.515

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": np.arange(1.0, 81.0), "d": [1, 1, 0, 1] * 20, "x": [1.0, 2, 3, 2, 4] * 16})
    >>> sorted(set(ph_estimates(cox("x", people, exit="t", event="d")).frame["measure"]))
    ['coefficient', 'coefficient over time', 'ph test', 'ph test df']
    """
    times = event_rows(fit)["time"].to_numpy(dtype=np.float64)
    if not 2 <= df <= 10 or len(times) < 5 * df:
        raise DataError(f"df: got {df} with {len(times)} events; expected 2 to 10, and at least five events per degree of freedom.")
    scale = event_scale(fit, transform)[solution_of(fit).likelihood.sets.death_bin]
    rows = [row for term, where in term_columns(fit).items() for row in _term_meta(fit, term, where)]
    smooth = _smooth_rows(fit, rows, times, scale, df, level)
    common = {"analysis": "proportional hazards", "model": model, "outcome": outcome, "unit": unit}
    return Estimates.from_rows([*smooth, *_test_rows(ph_test(fit, transform))], **common)


def _term_meta(fit: Fit, term: str, where: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """Say which panels a term has: one per column, or one for a spline, with the direction in the space of coefficients."""
    b, p = fit.coefficients, len(fit.columns)
    if len(where) > 1 and not any(fit.columns[j].level for j in where):
        direction = np.zeros(p)
        direction[where] = np.where(np.isfinite(b[where]), b[where], 0.0)
        return [{"term": term, "measure": "effect", "direction": direction, "value": 1.0}] if np.isfinite(b[where]).all() else []
    made = []
    for j in where[np.isfinite(b[where])]:
        column = fit.columns[j]
        names = {"term": term, "level": column.level, "reference": column.reference, "measure": "coefficient"}
        made.append({**names, "direction": np.eye(p)[j], "value": float(b[j]), "std_error": float(np.sqrt(fit.covariance[j, j]))})
    return made


def _smooth_rows(fit: Fit, panels: list[dict[str, Any]], times: Floats, scale: Floats, df: int, level: float) -> list[dict[str, Any]]:
    if not panels:
        return []
    solved = solution_of(fit)
    directions = np.column_stack([panel.pop("direction") for panel in panels])[solved.keep]
    variance = np.linalg.inv(directions.T @ np.linalg.solve(solved.full_covariance, directions))
    plain = schoenfeld_residuals(solved.likelihood, solved.b) @ directions
    scaled = len(plain) * plain @ variance + np.array([panel["value"] for panel in panels])
    grid = _inside(times)
    value, spread = _natural_smooth(scale, scaled, _scale_at(grid, times, scale), df)
    error = np.sqrt(len(plain) * np.outer(spread, np.diag(variance)))
    z, rows = _quantile(level), []
    for j, panel in enumerate(panels):
        names = {**panel, "context": "summary", "events": len(plain)}
        rows += [_interval(names, float(panel["value"]), float(panel.get("std_error", np.nan)), z)]
        over = {**names, "measure": f"{panel['measure']} over time"}
        rows += [{**_interval(over, float(v), float(e), z), "at": t} for t, v, e in zip(grid, value[:, j], error[:, j], strict=True)]
    return rows


def _inside(times: Floats) -> Floats:
    """Return round times between the first and the last event, neither of which they give away."""
    first, last = float(times.min()), float(times.max())
    step = 10.0 ** np.floor(np.log10((last - first) / 40))
    step = next(m * step for m in (1.0, 2.0, 2.5, 5.0, 10.0) if (last - first) / (m * step) <= POINTS)
    return np.asarray(np.round(np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step, 12))


def _scale_at(grid: Floats, times: Floats, scale: Floats) -> Floats:
    known, first = np.unique(times, return_index=True)
    return np.asarray(np.interp(grid, known, scale[first]))


def _natural_smooth(x: Floats, y: Floats, at: Floats, df: int) -> tuple[Floats, Floats]:
    """Return a natural spline through y at ``at``, and its variance as a multiple of that of one observation."""
    inner, ends = natural_knots(x, df - 1)
    q, p = (np.column_stack([np.ones(len(v)), natural_cubic(v, inner, ends)]) for v in (x, at))
    basis, r = np.linalg.qr(q)
    shape = p @ np.linalg.inv(r)
    return shape @ (basis.T @ y), np.einsum("ij,ij->i", shape, shape)


def _test_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for term, chi2, df, p in table[["term", "chi2", "df", "p_value"]].itertuples(index=False):
        here = {"context": "diagnostic", "term": term}
        rows += [{**here, "measure": "ph test", "value": chi2, "p": p}, {**here, "measure": "ph test df", "value": df}]
    return rows


def _interval(names: dict[str, Any], value: float, error: float, z: float) -> dict[str, Any]:
    return {**names, "value": value, "std_error": error, "low": value - z * error, "high": value + z * error}


def _quantile(level: float, df: float = np.inf) -> float:
    from scipy.stats import t

    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    return float(t.ppf(0.5 + level / 2, df))


def dose_response_estimates(
    fit: Fit,
    variable: str,
    data: pd.DataFrame,
    *,
    reference: float | None = None,
    model: str = "",
    outcome: str = "",
    log: bool = False,
    bins: int = 25,
    minimum: int = 10,
    level: float = 0.95,
    unit: str = "",
) -> Estimates:
    """Return the ratio along a number, relative to a reference value, with the distribution of that number.

    Parameters
    ----------
    fit : Fit
        A model of ratios (Cox, logistic, ...) with the variable as it is, transformed, or as a spline.
    variable : str
        Column of numbers.
    data : DataFrame, n rows
        The data of the fit.
    reference : float, optional
        Value with ratio 1; the rounded median by default.
    model, outcome : str
        Names for the report.
    log : bool
        Points and bins evenly spaced on a logarithmic axis.
    bins, minimum : int
        Of the histogram, as in `histogram`.
    level : float
        Confidence level.
    unit : str
        Unit of the variable.

    Returns
    -------
    Estimates
        Analysis ``dose-response``, context ``summary``, ``term`` = variable: rows of the fit's measure (``hazard ratio``) with ``at`` = the
        variable's value, ``reference`` its reference value, ``std_error`` of the logarithm; and ``histogram`` rows of the rows used.

    Raises
    ------
    ColumnNotFoundError, DataError
        The variable is not in the model, not a number, or its coefficients are infinite; ``data`` are other data than the fit's; a
        reference that the model cannot be evaluated at.
    DesignError
        The variable takes part in an interaction: there is a curve for each value of the other variable.

    Notes
    -----
    ``log ratio(x) = (h(x) - h(ref)) b`` with h the columns of the variable, and variance ``(h(x) - h(ref)) V (h(x) - h(ref))'``: its
    width is 0 at the reference. Points run between round numbers inside the 1st and 99th percentile: beyond them the curve is guessed
    and shows single persons.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed. Springer 2015. doi:10.1007/978-3-319-19425-7

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": np.arange(1.0, 81.0), "d": [1, 1, 0, 1] * 20, "x": np.arange(80.0) * 37 % 80})
    >>> rows = dose_response_estimates(cox("rcs(x, 3)", people, exit="t", event="d"), "x", people, reference=40).frame
    >>> rows.loc[rows["at"] == 40, ["value", "low", "high"]].to_numpy().tolist()
    [[1.0, 1.0, 1.0]]
    """
    used = _used(fit, variable, data)
    x = used[variable].to_numpy(dtype=np.float64)
    grid, middle = _grid(x, log)
    known = middle if reference is None else float(reference)
    grid = np.unique(np.append(grid, known))
    value, error = _log_ratio(fit, variable, used, grid, known)
    z = _quantile(level, fit.df_residual)
    columns = {"value": value, "low": value - z * error, "high": value + z * error}
    ratios = {name: np.exp(column) for name, column in columns.items()}
    frame = pd.DataFrame({"at": grid, **ratios, "std_error": error, "measure": fit.family.measure, "reference": f"{known:g}"})
    curve = Estimates.from_frame(frame.assign(events=fit.events, context="summary", outcome=outcome, term=variable, unit=unit))
    bars = histogram(used, variable, bins=bins, log=log, minimum=minimum, unit=unit).where(measure="histogram")
    return Estimates.concat([curve, bars.with_columns(outcome=outcome)]).with_columns(analysis="dose-response", model=model)


def _used(fit: Fit, variable: str, data: pd.DataFrame) -> pd.DataFrame:
    matrix: Matrix | None = fit.parts.get("matrix")
    if matrix is None or not fit.family.ratio:
        raise DataError(f"fit: a curve of ratios needs a regression model of ratios; got {fit.family.title}.")
    if variable not in matrix.formula.variables:
        hint = did_you_mean(variable, matrix.formula.variables)
        raise ColumnNotFoundError(f"variable: '{variable}' is not in the formula '{matrix.formula.text}'.{hint}")
    if len(data) != len(matrix.kept):
        raise DataError(f"data: got {len(data)} rows; the fit was made from {len(matrix.kept)}. Give the same data.")
    if not pd.api.types.is_numeric_dtype(data[variable].dtype):
        raise DataError(f"variable: '{variable}' is not a number; a category has its ratios in the table.")
    return data.loc[matrix.kept]


def _grid(x: Floats, log: bool) -> tuple[Floats, float]:
    low, middle, high = np.quantile(x, [TAIL, 0.5, 1 - TAIL])
    if not high > low:
        raise DataError("variable: nearly all values are equal; there is no curve to show.")
    step = 10.0 ** np.floor(np.log10((high - low) / 20))
    first, last = np.ceil(low / step) * step, np.floor(high / step) * step
    if log and not first > 0:
        raise DataError("log: the variable has values at or below 0.")
    points = np.geomspace(first, last, POINTS) if log else np.linspace(first, last, POINTS)
    return np.asarray(np.round(points, 12), dtype=np.float64), float(np.round(np.round(middle / step) * step, 12))


def _log_ratio(fit: Fit, variable: str, used: pd.DataFrame, grid: Floats, reference: float) -> tuple[Floats, Floats]:
    matrix: Matrix = fit.parts["matrix"]
    rows = used.iloc[[0] * (len(grid) + 1)].reset_index(drop=True)
    h = matrix.apply(rows.assign(**{variable: np.append(grid, reference)}))
    change = h[:-1] - h[-1]
    moved = np.flatnonzero(np.abs(change).max(axis=0) > 0)
    for j in moved:
        _refuse_interaction(matrix, variable, matrix.columns[j].variable)
    b = fit.coefficients[moved]
    if not np.isfinite(change).all() or np.isinf(b).any():
        raise DataError(f"{variable}: the model has no finite ratio at some points; look at the warnings of the fit, or another reference.")
    # an alias adds nothing to the linear predictor
    real = moved[~np.isnan(b)]
    part = change[:, real]
    variance = np.einsum("ij,jk,ik->i", part, fit.covariance[np.ix_(real, real)], part)
    return np.asarray(part @ fit.coefficients[real]), np.sqrt(np.maximum(variance, 0.0))


def _refuse_interaction(matrix: Matrix, variable: str, term: str) -> None:
    others = [v for v in matrix.formula.variables if v != variable and re.search(rf"(?<!\w){re.escape(v)}(?!\w)", term)]
    if others:
        raise DesignError(
            f"{variable}: interacts with {others[0]} ('{term}'), so its curve depends on {others[0]}."
            " Fit the model within the groups that you want to show."
        )
