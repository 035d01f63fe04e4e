"""A text recogniser: convolutions on the host, a bidirectional LSTM, and one wide output layer, read from their file.

The LSTM and the output layer are near the paper's NeuralTalk layers in size, and no ReLU precedes them: all of their
inputs are non-zero. One can look at the inputs of each product with these weights, replace the weights by compressed
ones, and replace the arithmetic by the machine's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.datasets import catalogue
from eie.formats import FormatError
from eie.formats.errors import report_damage
from eie.formats.weights import check_file
from eie.networks.host_operations import Concat, Flatten, Transpose
from eie.networks.network import INPUT, Network, Node
from eie.networks.operations import LSTM, FloatLayer, HostOperation, Linear, MatrixOperation, expect_inputs
from eie.networks.windows import Shape, check_image, check_window, output_size

Array = NDArray[np.float32]

HEIGHT = 64
"""Height of a picture, pixels."""

MIN_WIDTH, MAX_WIDTH = 8, 4096
"""Narrowest and widest picture, pixels."""

MAX_FILE_BYTES = 2**28
CHARSET = "CHARSET_BETA"
"""Name of the model's list of characters in the file of lists beside it."""

DIRECTIONS = ("forward", "backward")
OUTPUT = "output"
FEATURES = "features"
"""Name of the node that gives the LSTM's inputs."""


@dataclass(frozen=True, eq=False)
class Convolution(HostOperation):
    """A convolution in float32, which PyTorch does.

    Attributes
    ----------
    weights : float32 array of shape `(n_out, channels, height, width)`
    bias : float32 array of shape `(n_out,)`
    stride, padding : int
        Pixels, the same both ways.
    """

    weights: Array
    bias: Array
    stride: int
    padding: int

    def __post_init__(self) -> None:
        check_window(self._kernel, (self.stride,) * 2, (self.padding,) * 4)
        if self.weights.ndim != 4 or self.bias.shape != self.weights.shape[:1]:
            raise ValueError(f"weights of shape {self.weights.shape}, and biases of shape {self.bias.shape}")

    @property
    def _kernel(self) -> tuple[int, int]:
        down, across = self.weights.shape[2:]
        return down, across

    def shape(self, *inputs: Shape) -> Shape:
        """Return `(n_out, height, width)`."""
        (shape,) = expect_inputs(inputs, 1)
        check_image(shape, self.weights.shape[1])
        return (len(self.bias), *output_size(shape[1:], self._kernel, (self.stride,) * 2, (self.padding,) * 4))

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[Any]:
        """Convolve the input."""
        import torch

        values, weights, bias = (torch.from_numpy(array) for array in (inputs[0], self.weights, self.bias))
        return np.asarray(torch.nn.functional.conv2d(values, weights, bias, self.stride, self.padding).numpy())


@dataclass(frozen=True, slots=True)
class Elementwise(HostOperation):
    """A function of each element of arrays of one shape, which PyTorch does.

    Attributes
    ----------
    kind : {"Sigmoid", "Mul", "Add"}
        Its name in ONNX.
    """

    kind: str

    def shape(self, *inputs: Shape) -> Shape:
        """Return the shape of the inputs."""
        shape, *_ = expect_inputs(inputs, 1 if self.kind == "Sigmoid" else 2)
        if inputs != (shape,) * len(inputs):
            raise ValueError(f"inputs must have the same shape, got {inputs}")
        return shape

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[Any]:
        """Compute the function."""
        import torch

        function = getattr(torch, self.kind.lower())
        return np.asarray(function(*map(torch.from_numpy, inputs)).numpy())


@dataclass(frozen=True, eq=False)
class Recogniser:
    """The model and its characters.

    Attributes
    ----------
    network : Network
        From the narrowest picture, shape `(1, 64, 8)`, to a score of every character at every step. Its weight layers
        are `"forward"` and `"backward"`, the gates of the LSTM over input and state, and `"output"`.
    characters : sequence of str
        One per output; the first stands for none.
    product : callable, optional
        Called with the name of a matrix and its inputs, shape `(n_vectors, n_in)`; returns their product, shape
        `(n_vectors, n_out)`. In float32 if left out.
    """

    network: Network
    characters: list[str]
    product: Callable[[str, Array], Array] | None = None

    @property
    def weights(self) -> dict[str, Array]:
        """The matrices of weights, each of shape `(n_out, n_in)`."""
        return {
            name: op.layer.weights
            for name, op in self.network.weight_nodes
            if isinstance(op, MatrixOperation) and isinstance(op.layer, FloatLayer)
        }

    @property
    def biases(self) -> dict[str, Array]:
        """Biases of the matrices, each of shape `(n_out,)`."""
        return {name: bias for name, op in self.network.weight_nodes for bias in op.biases if bias is not None}

    def with_weights(self, weights: Mapping[str, Array]) -> Recogniser:
        """Return the same model with some matrices replaced.

        Raises
        ------
        ValueError
            When there is no such matrix, or the shape is another.
        """
        known = self.weights
        for name, values in weights.items():
            have = known[name].shape if name in known else None
            if have != values.shape:
                raise ValueError(f"weights of {name!r} must have shape {have}, got {values.shape}")
        nodes = [
            replace(node, op=replace(node.op, layer=FloatLayer(weights[node.name])))
            if isinstance(node.op, MatrixOperation) and node.name in weights
            else node
            for node in self.network.nodes
        ]
        return replace(self, network=replace(self.network, nodes=tuple(nodes)))

    def with_product(self, product: Callable[[str, Array], Array]) -> Recogniser:
        """Return the same model, its products with matrices of weights done by `product`."""
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
        found = self.scores(picture).argmax(axis=1)
        # A character is written once for as long as it stays the likeliest (connectionist temporal classification).
        new = found[np.diff(found, prepend=-1) != 0]
        return "".join(self.characters[index] for index in new if index)

    def features(self, picture: Any) -> Array:
        """Compute the LSTM's inputs of a picture, from left to right: an array of shape `(n_steps, n_in)`."""
        return self._evaluate(picture, FEATURES)

    def scores(self, picture: Any) -> Array:
        """Score every character at every step of a picture: an array of shape `(n_steps, n_characters)`."""
        return self._evaluate(picture, OUTPUT)

    def _evaluate(self, picture: Any, last: str) -> Array:
        """Run the network, made as wide as the picture, as far as node `last`."""
        values = _checked_picture(picture)[np.newaxis]
        end = 1 + [node.name for node in self.network.nodes].index(last)
        network = Network(values.shape, self.network.nodes[:end])
        arithmetic = {name: _Product(name, self) for name, _ in network.weight_nodes}
        return np.asarray(network.evaluate(values[np.newaxis], arithmetic)[last][0], np.float32)


class _Product:
    """The arithmetic of one matrix, its product done by the model's `product`."""

    def __init__(self, name: str, model: Recogniser) -> None:
        weights = model.weights[name]
        self._name, self._bias = name, model.biases[name]
        self._product = model.product or (lambda _, vectors: vectors @ weights.T)

    def quantize_inputs(self, values: Array) -> Array:
        return values

    def multiply(self, part: int, vectors: Array) -> Array:
        return self._product(self._name, vectors) + self._bias


def load(folder: str | Path | None = None) -> Recogniser:
    """Read the model and its list of characters.

    Parameters
    ----------
    folder : path, optional
        Where `common.onnx` and `charsets.py` are; found by `eie.datasets.catalogue` if left out.

    Raises
    ------
    FileNotFoundError
        When no folder is given and the model is not available; the message says how to get it.
    FormatError
        When a file is damaged, or is not a model of this architecture.
    """
    folder = Path(folder) if folder is not None else catalogue.require("ddddocr")
    path = folder / "common.onnx"
    graph = _graph(path)
    with report_damage(path, "no recogniser of this architecture"):
        model = _model(graph, read_characters(folder / "charsets.py"))
    n_characters = len(model.biases[OUTPUT])
    if len(model.characters) != n_characters:
        raise FormatError(
            f"{folder}: the model tells {n_characters} characters apart, the list has {len(model.characters)}"
        )
    return model


def draw_text(text: str, size: int = 42) -> Array:
    """Draw black text on white, as `Recogniser.read` takes it.

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
    """Read the model's characters from the source file that lists them; the file is parsed, never run.

    Raises
    ------
    FormatError
        When the file is missing, too large, or has no such list of strings.
    """
    path = Path(path)
    check_file(path, MAX_FILE_BYTES)
    with report_damage(path, "cannot be parsed"):
        values = [
            ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8", errors="replace")).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == CHARSET
        ]
    if len(values) != 1 or not isinstance(values[0], list) or not all(isinstance(c, str) for c in values[0]):
        raise FormatError(f"{path}: must have one list of strings {CHARSET}")
    return list(values[0])


def _graph(path: Path) -> Any:
    import onnx

    check_file(path, MAX_FILE_BYTES)
    with report_damage(path, "no ONNX model"):
        return onnx.load_model_from_string(path.read_bytes()).graph


def _model(graph: Any, characters: list[str]) -> Recogniser:
    from onnx import numpy_helper

    arrays = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    kinds = [node.op_type for node in graph.node]
    nodes = [_node(node, arrays, graph.node[0].input[0]) for node in graph.node[: kinds.index("Transpose")]]
    lstm, linear = graph.node[kinds.index("LSTM")], graph.node[kinds.index("Gemm")]
    into, recurrent, biases = (arrays[name] for name in lstm.input[1:4])
    # Each step of the LSTM takes one column of the picture's last feature map: all its channels and rows.
    nodes += [
        Node("columns", Transpose((2, 0, 1)), (nodes[-1].name,)),
        Node(FEATURES, Flatten(start=1), ("columns",)),
    ]
    for d, way in enumerate(DIRECTIONS):
        weights, bias = np.concatenate([into[d], recurrent[d]], axis=1), np.sum(np.split(biases[d], 2), axis=0)
        nodes.append(Node(way, LSTM(FloatLayer(weights), bias, way == "backward", gates="iofc"), (FEATURES,)))
    weights, bias = (arrays[name] for name in linear.input[1:3])
    nodes += [
        Node("both", Concat(axis=1), DIRECTIONS),
        Node(OUTPUT, Linear(FloatLayer(weights), bias), ("both",)),
    ]
    return Recogniser(Network((1, HEIGHT, MIN_WIDTH), tuple(nodes)), characters)


def _node(node: Any, arrays: Mapping[str, Array], picture: str) -> Node:
    """Make a node of the picture part from one of the file."""
    sources = tuple(INPUT if name == picture else name for name in node.input)
    if node.op_type in ("Sigmoid", "Mul", "Add"):
        return Node(node.output[0], Elementwise(node.op_type), sources)
    if node.op_type != "Conv":
        raise ValueError(f"an operation {node.op_type} among the convolutions")
    settings = {attribute.name: attribute for attribute in node.attribute}
    (stride,), (padding,) = {*settings["strides"].ints}, {*settings["pads"].ints}
    weights, bias = (arrays[name] for name in node.input[1:3])
    return Node(node.output[0], Convolution(weights, bias, stride, padding), sources[:1])


def _checked_picture(picture: Any) -> Array:
    values = np.array(picture, dtype=np.float32)
    if values.ndim != 2 or values.shape[0] != HEIGHT or not MIN_WIDTH <= values.shape[1] <= MAX_WIDTH:
        raise ValueError(f"a picture must have shape ({HEIGHT}, {MIN_WIDTH}..{MAX_WIDTH}), got {values.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(f"a picture must have values of 0..1, got {values.min():g}..{values.max():g}")
    return values
