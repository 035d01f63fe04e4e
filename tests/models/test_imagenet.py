import numpy as np
import pytest
from PIL import Image

from eie.formats import FormatError
from eie.models import imagenet


def test_the_middle_of_a_picture_blue_first_less_the_mean(tmp_path):
    colours = np.zeros((256, 256, 3), np.uint8)
    colours[:, :, 0] = np.arange(256)[:, None]  # red grows downwards
    colours[:, :, 1] = np.arange(256)  # green grows to the right
    colours[:, :, 2] = 7
    Image.fromarray(colours).save(tmp_path / "a.png")
    batch = imagenet.caffe_input([tmp_path / "a.png"] * 2)
    assert (batch.shape, batch.dtype) == ((2, 3, 227, 227), np.float32)
    blue, green, red = batch[1]
    np.testing.assert_array_equal(blue, 7 - 104)
    np.testing.assert_array_equal(green[0], np.arange(14, 241) - 117)
    np.testing.assert_array_equal(red[:, 0], np.arange(14, 241) - 123)


def test_grey_pictures_and_other_sizes(tmp_path):
    Image.new("L", (40, 30), 123).save(tmp_path / "grey.png")
    batch = imagenet.caffe_input([tmp_path / "grey.png"])
    np.testing.assert_array_equal(batch[0, :, 100, 100], [123 - 104, 123 - 117, 0])


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(FormatError, match=r"text\.jpg: is not a JPEG or PNG picture"):
        imagenet.caffe_input([tmp_path / "text.jpg"])
    with pytest.raises(ValueError, match="at least one picture, got none"):
        imagenet.caffe_input([])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("n01440764_tench.JPEG", 0),
        ("a/n12768682_buckeye.JPEG", 990),
        ("imagenet_03_990.jpg", 990),
        ("n15075141.png", 999),
    ],
)
def test_class_in_the_name(name, number):
    assert imagenet.class_of(name) == number


@pytest.mark.parametrize("name", ["tench.jpg", "n00000000_nothing.jpg", "imagenet_00_1000.jpg"])
def test_names_without_a_class(name):
    with pytest.raises(ValueError, match=f"state a class of ImageNet, .*, got {name}"):
        imagenet.class_of(name)


def test_synsets_are_a_thousand_in_order():
    assert len(imagenet.synsets()) == 1000
    assert list(imagenet.synsets()) == sorted(set(imagenet.synsets()))
