"""The weights of a PyTorch module that can be compressed: those of Linear, Conv2d and LSTM layers."""

from __future__ import annotations

from torch import nn

KINDS = (nn.Linear, nn.Conv2d, nn.LSTM)


def weights(module: nn.Module) -> dict[str, nn.Parameter]:
    """Weight tensors by name, in the order of the module; biases and all other parameters are left out.

    A Linear or Conv2d layer's weight has the layer's name; an LSTM layer has several, such as `"lstm.weight_ih_l0"`.
    A tensor that several layers share is given once, under its first name.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    dict of str to torch.nn.Parameter
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
                    found.setdefault(id(parameter), (_name(name, inner), parameter))
    if not found:
        raise ValueError(f"the module must have a Linear, Conv2d or LSTM layer, {type(module).__name__} has none")
    return dict(found.values())


def _name(layer: str, inner: str) -> str:
    return layer if layer and inner == "weight" else f"{layer}.{inner}".lstrip(".")
