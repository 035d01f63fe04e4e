"""Decoders of large language models from their configuration, `config.json`: sizes of all matrices, and no weights.

The file is that of a checkpoint in the form that the Transformers library writes. A decoder has blocks of attention and
a gated feed-forward network, and a matrix to the vocabulary; names and sizes of the matrices are those of its
checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eie.formats.errors import FormatError, guarded
from eie.formats.weights import (
    MAX_BLOCKS,
    MAX_SIDE,
    MAX_WEIGHTS,
    Unmapped,
    WeightFile,
    WeightLayer,
    check_file,
    in_blocks,
)

ENDING = "config.json"

MAX_BYTES = 2**20
"""Bytes of a file: some list thousands of names of classes."""

MAX_DEPTH = 1024
"""Blocks of one decoder: eight times those of the deepest at hand."""

KINDS = ("llama", "mistral", "qwen2", "qwen3")
"""Values of `model_type` whose matrices are known: Llama (arXiv:2302.13971) and models that have the same ones."""

_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


@guarded
def read(path: Path) -> WeightFile:
    """List the layers of a decoder; each token takes one product of each.

    Raises
    ------
    FormatError
        When the file is missing or damaged, is of another kind of network, or a size is missing or out of range.
    """
    check_file(path, MAX_BYTES)
    found = json.loads(path.read_bytes())
    kind = found.get("model_type") if isinstance(found, dict) else None
    if kind not in KINDS or any(found.get(name) for name in _EXPERTS):
        what = "experts" if kind in KINDS else f"{str(kind)!r:.40}"
        raise FormatError(f"{path}: model_type must be one of {', '.join(KINDS)}, without experts; got {what}")
    return WeightFile.of(path, list(_parts(_Sizes(path, found))))


class _Sizes:
    """Sizes of a decoder, checked."""

    def __init__(self, path: Path, found: dict[str, Any]) -> None:
        self.path, self.found = path, found
        self.hidden = self.size("hidden_size")
        self.inner = self.size("intermediate_size")
        self.depth = self.size("num_hidden_layers", high=MAX_DEPTH)
        self.vocabulary = self.size("vocab_size")
        heads = self.size("num_attention_heads")
        each = self.size("head_dim", self.hidden // heads)
        self.queries = self.side("num_attention_heads x head_dim", heads * each)
        self.keys = self.side("num_key_value_heads x head_dim", self.size("num_key_value_heads", heads) * each)
        self.tied = bool(found.get("tie_word_embeddings"))

    def size(self, name: str, usual: int | None = None, high: int = MAX_SIDE) -> int:
        value = self.found.get(name)
        return self.side(name, usual if value is None else value, high)

    def side(self, name: str, value: Any, high: int = MAX_SIDE) -> int:
        if type(value) is not int or not 1 <= value <= high:
            raise FormatError(f"{self.path}: {name} must be a whole number in 1..{high}, got {value!s:.40}")
        return value

    def matrices(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, outputs and inputs of the matrices of a block."""
        yield "self_attn.q_proj", self.queries, self.hidden
        yield "self_attn.k_proj", self.keys, self.hidden
        yield "self_attn.v_proj", self.keys, self.hidden
        yield "self_attn.o_proj", self.hidden, self.queries
        yield "mlp.gate_proj", self.inner, self.hidden
        yield "mlp.up_proj", self.inner, self.hidden
        yield "mlp.down_proj", self.hidden, self.inner


def _parts(sizes: _Sizes) -> Iterator[WeightLayer | Unmapped]:
    if not sizes.tied:
        n_embedded = sizes.vocabulary * sizes.hidden
        yield Unmapped("model.embed_tokens", "embedding", "a table of which each token reads one row", n_embedded)
    for block in range(sizes.depth):
        for name, n_out, n_in in sizes.matrices():
            yield from _layer(sizes.path, f"model.layers.{block}.{name}", n_out, n_in)
    yield from _layer(sizes.path, "lm_head", sizes.vocabulary, sizes.hidden)
    yield Unmapped("norms", "norm", "scales of single values", (2 * sizes.depth + 1) * sizes.hidden)


def _layer(path: Path, name: str, n_out: int, n_in: int) -> list[WeightLayer]:
    if n_out * n_in > MAX_BLOCKS * MAX_WEIGHTS:
        raise FormatError(f"{path}: {name} must have 1..{MAX_BLOCKS * MAX_WEIGHTS} weights, has {n_out} x {n_in}")

    def no_rows(_: slice) -> Any:
        raise FormatError(f"{name} has no weights: the file has sizes only")

    return in_blocks(WeightLayer(name, "linear", n_out, n_in, lambda: no_rows(slice(None)), sizes_only=True), no_rows)
