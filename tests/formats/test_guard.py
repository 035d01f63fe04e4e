"""Whatever a reader raises names the file, and a small hostile pickle takes neither the process nor its time."""

import io
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from safetensors.numpy import save_file

from eie.formats import FormatError, pickle_bounds, pytorch
from eie.formats.errors import guarded, report_damage
from eie.formats.weights import WeightFile, WeightLayer
from eie.networks import encoding, importing

DEEP = b"\x80\x02}q\x00)" + b"\x85" * 100_000 + b"K\x01s."
TWICE = b"\x80\x02}q\x00)" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(1, 41)) + b"K\x01s."


@pytest.mark.parametrize(
    "error",
    [TypeError("odd"), RecursionError(), MemoryError("8 GB"), ValueError("odd"), OSError(22, "odd")],
)
def test_any_error_of_a_reader_names_the_file(tmp_path, error):
    def read(_path):
        raise error

    with pytest.raises(FormatError, match=r"net\.own"):
        guarded(read)(tmp_path / "net.own")


def test_numbers_too_large_for_float32_are_told_once(tmp_path):
    """By what takes the weights; NumPy's warning would not name the file."""
    sp.save_npz(tmp_path / "a.npz", sp.csc_array([[1e300, 0], [1, 2]]))
    (layer,) = importing.read(tmp_path / "a.npz").layers
    with pytest.raises(ValueError, match="weights must be finite, got inf"):
        importing.compress(layer)


def test_errors_that_name_the_file_stay(tmp_path):
    path = tmp_path / "net.own"
    for error in (FileNotFoundError(2, "no such file", str(path)), ValueError(f"{path}: an odd ending")):
        with pytest.raises(type(error)) as caught:
            guarded(lambda _path, error=error: (_ for _ in ()).throw(error))(path)
        assert caught.value is error


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path):
    with pytest.raises(PermissionError), report_damage(tmp_path / "a.npy", "is not a complete file"):
        raise PermissionError(13, "Permission denied", "a.npy")


def test_weights_that_cannot_be_read_later_name_the_file(tmp_path):
    def fails():
        raise TypeError("odd")

    file = WeightFile(tmp_path / "net.own", (WeightLayer("fc", "linear", 2, 3, fails, fails),))
    for read in (file.layers[0].read, file.layers[0].bias):
        with pytest.raises(FormatError, match=r"net.own: cannot be read: TypeError: odd"):
            read()


def test_a_registered_reader_is_guarded(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_READERS", dict(importing._READERS))
    importing.register(".own", lambda path: {}[path])
    with pytest.raises(FormatError, match=r"net\.own: cannot be read: KeyError"):
        importing.read(tmp_path / "net.own")


@pytest.mark.parametrize("pickled", [DEEP, TWICE])
@pytest.mark.parametrize("new", [True, False])
def test_a_nested_key_is_refused_before_it_is_built(tmp_path, pickled, new):
    whole, path = io.BytesIO(), tmp_path / "net.pt"
    torch.save({"fc.weight": torch.ones(2, 3)}, whole, _use_new_zipfile_serialization=new)
    if new:
        with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as hostile:
            for name in archive.namelist():
                hostile.writestr(name, pickled if name.endswith("data.pkl") else archive.read(name))
    else:
        content = whole.getvalue()
        path.write_bytes(content[: content.index(b"\x80\x02", 40)] + pickled)
    with pytest.raises(FormatError, match=r"net.pt: .*must be at most 32 levels deep and 10000 in one"):
        pytorch.read(path)


def test_a_pickle_has_a_bounded_number_of_instructions(monkeypatch):
    monkeypatch.setattr(pickle_bounds, "MAX_INSTRUCTIONS", 5)
    with pytest.raises(ValueError, match="at most 5 instructions"):
        pickle_bounds.check(io.BytesIO(b"\x80\x02](K\x01K\x01K\x01e."))


def test_a_pickle_has_bounded_names():
    """PyTorch takes minutes to say that it knows no name of 70,000 letters."""
    with pytest.raises(ValueError, match="a name must have at most 1000 letters, has 70005 at byte 2"):
        pickle_bounds.check(io.BytesIO(b"\x80\x02ctorch\n" + b"n" * 69_999 + b"\n."))


def test_a_checkpoint_with_an_optimiser_is_read(tmp_path):
    model = torch.nn.Sequential(*[torch.nn.Linear(3, 4) for _ in range(30)])
    state = {"model": model.state_dict(), "optimiser": torch.optim.Adam(model.parameters()).state_dict()}
    torch.save(state, tmp_path / "net.pt")
    layers = importing.read(tmp_path / "net.pt").layers
    assert len(layers) == 30
    np.testing.assert_array_equal(layers[3].read(), model[3].weight.detach().numpy())


def test_a_bias_that_is_not_finite_is_refused_before_it_is_written(tmp_path):
    """A `.eie` file with it would be refused when it is read."""
    save_file({"fc.weight": np.ones((4, 3)), "fc.bias": np.array([1.0, 1e300, 0, 0])}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="fc: bias must be finite, got inf"):
        encoding.save(encoding.encoded(str(tmp_path / "a.safetensors"), None), tmp_path / "a.eie")
