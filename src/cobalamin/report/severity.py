"""Severity among those diagnosed: bands of a score at the first visit as stacked bars, and mean scores by time since diagnosis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, join_words, level_label, outcome_label, slug
from cobalamin.report.records import records
from cobalamin.report.tables import caption, level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# from pale to dark: order is the message, and it survives a grey print
BANDS = ("#e8f1f8", "#a9cce3", "#5b9bc8", "#1f5f91", "#0b2f4d")
# a share narrower than this has no room for its number
ROOM = 7.0
BAR, HEAD, FOOT = 0.46, 0.3, 0.55


def exhibits_severity(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the share of each band of a score by group, one bar per group.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``severity``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        One per score and grouping.
    """
    rows = estimates.where(analysis="severity", measure=("percent", "total"))
    keys = dict.fromkeys(zip(rows.frame["outcome"], rows.frame["model"], strict=True))
    made = [_severity(rows.where(outcome=outcome, model=model), outcome, model, facts) for outcome, model in keys]
    return [exhibit for exhibit in made if exhibit is not None]


def shares(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the percentages of the bands in each group.

    Parameters
    ----------
    frame : DataFrame
        Rows of one score and grouping.

    Returns
    -------
    dict of str to dict of str to float
        Group -> band -> percent, NaN where hidden.

    Examples
    --------
    >>> frame = pd.DataFrame({"measure": ["total", "percent"], "subgroup": "a", "level": ["", "<4"], "value": [np.nan, 40.0]})
    >>> shares(frame)
    {'a': {'<4': 40.0}}
    """
    part = frame.loc[frame["measure"] == "percent"]
    return {str(g): dict(zip(own["level"], own["value"], strict=True)) for g, own in part.groupby("subgroup", sort=False)}


def _severity(rows: Estimates, outcome: str, model: str, facts: StudyFacts) -> Exhibit | None:
    frame = rows.frame
    found = shares(frame)
    if not any(math.isfinite(v) for own in found.values() for v in own.values()):
        return None
    people = {r.subgroup: fmt.count(r.n, r.warning) for r in records(frame.loc[frame["measure"] == "total"])}
    by = f", by {group_label(model, facts)}" if model else ""
    title = f"{outcome_label(outcome, facts)} at the first visit{by}"
    text = "Share of those diagnosed with a first visit; bands serve the drawing and are not clinical cut-offs."
    hidden = any(math.isnan(v) for own in found.values() for v in own.values())
    text += " Hatched: the bands of a group that disclosure control hid, together." if hidden else ""
    alt = "Stacked bars. " + " ".join(_words(g, own, facts) for g, own in found.items())
    key = slug(f"severity {outcome} {model}")
    with theme.theme():
        body = _draw_bars(found, people, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _words(group: str, own: dict[str, float], facts: StudyFacts) -> str:
    told = [f"{level_label(band, facts)} {fmt.percent(v) if math.isfinite(v) else 'hidden'}" for band, v in own.items()]
    return f"{level_label(group, facts) or 'All'}: {join_words(told)}."


def _draw_bars(
    found: dict[str, dict[str, float]], people: dict[str, str], facts: StudyFacts, *, key: str, title: str, alt: str
) -> FigureBody:
    bands = list(dict.fromkeys(band for own in found.values() for band in own))
    height = HEAD + BAR * len(found) + FOOT
    figure = theme.new_figure(height)
    axes = figure.add_axes((0.27, FOOT / height, 0.67, BAR * len(found) / height))
    for i, own in enumerate(found.values()):
        _draw_bar(axes, i, [own.get(band, 0.0) for band in bands])
    axes.set_xlim(0, 100)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_yticks(range(len(found)))
    names = [f"{level_label(g, facts) or 'All'}\n({people.get(g, fmt.DASH)} people)" for g in found]
    axes.set_yticklabels([theme.draw_lines(n.split("\n")[0], 14, 1) + "\n" + n.split("\n")[1] for n in names], fontsize=theme.SMALL)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}%")
    axes.set_xlabel("Share of people")
    _band_legend(figure, [level_label(b, facts) for b in bands], 1 - 0.04 / height)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _draw_bar(axes: Axes, i: int, values: list[float]) -> None:
    """One bar; what is hidden fills what the shown shares leave, hatched."""
    known = [v for v in values if math.isfinite(v)]
    unknown = [j for j, v in enumerate(values) if math.isnan(v)]
    left = 0.0
    for j, value in enumerate(values):
        width = value if math.isfinite(value) else max(100 - sum(known), 0.0) if j == unknown[0] else 0.0
        look: dict[str, Any] = {"facecolor": BANDS[j % len(BANDS)]} if math.isfinite(value) else {"facecolor": "white", "hatch": "////"}
        axes.barh(i, width, left=left, height=0.72, edgecolor=theme.INK, linewidth=0.6, **look)
        if math.isfinite(value) and value >= ROOM:
            color = "white" if j >= 3 else theme.INK
            axes.text(left + width / 2, i, f"{fmt.number(value, 0)}%", ha="center", va="center", fontsize=theme.SMALL, color=color)
        left += width


def _band_legend(figure: Figure, names: list[str], top: float) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=BANDS[j % len(BANDS)], edgecolor=theme.INK, linewidth=0.6) for j in range(len(names))]
    figure.legend(
        handles, names, loc="upper left", bbox_to_anchor=(0.26, top), ncols=len(names), borderaxespad=0, handlelength=1.2, columnspacing=1.2
    )


def exhibits_trajectories(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the mean of a score by time since diagnosis, one line per group, people under the axis.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``trajectory``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        One per score and grouping.
    """
    rows = estimates.where(analysis="trajectory", measure="mean score")
    keys = dict.fromkeys(zip(rows.frame["outcome"], rows.frame["model"], strict=True))
    return [_trajectory(rows.where(outcome=outcome, model=model), outcome, model, facts) for outcome, model in keys]


def _trajectory(rows: Estimates, outcome: str, model: str, facts: StudyFacts) -> Exhibit:
    frame = rows.frame
    score, by = outcome_label(outcome, facts), f", by {group_label(model, facts)}" if model else ""
    title = f"{score} after diagnosis{by}"
    text = (
        f"Unadjusted means ({level_text(facts)}) of the people seen in each interval; those seen later are not a random part of the first."
    )
    text += " Points that disclosure control hid are left out." if frame["value"].isna().any() else ""
    alt = "Means over time. " + " ".join(_course(g, own, facts) for g, own in frame.groupby("subgroup", sort=False))
    key = slug(f"trajectory {outcome} {model}")
    with theme.theme():
        body = _draw_means(frame, score, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _course(group: object, own: pd.DataFrame, facts: StudyFacts) -> str:
    told = own.dropna(subset=["value"])
    if told.empty:
        return f"{level_label(str(group), facts) or 'All'}: hidden."
    first, *_, last = [*records(told), *records(told.tail(1))]
    ends = [f"{fmt.number(r.value, 1)} at {r.at:g} years" for r in (first, last)]
    return f"{level_label(str(group), facts) or 'All'}: {' and '.join(dict.fromkeys(ends))}."


def _draw_means(frame: pd.DataFrame, score: str, facts: StudyFacts, *, key: str, title: str, alt: str) -> FigureBody:
    groups = list(dict.fromkeys(frame["subgroup"]))
    at = np.unique(frame["at"].to_numpy())
    height = 3.0 + 0.2 * len(groups)
    figure = theme.new_figure(height)
    low = (0.78 + 0.19 * len(groups)) / height
    axes = figure.add_axes((0.17, low, 0.79, 1 - low - 0.34 / height))
    theme.light_grid(axes)
    # side by side, so that intervals do not print over one another
    step = 0.05 * float(np.diff(at).min()) * 2 if len(at) > 1 else 0.05
    for i, group in enumerate(groups):
        own = frame.loc[frame["subgroup"] == group].dropna(subset=["value"]).sort_values("at")
        x = own["at"].to_numpy() + (i - (len(groups) - 1) / 2) * step
        look = theme.style(i)
        axes.plot(
            x, own["value"], marker=theme.MARKERS[i % len(theme.MARKERS)], markersize=5, label=level_label(group, facts) or "All", **look
        )
        axes.vlines(x, own["low"], own["high"], color=look["color"], linewidth=1.3)
    axes.set_ylabel(theme.draw_lines(score, 22, 2))
    axes.set_xlabel("Years since diagnosis", labelpad=1)
    if any(groups):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(groups), borderaxespad=0.1)
    _print_people(axes, frame, groups, at, facts)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _print_people(axes: Axes, frame: pd.DataFrame, groups: list[str], at: npt.NDArray[np.float64], facts: StudyFacts) -> None:
    """People behind each mean, a line per group beneath the axis."""
    axes.annotate(
        "People", (0, 0), xycoords="axes fraction", xytext=(-58, -46), textcoords="offset points", fontsize=theme.SMALL, weight="bold"
    )
    for i, group in enumerate(groups):
        drop = -60 - 13.5 * i
        name = theme.draw_lines(level_label(group, facts) or "All", 8, 1)
        axes.annotate(name, (0, 0), xycoords="axes fraction", xytext=(-58, drop), textcoords="offset points", fontsize=theme.SMALL)
        own = {r.at: fmt.count(r.n) for r in records(frame.loc[frame["subgroup"] == group])}
        for x in at:
            text = own.get(float(x), fmt.DASH)
            ground = axes.get_xaxis_transform()
            axes.annotate(text, (x, 0), xycoords=ground, xytext=(0, drop), textcoords="offset points", ha="center", fontsize=theme.SMALL)
