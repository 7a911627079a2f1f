"""STROBE-MR for Mendelian randomisation, in our own words.

Numbers and subjects of items 1 to 5 were compared with the published table, those from 6 on with a transcription of it.
"""

from __future__ import annotations

from cobalamin.report import checklist_finders as see
from cobalamin.report.checklist_items import Checked, Checklist, Item
from cobalamin.report.checklist_rules import Part, authors, holding, needs, said, shown, titled, where

_TITLE, _INTRODUCTION, _METHODS = "Title and abstract", "Introduction", "Methods"
_RESULTS, _DISCUSSION, _OTHER = "Results", "Discussion", "Other information"
_LISTED: Checked = "transcription"

# the estimators and tests by their usual names, as the models of a report are called
_ESTIMATOR = said(r"inverse[- ]variance weighted|wald ratio|two[- ]stage least squares", "methods")
_VARIANTS = said(r"\bvariants?\b|\bSNPs?\b|\bgenotyp", "methods")
_ROBUST = said(r"\begger\b|weighted (median|mode)|leave-one-out|\bpresso\b|multivariable mendelian", "methods")
_ASSESSED = said(r"\bF[- ]statistic|egger intercept|\bsteiger\b|\bheterogeneity\b", "methods")
_EXTRA = "heterogeneity|cochran|egger intercept|f statistic|i-squared|e-value"
_ASSESSMENT = holding(lambda f: f["measure"].str.contains(_EXTRA, case=False) & f["value"].notna(), "table")
_BOTH_WAYS = holding(lambda f: f["measure"].str.contains("steiger|reverse direction", case=False) & f["value"].notna(), "table")
_PER_VARIANT = shown("mr-scatter", "mr-variants", "table-mr-variants")
_LEFT_OUT = shown("mr-leave-one-out", "table-mr-leave-one-out")
_ESTIMATES = where(_ESTIMATOR, see.INTERVALS)


def _front() -> list[Item]:
    return [
        Item(
            "1",
            "Title",
            _TITLE,
            "Mendelian randomisation named as the design",
            needs(Part(titled(r"mendelian randomi[sz]ation"), "the design (Mendelian randomisation), in title or abstract")),
        ),
        Item(
            "2",
            "Background",
            _INTRODUCTION,
            "What is known; why an effect is plausible and genes help",
            needs(Part(see.NO_STUDY_FOUND, "what is known"), left="why an effect is plausible, and why genetic variants help"),
        ),
        Item(
            "3",
            "Objectives",
            _INTRODUCTION,
            "Aims and causal hypotheses; that the method needs assumptions to show effects",
            needs(Part(see.QUESTION, "the question"), left="the causal hypotheses, and that an effect is shown under assumptions only"),
        ),
    ]


def _sources() -> list[Item]:
    return [
        Item(
            "4",
            "Design and data",
            _METHODS,
            "Main features of the design; the sources of each step",
            needs(Part(_ESTIMATOR, "the design"), left="a table of the data source of each step"),
        ),
        Item(
            "4a",
            "Setting",
            _METHODS,
            "Design, population, places and dates of each source",
            needs(Part(see.DATES, "the dates"), left="population and place of each source"),
        ),
        Item(
            "4b",
            "Participants",
            _METHODS,
            "Who was eligible, how many, and whether power was calculated",
            needs(
                Part(see.ELIGIBILITY, "who was eligible"), Part(see.FLOW, "how many people"), left="whether power was calculated beforehand"
            ),
        ),
        Item(
            "4c",
            "Variants",
            _METHODS,
            "How variants were measured, checked and chosen",
            needs(Part(_VARIANTS, "how variants were chosen"), left="how they were genotyped and checked"),
        ),
        Item(
            "4d",
            "Variables",
            _METHODS,
            "How exposure, outcome and disease were measured",
            needs(Part(see.EXPOSURE, "the exposure"), Part(see.OUTCOME, "the outcome"), left="how both were measured in each source"),
        ),
        Item("4e", "Ethics", _METHODS, "Approval and consent", authors("approval by an ethics committee, and consent")),
        Item(
            "5",
            "Assumptions",
            _METHODS,
            "The three assumptions of an instrument, and those of further analyses",
            needs(
                Part(said(r"\brelevance\b", "methods"), "relevance: variants go with the exposure"),
                Part(said(r"\bindependence\b", "methods"), "independence: nothing causes both variant and outcome"),
                Part(said(r"\bexclusion\b.{0,20}\brestriction|\bpleiotrop", "methods"), "exclusion: no path besides the exposure"),
            ),
        ),
    ]


def _methods() -> list[Item]:
    topic = "Statistics"
    rows = [
        ("6", "The methods and statistics", needs(Part(_ESTIMATOR, "the estimator"))),
        ("6a", "Scale and unit of numbers", needs(Part(see.SCALE, "scale and unit of exposure and outcome"))),
        (
            "6b",
            "How variants were handled and weighted",
            needs(Part(_VARIANTS, "coding of the variants"), left="the weights of the variants"),
        ),
        (
            "6c",
            "The estimator and its covariates, alike in both samples or not",
            needs(Part(_ESTIMATOR, "the estimator"), left="covariates, per sample"),
        ),
        ("6d", "How missing values were handled", needs(Part(see.MISSING_DESCRIBED, "how missing values were handled"))),
        ("6e", "How multiple testing was handled", needs(Part(said(r"multiple testing", "methods"), "how multiple testing was handled"))),
        ("7", "How the assumptions were examined", needs(Part(_ASSESSED, "how each assumption was examined"))),
        ("8", "Sensitivity and further analyses", needs(Part(_ROBUST, "estimators that allow for invalid variants"))),
        ("9a", "Software with versions and settings", needs(Part(see.VERSIONS, "software and versions"))),
        (
            "9b",
            "Whether registered beforehand",
            needs(Part(see.PROTOCOL, "the protocol"), left="whether, when and where it was registered"),
        ),
    ]
    return [Item(n, "Software" if n.startswith("9") else topic, _METHODS, label, rule, _LISTED) for n, label, rule in rows]


def _results() -> list[Item]:
    rows = [
        (
            "10a",
            "Descriptive data",
            "Numbers at each stage, and why people are left out",
            needs(Part(see.REASONS, "numbers and reasons at each stage")),
        ),
        (
            "10b",
            "Descriptive data",
            "Exposure, outcome and other variables, summed up",
            needs(Part(see.TABLE1, "a table of characteristics")),
        ),
        (
            "10c",
            "Descriptive data",
            "Heterogeneity within sources that are meta-analyses",
            authors("heterogeneity of such sources, if there are any"),
        ),
        (
            "10d",
            "Descriptive data",
            "For two samples: alike in the exposure, and how many in both",
            authors("likeness and overlap of the two samples"),
        ),
        ("11a", "Main results", "Variant with exposure, variant with outcome", needs(Part(_PER_VARIANT, "estimates per variant"))),
        (
            "11b",
            "Main results",
            "The estimate with its uncertainty, on a scale one can read",
            needs(Part(_ESTIMATES, "the estimate with its interval")),
        ),
        ("11c", "Main results", "Absolute risks over a time that matters", needs(Part(see.ABSOLUTE, "absolute risks, where they matter"))),
        (
            "11d",
            "Main results",
            "Plots of results",
            needs(Part(where(_ESTIMATOR, shown("forest", "mr-scatter")), "a forest or scatter plot")),
        ),
        ("12a", "Assumptions", "What the examination of the assumptions found", needs(Part(_ASSESSMENT, "findings on each assumption"))),
        (
            "12b",
            "Assumptions",
            "Further statistics, such as heterogeneity across variants",
            needs(Part(_ASSESSMENT, "heterogeneity across variants")),
        ),
        (
            "13a",
            "Sensitivity",
            "Results that allow for invalid variants",
            needs(Part(where(_ROBUST, see.SENSITIVITY), "results of robust estimators")),
        ),
        ("13b", "Sensitivity", "Other further results", needs(Part(where(_ESTIMATOR, see.OTHER), "other results, or none"))),
        ("13c", "Sensitivity", "The direction of the effect", needs(Part(_BOTH_WAYS, "a test of direction"))),
        ("13d", "Sensitivity", "Comparison with estimates by other designs", authors("comparison with estimates by other designs")),
        ("13e", "Sensitivity", "Further plots", needs(Part(_LEFT_OUT, "a plot that leaves out one variant at a time"))),
    ]
    return [Item(n, topic, _RESULTS, label, rule, _LISTED) for n, topic, label, rule in rows]


def _end() -> list[Item]:
    access = needs(Part(see.PROTOCOL, "the protocol"), Part(see.CODE, "the version of the code"), left="where data and code can be had")
    limits = needs(Part(see.declared_limitations, "limitations"), left="direction and size of bias where an assumption fails")
    rows = [
        ("14", "Key results", _DISCUSSION, "The main findings against the aims", needs(Part(see.PRIMARY, "the main findings"))),
        ("15", "Limitations", _DISCUSSION, "Validity of the assumptions, other bias, imprecision", limits),
        ("16a", "Meaning", _DISCUSSION, "A cautious reading beside other studies", authors("what the results mean beside other studies")),
        (
            "16b",
            "Mechanism",
            _DISCUSSION,
            "Biological ways; whether genes act as a change of exposure would",
            authors("mechanism and gene-environment equivalence"),
        ),
        ("16c", "Use", _DISCUSSION, "What follows for patients or policy", authors("what follows for patients or policy, if anything")),
        (
            "17",
            "Generalisability",
            _DISCUSSION,
            "Other people, ages of exposure and levels",
            authors("to whom, when and at which levels the results apply"),
        ),
        ("18", "Funding", _OTHER, "Funding of the study and of its sources", authors("funding of the study and of its sources")),
        ("19", "Data and code", _OTHER, "Where data and code can be had", access),
        ("20", "Interests", _OTHER, "Conflicts of interest", authors("conflicts of interest of all authors")),
    ]
    return [Item(n, topic, section, label, rule, _LISTED) for n, topic, section, label, rule in rows]


STROBE_MR = Checklist(
    "strobe-mr",
    "STROBE-MR, Mendelian randomisation",
    "Skrivankova VW, Richmond RC, Woolf BAR, et al. Strengthening the reporting of observational studies in epidemiology using"
    " mendelian randomisation (STROBE-MR): explanation and elaboration. BMJ 2021;375:n2233",
    "10.1136/bmj.n2233",
    (*_front(), *_sources(), *_methods(), *_results(), *_end()),
)
