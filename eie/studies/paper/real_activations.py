"""Inputs that Alex-6 and VGG-6 receive from real images: their density, and its effect on the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check
from eie.cycles import CycleReport, simulate
from eie.datasets import catalogue
from eie.explore.benchmarks import columns_together, select
from eie.interleaved import InterleavedCSC, encode
from eie.machine import Machine
from eie.models import backbones
from eie.studies import plots
from eie.studies.paper.series import machine_warning
from eie.studies.paper.setup import Setup, exhibit
from eie.writing.words import joined, percent_apart

MOST = {"Alex-6": 50, "VGG-6": 6}
"""Pictures of each set that are run for a layer, at most: VGG-16 takes over 20 times as long as AlexNet."""

NOTHING = "the pictures or the networks are not available"

BATCH = 8
"""Pictures that go through the convolutions together: VGG-16 takes 26 MB for each."""

HEADS = {
    "set": "set of images",
    "published": "published",
    "pictures": "images",
    "mean": "mean",
    "standard deviation": "standard deviation",
    "least": "minimum",
    "most": "maximum",
}
"""Heads of the table of densities."""

TIME_HEADS = {
    "input": "input",
    "mean, us": ("time, us", "mean"),
    "least, us": ("time, us", "minimum"),
    "most, us": ("time, us", "maximum"),
    "load balance, %": "load balance, %",
}
"""Heads of the table of times."""

RUNS = {"real": "real", "shuffled": "the same, shuffled"}
"""How the inputs of a picture are ordered: as they are, and at random."""


@dataclass(frozen=True, eq=False)
class RealActivations:
    """Inputs of two layers, picture by picture, and the machine's time for them.

    Attributes
    ----------
    runs : DataFrame
        One row per layer and picture: `layer`, `set` and `picture`; `density` of the inputs, and `dead`, the share of
        channels without any input that is not 0, both in percent; `real` and `shuffled`, time in us, and
        `balance, real` and `balance, shuffled`, load balance in percent. Empty when the data are not available.
    published : DataFrame
        One row per layer: `density` as Table III has it, in percent; `time` in us and `balance`, the load balance in
        percent, of an input drawn at that density.
    example : dict
        The first picture's inputs of the first layer: whether each is not 0, bool arrays of shape
        `(channels, pixels)`, by how they are ordered.
    missing : str
        What is not available, and how to get it; empty when all is.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    """

    runs: pd.DataFrame
    published: pd.DataFrame
    example: dict[str, NDArray[np.bool_]]
    missing: str = ""
    other_machine: str = ""

    def table(self) -> pd.DataFrame:
        """Density into each layer over the pictures of each set, in percent, beside the published one."""
        grouped = self.runs.groupby(["layer", "set"], sort=False)["density"]
        stats = grouped.agg(pictures="count", mean="mean", deviation="std", least="min", most="max").reset_index()
        stats.insert(2, "published", stats["layer"].map(self.published["density"]))
        return stats.rename(columns={"deviation": "standard deviation"}).set_index("layer")

    def times(self) -> pd.DataFrame:
        """One row per layer and kind of input: mean time in us, least and most, and load balance in percent."""
        rows = []
        for layer, found in self.runs.groupby("layer", sort=False):
            drawn = self.published.loc[layer]
            rows.append((layer, "drawn at Table III's density", *[drawn["time"]] * 3, drawn["balance"]))
            for run, words in RUNS.items():
                time, balance = found[run], found[f"balance, {run}"]
                rows.append((layer, words, time.mean(), time.min(), time.max(), balance.mean()))
        columns = ["layer", "input", "mean, us", "least, us", "most, us", "load balance, %"]
        return pd.DataFrame(rows, columns=columns).set_index("layer")

    def plot(self) -> plots.Figure:
        """Density of every picture, one group per layer, beside the published one."""
        if self.runs.empty:
            return plots.style.nothing(NOTHING)
        return plots.points.dots(self.runs, "density", "set", self.published["density"], "inputs that are not 0, %")

    def plot_example(self) -> plots.Figure:
        """One input, as it is and shuffled."""
        if not self.example:
            return plots.style.nothing(NOTHING)
        titled = {f"{self.runs['layer'].iloc[0]}, {words}": values for words, values in self.example.items()}
        return plots.pictures.patterns(titled, "channel", "pixel")

    def plot_times(self) -> plots.Figure:
        """Time against density, one small plot per layer."""
        if self.runs.empty:
            return plots.style.nothing(NOTHING)
        reference = self.published.rename_axis("layer").reset_index()
        return plots.points.clouds(
            self.runs,
            "density",
            RUNS,
            "inputs that are not 0, %",
            "time, us",
            reference,
            "drawn at the paper's density",
        )

    def answer(self) -> str:
        """Say how many inputs of each layer are not 0 on real pictures."""
        if self.runs.empty:
            return self.missing
        said = [self._density(str(layer), found) for layer, found in self.runs.groupby("layer", sort=False)["density"]]
        return f"On real images, {joined(said)} are not zero. Here, ± is the standard deviation over images."

    def _density(self, layer: str, found: pd.Series) -> str:
        spread = f" ± {found.std():.1f}" if len(found) > 1 else ""
        printed = self.published.loc[layer, "density"]
        return f"**{found.mean():.1f}{spread} %** of {layer}'s inputs (published: {printed:g} %)"

    def words(self) -> str:
        """The densities, the times, and what the order of the inputs does."""
        layers = [self._layer_words(layer) for layer in self.runs["layer"].unique()]
        return "\n\n".join(filter(None, [self.other_machine if layers else "", *layers, self.missing]))

    def _layer_words(self, layer: str) -> str:
        found, printed = self.runs[self.runs["layer"] == layer], self.published.loc[layer]
        density, time = found["density"], found["real"]
        gap = density.mean() - printed["density"]
        order = percent_apart(100 * (found["real"] / found["shuffled"]).sub(1).mean(), 2, ("slower", "faster"))
        less = "below" if gap < 0 else "above"
        return (
            f"**{layer}**: on average over {len(found)} images, **{density.mean():.1f} %** of the inputs are not zero, "
            f"{abs(gap):.1f} percentage points {less} the published {printed['density']:g} %. In "
            f"{found['dead'].mean():.0f} % of the channels, all inputs are zero. The layer takes {time.mean():.1f} µs "
            f"per image on average; an input drawn at the published density takes {printed['time']:.1f} µs. The order "
            f"of real inputs, channel by channel, makes the layer {order} than a random order."
        )


@exhibit("n_pe", "fifo_depth", "seed")
def real_activations(setup: Setup, most: Mapping[str, int] | None = None) -> RealActivations:
    """Run the convolutions on real pictures, and the machine on what comes out.

    Parameters
    ----------
    most : mapping of str to int, optional
        For each layer, `Alex-6` and `VGG-6`, how many pictures of each set to take, 1..1000; `MOST` if left out. A
        layer that is not named is left out.

    Raises
    ------
    ValueError
        When a layer is neither, or a number is out of range.
    FormatError
        When a file of the data is damaged.
    """
    machine, seed = setup.machine(), _check.seed(setup.seed)
    wanted = _wanted(MOST if most is None else most)
    absent = [name for name in ("trunks", *backbones.SETS) if catalogue.find(name) is None]
    missing = catalogue.how_to_get(*absent, anywhere=True) if absent else ""
    runs: list[dict[str, Any]] = []
    published: dict[str, dict[str, float]] = {}
    example: dict[str, NDArray[np.bool_]] = {}
    if catalogue.find("trunks") and any(backbones.files(name) for name in backbones.SETS):
        for layer, count in wanted.items():
            rows, published[layer], first = _layer(layer, count, machine, seed)
            runs += rows
            example = example or first
    return RealActivations(
        pd.DataFrame(runs, columns=None if runs else ["layer", "set", "picture", "density"]),
        pd.DataFrame.from_dict(published, orient="index", columns=["density", "time", "balance"]),
        example,
        missing,
        machine_warning(machine),
    )


def _wanted(most: Any) -> dict[str, int]:
    most = _check.literal(most)
    if not isinstance(most, Mapping) or not most:
        raise ValueError(f"most must be a mapping from layers to numbers of pictures, got {most!r}")
    for layer in most:
        if layer not in backbones.layers():
            raise ValueError(f"layer must be one of {', '.join(backbones.layers())}, got {layer!r}")
    return {layer: _check.integer(f"most of {layer}", count, 1, 1000) for layer, count in most.items()}


def _layer(
    layer: str, count: int, machine: Machine, seed: int
) -> tuple[list[dict[str, Any]], dict[str, float], dict[str, NDArray[np.bool_]]]:
    """One row per picture; what an input drawn at the published density takes; the first picture's input."""
    (benchmark,) = select([layer])
    weights, drawn = benchmark.draw(seed)
    mem = encode(weights, machine)
    published = {"density": 100 * benchmark.act_density} | _measured(simulate(mem, drawn, machine))
    trunk, rng = backbones.load(layer), np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    example: dict[str, NDArray[np.bool_]] = {}
    for name in backbones.SETS:
        paths = backbones.files(name, count)
        for start in range(0, len(paths), BATCH):
            batch = paths[start : start + BATCH]
            for path, inputs in zip(batch, trunk.run(backbones.prepared(batch)), strict=True):
                orders = {"real": inputs, "shuffled": rng.permutation(inputs)}
                example = example or {RUNS[run]: _channels(layer, values) for run, values in orders.items()}
                row = {"layer": layer, "set": catalogue.title(name), "picture": path.stem}
                rows.append(row | _run(mem, layer, orders, machine))
    return rows, published, example


def _run(mem: InterleavedCSC, layer: str, orders: dict[str, NDArray[np.float32]], machine: Machine) -> dict[str, float]:
    channels = _channels(layer, orders["real"])
    row = {"density": 100 * float(channels.mean()), "dead": 100 * float((~channels.any(axis=1)).mean())}
    for run, inputs in orders.items():
        found = _measured(simulate(mem, inputs, machine))
        row |= {run: found["time"], f"balance, {run}": found["balance"]}
    return row


def _measured(report: CycleReport) -> dict[str, float]:
    """Time in us, load balance in percent."""
    return {"time": 1e6 * report.seconds, "balance": 100 * report.load_balance}


def _channels(layer: str, inputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which inputs are not 0, one row per channel."""
    return inputs.reshape(-1, columns_together()[layer]) > 0
