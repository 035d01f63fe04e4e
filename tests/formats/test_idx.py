import gzip
import struct

import numpy as np
import pytest
from damage import refusals

from eie.datasets import catalogue
from eie.formats import FormatError, idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx_of(array, code=None, shape=None):
    shape = array.shape if shape is None else shape
    kind = CODES[array.dtype.str[1:]] if code is None else code
    header = bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


ARRAY = np.arange(24, dtype="u1").reshape(2, 3, 4)


@pytest.fixture(params=["plain", "gzip"])
def pack(request):
    return gzip.compress if request.param == "gzip" else bytes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x-idx-ubyte"


def test_hand_made_file(path):
    path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 0xFF, 0xFE, 1, 0]))
    np.testing.assert_array_equal(idx.read(path), [-2, 256])


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(0,), (5,), (2, 3, 4), (1, 0, 7)])
def test_all_kinds_and_shapes(path, pack, kind, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 50).astype(kind if kind != "u1" else "i1").astype(kind)
    path.write_bytes(pack(idx_of(array)))
    found = idx.read(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert found.dtype.isnative


@pytest.mark.parametrize("start", [b"", b"\0\0", b"\0\1\x08\1", b"\0\0\x0a\1", b"\0\0\x08\0", b"\0\0\x08\x09"])
def test_wrong_start(path, pack, start):
    path.write_bytes(pack(start))
    with pytest.raises(FormatError, match=rf"begins with {start.hex(' ') or 'nothing'} at byte 0"):
        idx.read(path)


def test_truncated_and_padded(path, pack):
    whole = idx_of(ARRAY)
    for end in range(4, len(whole)):
        path.write_bytes(pack(whole[:end]))
        with pytest.raises(FormatError, match=rf"ends at byte {end}|cannot have them"):
            idx.read(path)
    path.write_bytes(pack(whole + b"\0"))
    with pytest.raises(FormatError, match=rf"must end at byte {len(whole)} .* goes on"):
        idx.read(path)


def test_truncated_gzip(path):
    whole = gzip.compress(idx_of(ARRAY))
    for end in range(3, len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=str(path)):
            idx.read(path)


def test_shape_that_the_file_cannot_hold_is_not_allocated(path, pack):
    path.write_bytes(pack(idx_of(ARRAY, shape=(2**32 - 1, 2**32 - 1))))
    with pytest.raises(FormatError, match="cannot have them"):
        idx.read(path)


def test_gzip_bomb_is_not_unpacked_further_than_stated(path):
    path.write_bytes(gzip.compress(idx_of(ARRAY) + bytes(10**7)))
    with pytest.raises(FormatError, match=r"must end at byte 40 .* goes on"):
        idx.read(path)


@pytest.mark.long
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_files_are_refused_or_read_within_memory(path, packed):
    path.write_bytes(gzip.compress(idx_of(ARRAY)) if packed else idx_of(ARRAY))
    assert refusals(path, idx.read, lambda size: 10 * size + 200_000) > 1000  # zlib's own tables


@pytest.mark.needs_data("mnist")
@pytest.mark.parametrize(("part", "count"), [("train", 60_000), ("t10k", 10_000)])
def test_mnist(part, count):
    folder = catalogue.require("mnist")
    assert idx.read(folder / f"{part}-images-idx3-ubyte").shape == (count, 28, 28)
    labels = idx.read(folder / f"{part}-labels-idx1-ubyte")
    assert labels.shape == (count,)
    assert set(np.unique(labels)) == set(range(10))
