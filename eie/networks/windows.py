"""Windows that a convolution or a pool moves over pictures: their number, their padding, and checks of both."""

from __future__ import annotations

from eie import _check

Shape = tuple[int, ...]
Pair = tuple[int, int]
Sides = tuple[int, int, int, int]
"""Rows or columns added at the top, left, bottom and right."""

_MAX_WINDOW = 4096
"""Rows or columns of a window: far more than any network has."""


def check_window(kernel: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1)) -> None:
    """Raise a `ValueError` unless all are integers in range, as many as there are sides."""
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


def output_size(
    size: Shape, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1), ceil_mode: bool = False
) -> Pair:
    """Count the windows down and across."""
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


def pad_width(padding: Sides, first: int = 1) -> list[Pair]:
    """Return the padding of an array of pictures whose rows are axis `first`, for NumPy."""
    top, left, bottom, right = padding
    sides = [(0, 0)] * 4
    sides[first], sides[first + 1] = (top, bottom), (left, right)
    return sides
