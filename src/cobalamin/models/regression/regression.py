"""Regression of 0/1 outcomes and of numbers: odds ratios and mean differences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import whole
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.fitting import Assembly, assemble, likelihoods_of
from cobalamin.models.regression.likelihoods import GAUSSIAN, LOGIT
from cobalamin.models.regression.request import Penalty, Prepared, Request, Robust, prepare, refuse_person_time
from cobalamin.models.regression.solution import Solution, maximum
from cobalamin.models.regression.variance import variance_of
from cobalamin.models.survey import Survey

Floats = npt.NDArray[np.float64]
LINEAR = Family("linear", "Linear regression", "mean difference", ratio=False)
LOGISTIC = Family("logistic", "Logistic regression", "odds ratio")
FIRTH = Family("logistic", "Logistic regression with Firth's penalty", "odds ratio")
PERFECT = 1e-14  # share of the variance of an outcome that is left: rounding error


def logistic(
    formula: str,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    exposure: str | None = None,
    offset: str | None = None,
    robust: Robust | None = None,
    penalty: Penalty | None = None,
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
    offset : str, optional
        Column added to the linear predictor.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance (with ``cluster``: "HC0" or "HC1").
    penalty : {"firth"}, optional
        Firth's penalty: finite estimates where the outcome is separated, less bias where events are few. Its intervals are best
        taken from `profile_interval`.
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
        ``exposure``, ``survey`` together with ``weights`` or ``cluster``, or a penalty together with a robust variance.
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
    Variances: ``model`` = inverse information (R ``glm``); ``robust`` = sandwich by row (R ``sandwich::vcovHC``; "HC0", without
    correction, where weights are not whole); ``cluster`` = sandwich of summed scores times G / (G - 1) for G
    clusters, no further correction (R ``sandwich::vcovCL`` with its default for glm); ``survey`` = Taylor linearization, with t
    statistics on units - strata + 1 - parameters degrees of freedom (R ``survey::svyglm(family = quasibinomial)``); its
    log-likelihood is that of weights scaled to mean 1 and serves no test. With the penalty ``loglik`` is the penalised one, and the
    variance the inverse information at the penalised estimate (R ``brglm2``).

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. doi:10.1093/biomet/80.1.27. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    doi:10.1002/sim.1047

    Examples
    --------
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> logistic("ill ~ exposed", people).tidy(exponentiate=True)["estimate"].round(6).tolist()
    [0.333333, 6.0]
    """
    refuse_person_time(exposure, "logistic")
    request = Request("logistic", formula, weights, cluster, survey, None, offset, robust, penalty, missing)
    ready = prepare(request, data, "binary")
    found = maximum(ready.rows, LOGIT, profile=likelihood_holds(ready), firth=penalty is not None)
    values = likelihoods_of(ready, found)
    family = LOGISTIC if penalty is None else FIRTH
    kind = Assembly(family, "binary", values.loglik, values.loglik_null, firth=True, facts=values.facts)
    return assemble(ready, found, variance_of(ready, found), kind)


def likelihood_holds(ready: Prepared) -> bool:
    """Return whether rows are independent people, so that the likelihood gives limits.

    Parameters
    ----------
    ready : Prepared
        Request and data.

    Returns
    -------
    bool
        False for clusters, surveys, weights that do not count people and robust variances.
    """
    return ready.counts_people and ready.clusters is None and ready.request.robust is None


def linear(
    formula: str,
    data: pd.DataFrame,
    *,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    exposure: str | None = None,
    offset: str | None = None,
    robust: Robust | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a linear regression of a number: mean differences with t intervals.

    Parameters
    ----------
    formula : str
        ``"outcome ~ terms"``; the outcome may be ``log(y)``.
    data : DataFrame, n rows
        One row per person.
    weights : str, optional
        Column of case weights: weight 2 = two people. With weights that are not whole numbers the variance is robust ("HC1").
    cluster : str, optional
        Column of clusters, for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    exposure : str, optional
        Not for this model; refused, so that it is never ignored.
    offset : str, optional
        Column added to the linear predictor.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance (with ``cluster``: "HC0" or "HC1").
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Mean differences, NaN for aliases. ``glance()`` has ``sigma``, ``r_squared``, ``adjusted_r_squared`` and ``df_residual``.

    Raises
    ------
    EventCodeError
        An outcome of text or categories.
    DataError
        An outcome that is the same in every row, or no degrees of freedom left.
    DesignError
        ``exposure``, or arguments that exclude each other.
    FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Aliases, or an outcome that the covariates tell exactly.

    Notes
    -----
    ``sigma^2 = sum w (y - x'b)^2 / (n - p)``, n the number of people. t statistics have n - p degrees of freedom, with clusters G - 1
    (as Stata; R's ``coeftest`` takes n - p). ``cluster`` = sandwich of summed scores times G / (G - 1) times (n - 1) / (n - p) (R
    ``sandwich::vcovCL`` for lm, Stata ``regress``); with ``robust="HC0"`` without the last factor. ``survey`` as R ``svyglm``. The
    log-likelihood is that of R's ``lm``, and sigma counts as a parameter in ``aic``.

    References
    ----------
    MacKinnon JG, White H. J Econometrics 1985;29:305-325. doi:10.1016/0304-4076(85)90158-7

    Examples
    --------
    >>> people = pd.DataFrame({"b12": [300.0, 340.0, 210.0, 250.0], "metformin": [0, 0, 1, 1]})
    >>> linear("b12 ~ metformin", people).tidy()["estimate"].round(6).tolist()
    [320.0, -90.0]
    """
    refuse_person_time(exposure, "linear")
    request = Request("linear", formula, weights, cluster, survey, None, offset, robust, None, missing)
    ready = prepare(request, data, "number")
    spread = float(ready.rows.y[ready.rows.weight > 0].std())
    found = maximum(ready.rows, GAUSSIAN, scale=spread)
    freedom = ready.size - found.z.shape[1]
    if freedom <= 0:
        raise DataError(
            f"formula: {found.z.shape[1]} coefficients for {ready.size:g} rows leave no degrees of freedom: the fit is exact and has no"
            " standard errors. Leave out terms or merge levels."
        )
    kind = _linear_kind(ready, found, freedom)
    default: Robust | None = "HC1" if cluster is not None or not whole(ready.rows.weight) else None
    variance = variance_of(ready, found, dispersion=kind.facts["sigma"] ** 2, default=default)
    return assemble(ready, found, variance, kind)


def _linear_kind(ready: Prepared, found: Solution, freedom: float) -> Assembly:
    """Return R squared, sigma and the log-likelihood of normal errors."""
    values = likelihoods_of(ready, found)
    n, total = ready.size, float(found.objective.weight.sum())
    # weights that do not count people are brought to mean 1
    left, null = values.deviance / total * n, values.deviance_null / total * n
    intercept = int(ready.matrix.formula.intercept)
    unexplained = left / null
    facts = {
        "sigma": float(np.sqrt(left / freedom)),
        "r_squared": 1 - unexplained,
        "adjusted_r_squared": 1 - unexplained * (n - intercept) / freedom,
        "df_residual": freedom,
        **values.facts,
    }
    note = () if unexplained > PERFECT else ("The covariates tell the outcome exactly: standard errors are rounding errors.",)
    clusters = ready.clusters
    df = freedom if clusters is None else float(len(pd.unique(clusters[ready.rows.weight > 0])) - 1)
    return Assembly(LINEAR, "number", _normal(left, n), _normal(null, n), df_residual=df, other_parameters=1, facts=facts, notes=note)


def _normal(squares: float, n: float) -> float:
    with np.errstate(divide="ignore"):
        return float(-n / 2 * (np.log(2 * np.pi * squares / n) + 1))
