import pytest

import eie
from eie.explore.benchmarks import select
from eie.studies.retrospective import ablation as module
from eie.studies.retrospective.ablation import EVERYTHING, NOTHING, ablation


@pytest.fixture(scope="module")
def result():
    return ablation(["NT-We"], draws=2, own_layers={"mine": [512, 256, 0.1, 0.3]})


@pytest.fixture(scope="module")
def runs():
    (benchmark,) = select([], {"mine": [512, 256, 0.1, 0.3]})
    return module._runs(benchmark, 0, 0)


def test_everything_is_eie(result):
    (benchmark,) = select([], {"mine": [512, 256, 0.1, 0.3]})
    layer, x = benchmark.draw(0, 1)
    layer = eie.CompressedLayer(layer.n_out, layer.n_in, layer.indptr, layer.rows, layer.codes, layer.codebook)
    expected = eie.energy(eie.simulate(layer, x), eie.EIE_45NM).total
    assert result.joules.loc[("mine", 1), [EVERYTHING]].item() == pytest.approx(expected)


def test_nothing_reads_every_weight_from_dram(runs):
    # Table I: 640 pJ for 32 bits; weights of 16 bits.
    dram = 512 * 256 * 16 / 32 * 640e-12
    run = runs[False, False, False]
    others = sum(run.parts.values()) - run.parts["spmat read"]
    assert module._joules(runs, NOTHING) == pytest.approx(dram + others)


def test_plain_weights_make_longer_entries(runs):
    shared, plain = runs[True, True, True].report, runs[True, False, True].report
    assert (shared.cycles, shared.entries) == (plain.cycles, plain.entries)
    assert runs[True, False, True].weight_bits == plain.entries * 20
    assert plain.spmat_reads > 1.5 * shared.spmat_reads


def test_gating_saves_no_cycle_and_skipping_does(result):
    table = result.table()
    for way in ("gate weights", "gate inputs", "gate both"):
        assert table.loc[way, "cycles"] == 1
    assert table.loc["gate both", "energy, 4 bits"] < table.loc["skip both", "energy, 4 bits"]
    assert table.loc["skip both", "cycles"] > table.loc["skip weights", "cycles"] > 1


def test_gated_inputs_pay_only_for_the_cycle(runs):
    cycles, shared, _ = module._way(runs, "gate inputs")
    idle, skipped = runs[False, True, False], runs[False, True, True]
    assert cycles == idle.report.cycles
    constant = sum(idle.parts[name] for name in ("leakage", "control", "clock", "activation SRAM", "detection nodes"))
    events = sum(skipped.parts[name] for name in module.PER_EVENT)
    assert shared == pytest.approx(constant + events)


def test_inputs_without_zeros_leave_nothing_to_skip(result):
    ways = result.ways[result.ways["layer"] == "NT-We"].set_index(["seed", "way"])["cycles"].unstack("way")
    assert (ways["skip inputs"] == ways["nothing"]).all()


def test_factors_words_and_plot(result):
    factors = result.factors()
    assert factors["abstract"].tolist()[:5] == [120, 10, 8, 3, 28800]
    assert factors.loc["product", "first"] == pytest.approx(factors["first"].iloc[:4].prod())
    assert "28,800" in result.words()
    assert f"**{factors.loc['all four together', 'first']:,.0f}**" in result.words()
    assert result.plot().axes[0].get_ylabel() == "factor saved"


def test_one_draw_has_no_spread():
    with pytest.raises(ValueError, match=r"draws must be an integer in 2\.\.100, got 1"):
        ablation(draws=1)
