"""What the report says beside the numbers: texts and labels from the protocol, the dictionary and the design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.release.policy import Policy
from cobalamin.report.facts import CutOff, Limitation, ModelFacts, StudyFacts
from cobalamin.report.labels import join_words
from cobalamin.study.exhibit_words import exhibit_sentences
from cobalamin.study.fitting import OUTCOME
from cobalamin.study.inputs import Inputs
from cobalamin.study.kinds import KINDS
from cobalamin.study.protocol import Protocol
from cobalamin.study.sections import ModelSection
from cobalamin.study.visit_words import visit_details, visit_labels, visit_sentences

_DISTRIBUTIONS = {
    "weibull": "Weibull",
    "exponential": "exponential",
    "lognormal": "log-normal",
    "loglogistic": "log-logistic",
    "generalized_gamma": "generalised gamma",
}
MISSING_SENTENCE = (
    "Each model used the people with complete data on its own columns; how many were left out stands with its results. "
    "Missing values were not imputed."
)


def study_facts(protocol: Protocol, inputs: Inputs, cohort: Cohort, policy: Policy, provenance: Mapping[str, object]) -> StudyFacts:
    """Put together the texts of a report.

    Parameters
    ----------
    protocol : Protocol
        Title, question, models, labels, limitations.
    inputs : Inputs
        Dictionary (labels) and source (simulated or not).
    cohort : Cohort
        The study's own cohort (design, unit).
    policy : Policy
        The disclosure rules applied.
    provenance : mapping
        The manifest's record of inputs and versions.

    Returns
    -------
    StudyFacts
        No number of the results and no person.
    """
    section, design = protocol.report, cohort.design
    outcomes = {OUTCOME: section.outcome, design.outcome.name: section.outcome}
    labels = _labels(inputs, design) | visit_labels(protocol) | outcomes | dict(section.labels)
    beside = (*exhibit_sentences(protocol, cohort, labels), *visit_sentences(protocol, labels))
    return StudyFacts(
        title=protocol.study.title,
        question=protocol.study.question,
        simulated=inputs.source.simulated,
        outcome=section.outcome,
        event=section.event,
        time_unit=design.unit,
        time_scale=_time_scale(design),
        group=section.group,
        labels=labels,
        levels=section.levels,
        design=(*_sentences(design, labels, section.levels), MISSING_SENTENCE, *beside),
        definitions=design.definitions(),
        models=tuple(_model_facts(m, design, labels) for m in protocol.model),
        limitations=tuple(Limitation(code, text) for code, text in protocol.study.limitations.items()),
        disclosure=disclosure_sentence(policy),
        protected_curves=policy.active,
        notices=protocol.study.notices,
        cutoffs=_cutoffs(protocol),
        concerns_ls=section.concerns_ls,
        provenance=provenance_texts(provenance),
    )


def outcome_of(model: ModelSection, design: Design) -> str:
    """Return what stands in ``Estimates.outcome`` for a model.

    Parameters
    ----------
    model : ModelSection
        A model of the protocol.
    design : Design
        The study's design.

    Returns
    -------
    str
        The event's name (models with follow-up) or the left side of the formula.
    """
    return (model.event or design.outcome.name) if KINDS[model.kind].timed else model.formula.split("~")[0].strip()


def _model_facts(model: ModelSection, design: Design, labels: Mapping[str, str]) -> ModelFacts:
    return ModelFacts(
        name=model.name,
        label=model.label,
        role=model.role,
        kind=model.kind,
        formula=model.formula,
        adjustments=model.adjusted_for,
        exposures=model.show,
        outcome=outcome_of(model, design),
        survey=model.survey,
        lag=model.lag_years or 0.0,
        note=" ".join(filter(None, [*_details(model, labels), model.note])),
        method=_method(model),
        rows="" if model.rows == "people" else model.rows,
    )


def _method(model: ModelSection) -> str:
    """What the report calls a model, with the choices that change what it estimates."""
    words = KINDS[model.kind].words
    if model.distribution or model.kind == "aft":
        words = f"{_DISTRIBUTIONS[model.distribution or 'weibull']} {words}"
    return words + (f" on the {model.scale} scale" if model.scale and model.scale != "hazard" else "")


def _details(model: ModelSection, labels: Mapping[str, str]) -> Iterator[str]:
    """The choices of a model that its kind does not say, in sentences."""
    if model.restrict:
        yield f"Restricted to people with {model.restrict}."
    if model.strata:
        yield f"Strata, each with its own baseline hazard: {join_words([labels.get(s, s) for s in model.strata])}."
    if model.cluster:
        yield f"The variance is robust, for rows that depend on one another within {labels.get(model.cluster, model.cluster)}."
    if model.weights:
        yield f"Weighted by {labels.get(model.weights, model.weights)}."
    if model.firth:
        yield "Firth's penalty keeps estimates finite where events are few."
    if model.ridge is not None:
        yield f"A ridge penalty of {model.ridge:g} shrinks the coefficients."
    yield from visit_details(model, labels)
    if model.frailty:
        yield f"A gamma frailty is shared within {labels.get(model.frailty, model.frailty)}."


def _labels(inputs: Inputs, design: Design) -> dict[str, str]:
    """Labels of the dictionary under the names of the cohort, then those of the design."""
    known = dict(inputs.dictionary.labels())
    carried = {part.name: known[part.column] for part in (*design.covariates, *design.exposures) if part.column in known}
    return known | carried | {name: text for name, text in design.labels().items() if text}


def _sentences(design: Design, labels: Mapping[str, str], levels: Mapping[str, str]) -> list[str]:
    texts = [text for text in design.describe(labels).values() if text]
    for level, label in levels.items():
        texts = [text.replace(level, label) for text in texts]
    return texts


def _time_scale(design: Design) -> str:
    return f"Attained age ({design.unit})" if design.time_scale == "attained-age" else f"{design.unit.capitalize()} of follow-up"


def _cutoffs(protocol: Protocol) -> tuple[CutOff, ...]:
    spec = protocol.report.distribution
    return () if spec is None else tuple(CutOff(spec.variable, line.value, line.label) for line in spec.lines)


def disclosure_sentence(policy: Policy) -> str:
    """Say which disclosure rules protected the numbers.

    Parameters
    ----------
    policy : Policy
        The rules applied.

    Returns
    -------
    str
        One or more sentences.
    """
    if not policy.active:
        return "No disclosure control was applied (preset none): whoever passes these numbers on must be allowed to by the data holder."
    small = policy.words.replace("<=", "up to").replace("<", "below")
    rounded = (
        f" Shown counts are rounded to {policy.round_base}; totals are sums of rounded parts, so they differ by a few between tables."
        if policy.round_base
        else ""
    )
    return (
        f"Disclosure control: preset {policy.name}; counts {small} are small and hidden, "
        f"with further numbers where a hidden one could be computed.{rounded} Curves are drawn on a grid, not at each person's event."
    )


def provenance_texts(provenance: Mapping[str, object]) -> dict[str, str | Mapping[str, str]]:
    """Return the manifest's record as texts to print.

    Parameters
    ----------
    provenance : mapping
        Inputs, fingerprints, versions, seed.

    Returns
    -------
    dict
        Texts, or mappings of texts; empty entries are left out.
    """
    return {
        key: {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else str(value)
        for key, value in provenance.items()
        if value is not None and value != {}
    }
