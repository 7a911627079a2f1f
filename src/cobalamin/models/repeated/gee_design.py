"""What a marginal model reads from a table: outcome, columns, groups, times, weights, person-time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, EventCodeError
from cobalamin.models.matrix.columns import plain_numbers
from cobalamin.models.matrix.formula import parse_formula
from cobalamin.models.matrix.matrix import Matrix, build_matrix
from cobalamin.models.matrix.rows import Missing, require_columns
from cobalamin.models.ordinal.categories import Categories, read_categories, refuse_unordered
from cobalamin.models.repeated.gee_correlation import Correlation, Layout, layout
from cobalamin.models.repeated.gee_rows import MarginalFamily
from cobalamin.models.repeated.outcome import numeric_outcome, refuse_constant
from cobalamin.models.survey import read_weights

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_CATEGORIES = 30  # the variance of the cut-points of each row is a dense matrix


@dataclass(frozen=True)
class GeeColumns:
    """Names of the columns besides the formula.

    Attributes
    ----------
    group : str or None
        What repeats; None where each row stands for itself.
    time, exposure, weights : str or None
        Time, person-time and weights.
    """

    group: str | None
    time: str | None = None
    exposure: str | None = None
    weights: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The columns given."""
        return tuple(dict.fromkeys(n for n in (self.group, self.time, self.exposure, self.weights) if n is not None))


@dataclass(frozen=True, eq=False)
class GeeDesign:
    """A marginal model read from data.

    Attributes
    ----------
    matrix : Matrix
        Covariates of all complete rows.
    order : ndarray of int, shape (n,)
        Sorted row -> row of the matrix; rows of weight 0 are not among them.
    x : ndarray, shape (n, p)
        Covariates, sorted by group and time.
    y, offset, weight : ndarray, shape (n,)
        Outcomes, logarithm of the person-time, weights; sorted.
    rows : Layout
        The groups.
    categories : Categories or None
        Of an ordered outcome.
    person_time : float
        Sum of the person-time; NaN without it.
    """

    matrix: Matrix
    order: Ints
    x: Floats
    y: Floats
    offset: Floats
    weight: Floats
    rows: Layout
    categories: Categories | None
    person_time: float


def read_gee(
    formula: str, data: pd.DataFrame, columns: GeeColumns, family: MarginalFamily, correlation: Correlation, missing: Missing
) -> GeeDesign:
    """Read a marginal model from a table and refuse what cannot be estimated.

    Parameters
    ----------
    formula, data, family, correlation, missing
        As `gee`.
    columns : GeeColumns
        Further columns.

    Returns
    -------
    GeeDesign
        Arrays sorted by group and time.

    Raises
    ------
    DesignError
        Too few groups, groups of one row with a working correlation, times twice in a group.
    DataError, EventCodeError
        Outcomes or times that the family cannot use.
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    require_columns(data, columns.named)
    ordered = family == "ordinal"
    if ordered:
        _check_ordinal(formula, data)
    matrix = build_matrix(formula, data, extra=columns.named, intercept=not ordered, response=True, missing=missing)
    rows = data if matrix.kept.all() else data.loc[matrix.kept]
    weight = np.ones(len(rows)) if columns.weights is None else read_weights(data, columns.weights)[matrix.kept]
    used = weight > 0
    if not used.any():
        raise DataError("No row in the model has a weight above zero.")
    categories = read_categories(matrix, data, used) if ordered else None
    y = _outcome(matrix, data, family, used) if categories is None else categories.code.astype(np.float64)
    if categories is not None and len(categories.labels) > MOST_CATEGORIES:
        raise DataError(
            f"{matrix.formula.response}: {len(categories.labels)} categories, at most {MOST_CATEGORIES} fit; use bounded_score()."
        )
    refuse_constant(y[used], matrix.formula.response)
    time = np.zeros(len(rows)) if columns.time is None else _numbers(rows, columns.time, "time")
    codes = np.arange(len(rows)) if columns.group is None else np.asarray(pd.factorize(rows[columns.group])[0], dtype=np.int64)
    order = np.lexsort((time, codes))
    order = order[used[order]]
    sorted_codes = np.unique(codes[order], return_inverse=True)[1].astype(np.int64)
    laid = layout(correlation, sorted_codes, time[order])
    _check_groups(laid, columns)
    exposure = None if columns.exposure is None else _exposure(rows, columns.exposure)[order]
    return GeeDesign(
        matrix=matrix,
        order=order.astype(np.int64),
        x=matrix.X[order],
        y=y[order],
        offset=np.zeros(len(order)) if exposure is None else np.log(exposure),
        weight=weight[order],
        rows=laid,
        categories=categories,
        person_time=np.nan if exposure is None else float(exposure.sum()),
    )


def _check_ordinal(formula: str, data: pd.DataFrame) -> None:
    parsed = parse_formula(formula, data.columns)
    if parsed.response:
        require_columns(data, parsed.response_variables)
        refuse_unordered(data, parsed.response.strip("`"))
    if not parsed.intercept:
        raise DesignError("formula: the cut-points are the intercepts of an ordinal model; leave out '- 1' or '0 +'.")


def _outcome(matrix: Matrix, data: pd.DataFrame, family: MarginalFamily, used: npt.NDArray[np.bool_]) -> Floats:
    y = numeric_outcome(matrix, data, flags=family == "binomial")
    name, values = matrix.formula.response, y[used]
    if family == "binomial" and not np.isin(values, (0.0, 1.0)).all():
        codes = " It has the codes 1 and 2: say which is the event." if set(np.unique(values)) <= {1.0, 2.0} else ""
        raise EventCodeError(
            f"{name}: {int((~np.isin(values, (0.0, 1.0))).sum())} of {len(values)} outcomes are not 0 or 1.{codes} For a score use family="
            "'gaussian' or bounded_score()."
        )
    if family == "poisson" and (values < 0).any():
        raise DataError(f"{name}: {int((values < 0).sum())} of {len(values)} counts are negative; expected numbers of events.")
    return y


def _numbers(rows: pd.DataFrame, name: str, what: str) -> Floats:
    try:
        values = np.asarray(pd.to_numeric(rows[name]), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: {what}= must be a number; got {rows[name].dtype}.") from error
    if not np.isfinite(values).all():
        raise DataError(f"{name}: {int((~np.isfinite(values)).sum())} of {len(values)} values of {what}= are infinite.")
    return values


def _exposure(rows: pd.DataFrame, name: str) -> Floats:
    kind = plain_numbers(rows[name]).dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
        raise DataError(f"{name}: expected numbers; got {rows[name].dtype}.")
    values = _numbers(rows, name, "exposure")
    if (values <= 0).any():
        raise DataError(f"{name}: {int((values <= 0).sum())} of {len(values)} rows have no person-time above 0; a rate needs some.")
    return values


def _check_groups(rows: Layout, columns: GeeColumns) -> None:
    groups, n = len(rows.starts), int(rows.sizes.sum())
    if groups < 2:
        raise DesignError(f"{columns.group}: got 1 group; the robust variance compares groups and needs many.")
    if rows.kind != "independence" and groups == n:
        raise DesignError(
            f"{columns.group}: each of the {n} groups has one row; there is no correlation to estimate. Use correlation='independence', or"
            " name the column that repeats."
        )
    if rows.kind == "ar1":
        gaps = rows.gaps
        inner = np.ones(n, dtype=bool)
        inner[rows.starts] = False
        twice = len(np.unique(np.repeat(np.arange(groups), rows.sizes)[inner & (gaps == 0)]))
        if twice:
            raise DesignError(
                f"{columns.time}: {twice} of {groups} groups have two rows of the same time; ar1 needs one row per time. Average them, or"
                " use correlation='exchangeable'."
            )
