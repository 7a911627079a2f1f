"""Follow-up in curves: survival, cumulative incidence, restricted means and states by group, with their tests, as Estimates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort, build_cohort
from cobalamin.design.design import Design
from cobalamin.design.outcome import Outcome
from cobalamin.models.competing.cumulative_incidence import cumulative_incidence
from cobalamin.models.competing.gray import gray_test
from cobalamin.models.curves.curves import survival_curve
from cobalamin.models.curves.logrank import logrank
from cobalamin.models.curves.rmst import rmst, rmst_difference
from cobalamin.models.figures.figure_curves import band_estimates, loglog_estimates, transition_estimates
from cobalamin.models.grouping import group_by
from cobalamin.models.multistate.multistate import multi_state
from cobalamin.models.multistate.multistate_rows import transition_rows
from cobalamin.study.fitting import OUTCOME, model_frame
from cobalamin.study.sections import CurvesSection, IncidenceSection, StatesSection

MOST_STEPS = 200
# of one curve: what tells it from the others
_CURVE = ["measure", "level", "subgroup"]
FOLLOW: dict[str, Any] = {"exit": "exit", "entry": "entry"}


def survival_rows(cohort: Cohort, spec: CurvesSection) -> Estimates:
    """Return Kaplan-Meier curves with what was asked for beside them.

    Parameters
    ----------
    cohort : Cohort
        The study's own cohort.
    spec : CurvesSection
        Grouping, start, band, log-log curve, horizon of the restricted mean, test.

    Returns
    -------
    Estimates
        Rows of analyses ``survival``, ``proportional hazards`` (log-log) and ``restricted mean``.
    """
    data, outcome = model_frame(cohort), cohort.design.outcome.name
    curves = survival_curve(data, **FOLLOW, event=OUTCOME, by=spec.by, start=spec.start, unit=cohort.unit)
    parts = [thin(curves.estimates(outcome=outcome))]
    if spec.band:
        parts.append(thin(band_estimates(curves, method=spec.band, outcome=outcome)))
    if spec.log_log:
        parts.append(thin(loglog_estimates(curves, outcome=outcome)))
    if spec.by and spec.test:
        found = logrank(after(data, spec.start), **FOLLOW, event=OUTCOME, by=spec.by)
        parts.append(_test_rows(found, "log-rank test", analysis="survival", model=spec.by, outcome=outcome, level=curves.state))
    if spec.rmst is not None:
        parts.append(rmst_rows(data, spec, cohort))
    return Estimates.concat(parts)


def rmst_rows(data: pd.DataFrame, spec: CurvesSection, cohort: Cohort) -> Estimates:
    """Return the restricted mean time of each group, and its differences from the first group.

    Parameters
    ----------
    data : DataFrame
        As `model_frame` returns it.
    spec : CurvesSection
        Grouping, start and horizon.
    cohort : Cohort
        Unit and outcome.

    Returns
    -------
    Estimates
        Analysis ``restricted mean``, context ``summary``, per group ``restricted mean`` and ``difference in restricted mean`` (with
        ``reference`` and ``p``); ``n`` and ``events`` of the group, for a difference of the smaller of the two groups, on which it
        rests.
    """
    given = {**FOLLOW, "event": OUTCOME, "tau": float(spec.rmst or 0), "by": spec.by, "start": spec.start}
    people = _people(after(data, spec.start), spec)
    rows = [{**_mean_row(found), **people[found["group"]]} for found in rmst(data, **given).to_dict("records")]
    rows = [{**row, "measure": "restricted mean"} for row in rows]
    if spec.by and len(rows) > 1:
        changes = rmst_difference(data, **given)
        for found in changes.loc[changes["measure"] == "difference"].to_dict("records"):
            pair = [people[found["group"]], people[found["reference"]]]
            smaller = {name: min(one[name] for one in pair) for name in ("n", "events")}
            row = {**_mean_row(found), "reference": found["reference"], "p": found["p_value"], **smaller}
            rows.append({**row, "measure": "difference in restricted mean"})
    common = {"context": "summary", "model": spec.by or "", "outcome": cohort.design.outcome.name, "unit": cohort.unit}
    return Estimates.from_rows(rows, analysis="restricted mean", at=given["tau"], **common)


def _mean_row(found: Mapping[object, object]) -> dict[str, object]:
    names = {"subgroup": "group", "value": "estimate", "low": "conf_low", "high": "conf_high", "std_error": "std_error"}
    return {new: found[old] for new, old in names.items()}


def _people(data: pd.DataFrame, spec: CurvesSection) -> dict[str, dict[str, int]]:
    grouping = group_by(data, spec.by)
    events = data[OUTCOME].to_numpy() == 1
    inside = [grouping.code == i for i in range(len(grouping.labels))]
    return {label: {"n": int(own.sum()), "events": int((own & events).sum())} for label, own in zip(grouping.labels, inside, strict=True)}


def incidence_rows(cohort: Cohort, spec: IncidenceSection) -> Estimates:
    """Return the cumulative incidence of the outcome and of every competing event.

    Parameters
    ----------
    cohort : Cohort
        The study's own cohort.
    spec : IncidenceSection
        Grouping, start, test.

    Returns
    -------
    Estimates
        Rows of analysis ``cumulative incidence``; Gray's test of each event where everybody is followed from one time on.
    """
    data, outcome = after(cohort.data, spec.start), cohort.design.outcome.name
    labels = {code: label for code, label in cohort.event_labels.items() if code}
    curves = cumulative_incidence(data, **FOLLOW, event="event", by=spec.by, labels=labels, unit=cohort.unit)
    parts = [thin(curves.estimates(outcome=outcome))]
    if spec.by and spec.test and begins_together(data):
        shifted = data.assign(exit=data["exit"] - data["entry"])
        for code, label in labels.items():
            if (data["event"] == code).any():
                found = gray_test(shifted, exit="exit", event="event", by=spec.by, cause=code)
                names = {"analysis": "cumulative incidence", "model": spec.by, "outcome": outcome, "level": label}
                parts.append(_test_rows(found, "Gray's test", **names))
    return Estimates.concat(parts)


def state_rows(cohort: Cohort, tables: Mapping[str, pd.DataFrame], spec: StatesSection) -> Estimates:
    """Return the probabilities of states, and the transitions between them.

    Parameters
    ----------
    cohort : Cohort
        The study's own cohort.
    tables : mapping of str to DataFrame
        Valid tables: in a study with dates people are followed on after the outcome.
    spec : StatesSection
        Grouping, start, name of the first state.

    Returns
    -------
    Estimates
        Rows of analysis ``multi-state``.
    """
    people, passing, final = histories(cohort, tables)
    needed = ["person_", "entry", "exit", *passing, *final, *([spec.by] if spec.by else [])]
    named: dict[str, Any] = {"passing": passing, "final": final, "first": spec.first}
    stays = transition_rows(people[needed], person="person_", **FOLLOW, **named, same_time="last")
    moves: dict[str, Any] = {"from_state": "from_state", "to_state": "to_state", "states": [spec.first, *passing.values(), *final.values()]}
    result = multi_state(stays, person="person_", **FOLLOW, **moves, by=spec.by, start=spec.start, unit=cohort.unit)
    outcome = cohort.design.outcome.name
    return Estimates.concat([thin(result.estimates(outcome=outcome)), transition_estimates(result, outcome=outcome)])


def histories(cohort: Cohort, tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, str], dict[str, str]]:
    """Return when each person of a cohort reached which state.

    Parameters
    ----------
    cohort : Cohort
        A cohort.
    tables : mapping of str to DataFrame
        Valid tables.

    Returns
    -------
    people : DataFrame, one row per person
        The cohort's columns, ``person_``, ``exit`` of all follow-up, and a column with the time of each event (NaN = not reached).
    passing, final : dict of str to str
        Column -> event, for events that people live on after, and for those that end the history.

    Notes
    -----
    A cohort ends at the outcome. Where the design has dates and competing events, the same people are followed on to the first
    competing event, by the same design with the outcome taken out; otherwise the outcome ends the history too.
    """
    design = cohort.design
    events = {code: label for code, label in design.event_labels.items() if code}
    people = cohort.data.assign(person_=cohort.data[design.person_id].to_numpy())
    if design.time_zero is None or not design.competing:
        times = {f"time_{code}_": people["exit"].where(people["event"] == code) for code in events}
        return people.assign(**times), {}, {f"time_{code}_": label for code, label in events.items()}
    later = build_cohort(tables, _without_outcome(design)).data.set_index(design.person_id).loc[people["person_"]]
    reached = {"time_1_": people["exit"].where(people["event"] == 1)}
    end, code_after = later["exit"].to_numpy(), later["event"].to_numpy()
    # without the outcome the competing events have moved up by one code
    reached |= {f"time_{code}_": pd.Series(np.where(code_after == code - 1, end, np.nan), people.index) for code in events if code > 1}
    final = {f"time_{code}_": label for code, label in events.items() if code > 1}
    return people.assign(**reached, exit=end).drop(columns=["event"]), {"time_1_": design.outcome.name}, final


def _without_outcome(design: Design) -> Design:
    first, *others = design.competing
    outcome = Outcome(**{field.name: getattr(first, field.name) for field in dataclasses.fields(first)})
    return dataclasses.replace(design, outcome=outcome, competing=tuple(others))


def thin(rows: Estimates) -> Estimates:
    """Keep at most MOST_STEPS times of each curve, first and last among them: more cannot be seen, and would be single people.

    Parameters
    ----------
    rows : Estimates
        Rows of curves; those of numbers at risk are kept.

    Returns
    -------
    Estimates
        Fewer rows; curves that share their times keep the same ones.
    """
    frame = rows.frame
    steps = frame["measure"] != "at risk"
    groups = frame[steps].groupby(_CURVE, sort=False)["at"]
    place, length = groups.cumcount(), groups.transform("size")
    every = np.ceil((length - 1) / MOST_STEPS).clip(lower=1)
    kept = (place % every == 0) | (place == length - 1)
    return Estimates.from_frame(frame.loc[kept.reindex(frame.index, fill_value=True)])


def after(data: pd.DataFrame, start: float | None) -> pd.DataFrame:
    """Return the follow-up after a time, of people who are event-free then.

    Parameters
    ----------
    data : DataFrame
        With ``entry`` and ``exit``.
    start : float or None
        The time; None = all follow-up.

    Returns
    -------
    DataFrame
        Rows that end after ``start``, entering then or later.
    """
    if start is None:
        return data
    return data.loc[data["exit"] > start].assign(entry=lambda rows: rows["entry"].clip(lower=start))


def begins_together(data: pd.DataFrame) -> bool:
    """Whether everybody is followed from one time on; Gray's test knows no delayed entry.

    Parameters
    ----------
    data : DataFrame
        With ``entry``.

    Returns
    -------
    bool
        True without delayed entry.
    """
    return bool(data["entry"].nunique() == 1)


def _test_rows(found: pd.DataFrame, measure: str, **names: str) -> Estimates:
    chi2, df, p = found.iloc[0][["chi2", "df", "p_value"]].astype(float)
    rows = [{"measure": measure, "value": chi2, "p": p}, {"measure": f"{measure} df", "value": df}]
    return Estimates.from_rows(rows, context="diagnostic", **names)
