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
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from eie.studies.plots.carry import carrying

PUBLISHED = "#555555"
"""The paper's numbers, in every plot."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that colour-blind readers tell apart (Okabe and Ito, 2008)."""

PLATFORM_COLOURS = {"CPU": "#56B4E9", "GPU": "#009E73", "mGPU": "#E69F00", "EIE": "#D55E00"}
"""The colour of a platform, the same in every plot."""

MEASURED = "#CC79A7"
"""What was measured on a machine of today, in every plot."""

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


def nothing(why: str) -> Figure:
    """A small empty plot that says why."""
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(6.4, 0.8))
        ax.set_axis_off()
        ax.text(0.5, 0.5, why, ha="center", va="center", color=PUBLISHED)
    return fig


def paler(colour: str) -> str:
    """A lighter shade of a colour, for the lesser of two bars of the same platform."""
    red, green, blue = (0.5 + 0.5 * part for part in mpl.colors.to_rgb(colour))
    return mpl.colors.to_hex((red, green, blue))


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
    with mpl.rc_context(STYLE):
        fig, axes = _grid(len(layers), (2.6, 2.1), (0.4, 0.8))
        for ax, layer in zip(axes.flat, layers, strict=False):
            _panel(ax, points[points["layer"] == layer], x, layer, computed_label)
        _powers_of_two(axes.flat[0], points[x])
        if log_y:
            axes.flat[0].set_yscale("log", base=2)
            axes.flat[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for c in range(axes.shape[1]):  # the lowest visible panel of each column carries the label
            last = [ax for ax in axes[:, c] if ax.get_visible()][-1]
            last.set_xlabel(x_label)
            last.tick_params(labelbottom=True)
        fig.supylabel(y_label, fontsize=10)
        handles, labels = _legend_of(list(axes.flat[: len(layers)]))
        fig.legend(handles, labels, loc="upper center", ncols=len(labels))
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.35 / fig.get_size_inches()[1]))
    return carrying(fig, points=points)


def _grid(n: int, each: tuple[float, float], around: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure with `n` small plots on the same axes, at most three a row; sizes are (width, height) in inches."""
    n_columns = min(3, n)
    n_rows = -(-n // n_columns)
    size = (each[0] * n_columns + around[0], each[1] * n_rows + around[1])
    fig, axes = plt.subplots(n_rows, n_columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return fig, axes


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
    return carrying(fig, frame=frame, reference=reference)


def bars(
    frame: pd.DataFrame,
    series: dict[str, str],
    y_label: str,
    *,
    errors: dict[str, str] | None = None,
    log_y: bool = False,
    colours: dict[str, str] | None = None,
    legend_columns: int | None = None,
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
    colours : mapping of column to colour, optional
        Colours of single series.
    legend_columns : int, optional
        Columns of the legend; as many as there are series if left out.
    """
    width = 0.8 / len(series)
    places = np.arange(len(frame))
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(8.2, 3.6))
        own, others = colours or {}, iter(PALETTE)
        for i, (column, label) in enumerate(series.items()):
            published = column.startswith("published")
            ax.bar(
                places + (i - (len(series) - 1) / 2) * width,
                frame[column],
                width,
                yerr=frame[errors[column]] if errors and column in errors else None,
                color="white" if published else own.get(column) or next(others),
                edgecolor=PUBLISHED if published else "none",
                hatch="////" if published and "theoretical" in column else None,
                label=label,
            )
        if log_y:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xticks(places, [name.replace(" ", "\n") for name in frame["layer"]])
        ax.grid(visible=False, axis="x")
        ax.set_ylabel(y_label)
        fig.legend(*ax.get_legend_handles_labels(), loc="upper center", ncols=legend_columns or len(series))
        lines = -(-len(series) // (legend_columns or len(series)))
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.07 * lines))
    return carrying(fig, frame=frame)


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
    return carrying(fig, owners=pd.DataFrame(owners))


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


def scatter(frame: pd.DataFrame, x: str, y: str, x_label: str, y_label: str, highlight: Sequence[str] = ()) -> Figure:
    """Named points, both axes logarithmic; those to highlight in colour, the others as the paper's."""
    points = frame[[x, y]].astype(float).dropna()
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(8.2, 4.2))
        for name, point in points.iterrows():
            mine = name in highlight
            colour = PALETTE[1] if mine else PUBLISHED
            ax.plot(point[x], point[y], "o" if mine else "s", color=colour, fillstyle="full" if mine else "none")
            place: dict[str, Any] = {"xytext": (6, -14), "ha": "left"} if mine else {"xytext": (-6, 5), "ha": "right"}
            ax.annotate(str(name), (point[x], point[y]), textcoords="offset points", fontsize=9, color=colour, **place)
        ax.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
        ax.margins(x=0.3, y=0.1)
        fig.tight_layout()
    return carrying(fig, frame=frame)


def design_space(designs: pd.DataFrame, chosen: tuple[Any, ...], objectives: Sequence[str]) -> Figure:
    """Every design by the first objective and each other one; the front and one design marked. All axes logarithmic.

    Parameters
    ----------
    designs : DataFrame
        A row a design; the objectives, `holds all` and `front` (truth values).
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
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(1, len(others), figsize=(8.2, 3.9), squeeze=False)
        for ax, y in zip(axes[0], others, strict=True):
            for label, (which, style) in kinds.items():
                some = designs[which]
                # Thousands of dots are a picture; the axes and words around them stay lines and letters.
                ax.scatter(some[x], some[y], label=label, rasterized=True, linewidths=0, **style)
            mine = designs.loc[chosen]
            ax.plot(mine[x], mine[y], "*", color=PALETTE[1], markersize=13, label="the paper's choice")
            ax.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
            for axis, marks in ((ax.xaxis, (1.0,)), (ax.yaxis, (1.0, 2.0, 5.0))):
                axis.set_major_locator(LogLocator(subs=marks))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_formatter(NullFormatter())
        fig.legend(*axes[0][0].get_legend_handles_labels(), loc="lower center", ncols=4, markerscale=1.5)
        fig.tight_layout(rect=(0, 0.08, 1, 1))
    return carrying(fig, designs=designs)


def dots(frame: pd.DataFrame, x: str, by: str, reference: pd.Series, x_label: str) -> Figure:
    """A dot a row, in a strip for each layer, coloured by a column; a line where the paper has its number.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, and those that `x` and `by` name.
    reference : Series
        The paper's number of each layer.
    """
    layers = list(dict.fromkeys(frame["layer"]))
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(8.2, 0.9 * len(layers) + 1.2))
        for colour, (name, rows) in zip(PALETTE, frame.groupby(by, sort=False), strict=False):
            spread = 0.28 * np.modf(np.arange(len(rows)) * 0.618)[0] - 0.14  # apart, and always the same
            places = rows["layer"].map(layers.index) + spread
            ax.plot(rows[x], places, "o", color=colour, alpha=0.6, markeredgewidth=0, label=name)
        places = np.arange(len(layers))
        ax.vlines(reference.loc[layers], places - 0.3, places + 0.3, color=PUBLISHED, linewidth=2, label="paper")
        ax.set(xlabel=x_label, ylim=(len(layers) - 0.5, -0.5), xlim=(0, None))
        ax.set_yticks(places, layers)
        ax.grid(visible=False, axis="y")
        fig.legend(loc="upper center", ncols=3)
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.3 / fig.get_size_inches()[1]))
    return carrying(fig, frame=frame, reference=reference)


def patterns(rows: dict[str, np.ndarray], x_label: str, y_label: str) -> Figure:
    """Matrices of what is 0 (white) and what is not (dark), one above the other.

    Parameters
    ----------
    rows : dict
        By title, bool arrays of the same shape; the first dimension runs to the right.
    """
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(len(rows), 1, figsize=(8.2, 1.6 * len(rows) + 0.5), sharex=True, squeeze=False)
        for ax, (name, values) in zip(axes.flat, rows.items(), strict=True):
            ax.imshow(values.T, cmap="Greys", aspect="auto", interpolation="nearest", vmax=1.3)
            ax.set_title(name)
            ax.set_ylabel(y_label)
            ax.grid(visible=False)
        axes.flat[-1].set_xlabel(x_label)
        fig.tight_layout()
    return carrying(fig, **{name: pd.DataFrame(values).astype(int) for name, values in rows.items()})


def clouds(
    frame: pd.DataFrame,
    x: str,
    series: dict[str, str],
    x_label: str,
    y_label: str,
    reference: pd.DataFrame,
    reference_label: str,
) -> Figure:
    """A plot a layer: the points of several series, and one reference point.

    Parameters
    ----------
    frame : DataFrame
        Columns `layer`, `x`, and a column for each series.
    series : dict
        Labels of the series by column; the first is drawn as rings, the others as dots within them.
    reference : DataFrame
        A row a layer: columns `layer`, `x` and `time`.
    """
    layers = list(dict.fromkeys(frame["layer"]))
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(1, len(layers), figsize=(4.1 * len(layers), 3.4), squeeze=False)
        for ax, layer in zip(axes.flat, layers, strict=True):
            points, printed = frame[frame["layer"] == layer], reference[reference["layer"] == layer]
            for number, (column, label) in enumerate(series.items()):
                size = {"markersize": 3} if number else {"markersize": 7, "fillstyle": "none"}
                ax.plot(points[x], points[column], "o", color=PALETTE[number], label=label, **size)
            ax.plot(printed[x], printed["time"], "ks", markersize=6, label=reference_label)
            ax.set(title=layer, xlabel=x_label, xlim=(0, None), ylim=(0, None))
        axes.flat[0].set_ylabel(y_label)
        fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="upper center", ncols=len(series) + 1)
        fig.tight_layout(rect=(0, 0, 1, 0.92))
    return carrying(fig, frame=frame, reference=reference)


def steps(frame: pd.DataFrame, x_label: str) -> Figure:
    """A small plot a row of the frame: its columns as horizontal bars from top to bottom, logarithmic."""
    with mpl.rc_context(STYLE):
        fig, axes = _grid(len(frame), (2.3, 1.9), (1.6, 0.5))
        for ax, (name, values) in zip(axes.flat, frame.iterrows(), strict=False):
            ax.barh(range(len(values)), values, color=layer_colour(str(name)), height=0.7)
            ax.set_title(str(name))
            ax.grid(visible=False, axis="y")
        axes.flat[0].set(xscale="log", yticks=range(len(frame.columns)), yticklabels=list(frame.columns))
        axes.flat[0].invert_yaxis()
        fig.supxlabel(x_label, fontsize=10)
        fig.tight_layout()
    return carrying(fig, frame=frame)


def log_bars(names: Sequence[str], values: Sequence[float], x_label: str) -> Figure:
    """Bars from left to right on a logarithmic axis, each with its value, first at the top."""
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(7.2, 0.36 * len(names) + 0.9))
        ax.barh(range(len(names)), values, color=PALETTE[0], height=0.65)
        for i, value in enumerate(values):
            ax.annotate(f"{value:g}", (value, i), (4, 0), textcoords="offset points", va="center")
        ax.set(xscale="log", xlabel=x_label, xlim=(min(values) / 2, max(values) * 2.5))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.minorticks_off()
        ax.set_axisbelow(True)
        ax.grid(visible=False, axis="y")
        fig.tight_layout()
    return carrying(fig, values=pd.Series(values, index=names, name=x_label))


def stacked(parts: pd.DataFrame, beside: pd.Series, x_label: str, beside_label: str, *, longest: float = 3.5) -> Figure:
    """Stacked bars, one a row, and a plain bar beside each.

    Parameters
    ----------
    parts : DataFrame
        A row a bar, the reference first; a column a part.
    beside : Series
        The value of the plain bar, by row.
    x_label, beside_label : str
        Labels of the axes.
    longest : float
        Where stacked bars are cut off, in lengths of the reference.
    """
    rows, end = np.arange(len(parts)), longest * parts.iloc[0].sum()
    with mpl.rc_context(STYLE):
        fig, (ax, right) = plt.subplots(
            1, 2, figsize=(8.2, 0.42 * len(parts) + 1.7), sharey=True, width_ratios=[2.4, 1]
        )
        start = np.zeros(len(parts))
        for (name, values), colour in zip(parts.items(), ("#bbbbbb", *PALETTE), strict=False):
            ax.barh(rows, values, left=start, height=0.65, color=colour, label=name)
            start += values.to_numpy()
        for row, total in zip(rows, start, strict=True):
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
        ax.set_yticks(rows, parts.index)
        ax.invert_yaxis()
        ax.set_axisbelow(True)
        ax.grid(visible=False, axis="y")
        fig.legend(*ax.get_legend_handles_labels(), loc="upper center", ncols=3, handlelength=1.2)
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.55 / fig.get_size_inches()[1]))
    return carrying(fig, parts=parts, beside=beside)


def _plain_bars(ax: Axes, values: pd.Series, label: str) -> None:
    """Bars whose first is the paper's."""
    colours = ["white"] + [PALETTE[0]] * (len(values) - 1)
    ax.barh(
        range(len(values)), values, height=0.65, color=colours, edgecolor=[PUBLISHED] + ["none"] * (len(values) - 1)
    )
    ax.axvline(values.iloc[0], color=PUBLISHED, linestyle=":")
    for i, value in enumerate(values):
        colour = "white" if i else "black"
        ax.annotate(f"{value:.2f}", (0, i), (4, 0), textcoords="offset points", va="center", color=colour)
    ax.set(xlim=(0, 1.05 * values.max()), xlabel=label)
    ax.set_axisbelow(True)
    ax.grid(visible=False, axis="y")


def floorplan(blocks: pd.DataFrame, side: float) -> Figure:
    """Rectangles of a square chip, to scale, coloured by module; small ones are named beside it.

    Parameters
    ----------
    blocks : DataFrame
        Columns `block`, `module`, `area, mm2`, `x`, `y`, `width`, `height` (mm).
    side : float
        Side of the square, mm.
    """
    modules = [module for module in dict.fromkeys(blocks["module"]) if module != "filler cell"]
    colours = dict(zip(modules, PALETTE, strict=False)) | {"filler cell": "white"}
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        fig, ax = plt.subplots(figsize=(7.2, 5.4))
        outside = []
        for block in blocks.to_dict("records"):
            corner, filler = (block["x"], block["y"]), block["module"] == "filler cell"
            ax.add_patch(
                mpl.patches.Rectangle(
                    corner,
                    block["width"],
                    block["height"],
                    facecolor=colours[block["module"]],
                    edgecolor=PUBLISHED if filler else "white",
                    hatch="////" if filler else None,
                )
            )
            if block["width"] > 0.2 * side and block["height"] > 0.1 * side:
                centre = (block["x"] + block["width"] / 2, block["y"] + block["height"] / 2)
                text = f"{block['block']}\n{block['area, mm2']:.3f} mm$^2$"
                paper = {"facecolor": "white", "edgecolor": "none", "pad": 1.5} if filler else None
                ink = "black" if filler else "white"
                ax.text(*centre, text, color=ink, ha="center", va="center", fontweight="bold", bbox=paper)
            else:
                outside.append(block)
        _named_beside(ax, sorted(outside, key=lambda block: (block["y"] + block["height"] / 2, -block["x"])), side)
        ax.add_patch(mpl.patches.Rectangle((0, 0), side, side, fill=False, edgecolor="black", linewidth=1.6))
        ax.set(xlim=(-0.01 * side, 1.42 * side), ylim=(-0.02 * side, 1.02 * side), aspect="equal")
        ax.set(xlabel="mm", ylabel="mm", xticks=np.arange(0, side, 0.2), yticks=np.arange(0, side, 0.2))
        ax.spines[["left", "bottom"]].set_bounds(0, side)
        ax.xaxis.set_label_coords(0.5 / 1.43, -0.07)
        fig.tight_layout()
    return carrying(fig, blocks=blocks)


def _named_beside(ax: Axes, blocks: Sequence[dict[str, Any]], side: float) -> None:
    """Names at even distances to the right of the square, each with a line to its block."""
    centres = [block["y"] + block["height"] / 2 for block in blocks]
    step = 0.065 * side
    lowest = 0.98 * side - step * (len(blocks) - 1)
    for i, (block, y) in enumerate(zip(blocks, centres, strict=True)):
        text = f"{block['block']}, {block['area, mm2']:.4f} mm$^2$"
        ax.annotate(
            text,
            (block["x"] + block["width"] / 2, y),
            (1.05 * side, lowest + i * step),
            va="center",
            arrowprops={"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0, "relpos": (0, 0.5)},
        )
        ax.plot(block["x"] + block["width"] / 2, y, "o", color="black", markersize=2.5)


def reads_and_energy(left: pd.DataFrame, name: str, sweep_label: str, points: pd.DataFrame) -> Figure:
    """Reads and energy of a read beside the energy of all reads, against the width of a read.

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
    with mpl.rc_context(STYLE):
        fig, (ax, right) = plt.subplots(1, 2, figsize=(8.6, 4.6))
        _left_of_figure_9(ax, left, name, sweep_label)
        shapes = dict(zip(dict.fromkeys(points["layer"]), "osD^vPosD", strict=False))
        for layer, line in points.groupby("layer", sort=False):
            colour, shape = layer_colour(str(layer)), shapes.get(layer, "o")
            right.plot(line["width_bits"], line["computed"], color=colour, marker=shape, label=layer)
            right.plot(
                line["width_bits"],
                line["published"],
                color=colour,
                linestyle=":",
                marker=shape,
                markerfacecolor="white",
            )
        _powers_of_two(right, points["width_bits"])
        right.set(yscale="log", xlabel="width of a read, bits", ylabel="energy of all reads, nJ")
        right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        right.minorticks_off()
        right.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1),
            ncols=3,
            title="computed; dotted and hollow: paper",
            columnspacing=1,
            handlelength=1.5,
        )
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, columnspacing=1, handlelength=1.5)
        fig.tight_layout()
    return carrying(fig, points=points, left=left)


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
    ax.plot(places, left["published reads"], color=PUBLISHED, marker="s", markerfacecolor="white", label="reads, paper")
    ax.plot(places, left["reads"], color=layer_colour(name), marker="o", label=f"reads, {name}")
    ax.bar(0, 0, color="#e2e2e2", edgecolor="#bbbbbb", label="energy, paper's bars")
    ax.plot([], [], color=PALETTE[2], marker="^", label="energy, right/left")
    ax.plot([], [], color=PALETTE[1], marker="v", label=f"energy, {sweep_label.removeprefix('SRAM sweep, ')}")
    ax.set_xticks(places, [f"{width:g}" for width in left.index])
    ax.set(xlabel="width of a read, bits", ylabel="reads, thousands", ylim=(0, None))
    ax.grid(visible=False)


def precision(rows: pd.DataFrame, accuracies: pd.DataFrame, published: str) -> Figure:
    """Energy of a multiplication, and accuracy of networks, by precision.

    Parameters
    ----------
    rows : DataFrame
        Columns `precision`, `published energy` and `energy` (pJ).
    accuracies : DataFrame
        Percent: a row a network, a column a precision.
    published : str
        The row of `accuracies` that is the paper's.
    """
    with mpl.rc_context(STYLE):
        fig, (ax, below) = plt.subplots(2, 1, figsize=(8.2, 6.4))
        places = np.arange(len(rows))
        for column, shift, label in (("published energy", -0.2, "paper's figure"), ("energy", 0.2, "energy model")):
            paper = column.startswith("published")
            bars = ax.bar(places + shift, rows[column], 0.38, **_bar_style(paper, PALETTE[0]), label=label)
            ax.bar_label(bars, fmt="%.2f", padding=2, fontsize=9)
        ax.set(ylabel="energy of a multiplication, pJ", ylim=(0, 1.15 * rows["published energy"].max()))
        ax.set_xticks(places, rows["precision"])
        ax.legend()
        places, width = np.arange(accuracies.shape[1]), 0.8 / len(accuracies)
        for i, (name, values) in enumerate(accuracies.iterrows()):
            shift = (i - (len(accuracies) - 1) / 2) * width
            style = _bar_style(name == published, PALETTE[i % len(PALETTE)])
            below.bar(places + shift, values, 0.92 * width, **style, label=name)
        below.set(ylabel="accuracy, %", ylim=(0, 100))
        below.set_xticks(places, accuracies.columns)
        for axes in (ax, below):
            axes.grid(visible=False, axis="x")
        below.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
        fig.tight_layout()
    return carrying(fig, rows=rows, accuracies=accuracies.rename_axis("network").reset_index())


def _bar_style(published: bool, colour: str) -> dict[str, str]:
    """Hollow bars for the paper's numbers, filled ones for others."""
    return {"color": "white", "edgecolor": PUBLISHED} if published else {"color": colour, "edgecolor": "none"}


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
) -> Figure:
    """A small plot for each value of one column, in it a line for each value of another.

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
    panels_, series = list(dict.fromkeys(points[panel])), list(dict.fromkeys(points[by]))
    with mpl.rc_context(STYLE):
        fig, axes = _grid(len(panels_), (3.6, 2.6), (0.4, 0.7))
        for ax, name in zip(axes.flat, panels_, strict=False):
            for line, marker, colour in zip(series, "osD^vP", PALETTE, strict=False):
                own = points[(points[panel] == name) & (points[by] == line)].sort_values(x)
                ax.errorbar(
                    own[x], own[y], own[spread] if spread else None, color=colour, marker=marker, capsize=2, label=line
                )
            ax.set_title(name)
            ax.set_xlabel(x_label)
        if log_y:
            axes.flat[0].set_yscale("log")
            axes.flat[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.flat[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.flat[0].yaxis.set_minor_formatter(NullFormatter())
        fig.supylabel(y_label, fontsize=10)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        n_columns = min(len(labels), 2 * len(panels_))
        rows = -(-len(labels) // n_columns)
        fig.legend(handles, labels, loc="upper center", ncols=n_columns)
        fig.tight_layout(rect=(0, 0, 1, 1 - 0.3 * rows / fig.get_size_inches()[1]))
    return carrying(fig, points=points)


def mosaics(steps: dict[str, tuple[np.ndarray, int]], columns: int = 3) -> Figure:
    """Arrays of small pictures, one panel each.

    Parameters
    ----------
    steps : dict of str to (array of shape `(n, height, width)`, int)
        By title: pictures, and how many of them stand side by side. Zeros stay white.
    columns : int
        Panels side by side.
    """
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(
            -(-len(steps) // columns), columns, squeeze=False, figsize=(8.4, 2.7 * -(-len(steps) // columns))
        )
        for ax in axes.flat:
            ax.set_axis_off()
        for ax, (title, (pictures, across)) in zip(axes.flat, steps.items(), strict=False):
            shown = ax.imshow(
                _mosaic(pictures, across), cmap=_WHITE_AT_ZERO, vmin=0, vmax=max(float(np.nanmax(pictures)), 1e-9)
            )
            ax.set_title(title, fontsize=9)
            bar = fig.colorbar(shown, ax=ax, shrink=0.8)
            bar.ax.tick_params(labelsize=7)
        fig.tight_layout()
    return carrying(fig, pictures=pd.concat([_numbers(title, shown) for title, (shown, _) in steps.items()]))


def _numbers(title: str, pictures: np.ndarray) -> pd.DataFrame:
    """A row a pixel."""
    picture, row, column = (axis.ravel() for axis in np.indices(pictures.shape))
    return pd.DataFrame(
        {"panel": title, "picture": picture, "row": row, "column": column, "value": pictures.ravel()}
    ).dropna()


def _mosaic(pictures: np.ndarray, across: int) -> np.ndarray:
    """Pictures in rows of `across`, a blank line between them."""
    n, height, width = pictures.shape
    down = -(-n // across)
    page = np.full((down * (height + 1) - 1, across * (width + 1) - 1), np.nan)
    for i, picture in enumerate(pictures):
        y, x = i // across * (height + 1), i % across * (width + 1)
        page[y : y + height, x : x + width] = picture
    return page


_WHITE_AT_ZERO = mpl.colors.LinearSegmentedColormap.from_list("eie", ["white", PALETTE[0], "#001a33"], bad="#e5e5e5")


def points_by(frame: pd.DataFrame, x: str, y: str, by: str, x_label: str, y_label: str) -> Figure:
    """Points in a plane, coloured by a column; the horizontal axis is logarithmic.

    Parameters
    ----------
    frame : DataFrame
        Columns `x`, `y` (percent) and `by`.
    x, y, by : str
        Columns: of the axes, and of the colours.
    x_label, y_label : str
        Labels of the axes, with units.
    """
    with mpl.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(7.2, 3.8))
        for (name, rows), marker, colour in zip(frame.groupby(by, sort=False), "osD^vP", PALETTE, strict=False):
            ax.plot(rows[x], rows[y], marker, color=colour, alpha=0.8, markeredgewidth=0, label=name)
        ax.set(xscale="log", xlabel=x_label, ylabel=y_label, ylim=(0, 100))
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        fig.tight_layout()
    return carrying(fig, points=frame)
