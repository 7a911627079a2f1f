"""Compose the report: sections in order, exhibits where a reader expects them, and a sentence wherever one is absent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Block, Bullets, Definitions, Document, Note, Paragraph, Section, Sentence, Show
from cobalamin.report.checklist import with_checklists
from cobalamin.report.curves import exhibits_curves
from cobalamin.report.distribution import exhibits_distribution
from cobalamin.report.dose_response import exhibits_dose_response
from cobalamin.report.evidence import has_evidence
from cobalamin.report.evidence_page import evidence_sections
from cobalamin.report.exhibit import Exhibit, number_exhibits
from cobalamin.report.facts import StudyFacts
from cobalamin.report.flow import exhibit_flow
from cobalamin.report.follow_tables import exhibits_hazards_tests, exhibits_restricted_mean
from cobalamin.report.forest import exhibits_forest
from cobalamin.report.incidence import exhibits_incidence, incidence_sentences
from cobalamin.report.labels import SIMULATED, join_words, plain, term_label
from cobalamin.report.loglog import exhibits_loglog
from cobalamin.report.model_tables import exhibit_attrition, exhibit_fits, exhibit_models
from cobalamin.report.narrative import curve_sentences, missing_sentence, people_sentence, range_sentence, result_sentences
from cobalamin.report.schoenfeld import exhibits_schoenfeld
from cobalamin.report.select import described_models, exposures_without_rows, models_without_results
from cobalamin.report.severity import exhibits_severity, exhibits_trajectories
from cobalamin.report.severity_tables import (
    exhibit_agreement,
    exhibit_components,
    exhibit_proportional_odds,
    exhibit_two_parts,
    exhibit_visits,
    severity_sentences,
)
from cobalamin.report.stacked import exhibits_stacked
from cobalamin.report.statements import (
    ASSOCIATION,
    SIMULATED_PEOPLE,
    evidence_statement,
    methods_paragraphs,
    model_sentence,
    standing_limitations,
    suppression_sentence,
    truth_sentences,
    warning_sentences,
)
from cobalamin.report.subgroup_forest import exhibits_subgroups
from cobalamin.report.table1 import exhibit_table1
from cobalamin.report.tables import exhibit_results
from cobalamin.report.transitions import exhibits_transitions

# More contrasts than this make a list nobody reads; the summary then points at the table
MOST_SENTENCES = 6


def compose(estimates: Estimates, facts: StudyFacts) -> Document:
    """Make the report from results and texts.

    Parameters
    ----------
    estimates : Estimates
        All results of a study, after disclosure control; any subset will do.
    facts : StudyFacts
        Texts and labels.

    Returns
    -------
    Document
        Numbered exhibits in their sections; what is missing is said where it would stand.

    Examples
    --------
    >>> document = compose(Estimates.from_rows([]), StudyFacts("B12 and LS", "Is B12 associated with LS?"))
    >>> [s.title for s in document.sections][:3]
    ['Summary', 'Question and evidence', 'Methods']
    """
    sections = evidence_sections(estimates, facts, _provenance(facts)) if has_evidence(estimates) else _sections(estimates, facts)
    title = f"{SIMULATED}: {plain(facts.title)}" if facts.simulated else plain(facts.title)
    document = Document(title, plain(facts.question), facts.simulated, _numbered(sections))
    return with_checklists(document, facts, facts.checklists)


def _sections(estimates: Estimates, facts: StudyFacts) -> tuple[Section, ...]:
    return (
        Section("summary", "Summary", _summary(estimates, facts)),
        Section("question", "Question and evidence", _question(facts)),
        Section("methods", "Methods", _methods(facts)),
        Section("participants", "Participants", _participants(estimates, facts)),
        Section("results", "Main results", _results(estimates, facts)),
        Section("sensitivity", "Sensitivity analyses", _sensitivity(estimates, facts)),
        Section("diagnostics", "Diagnostics and warnings", _diagnostics(estimates, facts)),
        Section("limitations", "Limitations", (Bullets(tuple(standing_limitations(facts))),)),
        Section("provenance", "Provenance and reproducibility", _provenance(facts)),
    )


def _numbered(sections: Sequence[Section]) -> tuple[Section, ...]:
    shown = [b.exhibit for s in sections for b in s.blocks if isinstance(b, Show)]
    numbers = {e.key: e for e in number_exhibits(shown)}
    return tuple(
        dataclasses.replace(s, blocks=tuple(Show(numbers[b.exhibit.key]) if isinstance(b, Show) else b for b in s.blocks)) for s in sections
    )


def _summary(estimates: Estimates, facts: StudyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = [Note(SIMULATED_PEOPLE, "simulated")] if facts.simulated else []
    people = people_sentence(estimates, facts)
    blocks += [Paragraph((people,))] if people else []
    found = result_sentences(estimates, facts, "primary")
    if found:
        blocks.append(Bullets(tuple(found[:MOST_SENTENCES])))
    else:
        blocks.append(Note("There is no estimate from a primary model, so this report has no answer to the question."))
    if len(found) > MOST_SENTENCES:
        blocks.append(Paragraph((Sentence(f"{len(found) - MOST_SENTENCES} further primary estimates stand under Main results."),)))
    parts = severity_sentences(estimates, facts)
    blocks += [Paragraph(tuple(parts))] if parts else []
    return (*blocks, Paragraph((Sentence(ASSOCIATION),)))


def _question(facts: StudyFacts) -> tuple[Block, ...]:
    return (Paragraph((Sentence(plain(facts.question)),)), *(Paragraph((s,)) for s in evidence_statement(facts)))


def _methods(facts: StudyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if not facts.design:
        blocks.append(Note("The protocol gave no sentences about the design (population, time zero, exposure, outcome, censoring)."))
    blocks += [Paragraph(p) for p in methods_paragraphs(facts)]
    models = tuple(Sentence(model_sentence(m, facts)) for m in facts.models)
    blocks.append(Bullets(models) if models else Note("The protocol declared no model."))
    if facts.definitions:
        rules = tuple((plain(name), plain(rule)) for name, rule in facts.definitions)
        blocks.append(Definitions("Rules exactly as they were run", rules))
    return tuple(blocks)


def _participants(estimates: Estimates, facts: StudyFacts) -> tuple[Block, ...]:
    people = people_sentence(estimates, facts)
    return (
        *([Paragraph((people,))] if people else []),
        *_show(exhibit_flow(estimates, facts), "Flow of people: the results hold no attrition steps, so no flow chart can be drawn."),
        *_show(exhibit_table1(estimates, facts), "Characteristics of the people (Table 1) are not among the results."),
        *_show_all(exhibits_distribution(estimates, facts), "The distribution of the exposure is not among the results."),
        *_show(exhibit_visits(estimates, facts), ""),
    )


def _results(estimates: Estimates, facts: StudyFacts) -> tuple[Block, ...]:
    found = result_sentences(estimates, facts, "primary", "secondary")
    # where events compete, one minus Kaplan-Meier overstates the risk
    risks = incidence_sentences(estimates, facts) or curve_sentences(estimates, facts)
    curves = "Survival curves are not among the results."
    if facts.models and all(m.kind == "logistic" for m in facts.models):
        curves = "Survival curves do not apply: every model is logistic, without follow-up time."
    if any(m.rows for m in facts.models):
        curves = ""
    # figures that only some protocols ask for: nothing is said where they are absent
    states = [draw(estimates, facts) for draw in (exhibits_incidence, exhibits_transitions, exhibits_stacked)]
    followed = [Show(e) for exhibits in states for e in exhibits]
    return (
        *([Bullets(tuple(found))] if found else []),
        *_truth(estimates, facts),
        *([Bullets(tuple(risks))] if risks else []),
        *_show(exhibit_results(estimates, facts), "There are no estimates from primary or secondary models."),
        *_show(exhibit_two_parts(estimates, facts), ""),
        *_show_all(exhibits_severity(estimates, facts), ""),
        *_show_all(exhibits_trajectories(estimates, facts), ""),
        *_show_all(exhibits_curves(estimates, facts), "" if followed else curves),
        *_show_all(exhibits_restricted_mean(estimates, facts), ""),
        *followed,
        *_show_all(exhibits_forest(estimates, facts), "There are no estimates to draw in a forest plot."),
        *_show_all(exhibits_subgroups(estimates, facts), ""),
        *_show_all(exhibits_dose_response(estimates, facts), ""),
    )


def _truth(estimates: Estimates, facts: StudyFacts) -> list[Block]:
    if not facts.simulated:
        return []
    truth = truth_sentences(estimates, facts)
    return [Bullets(tuple(truth))] if truth else [Note("The truth that was simulated is not among the results.")]


def _sensitivity(estimates: Estimates, facts: StudyFacts) -> tuple[Block, ...]:
    if not described_models(estimates, facts, "sensitivity"):
        return (Note("No sensitivity analysis is among the results."),)
    summed = range_sentence(estimates, facts)
    found = result_sentences(estimates, facts, "sensitivity")
    return (
        *([Paragraph((summed,))] if summed else []),
        *([Bullets(tuple(found))] if found else []),
        *_show(exhibit_results(estimates, facts, roles=("sensitivity",)), ""),
    )


def _diagnostics(estimates: Estimates, facts: StudyFacts) -> tuple[Block, ...]:
    warnings = warning_sentences(estimates, facts)
    counts = [s for s in (missing_sentence(estimates, facts), suppression_sentence(estimates)) if s]
    absent = [
        Note(f"Model '{plain(m.label)}' is declared and has no estimate.", "warning") for m in models_without_results(estimates, facts)
    ]
    for model in described_models(estimates, facts):
        lost = [term_label(t, facts) for t in exposures_without_rows(estimates, model)]
        absent += [Note(f"Model '{plain(model.label)}' has no estimate for {join_words(lost)}.", "warning")] if lost else []
    every = exhibit_results(estimates, facts, roles=("primary", "secondary", "sensitivity"), every=True)
    return (
        *absent,
        Bullets(tuple(warnings)) if warnings else Paragraph((Sentence("No result carries a warning."),)),
        *([Paragraph(tuple(counts))] if counts else []),
        *_show_all(exhibits_hazards_tests(estimates, facts), ""),
        *_show_all(exhibits_schoenfeld(estimates, facts), ""),
        *_show_all(exhibits_loglog(estimates, facts), ""),
        *_show(exhibit_agreement(estimates, facts), ""),
        *_show(exhibit_components(estimates, facts), ""),
        *_show(exhibit_proportional_odds(estimates, facts), ""),
        *_show(exhibit_fits(estimates, facts), "Facts of the fitted models (people used, log-likelihood) are not among the results."),
        *_show(every, ""),
        *_show(exhibit_models(estimates, facts), ""),
        *_show(exhibit_attrition(estimates, facts), ""),
    )


def _provenance(facts: StudyFacts) -> tuple[Block, ...]:
    blocks: list[Block] = [Bullets(tuple(Sentence(plain(n)) for n in facts.notices))] if facts.notices else []
    flat = tuple((plain(k), plain(v)) for k, v in facts.provenance.items() if isinstance(v, str))
    blocks += [Definitions("This run", flat)] if flat else []
    blocks += [
        Definitions(plain(k), tuple((plain(a), plain(b)) for a, b in v.items()))
        for k, v in facts.provenance.items()
        if isinstance(v, Mapping)
    ]
    if not facts.provenance:
        blocks.append(Note("The origin of these results (versions, input hashes, protocol fingerprint) is not recorded."))
    rerun = "The same inputs, protocol and versions give the same bytes; `cobalamin verify` recomputes the results and compares them."
    return (*blocks, Paragraph((Sentence(rerun),)))


def _show(exhibit: Exhibit | None, absent: str) -> list[Block]:
    if exhibit is not None:
        return [Show(exhibit)]
    return [Note(absent)] if absent else []


def _show_all(exhibits: list[Exhibit], absent: str) -> list[Block]:
    return [Show(e) for e in exhibits] or ([Note(absent)] if absent else [])
