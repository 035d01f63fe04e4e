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
        Products that one inference takes: positions of a convolution, steps of a sequence.
    note : str
        Remark on how the layer was mapped; empty if there is none.
    read : callable
        Gives the matrix of shape `(n_out, n_in)`: a float32 array, or a SciPy sparse matrix.
    bias : callable or None
        Gives the bias, a float32 array of shape `(n_out,)`.
    parts : tuple of (str, int)
        Name and inputs of each of the file's matrices that stand side by side in this one; empty if it is one matrix.
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

    @property
    def weights(self) -> int:
        """Numbers of the matrix."""
        return self.n_out * self.n_in


@dataclass(frozen=True, slots=True)
class Unmapped:
    """One part of a file that the machine does not run: its name, its kind, why, and its floating-point numbers."""

    name: str
    kind: str
    why: str
    weights: int = 0


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file's layers in its order, and the rest of it."""

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


def check_size(path: Path, name: str, n_out: int, n_in: int) -> None:
    """Raise a `FormatError` if a matrix is no possible layer, before any array of its size is made."""
    if not (1 <= n_out <= MAX_SIDE and 1 <= n_in <= MAX_SIDE):
        raise FormatError(f"{path}: {name} must have 1..{MAX_SIDE} rows and columns, has {n_out} x {n_in}")


def check_file(path: Path, max_bytes: int, min_bytes: int = 1) -> int:
    """Return the size of a file; raise a `FormatError` if it is missing, too small, too large or no ordinary file."""
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    size = path.stat().st_size
    if not min_bytes <= size <= max_bytes:
        raise FormatError(f"{path}: must have {min_bytes}..{max_bytes} bytes, has {size}")
    return size


def as_float32(array: Any) -> NDArray[np.float32]:
    """Convert to a contiguous, aligned float32 array, copied only if it is not one already."""
    return np.require(np.asarray(array), np.float32, ["C", "A"])


def taps_then_channels(kernel: NDArray[Any]) -> NDArray[Any]:
    """Reshape a convolution's kernel `(n_out, channels, taps ..)` to the matrix `n_out` x (taps x channels).

    A matrix, which has no taps, stays as it is.
    """
    return np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1)


def side_by_side(parts: Iterable[Callable[[], NDArray[Any]]]) -> NDArray[np.float32]:
    """Join matrices of the same rows: a recurrent layer's gates on its input and its state."""
    return as_float32(np.concatenate([part() for part in parts], axis=1))
