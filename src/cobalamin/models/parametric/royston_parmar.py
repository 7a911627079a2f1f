"""Flexible parametric survival models: a restricted cubic spline of log time (Royston and Parmar)."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ColumnNotFoundError, DataError, FitWarning, FollowUpError, did_you_mean, list_names
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.covariance import cluster_codes, expand_matrix, expand_vector, influence, sandwich
from cobalamin.models.cox.newton import covariance_of
from cobalamin.models.fit import Family, Fit
from cobalamin.models.grouping import whole
from cobalamin.models.likelihood.notes import few_events_text, term_texts
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, refuse_follow_up, require_columns
from cobalamin.models.parametric.royston_parmar_curve import Scale
from cobalamin.models.parametric.royston_parmar_solution import FlexibleSolved, solve_flexible
from cobalamin.models.survey import read_weights
from cobalamin.models.tabulate import count_levels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_DF = 10
_MEASURE = {"hazard": "hazard ratio", "odds": "odds ratio", "normal": "probit difference"}


def flexible_parametric(
    formula: str,
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    entry: str | None = None,
    df: int = 3,
    scale: Scale = "hazard",
    time_dependent: Mapping[str, int] | Sequence[str] | None = None,
    weights: str | None = None,
    cluster: str | None = None,
    robust: bool | None = None,
    missing: Missing = "drop",
) -> Fit:
    """Fit a flexible parametric survival model (Royston-Parmar).

    Parameters
    ----------
    formula : str
        Covariates, one-sided: ``"log2(b12) + smoking"``; ``"1"`` for none.
    data : DataFrame, n rows
        One row per person, or per person-interval with ``entry``.
    exit, event : str
        Columns with the end of follow-up and the event (0 = none, 1 = event).
    entry : str, optional
        Column with the start of follow-up: delayed entry.
    df : int
        Degrees of freedom of the baseline spline, 1 to 10; 1 is the Weibull, log-logistic or log-normal model.
    scale : {"hazard", "odds", "normal"}
        What the spline and the covariates act on: log cumulative hazard (proportional hazards), log odds or probit of the event.
    time_dependent : mapping of str to int, or sequence of str, optional
        Terms of the formula whose effect changes with time, with the degrees of freedom of that change (those of the baseline for a
        sequence).
    weights : str, optional
        Column of case weights: weight 2 = two people.
    cluster : str, optional
        Column that groups dependent rows; the variance is then robust.
    robust : bool, optional
        Whether the variance is the sandwich; by default with ``cluster`` and with weights that are not whole numbers.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        Log hazard ratios (odds ratios, probit differences), then the spline: ``gamma0`` (constant), ``gamma1``, ... and ``x:gamma1``, ...
        for effects that change with time. Read curves off with `predict_parametric`, `predict_hazard_ratio` and `predict_quantile`.

    Raises
    ------
    FormulaError, ColumnNotFoundError, EventCodeError, FollowUpError, MissingValuesError
        The formula, a column name, or times that cannot be analysed (an event at time 0 has no logarithm).
    DataError
        No events, unusable df, scale, weights, or knots that coincide.

    Warns
    -----
    MissingRowsWarning
        Rows with missing values were left out.
    FitWarning
        An aliased column, an infinite coefficient, no convergence, or a spline that falls somewhere (a negative hazard).

    Notes
    -----
    ``S(t | x) = P(error > s(log t) + x'b + sum_j x_j s_j(log t))`` with an extreme-value, logistic or normal error. Knots lie at the
    centiles of uncensored log times, boundary knots at their ends, as in ``flexsurv`` and Stata's ``stpm2``. The log-likelihood is that
    of the times (``stpm2`` leaves out ``- log t``, so its value differs by a constant). Under delayed entry ``log S(entry)`` is subtracted.

    References
    ----------
    Royston P, Parmar MKB. Stat Med 2002;21:2175-2197. doi:10.1002/sim.1203
    Lambert PC, Royston P. Further development of flexible parametric models for survival analysis. Stata J 2009;9:265-290.
    doi:10.1177/1536867X0900900206

    Examples
    --------
    >>> people = pd.DataFrame({"years": [1.0, 2.0, 3.0, 4.0, 5.0, 7.0], "died": [1, 1, 1, 1, 0, 1]})
    >>> flexible_parametric("1", people, exit="years", event="died", df=2).names
    ('gamma0', 'gamma1', 'gamma2')
    """
    _check(data, [exit, event, entry, weights, cluster], df, scale)
    extra = [name for name in (entry, weights, cluster) if name is not None]
    matrix = _without_intercept(build_matrix(formula, data, extra=extra, intercept=True, missing=missing))
    refuse_follow_up(matrix.formula.variables, exit, event, entry)
    rows = _read(data if matrix.kept.all() else data.loc[matrix.kept], exit, event, entry, weights, cluster)
    follow = FollowUp(rows.follow.entry[rows.used], rows.follow.exit[rows.used], rows.follow.event[rows.used])
    solved = solve_flexible(matrix.X[rows.used], follow, rows.weights[rows.used], df, scale, _varying(matrix, time_dependent, df))
    kind = "model" if robust is False or (robust is None and cluster is None and whole(rows.weights)) else "robust"
    kind = "cluster" if kind == "robust" and cluster is not None else kind
    changes = dict(time_dependent) if isinstance(time_dependent, Mapping) else time_dependent
    named = {"exit": exit, "event": event, "entry": entry, "df": df, "scale": scale, "time_dependent": changes, "weights": weights}
    named |= {"cluster": cluster, "robust": robust}
    call = f"flexible_parametric({formula!r}, data" + "".join(f", {k}={v!r}" for k, v in named.items() if v is not None) + ")"
    return _fit(call, matrix, rows, solved, kind)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a model; ``used`` are those with weight that say something (censored at time 0 says nothing)."""

    follow: FollowUp
    weights: Floats
    clusters: npt.NDArray[Any] | None
    used: Bools


def _check(data: pd.DataFrame, names: Sequence[str | None], df: int, scale: str) -> None:
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    if scale not in get_args(Scale):
        known = get_args(Scale)
        raise DataError(f"scale: got {scale!r}; expected one of {', '.join(known)}.{did_you_mean(str(scale), known)}")
    _check_df(df, "df")
    require_columns(data, [name for name in names if name is not None])


def _check_df(df: Any, name: str) -> None:
    if isinstance(df, bool) or not isinstance(df, int) or not 1 <= df <= MOST_DF:
        raise DataError(f"{name}: got {df!r}; expected a whole number from 1 to {MOST_DF}.")


def _without_intercept(matrix: Matrix) -> Matrix:
    """Take the intercept out after coding: the constant of the spline is the intercept."""
    place = [j for j, c in enumerate(matrix.columns) if c.name != "Intercept"]
    columns = tuple(matrix.columns[j] for j in place)
    coding = replace(matrix.coding, intercept=False, columns=columns)
    return replace(matrix, X=matrix.X[:, place], columns=columns, coding=coding)


def _read(rows: pd.DataFrame, exit: str, event: str, entry: str | None, weights: str | None, cluster: str | None) -> _Rows:
    follow = follow_up(
        exit=rows[exit], event=rows[event], entry=None if entry is None else rows[entry], names=(entry or "entry", exit, event)
    )
    weight = np.ones(len(rows)) if weights is None else read_weights(rows, weights)
    bad = (follow.event > 0) & (follow.exit <= 0)
    if bad.any():
        raise FollowUpError(
            f"{exit}: {int(bad.sum())} of {len(bad)} rows have an event at time 0 or before; a spline of log time needs positive times."
            " Give those events half the smallest unit of time, or leave them out and count them."
        )
    used = (weight > 0) & (follow.exit > 0)
    if not (follow.event[used] > 0).any():
        raise DataError(f"{event}: no events in the {len(rows)} rows used; the model cannot be estimated.")
    return _Rows(follow, weight, None if cluster is None else rows[cluster].to_numpy(), used)


def _varying(matrix: Matrix, time_dependent: Mapping[str, int] | Sequence[str] | None, df: int) -> dict[int, int]:
    """Return the degrees of freedom of the change in time of each column that has one."""
    if time_dependent is None:
        return {}
    listed = [time_dependent] if isinstance(time_dependent, str) else time_dependent
    chosen = dict(listed) if isinstance(listed, Mapping) else dict.fromkeys(listed, df)
    found: dict[int, int] = {}
    known = {c.variable for c in matrix.columns} | set(matrix.names)
    for term, own in chosen.items():
        if term not in known:
            raise ColumnNotFoundError(
                f"time_dependent: the formula has no term '{term}'.{did_you_mean(term, known)} Its terms are: {list_names(sorted(known))}."
            )
        _check_df(own, f"time_dependent['{term}']")
        found |= {j: own for j, c in enumerate(matrix.columns) if term in (c.variable, c.name)}
    return found


def _fit(call: str, matrix: Matrix, rows: _Rows, solved: FlexibleSolved, kind: str) -> Fit:
    urgent, terms = _texts(matrix, rows, solved)
    for text in urgent:
        python_warnings.warn(text, FitWarning, stacklevel=3)
    spline = _spline_names(matrix, solved)
    keep = np.append(solved.keep, np.ones(len(spline), dtype=bool))
    columns = (*matrix.columns, *(Column(name, name) for name in spline))
    variance = solved.model if kind == "model" else _sandwich(rows, solved)
    follow = rows.follow
    used, events = rows.weights > 0, follow.event.astype(np.float64)
    person_time = follow.exit - np.where(np.isfinite(follow.entry), follow.entry, 0.0)
    names = [column.name for column in columns]
    place = np.flatnonzero(keep)
    value = solved.solution.value.loglik
    return Fit(
        family=_family(solved.curve.scale, spline),
        call=call,
        columns=columns,
        coefficients=expand_vector(solved.coefficients, keep),
        covariance=expand_matrix(solved.blank(variance), keep),
        model_covariance=expand_matrix(solved.blank(solved.model), keep),
        variance=kind,
        n=int(used.sum()),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=float(events[used].sum()),
        person_time=float(person_time[used].sum()),
        loglik=value,
        loglik_null=solved.loglik_null,
        converged=solved.solution.converged,
        iterations=solved.solution.iterations,
        counts=count_levels(matrix, events, person_time, used),
        warnings=(*matrix.notes, *urgent, *few_events_text(float(events[rows.used].sum()), int(solved.keep.sum()))),
        term_warnings=terms,
        limits={names[place[j]]: both for j, both in solved.limits.items()},
        facts={"likelihood_ratio": 2 * (value - solved.loglik_null), "df_baseline": float(len(solved.curve.knots) - 1)},
        parts={
            "matrix": matrix,
            "follow_up": follow,
            "weights": rows.weights,
            "solved": solved,
            "curve": solved.curve_of_columns(),
        },
    )


def _family(scale: Scale, spline: tuple[str, ...]) -> Family:
    title = {"hazard": "proportional hazards", "odds": "proportional odds", "normal": "probit"}[scale]
    return Family("flexible_parametric", f"Flexible parametric, {title}", _MEASURE[scale], scale != "normal", spline)


def _spline_names(matrix: Matrix, solved: FlexibleSolved) -> tuple[str, ...]:
    base = [f"gamma{k}" for k in range(len(solved.curve.knots))]
    changes = [f"{matrix.names[j]}:gamma{k}" for j, knots in solved.curve_of_columns().varying for k in range(1, len(knots))]
    return (*base, *changes)


def _sandwich(rows: _Rows, solved: FlexibleSolved) -> Floats:
    scores = solved.likelihood.rows(solved.solution.b)[1] * rows.weights[rows.used][:, None]
    turn = solved.likelihood.inverse
    effect = influence(scores, covariance_of(solved.solution.value.information)) @ turn.T
    return sandwich(effect, None if rows.clusters is None else cluster_codes(rows.clusters[rows.used]))


def _texts(matrix: Matrix, rows: _Rows, solved: FlexibleSolved) -> tuple[tuple[str, ...], dict[str, str]]:
    names = matrix.names
    terms = term_texts(names, matrix.X[rows.used], solved.keep, solved.infinite, solved.parameters)
    urgent = [*terms.values()]
    if not solved.solution.converged:
        urgent.append(f"no convergence in {solved.solution.iterations} steps: the estimates are not the maximum of the likelihood.")
    elif solved.falls():
        urgent.append("the spline falls in part of the follow-up, so that the hazard is negative there; use a smaller df.")
    for j, _ in solved.curve_of_columns().varying:
        terms.setdefault(names[j], f"{names[j]}: its effect changes with time; read it off with predict_hazard_ratio().")
    return tuple(urgent), terms
