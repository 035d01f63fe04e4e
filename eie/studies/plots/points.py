"""Plots of points in a plane, in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eie.studies.plots.style import (
    HOLLOW,
    PALETTE,
    PLATFORM_COLOURS,
    PUBLISHED,
    WIDEST,
    Drawn,
    in_house_style,
    layer_colour,
    legend,
    legend_above,
    plain_numbers,
    plot_per_layer,
    powers_of_two,
)


@in_house_style
def scatter(printed: pd.DataFrame, computed: pd.DataFrame, x: str, y: str, x_label: str, y_label: str) -> Drawn:
    """Draw named points, both axes logarithmic: those of the paper, and some of them as computed here.

    Parameters
    ----------
    printed, computed : DataFrame
        One row per point, with columns that `x` and `y` name; the rows of `computed` are some of `printed`.
    x, y, x_label, y_label : str
        Columns and labels of the axes.
    """
    points = printed[[x, y]].astype(float).dropna()
    fig, ax = plt.subplots(figsize=(WIDEST, 4.2))
    for name, point in points.iterrows():
        rightmost = point[x] == points[x].max()
        where: Any = {"xytext": (9 if rightmost else -9, 0), "ha": "left" if rightmost else "right", "va": "center"}
        ax.annotate(str(name), (point[x], point[y]), textcoords="offset points", **where)
    ax.plot(points[x], points[y], **HOLLOW, markersize=8, label="published")
    ax.plot(computed[x], computed[y], "o", color=PLATFORM_COLOURS["EIE"], label="EIE, computed here")
    ax.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
    for axis in (ax.xaxis, ax.yaxis):
        plain_numbers(axis, 1)
    ax.margins(x=0.3, y=0.1)
    legend_above(fig, ax)
    return Drawn(fig, {"published": printed, "computed": computed})


@in_house_style
def design_space(designs: pd.DataFrame, chosen: tuple[Any, ...], objectives: Sequence[str]) -> Drawn:
    """Draw every design by the first objective and each other one, logarithmic; mark the front and one design.

    Parameters
    ----------
    designs : DataFrame
        One row per design; the objectives, `holds all` and `front` (truth values).
    chosen : tuple
        Row to mark as the paper's.
    objectives : sequence of str
        Columns, which label the axes.
    """
    x, *others = objectives
    kinds = {
        "does not hold every layer": (~designs["holds all"], {"color": "#d9d9d9", "s": 3}),
        "holds every layer": (designs["holds all"] & ~designs["front"], {"color": PALETTE[5], "s": 3}),
        "on the front": (designs["front"], {"color": PALETTE[0], "s": 9}),
    }
    fig, axes = plt.subplots(1, len(others), figsize=(8.2, 3.9), squeeze=False)
    for ax, y in zip(axes[0], others, strict=True):
        for label, (which, style) in kinds.items():
            some = designs[which]
            # Thousands of dots are a picture; the axes and words around them stay lines and letters.
            ax.scatter(some[x], some[y], rasterized=True, linewidths=0, **style)
            ax.scatter([], [], s=30, color=style["color"], label=label)
        mine = designs.loc[chosen]
        ax.plot(mine[x], mine[y], "*", color=PALETTE[1], markersize=13, label="the paper's choice")
        ax.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
        for axis, marks in ((ax.xaxis, (1.0,)), (ax.yaxis, (1.0, 2.0, 5.0))):
            plain_numbers(axis, *marks)
    legend(fig, *axes[0][0].get_legend_handles_labels(), loc="lower center")
    return Drawn(fig, {"designs": designs})


@in_house_style
def dots(frame: pd.DataFrame, x: str, by: str, reference: pd.Series, x_label: str) -> Drawn:
    """Draw one dot per row, in a strip for each layer, coloured by a column; lines mark the paper's numbers.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, and those that `x` and `by` name.
    reference : Series
        The paper's number of each layer.
    """
    layers = list(dict.fromkeys(frame["layer"]))
    fig, ax = plt.subplots(figsize=(8.2, 0.9 * len(layers) + 1.2))
    for colour, (name, rows) in zip(PALETTE, frame.groupby(by, sort=False), strict=False):
        spread = 0.28 * np.modf(np.arange(len(rows)) * 0.618)[0] - 0.14  # apart, and always the same
        places = rows["layer"].map(layers.index) + spread
        ax.plot(rows[x], places, "o", color=colour, alpha=0.6, markeredgewidth=0, label=name)
    places = np.arange(len(layers))
    ax.vlines(reference.loc[layers], places - 0.3, places + 0.3, color=PUBLISHED, linewidth=2, label="published")
    ax.set(xlabel=x_label, ylim=(len(layers) - 0.5, -0.5), xlim=(0, None))
    ax.set_yticks(places, layers)
    ax.grid(visible=False, axis="y")
    legend_above(fig, ax)
    return Drawn(fig, {"frame": frame, "reference": reference})


@in_house_style
def reads_and_energy(left: pd.DataFrame, name: str, sweep_label: str, points: pd.DataFrame) -> Drawn:
    """Draw reads and energy of a read beside the energy of all reads, against the width of a read.

    Parameters
    ----------
    left : DataFrame
        Index: widths. Columns `reads` and `published reads` (thousands), `published bars`, `implied` and `sweep` (pJ).
    name : str
        The layer of `reads`.
    sweep_label : str
        What `sweep` is.
    points : DataFrame
        Columns `layer`, `width_bits`, `computed` and `published`, nJ.
    """
    fig, (ax, right) = plt.subplots(1, 2, figsize=(8.6, 4.6))
    _left_of_figure_9(ax, left, name, sweep_label)
    shapes = dict(zip(dict.fromkeys(points["layer"]), "osD^vPosD", strict=False))
    for layer, line in points.groupby("layer", sort=False):
        style: dict[str, Any] = {"color": layer_colour(str(layer)), "marker": shapes.get(layer, "o")}
        right.plot(line["width_bits"], line["computed"], **style, label=layer)
        right.plot(line["width_bits"], line["published"], **style, linestyle=":", markerfacecolor="white")
    powers_of_two(right, points["width_bits"])
    right.set(yscale="log", xlabel="width of a read, bits", ylabel="energy of all reads, nJ")
    plain_numbers(right.yaxis, 1, 2, 5)
    right.minorticks_off()
    where: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "columnspacing": 1, "handlelength": 1.5}
    right.legend(ncols=3, title="computed; dotted and hollow: published", **where)
    ax.legend(ncols=2, **where)
    return Drawn(fig, {"points": points, "left": left})


def _left_of_figure_9(ax: Axes, left: pd.DataFrame, name: str, sweep_label: str) -> None:
    places = np.arange(len(left))
    bars = ax.twinx()
    bars.bar(places, left["published bars"], 0.6, color="#e2e2e2", edgecolor="#bbbbbb")
    bars.plot(places, left["implied"], color=PALETTE[2], marker="^")
    bars.plot(places, left["sweep"], color=PALETTE[1], marker="v")
    bars.set_ylabel("energy of one read, pJ (bars, triangles)")
    bars.spines["right"].set_visible(True)
    bars.grid(visible=False)
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
    squares: Any = {"color": PUBLISHED, "marker": "s", "markerfacecolor": "white", "label": "reads, published"}
    ax.plot(places, left["published reads"], **squares)
    ax.plot(places, left["reads"], color=layer_colour(name), marker="o", label=f"reads, {name}")
    ax.bar(0, 0, color="#e2e2e2", edgecolor="#bbbbbb", label="energy, published bars")
    ax.plot([], [], color=PALETTE[2], marker="^", label="energy, right/left")
    ax.plot([], [], color=PALETTE[1], marker="v", label=f"energy, {sweep_label.removeprefix('SRAM sweep, ')}")
    ax.set_xticks(places, [f"{width:g}" for width in left.index])
    ax.set(xlabel="width of a read, bits", ylabel="reads, thousands", ylim=(0, None))
    ax.grid(visible=False)


@in_house_style
def points_by(frame: pd.DataFrame, x: str, y: str, by: str, x_label: str, y_label: str) -> Drawn:
    """Draw points in a plane, coloured by a column; the horizontal axis is logarithmic.

    Parameters
    ----------
    frame : DataFrame
        Columns `x`, `y` (percent) and `by`.
    x, y, by : str
        Columns: of the axes, and of the colours.
    x_label, y_label : str
        Labels of the axes, with units.
    """
    fig, ax = plt.subplots(figsize=(7.2, 3.8))
    for (name, rows), marker, colour in zip(frame.groupby(by, sort=False), "osD^vP", PALETTE, strict=False):
        ax.plot(rows[x], rows[y], marker, color=colour, alpha=0.8, markeredgewidth=0, label=name)
    ax.set(xscale="log", xlabel=x_label, ylabel=y_label, ylim=(0, 100))
    plain_numbers(ax.xaxis, 1, 2, 5)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Drawn(fig, {"points": frame})


@in_house_style
def clouds(
    frame: pd.DataFrame,
    x: str,
    series: dict[str, str],
    x_label: str,
    y_label: str,
    reference: pd.DataFrame,
    reference_label: str,
) -> Drawn:
    """Draw one plot per layer: the points of several series, and one reference point.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, `x`, and a column for each series.
    series : dict
        Labels of the series by column; the first is drawn as rings, the others as dots within them.
    reference : DataFrame
        One row per layer: columns `layer`, `x` and `time`.
    """
    fig, axes = plot_per_layer(frame, 3.4, y_label, sharey=False)
    for layer, ax in axes.items():
        points, printed = frame[frame["layer"] == layer], reference[reference["layer"] == layer]
        for number, (column, label) in enumerate(series.items()):
            size = {"markersize": 3} if number else {"markersize": 7, "fillstyle": "none"}
            ax.plot(points[x], points[column], "o", color=PALETTE[number], label=label, **size)
        ax.plot(printed[x], printed["time"], "ks", markersize=6, label=reference_label)
        ax.set(xlabel=x_label, xlim=(0, None), ylim=(0, None))
    legend_above(fig, ax)
    return Drawn(fig, {"frame": frame, "reference": reference})
