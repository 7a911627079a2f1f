"""Regression of risks: risk ratios and risk differences of 0/1 outcomes."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from cobalamin.core.errors import ConvergenceError, DesignError
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.fitting import Assembly, assemble, likelihoods_of
from cobalamin.models.regression.likelihoods import GAUSSIAN, IDENTITY_BINOMIAL, LOG_BINOMIAL, POISSON
from cobalamin.models.regression.regression import likelihood_holds
from cobalamin.models.regression.request import Prepared, Request, Robust, prepare, refuse_person_time
from cobalamin.models.regression.solution import Solution, maximum
from cobalamin.models.regression.variance import variance_of
from cobalamin.models.survey import Survey

RatioMethod = Literal["poisson", "log-binomial"]
DifferenceMethod = Literal["auto", "binomial", "linear"]
MODIFIED_POISSON = Family("risk_ratio", "Modified Poisson regression (robust variance)", "risk ratio")
LOG_BINOMIAL_FAMILY = Family("risk_ratio", "Log-binomial regression", "risk ratio")
BINOMIAL = Family("risk_difference", "Binomial regression with identity link", "risk difference", ratio=False)
LINEAR_PROBABILITY = Family("risk_difference", "Linear probability regression (robust variance)", "risk difference", ratio=False)


def risk_ratio(
    formula: str,
    data: pd.DataFrame,
    *,
    method: RatioMethod = "poisson",
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    exposure: str | None = None,
    offset: str | None = None,
    robust: Robust | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a regression of a 0/1 outcome whose coefficients are log risk ratios.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"``.
    data : DataFrame, n rows
        One row per person, all followed for the same time.
    method : {"poisson", "log-binomial"}
        Modified Poisson regression, which always has a solution and has a robust variance; or the likelihood of the risks
        themselves, which is more precise but may have no maximum inside its border (a fitted risk of 1).
    weights : str, optional
        Column of case weights: weight 2 = two people. With weights that are not whole numbers the variance is robust.
    cluster : str, optional
        Column of clusters, for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    exposure : str, optional
        Not for this model; refused, so that it is never ignored.
    offset : str, optional
        Column added to the linear predictor.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance; ``"HC0"`` by default with ``method="poisson"`` (with ``cluster``: "HC0" or "HC1").
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log risk ratios; the intercept is the log risk at the reference.

    Raises
    ------
    EventCodeError
        An outcome that is not 0/1 or boolean, or the same for everybody.
    ConvergenceError
        With ``method="log-binomial"``: the likelihood has no maximum inside its border.
    DesignError
        An unknown method, ``exposure``, or arguments that exclude each other.
    DataError, FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Levels without events, aliases, few events, fitted risks above 1.

    Notes
    -----
    Modified Poisson: the score of Poisson regression is unbiased for any outcome with ``log E(y) = x'b``; its model variance is not
    right for 0/1 outcomes and is never given. HC0 is Zou's (R ``sandwich(glm(..., poisson))``); SAS and Stata multiply it by n / (n - 1).
    ``loglik`` is then NaN. Log-binomial: R ``glm(..., binomial("log"))``.

    References
    ----------
    Zou G. A modified Poisson regression approach to prospective studies with binary data. Am J Epidemiol 2004;159:702-706.
    doi:10.1093/aje/kwh090. Wacholder S. Am J Epidemiol 1986;123:174-184. doi:10.1093/oxfordjournals.aje.a114212

    Examples
    --------
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> risk_ratio("ill ~ exposed", people).tidy(exponentiate=True)["estimate"].round(6).tolist()
    [0.25, 2.666667]
    """
    if method not in get_args(RatioMethod):
        raise DesignError(f"method: got {method!r}; expected one of {', '.join(get_args(RatioMethod))}.")
    refuse_person_time(exposure, "risk ratio")
    shown = {} if method == "poisson" else {"method": method}
    request = Request("risk_ratio", formula, weights, cluster, survey, None, offset, robust, None, missing, shown)
    ready = prepare(request, data, "binary")
    if method == "poisson":
        found = maximum(ready.rows, POISSON, profile=False)
        kind = Assembly(MODIFIED_POISSON, "binary", np.nan, np.nan, notes=_beyond(ready, found))
        return assemble(ready, found, variance_of(ready, found, default="HC0"), kind)
    found = maximum(ready.rows, LOG_BINOMIAL, profile=likelihood_holds(ready))
    values = likelihoods_of(ready, found)
    kind = Assembly(LOG_BINOMIAL_FAMILY, "binary", values.loglik, values.loglik_null, facts=values.facts)
    return assemble(ready, found, variance_of(ready, found), kind)


def risk_difference(
    formula: str,
    data: pd.DataFrame,
    *,
    method: DifferenceMethod = "auto",
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    exposure: str | None = None,
    offset: str | None = None,
    robust: Robust | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a regression of a 0/1 outcome whose coefficients are risk differences.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"``.
    data : DataFrame, n rows
        One row per person, all followed for the same time.
    method : {"auto", "binomial", "linear"}
        Binomial likelihood with identity link, which may have no maximum inside its border (fitted risks of 0 or 1); linear
        probability regression with a robust variance, which always has a solution; or ("auto") the first where it has a maximum, else the
        second with a warning that says so. The title of the result names the one used.
    weights : str, optional
        Column of case weights: weight 2 = two people. With weights that are not whole numbers the variance is robust.
    cluster : str, optional
        Column of clusters, for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    exposure : str, optional
        Not for this model; refused, so that it is never ignored.
    offset : str, optional
        Column added to the linear predictor.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance; ``"HC0"`` by default for the linear method (with ``cluster``: "HC0" or "HC1").
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Risk differences; the intercept is the risk at the reference.

    Raises
    ------
    EventCodeError
        An outcome that is not 0/1 or boolean, or the same for everybody.
    ConvergenceError
        With ``method="binomial"``: the likelihood has no maximum inside its border.
    DesignError
        An unknown method, ``exposure``, or arguments that exclude each other.
    DataError, FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        The fall from binomial to linear, aliases, few events, fitted risks outside 0 to 1.

    Notes
    -----
    Binomial: R ``glm(..., binomial("identity"))``. Linear: least squares with R ``sandwich::vcovHC(type = "HC0")`` and normal
    statistics; of two groups both give the difference of proportions with ``sqrt(p1 q1 / n1 + p0 q0 / n0)``.

    References
    ----------
    Cheung YB. A modified least-squares regression approach to the estimation of risk difference. Am J Epidemiol 2007;166:1337-1344.
    doi:10.1093/aje/kwm223. Spiegelman D, Hertzmark E. Am J Epidemiol 2005;162:199-200. doi:10.1093/aje/kwi188

    Examples
    --------
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> risk_difference("ill ~ exposed", people).tidy()["estimate"].round(6).tolist()
    [0.25, 0.416667]
    """
    if method not in get_args(DifferenceMethod):
        raise DesignError(f"method: got {method!r}; expected one of {', '.join(get_args(DifferenceMethod))}.")
    refuse_person_time(exposure, "risk difference")
    shown = {} if method == "auto" else {"method": method}
    request = Request("risk_difference", formula, weights, cluster, survey, None, offset, robust, None, missing, shown)
    ready = prepare(request, data, "binary")
    fallen: tuple[str, ...] = ()
    if method != "linear":
        try:
            return _binomial(ready)
        except ConvergenceError:
            if method == "binomial":
                raise
            fallen = ("The binomial likelihood has no maximum inside its border: linear probability regression instead.",)
    found = maximum(ready.rows, GAUSSIAN)
    kind = Assembly(LINEAR_PROBABILITY, "binary", np.nan, np.nan, notes=fallen + _beyond(ready, found))
    return assemble(ready, found, variance_of(ready, found, default="HC0"), kind)


def _binomial(ready: Prepared) -> Fit:
    found = maximum(ready.rows, IDENTITY_BINOMIAL)
    values = likelihoods_of(ready, found)
    kind = Assembly(BINOMIAL, "binary", values.loglik, values.loglik_null, facts=values.facts)
    return assemble(ready, found, variance_of(ready, found), kind)


def _beyond(ready: Prepared, found: Solution) -> tuple[str, ...]:
    """Say where fitted risks are no risks."""
    with np.errstate(over="ignore"):
        risk = found.objective.likelihood.mean(found.eta[ready.rows.weight > 0])
    slack = 1e-9
    if risk.max() > 1 + slack or risk.min() < -slack:
        return ("Some fitted risks are outside 0 to 1: the effects are averages over these rows too, predictions are not to be used.",)
    return ()
