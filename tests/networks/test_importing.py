import builtins
import subprocess
import sys

import numpy as np
import onnx_models as make
import pytest
import scipy.sparse as sp

from eie.formats import FormatError
from eie.formats.weights import WeightFile, WeightLayer
from eie.networks import importing


def layer_of(weights):
    return WeightLayer("fc", "linear", *weights.shape, lambda: weights)


@pytest.mark.parametrize("name", ["net.txt", "net", "net.gz", "net.json"])
def test_unknown_ending_lists_the_known(tmp_path, name):
    (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=r"the ending must be one of \.onnx, \.safetensors, \.pt"):
        importing.read(tmp_path / name)


@pytest.mark.parametrize("ending", importing.endings())
def test_missing_file_is_named(tmp_path, ending):
    with pytest.raises(FormatError, match="there is no such file"):
        importing.read(tmp_path / f"net{ending}")


def test_a_reader_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_READERS", dict(importing._READERS))
    importing.register(".Rows.GZ", lambda path: WeightFile(path, (layer_of(np.ones((2, 3), np.float32)),)))
    (layer,) = importing.read(tmp_path / "net.rows.gz").layers
    assert (layer.n_out, layer.n_in) == (2, 3)
    with pytest.raises(ValueError, match=r"must be one of .*, \.rows\.gz; got '\.rows'"):
        importing.read(tmp_path / "net.rows")


@pytest.mark.parametrize("ending", ["", ".", "json"])
def test_an_ending_that_is_none(ending):
    with pytest.raises(ValueError, match=f"must begin with a dot, such as .json, got '{ending}'"):
        importing.register(ending, lambda path: WeightFile(path, ()))


def test_endings_in_capitals(tmp_path):
    sp.save_npz(tmp_path / "fc.npz", sp.eye_array(3, format="csc"))
    (tmp_path / "fc.npz").rename(tmp_path / "FC.NPZ")
    assert importing.read(tmp_path / "FC.NPZ").layers[0].n_in == 3


def test_missing_library_is_named_with_how_to_get_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name == "safetensors":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *arguments)

    (tmp_path / "a.safetensors").write_bytes(b"12345678")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"needs the package safetensors; .* pip install 'eie\[networks\]'"):
        importing.read(tmp_path / "a.safetensors")


def test_dense_layers_are_pruned_to_the_density_asked_for():
    weights = make.values(40, 50)
    layer, was_pruned = importing.compress(layer_of(weights), density=0.1)
    assert (layer.density, was_pruned) == (0.1, False)
    assert importing.compress(layer_of(weights))[0].density == 1.0


def test_pruned_layers_stay_as_they_are():
    weights = make.values(40, 50)
    weights[:, ::2] = 0
    layer, was_pruned = importing.compress(layer_of(weights), density=0.1)
    assert (layer.density, was_pruned) == (0.5, True)
    np.testing.assert_array_equal(layer.to_scipy().toarray() != 0, weights != 0)


def test_a_few_zeros_do_not_make_a_layer_pruned():
    weights = make.values(40, 50)
    weights[0] = 0
    layer, was_pruned = importing.compress(layer_of(weights), density=0.1)
    assert (layer.density, was_pruned) == (0.1, False)


@pytest.mark.parametrize(
    ("weights", "message"),
    [(np.array([[np.nan, 1.0]]), "fc: weights must be finite, got nan"), (np.ones((2, 3)), r"must have shape")],
)
def test_damaged_weights(weights, message):
    with pytest.raises(FormatError, match=message):
        importing.compress(WeightLayer("fc", "linear", 1, 2, lambda: weights))


@pytest.mark.parametrize(
    ("densities", "expected"), [(None, None), (0.2, 0.2), ({"fc": 0.1}, 0.1), ({"*": 0.3}, 0.3), ({"x": 0.1}, None)]
)
def test_density_of_a_layer(densities, expected):
    assert importing.density_for("fc", densities) == expected


def test_inspect(tmp_path):
    path, _ = make.small(tmp_path / "net.onnx")
    runs, rest = importing.inspect(path)
    assert runs["layer"].tolist() == ["conv", "fc1", "fc2"]
    assert runs["weights"].tolist() == [135, 315, 42]
    assert runs["density"].tolist() == [1.0, 1.0, 1.0]
    assert rest["part"].tolist() == ["norm"]


@pytest.mark.slow
def test_import_of_the_package_loads_none_of_the_libraries():
    script = "import eie, eie.networks.importing, sys; print({'torch', 'onnx', 'safetensors'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_file_without_a_layer_says_why(tmp_path):
    from safetensors.numpy import save_file

    save_file({"norm.weight": np.ones(3, np.float32)}, tmp_path / "net.safetensors")
    with pytest.raises(FormatError, match=r"net\.safetensors: has no layer that the machine runs: norm\.weight"):
        importing.read(tmp_path / "net.safetensors")
