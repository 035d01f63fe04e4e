import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from damage import refusals

from eie.datasets import catalogue
from eie.formats import FormatError, numpy_pickle

ARRAYS = {
    "net": {"conv": {"kernel": np.arange(24, dtype="f4").reshape(2, 3, 4), "bias": np.ones(4, "f4")}, "odd": {}},
    "last": np.zeros((0, 3), "f4"),
}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "x.ckpt").write_bytes(pickle.dumps(ARRAYS, protocol=3))
    return tmp_path / "x.ckpt"


def test_arrays_are_read_as_they_were_written(path):
    found = numpy_pickle.read(path)
    assert list(found) == ["net/conv/kernel", "net/conv/bias", "last"]
    np.testing.assert_array_equal(found["net/conv/kernel"], ARRAYS["net"]["conv"]["kernel"])
    np.testing.assert_array_equal(found["net/conv/bias"], ARRAYS["net"]["conv"]["bias"])
    assert found["last"].shape == (0, 3)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


def nested(depth):
    value = {}
    for _ in range(depth):
        value = {"a": value, "b": value}
    return value


def itself():
    value = {}
    value["a"] = value
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Evil(), r"(posix|nt)\.mkdir is not among the names"),
        ({"a": Evil()}, r"(posix|nt)\.mkdir is not among the names"),
        ([], "instruction 0x5d is not one"),
        (set(), "is not among the names"),
        ({"a": 1}, "a must be a dictionary or an array"),
        ({1: np.ones(1, "f4")}, "a key must be text, is 1"),
        ({"a": np.ones(1, "f8")}, "numbers must be of f4, are of 'f8'"),
        ({"a": np.ones(1, ">f4")}, "numbers must be little endian, are '>'"),
        ({"a": np.ones((2, 3), "f4").T}, "an array must be stored row after row"),
        ({"a": np.array([None])}, "must be of f4, are of 'O8'"),
        (np.float32(1), "is not among the names"),
        (3, "the whole must be a dictionary or an array"),
        (nested(60), "in one place only"),
        (itself(), "in one place only"),
    ],
)
def test_anything_else_is_refused(path, value, message):
    path.write_bytes(pickle.dumps(value, protocol=3))
    with pytest.raises(FormatError, match=rf"{message}.*, at byte \d+$") as caught:
        numpy_pickle.read(path)
    assert str(path) in str(caught.value)
    assert not os.path.exists("made-by-a-pickle")


def test_numbers_that_do_not_fill_the_shape(path):
    data = path.read_bytes()
    at = data.index(struct.pack("<BI", ord("B"), 96)) if struct.pack("<BI", ord("B"), 96) in data else data.index(b"C`")
    assert data[at + 1] == 96
    path.write_bytes(data.replace(b"K\x02K\x03K\x04", b"K\x02K\x03K\x05"))
    with pytest.raises(FormatError, match=r"an array of shape \(2, 3, 5\) must have 30 numbers, has 24"):
        numpy_pickle.read(path)


def test_a_shape_must_be_whole_numbers(path):
    data = path.read_bytes()
    assert data.count(b"K\x02K\x03K\x04\x87") == 1
    path.write_bytes(data.replace(b"K\x02K\x03K\x04\x87", b"K\x02\x85J\xff\xff\xff\x7f\x86"))  # 16 GB if multiplied
    with pytest.raises(FormatError, match=r"a shape must be whole numbers, is \(\(2,\), 2147483647\)"):
        numpy_pickle.read(path)


def test_truncated_and_padded(path):
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=str(path)):
            numpy_pickle.read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(FormatError, match=f"there is more after the end, at byte {len(whole)}"):
        numpy_pickle.read(path)


def test_endless_instructions_are_not_followed(path):
    path.write_bytes(b"}" * (numpy_pickle.MAX_INSTRUCTIONS + 1))
    with pytest.raises(FormatError, match="at most 100000 instructions"):
        numpy_pickle.read(path)


@pytest.mark.parametrize(
    ("instructions", "message"),
    [
        (b"}N" + b"\x85" * 90_000 + b"Ns.", "a key must be text"),  # deeper than the interpreter's own stack
        (b"}N" + b"q\x00h\x00\x86" * 40 + b"Ns.", "a key must be text"),  # 2**40 tuples to hash or to print
        (b"cnumpy\ndtype\nN" + b"q\x00h\x00\x86" * 40 + b"R.", "numbers must be of f4"),
        (b"}X\x01\0\0\0a" * 10_000 + b"N" + b"s" * 10_000 + b".", "recursion"),
        (b"Nr" + struct.pack("<I", 2**32 - 1) + b".", "the whole must be a dictionary"),  # the last place in the memo
        (b"B" + struct.pack("<I", 2**32 - 1) + b".", "only 1 remain"),  # 4 GB of bytes
    ],
)
def test_small_hostile_files_take_neither_time_nor_memory(path, instructions, message):
    path.write_bytes(b"\x80\x03" + instructions)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=message) as caught:
            numpy_pickle.read(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
        assert len(str(caught.value)) < 1000
    finally:
        tracemalloc.stop()


@pytest.mark.long
def test_damaged_files_are_refused_or_read_within_memory(path):
    assert refusals(path, numpy_pickle.read, lambda size: 4 * size + 100_000) > 500  # objects of Python


@pytest.mark.needs_data("trunks")
@pytest.mark.parametrize(("file", "n_kernels"), [("alexnet.ckpt", 5), ("vgg16.ckpt", 13)])
def test_trunks(file, n_kernels):
    path = catalogue.require("trunks") / file
    arrays = numpy_pickle.read(path)
    kernels = [array for array in arrays.values() if array.ndim == 4 and array.shape[:2] != (1, 1)]
    assert len(kernels) == n_kernels
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert sum(array.nbytes for array in arrays.values()) > 0.99 * path.stat().st_size
