"""The table of kinds: files that common tools write, and the one right reading of each, by `eie inspect --json`.

Every kind is made in at least three ways. What is expected comes from the tools themselves: the matrix that a module
multiplies by, or what a layer computes.
"""

import json

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.torch import save_file
from torch import nn
from torch.ao.nn.quantized import dynamic
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torch.sparse import SparseSemiStructuredTensorCUTLASS
from torch.sparse._semi_structured_conversions import sparse_semi_structured_from_dense_cutlass

from eie.cli.main import main
from eie.formats import FormatError, weights
from eie.networks import importing


def seen(capsys, path, *options):
    """Read a file by the command, as the one dictionary that it prints."""
    assert main(["inspect", str(path), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def shapes(found):
    return {layer["name"]: (layer["n_out"], layer["n_in"], layer["nonzeros"]) for layer in found["layers"]}


def reasons(found):
    return {part["name"]: part["reason"] for part in found["unmapped"]}


def matrices(path, key=None):
    """Read all layers as plain arrays by name."""
    found = {layer.name: layer.read() for layer in importing.read(path, key).layers}
    return {name: each.toarray() if sp.issparse(each) else each for name, each in found.items()}


def weight(*shape, density=1.0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=draw)
    return values * (torch.rand(shape, generator=draw) < density)


def saved(path, tensors):
    (save_file if path.suffix == ".safetensors" else torch.save)(tensors, path)
    return path


@pytest.mark.filterwarnings("ignore:The PyTorch API of SparseSemiStructuredTensor is in prototype")
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.int8])
def test_two_of_four_as_a_gpu_stores_them(capsys, tmp_path, kind):
    n_out, n_in = 64, 128
    kept = torch.argsort(torch.rand(n_out, n_in // 4, 4, generator=torch.Generator().manual_seed(1))) < 2
    if kind == torch.float32:  # of these a GPU keeps one of two
        kept = torch.arange(2) == torch.randint(2, (n_out, n_in // 2, 1), generator=torch.Generator().manual_seed(1))
    given = (torch.arange(1, n_out * n_in + 1) % 97 + 1).reshape(n_out, n_in).to(kind) * kept.reshape(n_out, n_in)
    packed, places = sparse_semi_structured_from_dense_cutlass(given)
    parts = {"packed_t": None, "meta_t": None, "compressed_swizzled_bitmask": None}
    tensor = SparseSemiStructuredTensorCUTLASS(given.shape, packed=packed, meta=places, **parts)
    path = saved(tmp_path / "a.pt", {"fc.weight": tensor, "fc.bias": torch.ones(n_out)})
    assert shapes(seen(capsys, path)) == {"fc": (n_out, n_in, n_out * n_in // 2)}
    np.testing.assert_array_equal(matrices(path)["fc"], given.float())


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize(
    "mask",
    [
        *("fc.mask", "fc.weight_mask", "fc._mask", "fc.weight.mask", "fc.mask_weight", "fc.prune_mask"),
        *("fc.weight_pruning_mask", "fc.masks.weight", "fc.mask.weight", "masks.fc.weight", "mask.fc"),
    ],
)
def test_masks_by_hand_are_multiplied_in(capsys, tmp_path, mask, ending):
    pattern = (torch.arange(15 * 7).reshape(15, 7) % 3 == 0).float()
    path = saved(tmp_path / f"a.{ending}", {"fc.weight": weight(15, 7), mask: pattern, "fc.bias": torch.ones(15)})
    found = seen(capsys, path)
    assert shapes(found) == {"fc": (15, 7, 35)}
    assert found["weights_on_machine"] == 1.0
    np.testing.assert_array_equal(matrices(path)["fc"], weight(15, 7) * pattern)


def test_masks_beside_the_state_dict(capsys, tmp_path):
    state = {"fc.weight": weight(6, 5), "out.weight": weight(3, 6)}
    saved(tmp_path / "a.pth", {"state_dict": state, "masks": {"fc.weight": torch.eye(6, 5)}, "epoch": 3})
    assert shapes(seen(capsys, tmp_path / "a.pth")) == {"fc": (6, 5, 5), "out": (3, 6, 18)}


@pytest.mark.parametrize("key", ["mask", "masks"])
def test_masks_beside_the_state_dict_by_module(capsys, tmp_path, key):
    masks = {"fc": torch.eye(6, 5), "gone": torch.eye(4)}
    saved(tmp_path / "a.pt", {"model": {"fc.weight": weight(6, 5)}, key: masks})
    found = seen(capsys, tmp_path / "a.pt")
    assert shapes(found) == {"fc": (6, 5, 5)}
    assert reasons(found) == {"gone": "a mask of no weight of model"}


def test_a_mask_of_another_shape_is_none_of_the_weight(capsys, tmp_path):
    found = seen(capsys, saved(tmp_path / "a.pt", {"attn.weight": weight(6, 5), "attn.mask": torch.ones(9, 9)}))
    assert shapes(found) == {"attn": (6, 5, 30)}
    assert "attn.mask" in reasons(found)


@pytest.mark.parametrize("module", [nn.Linear(9, 6), nn.Conv2d(3, 4, 2), nn.Conv1d(5, 3, 4)])
@pytest.mark.parametrize(
    "norm", [weight_norm, spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm]
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_normalised_weights_are_combined(tmp_path, module, norm):
    torch.manual_seed(1)
    module = norm(nn.Sequential(type(module)(*_arguments(module)))[0]).eval()
    module(torch.zeros(1, *module.weight.shape[1:]))  # makes the old kinds' weight anew
    state = module.state_dict()
    path = saved(tmp_path / "a.pt", {f"layer.{name}": value for name, value in state.items()})
    (name, found), *rest = matrices(path).items()
    assert (name, rest) == ("layer", [])
    expected = module.weight.detach()
    np.testing.assert_allclose(found, expected.movedim(1, -1).reshape(len(expected), -1), rtol=1e-5, atol=1e-6)


def _arguments(module):
    if isinstance(module, nn.Linear):
        return module.in_features, module.out_features
    return module.in_channels, module.out_channels, module.kernel_size


def test_pruned_by_pytorch_in_the_files_order(capsys, tmp_path):
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Linear(9, 6), nn.GRU(5, 4), nn.Linear(6, 2))
    for module, name in ((model[0], "weight"), (model[1], "weight"), (model[2], "weight_ih_l0")):
        prune.l1_unstructured(module, name, 0.5)
    found = seen(capsys, saved(tmp_path / "a.pt", model.state_dict()))
    assert list(shapes(found)) == ["0", "1", "2.weight_ih_l0", "2.weight_hh_l0", "3"]
    assert shapes(found)["2.weight_ih_l0"] == (12, 5, 30)
    assert shapes(found)["0"] == (4, 18, 36)


def test_parametrization_without_its_mask_is_said(capsys, tmp_path):
    found = seen(capsys, saved(tmp_path / "a.pt", {"0.parametrizations.weight.original": weight(6, 5)}))
    assert shapes(found) == {"0": (6, 5, 30)}
    assert "mask" in found["layers"][0]["note"]
    with_mask = {
        "0.parametrizations.weight.original": weight(6, 5),
        "0.parametrizations.weight.0.mask": torch.eye(6, 5),
    }
    assert shapes(seen(capsys, saved(tmp_path / "b.pt", with_mask))) == {"0": (6, 5, 5)}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr", "dense"])
@pytest.mark.parametrize("shape", [(16, 32), (8, 8), (24, 4)])
def test_sparse_layouts_of_torch(capsys, tmp_path, layout, shape):
    given = weight(*shape, density=0.3)
    stored = {"dense": lambda: given, "coo": given.to_sparse, "bsr": lambda: given.to_sparse_bsr((2, 2))}
    stored |= {"csr": given.to_sparse_csr, "csc": given.to_sparse_csc}
    path = saved(tmp_path / "a.pt", {"fc.weight": stored[layout](), "fc.bias": torch.zeros(shape[0])})
    assert shapes(seen(capsys, path)) == {"fc": (*shape, int(given.count_nonzero()))}
    np.testing.assert_array_equal(matrices(path)["fc"], given)


@pytest.mark.filterwarnings("ignore")  # that PyTorch makes such tensors no more
def test_quantised_tensors_and_packed_parameters(capsys, tmp_path):
    given = weight(6, 8)
    whole = torch.quantize_per_tensor(given, 0.05, 3, torch.qint8)
    by_row = torch.quantize_per_channel(given, torch.full((6,), 0.02), torch.zeros(6, dtype=int), 0, torch.qint8)
    packed = dynamic.Linear(8, 6)
    packed.set_weight_bias(whole, torch.ones(6))
    state = {"a.weight": whole, "b.weight": by_row} | {f"c.{n}": v for n, v in packed.state_dict().items()}
    path = saved(tmp_path / "a.pt", state | {"tail.weight": weight(3, 6)})
    found = shapes(seen(capsys, path))
    assert list(found) == ["a", "b", "c", "tail"]
    read = matrices(path)
    for name, tensor in (("a", whole), ("b", by_row), ("c", whole)):
        np.testing.assert_array_equal(read[name], tensor.dequantize())


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_small_floating_point(capsys, tmp_path, kind, ending):
    given = weight(9, 8).to(kind)
    path = saved(tmp_path / f"a.{ending}", {"fc.weight": given, "out.weight": weight(3, 9)})
    assert shapes(seen(capsys, path)) == {"fc": (9, 8, 72), "out": (3, 9, 27)}
    np.testing.assert_array_equal(matrices(path)["fc"], given.float())


@pytest.mark.parametrize(("scale", "shape"), [("scale", (9, 1)), ("weight_scale", ()), ("weight_scale_inv", (3, 2))])
def test_codes_of_eight_bits_and_their_scales(capsys, tmp_path, scale, shape):
    codes = torch.arange(72).reshape(9, 8).to(torch.int8)
    factor = torch.linspace(0.5, 1, max(1, int(np.prod(shape)))).reshape(shape)
    path = saved(tmp_path / "a.safetensors", {"q.weight": codes, f"q.{scale}": factor})
    found = seen(capsys, path)
    assert shapes(found) == {"q": (9, 8, 71)}
    assert not found["unmapped"]
    spread = factor.repeat_interleave(3, 0).repeat_interleave(4, 1) if shape == (3, 2) else factor
    np.testing.assert_allclose(matrices(path)["q"], codes * spread)


def packed(codes, bits):
    """Pack codes along the first side into words of 32 bits, in the plain order."""
    per = 32 // bits
    words = codes.reshape(-1, per, codes.shape[1]).astype(np.int64) << (bits * np.arange(per))[:, None]
    return torch.from_numpy(words.sum(axis=1).astype(np.uint32).view(np.int32))


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_gptq(capsys, tmp_path, bits):
    draw = np.random.default_rng(0)
    codes, zeros = draw.integers(0, 2**bits, (64, 32)), draw.integers(0, 2**bits - 1, (2, 32))
    scales, group = draw.uniform(0.5, 1, (2, 32)).astype(np.float32), np.arange(64) // 32
    tensors = {
        "l.qweight": packed(codes, bits),
        "l.qzeros": packed(zeros.T, bits).T.contiguous(),
        "l.scales": torch.from_numpy(scales),
        "l.g_idx": torch.from_numpy(group.astype(np.int32)),
    }
    path = saved(tmp_path / "a.safetensors", tensors)
    found = seen(capsys, path)
    assert f"GPTQ, {bits}-bit" in found["layers"][0]["note"]
    assert not found["unmapped"]
    expected = (scales[group] * (codes - zeros[group] - 1)).T
    np.testing.assert_allclose(matrices(path)["l"], expected)


def test_gptq_of_three_bits_is_named(capsys, tmp_path):
    tensors = {
        "l.qweight": torch.zeros(3, 32, dtype=torch.int32),
        "l.qzeros": torch.zeros(4, 3, dtype=torch.int32),
        "l.scales": torch.ones(4, 32),
        "l.g_idx": torch.arange(32, dtype=torch.int32) // 8,
    }
    found = seen(capsys, saved(tmp_path / "a.safetensors", tensors | {"fc.weight": weight(4, 3)}))
    assert shapes(found) == {"fc": (4, 3, 12)}
    assert "GPTQ: packed codes that are not read here: codes of 3 bits" in reasons(found)["l.weight"]


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_codes_of_compressed_tensors(capsys, tmp_path, bits, groups, ending):
    codes = np.random.default_rng(0).integers(0, 2**bits, (16, 32))
    scales = torch.linspace(0.5, 1, 16 * groups).reshape(16, groups)
    tensors = {
        "l.weight_packed": packed(codes.T, bits).T.contiguous(),
        "l.weight_scale": scales,
        "l.weight_shape": torch.tensor([16, 32]),
    }
    path = saved(tmp_path / f"a.{ending}", tensors)
    found = seen(capsys, path)
    assert f"compressed-tensors, {bits}-bit" in found["layers"][0]["note"]
    assert not found["unmapped"]
    expected = (codes - 2 ** (bits - 1)) * scales.numpy().repeat(32 // groups, axis=1)
    np.testing.assert_allclose(matrices(path)["l"], expected)


@pytest.mark.parametrize("more", [{"l.weight_zero_point": torch.zeros(2, 4)}, {"l.weight_shape": torch.tensor([16])}])
def test_other_codes_of_compressed_tensors_are_named(capsys, tmp_path, more):
    tensors = {
        "l.weight_packed": torch.zeros(16, 4, dtype=torch.int32),
        "l.weight_scale": torch.ones(16, 4),
        "l.weight_shape": torch.tensor([16, 32]),
    }
    found = seen(capsys, saved(tmp_path / "a.safetensors", tensors | {"fc.weight": weight(4, 3)} | more))
    assert shapes(found) == {"fc": (4, 3, 12)}
    assert "compressed-tensors" in reasons(found)["l.weight"]


@pytest.mark.parametrize("name", ["l", "layers.0.self_attn.q_proj", "head"])
def test_codes_of_hqq_are_named(capsys, tmp_path, name):
    meta = {"nbits": 4, "shape": (16, 32), "scale": torch.ones(8, 1), "zero": torch.ones(8, 1)}
    layer = {"W_q": torch.zeros(32, 8, dtype=torch.uint8), "meta": meta, "bias": torch.ones(16)}
    found = seen(capsys, saved(tmp_path / "a.pt", {name: layer, "fc.weight": weight(4, 3)}))
    assert shapes(found) == {"fc": (4, 3, 12)}
    assert list(reasons(found)) == [f"{name}.W_q"]
    assert "HQQ" in reasons(found)[f"{name}.W_q"]


@pytest.mark.parametrize("form", ["params/{}/{}", "params.{}.{}", "{}/{}:0"])
@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_kernels_of_flax_and_keras_by_any_separator(capsys, tmp_path, form, ending):
    tensors = {
        form.format("Dense_0", "kernel"): weight(12, 7),
        form.format("Dense_0", "bias"): weight(7),
        form.format("Conv_0", "kernel"): weight(3, 3, 5, 8),
        form.format("Conv_0", "bias"): weight(8),
    }
    path = tmp_path / f"a.{ending}"
    if ending == "npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        saved(path, tensors)
    found = seen(capsys, path)
    assert sorted(shapes(found).values()) == [(7, 12, 84), (8, 45, 360)]
    assert not found["unmapped"]


def test_sparse_rows_of_dense_numbers(capsys, tmp_path):
    rows = weight(6, 8) * torch.tensor([1, 0, 1, 0, 0, 1])[:, None]
    assert shapes(seen(capsys, saved(tmp_path / "a.pt", {"x.weight": rows.to_sparse(1)}))) == {"x": (6, 8, 24)}


def test_conv1d_of_gpt2_and_kernels_of_flax_are_turned(capsys, tmp_path):
    tensors = {
        "h.0.attn.c_attn.weight": weight(16, 48),
        "h.0.attn.c_attn.bias": weight(48),
        "h.0.attn.c_proj.weight": weight(16, 16),
        "h.0.attn.c_proj.bias": weight(16),
        "dense.kernel": weight(5, 7),
        "dense.bias": weight(7),
        "conv.kernel": weight(3, 2, 4, 6),
        "conv.bias": weight(6),
    }
    path = saved(tmp_path / "a.safetensors", tensors)
    found = shapes(seen(capsys, path))
    assert found == {
        "h.0.attn.c_attn": (48, 16, 768),
        "h.0.attn.c_proj": (16, 16, 256),
        "dense": (7, 5, 35),
        "conv": (6, 24, 144),
    }
    read = matrices(path)
    np.testing.assert_array_equal(read["h.0.attn.c_proj"], weight(16, 16).T)
    np.testing.assert_array_equal(read["conv"], weight(3, 2, 4, 6).reshape(-1, 6).T)


def test_convolutions_of_all_kinds(capsys, tmp_path):
    model = nn.ModuleDict(
        {
            "first": nn.Conv2d(1, 4, 3),
            "up": nn.ConvTranspose2d(6, 4, 2),
            "wide": nn.Conv3d(2, 4, 3),
            "dw": nn.Conv2d(8, 8, 3, groups=8),
            "group_conv": nn.Conv1d(8, 4, 3, groups=2),
            "norm": nn.BatchNorm2d(4),
            "prelu": nn.PReLU(4),
        }
    )
    found = seen(capsys, saved(tmp_path / "a.pt", model.state_dict()))
    assert shapes(found) == {"first": (4, 9, 36), "wide": (4, 54, 216)}
    why = reasons(found)
    for name, words in (("up.weight", "ConvTranspose"), ("dw.weight", "depthwise"), ("group_conv.weight", "grouped")):
        assert words in why[name]
    assert "PReLU" in why["prelu.weight"]
    assert "folds into" not in str(why)
    n_weights = sum(value.numel() for value in model.state_dict().values() if value.is_floating_point())
    n_biases = 4 + 4 + 4 + 8 + 4
    assert found["weights_on_machine"] == pytest.approx((36 + 216) / (n_weights - n_biases))


def test_recurrent_layers_are_listed_by_their_matrices(capsys, tmp_path):
    model = nn.ModuleDict(
        {
            "lstm": nn.LSTM(8, 6, num_layers=2, bidirectional=True, proj_size=4),
            "gru": nn.GRU(5, 3),
            "cell": nn.GRUCell(8, 12),
            "rnn": nn.RNN(6, 12),
        }
    )
    found = shapes(seen(capsys, saved(tmp_path / "a.pt", model.state_dict())))
    two_sided = {name: value for name, value in model.state_dict().items() if value.dim() == 2}
    assert list(found.values()) == [(*value.shape, value.numel()) for value in two_sided.values()]


def test_names_that_look_like_a_bias_or_a_state(capsys, tmp_path):
    names = ("hyper.weight_proj.weight", "hyper.bias_proj.weight", "lin_ih.weight", "lin_hh.weight", "weight")
    found = seen(capsys, saved(tmp_path / "a.pt", {name: weight(6, 4) for name in names}))
    assert list(shapes(found)) == ["hyper.weight_proj", "hyper.bias_proj", "lin_ih", "lin_hh", "weight"]


def test_embeddings_are_told_from_layers_named_like_them(capsys, tmp_path):
    tensors = {
        "tok_emb.weight": weight(60, 4),
        "encoder.weight": weight(50, 4),
        "patch_embed.proj.weight": weight(8, 3, 4, 4),
        "time_embed.0.weight": weight(9, 4),
        "embed.weight": weight(9, 3),
        "embed.bias": weight(9),
        "pos_embed": weight(1, 10, 16),
        "attn.relative_position_bias_table": weight(9, 4),
        "lm_head.weight": weight(60, 4),
    }
    found = seen(capsys, saved(tmp_path / "a.pt", tensors))
    assert list(shapes(found)) == ["encoder", "patch_embed.proj", "time_embed.0", "embed", "lm_head"]
    assert "looked up" in found["layers"][0]["note"]
    assert "looked up" in reasons(found)["tok_emb.weight"]
    assert {"pos_embed", "attn.relative_position_bias_table"} <= reasons(found).keys()


STATE = {"fc1.weight": weight(6, 4), "fc1.bias": weight(6)}


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": STATE, "epoch": 3, "best_acc1": torch.tensor(0.5)},
        {"model_state": STATE, "optimizer": {"state": {0: {"exp_avg": weight(6, 4)}}}},
        {"params": STATE, "params_ema": STATE},
        {"model": {f"module.{name}": value for name, value in STATE.items()}, "ema_state_dict": STATE},
        {"anything": STATE, "mean": weight(3)},
        {f"_orig_mod.{name}": value for name, value in STATE.items()},
    ],
)
@pytest.mark.parametrize("ending", ["pt", "pth.tar"])
def test_the_state_dict_is_found(capsys, tmp_path, content, ending):
    torch.save(content, tmp_path / f"a.{ending}")
    found = seen(capsys, tmp_path / f"a.{ending}")
    assert shapes(found) == {"fc1": (6, 4, 24)}
    assert found["weights_on_machine"] > 0.8


def test_of_two_state_dicts_one_is_chosen_by_its_key(capsys, tmp_path):
    torch.save({"generator": STATE, "discriminator": {"d": STATE}}, tmp_path / "a.pt")
    with pytest.raises(FormatError, match=r"generator, discriminator; choose one, such as --key generator"):
        importing.read(tmp_path / "a.pt")
    for key, name in (("generator", "fc1"), ("discriminator", "d.fc1"), ("discriminator.d", "fc1")):
        assert shapes(seen(capsys, tmp_path / "a.pt", "--key", key)) == {name: (6, 4, 24)}
    with pytest.raises(FormatError, match="has no 'encoder'; it has generator, discriminator"):
        importing.read(tmp_path / "a.pt", "encoder")
    with pytest.raises(ValueError, match="a key chooses a state dict"):
        importing.read(saved(tmp_path / "a.safetensors", STATE), "generator")


def test_checkpoint_in_several_files(capsys, tmp_path):
    saved(tmp_path / "one.safetensors", {"a.weight": weight(3, 4)})
    torch.save({"b.weight": weight(5, 3)}, tmp_path / "two.bin")
    index = {"weight_map": {"a.weight": "one.safetensors", "b.weight": "two.bin"}}
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    assert shapes(seen(capsys, path)) == {"a": (3, 4, 12), "b": (5, 3, 15)}
    for bad in ("../one.safetensors", "/etc/passwd", "gone.safetensors", "a.txt"):
        path.write_text(json.dumps({"weight_map": {"a.weight": bad}}))
        with pytest.raises(FormatError, match=r"index\.json|gone"):
            importing.read(path)
    for text in ("", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"c": "one.safetensors"}}'):
        path.write_text(text)
        with pytest.raises(FormatError):
            importing.read(path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_would_have_to_be_executed_is_refused_by_name(tmp_path):
    path = tmp_path / "a.pt"
    torch.jit.script(nn.Sequential(nn.Linear(3, 2))).save(path)
    with pytest.raises(FormatError, match=r"TorchScript archive.*state_dict\(\)"):
        importing.read(path)
    torch.save(nn.Linear(3, 2), path)
    with pytest.raises(FormatError, match=r"modules\.linear\.Linear, such as a whole pickled module.*state_dict"):
        importing.read(path)


@pytest.mark.parametrize("kind", ["dia", "csr", "csc", "coo", "bsr"])
def test_scipy_matrices(capsys, tmp_path, kind):
    given = sp.random_array((8, 8), density=0.3, rng=np.random.default_rng(0), dtype=np.float32)
    sp.save_npz(tmp_path / "a.npz", given.asformat(kind))
    assert shapes(seen(capsys, tmp_path / "a.npz")) == {"a": (8, 8, given.nnz)}


def test_plain_matrices_of_numpy(capsys, tmp_path):
    first, second = np.eye(3, 5, dtype=np.float32), np.ones((2, 3))
    np.save(tmp_path / "one.npy", first)
    np.savez(tmp_path / "two.npz", first)
    np.savez(tmp_path / "three.npz", fc1=first, fc2=second, scale=np.ones(4))
    np.savez(tmp_path / "four.npz", **{"fc.weight": first, "fc.bias": np.ones(3)})
    assert shapes(seen(capsys, tmp_path / "one.npy")) == {"one": (3, 5, 3)}
    assert shapes(seen(capsys, tmp_path / "two.npz")) == {"two": (3, 5, 3)}
    found = seen(capsys, tmp_path / "three.npz")
    assert shapes(found) == {"fc1": (3, 5, 3), "fc2": (2, 3, 6)}
    assert "two sides" in reasons(found)["scale"]
    assert shapes(seen(capsys, tmp_path / "four.npz")) == {"fc": (3, 5, 3)}
    np.save(tmp_path / "wrong.npy", np.ones((2, 2), complex))
    with pytest.raises(FormatError, match="complex128 numbers"):
        importing.read(tmp_path / "wrong.npy")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("symmetric\n2 2\n1\n2\n3\n", [[1, 2], [2, 3]]),
        ("skew-symmetric\n2 2\n5\n", [[0, -5], [5, 0]]),
        ("symmetric\n3 3\n1\n2\n3\n4\n5\n6\n", [[1, 2, 3], [2, 4, 5], [3, 5, 6]]),
    ],
)
def test_symmetric_arrays_of_matrix_market(tmp_path, words, expected):
    (tmp_path / "a.mtx").write_text("%%MatrixMarket matrix array real " + words)
    assert matrices(tmp_path / "a.mtx")["a"].tolist() == expected


def test_the_command_ends_with_the_share_of_the_weights(capsys, tmp_path):
    saved(tmp_path / "a.pt", {"fc.weight": weight(6, 5), "emb.weight": weight(2, 5)})
    assert main(["inspect", str(tmp_path / "a.pt")]) == 0
    assert capsys.readouterr().out.endswith("\n75 % of the file's weights are on the machine\n")


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_large_layers_run_in_blocks_of_rows(capsys, tmp_path, monkeypatch, ending, kind):
    monkeypatch.setattr(weights, "MAX_WEIGHTS", 40)
    given = weight(10, 9, density=0.5).to(kind)
    path = saved(tmp_path / f"a.{ending}", {"head.weight": given, "head.bias": torch.arange(10.0)})
    found = seen(capsys, path)
    assert list(shapes(found)) == ["head[0:4]", "head[4:8]", "head[8:10]"]
    assert "a block of rows of 10 x 9" in found["layers"][0]["note"]
    np.testing.assert_array_equal(np.vstack(list(matrices(path).values())), given.float())
    biases = [layer.bias() for layer in importing.read(path).layers]
    np.testing.assert_array_equal(np.concatenate(biases), np.arange(10))


def test_tensors_in_lists_and_packed_bits_do_not_vanish(capsys, tmp_path):
    torch.save(
        {"model": {"layers": [weight(3, 4), {"w": weight(5, 3)}], "fc": {"weight": weight(2, 5)}}}, tmp_path / "a.pt"
    )
    assert sorted(shapes(seen(capsys, tmp_path / "a.pt"))) == ["fc", "layers.0", "layers.1.w"]
    packed_bits = {"q.weight": torch.zeros(32, 1, dtype=torch.uint8), "q.weight.absmax": weight(4)}
    packed_bits["q.weight.quant_state.bitsandbytes__nf4"] = torch.zeros(9, dtype=torch.uint8)
    found = seen(capsys, saved(tmp_path / "b.safetensors", packed_bits | {"fc.weight": weight(4, 4)}))
    assert shapes(found) == {"fc": (4, 4, 16)}
    assert "bitsandbytes" in reasons(found)["q.weight"]
    assert found["weights_on_machine"] == 0.2


@pytest.mark.parametrize("names", [("q.lora_A", "q.lora_B"), ("q.lora_down", "q.lora_up"), ("loraA.0", "loraB.0")])
def test_factors_of_lora_are_marked(capsys, tmp_path, names):
    tensors = {f"{names[0]}.weight": weight(2, 8), f"{names[1]}.weight": weight(8, 2), "q.weight": weight(8, 8)}
    found = seen(capsys, saved(tmp_path / "a.safetensors", tensors))
    assert {layer["name"]: "LoRA" in layer["note"] for layer in found["layers"]} == {
        names[0]: True,
        names[1]: True,
        "q": False,
    }
