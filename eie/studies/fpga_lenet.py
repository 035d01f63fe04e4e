"""The compressed LeNet-300-100 on the FPGA's chip: all three layers in its memories, bit by bit the model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import simulate
from eie.datasets import catalogue
from eie.fixedpoint import LayerFormats
from eie.hardware import chain, fpga, host
from eie.hardware.geometry import PIPELINE_CYCLES, Geometry
from eie.interleaved import InterleavedCSC, encode
from eie.machine import Machine
from eie.studies import host as host_facts
from eie.studies.experiments import Experiment, Part
from eie.studies.paper import accuracy
from eie.values import infer

NETWORK = "lenet-300-100"
N_PE, SPMAT_KB, PICTURES = 16, 2, 200
"""The chip, and the number of MNIST's test pictures in the committed table."""
BITS = 16
"""Bits of weights, activations and accumulators, the paper's (section VI-C)."""
_AT_A_TIME = 20


@dataclass(frozen=True, eq=False)
class OnChip:
    """The network, encoded for the chip, and the pictures.

    Attributes
    ----------
    names : tuple of str
        Names of the layers.
    mems : list of InterleavedCSC
    formats : list of LayerFormats
    biases : list of float arrays
        Start values of the accumulators.
    inputs : array of shape `(n, 784)`
        Pictures in the format of the first layer's activations.
    labels : integer array of shape `(n,)`
    """

    names: tuple[str, ...]
    mems: list[InterleavedCSC]
    formats: list[LayerFormats]
    biases: list[Any]
    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]

    @property
    def machine(self) -> Machine:
        """The machine that it is encoded for."""
        return Machine(n_pe=self.mems[0].n_pe)

    @property
    def raw(self) -> NDArray[np.int64]:
        """Pictures as raw values of their format."""
        return self.formats[0].activation.quantize(self.inputs)[0]

    @property
    def layers(self) -> list[host.Layer]:
        """The layers as a host loads them."""
        return host.layers_of(self.mems, self.formats, self.biases)


def size() -> Geometry:
    """Return the parameters of the chip."""
    return fpga.geometry(N_PE, SPMAT_KB)


def on_chip(count: int = PICTURES) -> OnChip:
    """Encode the network for the chip, and read the first test pictures.

    Raises
    ------
    FileNotFoundError
        When MNIST is not available.
    """
    catalogue.require("mnist")
    task = next(task for task in accuracy.mnist_tasks(count) if task.network_name.lower() == NETWORK)
    network = task.network
    formats = network.formats(network.calibrate(task.calibration), BITS, BITS)
    machine = Machine(n_pe=N_PE)
    nodes = list(network.weight_nodes)
    point = formats[nodes[0][0]].activation
    pixels = task.inputs.reshape(len(task.inputs), -1).astype(np.float64)
    return OnChip(
        names=tuple(name for name, _ in nodes),
        mems=[encode(op.layers[0], machine) for _, op in nodes],
        formats=[formats[name] for name, _ in nodes],
        biases=[op.biases[0] for _, op in nodes],
        inputs=point.real(point.quantize(pixels)[0]),
        labels=task.labels,
    )


def run(network: OnChip, pictures: Sequence[int]) -> list[dict[str, Any]]:
    """Run pictures on the RTL, and compare counters and results of every layer with the model.

    Returns
    -------
    list of dict
        One per picture: `picture`, `label`, `answer`, `cycles` of each layer by its name, and `differences`, the number
        of results, counters and times that are not the model's (with `PIPELINE_CYCLES` more for each layer).
    """
    rows = []
    for picture in pictures:
        vector = network.inputs[picture]
        found = chain(
            network.mems,
            vector,
            network.machine,
            formats=network.formats,
            biases=network.biases,
            geometry=size(),
        )
        row = {"picture": picture, "label": int(network.labels[picture]), "answer": int(found[-1].raw.argmax())}
        row |= {f"cycles {name}": layer.report.cycles for name, layer in zip(network.names, found, strict=True)}
        rows.append(row | {"differences": _differences(network, vector, found)})
    return rows


def _differences(network: OnChip, vector: NDArray[np.float64], found: Sequence[Any]) -> int:
    """Count what is not the model's."""
    wrong = 0
    for mem, fmt, bias, layer in zip(network.mems, network.formats, network.biases, found, strict=True):
        inferred = infer(mem, vector, network.machine, formats=fmt, bias=bias, relu=False)
        report = simulate(mem, vector, network.machine)
        wrong += int((layer.raw != inferred.raw).sum()) + (layer.saturations != inferred.saturations)
        wrong += layer.report.cycles != report.cycles + PIPELINE_CYCLES
        names = ("broadcasts", "macs", "padding", "ptr_reads", "spmat_reads")
        wrong += sum(getattr(layer.report, name) != getattr(report, name) for name in names)
        vector = fmt.output.real(np.maximum(inferred.raw, 0))
    return wrong


def _parts() -> list[Part]:
    return [{"from": first} for first in range(0, PICTURES, _AT_A_TIME)]


def _some(**part: int) -> list[dict[str, Any]]:
    first = part["from"]
    return run(on_chip(first + _AT_A_TIME), range(first, first + _AT_A_TIME))


def _facts() -> dict[str, Any]:
    loading = host.loading(on_chip(1).layers, size())
    writes = {f"writes, {name}": number for name, number in loading.items()}
    return {**host_facts.summary(), "n_pe": N_PE, "spmat_kb": SPMAT_KB, **writes, **fpga.versions()}


EXPERIMENT = Experiment(parts=_parts, make=_some, facts=_facts)
