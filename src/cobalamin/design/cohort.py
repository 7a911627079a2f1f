"""From valid tables and a design to a cohort: one row per person, and the account of everyone who is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, DesignError, MissingValuesError
from cobalamin.core.estimates import Estimates
from cobalamin.core.followup import follow_up
from cobalamin.design.covariate import covariate_columns
from cobalamin.design.derive import derive
from cobalamin.design.design import Design
from cobalamin.design.eligibility import Attrition, begin, judge
from cobalamin.design.exposure import measure
from cobalamin.design.followup import Course, given_course, register_course
from cobalamin.design.guards import refuse_later_knowledge
from cobalamin.design.records import Bools, Note, Tables, link_tables, need_columns, take_table
from cobalamin.design.scales import add_scales
from cobalamin.design.timeline import Floats, from_days

NOTE_COLUMNS = ("use", "table", "reason", "n_rows", "n_people")


@dataclass(frozen=True, eq=False, repr=False)
class Cohort:
    """One row per person, and how it came to be.

    Attributes
    ----------
    data : DataFrame
        The key, ``time_zero`` (tables with dates), ``entry``, ``exit``, ``event``, ``person_time``, covariates, exposures with
        their scales, kept columns.
    attrition : DataFrame
        ``step, label, n, n_excluded, events, events_excluded, n_unknown``.
    design : Design
        What was carried out.
    unit : str
        Unit of the times.
    event_labels : mapping of int to str
        Event code -> label.
    cutpoints : mapping of str to tuple of float
        Cut-points of classes and quantiles, means and standard deviations.
    notes : DataFrame
        Rows of dated tables that could not be used: ``use, table, reason, n_rows, n_people``.
    everyone : DataFrame
        As ``data``, for all people of the person table; see `with_outsiders`.
    """

    data: pd.DataFrame
    attrition: pd.DataFrame
    design: Design
    unit: str
    event_labels: Mapping[int, str]
    cutpoints: Mapping[str, tuple[float, ...]]
    notes: pd.DataFrame
    everyone: pd.DataFrame

    @property
    def n(self) -> int:
        """People in the cohort."""
        return len(self.data)

    @property
    def events(self) -> int:
        """People with the outcome during follow-up."""
        return int((self.data["event"] == 1).sum())

    @property
    def person_time(self) -> float:
        """Sum of follow-up, in ``unit``."""
        return float(self.data["person_time"].sum())

    def with_outsiders(self) -> pd.DataFrame:
        """Return everyone of the person table with ``in_cohort`` 0/1, for variances that need the whole survey design.

        Returns
        -------
        DataFrame
            Columns of ``data`` and ``in_cohort``; the follow-up of outsiders is missing.
        """
        return self.everyone.copy()

    def estimates(self) -> Estimates:
        """Return the flow chart as rows of results, with the counts of what was not known beside it.

        Returns
        -------
        Estimates
            ``attrition`` rows (``remaining``) and diagnostic rows (``not known``, ``not used``, ``cut-point``).
        """
        from cobalamin.design.labels import cohort_estimates

        return cohort_estimates(self.attrition, self.notes, self.cutpoints, self.design)

    def __repr__(self) -> str:
        return f"Cohort({self.n} people, {self.events} events, {self.person_time:.1f} person-{self.unit}, {len(self.attrition) - 1} steps)"

    def _repr_html_(self) -> str:
        flow = self.attrition.to_html(index=False, escape=True)
        notes = self.notes.to_html(index=False, escape=True) if len(self.notes) else ""
        return f"<p>{self.n} people, {self.events} events, {self.person_time:.1f} person-{self.unit}</p>{flow}{notes}"


def build_cohort(tables: Tables, design: Design) -> Cohort:
    """Carry out a design on valid tables.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Valid tables, as `dictionary.check` returns them: dates as datetime64, categories as Categoricals, numbers as float.
    design : Design
        Who is followed, from when, for what.

    Returns
    -------
    Cohort
        In the order of the person table.

    Raises
    ------
    DesignError
        A design that would bias its own answer, or names what is not there.
    DataError
        Data that cannot be followed: duplicated keys, impossible dates, event codes, an empty cohort (the step is named).

    Examples
    --------
    >>> from cobalamin.design import Criterion, Design, GivenFollowUp, Outcome
    >>> persons = pd.DataFrame({"person_id": [1, 2, 3], "age": [50.0, 16.0, 70.0], "years": [5.0, 5.0, 2.0], "died": [0, 0, 1]})
    >>> design = Design(
    ...     outcome=Outcome(name="death", column="died"),
    ...     follow_up=GivenFollowUp(exit="years"),
    ...     eligibility=(Criterion("Adults", "age >= 18"),),
    ... )
    >>> build_cohort({"persons": persons}, design)
    Cohort(2 people, 1 events, 7.0 person-years, 3 steps)
    """
    people = _load_people(tables, design)
    linked, notes = link_tables(tables, design.tables, pd.Index(people[design.person_id]), design.person_id)
    course = given_course(design, people) if design.time_zero is None else register_course(design, people, linked)
    measured, more = _measure(design, people, linked, course)
    flow = _select(design, people, measured, course)
    measured, cutpoints, vague = _scale(design, measured, flow.member)
    everyone = _assemble(design, people, measured, course, flow)
    data = everyone.loc[everyone["in_cohort"] == 1].drop(columns="in_cohort").reset_index(drop=True)
    _refuse_unfit(design, data, everyone)
    return Cohort(
        data=data,
        attrition=flow.frame,
        design=design,
        unit=design.unit,
        event_labels=design.event_labels,
        cutpoints=cutpoints,
        notes=_note_table((*notes, *course.notes, *more, *vague)),
        everyone=everyone,
    )


def _load_people(tables: Tables, design: Design) -> pd.DataFrame:
    people = take_table(tables, design.person_table, "people").reset_index(drop=True)
    need_columns(people, [design.person_id, design.birth], "people", design.person_table)
    keys = people[design.person_id]
    if not len(keys):
        raise DataError(f"table '{design.person_table}' has no rows: there is nobody to follow.")
    if keys.isna().any():
        raise MissingValuesError(
            f"table '{design.person_table}': {int(keys.isna().sum())} of {len(keys)} rows have no '{design.person_id}'."
        )
    twice = keys.duplicated(keep=False)
    if twice.any():
        raise DataError(
            f"table '{design.person_table}': {int(keys[twice].nunique())} values of '{design.person_id}' stand on {int(twice.sum())} "
            f"of {len(keys)} rows; expected one row per person. Remove the copies, or move repeated measurements to a table of their own."
        )
    if design.time_zero is not None and "time_zero" in people.columns:
        raise DesignError(f"table '{design.person_table}' has a column 'time_zero', which the cohort makes itself; rename it.")
    refuse_later_knowledge(design, people.columns)
    return derive(people, design.derive)


def _measure(design: Design, people: pd.DataFrame, linked: Any, course: Course) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    parts: list[pd.DataFrame] = []
    notes: tuple[Note, ...] = ()
    for covariate in design.covariates:
        columns, more = covariate_columns(covariate, people, linked, course.time_zero, course.birth)
        parts, notes = [*parts, columns], notes + more
    for exposure in design.exposures:
        columns, more = measure(exposure, people, linked, course.time_zero)
        parts, notes = [*parts, columns], notes + more
    measured = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=people.index)
    twice = measured.columns[measured.columns.duplicated()]
    if len(twice):
        raise DesignError(f"two exposures or covariates make the column '{twice[0]}'; rename one.")
    return measured, notes


def _select(design: Design, people: pd.DataFrame, measured: pd.DataFrame, course: Course) -> Attrition:
    flow = begin(design.person_label or f"People in {design.person_table}", course.has_event)
    for check in course.before:
        flow = flow.take(check)
    frame = _known_at_time_zero(people, measured, course.time_zero, design.time_zero is None)
    for criterion in design.eligibility:
        flow = flow.take(judge(criterion, frame, flow.member))
    for check in course.after:
        flow = flow.take(check)
    return flow


def _known_at_time_zero(people: pd.DataFrame, measured: pd.DataFrame, zero: Floats, dateless: bool) -> pd.DataFrame:
    clash = [c for c in measured.columns if c in people.columns and not people[c].equals(measured[c])]
    if clash:
        raise DesignError(
            f"'{clash[0]}' is a column of the person table and, with other content, a covariate or exposure; rename the latter."
        )
    frame = pd.concat([people.drop(columns=[c for c in measured.columns if c in people.columns]), measured], axis=1)
    return frame if dateless else frame.assign(time_zero=from_days(zero))


def _scale(design: Design, measured: pd.DataFrame, member: Bools) -> tuple[pd.DataFrame, dict[str, tuple[float, ...]], tuple[Note, ...]]:
    cutpoints: dict[str, tuple[float, ...]] = {}
    notes: tuple[Note, ...] = ()
    for part in (*design.exposures, *design.covariates):
        if measured.loc[member, part.name].isna().all():
            raise DataError(
                f"'{part.name}' is missing for all {int(member.sum())} people of the cohort. "
                "Check its table, its condition and its window, or its column."
            )
    for exposure in design.exposures:
        name = exposure.name
        need_columns(measured, [exposure.scales.within], f"'{name}', within", "cohort")
        measured, cuts, more = add_scales(measured, name, exposure.scales, member)
        cutpoints, notes = cutpoints | cuts, notes + more
    return measured, cutpoints, notes


def _assemble(design: Design, people: pd.DataFrame, measured: pd.DataFrame, course: Course, flow: Attrition) -> pd.DataFrame:
    member = flow.member
    kept = [
        name
        for name in dict.fromkeys((*design.keep, *_survey_columns(design)))
        if name not in measured.columns and name != design.person_id
    ]
    need_columns(people, kept, "keep", design.person_table)
    columns: dict[str, Any] = {design.person_id: people[design.person_id]}
    if design.time_zero is not None:
        columns["time_zero"] = from_days(course.time_zero)
    for name in ("entry", "exit", "event", "person_time"):
        columns[name] = np.where(member, getattr(course, name), np.nan)
    times = pd.DataFrame(columns)
    return pd.concat([times, measured, people[kept], pd.Series(member.astype(np.int64), name="in_cohort")], axis=1)


def _refuse_unfit(design: Design, data: pd.DataFrame, everyone: pd.DataFrame) -> None:
    """Last look: follow-up that every model accepts, and a survey design without holes."""
    data["event"] = data["event"].astype(np.int64)
    follow_up(exit=data["exit"], event=data["event"], entry=data["entry"], kinds=len(design.competing) + 1, unit=design.unit)
    for name in _survey_columns(design):
        missing = int(data[name].isna().sum())
        if missing:
            raise MissingValuesError(
                f"survey column '{name}': {missing} of {len(data)} members have none. Add a criterion, or use another weight."
            )
    if design.survey is not None and (everyone[design.survey.weights] < 0).any():
        raise DataError(f"survey weights '{design.survey.weights}': {int((everyone[design.survey.weights] < 0).sum())} are negative.")


def _survey_columns(design: Design) -> tuple[str, ...]:
    survey = design.survey
    return tuple(name for name in (survey.weights, survey.strata, survey.psu) if name) if survey is not None else ()


def _note_table(notes: tuple[Note, ...]) -> pd.DataFrame:
    return pd.DataFrame([vars(note) for note in notes], columns=list(NOTE_COLUMNS))
