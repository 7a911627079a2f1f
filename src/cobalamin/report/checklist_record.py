"""RECORD, the items that studies of routinely collected data add to STROBE, in our own words.

Numbers and subjects of 1.1 to 6.1 were compared with reprints, those from 6.2 on with a transcription.
"""

from __future__ import annotations

from cobalamin.report import checklist_finders as see
from cobalamin.report.checklist_items import Checked, Checklist, Filled, Item
from cobalamin.report.checklist_rules import Part, authors, needs
from cobalamin.report.checklist_seen import Seen

_TITLE, _METHODS, _RESULTS, _DISCUSSION, _OTHER = "Title and abstract", "Methods", "Results", "Discussion", "Other information"
_LISTED: Checked = "transcription"


def selection(seen: Seen) -> Filled:
    """Fill the item on codes and algorithms of selection.

    Parameters
    ----------
    seen : Seen
        A report.

    Returns
    -------
    Filled
        A rule that names a code list does not say its codes.
    """
    return needs(Part(see.ELIGIBILITY, "who was eligible"), Part(see.RULES, "the exact rules of selection"), left=_unprinted(seen))(seen)


def all_codes(seen: Seen) -> Filled:
    """Fill the item on all codes and algorithms.

    Parameters
    ----------
    seen : Seen
        A report.

    Returns
    -------
    Filled
        Reported where every rule is printed with its codes.
    """
    return needs(Part(see.RULES, "the algorithm of each variable"), Part(see.CODES, "the codes"), left=_unprinted(seen))(seen)


def _unprinted(seen: Seen) -> str:
    return "the codes of each list named there (files of the data dictionary)" if see.CODE_LISTS(seen) else ""


def _title() -> list[Item]:
    return [
        Item(
            "1.1", "Kind of data", _TITLE, "Kind of data and name of the database", authors("the kind of data and the name of the database")
        ),
        Item("1.2", "Place and time", _TITLE, "Region and period", authors("the region and the period, in title or abstract")),
        Item("1.3", "Linkage", _TITLE, "That databases were linked, if so", authors("that databases were linked, if they were")),
    ]


def _methods() -> list[Item]:
    return [
        Item(
            "6.1",
            "Selection",
            _METHODS,
            "Codes and algorithms that chose the people",
            selection,
        ),
        Item(
            "6.2",
            "Validation",
            _METHODS,
            "How well these codes find people: studies, or own results",
            authors("studies that validated the codes, or that there are none"),
            _LISTED,
        ),
        Item(
            "6.3",
            "Linkage",
            _METHODS,
            "If databases were linked: people left at each stage of it",
            authors("people left at each stage of the linkage, if databases were linked"),
            _LISTED,
        ),
        Item(
            "7.1",
            "Code lists",
            _METHODS,
            "All codes and algorithms of exposure, outcome, confounders and modifiers",
            all_codes,
            _LISTED,
        ),
        Item(
            "12.1",
            "Access",
            _METHODS,
            "How much of the source population the investigators could reach",
            authors("which part of the database the investigators could reach"),
            _LISTED,
        ),
        Item(
            "12.2",
            "Cleaning",
            _METHODS,
            "How the data were cleaned",
            needs(
                Part(see.DICTIONARY, "the checks that were made"), left="what was done with values that broke a rule of the data dictionary"
            ),
            _LISTED,
        ),
        Item(
            "12.3",
            "Linkage",
            _METHODS,
            "Whether, on what level and how data were linked, and how well",
            authors("level, method and quality of linkage, or that nothing was linked"),
            _LISTED,
        ),
    ]


def _rest() -> list[Item]:
    return [
        Item(
            "13.1",
            "Selection",
            _RESULTS,
            "How the people were selected, with filters for quality, availability and linkage",
            needs(
                Part(see.FLOW, "numbers at each step of selection"),
                Part(see.ELIGIBILITY, "the steps of selection"),
                left="which steps were for quality, availability or linkage of the data",
            ),
            _LISTED,
        ),
        Item(
            "19.1",
            "Limitations",
            _DISCUSSION,
            "What follows from data collected for another end",
            needs(
                Part(
                    see.limitation_about(r"misclass|measurement error|\bfalsely\b|\bassays?\b|\bcodes? (?:do|does) not\b"),
                    "misclassification",
                ),
                Part(see.limitation_about(r"\bconfound|common cause|unrecorded|unmeasured|may explain"), "unmeasured confounding"),
                Part(see.limitation_about(r"\bmissing\b|\bdrop-?out"), "missing data"),
                Part(see.limitation_about(r"\beligib\w*\b.*\bchang|\bchang\w*\b.*\beligib"), "eligibility that changes over time"),
                left="what using data collected for another end means here",
            ),
            _LISTED,
        ),
        Item(
            "22.1",
            "Access to more",
            _OTHER,
            "Where protocol, data and code can be had",
            needs(
                Part(see.PROTOCOL, "the fingerprint of the protocol"),
                Part(see.CODE, "the version of the code"),
                left="where protocol, data and code can be had",
            ),
            _LISTED,
        ),
    ]


RECORD = Checklist(
    "record",
    "RECORD, routinely collected data",
    "Benchimol EI, Smeeth L, Guttmann A, et al. The REporting of studies Conducted using Observational Routinely-collected health"
    " Data (RECORD) statement. PLoS Med 2015;12:e1001885",
    "10.1371/journal.pmed.1001885",
    (*_title(), *_methods(), *_rest()),
    "The items that such studies add to STROBE.",
)
