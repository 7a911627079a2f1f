"""Survival curves, or their complement where events are rare, with the numbers at risk beneath them."""

from __future__ import annotations

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.curve_drawing import Look, complement, curve_notes, draw_curves, tests_words, time_label
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, level_label, outcome_label, slug
from cobalamin.report.tables import caption, level_text

# Above this lowest survival an event is rare: the complement of the curve is drawn, on an axis that does not start at 1
RARE = 0.7


def exhibits_curves(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw Kaplan-Meier curves, one figure per grouping and outcome, with a table of the numbers at risk.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``survival``, measures ``survival``, ``at risk`` and, where wanted, ``simultaneous band``.
    facts : StudyFacts
        Labels, time scale, confidence level.

    Returns
    -------
    list of Exhibit
        Empty without such rows. Where everybody's survival stays above 0.7 the figure shows its complement.
    """
    rows = estimates.where(analysis="survival", context=("curve", "diagnostic"))
    curves = rows.where(measure="survival").frame.dropna(subset=["at", "value"])
    found = list(dict.fromkeys(zip(curves["model"], curves["outcome"], curves["level"], strict=True)))
    return [_curves(rows.where(model=m, outcome=o, level=s), (m, o, s), facts) for m, o, s in found]


def _curves(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts) -> Exhibit:
    grouping, outcome, state = which
    every = rows.where(measure="survival").frame
    frame = every.dropna(subset=["at", "value"])
    risk = bool(frame["value"].min() > RARE)
    groups = list(dict.fromkeys(frame["subgroup"]))
    event = level_label(state, facts) if state in facts.levels else outcome_label(outcome, facts)
    by = f" by {group_label(grouping, facts)}" if len(groups) > 1 and grouping else ""
    title = f"{'Cumulative probability of' if risk else 'Survival free of'} {event}{by}"
    text = f"{'One minus the Kaplan-Meier' if risk else 'Kaplan-Meier'} estimate with {level_text(facts)} (shaded);"
    text += " every other end of follow-up counts as censoring. Curves are not adjusted. Beneath: people at risk."
    band = rows.where(measure="simultaneous band").frame
    text += _band_words(band, facts)
    text += tests_words(rows, "log-rank test")
    at_risk = rows.where(measure="at risk").frame
    text += curve_notes(every, at_risk, facts)
    alt = f"Curves over {time_label(frame, facts).lower()}. {' '.join(_curve_words(frame, g, facts, risk) for g in groups)}"
    key = "curves-" + (slug("-".join(w for w in (grouping, outcome, state) if w)) or "all")
    look = Look("Cumulative probability", rising=True) if risk else Look("Survival", rising=False)
    shown, around = (complement(frame), complement(band)) if risk else (frame, band)
    with theme.theme():
        body = draw_curves(shown, at_risk, look, facts, key=key, title=title, alt=alt, band=around)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _curve_words(frame: pd.DataFrame, group: str, facts: StudyFacts, risk: bool) -> str:
    last = frame.loc[frame["subgroup"] == group].sort_values("at").iloc[-1]
    value = 100 * (1 - last["value"] if risk else last["value"])
    return f"{level_label(group, facts) or 'All'}: {fmt.percent(value)} at {last['at']:g}."


def _band_words(band: pd.DataFrame, facts: StudyFacts) -> str:
    if band["low"].isna().all():
        return ""
    kind = next((f" ({t.replace('-', ' ')})" for t in band["term"] if t), "")
    share = f"{facts.confidence * 100:g}%"
    return f" Thin lines: {share} simultaneous band{kind}, which holds the whole curve with that confidence."
