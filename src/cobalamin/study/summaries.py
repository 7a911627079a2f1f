"""The descriptive part of a run: Table 1, the exposure's distribution, follow-up, and the truth of a simulation, as Estimates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd

from cobalamin.core.errors import CobalaminWarning, DataError, ProtocolError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort
from cobalamin.models.describe.describe import histogram, table1
from cobalamin.study.console import Progress
from cobalamin.study.fitting import OUTCOME, model_frame
from cobalamin.study.followed import incidence_rows, state_rows, survival_rows
from cobalamin.study.sections import ReportSection
from cobalamin.study.visit_rows import agreement_rows, severity_rows, trajectory_rows
from cobalamin.study.visits import Visits


def describe_cohort(cohort: Cohort, report: ReportSection) -> Estimates:
    """Describe the people of a cohort as the protocol asks.

    Parameters
    ----------
    cohort : Cohort
        The study's own cohort.
    report : ReportSection
        What to describe.

    Returns
    -------
    Estimates
        Rows of Table 1 and of the distribution; parts not asked for are absent.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CobalaminWarning)  # they stand on the rows
        return Estimates.concat([_table1(cohort, report), _distribution(cohort, report)])


def follow_cohort(cohort: Cohort, tables: Mapping[str, pd.DataFrame], report: ReportSection, progress: Progress) -> Estimates:
    """Follow the people of a cohort over time as the protocol asks: curves, incidence, states.

    Parameters
    ----------
    cohort : Cohort
        The study's own cohort.
    tables : mapping of str to DataFrame
        Valid tables.
    report : ReportSection
        What to show.
    progress : Progress
        Told what begins.

    Returns
    -------
    Estimates
        Rows of curves, tests and transitions; parts not asked for are absent.
    """
    asked: list[tuple[str, str, Callable[[], Estimates]]] = [
        *(("survival", s.by or "", partial(survival_rows, cohort, s)) for s in report.curves),
        *(("cumulative incidence", s.by or "", partial(incidence_rows, cohort, s)) for s in report.incidence),
        *(("multi-state", s.by or "", partial(state_rows, cohort, tables, s)) for s in report.states),
    ]
    outcome = cohort.design.outcome.name
    return Estimates.concat([attempt(make, what, model, outcome, progress) for what, model, make in asked])


def describe_visits(visits: Visits, report: ReportSection, rater: str, progress: Progress) -> Estimates:
    """Describe the visits of the cases as the protocol asks: counts, severity by group, trajectories, agreement.

    Parameters
    ----------
    visits : Visits
        Visits of the study's own cohort.
    report : ReportSection
        What to show.
    rater : str
        Column of the rater; empty = none.
    progress : Progress
        Told what begins.

    Returns
    -------
    Estimates
        The counts of people, visits and rows, and what was asked for.
    """
    asked: list[tuple[str, str, str, Callable[[], Estimates]]] = [
        *(("severity", s.by or "", s.score, partial(severity_rows, visits, s)) for s in report.severity),
        *(("trajectory", s.by or "", s.score, partial(trajectory_rows, visits, s)) for s in report.trajectories),
        *(("agreement", rater, visits.outcome, partial(agreement_rows, visits, s, rater)) for s in report.agreement),
    ]
    return Estimates.concat([visits.estimates(), *(attempt(make, what, model, score, progress) for what, model, score, make in asked)])


def attempt(make: Callable[[], Estimates], what: str, model: str, outcome: str, progress: Progress) -> Estimates:
    """Make an exhibit; one that the data do not allow is said in the report instead of ending the study.

    Parameters
    ----------
    make : callable
        Makes the rows.
    what : str
        Analysis of the rows.
    model, outcome : str
        For the row that stands in their place.
    progress : Progress
        Told what begins, and why something cannot be made: the reason may hold counts, so it is for this screen only.

    Returns
    -------
    Estimates
        The rows, or one row with a warning.
    """
    progress(f"{what}: {model or 'everybody'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CobalaminWarning)  # they stand on the rows
            return make()
    except DataError as error:
        progress(f"left out, {what}: {error}")
        row = {"measure": "not made", "warning": f"{what}: asked for, but these people and events do not allow it"}
        return Estimates.from_rows([row], analysis=what, context="diagnostic", model=model, outcome=outcome)


def truth_rows(truth: Mapping[str, float], wanted: Mapping[str, str], outcome: str) -> Estimates:
    """Return the effects that made simulated data, beside which the estimates stand.

    Parameters
    ----------
    truth : mapping of str to float
        From the source; empty for real data.
    wanted : mapping of str to str
        Term of a model -> name of its log hazard ratio in ``truth``.
    outcome : str
        The event whose hazard it is.

    Returns
    -------
    Estimates
        One row per term.

    Raises
    ------
    ProtocolError
        A name that the simulation does not have.
    """
    rows = []
    for term, name in wanted.items() if truth else ():
        if name not in truth:
            raise ProtocolError(f"[report.truth] the simulation has no '{name}'.{did_you_mean(name, truth)}")
        rows.append({"term": term, "measure": "hazard ratio", "value": math.exp(truth[name])})
    return Estimates.from_rows(rows, analysis="truth", context="diagnostic", outcome=outcome)


def _table1(cohort: Cohort, report: ReportSection) -> Estimates:
    if not report.table1:
        return Estimates.from_rows([])
    return table1(model_frame(cohort), by=report.table1_by, variables=list(report.table1), event=OUTCOME, person_time="person_time")


def _distribution(cohort: Cohort, report: ReportSection) -> Estimates:
    spec = report.distribution
    if spec is None:
        return Estimates.from_rows([])
    return histogram(cohort.data, spec.variable, by=spec.by, log=spec.log, unit=spec.unit, bins=30)
