"""Tables about the models themselves: how they are declared, how the fits went, and the attrition that led to them."""

from __future__ import annotations

import math

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.flow import flow_steps
from cobalamin.report.labels import adjustment_words, plain
from cobalamin.report.select import described_models, model_rows
from cobalamin.report.tables import caption


def exhibit_models(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table that says how each model is built.

    Parameters
    ----------
    estimates : Estimates
        Results (for models that the facts do not describe).
    facts : StudyFacts
        Models.

    Returns
    -------
    Exhibit or None
        None when there is no model at all.
    """
    described = {(m.role, m.name) for m in facts.models}
    models = [*facts.models, *(m for m in described_models(estimates, facts) if (m.role, m.name) not in described)]
    if not models:
        return None
    columns = tuple(Column(c, "left") for c in ("Model", "Role", "Type", "Adjusted for", "Formula"))
    return Exhibit(
        key="table-models",
        title="Models as declared in the protocol",
        caption=caption("Formulas as written in the protocol; the outcome or follow-up stands outside them.", facts),
        alt=f"Table of {len(models)} models with role, type, adjustment and formula.",
        estimates=Estimates.from_rows([]),
        body=TableBody(columns, tuple(_model_row(m, facts) for m in models)),
    )


def exhibit_fits(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the table of model facts: people used and left out, events, log-likelihood.

    Parameters
    ----------
    estimates : Estimates
        With diagnostic rows of the models.
    facts : StudyFacts
        Models.

    Returns
    -------
    Exhibit or None
        None when no model has diagnostic rows.
    """
    found_rows = {m: _model_facts(estimates, m) for m in described_models(estimates, facts)}
    models = [m for m, rows in found_rows.items() if len(rows)]
    if not models:
        return None
    frames = [found_rows[m] for m in models]
    every = [str(m) for f in frames for m in dict.fromkeys(f["measure"])]
    # a column for what most models have; the rest in words, or the table would be one that nobody can hold
    measures = [m for m in dict.fromkeys(every) if m in _FACT_NAMES and (m in _ALWAYS or 2 * every.count(m) >= len(models))]
    rows = [Row((plain(m.label), *(_fact(f, measure) for measure in measures))) for m, f in zip(models, frames, strict=True)]
    others = [m for m in dict.fromkeys(every) if m not in measures]
    further = [f"{plain(m.label)}: {words}." for m, f in zip(models, frames, strict=True) if (words := _others(f, others, facts))]
    return Exhibit(
        key="table-fits",
        title="Facts of the fitted models",
        caption=caption("People with a missing value in a model's variables are left out of that model and counted here.", facts),
        alt=f"Table of {len(rows)} models with {', '.join(_fact_name(m, facts) for m in measures)}.",
        estimates=Estimates(pd.concat(frames, ignore_index=True)),
        body=TableBody((Column("Model", "left"), *(Column(_fact_name(m, facts)) for m in measures)), tuple(rows), tuple(further)),
    )


def exhibit_attrition(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make the attrition table: the flow chart's numbers as text.

    Parameters
    ----------
    estimates : Estimates
        With attrition rows.
    facts : StudyFacts
        Texts.

    Returns
    -------
    Exhibit or None
        None without attrition rows.
    """
    steps = flow_steps(estimates)
    if not steps:
        return None
    rows = tuple(Row((step.label, step.remaining, step.excluded or fmt.DASH)) for step in steps)
    return Exhibit(
        key="table-attrition",
        title="People left after each step of eligibility",
        caption=caption("Steps in the order in which they were applied.", facts),
        alt=f"Table of {len(rows)} steps.",
        estimates=estimates.where(context="attrition", measure="remaining"),
        body=TableBody((Column("Step", "left"), Column("Left"), Column("Left out at this step")), rows),
    )


def _model_row(model: ModelFacts, facts: StudyFacts) -> Row:
    kind = (
        model.words[:1].upper()
        + model.words[1:]
        + (", survey-weighted" if model.survey else "")
        + (f", lag {model.lag:g} {facts.time_unit}" if model.lag else "")
    )
    words = adjustment_words(model).removeprefix("adjusted for ")
    return Row((plain(model.label), model.role, kind, words, plain(model.formula) or fmt.DASH))


# facts that have a column whatever few models have them
_ALWAYS = ("n", "n_missing", "events")
_FACT_NAMES = {
    "n": "People",
    "n_missing": "Missing, left out",
    "rows": "Rows",
    "rows left out": "Rows left out",
    "events": "Events",
    "log-likelihood": "Log-likelihood",
    "loglik": "Log-likelihood",
    "n_strata": "Strata",
    "aic": "AIC",
    "bic": "BIC",
    "likelihood_ratio": "Likelihood ratio",
    "person_time": "Person-time",
}


def _model_facts(estimates: Estimates, model: ModelFacts) -> pd.DataFrame:
    """Facts of the model as a whole; tests of its terms stand in the table of results."""
    rows = model_rows(estimates, model, "diagnostic")
    return rows.loc[rows["term"] == ""]


def _others(frame: pd.DataFrame, measures: list[str], facts: StudyFacts) -> str:
    """Facts that few models have, in words."""
    own = set(frame["measure"])
    return "; ".join(f"{_lower(_fact_name(m, facts))} {_fact(frame, m)}" for m in measures if m in own)


def _lower(name: str) -> str:
    return name if name.isupper() else name[:1].lower() + name[1:]


def _fact_name(measure: str, facts: StudyFacts) -> str:
    if measure == "person_time":
        return f"Person-{facts.time_unit}"
    return _FACT_NAMES.get(measure, measure.replace("_", " ").capitalize())


def _fact(frame: pd.DataFrame, measure: str) -> str:
    rows = frame.loc[frame["measure"] == measure]
    if rows.empty:
        return fmt.DASH
    value, warning = float(rows["value"].iloc[0]), str(rows["warning"].iloc[0])
    if math.isnan(value):
        return fmt.SUPPRESSED if fmt.is_suppressed(warning) else fmt.DASH
    whole = value.is_integer() or (measure == "person_time" and value >= 100)
    return fmt.number(value, 0 if whole else 1)
