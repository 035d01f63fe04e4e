import numpy as np
import pandas as pd
import pytest
import torch

from eie.compress import lenets
from eie.studies import experiments
from eie.studies.retrospective import patterns
from eie.studies.retrospective.patterns import FINE, PATTERNS, FineGrained, fine_grained, losses, lowest

WEIGHT = np.random.default_rng(0).standard_normal((20, 48))


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("density", [0.5, 0.25])
def test_patterns_of_a_density_keep_as_many_weights(name, density):
    assert PATTERNS[name].mask_of(WEIGHT, density).mean() == density


def test_patterns_are_what_they_are_called():
    groups = PATTERNS["N of 4"].mask_of(WEIGHT, 0.5).reshape(-1, 4)
    assert (groups.sum(axis=1) == 2).all()
    groups = PATTERNS["N of 8"].mask_of(WEIGHT, 0.125).reshape(-1, 8)
    assert (groups.sum(axis=1) == 1).all()
    for name, height, width in (("blocks, 4 x 1", 4, 1), ("blocks, 4 x 4", 4, 4), ("neurons", 1, 48)):
        kept = PATTERNS[name].mask_of(WEIGHT, 0.25)
        for i in range(0, 20, height):
            for j in range(0, 48, width):
                block = kept[i : i + height, j : j + width]
                assert block.all() == block.any()


def frame():
    """Losses of two patterns over three densities, the same for both seeds but for 0.1 points."""
    lost = {FINE: [0.1, 0.15, 0.9], "neurons": [0.3, 0.1, 2.0]}
    return pd.DataFrame(
        [
            {"pattern": p, "target": t, "density": t, "seed": s, "dense": 98.0, "accuracy": 98.0 - x + (s - 0.5) / 10}
            for p, found in lost.items()
            for t, x in zip((0.5, 0.25, 0.125), found, strict=True)
            for s in (0, 1)
        ]
    )


def test_losses_are_means_over_seeds():
    row = losses(frame()).loc[(FINE, 0.125)]
    assert row.tolist() == pytest.approx([0.9, 0.1 / 2**0.5, 0.125])


def test_lowest_stops_at_the_first_loss():
    assert lowest(frame(), FINE) == 0.25
    assert lowest(frame(), "neurons") is None  # its better density stands behind a worse one


def test_words_table_and_plot():
    result = FineGrained(frame())
    words = result.words()
    assert words.startswith(
        "**Pruned one by one, LeNet-300-100 stays within 0.2 points of its dense accuracy down to 25 % of its weights "
        "(0.15 ± 0.07 points lost)**"
    )
    assert "neurons: at none of these densities (0.30 ± 0.07 points lost at 50 %)" in words
    assert result.bits().to_dict() == {FINE: 0.25 * (4 + 4)}
    assert result.table().loc[FINE].tolist() == ["0.10 ± 0.07", "0.15 ± 0.07", "0.90 ± 0.07"]
    axes = result.plot().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("weights kept, %", "accuracy lost, points")


def test_wrong_parameters():
    with pytest.raises(ValueError, match=r"names must be of one by one, .* got 'columns'"):
        fine_grained([0], names=["columns"])
    with pytest.raises(ValueError, match="densities must be one or more fractions above 0"):
        fine_grained([0], [0.5, 0.0])
    with pytest.raises(ValueError, match="epochs must be two numbers"):
        fine_grained([0], epochs=[1])
    with pytest.raises(ValueError, match=r"each of epochs must be an integer of 1\.\."):
        fine_grained([0], epochs=[1, 0])


@pytest.mark.needs_data("mnist")
def test_what_is_pruned_stays_zero_and_the_rest_is_trained(monkeypatch):
    from eie.studies.retrospective import retraining

    monkeypatch.setattr(retraining, "PICTURES", 512)
    retraining._digits.cache_clear()
    model = lenets.lenet_300_100()
    before = model.ip1.weight.detach().clone()
    kept = retraining.masked(model, PATTERNS["N of 4"].mask_of, 0.25)
    retraining.train(model, 1, [0], kept)
    retraining._digits.cache_clear()
    assert set(kept) == {"ip1", "ip2"}
    for name, mask in kept.items():
        assert not model.get_submodule(name).weight[~mask].any()
    assert (model.ip1.weight[kept["ip1"]] != before[kept["ip1"]]).float().mean() > 0.5
    assert torch.count_nonzero(model.ip3.weight) == model.ip3.weight.numel()


@pytest.mark.slow
@pytest.mark.needs_data("mnist")
def test_a_slice_of_the_committed_table_is_trained_again():
    """With less training than the table's, so a little worse, and no more than a little."""
    rows = experiments.read("patterns").set_index(["pattern", "target", "seed"])
    found = patterns.measure([0], [FINE], [0.25], [2, 1]).iloc[0]
    assert found["density"] == rows.loc[(FINE, 0.25, 0), "density"]
    assert -3 < found["accuracy"] - rows.loc[(FINE, 0.25, 0), "accuracy"] < 0.5


def test_the_committed_table_has_every_pattern_and_three_seeds():
    rows = experiments.read("patterns")
    assert set(rows["pattern"]) == set(PATTERNS)
    assert set(rows["seed"]) == {0, 1, 2}
    assert (abs(rows["density"] / rows["target"] - 1) < 0.06).all()
