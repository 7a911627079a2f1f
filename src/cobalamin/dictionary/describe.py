"""From a `Table` back to its descriptor: the inverse of reading, for export."""

from __future__ import annotations

from typing import Any

from cobalamin.dictionary.dictionary import Table
from cobalamin.dictionary.units import molar_mass_of
from cobalamin.dictionary.variable import Analyte, Category, Limits, Variable


def to_descriptor(table: Table) -> dict[str, Any]:
    """Write a table as a Frictionless Table Schema descriptor.

    Parameters
    ----------
    table : Table
        The description.

    Returns
    -------
    dict
        Plain values only; empty properties are left out. Reading it gives the same table.

    Examples
    --------
    >>> from cobalamin.dictionary.variable import Variable
    >>> to_descriptor(Table("t", {"x": Variable("x", "number", unit="g")}))
    {'name': 't', 'fields': [{'name': 'x', 'type': 'number', 'missingValues': [], 'unit': 'g'}]}
    """
    keys = [{"fields": list(k.columns), "reference": {"resource": k.table, "fields": list(k.references)}} for k in table.foreign_keys]
    return {
        "name": table.name,
        **_filled(title=table.title, description=table.description, source=table.source, primaryKey=list(table.primary_key)),
        **_filled(uniqueKeys=[list(k) for k in table.unique_keys], foreignKeys=keys, dateOrder=[list(o) for o in table.date_order]),
        "fields": [field_descriptor(v) for v in table.variables.values()],
    }


def field_descriptor(variable: Variable) -> dict[str, Any]:
    """Write one column as a field of a descriptor.

    Parameters
    ----------
    variable : Variable
        The column.

    Returns
    -------
    dict
        Plain values only.

    Examples
    --------
    >>> field_descriptor(Variable("x", "integer", required=True))["constraints"]
    {'required': True}
    """
    v = variable
    own_mass = v.molar_mass if v.molar_mass != molar_mass_of(v.name) else None
    return {
        "name": v.name,
        "type": v.type,
        **_filled(format=v.date_format if v.date_format != "default" else "", title=v.title, description=v.description),
        **_filled(constraints=_constraints(v), categories=[_category(c) for c in v.categories], categoriesOrdered=v.ordered),
        # always written: without it the codes of the table would apply
        "missingValues": [_filled_missing(m.value, m.reason) for m in v.missing],
        **_filled(reference=v.reference, unit=v.unit, acceptedUnits=list(v.accepted_units), unitColumn=v.unit_column, molarMass=own_mass),
        **({"detectionLimits": _ends(v.detection)} if v.detection is not None else {}),
        **_filled(analyteColumn=v.analyte_column, analytes={n: _analyte(a) for n, a in v.analytes.items()}, codeLists=list(v.code_lists)),
        **_filled(role=v.role, disclosure=v.disclosure if v.disclosure != "none" else "", source=v.source),
    }


def _filled(**properties: Any) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value not in ("", None, False, [], {})}


def _filled_missing(value: str, reason: str) -> dict[str, str]:
    return {"value": value, "label": reason}


def _constraints(v: Variable) -> dict[str, Any]:
    low: Any = v.earliest or v.range.lower
    high: Any = v.latest or v.range.upper
    ends = {name: _plain(value) for name, value in (("minimum", low), ("maximum", high)) if value is not None and value != ""}
    return {**_filled(required=v.required, unique=v.unique), **ends, **_filled(pattern=v.pattern)}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _category(category: Category) -> dict[str, Any]:
    return {"value": category.value, "label": category.label}


def _ends(limits: Limits) -> dict[str, Any]:
    return {name: _plain(end) for name, end in (("lower", limits.lower), ("upper", limits.upper)) if end is not None}


def _analyte(a: Analyte) -> dict[str, Any]:
    ends = {name: _plain(end) for name, end in (("minimum", a.range.lower), ("maximum", a.range.upper)) if end is not None}
    own_mass = a.molar_mass if a.molar_mass != molar_mass_of(a.name) else None
    detection = {"detectionLimits": _ends(a.detection)} if a.detection is not None else {}
    return {**_filled(title=a.title, unit=a.unit, acceptedUnits=list(a.accepted_units), molarMass=own_mass), **ends, **detection}
