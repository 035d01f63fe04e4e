import math
import re

import numpy as np
import pytest
import scipy.sparse as sp
from damage import refusals
from naive import read_net

from eie.datasets import catalogue
from eie.formats import FormatError, deepcompression
from eie.formats.deepcompression import NetLayer

SHAPES = {"conv1": (6, 2, 3, 3), "conv2": (3, 6, 1, 1), "fc3": (7, 12), "ip4": (5, 7)}


def drawn(name, shape, density, rng):
    size = 256 if "conv" in name else 16
    codes = rng.integers(1, size, (shape[0], math.prod(shape[1:]))) * (
        rng.random((shape[0], math.prod(shape[1:]))) < density
    )
    codebook = np.append(0, rng.normal(size=size - 1)).astype(np.float32)
    bias = rng.normal(size=shape[0]).astype(np.float32)
    return NetLayer(sp.csc_array(codes.astype(np.uint8)), shape, codebook, bias)


def network(density, seed=0):
    rng = np.random.default_rng(seed)
    return {name: drawn(name, shape, density, rng) for name, shape in SHAPES.items()}


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "made_up.net"
    deepcompression.write(path, network(0.2))
    return path


def assert_same(one, two):
    assert list(one) == list(two)
    for name in one:
        assert (one[name].codes != two[name].codes).nnz == 0
        assert one[name].shape == two[name].shape
        np.testing.assert_array_equal(one[name].codebook, two[name].codebook)
        np.testing.assert_array_equal(one[name].bias, two[name].bias)


def test_hand_made_file(tmp_path):
    # One 2 x 20 layer: weights at 0 (code 3) and, after 18 pruned ones (one filler), at 19 (code 1); at 21 (code 2).
    codebook = np.arange(16, dtype="<f4")
    codes, skips = [3, 0, 1, 2], [0, 15, 2, 1]
    data = np.array([4], "<u4").tobytes() + codebook.tobytes() + np.array([0.5, -2], "<f4").tobytes()
    data += bytes([codes[0] | codes[1] << 4, codes[2] | codes[3] << 4])
    data += bytes([skips[0] | skips[1] << 4, skips[2] | skips[3] << 4])
    (tmp_path / "x.net").write_bytes(data)
    layer = deepcompression.read(tmp_path / "x.net", {"fc": (2, 20)})["fc"]
    expected = np.zeros((2, 20))
    expected[0, 0], expected[0, 19], expected[1, 1] = 3, 1, 2
    np.testing.assert_array_equal(layer.weights(), expected)
    np.testing.assert_array_equal(layer.bias, [0.5, -2])
    deepcompression.write(tmp_path / "y.net", {"fc": layer})
    assert (tmp_path / "y.net").read_bytes() == data


@pytest.mark.parametrize("density", [0, 0.02, 0.2, 1])
def test_what_is_written_is_read(tmp_path, density):
    layers = network(density)
    deepcompression.write(tmp_path / "x.net", layers)
    assert_same(deepcompression.read(tmp_path / "x.net", SHAPES), layers)


@pytest.mark.parametrize("density", [0, 0.02, 0.2, 1])
def test_reader_agrees_with_the_obvious_one(tmp_path, density):
    deepcompression.write(tmp_path / "x.net", network(density, seed=1))
    weights = read_net((tmp_path / "x.net").read_bytes(), SHAPES)
    for name, layer in deepcompression.read(tmp_path / "x.net", SHAPES).items():
        np.testing.assert_array_equal(layer.weights(), weights[name])


def test_columns_of_a_convolution_are_ordered_by_place_then_channel(written):
    layer = deepcompression.read(written, SHAPES)["conv1"]
    compressed = layer.compressed()
    dense = compressed.codebook[compressed.to_scipy().toarray()]
    np.testing.assert_array_equal(dense, layer.weights().transpose(0, 2, 3, 1).reshape(6, -1))
    np.testing.assert_array_equal(
        deepcompression.read(written, SHAPES)["fc3"].compressed().to_scipy().toarray(),
        deepcompression.read(written, SHAPES)["fc3"].codes.toarray(),
    )


def test_entry_of_code_0_is_pruned_whatever_its_z(tmp_path):
    data = np.array([2], "<u4").tobytes() + np.arange(16, dtype="<f4").tobytes() + np.zeros(1, "<f4").tobytes()
    (tmp_path / "x.net").write_bytes(data + bytes([0 | 5 << 4, 0 | 1 << 4]))
    layer = deepcompression.read(tmp_path / "x.net", {"fc": (1, 3)})["fc"]
    np.testing.assert_array_equal(layer.codes.toarray(), [[0, 0, 5]])
    assert layer.codes.nnz == 1


def edited(path, at, value, dtype="<f4"):
    data = bytearray(path.read_bytes())
    new = np.array([value], dtype).tobytes()
    data[at : at + len(new)] = new
    path.write_bytes(data)


START = 4 * len(SHAPES)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (START, 1.0, f"codebook of conv1 must begin with 0, has 1.0 at byte {START}"),
        (START + 8, np.nan, f"codebook of conv1 must be finite, is nan at byte {START + 8}"),
        (START + 4 * 257, np.inf, f"bias of conv1 must be finite, is inf at byte {START + 4 * 257}"),
    ],
)
def test_values_out_of_range(written, at, value, message):
    edited(written, at, value)
    with pytest.raises(FormatError, match=message) as caught:
        deepcompression.read(written, SHAPES)
    assert str(written) in str(caught.value)


@pytest.mark.parametrize("layer", range(len(SHAPES)))
def test_numbers_of_entries_out_of_range(written, layer):
    edited(written, 4 * layer, 2**32 - 1, "<u4")
    with pytest.raises(FormatError, match=r"4294967295 codes of \w+ needs \d+ bytes"):
        deepcompression.read(written, SHAPES)


def test_entry_outside_its_layer(written):
    with pytest.raises(FormatError, match=r"entry \d+ of conv1 must lie within its 6 weights, its z at byte \d+"):
        deepcompression.read(written, {**SHAPES, "conv1": (6, 1, 1, 1)})


def test_truncated_and_padded(written):
    whole = written.read_bytes()
    for end in [*range(0, len(whole), 13), len(whole) - 1]:
        written.write_bytes(whole[:end])
        with pytest.raises(FormatError, match=r"needs \d+ bytes, the file has \d+ more") as caught:
            deepcompression.read(written, SHAPES)
        at, left = (int(re.search(rf"{before}(\d+)", str(caught.value))[1]) for before in ("at byte ", "file has "))
        assert at + left == end
    written.write_bytes(whole + b"\0")
    with pytest.raises(FormatError, match=f"at byte {len(whole)}: 1 bytes are left over"):
        deepcompression.read(written, SHAPES)


@pytest.mark.long
def test_damaged_files_are_refused_or_read_within_memory(written):
    columns = sum(math.prod(shape[1:]) for shape in SHAPES.values())

    def limit(size):
        return deepcompression.BYTES_PER_BYTE * size + 16 * columns + 20_000  # messages, and objects of Python

    def read(path):
        layers = deepcompression.read(path, SHAPES)
        assert [layer.weights().shape for layer in layers.values()] == list(SHAPES.values())

    assert refusals(written, read, limit) > 1000


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("conv1", {"shape": (5, 2, 3, 3)}, r"codes of conv1 must have shape \(5, 18\)"),
        ("conv1", {"bias": np.zeros(2, np.float32)}, r"bias of conv1 must have shape \(6,\)"),
        ("conv1", {"codebook": np.zeros(16, np.float32)}, "codebook of conv1 must be 256 values"),
        ("fc3", {"codebook": np.ones(16, np.float32)}, "codebook of fc3 must be 16 values, the first 0"),
        ("fc3", {"codes": sp.csc_array(np.full((7, 12), 16, np.uint8))}, r"codes of fc3 must be 0\.\.15, got 16"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, name, change, message):
    layers = network(0.2)
    fields = {field: getattr(layers[name], field) for field in NetLayer.__slots__}
    layers[name] = NetLayer(**fields | change)
    with pytest.raises(ValueError, match=message):
        deepcompression.write(tmp_path / "x.net", layers)
    assert list(tmp_path.iterdir()) == []


def test_unknown_network():
    with pytest.raises(ValueError, match="network must be one of squeezenet, alexnet, got 'lenet'"):
        deepcompression.shapes("lenet")


def test_alexnet_has_its_61_million_weights():
    layout = deepcompression.shapes("alexnet")
    n_weights = sum(math.prod(shape) for shape in layout.values())
    n_biases = sum(shape[0] for shape in layout.values())
    assert n_weights + n_biases == 60_965_224  # of bvlc_alexnet


def test_alexnets_layout_is_read_and_written(tmp_path):
    rng = np.random.default_rng(0)
    layout = deepcompression.shapes("alexnet")
    layers = {}
    for name, shape in layout.items():
        size = 256 if "conv" in name else 16
        n_out, n_in = shape[0], math.prod(shape[1:])
        codes = sp.random_array((n_out, n_in), density=500 / (n_out * n_in), format="csc", rng=rng)
        codes.data = rng.integers(1, size, codes.nnz)
        codebook = np.append(0, rng.normal(size=size - 1)).astype(np.float32)
        layers[name] = NetLayer(codes.astype(np.uint8), shape, codebook, rng.normal(size=n_out).astype(np.float32))
    deepcompression.write(tmp_path / "x.net", layers)
    assert_same(deepcompression.read(tmp_path / "x.net", layout), layers)


@pytest.mark.needs_data("squeezenet")
def test_squeezenet_decodes_to_its_last_byte_and_is_written_as_it_was(tmp_path):
    path = catalogue.require("squeezenet") / "compressed_SqueezeNet.net"
    layers = deepcompression.read(path, deepcompression.shapes("squeezenet"))
    assert len(layers) == 26
    deepcompression.write(tmp_path / "again.net", layers)
    assert (tmp_path / "again.net").read_bytes() == path.read_bytes()


@pytest.mark.needs_data("squeezenet")
def test_squeezenet_agrees_with_the_obvious_reader():
    path, layout = catalogue.require("squeezenet") / "compressed_SqueezeNet.net", deepcompression.shapes("squeezenet")
    weights = read_net(path.read_bytes(), layout)
    for name, layer in deepcompression.read(path, layout).items():
        np.testing.assert_array_equal(layer.weights(), weights[name])
