import numpy as np
import pytest

import eie
from eie.compress.packed import CompressedNetwork, Part
from eie.datasets import catalogue
from eie.formats import deepcompression
from eie.models import imagenet, zoo
from eie.networks import network, operations
from eie.networks.layer_run import table


@pytest.fixture(scope="module")
def drawn_file(tmp_path_factory):
    """A file of SqueezeNet's shapes with few weights."""
    rng = np.random.default_rng(0)
    layers = {}
    for name, shape in deepcompression.shapes("squeezenet").items():
        codes = np.where(rng.random(shape) < 0.02, rng.integers(1, 256, shape), 0).astype(np.uint8)
        codebook = np.append(0, rng.normal(size=255)).astype(np.float32)
        matrix = eie.CompressedLayer.from_codes(codes.reshape(shape[0], -1), codebook).to_scipy()
        layers[name] = deepcompression.NetLayer(matrix, shape, codebook, rng.normal(size=shape[0]).astype(np.float32))
    path = tmp_path_factory.mktemp("net") / "drawn.net"
    deepcompression.write(path, layers)
    return path


def test_squeezenet_has_the_shapes_of_its_paper(drawn_file):
    net = zoo.squeezenet(drawn_file)
    assert len(net.weight_nodes) == 26
    # SqueezeNet (arXiv:1602.07360), Table 1: side and channels after each module, for 227 pixels a side.
    expected = {"conv1": (96, 111, 111), "pool1": (96, 55, 55), "fire2 both": (128, 55, 55), "pool4": (256, 27, 27)}
    expected |= {"fire8 both": (512, 27, 27), "pool8": (512, 13, 13), "fire9 both": (512, 13, 13)}
    assert {name: net.shapes[name] for name in expected} == expected
    assert (net.shapes["conv_final"][0], net.output_shape) == (1000, (1000,))


def test_codes_of_8_bits_need_wider_entries(drawn_file):
    machine = zoo.machine_for(zoo.squeezenet(drawn_file))
    assert (machine.weight_bits, machine.entry_bits, machine.entries_per_row) == (8, 16, 4)


@pytest.mark.needs_data("squeezenet")
@pytest.mark.needs_data("pictures")
def test_squeezenet_knows_pictures():
    net = zoo.squeezenet()
    paths = sorted(catalogue.require("pictures").glob("imagenet_*.jpg"))[:3]
    inputs, labels = imagenet.caffe_input(paths), [imagenet.class_of(path) for path in paths]
    scores = net.reference(inputs)
    assert [label in order[:5] for label, order in zip(labels, np.argsort(-scores), strict=True)] == [True] * 3
    formats = net.formats(net.calibrate(inputs[1:]), bits=16)
    run = net.run(inputs[:1], zoo.machine_for(net), formats)
    assert run.outputs.argmax() == scores[0].argmax()
    assert np.abs(run.outputs - scores[0]).max() < 0.01 * np.abs(scores[0]).max()
    shown = table(run.layers)
    assert shown["vectors"].tolist()[:2] == [111 * 111, 55 * 55]
    assert shown["load balance, %"].between(5, 100).all()


def part(name, *shape, bias=True):
    rng = np.random.default_rng(0)
    codebook = np.append(0, rng.normal(size=15)).astype(np.float32)
    return Part(
        name, rng.integers(0, 16, shape).astype(np.uint8), codebook, np.ones(shape[0] * bias, np.float32), index_bits=4
    )


STEPS = (
    {"op": "Conv2d", "layer": "conv1", "stride": [2, 2], "padding": [1, 0]},
    {"op": "Relu"},
    {"op": "MaxPool2d", "size": 2, "stride": 2},
    {"op": "Relu"},
    {"op": "Flatten"},
    {"op": "Linear", "layer": "ip1"},
)


def test_a_chain_of_steps_runs():
    parts = (part("conv1", 3, 2, 3, 3), part("ip1", 4, 12, bias=False))
    net = zoo.from_steps(CompressedNetwork("small", parts, STEPS), (2, 8, 11))
    assert list(net.shapes) == ["input", "conv1", "relu1", "maxpool2d1", "relu2", "flatten1", "ip1"]
    assert (net.shapes["conv1"], net.output_shape) == ((3, 4, 5), (4,))
    inputs = np.random.default_rng(1).random((2, 2, 8, 11))
    np.testing.assert_allclose(net.run(inputs).outputs, net.reference(inputs), atol=0.05)
    assert zoo.machine_for(net) == eie.Machine()


def test_what_is_no_chain():
    with pytest.raises(ValueError, match="odd is not a plain chain of layers"):
        zoo.from_steps(CompressedNetwork("odd", ()), (1,))
    with pytest.raises(ValueError, match="unknown step 'Gelu' in odd"):
        zoo.from_steps(CompressedNetwork("odd", (), ({"op": "Gelu"},)), (1,))


@pytest.mark.parametrize(("codes", "bits", "index"), [(8, 4, 4), (16, 4, 4), (32, 5, 3), (64, 8, 8), (256, 8, 8)])
def test_machine_for_code_widths(codes, bits, index):
    layer = eie.CompressedLayer.from_codes([[1]], np.arange(codes))
    machine = zoo.machine_for(network.Network.chain((1,), {"fc": operations.Linear(layer)}), n_pe=2)
    assert (machine.n_pe, machine.weight_bits, machine.index_bits) == (2, bits, index)
