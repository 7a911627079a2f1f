"""Texts that do not depend on the estimates: methods, the state of the evidence, limitations, warnings, what is simulated."""

from __future__ import annotations

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.facts import ROLES, ModelFacts, StudyFacts
from cobalamin.report.labels import ROWS_WORDS, adjustment_words, join_words, lag_words, outcome_label, plain, term_label
from cobalamin.report.measures import estimate_value
from cobalamin.report.records import records

ASSOCIATION = (
    "These estimates are associations. They do not show that changing B12 would change anybody's risk, and they are no"
    " ground for advising supplements."
)
SIMULATED_PEOPLE = (
    "SIMULATED DATA: every person in this study was made by a computer program with known rules. The numbers show how the"
    " methods behave; they say nothing about real people."
)
_GAP = (
    "We found no published study that measured serum B12, holotranscobalamin, methylmalonic acid or homocysteine in people"
    " with lichen sclerosus (LS) and compared them with people without it, none that relates B12 to the severity of LS, no"
    " trial of B12 in LS, and no Mendelian-randomization study of B12 and LS. Mostly abstracts were read, so a study may have"
    " been overlooked. Pages that assert a link are commercial or unsigned and cite no primary data."
)
_INDIRECT = (
    "What support there is, is indirect. LS occurs together with autoimmune disease, above all of the thyroid (pooled odds"
    " ratio 2.38, 95% CI 1.46 to 3.86, very heterogeneous), and older case series name pernicious anaemia among the"
    " accompanying conditions. B12 deficiency is commoner in oral lichen planus, which is another disease, in clinic series"
    " compared with healthy controls. The rest is general immunology."
)
_EXPECTATION = (
    "All of this is explained at least as well without an effect of B12: by shared autoimmunity (autoimmune gastritis lowers"
    " B12 and occurs together with thyroid disease and LS), by age and sex, by more blood tests in people with symptoms, by"
    " changes of diet and by drugs, and by B12 values that are wrong in people with intrinsic-factor antibodies. No"
    " association, or a confounded one, is the reasonable expectation, and the results below must not be used to advise"
    " B12 supplements for LS."
)
_NOT_LS = "The outcome of this study is not lichen sclerosus (LS), so its estimates say nothing about LS itself."


def evidence_statement(facts: StudyFacts) -> list[Sentence]:
    """State what is known about B12 and lichen sclerosus, and what is not.

    Parameters
    ----------
    facts : StudyFacts
        Says whether the outcome is lichen sclerosus.

    Returns
    -------
    list of Sentence
        One per paragraph.
    """
    if not facts.concerns_ls:
        return [Sentence(f"{_NOT_LS} {_GAP}")]
    return [Sentence(_GAP), Sentence(_INDIRECT), Sentence(_EXPECTATION)]


def methods_paragraphs(facts: StudyFacts) -> list[tuple[Sentence, ...]]:
    """Write the methods from the protocol's facts: design, intervals, disclosure.

    Parameters
    ----------
    facts : StudyFacts
        Design sentences and disclosure.

    Returns
    -------
    list of tuple of Sentence
        One tuple per paragraph; empty paragraphs are left out.
    """
    design = [(Sentence(plain(s)),) for s in facts.design]
    level = f"Intervals are {facts.confidence * 100:g}% confidence intervals; p-values are two-sided and not adjusted for multiple testing."
    general = (Sentence(level), *([Sentence(plain(facts.disclosure))] if facts.disclosure else []))
    return [*design, general]


def model_sentence(model: ModelFacts, facts: StudyFacts) -> str:
    """Describe one model in a sentence.

    Parameters
    ----------
    model : ModelFacts
        The model.
    facts : StudyFacts
        Labels.

    Returns
    -------
    str
        ``"Primary model (Adjusted): Cox regression of ... on ..., adjusted for age and sex."``

    Examples
    --------
    >>> model = ModelFacts("m", "Crude", "secondary", "cox", "b12", exposures=("b12",))
    >>> model_sentence(model, StudyFacts("t", "q", outcome="LS", labels={"b12": "serum B12"}))
    'Secondary model (Crude): Cox proportional-hazards regression of LS on serum B12, unadjusted.'
    """
    about = join_words([term_label(t, facts) for t in model.exposures]) or plain(model.formula)
    text = f"{model.role.capitalize()} model ({plain(model.label)}): {model.words} of {outcome_label(model.outcome, facts)}"
    text += f" on {about}"
    text += f", {ROWS_WORDS[model.rows]}" if model.rows else ""
    text += f", {adjustment_words(model)}"
    text += f", {lag_words(model, facts)}" if model.lag else ""
    text += ", with sampling weights and a design-based variance" if model.survey else ""
    return f"{text}.{f' {plain(model.note)}' if model.note else ''}"


def warning_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """List every warning that stands on a result, once, with the models it stands on.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Labels of the models.

    Returns
    -------
    list of Sentence
        Notes of suppression are counted by `suppression_sentence` instead.
    """
    frame = estimates.frame.loc[estimates.frame["warning"] != ""]
    labels = {m.name: plain(m.label) for m in facts.models}
    found: dict[str, dict[str, None]] = {}
    for analysis, name, warning in zip(frame["analysis"], frame["model"], frame["warning"], strict=True):
        said = plain(fmt.without_suppression(warning))
        if said:
            where = labels.get(name) or term_label(name, facts) or ("" if analysis in ROLES else plain(analysis).capitalize())
            found.setdefault(said, {})[where] = None
    return [Sentence(f"{join_words([m for m in models if m]) or 'Results'}: {w}") for w, models in found.items()]


def suppression_sentence(estimates: Estimates) -> Sentence | None:
    """Count the results that disclosure control took away.

    Parameters
    ----------
    estimates : Estimates
        Results after disclosure control.

    Returns
    -------
    Sentence or None
        None when nothing is hidden.
    """
    hidden = int(estimates.frame["warning"].map(fmt.is_suppressed).sum())
    if not hidden:
        return None
    return Sentence(f"{fmt.count(hidden)} of {fmt.count(len(estimates))} result rows have numbers hidden by disclosure control.")


def truth_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """State the truth that was simulated.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``truth``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Sentence
        One per parameter.
    """
    frame = estimates.where(analysis="truth").frame
    several = frame["outcome"].nunique() > 1
    same: dict[tuple[str, str, str, float], list[str]] = {}
    for r in records(frame):
        same.setdefault((r.term, r.level, r.measure, r.value), []).append(r.outcome)
    return [_truth_sentence(*key, outcomes if several else [], facts) for key, outcomes in same.items()]


def _truth_sentence(term: str, level: str, measure: str, value: float, outcomes: list[str], facts: StudyFacts) -> Sentence:
    of = join_words([outcome_label(o, facts) for o in outcomes if o])
    name = f"{term_label(term, facts)}{f', {plain(level)}' if level else ''}"
    return Sentence(f"Simulated truth, {name}: {measure} {estimate_value(measure, value)}{f' ({of})' if of else ''}.")


def standing_limitations(facts: StudyFacts) -> list[Sentence]:
    """List the limitations of this run.

    Parameters
    ----------
    facts : StudyFacts
        With the limitations the study declared.

    Returns
    -------
    list of Sentence
        The declared ones, then those of every observational study of this kind.
    """
    declared = [Sentence(plain(x.text)) for x in facts.limitations]
    general = [Sentence("Confounding by what was not measured, or measured badly, cannot be excluded."), Sentence(ASSOCIATION)]
    return [*declared, *general]
