"""Pictures for networks that were trained on ImageNet, and the classes they are of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eie._files import data_path
from eie.formats import pictures

CAFFE_MEAN = (104, 117, 123)
"""Mean of blue, green and red over ImageNet, as Caffe's networks subtract it; pixels are 0..255."""

RESIZED = 256
"""Pixels a side to which a picture is brought."""

CROP = 227
"""Pixels a side of the square in its middle that the networks see."""

_NUMBERED = re.compile(r"imagenet_\d+_(\d+)")
_SYNSET = re.compile(r"n\d{8}")


def caffe_input(paths: Sequence[str | Path]) -> NDArray[np.float32]:
    """Prepare JPEG or PNG files in the way in which AlexNet and SqueezeNet were trained: shape `(n, 3, 227, 227)`.

    Resized to 256 x 256, the 227 x 227 in the middle, blue first, less the mean of each channel.

    Raises
    ------
    ValueError
        When there is no path.
    FormatError
        When a file is not a picture, or damaged.
    """
    if not paths:
        raise ValueError("there must be at least one picture, got none")
    middles = np.stack([pictures.read(path, (RESIZED, RESIZED), CROP) for path in paths]).astype(np.float32)
    return (middles[..., ::-1] - np.array(CAFFE_MEAN, np.float32)).transpose(0, 3, 1, 2)


def class_of(path: str | Path) -> int:
    """Find the number of the class in a picture's file name, 0..999.

    Either by WordNet id, `n01440764_tench.JPEG`, or by number, `imagenet_00_243.jpg`.

    Raises
    ------
    ValueError
        When the name states none.
    """
    name = Path(path).name
    if (numbered := _NUMBERED.match(name)) and int(numbered[1]) < len(synsets()):
        return int(numbered[1])
    if (synset := _SYNSET.match(name)) and synset[0] in synsets():
        return synsets().index(synset[0])
    raise ValueError(
        f"the name must state a class of ImageNet, as n01440764_tench.JPEG or imagenet_00_243.jpg, got {name}"
    )


@cache
def synsets() -> tuple[str, ...]:
    """List the WordNet ids of ImageNet's classes, in the order of their numbers."""
    lines = data_path("imagenet_synsets.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))
