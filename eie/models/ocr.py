"""A text recogniser, run from its file: convolutions, a bidirectional LSTM, and one wide output layer.

The LSTM and the output layer are near the paper's NeuralTalk layers in size, and their inputs have been through no
ReLU: all of them are non-zero. The inputs of each product with these weights can be looked at, the weights replaced by
compressed ones, and the arithmetic by the machine's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.datasets import catalogue
from eie.formats import FormatError
from eie.networks._functions import sigmoid

Array = NDArray[np.float32]

HEIGHT = 64
"""Height of a picture, pixels."""

MAX_WIDTH = 4096
"""Widest picture, pixels."""

MAX_FILE_BYTES = 2**28
CHARSET = "CHARSET_BETA"
"""The list of characters that belongs to the model, in the file of lists beside it."""

DIRECTIONS = ("forward", "backward")
OUTPUT = "output"


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the picture part.

    Attributes
    ----------
    kind : str
        `"Conv"`, `"Sigmoid"`, `"Mul"` or `"Add"`, as ONNX names them.
    inputs : tuple of str
        Names of the arrays that it works on.
    output : str
        Name of what it makes.
    weights : float32 array of shape `(n_out, n_in, height, width)`, or None
    bias : float32 array of shape `(n_out,)`, or None
    stride, padding : int
        Of a convolution, the same both ways.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    weights: Array | None = None
    bias: Array | None = None
    stride: int = 1
    padding: int = 0


@dataclass(frozen=True, eq=False)
class Recogniser:
    """The model and its characters.

    Attributes
    ----------
    steps : sequence of Step
        The picture part. Its first input is the picture, its last output the features.
    weights : mapping of str to float32 array of shape `(n_out, n_in)`
        `"forward"` and `"backward"`: the LSTM's gates over input and state, of shape `(4 * n_state, n_in + n_state)`,
        gates in the order input, output, forget, cell; `"output"`.
    biases : mapping of str to float32 array of shape `(n_out,)`
    characters : sequence of str
        One an output; the first stands for none.
    product : callable, optional
        Called with the name of a matrix and its inputs, shape `(n_vectors, n_in)`; returns their product, shape
        `(n_vectors, n_out)`. In float32 if left out.
    """

    steps: Sequence[Step]
    weights: Mapping[str, Array]
    biases: Mapping[str, Array]
    characters: Sequence[str]
    product: Callable[[str, Array], Array] | None = None

    def with_weights(self, weights: Mapping[str, Array]) -> Recogniser:
        """The same model with some matrices replaced.

        Raises
        ------
        ValueError
            When there is no such matrix, or the shape is another.
        """
        for name, values in weights.items():
            have = self.weights[name].shape if name in self.weights else None
            if have != values.shape:
                raise ValueError(f"weights of {name!r} must have shape {have}, got {values.shape}")
        return replace(self, weights={**self.weights, **weights})

    def with_product(self, product: Callable[[str, Array], Array]) -> Recogniser:
        """The same model, its products with matrices of weights done by `product`."""
        return replace(self, product=product)

    def read(self, picture: Any) -> str:
        """Read the text of a picture.

        Parameters
        ----------
        picture : float array of shape `(64, width)`
            Grey, 0 black to 1 white; width 8..4096.

        Raises
        ------
        ValueError
            When the picture's shape or a value is out of range.
        """
        found = self.scores(self.features(picture)).argmax(axis=1)
        # A character is written once for as long as it stays the likeliest (connectionist temporal classification).
        new = found[np.diff(found, prepend=-1) != 0]
        return "".join(self.characters[index] for index in new if index)

    def features(self, picture: Any) -> Array:
        """What the convolutions make of a picture: an array of shape `(n_steps, n_in)`, from left to right."""
        import torch

        arrays = {self.steps[0].inputs[0]: torch.from_numpy(_checked_picture(picture))[None, None]}
        with torch.inference_mode():
            for step in self.steps:
                arrays[step.output] = _done(step, [arrays[name] for name in step.inputs])
        channels, height, n_steps = arrays[self.steps[-1].output].shape[1:]
        features = arrays[self.steps[-1].output][0].permute(2, 0, 1).reshape(n_steps, channels * height)
        return np.asarray(features.numpy(), np.float32)

    def scores(self, features: Array) -> Array:
        """Score of every character at every step, shape `(n_steps, n_characters)`."""
        states = [self._states(features, "forward"), self._states(features[::-1], "backward")[::-1]]
        return self._affine(OUTPUT, np.concatenate(states, axis=1))

    def _states(self, inputs: Array, direction: str) -> Array:
        """States of one direction of the LSTM, shape `(n_steps, n_state)`."""
        n_state = len(self.biases[direction]) // 4
        state, cell = np.zeros(n_state, np.float32), np.zeros(n_state, np.float32)
        found = []
        for x in inputs:
            gates = self._affine(direction, np.concatenate([x, state])[np.newaxis])[0]
            into, out, forget = (sigmoid(gate) for gate in np.split(gates[: 3 * n_state], 3))
            cell = forget * cell + into * np.tanh(gates[3 * n_state :])
            state = out * np.tanh(cell)
            found.append(state)
        return np.stack(found)

    def _affine(self, name: str, x: Array) -> Array:
        y: Array = x @ self.weights[name].T if self.product is None else self.product(name, x)
        return y + self.biases[name]


def load(folder: str | Path | None = None) -> Recogniser:
    """Read the model and its list of characters.

    Parameters
    ----------
    folder : path, optional
        Where `common.onnx` and `charsets.py` are; found by `eie.datasets.catalogue` if left out.

    Raises
    ------
    FileNotFoundError
        When no folder is given and the model is not at hand; the message says how to get it.
    FormatError
        When a file is damaged, or is no model of this architecture.
    """
    folder = Path(folder) if folder is not None else catalogue.require("ddddocr")
    path = folder / "common.onnx"
    graph = _graph(path)
    try:
        model = _model(graph, read_characters(folder / "charsets.py"))
    except (KeyError, IndexError, ValueError, TypeError, RuntimeError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: no recogniser of this architecture: {error!r}") from error
    n_characters = len(model.biases[OUTPUT])
    if len(model.characters) != n_characters:
        raise FormatError(
            f"{folder}: the model tells {n_characters} characters apart, the list has {len(model.characters)}"
        )
    return model


def draw_text(text: str, size: int = 42) -> Array:
    """A picture of black text on white, as `Recogniser.read` takes it.

    Parameters
    ----------
    text : str
        One line.
    size : int
        Height of the letters, points, 8..48. The font is DejaVu Sans, which comes with matplotlib.
    """
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    size = _check.integer("size", size, 8, 48)
    font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
    margin = 10
    picture = Image.new("L", (int(font.getlength(text)) + 2 * margin, HEIGHT), 255)
    ImageDraw.Draw(picture).text((margin, HEIGHT / 2), text, font=font, fill=0, anchor="lm")
    return np.asarray(picture, np.float32) / np.float32(255)


def read_characters(path: str | Path) -> list[str]:
    """The model's characters, from the source file that lists them; the file is parsed, never run.

    Raises
    ------
    FormatError
        When the file is missing, too large, or has no such list of strings.
    """
    text = _bytes_of(Path(path)).decode("utf-8", errors="replace")
    try:
        values = [
            ast.literal_eval(node.value)
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == CHARSET
        ]
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise FormatError(f"{path}: cannot be parsed: {error}") from error
    if len(values) != 1 or not isinstance(values[0], list) or not all(isinstance(c, str) for c in values[0]):
        raise FormatError(f"{path}: must have one list of strings {CHARSET}")
    return list(values[0])


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise FormatError(f"{path}: must have at most {MAX_FILE_BYTES} bytes, has {path.stat().st_size}")
    return path.read_bytes()


def _graph(path: Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_model_from_string(_bytes_of(path)).graph
    except (DecodeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path}: no ONNX model: {error}") from error


def _model(graph: Any, characters: list[str]) -> Recogniser:
    from onnx import numpy_helper

    arrays = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    kinds = [node.op_type for node in graph.node]
    steps = [_step(node, arrays) for node in graph.node[: kinds.index("Transpose")]]
    lstm, linear = graph.node[kinds.index("LSTM")], graph.node[kinds.index("Gemm")]
    into, recurrent, bias = (arrays[name] for name in lstm.input[1:4])
    weights = {way: np.concatenate([into[d], recurrent[d]], axis=1) for d, way in enumerate(DIRECTIONS)}
    biases = {way: np.sum(np.split(bias[d], 2), axis=0) for d, way in enumerate(DIRECTIONS)}
    weights[OUTPUT], biases[OUTPUT] = (arrays[name] for name in linear.input[1:3])
    model = Recogniser(steps, weights, biases, characters)
    _check_shapes(model)
    return model


def _step(node: Any, arrays: Mapping[str, Array]) -> Step:
    if node.op_type in ("Sigmoid", "Mul", "Add"):
        return Step(node.op_type, tuple(node.input), node.output[0])
    if node.op_type != "Conv":
        raise ValueError(f"an operation {node.op_type} among the convolutions")
    settings = {attribute.name: attribute for attribute in node.attribute}
    (stride,), (padding,) = {*settings["strides"].ints}, {*settings["pads"].ints}
    weights, bias = (arrays[name] for name in node.input[1:3])
    return Step("Conv", (node.input[0],), node.output[0], weights, bias, stride, padding)


def _check_shapes(model: Recogniser) -> None:
    """Run a small picture through, so that what does not fit together fails when the file is read."""
    n_in = model.features(np.ones((HEIGHT, 8), np.float32)).shape[1]
    for way in DIRECTIONS:
        n_gates = len(model.biases[way])
        if model.weights[way].shape != (n_gates, n_in + n_gates // 4) or n_gates % 4:
            raise ValueError(f"gates of shape {model.weights[way].shape} for {n_in} inputs")
    n_states = sum(len(model.biases[way]) // 4 for way in DIRECTIONS)
    if model.weights[OUTPUT].shape != (len(model.biases[OUTPUT]), n_states):
        raise ValueError(f"output weights of shape {model.weights[OUTPUT].shape} for {n_states} states")


def _checked_picture(picture: Any) -> Array:
    values = np.array(picture, dtype=np.float32)
    if values.ndim != 2 or values.shape[0] != HEIGHT or not 8 <= values.shape[1] <= MAX_WIDTH:
        raise ValueError(f"a picture must have shape ({HEIGHT}, 8..{MAX_WIDTH}), got {values.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"a picture must have values of 0..1, got {values.min():g}..{values.max():g}")
    return values


def _done(step: Step, inputs: list[Any]) -> Any:
    import torch

    if step.kind == "Sigmoid":
        return torch.sigmoid(*inputs)
    if step.kind in ("Mul", "Add"):
        return torch.mul(*inputs) if step.kind == "Mul" else torch.add(*inputs)
    weights, bias = torch.from_numpy(step.weights), torch.from_numpy(step.bias)
    return torch.nn.functional.conv2d(inputs[0], weights, bias, step.stride, step.padding)
