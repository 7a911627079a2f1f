"""Rows behind the figures of a regression model: coefficients over time, and (made elsewhere) the ratio along a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.models.after.dose_curve import critical_value, dose_response_estimates
from cobalamin.models.cox.cox_residuals import event_rows, schoenfeld_residuals, solution_of
from cobalamin.models.cox.ph_test import Transform, event_scale, ph_test
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.spline import natural_cubic, natural_knots
from cobalamin.models.matrix.terms import term_columns

__all__ = ["dose_response_estimates", "ph_estimates"]
Floats = npt.NDArray[np.float64]
SMOOTH_DF = 4
POINTS = 61


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
    z, rows = critical_value(level), []
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
