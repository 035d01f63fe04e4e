"""Pictures in JPEG and PNG files."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.weights import check_ordinary

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 2**25
"""A picture may have this many; reading one takes at most 16 bytes of memory for each."""

MAX_BYTES = 2**28
"""Bytes of a file: 256 MiB, as many as `MAX_PIXELS` of four 16-bit values take unpacked."""


@guarded
def read(path: str | Path, resize: int | tuple[int, int] | None = None, crop: int | None = None) -> NDArray[np.uint8]:
    """Read a picture, and bring it to the size that a network takes.

    Parameters
    ----------
    path : path
        A JPEG or PNG file.
    resize : int or pair of int, optional
        Length of the shorter side, or height and width, in pixels: what the picture is scaled to, averaging over the
        pixels that fall together (Pillow's bilinear filter).
    crop : int, optional
        Side in pixels of the square that is then cut out of the middle.

    Returns
    -------
    uint8 array of shape `(height, width, 3)`
        Red, green and blue.

    Raises
    ------
    FormatError
        When the file is not such a picture, is damaged, or has more than `MAX_PIXELS` pixels or `MAX_BYTES`.
    ValueError
        When the square is larger than the picture.
    """
    from PIL import Image

    picture = _opened(path)
    if resize is not None:
        picture = picture.resize(_size(picture, resize), Image.Resampling.BILINEAR)
    if crop is not None:
        if not 1 <= crop <= min(picture.size):
            raise ValueError(f"crop must be 1..{min(picture.size)}, the shorter side of {path}, got {crop}")
        left, top = ((side - crop) // 2 for side in picture.size)
        picture = picture.crop((left, top, left + crop, top + crop))
    return np.asarray(picture)


def _opened(path: str | Path) -> Image.Image:
    from PIL import Image

    check_ordinary(Path(path))
    if (size := Path(path).stat().st_size) > MAX_BYTES:
        raise FormatError(f"{path}: must have at most {MAX_BYTES} bytes, has {size}")
    # From memory: of a file on disk Pillow sets aside as many bytes as a damaged header asks for.
    data = io.BytesIO(Path(path).read_bytes())
    with report_damage(path, "is not a JPEG or PNG picture, or is damaged"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's warnings about odd metadata do not concern the pixels
        with Image.open(data, formats=("JPEG", "PNG")) as picture:
            pixels = picture.width * picture.height
            if pixels > MAX_PIXELS:
                raise FormatError(f"{path}: must have at most {MAX_PIXELS} pixels, has {pixels}")
            return picture.convert("RGB")


def _size(picture: Image.Image, resize: int | tuple[int, int]) -> tuple[int, int]:
    """Compute width and height to scale to."""
    if not isinstance(resize, int):
        return resize[1], resize[0]
    shorter = min(picture.size)
    width, height = (int(resize * side / shorter) for side in picture.size)  # rounded down, as torchvision does
    return width, height
