"""Compressed networks as files: as small as Deep Compression says, and read without PyTorch.

A file holds for each layer the two Huffman-coded bit streams with their tables, the codebook and the bias, and beside
them how the layers are joined.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._files import data_path
from eie.compress import huffman, sizes, stream
from eie.formats import sealed
from eie.formats.errors import report_damage
from eie.formats.weights import taps_then_channels
from eie.layer import CompressedLayer

LENETS = ("lenet-300-100", "lenet-5")
"""Compressed networks that come with the project."""

MAX_WEIGHTS_A_BYTE = 4096
"""A file may hold so many weights, pruned ones counted, for each of its bytes; more is taken for damage."""

STREAMS = ("weight_table", "weights", "index_table", "indices")


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """One compressed weight tensor and its bias.

    Attributes
    ----------
    name : str
        Its layer's, such as `"ip1"`.
    codes : uint8 array
        Codes in the shape of the weights: `(n_out, n_in)`, or `(n_out, channels, height, width)` of a convolution.
    codebook : float32 array of shape `(2**weight_bits,)`
        Entry 0 is 0.0.
    bias : float32 array of shape `(n_out,)` or `(0,)`
        Empty where there is none.
    index_bits : int
        Width of the relative indices in the file.
    """

    name: str
    codes: NDArray[np.uint8]
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]
    index_bits: int

    @property
    def weight_bits(self) -> int:
        """Width of a code before Huffman coding."""
        return len(self.codebook).bit_length() - 1

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weights that the codes stand for, in their shape."""
        return self.codebook[self.codes]

    @property
    def layer(self) -> CompressedLayer:
        """The matrix that multiplies: of a convolution `(n_out, height * width * channels)`, columns (tap, channel)."""
        return CompressedLayer.from_codes(taps_then_channels(self.codes), self.codebook)

    @property
    def size(self) -> sizes.LayerSize:
        """Exact size in bits."""
        return sizes.layer_size(self.name, self.codes, self.weight_bits, self.index_bits, len(self.bias))


@dataclass(frozen=True, eq=False, slots=True)
class CompressedNetwork:
    """A compressed network.

    Attributes
    ----------
    parts : tuple of Part
        Its compressed weights, in order.
    steps : tuple of dict
        How to run it, a step after the other: `{"op": "Linear", "layer": "ip1"}`, also `Conv2d` (with `stride` and
        `padding`), `MaxPool2d` (`size`, `stride`), `Relu` and `Flatten`. Empty where it is not a plain chain.
    rest : dict of str to array
        Parameters that were not compressed, other than the parts' biases.
    """

    name: str
    parts: tuple[Part, ...]
    steps: tuple[dict[str, Any], ...] = ()
    rest: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Part:
        """Return a part by its name."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(f"{self.name} has no part {name!r}; it has {', '.join(part.name for part in self.parts)}")

    @property
    def sizes(self) -> list[sizes.LayerSize]:
        """Size of each part."""
        return [part.size for part in self.parts]


def lenet(name: str) -> CompressedNetwork:
    """Read one of the compressed networks that come with the project.

    Parameters
    ----------
    name : str
        `"lenet-300-100"` or `"lenet-5"`.
    """
    if name not in LENETS:
        raise ValueError(f"name must be one of {', '.join(LENETS)}, got {name!r}")
    return read(data_path(f"networks/{name}.safetensors"))


def write(path: str | Path, network: CompressedNetwork) -> None:
    """Write a network to a file, with the ending `.safetensors`."""
    arrays = {f"rest/{name}": np.asarray(value) for name, value in network.rest.items()}
    for part in network.parts:
        arrays |= {f"{part.name}/{name}": value for name, value in _packed(part).items()}
    facts = {
        "name": network.name,
        "steps": json.dumps(network.steps),
        "parts": json.dumps([_facts(part) for part in network.parts]),
    }
    sealed.write(path, arrays, facts)


def read(path: str | Path) -> CompressedNetwork:
    """Read a network from a file.

    Raises
    ------
    FormatError
        When the file is missing or damaged.
    """
    arrays, facts = sealed.read(path)
    with report_damage(path, "is not a compressed network"):
        most = MAX_WEIGHTS_A_BYTE * Path(path).stat().st_size
        parts = tuple(_unpacked(entry, arrays, most) for entry in json.loads(facts["parts"]))
        rest = {name.removeprefix("rest/"): array for name, array in arrays.items() if name.startswith("rest/")}
        return CompressedNetwork(facts["name"], parts, tuple(json.loads(facts["steps"])), rest)


def _facts(part: Part) -> dict[str, Any]:
    values, _ = stream.entries(part.codes, part.index_bits)
    return {"name": part.name, "shape": part.codes.shape, "entries": len(values), "index_bits": part.index_bits}


def _packed(part: Part) -> dict[str, NDArray[Any]]:
    streams = stream.entries(part.codes, part.index_bits)
    packed: list[bytes] = []
    for symbols, size in zip(streams, (len(part.codebook), 2**part.index_bits), strict=True):
        lengths = huffman.lengths(np.bincount(symbols, minlength=size))
        packed += [huffman.pack_table(lengths), huffman.encode_symbols(symbols, lengths)]
    arrays: dict[str, NDArray[Any]] = {
        name: np.frombuffer(data, np.uint8) for name, data in zip(STREAMS, packed, strict=True)
    }
    return arrays | {"codebook": part.codebook, "bias": part.bias}


def _unpacked(entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], most: int) -> Part:
    name, index_bits = entry["name"], _check.integer("index_bits", entry["index_bits"], 1, stream.MAX_INDEX_BITS)
    codebook, bias = (_floats(arrays[f"{name}/{what}"]) for what in ("codebook", "bias"))
    packed = [arrays[f"{name}/{what}"].tobytes() for what in STREAMS]
    values, skips = (
        huffman.decode_symbols(data, entry["entries"], huffman.unpack_table(table, size))
        for table, data, size in zip(packed[::2], packed[1::2], (len(codebook), 2**index_bits), strict=True)
    )
    shape = entry["shape"]
    if len(shape) not in (2, 4) or min(shape) < 1 or prod(shape) > most:
        raise ValueError(f"the shape of weights must be of two or four numbers, at most {most} weights, got {shape}")
    codes = stream.codes(values, skips, prod(shape)).reshape(shape)
    return Part(name, codes, codebook, bias, index_bits)


def _floats(array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype != np.float32 or array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"codebook and bias must be vectors of finite float32, got {array.dtype} of {array.shape}")
    return array
