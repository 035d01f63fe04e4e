import numpy as np
import pytest

import eie
from eie.studies import claims_file
from eie.studies.retrospective import capacity as module
from eie.studies.retrospective.capacity import COMPRESSED, DENSE, DRAM, SRAM, capacity, models


@pytest.fixture(scope="module")
def result():
    return capacity(draws=2)


@pytest.mark.parametrize(
    ("model", "millions"),
    [("LeNet-300-100", 0.2662), ("AlexNet", 60.95), ("VGG-16", 138.34), ("OPT-125M", 125.1), ("LLaMA-7B", 6738)],
)
def test_weights_are_those_of_the_public_models(model, millions):
    own = models()[models()["model"] == model]
    assert own["weights"].sum() / 1e6 == pytest.approx(millions, rel=1e-3)


def test_layers_of_the_cnns_have_deep_compressions_density():
    table = models().set_index(["model", "layer"])["density"]
    assert table["AlexNet", "fc6"] == 0.09
    assert table["VGG-16", "fc8"] == 0.23
    assert table[["LLaMA-7B", "OPT-125M"]].isna().all()
    assert table[["LeNet-300-100", "AlexNet", "VGG-16"]].notna().all()


def test_multiplications_of_the_cnns():
    own = models()
    products = (own["weights"] * own["uses"]).groupby(own["model"]).sum() / 1e9
    assert products["AlexNet"] == pytest.approx(0.72, abs=0.01)
    assert products["VGG-16"] == pytest.approx(15.47, abs=0.01)


def test_some_columns_stand_for_all():
    (row,) = (row for row in models().itertuples() if (row.model, row.layer) == ("AlexNet", "fc7"))
    passes = [module._Pass.of(row, COMPRESSED, 0.1, np.random.SeedSequence(seed)) for seed in range(6)]
    layers = [eie.draw_layer(4096, 4096, 0.09, seed, bias=False) for seed in range(3)]
    exact = [eie.simulate(layer, eie.draw_activations(4096, 1 / 3, seed)) for seed, layer in enumerate(layers)]
    for name in ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads"):
        mine, theirs = [getattr(one.reports[1], name) for one in passes], [getattr(report, name) for report in exact]
        assert np.mean(mine) == pytest.approx(np.mean(theirs), rel=0.03)
    assert np.mean([one.entries for one in passes]) == pytest.approx(
        np.mean([eie.encode(layer, eie.EIE_45NM).n_entries for layer in layers]), rel=0.02
    )


def test_chips_hold_what_they_must(result):
    rows = result.rows.set_index(["model", "format", "place"])
    dense = rows.loc[("LLaMA-7B", DENSE, SRAM)]
    assert (dense["chips"] == np.ceil(dense["parameters"] * 16 / (64 * 128 * 1024 * 8))).all()
    # AlexNet's entries would fit on one chip; its column pointers do not.
    assert (rows.loc[("AlexNet", COMPRESSED, SRAM), "chips"] == 2).all()
    assert (rows.xs(DRAM, level="place")["chips"] == 1).all()


def test_energy_adds_up_and_waiting_chips_leak(result):
    rows = result.rows
    assert rows["total"].to_numpy() == pytest.approx(rows[["work", "leakage", "idle", "dram"]].sum(axis=1).to_numpy())
    assert (rows.loc[rows["chips"] == 1, "idle"].abs() < 1e-12).all()
    large = rows[(rows["model"] == "LLaMA-7B") & (rows["format"] == COMPRESSED) & (rows["place"] == SRAM)]
    a_chip = 64 * module._leakage_watts("itrs-lop")
    memories = eie.technology.memories(eie.EIE_45NM, "itrs-lop").values()
    assert a_chip == pytest.approx(64e-3 * sum(memory.leakage_mw * count for memory, count in memories))
    expected = large["seconds"] * large["chips"] * a_chip
    assert (large["idle"] + large["leakage"]).to_numpy() == pytest.approx(expected.to_numpy(), rel=0.02)


def test_dram_reads_cost_table_i():
    (row,) = (row for row in models().itertuples() if (row.model, row.layer) == ("LLaMA-7B", "output"))
    one = module._Pass.of(row, DENSE, 0.1, np.random.SeedSequence(0))
    assert one.fetched * module._dram_joules_a_bit() == pytest.approx(32000 * 4096 * 16 / 32 * 640e-12)


def test_words_table_and_plot(result):
    table = result.table()
    assert f"needs {table.loc['LLaMA-7B', 'chips']:.0f} chips of 64 PEs" in result.words()
    assert (table["idle, %"] < 100).all()
    assert result.plot().axes[0].get_xlabel() == "share of the energy of one inference, %"


def test_every_model_is_named_in_the_answer(result):
    answer = result.answer()
    assert all(name in answer for name in result.ranges().index)
    less, undecided = answer.split("**undecided**")
    assert "LeNet-300-100" in less
    assert all(name in undecided for name in ("AlexNet", "VGG-16", "LLaMA-7B"))


def test_a_factor_below_one_does_not_look_like_one():
    assert [module._factor(value) for value in (0.999043, 1, 1.0004, 0.54, 1.28, 23.4)] == [
        *("0.999", "1.00", "1.0004", "0.54", "1.28", "23")
    ]


def test_other_transistors_overturn_what_plausible_ones_decide(result):
    least, most = result.ranges().loc["OPT-125M", ["least of all", "most of all"]]
    assert f"undecided for OPT-125M ({least:.2f} to {most:.0f} times). The factor for LLaMA-7B" in result.change()
    ranges = result.ranges().assign(**{"least of all": 2.0, "most of all": 3.0})
    assert "stays the same wherever it was decided" in module._with_all_transistors(ranges)


def test_the_claim_gives_the_range_of_the_page(result):
    (claim,) = (claim for claim in claims_file.load() if claim.page == "retro_capacity")
    own = result.ranges().loc["LLaMA-7B"]
    assert f"from {module._factor(own['least'])} to {module._factor(own['most'])}" in claim.reason


def test_ranges_are_over_settings_and_ways_to_wait(result):
    found, ranges = result.savings(), result.ranges()
    assert len(found) == 2 * (len(module.plausible_settings()) + len(module.OTHER_TRANSISTORS))
    assert ranges["least of all"].tolist() == found.min().tolist()
    assert (ranges["least of all"] <= ranges["least"]).all()
    assert (ranges["most of all"] >= ranges["most"]).all()
    own = result.rows.query("model == 'LLaMA-7B' and format == @COMPRESSED and seed == 0").set_index("place")
    gated = own.loc[DRAM, "total"] / (own.loc[SRAM, "total"] - own.loc[SRAM, "idle"])
    assert result.saving(gated=True).loc["LLaMA-7B", 0] == pytest.approx(gated)


def test_reads_cost_what_the_setting_says(result):
    """Low standby power leaks next to nothing, but its reads take more energy than those of low operating power."""
    work = {name: rows.query("format == @COMPRESSED")["work"].sum() for name, rows in result.by_setting.items()}
    assert work["itrs-lstp"] > 1.2 * work["itrs-lop"]


def test_plot_of_ranges_has_every_model(result):
    axes = result.plot_ranges().axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(result.ranges().index)


def test_wrong_parameters():
    with pytest.raises(ValueError, match="decoder_density must be a fraction"):
        capacity(decoder_density=2)
