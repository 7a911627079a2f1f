"""Accelerated failure time models: parametric regression of exact, censored, interval-censored and left-truncated times."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FitWarning, FollowUpError, did_you_mean
from cobalamin.core.followup import follow_up
from cobalamin.models.covariance import cluster_codes, expand_matrix, expand_vector, influence, sandwich
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import whole
from cobalamin.models.interval.interval_data import IntervalData, from_follow_up, marked_missing, read_intervals
from cobalamin.models.likelihood.notes import few_events_text, term_texts
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, refuse_follow_up, require_columns
from cobalamin.models.parametric.aft_curve import AftCurve
from cobalamin.models.parametric.aft_solution import AftSolved, solve_aft
from cobalamin.models.survey import read_weights
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Distribution = Literal["weibull", "exponential", "lognormal", "loglogistic", "generalized_gamma", "gaussian"]

INTERCEPT, LOG_SCALE, SHAPE = "(Intercept)", "log(scale)", "shape"
_TITLES = {
    "weibull": "Weibull",
    "exponential": "Exponential",
    "lognormal": "Log-normal",
    "loglogistic": "Log-logistic",
    "generalized_gamma": "Generalised gamma",
}


def aft(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str | None = None,
    event: str | None = None,
    lower: str | None = None,
    upper: str | None = None,
    entry: str | None = None,
    distribution: Distribution = "weibull",
    weights: str | None = None,
    cluster: str | None = None,
    robust: bool | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit an accelerated failure time model.

    Parameters
    ----------
    formula : str
        Covariates, one-sided: ``"log2(b12) + smoking"``; ``"1"`` for none.
    data : DataFrame, n rows
        One row per person.
    exit, event : str
        Columns with the end of follow-up and the event (0 = none, 1 = event); or else
    lower, upper : str
        columns of the bounds of the event time. ``upper`` missing or infinite: right-censored at ``lower``. ``lower`` missing:
        left-censored at ``upper``. Both equal: an exact time.
    entry : str, optional
        Column of the start of observation (left truncation: people whose event came before are not in the data).
    distribution : {"weibull", "exponential", "lognormal", "loglogistic", "generalized_gamma", "gaussian"}
        Of the time. "gaussian" is a normal distribution of the value itself, for measurements with detection limits (tobit).
    weights : str, optional
        Column of case weights: weight 2 = two people.
    cluster : str, optional
        Column that groups dependent rows; the variance is then robust, clusters being independent.
    robust : bool, optional
        Whether the variance is the sandwich; by default with ``cluster`` and with weights that are not whole numbers.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        ``(Intercept)``, log time ratios, ``log(scale)`` and, for the generalised gamma, Prentice's ``shape`` Q.
        ``tidy(exponentiate=True)`` gives time ratios: 2 = twice the time to the event. Read curves off with `predict_parametric`.

    Raises
    ------
    DesignError
        Neither or both of (exit, event) and (lower, upper).
    FormulaError, ColumnNotFoundError, EventCodeError, FollowUpError, MissingValuesError
        The formula, a column name, or times that cannot be analysed (an event at time 0 has no logarithm).
    DataError
        No events, an unknown distribution, unusable weights.

    Warns
    -----
    MissingRowsWarning
        Rows with missing values were left out.
    FitWarning
        An aliased column, an infinite coefficient, or no convergence; each also stands in ``fit.warnings``.

    Notes
    -----
    ``log t = x'b + scale * error``. A row adds ``log f(t)``, ``log S(lower)``, ``log(1 - S(upper))`` or ``log(S(lower) - S(upper))``,
    and ``- log S(entry)`` where observation starts late. The parameters are those of R's ``survreg`` (and of ``flexsurv``'s
    generalised gamma); the Weibull hazard ratio is ``exp(-b / scale)``. The cluster variance has no G / (G - 1) correction, as in R.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 2nd ed. Wiley 2002. doi:10.1002/9781118032985
    Cox C, Chu H, Schneider MF, Munoz A. Parametric survival analysis and taxonomy of hazard functions for the generalized gamma
    distribution. Stat Med 2007;26:4352-4374. doi:10.1002/sim.2836

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0], "died": [1, 1, 1, 0]})
    >>> fit = aft("1", people, exit="years", event="died", distribution="exponential")
    >>> round(float(np.exp(fit.coefficients[0])), 6)
    3.333333
    """
    call = _Call(exit, event, lower, upper, entry, weights, cluster)
    _check(call, data, distribution)
    marked, blank = (data, None) if lower is None or upper is None else marked_missing(data, lower, upper)
    extra = [name for name in (blank, entry, weights, cluster) if name is not None]
    matrix = _renamed(build_matrix(formula, marked, extra=extra, intercept=True, missing=missing))
    refuse_follow_up(matrix.formula.variables, exit, event, entry, lower, upper)
    rows = _read(data if matrix.kept.all() else data.loc[matrix.kept], call, distribution)
    used = rows.weights > 0
    names = list(matrix.names)
    solved = solve_aft(
        matrix.X[used], names.index(INTERCEPT) if INTERCEPT in names else None, rows.weights[used], rows.times.take(used), distribution
    )
    kind = "model" if robust is False or (robust is None and cluster is None and whole(rows.weights)) else "robust"
    kind = "cluster" if kind == "robust" and cluster is not None else kind
    arguments = {**call.arguments, "distribution": distribution, "robust": robust}
    text = f"aft({formula!r}, data" + "".join(f", {name}={value!r}" for name, value in arguments.items() if value is not None) + ")"
    return _fit(text, matrix, rows, solved, kind, distribution)


@dataclass(frozen=True)
class _Call:
    """The column names of a call."""

    exit: str | None
    event: str | None
    lower: str | None
    upper: str | None
    entry: str | None
    weights: str | None
    cluster: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a model."""

    times: IntervalData
    weights: Floats
    clusters: npt.NDArray[Any] | None
    person_time: Floats | None


def _check(call: _Call, data: pd.DataFrame, distribution: str) -> None:
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if distribution not in get_args(Distribution):
        known = get_args(Distribution)
        near = did_you_mean(str(distribution), known)
        raise DataError(f"distribution: got {distribution!r}; expected one of {', '.join(known)}.{near}")
    by_event = (call.exit is not None, call.event is not None)
    by_bounds = (call.lower is not None, call.upper is not None)
    if not ((all(by_event) and not any(by_bounds)) or (all(by_bounds) and not any(by_event))):
        raise DesignError(
            "aft: give either exit= and event= (times known or right-censored) or lower= and upper= (bounds of the event time)."
        )
    require_columns(data, [name for name in call.arguments.values() if name is not None])


def _renamed(matrix: Matrix) -> Matrix:
    """Give the intercept its name in models of time, ``(Intercept)`` as in R."""
    columns = tuple(Column(INTERCEPT, INTERCEPT) if c.name == "Intercept" else c for c in matrix.columns)
    return replace(matrix, columns=columns)


def _read(rows: pd.DataFrame, call: _Call, distribution: str) -> _Rows:
    weights = np.ones(len(rows)) if call.weights is None else read_weights(rows, call.weights)
    clusters = None if call.cluster is None else rows[call.cluster].to_numpy()
    person_time = None
    if call.exit is not None and call.event is not None:
        names = (call.entry or "entry", call.exit, call.event)
        follow = follow_up(exit=rows[call.exit], event=rows[call.event], entry=rows[call.entry] if call.entry else None, names=names)
        times = from_follow_up(follow)
        person_time = follow.exit - np.where(np.isfinite(follow.entry), follow.entry, 0.0)
    else:
        bounds = {"lower": str(call.lower), "upper": str(call.upper)}
        times = read_intervals(rows, **bounds, entry=call.entry, any_origin=distribution == "gaussian")
    if not (times.happened & (weights > 0)).any():
        raise DataError(f"{call.event or call.upper}: no events in the {len(rows)} rows used; the model cannot be estimated.")
    if distribution != "gaussian":
        _refuse_without_logarithm(times, str(call.exit or call.upper))
    return _Rows(times, weights, clusters, person_time)


def _refuse_without_logarithm(times: IntervalData, name: str) -> None:
    bad = times.happened & (times.upper <= 0)
    if bad.any():
        raise FollowUpError(
            f"{name}: {int(bad.sum())} of {len(bad)} rows have an event at time 0 or before; a distribution of log time needs positive"
            " times. Give those events half the smallest unit of time, or leave them out and count them."
        )


def _fit(call: str, matrix: Matrix, rows: _Rows, solved: AftSolved, kind: str, distribution: str) -> Fit:
    urgent, terms = _texts(matrix, rows, solved)
    for text in urgent:
        python_warnings.warn(text, FitWarning, stacklevel=3)
    ancillary = _ancillary(solved)
    keep = np.append(solved.keep, np.ones(len(ancillary), dtype=bool))
    columns = (*matrix.columns, *(Column(name, name) for name in ancillary))
    variance = solved.covariance if kind == "model" else _sandwich(rows, solved)
    used, events = rows.weights > 0, rows.times.happened.astype(np.float64)
    parameters = solved.parameters
    place = {j: k for k, j in enumerate(np.flatnonzero(keep))}
    names = [column.name for column in columns]
    return Fit(
        family=_family(distribution),
        call=call,
        columns=columns,
        coefficients=expand_vector(parameters, keep),
        covariance=expand_matrix(solved.variance_of(variance), keep),
        model_covariance=expand_matrix(solved.variance_of(solved.covariance), keep),
        variance=kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(events[used].sum()),
        person_time=np.nan if rows.person_time is None else float(rows.person_time[used].sum()),
        loglik=solved.loglik,
        loglik_null=solved.loglik_null,
        converged=solved.solution.converged,
        iterations=solved.solution.iterations,
        counts=count_levels(matrix, events, rows.person_time, used),
        warnings=(*matrix.notes, *urgent, *few_events_text(float(events[used].sum()), int(solved.keep.sum()) - 1)),
        term_warnings=terms,
        limits={names[j]: solved.limits[k] for j, k in place.items() if k in solved.limits},
        facts=_facts(rows.times.take(used), solved, parameters),
        parts={
            "matrix": matrix,
            "intervals": rows.times,
            "weights": rows.weights,
            "solved": solved,
            "curve": AftCurve(distribution, len(matrix.columns)),
        },
    )


def _family(distribution: str) -> Family:
    ancillary = (INTERCEPT, LOG_SCALE, SHAPE)
    if distribution == "gaussian":
        return Family("aft", "Normal regression of censored values", "difference in means", False, ancillary)
    return Family("aft", f"{_TITLES[distribution]} accelerated failure time", "time ratio", True, ancillary)


def _ancillary(solved: AftSolved) -> tuple[str, ...]:
    return (LOG_SCALE, SHAPE)[: solved.likelihood.n_ancillary]


def _sandwich(rows: _Rows, solved: AftSolved) -> Floats:
    effect = influence(solved.likelihood.scores(solved.solution.b), solved.covariance)
    return sandwich(effect, None if rows.clusters is None else cluster_codes(rows.clusters[rows.weights > 0]))


def _facts(times: IntervalData, solved: AftSolved, parameters: Floats) -> dict[str, float]:
    p = int(solved.keep.sum())
    left = np.isneginf(times.lower) | ((times.lower <= 0) & (times.upper > times.lower))
    interval = times.happened & ~times.exact & ~left
    facts = {"likelihood_ratio": 2 * (solved.loglik - solved.loglik_null)}
    if solved.likelihood.scaled:
        facts["scale"] = float(np.exp(parameters[p]))
    counts = {
        "exact": times.exact,
        "left_censored": left & times.happened,
        "interval_censored": interval,
        "right_censored": ~times.happened,
    }
    return {**facts, **{f"n_{name}": float(rows.sum()) for name, rows in counts.items()}}


def _texts(matrix: Matrix, rows: _Rows, solved: AftSolved) -> tuple[tuple[str, ...], dict[str, str]]:
    terms = term_texts(matrix.names, matrix.X[rows.weights > 0], solved.keep, solved.infinite, solved.solution.b)
    lost = f"no convergence in {solved.solution.iterations} steps: the estimates are not the maximum of the likelihood."
    return (*terms.values(), *(() if solved.solution.converged else (lost,))), terms
