"""Checks of arguments: one place that says what was wrong, with the value and the range allowed."""

from __future__ import annotations

import ast
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_SEED = 2**63 - 1
"""Largest random seed: one that fits a signed integer of 64 bits."""


def integer(name: str, value: Any, low: int, high: int) -> int:
    """Return `value` as an int of `low`..`high`, or raise a `ValueError` that names all four."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}") from None
    if isinstance(value, (bool, np.bool_)) or not low <= number <= high:
        raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}")
    return number


def seed(value: Any) -> int:
    """Return a random seed as an int of 0..`MAX_SEED`, or raise a `ValueError`."""
    return integer("seed", value, 0, MAX_SEED)


def generator(given: Any) -> np.random.Generator:
    """Return the random numbers of a seed, an int or a `SeedSequence`, or raise a `ValueError`."""
    return np.random.default_rng(given if isinstance(given, np.random.SeedSequence) else seed(given))


def kind(name: str, value: Any, *kinds: type) -> None:
    """Raise a `ValueError` that names the parameter unless `value` is of one of these classes (two may be swapped)."""
    if not isinstance(value, kinds):
        wanted = " or ".join(one.__name__ for one in kinds)
        raise ValueError(f"{name} must be of class {wanted}, got {type(value).__name__}")


def literal(value: Any) -> Any:
    """Turn the text of a list or mapping into one: papermill hands over `-p fifo_depths "[2, 8]"` as text."""
    if not isinstance(value, str) or value[:1] not in ("[", "(", "{"):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value


def integers(name: str, values: Any, low: int, high: int) -> list[int]:
    """Return a list of different integers of `low`..`high`, rising, or raise a `ValueError`."""
    values = literal(values)
    if isinstance(values, (str, bytes, bool, float)):
        raise ValueError(f"{name} must be a list of integers in {low}..{high}, got {values!r}")
    values = values if hasattr(values, "__iter__") else [values]  # a bare number stands for a list of one
    numbers = sorted({integer(f"each of {name}", value, low, high) for value in values})
    if not numbers:
        raise ValueError(f"{name} must have at least one integer in {low}..{high}, got none")
    return numbers


def positive(name: str, value: Any) -> float:
    """Return `value` as a finite float above 0, or raise a `ValueError`."""
    number = real(name, value)
    if not 0 < number < np.inf:
        raise ValueError(f"{name} must be finite and above 0, got {value!r}")
    return number


def fraction(name: str, value: Any) -> float:
    """Return `value` as a float of 0..1, or raise a `ValueError`."""
    number = real(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a fraction in 0..1, got {value!r}")
    return number


def real(name: str, value: Any) -> float:
    """Return `value` as a float, or raise a `ValueError` when it is not a number."""
    if isinstance(value, (bool, np.bool_, str)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):  # the last for an integer above all floats
        raise ValueError(f"{name} must be a number, got {value!r}") from None


def whole_numbers(name: str, values: Any, high: int) -> NDArray[np.uint8]:
    """Return an array of integers 0..`high` (at most 255) as `uint8`, or raise a `ValueError`."""
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be integers in 0..{high}, got dtype {array.dtype}")
    low_seen, high_seen = int(array.min()), int(array.max())
    if low_seen < 0 or high_seen > high:
        worst = low_seen if low_seen < 0 else high_seen
        raise ValueError(f"{name} must be integers in 0..{high}, got {worst}")
    return array.astype(np.uint8, copy=False)


def int64_array(name: str, values: Any) -> NDArray[np.int64]:
    """Return an array of integers as `int64`, or raise a `ValueError`."""
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be integers, got dtype {array.dtype}")
    return array.astype(np.int64)


def owned_copy(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return a contiguous, read-only array that nobody else can change: copied if it is theirs."""
    return readonly(np.array(array, dtype=dtype, order="C"), dtype)


def readonly(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return a contiguous, read-only view of `array` (copied only if its type or layout must change)."""
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
