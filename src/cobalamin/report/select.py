"""Which rows belong to which model: the join between the protocol's models (facts) and their numbers (Estimates)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report.facts import ROLES, ModelFacts, Role, StudyFacts
from cobalamin.report.labels import row_label
from cobalamin.report.records import Record, records


@dataclass(frozen=True)
class Contrast:
    """One row of a model as figures and sentences need it.

    Attributes
    ----------
    model : ModelFacts
        Its model.
    row : Record
        The row of Estimates.
    label : str
        ``"Smoking: former v never"``.
    truth : float
        Simulated truth of the same term, level and measure; NaN when unknown.
    """

    model: ModelFacts
    row: Record
    label: str
    truth: float = math.nan

    @property
    def key(self) -> str:
        """Address of the row in Estimates, for links between sentence, figure and table."""
        return " | ".join(p for p in (self.model.role, self.model.name, self.model.outcome, self.row.term, self.row.level) if p)

    @property
    def is_reference(self) -> bool:
        """Whether this is the reference category."""
        return bool(self.row.level) and self.row.level == self.row.reference


def described_models(estimates: Estimates, facts: StudyFacts, *roles: str) -> list[ModelFacts]:
    """List the models that have estimates: those of the facts in their order, then any other by its name.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Descriptions.
    *roles : str
        Keep these roles; all when none is given.

    Returns
    -------
    list of ModelFacts
        A model that the facts do not describe is shown by its name, never left out.
    """
    frame = estimates.where(context="estimate").frame
    found = list(dict.fromkeys(zip(frame["analysis"], frame["model"], strict=True)))
    known = {(m.role, m.name): m for m in facts.models}
    listed = [m for key, m in known.items() if key in found]
    for role, name in found:
        if role in ROLES and (role, name) not in known:
            listed.append(_undescribed(role, name, frame))
    return [m for m in listed if not roles or m.role in roles]


def models_without_results(estimates: Estimates, facts: StudyFacts) -> list[ModelFacts]:
    """List the models of the facts that have no estimate, so that the report can say so.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Descriptions.

    Returns
    -------
    list of ModelFacts
        In order.
    """
    there = {(m.role, m.name) for m in described_models(estimates, facts)}
    return [m for m in facts.models if (m.role, m.name) not in there]


def model_rows(estimates: Estimates, model: ModelFacts, context: str = "estimate") -> pd.DataFrame:
    """Return the rows of one model.

    Parameters
    ----------
    estimates : Estimates
        Results.
    model : ModelFacts
        A model.
    context : str
        ``estimate`` or ``diagnostic``.

    Returns
    -------
    DataFrame
        Rows in order.
    """
    frame = estimates.where(context=context, analysis=model.role, model=model.name).frame
    return frame.loc[frame["outcome"].isin([model.outcome, ""])] if model.outcome else frame


def contrasts(estimates: Estimates, facts: StudyFacts, model: ModelFacts, *, every: bool = False) -> list[Contrast]:
    """Return the contrasts of a model to show.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Labels.
    model : ModelFacts
        A model; its ``exposures`` say which terms (all when empty).
    every : bool
        All terms, not the exposures only.

    Returns
    -------
    list of Contrast
        In the order of ``exposures``, reference rows included.
    """
    frame = model_rows(estimates, model)
    wanted = list(dict.fromkeys(frame["term"])) if every or not model.exposures else list(model.exposures)
    truth = _truths(estimates)
    rows = [row for term in wanted for row in records(frame.loc[frame["term"].map(squeeze) == squeeze(term)])]
    return [_contrast(row, facts, model, truth) for row in rows]


def exposures_without_rows(estimates: Estimates, model: ModelFacts) -> list[str]:
    """List exposure terms that the facts announce and the results lack.

    Parameters
    ----------
    estimates : Estimates
        Results.
    model : ModelFacts
        A model with estimates.

    Returns
    -------
    list of str
        Terms.
    """
    there = {squeeze(term) for term in model_rows(estimates, model)["term"]}
    whole = {whole_term(term) for term in there}
    return [term for term in model.exposures if squeeze(term) not in there | whole]


def squeeze(term: str) -> str:
    """Return a term without blanks, so that ``rcs(x,4)`` and ``rcs(x, 4)`` are the same.

    Parameters
    ----------
    term : str
        A term of a formula.

    Returns
    -------
    str
        The term without blanks.

    Examples
    --------
    >>> squeeze("rcs(x, 4)[1]")
    'rcs(x,4)[1]'
    """
    return "".join(term.split())


def whole_term(term: str) -> str:
    """Return the term that a part of it belongs to: ``rcs(x,4)`` of ``rcs(x,4)[1]``.

    Parameters
    ----------
    term : str
        A term of a formula.

    Returns
    -------
    str
        Without blanks; a term without parts is its own.

    Examples
    --------
    >>> whole_term("rcs(x, 4)[1]"), whole_term("age")
    ('rcs(x,4)', 'age')
    """
    plain_term = squeeze(term)
    return plain_term[: plain_term.rindex("[")] if plain_term.endswith("]") else plain_term


def spline_parts(frame: pd.DataFrame, term: str) -> pd.DataFrame:
    """Return the rows of the parts of a spline that is named as a whole.

    Parameters
    ----------
    frame : DataFrame
        Rows of a model.
    term : str
        As the protocol writes it, ``rcs(x, 4)``.

    Returns
    -------
    DataFrame
        Empty where the term has a row of its own, or none at all.
    """
    if (frame["term"].map(squeeze) == squeeze(term)).any():
        return frame.iloc[:0]
    return frame.loc[frame["term"].map(whole_term) == squeeze(term)]


def _contrast(row: Record, facts: StudyFacts, model: ModelFacts, truth: Truths) -> Contrast:
    label = row_label(row.term, row.level, row.reference, facts)
    is_reference = bool(row.level) and row.level == row.reference
    known = math.nan if is_reference else _truth_of(row, truth)
    return Contrast(model=model, row=row, label=label, truth=known)


Truths = dict[tuple[str, str, str, str], float]


def _truths(estimates: Estimates) -> Truths:
    frame = estimates.where(analysis="truth").frame
    return {(r.outcome, r.term, r.level, r.measure): r.value for r in records(frame)}


def _truth_of(row: Record, truth: Truths) -> float:
    """The truth of the row's own outcome; one without an outcome is that of every outcome."""
    what = (row.term, row.level, row.measure)
    return truth.get((row.outcome, *what), truth.get(("", *what), math.nan))


def _undescribed(role: Role, name: str, frame: pd.DataFrame) -> ModelFacts:
    rows = frame.loc[(frame["analysis"] == role) & (frame["model"] == name)]
    kind = "logistic" if (rows["measure"] == "odds ratio").any() else "cox"
    return ModelFacts(name=name, label=name or "Unnamed model", role=role, kind=kind, formula="", outcome=str(rows["outcome"].iloc[0]))
