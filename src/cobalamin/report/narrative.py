"""Sentences written from results: estimates one by one, their range, people, absolute risks, missing values."""

from __future__ import annotations

import math

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import join_words, level_label, plain
from cobalamin.report.measures import estimate_digits, estimate_value, null_of
from cobalamin.report.records import Record, records
from cobalamin.report.select import contrasts, described_models
from cobalamin.report.tables import level_text
from cobalamin.report.verdict import contrast_sentence

# Fewer people at risk than this in any group, and the end of a curve says little
ENOUGH_AT_RISK = 20


def result_sentences(estimates: Estimates, facts: StudyFacts, *roles: str) -> list[Sentence]:
    """Write one sentence per exposure contrast of the models with these roles.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models and labels.
    *roles : str
        Roles of the models.

    Returns
    -------
    list of Sentence
        Each cites its row; reference categories have none.
    """
    models = described_models(estimates, facts, *roles)
    return [contrast_sentence(c, facts) for m in models for c in contrasts(estimates, facts, m) if not c.is_reference]


def range_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Sum up the sensitivity analyses in one sentence.

    Parameters
    ----------
    estimates : Estimates
        Results.
    facts : StudyFacts
        Models.

    Returns
    -------
    Sentence or None
        None when there are fewer than two estimates of the outcome and the measure of the primary model.
    """
    models = described_models(estimates, facts, "sensitivity")
    shown = [c for m in models for c in contrasts(estimates, facts, m) if not c.is_reference and math.isfinite(c.row.value)]
    main = [(c.row.outcome, c.row.measure) for m in described_models(estimates, facts, "primary") for c in contrasts(estimates, facts, m)]
    kinds = set(main[:1]) or {(c.row.outcome, c.row.measure) for c in shown}
    shown = [c for c in shown if (c.row.outcome, c.row.measure) in kinds]
    measures = {c.row.measure for c in shown}
    if len(shown) < 2 or len(kinds) != 1:
        return None
    values = sorted(c.row.value for c in shown)
    measure = measures.pop()
    around = sum(c.row.low <= null_of(measure) <= c.row.high for c in shown)
    digits = max(estimate_digits(measure, c.row.value, c.row.low, c.row.high) for c in shown)
    ends = " to ".join(estimate_value(measure, v, digits) for v in (values[0], values[-1]))
    text = f"Across {len(shown)} sensitivity estimates the {measure} ranged from {ends};"
    return Sentence(f"{text} {around} of {len(shown)} intervals include {null_of(measure):g}.", tuple(c.key for c in shown))


def people_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Say how many people were analysed, with how many events over how much time.

    Parameters
    ----------
    estimates : Estimates
        With the totals of Table 1, or attrition rows.
    facts : StudyFacts
        Labels.

    Returns
    -------
    Sentence or None
        None when neither is there.
    """
    table = list(records(estimates.where(analysis="table1", measure="total", subgroup="Overall", term="").frame))
    flow = list(records(estimates.where(context="attrition", measure="remaining").frame.sort_values("at").tail(1)))
    # the flow chart counts everybody; Table 1 may leave out people without a group
    total = (flow or table)[:1]
    if not total or math.isnan(total[0].n):
        return None
    n, events, time = total[0].n, total[0].events, table[0].person_time if table else math.nan
    parts = [f"{fmt.count(n)} people were analysed"]
    parts += [f"with {fmt.count(events)} events ({plain(facts.event)})"] if not math.isnan(events) else []
    parts += [f"over {fmt.number(time)} person-{facts.time_unit}"] if not math.isnan(time) else []
    return Sentence(" ".join(parts) + ".", ("totals",))


def curve_sentences(estimates: Estimates, facts: StudyFacts) -> list[Sentence]:
    """Give the absolute risk of each group at a late round time at which enough people are still at risk.

    Parameters
    ----------
    estimates : Estimates
        With rows of analysis ``survival``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Sentence
        One per grouping and outcome.
    """
    every = estimates.where(analysis="survival", context="curve")
    rows = every.where(measure="survival").frame.dropna(subset=["at", "value"])
    found = []
    for (model, outcome, level), part in rows.groupby(["model", "outcome", "level"], sort=False):
        at = telling_time(part, every.where(measure="at risk", model=str(model), outcome=str(outcome), level=str(level)).frame)
        told, hidden = known_at(part, at)
        groups = join_words([_risk_words(r, facts) for r in told] + not_told(hidden, facts))
        label = (plain(facts.time_scale) or f"Time ({facts.time_unit})").lower()
        since = f" from {part['at'].min():g}" if part["at"].min() > 0 else ""
        text = f"Unadjusted cumulative probability (one minus Kaplan-Meier){since} to {at:g}, {label}: {groups}."
        found.append(Sentence(text, (f"survival | {model}",)))
    return found


def telling_time(curves: pd.DataFrame, at_risk: pd.DataFrame) -> float:
    """Choose the time at which the curves of several groups are best told.

    Parameters
    ----------
    curves, at_risk : DataFrame
        Rows of the curves and of the numbers at risk.

    Returns
    -------
    float
        The last time of the at-risk table that every curve reaches with enough people left; else the last time all reach.
    """
    last = float(curves.groupby("subgroup")["at"].max().min())
    fewest = at_risk.loc[at_risk["at"] <= last].groupby("at")["n"].agg(lambda n: n.min(skipna=False))
    round_times = fewest.index[fewest >= ENOUGH_AT_RISK]
    return float(round_times.max()) if len(round_times) and round_times.max() > curves["at"].min() else last


# a released point further back than this share of the time says nothing about the time told
_STALE = 0.1


def known_at(curves: pd.DataFrame, at: float) -> tuple[list[Record], list[str]]:
    """Return the last released point of each group up to a time, and the groups whose curve is not known there.

    Parameters
    ----------
    curves : DataFrame
        Rows of curves, rising in time; disclosure control may have taken points out.
    at : float
        The time told.

    Returns
    -------
    tuple of (list of Record, list of str)
        Points near enough; and groups with a later point whose last one is long past.

    Examples
    --------
    >>> from cobalamin.core.estimates import Estimates
    >>> rows = [{"subgroup": g, "at": t, "value": v} for g, t, v in (("a", 0, 0), ("a", 9.5, 0.2), ("b", 0, 0), ("b", 12, 0.4))]
    >>> told, hidden = known_at(Estimates.from_rows(rows).frame, 10.0)
    >>> [r.value for r in told], hidden
    ([0.2], ['b'])
    """
    start, ends = float(curves["at"].min()), curves.groupby("subgroup")["at"].max()
    last = list(records(curves.loc[curves["at"] <= at].groupby("subgroup", sort=False).tail(1)))
    old = [r for r in last if at - r.at > _STALE * (at - start) and ends[r.subgroup] > at]
    return [r for r in last if r not in old], [r.subgroup for r in old]


def not_told(groups: list[str], facts: StudyFacts) -> list[str]:
    """Say of groups that their curve is not shown at a time.

    Parameters
    ----------
    groups : list of str
        Labels.
    facts : StudyFacts
        Names of levels.

    Returns
    -------
    list of str
        One text per group.

    Examples
    --------
    >>> not_told(["<148"], StudyFacts("t", "q"))
    ['not shown in <148 (small counts)']
    """
    return [f"not shown{' in ' + level_label(g, facts) if g and g != 'Overall' else ''} (small counts)" for g in groups]


def _risk_words(r: Record, facts: StudyFacts) -> str:
    limits = "" if math.isnan(r.low) else f" ({level_text(facts)} {fmt.percent(100 * (1 - r.high))} to {fmt.percent(100 * (1 - r.low))})"
    where = f" in {level_label(r.subgroup, facts)}" if r.subgroup and r.subgroup != "Overall" else ""
    return f"{fmt.percent(100 * (1 - r.value))}{limits}{where}"


def missing_sentence(estimates: Estimates, facts: StudyFacts) -> Sentence | None:
    """Say how many people the models left out for missing values.

    Parameters
    ----------
    estimates : Estimates
        With diagnostic rows ``n_missing``.
    facts : StudyFacts
        Models.

    Returns
    -------
    Sentence or None
        None when no model reports it.
    """
    rows = estimates.where(context="diagnostic", measure="n_missing").frame
    labels = {m.name: plain(m.label) for m in facts.models}
    left = {labels.get(m, m): v for m, v in zip(rows["model"], rows["value"], strict=True) if v > 0}
    if rows.empty:
        return None
    if not left:
        return Sentence("No model left anybody out for missing values.")
    words = [f"{fmt.count(v)} ({m})" for m, v in left.items()]
    return Sentence(f"People left out of a model because a variable was missing: {join_words(words)}.", ("n_missing",))
