"""Which rows belong to which model: the join between the protocol's models (facts) and their numbers (Estimates)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report.facts import ROLES, Kind, ModelFacts, Role, StudyFacts
from cobalamin.report.labels import row_label
from cobalamin.report.records import Record, records

KIND_WORDS = {"cox": "Cox proportional-hazards regression", "logistic": "logistic regression"}


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
    rows = [row for term in wanted for row in records(frame.loc[frame["term"] == term])]
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
    there = set(model_rows(estimates, model)["term"])
    return [term for term in model.exposures if term not in there]


def _contrast(row: Record, facts: StudyFacts, model: ModelFacts, truth: dict[tuple[str, str, str], float]) -> Contrast:
    label = row_label(row.term, row.level, row.reference, facts)
    is_reference = bool(row.level) and row.level == row.reference
    known = math.nan if is_reference else truth.get((row.term, row.level, row.measure), math.nan)
    return Contrast(model=model, row=row, label=label, truth=known)


def _truths(estimates: Estimates) -> dict[tuple[str, str, str], float]:
    frame = estimates.where(analysis="truth").frame
    return {(r.term, r.level, r.measure): r.value for r in records(frame)}


def _undescribed(role: Role, name: str, frame: pd.DataFrame) -> ModelFacts:
    rows = frame.loc[(frame["analysis"] == role) & (frame["model"] == name)]
    kind: Kind = "logistic" if (rows["measure"] == "odds ratio").any() else "cox"
    return ModelFacts(name=name, label=name or "Unnamed model", role=role, kind=kind, formula="", outcome=str(rows["outcome"].iloc[0]))
