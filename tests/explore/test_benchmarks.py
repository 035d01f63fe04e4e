import numpy as np
import pytest

from eie.explore.benchmarks import Benchmark, columns_together, nine_layers, select


def test_table_3():
    layers = {layer.name: layer for layer in nine_layers()}
    assert list(layers) == ["Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM"]
    assert layers["VGG-6"] == Benchmark("VGG-6", 25088, 4096, 0.04, 0.183, "VGG-16")
    # Millions of multiplications: size x weight density x input density.
    assert layers["Alex-6"].expected_macs / 1e6 == pytest.approx(1.192, abs=5e-4)


def test_draws_differ_and_repeat():
    layer = nine_layers()[-1]
    (one, inputs), (again, _), (other, other_inputs) = layer.draw(0), layer.draw(0), layer.draw(0, draw=1)
    assert one == again
    assert one != other
    assert (one.n_in, one.n_out) == (1201, 2400)
    assert np.count_nonzero(inputs) == np.count_nonzero(other_inputs) == 1201


def test_layers_of_one_size_are_drawn_apart():
    first, second = (Benchmark(name, 50, 40, 0.2, 0.5).draw()[0] for name in "ab")
    assert first != second


def test_select():
    assert [layer.name for layer in select(["VGG-7", "Alex-7"])] == ["VGG-7", "Alex-7"]
    assert [layer.name for layer in select([], {"mine": [10, 20, 0.1, 1.0]})] == ["mine"]
    assert select("VGG-7") == select(["VGG-7"])  # one name stands for a list of one
    assert len(select()) == 9


def test_own_layers_can_be_named_among_the_layers():
    own = {"mine": [10, 20, 0.1, 1.0], "other": [10, 20, 0.2, 1.0]}
    assert [layer.name for layer in select(["mine", "VGG-7"], own)] == ["mine", "VGG-7", "other"]
    assert [layer.name for layer in select("mine", own)] == ["mine", "other"]
    with pytest.raises(ValueError, match=r"every layer must have a name of its own, got \['VGG-7', 'VGG-7'\]"):
        select(["VGG-7"], {"VGG-7": [10, 20, 0.1, 1.0]})


def test_layer_by_its_name():
    own = {"mine": [10, 20, 0.1, 1.0], "Alex-7": (30, 40, 0.5, 0.5)}
    assert Benchmark.named("Alex-7") == nine_layers()[1]
    assert Benchmark.named("mine", own) == Benchmark("mine", 10, 20, 0.1, 1.0)
    assert Benchmark.named("Alex-7", own).n_in == 30  # a layer of one's own comes first
    assert Benchmark.named("NT-We", own) == nine_layers()[6]


def test_unknown_name():
    with pytest.raises(ValueError, match=r"unknown layer 'Alex-9'; Table III has Alex-6, .* NT-LSTM"):
        Benchmark.named("Alex-9", {"mine": [10, 20, 0.1, 1.0]})


def test_own_layers_by_name_or_in_order():
    named = {"activations": 0.4, "inputs": 2048, "outputs": 1024, "weights": 0.1}
    assert select([], {"mine": named}) == select([], {"mine": [2048, 1024, 0.1, 0.4]})


@pytest.mark.parametrize(
    ("names", "own_layers", "message"),
    [
        (["Alex-9"], None, r"unknown layer 'Alex-9'; Table III has Alex-6, .* NT-LSTM"),
        (6, None, r"layers must be a list of names, got 6"),
        (5, None, r"layers must be a list of names, got 5"),
        ([[1]], None, r"layers must be a list of names, got \[\[1\]\]"),
        ([], None, r"at least one layer"),
        ([], 5, r"own_layers must be a mapping from names to layers, got 5"),
        ([], {1: [10, 10, 0.1, 0.1]}, r"own_layers must be a mapping from names to layers"),
        ([], {"a": None}, r"got None for 'a'"),
        (["Alex-6", "Alex-6"], None, r"every layer must have a name of its own"),
        ([], {"a": [1, 2, 0.5]}, r"give inputs, outputs, weights, activations .* got \[1, 2, 0.5\] for 'a'"),
        (
            [],
            {"a": {"inputs": 1, "outputs": 2, "weights": 0.5}},
            r"got {'inputs': 1, 'outputs': 2, 'weights': 0.5} for",
        ),
        ([], {"a": {"n_in": 1, "outputs": 2, "weights": 0.5, "activations": 1}}, r"by name or in a list, got {'n_in'"),
        ([], {"a": [0, 2, 0.5, 0.5]}, r"inputs of a must be an integer in 1..2147483647, got 0"),
        ([], {"a": [2, 2, 50, 0.5]}, r"weight density of a must be a fraction in 0..1, got 50"),
    ],
)
def test_bad_selections(names, own_layers, message):
    with pytest.raises(ValueError, match=message):
        select(names, own_layers)


def test_bad_seed():
    with pytest.raises(ValueError, match=r"seed must be an integer in 0..\d+, got -1"):
        nine_layers()[0].draw(-1)


def test_blocks_fit_their_layers():
    inputs = {layer.name: layer.n_in for layer in nine_layers()}
    assert columns_together() == {"Alex-6": inputs["Alex-6"] // 256, "VGG-6": inputs["VGG-6"] // 512, "NT-LSTM": 600}
