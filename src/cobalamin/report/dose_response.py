"""The ratio or difference along a number, relative to a reference value, over the distribution of that number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import theme
from cobalamin.report.distribution import bar_heights
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import outcome_label, plain, slug, term_label
from cobalamin.report.measures import estimate_interval, is_ratio, null_of
from cobalamin.report.records import records
from cobalamin.report.schoenfeld import model_name, ratio_axis
from cobalamin.report.tables import caption, level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ANALYSIS = "dose-response"
LEFT, WIDTH = 0.125, 0.83
# an interval further out than this from the curve would flatten it
WIDEST = math.log(8)


def exhibits_dose_response(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the curve of ratios or differences of each model and variable, the distribution of the variable beneath on the same axis.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``dose-response``: ratios with ``at`` and ``reference``, and ``histogram``; without the latter, the rows of
        analysis ``distribution`` of that variable are used where they are of one group.
    facts : StudyFacts
        Labels.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis=ANALYSIS, context="summary")
    curves = rows.frame.loc[rows.frame["measure"] != "histogram"].dropna(subset=["at", "value"])
    made = []
    for model, outcome, term in dict.fromkeys(zip(curves["model"], curves["outcome"], curves["term"], strict=True)):
        own = rows.where(model=model, outcome=outcome, term=term)
        bars = own.where(measure="histogram")
        if not len(bars):
            bars = estimates.where(analysis="distribution", measure="histogram", term=term)
            bars = bars if bars.frame["subgroup"].nunique() == 1 else Estimates.from_rows([])
        curve = Estimates(own.frame.loc[own.frame["measure"] != "histogram"])
        made.append(_dose_response(Estimates.concat([curve, bars]), (model, outcome, term), facts))
    return made


def _dose_response(rows: Estimates, which: tuple[str, str, str], facts: StudyFacts) -> Exhibit:
    model, outcome, term = which
    frame = rows.frame.loc[rows.frame["measure"] != "histogram"].dropna(subset=["at", "value"]).sort_values("at")
    bars = rows.where(measure="histogram").frame.dropna(subset=["low", "high"]).sort_values("low")
    measure, reference = str(frame["measure"].iloc[0]), _reference(frame)
    unit = next((f" {u}" for u in frame["unit"] if u), "")
    title = f"{measure.capitalize()} of {outcome_label(outcome, facts)} along {_name(frame, term, facts)}"
    text = f"{model_name(model, facts)}: ".removeprefix(": ")
    text += f"{measure} relative to {reference:g}{unit} (dot), with {level_text(facts)} (shaded)"
    text += ", on a logarithmic scale." if is_ratio(measure) else "."
    text += " The curve runs over the middle 98% of people." + (" Beneath: how many people have each value." if len(bars) else "")
    hidden = int(bars["n"].isna().sum())
    text += f" {hidden} interval{'s' * (hidden > 1)} with a small count not shown." if hidden else ""
    alt = _words(frame, measure, reference, unit)
    key = slug("-".join(("dose-response", *(w for w in which if w))))
    with theme.theme():
        body = _draw(frame, bars, which, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _name(frame: pd.DataFrame, term: str, facts: StudyFacts) -> str:
    unit = next((f" ({u})" for u in frame["unit"] if u), "")
    return term_label(term, facts) if term in facts.labels else plain(f"{term}{unit}")


def _reference(frame: pd.DataFrame) -> float:
    """Return where the curve is 1 (0 for differences), also after rounding."""
    try:
        return float(frame["reference"].iloc[0])
    except ValueError:
        return float(frame["at"].iloc[int(frame["value"].sub(null_of(str(frame["measure"].iloc[0]))).abs().to_numpy().argmin())])


def _words(frame: pd.DataFrame, measure: str, reference: float, unit: str) -> str:
    places = sorted({0, len(frame) // 4, len(frame) // 2, 3 * len(frame) // 4, len(frame) - 1})
    ratios = [f"at {row.at:g}: {estimate_interval(measure, row.value, row.low, row.high)}" for row in records(frame.iloc[places])]
    return f"Curve of the {measure} relative to {reference:g}{unit}; {'; '.join(ratios)}."


def _draw(
    frame: pd.DataFrame, bars: pd.DataFrame, which: tuple[str, str, str], facts: StudyFacts, *, key: str, title: str, alt: str
) -> FigureBody:
    below = 0.85 if len(bars) else 0.0
    height = 3.25 + below
    figure = theme.new_figure(height)
    axes = figure.add_axes((LEFT, (0.55 + below) / height, WIDTH, 2.55 / height))
    (_draw_ratio if is_ratio(str(frame["measure"].iloc[0])) else _draw_difference)(axes, frame)
    lowest = axes
    if len(bars):
        lowest = figure.add_axes((LEFT, 0.55 / height, WIDTH, 0.7 / height), sharex=axes)
        _draw_bars(lowest, bars)
        axes.tick_params(labelbottom=False)
    at = frame["at"].to_numpy()
    lowest.axvline(_reference(frame), color=theme.GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.set_xlim(at[0], at[-1])
    if log_spread(at):
        axes.set_xscale("log")
        theme.log_ticks(lowest)
        axes.set_xlim(at[0], at[-1])
    lowest.set_xlabel(theme.draw_lines(_name(frame, which[2], facts), 48, 2))
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def log_spread(at: Any) -> bool:
    """Say whether points are evenly spaced by ratio rather than by difference.

    Parameters
    ----------
    at : array_like
        Increasing values.

    Returns
    -------
    bool
        True for ratios; the reference value between two points does not matter.

    Examples
    --------
    >>> log_spread([1, 2, 4, 5, 8, 16]), log_spread([1, 2, 3, 3.5, 4, 5])
    (True, False)
    """
    x = np.asarray(at, dtype=np.float64)
    if len(x) < 4 or (x <= 0).any():
        return False
    spread = [np.abs(np.diff(v) / np.median(np.diff(v)) - 1).mean() for v in (x, np.log(x))]
    return bool(spread[1] < spread[0])


def _draw_ratio(axes: Axes, frame: pd.DataFrame) -> None:
    value, low, high = (frame[c].clip(1e-12, 1e12).to_numpy() for c in ("value", "low", "high"))
    axes.set_yscale("log")
    bottom = max(math.log(np.nanmin(np.append(low, 1.0))), math.log(min(value.min(), 1.0)) - WIDEST)
    top = min(math.log(np.nanmax(np.append(high, 1.0))), math.log(max(value.max(), 1.0)) + WIDEST)
    room = max(0.06 * (top - bottom), 0.01)
    axes.set_ylim(math.exp(bottom - room), math.exp(top + room))
    ratio_axis(axes)
    _draw_curve(axes, frame, (value, low, high), 1.0)
    axes.set_ylabel(f"{str(frame['measure'].iloc[0]).capitalize()} (log scale)")


def _draw_difference(axes: Axes, frame: pd.DataFrame) -> None:
    value, low, high = (frame[c].to_numpy() for c in ("value", "low", "high"))
    reach = 3 * max(float(np.ptp(np.append(value, 0.0))), 1e-12)  # limits further out than this would flatten the curve
    bottom = max(np.nanmin(np.append(low, 0.0)), min(value.min(), 0.0) - reach)
    top = min(np.nanmax(np.append(high, 0.0)), max(value.max(), 0.0) + reach)
    room = 0.06 * (top - bottom) if top > bottom else 1.0
    axes.set_ylim(bottom - room, top + room)
    _draw_curve(axes, frame, (value, low, high), 0.0)
    axes.set_ylabel(str(frame["measure"].iloc[0]).capitalize())


def _draw_curve(axes: Axes, frame: pd.DataFrame, lines: tuple[Any, Any, Any], null: float) -> None:
    at, (value, low, high), reference = frame["at"].to_numpy(), lines, _reference(frame)
    theme.light_grid(axes)
    axes.axhline(null, color=theme.GREY, linewidth=0.9)
    axes.fill_between(at, low, high, color=theme.COLORS[0], alpha=0.16, linewidth=0)
    axes.plot(at, value, color=theme.COLORS[0])
    axes.axvline(reference, color=theme.GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.plot([reference], [null], marker="o", markersize=5.5, color=theme.INK, zorder=5)
    _draw_reference(axes, reference, frame)


def _draw_reference(axes: Axes, reference: float, frame: pd.DataFrame) -> None:
    """Name the reference at the edge of the plot, on the side with more room."""
    at = frame["at"].to_numpy()
    share = np.searchsorted(at, reference) / len(at)
    unit = next((f" {u}" for u in frame["unit"] if u), "")
    side = {"ha": "left", "xytext": (4, 0)} if share < 0.6 else {"ha": "right", "xytext": (-4, 0)}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    look: dict[str, Any] = {**side, "va": "top", "fontsize": theme.SMALL, "bbox": box, "textcoords": "offset points", "zorder": 6}
    axes.annotate(theme.draw_text(f"reference {reference:g}{unit}"), (reference, 0.985), xycoords=axes.get_xaxis_transform(), **look)


def _draw_bars(axes: Axes, bars: pd.DataFrame) -> None:
    edges = np.append(bars["low"].to_numpy(), bars["high"].to_numpy()[-1])
    heights = bar_heights(bars)
    axes.stairs(heights, edges, fill=True, color=theme.GREY, alpha=0.45)
    axes.stairs(heights, edges, color=theme.GREY, linewidth=0.7)
    axes.set_ylim(0, 1.08 * float(np.nanmax(heights)))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("People", labelpad=17)
