"""Binary model files of the Marian translation toolkit, as shipped with small int8 translation models.

Little endian: uint64 version (1) and number of tensors; for each tensor uint64 length of its name, type, number of
dimensions and bytes of data; then all names, each ended by a zero byte; all shapes, int32; a uint64 and as many bytes
of padding; then the data, tensor after tensor. Integer tensors hold one byte a weight and behind them a float32: how
many steps make 1.0. Their matrices are stored by columns, except those whose rows are looked up (embeddings).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError

MAX_FILE_BYTES = 2**30
"""No model may be larger. Reading takes at most five bytes of memory for each byte of the file."""

MAX_TENSORS = 10_000
MAX_DIMENSIONS = 8

VERSION = 1
FLOAT32 = 0x404
INT8 = 0x4101
TEXT = 0x101

LOOKED_UP = ("Wemb",)
"""Tensors stored by rows even though they are integers: single rows of them are embeddings."""

_QUANTISATION = "_QuantMultA"
"""Ending of the names of the scales that only int8 arithmetic needs."""


class _Header(NamedTuple):
    name_bytes: int
    kind: int
    dimensions: int
    data_bytes: int


@dataclass(frozen=True, eq=False)
class MarianModel:
    """The tensors of a model, as real numbers.

    Attributes
    ----------
    tensors : dict of str to float32 array
        By Marian's names, each of the shape that the file gives: `(n_in, n_out)` for a matrix of weights.
    settings : str
        The model's own description, as YAML text; not interpreted here.
    """

    tensors: dict[str, NDArray[np.float32]]
    settings: str


def read(path: str | Path) -> MarianModel:
    """Read a model.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or has bytes left over, or a tensor's size, type or scale
        cannot be; the message names the file and the offset.
    """
    data = _bytes_of(Path(path))
    reader = _Reader(path, data)
    tensors: dict[str, NDArray[np.float32]] = {}
    settings = ""
    for name, kind, shape, start, n_bytes in _layout(reader):
        if kind == TEXT:
            settings = data[start : start + n_bytes].rstrip(b"\0").decode("utf-8", errors="replace")
        elif not name.endswith(_QUANTISATION):
            if name in tensors:
                raise reader.error(start, f"tensor {name!r} stands twice")
            tensors[name] = _tensor(reader, name, kind, shape, start, n_bytes)
    return MarianModel(tensors, settings)


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise FormatError(f"{path}: must have at most {MAX_FILE_BYTES} bytes, has {size}")
    return path.read_bytes()


class _Reader:
    """Bytes and a place in them; every read checks that there are enough."""

    def __init__(self, path: str | Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def error(self, offset: int, what: str) -> FormatError:
        return FormatError(f"{self.path}: at byte {offset}: {what}")

    def take(self, n_bytes: int, what: str) -> int:
        """Go past `n_bytes`, and return their start."""
        start = self.at
        if n_bytes > len(self.data) - start:
            raise self.error(start, f"{what} needs {n_bytes} bytes, the file has {len(self.data) - start} more")
        self.at += n_bytes
        return start

    def integers(self, form: str, what: str) -> tuple[int, ...]:
        start = self.take(struct.calcsize(form), what)
        return struct.unpack_from(form, self.data, start)


def _layout(reader: _Reader) -> Iterator[tuple[str, int, tuple[int, ...], int, int]]:
    """List name, type, shape, and place and number of bytes of every tensor."""
    version, n_tensors = reader.integers("<QQ", "the header")
    if version != VERSION:
        raise reader.error(0, f"the version must be {VERSION}, is {version}")
    if n_tensors > MAX_TENSORS:
        raise reader.error(8, f"there must be at most {MAX_TENSORS} tensors, the header says {n_tensors}")
    headers = [_Header(*reader.integers("<QQQQ", f"the header of tensor {i}")) for i in range(n_tensors)]
    names = [_name(reader, header) for header in headers]
    shapes = [_shape(reader, header, name) for header, name in zip(headers, names, strict=True)]
    (padding,) = reader.integers("<Q", "the length of the padding")
    reader.take(padding, "the padding")
    for header, name, shape in zip(headers, names, shapes, strict=True):
        yield name, header.kind, shape, reader.take(header.data_bytes, f"tensor {name!r}"), header.data_bytes
    if reader.at != len(reader.data):
        raise reader.error(reader.at, f"{len(reader.data) - reader.at} bytes are left over")


def _name(reader: _Reader, header: _Header) -> str:
    start = reader.take(header.name_bytes, "a name")
    raw = reader.data[start : start + header.name_bytes]
    if not raw.endswith(b"\0"):
        raise reader.error(start, "a name must end with a zero byte")
    try:
        return raw[:-1].decode("ascii")
    except UnicodeDecodeError:
        raise reader.error(start, "a name must be ASCII") from None


def _shape(reader: _Reader, header: _Header, name: str) -> tuple[int, ...]:
    if header.dimensions > MAX_DIMENSIONS:
        raise reader.error(
            reader.at, f"tensor {name!r} must have at most {MAX_DIMENSIONS} dimensions, has {header.dimensions}"
        )
    start = reader.at
    shape = reader.integers(f"<{header.dimensions}i", f"the shape of {name!r}")
    if any(size < 1 for size in shape):
        raise reader.error(start, f"the shape of {name!r} must be positive, is {shape}")
    return shape


def _tensor(
    reader: _Reader, name: str, kind: int, shape: tuple[int, ...], start: int, n_bytes: int
) -> NDArray[np.float32]:
    each = {FLOAT32: 4, INT8: 1}.get(kind)
    if each is None:
        raise reader.error(start, f"tensor {name!r} must be float32 or int8, has type {kind:#x}")
    count = prod(shape)
    needed = count * each + (4 if kind == INT8 else 0)
    if n_bytes < needed:
        raise reader.error(start, f"tensor {name!r} of shape {shape} needs {needed} bytes, has {n_bytes}")
    if kind == FLOAT32:
        values = np.frombuffer(reader.data, "<f4", count, start).reshape(shape).astype(np.float32)
    else:
        values = _dequantised(reader, name, shape, count, start)
    if not np.isfinite(values).all():
        raise reader.error(start, f"tensor {name!r} must be finite")
    return values


def _dequantised(reader: _Reader, name: str, shape: tuple[int, ...], count: int, start: int) -> NDArray[np.float32]:
    """Convert an integer matrix to real numbers."""
    (steps,) = struct.unpack_from("<f", reader.data, start + count)
    if not 1e-30 < steps < 1e30:
        raise reader.error(start + count, f"tensor {name!r} must have a finite number of steps to 1.0, has {steps}")
    raw = np.frombuffer(reader.data, np.int8, count, start)
    by_rows = raw.reshape(shape) if name in LOOKED_UP else raw.reshape(shape[::-1]).T
    return np.ascontiguousarray(by_rows, dtype=np.float32) / np.float32(steps)
