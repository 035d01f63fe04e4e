"""Running a PyTorch module, with the products of its layers done by whoever runs it.

A copy of the module runs. Its calls of linear layers, convolutions and recurrent layers are caught where PyTorch
dispatches functions, and known by the memory of their weight, so that attention and functional code count too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.utils.parametrize
import torch.nn.utils.prune
from numpy.typing import NDArray
from torch.overrides import TorchFunctionMode

from eie.formats.pytorch import of_state_dict
from eie.formats.weights import (
    Unmapped,
    WeightFile,
    WeightLayer,
    as_float32,
    block_diagonal,
    in_blocks,
    side_by_side,
    taps_then_channels,
)
from eie.networks.nd_windows import positions
from eie.networks.onnx_nodes import Product
from eie.networks.recurrent import Cell

Array = NDArray[Any]

BATCH = 16
"""Samples that a module runs at one time."""

_CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


class TorchModel:
    """A PyTorch module that can run; the module itself stays as it is.

    Raises
    ------
    ValueError
        When the module has no layer that the machine runs.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.name = type(module).__name__
        self._module = plain_copy(module)
        self._rows = _Rows()
        parts = [part for parts in self._parts() for part in parts]
        self.file = WeightFile.of(Path(self.name), parts)
        if not self.file.layers:
            raise ValueError(f"{self.name} has no layer that the machine runs")

    def batches(self, inputs: Any) -> Iterator[tuple[Any, int]]:
        """Cut samples, along their first axis, into batches; yield each with its number of samples."""
        given = {key: torch.as_tensor(np.asarray(array)) for key, array in _named(inputs).items()}
        counts = {len(array) if array.ndim else 0 for array in given.values()}
        if len(counts) != 1 or not min(counts):
            shapes = ", ".join(str(tuple(array.shape)) for array in given.values())
            raise ValueError(f"inputs must have one sample per row, as many in each, got {shapes}")
        (n,) = counts
        for start in range(0, n, BATCH):
            some = slice(start, min(start + BATCH, n))
            yield {key: _as_module(array[some], self._module) for key, array in given.items()}, some.stop - some.start

    def run(self, batch: Mapping[str, torch.Tensor], product: Product) -> list[Array]:
        """Compute the outputs for one batch."""
        positional = [value for key, value in batch.items() if not key]
        named = {key: value for key, value in batch.items() if key}
        with torch.no_grad(), _caught(self._rows, product):
            found = self._module(*positional, **named)
        return [np.asarray(value.detach().float()) for value in _tensors(found)]

    def _parts(self) -> Iterator[list[WeightLayer | Unmapped]]:
        seen: set[int] = set()
        for name, module in self._module.named_modules():
            yield from self._of_module(name or type(module).__name__.lower(), module, seen)
        rest = {name: value for name, value in self._module.state_dict(keep_vars=True).items() if id(value) not in seen}
        found = of_state_dict(Path(self.name), {name: value.detach() for name, value in rest.items()})
        why = "it is not known as the weight of a linear layer, a convolution or a recurrent layer"
        yield [*found.unmapped, *(Unmapped(layer.name, "parameter", why, layer.weights) for layer in found.layers)]

    def _of_module(self, name: str, module: torch.nn.Module, seen: set[int]) -> Iterator[list[WeightLayer | Unmapped]]:
        for parameters, layers in _layers_of(name, module):
            if id(parameters[0]) not in seen:
                self._rows.add(parameters[0], layers)
                yield [*layers]
            seen.update(map(id, parameters))


class _Rows:
    """The layers whose rows lie one after the other in the memory of a parameter."""

    def __init__(self) -> None:
        self._at: dict[int, tuple[str, int, torch.Tensor]] = {}

    def add(self, parameter: torch.Tensor, layers: list[WeightLayer]) -> None:
        """Remember where the rows of layers begin."""
        row = 0
        for layer in layers:
            self._at[parameter[row].data_ptr()] = (layer.name, layer.n_out, parameter)
            row += layer.n_out

    def names(self, weight: Any) -> list[str]:
        """List the layers that make up a weight, a whole parameter or some of its rows; none if it is not a weight."""
        found, row = [], 0
        while row < len(weight):
            name, n_rows, parameter = self._at.get(weight[row].data_ptr(), ("", 0, weight))
            if not name or weight.shape[1:] != parameter.shape[1:] or not weight.is_contiguous():
                return []
            found.append(name)
            row += n_rows
        return found if row == len(weight) else []


def _layers_of(name: str, module: Any) -> Iterator[tuple[list[torch.Tensor], list[WeightLayer]]]:
    """Find the layers of one module, each with the parameters in it, of which the first has its rows."""
    if isinstance(module, torch.nn.Linear):
        yield _given(module.weight, module.bias), _linear(name, module.weight, module.bias)
    elif isinstance(module, _CONVOLUTIONS) and module.padding_mode == "zeros":
        yield _given(module.weight, module.bias), _convolution(name, module)
    elif isinstance(module, torch.nn.MultiheadAttention):
        yield from _attention(name, module)
    elif isinstance(module, torch.nn.RNNBase) and not module.proj_size and module.mode != "RNN_RELU":
        yield from _recurrent(name, module)


def _given(*parameters: Any) -> list[torch.Tensor]:
    return [each for each in parameters if each is not None]


def _attention(name: str, module: Any) -> Iterator[tuple[list[torch.Tensor], list[WeightLayer]]]:
    """Find the three products of the inputs of an attention, in one parameter or three."""
    weight, bias, n = module.in_proj_weight, module.in_proj_bias, module.embed_dim
    cuts = [slice(i * n, (i + 1) * n) for i in range(3)]
    biases = [None if bias is None else bias[cut] for cut in cuts]
    if weight is None:
        parts = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        for key, part, own in zip("qkv", parts, biases, strict=True):
            yield _given(part, bias), _linear(f"{name}.{key}", part, own)
        return
    layers = [
        layer
        for key, cut, own in zip("qkv", cuts, biases, strict=True)
        for layer in _linear(f"{name}.{key}", weight[cut], own)
    ]
    yield _given(weight, bias), layers


def plain_copy(module: torch.nn.Module) -> torch.nn.Module:
    """Copy a module, with masks, norms and other parametrisations multiplied into its weights."""
    # What a mask or a norm computed of parameters is not a parameter, and cannot be copied by PyTorch.
    made = [value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor)]
    found = copy.deepcopy(module, {id(value): value.detach().clone() for value in made}).eval().cpu()
    for part in list(found.modules()):
        if torch.nn.utils.parametrize.is_parametrized(part):
            _without_parametrizations(part)
        hooks: list[Any] = list(part._forward_pre_hooks.values())
        for hook in hooks:
            if isinstance(hook, torch.nn.utils.prune.BasePruningMethod):
                torch.nn.utils.prune.remove(part, hook._tensor_name)
            elif type(hook).__name__ == "WeightNorm":
                torch.nn.utils.remove_weight_norm(part, hook.name)
            elif type(hook).__name__ == "SpectralNorm":
                torch.nn.utils.remove_spectral_norm(part, hook.name)
    return found


def _without_parametrizations(part: Any) -> None:
    """Put the values in place of the rules that make them.

    PyTorch's own removal would change the class, which the copy has in common with the module.
    """
    made = {name: getattr(part, name).detach() for name in part.parametrizations}
    part.__class__ = type(part).__bases__[0]
    del part.parametrizations
    for name, value in made.items():
        part.register_parameter(name, torch.nn.Parameter(value, requires_grad=False))


@contextmanager
def _caught(rows: _Rows, product: Product) -> Iterator[None]:
    """Send the products of layers to a function."""
    functional: Any = torch.nn.functional
    own, fast = functional.linear, torch.backends.mha.get_fastpath_enabled()
    catcher = _Catcher(rows, product)
    # Inside a function of PyTorch, such as attention, the mode is off: there the name of the function is replaced.
    functional.linear = partial(catcher.linear, own)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with catcher:
            yield
    finally:
        functional.linear = own
        torch.backends.mha.set_fastpath_enabled(fast)


class _Catcher(TorchFunctionMode):
    """The mode in which the products of layers go to a function."""

    def __init__(self, rows: _Rows, product: Product) -> None:
        super().__init__()
        self.rows, self.product = rows, product

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Catch a function of PyTorch if one of its arguments is the weight of a layer."""
        given, name = kwargs or {}, getattr(func, "__name__", "")
        if name == "linear":
            return self.linear(func, *args, **given)
        if name in ("conv1d", "conv2d", "conv3d"):
            return self._convolution(func, *args, **given)
        if name in ("lstm", "gru", "rnn_tanh") and isinstance(args[2], (list, tuple)) and self.rows.names(args[2][0]):
            return self._recurrent(name, *args, **given)
        return func(*args, **given)

    def _products(self, names: list[str], vectors: Array) -> Array:
        return np.concatenate([self.product(name, vectors, True) for name in names], axis=1)

    def linear(self, func: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        """Compute a linear layer, or let PyTorch do it if the weight is of no layer."""
        names = self.rows.names(weight)
        if not names:
            return func(x, weight, bias)
        y = self._products(names, _plain(x).reshape(-1, x.shape[-1]))
        return torch.as_tensor(np.ascontiguousarray(y)).reshape(*x.shape[:-1], -1).to(x.dtype)

    def _convolution(
        self,
        func: Any,
        x: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        names, n = self.rows.names(weight), weight.dim() - 2
        if not names:
            return func(x, weight, bias, stride, padding, dilation, groups)
        pads = None if isinstance(padding, str) else _each(padding, n) * 2
        auto_pad = {"same": "SAME_UPPER", "valid": "VALID"}[padding] if isinstance(padding, str) else "NOTSET"
        found = []
        for picture in _plain(x if x.dim() == n + 2 else x[None]):
            vectors, sides = positions(picture, weight.shape[2:], _each(stride, n), _each(dilation, n), pads, auto_pad)
            found.append(self._products(names, vectors).T.reshape(-1, *sides))
        y = torch.as_tensor(np.stack(found)).to(x.dtype)
        return y if x.dim() == n + 2 else y[0]

    def _recurrent(self, kind: str, x: Any, state: Any, weights: Any, *rest: Any) -> Any:
        has_bias, n_layers, _, _, two_ways, batch_first = rest
        gates = {"lstm": "ifco", "gru": "rzn", "rnn_tanh": ""}[kind]
        states = [_plain(each) for each in (state if kind == "lstm" else (state,))]
        values = np.swapaxes(_plain(x), 0, 1) if batch_first else _plain(x)
        each, n_ways = 4 if has_bias else 2, 2 if two_ways else 1
        last = []
        for i in range(n_layers):
            outputs = []
            for d in range(n_ways):
                at = i * n_ways + d
                own = weights[at * each : (at + 1) * each]
                bias = np.stack([_plain(own[2]), _plain(own[3])]) if has_bias else None
                cell = Cell({"rnn_tanh": "rnn"}.get(kind, kind), gates, bias)
                memory = states[1][at] if kind == "lstm" else None
                found = cell.run(values[:: -1 if d else 1], self._gates(own[0]), states[0][at], memory)
                outputs.append(found[0][:: -1 if d else 1])
                last.append(found[1:])
            values = np.concatenate(outputs, axis=2)
        ends = [torch.as_tensor(np.stack(part)).to(x.dtype) for part in zip(*last, strict=True)]
        y = torch.as_tensor(np.ascontiguousarray(np.swapaxes(values, 0, 1) if batch_first else values)).to(x.dtype)
        return (y, *ends) if kind == "lstm" else (y, ends[0])

    def _gates(self, weight: Any) -> Callable[[Array, bool], Array]:
        names = self.rows.names(weight)
        return lambda vectors, counts: np.concatenate([self.product(name, vectors, counts) for name in names], axis=1)


def _linear(name: str, weight: torch.Tensor, bias: Any) -> list[WeightLayer]:
    n_out, n_in = weight.shape
    layer = WeightLayer(name, "linear", n_out, n_in, _unread, _bias(bias), counted=False)
    return in_blocks(layer, lambda rows: as_float32(_plain(weight)[rows]))


def _convolution(name: str, module: Any) -> list[WeightLayer]:
    weight, groups = module.weight, module.groups
    n_out, n_in = weight.shape[0], weight[0].numel() * groups
    note = f"in {groups} groups, a matrix for each, side by side" if groups > 1 else ""
    layer = WeightLayer(name, "conv", n_out, n_in, _unread, _bias(module.bias), note=note, counted=False, groups=groups)
    if groups > 1:
        return in_blocks(layer, lambda rows: block_diagonal(_plain(weight), groups))
    return in_blocks(layer, lambda rows: as_float32(taps_then_channels(_plain(weight)[rows])))


def _recurrent(name: str, module: Any) -> Iterator[tuple[list[torch.Tensor], list[WeightLayer]]]:
    for i in range(module.num_layers):
        for way in ("", "_reverse") if module.bidirectional else ("",):
            own = f"l{i}{way}"
            inputs, state = (getattr(module, f"weight_{part}_{own}") for part in ("ih", "hh"))
            biases = [getattr(module, f"bias_{part}_{own}") for part in ("ih", "hh")] if module.bias else []
            kind = module.mode.split("_")[0].lower()
            yield [inputs, state, *biases], _gate_layers(f"{name}.{own}", kind, inputs, state, biases)


def _gate_layers(
    name: str, kind: str, inputs: torch.Tensor, state: torch.Tensor, biases: list[Any]
) -> list[WeightLayer]:
    sides = inputs.shape[1], state.shape[1]
    parts = ((f"{name} ih", sides[0]), (f"{name} hh", sides[1]))
    bias = (lambda: as_float32(_plain(biases[0]) + _plain(biases[1]))) if biases else None
    layer = WeightLayer(
        name, kind, inputs.shape[0], sum(sides), _unread, bias, note="all gates on [x, h]", parts=parts, counted=False
    )
    return in_blocks(layer, lambda rows: side_by_side([lambda: _plain(inputs)[rows], lambda: _plain(state)[rows]]))


def _bias(bias: Any) -> Callable[[], Array] | None:
    return None if bias is None else lambda: as_float32(_plain(bias))


def _plain(value: Any) -> Array:
    return np.asarray(value.detach().to(torch.float32))


def _unread() -> None:
    """Stand for the reading of a layer until `in_blocks` has said what is read."""


def _each(value: Any, n: int) -> list[int]:
    found = [value] if isinstance(value, int) else list(value)
    return found * n if len(found) == 1 else found


def _named(inputs: Any) -> Mapping[str, Any]:
    return inputs if isinstance(inputs, Mapping) else {"": inputs}


def _as_module(value: torch.Tensor, module: torch.nn.Module) -> torch.Tensor:
    """Give floating-point inputs the type of the module's parameters."""
    kinds = [each.dtype for each in module.parameters() if each.is_floating_point()]
    return value.to(kinds[0]) if value.is_floating_point() and kinds else value


def _tensors(found: Any) -> list[torch.Tensor]:
    if isinstance(found, torch.Tensor):
        return [found]
    parts = found.values() if isinstance(found, Mapping) else found if isinstance(found, (list, tuple)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
