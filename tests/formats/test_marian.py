import struct
from pathlib import Path

import numpy as np
import pytest
from translators import STEPS, float_tensor, int_tensor, model_bytes

from eie.formats import FormatError, marian

MATRIX = np.random.default_rng(0).integers(-127, 128, (3, 5)).astype(np.int8)
EMBEDDING = np.random.default_rng(1).integers(-127, 128, (4, 2)).astype(np.int8)
TENSORS = {
    "W": int_tensor(MATRIX.T.copy(), MATRIX.shape),
    "W_QuantMultA": float_tensor(np.ones((1, 1))),
    "Wemb": int_tensor(EMBEDDING, EMBEDDING.shape),
    "b": float_tensor(np.arange(5.0).reshape(1, 5)),
    "special:model.yml": (marian.TEXT, (9,), b"heads: 8\n"),
}


MODEL = model_bytes(TENSORS)


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "model.bin"
        path.write_bytes(data)
        return path

    return write


def test_matrices_are_stored_by_columns_and_embeddings_by_rows(file):
    model = marian.read(file(MODEL))
    assert sorted(model.tensors) == ["W", "Wemb", "b"]
    np.testing.assert_array_equal(model.tensors["W"], MATRIX / np.float32(STEPS))
    np.testing.assert_array_equal(model.tensors["Wemb"], EMBEDDING / np.float32(STEPS))
    np.testing.assert_array_equal(model.tensors["b"], [[0, 1, 2, 3, 4]])
    assert model.settings == "heads: 8\n"


def changed(offset, form, value):
    data = bytearray(MODEL)
    struct.pack_into(form, data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at byte 0: the header needs 16 bytes, the file has 0 more"),
        (changed(0, "<Q", 2), "at byte 0: the version must be 1, is 2"),
        (changed(8, "<Q", 2**40), "at byte 8: there must be at most 10000 tensors"),
        (changed(16, "<Q", 2**62), "a name needs 4611686018427387904 bytes"),
        (changed(24, "<Q", 5), "tensor 'W' must be float32 or int8, has type 0x5"),
        (changed(32, "<Q", 99), "tensor 'W' must have at most 8 dimensions, has 99"),
        (changed(40, "<Q", 2**62), "tensor 'W' needs 4611686018427387904 bytes"),
        (MODEL + b"x", "1 bytes are left over"),
        (model_bytes(TENSORS | {"b": float_tensor(np.array([[np.nan]]))}), "tensor 'b' must be finite"),
        (model_bytes(TENSORS | {"b": (marian.FLOAT32, (1, 0), b"")}), "the shape of 'b' must be positive"),
        (model_bytes(TENSORS | {"b": (marian.FLOAT32, (1, 9), bytes(8))}), "needs 36 bytes, has 8"),
        (model_bytes(TENSORS | {"W": (marian.INT8, (1, 1), bytes(5))}), "finite number of steps to 1.0, has 0.0"),
    ],
)
def test_damage_is_named_with_file_and_offset(file, data, message):
    path = file(data)
    with pytest.raises(FormatError, match=r"model\.bin: at byte \d+: ") as caught:
        marian.read(path)
    assert message in str(caught.value)


def test_missing_and_huge_files(tmp_path, monkeypatch, file):
    with pytest.raises(FormatError, match="there is no such file"):
        marian.read(tmp_path / "none.bin")
    monkeypatch.setattr(marian, "MAX_FILE_BYTES", 100)
    with pytest.raises(FormatError, match=r"must have 0\.\.100 bytes"):
        marian.read(file(MODEL))


def test_any_damage_is_a_format_error_or_a_model(tmp_path):
    """Thousands of truncated, padded and bit-flipped files."""
    good, path = MODEL, tmp_path / "model.bin"
    rng = np.random.default_rng(1)
    refusals = []
    for trial in range(3000):
        data = bytearray(good)
        for at in rng.integers(0, 420, rng.integers(1, 4)):  # the headers, names and shapes
            data[at] ^= 1 << int(rng.integers(8))
        if trial % 3 == 0:
            data = data[: rng.integers(len(good))]
        path.write_bytes(data)
        try:
            model = marian.read(path)
        except FormatError as error:
            refusals.append(str(error))
        else:
            assert sum(values.nbytes for values in model.tensors.values()) <= 4 * len(data)
    assert len(refusals) > 2000
    assert all(message.startswith(f"{path}: ") for message in refusals)


def test_reads_relative_paths(file, monkeypatch):
    path = file(MODEL)
    monkeypatch.chdir(path.parent)
    assert "W" in marian.read(Path(path.name)).tensors
