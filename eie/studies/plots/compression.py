"""Plots of how a network is compressed, in the house style."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from eie.studies.plots.style import (
    HOLLOW,
    PALETTE,
    WIDEST,
    Drawn,
    in_house_style,
    legend_above,
    names_down,
    stack,
)


@in_house_style
def error_by_factor(
    sweep: pd.DataFrame, dense: pd.Series, printed: pd.DataFrame, mean: pd.DataFrame, spread: pd.DataFrame
) -> Drawn:
    """Draw error against how many times smaller a network is, one small plot per network.

    Parameters
    ----------
    sweep : DataFrame
        One row per point: `network`, `bits`, `factor`, `compressed_error`.
    dense : Series
        Error before compression, by network; its order is that of the plots.
    printed : DataFrame
        By network, the published `factor` and `error`.
    mean, spread : DataFrame
        The same, found here: mean over seeds, and standard deviation.
    """
    fig, axes = plt.subplots(1, len(dense), figsize=(WIDEST, 3.8), squeeze=False)
    for ax, (name, before) in zip(axes.flat, dense.items(), strict=True):
        for colour, (bits, points) in zip(PALETTE, sweep[sweep["network"] == name].groupby("bits"), strict=False):
            ranked = points.sort_values("factor")
            ax.plot(ranked["factor"], ranked["compressed_error"], "o-", color=colour, label=f"{bits}-bit codes")
        ax.axhline(before, color="black", linestyle=":", label="before compression")
        ax.plot(*printed.loc[name], **HOLLOW, markersize=7, label="published")
        bars = dict(zip(("xerr", "yerr"), spread.loc[name], strict=True))
        ax.errorbar(*mean.loc[name], **bars, fmt="*", color="black", markersize=12, label="found here, mean over seeds")
        ax.set(xscale="log", title=name, xlabel="times smaller, everything counted")
        ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
        ax.set_xticks([20, 50, 100], ["20", "50", "100"])
        ax.set_ylim(bottom=0)
    axes.flat[0].set_ylabel("test error, %")
    legend_above(fig, axes.flat[0])
    return Drawn(fig, {"sweep": sweep, "dense": dense, "published": printed, "mean": mean, "spread": spread})


@in_house_style
def values_over_epochs(trace: pd.DataFrame) -> Drawn:
    """Draw shared weights while they are trained, one small plot per layer, one line per code.

    Parameters
    ----------
    trace : DataFrame
        Columns `layer`, `epoch`, `code`, `value`.
    """
    layers = trace.groupby("layer", sort=False)
    fig, axes = plt.subplots(1, len(layers), figsize=(8.2, 3.2), sharex=True, squeeze=False)
    for ax, (layer, rows) in zip(axes.flat, layers, strict=True):
        wide = rows.pivot(index="epoch", columns="code", values="value")
        ax.plot(wide.index, wide, ".-", color=PALETTE[0], linewidth=0.9, markersize=4)
        ax.set(title=layer, xticks=wide.index)
    axes.flat[0].set_ylabel("shared weight")
    fig.supxlabel("epochs of training the shared weights", fontsize=10)
    return Drawn(fig, {"trace": trace})


@in_house_style
def weight_histograms(counts: pd.DataFrame, stages: dict[str, str]) -> Drawn:
    """Draw histograms of weights, one row of small plots per stage, one column per layer.

    Parameters
    ----------
    counts : DataFrame
        Columns `layer`, `stage`, `low`, `high`, `count`.
    stages : dict of str to str
        Stages from top to bottom, and what to call them.
    """
    layers = counts["layer"].unique()
    fig, axes = plt.subplots(len(stages), len(layers), figsize=(8.2, 4.2), sharex="col", squeeze=False)
    for row, stage, colour in zip(axes, stages, PALETTE, strict=False):
        for ax, layer in zip(row, layers, strict=True):
            bins = counts[(counts["layer"] == layer) & (counts["stage"] == stage)]
            ax.bar(bins["low"], bins["count"], bins["high"] - bins["low"], align="edge", color=colour)
            ax.tick_params(labelsize=8)
            ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
        row[0].set_ylabel(f"{stages[stage]}\nweights per bin")
    for ax, layer in zip(axes[0], layers, strict=True):
        ax.set_title(layer)
    fig.supxlabel("weight", fontsize=10)
    return Drawn(fig, {"counts": counts})


@in_house_style
def parts_of_sizes(parts: pd.DataFrame, x_label: str) -> Drawn:
    """Draw one stacked bar per row of `parts`; the legend names its columns."""
    fig, ax = plt.subplots(figsize=(8.2, 0.45 * len(parts) + 1.5))
    totals = stack(ax.barh, np.arange(len(parts)), parts, PALETTE, 0.65)
    for row, total in enumerate(totals):
        ax.annotate(f"{total:.1f}", (total, row), (4, 0), textcoords="offset points", va="center")
    ax.set(xlabel=x_label, xlim=(0, 1.12 * totals.max()))
    names_down(ax, range(len(parts)), parts.index)
    legend_above(fig, ax)
    return Drawn(fig, {"parts": parts})
