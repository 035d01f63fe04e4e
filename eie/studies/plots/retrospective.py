"""Plots of the retrospective's pages, in the house style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eie.studies.plots.style import (
    MARKERS,
    PALETTE,
    PUBLISHED,
    WIDEST,
    Drawn,
    in_house_style,
    legend_above,
    names_down,
    plain_numbers,
    powers_of_two,
    side_by_side,
    stack,
)


@in_house_style
def ratios(frame: pd.DataFrame, claimed: float) -> Drawn:
    """Draw time and energy of EIE over those of each array, against density: one column per density of the inputs.

    Parameters
    ----------
    frame : DataFrame
        Columns `density`, `act_density`, `array`, `seed`, `time` and `energy`.
    claimed : float
        Density in percent to mark.
    """
    acts = sorted(frame["act_density"].unique())
    fig, axes = plt.subplots(2, len(acts), figsize=(8.6, 5.6), sharex=True, sharey="row", squeeze=False)
    for row, quantity in zip(axes, ("time", "energy"), strict=True):
        for ax, act in zip(row, acts, strict=True):
            own = frame[frame["act_density"] == act]
            _by_line(ax, own, "array", quantity)
            ax.axhline(1, color="black", linewidth=1)
            ax.axvline(claimed, color=PUBLISHED, linestyle=":")
            ax.set_yscale("log")
            plain_numbers(ax.yaxis, 1, 2, 5)
        row[0].set_ylabel(f"{quantity}, EIE over dense")
    for ax, act in zip(axes[0], acts, strict=True):
        ax.set_title(f"{100 * act:g} % of the inputs not 0")
    for ax in axes[1]:
        ax.set_xlabel("weights kept, %")
    legend_above(fig, axes[0][0])
    return Drawn(fig, {"ratios": frame})


def _by_line(ax: Axes, frame: pd.DataFrame, by: str, quantity: str, x: str = "density", scale: float = 100) -> None:
    """A line for each value of a column: mean over seeds, and their standard deviation."""
    for (name, line), colour, marker in zip(frame.groupby(by, sort=False), PALETTE, MARKERS, strict=False):
        over = line.groupby(x)[quantity]
        mean, sd = over.mean(), over.std().fillna(0)
        ax.errorbar(scale * mean.index, mean, sd, color=colour, marker=marker, markersize=4, label=str(name))


@in_house_style
def savings(table: pd.DataFrame, quantities: Sequence[str]) -> Drawn:
    """Draw one group of bars per row of the table, one bar per quantity, with the range from the least to the most.

    Parameters
    ----------
    table : DataFrame
        For each quantity a column of its name, one with ", least" and one with ", most".
    """
    places, (width, offsets) = np.arange(len(table)), side_by_side(len(quantities))
    fig, ax = plt.subplots(figsize=(8.2, 3.8))
    for name, offset, colour in zip(quantities, offsets, PALETTE, strict=False):
        values = table[name]
        ends = np.abs([values - table[f"{name}, least"], table[f"{name}, most"] - values])
        ax.bar(places + offset, values, width, yerr=ends, color=colour, label=name, error_kw={"elinewidth": 0.8})
    ax.set(yscale="log", ylabel="factor saved")
    plain_numbers(ax.yaxis, 1, 2, 5)
    ax.set_xticks(places, [str(name).replace(" ", "\n") for name in table.index])
    ax.grid(visible=False, axis="x")
    legend_above(fig, ax)
    return Drawn(fig, {"savings": table})


@in_house_style
def bit_parts(panels: Mapping[str, pd.DataFrame]) -> Drawn:
    """Draw stacked bars of bits, one small plot per parameter: one bar per value, one colour per part."""
    tops = [part.sum(axis=1).max() for part in panels.values()]
    fig, axes = plt.subplots(
        1, len(panels), figsize=(9.6, 3.6), width_ratios=[max(5, len(part)) for part in panels.values()]
    )
    for ax, (label, part) in zip(axes, panels.items(), strict=True):
        stack(ax.bar, np.arange(len(part)), part, (PUBLISHED, *PALETTE), 0.75)
        ax.set_xticks(range(len(part)), [f"{value:g}" for value in part.index], fontsize=9)
        ax.set_xlabel(fill(label, 12))
        ax.set_ylim(0, 1.05 * max(tops))
        ax.grid(visible=False, axis="x")
    for ax in axes[1:]:
        ax.tick_params(labelleft=False)
    axes[0].set_ylabel("bits per kept weight")
    legend_above(fig, axes[0])
    return Drawn(fig, {"bits": pd.concat(panels, names=["parameter", "value"])})


@in_house_style
def energy_parts(parts: pd.DataFrame, chips: pd.Series) -> Drawn:
    """Draw the energy of each part as its share of the bar, two bars per model, each with its total.

    Parameters
    ----------
    parts : DataFrame
        Index: model and place of the weights; one column per part, mJ.
    chips : Series
        Chips of each model.
    """
    totals = parts.sum(axis=1)
    shares = 100 * parts.div(totals, axis=0)
    places = np.arange(len(parts)) + 0.35 * (np.arange(len(parts)) // 2)
    fig, ax = plt.subplots(figsize=(8.6, 0.36 * len(parts) + 1.6))
    stack(ax.barh, places, shares, PALETTE, 0.8)
    for place, total in zip(places, totals, strict=True):
        ax.annotate(f"{total:.3g} mJ", (100, place), (5, 0), textcoords="offset points", va="center")
    on_chip = [f"{model}, {n:,.0f} chip{'s' if n > 1 else ''}, SRAM" for model, n in chips.items()]
    names_down(ax, places, [name for own in on_chip for name in (own, "weights from DRAM")])
    ax.set(xlim=(0, 100), xlabel="share of the energy of one inference, %")
    legend_above(fig, ax)
    return Drawn(fig, {"energy": parts})


@in_house_style
def ranges(savings: pd.DataFrame, usual: pd.Series) -> Drawn:
    """Draw a saving of each model as a thick range inside a thin one, logarithmic, with a mark at the usual setting.

    Parameters
    ----------
    savings : DataFrame
        Index: models; columns `least`, `most`, `least of all` and `most of all`, times.
    usual : Series
        Saving of each model with the usual setting.
    """
    fig, ax = plt.subplots(figsize=(7.6, 0.5 * len(savings) + 1.5))
    places = np.arange(len(savings))
    ax.hlines(places, savings["least of all"], savings["most of all"], color=PUBLISHED, label="other transistors, too")
    ax.hlines(places, savings["least"], savings["most"], color=PALETTE[0], linewidth=7, label="plausible settings")
    ax.plot(usual.loc[savings.index], places, "|", color="white", markersize=8, markeredgewidth=2)
    ax.axvline(1, color="black", linewidth=1)
    ax.set(xscale="log", xlabel="energy with weights from DRAM / energy with all in SRAM")
    plain_numbers(ax.xaxis)
    names_down(ax, places, list(savings.index))
    legend_above(fig, ax)
    return Drawn(fig, {"savings": savings})


@in_house_style
def vector(times: pd.DataFrame, lanes: pd.DataFrame) -> Drawn:
    """Draw times against density at the smallest and the largest batch, and useful lanes against their number.

    Parameters
    ----------
    times : DataFrame
        Index: batch and density; one column per kernel, us. Empty where nothing was timed.
    lanes : DataFrame
        Index: lanes; one column per model, %.
    """
    fig, axes = plt.subplot_mosaic("AB;CC", figsize=(WIDEST, 7.2), height_ratios=[1, 1.35])
    batches = [] if times.empty else sorted(times.index.unique("batch"))
    panels = (axes["A"], axes["B"])
    for ax, batch in zip(panels, [batches[0], batches[-1]] if batches else ["", ""], strict=True):
        ax.set(xlabel="weights kept, %", ylabel="time per input, µs", title=f"batch {batch}, one thread")
        if not batches:
            ax.text(0.5, 0.5, "not measured", ha="center", transform=ax.transAxes, color=PUBLISHED)
            continue
        own = times.loc[batch]
        for name, colour, marker in zip(own.columns, (*PALETTE, "black"), MARKERS, strict=False):
            ax.plot(100 * own.index, own[name], color=colour, marker=marker, markersize=4, label=name)
        ax.set(xscale="log", yscale="log")
        plain_numbers(ax.yaxis, 1, 2, 5)
        plain_numbers(ax.xaxis)
    if batches:
        legend_above(fig, panels[0])
    _lanes(axes["C"], lanes)
    return Drawn(fig, {"times": times, "lanes": lanes})


def _lanes(ax: Axes, lanes: pd.DataFrame) -> None:
    """Draw useful lanes against their number, with the name of each line at its end."""
    for name, values in lanes.items():
        (line,) = ax.plot(lanes.index, values, color=PUBLISHED, marker="o", markersize=4)
        end: Any = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        ax.annotate(str(name), (lanes.index[-1], values.iloc[-1]), color=line.get_color(), **end)
    powers_of_two(ax, lanes.index, most=len(lanes))
    ax.set(xlabel="lanes", ylabel="useful lanes, %", ylim=(0, 100), title="lanes that do useful work")


@in_house_style
def losses(rows: pd.DataFrame, unharmed: float) -> Drawn:
    """Draw accuracy lost against density, one line per pattern, with the standard deviation over seeds.

    Parameters
    ----------
    rows : DataFrame
        Index: pattern and density; columns `mean` and `std`, points.
    unharmed : float
        Points to mark, up to which a network counts as unharmed.
    """
    fig, ax = plt.subplots(figsize=(7.2, 4.4))
    patterns = rows.groupby(level=0, sort=False)
    for (pattern, line), colour, marker in zip(patterns, PALETTE, MARKERS, strict=False):
        kept = 100 * line.index.get_level_values(1)
        called = str(pattern).replace(" x ", " × ")
        ax.errorbar(kept, line["mean"], line["std"], color=colour, marker=marker, capsize=2, label=called)
    ax.axhline(0, color="black", linewidth=1)
    ax.axhline(unharmed, color=PUBLISHED, linestyle=":")
    ax.set_yscale("symlog", linthresh=0.5)
    powers_of_two(ax, 100 * rows.index.get_level_values(1), most=len(rows))
    ax.set_ylim(min(0.0, (rows["mean"] - rows["std"]).min()) - 0.1)
    low, high = ax.get_ylim()
    ticks = [tick for tick in (-0.5, 0, unharmed, 0.5, 1, 2, 5, 10, 20, 50) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set(xlabel="weights kept, %", ylabel="accuracy lost, points")
    legend_above(fig, ax)
    return Drawn(fig, {"losses": rows})


@in_house_style
def balance(frame: pd.DataFrame, labels: Mapping[int, str]) -> Drawn:
    """Draw load balance against queue depth and against PEs, one line per way to prune, averaged over layers.

    Parameters
    ----------
    frame : DataFrame
        Columns `parameter` (`fifo_depth` or `n_pe`), `value`, `layer`, `columns`, `seed` and `balance` (%).
    labels : mapping of int to str
        What to call each value of `columns`.
    """
    drawn = frame.groupby(["parameter", "value", "columns", "seed"], as_index=False)["balance"].mean()
    drawn["line"] = drawn["columns"].map(labels)
    fig, axes = plt.subplots(1, 2, figsize=(8.6, 4.4), sharey=True)
    panels = {"fifo_depth": "depth of the queues", "n_pe": "number of PEs"}
    for ax, (parameter, label) in zip(axes, panels.items(), strict=True):
        own = drawn[drawn["parameter"] == parameter]
        _by_line(ax, own, "line", "balance", "value", 1)
        powers_of_two(ax, own["value"], most=len(own))
        ax.set(xlabel=label, ylim=(0, 100))
    axes[0].set_ylabel("load balance, %")
    legend_above(fig, axes[0])
    return Drawn(fig, {"balance": drawn})
