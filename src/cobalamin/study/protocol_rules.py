"""What a protocol must not say although every key is spelt right: models and exhibits that contradict themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from cobalamin.core.errors import did_you_mean, list_names
from cobalamin.study.kinds import KINDS
from cobalamin.study.sections import DoseResponseSection, ModelSection, ProportionalHazardsSection, ReportSection, SubgroupsSection

# columns that say how follow-up went: on the right of a formula they would explain the outcome by itself
AFTERWARDS = ("exit", "event", "outcome_event", "person_time")
# pairs of keys of which a model can have one only
_EITHER = (
    ("firth", "ridge"),
    ("survey", "weights"),
    ("survey", "cluster"),
    ("frailty", "cluster"),
    ("frailty", "survey"),
    ("frailty", "firth"),
    ("frailty", "ridge"),
    ("frailty", "offset"),
)
_NAMES = re.compile(r"[A-Za-z_]\w*")


def problems_of_models(models: Sequence[ModelSection]) -> list[str]:
    """List what is wrong with the models of a protocol.

    Parameters
    ----------
    models : sequence of ModelSection
        In order.

    Returns
    -------
    list of str
        One text per problem; empty when there is none.
    """
    return [f"[model.{model.name}] {text}" for model in models for text in _model_problems(model)]


def _model_problems(model: ModelSection) -> Iterator[str]:
    kind = KINDS.get(model.kind)
    if kind is None:
        yield f"kind: '{model.kind}' is not known; expected one of {', '.join(KINDS)}.{did_you_mean(model.kind, KINDS)}"
        return
    for key in type(model).model_fields:
        if key in model.model_fields_set and key not in kind.keys:
            yield f"kind '{model.kind}' takes no key '{key}'. Its keys: {list_names(kind.keys, 30)}."
    given = [key for key in type(model).model_fields if getattr(model, key) not in (None, False, (), "")]
    yield from (f"'{one}' and '{other}' cannot stand together." for one, other in _EITHER if one in given and other in given)
    if model.ridge_terms and model.ridge is None:
        yield "'ridge_terms' says what to shrink; 'ridge', the strength, is missing."
    sides = model.formula.split("~")
    if not kind.timed and len(sides) != 2:
        yield f"a {model.kind} model has its outcome in the formula: write it as 'outcome ~ terms'."
    if kind.timed and sides[0].strip() and len(sides) > 1:
        yield f"a {model.kind} model takes its outcome from the design (or from 'event'): leave out '{sides[0].strip()} ~'."
    later = [name for name in dict.fromkeys(_NAMES.findall(sides[-1])) if name in AFTERWARDS]
    if later:
        yield f"the formula uses {list_names(later)}, which only follow-up tells: that explains the outcome by itself."


def problems_of_report(report: ReportSection, models: Sequence[ModelSection]) -> list[str]:
    """List what is wrong with the exhibits that a protocol asks for.

    Parameters
    ----------
    report : ReportSection
        The section.
    models : sequence of ModelSection
        The models that exhibits may name.

    Returns
    -------
    list of str
        One text per problem; empty when there is none.
    """
    known = {model.name: model for model in models}
    return [
        *_repeats("curves", [(s.by,) for s in report.curves]),
        *_repeats("incidence", [(s.by,) for s in report.incidence]),
        *_repeats("states", [(s.by,) for s in report.states]),
        *_repeats("proportional_hazards", [(s.model,) for s in report.proportional_hazards]),
        *_repeats("dose_response", [(s.model, s.variable) for s in report.dose_response]),
        *(text for spec in report.proportional_hazards for text in _hazards_problems(spec, known)),
        *(text for spec in report.dose_response for text in _dose_problems(spec, known)),
        *_repeats("subgroups", [(s.model, s.exposure) for s in report.subgroups]),
        *(text for spec in report.subgroups for text in _subgroup_problems(spec, known)),
    ]


def _repeats(key: str, asked: list[tuple[str | None, ...]]) -> Iterator[str]:
    for names in dict.fromkeys(asked):
        if asked.count(names) > 1:
            yield f"[report.{key}] {' '.join(name or 'everyone' for name in names)}: asked for {asked.count(names)} times."


def _hazards_problems(spec: ProportionalHazardsSection, known: dict[str, ModelSection]) -> Iterator[str]:
    place = "[report.proportional_hazards]"
    model = known.get(spec.model)
    if model is None:
        yield _no_model(place, spec.model, known)
    elif model.kind != "cox" or model.frailty or model.ridge or model.firth:
        yield f"{place} model '{spec.model}': the test is for Cox models without penalty and frailty."


def _dose_problems(spec: DoseResponseSection, known: dict[str, ModelSection]) -> Iterator[str]:
    model = known.get(spec.model)
    if model is None:
        yield _no_model("[report.dose_response]", spec.model, known)
    elif spec.variable not in _NAMES.findall(model.formula):
        hint = did_you_mean(spec.variable, _NAMES.findall(model.formula))
        yield f"[report.dose_response] variable '{spec.variable}' is not in the formula '{model.formula}'.{hint}"


def _subgroup_problems(spec: SubgroupsSection, known: dict[str, ModelSection]) -> Iterator[str]:
    model = known.get(spec.model)
    if model is None:
        yield _no_model("[report.subgroups]", spec.model, known)
    elif spec.exposure not in terms_of(model.formula):
        hint = did_you_mean(spec.exposure, terms_of(model.formula))
        yield f"[report.subgroups] exposure '{spec.exposure}' is not a term of the formula '{model.formula}'.{hint}"
    elif model.rows not in ("people", "baseline") or model.survey:
        yield f"[report.subgroups] model '{spec.model}': subgroups are for models of people, without a survey."
    if not spec.by:
        yield "[report.subgroups] by: name at least one column."


def terms_of(formula: str) -> list[str]:
    """Return the terms on the right side of a formula that is a plain sum.

    Parameters
    ----------
    formula : str
        As in the protocol.

    Returns
    -------
    list of str
        Terms between plus signs outside brackets.

    Examples
    --------
    >>> terms_of("ls ~ b12_log2 + rcs(age, 4) + sex")
    ['b12_log2', 'rcs(age, 4)', 'sex']
    """
    terms, depth = [""], 0
    for letter in formula.rsplit("~", maxsplit=1)[-1]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "+" and not depth:
            terms.append("")
        else:
            terms[-1] += letter
    return [term.strip() for term in terms]


def _no_model(place: str, name: str, known: Iterable[str]) -> str:
    return f"{place} there is no model '{name}'.{did_you_mean(name, list(known))}"
