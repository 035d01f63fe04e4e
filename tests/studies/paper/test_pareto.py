import numpy as np
import pytest
from matplotlib import pyplot

import eie
from eie import chip
from eie.explore.benchmarks import select
from eie.explore.sweep import geomean
from eie.studies import paper
from eie.studies.paper.pareto import PARAMETERS, undominated

LAYERS = ["NT-We", "NT-LSTM"]
PAPER = (64, 8, 64, 4)


@pytest.fixture(scope="module")
def space():
    return paper.pareto.pareto(LAYERS, n_pes=[1, 32, 48], fifo_depths=[16], widths=[32], index_bits=[3, 5])


def test_all_combinations_and_the_papers_values(space):
    assert space.paper == PAPER
    assert sorted(space.designs.index) == [
        (n, depth, width, bits)
        for n in (1, 32, 48, 64)
        for depth in (8, 16)
        for width in (32, 64)
        for bits in (3, 4, 5)
    ]


def test_a_design_by_hand(space):
    machine = eie.Machine(n_pe=48, fifo_depth=16, spmat_width_bits=32, index_bits=5)
    seconds, joules, fills = [], [], []
    for benchmark in select(LAYERS):
        layer, activations = benchmark.draw(0, 0)
        mem = eie.encode(layer, machine)
        report = eie.simulate(mem, activations, machine)
        seconds.append(report.seconds)
        joules.append(eie.energy(report, machine).total)
        fills.append(np.diff(mem.pe_start).max() / (131072 * 8 / 32 * 3))
    found = space.designs.loc[48, 16, 32, 5]
    assert found["time"] == pytest.approx(1e6 * geomean(seconds))
    assert found["energy"] == pytest.approx(1e6 * geomean(joules))
    assert found["area"] == chip.area(machine)
    assert found["fill"] == pytest.approx(max(fills))
    assert found["holds all"]
    assert not space.designs.loc[1, 8, 64, 4]["holds all"]


def beats(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_undominated_is_what_no_point_beats(seed):
    values = np.random.default_rng(seed).integers(0, 6, (80, 3)).astype(float)  # with ties, and points that are equal
    expected = [not any(beats(other, point) for other in values) for point in values]
    assert undominated(values).tolist() == expected


def test_front_and_better_by_their_definition(space):
    designs, what = space.designs, ["time", "energy", "area"]
    holding = designs[designs["holds all"]]
    for design, row in designs.iterrows():
        beaten = any(beats(other, row[what]) for other in holding[what].to_numpy())
        assert row["front"] == (row["holds all"] and not beaten), design
    mine = designs.loc[PAPER, what]
    assert list(space.better().index) == [design for design, row in holding.iterrows() if beats(row[what], mine)]


def test_table_says_what_each_change_does_alone(space):
    table = space.table()
    assert len(table) >= 1
    assert (table[["time, %", "energy, %", "area, %"]] <= 0).all(axis=None)
    alone, designs = space.alone(), space.designs
    named = {f"{n_pe} PEs": (n_pe, *PAPER[1:]) for n_pe in designs.index.unique("n_pe")}
    named |= {f"queues of {depth}": (64, depth, 64, 4) for depth in designs.index.unique("fifo_depth")}
    named |= {f"reads of {bits} bits": (64, 8, bits, 4) for bits in designs.index.unique("spmat_width_bits")}
    named |= {f"indices of {bits} bits": (*PAPER[:3], bits) for bits in designs.index.unique("index_bits")}
    assert "indices of 5 bits" in alone.index
    for change, effects in alone.iterrows():
        one, paper_s = (designs.loc[design, ["time", "energy", "area"]] for design in (named[change], PAPER))
        assert effects.tolist() == pytest.approx((100 * (one / paper_s - 1)).tolist())
        assert change in " ".join(table.index)


def test_words(space):
    said = space.words()
    assert said.startswith(f"Of **48 designs**, {space.designs['holds all'].sum()} hold all 2 layers in their")
    assert "With the paper's other choices, 32 PEs are the fewest tried here that hold all 2 layers." in said
    assert len(space.better()) == 1
    assert said.endswith("(64 PEs, queues of 8, reads of 64 bits, indices of 4 bits) is not on the front.")
    answer = space.answer()
    assert "**1 of 48 designs** beats the paper's: it is better in time, energy or area and worse in none. " in answer
    assert f"It saves up to {-space.best()['time, %'].iloc[0]:.1f} % of the time" in answer


def test_words_when_nothing_beats_the_paper_or_it_holds_too_little():
    alone = paper.pareto.pareto(["NT-We"], [64], [8], [64], [4])
    assert "**The paper's choice is on the front.**" in alone.words()
    assert alone.table().empty
    large = paper.pareto.pareto([], [64], [8], [64], [4], own_layers={"large": [20000, 8000, 0.1, 0.01]})
    assert large.words().endswith(
        "Of those, 0 are on the Pareto front: no other design is better in time, energy or area without being worse "
        "in another. The paper's choice does not hold them all."
    )
    large.plot()


def test_paper_parameters_are_those_of_the_machine():
    assert set(PARAMETERS) < set(eie.Machine.__slots__)


def test_plot(space):
    left, right = space.plot().axes
    assert (left.get_xlabel(), left.get_ylabel(), right.get_ylabel()) == ("time, µs", "energy, µJ", "area, mm²")
    assert sum(len(cloud.get_offsets()) for cloud in left.collections) == len(space.designs)
    (star,) = left.lines
    assert star.get_xdata()[0] == space.designs.loc[PAPER]["time"]
    pyplot.close("all")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"widths": [64, 96]}, r"widths must be of 32, 64, 128, 256, 512, which the SRAM sweep has, got \[64, 96\]"),
        ({"n_pes": [0]}, "each of n_pes must be an integer in 1..65536, got 0"),
        ({"layers": ["NT"]}, "unknown layer 'NT'"),
    ],
)
def test_bad_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        paper.pareto.pareto(**wrong)


def test_designs_whose_memories_are_too_slow_are_counted_apart():
    wide = paper.pareto.pareto(["Alex-7", "VGG-7"], n_pes=[56], fifo_depths=[8], widths=[64, 256], index_bits=[4, 5, 6])
    quick = wide.in_time().index.get_level_values("spmat_width_bits")
    assert set(wide.better().index.get_level_values("spmat_width_bits")) == {64, 256}
    assert set(quick) == {64}
    slow = len(wide.better()) - len(quick)
    assert f"Of the designs that beat it, {slow} have memories that are too slow for the paper's clock" in wide.words()
    assert f"The {len(quick)} with memories fast enough for the paper's clock save up to" in wide.answer()
    allowed = [chip.memory_clock_hz(eie.Machine(spmat_width_bits=width)) / 1e6 for width in (64, 256)]
    assert wide.table()["memories allow, MHz"].isin(allowed).all()
