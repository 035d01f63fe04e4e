"""The convolutions of AlexNet and VGG-16 on real pictures, which give the real inputs of Alex-6 and VGG-6.

They run in floating point, with PyTorch; the machine is not involved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie._files import read_toml
from eie.datasets import catalogue
from eie.formats import FormatError, numpy_pickle, pictures

if TYPE_CHECKING:
    import torch

SETS = {"pictures": "*.jpg", "imagenet-samples": "*.JPEG"}
"""Data sets with pictures, and the pattern of their files' names."""


@dataclass(frozen=True, eq=False, slots=True)
class Backbone:
    """Convolutions, each with a ReLU, and max pools between them.

    Attributes
    ----------
    kernels : sequence of float32 arrays of shape `(height, width, channels, n_out)`
    biases : sequence of float32 arrays of shape `(n_out,)`
    strides, paddings : sequence of int
        Pixels, one per convolution.
    pool_after : collection of int
        Convolutions, counted from 1, that a max pool of `pool` x `pool` pixels follows, `pool_stride` apart.
    """

    kernels: Sequence[NDArray[np.float32]]
    biases: Sequence[NDArray[np.float32]]
    strides: Sequence[int]
    paddings: Sequence[int]
    pool_after: Sequence[int]
    pool: int
    pool_stride: int

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the inputs of the layer that follows, `(n, n_in)`: channel after channel, each row after row.

        The pictures are a batch of shape `(n, height, width, channels)`.
        """
        import torch
        from torch.nn import functional

        values = _images(batch)
        with torch.inference_mode():
            for number, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True), 1):
                values = functional.conv2d(
                    values,
                    _images(kernel.transpose(3, 0, 1, 2)),
                    torch.tensor(bias),
                    self.strides[number - 1],
                    self.paddings[number - 1],
                ).relu_()
                if number in self.pool_after:
                    values = functional.max_pool2d(values, self.pool, self.pool_stride)
        return values.flatten(1).numpy()


def load(layer: str) -> Backbone:
    """Read the convolutions that precede a layer, `"Alex-6"` or `"VGG-6"`.

    Raises
    ------
    ValueError
        When `layer` is neither.
    FileNotFoundError
        When the weights are not available; the message says how to get them.
    FormatError
        When their file is damaged.
    """
    known = _networks()
    if layer not in known:
        raise ValueError(f"layer must be one of {', '.join(known)}, got {layer!r}")
    facts = known[layer]
    path = catalogue.require("trunks") / facts["file"]
    arrays = numpy_pickle.read(path)
    names = [facts["arrays"].format(number=number) for number in range(len(facts["strides"]))]
    return Backbone(
        kernels=[_array(path, arrays, f"{name}/kernel", 4) for name in names],
        biases=[_array(path, arrays, f"{name}/bias", 1) for name in names],
        **{name: facts[name] for name in ("strides", "paddings", "pool_after", "pool", "pool_stride")},
    )


def layers() -> list[str]:
    """List the layers of Table III whose real inputs can be computed."""
    return list(_networks())


def files(name: str, most: int | None = None) -> list[Path]:
    """List the pictures of a data set of `SETS` in the order of their names; none when it is not available.

    There are no more than `most`, if that is given, taken evenly over the set.
    """
    folder = catalogue.find(name)
    found = sorted(folder.glob(SETS[name])) if folder else []
    if most is None or most >= len(found):
        return found
    return [found[int(place)] for place in np.linspace(0, len(found), most, endpoint=False)]


def prepared(paths: Iterable[Path]) -> NDArray[np.float32]:
    """Prepare pictures in the way in which the networks were trained: float32, shape `(n, 224, 224, 3)`.

    Raises
    ------
    FormatError
        When a file is not a picture, or damaged.
    """
    settings = read_toml("trunks.toml")["pictures"]
    read = [pictures.read(path, settings["shorter_side"], settings["crop"]) for path in paths]
    scaled = np.stack(read).astype(np.float32) / np.float32(np.iinfo(np.uint8).max)
    return (scaled - np.float32(settings["mean"])) / np.float32(settings["standard_deviation"])


def _networks() -> dict[str, Any]:
    return {name: facts for name, facts in read_toml("trunks.toml").items() if name != "pictures"}


def _array(path: Path, arrays: Mapping[str, NDArray[np.float32]], name: str, n_dims: int) -> NDArray[np.float32]:
    if name not in arrays or arrays[name].ndim != n_dims:
        raise FormatError(f"{path}: must have an array {name} of {n_dims} dimensions")
    return arrays[name]


def _images(values: NDArray[np.float32]) -> torch.Tensor:
    """Reorder values of shape `(n, height, width, channels)` for PyTorch, in the layout that is its fastest."""
    import torch

    return torch.tensor(values).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
