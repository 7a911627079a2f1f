"""STROBE for cohort and case-control studies, in our own words.

Numbers and subjects were compared with the checklists as reprinted in published articles and with a transcription of version 4.
"""

from __future__ import annotations

from cobalamin.report import checklist_finders as see
from cobalamin.report.checklist_items import Checklist, Entry, Filled, Item, Rule, make_items
from cobalamin.report.checklist_rules import Part, any_of, applies_if, authors, needs, titled
from cobalamin.report.checklist_seen import Seen

_CITATION = (
    "von Elm E, Altman DG, Egger M, et al. The Strengthening the Reporting of Observational Studies in Epidemiology (STROBE)"
    " statement. PLoS Med 2007;4:e296"
)
_DOI = "10.1371/journal.pmed.0040296"
_UNMATCHED = "The rules of this run match nobody."


def boundaries(seen: Seen) -> Filled:
    """Fill the item on boundaries of classes.

    Parameters
    ----------
    seen : Seen
        A report.

    Returns
    -------
    Filled
        Quantile groups, whose boundaries no exhibit prints, leave something to add.
    """
    quantiles = bool(seen.said(r"\bdivided into\b", "methods"))
    return needs(Part(see.CLASSES, "the boundaries of the classes"), left="the boundaries of the quantile groups" if quantiles else "")(
        seen
    )


def matched(rule: Rule, unsure: str) -> Rule:
    """Make the rule of an item on matching.

    Parameters
    ----------
    rule : callable
        Where the methods speak of matching.
    unsure : str
        What to add where they do not, and the exact rules of the run are not printed: people may have been matched all the same.

    Returns
    -------
    callable
        Not applicable where the printed rules match nobody.
    """

    def fill(seen: Seen) -> Filled:
        if see.MATCHING(seen):
            return rule(seen)
        return Filled("not applicable", note=_UNMATCHED) if see.RULES(seen) else authors(unsure)(seen)

    return fill


_CLASSES = applies_if(any_of(see.CLASSES, see.CUTTING), "No number is shown in classes.", boundaries)
_SUBGROUPS = applies_if(
    any_of(see.SUBGROUPS, see.SUBGROUPS_DESCRIBED),
    "No subgroup and no interaction is among the results.",
    needs(Part(see.SUBGROUPS_DESCRIBED, "how subgroups and interactions were examined")),
)
_MISSING = needs(Part(see.MISSING_DESCRIBED, "how missing values were handled"), Part(see.MISSING_BY_MODEL, "how many each model left out"))
_MAIN = needs(
    Part(see.CRUDE, "crude estimates with intervals"),
    Part(see.ADJUSTED, "adjusted estimates with intervals"),
    Part(see.DAG, "why these confounders were chosen"),
)


def _front(design: str, pattern: str) -> list[Item]:
    named = needs(Part(titled(pattern), f"the design ({design} study)"))
    summary = needs(Part(see.PRIMARY, "the main result"), left="the abstract, from the summary")
    known = needs(Part(see.NO_STUDY_FOUND, "what is known of the question"), left="the clinical background and the reason for this study")
    aims = needs(Part(see.QUESTION, "the question"), left="the hypothesis fixed beforehand, or that there was none")
    title: list[Entry] = [
        ("1a", "Title", "The design, by its usual name, in title or abstract", named),
        ("1b", "Abstract", "A fair summary of methods and findings", summary),
    ]
    introduction: list[Entry] = [
        ("2", "Background", "What is known, and why this study", known),
        ("3", "Objectives", "Aims, with hypotheses fixed beforehand", aims),
    ]
    return [*make_items("Title and abstract", title), *make_items("Introduction", introduction)]


def _people(cohort: bool) -> list[Entry]:
    if cohort:
        numbers = "the matching criteria and the numbers of exposed and unexposed"
        followed = needs(
            Part(see.ELIGIBILITY, "who was eligible"), Part(see.END, "how people were followed"), left="the source that people come from"
        )
        return [
            ("6a", "Participants", "Who was eligible, where they came from, how they were followed", followed),
            ("6b", "Participants", "If matched: on what, and how many exposed and unexposed", _matching(numbers)),
        ]
    chosen = needs(Part(see.ELIGIBILITY, "who was eligible"), left="how cases were found, how controls were chosen, and why these")
    return [
        ("6a", "Participants", "Who was eligible, how cases were found and controls chosen, and why so", chosen),
        (
            "6b",
            "Participants",
            "If matched: on what, and how many controls per case",
            _matching("the matching criteria and the number of controls per case"),
        ),
    ]


def _matching(what: str) -> Rule:
    return matched(needs(Part(see.MATCHING, what), left=what), f"{what}, if people were matched")


def _methods(cohort: bool) -> list[Item]:
    groups = "exposure groups" if cohort else "cases and controls"
    design = needs(
        Part(see.START, "when follow-up started" if cohort else "when exposure was looked at"),
        Part(see.OUTCOME, "the outcome"),
        left="the design by its name, in the first lines of the methods",
    )
    variables = needs(
        Part(see.OUTCOME, "the outcome and its diagnostic criteria"),
        Part(see.EXPOSURE, "the exposure"),
        Part(see.RULES, "the exact rule of each variable"),
    )
    measured = needs(
        Part(see.RULES, "the table and column of each variable"),
        left=f"how each was measured (assay, laboratory), alike in {groups} or not",
    )
    setting = needs(Part(see.DATES, "the dates"), left="places, and the dates of recruitment and data collection")
    rows: list[Entry] = [
        ("4", "Design", "The main features of the design, early", design),
        ("5", "Setting", "Place, and the dates of recruitment, exposure, follow-up and data collection", setting),
        *_people(cohort),
        ("7", "Variables", "Definitions of outcome, exposure, confounders and modifiers; diagnostic criteria", variables),
        ("8", "Measurement", "Source and way of measurement of each variable, and whether alike in the groups", measured),
        ("9", "Bias", "What was done against bias", needs(Part(see.LAGS, "what was done"), left="which bias each step is meant for")),
        ("10", "Size", "How the size of the study came about", authors("why this size: everybody eligible, or a calculation")),
        (
            "11",
            "Numbers",
            "How numeric variables were handled; which groups, and why",
            needs(Part(see.SCALE, "the scale or the classes of each number"), left="why these scales and cut-offs"),
        ),
    ]
    return make_items("Methods", [*rows, *_statistics(cohort)])


def _statistics(cohort: bool) -> list[Entry]:
    lost = needs(Part(see.END, "how follow-up ended"), left="how many were lost, and whether loss may depend on the outcome")
    paired = matched(
        needs(Part(see.MATCHING_MODEL, "how the analysis respected the matching")),
        "how the analysis respected the matching, if cases and controls were matched",
    )
    every = needs(Part(see.MODELS, "the models"), Part(see.CONFOUNDING, "how confounding was dealt with"))
    return [
        ("12a", "Statistics", "All methods, with those against confounding", every),
        ("12b", "Statistics", "Methods for subgroups and interactions", _SUBGROUPS),
        ("12c", "Statistics", "How missing values were handled", _MISSING),
        ("12d", "Statistics", *(("How loss to follow-up was handled", lost) if cohort else ("How the matching was handled", paired))),
        (
            "12e",
            "Statistics",
            "Sensitivity analyses",
            needs(Part(see.SENSITIVITY_DECLARED, "sensitivity analyses, or that there were none")),
        ),
    ]


def _results(cohort: bool) -> list[Item]:
    by = "" if cohort else ", for cases and for controls"
    left = "" if cohort else "the same for cases and for controls, unless the groups shown are these"
    characteristics = needs(Part(see.TABLE1, "characteristics (Table 1)"), Part(see.EXPOSURE_SHOWN, "the exposure"), left=left)
    missing = needs(Part(see.MISSING_BY_VARIABLE, "the number of missing values of each variable"))
    time = needs(Part(see.PERSON_TIME, "total or average follow-up time"))
    exposed = needs(Part(see.EXPOSURE_SHOWN, "the distribution of the exposure"), left=left)
    followed: list[Entry] = [
        ("14c", "Descriptive data", "Follow-up time, in all or on average", time),
        ("15", "Outcome data", "Events, or summaries over time", needs(Part(see.EVENTS, "the number of events"))),
    ]
    rows: list[Entry] = [
        ("13a", "Participants", f"Numbers at each stage{by}", needs(Part(see.FLOW, "numbers at each stage"), left=left)),
        ("13b", "Participants", "Why people dropped out at each stage", needs(Part(see.REASONS, "reasons at each stage"))),
        ("13c", "Participants", "A flow chart", needs(Part(see.FLOW_CHART, "a flow chart"))),
        ("14a", "Descriptive data", f"Characteristics, exposures and possible confounders{by}", characteristics),
        ("14b", "Descriptive data", "Missing values of each variable", missing),
        *(followed if cohort else [("15", "Exposure data", "Numbers in each class of exposure, or its distribution", exposed)]),
        ("16a", "Main results", "Crude and adjusted estimates with precision; which confounders, and why", _MAIN),
        ("16b", "Main results", "Boundaries of the classes of numbers", _CLASSES),
        ("16c", "Main results", "Absolute risks over a time that matters", needs(Part(see.ABSOLUTE, "absolute risks"))),
        (
            "17",
            "Other analyses",
            "Subgroups, interactions, sensitivity analyses",
            needs(Part(see.OTHER, "other analyses, or that there were none")),
        ),
    ]
    return make_items("Results", rows)


def _end() -> list[Item]:
    limits = needs(Part(see.declared_limitations, "limitations of this study"), left="direction and size of each likely bias")
    rows: list[Entry] = [
        ("18", "Key results", "The main findings against the aims", needs(Part(see.PRIMARY, "the main findings"))),
        ("19", "Limitations", "Bias and imprecision; direction and size of bias", limits),
        (
            "20",
            "Interpretation",
            "A cautious reading: limits, many analyses, other evidence",
            authors("what the results mean beside other studies"),
        ),
        ("21", "Generalisability", "To whom the results apply", authors("to whom the results apply, and to whom not")),
    ]
    funding: list[Entry] = [
        ("22", "Funding", "Who paid, and what they had to say", authors("the sources of funding and the role of the funders"))
    ]
    return [*make_items("Discussion", rows), *make_items("Other information", funding)]


def _strobe(name: str, design: str, pattern: str, *, cohort: bool) -> Checklist:
    items = (*_front(design, pattern), *_methods(cohort), *_results(cohort), *_end())
    return Checklist(name, f"STROBE, {design} studies", _CITATION, _DOI, items)


STROBE_COHORT = _strobe("strobe-cohort", "cohort", r"\bcohort\b", cohort=True)
STROBE_CASE_CONTROL = _strobe("strobe-case-control", "case-control", r"\bcase[- ]control\b", cohort=False)
