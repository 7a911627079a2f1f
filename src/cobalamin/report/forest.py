"""The forest plot: every model's exposure estimates, ratios on a logarithmic scale, with the numbers printed beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report import theme
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import outcome_label, plain, slug
from cobalamin.report.measures import estimate_interval, is_ratio, null_of
from cobalamin.report.select import Contrast, contrasts, described_models, model_rows
from cobalamin.report.tables import caption, level_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.175  # inches per line of text
LEFT, RIGHT = 0.40, 0.705  # the plot stands between these shares of the width; labels left, numbers right
# marks closer than this share of the axis run into one another
CLOSEST = 0.14
_TICKS: tuple[tuple[float, ...], ...] = (
    (0.001, 0.01, 0.1, 1, 10, 100, 1000),
    (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
    (0.25, 0.5, 1, 2, 4),
    (0.5, 0.7, 1, 1.4, 2),
    (0.8, 0.9, 1, 1.1, 1.25),
    (0.9, 0.95, 1, 1.05, 1.1),
    (0.98, 0.99, 1, 1.01, 1.02),
)


@dataclass(frozen=True)
class Line:
    """One line of the forest.

    Attributes
    ----------
    text : str
        Label, already wrapped (line feeds).
    below : str
        Second label in grey: what is compared, where the models differ in it.
    contrast : Contrast or None
        None for a heading.
    """

    text: str
    below: str = ""
    contrast: Contrast | None = None

    @property
    def height(self) -> float:
        """Inches."""
        lines = sum(1 + part.count("\n") for part in (self.text, self.below) if part)
        return LINE * lines + (0.04 if self.contrast is None else 0.12)


def exhibits_forest(estimates: Estimates, facts: StudyFacts) -> list[Exhibit]:
    """Draw one forest per outcome and measure, all models in one figure; the scores of severity share one per measure.

    Parameters
    ----------
    estimates : Estimates
        Results, with truth rows for a simulated study.
    facts : StudyFacts
        Models and their exposure terms.

    Returns
    -------
    list of Exhibit
        Empty without estimates.
    """
    models = described_models(estimates, facts)
    # a difference per year, of a product with time, is in another unit than the differences beside it
    shown = [c for m in models for c in contrasts(estimates, facts, m) if not c.is_reference and not (m.rows and ":" in c.row.term)]
    families = list(dict.fromkeys(map(_family, shown)))
    return [_forest(estimates, [c for c in shown if _family(c) == f], f, facts) for f in families]


def _family(c: Contrast) -> tuple[str, str]:
    return ("" if c.model.rows else c.row.outcome, c.row.measure)


def ratio_ticks(low: float, high: float) -> list[float]:
    """Choose round tick marks for a logarithmic axis of ratios.

    Parameters
    ----------
    low, high : float
        Limits of the axis.

    Returns
    -------
    list of float
        At least 1 where it lies inside; the coarsest set with three marks inside.

    Examples
    --------
    >>> ratio_ticks(0.3, 6), ratio_ticks(0.93, 1.08)
    ([0.5, 1, 2, 5], [0.95, 1, 1.05])
    """
    found: list[float] = []
    for ticks in _TICKS:
        inside = [t for t in ticks if low <= t <= high]
        room = math.log(inside[1] / inside[0]) / math.log(high / low) if len(inside) > 1 else 1.0
        if len(found) > 1 and room < CLOSEST:
            break
        found = inside or found
        if len(found) >= 3:
            break
    return found or [1.0]


def axis_limits(shown: list[Contrast]) -> tuple[float, float]:
    """Choose the axis so that every estimate is inside and no endless interval flattens the others.

    Parameters
    ----------
    shown : list of Contrast
        What is drawn.

    Returns
    -------
    tuple of float
        Limits that contain the null value, every finite estimate and truth, and intervals up to eight times beyond the estimates.
    """
    if not all(is_ratio(c.row.measure) for c in shown):
        return _linear_limits(shown)
    points = [1.0, *(x for c in shown for x in (c.row.value, c.truth) if math.isfinite(x) and 1e-3 < x < 1e3)]
    ends = [x for c in shown for x in (c.row.low, c.row.high) if math.isfinite(x) and x > 0]
    low = max(min([*points, *ends]), min(points) / 8)
    high = min(max([*points, *ends]), max(points) * 8)
    room = max((math.log(high) - math.log(low)) * 0.08, 0.01)
    return math.exp(math.log(low) - room), math.exp(math.log(high) + room)


def _linear_limits(shown: list[Contrast]) -> tuple[float, float]:
    points = [0.0, *(x for c in shown for x in (c.row.value, c.truth) if math.isfinite(x))]
    ends = [x for c in shown for x in (c.row.low, c.row.high) if math.isfinite(x)]
    most = 8 * max(map(abs, points)) or math.inf
    low, high = max(min([*points, *ends]), -most), min(max([*points, *ends]), most)
    room = (high - low) * 0.08 or 0.1
    return low - room, high + room


def _forest(estimates: Estimates, shown: list[Contrast], family: tuple[str, str], facts: StudyFacts) -> Exhibit:
    outcome, measure = family
    usual = _usual(shown)
    several = list(dict.fromkeys(c.row.outcome for c in shown))
    about = outcome_label(outcome or several[0], facts) if outcome or len(several) == 1 else "scores of severity"
    scale = "Logarithmic scale" if is_ratio(measure) else "In the unit of each outcome"
    title = f"{measure.capitalize()}s of {about}, all models"
    text = f"Points: {measure}s; lines: {level_text(facts)}; squares: primary models. {scale}; arrows: the interval goes on."
    text = f"{usual}, where nothing else is named. {text}" if usual else text
    if any(not math.isnan(c.truth) for c in shown):
        text += " Diamonds and dashed line: the truth that was simulated."
    alt = "Forest plot. " + " ".join(_words(c) for c in shown)
    key = slug(f"forest {outcome or 'severity'} {measure}")
    with theme.theme():
        body = draw_forest(_lines(shown), shown, facts, key=key, title=title, alt=alt)
    return Exhibit(key, title, caption(text, facts), alt, _rows_behind(estimates, shown), body)


def _rows_behind(estimates: Estimates, shown: list[Contrast]) -> Estimates:
    models = {(c.model.role, c.model.name): c.model for c in shown}
    parts = [Estimates(model_rows(estimates, m)).where(term={c.row.term for c in shown}) for m in models.values()]
    return Estimates.concat([*parts, estimates.where(analysis="truth")])


def _words(c: Contrast) -> str:
    return f"{plain(c.model.label)}, {c.label}: {estimate_interval(c.row.measure, c.row.value, c.row.low, c.row.high)}."


def _lines(shown: list[Contrast]) -> list[Line]:
    """Make one line per contrast; a model with several contrasts becomes a heading."""
    width = LEFT * theme.WIDTH * 72 / theme.FONT_SIZE - 1.0
    # what most models compare stands in the caption, not under each of them
    usual = _usual(shown)
    lines: list[Line] = []
    for model in dict.fromkeys(c.model for c in shown):
        own = [c for c in shown if c.model == model]
        name = plain(model.label)
        if len(own) == 1:
            lines.append(
                Line(
                    theme.draw_lines(name, width * (0.9 if model.role == "primary" else 1.0)),
                    "" if own[0].label == usual else theme.draw_lines(own[0].label, width * 1.05),
                    own[0],
                )
            )
            continue
        lines.append(Line(theme.draw_lines(name, width * 0.9, 3)))
        lines += [Line("", theme.draw_lines(c.label, width * 1.05), c) for c in own]
    return lines


def _usual(shown: list[Contrast]) -> str:
    labels = [c.label for c in shown]
    usual = max(dict.fromkeys(labels), key=labels.count)
    return usual if 2 * labels.count(usual) > len(labels) else ""


def draw_forest(lines: list[Line], shown: list[Contrast], facts: StudyFacts, *, key: str, title: str, alt: str) -> FigureBody:
    """Draw lines of estimates beside an axis, with their numbers.

    Parameters
    ----------
    lines : list of Line
        From top to bottom.
    shown : list of Contrast
        The estimates among them, all of one measure.
    facts : StudyFacts
        Confidence level, and whether the people are simulated.
    key, title, alt : str
        Of the figure.

    Returns
    -------
    FigureBody
        The figure.
    """
    head = theme.draw_lines(f"{shown[0].row.measure.capitalize()} ({level_text(facts)})", 11.5, 3)
    top = LINE * max(1, head.count("\n")) + 0.1
    rows = sum(line.height for line in lines) + top
    height = rows + 0.6
    figure = theme.new_figure(height)
    axes = figure.add_axes((LEFT, 0.5 / height, RIGHT - LEFT, rows / height))
    low, high = axis_limits(shown)
    measure = shown[0].row.measure
    axes.set_xscale("log" if is_ratio(measure) else "linear")
    axes.set_xlim(low, high)
    axes.set_ylim(rows, 0)
    _axis_look(axes, low, high, log=is_ratio(measure))
    axes.axvline(null_of(measure), color=theme.GREY, linewidth=0.9)
    _draw_truth_line(axes, shown)
    _print(axes, RIGHT + 0.015, top / 2 - 0.05, head, weight="bold", size=theme.SMALL)
    y = top
    for line in lines:
        _draw_line(axes, line, y + line.height / 2, (low, high))
        y += line.height
    axes.set_xlabel(measure.capitalize() + (" (logarithmic scale)" if is_ratio(measure) else ""))
    return theme.save(figure, key=key, title=title, desc=alt, simulated=facts.simulated)


def _axis_look(axes: Axes, low: float, high: float, *, log: bool) -> None:
    if log:
        axes.set_xticks(ratio_ticks(low, high))
    else:
        axes.locator_params(axis="x", nbins=5)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}".replace("-", fmt.MINUS))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    theme.light_grid(axes, "x")


def _draw_truth_line(axes: Axes, shown: list[Contrast]) -> None:
    truths = {c.truth for c in shown if not math.isnan(c.truth)}
    if len(truths) == 1:
        axes.axvline(truths.pop(), color=theme.COLORS[1], linestyle=(0, (4, 3)), linewidth=1.3)


def _draw_line(axes: Axes, line: Line, y: float, limits: tuple[float, float]) -> None:
    c = line.contrast
    _print_label(axes, line, y)
    if c is None:
        return
    text = estimate_interval(c.row.measure, c.row.value, c.row.low, c.row.high)
    _print(axes, RIGHT + 0.015, y, text if text != fmt.DASH else _absent(c), size=theme.SMALL)
    if math.isfinite(c.row.value):
        _draw_interval(axes, c, y, limits)
    if not math.isnan(c.truth):
        look: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "markeredgecolor": theme.COLORS[1], "markeredgewidth": 1.3}
        axes.plot([c.truth], [y], marker="D", zorder=4, linestyle="none", **look)


def _absent(c: Contrast) -> str:
    return fmt.SUPPRESSED if fmt.is_suppressed(c.row.warning) else "not estimable"


def _print_label(axes: Axes, line: Line, y: float) -> None:
    top = y - line.height / 2 + (0.04 if line.contrast is None else 0.06)
    weight = "bold" if line.contrast is None or line.contrast.model.role == "primary" else "normal"
    if line.text:
        _print(axes, 0.005, top, line.text, weight=weight, va="top")
    if line.below:
        here = top + LINE * (1 + line.text.count("\n")) * bool(line.text)
        _print(axes, 0.03, here, line.below, size=theme.SMALL, color=theme.GREY, va="top")


def _draw_interval(axes: Axes, c: Contrast, y: float, limits: tuple[float, float]) -> None:
    primary = c.model.role == "primary"
    color = theme.COLORS[0] if primary else theme.INK
    low, high = limits
    left = max(c.row.low, low)
    right = min(c.row.high, high) if math.isfinite(c.row.high) else high
    if not math.isnan(c.row.low + c.row.high):
        axes.plot([left, right], [y, y], color=color, linewidth=1.6, solid_capstyle="butt", zorder=3)
    for end, beyond, marker in ((low, c.row.low < low, "<"), (high, c.row.high > high, ">")):
        if beyond:
            axes.plot([end], [y], marker=marker, color=color, markersize=6, clip_on=False, zorder=3)
    axes.plot([min(max(c.row.value, low), high)], [y], marker="s" if primary else "o", color=color, markersize=6, zorder=5)


def _print(axes: Axes, x: float, y: float, text: str, *, size: float = theme.FONT_SIZE, va: str = "center", **look: Any) -> None:
    from matplotlib.transforms import blended_transform_factory

    figure = axes.get_figure()
    assert figure is not None
    place = blended_transform_factory(figure.transFigure, axes.transData)
    axes.text(x, y, text, transform=place, ha="left", va=va, fontsize=size, linespacing=1.1, **look)
