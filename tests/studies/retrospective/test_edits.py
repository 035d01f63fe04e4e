import numpy as np
import pytest
from cases import layer_of, random_codes

from eie.networks.host_operations import Flatten, MaxPool2d, Relu
from eie.networks.network import Network
from eie.networks.operations import Conv2d, Linear
from eie.studies import experiments
from eie.studies.retrospective import edits


@pytest.fixture
def network():
    weights = np.random.default_rng(0)

    def layer(*shape):
        return layer_of(random_codes(weights, *shape))

    return Network.chain(
        (2, 12, 12),
        {
            "one": Conv2d(layer(4, 2, 3, 3), kernel=(3, 3), padding=(1, 1, 1, 1)),
            "relu": Relu(),
            "pool": MaxPool2d((2, 2), (2, 2)),
            "two": Conv2d(layer(3, 4, 3, 3), np.float32([0.5, -0.5, 0]), kernel=(3, 3)),
            "flat": Flatten(),
            "three": Linear(layer(5, 48)),
        },
    )


@pytest.mark.parametrize("side", [1, 3, 12])
def test_what_an_edit_leaves_is_the_same_bit_by_bit(network, rng, side):
    picture, other = rng.random((2, 2, 12, 12)).astype(np.float32)
    changed = [edits.edited(picture, other, side, seed) for seed in range(3)]
    for table in edits.recomputed(network, picture, changed):
        assert table["same"].all()
        assert (table["cycles"] <= table["all_cycles"]).all()
        assert list(table["layer"]) == ["one", "two", "three"]


def test_one_pixel_touches_its_neighbours_only(network):
    picture = np.zeros((2, 12, 12), np.float32)
    changed = picture.copy()
    changed[0, 0, 5] = 1
    (table,) = edits.recomputed(network, picture, [changed])
    assert table["done"][0] == 6 / 144  # positions whose 3 x 3 window has the pixel: two rows of three
    assert table["done"][1] == 4 / 16  # they are two points of the pool's first row, which all four windows there see


def test_no_change_no_work(network, rng):
    picture = rng.random((2, 12, 12)).astype(np.float32)
    (table,) = edits.recomputed(network, picture, [picture])
    assert table["same"].all()
    assert not table[["done", "cycles"]].any(axis=None)


def test_an_edit_is_one_square():
    picture, other = np.zeros((1, 9, 7)), np.ones((1, 9, 7))
    (changed,) = edits.edited(picture, other, 3, 1)
    rows, columns = np.nonzero(changed)
    assert len(rows) == 9
    assert np.ptp(rows) == np.ptp(columns) == 2
    with pytest.raises(ValueError, match=r"side must be an integer of 1\.\.7, got 8"):
        edits.edited(picture, other, 8, 0)


def test_the_committed_table_says_what_the_page_says():
    result = edits.edits()
    table = result.work()
    assert list(table.index) == list(edits.SIDES)
    assert table["work"].is_monotonic_increasing
    assert (table["work"] < 100).all()
    assert result.rows["same"].all()
    assert result.words().startswith("An edit of 2.0 % of a picture takes ")
    assert result.rows["layer"].nunique() == 26
    assert experiments.made_by("edits")["command"] == "eie experiment edits"


def test_edits_grow_on_their_way():
    table = edits.edits().work()
    assert (table["first"] < table["last"]).all()
