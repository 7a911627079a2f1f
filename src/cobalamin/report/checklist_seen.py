"""What a reader sees in a composed report: which exhibits stand in it, with which rows, and which sentences in which section."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from cobalamin.report.blocks import Bullets, Definitions, Document, Paragraph, Section
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import StudyFacts
from cobalamin.report.select import squeeze


@dataclass(frozen=True)
class Place:
    """Somewhere in a report.

    Attributes
    ----------
    words : str
        ``"Table 2"``, or the heading of a section.
    anchor : str
        Id to link to; empty for the title, which has none.
    """

    words: str
    anchor: str = ""


Places = tuple[Place, ...]
# tables of the exposures' estimates
ESTIMATED = ("table-main-results", "table-sensitivity-analyses")


@dataclass(frozen=True, eq=False)
class Seen:
    """A composed report, to be looked at.

    Attributes
    ----------
    document : Document
        From `compose`: what is not in it is not reported, whatever was computed.
    facts : StudyFacts
        What its models are.

    Examples
    --------
    >>> from cobalamin.core.estimates import Estimates
    >>> from cobalamin.report.document import compose
    >>> facts = StudyFacts("B12 and LS", "Is B12 associated with LS?", design=("The outcome was LS.",))
    >>> seen = Seen(compose(Estimates.from_rows([]), facts), facts)
    >>> seen.said("outcome was", "methods"), seen.shown("flow")
    ((Place(words='Methods', anchor='methods'),), ())
    """

    document: Document
    facts: StudyFacts

    def exhibits(self, *starts: str) -> list[Exhibit]:
        """Return the exhibits whose key starts with one of these words, in order."""
        return [e for e in self.document.exhibits if e.key.startswith(starts)]

    def shown(self, *starts: str) -> Places:
        """Return where exhibits with these keys stand."""
        return tuple(Place(e.name, e.key) for e in self.exhibits(*starts))

    def rows(self, exhibit: Exhibit) -> pd.DataFrame:
        """Return the Estimates rows that an exhibit prints: a table of exposures has whole models behind it, and prints exposures."""
        frame = exhibit.estimates.frame
        if not exhibit.key.startswith(ESTIMATED):
            return frame
        exposures = {(m.role, m.name): {squeeze(t) for t in m.exposures} for m in self.facts.models}
        models = zip(frame["analysis"], frame["model"], frame["term"], strict=True)
        printed = [not exposures.get((role, name)) or squeeze(term) in exposures[role, name] for role, name, term in models]
        return frame.loc[printed]

    def said(self, pattern: str, *sections: str) -> Places:
        """Return the sections of these in which a sentence matches a pattern; capital or small letters."""
        return tuple(Place(s.title, s.key) for s in self._sections(sections) if any(re.search(pattern, t, re.I) for t in sentences(s)))

    def listed(self, pattern: str, *sections: str) -> Places:
        """Return the sections of these in which a name of a list of definitions, or its value, matches a pattern."""
        return tuple(Place(s.title, s.key) for s in self._sections(sections) if any(re.search(pattern, t, re.I) for t in definitions(s)))

    def titled(self, pattern: str) -> Places:
        """Return the title, if it matches a pattern."""
        return (Place("Title"),) if re.search(pattern, self.document.title, re.I) else ()

    def _sections(self, keys: tuple[str, ...]) -> Iterator[Section]:
        return (s for s in self.document.sections if s.key in keys)


def sentences(section: Section) -> list[str]:
    """List what a section says.

    Parameters
    ----------
    section : Section
        Of a document.

    Returns
    -------
    list of str
        Its sentences. Notes are left out: they say what is absent.
    """
    found: list[str] = []
    for block in section.blocks:
        if isinstance(block, Paragraph):
            found += [s.text for s in block.sentences]
        elif isinstance(block, Bullets):
            found += [s.text for s in block.items]
    return found


def definitions(section: Section) -> list[str]:
    """List the names and values that a section defines.

    Parameters
    ----------
    section : Section
        Of a document.

    Returns
    -------
    list of str
        ``"name: value"`` per pair, led by the title of its list.
    """
    lists = [b for b in section.blocks if isinstance(b, Definitions)]
    return [f"{b.title} | {name}: {value}" for b in lists for name, value in b.items]
