"""Logistic regression: odds ratios with model, cluster-robust or survey variance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, EventCodeError, FitWarning, list_names
from cobalamin.models.covariance import cluster_codes, influence, sandwich
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import whole
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.columns import plain_numbers, shown_levels
from cobalamin.models.matrix.matrix import Factor, Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.binomial import explained_by, log_likelihood
from cobalamin.models.regression.logit import Solution, maximum
from cobalamin.models.survey import Survey, SurveyDesign, read_design, read_weights, survey_covariance
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
LOGISTIC = Family("logistic", "Logistic regression", "odds ratio")
FEW_EVENTS = 10  # per parameter; Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3


def logistic(
    formula: str,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    exposure: str | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a logistic regression of a 0/1 outcome.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"``.
    data : DataFrame, n rows
        One row per person.
    weights : str, optional
        Column of case weights: weight 2 = two people. Weights that are not whole numbers cannot be numbers of people; the variance
        is then robust.
    cluster : str, optional
        Column of clusters, for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    exposure : str, optional
        Not for this model: it is the person-time of rate models. Refused, so that it is never ignored.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log odds ratios. Aliases are NaN; a coefficient without a maximum is +-inf, with a one-sided profile-likelihood
        limit (up to 200,000 rows, model variance) instead of a standard error.

    Raises
    ------
    EventCodeError
        An outcome that is not 0/1 or boolean: 1/2 codes, text, a Categorical; or the same for everybody.
    DesignError
        ``exposure``, or ``survey`` together with ``weights`` or ``cluster``.
    ConvergenceError
        No maximum found although the data are not separated.
    FormulaError, ColumnNotFoundError, MissingValuesError, DataError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Infinite coefficients (with the empty cell that makes them), aliases, fewer than 10 events (or non-events) per
        parameter. The texts also stand in ``fit.warnings``.

    Notes
    -----
    Variances: ``model`` = inverse information (R ``glm``); ``robust`` (weights not whole) = sandwich by row without
    correction (R ``sandwich::sandwich``, HC0); ``cluster`` = sandwich of summed scores times G / (G - 1) for G
    clusters, no further correction (R ``sandwich::vcovCL`` with its default for glm); ``survey`` = Taylor linearization, with t
    statistics on units - strata + 1 - parameters degrees of freedom (R ``survey::svyglm(family = quasibinomial)``); its
    log-likelihood is that of weights scaled to mean 1 and serves no test.

    Examples
    --------
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> logistic("ill ~ exposed", people).tidy(exponentiate=True)["estimate"].round(6).tolist()
    [0.333333, 6.0]
    """
    _check_arguments(weights, cluster, survey, exposure)
    design = None if survey is None else read_design(survey, data)
    extra = [name for name in (weights, cluster) if name is not None]
    inside = None if design is None else design.inside
    matrix = build_matrix(formula, data, extra=extra, intercept=True, response=True, inside=inside, missing=missing)
    y, weight = _outcome(matrix, data), _case_weights(matrix, data, weights, design)
    _check_both_happen(y, weight, matrix.formula.response)
    found = maximum(matrix.X, y, weight, profile=cluster is None and survey is None and whole(weight))
    clusters = None if cluster is None else data[cluster].to_numpy()[matrix.kept]
    covariance, kind = _variance(matrix, y, weight, found, clusters, design)
    notes, term_notes = _warnings(matrix, y, weight, found)
    if notes:
        warnings.warn(" ".join(notes), FitWarning, stacklevel=2)
    null = _null_log_likelihood(y, weight, matrix.formula.intercept)
    parameters, used = found.z.shape[1], weight > 0
    absent = {} if used.all() else {"n_zero_weight": float((~used).sum())}
    return Fit(
        family=LOGISTIC,
        call=_call(formula, weights, cluster, survey),
        columns=matrix.columns,
        coefficients=found.coefficients,
        covariance=covariance,
        model_covariance=found.covariance(found.bread),
        variance=kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(y[used].sum()),
        person_time=np.nan,
        loglik=found.loglik,
        loglik_null=null,
        converged=True,
        iterations=found.iterations,
        counts=count_levels(matrix, y, used=used),
        df_residual=np.inf if design is None else design.degrees_of_freedom(matrix.kept) + 1 - parameters,
        warnings=matrix.notes + notes,
        term_warnings=term_notes,
        limits={matrix.names[j]: both for j, both in found.limits.items()},
        facts={"deviance": -2 * found.loglik, "null deviance": -2 * null, **absent},
        parts={"matrix": matrix, "response": y, "weights": weight, "fitted": found.mu},
    )


def _check_arguments(weights: str | None, cluster: str | None, survey: Survey | None, exposure: str | None) -> None:
    if exposure is not None:
        raise DesignError(
            f"exposure='{exposure}': a logistic model has no person-time. For rates use a Poisson model; for the effect of"
            " an exposure write it as a term of the formula."
        )
    if survey is not None and (weights is not None or cluster is not None):
        raise DesignError("survey= already brings weights and clusters (psu); leave out weights= and cluster=.")


def _outcome(matrix: Matrix, data: pd.DataFrame) -> Floats:
    """Return the outcome as 0.0 and 1.0, refusing every coding that would need a guess."""
    name = matrix.formula.response.strip("`")
    if name in data.columns:
        column = plain_numbers(data.loc[matrix.kept, name])
        if pd.api.types.is_bool_dtype(column.dtype) or set(map(type, column.unique())) <= {bool, np.bool_}:
            return column.to_numpy(dtype=np.float64)
        if not pd.api.types.is_numeric_dtype(column.dtype):
            kind = "a Categorical" if isinstance(column.dtype, pd.CategoricalDtype) else "text"
            raise EventCodeError(
                f"{name}: the outcome is {kind} with the values {shown_levels(column)}; expected 0/1 or True/False. Say which value is the"
                f" event: data['{name}'] = data['{name}'] == 'the event'."
            )
        y = column.to_numpy(dtype=np.float64)
    else:
        y = np.asarray(matrix.response, dtype=np.float64)
    found = np.unique(y)
    if not set(found) <= {0.0, 1.0}:
        raise EventCodeError(_code_message(found, name))
    return y


def _code_message(found: Floats, name: str) -> str:
    if set(found) <= {1.0, 2.0}:
        return (
            f"{name}: got codes 1 and 2; expected 0 (no) and 1 (yes). Which of them is the event? After checking the"
            f" codebook write data['{name}'] = data['{name}'] == 2 (or == 1)."
        )
    return f"{name}: got {len(found)} different numbers; expected 0 (no) and 1 (yes). For a number as outcome use a linear model."


def _case_weights(matrix: Matrix, data: pd.DataFrame, weights: str | None, design: SurveyDesign | None) -> Floats:
    if design is not None:
        weight = design.weights[matrix.kept]
        return np.asarray(weight / weight[weight > 0].mean() if (weight > 0).any() else weight)
    return np.ones(len(matrix.X)) if weights is None else read_weights(data, weights)[matrix.kept]


def _check_both_happen(y: Floats, weight: Floats, name: str) -> None:
    if not (weight > 0).any():
        raise DataError("No row in the model has a weight above zero.")
    found = np.unique(y[weight > 0])
    if len(found) == 1:
        raise EventCodeError(f"{name}: the outcome is {found[0]:g} in every row of the model; expected both 0 and 1.")


def _variance(
    matrix: Matrix, y: Floats, weight: Floats, found: Solution, clusters: npt.NDArray[np.generic] | None, design: SurveyDesign | None
) -> tuple[Floats, str]:
    if clusters is None and design is None and whole(weight):
        return found.covariance(found.bread), "model"
    moved = influence(found.z * (weight * (y - found.mu))[:, None], found.bread)
    if design is not None:
        return found.covariance(survey_covariance(moved, design, matrix.kept)), "survey"
    if clusters is None:
        return found.covariance(sandwich(moved)), "robust"
    return found.covariance(sandwich(moved, cluster_codes(clusters), correction=True)), "cluster"


def _null_log_likelihood(y: Floats, weight: Floats, intercept: bool) -> float:
    share = float(weight @ y / weight.sum())
    eta = np.log(share / (1 - share)) if intercept else 0.0
    return log_likelihood(y, np.full(len(y), eta), weight)


def _warnings(matrix: Matrix, y: Floats, weight: Floats, found: Solution) -> tuple[tuple[str, ...], dict[str, str]]:
    """Say what needs care; without counts, which would pass by the disclosure rules."""
    special = [int(j) for j in np.flatnonzero(found.aliases | found.separated)]
    cells = empty_cells(matrix, y, weight, found.separated)
    basic = {matrix.names[j]: _term_note(matrix, found, j) for j in special}
    terms = {matrix.names[j]: f"{basic[matrix.names[j]]} {_cell_of(matrix.columns[j], cells)}".strip() for j in special}
    notes = [f"{name}: {text}" for name, text in basic.items()] + list(cells.values())
    if found.separated.any() and not cells:
        names = list_names(matrix.names[j] for j in special if found.separated[j] and matrix.names[j] != "Intercept")
        notes.append(f"No single cell is empty: {names} together tell the outcome exactly in some or all rows.")
    counting = y[weight > 0]
    fewer = min(float(counting.sum()), float(len(counting) - counting.sum()))
    parameters = int((~found.aliases).sum()) - int(matrix.formula.intercept)
    if parameters and fewer < FEW_EVENTS * parameters:
        notes.append(f"Fewer than {FEW_EVENTS} events (or non-events) per parameter: estimates may be far from the truth.")
    return tuple(notes), terms


def _term_note(matrix: Matrix, found: Solution, j: int) -> str:
    if found.aliases[j]:
        parents = [matrix.names[k] for k in explained_by(matrix.X, ~found.aliases, j)]
        named = [name for name in parents if name != "Intercept"] or parents
        return f"left out, because it is a linear combination of {list_names(named)}."
    value = found.coefficients[j]
    if np.isnan(value):
        return "cannot be estimated: the outcome is separated, and neither sign is excluded."
    return f"the coefficient is {'plus' if value > 0 else 'minus'} infinity: the outcome is separated."


def _cell_of(column: Column, cells: Mapping[tuple[str, str], str]) -> str:
    return cells.get((column.variable, column.level)) or cells.get((column.variable, column.reference)) or ""


def empty_cells(matrix: Matrix, y: Floats, weight: Floats, separated: Bools) -> dict[tuple[str, str], str]:
    """Name the levels of factors in which the outcome always, or never, happens.

    Parameters
    ----------
    matrix : Matrix
        The model matrix.
    y, weight : ndarray, shape (n,)
        Outcomes 0/1 and weights.
    separated : ndarray of bool, shape (p,)
        Columns with an infinite coefficient; factors without one are passed over.

    Returns
    -------
    dict of (variable, level) to str
        One sentence per empty cell.
    """
    told: dict[tuple[str, str], str] = {}
    for factor in matrix.factors:
        where = list(factor.columns)
        if separated[where].any():
            inside = [matrix.X[:, j] == 1 for j in where]
            if factor.reference:
                inside.insert(0, np.asarray((matrix.X[:, where] == 0).all(axis=1)))
            told |= {
                (factor.variable, level): _cell(factor, level, y[rows & (weight > 0)])
                for level, rows in zip(factor.levels, inside, strict=True)
            }
    return {cell: text for cell, text in told.items() if text}


def _cell(factor: Factor, level: str, y: Floats) -> str:
    if not len(y) or y.min() < y.max():
        return ""
    advice = " Take another reference level to see what can be compared." if level == factor.reference else ""
    return f"Empty cell: where {factor.variable} is {level}, the outcome {'always' if y[0] == 1 else 'never'} happens.{advice}"


def _call(formula: str, weights: str | None, cluster: str | None, survey: Survey | None) -> str:
    given = {"weights": weights, "cluster": cluster, "survey": survey}
    return f"logistic({formula!r}" + "".join(f", {name}={value!r}" for name, value in given.items() if value is not None) + ")"
