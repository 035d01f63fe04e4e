"""Winograd's minimal filtering of 3 x 3 convolutions, F(2 x 2, 3 x 3) (Lavin and Gray, arXiv:1509.09308).

A patch of 4 x 4 inputs gives 2 x 2 outputs by 16 products a channel where the plain way takes 36; on EIE each of the 16
is a matrix-vector product over the channels (ISCA 2016, section VII-C). The host transforms patches and outputs, which
takes only additions; weights are transformed once, and shared anew.

Two things that the paper leaves open are seen here. A transformed weight is the sum of one to nine weights of a kernel,
so that few are 0, unless the transformed weights are pruned themselves; and a transformed input is the sum of four, so
that few are 0 where ReLU made many. Little is left to skip.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from eie.compress.kmeans import prune_and_share
from eie.layer import CompressedLayer
from eie.networks.operations import Arithmetic, Array, Conv2d, WeightOperation, checked_bias, expect_inputs
from eie.networks.windows import Shape, Sides, check_image, output_size, pad_width

_INPUTS = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32)
_WEIGHTS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
_OUTPUTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float32)
"""B^T, G and A^T of Lavin and Gray, section 4.1."""


@dataclass(frozen=True, eq=False, slots=True)
class WinogradConv2d(WeightOperation):
    """A 3 x 3 convolution with stride 1 as 16 matrix-vector products a patch. Made by `winograd`.

    Attributes
    ----------
    matrices : tuple of 16 CompressedLayer
        Shape `(n_out, channels)` each, one for each place of the 4 x 4 transformed kernel, row by row.
    bias : float array of shape `(n_out,)`, optional
        Added by the host, after it has transformed the outputs.
    padding : (top, left, bottom, right)
        Zeros around the input.
    """

    kind: ClassVar[str] = "winograd"
    writes_outputs: ClassVar[bool] = False
    matrices: tuple[CompressedLayer, ...]
    bias: NDArray[np.float32] | None = None
    padding: Sides = (0, 0, 0, 0)

    def __post_init__(self) -> None:
        if len(self.matrices) != 16:
            raise ValueError(f"matrices must be 16, one for each place of a 4 x 4 kernel, got {len(self.matrices)}")
        if len({(layer.n_out, layer.n_in) for layer in self.matrices}) > 1:
            raise ValueError("matrices must all be of one size")
        object.__setattr__(self, "bias", checked_bias(self.bias, self.matrices[0].n_out))

    @property
    def layers(self) -> tuple[CompressedLayer, ...]:
        """The 16 matrices."""
        return self.matrices

    @property
    def biases(self) -> tuple[NDArray[np.float32] | None, ...]:
        """None: the host adds the bias."""
        return (None,) * len(self.matrices)

    def shape(self, *inputs: Shape) -> Shape:
        """`(n_out, height, width)`."""
        (shape,) = expect_inputs(inputs, 1)
        first = self.matrices[0]
        check_image(shape, first.n_in)
        return (first.n_out, *output_size(shape[1:], (3, 3), (1, 1), self.padding))

    def vectors(self, shape: Shape) -> int:
        """Patches."""
        _, height, width = self.shape(shape)
        return -(-height // 2) * -(-width // 2)

    def apply(self, values: Array, arithmetic: Arithmetic) -> Array:
        """Its output."""
        n_out, height, width = self.shape(values.shape[1:])
        down, across = -(-height // 2), -(-width // 2)
        patches = self._patches(values, down, across)
        vectors = (_INPUTS @ patches @ _INPUTS.T).reshape(-1, values.shape[1], 16)
        taken = arithmetic.quantize_inputs(np.ascontiguousarray(vectors.transpose(2, 0, 1)))
        products = np.stack([arithmetic.multiply(place, taken[place]) for place in range(16)], axis=-1)
        tiles = _OUTPUTS @ products.reshape(len(values), down, across, n_out, 4, 4) @ _OUTPUTS.T
        outputs = tiles.transpose(0, 3, 1, 4, 2, 5).reshape(len(values), n_out, 2 * down, 2 * across)
        bias = 0 if self.bias is None else self.bias[:, None, None]
        return outputs[:, :, :height, :width] + bias

    def _patches(self, values: Array, down: int, across: int) -> Array:
        """All 4 x 4 patches, shape `(n, down, across, channels, 4, 4)`; they overlap by two."""
        top, left, *_ = self.padding
        bottom, right = 2 * down + 2 - values.shape[2] - top, 2 * across + 2 - values.shape[3] - left
        padded = np.pad(values, pad_width((top, left, bottom, right), first=2))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4), axis=(2, 3))[:, :, ::2, ::2]
        return windows.transpose(0, 2, 3, 1, 4, 5)


def winograd(convolution: Conv2d, weight_bits: int, density: float = 1.0) -> WinogradConv2d:
    """The same convolution by Winograd's way, its transformed weights shared anew: each matrix has a codebook.

    Parameters
    ----------
    convolution : Conv2d
        3 x 3, with stride and dilation 1.
    weight_bits : int
        Bits of a code, 1..8. With fewer transformed weights than codes nothing is lost but rounding.
    density : float
        Fraction of the transformed weights to keep, 0..1, those of largest magnitude.

    Raises
    ------
    ValueError
        When the convolution is another, or a parameter is out of range.
    """
    if (convolution.kernel, convolution.stride, convolution.dilation) != ((3, 3), (1, 1), (1, 1)):
        raise ValueError(
            f"Winograd convolution is for 3 x 3 kernels with stride and dilation 1, got kernel {convolution.kernel}, "
            f"stride {convolution.stride}, dilation {convolution.dilation}"
        )
    (layer,) = convolution.layers
    weights = layer.codebook[layer.to_scipy().toarray()].reshape(layer.n_out, 3, 3, convolution.channels)
    transformed = _WEIGHTS @ weights.transpose(0, 3, 1, 2) @ _WEIGHTS.T
    matrices = transformed.reshape(layer.n_out, -1, 16).transpose(2, 0, 1)
    shared = tuple(prune_and_share(matrix, weight_bits, density) for matrix in matrices)
    bias = convolution.bias
    if layer.bias_codes is not None:
        bias = layer.codebook[layer.bias_codes] + (0 if bias is None else bias)
    return WinogradConv2d(shared, bias, convolution.padding)


def saving(outputs: int, kernel: int) -> float:
    """Compute how many times fewer multiplications a Winograd convolution needs for a square patch of outputs."""
    return (outputs * kernel) ** 2 / products(outputs, kernel)


def products(outputs: int, kernel: int) -> float:
    """Count the multiplications of one channel of a patch; each becomes a matrix-vector product over channels."""
    return float((outputs + kernel - 1) ** 2)
