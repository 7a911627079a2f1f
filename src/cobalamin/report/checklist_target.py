"""TARGET 2025 for observational studies that emulate a target trial, in our own words.

The number of items (21) and of sections (6) was checked; numbers and subjects of the items are known from others' summaries only.
"""

from __future__ import annotations

from cobalamin.report import checklist_finders as see
from cobalamin.report.checklist_items import Checked, Checklist, Entry, Item, make_items
from cobalamin.report.checklist_rules import Part, any_of, authors, needs, said, titled, where

_ABSTRACT, _INTRODUCTION, _RESULTS, _DISCUSSION, _OTHER = "Abstract", "Introduction", "Results", "Discussion", "Other information"
_SPECIFIED, _EMULATED = "Methods: the target trial", "Methods: its emulation in the data"
_SECOND_HAND: Checked = "summary"
_TRIAL = any_of(titled(r"target[- ]trial"), said(r"target[- ]trial", "summary", "question", "methods"))
_STRATEGIES = where(_TRIAL, see.TABLE1_GROUPS)
_ASSUMED = said(r"exchangeab|no unmeasured|\bpositivity\b|\bconsistency assumption", "methods")
_CONTRAST = said(r"intention[- ]to[- ]treat|per[- ]protocol|\bestimand|causal contrast", "methods")


def _front() -> list[Item]:
    rows: list[Entry] = [
        (
            "1a",
            "Study type",
            "That a target trial was emulated in observational data; the aims",
            needs(Part(_TRIAL, "that a target trial was emulated")),
        ),
        ("1b", "Data", "The data sources", authors("the data sources, in the abstract")),
        (
            "1c",
            "Summary",
            "Assumptions, methods, findings, conclusions",
            needs(Part(see.PRIMARY, "the main findings"), left="the abstract: assumptions, methods, conclusions"),
        ),
    ]
    introduction: list[Entry] = [
        (
            "2",
            "Background",
            "What is known, and what is not",
            needs(Part(see.NO_STUDY_FOUND, "what is known"), left="the clinical background"),
        ),
        ("3", "Question", "The causal question", needs(Part(see.QUESTION, "the question"), left="the question as one about an effect")),
        ("4", "Reason", "Why a trial is emulated; trials that served as a model", authors("why a trial is emulated with these data")),
    ]
    return [*make_items(_ABSTRACT, rows, _SECOND_HAND), *make_items(_INTRODUCTION, introduction, _SECOND_HAND)]


def _specified() -> list[Item]:
    trial = [
        ("6a", "Eligibility", "Who would be eligible", "who would be eligible"),
        ("6b", "Strategies", "The strategies that would be compared", "the strategies (dose, start, stop, grace period)"),
        ("6c", "Assignment", "Random assignment, known to the people", "that people would be assigned at random and know to what"),
        ("6d", "Follow-up", "Follow-up from assignment, and its end", "that follow-up would start at assignment, and when it would end"),
        ("6e", "Outcomes", "The outcomes, how and when measured", "the outcomes, how and when they would be measured"),
        ("6f", "Contrasts", "The contrasts and effect measures", "the contrasts and effect measures"),
        ("6g", "Assumptions", "What would have to be assumed, and on which variables", "what would have to be assumed, on which variables"),
        (
            "6h",
            "Analysis",
            "The analysis, its assumptions, missing values",
            "the analysis of the trial and how missing values would be handled",
        ),
    ]
    data = needs(Part(see.DATES, "the period"), left="purpose, kind, place and setting of each data source, and linkage")
    return [
        *make_items("Methods: data", [("5", "Data", "Origin, kind, place and time of the data; linkage", data)], _SECOND_HAND),
        *make_items(
            _SPECIFIED, [(n, topic, label, authors(f"in the target trial: {what}")) for n, topic, label, what in trial], _SECOND_HAND
        ),
    ]


def _emulated() -> list[Item]:
    rows: list[Entry] = [
        (
            "7a",
            "Eligibility",
            "Eligibility in the data",
            needs(Part(see.ELIGIBILITY, "who was eligible"), Part(see.RULES, "the exact rules")),
        ),
        (
            "7b",
            "Strategies",
            "The strategies in the data",
            needs(
                Part(where(_TRIAL, see.EXPOSURE), "how each strategy was seen in the data"),
                left="grace period and versions of the strategies",
            ),
        ),
        (
            "7c",
            "Assignment",
            "Assignment in the data",
            needs(
                Part(see.CONFOUNDING, "the variables adjusted for"), left="how people were put to the strategies they were compatible with"
            ),
        ),
        (
            "7d",
            "Follow-up",
            "That follow-up starts at assignment; its end",
            needs(
                Part(see.START, "when follow-up started"),
                Part(see.END, "when it ended"),
                left="that eligibility, assignment and start coincide",
            ),
        ),
        ("7e", "Outcomes", "The outcomes in the data", needs(Part(see.OUTCOME, "the outcome"), Part(see.RULES, "its exact rule"))),
        ("7f", "Contrasts", "The contrasts in the data", needs(Part(_CONTRAST, "the contrasts (intention to treat, per protocol)"))),
        (
            "7g(i)",
            "Assumptions",
            "What was assumed for each estimand",
            needs(Part(_ASSUMED, "the assumptions, with those on confounding at baseline")),
        ),
        (
            "7g(ii)",
            "Assumptions",
            "The variables of these assumptions",
            needs(Part(see.COVARIATES, "the covariates"), Part(see.RULES, "their rules")),
        ),
        (
            "7h(i)",
            "Analysis",
            "The analysis, its assumptions, missing values",
            needs(Part(see.MODELS, "the models"), Part(see.MISSING_DESCRIBED, "how missing values were handled")),
        ),
        ("7h(ii)", "Analysis", "Sensitivity to the choices made", needs(Part(see.SENSITIVITY_DECLARED, "sensitivity analyses"))),
    ]
    return make_items(_EMULATED, rows, _SECOND_HAND)


def _results() -> list[Item]:
    rows: list[Entry] = [
        (
            "8",
            "Selection",
            "Numbers assessed, eligible and assigned; a flow chart",
            needs(Part(see.FLOW_CHART, "a flow chart"), Part(_STRATEGIES, "numbers put to each strategy")),
        ),
        ("9", "Baseline", "Characteristics by strategy", needs(Part(where(_STRATEGIES, see.TABLE1), "characteristics by strategy"))),
        (
            "10",
            "Follow-up",
            "Length and reasons for the end of follow-up, by strategy",
            needs(Part(where(_STRATEGIES, see.PERSON_TIME), "the length of follow-up"), left="why follow-up ended, by strategy"),
        ),
        (
            "11",
            "Missing data",
            "Missing values by strategy",
            needs(Part(where(_STRATEGIES, see.MISSING_BY_VARIABLE), "missing values of each variable")),
        ),
        ("12", "Outcomes", "Outcomes by strategy", needs(Part(where(_STRATEGIES, see.EVENTS), "events by strategy"))),
        (
            "13",
            "Estimates",
            "The effect with its precision, absolute and relative",
            needs(Part(see.INTERVALS, "the estimate with its interval"), Part(see.ABSOLUTE, "absolute effects")),
        ),
        (
            "14",
            "Further results",
            "Results of the sensitivity analyses",
            needs(Part(see.SENSITIVITY, "results of the sensitivity analyses")),
        ),
    ]
    return make_items(_RESULTS, rows, _SECOND_HAND)


def _end() -> list[Item]:
    limits = needs(Part(see.declared_limitations, "limitations"), left="where trial and emulation differ, and how far the assumptions hold")
    discussion: list[Entry] = [
        ("15", "Interpretation", "What the findings say on the causal question", authors("what the findings say on the causal question")),
        ("16", "Limitations", "Where emulation and trial differ; whether the assumptions hold", limits),
    ]
    access = needs(Part(see.PROTOCOL, "the protocol"), Part(see.CODE, "the version of the code"), left="where data and code can be had")
    other: list[Entry] = [
        ("17", "Ethics", "Approval by an ethics committee", authors("approval by an ethics committee")),
        (
            "18",
            "Registration",
            "Whether, when and where the protocol was registered",
            authors("whether, when and where the protocol was registered"),
        ),
        ("19", "Data and code", "Where data and code can be had", access),
        ("20", "Funding", "Who paid, and what they had to say", authors("the sources of funding and the role of the funders")),
        ("21", "Interests", "Conflicts of interest", authors("conflicts of interest of all authors")),
    ]
    return [*make_items(_DISCUSSION, discussion, _SECOND_HAND), *make_items(_OTHER, other, _SECOND_HAND)]


TARGET = Checklist(
    "target",
    "TARGET, emulation of a target trial",
    "Cashin AG, Hansford HJ, Hern\u00e1n MA, et al. Transparent reporting of observational studies emulating a target trial: the TARGET"
    " statement. JAMA 2025;334:1084-1093 (also BMJ, 10.1136/bmj-2025-087179)",
    "10.1001/jama.2025.13350",
    (*_front(), *_specified(), *_emulated(), *_results(), *_end()),
)
