"""Named arrays in one safetensors file, sealed with a digest, so that no damage goes unnoticed.

Any safetensors reader can open it. Beside the arrays its metadata holds a `seal`: `facts`, a few strings, and
`digest`, the SHA-256 of both. Nothing in such a file can execute.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.formats.errors import FormatError, guarded, report_damage
from eie.formats.weights import check_file
from eie.writing.aside import written_aside

MAX_BYTES = 2**30
"""No file may be larger; reading one takes memory for about three times its size."""


def write(path: str | Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, str]) -> None:
    """Write arrays and facts; the file appears when it is whole.

    Raises
    ------
    ValueError
        When they are more than `MAX_BYTES`, or an array's type is none of safetensors.
    """
    from safetensors.numpy import save

    whole = {name: np.require(array, requirements="C") for name, array in arrays.items()}
    size = sum(array.nbytes for array in whole.values())
    if size > MAX_BYTES // 2:
        raise ValueError(f"{path}: arrays must have at most {MAX_BYTES // 2} bytes, they have {size}")
    seal = json.dumps({"digest": _digest(whole, facts), "facts": dict(facts)}, sort_keys=True)
    with written_aside(path) as aside:
        aside.write_bytes(save(whole, {"seal": seal}))  # several entries would come in another order each time


@guarded
def read(path: str | Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read the arrays and the facts of a file of `write`.

    Raises
    ------
    FormatError
        When the file is not there, is too large, is not a safetensors file, or does not match its digest.
    """
    path = Path(path)
    check_file(path, MAX_BYTES)
    arrays, metadata = _opened(path)
    with report_damage(path, "has no seal of facts and digest after byte 8"):
        seal = json.loads(metadata["seal"])
        facts = seal["facts"]
        intact = seal["digest"] == _digest(arrays, facts)
    if not intact:
        raise FormatError(f"{path}: what it holds from byte 8 on does not match its digest")
    return arrays, facts


def _opened(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import safe_open

    with report_damage(path, "is not a safetensors file of arrays"), safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _digest(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, str]) -> str:
    whole = hashlib.sha256(json.dumps(sorted(facts.items())).encode())
    for name, array in sorted(arrays.items()):
        whole.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        whole.update(array.tobytes())
    return whole.hexdigest()
