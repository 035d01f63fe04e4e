"""House style of the book's plots, one function a kind of plot. Knows nothing of where the numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

PUBLISHED = "#555555"
"""The paper's numbers, in every plot."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""

_GROUPS = {"Alex": 0, "VGG": 1, "NT": 2}

STYLE: Any = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "svg.hashsalt": "eie",  # the same picture gives the same bytes
}


def use_house_style() -> None:
    """Make plots of this session look alike, and notebooks draw them as SVG."""
    mpl.rcParams.update(STYLE)
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # outside a notebook there is nothing to set
        return
    set_matplotlib_formats("svg", metadata={"Date": None})


def layer_colour(name: str) -> str:
    """The colour of a layer: that of its network, the same in every plot."""
    return PALETTE[_GROUPS.get(name.split("-")[0], 3)]


def panels(
    points: pd.DataFrame, x: str, x_label: str, y_label: str, *, log_y: bool = False, computed_label: str = "computed"
) -> Figure:
    """Published and computed series, a small plot a layer, all on the same axes.

    Parameters
    ----------
    points : DataFrame
        Columns `layer`, the one that `x` names, `computed`, `sd`, `published`, `reading_error`; missing values are
        left out of the plot.
    x, x_label, y_label : str
        Column and labels of the axes. The horizontal axis is logarithmic, base 2.
    log_y : bool
        Make the vertical axis logarithmic too.
    """
    layers = list(dict.fromkeys(points["layer"]))
    n_columns = min(3, len(layers))
    n_rows = -(-len(layers) // n_columns)
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(2.6 * n_columns + 0.4, 2.1 * n_rows + 0.8),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for ax, layer in zip(axes.flat, layers, strict=False):
            _panel(ax, points[points["layer"] == layer], x, layer, computed_label)
        for ax in axes.flat[len(layers) :]:
            ax.set_visible(False)
        _powers_of_two(axes.flat[0], points[x])
        if log_y:
            axes.flat[0].set_yscale("log", base=2)
            axes.flat[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for c in range(n_columns):  # the lowest visible panel of each column carries the label
            last = [ax for ax in axes[:, c] if ax.get_visible()][-1]
            last.set_xlabel(x_label)
            last.tick_params(labelbottom=True)
        fig.supylabel(y_label, fontsize=10)
        handles, labels = _legend_of(list(axes.flat[: len(layers)]))
        fig.legend(handles, labels, loc="upper center", ncols=len(labels))
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.35 / fig.get_size_inches()[1]))
    return fig


def _panel(ax: Axes, points: pd.DataFrame, x: str, layer: str, computed_label: str) -> None:
    published = points.dropna(subset=["published"])
    if len(published):
        band = published["reading_error"].fillna(0)
        ax.fill_between(published[x], published["published"] - band, published["published"] + band, color="#cccccc")
        ax.plot(
            published[x], published["published"], color=PUBLISHED, marker="s", markerfacecolor="white", label="paper"
        )
    computed = points.dropna(subset=["computed"])
    ax.errorbar(
        computed[x],
        computed["computed"],
        computed["sd"].fillna(0),
        color=layer_colour(layer),
        marker="o",
        label=computed_label,
    )
    ax.set_title(layer)


def _legend_of(axes: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Each label once, whichever panel has it; the computed series in black, since every panel has its own colour."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    shown = {
        label: plt.Line2D([], [], color="black", marker="o") if label != "paper" else handle  # type: ignore[attr-defined]
        for label, handle in found.items()
    }
    return list(shown.values()), list(shown)


def _powers_of_two(ax: Axes, values: pd.Series) -> None:
    ax.set_xscale("log", base=2)
    ticks = sorted(set(values))
    step = -(-len(ticks) // 5)
    ax.set_xticks(ticks[::step], [f"{tick:g}" for tick in ticks[::step]])
    ax.minorticks_off()


def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    x_label: str,
    y_label: str,
    reference: pd.DataFrame,
    reference_label: str,
) -> Figure:
    """A plot a layer: one line a value of `by`, light to dark, and a reference line.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, `x`, `y`, `by`.
    reference : DataFrame
        Columns `layer`, `x` and `y` of the reference line.
    """
    layers = list(dict.fromkeys(frame["layer"]))
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(1, len(layers), figsize=(2.6 * len(layers) + 0.4, 3.4), sharey=True, squeeze=False)
        values = sorted(frame[by].unique())
        shades = plt.get_cmap("viridis_r")(np.linspace(0.1, 0.95, len(values)))
        for ax, layer in zip(axes.flat, layers, strict=True):
            for value, shade in zip(values, shades, strict=True):
                line = frame[(frame["layer"] == layer) & (frame[by] == value)]
                ax.plot(line[x], line[y], color=shade, marker="o", markersize=3, label=f"{value:g}")
            line = reference[reference["layer"] == layer]
            ax.plot(line[x], line[y], color=PUBLISHED, marker="s", markerfacecolor="white", label=reference_label)
            ax.set_title(layer)
            ax.set_xlabel(x_label)
            _powers_of_two(ax, frame[x])
        axes.flat[0].set_ylabel(y_label)
        fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="upper center", ncols=len(values) + 1)
        fig.tight_layout(rect=(0, 0, 1, 0.9))
    return fig


def bars(
    frame: pd.DataFrame,
    series: dict[str, str],
    y_label: str,
    *,
    errors: dict[str, str] | None = None,
    log_y: bool = False,
) -> Figure:
    """Bars side by side, a group a layer.

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
    """
    width = 0.8 / len(series)
    places = np.arange(len(frame))
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(8.2, 3.6))
        colours = iter(PALETTE)
        for i, (column, label) in enumerate(series.items()):
            published = column.startswith("published")
            ax.bar(
                places + (i - (len(series) - 1) / 2) * width,
                frame[column],
                width,
                yerr=frame[errors[column]] if errors and column in errors else None,
                color="white" if published else next(colours),
                edgecolor=PUBLISHED if published else "none",
                hatch="////" if published and "theoretical" in column else None,
                label=label,
            )
        if log_y:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xticks(places, frame["layer"])
        ax.grid(visible=False, axis="x")
        ax.set_ylabel(y_label)
        fig.legend(*ax.get_legend_handles_labels(), loc="upper center", ncols=len(series))
        fig.tight_layout(rect=(0, 0, 1, 0.92))
    return fig


def matrix(owners: Any, vector: Sequence[bool], labels: Sequence[str]) -> Figure:
    """A small sparse matrix and its input, each stored element in the colour of the PE that holds it.

    Parameters
    ----------
    owners : int array of shape `(n_out, n_in)`
        PE of each stored element, -1 where nothing is stored.
    vector : sequence of bool, of length `n_in`
        Which inputs are not 0.
    labels : sequence of str
        Names of the PEs.
    """
    owners = np.asarray(owners)
    n_out, n_in = owners.shape
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        fig, (top, ax) = plt.subplots(2, 1, figsize=(4.6, 7.2), height_ratios=[1, n_out], sharex=True)
        _cells(ax, owners)
        _cells(top, np.where(vector, len(labels), -1)[np.newaxis])
        ax.set_yticks(range(n_out), [f"{i}" for i in range(n_out)])
        top.set_yticks([0], ["a"])
        top.tick_params(bottom=False, left=False)
        ax.set_xticks(range(n_in), [f"{j}" for j in range(n_in)])
        ax.set_xlabel("column j (input)")
        ax.set_ylabel("row i (output)")
        handles = [mpl.patches.Patch(color=PALETTE[p]) for p in range(len(labels))]
        handles.append(mpl.patches.Patch(color=PALETTE[len(labels)]))
        fig.legend(handles, [*labels, "a, not 0"], loc="upper center", ncols=len(labels) + 1, handlelength=1)
        fig.tight_layout(rect=(0, 0, 1, 0.95))
    return fig


def _cells(ax: Axes, values: np.ndarray) -> None:
    for i, j in np.ndindex(values.shape):
        stored = values[i, j] >= 0
        colour = PALETTE[values[i, j]] if stored else "#f4f4f4"
        ax.add_patch(mpl.patches.Rectangle((j - 0.46, i - 0.46), 0.92, 0.92, color=colour))
        if stored:
            ax.text(
                j, i, f"{i},{j}" if values.shape[0] > 1 else f"{j}", ha="center", va="center", color="white", fontsize=8
            )
    ax.set(xlim=(-0.6, values.shape[1] - 0.4), ylim=(values.shape[0] - 0.4, -0.6), aspect="equal")
    for spine in ax.spines.values():
        spine.set_visible(False)
