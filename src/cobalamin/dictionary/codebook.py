"""The codebook: the dictionary as one page for people, and its REDCap form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from cobalamin.dictionary.codebook_page import PAGE
from cobalamin.dictionary.dictionary import Dictionary
from cobalamin.dictionary.redcap import from_redcap, to_redcap
from cobalamin.dictionary.rules import range_words
from cobalamin.dictionary.variable import Analyte, Limits, Variable

if TYPE_CHECKING:
    import jinja2

__all__ = ["from_redcap", "render", "summary_table", "to_redcap"]

SMALL = 10  # counts below are not shown: a codebook travels further than the data
TYPE_WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "date": "date"}
DISCLOSURE_WORDS = {
    "none": "",
    "quasi": "could identify together with other columns",
    "sensitive": "sensitive",
    "identifier": "direct identifier: refused",
}


def render(dictionary: Dictionary, counts: Mapping[str, Mapping[str, int]] | None = None) -> str:
    """Write the codebook as one self-contained HTML page.

    Parameters
    ----------
    dictionary : Dictionary
        What to describe.
    counts : mapping of str to mapping of str to int, optional
        Table to column to number of rows with a value. Numbers below 10 are shown as ``<10``.

    Returns
    -------
    str
        HTML; every text of the dictionary is escaped, nothing is loaded from elsewhere, no script runs.

    Examples
    --------
    >>> from cobalamin.dictionary.dictionary import Table
    >>> bmi = Variable("bmi", "number", title="Body mass index", unit="kg/m2")
    >>> "Body mass index" in render(Dictionary({"persons": Table("persons", {"bmi": bmi})}))
    True
    """
    tables = [
        {"table": t, "rows": [_row(v, (counts or {}).get(t.name, {})) for v in t.variables.values()], "keys": _key_lines(t)}
        for t in dictionary.tables.values()
    ]
    page = _template().render(
        tables=tables,
        codelists=list(dictionary.codelists.values()),
        counted=counts is not None,
        fingerprint=dictionary.fingerprint,
        n_columns=sum(len(t.variables) for t in dictionary.tables.values()),
    )
    return page + "\n"


@cache
def _template() -> jinja2.Template:
    import jinja2

    # undefined names must not turn into empty cells
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["ticks"] = _ticks
    return environment.from_string(PAGE)


def _ticks(text: str) -> Any:
    # `name` in a description is the name of a column: shown as code, escaped first
    from markupsafe import Markup

    parts = escape(text).split("`")
    whole = len(parts) % 2 == 1
    return Markup("".join(f"<code>{p}</code>" if k % 2 and whole else p for k, p in enumerate(parts)))


def _row(variable: Variable, counts: Mapping[str, int]) -> dict[str, Any]:
    n = counts.get(variable.name)
    return {
        "v": variable,
        "type": TYPE_WORDS.get(variable.type, variable.type) + (", ordered" if variable.ordered else ""),
        "allowed": _allowed(variable),
        "analytes": [_analyte_words(a) for a in variable.analytes.values()],
        "disclosure": DISCLOSURE_WORDS.get(variable.disclosure, variable.disclosure),
        "role": variable.role.replace("_", " "),
        "n": "" if n is None else f"<{SMALL}" if 0 < n < SMALL else f"{n:,}",
    }


def _allowed(variable: Variable) -> list[str]:
    lines = []
    if variable.range != Limits():
        lines.append(range_words(variable.range, ""))
    if variable.earliest or variable.latest:
        lines.append(f"{variable.earliest or 'any day'} to {variable.latest or 'any day'}")
    if variable.pattern:
        lines.append(f"form {variable.pattern}")
    if variable.detection is not None:
        lines.append(f"measuring range {range_words(variable.detection, variable.unit) if variable.detection != Limits() else 'not given'}")
    if variable.accepted_units:
        lines.append(f"accepted units {', '.join(variable.accepted_units)}")
    if variable.unit_column:
        lines.append(f"unit of each row in {variable.unit_column}")
    return lines


def _analyte_words(a: Analyte) -> dict[str, str]:
    ends = "" if a.range == Limits() else range_words(a.range, a.unit)
    return {"name": a.name, "title": a.title, "unit": a.unit, "range": ends, "accepted": ", ".join(a.accepted_units)}


def _key_lines(table: Any) -> list[str]:
    lines = [f"Primary key: {', '.join(table.primary_key)}."] if table.primary_key else []
    lines += [f"{', '.join(k.columns)} refers to {k.table} ({', '.join(k.references)})." for k in table.foreign_keys]
    return lines + [f"Dates in order: {', '.join(order)}." for order in table.date_order]


def summary_table(dictionary: Dictionary) -> str:
    """Write the tables of a dictionary as a short HTML table for a notebook.

    Parameters
    ----------
    dictionary : Dictionary
        What to list.

    Returns
    -------
    str
        HTML, escaped.
    """
    rows = "".join(
        f"<tr><td>{escape(t.name)}</td><td>{escape(t.title)}</td><td>{len(t.variables)}</td></tr>" for t in dictionary.tables.values()
    )
    return f"<table><thead><tr><th>table</th><th>title</th><th>columns</th></tr></thead><tbody>{rows}</tbody></table>"
