"""Magnitude pruning of a PyTorch module: the smallest weights become zero and stay zero in later training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from eie import _check

KINDS = (nn.Linear, nn.Conv2d, nn.LSTM)
"""Layers whose weights can be compressed."""

MAX_SENSITIVITY = 1e6
"""Far above any weight there is: more standard deviations than a layer could have weights for."""


def weights(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return weight tensors by name, in the order of the module, without biases and all other parameters.

    A Linear or Conv2d layer's weight has the layer's name; an LSTM layer has several, such as `"lstm.weight_ih_l0"`.
    A tensor that several layers share is given once, under its first name.

    Shapes: Linear `(n_out, n_in)`, Conv2d `(n_out, channels, height, width)`, LSTM `(4 * hidden, n_in)`.

    Raises
    ------
    ValueError
        When the module has no such layer.
    """
    found: dict[int, tuple[str, nn.Parameter]] = {}
    for name, part in module.named_modules():
        if isinstance(part, KINDS):
            for inner, parameter in part.named_parameters(recurse=False):
                if inner.startswith("weight"):
                    own = name if name and inner == "weight" else f"{name}.{inner}".lstrip(".")
                    found.setdefault(id(parameter), (own, parameter))
    if not found:
        raise ValueError(f"the module must have a Linear, Conv2d or LSTM layer, {type(module).__name__} has none")
    return dict(found.values())


def by_rate(weight: Tensor, keep: float) -> Tensor:
    """Make a mask, True where a weight stays, of the largest weights: a fraction `keep` of them, 0..1.

    Their count is rounded to the nearest integer. Of equals the first are kept.
    """
    count = round(_check.fraction("keep", keep) * weight.numel())
    order = weight.detach().abs().flatten().argsort(descending=True, stable=True)
    mask = torch.zeros(weight.numel(), dtype=torch.bool)
    mask[order[:count]] = True
    return mask.reshape(weight.shape)


def by_sensitivity(weight: Tensor, sensitivity: float) -> Tensor:
    """Make a mask of the weights at or above a multiple of their layer's standard deviation.

    This is the threshold of Han et al., NIPS 2015, on which Deep Compression builds. `sensitivity` is 0 or more.
    """
    times = _check.real("sensitivity", sensitivity)
    if not 0 <= times <= MAX_SENSITIVITY:
        raise ValueError(f"sensitivity must be in 0..{MAX_SENSITIVITY:g} standard deviations, got {sensitivity!r}")
    values = weight.detach()
    return values.abs() >= times * values.std(correction=0)


def ramp(progress: float, keep: float) -> float:
    """Return the fraction kept on the way from all weights down to `keep`: fast at first, slow at the end.

    The cubic ramp of Zhu and Gupta, "To prune, or not to prune" (ICLR workshop 2018). Pruning starts at a `progress` of
    0 and ends at 1.
    """
    left = 1 - min(max(progress, 0.0), 1.0)
    return keep + (1 - keep) * left**3


@torch.no_grad()
def apply(weights: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
    """Set the pruned weights to zero, in place."""
    for name, mask in masks.items():
        weights[name].mul_(mask)
