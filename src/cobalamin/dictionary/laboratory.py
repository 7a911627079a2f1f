"""Laboratory results: the unit and the analyte of each row, conversion to the canonical unit, censored results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from cobalamin.core.errors import DictionaryError, list_names
from cobalamin.dictionary.cells import count_where
from cobalamin.dictionary.failure_report import note
from cobalamin.dictionary.staging import Staged
from cobalamin.dictionary.units import canonical_unit, conversion_factor
from cobalamin.dictionary.variable import Analyte, Limits, Variable

if TYPE_CHECKING:
    import duckdb

# what the pair of analyte and unit of a row turned out to be
CONVERTED, UNKNOWN_ANALYTE, UNKNOWN_UNIT, NO_UNIT = 0, 1, 2, 3
SHOWABLE_UNIT = re.compile(r"[A-Za-z0-9µμ%/.^*\[\]{}' ]{1,14}")


def harmonise(connection: duckdb.DuckDBPyConnection, staged: Staged) -> list[dict[str, Any]]:
    """Convert every result of a table to its canonical unit, in the engine.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table; its cells are rewritten in place. A converted column number i gets ``f{i}`` (factor), ``s{i}`` (state of the pair of
        analyte and unit), ``lo{i}``/``hi{i}`` and ``dl{i}``/``du{i}`` (range and measuring range of the analyte of the row).

    Returns
    -------
    list of dict
        Notes: conversions made and how many rows each.
    """
    notes: list[dict[str, Any]] = []
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        if not (_present(staged, variable.unit_column) or _present(staged, variable.analyte_column)):
            continue
        pairs = _pairs(connection, staged, variable, i)
        _apply(connection, staged, variable, i, pairs)
        converted = pairs[pairs["factor"].notna() & (pairs["factor"] != 1.0)]
        notes += [_conversion_note(staged.table.name, variable, row) for row in converted.to_dict("records")]
    return notes


def _present(staged: Staged, column: str) -> bool:
    return bool(column) and column in staged.fields


def _pairs(connection: duckdb.DuckDBPyConnection, staged: Staged, variable: Variable, i: int) -> pd.DataFrame:
    analyte = _cell(staged, variable.analyte_column)
    unit = _cell(staged, variable.unit_column)
    query = f"SELECT {analyte} AS analyte, {unit} AS unit, count(v{i}) AS n FROM {staged.name} GROUP BY ALL ORDER BY ALL"
    pairs = connection.execute(query).fetchall()
    return pd.DataFrame([_resolve(variable, a, u, n, _present(staged, variable.unit_column)) for a, u, n in pairs], columns=PAIR)


PAIR = ["analyte", "unit", "n", "factor", "canonical", "state", "low", "high", "detect_low", "detect_high"]
PAIR_KEYS = (("analyte_column", "analyte"), ("unit_column", "unit"))


def _cell(staged: Staged, column: str) -> str:
    return f"v{staged.fields[column]}" if _present(staged, column) else "CAST(NULL AS VARCHAR)"


def _resolve(variable: Variable, analyte: str | None, unit: str | None, n: int, labelled: bool) -> list[Any]:
    meant: Analyte | Variable | None = variable.analytes.get(analyte or "") if variable.analytes else variable
    if meant is None:
        return [analyte, unit, n, None, unit, UNKNOWN_ANALYTE, None, None, None, None]
    limits, detection = meant.range, meant.detection or Limits()
    ends = [limits.lower, limits.upper, detection.lower, detection.upper]
    if not labelled:
        return [analyte, unit, n, 1.0, None, CONVERTED, *ends]
    if unit is None:
        return [analyte, unit, n, None, None, NO_UNIT, *ends]
    factor = _factor(meant, unit)
    return [analyte, unit, n, factor, meant.unit if factor else unit, UNKNOWN_UNIT if factor is None else CONVERTED, *ends]


def _factor(meant: Analyte | Variable, unit: str) -> float | None:
    accepted = {canonical_unit(u) for u in (meant.unit, *meant.accepted_units)}
    if canonical_unit(unit) not in accepted:
        return None
    try:
        return conversion_factor(unit, meant.unit, molar_mass=meant.molar_mass)
    except DictionaryError:
        return None


def _apply(connection: duckdb.DuckDBPyConnection, staged: Staged, variable: Variable, i: int, pairs: pd.DataFrame) -> None:
    # two all-null text columns would be typed as integers: the types are given, not guessed
    types = [pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.int64(), *[pa.float64()] * 4]
    columns = [pa.array([None if pd.isna(v) else v for v in pairs[c]], type=t) for c, t in zip(PAIR, types, strict=True)]
    connection.register("pairs", pa.table(columns, names=PAIR))
    rewritten = [f"v{i} * coalesce(p.factor, 1) AS v{i}"]
    if _present(staged, variable.unit_column):
        u = staged.fields[variable.unit_column]
        rewritten.append(f"coalesce(p.canonical, v{u}) AS v{u}")
    added = [f"v{_number(staged, variable)} AS u{i}", f"p.factor AS f{i}", f"p.state AS s{i}"]
    added += [f"p.low AS lo{i}", f"p.high AS hi{i}", f"p.detect_low AS dl{i}", f"p.detect_high AS du{i}"]
    same = [f"{_cell(staged, getattr(variable, which))} IS NOT DISTINCT FROM p.{key}" for which, key in PAIR_KEYS]
    connection.execute(
        f"CREATE TEMP TABLE rewritten AS SELECT c.* REPLACE ({', '.join(rewritten)}), {', '.join(added)}"
        f" FROM {staged.name} c LEFT JOIN pairs p ON {' AND '.join(same)}"
    )
    connection.unregister("pairs")
    connection.execute(f"DROP TABLE {staged.name}")
    connection.execute(f"ALTER TABLE rewritten RENAME TO {staged.name}")


def _number(staged: Staged, variable: Variable) -> int:
    column = variable.unit_column if _present(staged, variable.unit_column) else variable.analyte_column
    return staged.fields[column]


def _conversion_note(table: str, variable: Variable, row: Mapping[Any, Any]) -> dict[str, Any]:
    what = f"{row['analyte']}: " if variable.analytes else ""
    text = f"{what}{int(row['n']):,} rows converted from {row['unit']} to {row['canonical']} (times {row['factor']:.6g})."
    return note(table, variable.name, "conversion", int(row["n"]), text)


def unit_rules(staged: Staged, variable: Variable, i: int) -> list[tuple[str, str, str, tuple[tuple[str, str], ...]]]:
    """Rules for the unit and the analyte of each row.

    Parameters
    ----------
    staged : Staged
        The table, harmonised.
    variable : Variable
        A column.
    i : int
        Its number.

    Returns
    -------
    list of tuple
        Name, condition, expected and details of each rule; empty for a column without units by row.
    """
    if not (_present(staged, variable.unit_column) or _present(staged, variable.analyte_column)):
        return []
    given = f"m{i} IS NULL AND NOT b{i}"
    holders: list[Variable | Analyte] = [variable, *variable.analytes.values()]
    accepted = list_names(dict.fromkeys(u for a in holders for u in (a.unit, *a.accepted_units) if u), most=12)
    return [
        (
            "analyte",
            f"s{i} = {UNKNOWN_ANALYTE}",
            f"one of {list_names(variable.analytes, most=12)}",
            (("with an unknown analyte", "TRUE"),),
        ),
        (
            "unit",
            f"{given} AND s{i} IN ({UNKNOWN_UNIT}, {NO_UNIT})",
            f"a unit accepted for the analyte ({accepted})",
            (("in a unit that is not accepted", f"s{i} = {UNKNOWN_UNIT}"), ("without a unit", f"s{i} = {NO_UNIT}")),
        ),
    ]


def unknown_units(connection: duckdb.DuckDBPyConnection, staged: Staged, i: int) -> str:
    """Name the units that are not accepted, so that a spelling can be mended.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table, harmonised.
    i : int
        Number of the result column.

    Returns
    -------
    str
        Up to six units that look like units; a longer text in a unit column is not repeated.
    """
    query = f"SELECT u{i}, count(*) FROM {staged.name} WHERE s{i} = {UNKNOWN_UNIT} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 6"
    units = [str(u) for u, _ in connection.execute(query).fetchall() if u and SHOWABLE_UNIT.fullmatch(str(u))]
    return list_names(units, most=6)


def mark_detection_limits(connection: duckdb.DuckDBPyConnection, staged: Staged, *, rows: str) -> list[dict[str, Any]]:
    """Mark numbers beyond the measuring range as censored, and count what is censored.

    This comes after the rules: a number beyond the measuring range must still lie inside the range of plausible values.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The engine.
    staged : Staged
        The table, harmonised; ``c{i}`` is rewritten.
    rows : str
        SQL condition of the valid rows.

    Returns
    -------
    list of dict
        Notes with counts.

    Notes
    -----
    A number strictly below the lower limit (laboratories often store the limit divided by the square root of two) keeps its value and
    becomes left-censored; strictly above the upper limit it becomes right-censored. A text such as ``<150`` has its own limit as value.
    """
    notes: list[dict[str, Any]] = []
    for name, i in staged.fields.items():
        variable = staged.variable(name)
        if not variable.censorable:
            continue
        low, high = _measuring_range(staged, variable, i)
        beyond = f"{rows} AND c{i} = 0 AND v{i} < {low}", f"{rows} AND c{i} = 0 AND v{i} > {high}"
        counts = ", ".join(count_where(condition) for condition in (*beyond, f"{rows} AND c{i} < 0", f"{rows} AND c{i} > 0"))
        numbers = connection.execute(f"SELECT {counts} FROM {staged.name}").fetchone() or (0, 0, 0, 0)
        if numbers[0] or numbers[1]:
            marked = f"CASE WHEN {beyond[0]} THEN -1 WHEN {beyond[1]} THEN 1 ELSE c{i} END"
            connection.execute(f"UPDATE {staged.name} SET c{i} = {marked} WHERE ({beyond[0]}) OR ({beyond[1]})")
        notes += _censored_notes(staged.table.name, name, numbers)
    return notes


def _measuring_range(staged: Staged, variable: Variable, i: int) -> tuple[str, str]:
    if variable.analytes and _present(staged, variable.analyte_column):
        return f"dl{i}", f"du{i}"
    limits = variable.detection or Limits()
    return tuple("CAST(NULL AS DOUBLE)" if end is None else repr(end) for end in (limits.lower, limits.upper))  # type: ignore[return-value]


def _censored_notes(table: str, name: str, numbers: tuple[Any, ...]) -> list[dict[str, Any]]:
    below, above, text_below, text_above = (int(n) for n in numbers)
    texts = (
        (text_below, "results such as '<150' kept as left-censored at their limit"),
        (text_above, "results such as '>2000' kept as right-censored at their limit"),
        (below, "numbers below the measuring range marked left-censored (value kept)"),
        (above, "numbers above the measuring range marked right-censored (value kept)"),
    )
    return [note(table, name, "censored", n, f"{n:,} {words}; see {name}_censored.") for n, words in texts if n]
