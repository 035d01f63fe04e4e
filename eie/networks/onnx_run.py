"""Running an ONNX model node by node, with the products of its layers done by whoever runs it.

A layer's product is a function from its name and vectors to the
outputs, so the same run gives floating point, shared weights, or the machine's arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie.formats import onnx as reader
from eie.formats.onnx_shapes import batch_axes, input_sides
from eie.formats.weights import WeightFile
from eie.networks.onnx_nodes import Product, Run

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
BATCH = 16
"""Inferences that a model runs at one time if its file leaves the batch open."""


class OnnxModel:
    """An ONNX model that can run.

    Parameters
    ----------
    model : path or ModelProto
    shapes : mapping of str to sequence of int, optional
        Sides of inputs that the file leaves open, for the products per inference that are counted without running.

    Raises
    ------
    FormatError
        As `eie.formats.onnx.read` does.
    """

    def __init__(self, model: Any, shapes: Mapping[str, Sequence[int]] | None = None) -> None:
        path = Path(model) if isinstance(model, (str, Path)) else Path(f"{model.graph.name or 'model'}.onnx")
        message = reader.load(path) if isinstance(model, (str, Path)) else _copy(model)
        self.name = path.name
        self._kinds = {value.name: value.type.tensor_type.elem_type for value in message.graph.input}
        self._outputs = [value.name for value in message.graph.output]
        self._opened = reader.opened(path, message, shapes)
        self._sides, self._axes = input_sides(message), batch_axes(message)
        self._hosts: dict[int, Any] = {}

    @property
    def file(self) -> WeightFile:
        """Layers of the model."""
        return self._opened.file

    def batches(self, inputs: Any) -> Iterator[tuple[dict[str, Array], int]]:
        """Cut samples into the batches that the model takes; yield each with its number of samples.

        Raises
        ------
        ValueError
            When the inputs are not those of the model.
        """
        given = self._named(inputs)
        counts = {name: array.shape[self._axes[name]] if array.ndim else 1 for name, array in given.items()}
        n = max(counts.values())
        fixed = [side for name in given if given[name].ndim and (side := self._batch_side(name))]
        each = fixed[0] if fixed else BATCH
        if n % each and fixed:
            raise ValueError(f"{self.name} takes batches of {each} samples, got {n}: give a multiple")
        for start in range(0, n, each):
            some = range(start, min(start + each, n))
            cut = {
                name: array.take(some, axis=self._axes[name]) if counts[name] == n and n > 1 else array
                for name, array in given.items()
            }
            yield cut, len(some)

    def run(self, batch: Mapping[str, Array], product: Product) -> list[Array]:
        """Compute the outputs for one batch."""
        from onnx import helper

        values = {
            name: np.asarray(array, helper.tensor_dtype_to_np_dtype(self._kinds[name])) for name, array in batch.items()
        }
        run = Run(self._opened, product, self._hosts)
        with np.errstate(all="ignore"):
            run.graph(self._opened.graph, values, self._outputs)
        return [run.value(self._opened.graph, values, name) for name in self._outputs]

    def _batch_side(self, name: str) -> int | None:
        sides = self._sides[name]
        return sides[self._axes[name]] if len(sides) > self._axes[name] else None

    def _named(self, inputs: Any) -> dict[str, Array]:
        names = list(self._sides)
        if not isinstance(inputs, Mapping):
            if len(names) != 1:
                raise ValueError(f"{self.name} has the inputs {', '.join(names)}: give each by its name")
            inputs = {names[0]: inputs}
        unknown, missing = [n for n in inputs if n not in names], [n for n in names if n not in inputs]
        if unknown or missing:
            what = f"not {unknown[0]}" if unknown else f"{missing[0]} is missing"
            raise ValueError(f"{self.name} has the inputs {', '.join(names)}, {what}")
        given = {name: np.asarray(array) for name, array in inputs.items()}
        for name, array in given.items():
            self._check(name, array)
        return given

    def _check(self, name: str, array: Array) -> None:
        sides, axis = self._sides[name], self._axes[name]
        fits = array.ndim == len(sides) and array.size
        if not fits or any(
            s not in (None, g) for i, (s, g) in enumerate(zip(sides, array.shape, strict=True)) if i != axis
        ):
            stated = " x ".join("?" if side is None else str(side) for side in sides)
            raise ValueError(
                f"input {name} of {self.name} has sides {stated}, samples along side {axis}; got {array.shape}"
            )
        if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
            raise ValueError(f"input {name} of {self.name} must be finite numbers")


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = type(model)()
    copy.CopyFrom(model)
    return copy
