"""The distribution of the exposure as a histogram with clinical cut-offs."""

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
from cobalamin.report.labels import group_label, level_label, plain, slug, term_label
from cobalamin.report.tables import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.9}


def exhibits_distribution(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw one histogram per variable, groups over one another, with the cut-offs of the facts.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``distribution``: bin edges in ``low`` and ``high``, counts in ``n``;
        measure ``missing`` counts the people without a value.
    facts : StudyFacts
        Labels and cut-offs.

    Returns
    -------
    list of Exhibit
        Empty without such rows.
    """
    rows = estimates.where(analysis="distribution", measure=("histogram", "missing"))
    shown = dict.fromkeys(rows.where(measure="histogram").frame["term"])
    return [_distribution(rows.where(term=term), term, facts) for term in shown]


def bar_heights(part: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the height of each bar so that its *area* is its share, whatever the widths of the intervals.

    Parameters
    ----------
    part : DataFrame
        Histogram rows of one group, with ``low``, ``high`` and ``n``.

    Returns
    -------
    ndarray, shape (n,)
        Percent of the group per interval of the median width (on the logarithmic scale where the intervals have equal ratios).

    Examples
    --------
    >>> bar_heights(pd.DataFrame({"low": [0, 10, 20], "high": [10, 20, 40], "n": [50, 30, 20]}))
    array([50., 30., 10.])
    """
    share = 100 * part["n"].to_numpy() / np.nansum(part["n"].to_numpy())
    widths = _widths(part, log_spaced(part))
    return np.asarray(share * np.median(widths) / widths, dtype=np.float64)


def log_spaced(frame: pd.DataFrame) -> bool:
    """Say whether intervals have nearly equal ratios rather than equal widths; a few merged ones do not matter.

    Parameters
    ----------
    frame : DataFrame
        Histogram rows with ``low`` and ``high``.

    Returns
    -------
    bool
        True for ratios.

    Examples
    --------
    >>> log_spaced(pd.DataFrame({"low": [50, 100, 200, 400, 800], "high": [100, 200, 400, 800, 1600]}))
    True
    """
    inner = frame.drop_duplicates(["low", "high"]).sort_values("low").iloc[1:-1]
    if len(inner) < 3 or (frame["low"] <= 0).any():
        return False
    low, high = inner["low"].to_numpy(dtype=np.float64), inner["high"].to_numpy(dtype=np.float64)
    # widths that grow with the value: slope 1 for equal ratios, 0 for equal widths
    slope = np.polyfit(np.log(low * high) / 2, np.log(high - low), 1)[0]
    return bool(slope > 0.5)


def _distribution(rows: Estimates, term: str, facts: StudyFacts) -> Exhibit:
    frame = rows.where(measure="histogram").frame.dropna(subset=["low", "high"])
    groups = list(dict.fromkeys(frame["subgroup"]))
    name = term_label(term, facts)
    by = f" by {group_label(next((m for m in frame['model'] if m), ''), facts)}" if len(groups) > 1 else ""
    title = f"Distribution of {name}{by}"
    hidden = int(frame["n"].isna().sum())
    lines = [c for c in facts.cutoffs if c.variable == term]
    text = "People with a known value" + (", in percent of their group." if len(groups) > 1 else ".")
    text += f" Dashed lines: {'; '.join(plain(c.label) for c in lines)}." if lines else ""
    text += _hidden_words(hidden) + _valueless_words(rows.frame)
    alt = f"Histogram. {' '.join(_histogram_words(frame, g, facts) for g in groups)}"
    with theme.theme():
        body = _draw_distribution(frame, term, facts, title, alt)
    return Exhibit(f"distribution-{slug(term)}", title, caption(text, facts), alt, rows, body)


def _hidden_words(hidden: int) -> str:
    if not hidden:
        return ""
    return " 1 interval with a small count is not shown." if hidden == 1 else f" {hidden} intervals with small counts are not shown."


def _valueless_words(frame: pd.DataFrame) -> str:
    without = float(frame.loc[frame["measure"] == "missing", "n"].sum())
    return f" {fmt.count(without)} people have no value." if without else ""


def _histogram_words(frame: pd.DataFrame, group: str, facts: StudyFacts) -> str:
    part = frame.loc[(frame["subgroup"] == group) & frame["n"].notna()]
    if part.empty:
        return f"{level_label(group, facts)}: all intervals hidden."
    top = part.loc[part["n"].idxmax()]
    who = f"{level_label(group, facts)}: " if group else ""
    unit = f" {top['unit']}" if top["unit"] else ""
    return f"{who}{fmt.count(float(part['n'].sum()))} people, most between {top['low']:g} and {top['high']:g}{unit}."


def _draw_distribution(frame: pd.DataFrame, term: str, facts: StudyFacts, title: str, alt: str) -> FigureBody:
    groups = list(dict.fromkeys(frame["subgroup"]))
    figure = theme.new_figure(3.5)
    axes = figure.add_axes((0.12, 0.145, 0.835, 0.83 - 0.055 * math.ceil(len(groups) / 2) * (len(groups) > 1)))
    theme.light_grid(axes)
    for i, group in enumerate(groups):
        _draw_histogram(axes, frame.loc[frame["subgroup"] == group], i, level_label(group, facts), alone=len(groups) == 1)
    axes.margins(x=0.01)
    if log_spaced(frame):
        _log_axis(axes)
    lines = [c for c in facts.cutoffs if c.variable == term]
    # room above the bars, so that no label of a cut-off prints over them
    axes.set_ylim(0, axes.get_ylim()[1] * (1 + 0.11 * len(lines)))
    for i, cut in enumerate(lines):
        _draw_cutoff(axes, cut.value, cut.label, i)
    axes.set_xlabel(theme.draw_lines(term_label(term, facts), 48, 2))
    axes.set_ylabel(_bar_unit(frame))
    if len(groups) > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    return theme.save(figure, key=f"distribution-{slug(term)}", title=title, desc=alt, simulated=facts.simulated)


def _draw_histogram(axes: Axes, part: pd.DataFrame, i: int, name: str, *, alone: bool) -> None:
    part = part.sort_values("low")
    edges = np.append(part["low"].to_numpy(), part["high"].to_numpy()[-1])
    share = bar_heights(part)
    look = theme.style(i)
    if alone:
        axes.stairs(share, edges, fill=True, color=look["color"], alpha=0.55)
        axes.stairs(share, edges, color=look["color"], linewidth=0.8)
    else:
        axes.stairs(share, edges, linewidth=1.6, label=theme.draw_lines(name, 22, 2), **look)


def _draw_cutoff(axes: Axes, value: float, label: str, i: int) -> None:
    axes.axvline(value, color=theme.INK, linestyle=(0, (4, 2)), linewidth=1.0)
    text = theme.draw_lines(label, 24, 1)
    # labels step down so that two near cut-offs do not print over one another
    place = (value, 0.99 - 0.085 * i)
    look: dict[str, Any] = {"va": "top", "fontsize": theme.SMALL, "bbox": _WHITE, "zorder": 5}
    axes.annotate(text, place, xycoords=axes.get_xaxis_transform(), xytext=(4, 0), textcoords="offset points", **look)


def _widths(frame: pd.DataFrame, log: bool) -> npt.NDArray[np.float64]:
    low, high = frame["low"].to_numpy(dtype=np.float64), frame["high"].to_numpy(dtype=np.float64)
    return np.asarray(np.log(high / low) if log else high - low)


def _bar_unit(frame: pd.DataFrame) -> str:
    log = log_spaced(frame)
    widths = _widths(frame, log)
    if np.ptp(widths) < 1e-9 * np.median(widths):
        return "Percent of people"
    if log:
        return f"Percent of people\nper interval of {fmt.number(100 * float(np.expm1(np.median(widths))))}%"
    unit = next((u for u in frame["unit"] if u), "")
    return theme.draw_text(f"Percent of people per {np.median(widths):g} {unit}")


def _log_axis(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    decades = math.log10(axes.get_xlim()[1] / axes.get_xlim()[0])
    subs = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0, 3.0) if decades < 3.2 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.10g}")
