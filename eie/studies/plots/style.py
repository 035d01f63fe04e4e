"""House style of the book's plots: colours, and the wrapper of every function that draws."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from eie.studies.plots.carry import with_data

P = ParamSpec("P")

PUBLISHED = "#555555"
"""The paper's numbers, in every plot."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""

PLATFORM_COLOURS = {"CPU": "#56B4E9", "GPU": "#009E73", "mGPU": "#E69F00", "EIE": "#D55E00"}
"""The colour of a platform, the same in every plot."""

MEASURED = "#CC79A7"
"""What was measured on a machine of today, in every plot."""

MARKERS = "osD^vPX*"
"""Shapes of the points of up to eight lines of a plot."""

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
    above, below : float
        Room for a legend above and below the plots, inches.
    """

    figure: Figure
    tables: Mapping[str, pd.DataFrame | pd.Series]
    above: float = 0.0
    below: float = 0.0


def in_house_style(draw: Callable[P, Drawn]) -> Callable[P, Figure]:
    """Decorate a function that draws: its figure gets the house style, a layout, and the numbers that it shows."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        _draw_svg_in_notebooks()
        with mpl.rc_context(STYLE):
            fig, tables, above, below = draw(*args, **kwargs)
            height = fig.get_size_inches()[1]
            fig.tight_layout(rect=(0, below / height, 1, 1 - above / height))
        return with_data(fig, **tables)

    return drawn


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


def paler(colour: str) -> str:
    """Return a lighter shade of a colour, for the lesser of two bars of the same platform."""
    red, green, blue = (0.5 + 0.5 * part for part in mpl.colors.to_rgb(colour))
    return mpl.colors.to_hex((red, green, blue))


def plain_numbers(axis: Axis, *marks: float) -> None:
    """Label an axis with plain numbers; with `marks`, at these multiples of each power of ten and nowhere else."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
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


def legend_above(fig: Figure, ax: Axes, columns: int) -> float:
    """Put the legend of one plot above all plots of the figure, and return the room that it takes, inches."""
    handles, labels = ax.get_legend_handles_labels()
    fig.legend(handles, labels, loc="upper center", ncols=columns)
    return 0.1 + 0.21 * -(-len(labels) // columns)
