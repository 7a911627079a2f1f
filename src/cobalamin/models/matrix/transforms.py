"""The functions that a formula may call. Those that learn from the data (levels, knots, means) keep it for new data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FormulaError, did_you_mean, list_names
from cobalamin.models.matrix import spline
from cobalamin.models.matrix.columns import FOUND

Floats = npt.NDArray[np.float64]
_MAX_BS_DF = 20


@cache
def formula_functions() -> Mapping[str, Callable[..., Any]]:
    """Return the functions that formulas may call, by name.

    Returns
    -------
    mapping of str to callable
        Plain numpy functions, and formulaic transforms that replay their state on new data.

    Examples
    --------
    >>> sorted(formula_functions())[:4]
    ['C', 'I', 'Treatment', 'abs']
    """
    from formulaic.transforms import TRANSFORMS
    from formulaic.utils.stateful_transforms import stateful_transform

    plain: dict[str, Callable[..., Any]] = {
        "log": np.log,
        "log2": np.log2,
        "log10": np.log10,
        "exp": np.exp,
        "sqrt": np.sqrt,
        "abs": np.abs,
    }
    plain |= {"pmin": _pmin, "pmax": _pmax, "fp": _fp, "I": _as_it_is}
    learned = {name: stateful_transform(function) for name, function in {"C": _factor, "rcs": _rcs, "ns": _ns, "bs": _bs}.items()}
    return {**plain, **learned, "Treatment": Treatment, "center": TRANSFORMS["center"], "scale": TRANSFORMS["scale"]}


@dataclass(frozen=True)
class Treatment:
    """The reference level of ``C(x, Treatment("level"))``.

    Attributes
    ----------
    reference : object
        The level that the others are compared with.
    """

    reference: Any


def _as_it_is(values: Any) -> Any:
    """Keep arithmetic together as one term: I(x**2), I(x > 0), I(x / y)."""
    return values


def _pmin(*values: Any) -> Floats:
    return _extreme(np.minimum, values)


def _pmax(*values: Any) -> Floats:
    return _extreme(np.maximum, values)


def _extreme(function: np.ufunc, values: tuple[Any, ...]) -> Floats:
    if len(values) < 2:
        raise FormulaError("pmin() and pmax() need two or more arguments.")
    result = np.asarray(values[0], dtype=np.float64)
    for value in values[1:]:
        result = function(result, np.asarray(value, dtype=np.float64))
    return result


def _factor(x: Any, coding: Any = None, reference: Any = None, _state: Any = None) -> pd.Series[Any]:
    """Make a factor of any column, with the reference level first."""
    series = pd.Series(x)
    known = _state.get("levels")
    if known is None:
        known = _state["levels"] = _levels(
            series, coding.reference if isinstance(coding, Treatment) else coding if reference is None else reference
        )
    coded = pd.Categorical(series, categories=known)
    unseen = int((coded.codes < 0).sum())
    if unseen:
        raise DataError(f"C(): {unseen} of {len(series)} rows have a level the model has not seen; it knows {len(known)} levels.")
    return pd.Series(coded, index=series.index)


def _levels(series: pd.Series[Any], reference: Any) -> list[Any]:
    declared = isinstance(series.dtype, pd.CategoricalDtype) and series.cat.categories.name != FOUND
    if isinstance(series.dtype, pd.CategoricalDtype):
        levels = series.cat.remove_unused_categories().cat.categories.tolist()
    else:
        levels = sorted(series.unique().tolist())
        # whole numbers are levels 0, 1, 2, not 0.0, 1.0, 2.0
        levels = [int(v) for v in levels] if all(isinstance(v, float) and v.is_integer() for v in levels) else levels
    if reference is None:
        return levels
    if reference not in levels:
        # a value found in rows may be a person's; a category was declared by somebody
        near = f"{did_you_mean(str(reference), map(str, levels))} The levels are: {list_names(map(str, levels))}." if declared else ""
        column = f"{series.name}: " if isinstance(series.name, str) else ""
        raise FormulaError(f"{column}C(): the reference {reference!r} is not one of the {len(levels)} levels in these rows.{near}")
    return [reference, *(level for level in levels if level != reference)]


def _rcs(x: Any, k: int = 4, knots: Sequence[float] | None = None, _state: Any = None) -> dict[int, Floats]:
    values = _numbers(x, "rcs")
    if "knots" not in _state:
        _state["knots"] = spline.harrell_knots(values, k) if knots is None else np.asarray(knots, dtype=np.float64)
    return _columns(spline.restricted_cubic(values, _state["knots"]))


def _ns(x: Any, df: int = 3, _state: Any = None) -> dict[int, Floats]:
    values = _numbers(x, "ns")
    if "knots" not in _state:
        _state["knots"] = spline.natural_knots(values, df)
    return _columns(spline.natural_cubic(values, *_state["knots"]))


def _bs(x: Any, df: int | None = None, knots: Sequence[float] | None = None, degree: int = 3, _state: Any = None) -> dict[int, Floats]:
    from formulaic.transforms.basis_spline import basis_spline

    values = _numbers(x, "bs")
    small = isinstance(degree, int) and 1 <= degree <= 5 and (knots is None or len(knots) <= _MAX_BS_DF)
    if not small or (df is not None and not (isinstance(df, int) and degree <= df <= _MAX_BS_DF)):
        raise FormulaError(f"bs(): degree must be 1 to 5, df between the degree and {_MAX_BS_DF}, and at most {_MAX_BS_DF} knots.")
    made = basis_spline(values, df=df, knots=knots, degree=degree, _state=_state)
    return _columns(np.column_stack([np.asarray(made[key]) for key in sorted(made)]))


def _fp(x: Any, *powers: Any) -> dict[int, Floats]:
    """Make the columns of a fractional polynomial: x^p, the logarithm for 0, and x^p log x for a power that comes again."""
    values = _numbers(x, "fp")
    allowed = all(isinstance(p, int | float) and not isinstance(p, bool) and -3 <= p <= 3 for p in powers)
    if not 1 <= len(powers) <= 3 or not allowed:
        raise FormulaError("fp(): give one to three powers between -3 and 3, such as fp(x, -0.5, 0); 0 is the logarithm.")
    low = int((values <= 0).sum())
    if low:
        raise DataError(f"fp(): {low} of {len(values)} values are 0 or negative. Add a constant to the variable first.")
    columns: dict[int, Floats] = {}
    for j, power in enumerate(powers):
        again = j and power == powers[j - 1]
        columns[j + 1] = columns[j] * np.log(values) if again else np.log(values) if power == 0 else values**power
    return columns


def _numbers(x: Any, function: str) -> Floats:
    values = np.asarray(x)
    if values.dtype.kind not in "fiu":
        raise FormulaError(f"{function}() needs a column of numbers.")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{function}(): {int((~np.isfinite(values)).sum())} of {len(values)} values are not finite.")
    return values


def _columns(basis: Floats) -> dict[int, Floats]:
    return {j + 1: basis[:, j] for j in range(basis.shape[1])}
