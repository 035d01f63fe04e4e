import numpy as np
import pandas as pd
import pytest

import eie
from eie.studies import experiments
from eie.studies.retrospective import balance as module
from eie.studies.retrospective.balance import FREE, balance, evened, label

TARGETS = (0.125, 0.0625)


def trained():
    """A table as of training: evenly pruned networks lose 0.1 points more, on few PEs 0.05."""
    ways = {(FREE, 64): 0.1, (1, 64): 0.2, (16, 64): 0.2, (1, 4): 0.15}
    return pd.DataFrame(
        [
            {"pattern": f"{columns} on {n_pe}", "columns": columns, "n_pe": n_pe, "target": t, "density": t, "seed": s}
            | {"dense": 98.0, "accuracy": 98.0 - lost}
            for (columns, n_pe), lost in ways.items()
            for t in TARGETS
            for s in (0, 1)
        ]
    )


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "read", lambda name: trained())
        return balance(["NT-We"], [1, 16], [8, 256], [16, 64, 128], draws=2)


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
    assert own.loc[own["columns"] == FREE, "balance"].item() == pytest.approx(100 * report.load_balance)


FIELDS = ("n_out", "n_in", "indptr", "rows", "codes", "codebook")


def test_the_usual_machine_is_in_both_sweeps(result):
    keys = ["columns", "seed"]
    swept = result.sweeps.set_index(["parameter", "value"]).sort_index()
    first, second = (swept.loc[point].set_index(keys)["cycles"] for point in (("fifo_depth", 8), ("n_pe", 64)))
    pd.testing.assert_series_equal(first, second)


def test_even_columns_balance_better_than_any_queue(result):
    assert result.usual[1].min() > result.deepest[FREE].max()
    assert (result.layers()[label(1)] > result.layers()[label(FREE)]).all()


def test_words_table_and_plots(result):
    assert result.words().startswith("**A deeper queue does not do the same job**: a queue of 256")
    assert "0.05 ± 0.00 (even in each column, 4 PEs), 0.10 ± 0.00 (even in each column, 64 PEs)" in result.words()
    table = result.table()
    assert list(table.index) == ["without balance", "even in each column", "even in each 16 columns"]
    assert table["points lost at 12.5 %"].tolist() == pytest.approx([0.1, 0.2, 0.2])
    assert table["cycles, % of unbalanced"].iloc[0] == 100
    assert [ax.get_xlabel() for ax in result.plot().axes] == ["depth of the queues", "PEs"]
    assert result.plot_accuracy().axes[0].get_ylabel() == "accuracy lost, points"


def test_wrong_parameters():
    with pytest.raises(ValueError, match=r"each of groups must be an integer of 1\.\."):
        balance(groups=[0])
    with pytest.raises(ValueError, match="unknown layer 'Alex-9'"):
        balance(["Alex-9"])


@pytest.mark.slow
@pytest.mark.needs_data("mnist")
def test_a_slice_of_the_committed_table_is_trained_again():
    """With less training than the table's, so a little worse, and no more than a little."""
    known = experiments.read("balance").set_index(["pattern", "target", "seed"])
    found = module.measure([0], [16], [0.125], [2, 1]).set_index(["pattern", "target", "seed"])
    assert found.index.unique("pattern").tolist() == ["0 on 64", "16 on 64", "16 on 4"]
    for pattern in ("0 on 64", "16 on 64"):
        row, old = found.loc[(pattern, 0.125, 0)], known.loc[(pattern, 0.125, 0)]
        assert row["density"] == pytest.approx(old["density"], rel=1e-5)
        assert -4 < row["accuracy"] - old["accuracy"] < 0.5
