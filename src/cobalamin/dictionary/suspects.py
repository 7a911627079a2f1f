"""Suspicions: missing codes that nobody declared, and two units in one column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cobalamin.dictionary.failure_report import note
from cobalamin.dictionary.mixture import LEAST_GROUP, SEPARATE, TwoHeaps, separation, shifted_groups, two_heaps
from cobalamin.dictionary.rules import SENTINELS, Rule
from cobalamin.dictionary.staging import Staged, quote
from cobalamin.dictionary.units import canonical_unit, conversion_factor
from cobalamin.dictionary.variable import Analyte, Variable

if TYPE_CHECKING:
    import duckdb

# columns whose numbers are names, not quantities
NAMES = ("person_id", "row_id", "psu", "stratum", "weight")
LEAST_ROWS = 20
FAR = 0.5  # a lone number lies this share of the whole range beyond the rest
OFTEN = 3
GROUP_ROLES = ("assay", "stratum", "psu")


def sentinel_rules(connection: duckdb.DuckDBPyConnection, staged: Staged) -> tuple[list[Rule], list[dict[str, Any]]]:
    """Find numbers like 99999 or -9 that stand apart from the rest of a column inside its range or without one.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table, harmonised.

    Returns
    -------
    tuple of (list of Rule, list of dict)
        Rules for numbers that cannot be values; notes for those that may be.

    Notes
    -----
    A number of the usual list is called a suspected sentinel when it lies beyond all other values by half of their range, and the
    dictionary sets no limit there, or it occurs three times or more. Inside a declared range a lone 99 may be a person: it
    becomes a note.
    """
    rules: list[Rule] = []
    notes: list[dict[str, Any]] = []
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        if variable.type not in ("number", "integer") or variable.categories or variable.role in NAMES or variable.analytes:
            continue
        for value, n, far in _lonely(connection, staged, i):
            limit = variable.range.upper if value > 0 else variable.range.lower
            inside = _inside(variable, value)
            if not inside:
                continue  # the range rule has named it
            if far and (limit is None or n >= OFTEN):
                detail = ((f"of {value:g}, far from all other values", "TRUE"),)
                rules.append(Rule("suspected sentinel", name, f"x{i} = {value!r}", SENTINEL_ADVICE, detail))
            else:
                text = f"{value:g} occurs {n:,} times and may stand for missing; it lies inside the range. Declare it, or leave it."
                notes.append(note(staged.table.name, name, "possible sentinel", n, text))
    return rules, notes


SENTINEL_ADVICE = "a value; if it is a code, declare it under missingValues with its reason"


def _inside(variable: Variable, value: float) -> bool:
    low, high = variable.range.lower, variable.range.upper
    return (low is None or value >= low) and (high is None or value <= high)


def _lonely(connection: duckdb.DuckDBPyConnection, staged: Staged, i: int) -> Iterator[tuple[float, int, bool]]:
    usual = ", ".join(repr(s) for s in SENTINELS if abs(s) > 70 or s < 0)
    found = connection.execute(
        f"SELECT x{i}, count(*) FROM {staged.name} WHERE x{i} IN ({usual}) AND m{i} IS NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    if not found:
        return
    rest = f"SELECT count(*), min(x{i}), max(x{i}) FROM {staged.name} WHERE x{i} NOT IN ({usual}) AND m{i} IS NULL AND NOT b{i}"
    n_rest, low, high = connection.execute(rest).fetchone() or (0, 0.0, 0.0)
    if n_rest < LEAST_ROWS:
        return
    room = FAR * (high - low)
    for value, n in found:
        negative = value < 0 <= low
        if value > high + room or negative:
            yield float(value), int(n), True
        elif _spike(connection, staged, i, value, int(n)):
            yield float(value), int(n), False


def _spike(connection: duckdb.DuckDBPyConnection, staged: Staged, i: int, value: float, n: int) -> bool:
    # far more often than all its neighbours within 10 percent together
    near = f"SELECT count(*) FROM {staged.name} WHERE x{i} BETWEEN {0.9 * value!r} AND {1.1 * value!r} AND x{i} != {value!r}"
    neighbours = (connection.execute(near).fetchone() or (0,))[0]
    return value > 0 and n >= 10 and n > 3 * int(neighbours)


def unit_suspects(connection: duckdb.DuckDBPyConnection, staged: Staged) -> tuple[list[Rule], list[dict[str, Any]]]:
    """Look for values in another unit than the column or row says.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table, harmonised.

    Returns
    -------
    tuple of (list of Rule, list of dict)
        A rule where two separate heaps prove a mixture; notes on shifted groups and on what cannot be seen.
    """
    rules: list[Rule] = []
    notes: list[dict[str, Any]] = []
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        holders: list[Analyte | Variable] = list(variable.analytes.values()) or [variable]
        for holder in holders:
            factors = _factors(holder)
            where = f"v{i} > 0 AND c{i} = 0" + (f" AND v{_analyte(staged, variable)} = {quote(holder.name)}" if variable.analytes else "")
            if not factors or (variable.analytes and _analyte(staged, variable) is None):
                continue
            values = _column(connection, staged, f"v{i}", where).astype(np.float64)
            if len(values) < LEAST_ROWS:
                continue
            for unit, factor in factors.items():
                found, said = _one_factor(connection, staged, variable, i, holder, where, values, unit, factor)
                rules += found
                notes += said
    return rules, notes


def _analyte(staged: Staged, variable: Variable) -> int | None:
    return staged.fields.get(variable.analyte_column)


def _factors(holder: Analyte | Variable) -> dict[str, float]:
    # one unit for each different factor: pg/mL and ng/L are the same number
    factors: dict[str, float] = {}
    for unit in holder.accepted_units:
        factor = conversion_factor(unit, holder.unit, molar_mass=holder.molar_mass)
        if canonical_unit(unit) != canonical_unit(holder.unit) and not any(np.isclose(factor, f) for f in (1.0, *factors.values())):
            factors[unit] = factor
    return factors


def _column(connection: duckdb.DuckDBPyConnection, staged: Staged, what: str, where: str) -> np.ndarray[Any, Any]:
    rows = connection.execute(f"SELECT {what} AS a FROM {staged.name} WHERE {where} ORDER BY row").fetchnumpy()["a"]
    return np.asarray(rows)


def _one_factor(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    variable: Variable,
    i: int,
    holder: Analyte | Variable,
    where: str,
    values: np.ndarray[Any, Any],
    unit: str,
    factor: float,
) -> tuple[list[Rule], list[dict[str, Any]]]:
    heaps = two_heaps(values, factor)
    if heaps is not None:
        return [_mixture_rule(variable, holder, where, i, heaps, unit, factor)], []
    notes = _shift_notes(connection, staged, variable, i, holder, where, values, unit, factor)
    apart = separation(values, factor)
    if apart < SEPARATE and not variable.unit_column:
        text = (
            f"The column has no unit by row. A mixture of {unit} and {holder.unit} cannot be seen in single values: the factor"
            f" {_ratio(factor):.3g} is {apart:.1f} standard deviations of the logarithm, and {SEPARATE:g} are needed."
            f" Only shifts between groups of {LEAST_GROUP} or more were looked for."
        )
        notes.append(note(staged.table.name, variable.name, "not checked", len(values), text))
    return [], notes


def _ratio(factor: float) -> float:
    return max(factor, 1 / factor)


def _mixture_rule(variable: Variable, holder: Analyte | Variable, where: str, i: int, heaps: TwoHeaps, unit: str, factor: float) -> Rule:
    # a value in the other unit has not been multiplied by the factor: it lies below where factor > 1
    side, n = ("<", heaps.n_low) if factor > 1 else (">", heaps.n_high)
    other = heaps.n_low + heaps.n_high - n
    detail = f"in a separate heap a factor {_ratio(factor):.4g} away from {other:,} others, as if in {unit}"
    expected = f"all values in {holder.unit}; give the unit of each row in a unit column, or convert before loading"
    return Rule("unit mixture", variable.name, f"{where} AND v{i} {side} {heaps.cut!r}", expected, ((detail, "TRUE"),))


def _shift_notes(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    variable: Variable,
    i: int,
    holder: Analyte | Variable,
    where: str,
    values: np.ndarray[Any, Any],
    unit: str,
    factor: float,
) -> list[dict[str, Any]]:
    notes = []
    for what, expression in _groupings(staged, variable, i):
        labels = _column(connection, staged, f"CAST({expression} AS VARCHAR)", where)
        plain = np.ma.filled(labels.astype(object), None) if np.ma.isMaskedArray(labels) else labels.astype(object)
        for shift in shifted_groups(values, plain, factor):
            text = (
                f"{_what(variable, holder)}median in {what} '{shift.group}' ({shift.n:,} results) is {shift.ratio:.3g} times that of the"
                f" others, near the factor {_ratio(factor):.3g} between {unit} and {holder.unit}: its unit may be wrong."
                " Assays alone differ by 10 to 20 percent."
            )
            notes.append(note(staged.table.name, variable.name, "suspected unit", shift.n, text))
    return notes


def _what(variable: Variable, holder: Analyte | Variable) -> str:
    return f"{holder.name}: " if variable.analytes else ""


def _groupings(staged: Staged, variable: Variable, i: int) -> Iterator[tuple[str, str]]:
    if variable.unit_column in staged.fields:
        yield f"rows with the {variable.unit_column}", f"u{i}"
    for name, k in staged.fields.items():
        other = staged.variable(name)
        if other.role in GROUP_ROLES and name != variable.name:
            yield name, _label(other, k)
        elif other.role == "date":
            yield f"year of {name}", f"year(v{k})"


def _label(other: Variable, k: int) -> str:
    if not other.categories:
        return f"v{k}"
    return f"list_extract([{', '.join(quote(c.label) for c in other.categories)}], v{k})"
