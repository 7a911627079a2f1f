"""Regression of counts: rate ratios by Poisson and negative binomial models, with person-time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ConvergenceError, EventCodeError
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.regression.fitting import Assembly, Likelihoods, assemble, likelihoods_of
from cobalamin.models.regression.likelihoods import POISSON, negative_binomial_of
from cobalamin.models.regression.regression import likelihood_holds
from cobalamin.models.regression.request import Penalty, Prepared, Request, Robust, prepare
from cobalamin.models.regression.solution import Rows, Solution, again, maximum
from cobalamin.models.regression.theta import Counts, Theta, estimate_theta, overdispersed
from cobalamin.models.regression.variance import variance_of
from cobalamin.models.survey import Survey

Floats = npt.NDArray[np.float64]
POISSON_FAMILY = Family("poisson", "Poisson regression", "rate ratio")
FIRTH = Family("poisson", "Poisson regression with Firth's penalty", "rate ratio")
NEGATIVE_BINOMIAL = Family("negative_binomial", "Negative binomial regression", "rate ratio")
CLEARLY = 3.0  # standard errors by which the Pearson statistic is above what Poisson counts give
MUCH = 1.5  # and the dispersion at which this matters
ALTERNATIONS = 60
STEADY = 1e-9  # relative change of theta between two alternations


def poisson(
    formula: str,
    data: pd.DataFrame,
    *,
    exposure: str | None = None,
    offset: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    robust: Robust | None = None,
    penalty: Penalty | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Poisson regression of counts: rate ratios.

    Parameters
    ----------
    formula : str
        ``"events ~ terms"``.
    data : DataFrame, n rows
        One row per person, person-interval or cell of a table.
    exposure : str, optional
        Column of person-time, above zero; its logarithm is added to the linear predictor.
    offset : str, optional
        Column added to the linear predictor as it is (already a logarithm).
    weights : str, optional
        Column of case weights: weight 2 = two rows. With weights that are not whole numbers the variance is robust.
    cluster : str, optional
        Column of clusters (the person, where a person has several rows), for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance (with ``cluster``: "HC0" or "HC1"); right also where counts vary more than Poisson counts do.
    penalty : {"firth"}, optional
        Firth's penalty: finite estimates where a level has no events. Its intervals are best taken from `profile_interval`.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log rate ratios; the intercept is the log rate per unit of person-time. A level without events has minus infinity, with a
        profile-likelihood limit. ``Fit.linear_predictor`` is per unit of time.

    Raises
    ------
    EventCodeError
        An outcome that is negative, text, or zero in every row; counts that are not whole numbers with a model-based variance.
    DataError
        Person-time that is zero, negative or infinite; more columns than rows.
    DesignError
        Arguments that exclude each other.
    ConvergenceError
        No maximum found.
    FormulaError, ColumnNotFoundError, MissingValuesError
        As `build_matrix` and `Survey` demand.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Levels without events, aliases, few events, counts that vary clearly more than Poisson counts.

    Notes
    -----
    ``log E(y) = log(person-time) + x'b``. ``glance()`` has the deviance and ``dispersion``, Pearson's chi-squared over its degrees
    of freedom. Variances as in `logistic`: R ``glm``, ``sandwich::vcovHC``, ``sandwich::vcovCL``, ``survey::svyglm``.

    References
    ----------
    Breslow NE, Day NE. Statistical methods in cancer research II. IARC 1987. Firth D. Biometrika 1993;80:27-38.
    doi:10.1093/biomet/80.1.27

    Examples
    --------
    >>> cells = pd.DataFrame({"deaths": [30, 20], "years": [1000.0, 2000.0], "smoker": [1, 0]})
    >>> poisson("deaths ~ smoker", cells, exposure="years").tidy(exponentiate=True)["estimate"].round(6).tolist()
    [0.01, 3.0]
    """
    request = Request("poisson", formula, weights, cluster, survey, exposure, offset, robust, penalty, missing)
    ready = prepare(request, data, "count")
    if likelihood_holds(ready):
        _check_whole(ready, "With robust='HC0' or cluster= only the model of the mean is used, and any number of 0 or more will do.")
    found = maximum(ready.rows, POISSON, profile=likelihood_holds(ready), firth=penalty is not None)
    values = likelihoods_of(ready, found)
    dispersion, more = _dispersion(ready, found)
    note = ("The counts vary clearly more than Poisson counts: use robust=, cluster= or negative_binomial.",)
    kind = Assembly(
        POISSON_FAMILY if penalty is None else FIRTH,
        "count",
        values.loglik,
        values.loglik_null,
        firth=True,
        facts={**values.facts, "dispersion": dispersion},
        notes=note if more and likelihood_holds(ready) else (),
    )
    return assemble(ready, found, variance_of(ready, found), kind)


def negative_binomial(
    formula: str,
    data: pd.DataFrame,
    *,
    exposure: str | None = None,
    offset: str | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    survey: Survey | None = None,
    robust: Robust | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a negative binomial regression (NB2) of counts: rate ratios where counts vary more than Poisson counts.

    Parameters
    ----------
    formula : str
        ``"events ~ terms"``.
    data : DataFrame, n rows
        One row per person or person-interval.
    exposure : str, optional
        Column of person-time, above zero; its logarithm is added to the linear predictor.
    offset : str, optional
        Column added to the linear predictor as it is (already a logarithm).
    weights : str, optional
        Column of case weights: weight 2 = two rows. With weights that are not whole numbers the variance is robust.
    cluster : str, optional
        Column of clusters, for a robust variance.
    survey : Survey, optional
        Survey design, for design-based estimates and variance.
    robust : {"HC0", "HC1", "HC2", "HC3"}, optional
        Robust variance (with ``cluster``: "HC0" or "HC1").
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Log rate ratios. ``glance()`` has ``theta`` and ``theta_std_error``; the variance of a count is ``mu + mu^2 / theta``. Theta is
        infinite, and the model a Poisson model, where counts vary no more than Poisson counts do.

    Raises
    ------
    EventCodeError
        An outcome that is negative, text, not whole, or zero in every row.
    ConvergenceError
        No maximum found.
    DataError, DesignError, FormulaError, ColumnNotFoundError, MissingValuesError
        As `poisson` demands.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Levels without events, aliases, few events, theta without a finite maximum.

    Notes
    -----
    Coefficients and theta are maximized in turn until neither moves (R ``MASS::glm.nb``). The two are orthogonal, so the variance of the
    coefficients is the inverse expected information at the estimated theta. Theta counts as a parameter in ``aic``; the deviance is
    that with theta held.

    References
    ----------
    Lawless JF. Can J Stat 1987;15:209-225. doi:10.2307/3314912. Venables WN, Ripley BD. Modern Applied Statistics with S. Springer 2002,
    section 7.4. doi:10.1007/978-0-387-21706-2

    Examples
    --------
    >>> visits = pd.DataFrame({"n": [0, 0, 1, 2, 9, 4, 0, 0, 12, 1] * 3, "treated": [0, 1] * 15})
    >>> negative_binomial("n ~ treated", visits).glance()["theta"].round(4).tolist()
    [0.5614]
    """
    request = Request("negative_binomial", formula, weights, cluster, survey, exposure, offset, robust, None, missing)
    ready = prepare(request, data, "count")
    _check_whole(ready, "For other numbers of 0 or more use poisson(..., robust='HC0').")
    found, theta = joint_maximum(ready.rows, profile=likelihood_holds(ready))
    values = _with_own_null(ready, found, theta)
    facts = {"theta": theta.value, "theta_std_error": theta.std_error, **values.facts}
    note = () if np.isfinite(theta.value) else ("The counts vary no more than Poisson counts: theta is infinite, the model is Poisson's.",)
    kind = Assembly(NEGATIVE_BINOMIAL, "count", values.loglik, values.loglik_null, other_parameters=1, facts=facts, notes=note)
    return assemble(ready, found, variance_of(ready, found), kind)


def joint_maximum(rows: Rows, *, profile: bool = False) -> tuple[Solution, Theta]:
    """Maximize coefficients and theta of negative binomial counts in turn.

    Parameters
    ----------
    rows : Rows
        Covariates, counts, weights, offset.
    profile : bool
        Whether to seek profile-likelihood limits of infinite coefficients.

    Returns
    -------
    found : Solution
        With theta held at its estimate.
    theta : Theta
        Infinite where the counts vary no more than Poisson counts.

    Raises
    ------
    ConvergenceError
        Theta does not stand still, or the coefficients do not.
    """
    used = rows.weight > 0
    counts = Counts.of(rows.y[used], rows.weight[used])
    found = maximum(rows, POISSON, profile=profile)
    if not overdispersed(counts, np.exp(found.eta[used])):
        return found, Theta(np.inf, np.nan)
    theta: Theta | None = None
    for _ in range(ALTERNATIONS):
        seen = np.isfinite(found.eta[used])
        part = counts if seen.all() else Counts.of(counts.y[seen], counts.weight[seen])
        new = estimate_theta(part, np.exp(found.eta[used][seen]), None if theta is None else theta.value)
        steady = theta is not None and abs(new.value / theta.value - 1) < STEADY
        theta = new
        if steady:
            return found, theta
        found = again(rows, found, negative_binomial_of(theta.value), profile=profile)
    value = np.nan if theta is None else theta.value
    raise ConvergenceError(
        f"theta (now {value:.4g}) does not stand still after {ALTERNATIONS} alternations. If it is large, the counts vary hardly more"
        " than Poisson counts: use poisson(..., robust='HC0'). If it is near 0, look for a few extreme counts."
    )


def _with_own_null(ready: Prepared, found: Solution, theta: Theta) -> Likelihoods:
    """Return the likelihoods, the null model with its own theta."""
    values = likelihoods_of(ready, found)
    if not ready.matrix.formula.intercept or np.isinf(theta.value):
        return values
    rows = ready.rows
    alone = Prepared(ready.request, ready.matrix, replace(rows, x=np.ones((len(rows.y), 1)), names=("Intercept",)), None, None, None)
    null, _ = joint_maximum(alone.rows)
    return replace(values, loglik_null=likelihoods_of(alone, null).loglik)


def _check_whole(ready: Prepared, advice: str) -> None:
    y = ready.rows.y
    broken = int((y != np.floor(y)).sum())
    if broken:
        name = ready.matrix.formula.response
        raise EventCodeError(f"{name}: {broken} of {len(y)} counts are not whole numbers; the likelihood of counts does not hold. {advice}")


def _dispersion(ready: Prepared, found: Solution) -> tuple[float, bool]:
    """Return Pearson's chi-squared over its degrees of freedom, and whether it is clearly above 1 for Poisson counts."""
    y, weight = found.objective.y, found.objective.weight
    eta = found.eta if len(found.eta) == len(y) else found.eta[ready.rows.weight > 0]
    with np.errstate(over="ignore"):
        mu = np.exp(eta)
    some = mu > 0
    squares = float(weight[some] @ ((y[some] - mu[some]) ** 2 / mu[some]))
    freedom = ready.size - found.z.shape[1]
    if freedom <= 0:
        return np.nan, False
    spread = float(np.sqrt(weight[some] @ (2 + 1 / mu[some])))
    if y.max(initial=0.0) <= 1:  # rows of people: an event ends a person's time, so the statistic has no chi-squared distribution
        return squares / freedom, False
    return squares / freedom, squares / freedom > MUCH and squares - freedom > CLEARLY * spread
