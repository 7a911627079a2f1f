"""Check tables against their dictionary and report every failure at once; the valid rows stay available."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from cobalamin.core.errors import IdentifierError, SourceError, did_you_mean, list_names
from cobalamin.dictionary.cells import count_where
from cobalamin.dictionary.dictionary import Dictionary, Table
from cobalamin.dictionary.failure_report import FAILURE_COLUMNS, MISSING_COLUMNS, NOTE_COLUMNS, ROWS_LISTED, FailureReport, failure, note
from cobalamin.dictionary.harvest import harvest
from cobalamin.dictionary.identifiers import refuse_identifiers
from cobalamin.dictionary.laboratory import harmonise, mark_detection_limits, unknown_units
from cobalamin.dictionary.rules import Rule, table_rules
from cobalamin.dictionary.staging import Staged, stage
from cobalamin.dictionary.suspects import sentinel_rules, unit_suspects

if TYPE_CHECKING:
    import duckdb

RULES_AT_ONCE = 40  # DuckDB plans a query of hundreds of sums slowly
Rows = npt.NDArray[np.int64]


class Tables(Protocol):
    """What a check needs from a source."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        ...

    def columns(self, table: str) -> tuple[str, ...]:
        """Names of the columns of one table."""
        ...

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """One table, as stored."""
        ...


def check(
    source: Tables | Mapping[str, pd.DataFrame],
    dictionary: Dictionary,
    *,
    tables: str | Iterable[str] | None = None,
) -> FailureReport:
    """Check tables against the dictionary.

    Parameters
    ----------
    source : Source or mapping of str to DataFrame
        Where the tables are: anything with ``tables``, ``columns(table)`` and ``read(table, columns)``, or data frames by name.
    dictionary : Dictionary
        What the tables should be.
    tables : str or iterable of str, optional
        Name or names of the tables to check; all of the dictionary by default.

    Returns
    -------
    FailureReport
        All failures (not only the first), missing codes by reason, notes on conversions and suspicions, and the valid rows.

    Raises
    ------
    IdentifierError
        A column with a direct identifier, by pattern or because the dictionary says so. Nothing is returned then.
    DictionaryError
        A name in ``tables`` that the dictionary does not have.

    Notes
    -----
    Rules: missing table or column; empty table; required; type; category; pattern; range; suspected sentinel; unit; analyte; unit mixture;
    primary key; unique; foreign key (against the other table as stored); date order. Each rule is a condition that DuckDB
    counts in one pass over the table; rows are listed for broken rules only.

    Examples
    --------
    >>> from types import MappingProxyType
    >>> from cobalamin.dictionary.variable import Limits, Variable
    >>> age = Variable("age", "integer", range=Limits(0, 120))
    >>> dictionary = Dictionary(MappingProxyType({"persons": Table("persons", MappingProxyType({"age": age}))}))
    >>> report = check({"persons": pd.DataFrame({"age": ["40", "999", "12,5"]})}, dictionary)
    >>> report
    Check of 1 table: 2 failures in persons; 1 of 3 rows valid.
    >>> report.failures[["rule", "n_rows", "got"]].values.tolist()[0]
    ['type', 1, 'text that is not a whole number (1 with a decimal comma)']
    """
    import duckdb

    names = [tables] if isinstance(tables, str) else dictionary.tables if tables is None else dict.fromkeys(tables)
    wanted = [dictionary.table(name) for name in names]
    reader = _Frames(source) if isinstance(source, Mapping) else source
    findings = _Findings()
    # one thread: results do not depend on it, and on a busy machine several threads wait for one another
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        staged = _stage_all(connection, reader, wanted, findings)
        others = _stage_references(connection, reader, dictionary, staged, findings)
        for one in staged.values():
            _check_table(connection, one, {**others, **staged}, findings)
    findings.notes += _undeclared_tables(reader, dictionary, tables)
    return findings.report()


class _Frames:
    """Data frames by name, read like a source."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        self._frames = {str(name): frame.rename(columns=str) for name, frame in frames.items()}

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(self._frames)

    def columns(self, table: str) -> tuple[str, ...]:
        return tuple(self._frames[table].columns)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        frame = self._frames[table] if columns is None else self._frames[table].loc[:, list(columns)]
        refuse_identifiers(frame, table=table)
        return frame


class _Findings:
    """What has been found so far."""

    def __init__(self) -> None:
        self.failures: list[dict[str, Any]] = []
        self.missing: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.valid: dict[str, pd.DataFrame] = {}
        self.n_rows: dict[str, int] = {}

    def report(self) -> FailureReport:
        return FailureReport(
            failures=pd.DataFrame(self.failures, columns=list(FAILURE_COLUMNS)),
            missing=pd.DataFrame(self.missing, columns=list(MISSING_COLUMNS)),
            notes=pd.DataFrame(self.notes, columns=list(NOTE_COLUMNS)),
            valid=MappingProxyType(self.valid),
            n_rows=MappingProxyType(self.n_rows),
            n_valid=MappingProxyType({name: len(frame) for name, frame in self.valid.items()}),
        )


def _stage_all(connection: duckdb.DuckDBPyConnection, reader: Tables, wanted: list[Table], findings: _Findings) -> dict[str, Staged]:
    staged: dict[str, Staged] = {}
    for number, table in enumerate(wanted):
        if table.name not in reader.tables:
            got = f"tables {list_names(reader.tables)}" if reader.tables else "no tables"
            hint = did_you_mean(table.name, reader.tables)
            findings.failures.append(failure("missing table", table.name, "", got=got + hint, expected="the table in the source"))
            continue
        _refuse_declared(table, reader.columns(table.name))
        staged[table.name] = _stage_one(connection, reader, table, number, findings)
    return staged


def _stage_one(connection: duckdb.DuckDBPyConnection, reader: Tables, table: Table, number: int, findings: _Findings) -> Staged:
    columns = reader.columns(table.name)
    repeated = [c for c in dict.fromkeys(columns) if columns.count(c) > 1]
    if repeated:
        raise SourceError(
            f"table '{table.name}': the column {list_names(repeated)} occurs more than once; which one is meant cannot be guessed."
        )
    for name in (n for n in table.variables if n not in columns):
        hint = did_you_mean(name, columns)
        findings.failures.append(
            failure(
                "missing column",
                table.name,
                name,
                got=f"no such column.{hint}" if hint else "no such column",
                expected="the column in the table",
            )
        )
    undeclared = [c for c in columns if c not in table.variables]
    if undeclared:
        text = f"{len(undeclared)} columns are not in the dictionary and were left out: {list_names(undeclared)}."
        findings.notes.append(note(table.name, "", "undeclared column", 0, text))
    frame = reader.read(table.name, [c for c in columns if c in table.variables])
    findings.n_rows[table.name] = len(frame)
    if frame.empty:
        findings.failures.append(failure("empty table", table.name, "", got="no rows", expected="at least one row"))
    return stage(connection, table, frame, number=number)


def _refuse_declared(table: Table, columns: tuple[str, ...]) -> None:
    named = [v.name for v in table.variables.values() if v.disclosure == "identifier" and v.name in columns]
    if named:
        raise IdentifierError(
            f"Table '{table.name}' holds direct identifiers: the dictionary calls {list_names(named)} an identifier.\n"
            "It was not loaded. Take these columns out, or replace them by pseudonyms, before the data come here."
        )


def _stage_references(
    connection: duckdb.DuckDBPyConnection, reader: Tables, dictionary: Dictionary, staged: dict[str, Staged], findings: _Findings
) -> dict[str, Staged]:
    others: dict[str, Staged] = {}
    for one in staged.values():
        for key in one.table.foreign_keys:
            if key.table in staged or key.table in others:
                continue
            columns = [c for c in key.references if key.table in reader.tables and c in reader.columns(key.table)]
            if key.table not in dictionary.tables or len(columns) < len(key.references):
                text = (
                    f"{list_names(key.columns)} could not be compared with {key.table}: it is not in the source or not in the dictionary."
                )
                findings.notes.append(note(one.table.name, ", ".join(key.columns), "not checked", one.n_rows, text))
                continue
            others[key.table] = stage(connection, dictionary.table(key.table), reader.read(key.table, columns), number=1000 + len(others))
    return others


def _check_table(connection: duckdb.DuckDBPyConnection, staged: Staged, references: Mapping[str, Staged], findings: _Findings) -> None:
    findings.notes += harmonise(connection, staged)
    rules = table_rules(staged, references)
    for suspects in (sentinel_rules, unit_suspects):
        more, notes = suspects(connection, staged)
        rules += more
        findings.notes += notes
    failures, broken = _run(connection, staged, rules)
    findings.failures += failures
    missing, notes = _missing(connection, staged)
    findings.missing += missing
    findings.notes += notes
    connection.register("broken", pa.table({"row": pa.array(broken)}))
    rows = "row NOT IN (SELECT row FROM broken)" if len(broken) else "TRUE"
    findings.notes += mark_detection_limits(connection, staged, rows=rows)
    findings.valid[staged.table.name] = harvest(connection, staged, rows=rows)
    connection.unregister("broken")


def _run(connection: duckdb.DuckDBPyConnection, staged: Staged, rules: list[Rule]) -> tuple[list[dict[str, Any]], Rows]:
    none = np.array([], dtype=np.int64)
    if not rules or not staged.n_rows:
        return [], none
    counts = [n for some in _batches(rules, RULES_AT_ONCE) for n in _counts(connection, staged, some)]
    failures, broken = [], [none]
    for rule in (rule for rule, n in zip(rules, counts, strict=True) if n):
        rows, keys = _rows(connection, staged, rule)
        broken.append(rows)
        got = _got(connection, staged, rule)
        failures.append(failure(rule.name, staged.table.name, rule.column, n_rows=len(rows), rows=keys, got=got, expected=rule.expected))
    return failures, np.unique(np.concatenate(broken))


def _batches(rules: list[Rule], size: int) -> Iterator[list[Rule]]:
    return (rules[start : start + size] for start in range(0, len(rules), size))


def _counts(connection: duckdb.DuckDBPyConnection, staged: Staged, rules: Sequence[Rule]) -> tuple[int, ...]:
    flags = ", ".join(f"{rule.condition} AS q{k}" for k, rule in enumerate(rules))
    counts = ", ".join(count_where(f"q{k}") for k in range(len(rules)))
    return connection.execute(f"SELECT {counts} FROM (SELECT {flags} FROM {staged.name})").fetchone() or ()


def _rows(connection: duckdb.DuckDBPyConnection, staged: Staged, rule: Rule) -> tuple[Rows, tuple[str, ...]]:
    query = f"SELECT row, {_key(staged)} AS key FROM {staged.name} WHERE {rule.condition} ORDER BY row"
    found = connection.execute(query).to_arrow_table()
    keys = tuple(str(k) for k in found.column("key").slice(0, ROWS_LISTED).to_pylist())
    return found.column("row").to_numpy(), keys


def _key(staged: Staged) -> str:
    columns = staged.table.primary_key
    if not columns or any(c not in staged.fields for c in columns):
        return "'row ' || (row + 1)"
    parts = ", ".join(f"coalesce({_key_part(staged, c)}, 'missing')" for c in columns)
    return f"concat_ws(' / ', {parts})"


def _key_part(staged: Staged, column: str) -> str:
    i, kind = staged.fields[column], staged.variable(column).type
    return f"printf('%.15g', x{i})" if kind in ("integer", "number") else f"CAST(v{i} AS VARCHAR)"


def _got(connection: duckdb.DuckDBPyConnection, staged: Staged, rule: Rule) -> str:
    counts = ", ".join(count_where(condition) for _, condition in rule.details)
    numbers = connection.execute(f"SELECT {counts} FROM {staged.name} WHERE {rule.condition}").fetchone() or ()
    whole = [words for words, condition in rule.details if condition == "TRUE"]
    parts = ", ".join(f"{n:,} {words}" for (words, condition), n in zip(rule.details, numbers, strict=True) if n and condition != "TRUE")
    got = f"{whole[0]} ({parts})" if whole and parts else whole[0] if whole else parts
    if rule.name == "unit" and (units := unknown_units(connection, staged, staged.fields[rule.column])):
        got += f" ({units})"
    return got


def _missing(connection: duckdb.DuckDBPyConnection, staged: Staged) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    table, missing, notes = staged.table.name, [], []
    total: dict[str, int] = {}
    for name, i in staged.fields.items():
        codes = staged.variable(name).missing
        place = connection.execute(f"SELECT coalesce(m{i}, -2) AS m FROM {staged.name}").fetchnumpy()["m"]
        counts = np.bincount(np.asarray(place, dtype=np.int64) + 2, minlength=len(codes) + 2)
        total[name] = int(counts[1:].sum())
        for reason, n in zip(["empty cell", *(code.reason for code in codes)], counts[1:].tolist(), strict=True):
            if n:
                missing.append(dict(zip(MISSING_COLUMNS, (table, name, reason, n), strict=True)))
    for name in (name for name, n in total.items() if n == staged.n_rows > 0):
        notes.append(note(table, name, "all missing", staged.n_rows, "No row has a value."))
    return missing, notes


def _undeclared_tables(reader: Tables, dictionary: Dictionary, tables: Iterable[str] | None) -> Iterator[dict[str, Any]]:
    if tables is None:
        for name in reader.tables:
            if name not in dictionary.tables:
                yield note(name, "", "undeclared table", 0, "The table is not in the dictionary and was not read.")
