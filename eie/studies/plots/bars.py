"""Plots of bars, in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eie.studies.plots.style import (
    HOLLOW,
    PALETTE,
    PUBLISHED,
    WIDEST,
    Drawn,
    in_house_style,
    legend,
    legend_above,
    names_down,
    plain_numbers,
    side_by_side,
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
    legend_above(fig, ax)
    return Drawn(fig, {"frame": frame})


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
    legend_above(fig, ax)
    return Drawn(fig, {"parts": parts, "beside": beside})


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
def bars_and_labels(values: pd.DataFrame, labels: pd.DataFrame, colours: dict[str, str], y_label: str) -> Drawn:
    """Draw bars side by side, logarithmic, each with the number that the paper prints for it as a hollow square.

    Parameters
    ----------
    values, labels : DataFrame
        Heights of the bars and printed numbers: one row per group, one column per series. A bar may be missing (NaN).
        Printed numbers of the last series are written out, too.
    colours : mapping of column to colour
        Series and their colours.
    y_label : str
        Label of the vertical axis.
    """
    width, offsets = side_by_side(len(colours))
    places = np.arange(len(values))
    fig, ax = plt.subplots(figsize=(WIDEST, 3.8))
    for offset, (series, colour) in zip(offsets, colours.items(), strict=True):
        ax.bar(places + offset, values[series] - 1, width, 1, color=colour, label=series)
        ax.plot(places + offset, labels[series], **HOLLOW, markersize=4)
    for place, printed, value in zip(places + offset, labels[series], values[series], strict=True):
        where: Any = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center"}
        ax.annotate(f"{printed:,g}", (place, np.fmax(printed, value)), color=PUBLISHED, fontsize=9, **where)
    ax.plot([], [], **HOLLOW, markersize=4, label="published")
    ax.set(yscale="log", ylabel=y_label, ylim=(0.7, 3 * values.max().max()))
    ax.axhline(1, color="black", linewidth=1)
    plain_numbers(ax.yaxis)
    ax.set_xticks(places, [name.replace(" ", "\n") for name in values.index], fontsize=9)
    ax.grid(visible=False, axis="x")
    legend_above(fig, ax)
    return Drawn(fig, {"values": values, "published": labels})


@in_house_style
def waterfall(levels: pd.DataFrame, mean: pd.Series, printed: pd.Series, words: Sequence[str], x_label: str) -> Drawn:
    """Draw how a quantity falls and rises from step to step, from top to bottom, logarithmic.

    Parameters
    ----------
    levels : DataFrame
        One row per layer, one column per step.
    mean : Series
        The level after each step that the bars join.
    printed : Series
        The same by the paper; NaN where it states none.
    words : sequence of str
        What to write beside each step.
    x_label : str
        Label of the axis.
    """
    fig, ax = plt.subplots(figsize=(WIDEST, 0.5 * len(mean) + 1.2))
    places = np.arange(len(mean))
    before = mean.shift(fill_value=mean.iloc[0])
    for place, old, new, word in zip(places, before, mean, words, strict=True):
        ax.barh(place, new - old, 0.6, old, color=PALETTE[0] if new < old else PALETTE[1])
        ax.plot([new, new], [place - 0.3, min(place + 1.3, places[-1] + 0.3)], color="black", linewidth=0.8)
        right = max(old, new, levels.iloc[:, place].max())
        ax.annotate(word, (right, place), (7, 0), textcoords="offset points", va="center")
    for _, one in levels.iterrows():
        ax.plot(one, places, ".", color="black", markersize=3)
    ax.plot(printed, places, **HOLLOW)
    handles = [
        Patch(color=PALETTE[0]),
        Patch(color=PALETTE[1]),
        Line2D([], [], color="black", marker=".", markersize=3, linestyle="none"),
        Line2D([], [], **HOLLOW),
    ]
    legend(fig, handles, ["saves", "costs", "one layer", "by the paper's factors"])
    ax.set(xscale="log", xlabel=x_label, xlim=(None, 100 * mean.max()), ylim=(len(mean) - 0.5, -0.5))
    ax.set_yticks(places, mean.index)
    ax.grid(visible=False, axis="y")
    return Drawn(fig, {"levels": levels, "mean": mean, "published": printed})


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
    for column, shift, label in (("published energy", -0.2, "published"), ("energy", 0.2, "energy model")):
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
