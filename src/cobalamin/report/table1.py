"""Table 1: who the people are, overall and by group, with missing values counted and standardized differences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, level_label, plain, term_label
from cobalamin.report.records import records
from cobalamin.report.tables import caption, person_time

OVERALL = "Overall"


@dataclass(frozen=True)
class _Cells:
    """Table 1 rows by address ``(group, term, level, measure)``."""

    rows: dict[tuple[str, str, str, str], tuple[float, float, str]]

    def value(self, group: str, term: str, measure: str, level: str = "") -> float:
        return self.rows.get((group, term, level, measure), (math.nan, math.nan, ""))[0]

    def n(self, group: str, term: str, measure: str, level: str = "") -> float:
        return self.rows.get((group, term, level, measure), (math.nan, math.nan, ""))[1]

    def hidden(self, group: str, term: str, measure: str, level: str = "") -> bool:
        return fmt.is_suppressed(self.rows.get((group, term, level, measure), (math.nan, math.nan, ""))[2])

    def has(self, term: str, measure: str) -> bool:
        return any(t == term and m == measure for _, t, _, m in self.rows)


def exhibit_table1(estimates: Estimates, facts: StudyFacts) -> Exhibit | None:
    """Make Table 1 from summary rows.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``table1``.
    facts : StudyFacts
        Labels of variables, levels and the grouping.

    Returns
    -------
    Exhibit or None
        None without such rows.
    """
    rows = estimates.where(analysis="table1")
    if not len(rows):
        return None
    frame = rows.frame
    cells = _Cells({(r.subgroup, r.term, r.level, r.measure): (r.value, r.n, r.warning) for r in records(frame)})
    groups = _groups(frame)
    smd = bool((frame["measure"] == "smd").any())
    body = [*_totals(frame, groups, facts, smd)]
    for term in dict.fromkeys(t for t in frame["term"] if t):
        body += _variable(cells, frame, term, groups, facts, smd)
    grouping = group_label(next((m for m in frame["model"] if m), ""), facts)
    by = f" by {grouping}" if grouping and len(groups) > 1 else ""
    return Exhibit(
        key="table1",
        title=f"Characteristics of the people{by}",
        caption=caption(_caption(frame, smd), facts),
        alt=f"Table of {len(body)} rows; columns: {', '.join(level_label(g, facts) for g in groups)}.",
        estimates=rows,
        body=TableBody(_columns(cells, groups, facts, smd), tuple(body), _notes(frame)),
    )


def _groups(frame: pd.DataFrame) -> list[str]:
    found = list(dict.fromkeys(g for g in frame["subgroup"] if g))
    return [g for g in (OVERALL,) if g in found] + [g for g in found if g != OVERALL]


def _columns(cells: _Cells, groups: list[str], facts: StudyFacts, smd: bool) -> tuple[Column, ...]:
    names = [Column("Characteristic", "left")]
    for group in groups:
        hidden = cells.hidden(group, "", "total")
        n = fmt.count(cells.n(group, "", "total"), "suppressed" if hidden else "")
        names.append(Column(f"{level_label(group, facts)}\nn = {n}" if n != fmt.DASH else level_label(group, facts)))
    return (*names, *([Column("SMD")] if smd else []))


def _totals(frame: pd.DataFrame, groups: list[str], facts: StudyFacts, smd: bool) -> list[Row]:
    part = frame.loc[(frame["measure"] == "total") & (frame["term"] == "")]
    total = {r.subgroup: r for r in records(part)}
    shown: list[tuple[str, list[str]]] = []
    if part["events"].notna().any():
        shown.append((plain(facts.event), [fmt.count(total[g].events, total[g].warning) if g in total else fmt.DASH for g in groups]))
    if part["person_time"].notna().any():
        shown.append(
            (f"Person-{facts.time_unit}", [person_time(total[g].person_time, total[g].warning) if g in total else fmt.DASH for g in groups])
        )
    return [Row((label, *texts, *([""] if smd else []))) for label, texts in shown]


def _variable(cells: _Cells, frame: pd.DataFrame, term: str, groups: list[str], facts: StudyFacts, smd: bool) -> list[Row]:
    difference = cells.value("", term, "smd")
    tail = [fmt.number(difference, 2)] if smd else []
    blank = [""] * len(tail)
    rows = [Row((term_label(term, facts), *[""] * len(groups), *tail))]
    for name, one in (("Mean (SD)", _mean), ("Median (quartiles)", _median)):
        if cells.has(term, "mean" if one is _mean else "median"):
            rows.append(Row((name, *(one(cells, g, term) for g in groups), *blank), indent=1))
    levels = list(dict.fromkeys(frame.loc[(frame["term"] == term) & (frame["measure"] == "percent"), "level"]))
    yes = _yes(levels)
    if yes is not None:
        shares = (_share(cells, g, term, yes) for g in groups)
        rows[0] = Row((f"{term_label(term, facts)}: {level_label('yes', facts)}", *shares, *tail))
        levels = []
    for level in levels:
        rows.append(Row((level_label(level, facts) or "Yes", *(_share(cells, g, term, level) for g in groups), *blank), indent=1))
    if _any_missing(cells, groups, term):
        rows.append(Row(("Missing", *(_missing(cells, g, term) for g in groups), *blank), indent=1))
    return rows


def _yes(levels: list[str]) -> str | None:
    """Return the affirmative level of a yes/no variable: its other level says nothing more."""
    for no, yes in (("0", "1"), ("no", "yes"), ("No", "Yes"), ("False", "True"), ("false", "true")):
        if set(levels) in ({no, yes}, {yes}):
            return yes
    return None


def _mean(cells: _Cells, group: str, term: str) -> str:
    mean, sd = cells.value(group, term, "mean"), cells.value(group, term, "sd")
    if math.isnan(mean):
        return fmt.SUPPRESSED if cells.hidden(group, term, "mean") else fmt.DASH
    digits = fmt.summary_digits(sd)
    return fmt.number(mean, digits) + ("" if math.isnan(sd) else f" ({fmt.number(sd, digits)})")


def _median(cells: _Cells, group: str, term: str) -> str:
    median, q1, q3 = (cells.value(group, term, m) for m in ("median", "q1", "q3"))
    if math.isnan(median):
        return fmt.SUPPRESSED if cells.hidden(group, term, "median") else fmt.DASH
    digits = fmt.summary_digits(q3 - q1)
    limits = "" if math.isnan(q1) or math.isnan(q3) else f" ({fmt.number(q1, digits)} to {fmt.number(q3, digits)})"
    return fmt.number(median, digits) + limits


def _share(cells: _Cells, group: str, term: str, level: str) -> str:
    n, value = cells.n(group, term, "percent", level), cells.value(group, term, "percent", level)
    if math.isnan(n) and cells.hidden(group, term, "percent", level):
        return fmt.SUPPRESSED
    if math.isnan(n):
        return fmt.percent(value)
    return f"{fmt.count(n)} ({fmt.percent(value)})" if not math.isnan(value) else fmt.count(n)


def _any_missing(cells: _Cells, groups: list[str], term: str) -> bool:
    return any(cells.n(g, term, "missing") > 0 or cells.hidden(g, term, "missing") for g in groups)


def _missing(cells: _Cells, group: str, term: str) -> str:
    n, share = cells.n(group, term, "missing"), cells.value(group, term, "missing")
    if math.isnan(n):
        return fmt.SUPPRESSED if cells.hidden(group, term, "missing") else fmt.DASH
    return fmt.count(n) if n == 0 or math.isnan(share) else f"{fmt.count(n)} ({fmt.percent(share)})"


def _caption(frame: pd.DataFrame, smd: bool) -> str:
    text = "Numbers are counts (percent of people with a known value) or as named in the row."
    return text + (" SMD: standardized mean difference (largest between any two groups); it does not depend on group size." if smd else "")


def _notes(frame: pd.DataFrame) -> tuple[str, ...]:
    if not (frame["measure"] == "missing").any():
        return ("Missing values were not reported.",)
    return ("Variables without a row for missing values have none.",)
