"""Reading a formula safely: operators, factors and functions are checked before anything is parsed or evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cobalamin.core.errors import FormulaError
from cobalamin.core.syntax import MAX_LENGTH, check_expression, names_in

# every function a formula may call, with the keywords it takes
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "I": (),
    "log": (),
    "log2": (),
    "log10": (),
    "exp": (),
    "sqrt": (),
    "abs": (),
    "pmin": (),
    "pmax": (),
    "center": (),
    "scale": (),
    "C": ("reference",),
    "Treatment": ("reference",),
    "rcs": ("k", "knots"),
    "fp": (),
    "ns": ("df",),
    "bs": ("df", "degree", "knots"),
}
MAX_TERMS = 200
MAX_STARS = 3
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`([^`]*)`")
_PATSY_QUOTE = re.compile(r"Q\s*\(")
_OPERATORS = {"+", "-", "*", ":", "/", "~", "(", ")"}


@dataclass(frozen=True)
class ParsedFormula:
    """A formula that passed the whitelist.

    Attributes
    ----------
    text : str
        As written.
    response : str
        Left of ``~``; empty for a one-sided formula.
    terms : str
        Right of ``~``.
    variables : tuple of str
        Columns the terms use, in order of appearance.
    response_variables : tuple of str
        Columns the response uses.
    intercept : bool
        False where the terms take the intercept away (``- 1``, ``0 +``).
    simple : bool
        Every term is one bare column.
    aliases : mapping of str to str
        Plain identifiers that stand in ``terms`` for names in backticks inside functions (a column called ``lambda``).
    """

    text: str
    response: str
    terms: str
    variables: tuple[str, ...]
    response_variables: tuple[str, ...]
    intercept: bool
    simple: bool
    aliases: Mapping[str, str]


def parse_formula(formula: str, columns: Iterable[str]) -> ParsedFormula:
    """Check a formula against the whitelist and split it; nothing is evaluated.

    Parameters
    ----------
    formula : str
        ``"y ~ x + log(z)"``, ``"~ x"`` or ``"x + z"``.
    columns : iterable of str
        Columns of the data.

    Returns
    -------
    ParsedFormula
        The parts of the formula.

    Raises
    ------
    FormulaError
        An operator, function or piece of syntax outside the language, too long, or too many terms.
    ColumnNotFoundError
        A name that is not a column.

    Examples
    --------
    >>> parse_formula("log2(b12) + smoking", ["b12", "smoking"]).variables
    ('b12', 'smoking')
    """
    if not isinstance(formula, str) or not formula.strip():
        raise FormulaError("formula: got nothing; expected terms such as 'age + C(smoking)'.")
    if len(formula) > MAX_LENGTH:
        raise FormulaError(f"formula: {len(formula)} characters; at most {MAX_LENGTH} are allowed.")
    names = [str(c) for c in columns]
    plain = _plain_columns(formula, names)
    if plain is not None:
        return ParsedFormula(formula.strip(), "", " + ".join(plain), plain, (), True, True, {})
    tokens = _tokens(formula)
    response, terms = _split(tokens, formula)
    used = _check_factors(terms, names)
    response_used = _check_factors(response, names)
    _refuse_shadowed(used + response_used, terms + response)
    aliases = {f"_column_{i}_": name for i, name in enumerate(dict.fromkeys(used + response_used))}
    intercept = _check_terms(_text(terms, aliases))
    simple = intercept and all(kind == "name" or (text == "+" and kind == "operator") for text, kind in terms)
    sides = _text(response, aliases), _text(terms, aliases)
    return ParsedFormula(formula.strip(), *sides, used, response_used, intercept, simple, aliases)


Token = tuple[str, str]


def _plain_columns(formula: str, names: list[str]) -> tuple[str, ...] | None:
    """Return the columns of a formula that is nothing but known columns joined by plus signs, else None."""
    parts = tuple(dict.fromkeys(part.strip() for part in formula.strip().removeprefix("~").split("+")))
    return parts if all(part.isidentifier() for part in parts) and set(parts) <= set(names) else None


def _tokens(formula: str) -> list[Token]:
    """Cut the text into (text, kind) with formulaic's tokenizer, which evaluates nothing, and check the operators."""
    from formulaic.errors import FormulaSyntaxError
    from formulaic.parser.algos.tokenize import tokenize

    try:
        tokens = [(t.token, str(t.kind.value if t.kind else "")) for t in tokenize(formula.replace("\n", " "))]
    except FormulaSyntaxError as error:
        raise FormulaError(f"formula: '{formula}' cannot be read: {str(error).splitlines()[0]}") from None
    for text, kind in tokens:
        if kind in {"operator", "context"} and text not in _OPERATORS:
            raise FormulaError(f"formula: '{text}' is not allowed. Join terms with + - : * / and write arithmetic inside I(): I(age**2).")
        if kind == "value" and text not in {"0", "1"}:
            raise FormulaError(f"formula: the term '{text}' is a constant; only columns and functions of columns are terms.")
    if sum(text == "*" for text, _ in tokens) > MAX_STARS:
        raise FormulaError(f"formula: more than {MAX_STARS} '*'. Write the interactions you mean with ':'.")
    return tokens


def _split(tokens: list[Token], formula: str) -> tuple[list[Token], list[Token]]:
    tildes = [i for i, (text, kind) in enumerate(tokens) if text == "~" and kind == "operator"]
    if len(tildes) > 1:
        raise FormulaError(f"formula: '{formula}' has {len(tildes)} '~'; at most one is allowed.")
    at = tildes[0] if tildes else -1
    response, terms = tokens[: max(at, 0)], tokens[at + 1 :]
    if len(response) > 1:
        raise FormulaError("formula: the response must be one column or one function of columns.")
    if not terms:
        raise FormulaError(f"formula: '{formula}' has no terms.")
    return response, terms


def _check_factors(tokens: list[Token], names: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text, kind in tokens:
        if kind == "python" and _PATSY_QUOTE.match(text):
            raise FormulaError("formula: Q() is not part of the language; write a name that is no identifier in backticks, as `a b`.")
        if kind in {"name", "python"}:
            expression = f"`{text}`" if kind == "name" else text
            found |= dict.fromkeys(names_in(check_expression(expression, names=names, functions=FUNCTIONS, what="formula")))
    return tuple(found)


def _refuse_shadowed(used: tuple[str, ...], tokens: list[Token]) -> None:
    """Refuse a column that has the name of a function the formula may call: the one would hide the other."""
    hidden = [name for name in used if name in FUNCTIONS and any(kind == "python" for _, kind in tokens)]
    if hidden:
        raise FormulaError(f"formula: the column '{hidden[0]}' has the name of a function; rename the column.")


def _text(tokens: list[Token], aliases: Mapping[str, str]) -> str:
    """Join the tokens; inside functions, names in backticks become plain identifiers."""
    return " ".join(_token_text(text, kind, {name: alias for alias, name in aliases.items()}) for text, kind in tokens)


def _token_text(text: str, kind: str, alias_of: Mapping[str, str]) -> str:
    if kind == "name" and not text.isidentifier():
        return f"`{text}`"
    if kind == "python":
        # the tokenizer takes braces away; without them x**2 and x + 1 would be read as operators between terms
        return "{" + _QUOTED.sub(lambda m: m.group(0) if m.group(1) is None else alias_of[m.group(1)], text) + "}"
    return text


def _check_terms(terms: str) -> bool:
    """Bound the number of terms before they are multiplied out; return whether an intercept remains."""
    from formulaic.errors import FormulaSyntaxError
    from formulaic.parser import DefaultFormulaParser

    parser = DefaultFormulaParser(feature_flags=set())
    try:
        size = _size(parser.get_ast(terms))
        if size > MAX_TERMS:
            raise FormulaError(f"formula: about {size} terms after multiplying out; at most {MAX_TERMS} are allowed.")
        expanded = parser.get_terms(terms)
    except (FormulaSyntaxError, RecursionError) as error:
        raise FormulaError(f"formula: '{terms}' cannot be read: {str(error).splitlines()[0]}") from None
    return any(str(term) == "1" for term in expanded)


def _size(node: Any) -> int:
    """Return an upper bound of the number of terms of formulaic's syntax tree."""
    if not hasattr(node, "operator"):
        return 1
    sizes = [_size(child) for child in node.args]
    if node.operator.symbol in {"*", "/"} and len(sizes) == 2:
        return sizes[0] * sizes[1] + sizes[0] + sizes[1]
    if node.operator.symbol == ":":
        return sizes[0] * sizes[1]
    return sum(sizes)
