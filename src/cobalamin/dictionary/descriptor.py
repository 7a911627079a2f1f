"""The written form of a table's dictionary: which properties a YAML file may have, checked strictly.

A descriptor is a Frictionless Table Schema (version 2) with custom properties. An unknown property is refused with the nearest
known one, because a misspelt `missingValues` would otherwise silently turn codes into numbers.
"""

from __future__ import annotations

import datetime
from collections.abc import Hashable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cobalamin.core.errors import DictionaryError, SourceError, did_you_mean

LARGEST_FILE = 5_000_000


def _plain_scalar(value: Any) -> Any:
    # YAML reads an unquoted 1950-01-01 as a date, and yes/no/on/off as truth values
    if isinstance(value, bool):
        raise ValueError("YAML reads this word as true or false; put it in quotes")
    return value.isoformat() if isinstance(value, datetime.date) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_missing(value: Any) -> Any:
    value = _plain_scalar(value)
    return value if isinstance(value, dict) else {"value": value}


Scalar = Annotated[str | int | float, BeforeValidator(_plain_scalar)]
Names = Annotated[list[str], BeforeValidator(_as_list)]


class Strict(BaseModel):
    """Base of all parts: camelCase names, nothing unknown."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=False, frozen=True)


class CategoryPart(Strict):
    """One code and its label."""

    value: Scalar
    label: Annotated[str, BeforeValidator(_plain_scalar)] | None = None


class MissingPart(Strict):
    """One missing code and its reason."""

    value: Scalar
    label: Annotated[str, BeforeValidator(_plain_scalar)] = ""


Missing = Annotated[list[Annotated[MissingPart, BeforeValidator(_as_missing)]], Field()]


class LimitsPart(Strict):
    """Measuring range."""

    lower: float | None = None
    upper: float | None = None


class ConstraintsPart(Strict):
    """Standard constraints."""

    required: bool = False
    unique: bool = False
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    pattern: str = ""


class AnalytePart(Strict):
    """One analyte of a long laboratory table."""

    title: str = ""
    description: str = ""
    unit: str
    accepted_units: list[str] = []
    minimum: float | None = None
    maximum: float | None = None
    detection_limits: LimitsPart | None = None
    molar_mass: float | None = None
    source: str = ""


class FieldPart(Strict):
    """One column."""

    name: str = Field(min_length=1)
    type: str
    format: str = "default"
    title: str = ""
    description: str = ""
    constraints: ConstraintsPart = ConstraintsPart()
    categories: list[CategoryPart | Scalar] = []
    categories_ordered: bool = False
    missing_values: Missing | None = None
    unit: str = ""
    role: str = ""
    reference: Annotated[str, BeforeValidator(_plain_scalar)] = ""
    detection_limits: LimitsPart | None = None
    accepted_units: list[str] = []
    unit_column: str = ""
    analyte_column: str = ""
    analytes: dict[str, AnalytePart] = {}
    molar_mass: float | None = None
    code_lists: list[str] = []
    disclosure: str = "none"
    source: str = ""


class ReferencePart(Strict):
    """The other table of a foreign key; an empty resource is the table itself."""

    resource: str = ""
    fields: Names


class ForeignKeyPart(Strict):
    """Columns whose values must occur in another table."""

    fields: Names
    reference: ReferencePart


class TablePart(Strict):
    """One table."""

    schema_: str = Field(default="", alias="$schema")
    name: str = ""
    title: str = ""
    description: str = ""
    fields: list[FieldPart] = Field(min_length=1)
    primary_key: Names = []
    unique_keys: list[list[str]] = []
    foreign_keys: list[ForeignKeyPart] = []
    missing_values: Missing = [MissingPart(value="")]
    date_order: list[list[str]] = []
    source: str = ""


PARTS = (TablePart, FieldPart, ConstraintsPart, AnalytePart, LimitsPart, CategoryPart, MissingPart, ForeignKeyPart, ReferencePart)


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses a key written twice (YAML would silently keep the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key.value}' is written twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_descriptor(path: Path) -> TablePart:
    """Read one YAML descriptor and check its form.

    Parameters
    ----------
    path : Path
        A ``.yaml`` file with one table.

    Returns
    -------
    TablePart
        The checked descriptor; meaning is checked when the dictionary is put together.

    Raises
    ------
    SourceError
        The file is absent, unreadable or far too large.
    DictionaryError
        Not YAML, an unknown property, a wrong type: every fault of the file in one message.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise SourceError(f"{path} is larger than {LARGEST_FILE} bytes; this is not a data dictionary.")
        content = _Loader(path.read_text(encoding="utf-8-sig")).get_single_data()
    except FileNotFoundError as error:
        raise SourceError(f"data dictionary file not found: {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"data dictionary file cannot be read as UTF-8 text: {path}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DictionaryError(f"{path}: not valid YAML. {' '.join(str(error).split())}") from error
    return parse_descriptor(content, where=str(path))


def parse_descriptor(content: Any, *, where: str) -> TablePart:
    """Check the form of one descriptor that is already in memory.

    Parameters
    ----------
    content : object
        What the YAML file holds.
    where : str
        Name for messages.

    Returns
    -------
    TablePart
        The checked descriptor.

    Raises
    ------
    DictionaryError
        Every fault of form in one message.

    Examples
    --------
    >>> parse_descriptor({"name": "t", "fields": [{"name": "x", "type": "number", "unt": "g"}]}, where="t.yaml")
    Traceback (most recent call last):
    ...
    cobalamin.core.errors.DictionaryError: t.yaml: field 'x': unknown property 'unt'. Did you mean 'unit'?
    """
    if not isinstance(content, dict):
        raise DictionaryError(f"{where}: expected a table descriptor with 'fields', got {type(content).__name__}.")
    try:
        return TablePart.model_validate(content)
    except ValidationError as error:
        faults = dict.fromkeys(_fault(dict(e), content) for e in error.errors(include_url=False))
        raise DictionaryError("\n".join(f"{where}: {fault}" for fault in faults)) from error


def _fault(error: dict[str, Any], content: dict[str, Any]) -> str:
    place = [p for p in error["loc"] if not (isinstance(p, str) and ("[" in p or p in ("str", "int", "float", "CategoryPart")))]
    where, rest = _field_name(place, content)
    prefix = f"{where}: " if where else ""
    if error["type"] == "extra_forbidden":
        known = [f.alias or n for part in PARTS if _takes(part, rest) for n, f in part.model_fields.items()]
        if str(rest[-1]) in known:
            return f"{prefix}the property '{rest[-1]}' does not belong here: it is one of another part (a field, an analyte or the table)."
        return f"{prefix}unknown property '{rest[-1]}'.{did_you_mean(str(rest[-1]), known)}"
    path = ".".join(str(p) for p in rest)
    if error["type"] == "missing":
        return f"{prefix}property '{path}' is missing."
    return f"{prefix}{path}: {error['msg'].removeprefix('Value error, ')}."


def _field_name(place: list[Any], content: dict[str, Any]) -> tuple[str, list[Any]]:
    # ('fields', 3, 'unit') -> "field 'b12'", ['unit']
    if len(place) < 2 or place[0] != "fields" or not isinstance(place[1], int):
        return "", place
    field = content["fields"][place[1]]
    name = field.get("name", f"number {place[1] + 1}") if isinstance(field, dict) else f"number {place[1] + 1}"
    return f"field '{name}'", place[2:] or ["descriptor"]


def _takes(part: type[BaseModel], rest: list[Any]) -> bool:
    # suggest from the properties of the part in which the unknown word stands
    inner = [p for p in rest[:-1] if isinstance(p, str)]
    holders: dict[str, type[BaseModel]] = {
        "constraints": ConstraintsPart,
        "detectionLimits": LimitsPart,
        "categories": CategoryPart,
        "missingValues": MissingPart,
        "foreignKeys": ForeignKeyPart,
        "reference": ReferencePart,
        "analytes": AnalytePart,
    }
    if not inner:
        return part in (FieldPart, TablePart)
    nearest = next((holders[p] for p in reversed(inner) if p in holders), FieldPart)
    return part is nearest
