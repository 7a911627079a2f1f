"""The report of a study of printed results: what agrees, what does not, and what nobody has measured."""

from __future__ import annotations

from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Block, Bullets, Note, Paragraph, Section, Sentence, Show
from cobalamin.report.evidence import evidence_sentences, exhibit_recomputed
from cobalamin.report.evidence_forest import exhibit_evidence_forest
from cobalamin.report.evidence_map import exhibit_evidence_map
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import plain
from cobalamin.report.statements import SIMULATED_PEOPLE, evidence_statement, methods_paragraphs

NOTHING_POOLED = (
    "The results stand beside each other; nothing is pooled, and none of them shows that B12 causes or prevents lichen sclerosus."
)


def evidence_sections(estimates: Estimates, facts: StudyFacts, provenance: tuple[Block, ...]) -> tuple[Section, ...]:
    """Put the sections together.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``printed``, ``recomputed`` and ``evidence map``.
    facts : StudyFacts
        Texts.
    provenance : tuple of Block
        The last section, as in every report.

    Returns
    -------
    tuple of Section
        In order, exhibits not yet numbered.
    """
    summary = (Bullets(tuple(evidence_sentences(estimates))), Paragraph((Sentence(NOTHING_POOLED),)))
    simulated = (Note(SIMULATED_PEOPLE, "simulated"),) if facts.simulated else ()
    question = (Paragraph((Sentence(plain(facts.question)),)), *(Paragraph((s,)) for s in evidence_statement(facts)))
    limits = tuple(Sentence(plain(x.text)) for x in facts.limitations)
    return (
        Section("summary", "Summary", (*simulated, *summary)),
        Section("question", "Question and evidence", question),
        Section("methods", "Methods", tuple(Paragraph(p) for p in methods_paragraphs(facts))),
        Section("map", "Evidence map", _shown(exhibit_evidence_map(estimates), "The results hold no evidence map.")),
        Section("results", "Printed and recomputed results", _compared(estimates)),
        Section("limitations", "Limitations", (Bullets(limits),) if limits else (Note("The study declared no limitation."),)),
        Section("provenance", "Provenance and reproducibility", provenance),
    )


def _compared(estimates: Estimates) -> tuple[Block, ...]:
    forest = exhibit_evidence_forest(estimates)
    return (
        *_shown(exhibit_recomputed(estimates), "The results hold no printed result."),
        *((Show(forest),) if forest is not None else ()),
    )


def _shown(exhibit: Exhibit | None, absent: str) -> tuple[Block, ...]:
    return (Note(absent),) if exhibit is None else (Show(exhibit),)
