import numpy as np
import pytest
from damage import refusals
from PIL import Image

from eie.datasets import catalogue
from eie.formats import FormatError, pictures


@pytest.fixture
def drawn():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def path(tmp_path, drawn):
    Image.fromarray(drawn).save(tmp_path / "x.png")
    return tmp_path / "x.png"


def test_pixels_are_read_as_they_were_written(path, drawn):
    np.testing.assert_array_equal(pictures.read(path), drawn)


def test_a_file_that_is_too_large_is_not_read(path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    with pytest.raises(FormatError, match=r"x\.png: must have at most 100 bytes, has \d+"):
        pictures.read(path)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "I;16"])
def test_other_kinds_become_red_green_and_blue(path, mode):
    Image.new(mode, (30, 20), 1).save(path)
    found = pictures.read(path)
    assert found.shape == (20, 30, 3)
    assert found.dtype == np.uint8


def test_square_of_the_middle(path, drawn):
    np.testing.assert_array_equal(pictures.read(path, crop=10), drawn[5:15, 10:20])


@pytest.mark.parametrize(("resize", "shape"), [(10, (10, 15)), (40, (40, 60)), ((12, 7), (12, 7))])
def test_sizes(path, resize, shape):
    assert pictures.read(path, resize).shape == (*shape, 3)


def test_scaling_averages(path):
    Image.fromarray(np.tile(np.array([[0, 200], [200, 0]], np.uint8), (10, 10))).save(path)
    assert np.ptp(pictures.read(path, 5)) <= 2
    np.testing.assert_allclose(pictures.read(path, 5), 100, atol=2)


@pytest.mark.parametrize("crop", [0, 21])
def test_square_larger_than_the_picture(path, crop):
    with pytest.raises(ValueError, match=rf"crop must be 1\.\.20, the shorter side of .*, got {crop}"):
        pictures.read(path, crop=crop)


def test_bomb_is_not_unpacked(path, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 599)
    with pytest.raises(FormatError, match="at most 599 pixels, has 600"):
        pictures.read(path)


def test_other_formats_and_no_pictures_are_refused(path, drawn):
    Image.fromarray(drawn).save(path, format="BMP")
    with pytest.raises(FormatError, match=str(path)):
        pictures.read(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match=str(path)):
        pictures.read(path)


def test_missing_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        pictures.read(tmp_path / "x.png")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damaged_files_are_refused_or_read_within_memory(path, drawn, kind, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 10_000)  # damage may turn 600 pixels into no more
    Image.fromarray(drawn).save(path, format=kind)
    assert refusals(path, pictures.read, lambda size: 16 * 10_000 + 10 * size + 200_000) > 300


@pytest.mark.needs_data("pictures")
def test_the_20_pictures():
    files = sorted(catalogue.require("pictures").glob("*.jpg"))
    assert len(files) == 20
    assert {pictures.read(file, 256, 224).shape for file in files} == {(224, 224, 3)}
