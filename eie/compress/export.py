"""From a finished training run to a compressed network that needs no PyTorch, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from eie.compress.packed import CompressedNetwork, Part
from eie.compress.prune import weights
from eie.compress.train import Run


def compressed(name: str, run: Run, index_bits: int) -> CompressedNetwork:
    """Return the network that a finished run has made, its relative indices `index_bits` wide, 1..8."""
    rest = _rest(run.model)
    parts = []
    for layer, codes in run.codes.items():
        bias = rest.pop(_bias(layer), torch.zeros(0))
        book = run.codebooks[layer].detach()
        parts.append(Part(layer, codes.contiguous().numpy(), book.numpy(), bias.numpy(), index_bits))
    return CompressedNetwork(name, tuple(parts), _steps(run.model), {key: value.numpy() for key, value in rest.items()})


def load(network: CompressedNetwork, module: nn.Module) -> nn.Module:
    """Put a compressed network's weights into a module of the same layers, in place.

    Raises
    ------
    ValueError
        When the module has other layers or other shapes.
    """
    targets, state = weights(module), module.state_dict()
    found = {part.name: torch.from_numpy(part.weights) for part in network.parts}
    _copy(targets, found)
    biases = {_bias(part.name): torch.from_numpy(part.bias) for part in network.parts if len(part.bias)}
    rest = {name: torch.from_numpy(value) for name, value in network.rest.items()}
    _copy({name: state[name] for name in _rest(module)}, biases | rest)
    return module.eval()


@torch.no_grad()
def _copy(targets: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    shapes = [{name: tuple(value.shape) for name, value in each.items()} for each in (targets, values)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the module must have the network's layers and shapes, {shapes[1]}, it has {shapes[0]}")
    for name, target in targets.items():
        target.copy_(values[name])


def _rest(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers that are not compressed weights."""
    compressed = {weight.data_ptr() for weight in weights(module).values()}
    return {name: value for name, value in module.state_dict().items() if value.data_ptr() not in compressed}


def _bias(layer: str) -> str:
    """Find the name of the bias that goes with a weight."""
    return layer.replace("weight", "bias") if "weight" in layer else f"{layer}.bias"


def _steps(module: nn.Module) -> tuple[dict[str, Any], ...]:
    """Return the steps of a plain chain; none where the module is not a chain of known ones."""
    if not isinstance(module, nn.Sequential):
        return ()
    steps = [_step(name, part) for name, part in module.named_children()]
    return () if None in steps else tuple(step for step in steps if step)


def _step(name: str, part: nn.Module) -> dict[str, Any] | None:
    match part:
        case nn.Linear():
            return {"op": "Linear", "layer": name}
        case nn.Conv2d(stride=stride, padding=padding):
            return {"op": "Conv2d", "layer": name, "stride": stride, "padding": padding}
        case nn.MaxPool2d(kernel_size=size, stride=stride):
            return {"op": "MaxPool2d", "size": size, "stride": stride}
        case nn.ReLU():
            return {"op": "Relu"}
        case nn.Flatten():
            return {"op": "Flatten"}
        case _:
            return None
