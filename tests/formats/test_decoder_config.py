"""Decoders from the sizes in their configuration."""

import json

import numpy as np
import pytest

import eie
from eie.formats import decoder_config
from eie.formats.errors import FormatError
from eie.networks import encoding, importing

LLAMA_7B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "vocab_size": 32000,
}
SMALL = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 24,
    "vocab_size": 200,
    "tie_word_embeddings": True,
}


@pytest.fixture
def config(tmp_path):
    def write(**changes):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(changes))
        return path

    return write


def test_sizes_of_llama_7b(config):
    found = importing.read(config(**LLAMA_7B))
    # arXiv:2302.13971, table 2: 6.7 billion parameters, those that each token looks up among them.
    assert sum(part.weights for part in (*found.layers, *found.unmapped)) == 6_738_415_616
    assert len(found.layers) == 32 * 7 + 1
    assert [part.name for part in found.unmapped] == ["model.embed_tokens", "norms"]


def test_heads_that_share_keys_and_tied_embeddings(config):
    found = importing.read(config(**SMALL))
    sizes = {layer.name.removeprefix("model.layers.1."): (layer.n_out, layer.n_in) for layer in found.layers}
    assert sizes["self_attn.q_proj"] == (96, 64)
    assert sizes["self_attn.k_proj"] == sizes["self_attn.v_proj"] == (48, 64)
    assert sizes["self_attn.o_proj"] == (64, 96)
    assert sizes["mlp.down_proj"] == (64, 96)
    assert sizes["lm_head"] == (200, 64)
    assert [part.name for part in found.unmapped] == ["norms"]


def test_a_large_matrix_is_cut_into_blocks_of_rows(config):
    sizes = {"hidden_size": 8192, "vocab_size": 128_256, "num_hidden_layers": 1}
    blocks = [layer for layer in importing.read(config(**LLAMA_7B | sizes)).layers if layer.name.startswith("lm_head")]
    assert [layer.n_out for layer in blocks] == [32_768] * 3 + [29_952]
    assert all(layer.sizes_only for layer in blocks)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "bert"}, "model_type must be one of llama, mistral, .*got 'bert'"),
        ({"num_experts": 8}, "without experts; got experts"),
        ({"vocab_size": None}, "vocab_size must be a whole number in 1..1048576, got None"),
        ({"hidden_size": 2**21}, "hidden_size must be a whole number"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers must be a whole number in 1..1024"),
        ({"num_attention_heads": True}, "num_attention_heads must be a whole number"),
        ({"head_dim": 2**19}, r"num_attention_heads x head_dim must be .*, got 2097152"),
    ],
)
def test_what_is_no_decoder_is_told(config, changes, words):
    with pytest.raises(FormatError, match=f"config.json: .*{words}"):
        decoder_config.read(config(**SMALL | changes))


@pytest.mark.parametrize("text", ["", "[1]", "[" * 100_000, '{"model_type": "llama"', "\xff"])
def test_what_is_no_json_is_told(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, "latin-1")
    with pytest.raises(FormatError, match=r"config\.json"):
        importing.read(path)


def test_layers_are_drawn_at_the_density(config):
    path = config(**SMALL)
    first, again, other = (list(encoding.encoded(path, density=0.2, seed=seed).layers) for seed in (1, 1, 2))
    for one, same, another in zip(first, again, other, strict=True):
        assert one.mem.codes.tolist() == same.mem.codes.tolist() != another.mem.codes.tolist()
        assert one.note == "drawn at random, since the file has sizes only"
    kept = sum(int(one.mem.column_macs.sum()) for one in first) / sum(one.weights for one in first)
    assert kept == pytest.approx(0.2, abs=0.01)
    assert first[0].mem.codes.tolist() != first[7].mem.codes.tolist()  # the same matrix of the next block


def test_a_run_needs_the_density(config):
    path = config(**SMALL)
    found = eie.evaluate(path, density=0.1, act_density=0.5)
    assert len(found.layers) == 15
    with pytest.raises(ValueError, match=r"q_proj has a size but no weights: give the density .*--prune-to"):
        eie.evaluate(path, act_density=0.5)


def test_inspect_lists_the_sizes(config):
    path = config(**SMALL)
    runs, _ = importing.inspect(path)
    assert np.isnan(runs["density"]).all()
    layer = importing.described(path)["layers"][0]
    assert layer["nonzeros"] is None
    assert layer["weights"] == 96 * 64
