"""Real compressed networks, ready to run: SqueezeNet as its authors compressed it, and the LeNets of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eie.compress.packed import CompressedNetwork, Part, lenet
from eie.datasets import catalogue
from eie.formats import deepcompression
from eie.machine import Machine
from eie.models import imagenet
from eie.networks.host_operations import Concat, Flatten, GlobalAveragePool2d, MaxPool2d, Relu
from eie.networks.network import INPUT, Network, Node
from eie.networks.operations import Conv2d, HostOperation, Linear, WeightOperation

ENTRY_BITS = 8
"""Bits of the paper's entry, a code and a relative index: eight entries per read of the sparse-matrix SRAM."""


def machine_for(network: Network, n_pe: int = 64) -> Machine:
    """Return the paper's machine with codes as wide as the network's widest.

    The relative index takes what is left of the paper's 8-bit entry, if that is 3 bits or more; wider codes have
    an index of 8 bits, and entries of 16, so that one read of the SRAM brings half as many.
    """
    widest = max(len(layer.codebook) for _, op in network.weight_nodes for layer in op.layers)
    bits = max(4, widest.bit_length() - 1)
    if bits <= ENTRY_BITS - 3:
        return Machine(n_pe=n_pe, weight_bits=bits, index_bits=ENTRY_BITS - bits)
    return Machine(n_pe=n_pe, weight_bits=8, index_bits=8)


def lenet_network(name: str) -> Network:
    """Read a LeNet compressed on MNIST, `"lenet-300-100"` or `"lenet-5"`, for pictures `(1, 28, 28)`, white 1.0."""
    return from_steps(lenet(name), (1, 28, 28))


def from_steps(compressed: CompressedNetwork, input_shape: tuple[int, ...]) -> Network:
    """Make a network that runs from a compressed chain of layers.

    Raises
    ------
    ValueError
        When it is not a plain chain, or has a step that is not known.
    """
    if not compressed.steps:
        raise ValueError(f"{compressed.name} is not a plain chain of layers")
    operations: dict[str, WeightOperation | HostOperation] = {}
    for step in compressed.steps:
        kind = step["op"].lower()
        name = step.get("layer") or f"{kind}{1 + sum(known.startswith(kind) for known in operations)}"  # such as relu2
        operations[name] = _operation(step, compressed)
    return Network.chain(input_shape, operations)


def _operation(step: Mapping[str, Any], compressed: CompressedNetwork) -> WeightOperation | HostOperation:
    match step["op"]:
        case "Linear":
            part = compressed[step["layer"]]
            return Linear(part.layer, _bias(part))
        case "Conv2d":
            part = compressed[step["layer"]]
            down, across = _pair(step["padding"])
            kernel = (part.codes.shape[2], part.codes.shape[3])
            return Conv2d(part.layer, _bias(part), kernel, _pair(step["stride"]), (down, across, down, across))
        case "MaxPool2d":
            return MaxPool2d(_pair(step["size"]), _pair(step["stride"]))
        case "Relu":
            return Relu()
        case "Flatten":
            return Flatten()
        case other:
            raise ValueError(f"unknown step {other!r} in {compressed.name}")


def _bias(part: Part) -> Any:
    return part.bias if len(part.bias) else None


def _pair(size: Any) -> tuple[int, int]:
    down, across = size if isinstance(size, (list, tuple)) else (size, size)
    return int(down), int(across)


def squeezenet(path: str | Path | None = None) -> Network:
    """Build SqueezeNet v1.0 (arXiv:1602.07360) with the weights that the authors of Deep Compression published.

    Takes pictures as `eie.models.imagenet.caffe_input` prepares them, and gives a score for each class of ImageNet.

    Parameters
    ----------
    path : path, optional
        The compressed network's file; that of the data set `squeezenet` if left out.

    Raises
    ------
    FileNotFoundError
        When the data set is not available; the message says how to get it.
    FormatError
        When the file is damaged.
    """
    path = path or catalogue.require("squeezenet") / "compressed_SqueezeNet.net"
    build = _Builder(deepcompression.read(path, deepcompression.shapes("squeezenet")))
    last = build.convolution("conv1", INPUT, stride=(2, 2))
    last = build.pool("pool1", last)
    for n in range(2, 10):
        last = build.fire(f"fire{n}", last)
        if n in (4, 8):
            last = build.pool(f"pool{n}", last)
    last = build.convolution("conv_final", last, padding=(1, 1, 1, 1))
    last = build.add("pool_final", GlobalAveragePool2d(), last)
    build.add("scores", Flatten(), last)
    return Network((3, imagenet.CROP, imagenet.CROP), tuple(build.nodes))


class _Builder:
    """Builder of SqueezeNet's nodes."""

    def __init__(self, layers: Mapping[str, deepcompression.NetLayer]) -> None:
        self.layers = layers
        self.nodes: list[Node] = []

    def add(self, name: str, op: WeightOperation | HostOperation, *sources: str) -> str:
        self.nodes.append(Node(name, op, sources))
        return name

    def convolution(self, name: str, source: str, **settings: Any) -> str:
        layer = self.layers[name]
        op = Conv2d(layer.compressed(), layer.bias, (layer.shape[2], layer.shape[3]), **settings)
        return self.add(f"{name} relu", Relu(), self.add(name, op, source))

    def pool(self, name: str, source: str) -> str:
        return self.add(name, MaxPool2d((3, 3), (2, 2), ceil_mode=True), source)

    def fire(self, name: str, source: str) -> str:
        """Add a fire module: few channels, then many, half of them from 1 x 1 kernels and half from 3 x 3."""
        squeezed = self.convolution(f"{name}/conv1x1_1", source)
        points = self.convolution(f"{name}/conv1x1_2", squeezed)
        windows = self.convolution(f"{name}/conv3x3_2", squeezed, padding=(1, 1, 1, 1))
        return self.add(f"{name} both", Concat(), points, windows)
