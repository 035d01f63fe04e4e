"""The `.net` files in which the authors of Deep Compression published their networks; a reader and a writer.

Little endian. First the number of entries of each layer as uint32, in the order of the network; then, layer by layer,
the codebook as float32 (256 values where the layer's name has "conv" in it, else 16), the bias as float32, the code of
each entry (a byte, or of 16 values half a byte, low half first), and its z (half a byte, low half first). An entry
stands z + 1 places after the one before, in the weights flattened as (outputs, inputs, height, width). Where more than
15 weights in a row are pruned, entries with code 0 and z = 15 fill the gap. The file says neither names nor shapes:
they are the network's, and `shapes` has those of the two networks that were published.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie._files import read_toml
from eie.formats.binary import BinaryReader
from eie.formats.errors import FormatError, guarded
from eie.layer import CompressedLayer
from eie.writing.aside import written_aside

MAX_Z = 15
"""The most pruned weights that an entry skips: z has 4 bits."""

MAX_FILE_BYTES = 2**30
"""No file may be larger; SqueezeNet's has 0.7 MB."""

BYTES_PER_BYTE = 64
"""Reading takes at most this many bytes of memory for each byte of the file, and 16 for each column of a layer."""

Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True, eq=False, slots=True)
class NetLayer:
    """One layer of a `.net` file.

    Attributes
    ----------
    codes : uint8 CSC array of shape `(n_out, n_in)`
        Codes into the codebook, 0 for pruned; columns as the file has them, (inputs, height, width) flattened.
    shape : tuple of int
        Shape of the weights: `(n_out, n_in)`, or `(n_out, channels, height, width)` of a convolution.
    codebook : float32 array of shape `(256,)` or `(16,)`
        The shared weights; entry 0 is 0.0.
    bias : float32 array of shape `(n_out,)`
    """

    codes: sp.csc_array
    shape: tuple[int, ...]
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]

    def weights(self) -> NDArray[np.float32]:
        """Return the weights, dense, of shape `shape`."""
        return self.codebook[self.codes.toarray()].reshape(self.shape)

    def compressed(self) -> CompressedLayer:
        """Make the layer for the machine, without bias.

        Columns of a convolution are ordered by place in the kernel, then channel, so that each place is a sum over
        channels (ISCA 2016, section VII-C).
        """
        columns = np.arange(self.codes.shape[1]).reshape(*self.shape[1:2], -1).T.ravel()
        return CompressedLayer.from_codes(self.codes[:, columns], self.codebook)


def shapes(network: str) -> dict[str, tuple[int, ...]]:
    """List names and shapes of the layers of a published network, `"squeezenet"` or `"alexnet"`, in order.

    Raises
    ------
    ValueError
        When `network` is neither.
    """
    known = read_toml("deep_compression_nets.toml")
    if network not in known:
        raise ValueError(f"network must be one of {', '.join(known)}, got {network!r}")
    return {name: tuple(shape) for name, shape in known[network]["layers"].items()}


@guarded
def read(path: str | Path, shapes: Shapes) -> dict[str, NetLayer]:
    """Read a network, whose layers have these shapes in the order of the file.

    The shape of a layer's weights is `(n_out, n_in)` or `(n_out, channels, height, width)`.

    Raises
    ------
    FormatError
        When the file is truncated or too long, holds a value that is not a number, or an entry lies outside its layer.
    """
    reader = BinaryReader(path, MAX_FILE_BYTES)
    counts = reader.take("<u4", len(shapes), "numbers of entries")
    layers = {
        name: _read_layer(reader, name, tuple(shape), int(count))
        for (name, shape), count in zip(shapes.items(), counts, strict=True)
    }
    reader.check_end()
    return layers


def write(path: str | Path, layers: Mapping[str, NetLayer]) -> None:
    """Write a network; one that was read from a file of the authors is written as it was, byte for byte.

    Raises
    ------
    ValueError
        When a layer's parts do not fit together, or its codebook does not have the size that its name requires.
    """
    entries = {name: _entries(name, layer) for name, layer in layers.items()}
    with written_aside(path) as aside, aside.open("wb") as file:
        file.write(np.array([len(codes) for codes, _ in entries.values()], "<u4").tobytes())
        for name, layer in layers.items():
            codes, skips = entries[name]
            file.write(layer.codebook.astype("<f4").tobytes() + layer.bias.astype("<f4").tobytes())
            file.write((codes if _bits(name) == 8 else _pack(codes)).tobytes() + _pack(skips).tobytes())


def _bits(name: str) -> int:
    """Return the bits of a code, which depend on the name of the layer."""
    return 8 if "conv" in name else 4


def _finite(reader: BinaryReader, count: int, what: str) -> NDArray[np.float32]:
    start, values = reader.at, reader.take("<f4", count, what)
    bad = ~np.isfinite(values)
    if bad.any():
        j = int(np.argmax(bad))
        raise FormatError(f"{reader.path}: {what} must be finite, is {values[j]} at byte {start + 4 * j}")
    return values.astype(np.float32)


def _read_layer(reader: BinaryReader, name: str, shape: tuple[int, ...], count: int) -> NetLayer:
    n_out, n_in, bits = shape[0], math.prod(shape[1:]), _bits(name)
    start = reader.at
    codebook = _finite(reader, 2**bits, f"codebook of {name}")
    if codebook[0] != 0:
        raise FormatError(f"{reader.path}: codebook of {name} must begin with 0, has {codebook[0]} at byte {start}")
    bias = _finite(reader, n_out, f"bias of {name}")
    stored = reader.take("u1", -(-count * bits // 8), f"{count} codes of {name}")
    codes = stored if bits == 8 else _unpack(stored, count)
    start = reader.at
    skips = _unpack(reader.take("u1", -(-count // 2), f"{count} skips of {name}"), count)
    places = np.cumsum(skips + np.int64(1)) - 1
    if count and places[-1] >= n_out * n_in:
        entry = int(np.searchsorted(places, n_out * n_in))
        raise FormatError(
            f"{reader.path}: entry {entry} of {name} must lie within its {n_out * n_in} weights, its z at byte "
            f"{start + entry // 2} puts it at {places[entry]}"
        )
    places = places[codes != 0]
    rows, columns = (part.astype(np.int32) for part in np.divmod(places, n_in))
    matrix = sp.coo_array((codes[codes != 0], (rows, columns)), shape=(n_out, n_in)).tocsc()
    return NetLayer(matrix, shape, codebook, bias)


def _entries(name: str, layer: NetLayer) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Encode a layer's entries as codes and skips, fillers included."""
    _check(name, layer)
    matrix = layer.codes.tocoo()
    kept = matrix.data != 0
    places = matrix.row[kept].astype(np.int64) * matrix.shape[1] + matrix.col[kept]
    order = np.argsort(places)
    gaps = np.diff(places[order], prepend=-1) - 1
    at = np.cumsum(gaps // (MAX_Z + 1) + 1) - 1  # where among the fillers each weight comes
    count = int(at[-1]) + 1 if len(at) else 0
    codes, skips = np.zeros(count, np.uint8), np.full(count, MAX_Z, np.uint8)
    codes[at] = matrix.data[kept][order]
    skips[at] = gaps % (MAX_Z + 1)
    return codes, skips


def _check(name: str, layer: NetLayer) -> None:
    n_out, n_in, size = layer.shape[0], math.prod(layer.shape[1:]), 2 ** _bits(name)
    if layer.codes.shape != (n_out, n_in):
        raise ValueError(f"codes of {name} must have shape {(n_out, n_in)}, got {layer.codes.shape}")
    if layer.bias.shape != (n_out,):
        raise ValueError(f"bias of {name} must have shape ({n_out},), got {layer.bias.shape}")
    if layer.codebook.shape != (size,) or layer.codebook[0] != 0:
        raise ValueError(f"codebook of {name} must be {size} values, the first 0, got {layer.codebook}")
    if layer.codes.nnz and int(layer.codes.data.max()) >= size:
        raise ValueError(f"codes of {name} must be 0..{size - 1}, got {layer.codes.data.max()}")


def _unpack(stored: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Split bytes into halves, the low half first."""
    return np.stack([stored & 15, stored >> 4], axis=1).ravel()[:count]


def _pack(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pairs = np.append(values, np.zeros(len(values) % 2, np.uint8)).reshape(-1, 2)
    return np.asarray(pairs[:, 0] | pairs[:, 1] << 4, np.uint8)
