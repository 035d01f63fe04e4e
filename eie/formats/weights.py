"""What readers of networks give: the weight layers of a file, each read only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded_part

ENCODED = ".eie"
"""Ending of files of encoded layers, which `eie.formats.container` reads and writes."""

MAX_SIDE = 2**20
"""Rows or columns of one layer: four times the vocabulary of a large language model."""

MAX_WEIGHTS = 2**28
"""Weights of one layer: 1 GB as float32."""

MAX_BLOCKS = 64
"""Blocks of rows that a matrix of more than `MAX_WEIGHTS` weights is cut into."""


@dataclass(frozen=True, eq=False, slots=True)
class WeightLayer:
    """One layer of a file, a matrix-vector product.

    Attributes
    ----------
    name : str
    kind : str
        `linear`, `conv`, `lstm`, `gru`, `rnn` or `matrix`.
    n_out, n_in : int
        Shape of the matrix.
    vectors : int
        Products per inference: positions of a convolution, steps of a sequence.
    note : str
        Remark on how the layer was mapped; empty if there is none.
    read : callable
        Function that returns the matrix of shape `(n_out, n_in)`: a float32 array, or a SciPy sparse matrix.
    bias : callable or None
        Function that returns the bias, a float32 array of shape `(n_out,)`.
    parts : tuple of (str, int)
        Name and inputs of each of the file's matrices that stand side by side in this one; empty if it is one matrix.
    counted : bool
        Whether the file states `vectors`. If not, one product is counted, which is a lower bound.
    groups : int
        Blocks of equal size along the diagonal, outside of which the matrix is 0: the groups of a convolution.
    conditional : bool
        Whether an inference may skip the layer, which is in a branch.
    sizes_only : bool
        Whether the file has no weights, so that they have to be drawn; `read` then raises a `FormatError`.
    """

    name: str
    kind: str
    n_out: int
    n_in: int
    read: Callable[[], Any]
    bias: Callable[[], NDArray[np.float32]] | None = None
    vectors: int = 1
    note: str = ""
    parts: tuple[tuple[str, int], ...] = ()
    counted: bool = True
    groups: int = 1
    conditional: bool = False
    sizes_only: bool = False

    @property
    def weights(self) -> int:
        """Number of weights in the matrix, or in its blocks if it has groups."""
        return self.n_out * self.n_in // self.groups


@dataclass(frozen=True, slots=True)
class Unmapped:
    """One part of a file that the machine does not run: its name, its kind, the reason, and its number of weights."""

    name: str
    kind: str
    why: str
    weights: int = 0


@dataclass(frozen=True, slots=True)
class WeightFile:
    """Layers of a file in their order, and its other parts."""

    path: Path
    layers: tuple[WeightLayer, ...]
    unmapped: tuple[Unmapped, ...] = ()

    @classmethod
    def of(cls, path: Path, parts: Sequence[WeightLayer | Unmapped]) -> WeightFile:
        """Sort the parts of a file into layers that the machine runs and other parts."""
        layers = tuple(part for part in parts if isinstance(part, WeightLayer))
        return cls(path, _with_own_names(layers), tuple(part for part in parts if isinstance(part, Unmapped)))

    @property
    def on_machine(self) -> float:
        """Fraction of the file's weights that are in layers of the machine, 0..1; biases of layers are not counted."""
        mapped, rest = (sum(part.weights for part in parts) for parts in (self.layers, self.unmapped))
        return mapped / (mapped + rest) if mapped else 0.0

    def __post_init__(self) -> None:
        for layer in self.layers:
            check_size(self.path, layer.name, layer.n_out, layer.n_in)
        # Weights are read later, by whoever wants them; what goes wrong then has to name the file, too.
        object.__setattr__(self, "layers", tuple(self._guarded(layer) for layer in self.layers))

    def _guarded(self, layer: WeightLayer) -> WeightLayer:
        bias = layer.bias and guarded_part(self.path, layer.bias)
        return replace(layer, read=guarded_part(self.path, layer.read), bias=bias)


def _with_own_names(layers: Iterable[WeightLayer]) -> tuple[WeightLayer, ...]:
    """Number layers of the same name: parts of a file need none, and several may use the same weights."""
    layers = tuple(layers)
    taken, named, seen = {layer.name for layer in layers}, [], set[str]()
    for layer in layers:
        name, n = layer.name, 1
        while name in seen or (n > 1 and name in taken):
            n += 1
            name = f"{layer.name}#{n}"
        seen.add(name)
        named.append(replace(layer, name=name))
    return tuple(named)


def in_blocks(layer: WeightLayer, read_rows: Callable[[slice], Any]) -> list[WeightLayer]:
    """Cut a layer of more than `MAX_WEIGHTS` weights into blocks of rows, each a layer; any other layer stays whole.

    `read_rows` gives some rows of the matrix, and takes the place of `layer.read`.
    """
    if layer.weights <= MAX_WEIGHTS:
        return [replace(layer, read=lambda: read_rows(slice(None)))]
    n_rows = MAX_WEIGHTS // layer.n_in
    starts = range(0, layer.n_out, n_rows)
    return [_block(layer, slice(start, min(start + n_rows, layer.n_out)), read_rows) for start in starts]


def _block(layer: WeightLayer, rows: slice, read_rows: Callable[[slice], Any]) -> WeightLayer:
    bias, where = layer.bias, f"[{rows.start}:{rows.stop}]"
    note = "; ".join(filter(None, [layer.note, f"a block of rows of {layer.n_out} x {layer.n_in} weights"]))
    return replace(
        layer,
        name=layer.name + where,
        n_out=rows.stop - rows.start,
        read=lambda: read_rows(rows),
        bias=None if bias is None else lambda: bias()[rows],
        note=note,
        parts=tuple((name + where, n_in) for name, n_in in layer.parts),
    )


def check_size(path: Path, name: str, n_out: int, n_in: int) -> None:
    """Raise a `FormatError` if a matrix is not a possible layer, before any array of its size is made."""
    if not (1 <= n_out <= MAX_SIDE and 1 <= n_in <= MAX_SIDE):
        raise FormatError(f"{path}: {name} must have 1..{MAX_SIDE} rows and columns, has {n_out} x {n_in}")


def check_file(path: Path, max_bytes: int, min_bytes: int = 1) -> int:
    """Return the size of a file.

    Raises
    ------
    FormatError
        When it is missing, too small, too large or not an ordinary file.
    """
    check_ordinary(path)
    if not path.exists():
        raise FormatError(f"{path}: there is no such file")
    size = path.stat().st_size
    if not min_bytes <= size <= max_bytes:
        raise FormatError(f"{path}: must have {min_bytes}..{max_bytes} bytes, has {size}")
    return size


def check_ordinary(path: Path) -> None:
    """Raise a `FormatError` if a path is that of a folder or of a pipe, which a reader would wait for."""
    if path.exists() and not path.is_file():
        raise FormatError(f"{path}: is not an ordinary file")


def as_float32(array: Any) -> NDArray[np.float32]:
    """Convert to a contiguous, aligned float32 array, copied only if it is not one already."""
    return np.require(np.asarray(array), np.float32, ["C", "A"])


def taps_then_channels(kernel: NDArray[Any]) -> NDArray[Any]:
    """Reshape a convolution's kernel `(n_out, channels, taps ..)` to the matrix `n_out` x (taps x channels).

    A matrix, which has no taps, stays as it is.
    """
    return np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1)


def block_diagonal(kernel: NDArray[Any], groups: int) -> Any:
    """Make the matrix of a convolution in groups from its kernel `(n_out, channels of a group, taps ..)`.

    Columns are ordered by tap, then by channel of all groups. It is sparse: an output sees the channels of its group.
    """
    import scipy.sparse as sp  # here: its import takes long, and few networks have groups

    n_out, channels = kernel.shape[:2]
    values = taps_then_channels(kernel).reshape(n_out, -1, channels)
    group = np.arange(n_out) // (n_out // groups)
    tap, channel = np.arange(values.shape[1]), np.arange(channels)
    column = (tap[:, None] * groups + group[:, None, None]) * channels + channel
    row = np.broadcast_to(np.arange(n_out)[:, None, None], values.shape)
    shape = (n_out, values.shape[1] * groups * channels)
    found = sp.coo_array((as_float32(values).ravel(), (row.ravel(), column.ravel())), shape=shape).tocsc()
    found.eliminate_zeros()
    return found


def side_by_side(parts: Iterable[Callable[[], NDArray[Any]]]) -> NDArray[np.float32]:
    """Join matrices of the same rows: a recurrent layer's gates on its input and its state."""
    return as_float32(np.concatenate([part() for part in parts], axis=1))
