"""Tests of proportional odds: does the effect of a term differ between the thresholds of the outcome?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import CobalaminError, DataError
from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.cumulative import CumulativeRows
from cobalamin.models.ordinal.links import between
from cobalamin.models.ordinal.naming import term_of
from cobalamin.models.ordinal.ordinal_parts import OrdinalParts, parts_of
from cobalamin.models.ordinal.solution import OrdinalSolved, solve_ordinal, sorted_rows
from cobalamin.models.regression.solution import Rows, Solution, maximum

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
OddsTest = Literal["brant", "score", "likelihood ratio"]
_SINGULAR = 1e-10


def proportional_odds_test(fit: Fit, method: OddsTest = "brant") -> pd.DataFrame:
    """Test whether the effects of an ordinal model are the same at every threshold.

    Parameters
    ----------
    fit : Fit
        From `ordinal`, three or more categories.
    method : {"brant", "score", "likelihood ratio"}
        Wald test of equal coefficients in the logistic regressions of being above each threshold (logit link only; follows the robust,
        cluster or survey variance of the fit), or score or likelihood-ratio test against the model with the term in ``partial``
        (any link, model variance).

    Returns
    -------
    DataFrame
        ``term, chi2, df, p_value``: a row per term of the formula that is proportional in the fit and, last, ``GLOBAL`` for all of them.
        NaN where a threshold's regression is separated, or a likelihood has no finite maximum.

    Raises
    ------
    DataError
        Not an ordinal fit, an unknown method, two categories, no proportional term; ``brant`` with another link; the other methods with
        a variance that is not the model's, or with an infinite coefficient.

    Notes
    -----
    Brant: with b_j the coefficients of the regression of ``Y > j``, cov(b_j, b_l) = I_j^{-1} X' W_jl X I_l^{-1}, W_jl = p_l - p_j p_l for
    l > j (p the fitted probabilities of each regression); the statistic is the quadratic form of ``b_j - b_1``. The tests look at many
    thresholds at once: with few rows in some of them they reject too often, and with many rows any departure is significant; look at
    the coefficients with ``partial=`` as well.

    References
    ----------
    Brant R. Assessing proportionality in the proportional odds model for ordinal logistic regression. Biometrics 1990;46:1171-1178.
    doi:10.2307/2532457

    Examples
    --------
    >>> from cobalamin.models.ordinal.ordinal import ordinal
    >>> rng = np.random.default_rng(1)
    >>> people = pd.DataFrame({"x": rng.normal(size=200)})
    >>> people["y"] = np.digitize(people["x"] + rng.logistic(size=200), [-1, 1])
    >>> proportional_odds_test(ordinal("y ~ x", people))["term"].tolist()
    ['x', 'GLOBAL']
    """
    from scipy.special import chdtrc

    parts = parts_of(fit)
    _check(parts, method)
    terms = _terms(parts)
    statistics = {"brant": _brant, "score": _score, "likelihood ratio": _likelihood_ratio}[method](parts, terms)
    table = pd.DataFrame([(term, *both) for term, both in statistics.items()], columns=["term", "chi2", "df"])
    return table.assign(p_value=chdtrc(table["df"], table["chi2"]))


def _check(parts: OrdinalParts, method: str) -> None:
    if method not in get_args(OddsTest):
        raise DataError(f"method: got {method!r}; expected one of {', '.join(get_args(OddsTest))}.")
    if len(parts.categories.labels) < 3:
        raise DataError("the outcome has two categories and so one threshold: there is nothing to compare its effects with.")
    if method == "brant":
        if parts.link != "logit":
            raise DataError(f"method: Brant's test is for the logit link; this fit has {parts.link}. Take method='score'.")
        return
    if parts.spread is not None:
        raise DataError(f"method: the {method} test needs the model's own variance (no cluster, survey or robust). Take method='brant'.")
    if parts.solved.separated.any():
        raise DataError("the fit has infinite coefficients; merge sparse levels before testing proportional odds.")


def _terms(parts: OrdinalParts) -> dict[str, Ints]:
    """Return the columns of each proportional term, aliases left out, and of all of them together."""
    found: dict[str, list[int]] = {}
    for j, column in enumerate(parts.matrix.columns):
        if not parts.partial[j] and parts.solved.layout.keep[j]:
            found.setdefault(term_of(column), []).append(j)
    if not found:
        raise DataError("the fit has no term whose effect is the same at every threshold; there is nothing to test.")
    found["GLOBAL"] = sorted(j for where in found.values() for j in where)
    return {term: np.array(where, dtype=np.int64) for term, where in found.items()}


def _brant(parts: OrdinalParts, terms: Mapping[str, Ints]) -> dict[str, tuple[float, int]]:
    x = np.column_stack([np.ones(len(parts.weight)), parts.matrix.X])
    cuts, p = len(parts.categories.thresholds), x.shape[1]
    outcomes = [(parts.categories.code > j).astype(np.float64) for j in range(cuts)]
    names = ("Intercept", *parts.matrix.names)
    fits = [maximum(Rows(x, y, parts.weight, None, names), profile=False) for y in outcomes]
    b = np.stack([np.where(np.isfinite(found.coefficients), found.coefficients, np.nan) for found in fits])
    variance = _joint_model(fits, parts.weight) if parts.spread is None else _joint_robust(fits, outcomes, parts)
    answers: dict[str, tuple[float, int]] = {}
    for term, columns in terms.items():
        own = columns + 1
        where = (np.arange(cuts)[:, None] * p + own).ravel()
        contrast = np.kron(np.hstack([-np.ones((cuts - 1, 1)), np.eye(cuts - 1)]), np.eye(len(own)))
        spread = contrast @ variance[np.ix_(where, where)] @ contrast.T
        answers[term] = (_quadratic(contrast @ b[:, own].ravel(), spread), len(contrast))
    return answers


def _joint_model(fits: list[Solution], weight: Floats) -> Floats:
    """Covariance of the coefficients of all thresholds under the model."""
    rows = [[_between_fits(a, b, weight) if j <= i else None for i, b in enumerate(fits)] for j, a in enumerate(fits)]
    size = len(fits)
    return np.block([[rows[j][i] if j <= i else rows[i][j].T for i in range(size)] for j in range(size)])  # type: ignore[union-attr]


def _between_fits(low: Solution, high: Solution, weight: Floats) -> Floats:
    from scipy.special import expit

    shared = weight * expit(high.eta) * expit(-low.eta)
    middle = low.z.T @ (shared[:, None] * high.z)
    full = (low.back @ low.bread) @ middle @ (high.back @ high.bread).T
    return _without(full, low, high)


def _without(full: Floats, low: Solution, high: Solution) -> Floats:
    """Put NaN where a coefficient has no standard error."""
    bad = np.logical_or.outer(low.aliases | low.separated, high.aliases | high.separated)
    return np.where(bad, np.nan, full)


def _joint_robust(fits: list[Solution], outcomes: list[Floats], parts: OrdinalParts) -> Floats:
    from scipy.special import expit

    assert parts.spread is not None, "called for robust variances"
    residuals = [parts.weight * (y - expit(f.eta)) for f, y in zip(fits, outcomes, strict=True)]
    moved = [(f.z * rest[:, None]) @ f.bread @ f.back.T for f, rest in zip(fits, residuals, strict=True)]
    lost = np.concatenate([f.aliases | f.separated for f in fits])
    variance = parts.spread(np.hstack(moved))
    return np.where(np.logical_or.outer(lost, lost), np.nan, variance)


def _quadratic(difference: Floats, spread: Floats) -> float:
    if not (np.isfinite(difference).all() and np.isfinite(spread).all()):
        return np.nan
    size = np.sqrt(np.diag(spread))
    scaled = difference / size
    return float(scaled @ np.linalg.lstsq(spread / np.outer(size, size), scaled, rcond=_SINGULAR)[0])


def _score(parts: OrdinalParts, terms: Mapping[str, Ints]) -> dict[str, tuple[float, int]]:
    return {term: (_score_of(parts, columns), _degrees(parts, columns)) for term, columns in terms.items()}


def _degrees(parts: OrdinalParts, columns: Ints) -> int:
    return (len(parts.categories.thresholds) - 1) * len(columns)


def _score_of(parts: OrdinalParts, columns: Ints) -> float:
    """Score test of the larger model at the solution of the smaller one, with the expected information."""
    split = _split(parts, columns)
    rows, _, layout, _ = sorted_rows(parts.matrix.X, parts.categories.code, parts.weight, split, parts.link)
    cut, effect = standardised_effects(parts.solved)
    kept = np.flatnonzero(layout.keep)
    nominal = np.flatnonzero(split[kept])
    common = np.flatnonzero(~split[kept])
    start = np.concatenate([np.column_stack([cut, -effect[:, nominal]]).ravel(), effect[0, common]])
    value, expected = rows.evaluate(start), _every_outcome(rows, start).evaluate(start)
    if value is None or expected is None:
        return np.nan
    return float(value.score @ expected.information.newton(value.score))


def _every_outcome(rows: CumulativeRows, parameters: Floats) -> CumulativeRows:
    """Give each row every outcome, weighted by its probability: the observed information of these rows is the expected one."""
    n, k = len(rows.code), rows.cuts + 1
    code, index = np.repeat(np.arange(k), n), np.tile(np.arange(n), k)
    every = CumulativeRows(rows.x[index], rows.z[index], np.ones(n * k), code, rows.link)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = np.nan_to_num(np.exp(between(rows.link, *every.bounds(parameters)).logp))
    return replace(every, weight=np.tile(rows.weight, k) * chance)


def _split(parts: OrdinalParts, columns: Ints) -> Bools:
    split = parts.partial.copy()
    split[columns] = True
    return split


def standardised_effects(solved: OrdinalSolved) -> tuple[Floats, Floats]:
    """Return the cut-points and, per cut-point, the effect of each column, all of standardised columns.

    Parameters
    ----------
    solved : OrdinalSolved
        A solution without infinite coefficients.

    Returns
    -------
    cut : ndarray, shape (c,)
        Cut-points.
    effect : ndarray, shape (c, kept columns)
        Effects, the same in every row for columns that are not partial.
    """
    rows, layout = solved.rows, solved.layout
    cut = solved.parameters[: rows.n_cut_parameters].reshape(rows.cuts, -1)
    split = layout.partial[layout.keep]
    effect = np.empty((rows.cuts, len(split)))
    effect[:, split] = -cut[:, 1:]
    effect[:, ~split] = solved.parameters[rows.n_cut_parameters :]
    return cut[:, 0], effect


def _likelihood_ratio(parts: OrdinalParts, terms: Mapping[str, Ints]) -> dict[str, tuple[float, int]]:
    return {term: (_ratio_of(parts, columns), _degrees(parts, columns)) for term, columns in terms.items()}


def _ratio_of(parts: OrdinalParts, columns: Ints) -> float:
    split = _split(parts, columns)
    p, cuts = len(split), len(parts.categories.thresholds)
    names = [f"parameter {j + 1}" for j in range(p * cuts + cuts)]
    try:
        larger = solve_ordinal(
            parts.matrix.X, parts.categories.code, parts.weight, partial=split, link=parts.link, names=names, profile=False
        )
    except CobalaminError:
        return np.nan
    return np.nan if larger.separated.any() else 2 * (larger.loglik - parts.solved.loglik)
