"""Windows of convolutions and pools over any number of axes, as ONNX and PyTorch define them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
Pads = list[tuple[int, int]]


def positions(
    picture: Array,
    kernel: Sequence[int],
    strides: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    auto_pad: str = "NOTSET",
) -> tuple[Array, tuple[int, ...]]:
    """Unfold one picture of shape `(channels, sides ..)` into the vector under the kernel at every position.

    Parameters
    ----------
    picture : array
    kernel, strides, dilations : sequence of int
        One number per side; 1 if left out.
    pads : sequence of int
        Zeros before each side, then after each side; none if left out.
    auto_pad : str
        `NOTSET`, `VALID`, `SAME_UPPER` or `SAME_LOWER`.

    Returns
    -------
    array of shape `(positions, taps * channels)`, and the sides of the output
    """
    n = len(kernel)
    strides, dilations = list(strides or [1] * n), list(dilations or [1] * n)
    padding = padding_of(picture.shape[1:], kernel, strides, dilations, pads, auto_pad)
    at = _windows(np.pad(picture, [(0, 0), *padding]), kernel, strides, dilations)
    sides = at.shape[1 : n + 1]
    order = (*range(1, n + 1), *range(n + 1, 2 * n + 1), 0)  # positions, taps, channels
    return at.transpose(order).reshape(-1, picture.shape[0] * int(np.prod(kernel))), sides


def padding_of(
    sides: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int] | None,
    auto_pad: str,
) -> Pads:
    """Return the padding before and after each side."""
    n = len(kernel)
    if not auto_pad.startswith("SAME"):
        given = [0] * (2 * n) if pads is None or auto_pad == "VALID" else list(pads)
        return list(zip(given[:n], given[n:], strict=True))
    found = []
    for side, size, stride, apart in zip(sides, kernel, strides, dilations, strict=True):
        total = max(0, (-(-side // stride) - 1) * stride + (size - 1) * apart + 1 - side)
        small, large = total // 2, total - total // 2
        found.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
    return found


def _windows(padded: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """View the windows: axes of `padded` before the sides, positions, taps."""
    n = len(kernel)
    reach = tuple(1 + (size - 1) * apart for size, apart in zip(kernel, dilations, strict=True))
    axes = tuple(range(padded.ndim - n, padded.ndim))
    whole = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=axes)
    steps = [slice(None)] * (padded.ndim - n)
    steps += [slice(None, None, step) for step in (*strides, *dilations)]
    return whole[tuple(steps)]


def pool(node: onnx.NodeProto, values: Array) -> Array | None:
    """Compute MaxPool, AveragePool, or one of all positions, of ONNX; None where a setting of it is not known here."""
    from eie.formats.onnx_graph import attribute

    if node.op_type in ("GlobalMaxPool", "GlobalAveragePool"):  # ONNX's reference takes wrong axes for sequences
        whole = values.max if node.op_type == "GlobalMaxPool" else values.mean
        return np.asarray(whole(axis=tuple(range(2, values.ndim)), keepdims=True), values.dtype)
    kernel = attribute(node, "kernel_shape", [])
    n = len(kernel)
    strides, dilations = attribute(node, "strides", [1] * n), attribute(node, "dilations", [1] * n)
    if attribute(node, "ceil_mode", 0) or attribute(node, "storage_order", 0) or values.dtype.kind != "f":
        return None
    auto_pad = attribute(node, "auto_pad", b"NOTSET").decode()
    around = padding_of(values.shape[2:], kernel, strides, dilations, attribute(node, "pads", None), auto_pad)
    padding, taps = [(0, 0), (0, 0), *around], tuple(range(-n, 0))
    if node.op_type == "MaxPool":
        padded = np.pad(values, padding, constant_values=-np.inf)
        return np.asarray(_windows(padded, kernel, strides, dilations).max(axis=taps), values.dtype)
    total = _windows(np.pad(values, padding), kernel, strides, dilations).sum(axis=taps)
    inside = np.ones_like(values[:1, :1])
    counted = np.pad(inside, padding, constant_values=float(attribute(node, "count_include_pad", 0)))
    return np.asarray(total / _windows(counted, kernel, strides, dilations).sum(axis=taps), values.dtype)
