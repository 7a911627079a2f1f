"""Cox proportional hazards regression for interval-censored times, with delayed entry."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.models.covariance import expand_matrix, expand_vector
from cobalamin.models.cox.newton import Solution, covariance_of, find_aliases
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.cox.sweeps import column_facts
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import case_weights, whole
from cobalamin.models.interval.interval_data import IntervalData, marked_missing, read_intervals
from cobalamin.models.interval.interval_hazard import HazardProblem, hazard_problem
from cobalamin.models.interval.interval_npmle import HazardEstimate
from cobalamin.models.interval.interval_profile import ProfileLikelihood, profile_covariance
from cobalamin.models.likelihood.climb import climb, finite_limit, unbounded
from cobalamin.models.likelihood.notes import few_events_text, term_texts
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.regression.algebra import independent_columns
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

INTERVAL_COX = Family("interval_cox", "Cox proportional hazards, interval-censored", "hazard ratio")
_LIMIT_ROWS = 20_000  # up to here the finite limit of an infinite coefficient is looked for


def interval_cox(
    formula: str,
    data: pd.DataFrame,
    *,
    lower: str,
    upper: str,
    entry: str | None = None,
    weights: str | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a Cox model to times known only to lie in an interval, the baseline hazard left free.

    Parameters
    ----------
    formula : str
        Covariates, one-sided: ``"log2(b12) + smoking"``.
    data : DataFrame, n rows
        One row per person; the event happened in ``(lower, upper]``.
    lower, upper : str
        Columns of the last time known to be free of the event and the first time known to have had it. ``upper`` missing or
        infinite: right-censored at ``lower``. ``lower`` missing: left-censored at ``upper``. Both equal: an exact time.
    entry : str, optional
        Column of the start of observation (left truncation: people whose event came before are not in the data).
    weights : str, optional
        Column of whole case weights: weight 2 = two people.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        Log hazard ratios. ``covariance`` is that of the profile likelihood; ``model_covariance`` is the inverse information with the
        jump times of the baseline held fixed. `interval_baseline` gives the survival curve.

    Raises
    ------
    FormulaError, ColumnNotFoundError
        The formula or a column name is wrong.
    FollowUpError, MissingValuesError
        Bounds that cannot be analysed.
    DataError
        No events, no rows, weights that are not whole.
    ConvergenceError
        The likelihood was not maximised.

    Warns
    -----
    MissingRowsWarning
        Rows with missing values (both bounds missing, too) were left out.
    FitWarning
        An aliased column, an infinite coefficient, or no convergence; each also stands in ``fit.warnings``.

    Notes
    -----
    The nonparametric maximum likelihood estimate of Zeng, Mao and Lin: the cumulative baseline hazard L is any rising function, and a row
    adds ``log[exp(-r (L(lower) - L(entry))) - exp(-r (L(upper) - L(entry)))]`` with ``r = exp(x'b)``. An exact time adds its hazard
    mass times survival, so that exact data give Breslow's estimate for a Cox model; common visit times give the complementary
    log-log model. Where Zeng et al. climb by EM, this takes Newton steps in ``b`` on the profile likelihood, with the baseline at its
    maximum (Karush-Kuhn-Tucker conditions checked) for every ``b``; it is the same maximum.

    The variance is the inverse of second differences of the profile likelihood over one standard error. With continuous visit times
    the cumulative hazard converges slower than the coefficients and has no standard error.

    References
    ----------
    Zeng D, Mao L, Lin DY. Maximum likelihood estimation for semiparametric transformation models with interval-censored data.
    Biometrika 2016;103:253-271. doi:10.1093/biomet/asw013
    Gao F, Zeng D, Couper D, Lin DY. Semiparametric regression analysis of multiple right- and interval-censored events. JASA
    2019;114:1232-1240. doi:10.1080/01621459.2018.1482756 (exact and interval-censored times together)
    Alioum A, Commenges D. Biometrics 1996;52:512-524. doi:10.2307/2532891 (left truncation)

    Examples
    --------
    >>> visits = pd.DataFrame({"free": [0, 0, 1, 1, 2, 0], "ill": [1, 2, 2, 3, None, 1], "x": [1, 0, 1, 0, 1, 0]})
    >>> interval_cox("x", visits, lower="free", upper="ill").names
    ('x',)
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, [name for name in (entry, weights) if name is not None])
    marked, blank = marked_missing(data, lower, upper)
    extra = [blank, *(name for name in (entry, weights) if name is not None)]
    matrix = build_matrix(formula, marked, extra=extra, missing=missing)
    rows = data if matrix.kept.all() else data.loc[matrix.kept]
    times = read_intervals(rows, lower=lower, upper=upper, entry=entry)
    weight = _whole_weights(rows, weights)
    solved = _solve(matrix, times, weight, upper)
    arguments = {"lower": lower, "upper": upper, "entry": entry, "weights": weights}
    return _fit(_call(formula, arguments), matrix, times, weight, solved, upper)


@dataclass(frozen=True, eq=False)
class IntervalSolved:
    """A maximised profile likelihood, on the scale of the data.

    Attributes
    ----------
    problem : HazardProblem
        The data with positive weight.
    baseline : HazardEstimate
        Hazard masses at covariates equal to ``center``.
    keep : ndarray of bool, shape (p,)
        Columns that are not aliases.
    infinite : ndarray of bool, shape (k,)
        Kept columns without a finite maximum.
    center, scale : ndarray, shape (k,)
        What standardised the kept columns.
    solution : Solution
        Coefficients of the standardised columns.
    loglik_null : float
        Without covariates.
    model, profile : ndarray, shape (k, k)
        Variances on the scale of the data.
    limits : mapping of int to (low, high)
        Limits of infinite coefficients.
    used : ndarray of bool, shape (n,)
        Rows with positive weight.
    """

    problem: HazardProblem
    baseline: HazardEstimate
    keep: Bools
    infinite: Bools
    center: Floats
    scale: Floats
    solution: Solution
    loglik_null: float
    model: Floats
    profile: Floats
    limits: Mapping[int, tuple[float, float]]
    used: Bools


def _whole_weights(rows: pd.DataFrame, weights: str | None) -> Floats:
    weight = case_weights(rows, weights)
    if not whole(weight):
        raise DataError(
            f"{weights}: weights must be whole numbers of people here; repeat the fit over bootstrap samples for other weights."
        )
    if not (weight > 0).any():
        raise DataError("No row in the model has a weight above zero.")
    return weight


def _solve(matrix: Matrix, times: IntervalData, weight: Floats, upper: str) -> IntervalSolved:
    used = weight > 0
    if not (times.happened & used).any():
        raise DataError(f"{upper}: no events in the {len(times)} rows used; a hazard ratio cannot be estimated.")
    center, scale, _ = column_facts(matrix.X[used])
    z = (matrix.X[used] - center) / scale
    problem = hazard_problem(times.take(used), weight[used], density=True)
    keep, likelihood, null = _informative(problem, z)
    low, high = (likelihood.z.min(axis=0), likelihood.z.max(axis=0)) if keep.any() else (np.zeros(0), np.zeros(0))
    solution = climb(likelihood.evaluate, np.zeros(len(low)), high - low)
    infinite = unbounded(solution, low, high)
    baseline = likelihood.baseline(solution.b)
    inverse = covariance_of(solution.value.information)
    limits = _limits(likelihood, solution, infinite)
    profile = profile_covariance(likelihood, solution.b, inverse, ~infinite)
    units = np.outer(scale[keep], scale[keep])
    blank = np.where(infinite[:, None] | infinite, np.nan, 1.0) / units
    return IntervalSolved(
        problem, baseline, keep, infinite, center[keep], scale[keep], solution, null.loglik, inverse * blank, profile * blank, limits, used
    )


def _informative(problem: HazardProblem, z: Floats) -> tuple[Bools, ProfileLikelihood, Evaluation]:
    """Leave out columns that are combinations of others, and those of which the times say nothing."""
    keep = independent_columns(z)
    likelihood = ProfileLikelihood(problem, np.ascontiguousarray(z[:, keep]))
    null = likelihood.evaluate(np.zeros(likelihood.z.shape[1]))
    told, _ = find_aliases(null.information, float(len(problem.within) + len(problem.points)))
    if told.all():
        return keep, likelihood, null
    keep[np.flatnonzero(keep)[~told]] = False
    likelihood = ProfileLikelihood(problem, np.ascontiguousarray(z[:, keep]))
    return keep, likelihood, likelihood.evaluate(np.zeros(likelihood.z.shape[1]))


def _limits(likelihood: ProfileLikelihood, solution: Solution, infinite: Bools) -> dict[int, tuple[float, float]]:
    limits: dict[int, tuple[float, float]] = {}
    for j in map(int, np.flatnonzero(infinite)):
        finite = np.nan
        if len(likelihood.z) <= _LIMIT_ROWS:
            finite = finite_limit(likelihood.evaluate, solution.b, j, solution.value.loglik)
        limits[j] = (finite, np.inf) if solution.b[j] > 0 else (-np.inf, finite)
    return limits


def _fit(call: str, matrix: Matrix, times: IntervalData, weight: Floats, solved: IntervalSolved, upper: str) -> Fit:
    urgent, terms = _texts(matrix, solved)
    for text in urgent:
        python_warnings.warn(text, FitWarning, stacklevel=3)
    solution, b = solved.solution, solved.solution.b
    places = np.flatnonzero(solved.keep)
    events = times.happened.astype(np.float64)
    return Fit(
        family=INTERVAL_COX,
        call=call,
        columns=matrix.columns,
        coefficients=expand_vector(np.where(solved.infinite, np.copysign(np.inf, b), b / solved.scale), solved.keep),
        covariance=expand_matrix(solved.profile, solved.keep),
        model_covariance=expand_matrix(solved.model, solved.keep),
        variance="profile",
        n=int(solved.used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(events[solved.used].sum()),
        person_time=np.nan,
        loglik=solution.value.loglik,
        loglik_null=solved.loglik_null,
        converged=solution.converged,
        iterations=solution.iterations,
        counts=count_levels(matrix, events, used=solved.used),
        warnings=(*matrix.notes, *urgent, *few_events_text(float(events[solved.used].sum()), len(b))),
        term_warnings=terms,
        limits={
            matrix.names[places[j]]: (float(low / solved.scale[j]), float(high / solved.scale[j]))
            for j, (low, high) in solved.limits.items()
        },
        facts=_facts(times.take(solved.used), solved),
        parts={"matrix": matrix, "intervals": times, "weights": weight, "solved": solved, "upper": upper},
    )


def _facts(times: IntervalData, solved: IntervalSolved) -> dict[str, float]:
    return {
        "likelihood_ratio": 2 * (solved.solution.value.loglik - solved.loglik_null),
        "n_exact": float(times.exact.sum()),
        "n_right_censored": float((~times.happened).sum()),
        "n_support": float((solved.baseline.mass > 0).sum() + solved.problem.endless.sum()),
    }


def _texts(matrix: Matrix, solved: IntervalSolved) -> tuple[tuple[str, ...], dict[str, str]]:
    terms = term_texts(matrix.names, matrix.X[solved.used], solved.keep, solved.infinite, solved.solution.b)
    lost = "no convergence: the estimates are not the maximum of the likelihood."
    return (*terms.values(), *(() if solved.solution.converged else (lost,))), terms


def _call(formula: str, arguments: Mapping[str, Any]) -> str:
    given = "".join(f", {name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"interval_cox({formula!r}, data{given})"
