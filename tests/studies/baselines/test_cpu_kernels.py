import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pytest

from eie.formats import FormatError
from eie.studies import experiments
from eie.studies.baselines import cpu_kernels
from eie.studies.baselines.cpu_kernels import Cell
from eie.studies.retrospective.kernel_names import ARITHMETIC, NAMES, OURS
from eie.studies.retrospective.vector import vector

pytestmark = pytest.mark.long


def timed_small(cell, batches):
    """Time a layer of a quarter of the size in each direction, and read 32 MB."""
    with pytest.MonkeyPatch.context() as patch:
        layer = replace(cpu_kernels.table3_layer(), n_in=1024, n_out=1024)
        patch.setattr(cpu_kernels, "table3_layer", lambda: layer)
        patch.setattr(cpu_kernels, "STREAM_BYTES", 2**25)
        return cpu_kernels.time_cell(cell, batches, 2)


@pytest.fixture(scope="module")
def timed():
    return timed_small(Cell(1, 0.353, 0.02), [1, 64])


def test_a_group_has_every_sparse_kernel_and_none_is_wrong(timed):
    found = {(row["variant"], row["batch"]) for row in timed["rows"] if row["platform"] == "CPU"}
    kernels = {"eie", "row", "expand8", "expand16", "sparse", "csc", "csc-own"}
    assert found == {(name, batch) for name in kernels for batch in (1, 64)} | {("csc-columns", 1)}
    assert timed["left_out"] == []
    assert all(row.keys() >= cpu_kernels.COLUMNS for row in timed["rows"])
    assert timed["stream_gb_s"] > 0


def test_bytes_touched_are_those_of_columns_that_are_read(timed):
    rows = {(row["variant"], row["batch"]): row for row in timed["rows"]}
    for variant, share in (("eie", 0.353), ("row", 0.353), ("expand8", 0.353), ("csc-own", 0.353), ("csc", 1)):
        found = rows[variant, 1]["touched_bytes"] / rows[variant, 1]["n_bytes"]
        assert found == pytest.approx(share, abs=0.03)
    assert rows["row", 64]["touched_bytes"] == rows["row", 64]["n_bytes"]


def test_dense_kernels_are_all_right_or_say_why():
    timed = timed_small(Cell(1, 0.353, 1.0), [1])
    variants = {row["variant"] for row in timed["rows"]}
    assert variants >= {"dense", "int8", "int4"}
    assert {found["variant"] for found in timed["left_out"]} <= {"onnx-int8", "onnx-int4"}
    assert all("onnxruntime is not installed" in found["reason"] for found in timed["left_out"])


def test_groups_are_all_there():
    cells = cpu_kernels.cells()
    assert len(cells) == len(set(cells))
    assert {cell.density for cell in cells if cell.threads == 1} == {1.0, *cpu_kernels.DENSITIES}
    assert {(cell.threads, cell.act_density) for cell in cells} >= {(1, 0.353), (1, 1.0)}


def test_groups_are_joined_to_a_table_that_is_read(tmp_path, monkeypatch):
    def fake(cell, batches, repeats):
        row = dict.fromkeys(cpu_kernels.COLUMNS, 1) | {"density": cell.density, "batch": batches[-1]}
        return {"cell": asdict(cell), "load": 0.5, "stream_gb_s": 20.0, "rows": [row], "left_out": []}

    monkeypatch.setattr(cpu_kernels, "time_cell", fake)
    monkeypatch.setattr(cpu_kernels, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    slices = {"quick": "True", "act_density": "0.353", "threads": "1"}
    found = cpu_kernels.read(experiments.run("cpu_kernels", tmp_path / "out.json", slices))
    usual = cpu_kernels.table3_layer().weight_density
    assert found["rows"][["density", "batch"]].to_numpy().tolist() == [[1.0, 8], [usual, 8]]
    assert found["settings"] == {"layer": "Alex-7", "repeats": cpu_kernels.REPEATS // 2, "batches": [1, 8]}
    assert found["load_average"] == [0.5, 0.5]
    known = cpu_kernels.committed()
    assert found.keys() == known.keys()
    assert found["provenance"].keys() == known["provenance"].keys()


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2}', '{"schema": 1, "rows": [{"batch": 1}]}'])
def test_damaged_results(tmp_path, content):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(FormatError, match="not a result of `eie experiment cpu_kernels`"):
        cpu_kernels.read(path)


def test_two_of_four():
    dense = np.array([[1, -4, 2, 3, 0, 0, -1, 0.5]], np.float32)
    assert cpu_kernels.two_of_four(dense).tolist() == [[0, -4, 0, 3, 0, 0, -1, 0.5]]
    with pytest.raises(ValueError, match="a multiple of 4 weights, got 6"):
        cpu_kernels.two_of_four(np.ones((2, 6), np.float32))


def test_committed_table_is_whole():
    result = cpu_kernels.committed()
    assert result is not None
    names = json.dumps(result["provenance"])
    assert result["provenance"]["cores"] >= 1
    assert "/" not in names.replace("GNU/Linux", "")
    rows = result["rows"][result["rows"]["platform"] == "CPU"]
    assert set(rows["density"]) == {1.0, *cpu_kernels.DENSITIES}
    assert set(rows["batch"]) == set(cpu_kernels.BATCHES)
    assert not rows.duplicated(["threads", "act_density", "density", "batch", "variant"]).any()
    assert len(result["load_average"]) == len(rows.groupby(["threads", "act_density", "density"]))


def test_what_must_hold_of_the_kernels():
    result = vector(draws=2, live=False)
    assert result.over("csc", base="row") >= 2
    assert result.scaling() > 1.3
    assert result.over("eie", base="row") > 1
    assert result.over("int8", base="expand8") > 1


def test_words_tables_and_plot():
    result = vector([8, 64], draws=2, live=False)
    assert "**EIE's relative index, not by the sparsity**" in result.answer()
    assert f"**{result.over('eie', base='row'):.2f} ± " in result.answer()
    assert f"{result.over('int8', batch=64, base='expand8'):.2f} times as long as bitmaps" in result.answer()
    assert "the tables vary batch and density" in result.change()
    assert "the time of bitmaps grows by a factor of" in result.words()
    assert result.useful().loc[64, "lockstep"] < result.useful().loc[64, "own queues"]
    assert [ax.get_title() for ax in result.plot().axes][2] == "lanes that do useful work"


def test_the_finding_is_not_said_where_the_times_do_not_show_it():
    result = vector([8], draws=2, live=False)
    rows = result.result["rows"]
    rows.loc[rows["variant"] == "row", ["time_us", "low_us", "high_us"]] *= 10
    assert "do not show that EIE's relative index" in result.answer()


def test_who_wins_is_said_as_the_times_have_it():
    result = vector([8], draws=2, live=False)
    rows = result.result["rows"]
    first = rows["batch"] == 1
    assert result.words().startswith("In batches, other kernels win. At 9 % of the weights, no other kernel beats rows")
    times = ["time_us", "low_us", "high_us"]
    rows.loc[first & (rows["variant"] == "dense"), times] /= 1e6
    assert result.words().startswith("Other kernels win. At 9 % of the weights, some beat rows")
    assert "times as fast as these layouts: dense float32" in result.words()
    rows.loc[rows["variant"].isin(OURS.values()), times] /= 1e12
    assert result.words().startswith("No other kernel wins: at 9 % of the weights, none beats rows")
    rows.loc[first & (rows["variant"] == "dense"), times] /= 1e12
    assert "At batch 1, other kernels win. At 9 % of the weights, no other kernel beats" in result.words()


@pytest.mark.parametrize(
    ("load", "said"),
    [([2.1, 3], "cores all the time"), ([1, 3], "cores part of the time"), ([0, 2], "was never above")],
)
def test_load_is_held_against_the_number_of_cores(load, said):
    result = vector([8], draws=2, live=False)
    result.result["provenance"]["cores"] = 2
    result.result["load_average"] = load
    assert said in result.words()


def test_bytes_and_shares_of_the_memorys_speed():
    result = vector([8], draws=2, live=False)
    table, rows = result.layouts(), result.result["rows"]
    row = rows.query("variant == 'row' and threads == 1 and batch == 1 and density == 0.09 and act_density < 1").iloc[0]
    found = table.loc[NAMES["row"]]
    assert found["bytes"] == pytest.approx(row["n_bytes"] / (0.09 * 4096 * 4096))
    assert found["stream"] == pytest.approx(row["touched_bytes"] / row["time_us"] / 10 / result.stream())
    assert 2 < found["bytes"] < 2.2
    assert (table["stream"] < 105).all()
    assert list(result.scaled().columns) == ["4 %", "9 %", "25 %"]


def test_every_win_is_in_the_tables():
    result = vector([8], draws=2, live=False)
    times, fastest, faster = result.times(1), result.fastest(), result.faster_than()

    def listed(said, density):
        return said == "all" or f"{100 * density:g}" in said.removesuffix(" %").split(", ")

    for (batch, density), row in times.iterrows():
        for arithmetic, own in ARITHMETIC.items():
            own = row[list(own)].dropna()
            for name, time in own.items():
                assert listed(fastest.loc[NAMES[name], f"batch {batch}"], density) == (name == own.idxmin())
                if name != OURS[arithmetic]:
                    assert listed(faster.loc[NAMES[name], f"batch {batch}"], density) == (own[OURS[arithmetic]] < time)
    assert faster.loc[NAMES["csc-columns"], "batch 8"] == "-"


def test_words_say_when_times_are_missing(monkeypatch):
    monkeypatch.setattr(cpu_kernels, "committed", lambda: None)
    result = vector([8], draws=2, live=False)
    assert "Times are missing:** `eie experiment cpu_kernels`" in result.answer()
    assert result.words().startswith("Of 8 lanes")
    assert result.change() == "Another processor, batch or density would change it."
    assert result.times(1).empty
    assert result.plot().axes[0].texts[0].get_text() == "not measured"
    with pytest.raises(ValueError, match="there is no table"):
        result.over("csc")
