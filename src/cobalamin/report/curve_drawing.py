"""Drawing of step curves by group on a time axis, with the numbers at risk aligned beneath them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import join_words, level_label, plain
from cobalamin.report.wrapping import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Look:
    """What kind of curve is drawn.

    Attributes
    ----------
    label : str
        Of the vertical axis.
    rising : bool
        From 0 up, on an axis cut above the curves; else from 1 down, on an axis from 0 to 1.
    """

    label: str
    rising: bool


def complement(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of 1 - S for rows of S.

    Parameters
    ----------
    frame : DataFrame
        With ``value``, ``low`` and ``high``.

    Returns
    -------
    DataFrame
        The changed copy.

    Examples
    --------
    >>> complement(pd.DataFrame({"value": [0.75], "low": [0.5], "high": [1.0]})).to_numpy().tolist()
    [[0.25, 0.0, 0.5]]
    """
    return frame.assign(value=1 - frame["value"], low=1 - frame["high"], high=1 - frame["low"])


def time_label(frame: pd.DataFrame, facts: StudyFacts) -> str:
    """Return the label of the time axis.

    Parameters
    ----------
    frame : DataFrame
        Rows with ``unit``.
    facts : StudyFacts
        ``time_scale`` wins.

    Returns
    -------
    str
        ``"Time (years)"``.
    """
    unit = next((u for u in frame["unit"] if u), facts.time_unit)
    return plain(facts.time_scale) or f"Time ({unit})"


def curve_notes(every: pd.DataFrame, at_risk: pd.DataFrame, facts: StudyFacts) -> str:
    """Say for the caption what disclosure control did to curves and numbers at risk.

    Parameters
    ----------
    every, at_risk : DataFrame
        Rows of the curves, hidden ones too, and of the numbers at risk.
    facts : StudyFacts
        Labels.

    Returns
    -------
    str
        Sentences that begin with a blank; empty when nothing was done.
    """
    frame = every.dropna(subset=["at", "value"])
    shown = set(frame["subgroup"])
    hidden = [level_label(g, facts) or "All" for g in dict.fromkeys(every["subgroup"]) if g not in shown]
    text = " Points are the times that disclosure control lets out; straight lines join them." if facts.protected_curves else ""
    text += " Dots: hidden small counts." if at_risk.loc[at_risk["at"] <= frame["at"].max(), "n"].isna().any() else ""
    return text + (f" Too few events to show the curve of {join_words(hidden)}." if hidden else "")


def tests_words(rows: Estimates, measure: str) -> str:
    """Say for the caption what a test of equal curves found.

    Parameters
    ----------
    rows : Estimates
        Of one figure, with the diagnostic rows of its test.
    measure : str
        ``"log-rank test"`` or ``"Gray's test"``; its degrees of freedom stand in a row of the same name with ``" df"``.

    Returns
    -------
    str
        A sentence that begins with a blank; empty without a test.
    """
    found, df = rows.where(measure=measure).frame, rows.where(measure=f"{measure} df").frame["value"]
    if found.empty or not math.isfinite(found["p"].iloc[0]):
        return ""
    degrees = f" with {df.iloc[0]:g} degree{'' if df.iloc[0] == 1 else 's'} of freedom" if len(df) and math.isfinite(df.iloc[0]) else ""
    chi2 = fmt.number(float(found["value"].iloc[0]), 2)
    return f" {measure[0].upper()}{measure[1:]} of equal curves: chi-squared {chi2}{degrees}, {fmt.p_phrase(float(found['p'].iloc[0]))}."


def draw_curves(
    shown: pd.DataFrame,
    at_risk: pd.DataFrame,
    look: Look,
    facts: StudyFacts,
    *,
    key: str,
    title: str,
    alt: str,
    band: pd.DataFrame | None = None,
) -> FigureBody:
    """Draw curves by group with their pointwise limits and the numbers at risk.

    Parameters
    ----------
    shown : DataFrame
        Rows with ``at``, ``value``, ``low`` and ``high`` as drawn (0 to 1).
    at_risk : DataFrame
        Rows with ``at`` and ``n``; may be empty.
    look : Look
        Kind of curve.
    facts : StudyFacts
        Labels.
    key, title, alt : str
        Of the exhibit.
    band : DataFrame, optional
        Rows of simultaneous bands, drawn as thin lines.

    Returns
    -------
    FigureBody
        The drawing; to be called inside `theme.theme`.
    """
    groups = list(dict.fromkeys([*shown["subgroup"], *at_risk["subgroup"]]))
    names = [theme.draw_lines(level_label(g, facts) or "All", 14, 2) for g in groups]
    left = _left_margin(names)
    table = 0.22 * sum(1 + n.count("\n") * 0.75 for n in names) + 0.32 if len(at_risk) else 0.0
    legend = 0.2 * math.ceil(len(groups) / 2) * (1 + 0.7 * any("\n" in n for n in names)) if len(groups) > 1 else 0.0
    height = 3.2 + table + legend
    figure = theme.new_figure(height)
    axes = figure.add_axes((left, (table + 0.5) / height, 0.945 - left, 2.55 / height))
    theme.light_grid(axes)
    start = start_time(shown, at_risk)
    steps = not facts.protected_curves
    for i, group in enumerate(groups):
        part = shown.loc[shown["subgroup"] == group]
        if len(part):
            _draw_curve(axes, part, i, names[i], first=0.0 if look.rising else 1.0, start=start, steps=steps)
        if band is not None:
            _draw_band(axes, band.loc[band["subgroup"] == group], i, steps=steps)
    tallest = float(pd.concat([shown["high"], *([] if band is None else [band["high"]])]).fillna(0).max())
    _curve_axes(axes, shown, at_risk, facts, look, start=start, tallest=tallest)
    if len(groups) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.15, 1.01), ncols=2, borderaxespad=0.2, handlelength=3.2)
    if len(at_risk):
        _draw_at_risk(axes, at_risk, groups, names, table / 2.55, 0.5 / 2.55)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def start_time(frame: pd.DataFrame, at_risk: pd.DataFrame) -> float:
    """Return where the time axis starts: where the numbers at risk start; else 0, unless all times are far from it (age).

    Parameters
    ----------
    frame, at_risk : DataFrame
        Rows with ``at``.

    Returns
    -------
    float
        The time.
    """
    first, last = float(frame["at"].min()), float(frame["at"].max())
    if len(at_risk):
        return min(first, float(at_risk["at"].min()))
    return min(first, 0.0) if first < 0.1 * last else first


def _most_ticks(axes: Axes, at_risk: pd.DataFrame) -> int:
    """Return how many numbers at risk fit side by side beneath the axis."""
    widest = max(text_width(fmt.count(n)) for n in at_risk["n"])
    return max(2, int(axes.get_position().width * theme.WIDTH * 72 / (widest * theme.SMALL + 6)) + 1)


def _left_margin(names: list[str]) -> float:
    """Leave room for the longest group name and half a number before the axis, as a share of the figure's width."""
    longest = max(text_width(line) for n in names for line in n.split("\n"))
    return min(max(0.14, 0.012 + (longest + 2.6) * theme.SMALL / 72 / theme.WIDTH), 0.4)


def _draw_curve(axes: Axes, part: pd.DataFrame, i: int, name: str, *, first: float, start: float, steps: bool) -> None:
    part = part.sort_values("at", kind="stable")
    at, value, low, high = (part[c].to_numpy() for c in ("at", "value", "low", "high"))
    if at[0] > start:
        at, value, low, high = (np.append(x, y) for x, y in ((start, at), (first, value), (first, low), (first, high)))
    look = theme.style(i)
    axes.fill_between(at, 100 * low, 100 * high, step="post" if steps else None, color=look["color"], alpha=0.13, linewidth=0)
    if steps:
        axes.step(at, 100 * value, where="post", label=name, **look)
    else:
        axes.plot(at, 100 * value, marker="o", markersize=2.5, label=name, **look)


def _draw_band(axes: Axes, part: pd.DataFrame, i: int, *, steps: bool) -> None:
    part = part.dropna(subset=["at", "low", "high"]).sort_values("at", kind="stable")
    look: dict[str, Any] = {**theme.style(i), "linewidth": 0.7}
    for column in ("low", "high"):
        axes.plot(part["at"], 100 * part[column], drawstyle="steps-post" if steps else "default", **look)


def _curve_axes(
    axes: Axes, frame: pd.DataFrame, at_risk: pd.DataFrame, facts: StudyFacts, look: Look, *, start: float, tallest: float
) -> None:
    axes.set_xlim(start, float(frame["at"].max()) * 1.001)
    grid = sorted(set(at_risk["at"]))
    if grid:
        step = math.ceil(len(grid) / _most_ticks(axes, at_risk))
        axes.set_xticks([t for t in grid[::step] if start <= t <= frame["at"].max()])
    top = 100 * float(frame["value"].max())
    limit = min(100.0, 1.05 * min(100 * tallest, 1.6 * top), 100.0) if look.rising else 102.0
    axes.set_ylim(0, max(limit, 1e-6))
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}%")
    axes.set_xlabel(theme.draw_lines(time_label(frame, facts), 44, 2))
    axes.set_ylabel(look.label)


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
