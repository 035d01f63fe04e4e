"""How long things take, as ratios to something else in the same run. `make bench` runs this and prints a table.

Limits come from what the first version of the kernels took: the ratio it had, divided by how much faster they have to
be.
"""

import json
import logging
import os
import subprocess
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path

import explorer_page
import numpy as np
import onnx_models
import pytest
from clocks import PRINT_PEAK, cpu, wall
from distributed import LocalCluster

import eie
from eie._sums.bitmap import can_expand
from eie.datasets import catalogue
from eie.explore import cluster, design_space, sweep
from eie.explore.benchmarks import Benchmark, nine_layers, select
from eie.formats import authors
from eie.models import zoo
from eie.studies import host, paper
from eie.studies.baselines import cpu_kernels, kernels
from eie.studies.baselines.dot_kernel import can_dot
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.expand_kernel import ExpandLayer
from eie.studies.baselines.row_kernel import RowLayer
from eie.studies.paper import accuracy
from eie.studies.retrospective.vector import Vector

BENCH = Path(__file__).parent
VGG6, ALEX7, ALEX8 = select(["VGG-6", "Alex-7", "Alex-8"])
A_MILLION = "a million additions in plain Python"


def a_million():
    return sum(range(1_000_000))


@pytest.fixture(scope="module")
def vgg6():
    return VGG6.draw()


@pytest.fixture(scope="module")
def authors_layer():
    """The authors' layer; where it is not available, one drawn like it."""
    if catalogue.find("authors-layer"):
        dump = authors.read()
        return dump.mem, dump.activations
    layer, _ = ALEX8.draw()
    return eie.encode(layer, eie.Machine()), eie.draw_activations(4096, 0.4294, 0)


def test_simulate_authors_layer(race, authors_layer):
    mem, activations = authors_layer
    pointers = mem.pointers[np.flatnonzero(np.append(activations, 1.0)[: mem.n_columns])]
    race(
        "simulate, authors' layer, all counters",
        "NumPy's sum of the broadcast columns' pointers",
        1.35,  # 5.4 once
        of=lambda: eie.simulate(mem, activations),
        against=pointers.sum,
    )


@pytest.mark.skipif("EIE_AUTHORS_SIMULATOR" not in os.environ, reason="EIE_AUTHORS_SIMULATOR names no program")
@pytest.mark.needs_data("authors-layer")
def test_simulate_against_the_authors_simulator(race, authors_layer, tmp_path):
    """The authors' program, built by the user, finds its data in a folder `data`, as it expects."""
    mem, activations = authors_layer
    program = os.environ["EIE_AUTHORS_SIMULATOR"]
    (tmp_path / "data").symlink_to(catalogue.find("authors-layer"), target_is_directory=True)
    race(
        "simulate, authors' layer, all counters",
        "the authors' simulator, a process",
        1 / 500,  # 1 / 130 once
        of=lambda: eie.simulate(mem, activations),
        against=lambda: subprocess.run([program], cwd=tmp_path, check=True, capture_output=True),
    )


def test_thousand_designs_of_alex7(race, tmp_path):
    layer, activations = ALEX7.draw()
    machines = [eie.Machine(n_pe=n_pe) for n_pe in POWERS]
    race(
        "1,000 designs of Alex-7, CPU",
        "1,000 single simulations of it, CPU",
        1 / 113,  # 1 / 38 once
        of=lambda: swept(wide_space([ALEX7], 5), tmp_path / "a.parquet"),
        against=lambda: [eie.simulate(layer, activations, machine) for machine in machines],
        clock=cpu,
        repeat=1000 // len(machines),
    )


def test_encode_vgg6(race, vgg6):
    layer, _ = vgg6
    race(
        "encode VGG-6",
        "NumPy's stable sort of its entries by row",
        1,
        of=lambda: eie.encode(layer, eie.Machine()),
        against=lambda: np.sort(layer.rows, kind="stable"),
    )


def test_draw_vgg6(race):
    rng = np.random.default_rng(0)
    entries = int(VGG6.expected_entries)
    race(
        "draw VGG-6",
        "NumPy's as many exponential numbers",
        1.3,  # 3.5 once
        of=lambda: eie.draw_layer(4096, 25088, 0.04, 0),
        against=lambda: rng.standard_exponential(entries),
    )


def inference(layer, activations):
    """A call of `infer`, and one that copies what it looks at: rows and codes of the columns that are sent."""
    mem = eie.encode(layer, eie.Machine())
    formats = eie.calibrate(mem, activations)
    looked_at = np.ones(5 * int(mem.column_macs[np.flatnonzero(activations)].sum()), np.uint8)
    copied = np.empty_like(looked_at)
    return lambda: eie.infer(mem, activations, formats=formats), lambda: np.copyto(copied, looked_at)


def test_infer_vgg6(race, vgg6):
    of, against = inference(*vgg6)
    race("infer VGG-6", "copying the bytes it looks at", 35, of=of, against=against)  # 140 once


def test_infer_nine_layers(race):
    pairs = [inference(*layer.draw()) for layer in nine_layers()]
    race(
        "infer each of the nine layers",
        "copying the bytes it looks at",
        60,
        of=lambda: [infer() for infer, _ in pairs],
        against=lambda: [copy() for _, copy in pairs],
    )


@pytest.mark.needs_data("mnist")
def test_lenet_300_100_over_the_test_images(race):
    task, _ = accuracy.mnist_tasks()
    net, images = task.network, task.inputs
    formats = net.formats(net.calibrate(task.calibration))
    race(
        "LeNet-300-100 over MNIST's test images, CPU",
        A_MILLION,
        60,
        of=lambda: net.run(images, zoo.machine_for(net), formats, reports=False),
        against=a_million,
        clock=cpu,
    )


@pytest.mark.needs_data("squeezenet")
def test_one_picture_through_squeezenet_with_all_reports(race):
    net = zoo.squeezenet()
    picture = 100 * np.random.default_rng(0).normal(size=(1, *net.input_shape))
    formats = net.formats(net.calibrate(picture))
    race(
        "one picture through SqueezeNet, all reports, CPU",
        A_MILLION,
        100,
        of=lambda: net.run(picture, zoo.machine_for(net), formats),
        against=a_million,
        clock=cpu,
    )


def test_multiply_alex7_on_a_processor(race):
    layer, activations = ALEX7.draw()
    packed, matrix = CpuLayer.pack(layer), layer.to_scipy().astype(np.float32)
    race(
        "multiply Alex-7 on a processor",
        "SciPy's CSC",
        1,
        of=lambda: packed.multiply(activations),
        against=lambda: matrix @ activations,
    )


@pytest.fixture
def nine_percent():
    """A layer of 4,096 x 4,096 with 9 % of the weights, and an input with 35 % of its values, on one thread."""
    torch, before = host.require_torch(), host.require_torch().get_num_threads()
    torch.set_num_threads(1)
    yield Benchmark("9 %", 4096, 4096, 0.09, 0.353)
    torch.set_num_threads(before)


def test_row_index_layout(race, nine_percent):
    """`CpuLayer` is the kernel that the ratio was asked for against; it then took one input as a batch of one."""
    layer, activations = nine_percent.draw()
    relative, absolute = CpuLayer.pack(layer), RowLayer.pack(layer)
    race(
        "row-index layout, 9 %, batch 1, one thread",
        "EIE's relative index in bytes",
        1 / 1.4,  # 1 / 1.44 on a Zen 5, where both are near one addition into memory per cycle
        of=lambda: absolute.multiply(activations),
        against=lambda: relative.multiply(activations[np.newaxis]),
    )


@pytest.mark.skipif(not can_dot(), reason="this processor has no AVX-512 VBMI2 and VNNI")
def test_expand_layout_int8(race, nine_percent):
    """Weights come from memory: calls go round copies."""
    work = kernels.Work.draw(nine_percent, 1)
    packed, theirs = ExpandLayer.pack(nine_percent.draw()[0]), kernels.onednn_int8(work, 1, "cpu")
    own, others = cycle([packed.copy() for _ in range(64)]), cycle([theirs.pack() for _ in range(12)])
    race(
        "expand layout, int8, 9 %, batch 1, one thread",
        "PyTorch's oneDNN, int8",
        1 / 5,  # 1 / 5.6 on a Zen 5 of which one core reads 35 GB/s
        of=lambda: next(own).multiply(work.inputs[0]),
        against=lambda: theirs.call(next(others)),
    )


@pytest.mark.skipif(not can_expand(), reason="this processor has no AVX-512 VBMI2")
def test_expand_layout_16_bits(race, nine_percent):
    layer, activations = nine_percent.draw()
    relative, expanded = CpuLayer.pack(layer), ExpandLayer.pack(layer)
    formats = eie.calibrate(layer, activations)
    raw, _ = formats.activation.quantize(activations)
    race(
        "expand layout, 16 bits saturating, 9 %, batch 1, one thread",
        "EIE's relative index in bytes, float32",
        1 / 1.9,  # 1 / 2.3 on a Zen 5
        of=lambda: expanded.saturating(raw, formats),
        against=lambda: relative.multiply(activations),
    )


def test_multiply_against_scipy(record):
    """Each kernel's time over that of SciPy's CSC, in the committed table and here: within a factor of three."""
    cell = cpu_kernels.Cell(1, 0.353, 0.02)
    timed = cpu_kernels.time_cell(cell, [1, 64], 5)
    now = {(row["batch"], row["variant"]): row["low_us"] for row in timed["rows"] if row["platform"] == "CPU"}
    known = Vector(cpu_kernels.committed(), None, None).times(1, 0.353).xs(0.02, level="density")
    for (batch, variant), low in now.items():
        ratio = low / now[batch, "csc"] / (known.loc[batch, variant] / known.loc[batch, "csc"])
        record(f"{variant} on batch {batch} over SciPy's CSC", "the same in the committed table", ratio, 3)
        assert ratio > 1 / 3, (batch, variant)


def all_points():
    """Every point of Figures 8, 11, 12 and 13 and of Table IV, drawn and simulated anew."""
    sweep._reports.clear()
    for make in (paper.figure8, paper.figure11, paper.figure12, paper.figure13, paper.table4.table4):
        make()


def test_all_points_of_the_pages(race):
    race(
        "all points of Figures 8, 11-13 and Table IV, CPU", A_MILLION, 600, of=all_points, against=a_million, clock=cpu
    )


@pytest.mark.parametrize("slider", ["Queue depth", "Random seed"])
@pytest.mark.parametrize(
    ("layer", "query", "limit"), [("Alex-7, 64 PEs", "", 5), ("VGG-6, 256 PEs", "?layer=VGG-6&nPe=256", 20)]
)
def test_a_slider_is_answered_in_time(record, open_page, layer, query, limit, slider):
    page = open_page(query)
    explorer_page.wait_for_answer(page, 0)
    additions = []
    for _, key in zip(range(15), cycle(["ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft"]), strict=False):
        explorer_page.move(page, slider, key)
        additions.append(cpu(a_million))
    ratio = min(explorer_page.answers(page)[-15:]) / 1000 / min(additions)
    record(f"explorer, {slider.lower()}, {layer}", A_MILLION, ratio, limit)


POWERS = tuple(1 << power for power in range(10))


def wide_space(layers, depths):
    """Layers on 10 numbers of PEs x depths x 5 widths x 4 numbers of index bits."""
    return design_space.DesignSpace(layers, POWERS, tuple(range(2, 2 + depths)), (32, 64, 128, 256, 512), (3, 4, 5, 6))


def swept(space, path, executor=None):
    path.unlink(missing_ok=True)
    design_space.run(space, path, executor)


def test_ten_thousand_designs_over_nine_layers(record, python, tmp_path):
    assert wide_space(nine_layers(), 50).designs == 10_000
    script = (
        f"import sys; sys.path[:0] = {[str(BENCH), str(BENCH.parent)]!r}; import bench_speed as bench;"
        "bench.design_space.run(bench.wide_space(bench.nine_layers(), 50), sys.argv[1]);" + PRINT_PEAK
    )
    peaks = []
    seconds = cpu(lambda: peaks.append(int(python("-c", script, str(tmp_path / "a.parquet")))))
    record("10,000 designs of nine layers, CPU", A_MILLION, seconds / min(cpu(a_million) for _ in range(9)), 3000)
    record("10,000 designs of nine layers, memory", "1 GB", peaks[0] / 1e6, 1)


def test_cost_of_a_sweep_grows_with_its_points(record, tmp_path):
    spaces = [wide_space([ALEX8], depths) for depths in (10, 20, 40, 80)]
    swept(spaces[0], tmp_path / "a.parquet")
    spent = [min(cpu(lambda space=space: swept(space, tmp_path / "a.parquet")) for _ in range(3)) for space in spaces]
    # Linear: twice the points never take more than 2.5 times as long.
    growth = max(more / fewer for fewer, more in pairwise(spent))
    points = [("designs", space.points, seconds) for space, seconds in zip(spaces, spent, strict=True)]
    record("a sweep of twice the designs", "a sweep", growth, 2.5, points)


def test_a_million_designs(record, python, tmp_path):
    assert wide_space([ALEX8], 5000).designs == 1_000_000
    script = (
        f"import sys; sys.path[:0] = {[str(BENCH), str(BENCH.parent)]!r}; import bench_speed as bench;"
        "bench.design_space.run(bench.wide_space([bench.ALEX8], 5000), sys.argv[1]);" + PRINT_PEAK
    )
    peaks = []
    seconds = cpu(lambda: peaks.append(int(python("-c", script, str(tmp_path / "a.parquet")))))
    points = [("designs", 1_000_000, seconds)]
    addition = min(cpu(a_million) for _ in range(9))
    record("a million designs of Alex-8, CPU", A_MILLION, seconds / addition, 5000, points)
    record("a million designs of Alex-8, memory", "1 GB", peaks[0] / 1e6, 1)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores")
def test_two_dask_workers(record, tmp_path):
    """More than half a million points, on workers that have loaded their kernels; 1 / 1.6 on two cores without load.

    There, this process, which collects the points, needs a part of the second worker's core.
    """
    space = replace(wide_space(nine_layers(), 50), draws=6)
    seconds = {1: [], 2: []}
    for workers in (1, 2, 1, 2, 1, 2):
        options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
        with LocalCluster(n_workers=workers, **options) as local, cluster.dask(local.scheduler_address) as executor:
            list(executor.map(design_space.contents, [space] * workers, [[0]] * workers))
            seconds[workers].append(wall(lambda: swept(space, tmp_path / "a.parquet", executor)))
    record("a sweep of 540,000 points on two Dask workers", "on one", min(seconds[2]) / min(seconds[1]), 1 / 1.5)


@pytest.mark.parametrize("wide", [64, 1024, 16_384])
def test_cost_grows_with_pes(record, wide):
    """From one number of PEs to one four times as large, the cost of a PE never more than doubles."""
    layer, activations = eie.draw_layer(4096, 256, 0.1, 0), eie.draw_activations(256, 0.5, 0)
    spent = []
    for n_pe in (wide, 4 * wide):
        mem, machine = eie.encode(layer, eie.Machine(n_pe=n_pe)), eie.Machine(n_pe=n_pe)
        eie.simulate(mem, activations, machine)
        spent.append(min(cpu(lambda: [eie.simulate(mem, activations, machine) for _ in range(20)]) for _ in range(15)))  # noqa: B023
    points = [("PEs", wide, spent[0] / 20), ("PEs", 4 * wide, spent[1] / 20)]
    record(f"simulate on {4 * wide} PEs, each", f"simulate on {wide}, each", spent[1] / spent[0] / 4, 2.5, points)


IMPORT_NUMBA = ("-c", "import numba")
FIRST = {
    "sweep of one small layer": "from eie.explore.sweep import sweep; from eie.explore.benchmarks import Benchmark;"
    "sweep([Benchmark('small', 60, 90, 0.2, 0.5)], [eie.Machine()])",
    "drawing and simulating a layer": "layer = eie.draw_layer(1024, 1024, 0.1, 0);"
    "eie.simulate(eie.encode(layer, eie.Machine()), eie.draw_activations(1024, 0.4, 0))",
    "table 4": "from eie.cli.main import main; main(['table', '4'])",
}


@pytest.mark.parametrize("name", ["simulate", "Machine", "infer", "energy", "draw_layer"])
def test_import(race, python, name):
    race(
        f"import eie and use {name}, CPU",
        "import numba",
        0.8,  # 2.7 once
        of=lambda: python("-c", f"import eie; eie.{name}"),
        against=lambda: python(*IMPORT_NUMBA),
        clock=cpu,
    )


def test_help(race, python):
    race(
        "eie --help, CPU",
        "python -c pass",
        3,
        of=lambda: python("-m", "eie.cli.main", "--help"),
        against=lambda: python("-c", "pass"),
        clock=cpu,
    )


# At first, the three took 28, 20 and 36 times as long.
@pytest.mark.parametrize(("work", "limit"), list(zip(FIRST, (28 / 5, 20 / 5, 36 / 3), strict=True)))
def test_first_simulation_ever(record, python, tmp_path, work, limit):
    """With an empty cache, and so much work that kernels are compiled, or so little that they are not."""
    seconds = [
        cpu(lambda at=at: python("-c", f"import eie; {FIRST[work]}", NUMBA_CACHE_DIR=str(at)))
        for at in (tmp_path / name for name in "abcd")
    ]
    numba = min(cpu(lambda: python(*IMPORT_NUMBA)) for _ in range(5))
    record(f"first simulation ever, {work}, CPU", "import numba", min(seconds) / numba, limit)


def test_table_4_process(race, python, tmp_path):
    race(
        "eie table 4, a process with kernels compiled, CPU",
        "import numba",
        15,
        of=lambda: python("-m", "eie.cli.main", "table", "4", NUMBA_CACHE_DIR=str(tmp_path)),
        against=lambda: python(*IMPORT_NUMBA),
        clock=cpu,
    )


def test_drawing_vgg6_takes_little_memory(record, python):
    script = f"import eie; eie.draw_layer(4096, 25088, 0.04, 0); {PRINT_PEAK}"
    record("draw VGG-6, memory", "600 MB", int(python("-c", script)) / 600_000, 1)


@pytest.mark.parametrize("options", [(), ("--prune-to", "0.1")], ids=["dense", "pruned"])
def test_run_a_network_of_61_million_weights(record, python, tmp_path, options):
    """`eie run` on AlexNet's shapes, weights beside the ONNX file, as a whole process with its kernels compiled."""
    path = onnx_models.alexnet(tmp_path / "alexnet.onnx")
    command = ("run", str(path), "--act-density", "0.35", *options, "-o", str(tmp_path / "report"))
    script = f"from eie.cli.main import main; print(main({command!r})); {PRINT_PEAK}"
    python("-c", script)
    found = []
    seconds = cpu(lambda: found.extend(map(int, python("-c", script).splitlines()[-2:])))
    status, peak = found
    assert status == 0
    name = f"run a {'pruned' if options else 'dense'} network of 61 M weights"
    record(f"{name}, CPU", A_MILLION, seconds / min(cpu(a_million) for _ in range(9)), 3000)
    record(f"{name}, memory", "2 GB", peak / 2e6, 1)


def test_run_a_decoder_of_7_billion_weights(record, python, tmp_path):
    """`eie run` on the sizes of Llama 7B: its layers are drawn, encoded and timed one after the other."""
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    sizes = dict(zip(names, (4096, 11008, 32, 32, 32000), strict=True))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", **sizes}))
    command = ("run", str(tmp_path / "config.json"), "--prune-to", "0.1", "--act-density", "0.4")
    found = []
    script = f"from eie.cli.main import main; print(main({command!r})); {PRINT_PEAK}"
    seconds = cpu(lambda: found.extend(map(int, python("-c", script).splitlines()[-2:])))
    status, peak = found
    assert status == 0
    record(
        "run a decoder of 7 G weights at 10 %, CPU", A_MILLION, seconds / min(cpu(a_million) for _ in range(9)), 3000
    )
    record("run a decoder of 7 G weights at 10 %, memory", "2 GB", peak / 2e6, 1)


def test_cost_of_a_network_grows_with_its_entries(record, tmp_path):
    """Decoders up to 1 G entries, drawn, encoded and timed layer by layer."""
    names = ("model_type", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size")
    sizes = dict(zip(names, ("llama", 4096, 11008, 32, 32000), strict=True))
    points = []
    for depth in (3, 12, 48):
        (tmp_path / "config.json").write_text(json.dumps(sizes | {"num_hidden_layers": depth}))
        found = []
        seconds = cpu(lambda: found.append(eie.evaluate(tmp_path / "config.json", density=0.1, act_density=0.4)))  # noqa: B023
        entries = sum(layer.run.density * layer.run.n_out * layer.run.n_in for layer in found[0].layers)
        points.append(("network", entries, seconds))
    each = [seconds / entries for _, entries, seconds in points]
    growth = max(more / fewer for fewer, more in pairwise(each))
    record("a network of four times the layers, each entry", "a network, each entry", growth, 1.5, points)


STEPS = {
    "draw": lambda layer, mem, activations: eie.draw_layer(layer.n_out, layer.n_in, 0.1, 0),
    "encode": lambda layer, mem, activations: eie.encode(layer, eie.Machine()),
    "simulate": lambda layer, mem, activations: eie.simulate(mem, activations),
    "infer": lambda layer, mem, activations: eie.infer(mem, activations, formats=FORMATS),
}
FORMATS = eie.LayerFormats(eie.FixedPoint(16, 15), eie.FixedPoint(16, 12), eie.FixedPoint(16, 10))


@pytest.mark.parametrize("step", STEPS)
def test_cost_grows_with_entries(record, step):
    points = []
    for columns in (500, 1000, 2000, 4000, 8000, 16_000, 32_000):
        layer = eie.draw_layer(1024, columns, 0.1, 0)
        arguments = layer, eie.encode(layer, eie.Machine()), eie.draw_activations(columns, 0.4, 0)
        STEPS[step](*arguments)
        points.append((step, layer.nnz, min(cpu(lambda given=arguments: STEPS[step](*given)) for _ in range(7))))
    # Linear: from one size to the next the cost of an entry never more than doubles.
    each = [seconds / entries for _, entries, seconds in points]
    growth = max(more / fewer for fewer, more in pairwise(each))
    record(f"{step} twice the entries, each entry", f"{step}, each entry", growth, 2.5, points)
