"""The operations of a network that have weights, which the machine does, and the interface of the host's operations.

Shapes and axes leave out the first axis of the arrays, which counts pictures (or other samples).

An operation with weights says how it comes down to matrix-vector products (ISCA 2016, section VII-C, for convolutions).
Its `Arithmetic` says how numbers are held and multiplied: in floating point, or as the machine does.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.layer import CompressedLayer
from eie.networks.windows import Pair, Shape, Sides, check_image, check_window, output_size, pad_width

Array = NDArray[Any]


class Arithmetic(Protocol):
    """Number format and multiplication of one weight layer."""

    def quantize_inputs(self, values: Array) -> Array:
        """Convert real numbers to the format of the layer's inputs; zeros stay zeros."""

    def multiply(self, part: int, vectors: Array) -> Array:
        """Multiply `vectors`, `(n, n_in)`, by matrix `part` and add its bias: real numbers, shape `(n, n_out)`."""


class HostOperation(ABC):
    """An operation of the host.

    If `passes_values` is true, each output is one of its inputs or 0, so that numbers that the machine wrote stay in
    the format in which they were written.
    """

    passes_values: ClassVar[bool] = False

    @abstractmethod
    def shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the output; raise a `ValueError` when the operation cannot take these inputs."""

    @abstractmethod
    def __call__(self, *inputs: Array) -> Array:
        """Compute the output."""


class WeightOperation(ABC):
    """An operation of the machine: one or more matrices, all of one size, and a bias for each.

    If `writes_outputs` is true, its outputs are the sums that the machine writes; else the host computes with them.
    """

    kind: ClassVar[str]
    writes_outputs: ClassVar[bool] = True

    @property
    @abstractmethod
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The matrices."""

    @property
    @abstractmethod
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Arrays of shape `(n_out,)`, one per matrix."""

    @abstractmethod
    def shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the output; raise a `ValueError` when the operation cannot take these inputs."""

    @abstractmethod
    def vectors(self, shape: Shape) -> int:
        """Count the matrix-vector products of one matrix for one input of this shape."""

    @abstractmethod
    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Compute the output for inputs of shape `(n, *shape)`."""


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """A float32 matrix of shape `(n_out, n_in)` that nobody has compressed: only the host can multiply it."""

    weights: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or 0 in self.weights.shape:
            raise ValueError(f"weights must have shape (n_out, n_in), got {self.weights.shape}")

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return self.weights.shape[0]

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return self.weights.shape[1]


@dataclass(frozen=True, eq=False)
class MatrixOperation(WeightOperation):
    """An operation of one matrix and its bias, a float array of shape `(n_out,)`, from which the sums start."""

    layer: CompressedLayer | FloatLayer
    bias: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", checked_bias(self.bias, self.layer.n_out))

    @property
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The one matrix, which must be compressed."""
        if not isinstance(self.layer, CompressedLayer):
            raise ValueError(f"the matrix of {self.layer.n_out} x {self.layer.n_in} weights is not compressed")
        return (self.layer,)

    @property
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Its bias."""
        return (self.bias,)


@dataclass(frozen=True, eq=False)
class Linear(MatrixOperation):
    """A fully connected layer, on the last axis."""

    kind: ClassVar[str] = "linear"

    def shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the input, with `n_out` for the last axis."""
        (shape,) = expect_inputs(inputs, 1)
        if not shape or shape[-1] != self.layer.n_in:
            raise ValueError(f"the last axis must have {self.layer.n_in} inputs, got shape {shape}")
        return (*shape[:-1], self.layer.n_out)

    def vectors(self, shape: Shape) -> int:
        """Count the indices of the axes before the last."""
        return math.prod(shape[:-1])

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Multiply every vector along the last axis."""
        rows = arithmetic.quantize_inputs(values).reshape(-1, self.layer.n_in)
        return arithmetic.multiply(0, rows).reshape(*values.shape[:-1], self.layer.n_out)


@dataclass(frozen=True, eq=False)
class Conv2d(MatrixOperation):
    """A convolution of `(channels, height, width)`.

    The inputs under the kernel at one position are one vector, so each position is one matrix-vector product; a 1 x 1
    convolution is the plain case. `convolution_matrix` gives the matrix.

    Attributes
    ----------
    layer : CompressedLayer or FloatLayer
        Shape `(n_out, rows * columns * channels)`, columns ordered by kernel offset, then channel.
    kernel, stride, dilation : (rows, columns)
        Size of the kernel, distance of positions, distance of kernel offsets.
    padding : (top, left, bottom, right)
        Zeros around the input.
    """

    kind: ClassVar[str] = "conv"
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.kernel, self.stride, self.padding, self.dilation)
        if self.layer.n_in % math.prod(self.kernel):
            taps = math.prod(self.kernel)
            raise ValueError(f"the matrix must have as many columns for each of {taps} taps, got {self.layer.n_in}")

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return self.layer.n_in // math.prod(self.kernel)

    def shape(self, *inputs: Shape) -> Shape:
        """Return `(n_out, height, width)`."""
        (shape,) = expect_inputs(inputs, 1)
        check_image(shape, self.channels)
        return (self.layer.n_out, *output_size(shape[1:], self.kernel, self.stride, self.padding, self.dilation))

    def vectors(self, shape: Shape) -> int:
        """Count the output positions."""
        return math.prod(self.shape(shape)[1:])

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Multiply the vectors of all positions, and put the channels of the results in front again."""
        n_out, height, width = self.shape(values.shape[1:])
        rows = self.unfold(arithmetic.quantize_inputs(values))
        outputs = arithmetic.multiply(0, rows).reshape(len(values), height, width, n_out)
        return outputs.transpose(0, 3, 1, 2)

    def unfold(self, values: Array) -> Array:
        """Return the vector of every position, one per row, of inputs of shape `(n, channels, height, width)`."""
        # Windows of the kernel's whole reach at every pixel are views; strides and dilation then pick from them, so
        # that only the last reshape copies.
        padded = np.pad(values.transpose(0, 2, 3, 1), pad_width(self.padding))
        reach = [1 + (size - 1) * apart for size, apart in zip(self.kernel, self.dilation, strict=True)]
        windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(reach), axis=(1, 2))
        at = windows[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return at.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self.layer.n_in)


def convolution_matrix(weights: Any, groups: int = 1) -> Array:
    """Make the matrix of a convolution from its weights or codes, columns ordered by kernel offset, then channel.

    Weights of shape `(n_out, channels // groups, rows, columns)` become `(n_out, rows * columns * channels)`. Outputs
    and channels are cut into groups; an output sees only the channels of its own: the rest of its row is 0.

    Raises
    ------
    ValueError
        When `weights` has another number of axes, or outputs cannot be cut into `groups`.
    """
    weights = np.asarray(weights)
    if weights.ndim != 4:
        raise ValueError(f"weights must have shape (n_out, channels, rows, columns), got {weights.shape}")
    n_out, channels, *kernel = weights.shape
    _check.integer("groups", groups, 1, n_out)
    if n_out % groups:
        raise ValueError(f"groups must divide the {n_out} outputs, got {groups}")
    each = n_out // groups
    matrix = np.zeros((n_out, *kernel, channels * groups), weights.dtype)
    for group in range(groups):
        rows = slice(group * each, (group + 1) * each)
        matrix[rows, :, :, group * channels : (group + 1) * channels] = weights[rows].transpose(0, 2, 3, 1)
    return matrix.reshape(n_out, -1)


@dataclass(frozen=True, eq=False)
class LSTM(MatrixOperation):
    """A long short-term memory over `(steps, inputs)`, from a state of zeros.

    At each step one matrix-vector product gives the four gates; the host does their non-linearities and the state.
    Inputs and state have either sign.

    Attributes
    ----------
    layer : CompressedLayer or FloatLayer
        Shape `(4 * hidden, inputs + hidden)`: rows are the gates, in the order of `gates`; columns are the inputs, then
        the state after the step before.
    reverse : bool
        Go from the last step to the first. Outputs keep the order of the inputs.
    gates : str
        Order of the input, forget, cell and output gates: `"ifco"` as in PyTorch, `"iofc"` as in ONNX.
    """

    kind: ClassVar[str] = "lstm"
    writes_outputs: ClassVar[bool] = False
    reverse: bool = False
    gates: str = "ifco"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layer.n_out % 4 or self.layer.n_in <= self.hidden:
            size = f"{self.layer.n_out} x {self.layer.n_in}"
            raise ValueError(f"the matrix must be 4 * hidden x (inputs + hidden), inputs at least 1, got {size}")
        if sorted(self.gates) != sorted("ifco"):
            raise ValueError(f"gates must be an order of the letters i, f, c and o, got {self.gates!r}")

    @property
    def hidden(self) -> int:
        """Length of the state."""
        return self.layer.n_out // 4

    def shape(self, *inputs: Shape) -> Shape:
        """Return `(steps, hidden)`."""
        (shape,) = expect_inputs(inputs, 1)
        n_in = self.layer.n_in - self.hidden
        if len(shape) != 2 or shape[1] != n_in:
            raise ValueError(f"the input must have shape (steps, {n_in}), got {shape}")
        return (shape[0], self.hidden)

    def vectors(self, shape: Shape) -> int:
        """Count the steps."""
        return shape[0]

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Compute the states after every step."""
        n, steps = values.shape[:2]
        state = np.zeros((n, self.hidden), values.dtype)
        cell = np.zeros_like(state)
        outputs = np.empty((n, steps, self.hidden), values.dtype)
        for step in reversed(range(steps)) if self.reverse else range(steps):
            vector = arithmetic.quantize_inputs(np.concatenate([values[:, step], state], axis=1))
            parts = np.split(arithmetic.multiply(0, vector), 4, axis=1)
            i, f, c, o = (parts[self.gates.index(gate)] for gate in "ifco")
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
            state = sigmoid(o) * np.tanh(cell)
            outputs[:, step] = state
        return outputs


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) of every element, in the precision of `x`."""
    with np.errstate(over="ignore"):  # exp of a large number is infinite, and 1 / infinity the right 0
        return np.asarray(1 / (1 + np.exp(-x)), x.dtype)


def softmax(x: Array) -> Array:
    """Return exponentials that add up to 1 over the last axis, in the precision of `x`."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), x.dtype)


def expect_inputs(inputs: tuple[Shape, ...], number: int) -> tuple[Shape, ...]:
    """Return the inputs; raise a `ValueError` unless there are `number` of them."""
    if len(inputs) != number:
        raise ValueError(f"takes {number} input, got {len(inputs)}")
    return inputs


def checked_bias(bias: Any, n_out: int) -> NDArray[np.float32] | None:
    """Return the bias as an array of shape `(n_out,)`, or None."""
    if bias is None:
        return None
    values = np.asarray(bias, dtype=np.float32)
    if values.shape != (n_out,):
        raise ValueError(f"bias must have shape ({n_out},), one per output, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"bias must be finite, got {values[~np.isfinite(values)][0]}")
    return _check.owned_copy(values, np.float32)
