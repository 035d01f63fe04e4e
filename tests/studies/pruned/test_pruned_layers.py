import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import eie
from eie.datasets import dlmc
from eie.explore.spread import fitted_spreads
from eie.studies import experiments
from eie.studies.pruned import matrices, spread
from eie.studies.pruned.page import FAMILIES, pruned


@pytest.fixture(scope="module")
def result():
    return pruned(groups=[])


def pattern(n_out, n_in, density=0.1, seed=0):
    found = sp.random_array((n_out, n_in), density=density, format="csr", rng=np.random.default_rng(seed))
    found.sort_indices()
    return found.indptr, found.indices, n_in


def test_a_matrix_runs_as_any_layer():
    offsets, columns, n_in = pattern(300, 200)
    row = matrices.row_of("a/b/0.9/c.smtx", offsets, columns, n_in)
    codes = sp.csr_array((np.ones(len(columns), int), columns, offsets), shape=(300, 200))
    layer = eie.CompressedLayer.from_codes(codes, np.linspace(0, 1, 16))
    inputs = eie.draw_activations(n_in, 0.35, matrices.seeds_of("a/b/0.9/c.smtx")[0])
    report, every = eie.simulate(layer, inputs), eie.simulate(layer, np.ones(n_in))
    assert (row["layer"], row["n_out"], row["n_in"], row["entries"]) == ("c", 300, 200, len(columns))
    assert (row["cycles"], row["cycles_all"]) == (report.cycles, every.cycles)
    assert row["load_balance"] == pytest.approx(report.load_balance, abs=1e-4)
    assert row["real_work_all"] == pytest.approx(every.real_work, abs=1e-4)


@pytest.mark.parametrize("n_out", [64, 1000, 4096, 5000])
def test_stacked_layer_has_64_rows_per_pe_of_the_same_matrix(n_out):
    offsets, columns, n_in = pattern(n_out, 50)
    whole = sp.csr_array((np.ones(len(columns), int), columns, offsets), shape=(n_out, n_in))
    found = matrices.stacked(whole, np.random.default_rng(0)).toarray()
    assert found.shape == (4096, n_in)
    rows, counts = np.unique(found, axis=0, return_counts=True)
    known, each = np.unique(whole.toarray(), axis=0, return_counts=True)
    assert {row.tobytes() for row in rows} <= {row.tobytes() for row in known}
    if n_out <= 4096:
        assert counts.sum() == 4096
        assert np.all(counts >= each * (4096 // n_out))
        assert np.all(counts <= each * -(-4096 // n_out))


def test_a_slice_of_the_table_is_made_again(tmp_path):
    slices = {"model": "rn50", "method": "magnitude_pruning", "sparsity": "0.98"}
    if "rn50/magnitude_pruning/0.98" not in {path.rpartition("/")[0] for path in dlmc.at_hand()}:
        pytest.skip("the matrices are not at hand")
    made = pd.read_csv(experiments.run("pruned_layers", tmp_path / "slice.csv", slices), comment="#")
    committed = experiments.read("pruned_layers").query(
        "model == 'rn50' and method == 'magnitude_pruning' and sparsity == 0.98"
    )
    pd.testing.assert_frame_equal(made, committed.reset_index(drop=True))


def test_the_committed_fit_is_that_of_the_table():
    found = spread.fitted(spread.table())
    assert {name: {side: fit[side] for side in ("row", "column")} for name, fit in fitted_spreads().items()} == found


def test_typical_layers_come_near_matrices_that_they_were_not_fitted_to():
    error = spread.held_out().eval("100 * (synthetic - load_balance)")
    assert abs(error.mean()) < 1
    assert (error.abs() <= 5).mean() > 0.9


def test_ten_percent_of_the_matrices_lie_below_the_tenth_percentile_and_so_on():
    for method, rows in spread.table().query("family != 'random'").groupby("family"):
        for side in ("row", "column"):
            for percentile, at in ((10, 0.1), (50, 0.5), (90, 0.9)):
                curve = [
                    getattr(eie.typical_spread(row.density, percentile, method, shape=row.shape), f"{side}_cv")
                    for row in rows.itertuples()
                ]
                below = (np.maximum(rows[f"{side}_cv"], spread.SMALLEST) <= np.array(curve) + 1e-3).mean()
                assert below == pytest.approx(at, abs=0.06), (method, side, percentile)


def test_page(result):
    assert result.now == 0
    assert len(result.rows) == 1350
    assert "**1,200 really pruned matrices**" in result.words()
    assert abs(result.errors().loc["uniform", "mean"]) > 2
    assert result.table()["matrices"].sum() == 1350
    assert result.kinds()["matrices"].sum() == 1200
    assert "other" not in result.kinds().index.get_level_values("kind")
    assert "suits EIE best" in result.which_suit()
    assert set(result.rows["family"]) == set(FAMILIES)


@pytest.mark.parametrize(("plot", "axes"), [("plot", 3), ("plot_unevenness", 2), ("plot_padding", 1)])
def test_plots(result, plot, axes):
    assert len(getattr(result, plot)().axes) == axes


def test_groups_now_replace_those_of_the_table(result):
    group = "rn50/magnitude_pruning/0.98"
    if group not in {path.rpartition("/")[0] for path in dlmc.at_hand()}:
        pytest.skip("the matrices are not at hand")
    again = pruned([group])
    assert again.now == 54
    names = ["model", "method", "sparsity", "layer"]
    pd.testing.assert_frame_equal(
        again.rows.sort_values(names, ignore_index=True), result.rows.sort_values(names, ignore_index=True), rtol=1e-4
    )


def test_unknown_group():
    with pytest.raises(ValueError, match="there is no group 'rn50'; there are rn50/"):
        pruned(["rn50"])
