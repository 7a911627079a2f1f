"""Scores with a lowest and a highest possible value: fractional logistic regression of their mean."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, FitWarning
from cobalamin.models.fit import Family, Fit
from cobalamin.models.matrix.rows import Missing
from cobalamin.models.repeated.gee import Correction, fit_gee
from cobalamin.models.repeated.gee_design import GeeColumns, read_gee

Floats = npt.NDArray[np.float64]
BOUNDED = Family("bounded_score", "Fractional logistic model of a bounded score", "odds ratio of the mean score")


def bounded_score(
    formula: str,
    data: pd.DataFrame,
    *,
    lower: float,
    upper: float,
    group: str | None = None,
    weights: str | None = None,
    correction: Correction = "none",
    missing: Missing = "drop",
) -> Fit:
    """Fit the mean of a score that cannot leave a range: fractional logit with robust variance.

    Parameters
    ----------
    formula : str
        ``"score ~ terms"``.
    data : DataFrame, n rows
        One row per person or measurement.
    lower, upper : float
        Lowest and highest value that the score can have (not those that occur): 0 and 48 for CLISSCO.
    group : str, optional
        Column of persons with several rows; the variance is then summed over persons. Without it each row stands for itself.
    weights : str, optional
        Column of weights of rows.
    correction : {"none", "mancl-derouen"}
        Small-sample correction of the variance: see `gee`.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Fit
        Coefficients on the scale of ``log(m / (1 - m))``, m the mean score as a share of its range. `expected_score` gives means in
        points of the score. No likelihood: ``loglik`` and ``aic`` are NaN.

    Raises
    ------
    DataError
        Limits that are no range, values outside them, a score without variation.
    EventCodeError
        A score that is no number.
    ConvergenceError
        A group of rows all at one end; the message names the parameter.
    DesignError, FormulaError, ColumnNotFoundError, MissingValuesError
        As `gee`.

    Warns
    -----
    MissingRowsWarning, FitWarning
        As `gee`.

    Notes
    -----
    Quasi-likelihood of the binomial for a share, right for the mean whatever the distribution (values at the ends included), with the
    sandwich variance (R: ``glm(family = quasibinomial)`` with ``sandwich::vcovHC(type = "HC0")``, or ``vcovCL`` without correction).

    References
    ----------
    Papke LE, Wooldridge JM. Econometric methods for fractional response variables. J Appl Econom 1996;11:619-632.
    doi:10.1002/(SICI)1099-1255(199611)11:6<619::AID-JAE418>3.0.CO;2-1

    Examples
    --------
    >>> people = pd.DataFrame({"score": [0, 12, 24, 12, 24, 36, 48, 24] * 10, "b12": [0, 0, 0, 0, 1, 1, 1, 1] * 10})
    >>> fit = bounded_score("score ~ b12", people, lower=0, upper=48)
    >>> expected_score(fit, pd.DataFrame({"b12": [0, 1]})).round(6).tolist()
    [12.0, 33.0]
    """
    if not (np.isfinite(lower) and np.isfinite(upper) and lower < upper):
        raise DataError(f"lower, upper: got {lower:g} and {upper:g}; expected the lowest and the highest possible score, lower < upper.")
    design = read_gee(formula, data, GeeColumns(group, weights=weights), "gaussian", "independence", missing)
    outside = int(((design.y < lower) | (design.y > upper)).sum())
    if outside:
        raise DataError(
            f"{design.matrix.formula.response}: {outside} of {len(design.y)} values lie outside [{lower:g}, {upper:g}]; mend them, or state"
            " the range of the score."
        )
    given = {"group": group, "weights": weights}
    more = "".join(f", {name}={value!r}" for name, value in given.items() if value is not None)
    corrected = "" if correction == "none" else f", correction={correction!r}"
    call = f"bounded_score({formula!r}, lower={lower:g}, upper={upper:g}{more}{corrected})"
    fit = fit_gee(replace(design, y=(design.y - lower) / (upper - lower)), BOUNDED, "binomial", correction, call)
    told = fit.warnings[len(design.matrix.notes) :]
    if told:
        warnings.warn(" ".join(told), FitWarning, stacklevel=2)
    return replace(fit, facts={**fit.facts, "lowest score": float(lower), "highest score": float(upper)})


def expected_score(fit: Fit, data: pd.DataFrame) -> Floats:
    """Return the mean score that a model of a bounded score expects, in points.

    Parameters
    ----------
    fit : Fit
        From `bounded_score`.
    data : DataFrame
        Rows with the columns of the formula.

    Returns
    -------
    ndarray, shape (rows,)
        Means between the lowest and the highest possible score.

    Raises
    ------
    DesignError
        The fit is of another model.
    ColumnNotFoundError, MissingValuesError
        Columns or values that are absent.

    Examples
    --------
    >>> people = pd.DataFrame({"score": [0, 1, 2, 3] * 10, "x": [0, 0, 1, 1] * 10})
    >>> expected_score(bounded_score("score ~ x", people, lower=0, upper=5), people.head(1)).round(6).tolist()
    [0.5]
    """
    from scipy.special import expit

    if fit.family.name != BOUNDED.name:
        raise DesignError(f"expected a fit of bounded_score(); got {fit.family.title}.")
    lower, upper = fit.facts["lowest score"], fit.facts["highest score"]
    return np.asarray(lower + (upper - lower) * expit(fit.linear_predictor(data)))
