"""Reporting checklists filled from a composed report: per item where it is answered, or what the authors still have to write."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cobalamin.core.errors import DataError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Block, Bullets, Document, Paragraph, Section, Sentence, Show
from cobalamin.report.checklist_items import MARKS, Checklist, Filled, Item
from cobalamin.report.checklist_mr import STROBE_MR
from cobalamin.report.checklist_record import RECORD
from cobalamin.report.checklist_rules import counts
from cobalamin.report.checklist_seen import Seen
from cobalamin.report.checklist_strobe import STROBE_CASE_CONTROL, STROBE_COHORT
from cobalamin.report.checklist_target import TARGET
from cobalamin.report.exhibit import Column, Exhibit, Link, Row, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.tables import caption

CHECKLISTS: dict[str, Checklist] = {c.name: c for c in (STROBE_COHORT, STROBE_CASE_CONTROL, RECORD, STROBE_MR, TARGET)}
SECTION = "checklists"
_COLUMNS = ("Item", "What it asks for", "Where in this report, and what to add", "Status")
_INTRODUCTION = (
    "These tables were filled by the program from what stands in this report. \u201cReported\u201d says that the report holds what an"
    " item asks for, not that it suffices: authors check every line. The items are named in our words; for the official wording"
    " and the form to hand in, see the publication named under each table."
)
_MARKED = {
    "transcription": "Number and subject were compared with a transcription of the checklist, not with the publication itself.",
    "summary": "Number and subject are known from others' summaries of the checklist; compare them with the publication.",
}


def find_checklist(name: str) -> Checklist:
    """Return a checklist.

    Parameters
    ----------
    name : str
        ``strobe-cohort``, ``strobe-case-control``, ``record``, ``strobe-mr`` or ``target``.

    Returns
    -------
    Checklist
        Its items with their rules.

    Raises
    ------
    DataError
        No checklist of that name.

    Examples
    --------
    >>> len(find_checklist("record").items)
    13
    """
    if name not in CHECKLISTS:
        raise DataError(f"checklist '{name}' is not known; expected one of {', '.join(CHECKLISTS)}.{did_you_mean(name, CHECKLISTS)}")
    return CHECKLISTS[name]


def fill_checklist(document: Document, facts: StudyFacts, checklist: Checklist) -> dict[str, Filled]:
    """Look up every item of a checklist in a report.

    Parameters
    ----------
    document : Document
        A composed report; only what stands in it counts.
    facts : StudyFacts
        What its models are.
    checklist : Checklist
        The items.

    Returns
    -------
    dict of str to Filled
        Number of the item -> where it is answered, and what is missing.

    Examples
    --------
    >>> from cobalamin.report.document import compose
    >>> facts = StudyFacts("B12 and LS", "Is B12 associated with LS?")
    >>> filled = fill_checklist(compose(Estimates.from_rows([]), facts), facts, find_checklist("strobe-cohort"))
    >>> filled["13c"].status, filled["13c"].note
    ('to do', 'Add: a flow chart.')
    """
    seen = Seen(document, facts)
    filled = {item.number: item.rule(seen) for item in checklist.items}
    anchors = {"", *(s.key for s in document.sections), *(e.key for e in document.exhibits)}
    lost = sorted({p.anchor for f in filled.values() for p in f.places} - anchors)
    if lost:
        raise DataError(f"checklist '{checklist.name}' points to '{lost[0]}', which is not in the report.")
    return filled


def exhibit_checklist(document: Document, facts: StudyFacts, name: str) -> Exhibit:
    """Make the table of a checklist.

    Parameters
    ----------
    document : Document
        A composed report, with its exhibits numbered.
    facts : StudyFacts
        What its models are, and whether the people are simulated.
    name : str
        As in `find_checklist`.

    Returns
    -------
    Exhibit
        A table: item, what it asks for in our words, where in the report with links, status. It shows no Estimates.

    Raises
    ------
    DataError
        No checklist of that name.
    """
    checklist = find_checklist(name)
    filled = fill_checklist(document, facts, checklist)
    found = filled_words(document, facts, name)
    rows: list[Row] = []
    for section in dict.fromkeys(item.section for item in checklist.items):
        rows.append(Row((section,), "heading"))
        rows += [_row(item, filled[item.number]) for item in checklist.items if item.section == section]
    return Exhibit(
        key=f"checklist-{name}",
        title=f"{checklist.title}: where each item is",
        caption=caption(f"{found} {_source(checklist)}", facts),
        alt=f"Table of {len(checklist.items)} items. {found}",
        estimates=Estimates.from_rows([]),
        body=TableBody(tuple(Column(c, "left") for c in _COLUMNS), tuple(rows), _notes(checklist)),
    )


def with_checklists(document: Document, facts: StudyFacts, names: Sequence[str]) -> Document:
    """Add a section with checklists to a report.

    Parameters
    ----------
    document : Document
        A composed report.
    facts : StudyFacts
        Of the same report.
    names : sequence of str
        Checklists, in order; with none the report stays as it is.

    Returns
    -------
    Document
        With one more section, its tables numbered on from the last; everything else is unchanged.

    Raises
    ------
    DataError
        A name that is not known, or one that is given twice.
    """
    twice = [n for n in names if list(names).count(n) > 1]
    if twice:
        raise DataError(f"checklist '{twice[0]}' is asked for {list(names).count(twice[0])} times; once is enough.")
    if not names:
        return document
    tables = sum(e.kind == "table" for e in document.exhibits)
    shown = [exhibit_checklist(document, facts, name) for name in names]
    found = [Sentence(f"{CHECKLISTS[name].title}: {filled_words(document, facts, name)}") for name in names]
    blocks: list[Block] = [Paragraph((Sentence(_INTRODUCTION),)), Bullets(tuple(found))]
    blocks += [Show(dataclasses.replace(e, number=tables + i)) for i, e in enumerate(shown, 1)]
    section = Section(SECTION, "Reporting checklists", tuple(blocks))
    return dataclasses.replace(document, sections=(*document.sections, section))


def filled_words(document: Document, facts: StudyFacts, name: str) -> str:
    """Say how far a report fills a checklist.

    Parameters
    ----------
    document, facts, name
        As in `exhibit_checklist`.

    Returns
    -------
    str
        ``"13 of 34 items are filled by the run and 13 in part; 7 are to do by the authors, 1 does not apply."``

    Raises
    ------
    DataError
        No checklist of that name.
    """
    return counts([f.status for f in fill_checklist(document, facts, find_checklist(name)).values()])


def _row(item: Item, filled: Filled) -> Row:
    where = ", ".join(p.words for p in filled.places)
    text = " ".join(part for part in (f"{where}." if where else "", filled.note) if part)
    links = tuple(Link(2, p.words, p.anchor) for p in filled.places if p.anchor)
    return Row((item.name, item.label, text, filled.status), indent=1, links=links)


def _source(checklist: Checklist) -> str:
    return " ".join(part for part in (checklist.scope, f"{checklist.citation}. doi:{checklist.doi}") if part)


def _notes(checklist: Checklist) -> tuple[str, ...]:
    used = [kind for kind in MARKS if any(item.checked == kind for item in checklist.items)]
    return tuple(f"{MARKS[kind]} {_MARKED[kind]}" for kind in used if kind in _MARKED)
