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

import numpy as np
from numpy.typing import NDArray

from eie.formats.binary import BinaryReader
from eie.formats.errors import guarded

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


@guarded
def read(path: str | Path) -> MarianModel:
    """Read a model.

    Raises
    ------
    FormatError
        When the file is missing, too large, truncated or has bytes left over, or a tensor's size, type or scale
        cannot be; the message names the file and the offset.
    """
    reader = BinaryReader(path, MAX_FILE_BYTES)
    tensors: dict[str, NDArray[np.float32]] = {}
    settings = ""
    for name, kind, shape, start, n_bytes in _layout(reader):
        if kind == TEXT:
            settings = reader.data[start : start + n_bytes].rstrip(b"\0").decode("utf-8", errors="replace")
        elif not name.endswith(_QUANTISATION):
            if name in tensors:
                raise reader.error(start, f"tensor {name!r} occurs twice")
            tensors[name] = _tensor(reader, name, kind, shape, start, n_bytes)
    return MarianModel(tensors, settings)


def _layout(reader: BinaryReader) -> Iterator[tuple[str, int, tuple[int, ...], int, int]]:
    """List name, type, shape, and place and number of bytes of every tensor."""
    version, n_tensors = reader.take("<u8", 2, "the header").tolist()
    if version != VERSION:
        raise reader.error(0, f"the version must be {VERSION}, is {version}")
    if n_tensors > MAX_TENSORS:
        raise reader.error(8, f"there must be at most {MAX_TENSORS} tensors, the header says {n_tensors}")
    headers = reader.take("<u8", 4 * n_tensors, "the list of tensors").reshape(-1, 4).tolist()
    names = [_name(reader, name_bytes) for name_bytes, *_ in headers]
    shapes = [_shape(reader, name, n_sides) for name, (_, _, n_sides, _) in zip(names, headers, strict=True)]
    (padding,) = reader.take("<u8", 1, "the length of the padding").tolist()
    reader.skip(padding, "the padding")
    for name, shape, (_, kind, _, n_bytes) in zip(names, shapes, headers, strict=True):
        yield name, kind, shape, reader.skip(n_bytes, f"tensor {name!r}"), n_bytes
    reader.check_end()


def _name(reader: BinaryReader, n_bytes: int) -> str:
    start = reader.at
    raw = reader.take("u1", n_bytes, "a name").tobytes()
    if not (raw.endswith(b"\0") and raw.isascii()):
        raise reader.error(start, "a name must be ASCII and end with a zero byte")
    return raw[:-1].decode("ascii")


def _shape(reader: BinaryReader, name: str, n_sides: int) -> tuple[int, ...]:
    start = reader.at
    if n_sides > MAX_DIMENSIONS:
        raise reader.error(start, f"tensor {name!r} must have at most {MAX_DIMENSIONS} dimensions, has {n_sides}")
    shape = tuple(reader.take("<i4", n_sides, f"the shape of {name!r}").tolist())
    if any(size < 1 for size in shape):
        raise reader.error(start, f"the shape of {name!r} must be positive, is {shape}")
    return shape


def _tensor(
    reader: BinaryReader, name: str, kind: int, shape: tuple[int, ...], start: int, n_bytes: int
) -> NDArray[np.float32]:
    if kind not in (FLOAT32, INT8):
        raise reader.error(start, f"tensor {name!r} must be float32 or int8, has type {kind:#x}")
    count = prod(shape)
    needed = 4 * count if kind == FLOAT32 else count + 4
    if n_bytes < needed:
        raise reader.error(start, f"tensor {name!r} of shape {shape} needs {needed} bytes, has {n_bytes}")
    if kind == FLOAT32:
        values = np.frombuffer(reader.data, "<f4", count, start).reshape(shape).astype(np.float32)
    else:
        (steps,) = struct.unpack_from("<f", reader.data, start + count)
        if not 1e-30 < steps < 1e30:
            raise reader.error(start + count, f"tensor {name!r} must have a finite number of steps to 1.0, has {steps}")
        raw = np.frombuffer(reader.data, np.int8, count, start)
        by_rows = raw.reshape(shape) if name in LOOKED_UP else raw.reshape(shape[::-1]).T
        values = np.ascontiguousarray(by_rows, dtype=np.float32) / np.float32(steps)
    if not np.isfinite(values).all():
        raise reader.error(start, f"tensor {name!r} must be finite")
    return values
