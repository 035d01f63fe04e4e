import json

import numpy as np
import pytest

from eie.compress import packed
from eie.compress.packed import CompressedNetwork, Part
from eie.formats import FormatError, sealed


def part(name, shape, index_bits=3, bits=2, seed=0):
    generator = np.random.default_rng(seed)
    codes = generator.integers(1, 2**bits, shape).astype(np.uint8) * (generator.random(shape) < 0.2).astype(np.uint8)
    codebook = generator.normal(size=2**bits).astype(np.float32)
    codebook[0] = 0
    return Part(name, codes, codebook, generator.normal(size=shape[0]).astype(np.float32), index_bits)


@pytest.fixture
def network():
    steps = ({"op": "Conv2d", "layer": "a", "stride": [1, 1], "padding": [0, 0]}, {"op": "Relu"})
    parts = (part("a", (4, 3, 2, 5)), part("b", (6, 70), seed=1), part("c", (5, 8), index_bits=8, bits=8, seed=2))
    return CompressedNetwork("some", parts, steps, {"norm.weight": np.arange(3.0)})


@pytest.fixture
def path(network, tmp_path):
    path = tmp_path / "some.safetensors"
    packed.write(path, network)
    return path


def test_round_trip(network, path):
    again = packed.read(path)
    assert (again.name, list(again.steps)) == (network.name, list(network.steps))
    assert again.rest["norm.weight"].tolist() == [0, 1, 2]
    for a, b in zip(network.parts, again.parts, strict=True):
        assert (a.name, a.index_bits, a.weight_bits) == (b.name, b.index_bits, b.weight_bits)
        assert np.array_equal(a.codes, b.codes)
        assert np.array_equal(a.codebook, b.codebook)
        assert np.array_equal(a.bias, b.bias)
    assert again["b"].codes.shape == (6, 70)
    with pytest.raises(KeyError, match="no part 'd'; it has a, b, c"):
        again["d"]


def test_same_network_gives_the_same_bytes(network, path, tmp_path):
    for _ in range(5):
        packed.write(tmp_path / "again.safetensors", network)
        assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_file_holds_what_sizes_count(network, path):
    arrays, _ = sealed.read(path)
    for one in network.parts:
        size = one.size
        held = {name: arrays[f"{one.name}/{name}"].nbytes for name in (*packed.STREAMS, "codebook", "bias")}
        assert held["weights"] == -(-size.coded_weights // 8)
        assert held["indices"] == -(-size.coded_indices // 8)
        assert 8 * (held["weight_table"] + held["index_table"]) == size.tables
        assert 8 * held["codebook"] == size.codebook
        assert held["bias"] == 4 * size.biases


def test_columns_of_a_convolution_are_tap_then_channel(network):
    one = network["a"]
    dense = one.layer.to_scipy().toarray()
    assert dense.shape == (4, 30)
    for o, c, y, x in np.ndindex(4, 3, 2, 5):
        assert dense[o, (y * 5 + x) * 3 + c] == one.codes[o, c, y, x]
    assert np.array_equal(one.weights, one.codebook[one.codes])


def test_damage_is_noticed(path):
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for _ in range(1000):
        bad = bytearray(whole)
        for _ in range(generator.integers(1, 4)):
            bad[generator.integers(len(bad))] = generator.integers(256)
        if bad == whole:
            continue
        path.write_bytes(bad)
        with pytest.raises(FormatError, match="some.safetensors: "):  # noqa: RUF043
            packed.read(path)
    for size in range(0, len(whole), 97):
        path.write_bytes(whole[:size])
        with pytest.raises(FormatError, match="some.safetensors: "):  # noqa: RUF043
            packed.read(path)


def replaced(arrays, name, value):
    return arrays | {name: np.array(value)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, p: (a, [{**p[0], "shape": [2**20, 2**20]}]), "at most"),
        (lambda a, p: (a, [{**p[0], "shape": [2, 3, 4]}]), "two or four numbers"),
        (lambda a, p: (a, [{**p[0], "shape": [4, 3, 2, 1]}]), "end within the layer's 24 weights"),
        (lambda a, p: (a, [{**p[0], "shape": "ab"}]), "not a compressed network"),
        (lambda a, p: (a, [{**p[0], "entries": 10**12}]), "count must be"),
        (lambda a, p: (a, [{**p[0], "entries": -1}]), "count must be"),
        (lambda a, p: (a, [{**p[0], "index_bits": 4}]), "a table of"),
        (lambda a, p: (a, [{**p[0], "index_bits": 10**9}]), "index_bits must be"),
        (lambda a, p: (a, [{**p[0], "name": "other"}]), "other/codebook"),
        (lambda a, p: (a, [{"name": "a"}]), "index_bits"),
        (lambda a, p: (a, 5), "not a compressed network"),
        (lambda a, p: (replaced(a, "a/codebook", [0.0, np.nan, 1, 2]), p), "finite float32"),
        (lambda a, p: (replaced(a, "a/bias", np.float32([np.inf])), p), "finite float32"),
        (lambda a, p: (replaced(a, "a/weight_table", np.uint8([0x11, 0x11])), p), "complete prefix code"),
    ],
)
def test_intact_file_of_nonsense_is_refused(path, change, message):
    arrays, facts = sealed.read(path)
    arrays, parts = change(arrays, json.loads(facts["parts"]))
    sealed.write(path, arrays, facts | {"parts": json.dumps(parts)})
    with pytest.raises(FormatError, match=message):
        packed.read(path)


def test_safetensors_file_of_others_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(FormatError, match="no seal of facts and digest"):
        packed.read(tmp_path / "other.safetensors")


def test_unknown_lenet():
    with pytest.raises(ValueError, match="lenet-300-100, lenet-5, got 'lenet-4'"):
        packed.lenet("lenet-4")
