"""Plots of cells, pixels and blocks, in the house style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eie.studies.plots.style import PALETTE, PUBLISHED, WIDEST, Drawn, in_house_style, legend

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in the brightness of a colour (ITU-R BT.709)."""


@in_house_style
def matrix(owners: Any, vector: Sequence[bool], labels: Sequence[str]) -> Drawn:
    """Draw a small sparse matrix and its input, each stored element in the colour of the PE that holds it.

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
    size = (0.55 * n_in + 1.2, 0.3 * (n_out + 1) + 1.4)
    fig, (top, ax) = plt.subplots(2, 1, figsize=size, height_ratios=[1, n_out], sharex=True)
    for each in (top, ax):
        each.grid(visible=False)
    _cells(ax, owners, "{},{}")
    _cells(top, np.where(vector, len(labels), -1)[np.newaxis], "a{1}")
    ax.set_yticks(range(n_out), [f"{i}" for i in range(n_out)])
    top.set_yticks([0], ["a"])
    top.tick_params(bottom=False, left=False)
    ax.set_xticks(range(n_in), [f"{j}" for j in range(n_in)])
    ax.set_xlabel("column j (input)")
    ax.set_ylabel("row i (output)")
    handles = [mpl.patches.Patch(color=colour) for colour in PALETTE[: len(labels) + 1]]
    legend(fig, handles, [*labels, "a, not 0"])
    return Drawn(fig, {"owners": pd.DataFrame(owners)})


def _cells(ax: Axes, values: np.ndarray, text: str) -> None:
    for i, j in np.ndindex(values.shape):
        stored = values[i, j] >= 0
        _cell(ax, j - 0.5, i, text.format(i, j) if stored else "", PALETTE[values[i, j]] if stored else "#f4f4f4")
    ax.set(xlim=(-0.6, values.shape[1] - 0.4), ylim=(values.shape[0] - 0.4, -0.6))
    ax.spines[:].set_visible(False)


def _cell(ax: Axes, left: float, y: float, text: str, colour: str) -> None:
    """Draw a cell of width 1, its text in black or white, whichever stands out more."""
    ax.add_patch(mpl.patches.Rectangle((left + 0.03, y - 0.46), 0.94, 0.92, color=colour))
    ink = "black" if np.dot(mpl.colors.to_rgb(colour), LUMINANCE) > 0.45 else "white"
    ax.text(left + 0.5, y, text, ha="center", va="center", color=ink, fontsize=9)


@in_house_style
def memory(entries: pd.DataFrame, pointers: Sequence[int], across: int = 14) -> Drawn:
    """Draw the memory of one PE: its entries one after the other, and each column's pointer where the column starts.

    Parameters
    ----------
    entries : DataFrame
        One row per entry: `weight` (text), `skipped` (zeros before it) and `column`.
    pointers : sequence of int
        Where each column starts, and the end.
    across : int
        Entries side by side; more go to the next line.
    """
    n = len(entries)
    lines = max(1, -(-n // across))
    most = max(pointers.count(place) for place in set(pointers))
    fig, axes = plt.subplots(lines, 1, figsize=(WIDEST, lines * (1.3 + 0.2 * most)), squeeze=False)
    for line, ax in enumerate(axes.flat):
        first, last = line * across, min(n, (line + 1) * across)
        for place in range(first, last):
            entry = entries.iloc[place]
            _cell(ax, place - first, 0, entry["weight"], PALETTE[5] if entry["column"] % 2 else "#cfe3f3")
            _cell(ax, place - first, 1, f"{entry['skipped']}", "#f0f0f0")
        for place in sorted(set(pointers)):
            if first <= place < last or place == last == n:
                _pointers(ax, place - first, [j for j, start in enumerate(pointers) if start == place], place)
        ax.set(xlim=(-0.6, across + 0.4), ylim=(2.4 + 0.6 * most, -0.6), xticks=[])
        ax.set_yticks([0, 1, 2.4], ["weight", "zeros skipped", "pointers"])
        ax.tick_params(left=False)
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    return Drawn(fig, {"entries": entries, "pointers": pd.Series(pointers, name="pointer")})


def _pointers(ax: Axes, x: float, columns: Sequence[int], value: int) -> None:
    """Draw an arrow to the left side of an entry, and below it the pointers that lead there."""
    ax.annotate("", (x, 1.45), (x, 2.1), arrowprops={"arrowstyle": "->", "shrinkA": 0, "shrinkB": 0})
    text = "\n".join(f"$p_{{{j}}}$" for j in columns)
    ax.text(x, 2.1, f"{text}\n= {value}", ha="center", va="top", fontsize=9)


@in_house_style
def patterns(rows: dict[str, np.ndarray], x_label: str, y_label: str) -> Drawn:
    """Draw matrices, zeros white and other elements dark, one above the other.

    Parameters
    ----------
    rows : dict
        By title, bool arrays of the same shape; the first dimension runs to the right.
    """
    fig, axes = plt.subplots(len(rows), 1, figsize=(8.2, 1.6 * len(rows) + 0.5), sharex=True, squeeze=False)
    for ax, (name, values) in zip(axes.flat, rows.items(), strict=True):
        ax.imshow(values.T, cmap="Greys", aspect="auto", interpolation="nearest", vmax=1.3)
        ax.set_title(name)
        ax.set_ylabel(y_label)
        ax.grid(visible=False)
    axes.flat[-1].set_xlabel(x_label)
    return Drawn(fig, {name: pd.DataFrame(values).astype(int) for name, values in rows.items()})


@in_house_style
def mosaics(steps: dict[str, tuple[np.ndarray, int]], columns: int = 3) -> Drawn:
    """Draw arrays of small pictures, one panel each.

    Parameters
    ----------
    steps : dict of str to (array of shape `(n, height, width)`, int)
        By title: pictures, and how many of them stand side by side. Zeros stay white.
    columns : int
        Panels side by side.
    """
    rows = -(-len(steps) // columns)
    fig, axes = plt.subplots(rows, columns, squeeze=False, figsize=(8.4, 2.7 * rows))
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, (pictures, across)) in zip(axes.flat, steps.items(), strict=False):
        top = max(float(np.nanmax(pictures)), 1e-9)
        shown = ax.imshow(_mosaic(pictures, across), cmap=_WHITE_AT_ZERO, vmin=0, vmax=top)
        ax.set_title(title, fontsize=9)
        bar = fig.colorbar(shown, ax=ax, shrink=0.8)
        bar.ax.tick_params(labelsize=8)
    return Drawn(fig, {"pictures": pd.concat([_numbers(title, shown) for title, (shown, _) in steps.items()])})


def _numbers(title: str, pictures: np.ndarray) -> pd.DataFrame:
    """List pixels, one per row."""
    picture, row, column = (axis.ravel() for axis in np.indices(pictures.shape))
    columns = {"panel": title, "picture": picture, "row": row, "column": column, "value": pictures.ravel()}
    return pd.DataFrame(columns).dropna()


def _mosaic(pictures: np.ndarray, across: int) -> np.ndarray:
    """Join pictures in rows of `across`, a blank line between them."""
    n, height, width = pictures.shape
    blank = np.full((-n % across, height, width), np.nan)
    framed = np.pad(np.concatenate([pictures, blank]), [(0, 0), (0, 1), (0, 1)], constant_values=np.nan)
    rows = framed.reshape(-1, across, height + 1, width + 1).swapaxes(1, 2)
    return rows.reshape(-1, across * (width + 1))[:-1, :-1]


_WHITE_AT_ZERO = mpl.colors.LinearSegmentedColormap.from_list("eie", ["white", PALETTE[0], "#001a33"], bad="#e5e5e5")


@in_house_style
def floorplan(blocks: pd.DataFrame, side: float) -> Drawn:
    """Draw the blocks of a square chip to scale, coloured by module; names of small ones stand beside it.

    Parameters
    ----------
    blocks : DataFrame
        Columns `block`, `module`, `area, mm2`, `x`, `y`, `width`, `height` (mm).
    side : float
        Side of the square, mm.
    """
    modules = [module for module in dict.fromkeys(blocks["module"]) if module != "filler cell"]
    colours = dict(zip(modules, PALETTE, strict=False)) | {"filler cell": "white"}
    fig, ax = plt.subplots(figsize=(7.2, 5.4))
    ax.grid(visible=False)
    outside = []
    for block in blocks.to_dict("records"):
        corner, filler = (block["x"], block["y"]), block["module"] == "filler cell"
        style: dict[str, Any] = {"edgecolor": PUBLISHED, "hatch": "////"} if filler else {"edgecolor": "white"}
        colour = colours[block["module"]]
        ax.add_patch(mpl.patches.Rectangle(corner, block["width"], block["height"], facecolor=colour, **style))
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
    return Drawn(fig, {"blocks": blocks})


def _named_beside(ax: Axes, blocks: Sequence[dict[str, Any]], side: float) -> None:
    """Write names at even distances to the right of the square, each with a line to its block."""
    line = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 2, "shrinkB": 0, "relpos": (0, 0.5)}
    step = 0.065 * side
    lowest = 0.98 * side - step * (len(blocks) - 1)
    for i, block in enumerate(blocks):
        centre = block["x"] + block["width"] / 2, block["y"] + block["height"] / 2
        text = f"{block['block']}, {block['area, mm2']:.4f} mm$^2$"
        ax.annotate(text, centre, (1.05 * side, lowest + i * step), va="center", arrowprops=line)
        ax.plot(*centre, "o", color="black", markersize=2.5)
