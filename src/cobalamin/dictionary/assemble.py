"""From checked descriptors to a `Dictionary`: the rules of meaning that a form check cannot see."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Set
from pathlib import Path
from types import MappingProxyType

from cobalamin.core.errors import DictionaryError, SourceError, did_you_mean, list_names
from cobalamin.dictionary.descriptor import AnalytePart, CategoryPart, ConstraintsPart, FieldPart, LimitsPart, MissingPart, TablePart
from cobalamin.dictionary.dictionary import Dictionary, ForeignKey, Table
from cobalamin.dictionary.units import conversion_factor, molar_mass_of
from cobalamin.dictionary.variable import DISCLOSURE, ROLES, TYPES, Analyte, Category, Limits, MissingCode, Variable


def make_table(part: TablePart, *, name: str, where: str) -> Table:
    """Turn one descriptor into a `Table` and refuse contradictions inside it.

    Parameters
    ----------
    part : TablePart
        The descriptor, checked for form.
    name : str
        Name of the table.
    where : str
        File name for messages.

    Returns
    -------
    Table
        The description.

    Raises
    ------
    DictionaryError
        All contradictions of the table in one message.
    """
    faults = [*_table_faults(part), *(f"field '{f.name}': {fault}" for f in part.fields for fault in _field_faults(f, part))]
    if faults:
        raise DictionaryError("\n".join(f"{where}: {fault}" for fault in faults))
    return Table(
        name=name,
        variables=MappingProxyType({f.name: _variable(f, part.missing_values) for f in part.fields}),
        title=part.title,
        description=part.description,
        source=part.source,
        primary_key=tuple(part.primary_key),
        unique_keys=tuple(tuple(k) for k in part.unique_keys),
        foreign_keys=tuple(ForeignKey(tuple(k.fields), k.reference.resource or name, tuple(k.reference.fields)) for k in part.foreign_keys),
        date_order=tuple(tuple(o) for o in part.date_order),
    )


def refuse_contradictions(dictionary: Dictionary, *, siblings: Set[str], folder: Path | None = None) -> None:
    """Refuse foreign keys that lead nowhere.

    Parameters
    ----------
    dictionary : Dictionary
        All tables that were read.
    siblings : set of str
        Names of the descriptor files in the folder (more than were read, when one file was asked for).
    folder : Path, optional
        The folder, for messages.

    Raises
    ------
    SourceError
        A foreign key names a table that has no file.
    DictionaryError
        A foreign key names a column that does not exist or has another type.
    """
    for table in dictionary.tables.values():
        for key in table.foreign_keys:
            if key.table in dictionary.tables:
                _refuse_key(table, key, dictionary.tables[key.table])
            elif key.table not in siblings:
                raise SourceError(
                    f"table '{table.name}' has a foreign key to '{key.table}', but the file {Path(folder or '') / (key.table + '.yaml')}"
                    f" does not exist.{did_you_mean(key.table, {*siblings, *dictionary.tables})}"
                )


def _refuse_key(table: Table, key: ForeignKey, other: Table) -> None:
    for mine, theirs in zip(key.columns, key.references, strict=True):
        if theirs not in other.variables:
            raise DictionaryError(
                f"table '{table.name}': the foreign key names '{theirs}', which is not a column of '{other.name}'."
                f"{did_you_mean(theirs, other.variables)}"
            )
        got, expected = table.variables[mine].type, other.variables[theirs].type
        if got != expected:
            raise DictionaryError(
                f"table '{table.name}': foreign key '{mine}' is of type {got} but '{other.name}.{theirs}' of type {expected};"
                " keys can only be compared when the types agree."
            )


def _table_faults(part: TablePart) -> Iterator[str]:
    names = [f.name for f in part.fields]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"the field '{name}' is described {names.count(name)} times."
    groups = [("primaryKey", part.primary_key), *(("uniqueKeys", k) for k in part.unique_keys)]
    groups += [("foreignKeys", k.fields) for k in part.foreign_keys] + [("dateOrder", o) for o in part.date_order]
    for what, columns in groups:
        for column in columns:
            if column not in names:
                yield f"{what} names '{column}', which is not a field.{did_you_mean(column, names)}"
    kinds = {f.name: f.type for f in part.fields}
    for column in (c for order in part.date_order for c in order if kinds.get(c, "date") != "date"):
        yield f"dateOrder names '{column}', which is of type {kinds[column]}, not date."
    for key in part.foreign_keys:
        if len(key.fields) != len(key.reference.fields):
            yield f"a foreign key has {len(key.fields)} fields here and {len(key.reference.fields)} in '{key.reference.resource}'."
    yield from _helper_column_faults(part)
    persons = [f.name for f in part.fields if f.role == "person_id"]
    if len(persons) > 1:
        yield f"the role person_id is given to {list_names(persons)}; a table has one."


def _helper_column_faults(part: TablePart) -> Iterator[str]:
    fields = {f.name: f for f in part.fields}
    used = [f.unit_column for f in part.fields if f.unit_column]
    for column in sorted({c for c in used if used.count(c) > 1}):
        yield f"unitColumn '{column}' is given to several fields; a conversion rewrites it, so each result needs its own."
    for column in sorted({c for f in part.fields for c in (f.unit_column, f.analyte_column) if c in fields}):
        if fields[column].type != "string" or fields[column].categories:
            yield f"'{column}' holds units or analytes, so it must be of type string and have no categories of its own."


def _field_faults(f: FieldPart, part: TablePart) -> Iterator[str]:
    for what, got, known in (("type", f.type, TYPES), ("role", f.role, ("", *ROLES)), ("disclosure", f.disclosure, DISCLOSURE)):
        if got not in known:
            yield f"{what} '{got}' is not known; expected one of {', '.join(k for k in known if k)}.{did_you_mean(got, known)}"
    yield from _constraint_faults(f)
    yield from _category_faults(f, f.missing_values if f.missing_values is not None else part.missing_values)
    yield from _unit_faults(f, [other.name for other in part.fields])
    for name, limits in (("detectionLimits", f.detection_limits), *((f"analyte '{n}'", a.detection_limits) for n, a in f.analytes.items())):
        if limits and limits.lower is not None and limits.upper is not None and limits.lower >= limits.upper:
            yield f"{name}: lower ({limits.lower:g}) is not below upper ({limits.upper:g})."
    for name, analyte in f.analytes.items():
        if analyte.minimum is not None and analyte.maximum is not None and analyte.minimum > analyte.maximum:
            yield f"analyte '{name}': minimum ({analyte.minimum:g}) is above maximum ({analyte.maximum:g})."


def _constraint_faults(f: FieldPart) -> Iterator[str]:
    c = f.constraints
    bounds = [b for b in (c.minimum, c.maximum) if b is not None]
    if bounds and f.type not in ("integer", "number", "date"):
        yield f"minimum and maximum have no meaning for type {f.type}."
    elif f.type == "date" and not all(_is_day(b) for b in bounds):
        yield "minimum and maximum of a date are written as 2001-12-31."
    elif f.type in ("integer", "number") and any(isinstance(b, str) for b in bounds):
        yield "minimum and maximum of a number are numbers."
    elif len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]
        yield f"minimum ({bounds[0]}) is above maximum ({bounds[1]})."
    if c.pattern and (fault := _pattern_fault(f.type, c.pattern)):
        yield fault
    if f.format != "default" and (f.type != "date" or "%" not in f.format):
        yield "format is for dates only, written like %Y%m%d."


def _is_day(value: object) -> bool:
    try:
        return datetime.date.fromisoformat(str(value)) is not None
    except ValueError:
        return False


def _pattern_fault(kind: str, pattern: str) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind != "string":
        return f"pattern has no meaning for type {kind}."
    try:
        # the engine that runs the pattern on data has no look-around and cannot be made to hang
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return f"pattern is not a regular expression of the kind RE2 ({error})."
    return ""


def _category_faults(f: FieldPart, missing: Iterable[MissingPart]) -> Iterator[str]:
    categories = [_category(c) for c in f.categories]
    if categories and f.type not in ("string", "integer"):
        yield f"categories are for types string and integer, not {f.type}."
    values = [str(c.value) for c in categories]
    for value in sorted({v for v in values if values.count(v) > 1}):
        yield f"the category value '{value}' is given twice."
    for code in missing:
        if str(code.value) in values:
            yield f"the code '{code.value}' is both a category and a missing value."
    labels = list(dict.fromkeys(c.label for c in categories))
    if f.reference and f.reference not in labels:
        known = f"is not one of the labels {list_names(labels)}" if labels else "is given, but the field has no categories"
        yield f"reference '{f.reference}' {known}.{did_you_mean(f.reference, labels)}"


def _unit_faults(f: FieldPart, names: list[str]) -> Iterator[str]:
    for what, column in (("unitColumn", f.unit_column), ("analyteColumn", f.analyte_column)):
        if column and column not in names:
            yield f"{what} names '{column}', which is not a field.{did_you_mean(column, names)}"
    if bool(f.analytes) != bool(f.analyte_column):
        yield "analytes and analyteColumn are given together or not at all."
    if (f.unit or f.detection_limits or f.analytes or f.unit_column) and f.type not in ("number", "integer"):
        yield f"units, analytes and detection limits have no meaning for type {f.type}."
    if f.accepted_units and not f.unit:
        yield "acceptedUnits needs unit, the canonical one."
    parts: list[tuple[str, FieldPart | AnalytePart]] = [(f.name, f), *f.analytes.items()]
    for name, holder in parts:
        for unit in holder.accepted_units if holder.unit else ():
            try:
                conversion_factor(unit, holder.unit, molar_mass=holder.molar_mass or molar_mass_of(name))
            except DictionaryError as error:
                yield f"acceptedUnits of '{name}': {error} Give molarMass (g/mol), or take the unit out."


def _variable(f: FieldPart, missing: list[MissingPart]) -> Variable:
    c = f.constraints
    is_date = f.type == "date"
    own = f.missing_values if f.missing_values is not None else missing
    return Variable(
        name=f.name,
        type=f.type,
        title=f.title,
        description=f.description.strip(),
        date_format=f.format,
        required=c.required,
        unique=c.unique,
        range=Limits() if is_date else Limits(_float(c, "minimum"), _float(c, "maximum")),
        earliest=str(c.minimum or "") if is_date else "",
        latest=str(c.maximum or "") if is_date else "",
        pattern=c.pattern,
        categories=tuple(_category(x) for x in f.categories),
        ordered=f.categories_ordered,
        reference=f.reference,
        missing=tuple(MissingCode(str(m.value), m.label or "missing") for m in own),
        unit=f.unit,
        accepted_units=tuple(f.accepted_units),
        unit_column=f.unit_column,
        detection=_limits(f.detection_limits),
        analyte_column=f.analyte_column,
        analytes=MappingProxyType({n: _analyte(n, a) for n, a in f.analytes.items()}),
        molar_mass=f.molar_mass or molar_mass_of(f.name),
        code_lists=tuple(f.code_lists),
        role=f.role,
        disclosure=f.disclosure,
        source=f.source.strip(),
    )


def _analyte(name: str, a: AnalytePart) -> Analyte:
    return Analyte(
        name=name,
        title=a.title or name,
        unit=a.unit,
        accepted_units=tuple(a.accepted_units),
        range=Limits(a.minimum, a.maximum),
        detection=_limits(a.detection_limits),
        molar_mass=a.molar_mass or molar_mass_of(name),
    )


def _float(constraints: ConstraintsPart, which: str) -> float | None:
    value = getattr(constraints, which)
    return None if value is None else float(value)


def _limits(part: LimitsPart | None) -> Limits | None:
    return None if part is None else Limits(part.lower, part.upper)


def _category(part: CategoryPart | str | int | float) -> Category:
    if isinstance(part, CategoryPart):
        return Category(part.value, part.label if part.label is not None else str(part.value))
    return Category(part, str(part))
