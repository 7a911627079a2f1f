"""The people of a cohort who had the outcome, at each visit after it: one row per visit and rater."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cobalamin.core.errors import DataError, DesignError
from cobalamin.core.estimates import Estimates
from cobalamin.design.cohort import Cohort
from cobalamin.design.outcome import first_days
from cobalamin.design.records import link_tables, need_columns, take_table
from cobalamin.design.timeline import DAYS_PER_YEAR, to_days
from cobalamin.scores.scoring import score
from cobalamin.study.visit_sections import ScoreSection, VisitsSection

SINCE, NUMBER, DAY = "years_since_outcome", "visit_number", "visit_day_"
BAND = "_band"
# what tells how follow-up went: no covariate of a model among those who had the outcome
_LEFT_OUT = ("entry", "exit", "event", "person_time")


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits of a cohort's cases.

    Attributes
    ----------
    rows : DataFrame, one row per visit and rater
        The cohort's columns (exposure and covariates at its time zero), ``years_since_outcome``, ``visit_number`` (1, 2, ... of the
        person), the rater, the columns asked for, and the scores.
    baseline : DataFrame, one row per person
        The first visit within the days allowed, by the first rater in the order of their keys.
    counts : mapping of str to int
        People, visits, raters and rows at each step.
    person : str
        Column of the person's key.
    outcome : str
        Name of the outcome.
    """

    rows: pd.DataFrame
    baseline: pd.DataFrame
    counts: Mapping[str, int]
    person: str
    outcome: str

    def of(self, rows: str) -> pd.DataFrame:
        """Return the rows a model asks for.

        Parameters
        ----------
        rows : {"baseline", "visits", "one-rater"}
            First visits; all visits and raters; all visits, each by its first rater (what the person answers is the same for all).

        Returns
        -------
        DataFrame
            One row per person, per visit and rater, or per visit.
        """
        if rows == "one-rater":
            return self.rows.drop_duplicates([self.person, NUMBER]).reset_index(drop=True)
        return self.baseline if rows == "baseline" else self.rows

    def estimates(self) -> Estimates:
        """Return the counts as rows of results, protected like those of a model.

        Returns
        -------
        Estimates
            Analysis ``visits``, one diagnostic row per count.
        """
        rows = [{"measure": name, "value": float(count)} for name, count in self.counts.items()]
        return Estimates.from_rows(rows, analysis="visits", context="diagnostic", model="visits", outcome=self.outcome)


def follow_visits(cohort: Cohort, tables: Mapping[str, pd.DataFrame], spec: VisitsSection, scores: Sequence[ScoreSection]) -> Visits:
    """Join the visits to those people of a cohort who had the outcome.

    Parameters
    ----------
    cohort : Cohort
        With dates; exposure and covariates are those of its time zero, before the outcome (and its lag) by construction.
    tables : mapping of str to DataFrame
        Valid tables.
    spec : VisitsSection
        Table, date, rater, columns.
    scores : sequence of ScoreSection
        Scores of each visit.

    Returns
    -------
    Visits
        Visits before the day of the outcome are counted and left out.

    Raises
    ------
    DesignError
        A cohort without dates, an unknown table or column, a column that the cohort has too.
    DataError
        No visit of anybody, or two rows of one person, day and rater.
    """
    if cohort.design.time_zero is None:
        raise DesignError("[visits] needs a design with dates (time_zero): visits are counted from the day of the outcome.")
    key = cohort.design.person_id
    person = spec.person or key
    table = take_table(tables, spec.table, "[visits]")
    need_columns(table, [person, spec.date, spec.rater or "", *spec.columns], "[visits]", spec.table)
    cases = _cases(cohort, tables)
    rows = _joined(cases, table.rename(columns={person: key}), key, spec, scores)
    after = rows.loc[rows[DAY] >= 0]
    if after.empty:
        raise DataError(f"[visits] no row of '{spec.table}' is of a person with the outcome, on or after its day: nothing to analyse.")
    after = _numbered(after, key)
    first = after.loc[(after[NUMBER] == 1) & (after[DAY] <= spec.baseline_days)]
    baseline = first.drop_duplicates(key)
    counts = _counts(cases, rows, after, baseline, key, spec)
    clean = [frame.drop(columns=DAY).reset_index(drop=True) for frame in (after, baseline)]
    return Visits(clean[0], clean[1], counts, key, cohort.design.outcome.name)


def _cases(cohort: Cohort, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The cohort's people with the outcome, and its day."""
    design = cohort.design
    people = take_table(tables, design.person_table, "people")
    own = people.set_index(design.person_id).loc[cohort.data.loc[cohort.data["event"] == 1, design.person_id]].reset_index()
    linked, _ = link_tables(tables, design.tables, pd.Index(people[design.person_id]), design.person_id)
    days, _ = first_days(design.outcome, people, linked)
    day = pd.Series(days, index=people[design.person_id]).loc[own[design.person_id]].to_numpy()
    return cohort.data.loc[cohort.data["event"] == 1].drop(columns=list(_LEFT_OUT)).assign(outcome_day_=day)


def _joined(cases: pd.DataFrame, table: pd.DataFrame, key: str, spec: VisitsSection, scores: Sequence[ScoreSection]) -> pd.DataFrame:
    own = table.loc[table[key].isin(cases[key])]
    kept = list(dict.fromkeys([key, *([spec.rater] if spec.rater else []), *spec.columns]))
    made = pd.concat([own[kept], *(_scored(own, each) for each in scores)], axis=1)
    made = made.loc[:, ~made.columns.duplicated()].assign(**{DAY: to_days(own[spec.date])})
    clash = [name for name in made.columns if name in cases.columns and name != key]
    if clash:
        raise DesignError(f"[visits] '{clash[0]}' is a column of the cohort too; leave it out of 'columns', or name the score otherwise.")
    twice = int(made.duplicated([key, DAY, *([spec.rater] if spec.rater else [])]).sum())
    if twice:
        raise DataError(f"[visits] {twice} row(s) of '{spec.table}' repeat a person and day{' and rater' if spec.rater else ''}.")
    rows = cases.merge(made, on=key, how="inner", validate="one_to_many")
    rows[DAY] = rows[DAY] - rows["outcome_day_"]
    order = [key, DAY, *([spec.rater] if spec.rater else [])]
    return rows.drop(columns="outcome_day_").assign(**{SINCE: rows[DAY] / DAYS_PER_YEAR}).sort_values(order, kind="stable")


def _scored(rows: pd.DataFrame, spec: ScoreSection) -> pd.DataFrame:
    """The score of each row, its parts where an instrument has them, and its bands."""
    if spec.column is not None:
        need_columns(rows, [spec.column], f"[score.{spec.name}]", "visits")
        made = pd.DataFrame({spec.name: rows[spec.column].astype(float)})
    else:
        found = score(spec.instrument or "", rows, columns=spec.columns, missing=spec.missing, most_missing=spec.most_missing)
        found = found.drop(columns=f"{spec.instrument}_missing")
        made = found.rename(columns=lambda name: spec.name + str(name).removeprefix(str(spec.instrument)))
    if spec.bands:
        made[spec.name + BAND] = banded(made[spec.name], spec.bands)
    return made


def banded(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """Put a score into ordered classes.

    Parameters
    ----------
    values : Series
        Scores.
    edges : sequence of float
        Lowest value of every class but the first, rising.

    Returns
    -------
    Series of ordered Categorical
        ``"<8", "8 to <16", ">=16"``; missing where the score is.

    Examples
    --------
    >>> banded(pd.Series([3.0, 8.0, 30.0]), (8, 16)).tolist()
    ['<8', '8 to <16', '>=16']
    """
    inner = [f"{low:g} to <{high:g}" for low, high in itertools.pairwise(edges)]
    labels = [f"<{edges[0]:g}", *inner, f">={edges[-1]:g}"]
    codes = np.where(values.isna(), -1, np.searchsorted(np.asarray(edges, dtype=float), values, side="right"))
    return pd.Series(pd.Categorical.from_codes(codes.tolist(), pd.Index(labels), ordered=True), index=values.index)


def _numbered(rows: pd.DataFrame, key: str) -> pd.DataFrame:
    return rows.assign(**{NUMBER: rows.groupby(key, sort=False)[DAY].rank(method="dense").astype(int)})


def _counts(
    cases: pd.DataFrame, rows: pd.DataFrame, after: pd.DataFrame, baseline: pd.DataFrame, key: str, spec: VisitsSection
) -> dict[str, int]:
    seen = after.groupby([key, DAY], sort=False).size()
    counts = {
        "n_cases": len(cases),
        "n_with_visit": int(after[key].nunique()),
        "n_with_baseline": len(baseline),
        "n_visits": len(seen),
        "n_rows": len(after),
        "n_rows_before_outcome": len(rows) - len(after),
    }
    if spec.rater:
        counts |= {"n_raters": int(after[spec.rater].nunique()), "n_visits_of_two_raters": int((seen > 1).sum())}
    return counts
