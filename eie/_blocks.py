"""Work on many vectors, cut into blocks and done on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")


def map_blocks(function: Callable[[NDArray[Any]], T], rows: NDArray[Any], size: int) -> list[T]:
    """Apply `function`, which must release the GIL, to blocks of `size` rows; results are in order."""
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    if len(blocks) == 1:
        return [function(blocks[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, blocks))
