"""Safe expressions over the columns of a table, with an honest "not known".

Rules and derived columns are one-line texts such as ``"age >= 18 and sex == 'female'"``. They pass the whitelist of `core.syntax`; what is
evaluated is a tree of comparisons, arithmetic and ``FUNCTIONS``. A condition is True, False or not known, by Kleene's rules.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, FormulaError
from cobalamin.core.syntax import check_expression, names_in
from cobalamin.design.branches import join, spread
from cobalamin.design.functions import FUNCTIONS
from cobalamin.design.values import (
    Value,
    as_condition,
    as_dates,
    as_number,
    check_labels,
    column_value,
    describe_kind,
    kind_of,
)

Frame: TypeAlias = pd.DataFrame
NAMES_OF_FUNCTIONS = (*FUNCTIONS, "where", "isin")


def evaluate(expression: str, frame: pd.DataFrame, *, what: str = "expression") -> pd.Series[Any]:
    """Evaluate an expression for every row of a table.

    Parameters
    ----------
    expression : str
        One expression in the safe language (see Notes).
    frame : DataFrame, shape (n, ...)
        A valid table: numbers, dates, Categoricals of labels, text, booleans.
    what : str
        How messages call the text (``"eligibility 'Adults'"``).

    Returns
    -------
    Series, shape (n,)
        On the index of ``frame``: ``boolean`` (with ``<NA>`` = not known) for a condition, ``float64`` for a number,
        ``datetime64`` for a date, ``category`` for labels.

    Raises
    ------
    FormulaError
        Outside the language; labels compared with numbers; a label that the column does not have.
    ColumnNotFoundError
        A name that is not a column.
    DataError
        A logarithm or root of what has none, or a division by zero.

    Notes
    -----
    ``where(condition, a, b)`` takes ``a`` where the condition holds, ``b`` where it does not, and missing where it is not
    known; each branch is computed only on its own rows. Functions: ``is_missing(x)``, ``isin(x, [..])``, ``missing()``, ``log``,
    ``log2``, ``log10``, ``exp``, ``exp10``, ``sqrt``, ``abs``, ``round``, row-wise ``min`` and ``max`` (missing if any part is),
    ``year(date)``, ``days_between(a, b)`` (b - a), ``add_days(date, n)``, ``add_years(date, n)`` (29 February + 1 year = 1 March).

    Examples
    --------
    >>> table = pd.DataFrame({"age": [17.0, 40.0, np.nan]})
    >>> evaluate("age >= 18", table).tolist()
    [False, True, <NA>]
    """
    tree = parse(expression, frame.columns, what=what)
    used = frame.loc[:, list(names_in(tree))].reset_index(drop=True)
    if not len(used.columns):
        used = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    value = _Rows(used, what).value(tree.body)
    return spread(value, len(frame)).set_axis(frame.index)


def condition(expression: str, frame: pd.DataFrame, *, what: str = "expression") -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Evaluate a condition and split it into "holds" and "not known".

    Parameters
    ----------
    expression : str
        A condition.
    frame : DataFrame, shape (n, ...)
        A valid table.
    what : str
        How messages call the text.

    Returns
    -------
    holds : ndarray of bool, shape (n,)
        True where the condition is known to hold.
    unknown : ndarray of bool, shape (n,)
        True where missing values leave it undecided.

    Raises
    ------
    FormulaError
        As `evaluate`, and for an expression that is not a condition.

    Examples
    --------
    >>> holds, unknown = condition("x > 1", pd.DataFrame({"x": [2.0, np.nan]}))
    >>> holds.tolist(), unknown.tolist()
    ([True, False], [False, True])
    """
    value = as_condition(evaluate(expression, frame, what=what), what)
    unknown = np.asarray(value.isna(), dtype=bool)
    return np.asarray(value.fillna(False), dtype=bool), unknown


def parse(expression: str, names: Any, *, what: str = "expression") -> ast.Expression:
    """Read an expression against the whitelist, without evaluating it.

    Parameters
    ----------
    expression : str
        One expression.
    names : iterable of str
        Columns that may be named.
    what : str
        How messages call the text.

    Returns
    -------
    ast.Expression
        The checked tree.

    Raises
    ------
    FormulaError, ColumnNotFoundError
        As `core.syntax.check_expression`.

    Examples
    --------
    >>> names_in(parse("log2(b12) > 7", ["b12"]))
    ('b12',)
    """
    return check_expression(expression, names=[str(n) for n in names], functions=NAMES_OF_FUNCTIONS, what=what)


class _Rows:
    """The rows an expression is evaluated on; one method per kind of node."""

    def __init__(self, frame: Frame, what: str) -> None:
        self.frame, self.what = frame, what

    def value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return column_value(self.frame[name])
            case ast.BoolOp(op=operator, values=parts):
                return self._logic(operator, parts)
            case ast.UnaryOp(op=operator, operand=operand):
                return self._unary(operator, operand)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Name(id=name), args=args):
                return self._call(name, args)
        raise FormulaError(f"{self.what}: '{ast.unparse(node)}' cannot stand here.")

    def _logic(self, operator: ast.boolop, parts: list[ast.expr]) -> Value:
        terms = [as_condition(spread(self.value(part), len(self.frame)), f"{self.what}: '{ast.unparse(part)}'") for part in parts]
        result = terms[0]
        for term in terms[1:]:
            result = result & term if isinstance(operator, ast.And) else result | term
        return result

    def _unary(self, operator: ast.unaryop, operand: ast.expr) -> Value:
        value = self.value(operand)
        if isinstance(operator, ast.Not):
            return ~as_condition(spread(value, len(self.frame)), f"{self.what}: '{ast.unparse(operand)}'")
        number = as_number(value, self.what)
        return -number if isinstance(operator, ast.USub) else number

    def _arithmetic(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        for part, value in ((node.left, left), (node.right, right)):
            if kind_of(value) not in ("number", "condition"):
                hint = " Use days_between() or add_days() for dates." if kind_of(value) == "date" else ""
                raise FormulaError(f"{self.what}: '{ast.unparse(part)}' is {describe_kind(value)}; arithmetic needs numbers.{hint}")
        a, b = as_number(left, self.what), as_number(right, self.what)
        with np.errstate(all="ignore"):
            result: Value = _ARITHMETIC[type(node.op)](a, b)
        return self._finite(result, (a, b), node)

    def _finite(self, result: Value, inputs: tuple[Value, ...], node: ast.AST) -> Value:
        known = np.ones(len(self.frame), dtype=bool)
        for part in inputs:
            known &= np.isfinite(np.asarray(part, dtype=np.float64))
        bad = known & ~np.isfinite(np.asarray(result, dtype=np.float64))
        if bad.any():
            raise DataError(
                f"{self.what}: '{ast.unparse(node)}' has no finite value in {int(bad.sum())} of {len(self.frame)} rows "
                "(division by zero, or a logarithm or root outside its range). Guard it: where(x > 0, log2(x), missing())."
            )
        return result

    def _comparison(self, node: ast.Compare) -> Value:
        left, result = node.left, None
        for operator, right in zip(node.ops, node.comparators, strict=True):
            one = self._is_in(left, operator, right) if isinstance(operator, ast.In | ast.NotIn) else self._compare(left, operator, right)
            result = one if result is None else result & one
            left = right
        return result

    def _compare(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> pd.Series[Any]:
        a, b = self.value(left), self.value(right)
        what = f"{self.what}: '{ast.unparse(left)} {_SIGNS[type(operator)]} {ast.unparse(right)}'"
        if isinstance(a, str) and not isinstance(b, str):
            return self._compare_values(b, _MIRROR[type(operator)], a, what)
        return self._compare_values(a, type(operator), b, what)

    def _compare_values(self, a: Value, operator: type[ast.cmpop], b: Value, what: str) -> pd.Series[Any]:
        kinds = {kind_of(a), kind_of(b)} - {"missing"}
        if kinds == {"label"} and a is not None and b is not None:
            a, b = check_labels(a, b, operator, what)
        elif "date" in kinds:
            a, b = as_dates(a, what), as_dates(b, what)
        elif len(kinds) > 1 and "label" in kinds:
            raise FormulaError(f"{what} compares {describe_kind(a)} with {describe_kind(b)}.")
        elif kinds != {"label"}:
            a, b = as_number(a, what), as_number(b, what)
        rows = len(self.frame)
        one, other = spread(a, rows), spread(b, rows)
        known = (one.notna() & other.notna()).to_numpy()
        truth = np.asarray(_COMPARISONS[operator](one.to_numpy(), other.to_numpy()), dtype=bool)
        return pd.Series(pd.arrays.BooleanArray(truth & known, ~known))

    def _is_in(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> pd.Series[Any]:
        items = [_constant(item) for item in right.elts] if isinstance(right, ast.List | ast.Tuple) else []
        result = self._member(left, items)
        return ~result if isinstance(operator, ast.NotIn) else result

    def _member(self, left: ast.expr, items: list[Any]) -> pd.Series[Any]:
        value = self.value(left)
        none = pd.Series(pd.arrays.BooleanArray(np.zeros(len(self.frame), dtype=bool), spread(value, len(self.frame)).isna().to_numpy()))
        for item in items:
            none = none | self._compare_values(value, ast.Eq, item, f"{self.what}: '{ast.unparse(left)} in [..]'")
        return none

    def _call(self, name: str, args: list[ast.expr]) -> Value:
        if name == "where":
            return self._where(args)
        if name == "isin":
            if len(args) != 2 or not isinstance(args[1], ast.List | ast.Tuple):
                raise FormulaError(f"{self.what}: isin() takes a column and a list: isin(x, ['a', 'b']).")
            return self._is_in(args[0], ast.In(), args[1])
        function = FUNCTIONS[name]
        if not function.least <= len(args) <= function.most:
            raise FormulaError(f"{self.what}: {name}() takes {function.signature}; got {len(args)} arguments.")
        values = tuple(self.value(arg) for arg in args)
        with np.errstate(all="ignore"):
            result: Value = function.compute(values, len(self.frame), f"{self.what}: {name}()")
        numeric = function.numeric and all(kind_of(v) == "number" for v in values)
        return self._finite(result, values, ast.Call(ast.Name(name), args, [])) if numeric else result

    def _where(self, args: list[ast.expr]) -> Value:
        if len(args) != 3:
            raise FormulaError(f"{self.what}: where() takes (condition, value if it holds, value if not); got {len(args)} arguments.")
        choice = as_condition(spread(self.value(args[0]), len(self.frame)), f"{self.what}: '{ast.unparse(args[0])}'")
        holds = choice.fillna(False).to_numpy(dtype=bool)
        fails = ~choice.fillna(True).to_numpy(dtype=bool)
        # each branch only on its own rows, so that a guarded logarithm never meets a zero
        parts = [
            (rows, _Rows(self.frame.loc[rows].reset_index(drop=True), self.what).value(arg))
            for rows, arg in ((holds, args[1]), (fails, args[2]))
        ]
        return join(parts, len(self.frame), self.what)


def _constant(node: ast.expr) -> Any:
    return -node.operand.value if isinstance(node, ast.UnaryOp) else node.value  # type: ignore[attr-defined]


_ARITHMETIC: Mapping[type[ast.operator], Any] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARISONS: Mapping[type[ast.cmpop], Any] = {
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
}
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_MIRROR = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq}
