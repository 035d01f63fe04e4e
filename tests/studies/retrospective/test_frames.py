import numpy as np
import pytest
from cases import layer_of, random_codes

from eie.networks.host_operations import Flatten, MaxPool2d, Relu
from eie.networks.network import Network
from eie.networks.operations import Conv2d, Linear
from eie.studies.retrospective import frames, models


@pytest.fixture
def network():
    weights = np.random.default_rng(0)

    def layer(*shape):
        return layer_of(random_codes(weights, *shape))

    return Network.chain(
        (2, 10, 10),
        {
            "one": Conv2d(layer(4, 2, 3, 3), np.float32([1, 0, -1, 0.5]), kernel=(3, 3), padding=(1, 1, 1, 1)),
            "relu": Relu(),
            "pool": MaxPool2d((2, 2), (2, 2)),
            "flat": Flatten(),
            "two": Linear(layer(5, 100)),
        },
    )


def moving(rng, n=4):
    pictures = rng.random((2, 2, 10, 20)).astype(np.float32)
    return frames.video("pan", *pictures, n, 10)


def test_without_a_threshold_nothing_but_rounding_is_lost(network, rng):
    pictures = moving(rng)
    table = frames.followed(network, pictures, 0.0, network.reference(pictures))
    assert (table["error"] < 1e-5).all()
    assert table["same_class"].all()
    assert len(table) == 3


def test_a_still_picture_sends_nothing(network, rng):
    pictures = np.repeat(moving(rng, 1), 3, axis=0)
    table = frames.followed(network, pictures, 0.0, network.reference(pictures))
    assert not table[["sent", "products"]].any(axis=None)


def test_thresholds_trade_products_for_error(network, rng):
    pictures = moving(rng)
    expected = network.reference(pictures)
    tables = [frames.followed(network, pictures, t, expected).mean() for t in (0.0, 0.2, 0.6)]
    products, errors = ([table[name] for table in tables] for name in ("products", "error"))
    assert products == sorted(products, reverse=True)
    assert errors == sorted(errors)
    assert products[2] < products[0]


def test_differences_one_by_one(rng):
    matrix = layer_of(random_codes(rng, 3, 4))
    weights = models.dense(matrix)
    one = frames.Differences(Linear(matrix, np.float32([1, 2, 3])), 0.25)
    first, second, third = np.float32([[4, 0, 1, 2]]), np.float32([[4, 0.5, 3, 2]]), np.float32([[4, 2, 3, 1]])
    np.testing.assert_allclose(one.multiply(0, one.quantize_inputs(first)), first @ weights.T + [1, 2, 3], rtol=1e-6)
    assert (one.counts["sent"], one.counts["there"]) == (3, 3)
    seen = np.float32([[4, 0, 3, 2]])  # 0.5 is no further from 0 than a quarter of 4, 3 is from 1
    np.testing.assert_allclose(one.multiply(0, one.quantize_inputs(second)), seen @ weights.T + [1, 2, 3], rtol=1e-6)
    assert (one.counts["sent"], one.counts["there"]) == (1, 4)
    assert one.counts["products"] == np.count_nonzero(weights[:, 2])
    seen = np.float32([[4, 2, 3, 2]])  # 2 is far enough from 0, 1 not from 2
    np.testing.assert_allclose(one.multiply(0, one.quantize_inputs(third)), seen @ weights.T + [1, 2, 3], rtol=1e-6)


def test_videos_move_by_steps():
    picture, other = np.arange(20.0)[np.newaxis, np.newaxis].repeat(20, axis=1), np.full((1, 20, 20), -1.0)
    pan = frames.video("pan", picture, other, 3, 8)
    np.testing.assert_array_equal(pan[2, 0, 0], np.arange(8) + 2 * frames.STEP)
    still = frames.video("object", picture, other, 3, 8)
    assert [(frame == -1).sum() for frame in still] == [16, 16, 16]
    assert (still[0] != still[1]).sum() == 2 * 4 * frames.STEP
    with pytest.raises(ValueError, match="kind must be one of pan, object, got 'film'"):
        frames.video("film", picture, other, 2, 8)


def test_the_committed_table_says_what_the_page_says():
    result = frames.frames()
    table = result.table()
    assert table.loc[("object", 0.0), "products, %"] < table.loc[("pan", 0.0), "products, %"]
    assert table.xs(0.0, level="threshold")["error, %"].max() < 0.01
    assert result.words().startswith("When an object moves over a still background, the differences")
    assert list(result.shown().index[:1]) == ["pan, threshold 0 %"]
