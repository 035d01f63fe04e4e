import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import eie
from eie.studies import experiments
from eie.studies.retrospective import balance as module
from eie.studies.retrospective import evening
from eie.studies.retrospective.balance import balance
from eie.studies.retrospective.evening import FREE, evened, label
from eie.studies.retrospective.patterns import BALANCED_AT, CONTROL, EVEN, FINE


def trained():
    """A table as of training: evenly pruned networks lose 0.1 points more, on few PEs 0.05."""
    ways = {CONTROL: 0.0, FINE: 0.1, EVEN[1, 64]: 0.2, EVEN[16, 64]: 0.2, EVEN[1, 4]: 0.15}
    return pd.DataFrame(
        [
            {"pattern": name, "target": t, "density": t, "seed": s, "accuracy": 98.0 - lost}
            for name, lost in ways.items()
            for t in (BALANCED_AT, BALANCED_AT / 2)
            for s in (0, 1)
        ]
    )


def matrices():
    """A table as of real pruned matrices: even columns gain 10 and 20 points over deep queues."""
    rows = {"model": "rn50", "method": ["a", "b"], "sparsity": 0.9, "layer": ["x", "y"]}
    found = {"free_8": [0.7, 0.6], "free_256": [0.75, 0.65], "even_1": [0.85, 0.85], "even_16": [0.8, 0.8]}
    return pd.DataFrame(rows | found)


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        tables = {"patterns": trained(), "balance": matrices()}
        patch.setattr(experiments, "read", tables.__getitem__)
        return balance(["NT-We", "NT-Wd"], [1, 16], [8, 256], [16, 64, 128], draws=2)


def counts(layer, n_pe, columns):
    """Weights of each PE in each group, one by one."""
    found = np.zeros((n_pe, -(-layer.n_in // columns)), int)
    dense = layer.to_scipy().toarray()
    for i in range(layer.n_out):
        for j in range(layer.n_in):
            found[i % n_pe, j // columns] += dense[i, j] != 0
    return found


@pytest.mark.parametrize("columns", [1, 4, 7, 40])
def test_every_pe_has_as_many_weights_in_each_group(columns):
    layer = eie.draw_layer(50, 40, 0.3, 0, bias=False)
    before = counts(layer, 8, columns)
    after = counts(evened(layer, 8, columns, 0), 8, columns)
    assert (before.min(axis=0) < before.max(axis=0)).any()
    np.testing.assert_array_equal(after.min(axis=0), after.max(axis=0))
    assert abs(after.sum() - before.sum()) <= 4  # half a weight for each PE
    assert (abs(after[0] - before.mean(axis=0)) < 1).all()


def test_a_pe_loses_or_gains_and_not_both():
    layer = eie.draw_layer(64, 32, 0.2, 1, bias=False)
    old, new = (x.to_scipy().toarray() != 0 for x in (layer, evened(layer, 8, 8, 3)))
    for p in range(8):
        for start in range(0, 32, 8):
            was, now = old[p::8, start : start + 8], new[p::8, start : start + 8]
            assert (was & ~now).sum() == max(was.sum() - now.sum(), 0)


def test_the_same_seed_gives_the_same_layer():
    layer = eie.draw_layer(64, 32, 0.2, 1, bias=False)
    first, again, other = (evened(layer, 8, 4, seed).rows for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_layer_even_already_stays():
    codes = np.ones((16, 5), np.uint8)
    layer = eie.CompressedLayer.from_codes(codes, eie.explore.synthetic.even_codebook(5))
    np.testing.assert_array_equal(evened(layer, 4, 2, 0).to_scipy().toarray() != 0, codes)


def test_unbalanced_points_are_those_of_the_simulator(result):
    (benchmark,) = eie.explore.benchmarks.select(["NT-We"])
    layer, x = benchmark.draw(0, 1)
    report = eie.simulate(eie.CompressedLayer(**{n: getattr(layer, n) for n in FIELDS}), x, eie.Machine(fifo_depth=256))
    rows = result.sweeps
    own = rows[(rows["parameter"] == "fifo_depth") & (rows["value"] == 256) & (rows["seed"] == 1)]
    own = own[own["layer"] == "NT-We"]
    assert own.loc[own["columns"] == FREE, "balance"].item() == pytest.approx(100 * report.load_balance)


FIELDS = ("n_out", "n_in", "indptr", "rows", "codes", "codebook")


def test_the_usual_machine_is_in_both_sweeps(result):
    keys = ["layer", "columns", "seed"]
    swept = result.sweeps.set_index(["parameter", "value"]).sort_index()
    first, second = (swept.loc[point].set_index(keys)["cycles"] for point in (("fifo_depth", 8), ("n_pe", 64)))
    pd.testing.assert_series_equal(first, second)


def test_even_columns_balance_better_than_any_queue(result):
    assert (result.gain() > 0).all()
    assert result.gain().tolist() == (result.usual[1] - result.deepest[FREE]).tolist()
    assert (result.layers()[label(1)] > result.layers()[label(FREE)]).all()


def test_words_tables_and_plots(result):
    assert result.answer().startswith(
        "**Deeper queues do not replace balanced pruning**: on 2 layers of Table III, queues of "
    )
    assert "balanced pruning gains 15.0 points more than deep queues on average" in result.answer()
    assert "balance in each column for 4 PEs costs 0.05 ± 0.00 points" in result.words()
    assert "balance in each column costs 0.10 ± 0.00 points" in result.words()
    table = result.table()
    assert list(table.index) == ["without balance", "balanced in each column", "balanced in groups of 16 columns"]
    assert table["cycles, % of unbalanced"].iloc[0] == 100
    assert result.of_matrices().loc[("rn50", "a")].tolist() == pytest.approx([1, 70, 75, 85, 80])
    assert [ax.get_xlabel() for ax in result.plot().axes] == ["depth of the queues", "number of PEs"]
    assert result.plot_accuracy().axes[0].get_ylabel() == "accuracy lost, points"


def test_the_verdict_takes_the_lesser_gain(monkeypatch, result):
    monkeypatch.setattr(module, "balance", lambda **_: result)
    lesser = min(result.gain(), result.gain_of_matrices(), key=lambda gains: gains.mean())
    assert module.even_pruning_beats_queues().value == pytest.approx(lesser.mean())
    assert module.even_pruning_beats_queues().error == pytest.approx(2 * lesser.sem())


def test_wrong_parameters():
    with pytest.raises(ValueError, match=r"each of groups must be an integer in 1\.\."):
        balance(groups=[0])
    with pytest.raises(ValueError, match="unknown layer 'Alex-9'"):
        balance(["Alex-9"])


def test_a_really_pruned_matrix_is_evened_out(rng):
    pattern = sp.random_array((96, 40), density=0.2, rng=rng, format="csr")
    row = evening.row_of("a/b/c/name.smtx", pattern.indptr, pattern.indices, 40)
    assert row["layer"] == "name"
    assert row["free_8"] <= row["free_256"] < row["even_1"] <= 1
    assert row == evening.row_of("a/b/c/name.smtx", pattern.indptr, pattern.indices, 40)


@pytest.mark.needs_data("dlmc")
def test_a_slice_of_the_committed_table_is_measured_again():
    known = experiments.read("balance").query("method == 'extended_magnitude_pruning' and sparsity == 0.96")
    found = pd.DataFrame(evening.measure("rn50", "extended_magnitude_pruning", "0.96")).astype({"sparsity": float})
    pd.testing.assert_frame_equal(found, known.reset_index(drop=True))
