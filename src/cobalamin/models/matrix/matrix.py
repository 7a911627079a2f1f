"""The model matrix: complete rows, named columns, and what each column stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import (
    DataError,
    FormulaError,
    MissingValuesError,
    list_names,
)
from cobalamin.models.matrix.coding import Coding, Column, encode, encode_columns, replay
from cobalamin.models.matrix.columns import FEWEST_ROWS, prepare_columns
from cobalamin.models.matrix.formula import ParsedFormula, parse_formula
from cobalamin.models.matrix.rows import Missing, complete_rows, counted, report_missing, require_columns

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Factor:
    """A categorical term and its levels.

    Attributes
    ----------
    variable : str
        The term as written in the formula.
    reference : str
        The level that the others are compared with; empty where every level has a column.
    levels : tuple of str
        All levels, reference first.
    columns : tuple of int
        Columns of the matrix, one per level other than the reference.
    """

    variable: str
    reference: str
    levels: tuple[str, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Matrix:
    """A model matrix and the rows it was made from.

    Attributes
    ----------
    X : ndarray, shape (n, p)
        Covariates of the rows kept.
    columns : tuple of Column
        What each column stands for.
    kept : ndarray of bool, shape (rows of the data,)
        Rows in the matrix.
    missing : mapping of str to int
        Missing values per column, for columns that have any.
    n_missing : int
        Rows left out because of missing values.
    formula : ParsedFormula
        The formula.
    coding : Coding
        How to code new data alike.
    response : ndarray, shape (n,), or None
        Left side of a two-sided formula; a factor of two levels is 0/1.
    response_levels : tuple of str
        Levels of a factor response.
    notes : tuple of str
        What a reader of the result should know (unused levels).
    """

    X: Floats
    columns: tuple[Column, ...]
    kept: Bools
    missing: Mapping[str, int]
    n_missing: int
    formula: ParsedFormula
    coding: Coding
    response: Floats | None = None
    response_levels: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in formulaic's spelling."""
        return tuple(column.name for column in self.columns)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The categorical terms, in order."""
        groups: dict[str, list[int]] = {}
        for j, column in enumerate(self.columns):
            if column.indicator:
                groups.setdefault(column.variable, []).append(j)
        return tuple(self._factor(variable, where) for variable, where in groups.items())

    def _factor(self, variable: str, where: list[int]) -> Factor:
        reference = self.columns[where[0]].reference
        levels = tuple(self.columns[j].level for j in where)
        return Factor(variable, reference, (reference, *levels) if reference else levels, tuple(where))

    def apply(self, data: pd.DataFrame) -> Floats:
        """Code new data as the data of the fit were coded.

        Parameters
        ----------
        data : DataFrame
            Rows with the columns of the terms, none missing.

        Returns
        -------
        ndarray, shape (rows, p)
            The same columns as ``X``.

        Raises
        ------
        ColumnNotFoundError, MissingValuesError, DataError
            A column is absent, a value is missing, or a level is new.
        """
        names = self.formula.variables
        require_columns(data, names)
        holes = {n: int(data[n].isna().sum()) for n in names}
        if any(holes.values()):
            raise MissingValuesError(f"new data: missing values in {counted(holes)}; predictions need complete rows.")
        return replay(self.coding, prepare_columns(data, names, self.coding.categories))

    def __repr__(self) -> str:
        return f"Matrix({self.X.shape[0]} rows x {self.X.shape[1]} columns: {list_names(self.names)}; {self.n_missing} rows missing)"


def build_matrix(
    formula: str,
    data: pd.DataFrame,
    *,
    extra: Sequence[str] = (),
    intercept: bool = False,
    response: bool = False,
    inside: Bools | None = None,
    missing: Missing = "drop",
) -> Matrix:
    """Make the model matrix of a formula from complete rows.

    Parameters
    ----------
    formula : str
        One-sided (``"x + z"``, ``"~ x + z"``) or, with ``response=True``, two-sided (``"y ~ x + z"``).
    data : DataFrame
        One row per person or person-interval.
    extra : sequence of str
        Columns besides the formula whose missing rows are left out too (strata, cluster, weights).
    intercept : bool
        Keep the intercept column (GLM); False for Cox models, whose baseline hazard is the intercept.
    response : bool
        Whether the formula has a left side.
    inside : ndarray of bool, optional
        Rows to use at all (a survey domain); rows outside are not counted as missing.
    missing : {"drop", "error"}
        Leave incomplete rows out with one counted warning, or refuse.

    Returns
    -------
    Matrix
        The columns and the rows they come from.

    Raises
    ------
    FormulaError
        A formula outside the safe language.
    ColumnNotFoundError
        An unknown column.
    MissingValuesError
        Missing values with ``missing="error"``, or a column without any value.
    DataError
        No rows, a factor with one level, infinite or undefined values.

    Warns
    -----
    MissingRowsWarning
        Once, with the columns and their counts.

    Examples
    --------
    >>> data = pd.DataFrame({"age": [50.0, 60.0, 70.0], "smoking": ["never", "former", "never"]})
    >>> build_matrix("age + smoking", data).names
    ('age', 'smoking[T.never]')
    """
    if not isinstance(data, pd.DataFrame):
        raise DataError(f"data: expected a pandas DataFrame; got {type(data).__name__}.")
    parsed = parse_formula(formula, data.columns)
    _check_sides(parsed, response)
    require_columns(data, extra)
    used = tuple(dict.fromkeys((*parsed.variables, *parsed.response_variables, *extra)))
    require_columns(data, used)
    kept, counts, n_missing = complete_rows(data, used, inside)
    report_missing(counts, n_missing, int(kept.sum()), missing)
    rows = data if kept.all() else data.loc[kept]
    notes = _unused_levels(rows, parsed.variables)
    frame = prepare_columns(rows, parsed.variables)
    if parsed.simple:
        x, coding = encode_columns(parsed.variables, frame, intercept=intercept)
    else:
        x, coding = encode(_terms(parsed, intercept), frame, intercept=intercept, aliases=parsed.aliases)
    _check_levels(coding, len(rows))
    _check_finite(x, coding)
    y, levels = _response(parsed, rows) if response else (None, ())
    return Matrix(x, coding.columns, kept, counts, n_missing, parsed, coding, y, levels, notes)


def _check_sides(parsed: ParsedFormula, response: bool) -> None:
    if response and not parsed.response:
        raise FormulaError(f"formula: '{parsed.text}' has no response; expected 'outcome ~ terms'.")
    if not response and parsed.response:
        raise FormulaError(
            f"formula: '{parsed.text}' has a left side; here the outcome is given by exit= and event=, so write '{parsed.terms}'."
        )


def _terms(parsed: ParsedFormula, intercept: bool) -> str:
    if not parsed.intercept and not intercept:
        raise FormulaError(
            "formula: a Cox model has no intercept to remove (its baseline hazard is the intercept); leave out '- 1' or '0 +'."
        )
    return parsed.terms


def _unused_levels(rows: pd.DataFrame, names: Sequence[str]) -> tuple[str, ...]:
    """Name declared levels without rows; refuse a declared reference without rows, which would silently change the comparison."""
    notes = []
    for name in names:
        if not isinstance(rows[name].dtype, pd.CategoricalDtype):
            continue
        used = set(rows[name].cat.codes.unique())
        unused = [str(level) for code, level in enumerate(rows[name].cat.categories) if code not in used]
        if unused and 0 not in used:
            raise DataError(
                f"{name}: its reference level '{unused[0]}' has no rows here."
                f" Name another, C({name}, reference=...), or remove unused levels."
            )
        if unused:
            notes.append(f"{name}: no rows with {list_names(unused)}; left out of the model.")
    return tuple(notes)


def _check_levels(coding: Coding, n: int) -> None:
    for factor, levels in coding.levels.items():
        if len(levels) < 2:
            raise DataError(
                f"{factor}: has one level only{f' ({levels[0]})' if n >= FEWEST_ROWS else ''} in the rows used; a factor needs two."
                " Leave it out, or look at the missing rows."
            )


def _check_finite(x: Floats, coding: Coding) -> None:
    if all(np.isfinite(x[:, j].sum()) for j in range(x.shape[1])):
        return
    for j, column in enumerate(coding.columns):
        bad = int((~np.isfinite(x[:, j])).sum())
        if bad:
            raise DataError(
                f"{column.name}: not finite in {bad} of {len(x)} rows (the logarithm of zero or of a negative number?)."
                " Mend or leave out these rows."
            )


def _response(parsed: ParsedFormula, rows: pd.DataFrame) -> tuple[Floats, tuple[str, ...]]:
    frame = prepare_columns(rows, parsed.response_variables)
    name = parsed.response.strip("`")
    if name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            return np.asarray(column.cat.codes, dtype=np.float64), tuple(str(v) for v in column.cat.categories)
        return column.to_numpy(dtype=np.float64), ()
    y, coding = encode(f"0 + {parsed.response}", frame, intercept=True, aliases=parsed.aliases)
    if y.shape[1] != 1 or coding.columns[0].level:
        raise FormulaError(f"formula: the response '{parsed.response}' must be one column of numbers.")
    _check_finite(y, coding)
    return y[:, 0], ()
