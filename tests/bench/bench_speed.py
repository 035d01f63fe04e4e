"""How long things take, each held to a limit. Run by `make bench`; times are medians of warm runs.

Limits are seconds of a processor of which `YARDSTICK` is true; on another one they are in proportion.
"""

import os
import subprocess
import sys
import time
import timeit
from functools import cache
from itertools import cycle
from pathlib import Path

import explorer_page
import numpy as np
import onnx_models
import pytest

import eie
from eie.datasets import catalogue
from eie.explore import design_space, sweep
from eie.explore.benchmarks import nine_layers, select
from eie.formats import authors
from eie.models import zoo
from eie.studies import paper
from eie.studies.baselines import cpu_kernels
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.paper import accuracy
from eie.studies.retrospective.vector import Vector

BENCH = Path(__file__).parent
(VGG6,) = select(["VGG-6"])
(ALEX8,) = select(["Alex-8"])


@pytest.fixture(scope="module")
def vgg6():
    return VGG6.draw()


@pytest.fixture(scope="module")
def authors_layer():
    """The authors' layer; where it is not at hand, one drawn like it."""
    if catalogue.find("authors-layer"):
        dump = authors.read()
        return dump.mem, dump.activations
    layer, _ = ALEX8.draw()
    return eie.encode(layer, eie.Machine()), eie.draw_activations(4096, 0.4294, 0)


YARDSTICK = 0.010
"""Seconds to add a million integers in plain Python."""


@cache
def slowness():
    """How many times as long the yardstick takes on this processor."""
    return min(timeit.repeat("sum(range(1_000_000))", number=1, repeat=50)) / YARDSTICK


def hold(benchmark, seconds):
    """Fail when the median is over the limit."""
    limit = seconds * slowness()
    benchmark.extra_info["limit_s"] = limit
    assert benchmark.stats.stats.median < limit


def test_simulate_authors_layer(benchmark, authors_layer):
    mem, activations = authors_layer
    benchmark.pedantic(eie.simulate, (mem, activations, eie.Machine()), rounds=200, warmup_rounds=20)
    hold(benchmark, 0.3e-3)


def test_encode_vgg6(benchmark, vgg6):
    benchmark.pedantic(eie.encode, (vgg6[0], eie.Machine()), rounds=20, warmup_rounds=2)
    hold(benchmark, 0.150)


def test_draw_vgg6(benchmark):
    benchmark.pedantic(eie.draw_layer, (4096, 25088, 0.04, 0), rounds=10, warmup_rounds=1)
    hold(benchmark, 0.400)


@pytest.mark.parametrize("layer", select(), ids=lambda layer: layer.name)
def test_infer_benchmark_layers(benchmark, layer):
    mem = eie.encode(layer.draw()[0], eie.Machine())
    activations = eie.draw_activations(mem.n_in, 1.0, 0)
    formats = eie.calibrate(mem, activations)
    benchmark.pedantic(eie.infer, (mem, activations), {"formats": formats}, rounds=10, warmup_rounds=1)
    hold(benchmark, mem.n_entries / 100e6)


@pytest.mark.needs_data("mnist")
def test_lenet_300_100_over_the_test_images(benchmark):
    task, _ = accuracy.mnist_tasks()
    net, images = task.network, task.inputs
    formats = net.formats(net.calibrate(task.calibration))
    benchmark.pedantic(net.run, (images, zoo.machine_for(net), formats), {"reports": False}, rounds=3, warmup_rounds=1)
    hold(benchmark, 10.0)


@pytest.mark.needs_data("squeezenet")
def test_one_picture_through_squeezenet_with_all_reports(benchmark):
    net = zoo.squeezenet()
    picture = 100 * np.random.default_rng(0).normal(size=(1, *net.input_shape))
    formats = net.formats(net.calibrate(picture))
    run = benchmark.pedantic(net.run, (picture, zoo.machine_for(net), formats), rounds=5, warmup_rounds=1)
    assert len(run.layers) == 26
    hold(benchmark, 3.0)


def test_multiply_alex7_on_a_processor(benchmark):
    (alex7,) = select(["Alex-7"])
    layer, activations = alex7.draw()
    packed = CpuLayer.pack(layer)
    benchmark.pedantic(packed.multiply, (activations,), rounds=100, warmup_rounds=10)
    hold(benchmark, 1e-3)


def all_points():
    """Every point of Figures 8, 11, 12 and 13 and of Table IV, drawn and simulated anew."""
    sweep._reports.clear()
    for make in (paper.figure8, paper.figure11, paper.figure12, paper.figure13, paper.table4.table4):
        make()


def test_all_points_of_the_pages(benchmark):
    benchmark.pedantic(all_points, rounds=5, warmup_rounds=1)
    hold(benchmark, 3.0)


def test_multiply_against_scipy(benchmark):
    """Each kernel's time over that of SciPy's CSC, in the committed table and here: within a factor of three."""
    cell = cpu_kernels.Cell(1, 0.353, 0.02)
    timed = benchmark.pedantic(cpu_kernels.time_cell, (cell, [1, 64], 5), rounds=1)
    now = {(row["batch"], row["variant"]): row["low_us"] for row in timed["rows"] if row["platform"] == "CPU"}
    known = Vector(cpu_kernels.committed(), None, None).times(1, 0.353).xs(0.02, level="density")
    for (batch, variant), low in now.items():
        ratio = low / now[batch, "csc"] / (known.loc[batch, variant] / known.loc[batch, "csc"])
        assert 1 / 3 < ratio < 3, (batch, variant)


@pytest.mark.parametrize("slider", ["Queue depth", "Seed of the draw"], ids=["another machine", "another layer"])
@pytest.mark.parametrize(
    ("query", "seconds"), [("", 0.050), ("?layer=VGG-6&nPe=256", 0.200)], ids=["Alex-7, 64 PEs", "VGG-6, 256 PEs"]
)
def test_a_slider_is_answered_in_time(benchmark, open_page, query, seconds, slider):
    page = open_page(query)
    explorer_page.wait_for_answer(page, 0)
    keys = cycle(["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"])
    benchmark.pedantic(lambda: explorer_page.move(page, slider, next(keys)), rounds=15)
    assert min(explorer_page.answers(page)[-15:]) / 1000 < seconds * slowness()


POWERS = tuple(1 << power for power in range(10))


def wide_space(layers, depths):
    """Layers on 10 numbers of PEs x depths x 5 widths x 4 numbers of index bits."""
    return design_space.DesignSpace(layers, POWERS, tuple(range(2, 2 + depths)), (32, 64, 128, 256, 512), (3, 4, 5, 6))


def swept(space, path):
    path.unlink(missing_ok=True)
    design_space.run(space, path)


@pytest.mark.parametrize("layer", nine_layers(), ids=lambda layer: layer.name)
def test_thousand_points_of_a_layer(benchmark, layer, tmp_path):
    space = wide_space([layer], 5)
    assert space.points == 1000
    benchmark.pedantic(swept, (space, tmp_path / "a.parquet"), rounds=3, warmup_rounds=1)
    hold(benchmark, 2.0)


def test_ten_thousand_designs_over_nine_layers(benchmark, tmp_path):
    space = wide_space(nine_layers(), 50)
    assert space.designs == 10_000
    script = (
        f"import sys, resource; sys.path[:0] = {[str(BENCH), str(BENCH.parent)]!r}; import bench_speed as bench;"
        "bench.design_space.run(bench.wide_space(bench.nine_layers(), 50), sys.argv[1]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak_kilobytes():
        command = [sys.executable, "-c", script, str(tmp_path / "a.parquet")]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    peak = benchmark.pedantic(peak_kilobytes, rounds=1)
    benchmark.extra_info["peak_MB"] = peak / 1000
    assert peak < 2_000_000
    hold(benchmark, 120.0)


def test_cost_of_a_sweep_grows_with_its_points(benchmark, tmp_path):
    def seconds(depths):
        started = time.perf_counter()
        swept(wide_space([ALEX8], depths), tmp_path / "a.parquet")
        return time.perf_counter() - started

    times = benchmark.pedantic(lambda: [seconds(depths) for depths in (10, 20, 40, 80)], rounds=1, warmup_rounds=1)
    benchmark.extra_info["seconds"] = times
    # Linear: twice the points never take more than 2.5 times as long.
    assert np.all(np.array(times[1:]) < 2.5 * np.array(times[:-1]))


def table4(cache):
    """`eie table 4` as a whole process, its compiled kernels in `cache`."""
    command = [sys.executable, "-m", "eie.cli.main", "table", "4"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"NUMBA_CACHE_DIR": str(cache)})


def test_table_4_process_first_time_ever(benchmark, tmp_path):
    benchmark.pedantic(table4, (tmp_path,), rounds=1)
    hold(benchmark, 20.0)


def test_table_4_process_warm(benchmark, tmp_path):
    benchmark.pedantic(table4, (tmp_path,), rounds=5, warmup_rounds=1)
    hold(benchmark, 3.0)


def test_drawing_vgg6_takes_little_memory(benchmark):
    script = (
        "import resource, eie; eie.draw_layer(4096, 25088, 0.04, 0);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak_kilobytes():
        return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)

    peak = benchmark.pedantic(peak_kilobytes, rounds=1)
    benchmark.extra_info["peak_MB"] = peak / 1000
    assert peak < 600_000


@pytest.mark.parametrize("options", [(), ("--prune-to", "0.1")], ids=["dense", "pruned"])
def test_run_a_network_of_61_million_weights(benchmark, tmp_path, options):
    """`eie run` on AlexNet's shapes, weights beside the ONNX file, as a whole process with its kernels compiled."""
    path = onnx_models.alexnet(tmp_path / "alexnet.onnx")
    command = ("run", str(path), "--act-density", "0.35", *options, "-o", str(tmp_path / "report"))
    script = (
        f"import resource; from eie.cli.main import main; status = main({command!r});"
        "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def run():
        done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        return map(int, done.stdout.splitlines()[-1].split())

    status, peak = benchmark.pedantic(run, rounds=1, warmup_rounds=1)
    benchmark.extra_info["peak_MB"] = peak / 1000
    assert (status, peak < 2_000_000) == (0, True)
    hold(benchmark, 30.0)


STEPS = {
    "draw": lambda layer, mem, activations: eie.draw_layer(layer.n_out, layer.n_in, 0.1, 0),
    "encode": lambda layer, mem, activations: eie.encode(layer, eie.Machine()),
    "simulate": lambda layer, mem, activations: eie.simulate(mem, activations),
    "infer": lambda layer, mem, activations: eie.infer(mem, activations, formats=FORMATS),
}
FORMATS = eie.LayerFormats(eie.FixedPoint(16, 15), eie.FixedPoint(16, 12), eie.FixedPoint(16, 10))


@pytest.mark.parametrize("columns", [500, 1000, 2000, 4000, 8000, 16000, 32000])
@pytest.mark.parametrize("step", STEPS)
def test_cost_grows_with_entries(benchmark, step, columns):
    layer = eie.draw_layer(1024, columns, 0.1, 0)
    mem, activations = eie.encode(layer, eie.Machine()), eie.draw_activations(columns, 0.4, 0)
    benchmark.pedantic(STEPS[step], (layer, mem, activations), rounds=7, warmup_rounds=2)
    benchmark.extra_info |= {"step": step, "entries": layer.nnz}
    per_entry = benchmark.stats.stats.median / layer.nnz
    cost = COST_PER_ENTRY.setdefault(step, [])
    cost.append(per_entry)
    # Linear: from one size to the next the cost of an entry never more than doubles.
    assert np.all(np.array(cost[1:]) < 2.5 * np.array(cost[:-1]))


COST_PER_ENTRY: dict = {}
