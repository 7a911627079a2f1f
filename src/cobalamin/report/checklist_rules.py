"""How items are filled: finders look at a report for one thing each, rules put them together and say what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from cobalamin.report.checklist_items import Filled, Rule
from cobalamin.report.checklist_seen import Places, Seen
from cobalamin.report.labels import join_words

Finder = Callable[[Seen], Places]


@dataclass(frozen=True)
class Part:
    """One thing that an item asks for.

    Attributes
    ----------
    find : callable
        ``find(seen) -> places``; empty where the report does not hold it.
    words : str
        What it is, as the object of "add": ``"who was eligible"``.
    """

    find: Finder
    words: str


def needs(*parts: Part, left: str = "") -> Rule:
    """Make the rule of an item: every part must be there.

    Parameters
    ----------
    *parts : Part
        What the report may hold.
    left : str
        What only the authors can write; with it the item is never more than partly filled.

    Returns
    -------
    callable
        Nothing found: to do. Everything found and nothing left: reported. Else partly, and the note names what is missing.

    Examples
    --------
    >>> from cobalamin.report.checklist_seen import Place
    >>> here, nowhere = (lambda seen: (Place("Table 1", "table1"),)), (lambda seen: ())
    >>> rule = needs(Part(here, "characteristics"), Part(nowhere, "missing values"), left="reasons")
    >>> rule(None).status, rule(None).note
    ('partly', 'Add: missing values; reasons.')
    """

    def rule(seen: Seen) -> Filled:
        found = [part.find(seen) for part in parts]
        places = tuple(dict.fromkeys(p for places in found for p in places))
        missing = [part.words for part, there in zip(parts, found, strict=True) if not there]
        words = "; ".join([*missing, *([left] if left else [])])
        if not words:
            return Filled("reported", places)
        return Filled("partly" if places else "to do", places, f"Add: {words}.")

    return rule


def authors(what: str) -> Rule:
    """Make the rule of an item that only authors can fill.

    Parameters
    ----------
    what : str
        What to write.

    Returns
    -------
    callable
        Always to do.
    """
    return needs(left=what)


def applies_if(find: Finder, why_not: str, rule: Rule) -> Rule:
    """Make an item not applicable where something is absent.

    Parameters
    ----------
    find : callable
        What must be there for the item to apply.
    why_not : str
        Sentence to print where it does not.
    rule : callable
        Rule of the item where it does.

    Returns
    -------
    callable
        The rule.
    """
    return lambda seen: rule(seen) if find(seen) else Filled("not applicable", note=why_not)


def shown(*starts: str) -> Finder:
    """Find exhibits by the beginning of their keys.

    Parameters
    ----------
    *starts : str
        ``"flow"``, ``"table-main-results"``.

    Returns
    -------
    callable
        Finder.
    """
    return lambda seen: seen.shown(*starts)


def said(pattern: str, *sections: str) -> Finder:
    """Find sentences.

    Parameters
    ----------
    pattern : str
        Regular expression; capital or small letters.
    *sections : str
        Keys of sections to look at.

    Returns
    -------
    callable
        Finder.
    """
    return lambda seen: seen.said(pattern, *sections)


def listed(pattern: str, *sections: str) -> Finder:
    """Find entries of lists of definitions.

    Parameters
    ----------
    pattern : str
        Regular expression, matched with ``"title of the list | name: value"``.
    *sections : str
        Keys of sections to look at.

    Returns
    -------
    callable
        Finder.
    """
    return lambda seen: seen.listed(pattern, *sections)


def titled(pattern: str) -> Finder:
    """Find words in the title.

    Parameters
    ----------
    pattern : str
        Regular expression.

    Returns
    -------
    callable
        Finder.
    """
    return lambda seen: seen.titled(pattern)


def holding(test: Callable[[pd.DataFrame], pd.Series], *starts: str) -> Finder:
    """Find exhibits that show rows of a kind.

    Parameters
    ----------
    test : callable
        ``test(frame) -> boolean Series`` over the Estimates rows of an exhibit.
    *starts : str
        Beginnings of the keys of the exhibits to look at.

    Returns
    -------
    callable
        Finder of the exhibits with at least one such row.
    """

    def find(seen: Seen) -> Places:
        keys = [e.key for e in seen.exhibits(*starts) if len(e.estimates) and bool(test(seen.rows(e)).any())]
        return tuple(p for p in seen.shown(*starts) if p.anchor in keys)

    return find


def any_of(*finders: Finder) -> Finder:
    """Put finders together: what any of them finds.

    Parameters
    ----------
    *finders : callable
        Finders.

    Returns
    -------
    callable
        Finder of all their places, each once.
    """
    return lambda seen: tuple(dict.fromkeys(p for find in finders for p in find(seen)))


def where(condition: Finder, find: Finder) -> Finder:
    """Look for something only where something else is there.

    Parameters
    ----------
    condition : callable
        What must be there.
    find : callable
        What is looked for.

    Returns
    -------
    callable
        Finder of the second.
    """
    return lambda seen: find(seen) if condition(seen) else ()


def counts(statuses: list[str]) -> str:
    """Say how far a checklist is filled.

    Parameters
    ----------
    statuses : list of str
        Status of each item.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> counts(["reported", "reported", "partly", "to do", "not applicable"])
    '2 of 5 items are filled by the run and 1 in part; 1 is to do by the authors, 1 does not apply.'
    """
    n = {s: statuses.count(s) for s in ("reported", "partly", "to do", "not applicable")}
    filled = [f"{n['reported']} of {len(statuses)} items are filled by the run"] + ([f"{n['partly']} in part"] if n["partly"] else [])
    rest = [f"{n['to do']} {'is' if n['to do'] == 1 else 'are'} to do by the authors"]
    rest += [f"{n['not applicable']} {'does' if n['not applicable'] == 1 else 'do'} not apply"] if n["not applicable"] else []
    return f"{join_words(filled)}; {', '.join(rest)}."
