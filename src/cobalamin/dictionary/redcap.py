"""REDCap data dictionaries: export and import as the 18-column CSV that REDCap reads.

What REDCap has no column for (units, roles, missing codes with reasons, keys of tables) travels in the field annotation as JSON, so that
a dictionary comes back as it went. A dictionary made in REDCap itself has no such annotation and is read from its columns.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from cobalamin.core.errors import DictionaryError, list_names
from cobalamin.dictionary.describe import field_descriptor, to_descriptor
from cobalamin.dictionary.dictionary import Dictionary, Table

COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)
NAME, FORM, KIND, LABEL, CHOICES, NOTE = (COLUMNS[i] for i in (0, 1, 3, 4, 5, 6))
VALIDATION, LOW, HIGH, IDENTIFIER, LOGIC, REQUIRED, ANNOTATION = (COLUMNS[i] for i in (7, 8, 9, 10, 11, 12, 17))
MARK = "cobalamin: "
FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
VALIDATIONS = {"integer": "integer", "number": "number", "date": "date_ymd"}
# what the columns of REDCap say; everything else goes into the annotation
SAID = ("name", "type", "title", "description", "categories")
PERSONAL = ("email", "phone")


def safe_cell(text: str) -> str:
    """Make a text safe to open in a spreadsheet.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        With an apostrophe before a first character that a spreadsheet would take for a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell("age")
    ("'=1+1", 'age')
    """
    return f"'{text}" if text.lstrip("' ").startswith(FORMULA_START) else text


def plain_cell(text: str) -> str:
    """Undo `safe_cell`.

    Parameters
    ----------
    text : str
        A cell of an exported file.

    Returns
    -------
    str
        The text as it was.

    Examples
    --------
    >>> plain_cell("'=1+1")
    '=1+1'
    """
    return text[1:] if text.startswith("'") and text.lstrip("' ").startswith(FORMULA_START) else text


def to_redcap(dictionary: Dictionary) -> str:
    """Write a dictionary as a REDCap data dictionary.

    Parameters
    ----------
    dictionary : Dictionary
        One REDCap form per table.

    Returns
    -------
    str
        CSV text with CRLF line ends, as REDCap writes it.

    Notes
    -----
    REDCap wants names in lower case, each only once in a project: a column that occurs in several tables is exported as
    ``<table>_<column>`` from its second table on; the annotation keeps the true name.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    used: set[str] = set()
    for table in dictionary.tables.values():
        whole = to_descriptor(table)
        about = {k: v for k, v in whole.items() if k not in ("fields", "name")}
        for k, variable in enumerate(table.variables.values()):
            name = _field_name(table.name, variable.name, used)
            row = _export(field_descriptor(variable), name, table.name, about if k == 0 else {})
            writer.writerow({column: safe_cell(text) for column, text in row.items()})
    return buffer.getvalue()


def _field_name(table: str, column: str, used: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9_]+", "_", column.lower()).strip("_")
    name = plain if plain[:1].isalpha() else f"v_{plain}"
    if name in used:
        name = re.sub(r"[^a-z0-9_]+", "_", f"{table.lower()}_{name}")
    unique, k = name, 2
    while unique in used:
        unique, k = f"{name}_{k}", k + 1
    used.add(unique)
    return unique


def _export(field: dict[str, Any], name: str, form: str, about: dict[str, Any]) -> dict[str, str]:
    categories, constraints = field.get("categories", []), dict(field.get("constraints", {}))
    kept: dict[str, Any] = {k: v for k, v in field.items() if k not in SAID and k != "constraints"}
    plain = all("|" not in c["label"] and "," not in str(c["value"]) and c["label"].strip() == c["label"] for c in categories)
    low, high, required = (constraints.pop(k, "") for k in ("minimum", "maximum", "required"))
    kept |= {"constraints": constraints} if constraints else {}
    kept |= {"type": field["type"]} if categories or field["type"] == "string" else {}
    kept |= {} if plain else {"categories": categories}
    kept |= {"name": field["name"]} if name != field["name"] else {}
    kept |= {"table": about} if about else {}
    kept |= {"form": form} if not re.fullmatch(r"[a-z][a-z0-9_]*", form) else {}
    return {
        NAME: name,
        FORM: re.sub(r"[^a-z0-9_]+", "_", form.lower()),
        KIND: "radio" if categories else "truefalse" if field["type"] == "boolean" else "text",
        LABEL: field.get("title", ""),
        CHOICES: " | ".join(f"{c['value']}, {c['label'].replace('|', '/')}" for c in categories),
        NOTE: field.get("description", ""),
        VALIDATION: "" if categories else VALIDATIONS.get(field["type"], ""),
        LOW: str(low),
        HIGH: str(high),
        IDENTIFIER: "y" if field.get("disclosure") == "identifier" else "",
        REQUIRED: "y" if required else "",
        ANNOTATION: MARK + json.dumps(kept, ensure_ascii=False, sort_keys=True),
    }


def from_redcap(text: str) -> Dictionary:
    """Read a REDCap data dictionary.

    Parameters
    ----------
    text : str
        CSV text of REDCap's data dictionary export, or of `to_redcap`.

    Returns
    -------
    Dictionary
        One table per form; no code lists. Checkbox fields become one 0/1 column per choice, as REDCap exports them;
        descriptive texts hold no data and are left out.

    Raises
    ------
    DictionaryError
        Columns of REDCap are missing, or a field contradicts itself.

    Examples
    --------
    >>> head = ",".join(f'"{c}"' for c in COLUMNS)
    >>> row = 'sex,persons,,radio,Sex,"1, male | 2, female",,,,,,,y,,,,,'
    >>> from_redcap(head + chr(10) + row).variable("persons", "sex").labels
    ('male', 'female')
    """
    from cobalamin.dictionary.assemble import make_table, refuse_contradictions
    from cobalamin.dictionary.descriptor import parse_descriptor

    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    absent = [c for c in (NAME, FORM, KIND) if c not in (rows.fieldnames or ())]
    if absent:
        raise DictionaryError(f"not a REDCap data dictionary: column {list_names(absent)} is missing.")
    forms: dict[str, dict[str, Any]] = {}
    for line, row in enumerate(rows, start=2):
        cells = {c: plain_cell((row.get(c) or "").strip()) for c in COLUMNS}
        kept = _annotation(cells[ANNOTATION], line)
        form = forms.setdefault(kept.pop("form", cells[FORM]), {"fields": []})
        form.update(kept.pop("table", {}))
        form["fields"] += list(_import(cells, kept))
    tables: dict[str, Table] = {}
    for name, descriptor in forms.items():
        tables[name] = make_table(parse_descriptor(descriptor, where=f"REDCap form '{name}'"), name=name, where=f"REDCap form '{name}'")
    dictionary = Dictionary(MappingProxyType(tables))
    refuse_contradictions(dictionary, siblings=set(tables))
    return dictionary


def _annotation(text: str, line: int) -> dict[str, Any]:
    if not text.startswith(MARK):
        return {}
    try:
        kept = json.loads(text.removeprefix(MARK))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DictionaryError(f"REDCap dictionary, line {line}: the field annotation is not the JSON that was exported.") from error
    if not isinstance(kept, dict):
        raise DictionaryError(f"REDCap dictionary, line {line}: the field annotation is not the JSON that was exported.")
    return kept


def _import(cells: dict[str, str], kept: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = cells[KIND].lower()
    if kind == "descriptive":
        return
    if kind == "checkbox":
        for choice in _choices(cells[CHOICES], "integer"):
            name, title = f"{cells[NAME]}___{str(choice['value']).lower()}", f"{cells[LABEL]}: {choice['label']}"
            yield {
                "name": name,
                "type": "integer",
                "title": title,
                "categories": [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}],
            }
        return
    field = {"name": cells[NAME], "type": kept.get("type") or _type(cells, kind), "title": cells[LABEL], "description": _description(cells)}
    if kind in ("radio", "dropdown", "yesno"):
        choices = "1, yes | 0, no" if kind == "yesno" else cells[CHOICES]
        field["categories"] = _choices(choices, field["type"])
    constraints = {**_range(cells, field["type"]), **({"required": True} if cells[REQUIRED].lower() == "y" else {})}
    constraints |= kept.pop("constraints", {})
    if cells[IDENTIFIER].lower() == "y" or cells[VALIDATION] in PERSONAL or kind in ("file", "signature"):
        field["disclosure"] = "identifier"
    yield {**{k: v for k, v in field.items() if v not in ("", [])}, **({"constraints": constraints} if constraints else {}), **kept}


def _description(cells: dict[str, str]) -> str:
    return f"{cells[NOTE]} Asked if {cells[LOGIC]}".strip() if cells[LOGIC] else cells[NOTE]


def _type(cells: dict[str, str], kind: str) -> str:
    if kind == "truefalse":
        return "boolean"
    if kind in ("yesno", "slider"):
        return "integer"
    if kind in ("radio", "dropdown"):
        codes = [c.split(",")[0].strip() for c in cells[CHOICES].split("|")]
        return "integer" if all(re.fullmatch(r"-?\d+", c) for c in codes) else "string"
    validation = cells[VALIDATION]
    if validation.startswith("date_"):
        return "date"
    if kind == "calc" or validation.startswith("number"):
        return "number"
    return "integer" if validation == "integer" else "string"


def _choices(text: str, kind: str) -> list[dict[str, Any]]:
    pairs = [part.split(",", 1) for part in text.split("|") if part.strip()]
    labelled = [(p[0].strip(), p[-1].strip()) for p in pairs]
    return [{"value": int(v) if kind == "integer" and re.fullmatch(r"-?\d+", v) else v, "label": label} for v, label in labelled]


def _range(cells: dict[str, str], kind: str) -> dict[str, Any]:
    ends = {"minimum": cells[LOW], "maximum": cells[HIGH]}
    if kind == "date":
        # "today" and calculated ends have no meaning in a dictionary that gives the same answer every day
        return {k: v for k, v in ends.items() if re.fullmatch(r"\d{4}-\d{2}-\d{2}", v)}
    if kind not in ("integer", "number"):
        return {}
    return {k: float(v) for k, v in ends.items() if re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", v)}
