import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from eie.compress import kmeans, prune, share
from eie.compress.prune import weights

WEIGHTS = st.lists(st.integers(-30, 30), min_size=1, max_size=60)


@given(WEIGHTS, st.floats(0, 1))
def test_by_rate_keeps_the_largest(values, keep):
    weight = torch.tensor(values, dtype=torch.float32)
    mask = prune.by_rate(weight, keep)
    assert int(mask.sum()) == round(keep * len(values))
    if 0 < mask.sum() < len(values):
        assert weight[mask].abs().min() >= weight[~mask].abs().max()


def test_of_equals_the_first_are_kept():
    assert prune.by_rate(torch.tensor([[1.0, -1.0], [1.0, 2.0]]), 0.5).tolist() == [[True, False], [False, True]]


def test_by_sensitivity_is_in_standard_deviations():
    weight = torch.tensor([-3.0, -1.0, 1.0, 3.0])  # mean 0, standard deviation 5 ** 0.5
    assert prune.by_sensitivity(weight, 1.0).tolist() == [True, False, False, True]
    assert prune.by_sensitivity(weight, 0.4).tolist() == [True] * 4
    assert prune.by_sensitivity(weight, 2.0).tolist() == [False] * 4


def test_ramp_goes_from_all_to_what_is_kept():
    assert [prune.ramp(progress, 0.2) for progress in (-1, 0, 0.5, 1, 2)] == [1, 1, 0.2 + 0.8 / 8, 0.2, 0.2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: prune.by_rate(w, 1.5), "0..1, got 1.5"),
        (lambda w: prune.by_sensitivity(w, -1), "standard deviations, got -1"),
        (lambda w: prune.by_sensitivity(w, float("nan")), "got nan"),
        (lambda w: share.share(w, w > 0, 9), "1..8, got 9"),
        (lambda w: share.share(w, w > 0, 4, "other"), "linear, random, density, got 'other'"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(3))


def slow_kmeans(values, centroids):
    """Lloyd's rule with every distance computed; no value may be half-way between two."""
    centroids = sorted(centroids)
    clusters = None
    while True:
        for v in values:
            first, second = sorted(abs(v - c) for c in [*centroids, np.inf])[:2]
            assume(second - first > 1e-9)
        nearest = [min(range(len(centroids)), key=lambda c: abs(v - centroids[c])) for v in values]
        if nearest == clusters:
            return clusters, centroids
        clusters = nearest
        for c in range(len(centroids)):
            inside = [v for v, cluster in zip(values, clusters, strict=True) if cluster == c]
            if inside:
                centroids[c] = sum(inside) / len(inside)
        centroids.sort()


@settings(deadline=None)
@given(
    st.lists(st.integers(-40, 40), min_size=1, max_size=50),
    st.lists(st.integers(-40, 40), min_size=1, max_size=7, unique=True),
)
def test_kmeans_is_lloyds(values, centroids):
    slow_clusters, slow_found = slow_kmeans(values, centroids)
    found = kmeans.kmeans(np.array(values, np.float32), centroids)
    assert found.tolist() == pytest.approx(slow_found)
    assert kmeans.nearest(np.array(values, np.float32), found).tolist() == slow_clusters


def test_starts():
    values = np.array([0.0, 1, 1, 1, 1, 1, 1, 8])
    assert share.starts(values, 3, "linear").tolist() == [0, 4, 8]
    assert share.starts(values, 2, "density").tolist() == [1, 1]
    drawn = share.starts(values, 3, "random", seed=1)
    assert drawn.tolist() == [0, 1, 8]
    assert len(share.starts(values, 7, "random")) == 7  # more than there are values


@pytest.mark.parametrize("init", share.INITS)
def test_share_gives_codes_of_clusters(init):
    weight = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    mask = prune.by_rate(weight, 0.3)
    codes, codebook = share.share(weight, mask, 4, init, seed=3)
    assert codes.shape == weight.shape
    assert len(codebook) == 16
    assert codebook[0] == 0
    assert torch.equal(codes > 0, mask)  # 15 shared weights; code 0 stands for the pruned ones
    assert (codebook[1:].diff() >= 0).all()
    for code in codes[mask].unique():
        assert codebook[code.int()] == pytest.approx(float(weight[codes == code].double().mean()))
    nearest = (weight[mask][:, None] - codebook[1:]).abs().argmin(1) + 1
    assert torch.equal(nearest, codes[mask].long())


def test_share_of_a_layer_without_weights():
    codes, codebook = share.share(torch.ones(2, 2), torch.zeros(2, 2, dtype=torch.bool), 2)
    assert not codes.any()
    assert codebook.tolist() == [0, 0, 0, 0]


def test_gradient_is_that_of_autograd():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 8, (6, 5), generator=generator).byte()
    book = torch.randn(8, generator=generator).requires_grad_()
    inputs, targets = torch.randn(9, 5, generator=generator), torch.randn(9, 6, generator=generator)
    weight = book[codes.int()]
    weight.retain_grad()
    (inputs @ weight.T - targets).pow(2).sum().backward()
    found = share.gradient(codes, weight.grad, 8)
    assert found[0] == 0
    assert found[1:].tolist() == pytest.approx(book.grad[1:].tolist(), rel=1e-5)


def test_weights_of_all_kinds_of_layers():
    lstm = nn.LSTM(3, 4, num_layers=2)
    net = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Conv2d(1, 2, 3), "norm": nn.BatchNorm2d(2), "lstm": lstm})
    assert {name: tuple(weight.shape) for name, weight in weights(net).items()} == {
        "a": (3, 2),
        "b": (2, 1, 3, 3),
        "lstm.weight_ih_l0": (16, 3),
        "lstm.weight_hh_l0": (16, 4),
        "lstm.weight_ih_l1": (16, 4),
        "lstm.weight_hh_l1": (16, 4),
    }


def test_tied_weights_are_given_once():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    assert list(weights(nn.Sequential(first, second))) == ["0"]
    assert list(weights(first)) == ["weight"]


def test_module_without_weights():
    with pytest.raises(ValueError, match="ReLU has none"):
        weights(nn.ReLU())
