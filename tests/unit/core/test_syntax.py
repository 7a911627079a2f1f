"""The whitelist of expression syntax: what passes, and that nothing else does."""

from __future__ import annotations

import ast

import pytest

from cobalamin.core.errors import ColumnNotFoundError, FormulaError
from cobalamin.core.syntax import MAX_DEPTH, MAX_LENGTH, check_expression, names_in, quote_name

NAMES = ["age", "b12", "sex", "serum B12", "event"]
FUNCTIONS = {"log2": (), "clip": ("lower", "upper")}


def check(text: str) -> ast.Expression:
    return check_expression(text, names=NAMES, functions=FUNCTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "age",
        "age >= 18 and sex == 'female'",
        "sex in ['female', 'male'] or not event",
        "18 <= age < 120",
        "-age + 2 * b12 / 3 - age ** 2",
        "b12 ** -0.5",
        "log2(b12) > 7.2",
        "clip(age, lower=0, upper=100)",
        "`serum B12` > 148",
        "sex == 'a `quoted` word'",
        "age in (1, -2, 3.5)",
        "True",
    ],
)
def test_allowed(text):
    assert isinstance(check(text), ast.Expression)


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("age.__class__", "attribute"),
        ("().__class__.__bases__", "attribute"),
        ("age[0]", "subscript"),
        ("(lambda: 1)()", "function definition"),
        ("[x for x in (1, 2)]", "comprehension"),
        ("f'{age}'", "formatted text"),
        ("age if event else b12", "conditional"),
        ("(age := 3)", "assignment"),
        ("__import__('os').system('true')", "attribute"),
        ("__import__('os')", "__import__"),
        ("eval('1')", "eval"),
        ("log2.clip(age)", "attribute"),
        ("log2(*age)", "star"),
        ("clip(age, **age)", "does not take"),
        ("clip(age, uper=1)", "upper"),
        ("log2(age, base=2)", "no keywords"),
        ("age ** 6", "exponent"),
        ("age ** b12", "exponent"),
        ("age ** -b12", "exponent"),
        ("age ** -9", "exponent"),
        ("age ** True", "exponent"),
        ("age & event", "operator"),
        ("age % 2", "operator"),
        ("age // 2", "operator"),
        ("age @ b12", "operator"),
        ("age << 2", "operator"),
        ("~event", "allowed"),
        ("age is event", "comparison"),
        ("age in b12", "'in' needs a list"),
        ("age in [b12]", "only numbers and quoted text"),
        ("[1, 2]", "a list outside"),
        ("{1, 2}", "Set"),
        ("{'a': 1}", "Dict"),
        ("b'bytes'", "bytes"),
        ("1j", "complex"),
        ("...", "ellipsis"),
        ("None", "NoneType"),
        ("9" * 400, "number beyond"),
        ("1e400", "number beyond"),
        ("age; b12", "not an expression"),
        ("age = 3", "not an expression"),
        ("import os", "not an expression"),
        ("age +", "not an expression"),
        ("log2", "is a function"),
        ("age\\\n+ 1", "backslashes"),
        ("age\n+ 1", "line breaks"),
        ("   ", "empty text"),
        ("(" * 300 + "age" + ")" * 300, "not an expression"),
        ("a" * (MAX_LENGTH + 1), "characters"),
        ("-" * (MAX_DEPTH + 5) + "age", "deep"),
    ],
)
def test_refused(text, piece):
    with pytest.raises(FormulaError) as caught:
        check(text)
    assert piece in str(caught.value)
    assert len(str(caught.value)) < 400


def test_text_only():
    with pytest.raises(FormulaError, match="got int"):
        check_expression(3, names=NAMES)  # type: ignore[arg-type]


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'age'"):
        check("agee > 3")


def test_no_functions_by_default():
    with pytest.raises(FormulaError, match="No functions are allowed here"):
        check_expression("log2(age)", names=NAMES)


def test_functions_may_be_given_as_names_only():
    assert names_in(check_expression("f(age)", names=NAMES, functions=["f"])) == ("age",)


def test_backticks_become_names():
    tree = check("`serum B12` + age")
    assert names_in(tree) == ("serum B12", "age")
    with pytest.raises(ColumnNotFoundError, match="no column 'no such'"):
        check("`no such` > 1")


def test_quoted_names_survive_a_round_trip():
    for name in ("age", "serum B12", "class", "3rd", "a.b"):
        assert names_in(check_expression(quote_name(name), names=[name])) == (name,)


def test_many_levels_are_not_too_deep():
    assert check(" and ".join(["age > 1"] * 60))
