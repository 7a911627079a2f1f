"""From checked terms to columns: the functions a formula may call, and a coding that can be replayed on new data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import CobalaminError, DataError, FormulaError, list_names
from cobalamin.models.transforms import formula_functions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """What one column of the model matrix stands for.

    Attributes
    ----------
    name : str
        Name in the matrix (``smoking[T.former]``).
    variable : str
        The term as written (``smoking``).
    level : str
        Level of a factor, else empty.
    reference : str
        Reference level of a factor, else empty.
    indicator : bool
        Whether the column is 1 for the rows of that level and 0 for the others.
    """

    name: str
    variable: str
    level: str = ""
    reference: str = ""
    indicator: bool = False


@dataclass(frozen=True, eq=False)
class Coding:
    """How columns were made from data, so that new data are coded alike.

    Attributes
    ----------
    spec : object
        formulaic's model specification with the state of every transform.
    categories : mapping of str to tuple
        Levels of each categorical column of the data, reference first.
    intercept : bool
        Whether the matrix keeps the intercept column.
    columns : tuple of Column
        The columns in order.
    aliases : mapping of str to str
        Identifiers that stand for column names in the terms.
    """

    spec: Any
    categories: Mapping[str, tuple[Any, ...]]
    intercept: bool
    columns: tuple[Column, ...]
    aliases: Mapping[str, str]


def prepare_columns(data: pd.DataFrame, names: Sequence[str], categories: Mapping[str, tuple[Any, ...]] | None = None) -> pd.DataFrame:
    """Return the named columns as numbers or Categoricals only.

    Parameters
    ----------
    data : DataFrame
        Rows without missing values in ``names``.
    names : sequence of str
        Columns to take.
    categories : mapping of str to tuple, optional
        Levels to hold to (replay); a value outside them is refused.

    Returns
    -------
    DataFrame
        Numbers as float64; text, booleans and Categoricals as Categorical with the reference first and no unused level.

    Raises
    ------
    DataError
        Dates, mixed types, infinite numbers, or a level that the coding does not know.

    Examples
    --------
    >>> prepare_columns(pd.DataFrame({"s": ["b", "a"]}), ["s"])["s"].cat.categories.tolist()
    ['a', 'b']
    """
    known = categories or {}
    ready = {name: _prepare(data[name], name, known.get(name), replay=categories is not None) for name in names}
    return pd.DataFrame(ready, index=pd.RangeIndex(len(data)), copy=False)


def _prepare(column: pd.Series[Any], name: str, levels: tuple[Any, ...] | None, *, replay: bool) -> Any:
    kind = column.dtype
    is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    if replay and is_number != (levels is None):
        wanted = "numbers" if levels is None else f"the levels {list_names(levels)}"
        raise DataError(f"{name}: expected {wanted} as when the model was fitted; got {kind}.")
    if is_number:
        return _numbers(column, name)
    if levels is not None:
        return _known_levels(column, name, levels)
    if isinstance(kind, pd.CategoricalDtype):
        return pd.Categorical(column).remove_unused_categories()
    if pd.api.types.is_bool_dtype(kind):
        return pd.Categorical(column.astype(bool), categories=[False, True]).remove_unused_categories()
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise DataError(f"{name}: a column of dates cannot be a covariate; derive a number (years since a date) first.")
    try:
        return pd.Categorical(column, categories=sorted(column.unique()))
    except TypeError:
        raise DataError(f"{name}: holds values of mixed types; make it a number, text or Categorical first.") from None


def _numbers(column: pd.Series[Any], name: str) -> Floats:
    values = column.to_numpy(dtype=np.float64)
    # a sum is infinite or NaN only if a value is (or overflows): the exact count is made in that rare case
    if not np.isfinite(values.sum()):
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise DataError(f"{name}: {infinite} of {len(values)} values are infinite; mend or leave out these rows.")
    return values


def _known_levels(column: pd.Series[Any], name: str, levels: tuple[Any, ...]) -> pd.Categorical:
    coded = pd.Categorical(column, categories=list(levels))
    unseen = int((coded.codes < 0).sum())
    if unseen:
        raise DataError(f"{name}: {unseen} of {len(coded)} rows have a level the model has not seen; it knows {list_names(levels)}.")
    return coded


def encode(terms: str, frame: pd.DataFrame, *, intercept: bool, aliases: Mapping[str, str] = MappingProxyType({})) -> tuple[Floats, Coding]:
    """Evaluate checked terms and code factors (treatment contrasts, first level the reference).

    Parameters
    ----------
    terms : str
        Right side of a formula that passed `parse_formula`.
    frame : DataFrame
        From `prepare_columns`.
    intercept : bool
        Keep the intercept column (GLM) or drop it after coding (Cox).
    aliases : mapping of str to str
        Identifiers that stand for column names in the terms.

    Returns
    -------
    x : ndarray, shape (n, p)
        The columns.
    coding : Coding
        How to do it again.

    Raises
    ------
    FormulaError, DataError
        What the functions of the formula refuse.
    """
    from formulaic import ModelSpec
    from formulaic.formula import SimpleFormula
    from formulaic.parser import DefaultFormulaParser

    parsed = SimpleFormula(DefaultFormulaParser(feature_flags=set()).get_terms(terms), _ordering="degree")
    spec = ModelSpec(formula=parsed, na_action="raise", output="numpy")
    standing = {alias: name for alias, name in aliases.items() if alias in terms}
    x, spec = _materialize(spec, frame, standing)
    columns = _describe_columns(spec, standing)
    categories = {str(n): tuple(frame[n].cat.categories) for n in frame.columns if isinstance(frame[n].dtype, pd.CategoricalDtype)}
    keep = [i for i, c in enumerate(columns) if intercept or c.name != "Intercept"]
    coding = Coding(spec, categories, intercept, tuple(columns[i] for i in keep), standing)
    return (x if len(keep) == len(columns) else np.ascontiguousarray(x[:, keep])), coding


def replay(coding: Coding, frame: pd.DataFrame) -> Floats:
    """Code new data as the data of the fit were coded.

    Parameters
    ----------
    coding : Coding
        From `encode`.
    frame : DataFrame
        From `prepare_columns` with the coding's categories.

    Returns
    -------
    ndarray, shape (n, p)
        Same columns as in the fit.

    Raises
    ------
    DataError
        A level that was not in the fit.
    """
    x, _ = _materialize(coding.spec, frame, coding.aliases)
    drop = 0 if coding.intercept or len(coding.columns) == x.shape[1] else 1
    return x[:, drop:]


def _materialize(spec: Any, frame: pd.DataFrame, aliases: Mapping[str, str]) -> tuple[Floats, Any]:
    from formulaic.errors import FormulaicError

    frame = frame.assign(**{alias: frame[name] for alias, name in aliases.items()}) if aliases else frame
    try:
        with np.errstate(all="ignore"):
            made = spec.get_model_matrix(frame, context=formula_functions())
    except CobalaminError:
        raise
    except (FormulaicError, ValueError, TypeError) as error:
        cause = error.__cause__
        if isinstance(cause, CobalaminError):
            raise cause from None
        if "null values" in str(error):
            factor = str(error).split("`")[1]
            raise DataError(f"{factor}: not a number in some of {len(frame)} rows; a logarithm or root of a negative value?") from None
        raise FormulaError(f"formula: {str(error).splitlines()[0]}") from None
    return np.asarray(made.__wrapped__ if hasattr(made, "__wrapped__") else made, dtype=np.float64), made.model_spec


def _describe_columns(spec: Any, aliases: Mapping[str, str]) -> list[Column]:
    def written(text: Any) -> str:
        for alias, name in aliases.items():
            text = str(text).replace(alias, f"`{name}`")
        return str(text)

    levels = {written(factor): [str(v) for v in state.levels] for factor, state in spec.factor_contrasts.items()}
    return [_describe(written(name), [written(f) for f in s.term.factors], levels) for s in spec.structure for name in s.columns]


def _describe(name: str, factors: list[str], levels: Mapping[str, list[str]]) -> Column:
    """Find which level of which factor a column stands for; columns of a spline stand for themselves."""
    coded = [f for f in factors if f in levels]
    if not coded or any(f"{f}[" in name for f in factors if f not in levels):
        return Column(name, name)
    hits = [hit for f in coded if (hit := _level_in(name, f, levels[f])) is not None]
    reference = levels[coded[0]][0] if len(factors) == 1 and f"{coded[0]}[T." in name else ""
    return Column(name, ":".join(factors), " & ".join(hits), reference, len(coded) == len(factors))


def _level_in(name: str, factor: str, levels: list[str]) -> str | None:
    return next((v for v in levels if f"{factor}[T.{v}]" in name or f"{factor}[{v}]" in name), None)
