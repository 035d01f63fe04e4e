"""One picture through a LeNet on the machine, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check
from eie.compress.packed import LENETS
from eie.datasets import catalogue
from eie.machine import Machine
from eie.models import zoo
from eie.networks import layer_run
from eie.networks.network import Network, NetworkRun
from eie.networks.operations import Conv2d
from eie.studies import plots
from eie.studies.paper import accuracy

MICRO = 1e-6


HEADS = {
    "outputs": ("size", "outputs"),
    "inputs": ("size", "inputs"),
    "vectors": ("size", "products"),
    "weights, %": ("not zero, %", "weights"),
    "activations, %": ("not zero, %", "inputs"),
    "broadcasts": "broadcasts",
    "cycles": "cycles",
    "time, us": "time, us",
    "load balance, %": "load balance, %",
    "energy, uJ": "energy, uJ",
}
"""Heads of the table of layers."""


@dataclass(frozen=True, eq=False)
class OneInference:
    """A picture, and what became of it.

    Attributes
    ----------
    name : str
        The network's.
    network : Network
    machine : Machine
    run : NetworkRun
        With the outputs of every node.
    label : int
        The digit that the picture shows.
    float_scores : float array of shape `(10,)`
        What the same network gives in float32.
    """

    name: str
    network: Network
    machine: Machine
    run: NetworkRun
    label: int
    float_scores: NDArray[np.float32]

    @property
    def digit(self) -> int:
        """The digit with the highest score."""
        return int(self.run.outputs[0].argmax())

    def table(self) -> pd.DataFrame:
        """One row per layer, and their sum."""
        layers = layer_run.table(self.run.layers)
        layers.insert(5, "broadcasts", [layer.report.broadcasts for layer in self.run.layers])
        sums = layers[["vectors", "broadcasts", "cycles", "time, us", "energy, uJ", "saturations"]].sum()
        return pd.concat([layers, sums.to_frame("sum").T]).astype({"vectors": int, "broadcasts": int, "cycles": int})

    def scores(self) -> pd.DataFrame:
        """Score of each digit, on the machine and in float32."""
        return pd.DataFrame({"machine": self.run.outputs[0], "float32": self.float_scores}).rename_axis("digit").T

    def plot(self) -> plots.Figure:
        """What every node gave, as pictures: what is white is 0, and is not broadcast."""
        return plots.pictures.mosaics(
            {self._title(name): _pictures(values[0]) for name, values in self._shown().items()}
        )

    def plot_broadcasts(self) -> plots.Figure:
        """How many activations each matrix-vector product broadcasts."""
        counts = self._broadcasts()
        if not counts:
            return plots.style.nothing("This network has no convolutions.")
        mosaics = {f"{name}: broadcasts": (found[None], 1) for name, found in counts.items()}
        return plots.pictures.mosaics(mosaics, columns=len(mosaics))

    def answer(self) -> str:
        """Say which digit the network reads, and what it took."""
        cycles = sum(layer.report.cycles for layer in self.run.layers)
        joules = fsum(layer.energy.total for layer in self.run.layers)
        verdict = "which is right" if self.digit == self.label else f"but the image shows a {self.label}"
        return (
            f"In an image of a handwritten digit, {self.name} reads a **{self.digit}**, {verdict}. On "
            f"{self.machine.n_pe} PEs the simulated machine takes exactly **{cycles:,} cycles** "
            f"({cycles / self.machine.clock_hz / MICRO:.1f} µs) and, by the energy model, **{joules / MICRO:.1f} µJ**."
        )

    def words(self) -> str:
        """Say how many multiplications the machine skips, and how exact its scores are."""
        skipped = 1 - sum(layer.report.macs for layer in self.run.layers) / self.dense_products()
        apart = np.abs(self.run.outputs[0] - self.float_scores).max()
        saturated = sum(self.run.saturations.values())
        return (
            f"The dense network needs {self.dense_products():,} multiplications. The machine skips {100 * skipped:.1f} "
            f"% of them, because the weight was pruned or the activation is zero. Every code has "
            f"{self.machine.weight_bits} bits, as many as the layers with the widest codes need. "
            f"The scores differ from those in floating point by at most {apart:.4f}; "
            f"{saturated or 'no'} value{'s saturate' if saturated > 1 else ' saturates'}."
        )

    def dense_products(self) -> int:
        """Products of the same network with no weight pruned and no activation 0."""
        return sum(layer.vectors * layer.n_in * layer.n_out for layer in self.run.layers)

    def _shown(self) -> dict[str, NDArray[Any]]:
        """Values as registers hold them: an output whose ReLU comes right after it is shown after that."""
        names = [node.name for node in self.network.nodes]
        dull = {"flatten1", *(name for name, after in pairwise(names) if after.startswith("relu"))}
        return {name: values for name, values in self.run.values.items() if name not in dull | {names[-1]}}

    def _title(self, name: str) -> str:
        shape = self.network.shapes[name]
        return f"{name}, {' x '.join(map(str, shape))}"

    def _broadcasts(self) -> dict[str, NDArray[np.int64]]:
        """Non-zero inputs of each product, as a map of the output's positions."""
        found = {}
        for node in self.network.nodes:
            if isinstance(node.op, Conv2d):
                rows = node.op.unfold(self.run.values[node.inputs[0]])
                found[node.name] = np.count_nonzero(rows, axis=1).reshape(self.network.shapes[node.name][1:])
        return found


def _pictures(values: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """A node's output as small pictures: maps as they are, a vector as one picture of several rows."""
    if values.ndim == 3:
        return values, int(np.ceil(np.sqrt(len(values))))
    across = int(np.ceil(np.sqrt(len(values))))
    padded = np.pad(values.astype(float), (0, -len(values) % across), constant_values=np.nan)
    return padded.reshape(1, -1, across), 1


def one_inference(picture: int = 0, network: str = "lenet-5", n_pe: int = 64) -> OneInference:
    """Run one of MNIST's test images through a compressed LeNet on the machine.

    Parameters
    ----------
    picture : int
        Which test image, 0..9999.
    network : str
        `"lenet-5"` or `"lenet-300-100"`.
    n_pe : int
        Processing elements.

    Raises
    ------
    ValueError
        When a parameter is out of its range.
    FileNotFoundError
        When MNIST is not available; the message says how to get it.
    """
    picture = _check.integer("picture", picture, 0, 9999)
    if network not in LENETS:
        raise ValueError(f"network must be one of {', '.join(LENETS)}, got {network!r}")
    catalogue.require("mnist")
    task = next(task for task in accuracy.mnist_tasks(picture + 1) if task.network_name.lower() == network)
    inputs, net = task.inputs[picture:], task.network
    machine = zoo.machine_for(net, n_pe)
    run = net.run(inputs, machine, net.formats(net.calibrate(task.calibration)), keep=True)
    return OneInference(task.network_name, net, machine, run, int(task.labels[picture]), net.reference(inputs)[0])
