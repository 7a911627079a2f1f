"""The functions an expression may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import FormulaError
from cobalamin.design.timeline import add_years, from_days, to_days
from cobalamin.design.values import Value, as_dates, as_number, kind_of

Compute = Callable[[tuple[Value, ...], int, str], Value]


@dataclass(frozen=True)
class Function:
    """One function of the expression language.

    Attributes
    ----------
    compute : callable
        (values, rows, what) -> value.
    least, most : int
        How many arguments it takes.
    signature : str
        The arguments in words, for messages.
    numeric : bool
        Whether an infinite result from finite numbers is refused.
    """

    compute: Compute
    least: int = 1
    most: int = 1
    signature: str = "one number"
    numeric: bool = True


def _numeric(compute: Callable[[Any], Any]) -> Function:
    return Function(lambda values, rows, what: compute(as_number(values[0], what)))


def _is_missing(values: tuple[Value, ...], rows: int, what: str) -> Value:
    value = values[0]
    return value.isna().astype("boolean") if isinstance(value, pd.Series) else pd.isna(value)


def _row_wise(best: Callable[[Any, Any], Any]) -> Compute:
    def compute(values: tuple[Value, ...], rows: int, what: str) -> Value:
        if any(kind_of(v) == "date" for v in values):
            days = [_days(as_dates(v, what), rows) for v in values]
            return from_days(_fold(best, days))
        return pd.Series(_fold(best, [np.broadcast_to(np.asarray(as_number(v, what), dtype=np.float64), (rows,)) for v in values]))

    return compute


def _fold(best: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    result = parts[0]
    for part in parts[1:]:
        result = best(result, part)  # np.minimum and np.maximum: missing if any part is
    return result


def _days(value: Value, rows: int) -> Any:
    return to_days(value if isinstance(value, pd.Series) else pd.Series([value] * rows, dtype="datetime64[ns]"))


def _year(values: tuple[Value, ...], rows: int, what: str) -> Value:
    value = as_dates(values[0], what)
    return value.dt.year.astype(np.float64) if isinstance(value, pd.Series) else float(value.year)


def _days_between(values: tuple[Value, ...], rows: int, what: str) -> Value:
    first, second = (_days(as_dates(v, what), rows) for v in values)
    return pd.Series(second - first)


def _add_days(values: tuple[Value, ...], rows: int, what: str) -> Value:
    return from_days(_days(as_dates(values[0], what), rows) + _whole(values[1], what))


def _add_years(values: tuple[Value, ...], rows: int, what: str) -> Value:
    return from_days(add_years(_days(as_dates(values[0], what), rows), _whole(values[1], what)))


def _whole(value: Value, what: str) -> Any:
    number = np.asarray(as_number(value, what), dtype=np.float64)
    if (number[np.isfinite(number)] % 1 != 0).any():
        raise FormulaError(f"{what}: expected a whole number of days or years.")
    return number


FUNCTIONS: Mapping[str, Function] = {
    "is_missing": Function(_is_missing, signature="one column", numeric=False),
    "missing": Function(lambda values, rows, what: None, 0, 0, "no argument", numeric=False),
    "log": _numeric(np.log),
    "log2": _numeric(np.log2),
    "log10": _numeric(np.log10),
    "exp": _numeric(np.exp),
    "exp10": _numeric(lambda x: np.power(10.0, x)),
    "sqrt": _numeric(np.sqrt),
    "abs": _numeric(np.abs),
    "round": _numeric(lambda x: np.floor(x + 0.5)),
    "min": Function(_row_wise(np.minimum), 2, 50, "two or more numbers or dates", numeric=False),
    "max": Function(_row_wise(np.maximum), 2, 50, "two or more numbers or dates", numeric=False),
    "year": Function(_year, signature="one date", numeric=False),
    "days_between": Function(_days_between, 2, 2, "two dates", numeric=False),
    "add_days": Function(_add_days, 2, 2, "a date and a whole number of days", numeric=False),
    "add_years": Function(_add_years, 2, 2, "a date and a whole number of years", numeric=False),
}
