"""Coefficients of a Cox model over time: smoothed scaled Schoenfeld residuals with their band and the test of each term."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.curve_drawing import time_label
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.forest import ratio_ticks
from cobalamin.report.labels import plain, row_label, slug
from cobalamin.report.tables import caption, level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANALYSIS = "proportional hazards"
SMOOTHS = ("coefficient over time", "effect over time")
ROW, GAP = 1.55, 0.66
# a band further out than this from the curve would flatten it
WIDEST = math.log(8)
# a coefficient further from 0 is a model that went wrong, and cannot be drawn as a ratio
FURTHEST = 50.0


def exhibits_schoenfeld(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw each coefficient over time beside the constant that the model assumes, one figure per model.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``proportional hazards``: ``coefficient over time`` or ``effect over time``, ``coefficient``, ``ph test``.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis=ANALYSIS, context=("summary", "diagnostic"))
    smooth = rows.where(measure=SMOOTHS).frame.dropna(subset=["at", "value"])
    found = dict.fromkeys(zip(smooth["model"], smooth["outcome"], strict=True))
    return [_schoenfeld(rows.where(model=m, outcome=o), m, o, facts) for m, o in found]


def model_name(name: str, facts: StudyFacts) -> str:
    """Return the label of a model.

    Parameters
    ----------
    name : str
        As in ``Estimates.model``.
    facts : StudyFacts
        Its models.

    Returns
    -------
    str
        The label, or the name where the facts do not describe it.

    Examples
    --------
    >>> model_name("crude", StudyFacts("t", "q"))
    'crude'
    """
    return plain(next((m.label for m in facts.models if m.name == name), name))


def _schoenfeld(rows: Estimates, model: str, outcome: str, facts: StudyFacts) -> Exhibit:
    smooth = rows.where(measure=SMOOTHS).frame.dropna(subset=["at", "value"])
    panels = list(dict.fromkeys(zip(smooth["term"], smooth["level"], strict=True)))
    name = model_name(model, facts)
    title = f"Do the hazard ratios stay the same over time? {name}".strip()
    text = f"Solid: smoothed scaled Schoenfeld residuals with {level_text(facts)}; dashed: the constant that the model estimates."
    text += " p: score test of proportional hazards for the term"
    whole = _p(rows, "GLOBAL")
    text += f"; all terms together: {fmt.p_phrase(whole)}." if math.isfinite(whole) else "."
    if "effect over time" in set(smooth["measure"]):
        text += " A spline is shown as a multiple of its fitted curve: 1 is as fitted, 0 no effect."
    alt = " ".join(_words(rows, term, level, facts) for term, level in panels)
    key = slug(f"schoenfeld {model} {outcome}")
    with theme.theme():
        body = _draw(rows, smooth, panels, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _p(rows: Estimates, term: str) -> float:
    frame = rows.where(measure="ph test", term=term).frame
    return float(frame["p"].iloc[0]) if len(frame) else math.nan


def _words(rows: Estimates, term: str, level: str, facts: StudyFacts) -> str:
    frame = rows.where(measure=SMOOTHS, term=term, level=level).frame.dropna(subset=["at", "value"]).sort_values("at")
    first, last = frame.iloc[0], frame.iloc[-1]
    ratio = first["measure"] == SMOOTHS[0]
    ends = [fmt.ratio(math.exp(v)) if ratio else fmt.number(v, 2) for v in (first["value"], last["value"])]
    what = "hazard ratio" if ratio else "multiple of the fitted curve"
    p = _p(rows, term)
    test = f", {fmt.p_phrase(p)}" if math.isfinite(p) else ""
    return f"{row_label(term, level, first['reference'], facts)}: {what} {ends[0]} at {first['at']:g}, {ends[1]} at {last['at']:g}{test}."


def _draw(
    rows: Estimates, smooth: pd.DataFrame, panels: list[tuple[str, str]], facts: StudyFacts, *, key: str, title: str, alt: str
) -> FigureBody:
    columns = min(len(panels), 2)
    lines = math.ceil(len(panels) / columns)
    tall = ROW if columns > 1 else 2.3
    height = lines * (tall + GAP) + 0.24
    figure = theme.new_figure(height)
    left, right, between = 0.125, 0.975, 0.16
    width = (right - left - between * (columns - 1)) / columns
    for i, (term, level) in enumerate(panels):
        x, y = left + (i % columns) * (width + between), height - (i // columns + 1) * (tall + GAP) + 0.27
        axes = figure.add_axes((x, y / height, width, tall / height))
        part = smooth.loc[(smooth["term"] == term) & (smooth["level"] == level)].sort_values("at")
        _panel(axes, part, rows.where(measure=("coefficient", "effect"), term=term, level=level).frame)
        reference = str(part["reference"].iloc[0])
        _panel_words(axes, row_label(term, level, reference, facts), _p(rows, term), wide=columns == 1)
    figure.text((left + right) / 2, 0.07 / height, theme.draw_lines(time_label(smooth, facts), 44, 1), ha="center", va="bottom")
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _panel(axes: Axes, part: pd.DataFrame, constant: pd.DataFrame) -> None:
    ratio = part["measure"].iloc[0] == SMOOTHS[0]
    at = part["at"].to_numpy()
    value, low, high = (part[c].clip(-FURTHEST, FURTHEST).to_numpy() for c in ("value", "low", "high"))
    fixed = constant["value"].clip(-FURTHEST, FURTHEST).to_numpy()[:1]
    middle = np.append(value, fixed)
    # the band may be cut, the curve and the constant never
    widest = WIDEST if ratio else 4.0
    bottom = max(np.nanmin(np.append(low, 0.0)), np.nanmin(np.append(middle, 0.0)) - widest)
    top = min(np.nanmax(np.append(high, 0.0)), np.nanmax(np.append(middle, 0.0)) + widest)
    room = 0.06 * (top - bottom)
    scale = np.exp if ratio else np.asarray
    if ratio:
        axes.set_yscale("log")
    axes.set_ylim(float(scale(bottom - room)), float(scale(top + 3.2 * room)))
    axes.set_xlim(at[0], at[-1])
    axes.axhline(1.0 if ratio else 0.0, color=theme.GREY, linewidth=0.8)
    axes.fill_between(at, scale(low), scale(high), color=theme.COLORS[0], alpha=0.16, linewidth=0)
    axes.plot(at, scale(value), color=theme.COLORS[0])
    if len(fixed):
        axes.axhline(float(scale(fixed[0])), color=theme.COLORS[1], linestyle=(0, (5, 2.5)), linewidth=1.4)
    _ticks(axes, ratio=ratio)


def _ticks(axes: Axes, *, ratio: bool) -> None:
    theme.light_grid(axes)
    axes.locator_params(axis="x", nbins=6)
    if ratio:
        ratio_axis(axes)
        axes.set_ylabel("Hazard ratio")
    else:
        axes.locator_params(axis="y", nbins=5)
        axes.set_ylabel("Multiple of fit")


def ratio_axis(axes: Axes) -> None:
    """Give a vertical logarithmic axis of ratios round numbers, evenly spread where the ratios differ by little.

    Parameters
    ----------
    axes : Axes
        With its limits set.
    """
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_ylim()
    ticks = ratio_ticks(low, high) if high / low > 1.6 else [t for t in MaxNLocator(4).tick_values(low, high) if low <= t <= high]
    axes.set_yticks(ticks)
    axes.set_yticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")


def _panel_words(axes: Axes, label: str, p: float, *, wide: bool) -> None:
    axes.set_title(theme.draw_lines(label, 52 if wide else 19, 2), fontsize=theme.SMALL, pad=3, linespacing=1.05)
    if math.isfinite(p):
        look: dict[str, Any] = {"ha": "right", "va": "top", "fontsize": theme.SMALL}
        axes.text(0.985, 0.975, theme.draw_text(fmt.p_phrase(p)), transform=axes.transAxes, **look)
