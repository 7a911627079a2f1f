"""The forest of subgroups: the exposure's estimate within each level of other variables, with the test of interaction of each."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.forest import Line, draw_forest
from cobalamin.report.labels import level_label, outcome_label, plain, slug, term_label
from cobalamin.report.measures import estimate_interval, is_ratio
from cobalamin.report.records import Record, records
from cobalamin.report.schoenfeld import model_name
from cobalamin.report.select import Contrast
from cobalamin.report.tables import caption, level_text

ANALYSIS = "subgroups"
TEST = "interaction test"


def exhibits_subgroups(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw one forest per model, outcome and contrast of the exposure.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``subgroups``: estimates with ``subgroup`` (``"sex: female"``; empty = everybody) and the diagnostics
        ``interaction test`` per variable.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis=ANALYSIS)
    frame = rows.where(context="estimate").frame
    within = frame.loc[frame["subgroup"].str.contains(": ", regex=False)]
    keys = dict.fromkeys(zip(*(within[c] for c in ("model", "outcome", "term", "level", "measure")), strict=True))
    return [_forest(rows, dict(zip(("model", "outcome", "term", "level", "measure"), key, strict=True)), facts) for key in keys]


def _forest(rows: Estimates, which: dict[str, str], facts: StudyFacts) -> Exhibit:
    own = rows.where(context="estimate", **which)
    tests = rows.where(context="diagnostic", measure=TEST, model=which["model"], outcome=which["outcome"], term=which["term"]).frame
    about = f"{term_label(which['term'], facts)}{': ' + level_label(which['level'], facts) if which['level'] else ''}"
    shown = [Contrast(_model(which, facts), row, about) for row in records(own.frame)]
    measure = which["measure"]
    title = f"{measure.capitalize()}s of {outcome_label(which['outcome'], facts)} within subgroups"
    scale = "Logarithmic scale" if is_ratio(measure) else "Linear scale"
    text = f"{about}. Points: {measure}s; lines: {level_text(facts)}. {scale}; arrows: the interval goes on."
    text += " P values are of the test that the effect is the same in all levels of a variable, not of an effect in one of them."
    text = f"{model_name(which['model'], facts)}: {text}".removeprefix(": ")
    alt = "Forest plot of subgroups. " + " ".join(_words(c, facts) for c in shown)
    alt += "".join(f" {plain(term_label(r.subgroup, facts))}: p for interaction {fmt.p_value(r.p)}." for r in records(tests))
    key = slug("-".join(("subgroups", *(w for w in which.values() if w))))
    with theme.theme():
        body = draw_forest(_lines(shown, tests, facts), shown, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, Estimates.concat([own, Estimates(tests)]), body)


def _model(which: dict[str, str], facts: StudyFacts) -> ModelFacts:
    known = next((m for m in facts.models if m.name == which["model"]), None)
    # a subgroup is never the primary result, whatever its model is
    return replace(known, role="secondary") if known else ModelFacts(which["model"], which["model"], "secondary", "cox", "")


def _parts(subgroup: str) -> tuple[str, str]:
    variable, _, level = subgroup.partition(": ")
    return variable, level


def _level(level: str, facts: StudyFacts) -> str:
    return {"0": "no", "1": "yes"}.get(level, plain(level_label(level, facts)))


def _words(c: Contrast, facts: StudyFacts) -> str:
    variable, level = _parts(c.row.subgroup)
    where = f"{term_label(variable, facts)} {_level(level, facts)}" if variable else "Everybody"
    return f"{plain(where)}: {estimate_interval(c.row.measure, c.row.value, c.row.low, c.row.high)}."


def _lines(shown: list[Contrast], tests: pd.DataFrame, facts: StudyFacts) -> list[Line]:
    p = {row.subgroup: row.p for row in records(tests)}
    lines = [Line("Everybody", _people(c.row), c) for c in shown if not c.row.subgroup]
    for variable in dict.fromkeys(_parts(c.row.subgroup)[0] for c in shown if c.row.subgroup):
        value = p.get(variable, math.nan)
        test = "" if math.isnan(value) else f" (p for interaction {fmt.p_value(value)})"
        lines.append(Line(theme.draw_lines(f"{plain(term_label(variable, facts))}{test}", 34, 3)))
        for c in shown:
            name, level = _parts(c.row.subgroup)
            if name == variable:
                lines.append(Line(theme.draw_lines(_level(level, facts), 36, 2), _people(c.row), c))
    return lines


def _people(row: Record) -> str:
    counts = [f"{fmt.count(n, row.warning)} {noun}" for n, noun in ((row.n, "people"), (row.events, "events")) if not math.isnan(n)]
    return theme.draw_text(", ".join(counts)) if counts else ""
