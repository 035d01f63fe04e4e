"""House style of the book's plots: colours, and the wrapper of every function that draws."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Literal, NamedTuple, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from eie.studies.plots.carry import with_data
from eie.writing.words import UNITS

P = ParamSpec("P")

PUBLISHED = "#555555"
"""The paper's numbers, in every plot."""

HOLLOW: Any = {"color": PUBLISHED, "marker": "s", "markerfacecolor": "white", "linestyle": "none"}
"""Points of the paper, in every plot."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""

PLATFORM_COLOURS = {"CPU": "#56B4E9", "GPU": "#009E73", "mGPU": "#E69F00", "EIE": "#D55E00"}
"""The colour of a platform, the same in every plot."""

MEASURED = "#CC79A7"
"""What was measured on a machine of today, in every plot."""

MARKERS = "osD^vPX*"
"""Shapes of the points of up to eight lines of a plot."""

WIDEST = 6.8
"""Width of a plot, inches: on a phone that is 390 pixels wide its letters are still 7 pixels high."""

UNIT = re.compile(r"(?<=, )(us|uJ|mm2)$|(?<=/)mm2$")
"""Unit in plain letters, at the end of a label."""

_GROUPS = {"Alex": 0, "VGG": 1, "NT": 2}

STYLE: Any = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "legend.columnspacing": 1.4,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "svg.hashsalt": "eie",  # the same picture gives the same bytes
}


class Drawn(NamedTuple):
    """Result of a function that draws.

    Attributes
    ----------
    figure : Figure
    tables : mapping of str to DataFrame or Series
        Numbers that the figure shows, by name.
    """

    figure: Figure
    tables: Mapping[str, pd.DataFrame | pd.Series]


def in_house_style(draw: Callable[P, Drawn]) -> Callable[P, Figure]:
    """Decorate a function that draws: its figure gets the house style, a layout, and the numbers that it shows."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        _draw_svg_in_notebooks()
        with mpl.rc_context(STYLE):
            fig, tables = draw(*args, **kwargs)
            width, height = fig.get_size_inches()
            fig.set_size_inches(min(width, WIDEST), height)
            _print_units(fig)
            fig.tight_layout(rect=_beside_legends(fig))
        return with_data(fig, **tables)

    return drawn


def _print_units(fig: Figure) -> None:
    """Write the units of axes as they are printed: columns of tables that label axes have them in plain letters."""
    for ax in fig.axes:
        ax.set_xlabel(_printed(ax.get_xlabel()))
        ax.set_ylabel(_printed(ax.get_ylabel()))


def _printed(label: str) -> str:
    return UNIT.sub(lambda found: UNITS[found[0]], label)


def _beside_legends(fig: Figure) -> tuple[float, float, float, float]:
    """Return the part of a figure that its legends leave free: left, bottom, right and top, as fractions of it."""
    bottom, top = 0.0, 1.0
    for legend in fig.legends:
        box = _box(legend, fig).transformed(fig.transFigure.inverted())
        if box.y0 + box.y1 > 1:
            top = min(top, box.y0)
        else:
            bottom = max(bottom, box.y1)
    return 0, bottom, 1, top


def _box(legend: Legend, fig: Figure) -> Bbox:
    """Return where a legend lies, in dots."""
    return legend.get_window_extent(FigureCanvasAgg(fig).get_renderer())


def _draw_svg_in_notebooks() -> None:
    """Let the notebook that this process runs, if any, show figures as SVG, with the same bytes each time."""
    outside = "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None
    if outside or mpl.rcParams["svg.hashsalt"] == STYLE["svg.hashsalt"]:  # set below, once
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg", metadata={"Date": None})
    mpl.rcParams["svg.hashsalt"] = STYLE["svg.hashsalt"]  # is read when the notebook shows the figure


def layer_colour(name: str) -> str:
    """Return the colour of a layer: that of its network, the same in every plot."""
    return PALETTE[_GROUPS.get(name.split("-")[0], 3)]


def nothing(why: str) -> Figure:
    """Draw a small empty plot that says why."""
    _draw_svg_in_notebooks()
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(6.4, 0.8))
        ax.set_axis_off()
        ax.text(0.5, 0.5, why, ha="center", va="center", color=PUBLISHED)
    return fig


def plain_numbers(axis: Axis, *marks: float) -> None:
    """Label an axis with plain numbers; with `marks`, at these multiples of each power of ten and nowhere else."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))
    if marks:
        axis.set_major_locator(LogLocator(subs=marks))
        axis.set_minor_formatter(NullFormatter())


def powers_of_two(ax: Axes, values: Iterable[float], most: int = 5) -> None:
    """Make the horizontal axis logarithmic, base 2, with at most `most` of the values as its labels."""
    ax.set_xscale("log", base=2)
    ticks = sorted(set(values))
    step = -(-len(ticks) // most)
    ax.set_xticks(ticks[::step], [f"{tick:g}" for tick in ticks[::step]])
    ax.minorticks_off()


def names_down(ax: Axes, places: Sequence[float] | NDArray[Any], names: Iterable[str]) -> None:
    """Label horizontal bars with their names, the first at the top."""
    ax.set_yticks(places, list(names))
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")


def stack(
    draw: Callable[..., object], places: NDArray[Any], parts: pd.DataFrame, colours: Iterable[str], thickness: float
) -> NDArray[np.float64]:
    """Draw one stacked bar per row of `parts`, with one part per column.

    Parameters
    ----------
    draw : method
        `bar` of the axes for upright bars, or `barh` for horizontal ones.

    Returns
    -------
    float array
        Where the bars end.
    """
    ends = np.zeros(len(parts))
    for (name, values), colour in zip(parts.items(), colours, strict=False):
        draw(places, values, thickness, ends.copy(), color=colour, label=str(name))
        ends += values.to_numpy()
    return ends


def side_by_side(n: int) -> tuple[float, NDArray[Any]]:
    """Return the width of each of `n` bars that share a place of width 0.8, and their offsets from its middle."""
    width = 0.8 / n
    return width, (np.arange(n) - (n - 1) / 2) * width


def small_plots(n: int, each: tuple[float, float], around: tuple[float, float]) -> tuple[Figure, Any]:
    """Make a figure with `n` small plots on the same axes, at most three a row; sizes are (width, height) in inches."""
    n_columns = min(3, n)
    n_rows = -(-n // n_columns)
    size = (each[0] * n_columns + around[0], each[1] * n_rows + around[1])
    fig, axes = plt.subplots(n_rows, n_columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return fig, axes


def legend_above(fig: Figure, ax: Axes) -> None:
    """Put the legend of one plot above all plots of the figure."""
    legend(fig, *ax.get_legend_handles_labels())


def legend(
    fig: Figure,
    handles: Iterable[Any],
    labels: Iterable[str],
    *,
    loc: Literal["upper center", "lower center"] = "upper center",
    **style: Any,
) -> None:
    """Put a legend above or below all plots of a figure, in as few rows as its width allows, all about as long."""
    handles, labels = list(handles), list(labels)
    for rows in range(1, len(labels) + 1):
        made = fig.legend(handles, labels, loc=loc, ncols=-(-len(labels) // rows), **style)
        if rows == len(labels) or _box(made, fig).width < fig.dpi * min(WIDEST, fig.get_figwidth()):
            return
        made.remove()


def plot_per_layer(frame: pd.DataFrame, height: float, y_label: str, *, sharey: bool) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with one plot per layer of a frame, side by side; returns the plots by layer."""
    layers = list(dict.fromkeys(frame["layer"]))
    fig, axes = plt.subplots(1, len(layers), figsize=(WIDEST, height), sharey=sharey, squeeze=False)
    for ax, layer in zip(axes.flat, layers, strict=True):
        ax.set_title(layer)
    axes.flat[0].set_ylabel(y_label)
    return fig, dict(zip(layers, axes.flat, strict=True))
