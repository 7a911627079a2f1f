"""Guards that need the design and the names of the columns, but not a single value."""

from __future__ import annotations

from collections.abc import Iterable

from cobalamin.core.errors import DesignError, list_names
from cobalamin.core.syntax import names_in
from cobalamin.design.design import Design
from cobalamin.design.expression import parse
from cobalamin.design.records import Rows
from cobalamin.dictionary.codelist import CodeList


def columns_after_time_zero(design: Design, columns: Iterable[str]) -> dict[str, str]:
    """List the columns that are known only after time zero, those derived from them included.

    Parameters
    ----------
    design : Design
        The design.
    columns : iterable of str
        Columns of the person table before derivation.

    Returns
    -------
    dict of str to str
        Column -> why it is known only later.

    Raises
    ------
    ColumnNotFoundError, FormulaError
        A derivation that cannot be read.
    """
    later = dict.fromkeys(design.after_time_zero, "the data dictionary gives it a role after time zero")
    for event in (design.outcome, *design.competing):
        if event.column:
            later[event.column] = f"it records '{event.name}'"
    later |= dict.fromkeys(design.censoring.columns, "it ends follow-up")
    if design.follow_up is not None:
        later[design.follow_up.exit] = "it ends follow-up"
    known = [str(c) for c in columns]
    for rule in design.derive:
        for text in rule.texts:
            for name in names_in(parse(text, known, what=f"derive '{rule.name}'")):
                if name in later:
                    later.setdefault(rule.name, f"it is derived from '{name}'")
        known.append(rule.name)
    return later


def refuse_later_knowledge(design: Design, columns: Iterable[str]) -> None:
    """Refuse a design whose cohort is chosen or described by what happens later (immortal time).

    Parameters
    ----------
    design : Design
        The design.
    columns : iterable of str
        Columns of the person table before derivation.

    Raises
    ------
    DesignError
        Which part names which column, why that is later, and what to do.
    ColumnNotFoundError
        An eligibility criterion names what is not a column at time zero.
    """
    _refuse_own_codes(design)
    names = [str(c) for c in columns]
    later = columns_after_time_zero(design, names)
    for use, used in _used_at_time_zero(design, names):
        found = [name for name in used if name in later]
        if found:
            reasons = "; ".join(f"'{name}': {later[name]}" for name in found)
            raise DesignError(
                f"{use} uses {list_names(found)}, known only after time zero: immortal time ({reasons}). "
                "Use what is recorded at or before time zero, or censor at that date instead."
            )


def _refuse_own_codes(design: Design) -> None:
    """A covariate by the codes of an event would be 0 for everybody who is still at risk, or look past time zero."""
    for event in (design.outcome, *design.competing):
        own = _codes(event)
        for part in (*design.exposures, *design.covariates):
            codes = _codes(part)
            if part.table and part.table == event.table and codes and codes <= own:
                raise DesignError(
                    f"'{part.name}' is defined by the codes of '{event.name}' itself: people who have them at or before time zero are not"
                    " at risk, so it is 0 for everybody, or knows the future. Use other codes, or leave it out."
                )


def _codes(rows: Rows) -> frozenset[str]:
    """The codes that count, dots ignored; empty where any row counts."""
    if rows.codes is None:
        return frozenset()
    listed = [c.code for c in rows.codes.active(rows.code_status)] if isinstance(rows.codes, CodeList) else rows.codes
    return frozenset(code.replace(".", "").upper() for code in listed)


def _used_at_time_zero(design: Design, columns: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    measured = _measured_columns(design)
    names = [*columns, *(rule.name for rule in design.derive), *measured, *(["time_zero"] if design.time_zero is not None else [])]
    used: list[tuple[str, tuple[str, ...]]] = []
    for criterion in design.eligibility:
        what = f"eligibility '{criterion.label}'"
        used.append((what, names_in(parse(criterion.keep, names, what=what))))
    for part in (*design.exposures, *design.covariates):
        own = (part.column, *(part.carry if part.column else ()))
        used.append((f"'{part.name}'", tuple(name for name in own if name)))
    rule = design.time_zero
    if rule is not None:
        limits = tuple(name for name in rule.on_or_after if isinstance(name, str))
        used.append(("time zero", tuple(name for name in (rule.column, *limits) if name)))
    return used


def _measured_columns(design: Design) -> list[str]:
    """Columns that exposures and covariates may add before eligibility is judged."""
    every: list[str] = []
    for part in (*design.exposures, *design.covariates):
        every += [part.name, f"{part.name}_censored", f"{part.name}_days_before", *(f"{part.name}_{name}" for name in part.carry)]
    return every
