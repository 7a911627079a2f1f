"""Cox proportional hazards regression."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import FitWarning
from cobalamin.core.followup import FollowUp
from cobalamin.models.covariance import expand_matrix, expand_vector, influence, sandwich
from cobalamin.models.cox.cox_rows import CoxColumns, CoxRows, check_arguments, listed, read_rows
from cobalamin.models.cox.cox_scores import score_residuals, score_sums
from cobalamin.models.cox.cox_solution import Solved, solve
from cobalamin.models.cox.partial_likelihood import Ties, partial_likelihood
from cobalamin.models.cox.penalty import Penalty
from cobalamin.models.cox.risk_sets import risk_sets
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.survey import Survey, SurveyDesign, read_design, survey_covariance
from cobalamin.models.tabulate import Count, count_levels

Floats = npt.NDArray[np.float64]

COX = Family("cox", "Cox proportional hazards", "hazard ratio")


def cox(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    cluster: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    survey: Survey | None = None,
    ties: Ties = "efron",
    penalty: Penalty | None = None,
    robust: bool | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Cox proportional hazards model.

    Parameters
    ----------
    formula : str
        Covariates, one-sided: ``"log2(b12) + smoking"``.
    data : DataFrame
        One row per person or, with ``entry``, per person-interval (time-varying covariates).
    exit, event : str
        Columns with the end of follow-up and the event (0 = none, 1 = event).
    entry : str, optional
        Column with the start of follow-up: delayed entry. A row is at risk at t when ``entry < t <= exit``.
    strata : str or sequence of str, optional
        Columns; each combination of their values has its own baseline hazard.
    cluster : str, optional
        Column that groups dependent rows; the variance is then robust, clusters being independent.
    weights : str, optional
        Column of case weights: a row of weight 2 counts as two equal rows, in the estimate and in the model variance.
    offset : str, optional
        Column added to the linear predictor, with coefficient 1 (a known log hazard ratio).
    survey : Survey, optional
        Design of a complex sample: weighted estimate, Taylor-linearized variance.
    ties : {"efron", "breslow"}
        Treatment of tied events.
    penalty : "firth" or Ridge, optional
        Firth's penalty for few events or infinite coefficients, or a ridge penalty; see `cobalamin.models.cox.penalty`.
    robust : bool, optional
        Whether the variance is the sandwich. By default it is with ``cluster``, and with weights that are not whole numbers
        (they cannot be numbers of people), as in R.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        Log hazard ratios with their variance.

    Raises
    ------
    FormulaError, ColumnNotFoundError
        The formula or a column name is wrong.
    EventCodeError, FollowUpError, MissingValuesError
        Times or events that cannot be analysed.
    DataError
        No events, no rows, one-level factors, negative weights.
    DesignError
        ``survey`` together with ``weights`` or ``cluster``.

    Warns
    -----
    MissingRowsWarning
        Rows with missing values were left out.
    FitWarning
        An aliased column, an infinite coefficient, or no convergence; each also stands in ``fit.warnings``, as do few events per
        parameter. More than 1% of the distinct times that become ties by rounding.

    Notes
    -----
    The log partial likelihood is the sum over events of ``x'b - log sum over the risk set of exp(x'b)``, with Efron's mean of the tied
    denominators. Times equal up to 1.5e-8, absolutely or relative to the mean time, are ties. The cluster-robust variance has no
    G / (G - 1) correction, as in R (Stata has).
    Confidence limits are normal, with survey designs too (as R's ``svycoxph``).

    References
    ----------
    Cox DR. Regression models and life-tables. JRSS B 1972;34:187-220. doi:10.1111/j.2517-6161.1972.tb00899.x
    Andersen PK, Gill RD. Cox's regression model for counting processes. Ann Stat 1982;10:1100-1120. doi:10.1214/aos/1176345976
    Therneau TM, Grambsch PM. Modeling Survival Data. Springer 2000. doi:10.1007/978-1-4757-3294-8

    Examples
    --------
    >>> data = pd.DataFrame({"time": [9, 1, 1, 6, 6, 8], "dead": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]})
    >>> cox("x", data, exit="time", event="dead").coefficients.round(6).tolist()
    [1.676857]
    """
    columns = CoxColumns(exit, event, entry, listed(strata), cluster, weights, offset)
    check_arguments(columns, survey, data, ties)
    design = None if survey is None else read_design(survey, data)
    matrix = build_matrix(formula, data, extra=columns.extra, inside=None if design is None else design.inside, missing=missing)
    model = read_rows(data, matrix, columns, design)
    likelihood = partial_likelihood(matrix.X, risk_sets(model.follow, model.stratum, model.used, warn=True), model.weights, ties)
    if model.offset is not None:
        likelihood = likelihood.with_offset(model.offset - model.offset_center)
    solved = solve(likelihood, matrix.names, penalty)
    kind = _variance_kind(model, design, robust)
    variance = _variance(kind, solved, model, design, matrix)
    options = {"survey": survey, "ties": None if ties == "efron" else ties, "penalty": penalty, "robust": robust}
    call = _call(formula, {**columns.arguments, **options})
    return _fit(call, matrix, model, solved, kind, variance, design)


def _variance_kind(model: CoxRows, design: SurveyDesign | None, robust: bool | None) -> str:
    if design is not None:
        return "survey"
    if robust is False or (robust is None and model.clusters is None and model.whole_weights):
        return "model"
    return "robust" if model.clusters is None else "cluster"


def _variance(kind: str, solved: Solved, model: CoxRows, design: SurveyDesign | None, matrix: Matrix) -> Floats:
    if kind == "model":
        return solved.covariance
    if model.clusters is not None:
        count = model.clusters[1]
        total = score_sums(solved.likelihood, solved.b, model.weights, model.clusters)
        # the sums are rows now; a single one is refused
        meat = sandwich(total, None if count > 1 else (np.zeros(1, dtype=np.int64), count))
    else:
        scores = score_residuals(solved.likelihood, solved.b)
        if model.weights is not None:
            scores *= model.weights[:, None]
        if design is not None:
            return _blanked(survey_covariance(influence(scores, solved.full_covariance), design, matrix.kept), solved)
        meat = sandwich(scores)
    # bread, meat, bread: the same as the sandwich of influences, without an array of influences
    return _blanked(solved.full_covariance @ meat @ solved.full_covariance, solved)


def _blanked(robust: Floats, solved: Solved) -> Floats:
    robust[solved.infinite] = np.nan
    robust[:, solved.infinite] = np.nan
    return robust


def _fit(call: str, matrix: Matrix, model: CoxRows, solved: Solved, kind: str, variance: Floats, design: SurveyDesign | None) -> Fit:
    follow, keep = model.follow, solved.keep
    used = np.ones(len(follow), dtype=bool) if model.used is None else model.used
    notes = (*matrix.notes, *solved.warnings)
    for text in solved.urgent:
        python_warnings.warn(text, FitWarning, stacklevel=3)
    return Fit(
        family=COX,
        call=call,
        columns=matrix.columns,
        coefficients=expand_vector(solved.coefficients, keep),
        covariance=expand_matrix(variance, keep),
        model_covariance=expand_matrix(solved.covariance, keep),
        variance=kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(follow.event[used].sum()),
        person_time=follow.person_time if used.all() else float(_at_risk(follow)[used].sum()),
        loglik=solved.loglik,
        loglik_null=solved.loglik_null,
        converged=solved.converged,
        iterations=solved.iterations,
        counts=_counts(matrix, follow, used),
        warnings=notes,
        term_warnings=solved.term_warnings,
        limits=solved.limits,
        facts=_facts(model, solved, design, matrix),
        parts={
            "matrix": matrix,
            "follow_up": follow,
            "stratum": model.stratum,
            "weights": model.weights,
            "cluster": model.cluster,
            "solved": solved,
            "design": design,
            "clusters": model.clusters,
            "strata": model.strata,
            "offset": model.offset,
            "offset_center": model.offset_center,
            "offset_name": model.offset_name,
        },
    )


def _at_risk(follow: FollowUp) -> Floats:
    return np.asarray(follow.exit - np.where(np.isfinite(follow.entry), follow.entry, 0.0))


def _counts(matrix: Matrix, follow: FollowUp, used: npt.NDArray[np.bool_]) -> Mapping[tuple[str, str], Count]:
    """Rows, events and person-time of each level; nothing is made where there is no factor."""
    if not matrix.factors:
        return {}
    return count_levels(matrix, follow.event.astype(np.float64), _at_risk(follow), used)


def _facts(model: CoxRows, solved: Solved, design: SurveyDesign | None, matrix: Matrix) -> Mapping[str, float]:
    facts = {"likelihood_ratio": 2 * (solved.loglik - solved.loglik_null)}
    if model.used is not None and not model.used.all():
        facts["n_zero_weight"] = float((~model.used).sum())
    if model.stratum is not None:
        facts["n_strata"] = float(model.n_strata)
    if model.clusters is not None:
        facts["n_clusters"] = float(model.clusters[1])
    if design is not None:
        facts |= {"n_psu": float(design.n_psu), "design_df": float(design.degrees_of_freedom(matrix.kept))}
    return {**facts, **solved.facts}


def _call(formula: str, arguments: Mapping[str, Any]) -> str:
    given = "".join(f", {name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"cox({formula!r}, data{given})"
