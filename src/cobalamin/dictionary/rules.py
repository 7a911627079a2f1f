"""The rules of a table, each one a condition on cells that says which rows break it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cobalamin.core.errors import list_names
from cobalamin.dictionary.cells import FIRST_DAY, LAST_DAY, quote
from cobalamin.dictionary.laboratory import unit_rules
from cobalamin.dictionary.staging import Staged
from cobalamin.dictionary.variable import Limits, Variable

# numbers that people type where a value is missing
NINES = tuple(float(digit * width) for digit in "987" for width in range(2, 8))
SENTINELS = (7.0, 8.0, 9.0, *NINES, 99.9, 999.9, 9999.9, -1.0, -2.0, -7.0, -8.0, -9.0, *(-n for n in NINES))
SENTINEL_DAYS = (
    "1900-01-01",
    "1899-12-30",
    "1899-12-31",
    "1970-01-01",
    "1960-01-01",
    "1111-11-11",
    "9999-12-31",
    "2999-12-31",
    "9999-09-09",
)


@dataclass(frozen=True)
class Rule:
    """One rule of one table.

    Attributes
    ----------
    name : str
        What the report calls it.
    column : str
        The column or columns, joined by a comma.
    condition : str
        SQL over the table of cells; true where a row breaks the rule.
    expected : str
        In words.
    details : tuple of (str, str)
        Words and conditions that split the count for ``got``: ``2 below, 1 above``.
    """

    name: str
    column: str
    condition: str
    expected: str
    details: tuple[tuple[str, str], ...] = ()


def table_rules(staged: Staged, references: Mapping[str, Staged]) -> list[Rule]:
    """List the rules that the dictionary sets for one table.

    Parameters
    ----------
    staged : Staged
        The table in the engine.
    references : mapping of str to Staged
        Tables that foreign keys may look into.

    Returns
    -------
    list of Rule
        In the order of the report.
    """
    rules: list[Rule] = []
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        rules += _cell_rules(variable, i, staged.kinds[name])
        rules += unit_rules_of(staged, variable, i)
        rules += range_rules(variable, i)
    return rules + list(_key_rules(staged)) + list(_reference_rules(staged, references)) + list(_order_rules(staged))


def unit_rules_of(staged: Staged, variable: Variable, i: int) -> list[Rule]:
    """Rules for the unit and the analyte of each row of a laboratory table.

    Parameters
    ----------
    staged : Staged
        The table in the engine.
    variable : Variable
        A column.
    i : int
        Its number.

    Returns
    -------
    list of Rule
        Empty for a column without units by row.
    """
    return [
        Rule(name, variable.name, condition, expected, details) for name, condition, expected, details in unit_rules(staged, variable, i)
    ]


def _cell_rules(variable: Variable, i: int, kind: str) -> Iterator[Rule]:
    name = variable.name
    if variable.required:
        yield Rule("required", name, f"m{i} IS NOT NULL", "a value in every row", (("missing", "TRUE"),))
    # what was stored says which words fit; the cells themselves stay unsaid
    got = f"{kind} that is not {_type_words(variable)}"
    yield Rule("type", name, f"b{i}", _type_words(variable), ((got, "TRUE"), *_type_hints(variable, i, kind)))
    if variable.categories:
        known = f"one of the {len(variable.categories)} codes {list_names(str(c.value) for c in variable.categories)}"
        unknown = f"v{i} IS NULL AND m{i} IS NULL AND NOT b{i}"
        yield Rule("category", name, unknown, known, (("with an unknown code", "TRUE"), *_category_hints(variable, i)))
    if variable.pattern:
        condition = f"NOT regexp_full_match(v{i}, {quote(variable.pattern)})"
        yield Rule("pattern", name, condition, f"text of the form {variable.pattern}", (("of another form", "TRUE"),))


def _type_words(variable: Variable) -> str:
    words = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "string": "text",
        "date": "a calendar day written as " + ("2001-12-31" if variable.date_format == "default" else variable.date_format),
    }[variable.type]
    return words + (" or a limit such as <150" if variable.censorable else "")


def _type_hints(variable: Variable, i: int, kind: str) -> Iterator[tuple[str, str]]:
    if kind == "text" and variable.type in ("number", "integer"):
        yield "with a decimal comma", f"regexp_full_match(t{i}, '[+-]?\\d+,\\d+')"
        yield (
            "with a limit sign, but the dictionary gives no detectionLimits",
            "FALSE" if variable.censorable else f"regexp_full_match(t{i}, '[<>≤≥].*')",
        )
    if variable.type == "integer":
        yield "with a fraction", f"x{i} != floor(x{i})"
    if variable.type == "date":
        yield f"outside {FIRST_DAY[:4]} to {LAST_DAY[:4]}", f"v{i} IS NOT NULL"
        if kind == "text" and variable.date_format == "default":
            yield "of the right form but no such day", f"regexp_full_match(t{i}, '\\d{{4}}-\\d{{2}}-\\d{{2}}') AND v{i} IS NULL"


def _category_hints(variable: Variable, i: int) -> Iterator[tuple[str, str]]:
    if variable.type == "integer":
        yield "like a missing code (declare it under missingValues)", f"x{i} IN {_numbers(SENTINELS)}"
    else:
        folded = ", ".join(quote(str(c.value).lower()) for c in variable.categories)
        labels = ", ".join(quote(c.label.lower()) for c in variable.categories)
        yield "that would be known in other capitals", f"lower(t{i}) IN ({folded})"
        yield "that are labels, not codes", f"lower(t{i}) IN ({labels}) AND lower(t{i}) NOT IN ({folded})"
        yield "like a missing code (declare it under missingValues)", f"TRY_CAST(t{i} AS DOUBLE) IN {_numbers(SENTINELS)}"


def _numbers(values: Iterable[float]) -> str:
    return "(" + ", ".join(repr(v) for v in values) + ")"


def _days(days: Iterable[str]) -> str:
    return "(" + ", ".join(f"DATE '{day}'" for day in days) + ")"


def range_rules(variable: Variable, i: int) -> Iterator[Rule]:
    """Rules for the ends of a range; the usual missing codes beyond them are called by their name.

    Parameters
    ----------
    variable : Variable
        A column.
    i : int
        Its number in the engine.

    Returns
    -------
    iterator of Rule
        ``range`` and ``suspected sentinel``.
    """
    bounds = _bounds(variable, i)
    if bounds is None or variable.categories:
        return
    low, high, words = bounds
    # "<x" promises a value below x, so x below the range is impossible; x above it says nothing. ">x" the other way round
    below, above = f"(v{i} < {low} AND c{i} <= 0)", f"(v{i} > {high} AND c{i} >= 0)"
    odd = f"v{i} IN {_days(SENTINEL_DAYS)}" if variable.type == "date" else f"x{i} IN {_numbers(SENTINELS)}"
    out = f"(coalesce({below}, FALSE) OR coalesce({above}, FALSE))"
    yield Rule("range", variable.name, f"{out} AND NOT {odd}", words, (("below", below), ("above", above)))
    beyond = "a date used for missing" if variable.type == "date" else "a number used for missing"
    detail = f"{beyond}, beyond the range"
    yield Rule(
        "suspected sentinel",
        variable.name,
        f"{out} AND {odd}",
        f"{words}; declare the code under missingValues with its reason",
        ((detail, "TRUE"),),
    )


def _bounds(variable: Variable, i: int) -> tuple[str, str, str] | None:
    if variable.analytes:
        return f"lo{i}", f"hi{i}", "the range of its analyte"
    if variable.type == "date":
        if not (variable.earliest or variable.latest):
            return None
        low = f"DATE '{variable.earliest}'" if variable.earliest else "NULL"
        high = f"DATE '{variable.latest}'" if variable.latest else "NULL"
        return low, high, f"{variable.earliest or 'any day'} to {variable.latest or 'any day'}"
    limits = variable.range
    if limits.lower is None and limits.upper is None:
        return None
    return _end(limits.lower), _end(limits.upper), range_words(limits, variable.unit)


def _end(bound: float | None) -> str:
    return "NULL" if bound is None else repr(float(bound))


def range_words(limits: Limits, unit: str) -> str:
    """Say a range in words.

    Parameters
    ----------
    limits : Limits
        Its ends.
    unit : str
        Unit, or empty.

    Returns
    -------
    str
        For example ``10 to 90 kg/m2``.

    Examples
    --------
    >>> range_words(Limits(0, None), "g")
    'at least 0 g'
    """
    if limits.lower is None:
        words = f"at most {limits.upper:g}"
    elif limits.upper is None:
        words = f"at least {limits.lower:g}"
    else:
        words = f"{limits.lower:g} to {limits.upper:g}"
    return f"{words} {unit}".strip()


def _key_rules(staged: Staged) -> Iterator[Rule]:
    table = staged.table
    groups = [("primary key", table.primary_key), *(("unique", k) for k in table.unique_keys)]
    groups += [("unique", (name,)) for name in staged.fields if staged.variable(name).unique and (name,) != table.primary_key]
    for what, columns in groups:
        if not columns or any(c not in staged.fields for c in columns):
            continue
        cells = ", ".join(f"v{staged.fields[c]}" for c in columns)
        copies = f"SELECT {cells} FROM {staged.name} GROUP BY ALL HAVING count(*) > 1"
        condition = f"({cells}) IN ({copies})"
        yield Rule(
            what, ", ".join(columns), condition, "each value once", (("in copies of the same key (all copies are left out)", "TRUE"),)
        )
        empty = " OR ".join(f"m{staged.fields[c]} IS NOT NULL" for c in columns if not staged.variable(c).required)
        if what == "primary key" and empty:
            yield Rule("required", ", ".join(columns), f"({empty})", "a key in every row", (("without a key", "TRUE"),))


def _reference_rules(staged: Staged, references: Mapping[str, Staged]) -> Iterator[Rule]:
    for key in staged.table.foreign_keys:
        other = references.get(key.table)
        if other is None or any(c not in staged.fields for c in key.columns) or any(c not in other.fields for c in key.references):
            continue
        mine = [f"v{staged.fields[c]}" for c in key.columns]
        theirs = [f"v{other.fields[c]}" for c in key.references]
        known = " AND ".join(f"{t} IS NOT NULL" for t in theirs)
        complete = " AND ".join(f"{m} IS NOT NULL" for m in mine)
        condition = f"{complete} AND ({', '.join(mine)}) NOT IN (SELECT {', '.join(theirs)} FROM {other.name} WHERE {known})"
        expected = f"a row of {key.table} with the same {', '.join(key.references)}"
        yield Rule("foreign key", ", ".join(key.columns), condition, expected, ((f"not in {key.table}", "TRUE"),))


def _order_rules(staged: Staged) -> Iterator[Rule]:
    for order in staged.table.date_order:
        present = [c for c in order if c in staged.fields]
        for first, second in itertools.pairwise(present):
            condition = f"v{staged.fields[first]} > v{staged.fields[second]}"
            yield Rule(
                "date order",
                f"{first}, {second}",
                condition,
                f"{first} on or before {second}",
                ((f"with {second} before {first}", "TRUE"),),
            )
