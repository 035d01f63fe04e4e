"""Shapes and floating-point results, held against PyTorch's."""

import math

import numpy as np
import pytest
import torch
from cases import CODEBOOK, layer_of, random_codes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

import eie
from eie.networks import arithmetic, host_operations, operations
from eie.networks.network import Network


def drawn(shape, seed=0):
    return random_codes(np.random.default_rng(seed), *shape)


def reference(op, *inputs):
    """What a network of this one operation gives for inputs of one sample each."""
    if isinstance(op, operations.Conv2d | operations.Linear | operations.LSTM):
        return Network.chain(inputs[0].shape, {"op": op}).reference(inputs[0][None])[0]
    shape = op.shape(*(values.shape for values in inputs))
    result = op(*(values[None] for values in inputs))[0]
    assert result.shape == shape
    return result


def normal(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=100, deadline=None)
@given(
    sizes, st.tuples(st.integers(1, 3), st.integers(1, 3)), sizes, st.sampled_from([(1, 1), (2, 1)]), st.integers(1, 3)
)
def test_convolution(kernel, stride, edge, dilation, groups):
    image = normal(2 * groups, 9, 8)
    codes = drawn((3 * groups, 2, *kernel))
    bias = normal(3 * groups)
    top_left, bottom_right = (edge[0] % 3, edge[1] % 3), (edge[1] % 2, edge[0] % 2)
    layer = layer_of(operations.convolution_matrix(codes, groups))
    ours = reference(operations.Conv2d(layer, bias, kernel, stride, (*top_left, *bottom_right), dilation), image)
    padded = np.pad(image, [(0, 0), (top_left[0], bottom_right[0]), (top_left[1], bottom_right[1])])
    weights = torch.from_numpy(CODEBOOK[codes])
    theirs = functional.conv2d(torch.from_numpy(padded), weights, torch.from_numpy(bias), stride, 0, dilation, groups)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@settings(max_examples=150, deadline=None)
@given(
    *(st.tuples(st.integers(1, 3), st.integers(1, 3)) for _ in range(2)),
    st.booleans(),
    st.integers(0, 1),
)
def test_pools(kernel, stride, ceil_mode, pad):
    assume(pad <= min(kernel) // 2)
    image = normal(3, 7, 8)
    padding, tensor = (pad, pad, pad, pad), torch.from_numpy(image)
    ours = reference(host_operations.MaxPool2d(kernel, stride, padding, ceil_mode), image)
    theirs = functional.max_pool2d(tensor, kernel, stride, pad, ceil_mode=ceil_mode)
    np.testing.assert_array_equal(ours, theirs.numpy())


@pytest.mark.parametrize(("reverse", "gates"), [(False, "ifco"), (True, "ifco"), (False, "iofc")])
def test_lstm(reverse, gates):
    n_in, hidden, steps = 5, 3, 7
    codes, bias, values = drawn((4 * hidden, n_in + hidden)), normal(4 * hidden), normal(steps, n_in)
    order = [row for gate in gates for row in range(hidden * "ifco".index(gate), hidden * ("ifco".index(gate) + 1))]
    ours = reference(operations.LSTM(layer_of(codes[order]), bias[order], reverse, gates), values)
    theirs = torch.nn.LSTM(n_in, hidden)
    weights = torch.from_numpy(CODEBOOK[codes])
    state = {
        "weight_ih_l0": weights[:, :n_in],
        "weight_hh_l0": weights[:, n_in:],
        "bias_ih_l0": torch.from_numpy(bias),
        "bias_hh_l0": torch.zeros(4 * hidden),
    }
    theirs.load_state_dict(state)
    forth = values[::-1].copy() if reverse else values
    with torch.no_grad():
        expected = theirs(torch.from_numpy(forth))[0].numpy()
    np.testing.assert_allclose(ours, expected[::-1] if reverse else expected, atol=1e-5)


def test_the_rest():
    image, other = normal(6, 4, 5), 2 * normal(6, 4, 5)
    tensor = torch.from_numpy(image)
    np.testing.assert_array_equal(reference(host_operations.Relu(), image), tensor.relu())
    np.testing.assert_allclose(operations.sigmoid(100 * image), (100 * tensor).sigmoid(), atol=1e-6)
    np.testing.assert_allclose(operations.softmax(image), tensor.softmax(-1), atol=1e-6)
    means = image.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(reference(host_operations.GlobalAveragePool2d(), image), means, atol=1e-6)
    np.testing.assert_array_equal(reference(host_operations.Flatten(), image), image.ravel())
    np.testing.assert_array_equal(reference(host_operations.Flatten(1), image), image.reshape(6, 20))
    np.testing.assert_array_equal(reference(host_operations.Transpose((2, 0, 1)), image), image.transpose(2, 0, 1))
    for axis in (0, -1):
        joined = np.concatenate([image, other], axis)
        np.testing.assert_array_equal(reference(host_operations.Concat(axis), image, other), joined)


def test_linear_works_on_the_last_axis():
    codes, values = drawn((3, 5)), normal(2, 4, 5)
    op = operations.Linear(layer_of(codes), normal(3))
    np.testing.assert_allclose(reference(op, values), values @ CODEBOOK[codes].T + normal(3), atol=1e-5)
    assert op.vectors((2, 4, 5)) == 8


def test_a_bias_of_codes_counts_too():
    codes = drawn((3, 5))
    layer = eie.CompressedLayer.from_codes(codes, CODEBOOK, [0, 15, 1])
    expected = CODEBOOK[codes].sum(axis=1) + np.array([1.0, 3.0, 1.0])
    np.testing.assert_allclose(
        reference(operations.Linear(layer, [1.0, 2.0, 2.0]), np.ones(5, np.float32)), expected, atol=1e-6
    )


def test_a_large_matrix_stays_sparse(monkeypatch):
    codes, values = drawn((30, 50)), normal(50)
    dense = reference(operations.Linear(layer_of(codes)), values)
    monkeypatch.setattr(arithmetic, "_MAX_DENSE", 100)
    np.testing.assert_allclose(reference(operations.Linear(layer_of(codes)), values), dense, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "shapes", "message"),
    [
        (
            lambda: operations.Linear(layer_of(drawn((3, 5)))),
            [(4,)],
            r"the last axis must have 5 inputs, got shape \(4,\)",
        ),
        (lambda: operations.Linear(layer_of(drawn((3, 5)))), [(5,), (5,)], "takes 1 input, got 2"),
        (lambda: operations.Conv2d(layer_of(drawn((3, 18))), None, (3, 3)), [(3, 8, 8)], r"\(2, height, width\), got"),
        (
            lambda: operations.Conv2d(layer_of(drawn((3, 18))), None, (3, 3)),
            [(2, 2, 8)],
            "a window of 3 does not fit 2",
        ),
        (lambda: operations.LSTM(layer_of(drawn((8, 5)))), [(7, 4)], r"\(steps, 3\), got \(7, 4\)"),
        (lambda: host_operations.MaxPool2d((2, 2), (2, 2)), [(8,)], r"\(channels, height, width\), got \(8,\)"),
        (lambda: host_operations.Flatten(3), [(8, 3)], r"start must be in 0..2 for shape \(8, 3\), got 3"),
        (lambda: host_operations.Transpose((0, 0)), [(8, 3)], r"axes must be an order of 0..1, got \(0, 0\)"),
        (lambda: host_operations.Concat(2), [(8, 3)], r"axis must be in -2..1 for shape \(8, 3\), got 2"),
        (lambda: host_operations.Concat(), [(8, 3), (8, 4)], r"same shape but along axis 0, got \(8, 3\) and \(8, 4\)"),
    ],
)
def test_shapes_that_do_not_fit(make, shapes, message):
    with pytest.raises(ValueError, match=message):
        make().shape(*shapes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: operations.Linear(layer_of(drawn((3, 5))), np.ones(2)), r"bias must have shape \(3,\)"),
        (lambda: operations.Linear(layer_of(drawn((3, 5))), [1, 2, math.inf]), "bias must be finite, got inf"),
        (lambda: operations.Conv2d(layer_of(drawn((3, 5))), None, (2, 2)), "as many columns for each of 4 taps, got 5"),
        (lambda: operations.Conv2d(layer_of(drawn((3, 4))), None, (2,)), r"kernel must be 2 integers, got \(2,\)"),
        (lambda: host_operations.MaxPool2d((2, 2), (0, 2)), "each of stride must be an integer in 1..4096, got 0"),
        (
            lambda: operations.LSTM(layer_of(drawn((8, 5))), gates="ifcc"),
            "letters i, f, c and o, got 'ifcc'",
        ),
        (lambda: operations.FloatLayer(np.ones(3)), r"weights must have shape \(n_out, n_in\), got \(3,\)"),
        (lambda: operations.LSTM(layer_of(drawn((6, 5)))), r"4 \* hidden x \(inputs \+ hidden\), .* got 6 x 5"),
        (lambda: operations.convolution_matrix(np.ones((3, 5))), r"\(n_out, channels, rows, columns\), got \(3, 5\)"),
        (lambda: operations.convolution_matrix(np.ones((3, 5, 1, 1)), 2), "groups must divide the 3 outputs, got 2"),
    ],
)
def test_operations_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
