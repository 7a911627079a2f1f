"""The descriptive part of a run: Table 1, the exposure's distribution, curves, and the truth of a simulation, as Estimates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np

from cobalamin.core.errors import CobalaminWarning, ProtocolError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.describe.describe import histogram, table1
from cobalamin.study.fitting import OUTCOME, model_frame
from cobalamin.study.protocol import ReportSection

MOST_STEPS = 200


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
        Rows of Table 1, of the distribution and of the curves; parts not asked for are absent.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CobalaminWarning)  # they stand on the rows
        return Estimates.concat([_table1(cohort, report), _distribution(cohort, report), _curves(cohort, report)])


def truth_rows(truth: Mapping[str, float], wanted: Mapping[str, str]) -> Estimates:
    """Return the effects that made simulated data, beside which the estimates stand.

    Parameters
    ----------
    truth : mapping of str to float
        From the source; empty for real data.
    wanted : mapping of str to str
        Term of a model -> name of its log hazard ratio in ``truth``.

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
    return Estimates.from_rows(rows, analysis="truth", context="diagnostic")


def _table1(cohort: Cohort, report: ReportSection) -> Estimates:
    if not report.table1:
        return Estimates.from_rows([])
    return table1(model_frame(cohort), by=report.table1_by, variables=list(report.table1), event=OUTCOME, person_time="person_time")


def _distribution(cohort: Cohort, report: ReportSection) -> Estimates:
    spec = report.distribution
    if spec is None:
        return Estimates.from_rows([])
    return histogram(cohort.data, spec.variable, by=spec.by, log=spec.log, unit=spec.unit, bins=30)


def _curves(cohort: Cohort, report: ReportSection) -> Estimates:
    spec = report.curves
    if spec is None:
        return Estimates.from_rows([])
    data = model_frame(cohort)
    curves = survival_curve(data, exit="exit", event=OUTCOME, entry="entry", by=spec.by, start=spec.start, unit=cohort.unit)
    return _thin(curves.estimates(outcome=cohort.design.outcome.name))


def _thin(rows: Estimates) -> Estimates:
    """Keep at most MOST_STEPS times of each curve, first and last among them: more cannot be seen, and would be single people."""
    frame = rows.frame
    steps = frame["measure"] == "survival"
    place, length = (frame[steps].groupby("subgroup").cumcount(), frame[steps].groupby("subgroup")["at"].transform("size"))
    every = np.ceil((length - 1) / MOST_STEPS).clip(lower=1)
    kept = (place % every == 0) | (place == length - 1)
    return Estimates.from_frame(frame.loc[kept.reindex(frame.index, fill_value=True)])
