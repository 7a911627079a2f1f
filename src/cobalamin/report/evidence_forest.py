"""A forest of recomputed ratios of many studies: other people, other comparisons, nothing pooled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.evidence import MIDDLE, RATIOS, Entry, evidence_entries
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.forest import ratio_ticks
from cobalamin.report.labels import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, RIGHT = 0.47, 0.74  # shares of the width between which the plot stands
LINE = 0.168  # inches per line of text
_SHORT = {"standardized incidence ratio": "SIR", "standardized mortality ratio": "SMR"}
# the axis ends here whatever an interval does; arrows say that it goes on
LOWEST, HIGHEST = 0.1, 100.0


def exhibit_evidence_forest(estimates: Estimates) -> Exhibit | None:
    """Draw the recomputed ratios on a logarithmic axis, in groups of diseases.

    Parameters
    ----------
    estimates : Estimates
        Results.

    Returns
    -------
    Exhibit or None
        None without a ratio.
    """
    entries = [e for e in evidence_entries(estimates) if e.again.measure in RATIOS and e.again.value > 0]
    if not entries:
        return None
    title = "Recomputed ratios, one line for each printed result"
    text = (
        "Filled: recomputed from counts; open circles: no counts were printed, so the middle of the printed limits is drawn; open squares:"
        " the printed ratio is not reproduced (the line shows the recomputed one). Lines: 95% intervals; arrows: the interval goes on."
        " Logarithmic scale. SIR and SMR: standardized incidence and mortality ratio."
        " The lines compare different things in different people and must not be averaged."
    )
    alt = "Forest plot. " + " ".join(f"{plain(e.again.model)}, {e.about}: {_numbers(e)}." for e in entries)
    with theme.theme():
        body = _draw(entries, title, alt)
    shown = {e.again.at for e in entries}
    frame = estimates.where(analysis="recomputed").frame
    return Exhibit("figure-recomputed-ratios", title, text, alt, Estimates.from_frame(frame.loc[frame["at"].isin(shown)]), body)


def _numbers(e: Entry) -> str:
    return fmt.ratio_interval(e.again.value, e.again.low, e.again.high) if math.isfinite(e.again.value) else _endless(e)


def _endless(e: Entry) -> str:
    return f"{fmt.INFINITY} ({fmt.ratio(e.again.low)} to {fmt.INFINITY})"


def _label(e: Entry) -> str:
    ems = LEFT * theme.WIDTH * 72 / theme.SMALL * 0.97
    study = theme.draw_lines(f"{_short(e.again.model)}, {_SHORT.get(e.again.measure, e.again.measure)}", ems, 1)
    return f"{study}\n{theme.draw_lines(e.about, ems, 3)}"


def _short(citation: str) -> str:
    """First author and year, where the citation starts with them."""
    words = plain(citation).split(" ")
    years = [w for w in words if len(w) == 4 and w.isdigit()]
    return f"{words[0].rstrip(',')} {years[0]}" if years else plain(citation)


def _draw(entries: list[Entry], title: str, alt: str) -> FigureBody:
    groups = list(dict.fromkeys(e.again.subgroup for e in entries))
    lines: list[tuple[str, Entry | None]] = []
    for group in groups:
        lines.append((f"Outcome or people: {plain(group)}", None))
        lines += [(_label(e), e) for e in entries if e.again.subgroup == group]
    heights = [LINE * (1 + text.count("\n")) + 0.11 for text, _ in lines]
    height = sum(heights) + 0.6
    figure = theme.new_figure(height)
    axes = figure.add_axes((LEFT, 0.5 / height, RIGHT - LEFT, sum(heights) / height))
    axes.set_xscale("log")
    axes.set_xlim(LOWEST, HIGHEST)
    axes.set_ylim(sum(heights), 0)
    _look(axes)
    y = 0.0
    for (text, entry), tall in zip(lines, heights, strict=True):
        _line(axes, text, entry, y + tall / 2)
        y += tall
    return theme.save(figure, key="figure-recomputed-ratios", title=title, desc=alt, simulated=False)


def _look(axes: Axes) -> None:
    axes.set_xticks(ratio_ticks(LOWEST, HIGHEST))
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Ratio (logarithmic scale)")
    theme.light_grid(axes, "x")
    axes.axvline(1, color=theme.GREY, linewidth=0.9)


def _line(axes: Axes, text: str, e: Entry | None, y: float) -> None:
    from matplotlib.transforms import blended_transform_factory

    figure = axes.get_figure()
    assert figure is not None
    place = blended_transform_factory(figure.transFigure, axes.transData)
    look: dict[str, Any] = {"transform": place, "va": "center", "linespacing": 1.1}
    if e is None:
        axes.text(0.005, y, text, weight="bold", fontsize=theme.FONT_SIZE, **look)
        return
    axes.text(0.015, y, text, fontsize=theme.SMALL, **look)
    axes.text(RIGHT + 0.015, y, _numbers(e), fontsize=theme.SMALL, **look)
    _interval(axes, e, y)


def _interval(axes: Axes, e: Entry, y: float) -> None:
    missed, from_counts = e.verdict == "not reproduced", MIDDLE not in e.again.level
    color = theme.COLORS[1] if missed else theme.COLORS[0] if from_counts else theme.GREY
    low, high = e.again.low, e.again.high
    if not math.isnan(low + high):
        axes.plot([max(low, LOWEST), min(high, HIGHEST)], [y, y], color=color, linewidth=1.5, solid_capstyle="butt", zorder=3)
    for end, beyond, arrow in ((LOWEST, low < LOWEST, "<"), (HIGHEST, high > HIGHEST, ">")):
        if beyond:
            axes.plot([end], [y], marker=arrow, color=color, markersize=6, clip_on=False, zorder=3)
    if math.isfinite(e.again.value):
        face = color if from_counts and not missed else "white"
        marker = "s" if missed else "o"
        look: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": color, "markeredgewidth": 1.2}
        axes.plot([min(max(e.again.value, LOWEST), HIGHEST)], [y], marker=marker, markersize=6, zorder=5, **look)
