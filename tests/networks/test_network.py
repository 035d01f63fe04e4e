from dataclasses import replace

import naive_network
import numpy as np
import pytest
from cases import CODEBOOK, layer_of, random_codes
from hypothesis import given, settings
from hypothesis import strategies as st

import eie
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.networks import arithmetic, host_operations, network, operations, register_batches
from eie.networks.layer_run import table
from eie.networks.network import Network, Node

WIDE = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 10), FixedPoint(16, 9))
NARROW = LayerFormats(FixedPoint(8, 5), FixedPoint(8, 5), FixedPoint(7, 4))
"""Few bits, so that sums saturate."""


def run_alone(op, values, formats):
    """Outputs and saturations of a network of one operation."""
    run = Network.chain(values.shape[1:], {"op": op}).run(values, eie.Machine(n_pe=4), {"op": formats})
    assert run.layers[0].saturations == run.saturations["op"]
    return run.outputs, run.saturations["op"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([WIDE, NARROW]), st.booleans())
def test_linear_is_bit_exact(seed, formats, with_bias):
    rng = np.random.default_rng(seed)
    codes, values = random_codes(rng, 5, 7), 2 * rng.normal(size=(3, 7))
    bias = rng.normal(size=5).astype(np.float32) if with_bias else None
    outputs, saturations = run_alone(operations.Linear(layer_of(codes), bias), values, formats)
    expected = [naive_network.linear(codes, CODEBOOK, bias, vector, formats) for vector in values]
    np.testing.assert_array_equal(outputs, [output for output, _ in expected])
    assert saturations == sum(count for _, count in expected)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([WIDE, NARROW]),
    st.sampled_from([(1, 1), (2, 1), (2, 3)]),
    st.sampled_from([(0, 0, 0, 0), (1, 1, 1, 1), (0, 2, 1, 0)]),
    st.sampled_from([(1, 1), (3, 3), (2, 3)]),
    st.integers(1, 2),
)
def test_convolution_is_bit_exact(seed, formats, stride, padding, kernel, groups):
    rng = np.random.default_rng(seed)
    codes, images = random_codes(rng, 2 * groups, 2, *kernel), 2 * rng.normal(size=(2, 2 * groups, 5, 4))
    bias = rng.normal(size=2 * groups).astype(np.float32)
    layer = layer_of(operations.convolution_matrix(codes, groups))
    outputs, saturations = run_alone(operations.Conv2d(layer, bias, kernel, stride, padding), images, formats)
    expected = [
        naive_network.convolution(codes, CODEBOOK, bias, image, formats, stride, padding, groups) for image in images
    ]
    np.testing.assert_array_equal(outputs, [output for output, _ in expected])
    assert saturations == sum(count for _, count in expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([WIDE, NARROW]))
def test_lstm_is_bit_exact(seed, formats):
    rng = np.random.default_rng(seed)
    codes, values = random_codes(rng, 12, 8), 2 * rng.normal(size=(2, 4, 5))
    bias = rng.normal(size=12).astype(np.float32)
    outputs, saturations = run_alone(operations.LSTM(layer_of(codes), bias), values, formats)
    expected = [naive_network.lstm(codes, CODEBOOK, bias, steps, formats) for steps in values]
    np.testing.assert_allclose(outputs, [output for output, _ in expected], atol=1e-12)
    assert saturations == sum(count for _, count in expected)


def test_saturation_really_happens():
    rng = np.random.default_rng(0)
    op = operations.Linear(layer_of(np.full((5, 30), 15)))
    _, saturations = run_alone(op, np.abs(rng.normal(size=(3, 30))), NARROW)
    assert saturations > 0


def small(rng):
    """Two convolutions side by side, and a classifier of three classes."""
    convolution = operations.Conv2d(
        layer_of(random_codes(rng, 4, 18)), rng.normal(size=4), (3, 3), padding=(1, 1, 1, 1)
    )
    point = operations.Conv2d(layer_of(random_codes(rng, 3, 4)))
    return Network(
        (2, 6, 6),
        (
            Node("conv", convolution, ("input",)),
            Node("relu", host_operations.Relu(), ("conv",)),
            Node("pool", host_operations.MaxPool2d((2, 2), (2, 2)), ("relu",)),
            Node("point", point, ("pool",)),
            Node("both", host_operations.Concat(), ("point", "pool")),
            Node("flat", host_operations.Flatten(), ("both",)),
            Node("fc", operations.Linear(layer_of(random_codes(rng, 3, 63)), rng.normal(size=3)), ("flat",)),
        ),
    )


@pytest.fixture(scope="module")
def net():
    return small(np.random.default_rng(0))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((20, 2, 6, 6))


def test_shapes(net):
    assert net.shapes["both"] == (7, 3, 3)
    assert net.output_shape == (3,)
    assert [name for name, _ in net.weight_nodes] == ["conv", "point", "fc"]


def test_wide_arithmetic_comes_near_the_reference(net, images):
    expected = net.reference(images)
    assert expected.dtype == np.float32
    ranges = net.calibrate(images)
    runs = [net.run(images, formats=net.formats(ranges, bits)).outputs for bits in (12, 24)]
    errors = [np.abs(operations.softmax(outputs) - operations.softmax(expected)).max() for outputs in runs]
    assert errors[1] < 1e-5 < errors[0] < 0.2


def test_nothing_saturates_on_the_pictures_of_calibration(net, images):
    formats = net.formats(net.calibrate(images), headroom=0)
    assert set(net.run(images, formats=formats).saturations.values()) == {0}
    darker = net.calibrate(images / 4)
    assert net.run(images, formats=net.formats(darker, headroom=0)).saturations["conv"] > 0
    assert set(net.run(images, formats=net.formats(darker, headroom=2)).saturations.values()) == {0}


def test_calibration_of_parts_covers_the_parts(net, images):
    whole, halves = net.calibrate(images), [net.calibrate(half) for half in (images[:10], images[10:])]
    for name, found in whole.items():
        assert found.activation == max(half[name].activation for half in halves)
        assert found.total == pytest.approx(max(half[name].total for half in halves), rel=1e-6)


def test_registers_change_places(net, images):
    ranges = net.calibrate(images)
    ranges["fc"] = replace(ranges["fc"], activation=1000.0)
    formats = net.formats(ranges, headroom=0)
    # The point-wise convolution reads what the first one wrote, through ReLU and a pool; the classifier reads what the
    # host put together.
    assert formats["point"].activation == formats["conv"].output
    assert formats["fc"].activation == FixedPoint(16, 5)
    wider = net.formats(ranges, 8, sum_bits=16, headroom=0)
    assert wider["conv"].output.bits == 16
    # Sums of 16 bits do not fit activations of 8: those are rounded to a format of their own.
    assert wider["point"].activation == FixedPoint.covering(ranges["point"].activation, 8)


def test_ranges_give_the_finest_formats_that_cover_them():
    formats = arithmetic.Ranges(weight=1.0, activation=100.0, total=0.9).formats(8, 8)
    assert formats == LayerFormats(FixedPoint(8, 6), FixedPoint(8, 0), FixedPoint(8, 6))
    written = arithmetic.Ranges(1.0, 100.0, 1000.0).formats(8, 8, 1, FixedPoint(8, 2))
    assert (written.activation, written.output) == (FixedPoint(8, 2), FixedPoint(8, -4))


def test_layers_report_what_they_took(net, images):
    run = net.run(images, keep=True)
    conv, point, fc = run.layers
    assert [layer.kind for layer in run.layers] == ["conv", "conv", "linear"]
    assert (conv.vectors, point.vectors, fc.vectors) == (20 * 36, 20 * 9, 20)
    assert (conv.n_in, conv.n_out) == (18, 4)
    flat = run.values["flat"]
    formats = net.formats(net.calibrate(images))
    raw, _ = formats["fc"].activation.quantize(flat)
    assert fc.activation_density == np.count_nonzero(raw) / raw.size
    expected = eie.simulate(fc_layer(net), raw, signed=True)
    assert fc.report == expected
    assert fc.energy.total == pytest.approx(eie.energy(expected, eie.Machine()).total)
    assert table(run.layers)["cycles"].tolist() == [layer.report.cycles for layer in run.layers]


def fc_layer(net):
    return dict(net.weight_nodes)["fc"].layer


def test_blocks_of_pictures_change_nothing(net, images, monkeypatch):
    formats = net.formats(net.calibrate(images))
    whole = net.run(images, formats=formats, keep=True)
    monkeypatch.setattr(network, "_BLOCK_NUMBERS", 18 * 36 * 3)
    blocks = net.run(images, formats=formats, keep=True)
    assert len(list(net._blocks(images))) == 7
    np.testing.assert_array_equal(blocks.outputs, whole.outputs)
    assert [layer.report for layer in blocks.layers] == [layer.report for layer in whole.layers]
    assert blocks.values.keys() == {"input", *net.shapes}
    np.testing.assert_array_equal(blocks.values["pool"], whole.values["pool"])


def test_values_alone(net, images):
    formats = net.formats(net.calibrate(images))
    run = net.run(images, formats=formats, reports=False)
    assert (run.layers, run.values) == ((), {})
    np.testing.assert_array_equal(run.outputs, net.run(images, formats=formats).outputs)
    assert run.saturations == {"conv": 0, "point": 0, "fc": 0}


def test_a_smaller_codebook_leaves_codes_unused(net, images):
    machine = eie.Machine(weight_bits=8, index_bits=8)
    formats = net.formats(net.calibrate(images))
    wide = net.run(images, machine, formats)
    np.testing.assert_array_equal(wide.outputs, net.run(images, formats=formats).outputs)
    with pytest.raises(ValueError, match="codebook must have 8 values for 3-bit codes, got 16"):
        net.run(images, eie.Machine(weight_bits=3, index_bits=5), formats)


def test_long_vectors_go_in_batches():
    rng = np.random.default_rng(0)
    machine = eie.Machine(n_pe=1)  # 64 registers
    codes, values = random_codes(rng, 100, 150), rng.uniform(0.1, 1, (3, 150))
    layer = layer_of(codes)
    run = Network.chain((150,), {"fc": operations.Linear(layer)}).run(values, machine, {"fc": WIDE})
    plain = eie.infer(layer, values, machine, formats=WIDE, relu=False)
    np.testing.assert_array_equal(run.outputs, plain.values)
    raw, _ = WIDE.activation.quantize(values)
    cycles = joules = 0
    for rows in (slice(0, 64), slice(64, 100)):
        for columns, read in ((slice(0, 64), 16), (slice(64, 128), 16), (slice(128, 150), 6)):
            report = eie.simulate(layer_of(codes[rows, columns]), raw[:, columns], machine, signed=True)
            cycles += report.cycles + 3 * read
            joules += eie.energy(report, machine).components["multiply and add"]
        cycles += 3 * {0: 16, 64: 9}[rows.start]  # the block is written out, four numbers a cycle
    report = run.layers[0].report
    assert (report.cycles, report.vectors, report.n_in, report.n_out) == (cycles, 3, 150, 100)
    assert report.macs == 3 * np.count_nonzero(codes)
    assert run.layers[0].energy.components["multiply and add"] == pytest.approx(joules)


def test_a_bias_column_goes_with_the_last_batch():
    rng = np.random.default_rng(0)
    bias = random_codes(rng, 100)
    layer = eie.CompressedLayer.from_codes(random_codes(rng, 100, 150), CODEBOOK, bias)
    parts = register_batches.tiles(layer, eie.Machine(n_pe=1))
    assert [part.mem.has_bias for part in parts] == [False, False, True] * 2
    assert sum(part.mem.column_macs.sum() for part in parts) == layer.nnz + np.count_nonzero(bias)


def test_what_the_registers_hold_is_one_batch():
    (part,) = register_batches.tiles(layer_of(np.ones((128, 128), np.uint8)), eie.Machine(n_pe=2))
    assert (part.before, part.after, part.inputs) == (0, 0, slice(0, 128))
    assert register_batches.register_count(eie.Machine()) == 4096


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ((), "at least one operation, got none"),
        (
            (Node("a", host_operations.Relu(), ("input",)), Node("a", host_operations.Relu(), ("a",))),
            "names must be different, got 'a'",
        ),
        ((Node("input", host_operations.Relu(), ("input",)),), "names must be different, got 'input' twice"),
        ((Node("a", host_operations.Relu(), ("b",)),), r"a must take outputs of earlier nodes, input; got \('b',\)"),
        ((Node("a", host_operations.Relu(), ()),), r"a must take outputs of earlier nodes, input; got \(\)"),
        ((Node("a", host_operations.MaxPool2d((9, 9), (1, 1)), ("input",)),), "a: a window of 9 does not fit 6"),
    ],
)
def test_networks_that_cannot_be(nodes, message):
    with pytest.raises(ValueError, match=message):
        Network((2, 6, 6), nodes)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 6, 6)), r"inputs must have shape \(n, 2, 6, 6\), got \(2, 6, 6\)"),
        (np.zeros((0, 2, 6, 6)), r"inputs must have shape \(n, 2, 6, 6\), got \(0, 2, 6, 6\)"),
        (np.full((1, 2, 6, 6), np.nan), "inputs must be finite, got nan"),
    ],
)
def test_inputs_that_do_not_fit(net, inputs, message):
    for function in (net.reference, net.calibrate, net.run):
        with pytest.raises(ValueError, match=message):
            function(inputs)


def test_formats_of_every_layer_are_needed(net, images):
    with pytest.raises(ValueError, match="formats must have every weight layer, conv, fc missing"):
        net.run(images, formats={"point": WIDE})
