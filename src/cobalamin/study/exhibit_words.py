"""The methods of curves, tests and diagnostics in sentences, as the protocol asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cobalamin.design.cohort import Cohort
from cobalamin.report.labels import join_words
from cobalamin.study.followed import after, begins_together
from cobalamin.study.protocol import Protocol
from cobalamin.study.sections import CurvesSection, IncidenceSection, ReportSection

_TRANSFORMS = {
    "km": "one minus the Kaplan-Meier curve",
    "identity": "time itself",
    "rank": "the rank of time",
    "log": "the logarithm of time",
}


def exhibit_sentences(protocol: Protocol, cohort: Cohort, labels: Mapping[str, str]) -> list[str]:
    """Say how what stands beside the models was made.

    Parameters
    ----------
    protocol : Protocol
        What was asked for.
    cohort : Cohort
        Whether entry is delayed.
    labels : mapping of str to str
        Names of columns for people.

    Returns
    -------
    list of str
        One paragraph, or none where nothing was asked for.
    """
    report = protocol.report
    names = {model.name: model.label for model in protocol.model}
    said = [
        *(text for spec in report.curves for text in _curve_words(spec, cohort)),
        *(text for spec in report.incidence for text in _incidence_words(spec, cohort)),
        *_state_words(report, cohort),
        *_model_words(report, names, labels),
    ]
    return [" ".join(dict.fromkeys(said))] if said else []


def _curve_words(spec: CurvesSection, cohort: Cohort) -> Iterator[str]:
    begun = f", of people without it at {spec.start:g} {cohort.unit}" if spec.start is not None else ""
    test = " and compared by the log-rank test" if spec.by and spec.test else ""
    yield f"Kaplan-Meier curves were estimated{begun}{test}; their pointwise intervals are log-log."
    if spec.band:
        yield f"A simultaneous band ({spec.band.replace('-', ' ')}) holds the whole curve with the stated confidence."
    if spec.rmst is not None:
        yield f"The restricted mean is the area under the curve up to {spec.rmst:g} {cohort.unit}."
    if spec.log_log:
        yield "Curves of log(-log S) that run in parallel speak for proportional hazards."


def _incidence_words(spec: IncidenceSection, cohort: Cohort) -> Iterator[str]:
    events = join_words([label for code, label in cohort.event_labels.items() if code])
    yield f"The cumulative incidence of {events} was estimated by the Aalen-Johansen method, with infinitesimal-jackknife standard errors."
    if spec.by and spec.test and begins_together(after(cohort.data, spec.start)):
        yield "Cumulative incidences were compared by Gray's test."
    elif spec.by and spec.test:
        yield "Gray's test knows no delayed entry and is left out; a Fine-Gray model allows for it."


def _state_words(report: ReportSection, cohort: Cohort) -> Iterator[str]:
    if report.states:
        on = f" People were followed on after {cohort.design.outcome.name}." if cohort.design.time_zero and cohort.design.competing else ""
        yield f"Probabilities of states are Aalen-Johansen estimates.{on}"


def _model_words(report: ReportSection, names: Mapping[str, str], labels: Mapping[str, str]) -> Iterator[str]:
    for hazards in report.proportional_hazards:
        yield (
            f"Proportional hazards were examined for the model '{names[hazards.model]}' by scaled Schoenfeld residuals:"
            f" a score test against {_TRANSFORMS[hazards.transform]}, and smooths by natural splines."
        )
    for groups in report.subgroups:
        by, exposure = join_words([labels.get(name, name) for name in groups.by]), labels.get(groups.exposure, groups.exposure)
        yield (
            f"For the model '{names[groups.model]}' the estimate of {exposure} was made within levels of {by}, from one model with their"
            " product, and its interaction with each was tested."
        )
    for dose in report.dose_response:
        at = f"its value at {dose.reference:g}" if dose.reference is not None else "its value at the median"
        yield f"From the model '{names[dose.model]}' the ratio along {labels.get(dose.variable, dose.variable)} is drawn relative to {at}."
