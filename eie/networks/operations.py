"""The operations of a network: those with weights, which the machine does, and those around them, which the host does.

Shapes and axes leave out the first axis of the arrays, which counts pictures (or other samples).

An operation with weights says how it comes down to matrix-vector products (ISCA 2016, section VII-C, for convolutions);
what a product is, it leaves to the `Arithmetic` that it is given: floating point, or the machine's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.layer import CompressedLayer

Array = NDArray[Any]
Shape = tuple[int, ...]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
"""Rows or columns added at the top, left, bottom and right."""


class Arithmetic(Protocol):
    """How an operation's numbers are held and multiplied."""

    def take(self, values: Array) -> Array:
        """Real numbers, as the layer's inputs are held; zeros stay zeros."""

    def multiply(self, part: int, vectors: Array) -> Array:
        """Matrix `part` times each of `vectors`, shape `(n, n_in)`, plus its bias: real numbers, shape `(n, n_out)`."""


class HostOperation(ABC):
    """An operation of the host.

    `keeps_values` says that its outputs are some of its inputs (or 0), so that what the machine wrote stays in the
    format in which it was written.
    """

    keeps_values: ClassVar[bool] = False

    @abstractmethod
    def shape(self, *inputs: Shape) -> Shape:
        """Shape of its output; a `ValueError` when it cannot take these inputs."""

    @abstractmethod
    def __call__(self, *inputs: Array) -> Array:
        """Its output."""


class WeightOperation(ABC):
    """An operation of the machine: one or more matrices, all of one size, and what each one's sums start from.

    `writes_outputs` says that its outputs are the sums that the machine writes, not what the host makes of them.
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
        """Arrays of shape `(n_out,)`, one a matrix."""

    @abstractmethod
    def shape(self, *inputs: Shape) -> Shape:
        """Shape of its output; a `ValueError` when it cannot take these inputs."""

    @abstractmethod
    def vectors(self, shape: Shape) -> int:
        """Matrix-vector products of one matrix for one input of this shape."""

    @abstractmethod
    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Its output for inputs of shape `(n, *shape)`."""


@dataclass(frozen=True, eq=False, slots=True)
class Linear(WeightOperation):
    """A fully connected layer, on the last axis.

    Attributes
    ----------
    layer : CompressedLayer
        The matrix.
    bias : float array of shape `(n_out,)`, optional
        What the sums start from.
    """

    kind: ClassVar[str] = "linear"
    layer: CompressedLayer
    bias: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", checked_bias(self.bias, self.layer.n_out))

    @property
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The one matrix."""
        return (self.layer,)

    @property
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Its bias."""
        return (self.bias,)

    def shape(self, *inputs: Shape) -> Shape:
        """The same, with `n_out` for the last axis."""
        (shape,) = counted(inputs, 1)
        if not shape or shape[-1] != self.layer.n_in:
            raise ValueError(f"the last axis must have {self.layer.n_in} inputs, got shape {shape}")
        return (*shape[:-1], self.layer.n_out)

    def vectors(self, shape: Shape) -> int:
        """One for each index of the axes before the last."""
        return math.prod(shape[:-1])

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Its output."""
        rows = arithmetic.take(values).reshape(-1, self.layer.n_in)
        return arithmetic.multiply(0, rows).reshape(*values.shape[:-1], self.layer.n_out)


@dataclass(frozen=True, eq=False, slots=True)
class Conv2d(WeightOperation):
    """A convolution of `(channels, height, width)`: at each position a sum of channel reductions, one for each tap.

    All of a position's taps are one vector, so a position is one matrix-vector product; a 1 x 1 convolution is the
    plain case. `convolution_matrix` gives the matrix.

    Attributes
    ----------
    layer : CompressedLayer
        Shape `(n_out, rows * columns * channels)`, columns ordered by tap, then channel.
    bias : float array of shape `(n_out,)`, optional
        What the sums start from.
    kernel, stride, dilation : (rows, columns)
        Size of the kernel, steps from position to position, distance of taps.
    padding : (top, left, bottom, right)
        Zeros around the input.
    """

    kind: ClassVar[str] = "conv"
    layer: CompressedLayer
    bias: NDArray[np.float32] | None = None
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", checked_bias(self.bias, self.layer.n_out))
        _check_window(self.kernel, self.stride, self.padding, self.dilation)
        if self.layer.n_in % math.prod(self.kernel):
            taps = math.prod(self.kernel)
            raise ValueError(f"the matrix must have as many columns for each of {taps} taps, got {self.layer.n_in}")

    @property
    def channels(self) -> int:
        """Channels of the input."""
        return self.layer.n_in // math.prod(self.kernel)

    @property
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The one matrix."""
        return (self.layer,)

    @property
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Its bias."""
        return (self.bias,)

    def shape(self, *inputs: Shape) -> Shape:
        """`(n_out, height, width)`."""
        (shape,) = counted(inputs, 1)
        check_image(shape, self.channels)
        return (self.layer.n_out, *positions(shape[1:], self.kernel, self.stride, self.padding, self.dilation))

    def vectors(self, shape: Shape) -> int:
        """Output positions."""
        return math.prod(self.shape(shape)[1:])

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Its output."""
        n_out, height, width = self.shape(values.shape[1:])
        rows = self.unfold(arithmetic.take(values))
        outputs = arithmetic.multiply(0, rows).reshape(len(values), height, width, n_out)
        return outputs.transpose(0, 3, 1, 2)

    def unfold(self, values: Array) -> Array:
        """The taps of every position of inputs of shape `(n, channels, height, width)`, one position a row."""
        padded = np.pad(values.transpose(0, 2, 3, 1), around(self.padding))
        reach = [1 + (size - 1) * apart for size, apart in zip(self.kernel, self.dilation, strict=True)]
        windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(reach), axis=(1, 2))
        at = windows[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return at.transpose(0, 1, 2, 4, 5, 3).reshape(-1, self.layer.n_in)


def convolution_matrix(weights: Any, groups: int = 1) -> Array:
    """The matrix of a convolution, from its weights or codes, columns ordered by tap, then channel.

    Parameters
    ----------
    weights : array of shape `(n_out, channels // groups, rows, columns)`
    groups : int
        Outputs and channels are cut into as many groups, and an output sees the channels of its own group only: the
        rest of its row is 0.

    Returns
    -------
    array of shape `(n_out, rows * columns * channels)`

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


@dataclass(frozen=True, eq=False, slots=True)
class LSTM(WeightOperation):
    """A long short-term memory over `(steps, inputs)`, from a state of zeros.

    At each step one matrix-vector product gives the four gates; the host does their non-linearities and the state.
    Inputs and state have either sign.

    Attributes
    ----------
    layer : CompressedLayer
        Shape `(4 * hidden, inputs + hidden)`: rows are the input, forget, cell and output gates, in this order; columns
        are the inputs, then the state that the step before left.
    bias : float array of shape `(4 * hidden,)`, optional
        What the sums start from.
    reverse : bool
        Go from the last step to the first. Outputs keep the order of the inputs.
    """

    kind: ClassVar[str] = "lstm"
    writes_outputs: ClassVar[bool] = False
    layer: CompressedLayer
    bias: NDArray[np.float32] | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", checked_bias(self.bias, self.layer.n_out))
        if self.layer.n_out % 4 or self.layer.n_in <= self.hidden:
            size = f"{self.layer.n_out} x {self.layer.n_in}"
            raise ValueError(f"the matrix must be 4 * hidden x (inputs + hidden), inputs at least 1, got {size}")

    @property
    def hidden(self) -> int:
        """Length of the state."""
        return self.layer.n_out // 4

    @property
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The one matrix."""
        return (self.layer,)

    @property
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Its bias."""
        return (self.bias,)

    def shape(self, *inputs: Shape) -> Shape:
        """`(steps, hidden)`."""
        (shape,) = counted(inputs, 1)
        n_in = self.layer.n_in - self.hidden
        if len(shape) != 2 or shape[1] != n_in:
            raise ValueError(f"the input must have shape (steps, {n_in}), got {shape}")
        return (shape[0], self.hidden)

    def vectors(self, shape: Shape) -> int:
        """Steps."""
        return shape[0]

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """The states after every step."""
        n, steps = values.shape[:2]
        state = np.zeros((n, self.hidden), values.dtype)
        cell = np.zeros_like(state)
        outputs = np.empty((n, steps, self.hidden), values.dtype)
        for step in reversed(range(steps)) if self.reverse else range(steps):
            vector = arithmetic.take(np.concatenate([values[:, step], state], axis=1))
            take_in, forget, new, put_out = np.split(arithmetic.multiply(0, vector), 4, axis=1)
            cell = sigmoid(forget) * cell + sigmoid(take_in) * np.tanh(new)
            state = sigmoid(put_out) * np.tanh(cell)
            outputs[:, step] = state
        return outputs


def sigmoid(values: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values))


@dataclass(frozen=True, slots=True)
class Relu(HostOperation):
    """Negative numbers become 0. The machine does it when it writes a result."""

    keeps_values: ClassVar[bool] = True

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        return counted(inputs, 1)[0]

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return np.maximum(inputs[0], 0)


@dataclass(frozen=True, slots=True)
class Sigmoid(HostOperation):
    """The logistic function."""

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        return counted(inputs, 1)[0]

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return sigmoid(inputs[0])


@dataclass(frozen=True, slots=True)
class Tanh(HostOperation):
    """The hyperbolic tangent."""

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        return counted(inputs, 1)[0]

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return np.tanh(inputs[0])


@dataclass(frozen=True, slots=True)
class Softmax(HostOperation):
    """Exponentials that add up to 1 along one axis (the last by default)."""

    axis: int = -1

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        (shape,) = counted(inputs, 1)
        _check_axis(self.axis, shape)
        return shape

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        axis = _in_array(self.axis)
        powers = np.exp(inputs[0] - inputs[0].max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)


@dataclass(frozen=True, slots=True)
class MaxPool2d(HostOperation):
    """The largest of each window of `(channels, height, width)`; padding never wins.

    Attributes
    ----------
    kernel, stride : (rows, columns)
    padding : (top, left, bottom, right)
    ceil_mode : bool
        Let the last window hang over the edge, if it starts inside, as Caffe does.
    """

    keeps_values: ClassVar[bool] = True
    kernel: Pair
    stride: Pair
    padding: Sides = (0, 0, 0, 0)
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.padding)

    def shape(self, *inputs: Shape) -> Shape:
        """`(channels, height, width)`."""
        (shape,) = counted(inputs, 1)
        check_image(shape)
        return (shape[0], *positions(shape[1:], self.kernel, self.stride, self.padding, ceil_mode=self.ceil_mode))

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        lowest = -np.inf if np.issubdtype(inputs[0].dtype, np.floating) else np.iinfo(inputs[0].dtype).min
        return reduce(np.maximum, _taps(self, inputs[0], lowest, lowest))


@dataclass(frozen=True, slots=True)
class AveragePool2d(HostOperation):
    """The mean of each window of `(channels, height, width)`.

    Attributes
    ----------
    kernel, stride, padding, ceil_mode
        As for `MaxPool2d`.
    count_padding : bool
        Divide by the zeros of the padding, too. What hangs over the padded edge never counts.
    """

    kernel: Pair
    stride: Pair
    padding: Sides = (0, 0, 0, 0)
    ceil_mode: bool = False
    count_padding: bool = True

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.padding)

    def shape(self, *inputs: Shape) -> Shape:
        """`(channels, height, width)`."""
        (shape,) = counted(inputs, 1)
        check_image(shape)
        return (shape[0], *positions(shape[1:], self.kernel, self.stride, self.padding, ceil_mode=self.ceil_mode))

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        (values,) = inputs
        ones = np.ones((1, 1, *values.shape[2:]), values.dtype)
        counts = _taps(self, ones, fill=float(self.count_padding), overhang=0.0)
        return reduce(np.add, _taps(self, values, 0.0, 0.0)) / reduce(np.add, counts)


@dataclass(frozen=True, slots=True)
class GlobalAveragePool2d(HostOperation):
    """The mean of each channel of `(channels, height, width)`, as `(channels, 1, 1)`."""

    def shape(self, *inputs: Shape) -> Shape:
        """`(channels, 1, 1)`."""
        (shape,) = counted(inputs, 1)
        check_image(shape)
        return (shape[0], 1, 1)

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return inputs[0].mean(axis=(2, 3), keepdims=True)


@dataclass(frozen=True, slots=True)
class LocalResponseNorm(HostOperation):
    """Each value over a power of the squares of its neighbours in `size` channels (AlexNet).

    `x / (k + alpha / size * sum of squares) ** beta`.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        (shape,) = counted(inputs, 1)
        check_image(shape)
        return shape

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        (values,) = inputs
        before = (self.size - 1) // 2
        squares = np.pad(values**2, [(0, 0), (before, self.size - 1 - before), (0, 0), (0, 0)])
        sums = np.lib.stride_tricks.sliding_window_view(squares, self.size, axis=1).sum(axis=-1)
        return values / (self.k + self.alpha / self.size * sums) ** self.beta


@dataclass(frozen=True, slots=True)
class Flatten(HostOperation):
    """All axes as one."""

    keeps_values: ClassVar[bool] = True

    def shape(self, *inputs: Shape) -> Shape:
        """`(size,)`."""
        return (math.prod(counted(inputs, 1)[0]),)

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return inputs[0].reshape(len(inputs[0]), -1)


@dataclass(frozen=True, slots=True)
class Reshape(HostOperation):
    """The same numbers in another shape."""

    keeps_values: ClassVar[bool] = True
    to: Shape

    def shape(self, *inputs: Shape) -> Shape:
        """`to`."""
        (shape,) = counted(inputs, 1)
        if math.prod(shape) != math.prod(self.to):
            raise ValueError(f"shape {shape} has {math.prod(shape)} numbers, and {self.to} has {math.prod(self.to)}")
        return self.to

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return inputs[0].reshape(len(inputs[0]), *self.to)


@dataclass(frozen=True, slots=True)
class Transpose(HostOperation):
    """The same numbers with their axes in another order."""

    keeps_values: ClassVar[bool] = True
    axes: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        """The input's, in the new order."""
        (shape,) = counted(inputs, 1)
        if sorted(self.axes) != list(range(len(shape))):
            raise ValueError(f"axes must be an order of 0..{len(shape) - 1}, got {self.axes}")
        return tuple(shape[axis] for axis in self.axes)

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return inputs[0].transpose(0, *(axis + 1 for axis in self.axes))


@dataclass(frozen=True, slots=True)
class Concat(HostOperation):
    """Inputs one after the other along one axis (channels by default)."""

    axis: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        """The first one's, longer."""
        first = inputs[0]
        _check_axis(self.axis, first)
        at = self.axis % len(first)
        for shape in inputs[1:]:
            if len(shape) != len(first) or shape[:at] + shape[at + 1 :] != first[:at] + first[at + 1 :]:
                raise ValueError(f"inputs must have the same shape but along axis {self.axis}, got {first} and {shape}")
        return (*first[:at], sum(shape[at] for shape in inputs), *first[at + 1 :])

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return np.concatenate(inputs, axis=_in_array(self.axis))


@dataclass(frozen=True, slots=True)
class Add(HostOperation):
    """The sum of inputs of one shape."""

    def shape(self, *inputs: Shape) -> Shape:
        """The same."""
        for shape in inputs[1:]:
            if shape != inputs[0]:
                raise ValueError(f"inputs must have the same shape, got {inputs[0]} and {shape}")
        return inputs[0]

    def __call__(self, *inputs: Array) -> Array:
        """Its output."""
        return reduce(np.add, inputs)


def counted(inputs: tuple[Shape, ...], number: int) -> tuple[Shape, ...]:
    """The inputs, if there are as many."""
    if len(inputs) != number:
        raise ValueError(f"takes {number} input, got {len(inputs)}")
    return inputs


def checked_bias(bias: Any, n_out: int) -> NDArray[np.float32] | None:
    """The bias as an array of shape `(n_out,)`, or None."""
    if bias is None:
        return None
    values = np.asarray(bias, dtype=np.float32)
    if values.shape != (n_out,):
        raise ValueError(f"bias must have shape ({n_out},), one an output, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"bias must be finite, got {values[~np.isfinite(values)][0]}")
    return _check.own(values, np.float32)


_MAX_WINDOW = 4096
"""Rows or columns: far more than any network has."""


def _check_window(kernel: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1)) -> None:
    for name, sizes, count, low in (
        ("kernel", kernel, 2, 1),
        ("stride", stride, 2, 1),
        ("dilation", dilation, 2, 1),
        ("padding", padding, 4, 0),
    ):
        if len(sizes) != count:
            raise ValueError(f"{name} must be {count} integers, got {sizes}")
        for size in sizes:
            _check.integer(f"each of {name}", size, low, _MAX_WINDOW)


def check_image(shape: Shape, channels: int | None = None) -> None:
    """Raise a `ValueError` unless `shape` is `(channels, height, width)`."""
    wanted = "channels" if channels is None else channels
    if len(shape) != 3 or (channels is not None and shape[0] != channels):
        raise ValueError(f"the input must have shape ({wanted}, height, width), got {shape}")


def _check_axis(axis: int, shape: Shape) -> None:
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be of {-len(shape)}..{len(shape) - 1} for shape {shape}, got {axis}")


def _in_array(axis: int) -> int:
    """An axis of a shape as an axis of the array, which has one more in front."""
    return axis + 1 if axis >= 0 else axis


def positions(
    size: Shape, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1), ceil_mode: bool = False
) -> Pair:
    """Windows down and across."""
    down, across = (
        _windows(size[i], kernel[i], stride[i], padding[i], padding[i + 2], dilation[i], ceil_mode) for i in (0, 1)
    )
    return down, across


def _windows(size: int, kernel: int, stride: int, before: int, after: int, dilation: int, ceil_mode: bool) -> int:
    room = size + before + after - 1 - (kernel - 1) * dilation
    if room < 0:
        raise ValueError(f"a window of {1 + (kernel - 1) * dilation} does not fit {size + before + after}")
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - ((count - 1) * stride >= size + before)  # the last window must start inside


def around(padding: Sides, first: int = 1) -> list[Pair]:
    """Padding of an array of pictures whose rows are axis `first`, for NumPy."""
    top, left, bottom, right = padding
    sides = [(0, 0)] * 4
    sides[first], sides[first + 1] = (top, bottom), (left, right)
    return sides


def _taps(pool: MaxPool2d | AveragePool2d, values: Array, fill: float, overhang: float) -> Sequence[Array]:
    """What each tap of a pool's windows sees, at all positions: `fill` in the padding, `overhang` beyond it."""
    down, across = pool.shape(values.shape[1:])[1:]
    padded = np.pad(values, around(pool.padding, first=2), constant_values=fill)
    rows, columns = pool.stride
    bottom = max(0, (down - 1) * rows + pool.kernel[0] - padded.shape[2])
    right = max(0, (across - 1) * columns + pool.kernel[1] - padded.shape[3])
    padded = np.pad(padded, around((0, 0, bottom, right), first=2), constant_values=overhang)
    return [
        padded[:, :, y : y + rows * (down - 1) + 1 : rows, x : x + columns * (across - 1) + 1 : columns]
        for y in range(pool.kernel[0])
        for x in range(pool.kernel[1])
    ]
