"""The steps of a run in order: read and check, build cohorts, describe, fit, protect, put the files together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.models.fit import Fit
from cobalamin.release.csvtext import decisions_to_csv, estimates_to_csv
from cobalamin.release.disclosure import Disclosed, disclose
from cobalamin.release.manifest import build_manifest, code_version
from cobalamin.release.policy import Policy, make_policy
from cobalamin.release.store import DECISIONS_FILE, ESTIMATES_FILE, FACTS_FILE, REPORT_FILE
from cobalamin.report.facts import StudyFacts
from cobalamin.study.console import Progress
from cobalamin.study.explained import dose_rows, hazards_rows, subgroup_rows, wald_rows
from cobalamin.study.fitting import fit_model, refuse_unknown_show
from cobalamin.study.inputs import Inputs, read_inputs
from cobalamin.study.naming import refuse_unknown_events, refuse_unknown_names
from cobalamin.study.protocol import Protocol
from cobalamin.study.sections import ModelSection
from cobalamin.study.summaries import attempt, describe_cohort, describe_visits, follow_cohort, truth_rows
from cobalamin.study.variants import Variant, build_variants, read_design, variant_of
from cobalamin.study.visit_rows import odds_rows, person_estimates, severity_truth
from cobalamin.study.visits import Visits, follow_visits
from cobalamin.study.wording import outcome_of, study_facts


@dataclass(frozen=True, eq=False)
class Computed:
    """Everything a run has to write.

    Attributes
    ----------
    disclosed : Disclosed
        Protected estimates and the record of decisions.
    facts : StudyFacts
        Texts of the report.
    files : mapping of str to bytes
        Contents of the results folder, without the manifest.
    manifest : dict
        Inputs, fingerprints, versions, seed.
    """

    disclosed: Disclosed
    facts: StudyFacts
    files: dict[str, bytes]
    manifest: dict[str, Any]


def compute(protocol: Protocol, folder: Path, progress: Progress) -> Computed:
    """Carry out a protocol; nothing is written.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    folder : Path
        The study folder; relative paths start there.
    progress : Progress
        Told what begins.

    Returns
    -------
    Computed
        Protected results, texts, and the bytes of every file.

    Raises
    ------
    CobalaminError
        As the rooms raise them.
    """
    progress("read tables and check them against the dictionary")
    inputs = read_inputs(protocol, folder)
    design = read_design(protocol, inputs.dictionary)
    refuse_unknown_events(protocol, design)
    cohorts = build_variants(inputs.report.valid, design, protocol.model, progress)
    cohort = cohorts[design.lag_years, ""]
    visits = visits_of(protocol, inputs, design, cohorts)
    refuse_unknown_names(protocol, cohort, visits.get((design.lag_years, "")))
    estimates = Estimates.concat(
        [
            flow_rows(inputs, cohort, protocol.report.everyone),
            _described(protocol, inputs, cohort, progress),
            _visits_described(protocol, design, visits, progress),
            _fitted(protocol, inputs, design, cohorts, visits, progress),
            truth_rows(inputs.source.truth(), protocol.report.truth, design.outcome.name),
        ]
    )
    progress("protect small counts")
    disclosed = disclose(estimates, policy_of(protocol))
    progress("write the report")
    return _put_together(protocol, inputs, cohort, disclosed)


def policy_of(protocol: Protocol) -> Policy:
    """Return the disclosure policy of a protocol.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.

    Returns
    -------
    Policy
        The preset, or the policy written out.
    """
    return make_policy(protocol.disclosure.policy or protocol.disclosure.preset)


def flow_rows(inputs: Inputs, cohort: Cohort, everyone: str = "") -> Estimates:
    """Return the flow chart, which begins with the rows of the person table as they were read.

    Parameters
    ----------
    inputs : Inputs
        The checked tables.
    cohort : Cohort
        A cohort built from them.
    everyone : str
        Words for its first box.

    Returns
    -------
    Estimates
        Attrition and diagnostic rows; rows that broke a rule of the dictionary are a step of their own where there are any.
    """
    table = cohort.design.person_table
    frame = cohort.estimates().frame.copy()
    steps = frame["context"] == "attrition"
    if everyone:
        frame.loc[steps & (frame["at"] == 0), "term"] = everyone
    read, valid = inputs.report.n_rows[table], inputs.report.n_valid[table]
    if read == valid:
        return Estimates.from_frame(frame)
    frame.loc[steps, "at"] += 1
    frame.loc[steps & (frame["at"] == 1), "term"] = "Rows that agree with the data dictionary"
    first = {"context": "attrition", "measure": "remaining", "term": everyone or f"Rows of {table} as read", "at": 0, "n": read}
    common = {"analysis": "attrition", "outcome": cohort.design.outcome.name}
    return Estimates.concat([Estimates.from_rows([first], **common), Estimates.from_frame(frame)])


def _described(protocol: Protocol, inputs: Inputs, cohort: Cohort, progress: Progress) -> Estimates:
    progress("describe the cohort")
    described = describe_cohort(cohort, protocol.report)
    return Estimates.concat([described, follow_cohort(cohort, inputs.report.valid, protocol.report, progress)])


def visits_of(protocol: Protocol, inputs: Inputs, design: Design, cohorts: dict[Variant, Cohort]) -> dict[Variant, Visits]:
    """Return the visits of the study's own cohort and of every cohort with a model of visits.

    Parameters
    ----------
    protocol : Protocol
        A checked protocol.
    inputs : Inputs
        The checked tables.
    design : Design
        The study's design.
    cohorts : dict of (lag, restriction) to Cohort
        Every cohort.

    Returns
    -------
    dict of (lag, restriction) to Visits
        Empty without a section ``[visits]``.
    """
    if protocol.visits is None:
        return {}
    wanted = [(design.lag_years, ""), *(variant_of(m, design) for m in protocol.model if m.rows != "people")]
    tables = inputs.report.valid
    return {v: follow_visits(cohorts[v], tables, protocol.visits, protocol.score) for v in dict.fromkeys(wanted)}


def _visits_described(protocol: Protocol, design: Design, visits: dict[Variant, Visits], progress: Progress) -> Estimates:
    if protocol.visits is None:
        return Estimates.from_rows([])
    return describe_visits(visits[design.lag_years, ""], protocol.report, protocol.visits.rater or "", progress)


def _fitted(
    protocol: Protocol, inputs: Inputs, design: Design, cohorts: dict[Variant, Cohort], visits: dict[Variant, Visits], progress: Progress
) -> Estimates:
    parts = []
    truth = inputs.source.truth()
    for model in protocol.model:
        progress(f"fit model '{model.name}'")
        variant, outcome = variant_of(model, design), outcome_of(model, design)
        frame = None if model.rows == "people" else visits[variant].of(model.rows)
        fit = fit_model(model, cohorts[variant], frame)
        refuse_unknown_show(model, fit)
        if model.rows not in ("people", "baseline") and frame is not None:
            parts.append(person_estimates(fit, frame, design.person_id, analysis=model.role, model=model.name, outcome=outcome))
        else:
            parts.append(fit.estimates(analysis=model.role, model=model.name, outcome=outcome))
        parts.append(wald_rows(fit, model, outcome=outcome))
        if protocol.visits is not None and model.rows != "people":
            parts.append(severity_truth(fit, truth, protocol.visits.truth, outcome))
        parts += _explained(protocol, model, fit, cohorts[variant], progress)
        for spec in (s for s in protocol.report.subgroups if s.model == model.name):
            make = partial(subgroup_rows, model, spec, cohorts[variant], frame, outcome=outcome)
            parts.append(attempt(make, "subgroups", model.name, outcome, progress))
    return _once(Estimates.concat(parts))


def _once(estimates: Estimates) -> Estimates:
    """The truth of one outcome, said by several models, once."""
    frame = estimates.frame
    repeated = (frame["analysis"] == "truth") & frame.duplicated(["analysis", "outcome", "term", "measure"])
    return Estimates.from_frame(frame.loc[~repeated])


def _explained(protocol: Protocol, model: ModelSection, fit: Fit, cohort: Cohort, progress: Progress) -> list[Estimates]:
    outcome, report = outcome_of(model, cohort.design), protocol.report
    names = {"outcome": outcome, "unit": cohort.unit}
    asked: list[tuple[str, Callable[[], Estimates]]] = [
        *(
            ("proportional hazards", partial(hazards_rows, fit, model, s, **names))
            for s in report.proportional_hazards
            if s.model == model.name
        ),
        *(
            ("dose-response", partial(dose_rows, fit, model, s, cohort, outcome=outcome))
            for s in report.dose_response
            if s.model == model.name
        ),
        *(
            ("proportional odds", partial(odds_rows, fit, model, s, outcome=outcome))
            for s in report.proportional_odds
            if s.model == model.name
        ),
    ]
    return [attempt(make, what, model.name, outcome, progress) for what, make in asked]


def _put_together(protocol: Protocol, inputs: Inputs, cohort: Cohort, disclosed: Disclosed) -> Computed:
    manifest = build_manifest(
        inputs=inputs.source.hashes(),
        protocol_fingerprint=protocol.fingerprint,
        dictionary_fingerprint=inputs.dictionary.fingerprint,
        seed=protocol.study.seed,
        design=cohort.design.fingerprint,
        code=code_version(),
        policy=disclosed.policy.name,
        simulated=inputs.source.simulated,
    )
    shown = {key: value for key, value in manifest.items() if key not in ("format", "outputs")}
    facts = study_facts(protocol, inputs, cohort, disclosed.policy, shown)
    files = {
        ESTIMATES_FILE: estimates_to_csv(disclosed.estimates),
        DECISIONS_FILE: decisions_to_csv(disclosed.decisions),
        FACTS_FILE: facts.to_json().encode("utf-8"),
        REPORT_FILE: render_report(disclosed.estimates, facts).encode("utf-8"),
    }
    return Computed(disclosed, facts, files, manifest)


def render_report(estimates: Estimates, facts: StudyFacts) -> str:
    """Write the report page.

    Parameters
    ----------
    estimates : Estimates
        Protected results.
    facts : StudyFacts
        Texts.

    Returns
    -------
    str
        One self-contained HTML page.
    """
    from cobalamin.report.document import compose
    from cobalamin.report.html import render

    return render(compose(estimates, facts))


def model_table(estimates: Estimates) -> pd.DataFrame:
    """Return the estimates of all models in short form, for a terminal.

    Parameters
    ----------
    estimates : Estimates
        Protected results.

    Returns
    -------
    DataFrame
        ``model, term, level, measure, value, low, high, p``.
    """
    frame = estimates.where(context="estimate").frame
    frame = frame.loc[frame["analysis"] != "subgroups"]  # their labels are columns that a terminal has no room for
    frame = frame.loc[(frame["level"] == "") | (frame["level"] != frame["reference"])]
    return frame[["model", "term", "level", "measure", "value", "low", "high", "p"]].reset_index(drop=True)
