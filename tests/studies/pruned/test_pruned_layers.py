import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import eie
from eie.datasets import dlmc
from eie.explore.spread import fitted_spreads
from eie.studies import experiments
from eie.studies.pruned import collection, matrices, spread
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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Rows of one group, measured now."""
    slices = {"model": "rn50", "method": "magnitude_pruning", "sparsity": "0.98"}
    if "rn50/magnitude_pruning/0.98" not in {path.rpartition("/")[0] for path in dlmc.at_hand()}:
        pytest.skip("the matrices are not available")
    path = tmp_path_factory.mktemp("pruned") / "slice.csv"
    return pd.read_csv(experiments.run("pruned_layers", path, slices), comment="#")


def test_a_slice_of_the_table_is_made_again(made):
    committed = experiments.read("pruned_layers").query(
        "model == 'rn50' and method == 'magnitude_pruning' and sparsity == 0.98"
    )
    pd.testing.assert_frame_equal(made, committed.reset_index(drop=True))


def test_the_committed_fit_is_that_of_the_tables():
    found = spread.fitted(spread.table(), spread.collection())
    assert {name: {side: fit[side] for side in ("row", "column")} for name, fit in fitted_spreads().items()} == found


def test_typical_layers_come_near_matrices_that_they_were_not_fitted_to():
    held_out = spread.held_out()
    error = 100 * (held_out["synthetic"] - held_out["load_balance"])
    assert len(error) == 1200
    assert abs(error.mean()) < 1
    assert (error.abs() <= 5).mean() > 0.92
    error = 100 * (held_out["synthetic_any"] - held_out["load_balance"])
    assert abs(error.mean()) < 1
    assert (error.abs() <= 5).mean() > 0.88


def test_no_layer_is_in_both_halves():
    rows = spread.collection().assign(half=lambda rows: spread._half(rows))
    layers = rows.assign(layer=rows["layer"].str.removesuffix("_fully_connected")).groupby(["model", "layer"])
    assert (layers["half"].min() == layers["half"].max()).all()
    assert 0.35 < rows["half"].mean() < 0.65


def test_ten_percent_of_the_matrices_lie_below_the_tenth_percentile_and_so_on():
    for method, rows in spread.families(spread.table(), spread.collection()).items():
        for side in ("row", "column"):
            for percentile, at in ((10, 0.1), (50, 0.5), (90, 0.9)):
                curve = [
                    getattr(eie.typical_spread(row.density, percentile, method, shape=row.shape), f"{side}_cv")
                    for row in rows.itertuples()
                ]
                below = (np.maximum(rows[f"{side}_cv"], spread.SMALLEST) <= np.array(curve) + 1e-3).mean()
                assert below == pytest.approx(at, abs=0.06), (method, side, percentile)


def test_the_collections_own_statistics_are_those_of_its_matrices():
    both = spread.table().merge(
        spread.collection(), on=["model", "method", "sparsity", "layer"], suffixes=("", "_told")
    )
    assert len(both) == 1198
    for side in ("row", "column"):
        assert np.abs(both[f"{side}_cv"] - both[f"{side}_cv_told"]).max() <= 1e-4


def test_a_slice_of_the_spreads_is_made_again(tmp_path):
    if dlmc.STATISTICS not in {name for name, _ in dlmc.contents([dlmc.STATISTICS])}:
        pytest.skip("the collection is not available")
    made = pd.read_csv(experiments.run("pruned_spreads", tmp_path / "slice.csv", {"model": "rn50"}), comment="#")
    committed = experiments.read("pruned_spreads").query("model == 'rn50'")
    pd.testing.assert_frame_equal(made, committed.reset_index(drop=True))


def test_spreads_without_the_collection(monkeypatch):
    monkeypatch.setattr(collection, "rows", list)
    with pytest.raises(FileNotFoundError, match="dlmc"):
        collection.measure("rn50")


def test_page(result):
    assert result.now == 0
    assert len(result.rows) == 1350
    assert "**1,200 real pruned matrices**" in result.words()
    assert abs(result.errors().loc["uniform", "mean"]) > 2
    assert result.table()["matrices"].sum() == 1350
    assert result.kinds()["matrices"].sum() == 1200
    assert "other" not in result.kinds().index.get_level_values("kind")
    assert "the Transformer's *attention output* suits EIE best" in result.which_suit()
    assert set(result.rows["family"]) == set(FAMILIES)


def test_kinds_that_agree_to_a_percent_are_last_together(result):
    kinds = result.kinds().query("matrices >= 50")["multiplying %"]
    last = kinds.index[kinds.round() == kinds.round().min()]
    (said,) = (line for line in result.which_suit().split(". ") if " last, " in line)
    assert len(last) == 2
    assert said.startswith("The Transformer's *")
    assert all(f"*{kind}*" in said for _, kind in last)
    assert " come last, each with " in said


@pytest.mark.parametrize(("plot", "axes"), [("plot", 3), ("plot_unevenness", 2), ("plot_padding", 1)])
def test_plots(result, plot, axes):
    assert len(getattr(result, plot)().axes) == axes


def test_groups_now_replace_those_of_the_table(result, made, monkeypatch):
    measured = {("rn50", "magnitude_pruning", "0.98"): made.to_dict("records")}
    monkeypatch.setattr(matrices, "measure", lambda *group: measured[group])
    again = pruned(["rn50/magnitude_pruning/0.98"])
    assert again.now == 54
    names = ["model", "method", "sparsity", "layer"]
    pd.testing.assert_frame_equal(
        again.rows.sort_values(names, ignore_index=True), result.rows.sort_values(names, ignore_index=True), rtol=1e-4
    )


def test_unknown_group():
    with pytest.raises(ValueError, match="there is no group 'rn50'; there are rn50/"):
        pruned(["rn50"])
