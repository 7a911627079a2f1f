"""One look for every plotted figure: Okabe-Ito colours, a line style per group for grey prints, text as paths, fixed bytes."""

from __future__ import annotations

import functools
import io
import math
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from cobalamin.report import svg
from cobalamin.report.exhibit import FigureBody
from cobalamin.report.labels import plain
from cobalamin.report.wrapping import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette in an order whose greys differ; yellow is left out because it vanishes on white
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (1.2, 1.4)), (0, (6, 2, 1.2, 2)), (0, (10, 2)), (0, (3, 1, 1, 1, 1, 1)), "-")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
INK = "#222222"
GREY = "#5c5c5c"
WIDTH = 5.4  # inches: 10 pt letters stay legible when the figure shrinks to a telephone
FONT_SIZE = 9.5
SMALL = 8.8

_RC: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "cobalamin",
    "text.parse_math": False,
    "text.usetex": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE,
    "axes.labelsize": FONT_SIZE,
    "xtick.labelsize": FONT_SIZE - 0.5,
    "ytick.labelsize": FONT_SIZE - 0.5,
    "legend.fontsize": FONT_SIZE - 0.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "hatch.linewidth": 0.6,
    "path.simplify": False,
}


def theme() -> AbstractContextManager[None]:
    """Return the context in which every figure is made and saved; no global setting stays changed.

    Returns
    -------
    context manager
        For a ``with`` statement.
    """
    import matplotlib as mpl

    return mpl.rc_context(rc=_RC)  # type: ignore[arg-type]


def new_figure(height: float) -> Figure:
    """Make an empty figure of the theme's width, without pyplot and its global state.

    Parameters
    ----------
    height : float
        Inches.

    Returns
    -------
    Figure
        To be used inside `theme`.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasSVG(figure)
    return figure


def save(figure: Figure, *, key: str, title: str, desc: str, simulated: bool) -> FigureBody:
    """Turn a drawn figure into a `FigureBody` with the same bytes every time.

    Parameters
    ----------
    figure : Figure
        Drawn inside `theme`.
    key, title, desc : str
        Id prefix, accessible name and description.
    simulated : bool
        Whether to print the SIMULATED mark.

    Returns
    -------
    FigureBody
        The drawing.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return svg.finish(svg.parse(buffer.getvalue()), key=key, title=title, desc=desc, simulated=simulated)


def draw_text(text: str) -> str:
    """Make a label drawable: characters that the bundled font lacks become a box.

    Parameters
    ----------
    text : str
        A label; the tables show it unchanged.

    Returns
    -------
    str
        Drawable text.

    Examples
    --------
    >>> draw_text("B12 \U0001f9ea")
    'B12 \u25a1'
    """
    known = _glyphs()
    return "".join(c if ord(c) in known else "\u25a1" for c in plain(text))


def draw_lines(text: str, width: float, most: int = 3) -> str:
    """Make a label drawable on several lines.

    Parameters
    ----------
    text : str
        A label.
    width : float
        Line width in ems.
    most : int
        Lines at most.

    Returns
    -------
    str
        Lines joined by line feeds.
    """
    return "\n".join(draw_text(line) for line in wrap(text, width, most))


def style(i: int) -> dict[str, Any]:
    """Return colour and line style of group ``i``.

    Parameters
    ----------
    i : int
        0, 1, ...; beyond seven groups the styles repeat.

    Returns
    -------
    dict
        ``color`` and ``linestyle``.
    """
    return {"color": COLORS[i % len(COLORS)], "linestyle": LINES[i % len(LINES)]}


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Draw pale grid lines behind the data.

    Parameters
    ----------
    axes : Axes
        Where.
    axis : {"x", "y"}
        Which lines.
    """
    axes.set_axisbelow(True)
    axes.grid(axis=axis, color="#dddddd", linewidth=0.6)  # type: ignore[arg-type]


def log_ticks(axes: Axes) -> None:
    """Give a logarithmic horizontal axis round numbers, few enough to stand side by side.

    Parameters
    ----------
    axes : Axes
        With its limits set.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    low, high = axes.get_xlim()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**d for d in decades for m in steps if low <= m * 10.0**d <= high]
        if len(ticks) <= 9:
            break
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.10g}")


@functools.cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())
