"""From checked terms to columns: the functions a formula may call, and a coding that can be replayed on new data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import CobalaminError, DataError, FormulaError
from cobalamin.models.matrix.transforms import formula_functions

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
        formulaic's model specification with the state of every transform; None for plain columns, which need none.
    categories : mapping of str to tuple
        Levels of each categorical column of the data, reference first.
    intercept : bool
        Whether the matrix keeps the intercept column.
    columns : tuple of Column
        The columns in order.
    levels : mapping of str to tuple of str
        Levels of each factor as written in the formula, reference first.
    aliases : mapping of str to str
        Identifiers that stand for column names in the terms.
    """

    spec: Any
    categories: Mapping[str, tuple[Any, ...]]
    intercept: bool
    columns: tuple[Column, ...]
    levels: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, str]


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
    standing = {alias: name for alias, name in aliases.items() if alias in terms}
    made, spec = _materialize(ModelSpec(formula=parsed, na_action="raise", output="pandas"), frame, standing)
    levels, described = _describe_columns(spec, standing)
    keep = [j for j, c in enumerate(described) if intercept or c.name != "Intercept"]
    x = _by_column([made.iloc[:, j].to_numpy() for j in keep], len(frame))
    return x, Coding(spec, _categories(frame), intercept, tuple(described[j] for j in keep), levels, standing)


def encode_columns(names: Sequence[str], frame: pd.DataFrame, *, intercept: bool) -> tuple[Floats, Coding]:
    """Code plain columns as `encode` does, without a formula engine: numbers as they are, an indicator per level but the first.

    Parameters
    ----------
    names : sequence of str
        Columns in the order of the formula.
    frame : DataFrame
        From `prepare_columns`.
    intercept : bool
        Add the intercept column.

    Returns
    -------
    x : ndarray, shape (n, p)
        The columns.
    coding : Coding
        How to do it again.

    Examples
    --------
    >>> from cobalamin.models.matrix.columns import prepare_columns
    >>> frame = prepare_columns(pd.DataFrame({"s": ["b", "a"], "x": [1, 2]}), ["s", "x"])
    >>> encode_columns(["s", "x"], frame, intercept=False)[0].tolist()
    [[1.0, 1.0], [0.0, 2.0]]
    """
    described = [Column("Intercept", "Intercept")] if intercept else []
    levels: dict[str, tuple[str, ...]] = {}
    for name in names:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            own = levels[name] = tuple(str(v) for v in frame[name].cat.categories)
            described += [Column(f"{name}[T.{v}]", name, v, own[0], True) for v in own[1:]]
        else:
            described.append(Column(name, name))
    return _plain_columns(names, frame, intercept), Coding(None, _categories(frame), intercept, tuple(described), levels, {})


def _plain_columns(names: Sequence[str], frame: pd.DataFrame, intercept: bool) -> Floats:
    columns = [np.ones(len(frame))] if intercept else []
    for name in names:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            codes = frame[name].cat.codes.to_numpy()
            columns += [codes == k for k in range(1, len(frame[name].cat.categories))]
        else:
            columns.append(frame[name].to_numpy())
    return _by_column(columns, len(frame))


def _by_column(columns: Sequence[npt.NDArray[Any]], n: int) -> Floats:
    """Put columns side by side, each contiguous in memory: the models read by column."""
    held = np.empty((len(columns), n))
    for j, column in enumerate(columns):
        held[j] = column
    return held.T


def _categories(frame: pd.DataFrame) -> dict[str, tuple[Any, ...]]:
    return {str(n): tuple(frame[n].cat.categories) for n in frame.columns if isinstance(frame[n].dtype, pd.CategoricalDtype)}


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
    if coding.spec is None:
        names = dict.fromkeys(c.variable for c in coding.columns if c.name != "Intercept")
        return _plain_columns(list(names), frame, coding.intercept)
    made, _ = _materialize(coding.spec, frame, coding.aliases)
    drop = made.shape[1] - len(coding.columns)
    return _by_column([made.iloc[:, j].to_numpy() for j in range(drop, made.shape[1])], len(frame))


def _materialize(spec: Any, frame: pd.DataFrame, aliases: Mapping[str, str]) -> tuple[pd.DataFrame, Any]:
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
    return made.__wrapped__, made.model_spec


def _describe_columns(spec: Any, aliases: Mapping[str, str]) -> tuple[dict[str, tuple[str, ...]], list[Column]]:
    def written(text: Any) -> str:
        for alias, name in aliases.items():
            text = str(text).replace(alias, f"`{name}`")
        return str(text)

    levels = {written(factor): tuple(str(v) for v in state.levels) for factor, state in spec.factor_contrasts.items()}
    described = [_describe(written(name), [written(f) for f in s.term.factors], levels) for s in spec.structure for name in s.columns]
    return levels, _told_apart(described)


def _describe(name: str, factors: list[str], levels: Mapping[str, tuple[str, ...]]) -> Column:
    """Find which level of which factor a column stands for; columns of a spline stand for themselves."""
    coded = [f for f in factors if f in levels]
    hits = _levels_in(name, factors, levels) if coded else None
    if hits is None:
        return Column(name, name)
    reference = levels[coded[0]][0] if len(factors) == 1 and name.startswith(f"{coded[0]}[T.") else ""
    return Column(name, ":".join(factors), " & ".join(hits), reference, len(coded) == len(factors))


def _levels_in(name: str, factors: Sequence[str], levels: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Read a column name part by part, one factor each; None where it is not made of these factors and levels.

    Levels may hold colons and brackets themselves, so each part is compared as a whole with every part its factor can have.
    """
    if not factors:
        return None if name else ()
    factor, rest = factors[0], factors[1:]
    parts = [(f"{factor}[{mark}{v}]", (v,)) for v in levels[factor] for mark in ("T.", "")] if factor in levels else [(factor, ())]
    for part, hit in parts:
        after = name.removeprefix(part)
        if name.startswith(part) and after.startswith(":") == bool(rest):
            more = _levels_in(after.removeprefix(":") if rest else after, rest, levels)
            if more is not None:
                return (*hit, *more)
    return None


def _told_apart(columns: list[Column]) -> list[Column]:
    """Give a column its whole name as level where another of the same variable has the same level."""
    seen = Counter((c.variable, c.level) for c in columns)
    return [replace(c, level=c.name) if seen[c.variable, c.level] > 1 else c for c in columns]
