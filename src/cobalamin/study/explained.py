"""What the report shows of single models: are hazards proportional, and what is the shape along a number?"""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

from cobalamin.core.errors import CobalaminWarning, DataError
from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.models.after.subgroups import subgroup_effects
from cobalamin.models.after.wald import nonlinear_columns, wald_of, wald_test
from cobalamin.models.figures.figure_data import SMOOTH_DF, dose_response_estimates, ph_estimates
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.terms import term_columns
from cobalamin.study.fitting import fit_frame, fit_model, known_terms, refuse_unknown_terms, squeeze
from cobalamin.study.protocol_rules import terms_of
from cobalamin.study.sections import DoseResponseSection, ModelSection, ProportionalHazardsSection, SubgroupsSection

# a smooth takes at least five events per degree of freedom
EVENTS_PER_DF = 5
# splines whose first column is the straight line
_LINE_FIRST = ("rcs(", "ns(")


def hazards_rows(fit: Fit, model: ModelSection, spec: ProportionalHazardsSection, *, outcome: str, unit: str) -> Estimates:
    """Return the test of proportional hazards of every term, and the coefficients over time of some.

    Parameters
    ----------
    fit : Fit
        The fitted Cox model.
    model : ModelSection
        The model of the protocol.
    spec : ProportionalHazardsSection
        Terms to draw (by default those the model shows) and scale of time.
    outcome, unit : str
        For the rows.

    Returns
    -------
    Estimates
        Analysis ``proportional hazards``. With few events the smooth has fewer degrees of freedom.

    Raises
    ------
    ProtocolError
        A term that the model does not have.
    DataError
        Fewer than ten events.
    """
    refuse_unknown_terms(spec.terms, fit, model, "[report.proportional_hazards] terms")
    df = min(SMOOTH_DF, max(2, int(fit.events // EVENTS_PER_DF)))
    rows = ph_estimates(fit, model=model.name, outcome=outcome, transform=spec.transform, df=df, unit=unit)
    terms = known_terms(fit)
    wanted = {terms[squeeze(name)] for name in spec.terms or model.show}
    drawn = rows.frame["term"].isin(wanted) if wanted else True
    return Estimates.from_frame(rows.frame.loc[(rows.frame["context"] == "diagnostic") | drawn])


def dose_rows(fit: Fit, model: ModelSection, spec: DoseResponseSection, cohort: Cohort, *, outcome: str) -> Estimates:
    """Return the ratio along a number relative to its reference, with the distribution of the number.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    model : ModelSection
        The model of the protocol.
    spec : DoseResponseSection
        Variable, reference, scale.
    cohort : Cohort
        The cohort the model was fitted on.
    outcome : str
        For the rows.

    Returns
    -------
    Estimates
        Analysis ``dose-response``.

    Raises
    ------
    DataError, DesignError
        As `dose_response_estimates`.
    """
    data, unit = fit_frame(model, cohort), spec.unit or unit_of(spec.variable, cohort.design)
    names: dict[str, Any] = {"model": model.name, "outcome": outcome, "unit": unit}
    return dose_response_estimates(fit, spec.variable, data, reference=spec.reference, log=spec.log, **names)


def subgroup_rows(model: ModelSection, spec: SubgroupsSection, cohort: Cohort, data: pd.DataFrame | None, *, outcome: str) -> Estimates:
    """Return the exposure's effect within subgroups, with tests of interaction.

    Parameters
    ----------
    model : ModelSection
        The model of the protocol.
    spec : SubgroupsSection
        Exposure and columns.
    cohort : Cohort
        The cohort the model was fitted on.
    data : DataFrame or None
        Rows of first visits, for a model of these.
    outcome : str
        For the rows.

    Returns
    -------
    Estimates
        Analysis ``subgroups``.

    Raises
    ------
    DataError
        As `subgroup_effects`.
    """
    left = model.formula.split("~")[0].strip() if "~" in model.formula else ""
    adjust = " + ".join(term for term in terms_of(model.formula) if term != spec.exposure)

    def refit(formula: str, rows: pd.DataFrame) -> Fit:
        return fit_model(model.model_copy(update={"formula": formula}), cohort, rows)

    frame = fit_frame(model, cohort) if data is None else data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CobalaminWarning)  # of the joint effects; the estimates carry their own
        found = subgroup_effects(refit, frame, exposure=spec.exposure, subgroups=list(spec.by), adjust=adjust, outcome=left)
    return found.estimates("subgroups", outcome, model.name)


def unit_of(variable: str, design: Design) -> str:
    """Return the unit of a column of the cohort.

    Parameters
    ----------
    variable : str
        An exposure or covariate.
    design : Design
        Which names their units.

    Returns
    -------
    str
        Empty where none is given.
    """
    parts = (*design.exposures, *design.covariates)
    return next((str(part.unit) for part in parts if part.name == variable), "")


def wald_rows(fit: Fit, model: ModelSection, *, outcome: str) -> Estimates:
    """Return the test of every term that has several coefficients, and of what a spline has beyond its straight line.

    Parameters
    ----------
    fit : Fit
        The fitted model.
    model : ModelSection
        The model of the protocol.
    outcome : str
        For the rows.

    Returns
    -------
    Estimates
        Diagnostic rows of the model: ``wald test`` (value chi-squared, p), ``non-linearity test``, and the same with `` df``. A term
        with an infinite coefficient has none.
    """
    rows: list[dict[str, Any]] = []
    for term, where in term_columns(fit).items():
        if len(where) < 2:
            continue
        try:
            found: dict[str, Any] = {"wald test": wald_test(fit, term).iloc[0].to_dict()}
            if squeeze(term).startswith(_LINE_FIRST):
                found["non-linearity test"] = wald_of(fit, nonlinear_columns(fit, term))
        except DataError:
            continue
        for name, test in found.items():
            rows.append({"term": term, "measure": name, "value": test["chi2"], "p": test["p_value"]})
            rows.append({"term": term, "measure": f"{name} df", "value": float(test["df"])})
    return Estimates.from_rows(rows, analysis=model.role, context="diagnostic", model=model.name, outcome=outcome)
