"""The effect along a number, relative to a reference value: the curve of a spline, a polynomial or a straight line."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.models.describe.histogram import histogram
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.matrix import Matrix

Floats = npt.NDArray[np.float64]
POINTS = 61
TAIL = 0.01


def critical_value(level: float, df: float = np.inf) -> float:
    """Return how many standard errors a two-sided interval reaches.

    Parameters
    ----------
    level : float
        Confidence level.
    df : float
        Degrees of freedom; infinite for the normal distribution.

    Returns
    -------
    float
        Quantile of Student's t.

    Raises
    ------
    DataError
        A level outside (0, 1).

    Examples
    --------
    >>> round(critical_value(0.95), 3)
    1.96
    """
    from scipy.stats import t

    if not 0 < level < 1:
        raise DataError(f"level: got {level:g}; expected a share between 0 and 1, as 0.95.")
    return float(t.ppf(0.5 + level / 2, df))


def people_counted(fit: Fit) -> npt.NDArray[np.bool_]:
    """Say which rows of the data a fit counts: complete, inside the domain, and of weight above 0.

    Parameters
    ----------
    fit : Fit
        A model.

    Returns
    -------
    ndarray of bool, shape (rows of the data,)
        True for the ``fit.n`` rows.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 13), "d": 1, "x": [0, 1] * 6, "w": [0, 1, 1] * 4})
    >>> int(people_counted(cox("x", people, exit="t", event="d", weights="w")).sum())
    8
    """
    kept = np.array(fit.parts["matrix"].kept, dtype=bool)
    weight = row_weights(fit)
    kept[kept] = weight > 0
    return kept


def row_weights(fit: Fit) -> Floats:
    """Return the weights of the complete rows of a fit.

    Parameters
    ----------
    fit : Fit
        A model.

    Returns
    -------
    ndarray, shape (complete rows,)
        As the model used them; ones where it has none.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 5), "d": 1, "x": [0, 1, 1, 0]})
    >>> row_weights(cox("x", people, exit="t", event="d")).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    total = int(fit.parts["matrix"].kept.sum())
    used = fit.parts.get("used")
    used = np.ones(total, dtype=bool) if used is None else np.asarray(used, dtype=bool)
    given = fit.parts.get("weights")
    if given is not None and len(given) == total:
        return np.asarray(given, dtype=np.float64)
    weight = used.astype(np.float64)
    if given is not None:
        weight[used] = given
    return weight


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
    """Return the effect along a number, relative to a reference value, with the distribution of that number.

    Parameters
    ----------
    fit : Fit
        A regression model with the variable as it is, transformed, or as a spline; of ratios (Cox, logistic) or of differences (linear).
    variable : str
        Column of numbers.
    data : DataFrame, n rows
        The data of the fit.
    reference : float, optional
        Value with ratio 1 or difference 0; the rounded median by default.
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
        variable's value, ``reference`` its reference value, ``std_error`` (of a ratio that of the logarithm); and ``histogram`` rows of the
        people in the model.

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
    value, error = effect_along(fit, variable, used, grid, known)
    z = critical_value(level, fit.df_residual)
    columns = {"value": value, "low": value - z * error, "high": value + z * error}
    with np.errstate(over="ignore"):
        shown = {name: np.exp(column) for name, column in columns.items()} if fit.family.ratio else columns
    frame = pd.DataFrame({"at": grid, **shown, "std_error": error, "measure": fit.family.measure, "reference": f"{known:g}"})
    curve = Estimates.from_frame(frame.assign(events=fit.events, context="summary", outcome=outcome, term=variable, unit=unit))
    bars = histogram(used, variable, bins=bins, log=log, minimum=minimum, unit=unit).where(measure="histogram")
    return Estimates.concat([curve, bars.with_columns(outcome=outcome)]).with_columns(analysis="dose-response", model=model)


def _used(fit: Fit, variable: str, data: pd.DataFrame) -> pd.DataFrame:
    matrix: Matrix | None = fit.parts.get("matrix")
    if matrix is None:
        raise DataError(f"fit: a curve needs a regression model made from a formula; got {fit.family.title}.")
    if variable not in matrix.formula.variables:
        hint = did_you_mean(variable, matrix.formula.variables)
        raise ColumnNotFoundError(f"variable: '{variable}' is not in the formula '{matrix.formula.text}'.{hint}")
    if len(data) != len(matrix.kept):
        raise DataError(f"data: got {len(data)} rows; the fit was made from {len(matrix.kept)}. Give the same data.")
    if not pd.api.types.is_numeric_dtype(data[variable].dtype):
        raise DataError(f"variable: '{variable}' is not a number; a category has its ratios in the table.")
    return data.loc[people_counted(fit)]


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


def effect_along(fit: Fit, variable: str, rows: pd.DataFrame, grid: Floats, reference: float) -> tuple[Floats, Floats]:
    """Return the linear predictor along a number less that at its reference value.

    Parameters
    ----------
    fit : Fit
        A model.
    variable : str
        Column of numbers that the formula uses, in no product with another.
    rows : DataFrame
        Rows of its data; the first serves for the other columns.
    grid : ndarray, shape (k,)
        Values of the variable.
    reference : float
        Where the effect is 0.

    Returns
    -------
    effect, std_error : ndarray, shape (k,)
        On the linear scale.

    Raises
    ------
    DataError
        A point at which the model has no finite value.
    DesignError
        The variable takes part in an interaction.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": range(1, 41), "d": 1, "x": [k * 37 % 40 for k in range(40)]})
    >>> effect_along(cox("x", people, exit="t", event="d"), "x", people, np.array([5.0]), 5.0)[0].tolist()
    [0.0]
    """
    matrix: Matrix = fit.parts["matrix"]
    rows = rows.iloc[[0] * (len(grid) + 1)].reset_index(drop=True)
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
