"""Survival curves, or their complement where events are rare, with the numbers at risk beneath them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, join_words, level_label, outcome_label, plain, slug
from cobalamin.report.tables import caption, level_text
from cobalamin.report.wrapping import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Above this lowest survival an event is rare: the complement of the curve is drawn, on an axis that does not start at 1
RARE = 0.7


def exhibits_curves(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw Kaplan-Meier curves, one figure per grouping and outcome, with a table of the numbers at risk.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``survival``, measures ``survival`` and ``at risk``.
    facts : StudyFacts
        Labels, time scale, confidence level.

    Returns
    -------
    list of Exhibit
        Empty without such rows. Where everybody's survival stays above 0.7 the figure shows its complement.
    """
    rows = estimates.where(analysis="survival", context="curve")
    curves = rows.where(measure="survival").frame.dropna(subset=["at", "value"])
    found = list(dict.fromkeys(zip(curves["model"], curves["outcome"], curves["level"], strict=True)))
    return [_curves(rows.where(model=m, outcome=o, level=s), (m, o, s), facts) for m, o, s in found]


def _curves(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts) -> Exhibit:
    grouping, outcome, state = which
    every = rows.where(measure="survival").frame
    frame = every.dropna(subset=["at", "value"])
    hidden = [level_label(g, facts) or "All" for g in dict.fromkeys(every["subgroup"]) if g not in set(frame["subgroup"])]
    risk = bool(frame["value"].min() > RARE)
    groups = list(dict.fromkeys(frame["subgroup"]))
    event = level_label(state, facts) if state in facts.levels else outcome_label(outcome, facts)
    by = f" by {group_label(grouping, facts)}" if len(groups) > 1 else ""
    title = f"{'Cumulative probability of' if risk else 'Survival free of'} {event}{by}"
    text = f"{'One minus the Kaplan-Meier' if risk else 'Kaplan-Meier'} estimate with {level_text(facts)} (shaded);"
    text += " every other end of follow-up counts as censoring. Curves are not adjusted. Beneath: people at risk."
    if facts.protected_curves:
        text += " Points are the times that disclosure control lets out; straight lines join them."
    at_risk = rows.where(measure="at risk").frame
    text += " Dots: hidden small counts." if at_risk.loc[at_risk["at"] <= frame["at"].max(), "n"].isna().any() else ""
    text += f" Too few events to show the curve of {join_words(hidden)}." if hidden else ""
    alt = f"Curves over {_time_label(frame, facts).lower()}. {' '.join(_curve_words(frame, g, facts, risk) for g in groups)}"
    key = "curves-" + (slug("-".join(w for w in (grouping, outcome, state) if w)) or "all")
    with theme.theme():
        body = _draw_curves(rows, facts, risk=risk, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _curve_words(frame: pd.DataFrame, group: str, facts: StudyFacts, risk: bool) -> str:
    last = frame.loc[frame["subgroup"] == group].sort_values("at").iloc[-1]
    value = 100 * (1 - last["value"] if risk else last["value"])
    return f"{level_label(group, facts) or 'All'}: {fmt.percent(value)} at {last['at']:g}."


def _draw_curves(rows: Estimates, facts: StudyFacts, *, risk: bool, key: str, title: str, alt: str) -> FigureBody:
    frame, at_risk = rows.where(measure="survival").frame.dropna(subset=["at", "value"]), rows.where(measure="at risk").frame
    groups = list(dict.fromkeys([*frame["subgroup"], *at_risk["subgroup"]]))
    names = [theme.draw_lines(level_label(g, facts) or "All", 14, 2) for g in groups]
    left = _left_margin(names)
    table = 0.22 * sum(1 + n.count("\n") * 0.75 for n in names) + 0.32 if len(at_risk) else 0.0
    legend = 0.2 * math.ceil(len(groups) / 2) * (1 + 0.7 * any("\n" in n for n in names)) if len(groups) > 1 else 0.0
    height = 3.2 + table + legend
    figure = theme.new_figure(height)
    axes = figure.add_axes((left, (table + 0.5) / height, 0.945 - left, 2.55 / height))
    theme.light_grid(axes)
    start = _start(frame, at_risk)
    for i, group in enumerate(groups):
        part = frame.loc[frame["subgroup"] == group]
        if len(part):
            _draw_curve(axes, part, i, names[i], risk=risk, start=start, steps=not facts.protected_curves)
    _curve_axes(axes, frame, at_risk, facts, risk=risk, start=start)
    if len(groups) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.15, 1.01), ncols=2, borderaxespad=0.2, handlelength=3.2)
    if len(at_risk):
        _draw_at_risk(axes, at_risk, groups, names, table / 2.55, 0.5 / 2.55)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _most_ticks(axes: Axes, at_risk: pd.DataFrame) -> int:
    """Return how many numbers at risk fit side by side beneath the axis."""
    widest = max(text_width(fmt.count(n)) for n in at_risk["n"])
    return max(2, int(axes.get_position().width * theme.WIDTH * 72 / (widest * theme.SMALL + 6)) + 1)


def _start(frame: pd.DataFrame, at_risk: pd.DataFrame) -> float:
    """Return where the time axis starts: where the numbers at risk start; else 0, unless all times are far from it (age)."""
    first, last = float(frame["at"].min()), float(frame["at"].max())
    if len(at_risk):
        return min(first, float(at_risk["at"].min()))
    return min(first, 0.0) if first < 0.1 * last else first


def _left_margin(names: list[str]) -> float:
    """Leave room for the longest group name and half a number before the axis, as a share of the figure's width."""
    longest = max(text_width(line) for n in names for line in n.split("\n"))
    return min(max(0.14, 0.012 + (longest + 2.6) * theme.SMALL / 72 / theme.WIDTH), 0.4)


def _draw_curve(axes: Axes, part: pd.DataFrame, i: int, name: str, *, risk: bool, start: float, steps: bool) -> None:
    part = part.sort_values("at", kind="stable")
    at, value, low, high = (part[c].to_numpy() for c in ("at", "value", "low", "high"))
    if at[0] > start:
        at, value, low, high = np.append(start, at), np.append(1.0, value), np.append(1.0, low), np.append(1.0, high)
    if risk:
        value, low, high = 1 - value, 1 - high, 1 - low
    look = theme.style(i)
    axes.fill_between(at, 100 * low, 100 * high, step="post" if steps else None, color=look["color"], alpha=0.13, linewidth=0)
    if steps:
        axes.step(at, 100 * value, where="post", label=name, **look)
    else:
        axes.plot(at, 100 * value, marker="o", markersize=2.5, label=name, **look)


def _curve_axes(axes: Axes, frame: pd.DataFrame, at_risk: pd.DataFrame, facts: StudyFacts, *, risk: bool, start: float) -> None:
    axes.set_xlim(start, float(frame["at"].max()) * 1.001)
    grid = sorted(set(at_risk["at"]))
    if grid:
        step = math.ceil(len(grid) / _most_ticks(axes, at_risk))
        axes.set_xticks([t for t in grid[::step] if start <= t <= frame["at"].max()])
    top = 100 * float((1 - frame["value"]).max())
    limit = min(100.0, 1.05 * min(100 * float((1 - frame["low"].fillna(1)).max()), 1.6 * top), 100.0) if risk else 102.0
    axes.set_ylim(0, max(limit, 1e-6))
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}%")
    axes.set_xlabel(theme.draw_lines(_time_label(frame, facts), 44, 2))
    axes.set_ylabel("Cumulative probability" if risk else "Survival")


def _draw_at_risk(axes: Axes, frame: pd.DataFrame, groups: list[str], names: list[str], height: float, gap: float) -> None:
    """Print the numbers at risk under the ticks they belong to (heights in units of the axes' height)."""
    from matplotlib.transforms import blended_transform_factory

    figure = axes.get_figure()
    assert figure is not None
    edge = blended_transform_factory(figure.transFigure, axes.transAxes)
    sizes = [1.0, *(1 + n.count("\n") * 0.75 for n in names)]
    line, top = height / sum(sizes), -gap - 0.02
    for i, (name, size) in enumerate(zip(["At risk", *names], sizes, strict=True)):
        y = top - line * size / 2
        look: dict[str, Any] = {"color": theme.style(i - 1)["color"]} if i else {"weight": "bold"}
        axes.text(0.012, y, name, transform=edge, ha="left", va="center", fontsize=theme.SMALL, linespacing=1.0, **look)
        if i:
            _at_risk_row(axes, frame.loc[frame["subgroup"] == groups[i - 1]], y)
        top -= line * size


def _at_risk_row(axes: Axes, part: pd.DataFrame, y: float) -> None:
    ticks = {float(t) for t in axes.get_xticks()}
    for at, n, warning in zip(part["at"], part["n"], part["warning"], strict=True):
        if float(at) in ticks:
            text = "\u2022" if math.isnan(n) else fmt.count(n, warning)
            axes.text(float(at), y, text, transform=axes.get_xaxis_transform(), ha="center", va="center", fontsize=theme.SMALL)


def _time_label(frame: pd.DataFrame, facts: StudyFacts) -> str:
    unit = next((u for u in frame["unit"] if u), facts.time_unit)
    return plain(facts.time_scale) or f"Time ({unit})"
