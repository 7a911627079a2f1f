"""Suspicions: missing codes that nobody declared, and two units in one column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cobalamin.dictionary.cells import quote
from cobalamin.dictionary.failure_report import note
from cobalamin.dictionary.mixture import LEAST_GROUP, SEPARATE, TwoHeaps, separation, shifted_groups, two_heaps
from cobalamin.dictionary.rules import SENTINELS, Rule
from cobalamin.dictionary.staging import Staged
from cobalamin.dictionary.units import canonical_unit, conversion_factor
from cobalamin.dictionary.variable import Analyte, Variable

if TYPE_CHECKING:
    import duckdb

# columns whose numbers are names, not quantities
NAMES = ("person_id", "row_id", "psu", "stratum", "weight")
LEAST_ROWS = 20
FAR = 0.5  # a lone number lies this share of the whole range beyond the rest
OFTEN = 3
SENTINEL_ADVICE = "a value; if it is a code, declare it under missingValues with its reason"
LONE = [s for s in SENTINELS if abs(s) > 70 or s < 0]
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
    for variable, holder, where in _quantities(staged):
        i, name = staged.fields[variable.name], variable.name
        for value, n, far in lone_numbers(_column(connection, staged, f"x{i}", where)):
            limit = holder.range.upper if value > 0 else holder.range.lower
            what = f"{holder.name}: " if variable.analytes else ""
            if far and (limit is None or n >= OFTEN):
                detail = ((f"{what}the number {value:g}, far from all other values", "TRUE"),)
                rules.append(Rule("suspected sentinel", name, f"{where} AND x{i} = {value!r}", SENTINEL_ADVICE, detail))
            else:
                text = f"{what}{value:g} occurs {n:,} times and may stand for missing; it lies inside the range. Declare it, or leave it."
                notes.append(note(staged.table.name, name, "possible sentinel", n, text))
    return rules, notes


def _quantities(staged: Staged) -> Iterator[tuple[Variable, Analyte | Variable, str]]:
    # rows that are readable and inside the range: what lies outside has been named by the range rule
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        if variable.type not in ("number", "integer") or variable.categories or variable.role in NAMES:
            continue
        for holder, rows in _holders(staged, variable):
            low, high = (f"lo{i}", f"hi{i}") if variable.analytes else (_end(variable.range.lower), _end(variable.range.upper))
            inside = f"coalesce(v{i} >= {low}, TRUE) AND coalesce(v{i} <= {high}, TRUE)"
            yield variable, holder, f"{rows} AND m{i} IS NULL AND NOT b{i} AND c{i} = 0 AND {inside}"


def _end(bound: float | None) -> str:
    return "NULL" if bound is None else repr(float(bound))


def _holders(staged: Staged, variable: Variable) -> list[tuple[Analyte | Variable, str]]:
    # a column of one quantity, or each analyte of a long table with its rows
    if not variable.analytes:
        return [(variable, "TRUE")]
    k = staged.fields.get(variable.analyte_column)
    return [] if k is None else [(analyte, f"v{k} = {quote(analyte.name)}") for analyte in variable.analytes.values()]


def lone_numbers(values: npt.NDArray[np.float64]) -> list[tuple[float, int, bool]]:
    """Find the usual missing codes that stand out in a column.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Numbers as stored, without those that are declared missing.

    Returns
    -------
    list of (float, int, bool)
        Number, how often it occurs, and True where it lies far from all others (False: only far more frequent than its neighbours).

    Examples
    --------
    >>> lone_numbers(np.array([*range(200, 260), 99999.0]))
    [(99999.0, 1, True)]
    """
    if not len(values) or not (values.max() > 70 or values.min() < 0):
        return []
    usual = np.isin(values, LONE)
    rest = values[~usual]
    if not usual.any() or len(rest) < LEAST_ROWS:
        return []
    low, high = float(rest.min()), float(rest.max())
    numbers, counts = np.unique(values[usual], return_counts=True)
    found = []
    for value, n in zip(numbers.tolist(), counts.tolist(), strict=True):
        far = value > high + FAR * (high - low) or value < 0 <= low
        if far or _spike(values, value, n):
            found.append((value, n, far))
    return found


def _spike(values: npt.NDArray[np.float64], value: float, n: int) -> bool:
    # far more often than all its neighbours within 10 percent together
    neighbours = int(((values >= 0.9 * value) & (values <= 1.1 * value)).sum()) - n
    return value > 0 and n >= 10 and n > neighbours


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
        for holder, rows in _holders(staged, variable):
            factors = _factors(holder)
            where = f"{rows} AND v{i} > 0 AND c{i} = 0"
            if not factors:
                continue
            values = _column(connection, staged, f"v{i}", where).astype(np.float64)
            if len(values) < LEAST_ROWS:
                continue
            for unit, factor in factors.items():
                found, said = _one_factor(connection, staged, variable, i, holder, where, values, unit, factor)
                rules += found
                notes += said
    return rules, notes


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
    if not variable.unit_column and (apart := separation(values, factor)) < SEPARATE:
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
