"""Fractional polynomials: the powers of a positive number that fit best, and whether they are needed."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning, MissingRowsWarning
from cobalamin.models.after.dose_rows import Model, formula_of, written
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.rows import require_columns

POWERS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True, eq=False)
class FractionalPolynomial:
    """The chosen powers, the fit with them, and the comparisons.

    Attributes
    ----------
    powers : tuple of float
        Best powers of the highest degree.
    selected : tuple of float
        Powers that the closed test keeps: empty (no effect), (1,) or more.
    fit : Fit
        With ``powers``.
    table : DataFrame
        Per model (null, linear, FP1, FP2): model, powers, deviance, difference from the most complex, df, p_value.
    """

    powers: tuple[float, ...]
    selected: tuple[float, ...]
    fit: Fit
    table: pd.DataFrame


def fractional_polynomial(
    model: Model,
    data: pd.DataFrame,
    *,
    exposure: str,
    adjust: str = "",
    outcome: str = "",
    degree: int = 2,
    powers: Sequence[float] = POWERS,
    alpha: float = 0.05,
) -> FractionalPolynomial:
    """Find the best powers of an exposure.

    Parameters
    ----------
    model : callable
        (formula, data) -> Fit, such as ``lambda f, d: cb.cox(f, d, exit="years", event="ls")``.
    data : DataFrame
        Rows of people.
    exposure : str
        Column of positive numbers.
    adjust : str
        The rest of the formula, such as ``"age + sex"``.
    outcome : str
        Left side of the formula, for models that have one.
    degree : {1, 2}
        Highest number of powers.
    powers : sequence of float
        Candidates; 0 is the logarithm.
    alpha : float
        Of the closed test.

    Returns
    -------
    FractionalPolynomial
        Powers, fit and comparisons.

    Raises
    ------
    DataError
        Values of 0 or less, an unknown degree, or a model without a likelihood (survey).

    Notes
    -----
    Deviances of the best model of each degree are compared on 2 ``degree``, 2 ``degree`` - 1 and 2 degrees of freedom, because a power
    counts as a parameter (Royston and Altman); the function selection procedure keeps the simplest that is not clearly worse. The
    p-values are approximate and the limits of the fit do not know that powers were chosen.

    References
    ----------
    Royston P, Altman DG. Regression using fractional polynomials of continuous covariates. Appl Stat 1994;43:429-467. doi:10.2307/2986270

    Examples
    --------
    >>> from cobalamin.models.regression.regression import linear
    >>> table = pd.DataFrame({"x": np.linspace(0.5, 5, 60)}).assign(y=lambda d: np.log(d["x"]) + np.sin(np.arange(60)) / 10)
    >>> fractional_polynomial(linear, table, exposure="x", outcome="y", degree=1).powers
    (0.0,)
    """
    if degree not in (1, 2):
        raise DataError(f"degree={degree}: expected 1 or 2.")
    require_columns(data, [exposure])
    rows = _complete(model, data, exposure, adjust, outcome)
    linear = _fit(model, rows, _term(exposure, (1.0,)), adjust, outcome)
    if np.isnan(linear.loglik) or linear.variance == "survey":
        raise DataError("fractional_polynomial: powers are compared by likelihood, which a survey-weighted model does not have.")
    null = _fit(model, rows, "", adjust, outcome).loglik if adjust else linear.loglik_null
    best = {1: _best(model, rows, exposure, adjust, outcome, [(p,) for p in powers])}
    if degree == 2:
        pairs = list(itertools.combinations_with_replacement(powers, 2))
        best[2] = _best(model, rows, exposure, adjust, outcome, pairs)
    table = _compare(null, linear, best, degree)
    return FractionalPolynomial(best[degree][0], _select(table, best, degree, alpha), best[degree][1], table)


def _fit(model: Model, rows: pd.DataFrame, term: str, adjust: str, outcome: str) -> Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # each trial would repeat them; the chosen fit keeps its own in .warnings
        return model(formula_of(term, adjust, outcome), rows)


def _complete(model: Model, data: pd.DataFrame, exposure: str, adjust: str, outcome: str) -> pd.DataFrame:
    """Keep the rows that a model with the exposure uses, so that all models are compared on the same people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        whole = model(formula_of(_term(exposure, ()), adjust, outcome), data)
    rows: pd.DataFrame = data.loc[whole.parts["matrix"].kept]
    low = int((rows[exposure] <= 0).sum())
    if low:
        raise DataError(f"{exposure}: {low} of {len(rows)} values are 0 or negative; powers need positive numbers. Add a constant first.")
    return rows


def _best(
    model: Model, rows: pd.DataFrame, exposure: str, adjust: str, outcome: str, candidates: Sequence[tuple[float, ...]]
) -> tuple[tuple[float, ...], Fit]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingRowsWarning)
        fits = [(powers, _fit(model, rows, _term(exposure, powers), adjust, outcome)) for powers in candidates]
    return max(fits, key=lambda one: one[1].loglik)


def _term(exposure: str, powers: tuple[float, ...]) -> str:
    name = written(exposure)
    return name if powers in ((), (1.0,)) else f"fp({name}, {', '.join(f'{p:g}' for p in powers)})"


def _compare(null: float, linear: Fit, best: dict[int, tuple[tuple[float, ...], Fit]], degree: int) -> pd.DataFrame:
    from scipy.special import chdtrc

    top = best[degree][1].loglik
    rows = [("null", "", null, 2 * degree), ("linear", "1", linear.loglik, 2 * degree - 1)]
    rows += [(f"FP{k}", ", ".join(f"{p:g}" for p in powers), fit.loglik, 2 * (degree - k)) for k, (powers, fit) in sorted(best.items())]
    made = [
        {
            "model": name,
            "powers": powers,
            "deviance": -2 * loglik,
            "difference": 2 * (top - loglik),
            "df": df,
            "p_value": float(chdtrc(df, max(2 * (top - loglik), 0.0))) if df else np.nan,
        }
        for name, powers, loglik, df in rows
    ]
    return pd.DataFrame(made)


def _select(table: pd.DataFrame, best: dict[int, tuple[tuple[float, ...], Fit]], degree: int, alpha: float) -> tuple[float, ...]:
    p = table.set_index("model")["p_value"]
    if p["null"] > alpha:
        return ()
    if p["linear"] > alpha:
        return (1.0,)
    return best[1][0] if degree == 2 and p["FP1"] > alpha else best[degree][0]
