"""Plots of real pruned layers, in the house style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from eie.studies.plots.style import PALETTE, PUBLISHED, Drawn, in_house_style, legend, plain_numbers


@in_house_style
def real_and_synthetic(rows: pd.DataFrame, names: Mapping[str, str], families: Mapping[str, str]) -> Drawn:
    """Draw how much more even synthetic layers are than real ones, one plot per way of drawing.

    Parameters
    ----------
    rows : DataFrame
        One row per matrix: `family`, `load_balance` and the columns of `names`, all fractions.
    names : mapping of str to str
        Title of each plot by column.
    families : mapping of str to str
        Label of each family.
    """
    fig, axes = plt.subplots(1, len(names), figsize=(8.2, 3.2), sharex=True, sharey=True)
    for ax, (column, title) in zip(axes, names.items(), strict=True):
        for colour, (family, label) in zip(PALETTE, families.items(), strict=False):
            some = rows[rows["family"] == family]
            _dots(ax, 100 * some["load_balance"], 100 * (some[column] - some["load_balance"]), colour, label)
        ax.axhline(0, color=PUBLISHED, linewidth=1)
        ax.set(title=title, xlabel="load balance, real, %", xlim=(0, 100), ylim=(-20, 25))
    axes[0].set_ylabel("synthetic minus real, points")
    legend(fig, *axes[0].get_legend_handles_labels(), loc="lower center")
    shown = rows[["family", "layer", "load_balance", *names]]
    return Drawn(fig, {"matrices": shown})


@in_house_style
def unevenness(
    rows: pd.DataFrame, curves: pd.DataFrame, points: pd.DataFrame, families: Mapping[str, str], sides: Sequence[str]
) -> Drawn:
    """Draw the spread of rows and of columns against density, with the curves fitted and single points.

    Parameters
    ----------
    rows : DataFrame
        One row per matrix: `family`, `density`, and the columns of `sides`.
    curves : DataFrame
        `percentile`, `density`, and the columns of `sides`.
    points : DataFrame
        The same without `percentile`, one row per named point.
    families : mapping of str to str
        Label of each family.
    sides : sequence of str
        Columns, one plot for each.
    """
    fig, axes = plt.subplots(1, len(sides), figsize=(8.2, 3.6), sharey=True)
    for ax, side in zip(axes, sides, strict=True):
        for colour, (family, label) in zip(PALETTE, families.items(), strict=False):
            some = rows[rows["family"] == family]
            _dots(ax, 100 * some["density"], some[side], colour, label)
        for percentile, curve in curves.groupby("percentile"):
            style = "-" if percentile == 50 else "--"
            ax.plot(100 * curve["density"], curve[side], style, color="black", label=f"{percentile:g}th percentile")
        for name, point in points.iterrows():
            ax.plot(100 * point["density"], point[side], "*", color="black", markersize=12, label=str(name))
        ax.set(
            xscale="log", yscale="log", xlabel="weights kept, %", title=side.removesuffix("_cv") + "s", ylim=(0.02, 6)
        )
        for axis in (ax.xaxis, ax.yaxis):
            plain_numbers(axis, 1)
    axes[0].set_ylabel("standard deviation / mean,\nbeyond chance")
    legend(fig, *axes[0].get_legend_handles_labels(), loc="lower center")
    return Drawn(fig, {"matrices": rows[["family", "layer", "density", *sides]], "curves": curves})


@in_house_style
def padding(rows: pd.DataFrame, curve: pd.DataFrame, families: Mapping[str, str]) -> Drawn:
    """Draw padding zeros of all entries against density: measured, and by the formula for a uniform matrix.

    Parameters
    ----------
    rows : DataFrame
        One row per matrix: `family`, `density` and `padding`, percent.
    curve : DataFrame
        `density` and `padding`, percent.
    families : mapping of str to str
        Label of each family.
    """
    fig, ax = plt.subplots(figsize=(8.2, 3.4))
    for colour, (family, label) in zip(PALETTE, families.items(), strict=False):
        some = rows[rows["family"] == family]
        _dots(ax, 100 * some["density"], some["padding"], colour, label)
    ax.plot(100 * curve["density"], curve["padding"], color="black", label="uniform, one PE")
    ax.set(xscale="log", xlabel="weights kept, %", ylabel="padding, % of entries")
    plain_numbers(ax.xaxis, 1.0)
    ax.legend()
    return Drawn(fig, {"matrices": rows[["family", "layer", "density", "padding"]], "curve": curve})


def _dots(ax: Axes, x: pd.Series, y: pd.Series, colour: str, label: str) -> None:
    """Draw hundreds of dots as a picture; the axes and words around them stay lines and letters."""
    ax.scatter(x, y, s=4, color=colour, rasterized=True, linewidths=0)
    ax.plot([], [], "o", color=colour, label=label)
