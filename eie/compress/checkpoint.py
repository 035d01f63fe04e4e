"""A training run as one file: tensors only, read without unpickling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from eie.formats import sealed


def write(path: str | Path, groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, str]) -> None:
    """Write groups of named tensors, such as `{"model": model.state_dict()}`; the file appears when it is whole.

    A group's name must have no slash. `facts` are texts to keep beside the tensors.
    """
    arrays = {f"{group}/{name}": tensor.detach().numpy() for group, of in groups.items() for name, tensor in of.items()}
    sealed.write(path, arrays, facts)


def read(path: str | Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, str]]:
    """Read what `write` wrote; a group that was empty is missing.

    Raises
    ------
    FormatError
        When the file is missing or damaged.
    """
    arrays, facts = sealed.read(path)
    groups: dict[str, dict[str, Tensor]] = {}
    for key, array in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = torch.from_numpy(array)
    return groups, facts
