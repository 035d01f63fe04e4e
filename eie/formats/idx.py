"""The idx files in which MNIST and data sets like it come, packed with gzip or not.

Big endian. Two zero bytes, a byte for the kind of number, a byte for the number of dimensions, each dimension as
uint32, and the numbers, last dimension fastest.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded
from eie.formats.weights import check_ordinary

KINDS = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Kinds of numbers by their byte in the file."""

MAX_DIMENSIONS = 8

DEFLATE_RATIO = 1032
"""A byte of a gzip file stands for this many at the most (RFC 1951: 258 bytes from a 2-bit code, rounded up)."""

CHUNK_BYTES = 2**20


@guarded
def read(path: str | Path) -> NDArray[Any]:
    """Read an array of the shape that the file states; for MNIST uint8, `(n, 28, 28)` or `(n,)`.

    A file that begins as gzip files do is unpacked. The array takes no more memory than the file holds, unpacked.

    Raises
    ------
    FormatError
        When the file is truncated or too long, or its header is none of the format.
    """
    path = Path(path)
    check_ordinary(path)
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        most = path.stat().st_size * (DEFLATE_RATIO if packed else 1)
        try:
            return _read(cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw, path, most)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise FormatError(f"{path}: gzip data are damaged before byte {raw.tell()} ({error})") from error


def _read(file: IO[bytes], path: Path, most: int) -> NDArray[Any]:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in KINDS or not 1 <= start[3] <= MAX_DIMENSIONS:
        raise FormatError(
            f"{path}: must begin with two zero bytes, one of {', '.join(map(hex, KINDS))} and 1..{MAX_DIMENSIONS} "
            f"dimensions, begins with {start.hex(' ') or 'nothing'} at byte 0"
        )
    dtype, header = np.dtype(KINDS[start[2]]), file.read(4 * start[3])
    if len(header) < 4 * start[3]:
        raise FormatError(f"{path}: must have {start[3]} dimensions at byte 4, ends at byte {4 + len(header)}")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    size, at = math.prod(shape) * dtype.itemsize, 4 + len(header)
    if size > most:
        raise FormatError(f"{path}: must have {at + size} bytes for shape {shape}, stated at byte 4, cannot have them")
    numbers = bytearray()
    while len(numbers) <= size and (chunk := file.read(min(CHUNK_BYTES, size + 1 - len(numbers)))):
        numbers += chunk
    if len(numbers) != size:
        has = f"ends at byte {at + len(numbers)}" if len(numbers) < size else "goes on"
        raise FormatError(f"{path}: must end at byte {at + size} for shape {shape}, stated at byte 4, {has}")
    return np.frombuffer(numbers, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
