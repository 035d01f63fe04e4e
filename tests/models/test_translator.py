import numpy as np
import pytest
import torch
from translators import HIDDEN, TOKENS, WIDTH, Letters, float_tensor, model_bytes

from eie.formats import FormatError
from eie.models import translator


@pytest.fixture
def model(tensors):
    return translator.Translator(tensors, Letters())


def torch_layer_norm(x, tensors, part):
    scale, bias = (torch.from_numpy(tensors[part + end][0]) for end in ("_ln_scale", "_ln_bias"))
    return torch.nn.functional.layer_norm(x, (WIDTH,), scale, bias, translator.EPSILON)


def torch_attention(queries, memory, tensors, part):
    """PyTorch's own attention, its projections side by side as it wants them."""
    attention = torch.nn.MultiheadAttention(WIDTH, translator.HEADS, batch_first=True)
    joined = np.concatenate([tensors[part + "W" + kind].T for kind in "qkv"])
    biases = np.concatenate([tensors[part + "b" + kind][0] for kind in "qkv"])
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.from_numpy(joined))
        attention.in_proj_bias.copy_(torch.from_numpy(biases))
        attention.out_proj.weight.copy_(torch.from_numpy(tensors[part + "Wo"].T))
        attention.out_proj.bias.copy_(torch.from_numpy(tensors[part + "bo"][0]))
        return attention(queries[None], memory[None], memory[None])[0][0]


def torch_feed_forward(x, tensors, part):
    w1, b1, w2, b2 = (torch.from_numpy(tensors[part + name]) for name in ("W1", "b1", "W2", "b2"))
    return torch_layer_norm(x + torch.relu(x @ w1 + b1) @ w2 + b2, tensors, part + "ffn")


def test_encoder_is_the_transformer_of_pytorch(model, tensors):
    tokens = [3, 1, 4, 1, 5, 10]
    place = np.arange(6)[:, None] / 10000 ** (np.arange(8) / 7)
    x = torch.from_numpy(tensors["Wemb"][tokens] * 4 + np.hstack([np.sin(place), np.cos(place)]).astype(np.float32))
    for layer in range(1, 7):
        part = f"encoder_l{layer}_"
        x = torch_layer_norm(x + torch_attention(x, x, tensors, part + "self_"), tensors, part + "self_Wo")
        x = torch_feed_forward(x, tensors, part + "ffn_")
    np.testing.assert_allclose(model.encode(tokens), x.numpy(), atol=2e-5)


def test_one_decoder_step_by_hand(model, tensors):
    """The first step: nothing is embedded yet, and the recurrent unit forgets nothing it could know."""
    memory = np.random.default_rng(1).normal(size=(4, WIDTH)).astype(np.float32)
    scores, states = model.step([[]], 0, np.zeros((2, 1, WIDTH), np.float32), model._memory([memory]))
    x = torch.from_numpy(np.repeat([0.0, 1.0], 8).astype(np.float32))[None]
    for layer in (1, 2):
        part = f"decoder_l{layer}_"
        w, wf, bf = (torch.from_numpy(tensors[part + name]) for name in ("rnn_W", "rnn_Wf", "rnn_bf"))
        state = (1 - torch.sigmoid(x @ wf + bf)) * (x @ w)
        np.testing.assert_allclose(states[layer - 1], state.numpy(), atol=1e-5)
        x = torch_layer_norm(x + torch.relu(state), tensors, part + "rnn_ffn")
        attended = torch_attention(x, torch.from_numpy(memory), tensors, part + "context_")
        x = torch_layer_norm(x + attended, tensors, part + "context_Wo")
        x = torch_feed_forward(x, tensors, part + "ffn_")
    expected = x.numpy() @ tensors["Wemb"].T + tensors["decoder_ff_logit_out_b"]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_translation_ends_with_the_end_mark_or_its_length(tensors):
    never = tensors | {"decoder_ff_logit_out_b": np.eye(1, TOKENS, 2, dtype=np.float32) * 1e6}
    assert translator.Translator(never, Letters()).translate(["ab"]) == ["c" * 8]  # 2.5 times three tokens, begun
    at_once = tensors | {"decoder_ff_logit_out_b": np.eye(1, TOKENS, 10, dtype=np.float32) * 1e6}
    assert translator.Translator(at_once, Letters()).translate(["ab"]) == [""]
    assert translator.Translator(at_once, Letters()).translate([]) == []


def test_sentences_together_are_sentences_alone(model):
    texts = ["abc", "jihgfedcba", "a", "ccbbaa"]
    assert model.tokens(texts) == [model.tokens([text])[0] for text in texts]


def test_too_long_a_sentence_is_refused(model):
    with pytest.raises(ValueError, match="at most 2048 tokens, its end among them, got 2049"):
        model.tokens(["a" * 2048])


def test_every_product_can_be_watched_and_replaced(model):
    seen = {}

    def product(name, x):
        seen.setdefault(name, []).append(x)
        return x @ model.tensors[name]

    assert model.with_product(product).translate(["abc"]) == model.translate(["abc"])
    assert set(seen) == set(model.matrices)
    assert all(x.shape[1] == len(model.matrices[name]) for name, inputs in seen.items() for x in inputs)
    assert min(seen["encoder_l1_ffn_W2"][0].min(), 0) == 0  # behind a ReLU
    zero = model.with_weights({"encoder_l1_ffn_W2": np.zeros((HIDDEN, WIDTH), np.float32)})
    assert not np.allclose(zero.encode([1, 2]), model.encode([1, 2]))
    with pytest.raises(ValueError, match=r"'encoder_l1_ffn_W2' must have shape \(24, 16\), got \(1, 1\)"):
        model.with_weights({"encoder_l1_ffn_W2": np.zeros((1, 1))})


def test_a_model_of_another_architecture_is_refused(tmp_path, tensors):
    path = tmp_path / "model.enpt.intgemm.alphas.bin"
    path.write_bytes(model_bytes({"b": float_tensor(np.ones((1, 2)))}))
    with pytest.raises(FormatError, match="has no matrix 'Wemb'"):
        translator.load(tmp_path)
    del tensors["encoder_l3_self_bq"]
    path.write_bytes(model_bytes({name: float_tensor(values) for name, values in tensors.items()}))
    with pytest.raises(FormatError, match=r"'encoder_l3_self_bq' must have shape \(1, 16\), has None"):
        translator.load(tmp_path)


def test_a_damaged_vocabulary_is_refused(tmp_path, tensors):
    (tmp_path / "model.enpt.intgemm.alphas.bin").write_bytes(
        model_bytes({name: float_tensor(values) for name, values in tensors.items()})
    )
    (tmp_path / "vocab.enpt.spm").write_bytes(b"\xff" * 100)
    with pytest.raises(FormatError, match=r"vocab\.enpt\.spm: not a vocabulary"):
        translator.load(tmp_path)


@pytest.mark.needs_data("translator")
def test_real_model_translates_fluently():
    model = translator.load()
    assert model.translate(["Where is the nearest train station?", "The house is small."]) == [
        "Onde está a estação de trem mais próxima?",
        "A casa é pequena.",
    ]
