"""What an ordinal fit keeps for the verbs on it, and what is checked before it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.models.fit import Fit
from cobalamin.models.matrix.formula import parse_formula
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.matrix.rows import require_columns
from cobalamin.models.ordinal.categories import Categories, refuse_unordered
from cobalamin.models.ordinal.solution import OrdinalSolved
from cobalamin.models.survey import SurveyDesign, read_weights

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Spread = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class OrdinalParts:
    """What the verbs on an ordinal fit need; person-level, never written.

    Attributes
    ----------
    matrix : Matrix
        Of the fit.
    categories : Categories
        Of the outcome.
    solved : OrdinalSolved
        The solution.
    weight : ndarray, shape (n,)
        Weight of each row.
    link : str
        Name of the distribution.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by threshold.
    rows : DataFrame
        The formula's columns in the rows used.
    spread : callable or None
        Influence of each row of the matrix -> variance; None for the model's own.
    """

    matrix: Matrix
    categories: Categories
    solved: OrdinalSolved
    weight: Floats
    link: str
    partial: Bools
    rows: pd.DataFrame
    spread: Spread | None


def parts_of(fit: Fit) -> OrdinalParts:
    """Return what `ordinal` left for the verbs on its fits.

    Parameters
    ----------
    fit : Fit
        From `ordinal`.

    Returns
    -------
    OrdinalParts
        Its pieces.

    Raises
    ------
    DataError
        Another kind of fit.
    """
    parts = fit.parts.get("ordinal")
    if not isinstance(parts, OrdinalParts):
        raise DataError(f"expected a fit from ordinal(...); got {fit.family.title}.")
    return parts


def check_formula(formula: str, data: Any) -> None:
    """Refuse what a cumulative model cannot mean, before any coding.

    Parameters
    ----------
    formula : str
        Two-sided.
    data : DataFrame
        The table.

    Returns
    -------
    None
        Nothing; the formula may be coded.

    Raises
    ------
    DataError
        No data frame, or an outcome whose order is not known.
    DesignError
        A formula that takes the intercept away.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    parsed = parse_formula(formula, data.columns)
    if parsed.response:
        require_columns(data, parsed.response_variables)
        refuse_unordered(data, parsed.response.strip("`"))
    if not parsed.intercept:
        raise DesignError("formula: the thresholds are the intercepts of an ordinal model; leave out '- 1' or '0 +'.")


def case_weights_of(matrix: Matrix, data: pd.DataFrame, weights: str | None, design: SurveyDesign | None = None) -> Floats:
    """Return the weight of each row of a matrix.

    Parameters
    ----------
    matrix : Matrix
        The rows.
    data : DataFrame
        The table.
    weights : str or None
        Column of case weights.
    design : SurveyDesign, optional
        Survey weights, scaled to mean 1.

    Returns
    -------
    ndarray, shape (n,)
        Weights >= 0, one at least above 0.

    Raises
    ------
    DataError
        No row with a weight above zero.
    """
    if design is not None:
        weight = design.weights[matrix.kept]
        weight = weight / weight[weight > 0].mean() if (weight > 0).any() else weight
    else:
        weight = np.ones(len(matrix.X)) if weights is None else read_weights(data, weights)[matrix.kept]
    if not (weight > 0).any():
        raise DataError("No row in the model has a weight above zero.")
    return np.asarray(weight)
