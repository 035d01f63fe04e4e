import numpy as np
import pandas as pd
import pytest
import torch

from eie.compress import lenets
from eie.studies import experiments
from eie.studies.retrospective import patterns
from eie.studies.retrospective.patterns import (
    CONTROL,
    EVEN,
    FINE,
    PATTERNS,
    WAYS,
    FineGrained,
    fine_grained,
    losses,
    lowest,
    next_best,
    reached,
)

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


def test_even_patterns_give_every_pe_as_many_weights():
    kept = WAYS[EVEN[16, 64]](np.random.default_rng(1).standard_normal((128, 48)), 0.25)
    each = kept.reshape(2, 64, 3, 16).sum(axis=(0, 3))
    assert (each == each[0]).all()


def frame():
    """Losses of two patterns over three densities, the same for both seeds but for 0.1 points."""
    lost = {CONTROL: [0.0, 0.0, 0.0], FINE: [0.1, 0.15, 0.9], "neurons": [0.3, 0.1, 2.0]}
    return pd.DataFrame(
        [
            {"pattern": p, "target": t, "density": t, "seed": s, "accuracy": 98.0 - x + (s - 0.5) / 10 * (p != CONTROL)}
            for p, found in lost.items()
            for t, x in zip((0.5, 0.25, 0.125), found, strict=True)
            for s in (0, 1)
        ]
    )


def test_losses_are_means_over_seeds_against_the_control():
    row = losses(frame()).loc[(FINE, 0.125)]
    assert row.tolist() == pytest.approx([0.9, 0.1 / 2**0.5, 0.125])
    later = frame()
    later.loc[later["pattern"] == CONTROL, "accuracy"] += 0.5  # had the control gone on to learn
    assert losses(later).loc[(FINE, 0.125), "mean"] == pytest.approx(1.4)
    assert CONTROL not in losses(frame()).index.unique("pattern")


def test_lowest_stops_at_the_first_loss():
    assert lowest(frame(), FINE) == 0.25
    assert lowest(frame(), "neurons") is None  # its better density stands behind a worse one


def test_reached_lies_on_the_line_between_densities():
    # Seed 0 loses 0.2 at 25 % at once; seed 1 loses 0.1 there and 0.85 at half of it.
    assert reached(frame(), FINE).tolist() == pytest.approx([0.25, 0.25 * 2 ** -(0.1 / 0.75)])
    # From nothing lost with all weights to 0.35 or 0.25 at half of them.
    assert reached(frame(), "neurons").tolist() == pytest.approx([2 ** -(0.2 / 0.35), 2 ** -(0.2 / 0.25)])


def test_a_pattern_that_never_loses_reaches_its_least_density():
    rows = frame()
    rows.loc[rows["pattern"] == FINE, "accuracy"] = 98.0
    assert reached(rows, FINE).tolist() == [0.125, 0.125]


def test_next_best_needs_to_go_as_far():
    rows = frame()
    name, halvings = next_best(rows)
    assert name == "neurons"
    assert halvings.tolist() == pytest.approx(np.log2(reached(rows, "neurons") / reached(rows, FINE)).tolist())
    rows["pattern"] = rows["pattern"].replace("neurons", "N of 8")
    assert next_best(rows)[0] == "N of 8"
    rows["pattern"] = rows["pattern"].replace("N of 8", "N of 4")  # has no density below a quarter
    assert next_best(rows) is None
    assert next_best(rows[rows["pattern"] != FINE]) is None


def test_words_table_and_plot():
    result = FineGrained(frame())
    assert result.answer().startswith(
        "With its weights pruned one by one, LeNet-300-100 stays within 0.2 points of the accuracy of an unpruned "
        "control **down to 25 % of its weights (0.15 ± 0.07 points lost)**. For a loss"
    )
    assert result.unharmed().loc["neurons", "weights kept"] == "none"
    assert result.unharmed().loc[FINE, "points lost"] == "0.15 ± 0.07"
    assert result.table().loc["neurons"].tolist()[0] == "0.30 ± 0.07"
    assert result.bits().to_dict() == {FINE: 0.25 * (4 + 4)}
    assert result.table().loc[FINE].tolist() == ["0.10 ± 0.07", "0.15 ± 0.07", "0.90 ± 0.07"]
    axes = result.plot().axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("weights kept, %", "accuracy lost, points")


def test_wrong_parameters():
    with pytest.raises(ValueError, match=r"names must be of not pruned, one by one, .* got 'columns'"):
        fine_grained([0], names=["columns"])
    with pytest.raises(ValueError, match="densities must be one or more fractions above 0"):
        fine_grained([0], [0.5, 0.0])
    with pytest.raises(ValueError, match="epochs must be two numbers"):
        fine_grained([0], epochs=[1])
    with pytest.raises(ValueError, match=r"each of epochs must be an integer in 1\.\."):
        fine_grained([0], epochs=[1, 0])


@pytest.mark.needs_data("mnist")
def test_what_is_pruned_stays_zero_and_the_rest_is_trained(monkeypatch):
    from eie.studies.retrospective import retraining

    digits = retraining._digits()
    few = lenets.Digits(digits.images[:512], digits.labels[:512], digits.batch, digits.shift)
    monkeypatch.setattr(retraining, "_digits", lambda: few)
    model = lenets.lenet_300_100()
    before = model.ip1.weight.detach().clone()
    kept = retraining.masked(model, PATTERNS["N of 4"].mask_of, 0.25)
    retraining.train(model, 1, [0], kept)
    assert set(kept) == {"ip1", "ip2"}
    for name, mask in kept.items():
        assert not model.get_submodule(name).weight[~mask].any()
    assert (model.ip1.weight[kept["ip1"]] != before[kept["ip1"]]).float().mean() > 0.5
    assert torch.count_nonzero(model.ip3.weight) == model.ip3.weight.numel()


@pytest.mark.long
@pytest.mark.needs_data("mnist")
def test_a_slice_of_the_committed_table_is_trained_again():
    """One processor gives the same bits again; another one rounds otherwise, which moves an accuracy by some 0.1."""
    known = experiments.read("patterns").query("seed == 0 and target == 0.5").set_index("pattern")
    found = patterns.measure([0], [CONTROL, FINE], [0.5]).set_index("pattern")
    assert found["density"].tolist() == known.loc[found.index, "density"].tolist()
    np.testing.assert_allclose(found["accuracy"], known.loc[found.index, "accuracy"], atol=0.3)


@pytest.mark.needs_data("mnist")
def test_masks_of_the_committed_table_are_made_again():
    """Densities do not hang on the training."""
    from eie.studies.retrospective import retraining

    rows = experiments.read("patterns").query("seed == 0").set_index(["pattern", "target"])["density"]
    model = lenets.fresh(retraining.NETWORK, 0)
    for (name, target), density in rows.items():
        kept = retraining.masked(model, WAYS[name], target).values()
        found = sum(int(mask.sum()) for mask in kept) / sum(mask.numel() for mask in kept)
        assert found == pytest.approx(density, rel=1e-5 if name not in EVEN.values() else 0.01)


def test_the_committed_table_has_every_way_and_three_seeds():
    rows = experiments.read("patterns")
    assert set(rows["pattern"]) == set(WAYS)
    assert set(rows["seed"]) == {0, 1, 2}
    pruned = rows[rows["pattern"] != CONTROL]
    assert (abs(pruned["density"] / pruned["target"] - 1) < 0.06).all()
    assert (rows.loc[rows["pattern"] == CONTROL, "density"] == 1).all()
    assert rows.loc[rows["pattern"] == CONTROL, "accuracy"].min() > 98.5  # as good as the project's own compressed one
