import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import eie
from eie import chip
from eie.cli.main import main
from eie.explore import cluster, design_space
from eie.explore.benchmarks import Benchmark
from eie.networks import file_sweep

LAYERS = (Benchmark("small", 60, 90, 0.2, 0.5), Benchmark("large", 200, 150, 0.1, 0.4))
SPACE = design_space.DesignSpace(LAYERS, (1, 4, 16), (2, 8), (32, 64, 80), (3, 4, 6), draws=2, seed=5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The space, never interrupted."""
    path = tmp_path_factory.mktemp("whole") / "sweep.parquet"
    assert design_space.run(SPACE, path)
    return pd.read_parquet(path)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_point_is_there_once_in_order(whole):
    keys = ["layer", "draw", "n_pe", "index_bits", "fifo_depth", "spmat_width_bits"]
    assert len(whole) == SPACE.points == 2 * 2 * 54
    assert not whole.duplicated(keys).any()
    expected = whole.sort_values(keys, key=lambda column: column.replace({"small": 0, "large": 1}), kind="stable")
    assert expected.index.tolist() == list(range(len(whole)))
    assert list(whole) == list(design_space.COLUMNS)


def test_points_are_what_simulate_energy_and_chip_give(whole):
    for row in whole.sample(60, random_state=0).to_dict("records"):
        machine = eie.Machine(
            **{name: row[name] for name in ("n_pe", "fifo_depth", "spmat_width_bits", "clock_hz", "index_bits")}
        )
        layer, activations = {each.name: each for each in LAYERS}[row["layer"]].draw(5, row["draw"])
        mem = eie.encode(layer, machine)
        report = eie.simulate(mem, activations, machine)
        counters = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads", "load_balance", "seconds")
        assert {name: row[name] for name in counters} == {name: getattr(report, name) for name in counters}
        fullest = max(len(mem.pe(p)[0]) for p in range(machine.n_pe))
        assert row["spmat_fill"] == pytest.approx(fullest * machine.n_pe / chip.weights_held(machine), rel=1e-12)
        if row["spmat_width_bits"] == 80:
            assert (
                row["note"] == "no energy and area: the SRAM sweep has memories of 32, 64, 128, 256, 512 bits, not 80"
            )
            assert pd.isna([row["energy_j"], row["time_times_power_j"], row["area_mm2"]]).all()
        else:
            joules = eie.energy(report, machine)
            assert (row["energy_j"], row["time_times_power_j"]) == (joules.total, joules.time_times_power)
            assert row["area_mm2"] == chip.area(machine)
            assert pd.isna(row["note"])


def test_columns_are_described_in_the_file(whole, tmp_path):
    design_space.run(design_space.DesignSpace(LAYERS[:1]), tmp_path / "one.parquet")
    schema = pq.read_schema(tmp_path / "one.parquet")
    assert {field.name: field.metadata[b"is"].decode() for field in schema} == design_space.COLUMNS


def test_names_need_not_be_unicode(tmp_path):
    space = design_space.DesignSpace(LAYERS[:1], (1,), (2,), (32,), (3,), draws=1)
    path = tmp_path / os.fsdecode(b"\xff.parquet")
    assert [design_space.run(space, path) for _ in range(2)] == [True, False]
    assert names(tmp_path) == [path.name]
    file_sweep.write(pd.DataFrame({"a": [1]}), path)
    with path.open("rb") as file:
        assert pd.read_parquet(file)["a"].tolist() == [1]


def test_a_finished_sweep_is_not_done_again(tmp_path, monkeypatch):
    path = tmp_path / "sweep.parquet"
    assert design_space.run(SPACE, path)
    (tmp_path / "sweep.parquet.parts").mkdir()  # as when the run was stopped between its last two steps
    monkeypatch.setattr(design_space, "points", None)
    assert not design_space.run(SPACE, path)
    assert names(tmp_path) == ["sweep.parquet"]


class Stops(ThreadPoolExecutor):
    """Runs some jobs, then fails as if the machine went away."""

    def __init__(self, after):
        super().__init__(1)
        self.left = after

    def submit(self, *arguments):
        self.left -= 1
        return super().submit(*arguments) if self.left >= 0 else super().submit(go_away)


def go_away():
    """Fail, but not before what other jobs found can be written."""
    time.sleep(0.3)
    raise KeyboardInterrupt


def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch, whole):
    path, computed = tmp_path / "sweep.parquet", []
    path.write_text("the old file")
    compute = design_space.points
    monkeypatch.setattr(design_space, "points", lambda job: (computed.append(job), compute(job))[1])
    for after in (0, 3, 4):
        with pytest.raises(KeyboardInterrupt), Stops(after) as pool:
            design_space.run(SPACE, path, pool)
        assert path.read_text() == "the old file"
    # Whatever was computed before the failure was noticed may be computed again, but not what was written.
    kept = len(list((tmp_path / "sweep.parquet.parts").glob("[0-9]*.part")))
    before = len(computed)
    assert design_space.run(SPACE, path)
    assert len(computed) - before == len(SPACE.jobs()) - kept
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)
    assert names(tmp_path) == ["sweep.parquet"]


@pytest.mark.parametrize(("calls", "most"), [(1, 3), (4, 3), (6, 2), (1000, 1)])
def test_jobs_of_a_layer_are_given_to_workers_together(tmp_path, monkeypatch, whole, calls, most):
    """Two layers are drawn twice, and each has three jobs: together, unless that makes fewer calls than asked for."""
    monkeypatch.setattr(design_space, "CALLS", calls)
    given = []
    with ThreadPoolExecutor(2) as pool:
        submit = pool.submit
        monkeypatch.setattr(pool, "submit", lambda *call: given.append(call[-1]) or submit(*call))
        design_space.run(SPACE, tmp_path / "sweep.parquet", pool)
    assert sorted(number for numbers in given for number in numbers) == list(range(12))
    assert all(len({number // 3 for number in numbers}) == 1 for numbers in given)
    assert max(map(len, given)) == most
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "sweep.parquet"), whole)


def test_a_damaged_part_is_computed_again(tmp_path, whole):
    path, parts = tmp_path / "sweep.parquet", tmp_path / "sweep.parquet.parts"
    with pytest.raises(KeyboardInterrupt), Stops(4) as pool:
        design_space.run(SPACE, path, pool)
    for part in parts.glob("[0-9]*.part"):
        part.write_bytes(part.read_bytes()[:100])
    (parts / "000001.part").write_bytes(b"")
    design_space.run(SPACE, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)


def interrupted(path, space=SPACE, after=5):
    """The first parts of a sweep that was stopped."""
    with design_space.parts.folder_of(path, space.plan()) as folder:
        found = {folder / f"{number:06d}.part": job for number, job in enumerate(space.jobs()[:after])}
        for part, job in found.items():
            content = design_space.parts.packed(design_space.points(job))
            design_space.parts.write(part, content, space.plan())
    return list(found)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_part_with_one_wrong_bit_is_computed_again(tmp_path, whole):
    path = tmp_path / "sweep.parquet"
    for number, part in enumerate(interrupted(path)):
        flip(part, 60 + 37 * number)
    design_space.run(SPACE, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)


def test_a_part_with_forged_counts_is_computed_again(tmp_path, whole):
    path = tmp_path / "sweep.parquet"
    part = interrupted(path)[0]
    table = design_space.parts.read(part, SPACE.plan())
    cycles = table.schema.get_field_index("cycles")
    forged = table.set_column(cycles, table.schema.field(cycles), pa.array([1] * len(table)))
    pq.write_table(forged, part)
    part.write_bytes(part.read_bytes() + bytes(32))
    design_space.run(SPACE, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)


def test_a_part_in_place_of_another_is_computed_again(tmp_path, whole):
    path = tmp_path / "sweep.parquet"
    first, second, *_ = interrupted(path)
    first.write_bytes(second.read_bytes())
    design_space.run(SPACE, path)
    pd.testing.assert_frame_equal(pd.read_parquet(path), whole)


def test_parts_of_another_version_are_not_mixed_in(tmp_path, monkeypatch):
    path = tmp_path / "sweep.parquet"
    interrupted(path)
    monkeypatch.setattr(design_space, "__version__", "0.0.0")
    with pytest.raises(ValueError, match="parts of an unfinished sweep with other parameters"):
        design_space.run(SPACE, path)
    # Nor does a part whose folder claims the new version.
    (tmp_path / "sweep.parquet.parts" / "plan.json").write_text(SPACE.plan())
    assert all(design_space.parts.read(part, SPACE.plan()) is None for part in path.parent.glob("*.parts/[0-9]*"))


def test_a_finished_file_with_one_wrong_bit_does_not_count_as_done(tmp_path):
    space, path = design_space.DesignSpace(LAYERS[:1], (1, 4)), tmp_path / "sweep.parquet"
    design_space.run(space, path)
    content, frame = path.read_bytes(), pd.read_parquet(path)
    damaged = 0
    for at in range(4, len(content), 97):
        flip(path, at)
        if design_space._is_whole(path, space):  # a bit that nobody reads, or of the words about a column
            pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
        else:
            damaged += 1
        path.write_bytes(content)
    assert damaged > 10
    flip(path, 20)
    assert design_space.run(space, path)
    assert path.read_bytes() == content


def test_a_finished_file_with_other_numbers_does_not_count_as_done(tmp_path):
    """Another tool wrote it again: its pages have the right checksums, and it has the old digest."""
    space, path = design_space.DesignSpace(LAYERS[:1], (1, 4)), tmp_path / "sweep.parquet"
    design_space.run(space, path)
    content, table, facts = path.read_bytes(), pq.read_table(path), pq.ParquetFile(path).metadata.metadata
    pq.write_table(table.replace_schema_metadata(facts), path, write_page_checksum=True)
    assert design_space._is_whole(path, space)
    cycles = table.schema.get_field_index("cycles")
    other = table.set_column(cycles, table.schema.field(cycles), pa.array([1] * len(table)))
    pq.write_table(other.replace_schema_metadata(facts), path, write_page_checksum=True)
    assert design_space.run(space, path)
    assert path.read_bytes() == content


def test_a_finished_file_of_another_sweep_is_replaced(tmp_path):
    path = tmp_path / "sweep.parquet"
    for n_pe in (1, 4):
        assert design_space.run(design_space.DesignSpace(LAYERS[:1], (n_pe,)), path)
        assert set(pd.read_parquet(path)["n_pe"]) == {n_pe}


def test_two_sweeps_on_one_file_are_told_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["sweep", "--layers", "NT-We", "-o", "a.parquet"]
    with design_space.parts.folder_of(tmp_path / "a.parquet", "the plan"):
        assert main(options) == 2
    assert f"another sweep is writing {tmp_path / 'a.parquet'}: wait for it" in capsys.readouterr().err
    (tmp_path / "a.parquet.parts" / "plan.json").unlink()
    assert main(options) == 0


def test_parts_of_another_sweep_are_not_mixed_in(tmp_path):
    with pytest.raises(KeyboardInterrupt), Stops(1) as pool:
        design_space.run(SPACE, tmp_path / "sweep.parquet", pool)
    with pytest.raises(ValueError, match=r"sweep.parquet.parts holds the parts of .* other parameters: give those"):
        design_space.run(design_space.DesignSpace(LAYERS), tmp_path / "sweep.parquet")


def test_a_folder_of_others_is_left_alone(tmp_path):
    parts = tmp_path / "sweep.parquet.parts"
    parts.mkdir()
    (parts / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not the folder of a sweep, and holds thesis\.txt: write to another file"):
        design_space.run(SPACE, tmp_path / "sweep.parquet")
    assert (parts / "thesis.txt").read_text() == "mine"


COMMAND = [
    *(sys.executable, "-m", "eie.cli.main", "sweep", "--layers", "NT-We,NT-Wd", "--pe", "1..64", "--fifo", "2..16"),
    *("--spmat-width-bits", "32,64", "--index-bits", "3..6"),
]


@pytest.mark.long
def test_killed_at_any_moment_nothing_is_lost_and_nothing_twice(tmp_path, monkeypatch, capsys):
    path, parts = tmp_path / "sweep.parquet", tmp_path / "sweep.parquet.parts"
    running = subprocess.Popen([*COMMAND, "-o", str(path)], stderr=subprocess.PIPE)
    while len(list(parts.glob("[0-9]*.part"))) < 3:
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.001)
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    assert not path.exists()
    kept = {part.name for part in parts.glob("[0-9]*.part")}
    written, write = [], design_space.parts.write
    monkeypatch.setattr(
        design_space.parts, "write", lambda part, *rest: (written.append(part.name), write(part, *rest))[1]
    )
    assert main([*COMMAND[3:], "-o", str(path)]) == 0
    assert "448 points, 224 designs: written to" in capsys.readouterr().out
    jobs = {f"{number:06d}.part" for number in range(2 * 7)}
    assert 3 <= len(kept) < len(jobs)
    assert sorted(written) == sorted(jobs - kept)
    assert len(pd.read_parquet(path).drop_duplicates()) == 448
    assert names(tmp_path) == ["sweep.parquet"]


LARGER = design_space.DesignSpace(
    [Benchmark("larger", 4096, 2048, 0.1, 0.4)], (1, 16, 64), (2, 8), (64,), (3, 4), draws=6
)


def run_until(space, path, executor, written, then):
    """Run a sweep, and do something once so many parts are written, before the next one is; return its own result."""
    write, count = design_space.parts.write, iter(range(1, 1000))

    def write_and_then(*given):
        write(*given)
        if next(count) == written:
            then()

    with patch.object(design_space.parts, "write", write_and_then):
        return design_space.run(space, path, executor)


@pytest.mark.long
def test_on_a_dask_cluster_that_loses_a_worker(tmp_path):
    from distributed import LocalCluster

    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    design_space.run(LARGER, here)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=60) as workers,
        cluster.dask(workers.scheduler_address) as executor,
    ):
        assert run_until(LARGER, there, executor, 2, lambda: os.kill(workers.workers[0].pid, signal.SIGKILL))
    pd.testing.assert_frame_equal(pd.read_parquet(there), pd.read_parquet(here))


SCHEDULER = """
import asyncio
from distributed import Scheduler, Worker

async def serve():
    async with Scheduler(port=0, dashboard_address=":0") as scheduler, Worker(scheduler.address, nthreads=1):
        print(scheduler.address, flush=True)
        await scheduler.finished()

asyncio.run(serve())
"""


@pytest.mark.long
def test_a_scheduler_that_dies_is_an_error_in_words_and_the_same_sweep_goes_on(tmp_path):
    path, here = tmp_path / "a.parquet", tmp_path / "here.parquet"
    with subprocess.Popen([sys.executable, "-c", SCHEDULER], stdout=subprocess.PIPE, text=True) as scheduler:
        address = scheduler.stdout.readline().strip()
        with (
            pytest.raises(
                OSError, match=f"the Dask scheduler at {address} was lost; run the command again to continue"
            ),
            cluster.dask(address) as executor,
        ):
            run_until(LARGER, path, executor, 1, scheduler.kill)
    assert not path.exists()
    assert design_space.run(LARGER, path)
    design_space.run(LARGER, here)
    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(here))
    assert names(tmp_path) == ["a.parquet", "here.parquet"]


@pytest.mark.long
def test_of_two_schedulers_on_one_file_one_is_refused(tmp_path):
    from distributed import LocalCluster

    path = tmp_path / "a.parquet"
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with (
        LocalCluster(**options) as one,
        LocalCluster(**options) as other,
        cluster.dask(one.scheduler_address) as first,
        cluster.dask(other.scheduler_address) as second,
    ):

        def refused():
            with pytest.raises(ValueError, match=r"another sweep is writing .*a\.parquet: wait for it"):
                design_space.run(LARGER, path, second)

        assert run_until(LARGER, path, first, 1, refused)
    assert len(pd.read_parquet(path).drop_duplicates()) == LARGER.points


def test_command_on_a_cluster(tmp_path, capsys):
    from distributed import LocalCluster

    path = str(tmp_path / "a.parquet")
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as workers:
        assert main(["sweep", "--layers", "NT-We", "--dask", workers.scheduler_address, "-o", path]) == 0
    assert capsys.readouterr().out == f"1 points, 1 designs: written to {path}\n"


def test_a_cluster_that_loses_every_worker_is_an_error_in_words():
    from distributed import KilledWorker, LocalCluster

    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as workers,
        pytest.raises(OSError, match=r"workers died again and again .*; run the command again to continue"),
        cluster.dask(workers.scheduler_address),
    ):
        raise KilledWorker("points-1", workers.workers[0], 3)


def test_no_scheduler(monkeypatch):
    def client(address, **_):
        raise OSError("Timed out")

    monkeypatch.setattr("distributed.Client", client)
    with pytest.raises(OSError, match="no Dask scheduler answers at tcp://x:1; to start one: dask scheduler"):
        cluster.dask("tcp://x:1").__enter__()


@pytest.mark.parametrize(
    ("text", "doubling", "expected"),
    [
        ("64", True, (64,)),
        ("1,2,48", True, (1, 2, 48)),
        ("1..512", True, (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)),
        ("3..100", True, (4, 8, 16, 32, 64)),
        ("2..4,48,4", True, (2, 4, 48)),
        ("3..6", False, (3, 4, 5, 6)),
        ("1..1048576", True, tuple(1 << power for power in range(21))),
    ],
)
def test_values(text, doubling, expected):
    assert design_space.values("--pe", text, doubling=doubling) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "1..", "..4", "4..2", "0..4", "1...4", "1..2..4", "1.5", "1..99999999999", "-1..4"]
)
def test_values_that_are_none(text):
    with pytest.raises(ValueError, match=r"--pe must be whole numbers or a range, such as 1,2,48 or 1..512 .*, got '"):
        design_space.values("--pe", text)


def test_a_range_without_a_power_of_two():
    with pytest.raises(ValueError, match=r"there is no power of two in 5..7, the range of --pe"):
        design_space.values("--pe", "5..7")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"benchmarks": ()}, "must have at least one layer, got none"),
        ({"n_pe": (0,)}, r"each of n_pe must be an integer in 1..65536, got 0"),
        ({"fifo_depth": ()}, r"fifo_depth must have at least one integer in 2..1048576, got none"),
        ({"index_bits": (9,)}, r"each of index_bits must be an integer in 1..8, got 9"),
        ({"spmat_width_bits": "wide"}, r"spmat_width_bits must be a list of integers"),
        ({"draws": 0}, r"draws must be an integer in 1..1000, got 0"),
        ({"seed": -1}, r"seed must be an integer in 0"),
    ],
)
def test_bad_space(wrong, message):
    with pytest.raises(ValueError, match=message):
        design_space.DesignSpace(**{"benchmarks": LAYERS} | wrong)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "sweep.txt"], r"must be written to a file that ends in .parquet, .csv, .json, got 'sweep.txt'"),
        (["-o", "nowhere/sweep.parquet"], "there is no folder"),
        (["--width", "4", "-o", "a.parquet"], r"spmat_width_bits must be an integer in 8..65536, got 4"),
        (["--layers", "NT-W", "-o", "a.parquet"], "unknown layer 'NT-W'; Table III has Alex-6"),
    ],
)
def test_command_says_what_is_wrong_and_leaves_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *arguments]) in (1, 2)
    assert message in capsys.readouterr().err
    assert names(tmp_path) == []


def test_command_with_a_layer_of_ones_own(tmp_path, capsys):
    path = str(tmp_path / "a.parquet")
    own = ["--own-layers", "{'mine': [100, 50, 0.1, 0.5]}"]
    assert main(["sweep", "--layers", "", *own, "--pe", "1,3", "-o", path]) == 0
    assert capsys.readouterr().out == f"2 points, 2 designs: written to {path}\n"
    assert pd.read_parquet(path)[["layer", "n_pe"]].values.tolist() == [["mine", 1], ["mine", 3]]
