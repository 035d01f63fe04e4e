import pickle

import numpy as np
import pytest
from naive import convolutions
from PIL import Image

from eie._files import read_toml
from eie.datasets import catalogue
from eie.explore.benchmarks import columns_together, select
from eie.formats import FormatError
from eie.models import backbones


def drawn_trunk(seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(3, 2, 3, 4), (1, 1, 4, 5), (3, 3, 5, 2)]
    return backbones.Backbone(
        kernels=[rng.normal(size=shape).astype(np.float32) for shape in shapes],
        biases=[rng.normal(size=shape[-1]).astype(np.float32) for shape in shapes],
        strides=[2, 1, 1],
        paddings=[1, 0, 2],
        pool_after=[1, 3],
        pool=3,
        pool_stride=2,
    )


def test_trunk_agrees_with_the_obvious_one():
    batch = np.random.default_rng(1).normal(size=(2, 15, 14, 3)).astype(np.float32)
    trunk = drawn_trunk()
    found = trunk.run(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [convolutions(trunk, picture) for picture in batch], atol=1e-4)
    assert 0 < (found == 0).mean() < 1


def test_layers_are_of_table_iii_and_their_inputs_come_in_channels():
    assert backbones.layers() == ["Alex-6", "VGG-6"]
    for benchmark in select(backbones.layers()):
        assert benchmark.n_in % columns_together()[benchmark.name] == 0


def test_unknown_layer():
    with pytest.raises(ValueError, match="layer must be one of Alex-6, VGG-6, got 'Alex-7'"):
        backbones.load("Alex-7")


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.setattr(catalogue, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path


def test_without_weights_the_message_says_how_to_get_them(empty):
    with pytest.raises(FileNotFoundError, match="eie data fetch trunks"):
        backbones.load("Alex-6")


def test_file_without_the_arrays(empty, monkeypatch):
    (empty / "trunks").mkdir()
    path = empty / "trunks" / "alexnet.ckpt"
    path.write_bytes(pickle.dumps({"AlexNet_0": {"Conv_0": {"kernel": np.ones((2, 2), "f4")}}}, protocol=3))
    monkeypatch.setattr(catalogue, "_check_sizes", lambda *_: None)  # this file is a small one
    with pytest.raises(FormatError, match="must have an array AlexNet_0/Conv_0/kernel of 4 dimensions") as caught:
        backbones.load("Alex-6")
    assert str(path) in str(caught.value)


def test_files_are_taken_evenly(empty):
    assert backbones.files("pictures") == []
    (empty / "pictures").mkdir()
    names = list(read_toml("datasets.toml")["pictures"]["files"])
    for name in names:
        (empty / "pictures" / name).touch()
    assert [path.name for path in backbones.files("pictures")] == sorted(names)
    assert [path.name for path in backbones.files("pictures", 4)] == sorted(names)[::5]
    assert len(backbones.files("pictures", 100)) == len(names)


def test_pictures_are_scaled_cut_and_standardised(tmp_path):
    picture = np.zeros((300, 512, 3), np.uint8)
    picture[:, :, 0] = 255
    Image.fromarray(picture).save(tmp_path / "x.png")
    (found,) = backbones.prepared([tmp_path / "x.png"])
    assert found.shape == (224, 224, 3)
    assert found.dtype == np.float32
    # As torchvision's documentation has it: (value - mean) / deviation, values of 0..1.
    np.testing.assert_allclose(found[0, 0], [(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)


@pytest.mark.needs_data("trunks", "pictures")
@pytest.mark.parametrize(("layer", "most"), [("Alex-6", 20), ("VGG-6", 2)])
def test_real_networks_feed_their_layers(layer, most):
    (benchmark,) = select([layer])
    inputs = backbones.load(layer).run(backbones.prepared(backbones.files("pictures", most)))
    assert inputs.shape == (most, benchmark.n_in)
    assert inputs.min() == 0
    density = (inputs > 0).mean()
    if layer == "Alex-6":
        assert density == pytest.approx(0.331, abs=0.0005)  # measured once, by other code, on the same 20 pictures
    else:
        assert 0.1 < density < 0.2
