"""Where everybody is at each time: cumulative incidences, or probabilities of states, stacked to 100 %."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.curve_drawing import time_label
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import group_label, join_words, level_label, slug
from cobalamin.report.tables import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
EVENT_FREE = "Event-free"
MEASURES = {"cumulative incidence": "cumulative incidence", "multi-state": "state probability"}
HATCHES = ("", "////", "....", "\\\\\\\\", "xx", "--", "++")
# pale fills that keep their order of greys; outlines and hatches carry the colour
FILLS = ("#5b9bc8", "#f0b48a", "#8fd1bd", "#e3c0d4", "#bfe0f3", "#f5d79b", "#b0b0b0")
# below this share of people with an event the axis is cut, or nothing would be seen
RARE = 0.4
ROW, GAP, FOOT = 1.9, 0.5, 0.2


def exhibits_stacked(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw the shares of people by event or state as areas on one another, a panel per group.

    Parameters
    ----------
    estimates : Estimates
        Rows of measure ``cumulative incidence`` or ``state probability``, the event or state in ``level``.
    facts : StudyFacts
        Labels and time scale.

    Returns
    -------
    list of Exhibit
        One per analysis, grouping and outcome with at least two kinds of event or states; those who had no event, or are in the
        first state, lie on top.
    """
    made = []
    for analysis, measure in MEASURES.items():
        rows = estimates.where(analysis=analysis, context="curve", measure=measure)
        frame = rows.frame
        for model, outcome in dict.fromkeys(zip(frame["model"], frame["outcome"], strict=True)):
            own = rows.where(model=model, outcome=outcome)
            exhibit = _stacked(own, model, outcome, facts) if own.frame["level"].nunique() > 1 else None
            made += [exhibit] if exhibit else []
    return made


def layers(part: pd.DataFrame, kinds: list[str], *, steps: bool) -> tuple[Floats, Floats]:
    """Put the curves of one group on common times, as far as all of them are known.

    Parameters
    ----------
    part : DataFrame
        Rows of one group.
    kinds : list of str
        Levels to stack, from the bottom.
    steps : bool
        Whether values hold until the next time; otherwise straight lines join them.

    Returns
    -------
    times : ndarray, shape (m,)
        Empty where one of the curves is hidden.
    values : ndarray, shape (kinds, m)
        Shares.

    Examples
    --------
    >>> part = pd.DataFrame({"level": ["a", "a", "b", "b"], "at": [0.0, 2.0, 0.0, 1.0], "value": [0.0, 0.2, 0.0, 0.1]})
    >>> layers(part, ["a", "b"], steps=False)
    (array([0., 1.]), array([[0. , 0.1],
           [0. , 0.1]]))
    """
    curves = [part.loc[part["level"] == k].dropna(subset=["at", "value"]).sort_values("at") for k in kinds]
    if any(c.empty for c in curves):
        return np.empty(0), np.empty((len(kinds), 0))
    last = min(c["at"].max() for c in curves)
    times = np.unique(np.concatenate([c["at"].to_numpy() for c in curves]))
    times = times[(times >= min(c["at"].min() for c in curves)) & (times <= last)]
    return times, np.vstack([_at(c["at"].to_numpy(), c["value"].to_numpy(), times, steps=steps) for c in curves])


def _at(known: Floats, values: Floats, times: Floats, *, steps: bool) -> Floats:
    if not steps:
        return np.asarray(np.interp(times, known, values))
    index = np.searchsorted(known, times, side="right") - 1
    return np.asarray(values[np.maximum(index, 0)])


def _stacked(rows: Estimates, grouping: str, outcome: str, facts: StudyFacts) -> Exhibit | None:
    frame = rows.frame
    states = list(dict.fromkeys(frame["level"]))
    in_states = frame["measure"].iloc[0] == "state probability"
    kinds = states[1:] if in_states else states
    rest = level_label(states[0], facts) if in_states else EVENT_FREE
    groups = list(dict.fromkeys(frame["subgroup"]))
    found = {g: layers(frame.loc[frame["subgroup"] == g], kinds, steps=not facts.protected_curves) for g in groups}
    panels = {g: panel for g, panel in found.items() if len(panel[0]) > 1}
    if not panels:
        return None
    by = f" by {group_label(grouping, facts)}" if len(groups) > 1 and grouping else ""
    title = f"Where people are over time{by}" if in_states else f"Kinds of event over time, stacked{by}"
    text = "The height of each area is the share of people at that time; areas add up to 100%. Aalen-Johansen estimates."
    cut = _top(panels) < 1
    text += f" The axis is cut; the area of '{rest}' goes on up to 100%." if cut else ""
    lost = [level_label(g, facts) or "All" for g in groups if g not in panels]
    text += f" Too few events to show {join_words(lost)}." if lost else ""
    labels = [*(level_label(k, facts) for k in kinds), rest]
    alt = f"Stacked areas over {time_label(frame, facts).lower()}. " + " ".join(_words(g, p, labels, facts) for g, p in panels.items())
    key = slug("-".join(w for w in ("stacked", frame["analysis"].iloc[0], grouping, outcome) if w))
    with theme.theme():
        body = _draw(panels, labels, frame, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, rows, body)


def _top(panels: dict[str, tuple[Floats, Floats]]) -> float:
    highest = max(float(values.sum(axis=0).max()) for _, values in panels.values())
    return min(1.0, 1.25 * highest) if highest < RARE else 1.0


def _words(group: str, panel: tuple[Floats, Floats], labels: list[str], facts: StudyFacts) -> str:
    last = [*panel[1][:, -1], 1 - panel[1][:, -1].sum()]
    shares = [f"{label} {fmt.percent(100 * float(max(v, 0.0)))}" for label, v in zip(labels, last, strict=True)]
    return f"{level_label(group, facts) or 'All'} at {panel[0][-1]:g}: {join_words(shares)}."


def _draw(
    panels: dict[str, tuple[Floats, Floats]], labels: list[str], frame: pd.DataFrame, facts: StudyFacts, *, key: str, title: str, alt: str
) -> FigureBody:
    columns = min(len(panels), 2)
    lines = math.ceil(len(panels) / columns)
    titles = [theme.draw_lines(level_label(g, facts) or "All", 15, 2) if columns > 1 else "" for g in panels]
    tall, gap = ROW if columns > 1 else 2.5, GAP + 0.14 * any("\n" in t for t in titles)
    names = [theme.draw_lines(label, 20, 2) for label in labels]
    legend = 0.06 + sum(0.24 + 0.14 * any("\n" in n for n in names[i : i + 2]) for i in range(0, len(names), 2))
    height = lines * (tall + gap) + legend + FOOT
    figure = theme.new_figure(height)
    left, right, between = 0.14, 0.97, 0.06
    width = (right - left - between * (columns - 1)) / columns
    end, top = max(times[-1] for times, _ in panels.values()), _top(panels)
    for i, (times, values) in enumerate(panels.values()):
        x, y = left + (i % columns) * (width + between), height - legend - (i // columns) * (tall + gap) - tall - (gap - 0.32)
        axes = figure.add_axes((x, y / height, width, tall / height))
        _draw_areas(axes, times, values, steps=not facts.protected_curves)
        _panel_axes(axes, (min(t[0] for t, _ in panels.values()), end), top, first=i % columns == 0)
        axes.set_title(titles[i], fontsize=theme.SMALL, pad=3, linespacing=1.05)
    figure.text((left + right) / 2, 0.06 / height, theme.draw_lines(time_label(frame, facts), 44, 1), ha="center", va="bottom")
    _legend(figure, names, 1 - 0.04 / height)
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _draw_areas(axes: Axes, times: Floats, values: Floats, *, steps: bool) -> None:
    edges = 100 * np.vstack([np.zeros(len(times)), np.cumsum(values, axis=0), np.ones(len(times))])
    for i in range(len(edges) - 1):
        axes.fill_between(times, edges[i], edges[i + 1], step="post" if steps else None, **_fill(i, len(edges) - 1))
        if i < len(edges) - 2:
            axes.plot(times, edges[i + 1], drawstyle="steps-post" if steps else "default", color=theme.INK, linewidth=0.7)


def _fill(i: int, count: int) -> dict[str, Any]:
    """Return the look of area i; the topmost, nobody's event, stays nearly white."""
    if i == count - 1:
        return {"facecolor": "#f6f6f6", "linewidth": 0}
    return {"facecolor": FILLS[i % len(FILLS)], "hatch": HATCHES[i % len(HATCHES)], "edgecolor": "#444444", "linewidth": 0}


def _panel_axes(axes: Axes, limits: tuple[float, float], top: float, *, first: bool) -> None:
    axes.set_xlim(*limits)
    axes.set_ylim(0, 100 * top)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}%")
    axes.locator_params(axis="x", nbins=6)
    axes.locator_params(axis="y", nbins=5)
    if first:
        axes.set_ylabel("Share of people")
    else:
        axes.tick_params(labelleft=False)


def _legend(figure: Any, names: list[str], top: float) -> None:
    from matplotlib.patches import Patch

    looks = [_fill(i, len(names)) for i in range(len(names))]
    handles = [Patch(**{**look, "edgecolor": "#444444", "linewidth": 0.7}) for look in looks]
    figure.legend(
        handles, names, loc="upper left", bbox_to_anchor=(0.13, top), ncols=2, borderaxespad=0, handleheight=1.1, handlelength=2.2
    )
