"""The whitelist of Python syntax that text from people passes before anything is evaluated.

Formulas, eligibility rules and derivations are written as short expressions. They are read with Python's own parser,
which evaluates nothing, and every node of the tree must be on the list below. What is not listed is refused by name.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import NoReturn

from cobalamin.core.errors import ColumnNotFoundError, FormulaError, did_you_mean, list_names

MAX_LENGTH = 2000
MAX_DEPTH = 25
MAX_EXPONENT = 5
MAX_NUMBER = 1e15

# quoted text first, so that a backtick inside quotes stays text
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`([^`]*)`")
_ALLOWED_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or)
_ALLOWED_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.In, ast.NotIn)

Functions = Mapping[str, Iterable[str]] | Iterable[str]


def check_expression(text: str, *, names: Iterable[str], functions: Functions = (), what: str = "expression") -> ast.Expression:
    """Parse one expression and refuse everything outside the small safe language; nothing is evaluated.

    Allowed: column names (any name in backticks), numbers, quoted text, True/False, ``+ - * /``, powers with a small constant
    exponent, comparisons, ``in [..]``, ``and or not``, and calls of the listed functions with their listed keywords.

    Parameters
    ----------
    text : str
        What a person wrote, at most 2,000 characters.
    names : iterable of str
        Columns that may be named.
    functions : mapping of str to iterable of str, or iterable of str
        Functions that may be called, each with the keywords it takes (none where only names are given).
    what : str
        How messages call the text ("formula", "eligibility rule 3").

    Returns
    -------
    ast.Expression
        The checked tree; a name in backticks is an ``ast.Name`` with that name.

    Raises
    ------
    FormulaError
        Anything outside the language; the message shows the offending piece.
    ColumnNotFoundError
        A name that is not a column, with the nearest one.

    Examples
    --------
    >>> tree = check_expression("log2(b12) > 7 and sex in ['female']", names=["b12", "sex"], functions=["log2"])
    >>> type(tree.body).__name__
    'BoolOp'
    >>> check_expression("b12.__class__", names=["b12"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    cobalamin.core.errors.FormulaError: expression: 'b12.__class__' is not allowed: an attribute (a dot after a name; ...
    """
    tree, quoted = _parse(text, what)
    listed = functions if isinstance(functions, Mapping) else dict.fromkeys(functions, ())
    allowed = {name: frozenset(keys) for name, keys in listed.items()}
    _Whitelist(frozenset(names), allowed, quoted, what).check(tree.body, 1)
    return tree


def names_in(tree: ast.AST) -> tuple[str, ...]:
    """Return the column names of a checked tree in order of first appearance.

    Parameters
    ----------
    tree : ast.AST
        What `check_expression` returned.

    Returns
    -------
    tuple of str
        Each name once; function names are not columns.

    Examples
    --------
    >>> names_in(check_expression("b + a / b", names=["a", "b"]))
    ('b', 'a')
    """
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in found))


def _parse(text: str, what: str) -> tuple[ast.Expression, dict[str, str]]:
    if not isinstance(text, str) or not text.strip():
        raise FormulaError(f"{what}: got {'empty text' if isinstance(text, str) else type(text).__name__}; expected one expression.")
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"{what}: {len(text)} characters; at most {MAX_LENGTH} are allowed.")
    if "\\" in text or "\n" in text.strip():
        raise FormulaError(f"{what}: backslashes and line breaks are not allowed.")
    plain, quoted = _hide_backticks(text.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return ast.parse(plain, mode="eval"), quoted
    except (SyntaxError, ValueError, RecursionError, MemoryError, Warning) as error:
        reason = getattr(error, "msg", None) or "it cannot be read"
        raise FormulaError(f"{what}: '{_short(text)}' is not an expression: {reason}.") from None


def _hide_backticks(text: str) -> tuple[str, dict[str, str]]:
    """Replace each name in backticks by a plain identifier; return the text and identifier -> name."""
    quoted: dict[str, str] = {}

    def hide(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return match.group(0)
        placeholder = f"_backtick_{len(quoted)}_"
        quoted[placeholder] = match.group(1)
        return placeholder

    return _QUOTED.sub(hide, text), quoted


class _Whitelist:
    """Walks a tree and refuses what is not listed; holds what is listed."""

    def __init__(self, names: frozenset[str], functions: Mapping[str, frozenset[str]], quoted: Mapping[str, str], what: str) -> None:
        self.names, self.functions, self.quoted, self.what = names, functions, quoted, what

    def check(self, node: ast.AST, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise FormulaError(f"{self.what}: nested more than {MAX_DEPTH} deep.")
        match node:
            case ast.Name():
                self._name(node)
            case ast.Constant():
                self._constant(node)
            case ast.Call():
                self._call(node, depth)
            case ast.BinOp():
                self._binary(node, depth)
            case ast.UnaryOp(op=op, operand=operand) if isinstance(op, _ALLOWED_OPERATORS):
                self.check(operand, depth + 1)
            case ast.BoolOp(values=values):
                self._each(values, depth)
            case ast.Compare():
                self._compare(node, depth)
            case _:
                self._refuse(node, _describe(node))

    def _each(self, nodes: Iterable[ast.AST], depth: int) -> None:
        for node in nodes:
            self.check(node, depth + 1)

    def _name(self, node: ast.Name) -> None:
        node.id = self.quoted.get(node.id, node.id)
        if node.id in self.names:
            return
        if node.id in self.functions:
            raise FormulaError(f"{self.what}: '{node.id}' is a function; write {node.id}(...).")
        raise ColumnNotFoundError(
            f"{self.what}: there is no column '{_short(node.id)}'.{did_you_mean(node.id, self.names)}"
            f" The columns are: {list_names(sorted(self.names, key=str))}."
        )

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool | str):
            return
        if not isinstance(value, int | float):
            self._refuse(node, f"a {type(value).__name__} constant")
        # the length of an integer is bounded before it becomes a float
        if (isinstance(value, int) and value.bit_length() > 60) or not math.isfinite(value) or abs(value) > MAX_NUMBER:
            self._refuse(node, f"a number beyond {MAX_NUMBER:g}")

    def _call(self, node: ast.Call, depth: int) -> None:
        if not isinstance(node.func, ast.Name):
            self._refuse(node.func, _describe(node.func))
        name = node.func.id
        if name not in self.functions:
            listed = f" Allowed: {list_names(sorted(self.functions), most=30)}." if self.functions else " No functions are allowed here."
            raise FormulaError(f"{self.what}: the function '{_short(name)}' is not allowed.{did_you_mean(name, self.functions)}{listed}")
        for key in node.keywords:
            if key.arg is None or key.arg not in self.functions[name]:
                known = self.functions[name]
                raise FormulaError(
                    f"{self.what}: {name}() does not take '{key.arg or '**'}'.{did_you_mean(key.arg or '', known)}"
                    f" It takes: {list_names(sorted(known)) if known else 'no keywords'}."
                )
            self._argument(key.value, depth)
        for argument in node.args:
            self._argument(argument, depth)

    def _argument(self, node: ast.expr, depth: int) -> None:
        if isinstance(node, ast.List | ast.Tuple):
            self._constants(node)
        else:
            self.check(node, depth + 1)

    def _constants(self, node: ast.List | ast.Tuple) -> None:
        for item in node.elts:
            inner = item.operand if isinstance(item, ast.UnaryOp) and isinstance(item.op, ast.USub) else item
            if not isinstance(inner, ast.Constant):
                self._refuse(item, "a list may hold only numbers and quoted text")
            self._constant(inner)

    def _binary(self, node: ast.BinOp, depth: int) -> None:
        if not isinstance(node.op, _ALLOWED_OPERATORS):
            self._refuse(node, "this operator; use 'and', 'or', 'not' for conditions")
        if isinstance(node.op, ast.Pow):
            exponent = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
            value = exponent.value if isinstance(exponent, ast.Constant) else None
            if isinstance(value, bool) or not isinstance(value, int | float) or value > MAX_EXPONENT:
                self._refuse(node, f"a power needs a constant exponent of at most {MAX_EXPONENT}")
        self._each((node.left, node.right), depth)

    def _compare(self, node: ast.Compare, depth: int) -> None:
        self.check(node.left, depth + 1)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(operator, _ALLOWED_COMPARISONS):
                self._refuse(node, "this comparison")
            if isinstance(operator, ast.In | ast.NotIn):
                if not isinstance(right, ast.List | ast.Tuple):
                    self._refuse(right, "'in' needs a list such as ['a', 'b'] on its right")
                self._constants(right)
            else:
                self.check(right, depth + 1)

    def _refuse(self, node: ast.AST, why: str) -> NoReturn:
        piece = ast.unparse(node)
        for placeholder, name in self.quoted.items():
            piece = piece.replace(placeholder, f"`{name}`")
        raise FormulaError(f"{self.what}: '{_short(piece)}' is not allowed: {why}.")


def _describe(node: ast.AST) -> str:
    known: dict[type[ast.AST], str] = {
        ast.Attribute: "an attribute (a dot after a name; a column whose name has a dot goes in backticks)",
        ast.Subscript: "a subscript (square brackets after a name)",
        ast.Lambda: "a function definition",
        ast.JoinedStr: "a formatted text",
        ast.NamedExpr: "an assignment",
        ast.Starred: "a star",
        ast.IfExp: "a conditional expression",
        ast.List: "a list outside 'in' and arguments",
        ast.Tuple: "a tuple outside 'in' and arguments",
    }
    comprehension = isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
    return "a comprehension" if comprehension else known.get(type(node), type(node).__name__)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def quote_name(name: str) -> str:
    """Return a column name as it is written in a formula: bare, or in backticks where it is not a plain word.

    Parameters
    ----------
    name : str
        A column name without backticks.

    Returns
    -------
    str
        The text to put into an expression.

    Examples
    --------
    >>> quote_name("age"), quote_name("serum B12")
    ('age', '`serum B12`')
    """
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"
