"""The rows that every scale of an exposure shares, and how its formulas are written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingRowsWarning, list_names
from cobalamin.models.after.dose_curve import people_counted, row_weights
from cobalamin.models.after.exposure_groups import spread
from cobalamin.models.fit import Fit
from cobalamin.models.grouping import whole
from cobalamin.models.matrix.formula import parse_formula
from cobalamin.models.matrix.rows import require_columns

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Model = Callable[[str, pd.DataFrame], Fit]


@dataclass(frozen=True, eq=False)
class DoseRows:
    """The rows that every scale of an exposure shares.

    Attributes
    ----------
    model : callable
        (formula, data) -> Fit.
    frame : DataFrame
        All rows; the exposure is missing where a row is not in the models, so that a survey keeps its design.
    kept : ndarray of bool
        Rows in the models.
    exposure, term : str
        Name of the column, and the same as a formula writes it.
    adjust, outcome : str
        Other parts of the formula.
    values, weight : ndarray
        The exposure and the weight of the people who count.
    linear : Fit
        The model with the exposure as it is.
    """

    model: Model
    frame: pd.DataFrame
    kept: Bools
    exposure: str
    term: str
    adjust: str
    outcome: str
    values: Floats
    weight: Floats
    linear: Fit

    @property
    def weighted(self) -> bool:
        """Whether some complete rows count for more than others, or for nothing."""
        return len(self.weight) < int(self.kept.sum()) or not bool((self.weight == 1).all())

    def fit(self, term: str, frame: pd.DataFrame | None = None) -> Fit:
        """Fit the model with another term in the place of the exposure; rows left out were spoken of by the first."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MissingRowsWarning)
            return self.model(formula_of(term, self.adjust, self.outcome), self.frame if frame is None else frame)

    def coded(self, values: Any) -> pd.DataFrame:
        """Return the rows with the exposure replaced, where they are in the models."""
        return self.frame.assign(**{self.exposure: values})


def formula_of(term: str, adjust: str, outcome: str) -> str:
    """Put a formula together.

    Parameters
    ----------
    term, adjust, outcome : str
        The exposure, the rest of the right side, and the left side; the last two may be empty.

    Returns
    -------
    str
        With the exposure first.

    Examples
    --------
    >>> formula_of("log2(b12)", "age + sex", "ls")
    'ls ~ log2(b12) + age + sex'
    """
    right = " + ".join(part for part in (term, adjust) if part)
    return f"{outcome} ~ {right}" if outcome else right


def written(name: str) -> str:
    """Return a column's name as a formula writes it.

    Parameters
    ----------
    name : str
        Column.

    Returns
    -------
    str
        In backticks where it is no identifier.

    Examples
    --------
    >>> written("b12"), written("serum b12")
    ('b12', '`serum b12`')
    """
    return name if name.isidentifier() else f"`{name}`"


def read_rows(model: Model, data: pd.DataFrame, exposure: str, adjust: str, outcome: str) -> DoseRows:
    """Fit the model with the exposure as it is, and take the rows that it used.

    Parameters
    ----------
    model : callable
        (formula, data) -> Fit.
    data : DataFrame, n rows
        One row per person.
    exposure, adjust, outcome : str
        As in `dose_response`.

    Returns
    -------
    DoseRows
        The rows.

    Raises
    ------
    ColumnNotFoundError, DataError, DesignError
        The exposure is absent, no number, without spread or also among the adjusters; a model that does not work on rows of ``data``.

    Examples
    --------
    >>> from cobalamin.models.regression.regression import linear
    >>> table = pd.DataFrame({"x": [1.0, 2, 3, None, 5], "y": [1.0, 3, 2, 5, 4]})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", MissingRowsWarning)
    ...     read_rows(linear, table, "x", "", "y").values.tolist()
    [1.0, 2.0, 3.0, 5.0]
    """
    require_columns(data, [exposure])
    kind = data[exposure].dtype
    if pd.api.types.is_bool_dtype(kind) or not pd.api.types.is_numeric_dtype(kind):
        raise DataError(f"{exposure}: expected a column of numbers; got {kind}. A category has one scale only: put it into the formula.")
    _check_adjusters(adjust, exposure, data)
    linear = model(formula_of(written(exposure), adjust, outcome), data)
    matrix = linear.parts.get("matrix")
    if matrix is None or len(matrix.kept) != len(data):
        raise DataError(f"model: {linear.family.title} does not keep which rows of the data it used; fit the scales one by one.")
    kept = np.asarray(matrix.kept, dtype=bool)
    numbers = data[exposure].to_numpy(dtype=np.float64, na_value=np.nan)
    weight = row_weights(linear)
    weight = weight[weight > 0]
    values = numbers[people_counted(linear)]
    spread(values, weight)
    frame = data.assign(**{exposure: np.where(kept, numbers, np.nan)})
    scaled = weight if whole(weight) else weight / weight.mean()
    return DoseRows(model, frame, kept, exposure, written(exposure), adjust, outcome, values, scaled, linear)


def _check_adjusters(adjust: str, exposure: str, data: pd.DataFrame) -> None:
    if not adjust:
        return
    parsed = parse_formula(adjust, data.columns)
    if parsed.response or not parsed.intercept:
        raise DesignError(f"adjust: '{adjust}' is not the rest of a formula; give terms joined by +, the outcome goes into outcome=.")
    if exposure in parsed.variables:
        raise DesignError(f"adjust: '{exposure}' is the exposure; it cannot adjust for itself. Effects within groups: subgroup_effects.")


def refuse_not_positive(rows: DoseRows, scales: Sequence[str]) -> None:
    """Refuse an exposure without a logarithm.

    Parameters
    ----------
    rows : DoseRows
        The rows.
    scales : sequence of str
        Scales that need positive numbers; where empty nothing is refused.

    Returns
    -------
    None
        Nothing; the check passed.

    Raises
    ------
    DataError
        With the number of values of 0 or less.
    """
    low = int((rows.values <= 0).sum())
    if low and scales:
        raise DataError(
            f"{rows.exposure}: {low} of {len(rows.values)} values are 0 or negative, which have no logarithm; leave out"
            f" {list_names(scales)}, or add a constant to the exposure first."
        )
