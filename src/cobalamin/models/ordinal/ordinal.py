"""Ordinal regression: proportional and partial proportional odds, with model, robust, cluster or survey variance."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DesignError, FitWarning
from cobalamin.models.covariance import cluster_codes, influence, sandwich
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import whole
from cobalamin.models.matrix.matrix import build_matrix
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.ordinal.categories import read_categories
from cobalamin.models.ordinal.links import Link, check_link
from cobalamin.models.ordinal.naming import coefficient_columns, family_of, level_counts, matrix_for_prediction, partial_columns
from cobalamin.models.ordinal.ordinal_notes import crossing_note, model_notes
from cobalamin.models.ordinal.ordinal_parts import OrdinalParts, Spread, case_weights_of, check_formula
from cobalamin.models.ordinal.solution import OrdinalSolved, solve_ordinal
from cobalamin.models.survey import Survey, SurveyDesign, read_design, survey_covariance

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def ordinal(
    formula: str,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    link: Link = "logit",
    partial: Sequence[str] | None = None,
    robust: bool | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a cumulative link model of an ordered outcome: with the logit link, proportional odds.

    Parameters
    ----------
    formula : str
        ``"severity ~ b12 + age"``. The outcome is an ordered Categorical, or a number (a score of any range, in numeric order).
    data : DataFrame, n rows
        One row per person.
    weights : str, optional
        Column of case weights: weight 2 = two people. With weights that are not whole numbers the variance is robust.
    cluster : str, optional
        Column of clusters (a person with several visits, a clinic), for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
        Distribution F of ``P(Y <= j) = F(threshold_j - x'b)``.
    partial : sequence of str, optional
        Terms of the formula whose effect differs by threshold (partial proportional odds). Each has one coefficient per threshold:
        ``b12, Y>=moderate`` is its effect on being moderate or worse.
    robust : bool, optional
        Whether the variance is the sandwich; by default with ``cluster`` and with weights that are not whole numbers.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        With the logit link log odds ratios of being in a higher category, whatever the threshold; then the thresholds
        (``mild|moderate``), which are ancillary. Aliases are NaN; a coefficient without a maximum is +-inf, with a one-sided
        profile-likelihood limit (up to 20,000 rows, model variance).

    Raises
    ------
    DataError
        An outcome whose order is not known (text, an unordered Categorical), fewer than two or more than 1000 categories, an unknown
        link or partial term.
    DesignError
        ``survey`` together with ``weights`` or ``cluster``; ``robust=False`` with ``cluster``.
    ConvergenceError
        No maximum found although the data are not separated.
    FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Infinite coefficients, aliases, thresholds of a partial model that cross in some rows, few rows per parameter. The texts also
        stand in ``fit.warnings``.

    Notes
    -----
    Maximum likelihood by Newton's method with analytic derivatives; the cut-points' block of the information is tridiagonal, so a score
    with all its values costs no more than one with few. Signs are those of R's ``MASS::polr`` and ``ordinal::clm``. Two categories give
    logistic regression. Variances: ``model`` = inverse observed information; ``robust`` = sandwich by row without correction;
    ``cluster`` = sandwich of summed scores times G / (G - 1) (R ``sandwich::vcovCL``); ``survey`` = Taylor linearization, t statistics
    on units - strata + 1 - parameters degrees of freedom.

    References
    ----------
    McCullagh P. Regression models for ordinal data. J R Stat Soc B 1980;42:109-142. doi:10.1111/j.2517-6161.1980.tb01109.x
    Peterson B, Harrell FE. Partial proportional odds models for ordinal response variables. Appl Stat 1990;39:205-217.
    doi:10.2307/2347760

    Examples
    --------
    >>> people = pd.DataFrame({"itch": [0, 0, 1, 1, 2, 2, 0, 1, 2, 2], "low_b12": [0, 0, 0, 1, 1, 1, 0, 0, 0, 1] })
    >>> fit = ordinal("itch ~ low_b12", pd.concat([people] * 10))
    >>> fit.names, round(float(fit.coefficients[0]), 3)
    (('low_b12', '0|1', '1|2'), 2.98)
    """
    _check_arguments(weights, cluster, survey, link, robust)
    check_formula(formula, data)
    design = None if survey is None else read_design(survey, data)
    extra = [name for name in (weights, cluster) if name is not None]
    inside = None if design is None else design.inside
    matrix = build_matrix(formula, data, extra=extra, response=True, inside=inside, missing=missing)
    weight = case_weights_of(matrix, data, weights, design)
    categories = read_categories(matrix, data, weight > 0)
    chosen = partial_columns(matrix, partial)
    clusters = None if cluster is None else data[cluster].to_numpy()[matrix.kept]
    kind = _kind(design, clusters, robust, whole(weight))
    columns = coefficient_columns(matrix, chosen, categories)
    names = [column.name for column in columns]
    solved = solve_ordinal(matrix.X, categories.code, weight, partial=chosen, link=link, names=names, profile=kind == "model")
    given = {"weights": weights, "cluster": cluster, "survey": survey, "partial": partial, "robust": robust}
    given |= {} if link == "logit" else {"link": link}
    call = f"ordinal({formula!r}" + "".join(f", {name}={value!r}" for name, value in given.items() if value is not None) + ")"
    spread = _spread(weight, matrix.kept, clusters, design, kind)
    covariance = _variance(solved, len(weight), spread)
    people = data.loc[matrix.kept, list(matrix.formula.variables)]
    parts = OrdinalParts(matrix, categories, solved, weight, link, chosen, people, spread)
    fit = _fit(call, parts, covariance, kind, design)
    urgent = fit.warnings[len(matrix.notes) + len(categories.notes) :]
    if urgent:
        warnings.warn(" ".join(urgent), FitWarning, stacklevel=2)
    return fit


def _check_arguments(weights: str | None, cluster: str | None, survey: Survey | None, link: str, robust: bool | None) -> None:
    check_link(link)
    if survey is not None and (weights is not None or cluster is not None):
        raise DesignError("survey= already brings weights and clusters (psu); leave out weights= and cluster=.")
    if robust is False and (cluster is not None or survey is not None):
        raise DesignError("robust=False: the variance with cluster= or survey= is always robust; leave out one of them.")


def _kind(design: SurveyDesign | None, clusters: Any, robust: bool | None, counts: bool) -> str:
    if design is not None:
        return "survey"
    if clusters is not None:
        return "cluster"
    return "robust" if robust or (robust is None and not counts) else "model"


def _spread(weight: Floats, kept: Bools, clusters: Any, design: SurveyDesign | None, kind: str) -> Spread | None:
    """Return how influences of the rows become a variance; None where the variance is the inverse information."""
    if kind == "model":
        return None
    if design is not None:
        return lambda moved: survey_covariance(moved, design, kept)
    if clusters is None:
        return sandwich
    # clusters all of whose rows have weight 0 are no clusters
    codes, count = cluster_codes(clusters[weight > 0])
    return lambda moved: sandwich(moved[weight > 0], (codes, count), correction=True)


def _variance(solved: OrdinalSolved, n: int, spread: Spread | None) -> Floats:
    if spread is None:
        return solved.covariance(solved.bread)
    # rows of weight 0 are no part of the solution, but stay in a survey's design
    every = np.zeros((n, len(solved.parameters)))
    every[solved.order] = influence(solved.scores, solved.bread)
    return solved.covariance(spread(every))


def _fit(call: str, parts: OrdinalParts, covariance: Floats, kind: str, design: SurveyDesign | None) -> Fit:
    matrix, weight, categories, solved = parts.matrix, parts.weight, parts.categories, parts.solved
    used, rows = weight > 0, solved.rows
    share = np.bincount(rows.code, weights=rows.weight).astype(np.float64)
    null = float(share @ np.log(share / share.sum()))
    columns = coefficient_columns(matrix, solved.layout.partial, categories)
    crossing = crossing_note(solved)
    notes, terms = model_notes(matrix, [column.name for column in columns], solved, share)
    absent = {} if used.all() else {"n_zero_weight": float((~used).sum())}
    parameters = len(solved.parameters)
    return Fit(
        family=family_of(rows.link, categories, bool(solved.layout.partial.any())),
        call=call,
        columns=columns,
        coefficients=solved.coefficients,
        covariance=covariance,
        model_covariance=solved.covariance(solved.bread),
        variance=kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=np.nan,
        person_time=np.nan,
        loglik=solved.loglik,
        loglik_null=null,
        converged=True,
        iterations=solved.iterations,
        counts=level_counts(matrix, solved.layout.partial, categories, used),
        df_residual=np.inf if design is None else design.degrees_of_freedom(matrix.kept) + 1 - parameters,
        warnings=(*matrix.notes, *categories.notes, *notes, *crossing),
        term_warnings=terms,
        limits={columns[j].name: both for j, both in solved.limits.items()},
        facts={"categories": float(len(categories.labels)), "likelihood_ratio": 2 * (solved.loglik - null), **absent},
        parts={"matrix": matrix_for_prediction(matrix, parts.partial), "weights": weight, "ordinal": parts},
    )
