"""The operations of a network that the host does: between weight layers, on real numbers, without weights of their own.

ReLU, pooling and changes of shape. Shapes and axes leave out the first axis of the arrays, which counts samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from eie.networks.operations import Array, HostOperation, expect_inputs
from eie.networks.windows import Pair, Shape, Sides, check_image, check_window, output_size, pad_width


@dataclass(frozen=True, slots=True)
class Relu(HostOperation):
    """The larger of each number and 0. The machine does it when it writes a result."""

    passes_values: ClassVar[bool] = True

    def shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the input."""
        return expect_inputs(inputs, 1)[0]

    def __call__(self, *inputs: Array) -> Array:
        """Replace negative numbers by 0."""
        return np.maximum(inputs[0], 0)


@dataclass(frozen=True, slots=True)
class MaxPool2d(HostOperation):
    """The largest number of each window of `(channels, height, width)`; padding never wins.

    Attributes
    ----------
    kernel, stride : (rows, columns)
    padding : (top, left, bottom, right)
    ceil_mode : bool
        Let the last window hang over the edge if it starts inside, as Caffe does.
    """

    passes_values: ClassVar[bool] = True
    kernel: Pair
    stride: Pair
    padding: Sides = (0, 0, 0, 0)
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        check_window(self.kernel, self.stride, self.padding)

    def shape(self, *inputs: Shape) -> Shape:
        """Return `(channels, height, width)` of the windows."""
        (shape,) = expect_inputs(inputs, 1)
        check_image(shape)
        return (shape[0], *output_size(shape[1:], self.kernel, self.stride, self.padding, ceil_mode=self.ceil_mode))

    def __call__(self, *inputs: Array) -> Array:
        """Take the maximum of every window: of one array per kernel offset, each shifted by that offset."""
        (values,) = inputs
        lowest = -np.inf if np.issubdtype(values.dtype, np.floating) else np.iinfo(values.dtype).min
        (down, across), (rows, columns) = self.shape(values.shape[1:])[1:], self.stride
        top, left, bottom, right = self.padding
        # Windows that hang over the edge see the lowest number there, as in the padding.
        bottom += max(0, (down - 1) * rows + self.kernel[0] - (values.shape[2] + top + bottom))
        right += max(0, (across - 1) * columns + self.kernel[1] - (values.shape[3] + left + right))
        padded = np.pad(values, pad_width((top, left, bottom, right), first=2), constant_values=lowest)
        offsets = [
            padded[:, :, y : y + rows * (down - 1) + 1 : rows, x : x + columns * (across - 1) + 1 : columns]
            for y in range(self.kernel[0])
            for x in range(self.kernel[1])
        ]
        return reduce(np.maximum, offsets)


@dataclass(frozen=True, slots=True)
class GlobalAveragePool2d(HostOperation):
    """The mean of each channel of `(channels, height, width)`, as `(channels, 1, 1)`."""

    def shape(self, *inputs: Shape) -> Shape:
        """Return `(channels, 1, 1)`."""
        (shape,) = expect_inputs(inputs, 1)
        check_image(shape)
        return (shape[0], 1, 1)

    def __call__(self, *inputs: Array) -> Array:
        """Average over rows and columns."""
        return inputs[0].mean(axis=(2, 3), keepdims=True)


@dataclass(frozen=True, slots=True)
class Flatten(HostOperation):
    """The same numbers with all axes from `start` on as one."""

    passes_values: ClassVar[bool] = True
    start: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        """Return the axes before `start`, and the size of the rest."""
        (shape,) = expect_inputs(inputs, 1)
        if not 0 <= self.start <= len(shape):
            raise ValueError(f"start must be in 0..{len(shape)} for shape {shape}, got {self.start}")
        return (*shape[: self.start], math.prod(shape[self.start :]))

    def __call__(self, *inputs: Array) -> Array:
        """Reshape the input."""
        return inputs[0].reshape(len(inputs[0]), *self.shape(inputs[0].shape[1:]))


@dataclass(frozen=True, slots=True)
class Transpose(HostOperation):
    """The same numbers with their axes in another order."""

    passes_values: ClassVar[bool] = True
    axes: tuple[int, ...]

    def shape(self, *inputs: Shape) -> Shape:
        """Return the input's axes in the new order."""
        (shape,) = expect_inputs(inputs, 1)
        if sorted(self.axes) != list(range(len(shape))):
            raise ValueError(f"axes must be an order of 0..{len(shape) - 1}, got {self.axes}")
        return tuple(shape[axis] for axis in self.axes)

    def __call__(self, *inputs: Array) -> Array:
        """Transpose the input."""
        return inputs[0].transpose(0, *(axis + 1 for axis in self.axes))


@dataclass(frozen=True, slots=True)
class Concat(HostOperation):
    """Inputs one after the other along one axis (channels by default)."""

    axis: int = 0

    def shape(self, *inputs: Shape) -> Shape:
        """Return the first input's shape, longer along the axis."""
        first = inputs[0]
        if not -len(first) <= self.axis < len(first):
            raise ValueError(f"axis must be in {-len(first)}..{len(first) - 1} for shape {first}, got {self.axis}")
        at = self.axis % len(first)
        for shape in inputs[1:]:
            if len(shape) != len(first) or shape[:at] + shape[at + 1 :] != first[:at] + first[at + 1 :]:
                raise ValueError(f"inputs must have the same shape but along axis {self.axis}, got {first} and {shape}")
        return (*first[:at], sum(shape[at] for shape in inputs), *first[at + 1 :])

    def __call__(self, *inputs: Array) -> Array:
        """Concatenate the inputs; the array has one axis more in front than the shape."""
        return np.concatenate(inputs, axis=self.axis + (self.axis >= 0))
