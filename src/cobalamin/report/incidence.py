"""Cumulative incidence of competing events by group, with the numbers at risk beneath."""

from __future__ import annotations

import math

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.blocks import Sentence
from cobalamin.report.curve_drawing import Look, curve_notes, draw_curves, tests_words, time_label
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, join_words, level_label, slug
from cobalamin.report.narrative import known_at, not_told, telling_time
from cobalamin.report.records import Record
from cobalamin.report.tables import caption, level_text

MEASURE = "cumulative incidence"


def exhibits_incidence(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the cumulative incidence of each kind of event, one figure per grouping, outcome and event.

    Parameters
    ----------
    estimates : Estimates
        Rows of measures ``cumulative incidence`` and ``at risk``, the event in ``level``.
    facts : StudyFacts
        Labels, time scale, confidence level.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis=MEASURE, context=("curve", "diagnostic"))
    frame = rows.where(measure=MEASURE).frame
    shown = frame.dropna(subset=["at", "value"])
    made = []
    for grouping, outcome in dict.fromkeys(zip(shown["model"], shown["outcome"], strict=True)):
        own = rows.where(model=grouping, outcome=outcome)
        kinds = list(dict.fromkeys(own.where(measure=MEASURE).frame["level"]))
        drawn = set(shown.loc[(shown["model"] == grouping) & (shown["outcome"] == outcome), "level"])
        made += [_incidence(own.where(level=k), [o for o in kinds if o != k], (grouping, outcome, k), facts) for k in kinds if k in drawn]
    return made


def _incidence(rows: Estimates, others: list[str], which: tuple[str, str, str], facts: StudyFacts) -> Exhibit:
    grouping, _, kind = which
    every, at_risk = rows.where(measure=MEASURE).frame, rows.where(measure="at risk").frame
    frame = every.dropna(subset=["at", "value"])
    groups = list(dict.fromkeys(frame["subgroup"]))
    by = f" by {group_label(grouping, facts)}" if len(groups) > 1 and grouping else ""
    title = f"Cumulative incidence of {level_label(kind, facts)}{by}"
    rivals = f" in the presence of {join_words([level_label(o, facts) for o in others])}" if others else ""
    text = f"Aalen-Johansen estimate{rivals}, with {level_text(facts)} (shaded). Curves are not adjusted. Beneath: people at risk."
    text += tests_words(rows, "Gray's test")
    text += curve_notes(every, at_risk, facts)
    alt = f"Curves over {time_label(frame, facts).lower()}. {' '.join(_words(frame, g, facts) for g in groups)}"
    key = slug("-".join(("incidence", *(w for w in which if w))))
    with theme.theme():
        body = draw_curves(frame, at_risk, Look("Cumulative incidence", rising=True), facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def incidence_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """Give the cumulative incidence of each kind of event and group at a late round time, other events competing.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``cumulative incidence``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Sentence
        One per grouping, outcome and kind of event.
    """
    every = estimates.where(analysis=MEASURE, context="curve")
    rows = every.where(measure=MEASURE).frame.dropna(subset=["at", "value"])
    found = []
    for (model, outcome, level), part in rows.groupby(["model", "outcome", "level"], sort=False):
        at_risk = every.where(measure="at risk", model=str(model), outcome=str(outcome), level=str(level)).frame
        at = telling_time(part, at_risk)
        told, hidden = known_at(part, at)
        groups = join_words([_risk_words(r, facts) for r in told] + not_told(hidden, facts))
        since = f" from {part['at'].min():g}" if part["at"].min() > 0 else ""
        text = f"Unadjusted cumulative incidence of {level_label(str(level), facts)} (Aalen-Johansen){since} to {at:g},"
        found.append(Sentence(f"{text} {time_label(part, facts).lower()}: {groups}.", (f"{MEASURE} | {model}",)))
    return found


def _risk_words(r: Record, facts: StudyFacts) -> str:
    limits = "" if math.isnan(r.low) else f" ({level_text(facts)} {fmt.percent(100 * r.low)} to {fmt.percent(100 * r.high)})"
    where = f" in {level_label(r.subgroup, facts)}" if r.subgroup and r.subgroup != "Overall" else ""
    return f"{fmt.percent(100 * r.value)}{limits}{where}"


def _words(frame: pd.DataFrame, group: str, facts: StudyFacts) -> str:
    last = frame.loc[frame["subgroup"] == group].sort_values("at").iloc[-1]
    return f"{level_label(group, facts) or 'All'}: {fmt.percent(100 * last['value'])} at {last['at']:g}."
