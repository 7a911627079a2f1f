"""Ordinal regression with a random intercept: repeated ordered measurements of the same people."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import ConvergenceError, DataError, DesignError, FitWarning, list_names
from cobalamin.models.covariance import cluster_codes
from cobalamin.models.cox.newton import covariance_of
from cobalamin.models.cox.partial_likelihood import Evaluation
from cobalamin.models.cox.sweeps import one_blas_thread
from cobalamin.models.fit import Family, Fit
from cobalamin.models.likelihood.climb import finite_limit
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.ordinal.categories import Categories, read_categories
from cobalamin.models.ordinal.links import LOG_CONCAVE, Link
from cobalamin.models.ordinal.mixed_ascent import ascend
from cobalamin.models.ordinal.mixed_likelihood import MixedLikelihood
from cobalamin.models.ordinal.mixed_result import MixedFound, mixed_facts, mixed_notes
from cobalamin.models.ordinal.naming import coefficient_columns, family_of, level_counts
from cobalamin.models.ordinal.ordinal_notes import model_notes
from cobalamin.models.ordinal.ordinal_parts import check_formula
from cobalamin.models.ordinal.solution import OrdinalSolved, solve_ordinal

Floats = npt.NDArray[np.float64]
FEWEST_POINTS = 5  # with fewer the error of the quadrature moves with its centres, which the derivatives do not know
_TINY = np.log(1e-2)  # log(sd) below which a likelihood that rises towards 0 is at its boundary
_MOST_LIMIT_ROWS = 20_000  # above it no profile-likelihood limit of an sd at its boundary


def ordinal_mixed(
    formula: str,
    data: pd.DataFrame,
    *,
    group: str,
    random: str = "1",
    link: Link = "logit",
    points: int = 15,
    missing: Missing = "drop",
) -> Fit:
    """Fit a cumulative link model with a normal random intercept per group.

    Parameters
    ----------
    formula : str
        ``"severity ~ b12 + age"``; the outcome is an ordered Categorical or a number.
    data : DataFrame, n rows
        One row per measurement.
    group : str
        Column of the groups (the person); missing values count as missing rows.
    random : {"1"}
        What varies between groups: the intercept only.
    link : {"logit", "probit", "cloglog", "loglog"}
        Distribution F of ``P(Y <= j | u) = F(threshold_j - x'b - sd u)``.
    points : int
        Quadrature points per group, 5 to 100.
    missing : {"drop", "error"}
        Use complete rows and say how many are left out, or refuse.

    Returns
    -------
    Fit
        With the logit link log odds ratios *for the same person* (conditional on the intercept, so farther from 0 than those of
        `ordinal` with ``cluster``), thresholds, and ``log(sd(group))``. ``glance()`` adds ``sd`` with ``sd_std_error`` and 95% limits,
        ``variance``, ``variance_std_error``, ``icc`` (share of the latent variance between groups) and the likelihood-ratio test of
        no random intercept (``lr_no_intercept``, ``p_no_intercept``, half chi-squared with 1 degree of freedom). Where the best
        variance is 0 the fit is that of `ordinal`, ``log(sd)`` is ``-inf`` with a profile-likelihood upper limit (up to 20,000 rows),
        and a warning says so.

    Raises
    ------
    DesignError
        Fewer than two groups, no group with two rows, ``random`` other than "1".
    DataError
        An unordered outcome, an unknown link or number of points.
    ConvergenceError
        Separated outcomes (the terms are named), or no maximum found.

    Warns
    -----
    MissingRowsWarning
        Rows left out because of missing values.
    FitWarning
        Variance at its boundary, few groups, aliases, few rows per coefficient.

    Notes
    -----
    Marginal likelihood by Gauss-Hermite quadrature centred at each group's mode and scaled by its curvature (Pinheiro and Bates), with
    derivatives by Louis' identity, all groups at once. Limits of the standard deviation are Wald's on the log scale, a little wide where
    groups are few or small (97% in simulations with 64 groups of 5).

    References
    ----------
    Pinheiro JC, Bates DM. Approximations to the log-likelihood function in the nonlinear mixed-effects model. J Comput Graph Stat
    1995;4:12-35. doi:10.1080/10618600.1995.10474663
    Hedeker D, Gibbons RD. A random-effects ordinal regression model for multilevel analysis. Biometrics 1994;50:933-944.
    doi:10.2307/2533433

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> visits = pd.DataFrame({"person": np.repeat(np.arange(60), 4), "dose": rng.normal(size=240)})
    >>> latent = visits["dose"] + np.repeat(rng.normal(size=60), 4) + rng.logistic(size=240)
    >>> fit = ordinal_mixed("y ~ dose", visits.assign(y=np.digitize(latent, [-1, 1])), group="person")
    >>> fit.names
    ('dose', '0|1', '1|2', 'log(sd(person))')
    """
    _check(formula, data, group, random, link, points)
    matrix = build_matrix(formula, data, extra=[group], response=True, missing=missing)
    used = np.ones(len(matrix.X), dtype=np.bool_)
    categories = read_categories(matrix, data, used)
    codes, count = cluster_codes(data[group].to_numpy()[matrix.kept])
    _check_groups(codes, count, group)
    plain = np.zeros(matrix.X.shape[1], dtype=np.bool_)
    columns = (*coefficient_columns(matrix, plain, categories), Column(f"log(sd({group}))", f"log(sd({group}))"))
    names = [column.name for column in columns]
    first = solve_ordinal(matrix.X, categories.code, used.astype(np.float64), partial=plain, link=link, names=names, profile=False)
    _refuse_separated(first, names)
    likelihood = MixedLikelihood(first.rows, codes[first.order], count, points)
    with one_blas_thread():
        found = _maximize(likelihood, first, names)
    call = f"ordinal_mixed({formula!r}, group={group!r}" + ("" if link == "logit" else f", link={link!r}") + f", points={points})"
    fit = _fit(call, matrix, categories, first, found, likelihood, columns)
    urgent = fit.warnings[len(matrix.notes) + len(categories.notes) :]
    if urgent:
        warnings.warn(" ".join(urgent), FitWarning, stacklevel=2)
    return fit


def _check(formula: str, data: pd.DataFrame, group: str, random: str, link: str, points: int) -> None:
    if random.replace(" ", "") != "1":
        raise DesignError(f"random={random!r}: an ordinal model here has a random intercept only, random='1'. For slopes use mixed(...).")
    if link not in LOG_CONCAVE:
        raise DataError(f"link: got {link!r}; with a random intercept expected one of {', '.join(LOG_CONCAVE)}.")
    if isinstance(points, bool) or not isinstance(points, int | np.integer) or not FEWEST_POINTS <= points <= 100:
        raise DataError(f"points: got {points!r}; expected a whole number from {FEWEST_POINTS} to 100.")
    check_formula(formula, data)
    require_columns(data, [group])


def _check_groups(codes: npt.NDArray[np.int64], count: int, group: str) -> None:
    if count < 2:
        raise DesignError(f"{group}: {count} group in the rows used; a random intercept needs several.")
    if np.bincount(codes).max() < 2:
        raise DesignError(
            f"{group}: each of the {count} groups has one row, so that differences between groups and within them cannot be told apart."
            " Use ordinal(...)."
        )


def _refuse_separated(first: OrdinalSolved, names: list[str]) -> None:
    if first.separated.any():
        bad = list_names(names[j] for j in np.flatnonzero(first.separated))
        raise ConvergenceError(
            f"the outcome is separated: {bad} would be infinite with or without a random intercept. Merge sparse levels or outcome"
            " categories, or leave the term out."
        )


class _AtBoundary(Exception):
    """The climb came to a variance of 0 that the likelihood favours."""


def _maximize(likelihood: MixedLikelihood, first: OrdinalSolved, names: list[str]) -> MixedFound:
    rising = likelihood.slope_at_zero(first.parameters) > 0

    def evaluate(parameters: Floats) -> Evaluation:
        if not rising and parameters[-1] < _TINY:
            raise _AtBoundary
        return likelihood.evaluate(parameters)

    try:
        found = ascend(evaluate, np.append(first.parameters, np.log(0.5)))
    except _AtBoundary:
        return _boundary(likelihood, first)
    if not found.converged:
        back = np.append(np.abs(first.back @ found.step[:-1]), abs(found.step[-1]))
        raise ConvergenceError(
            f"No maximum after {found.iterations} steps; '{names[int(np.argmax(back))]}' still moves most. Merge outcome categories with"
            " few rows, look for covariates with extreme values, or raise points=."
        )
    if found.value.loglik <= first.loglik and not rising:
        return _boundary(likelihood, first)
    return MixedFound(found.b, covariance_of(found.value.information), found.value.loglik, found.iterations, False)


def _boundary(likelihood: MixedLikelihood, first: OrdinalSolved) -> MixedFound:
    k = len(first.parameters) + 1
    covariance = np.full((k, k), np.nan)
    covariance[:-1, :-1] = first.bread
    upper = np.nan
    if len(likelihood.group) <= _MOST_LIMIT_ROWS:
        upper = finite_limit(likelihood.evaluate, np.append(first.parameters, -6.0), k - 1, first.loglik)
    return MixedFound(np.append(first.parameters, -np.inf), covariance, first.loglik, first.iterations, True, upper)


def _fit(
    call: str,
    matrix: Matrix,
    categories: Categories,
    first: OrdinalSolved,
    found: MixedFound,
    likelihood: MixedLikelihood,
    columns: tuple[Column, ...],
) -> Fit:
    rows, used = likelihood.rows, np.ones(len(matrix.X), dtype=np.bool_)
    share = np.bincount(rows.code).astype(np.float64)
    names = [column.name for column in columns]
    notes, terms = model_notes(matrix, names, first, share)
    more = mixed_notes(found, likelihood, names[-1])
    covariance = _reported_covariance(first, found)
    family = family_of(rows.link, categories, False)
    title = f"{family.title} with random intercept"
    layout = first.layout
    return Fit(
        family=Family("ordinal_mixed", title, family.measure, family.ratio, (*family.ancillary, names[-1])),
        call=call,
        columns=columns,
        coefficients=np.append(np.where(layout.estimated, first.back @ found.parameters[:-1], np.nan), found.parameters[-1]),
        covariance=covariance,
        model_covariance=covariance,
        variance="model",
        n=len(rows.code),
        n_missing=matrix.n_missing,
        missing=matrix.missing,
        events=np.nan,
        person_time=np.nan,
        loglik=found.loglik,
        loglik_null=float(share @ np.log(share / share.sum())),
        converged=True,
        iterations=found.iterations,
        counts=level_counts(matrix, layout.partial, categories, used),
        warnings=(*matrix.notes, *categories.notes, *notes, *more),
        term_warnings={**terms, **({names[-1]: more[0]} if found.boundary else {})},
        limits={names[-1]: (-np.inf, found.upper)} if found.boundary else {},
        facts={**mixed_facts(found, first, rows.link), "groups": float(likelihood.count), "categories": float(len(categories.labels))},
        parts={"matrix": matrix, "likelihood": likelihood, "parameters": found.parameters},
    )


def _reported_covariance(first: OrdinalSolved, found: MixedFound) -> Floats:
    back = np.zeros((len(first.back) + 1, first.back.shape[1] + 1))
    back[:-1, :-1], back[-1, -1] = first.back, 1.0
    inner = np.nan_to_num(found.covariance)
    finite = np.append(first.layout.estimated, not found.boundary)
    return np.where(np.outer(finite, finite), back @ inner @ back.T, np.nan)
