"""Log-log plot: log(-log S) against the logarithm of time, parallel where hazards are proportional."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.curve_drawing import time_label
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, join_words, level_label, outcome_label, slug
from cobalamin.report.tables import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURE = "log minus log survival"


def exhibits_loglog(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw log(-log S) by group, one figure per grouping, outcome and event.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``proportional hazards``, measure ``log minus log survival``.
    facts : StudyFacts
        Labels and time scale.

    Returns
    -------
    list of Exhibit
        Empty without such rows at two times above 0 or more: a single point has no slope.
    """
    rows = estimates.where(analysis="proportional hazards", context="curve", measure=MEASURE)
    frame = _drawable(rows.frame)
    frame = frame.loc[frame.groupby(["model", "outcome", "level"])["at"].transform("nunique") > 1]
    found = dict.fromkeys(zip(frame["model"], frame["outcome"], frame["level"], strict=True))
    return [_loglog(rows.where(model=m, outcome=o, level=s), (m, o, s), facts) for m, o, s in found]


def _drawable(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.dropna(subset=["at", "value"])
    return frame.loc[frame["at"] > 0].sort_values("at", kind="stable")


def _loglog(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts) -> Exhibit:
    grouping, outcome, state = which
    frame = _drawable(rows.frame)
    groups = [g for g in dict.fromkeys(rows.frame["subgroup"]) if g in set(frame["subgroup"])]
    event = level_label(state, facts) if state in facts.levels else outcome_label(outcome, facts)
    by = f" by {group_label(grouping, facts)}" if len(groups) > 1 and grouping else ""
    title = f"Log-log plot of {event}{by}"
    text = "Logarithm of the cumulative hazard, log(\u2212log S), by the Kaplan-Meier estimate S, over time on a logarithmic axis."
    text += " Parallel curves speak for proportional hazards between the groups; the first few events make a curve jump."
    text += " Points are the times that disclosure control lets out; straight lines join them." if facts.protected_curves else ""
    lost = [level_label(g, facts) or "All" for g in dict.fromkeys(rows.frame["subgroup"]) if g not in groups]
    text += f" Too few events to show the curve of {join_words(lost)}." if lost else ""
    alt = f"Curves over {time_label(frame, facts).lower()}, logarithmic. {' '.join(_words(frame, g, facts) for g in groups)}"
    key = slug("-".join(("loglog", *(w for w in which if w))))
    with theme.theme():
        body = _draw(frame, groups, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _words(frame: pd.DataFrame, group: str, facts: StudyFacts) -> str:
    part = frame.loc[frame["subgroup"] == group]
    first, last = part.iloc[0], part.iloc[-1]
    values = f"{fmt.number(first['value'], 1)} at {first['at']:g} to {fmt.number(last['value'], 1)} at {last['at']:g}"
    return f"{level_label(group, facts) or 'All'}: {values}."


def _draw(frame: pd.DataFrame, groups: list[str], facts: StudyFacts, *, key: str, title: str, alt: str) -> FigureBody:
    names = [theme.draw_lines(level_label(g, facts) or "All", 22, 2) for g in groups]
    legend = 0.2 * math.ceil(len(groups) / 2) * (1 + 0.7 * any("\n" in n for n in names)) if len(groups) > 1 else 0.0
    height = 3.3 + legend
    figure = theme.new_figure(height)
    axes = figure.add_axes((0.125, 0.52 / height, 0.83, 2.65 / height))
    theme.light_grid(axes)
    for i, group in enumerate(groups):
        part = frame.loc[frame["subgroup"] == group]
        if facts.protected_curves:
            axes.plot(part["at"], part["value"], marker="o", markersize=2.5, label=names[i], **theme.style(i))
        else:
            axes.step(part["at"], part["value"], where="post", label=names[i], **theme.style(i))
    _time_axis(axes, float(frame["at"].min()), float(frame["at"].max()))
    axes.set_xlabel(theme.draw_lines(f"{time_label(frame, facts)}, logarithmic scale", 48, 2))
    axes.set_ylabel("log(\u2212log S)")
    if len(groups) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.01), ncols=2, borderaxespad=0.2, handlelength=3.2)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _time_axis(axes: Axes, first: float, last: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(first / (last / first) ** 0.02, last * (last / first) ** 0.02)
    theme.log_ticks(axes)
