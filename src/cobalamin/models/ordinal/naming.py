"""What the coefficients of an ordinal model are called and stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.models.fit import Family
from cobalamin.models.matrix.coding import Column
from cobalamin.models.matrix.matrix import Matrix
from cobalamin.models.ordinal.categories import Categories
from cobalamin.models.tabulate import Count, count_levels

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_SPLINE_PART = re.compile(r"(?<=\))\[\d+\]")  # the columns of rcs(x, 4) are rcs(x, 4)[1], ...
_NAMES = {
    "logit": ("Proportional odds", "odds ratio", True),
    "probit": ("Ordered probit", "difference in latent standard deviations", False),
    "cloglog": ("Cumulative complementary log-log model", "cumulative complementary log-log coefficient", False),
    "loglog": ("Cumulative log-log model", "cumulative log-log coefficient", False),
    "cauchit": ("Cumulative Cauchy model", "cumulative Cauchy coefficient", False),
}


@dataclass(frozen=True, eq=False)
class PartialMatrix(Matrix):
    """The matrix of a partial model, which has no single linear predictor."""

    def apply(self, data: pd.DataFrame) -> Floats:
        """Refuse: there is one linear predictor per threshold.

        Parameters
        ----------
        data : DataFrame
            Not used.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            "a partial proportional odds model has one linear predictor per threshold, not one per person; use predict_ordinal(fit, data)."
        )


def matrix_for_prediction(matrix: Matrix, partial: Bools) -> Matrix:
    """Return the matrix that `Fit.linear_predictor` may use.

    Parameters
    ----------
    matrix : Matrix
        Of the fit.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by threshold.

    Returns
    -------
    Matrix
        The same, or a `PartialMatrix`.
    """
    return PartialMatrix(**{f.name: getattr(matrix, f.name) for f in fields(Matrix)}) if partial.any() else matrix


def term_of(column: Column) -> str:
    """Return the term of the formula that a column belongs to.

    Parameters
    ----------
    column : Column
        Of a matrix.

    Returns
    -------
    str
        The term; the same for all columns of a factor or a spline.

    Examples
    --------
    >>> term_of(Column("rcs(age, 3)[1]", "rcs(age, 3)[1]"))
    'rcs(age, 3)'
    """
    return _SPLINE_PART.sub("", column.variable)


def partial_columns(matrix: Matrix, partial: Sequence[str] | None) -> Bools:
    """Find the columns whose effect differs by threshold.

    Parameters
    ----------
    matrix : Matrix
        Of the model.
    partial : sequence of str or None
        Terms as written in the formula.

    Returns
    -------
    ndarray of bool, shape (p,)
        True for the columns of these terms.

    Raises
    ------
    DataError
        Not a sequence of terms of the formula.
    """
    if isinstance(partial, str):
        raise DataError(f"partial: expected a list of terms; write partial=[{partial!r}].")
    terms = [term_of(column) for column in matrix.columns]
    for wanted in partial or ():
        if wanted not in terms:
            raise DataError(
                f"partial: '{wanted}' is not a term of the formula.{did_you_mean(str(wanted), terms)}"
                f" Its terms are: {list_names(dict.fromkeys(terms))}."
            )
    return np.array([term in (partial or ()) for term in terms], dtype=np.bool_)


def coefficient_columns(matrix: Matrix, partial: Bools, categories: Categories) -> tuple[Column, ...]:
    """Name what is reported: coefficients, per threshold where they differ, then the thresholds.

    Parameters
    ----------
    matrix : Matrix
        Of the model.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by threshold.
    categories : Categories
        Of the outcome.

    Returns
    -------
    tuple of Column
        In the order of `solution.Layout`.
    """
    made: list[Column] = []
    for column, split in zip(matrix.columns, partial, strict=True):
        made.extend(_by_threshold(column, categories) if split else [column])
    return (*made, *(Column(name, name) for name in categories.thresholds))


def _by_threshold(column: Column, categories: Categories) -> list[Column]:
    texts = [f"Y>={label}" for label in categories.labels[1:]]
    return [replace(column, name=f"{column.name}, {t}", level=", ".join(filter(None, (column.level, t)))) for t in texts]


def level_counts(matrix: Matrix, partial: Bools, categories: Categories, used: Bools) -> dict[tuple[str, str], Count]:
    """Count rows per level of each factor, under the name of every coefficient of the level.

    Parameters
    ----------
    matrix : Matrix
        Of the model.
    partial : ndarray of bool, shape (p,)
        Columns whose effect differs by threshold.
    categories : Categories
        Of the outcome.
    used : ndarray of bool, shape (n,)
        Rows to count.

    Returns
    -------
    dict of (variable, level) to Count
        Reference levels included.
    """
    counts = count_levels(matrix, used=used)
    for column, split in zip(matrix.columns, partial, strict=True):
        if split and (column.variable, column.level) in counts:
            same = counts[(column.variable, column.level)]
            counts |= {(made.variable, made.level): same for made in _by_threshold(column, categories)}
    return counts


def family_of(link: str, categories: Categories, partial: bool) -> Family:
    """Return what the model calls itself.

    Parameters
    ----------
    link : str
        Name of the distribution.
    categories : Categories
        Of the outcome.
    partial : bool
        Whether some effects differ by threshold.

    Returns
    -------
    Family
        The thresholds are ancillary.
    """
    title, measure, ratio = _NAMES[link]
    if partial:
        title = "Partial proportional odds" if link == "logit" else f"{title} with effects that differ by threshold"
    return Family("ordinal", title, measure, ratio, categories.thresholds)
