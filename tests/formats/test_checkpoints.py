import collections
import json
import os
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from damage import mutants
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune

from eie.formats import FormatError, pytorch, torch_zip
from eie.networks import importing


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.second = nn.Conv2d(6, 4, (3, 2), bias=False)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.depthwise_too = nn.Conv2d(4, 4, 3, groups=4, bias=False)
        self.embedding = nn.Embedding(11, 5)
        self.lstm = nn.LSTM(5, 3, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(5, 3, bias=False)
        self.head = nn.Linear(9, 7)


@pytest.fixture
def net():
    return Net()


@pytest.fixture(params=["pt", "safetensors", "pth", "old.pth"])
def path(request, tmp_path, net):
    path = tmp_path / f"net.{request.param}"
    if request.param == "safetensors":
        save_file(net.state_dict(), path)
    elif request.param == "pt":
        torch.save(net.state_dict(), path)
    else:
        checkpoint = {"epoch": 3, "state_dict": net.state_dict(), "lr": 0.1}
        torch.save(checkpoint, path, _use_new_zipfile_serialization="old" not in request.param)
    return path


def read_all(path):
    for layer in importing.read(path).layers:
        layer.read()


def refused(path, *named):
    with pytest.raises(FormatError) as caught:
        read_all(path)
    assert path.name in str(caught.value)
    for words in named:
        assert words in str(caught.value)


def array(tensor):
    return tensor.detach().numpy()


def test_layers_of_a_checkpoint(path):
    found = {layer.name: (layer.kind, layer.n_out, layer.n_in) for layer in importing.read(path).layers}
    assert found == {
        "first": ("conv", 6, 27),
        "second": ("conv", 4, 36),
        "lstm.l0": ("lstm", 12, 8),
        "lstm.l0_reverse": ("lstm", 12, 8),
        "lstm.l1": ("lstm", 12, 9),
        "lstm.l1_reverse": ("lstm", 12, 9),
        "gru.l0": ("gru", 9, 8),
        "head": ("linear", 7, 9),
    }


def test_what_is_no_layer(path):
    why = {part.name: part.why for part in importing.read(path).unmapped}
    expected = {
        "norm.weight": "normalisation",
        "norm.bias": "normalisation",
        "norm.running_mean": "normalisation",
        "norm.running_var": "normalisation",
        "norm.num_batches_tracked": "not floating-point",
        "depthwise.weight": "4 x 1 x 3 x 3: one of several",
        "depthwise_too.weight": "4 x 1 x 3 x 3: one of several",
        "embedding.weight": "11 x 5: a row is looked up",
    }
    assert why.keys() == expected.keys()
    assert all(words in why[name] for name, words in expected.items())


def test_weights_of_a_checkpoint(path, net):
    found = {layer.name: layer for layer in importing.read(path).layers}
    np.testing.assert_array_equal(found["head"].read(), array(net.head.weight))
    np.testing.assert_array_equal(found["head"].bias(), array(net.head.bias))
    assert found["second"].bias is None
    assert found["gru.l0"].bias is None
    w, r = array(net.lstm.weight_ih_l1), array(net.lstm.weight_hh_l1)
    np.testing.assert_array_equal(found["lstm.l1"].read(), np.concatenate([w, r], axis=1))
    both = array(net.lstm.bias_ih_l1) + array(net.lstm.bias_hh_l1)
    np.testing.assert_allclose(found["lstm.l1"].bias(), both, rtol=1e-6)


def test_a_convolution_is_a_product_at_every_position(path, net):
    x = torch.randn(1, 6, 5, 5)
    layer = next(layer for layer in importing.read(path).layers if layer.name == "second")
    y = array(net.second(x))
    for i, j in np.ndindex(3, 4):
        by_tap = np.moveaxis(array(x)[0, :, i : i + 3, j : j + 2], 0, -1).ravel()
        np.testing.assert_allclose(layer.read() @ by_tap, y[0, :, i, j], rtol=1e-4, atol=1e-5)


def test_one_convolution_of_grey_pictures(tmp_path):
    torch.save({"conv.weight": torch.ones(20, 1, 5, 5)}, tmp_path / "lenet.pt")
    (found,) = importing.read(tmp_path / "lenet.pt").layers
    assert (found.kind, found.n_out, found.n_in) == ("conv", 20, 25)


def test_weights_that_pytorch_pruned(tmp_path):
    layer = nn.Linear(20, 10)
    prune.l1_unstructured(layer, "weight", amount=0.75)
    torch.save(layer.state_dict(), tmp_path / "a.pt")
    (found,) = importing.read(tmp_path / "a.pt").layers
    np.testing.assert_array_equal(found.read(), array(layer.weight))
    assert importing.compress(found, density=0.1)[0].density == 0.25


def test_half_precision(tmp_path):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        weight = torch.randn(3, 4).to(dtype)
        torch.save({"a.weight": weight}, tmp_path / "a.pt")
        save_file({"a.weight": weight}, tmp_path / "a.safetensors")
        for name in ("a.pt", "a.safetensors"):
            (found,) = importing.read(tmp_path / name).layers
            np.testing.assert_array_equal(found.read(), array(weight.float()))


class Bomb:
    """Runs a command when it is unpickled by a reader that is not careful."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("new", [True, False])
def test_nothing_in_a_checkpoint_is_executed(tmp_path, new):
    state = {"a.weight": torch.ones(2, 2), "b": Bomb(tmp_path / "executed")}
    torch.save(state, tmp_path / "bomb.pt", _use_new_zipfile_serialization=new)
    refused(tmp_path / "bomb.pt", "nothing in a checkpoint may be executed", "torch.save(model.state_dict()")
    assert not (tmp_path / "executed").exists()


def test_whole_modules_are_refused(tmp_path, net):
    torch.save(net, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "save the state dict alone")


def test_tensor_larger_than_its_file_is_no_layer(tmp_path):
    state = collections.OrderedDict({"a.weight": torch.ones(1, 1).expand(2**20, 200), "b.weight": torch.ones(2, 2)})
    torch.save(state, tmp_path / "a.pt")
    found = importing.read(tmp_path / "a.pt")
    assert [layer.name for layer in found.layers] == ["b"]
    assert [part.name for part in found.unmapped] == ["a.weight"]


def test_compressed_archive_is_not_unpacked(tmp_path):
    torch.save({"a.weight": torch.zeros(100, 100)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as good,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for entry in good.infolist():
            bad.writestr(entry.filename, good.read(entry))
    refused(tmp_path / "b.pt", "is compressed", "at byte 0")


def test_long_pickle_is_not_read(tmp_path, monkeypatch):
    torch.save({"a.weight": torch.zeros(2, 2), "words": "x" * 5000}, tmp_path / "a.pt")
    monkeypatch.setattr(pytorch, "MAX_PICKLE_BYTES", 4000)
    refused(tmp_path / "a.pt", "data.pkl must have at most 4000 bytes")


def test_no_state_dict(tmp_path):
    torch.save([1, 2], tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "no state dict")
    torch.save({"a.bias": torch.zeros(3)}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "no layer that the machine runs: a.bias: 3: a scale or shift")


def header(text, data=b""):
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 8,
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 99_999_999) + b"{}",
        header(b"{"),
        header(b"[" * 5000),
        header(json.dumps({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}).encode(), bytes(4)),
        header(json.dumps({"a": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 2**50]}}).encode(), bytes(4)),
        header(json.dumps({"a": {"dtype": "F32", "shape": [-1, 1], "data_offsets": [0, 4]}}).encode(), bytes(4)),
    ],
)
def test_hostile_safetensors(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02}q\x00.", b"garbage", b"\x80\x04\x8e" + b"\xff" * 8]
)
def test_no_checkpoint(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    refused(tmp_path / "a.pt")


@pytest.mark.filterwarnings("ignore")  # whatever torch thinks of damaged files
def test_mutated_files_are_refused_or_read_but_never_crash(path):
    n_read = n_refused = 0
    for mutant in mutants(path.read_bytes(), 60):
        path.write_bytes(mutant)
        try:
            for layer in importing.read(path).layers:
                importing.compress(layer)
            n_read += 1
        except FormatError:
            n_refused += 1
    assert n_read + n_refused == 60
    assert n_refused > 5


def test_plain_files_are_read_as_pytorch_reads_them(tmp_path):
    whole = torch.randn(6, 8)
    state = {"a": whole[1:5, 2:7], "b": whole.T, "c": torch.randn(3, 2).bfloat16(), "d": torch.arange(5)}
    state |= {"e": torch.zeros(0, 4), "f": nn.Parameter(torch.ones(2, 1).expand(2, 3)), "g": torch.ones(3) > 0}
    torch.save({"state": collections.OrderedDict(state), "epoch": 3, "names": ["x", "y"]}, tmp_path / "a.pt")
    found = torch_zip.read(tmp_path / "a.pt", 10**6)
    assert found["epoch"] == 3
    for name, tensor in state.items():
        read = found["state"][name].read()
        assert (read.shape, found["state"][name].is_float) == (tuple(tensor.shape), tensor.is_floating_point())
        np.testing.assert_array_equal(read.astype(np.float32), array(tensor.float()))


def test_what_is_not_plain_is_left_to_pytorch(tmp_path):
    for number, value in enumerate((torch.ones(3, 3).to_sparse(), Bomb(tmp_path / "executed"), torch.ones(2) * 1j)):
        torch.save({"a": value}, tmp_path / f"{number}.pt")
        assert torch_zip.read(tmp_path / f"{number}.pt", 10**6) is None
    assert not (tmp_path / "executed").exists()


def test_plain_files_need_no_pytorch(tmp_path):
    torch.save({"fc.weight": torch.ones(3, 2)}, tmp_path / "a.pt")
    script = "import sys; from eie.networks import importing; importing.described(sys.argv[1]);"
    script += "print({'torch', 'pandas', 'numba', 'onnx'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "a.pt"], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_dictionaries_within_dictionaries_do_not_keep_the_reader_busy(tmp_path, monkeypatch):
    inner = {"a.weight": torch.ones(2, 2)}
    for _ in range(7):
        inner = dict.fromkeys("0123456789", inner)
    torch.save(inner, tmp_path / "a.pt")
    monkeypatch.setattr(pytorch, "MAX_NAMES", 10_000)
    refused(tmp_path / "a.pt", "more than 10000 names")
