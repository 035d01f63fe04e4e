"""Plots of bars, in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eie.studies.plots.style import (
    PALETTE,
    PUBLISHED,
    Drawn,
    in_house_style,
    layer_colour,
    names_down,
    plain_numbers,
    side_by_side,
    small_plots,
    stack,
)


@in_house_style
def bars(
    frame: pd.DataFrame,
    series: dict[str, str],
    y_label: str,
    *,
    errors: dict[str, str] | None = None,
    log_y: bool = False,
    colours: dict[str, str] | None = None,
    legend_columns: int | None = None,
) -> Drawn:
    """Draw bars side by side, one group per layer.

    Parameters
    ----------
    frame : DataFrame
        A column `layer`, and one for each series.
    series : mapping of column to label
        Series in the order of the bars. Columns whose name begins with "published" are drawn in the paper's grey.
    y_label : str
        Label of the vertical axis.
    errors : mapping of column to column, optional
        The column with the standard deviation of a series.
    log_y : bool
        Make the vertical axis logarithmic.
    colours : mapping of column to colour, optional
        Colours of single series.
    legend_columns : int, optional
        Columns of the legend; as many as there are series if left out.
    """
    width, offsets = side_by_side(len(series))
    places = np.arange(len(frame))
    fig, ax = plt.subplots(figsize=(8.2, 3.6))
    own, others = colours or {}, iter(PALETTE)
    for offset, (column, label) in zip(offsets, series.items(), strict=True):
        published = column.startswith("published")
        style = _bar_style(published, "" if published else own.get(column) or next(others))
        hatch = "////" if published and "theoretical" in column else None
        error = frame[errors[column]] if errors and column in errors else None
        ax.bar(places + offset, frame[column], width, yerr=error, hatch=hatch, label=label, **style)
    if log_y:
        ax.set_yscale("log")
        plain_numbers(ax.yaxis)
    ax.set_xticks(places, [name.replace(" ", "\n") for name in frame["layer"]])
    ax.grid(visible=False, axis="x")
    ax.set_ylabel(y_label)
    columns = legend_columns or len(series)
    fig.legend(*ax.get_legend_handles_labels(), loc="upper center", ncols=columns)
    return Drawn(fig, {"frame": frame}, above=0.07 * -(-len(series) // columns) * 3.6)


@in_house_style
def log_bars(names: Sequence[str], values: Sequence[float], x_label: str) -> Drawn:
    """Draw bars from left to right on a logarithmic axis, each with its value, the first at the top."""
    return _across(names, values, x_label, log=True)


@in_house_style
def linear_bars(names: Sequence[str], values: Sequence[float], x_label: str) -> Drawn:
    """Draw bars from left to right from zero, each with its value, the first at the top."""
    return _across(names, values, x_label, log=False)


def _across(names: Sequence[str], values: Sequence[float], x_label: str, *, log: bool) -> Drawn:
    fig, ax = plt.subplots(figsize=(7.2, 0.36 * len(names) + 0.9))
    ax.barh(range(len(names)), values, color=PALETTE[0], height=0.65)
    for i, value in enumerate(values):
        ax.annotate(f"{value:g}", (value, i), (4, 0), textcoords="offset points", va="center")
    if log:
        ax.set(xscale="log", xlim=(min(values) / 2, max(values) * 2.5))
        plain_numbers(ax.xaxis)
    else:
        ax.set_xlim(0, 1.15 * max(values))
    ax.set_xlabel(x_label)
    names_down(ax, range(len(names)), names)
    ax.minorticks_off()
    return Drawn(fig, {"values": pd.Series(values, index=names, name=x_label)})


@in_house_style
def stacked(parts: pd.DataFrame, beside: pd.Series, x_label: str, beside_label: str, *, longest: float = 3.5) -> Drawn:
    """Draw one stacked bar per row, and a plain bar beside each.

    Parameters
    ----------
    parts : DataFrame
        One row per bar, the reference first; one column per part.
    beside : Series
        The value of the plain bar, by row.
    x_label, beside_label : str
        Labels of the axes.
    longest : float
        Where stacked bars are cut off, in lengths of the reference.
    """
    rows, end = np.arange(len(parts)), longest * parts.iloc[0].sum()
    fig, (ax, right) = plt.subplots(1, 2, figsize=(8.2, 0.42 * len(parts) + 1.7), sharey=True, width_ratios=[2.4, 1])
    totals = stack(ax.barh, rows, parts, ("#bbbbbb", *PALETTE), 0.65)
    for row, total in zip(rows, totals, strict=True):
        cut = total > 0.95 * end
        ax.annotate(
            f"{total:.1f}" + (" \N{RIGHTWARDS ARROW}" if cut else ""),
            (0.98 * end if cut else total, row),
            (0 if cut else 4, 0),
            textcoords="offset points",
            ha="right" if cut else "left",
            va="center",
            color="white" if cut else "black",
            fontweight="bold" if cut else "normal",
        )
    ax.set(xlim=(0, end), xlabel=x_label)
    ax.axvline(parts.iloc[0].sum(), color=PUBLISHED, linestyle=":")
    _plain_bars(right, beside.loc[parts.index], beside_label)
    names_down(ax, rows, parts.index)
    fig.legend(*ax.get_legend_handles_labels(), loc="upper center", ncols=3, handlelength=1.2)
    return Drawn(fig, {"parts": parts, "beside": beside}, above=0.55)


def _plain_bars(ax: Axes, values: pd.Series, label: str) -> None:
    """Draw bars whose first is the paper's."""
    fills, edges = (["white"], [PALETTE[0]]), ([PUBLISHED], ["none"])
    colours, edge_colours = (first + other * (len(values) - 1) for first, other in (fills, edges))
    ax.barh(range(len(values)), values, height=0.65, color=colours, edgecolor=edge_colours)
    ax.axvline(values.iloc[0], color=PUBLISHED, linestyle=":")
    for i, value in enumerate(values):
        colour = "white" if i else "black"
        ax.annotate(f"{value:.2f}", (0, i), (4, 0), textcoords="offset points", va="center", color=colour)
    ax.set(xlim=(0, 1.05 * values.max()), xlabel=label)
    ax.grid(visible=False, axis="y")


@in_house_style
def steps(frame: pd.DataFrame, x_label: str) -> Drawn:
    """Draw a small plot per row of the frame: its columns as horizontal bars from top to bottom, logarithmic."""
    fig, axes = small_plots(len(frame), (2.3, 1.9), (1.6, 0.5))
    for ax, (name, values) in zip(axes.flat, frame.iterrows(), strict=False):
        ax.barh(range(len(values)), values, color=layer_colour(str(name)), height=0.7)
        ax.set_title(str(name))
        ax.grid(visible=False, axis="y")
    axes.flat[0].set(xscale="log", yticks=range(len(frame.columns)), yticklabels=list(frame.columns))
    axes.flat[0].invert_yaxis()
    fig.supxlabel(x_label, fontsize=10)
    return Drawn(fig, {"frame": frame})


@in_house_style
def precision(rows: pd.DataFrame, accuracies: pd.DataFrame, published: str) -> Drawn:
    """Draw the energy of a multiplication, and the accuracy of networks, by precision.

    Parameters
    ----------
    rows : DataFrame
        Columns `precision`, `published energy` and `energy` (pJ).
    accuracies : DataFrame
        Percent: one row per network, one column per precision.
    published : str
        The row of `accuracies` that is the paper's.
    """
    fig, (ax, below) = plt.subplots(2, 1, figsize=(8.2, 6.4))
    places = np.arange(len(rows))
    for column, shift, label in (("published energy", -0.2, "paper's figure"), ("energy", 0.2, "energy model")):
        paper = column.startswith("published")
        bars = ax.bar(places + shift, rows[column], 0.38, **_bar_style(paper, PALETTE[0]), label=label)
        ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=9)
    ax.set(ylabel="energy of a multiplication, pJ", ylim=(0, 1.15 * rows["published energy"].max()))
    ax.set_xticks(places, rows["precision"])
    ax.legend()
    places, (width, offsets) = np.arange(accuracies.shape[1]), side_by_side(len(accuracies))
    for offset, colour, (name, values) in zip(offsets, cycle(PALETTE), accuracies.iterrows(), strict=False):
        below.bar(places + offset, values, 0.92 * width, **_bar_style(name == published, colour), label=name)
    below.set(ylabel="accuracy, %", ylim=(0, 100))
    below.set_xticks(places, accuracies.columns)
    for axes in (ax, below):
        axes.grid(visible=False, axis="x")
    below.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    return Drawn(fig, {"rows": rows, "accuracies": accuracies.rename_axis("network").reset_index()})


def _bar_style(published: bool, colour: str) -> dict[str, Any]:
    """Return the style of hollow bars for the paper's numbers, of filled ones for others."""
    return {"color": "white", "edgecolor": PUBLISHED} if published else {"color": colour, "edgecolor": "none"}
