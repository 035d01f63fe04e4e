"""Plots of lines: small plots side by side, in the house style."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from eie.studies.plots.style import (
    MARKERS,
    PALETTE,
    PUBLISHED,
    Drawn,
    in_house_style,
    layer_colour,
    legend,
    legend_above,
    plain_numbers,
    plot_per_layer,
    powers_of_two,
    small_plots,
)


@in_house_style
def panels(
    points: pd.DataFrame,
    x: str,
    x_label: str,
    y_label: str,
    *,
    log_y: bool = False,
    others: tuple[str, pd.DataFrame] | None = None,
    ideal: float | None = None,
) -> Drawn:
    """Draw published and computed series, one small plot per layer, all on the same axes.

    Parameters
    ----------
    points : DataFrame
        Columns `layer`, the one that `x` names, `computed`, `sd`, `published`, `reading_error`, and `low` and `high` if
        the computed series has a band; missing values are left out of the plot.
    x, x_label, y_label : str
        Column and labels of the axes. The horizontal axis is logarithmic, base 2.
    log_y : bool
        Make the vertical axis logarithmic too.
    others : (str, DataFrame), optional
        A label, and another published line for some layers: columns `layer`, the one that `x` names, and `published`.
    ideal : float, optional
        A value to mark in every plot.
    """
    layers = list(dict.fromkeys(points["layer"]))
    fig, axes = small_plots(len(layers), (2.2, 2.1), (0.2, 0.8))
    for ax, layer in zip(axes.flat, layers, strict=False):
        if ideal is not None:
            ax.axhline(ideal, color=PUBLISHED, linewidth=0.8)
        if others is not None:
            _other_line(ax, others[0], others[1][others[1]["layer"] == layer], x)
        _panel(ax, points[points["layer"] == layer], x, layer)
    powers_of_two(axes.flat[0], points[x])
    if log_y:
        axes.flat[0].set_yscale("log", base=2)
        plain_numbers(axes.flat[0].yaxis)
    for column in axes.T:  # the lowest visible panel of each column carries the numbers
        [ax for ax in column if ax.get_visible()][-1].tick_params(labelbottom=True)
    fig.supxlabel(x_label, fontsize=10)
    fig.supylabel(y_label, fontsize=10)
    handles = _legend_of(axes.flat[: len(layers)])
    legend(fig, handles.values(), handles)
    return Drawn(fig, {"points": points})


def _other_line(ax: Axes, label: str, points: pd.DataFrame, x: str) -> None:
    if len(points):
        ax.plot(points[x], points["published"], color="black", linestyle=":", linewidth=2, label=label)


def _panel(ax: Axes, points: pd.DataFrame, x: str, layer: str) -> None:
    published = points.dropna(subset=["published"])
    if len(published):
        band = published["reading_error"].fillna(0)
        ax.fill_between(published[x], published["published"] - band, published["published"] + band, color="#cccccc")
        squares: Any = {"color": PUBLISHED, "marker": "s", "markerfacecolor": "white", "label": "published"}
        ax.plot(published[x], published["published"], **squares)
    computed, colour = points.dropna(subset=["computed"]), layer_colour(layer)
    if "low" in computed:
        ax.fill_between(computed[x], computed["low"], computed["high"], color=colour, alpha=0.2)
    ax.errorbar(computed[x], computed["computed"], computed["sd"].fillna(0), color=colour, marker="o", label="computed")
    ax.set_title(layer)


def _legend_of(axes: Iterable[Axes]) -> dict[str, Any]:
    """Return a handle per label; that of the computed series is black, since each panel has a colour of its own."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found | {"computed": Line2D([], [], color="black", marker="o")}


@in_house_style
def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    x_label: str,
    y_label: str,
    by_label: str,
    reference: pd.DataFrame,
    reference_label: str,
) -> Drawn:
    """Draw one plot per layer: one line per value of `by`, light to dark, and a reference line.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, `x`, `y`, `by`.
    x, y, by, x_label, y_label, by_label : str
        Columns, and what to call them.
    reference : DataFrame
        Columns `layer`, `x` and `y` of the reference line.
    """
    fig, axes = plot_per_layer(frame, 3.4, y_label, sharey=True)
    values = sorted(frame[by].unique())
    shades = plt.get_cmap("viridis_r")(np.linspace(0.1, 0.95, len(values)))
    for layer, ax in axes.items():
        for value, shade in zip(values, shades, strict=True):
            line = frame[(frame["layer"] == layer) & (frame[by] == value)]
            ax.plot(line[x], line[y], color=shade, marker="o", markersize=3, label=f"{value:g}")
        line = reference[reference["layer"] == layer]
        ax.plot(line[x], line[y], color=PUBLISHED, marker="s", markerfacecolor="white", label=reference_label)
        powers_of_two(ax, frame[x])
    fig.supxlabel(x_label, fontsize=10)
    handles, labels = ax.get_legend_handles_labels()
    legend(fig, handles, labels, title=by_label)
    return Drawn(fig, {"frame": frame, "reference": reference})


@in_house_style
def series_by_panel(
    points: pd.DataFrame,
    panel: str,
    x: str,
    y: str,
    by: str,
    x_label: str,
    y_label: str,
    *,
    log_y: bool = False,
    spread: str | None = None,
) -> Drawn:
    """Draw a small plot for each value of one column, in it a line for each value of another.

    Parameters
    ----------
    points : DataFrame
        Columns `panel`, `x`, `y` and `by`.
    panel, x, y, by : str
        Columns: of the plots, of the axes, and of the lines.
    x_label, y_label : str
        Labels of the axes, with units.
    log_y : bool
        Make the vertical axis logarithmic.
    spread : str, optional
        Column with the standard deviation of `y`, drawn as a bar at each point.
    """
    names, series = points[panel].unique(), points[by].unique()
    fig, axes = small_plots(len(names), (3.6, 2.6), (0.4, 0.7))
    for ax, name in zip(axes.flat, names, strict=False):
        for line, marker, colour in zip(series, MARKERS, PALETTE, strict=False):
            own = points[(points[panel] == name) & (points[by] == line)].sort_values(x)
            error = own[spread] if spread else None
            ax.errorbar(own[x], own[y], error, color=colour, marker=marker, capsize=2, label=line)
        ax.set_title(name)
        ax.set_xlabel(x_label)
    if log_y:
        axes.flat[0].set_yscale("log")
        plain_numbers(axes.flat[0].yaxis, 1, 2, 5)
    fig.supylabel(y_label, fontsize=10)
    legend_above(fig, axes.flat[0])
    return Drawn(fig, {"points": points})
