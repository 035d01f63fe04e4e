import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from eie.explore.benchmarks import Benchmark, nine_layers
from eie.studies import host
from eie.studies.baselines import devices, kernels, measure, meters, platforms

torch = pytest.importorskip("torch")

TINY = Benchmark("tiny", 70, 37, 0.3, 0.5)
SIZES = {"tiny": [70, 37, 0.3, 0.5], "other": [24, 40, 0.2, 0.7]}
BATCHES = (1, 64)
KERNELS = [(name, make) for name, makes in devices.cpu().kernels.items() for make in makes]
EVERYTHING = [
    (batch, name) for name in devices.cpu().kernels for batch in (BATCHES if name != "csc-columns" else BATCHES[:1])
]
WATTLESS = {"platform", "batch", "variant", "layer", "time_us", "low_us", "high_us", "repeats", "library", "copies"}


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """One thread, small caches, no counters, no GPU: the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(host, "caches", lambda: {"L1i": 2**30, "L2": 2**14, "L3": 2**15})
    monkeypatch.setattr(meters.Rapl, "find", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def work():
    return kernels.Work.draw(TINY, max(BATCHES))


@pytest.fixture
def target(tmp_path):
    return tmp_path / "measured.json"


def run(target, own_layers=SIZES, **changes):
    measure.run(target, **({"layers": [], "own_layers": own_layers, "repeats": 2, "quick": True} | changes))


def part_of(target):
    return target.with_name("measured.json.part")


def outputs(make, work, batch):
    kernel = make(work, batch, "cpu")
    result = kernel.call(kernel.pack())
    return np.asarray(result).reshape(batch, -1)[:, : len(work.dense)]


def in_bfloat16(values):
    return torch.tensor(np.asarray(values)).bfloat16().double().numpy()


def with_int8(work, batch, top):
    """What integers of 8 bits give: weights of -127..127 with a scale a row, inputs of 0..top with one scale."""
    exact, inputs = np.zeros((batch, len(work.dense))), work.inputs[:batch].astype(float)
    step = inputs.max() / top
    for i, row in enumerate(work.dense.astype(float)):
        scale = abs(row).max() / 127 or 1.0
        exact[:, i] = np.rint(inputs / step) @ np.rint(row / scale) * scale * step
    return exact


def with_int4(work, batch):
    """What weights of -8..7 in groups of 128, each with a scale, give with inputs of bfloat16."""
    rounded = np.zeros_like(work.dense, float)
    for i, row in enumerate(work.dense.astype(float)):
        for j in range(0, len(row), 128):
            scale = abs(row[j : j + 128]).max() / 7 or 1.0
            rounded[i, j : j + 128] = np.rint(row[j : j + 128] / scale) * in_bfloat16(scale)
    return in_bfloat16(work.inputs[:batch]) @ rounded.T


def test_work_is_what_the_benchmark_draws(work):
    layer, activations = TINY.draw(seed=0)
    codes = layer.to_scipy().toarray()
    assert np.array_equal(work.dense, layer.codebook[codes])
    assert np.array_equal(work.csr.toarray(), work.dense)
    assert work.csr.nnz == layer.nnz  # also those that happen to weigh 0
    assert np.array_equal(work.inputs[0], activations)
    assert work.dense.flags.c_contiguous
    assert {array.dtype for array in (work.csr.indices, work.csr.indptr)} == {np.dtype(np.int32)}


def test_inputs_of_a_batch_differ_and_are_as_dense_as_asked(work):
    assert np.array_equal(np.count_nonzero(work.inputs, axis=1), np.full(64, 35))
    assert len(np.unique(work.inputs, axis=0)) == 64


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("make", [make for name, make in KERNELS if name in ("dense", "sparse")])
def test_float_result(work, make, batch):
    expected = work.inputs[:batch].astype(float) @ work.dense.astype(float).T
    np.testing.assert_allclose(outputs(make, work, batch), expected, rtol=1e-5, atol=1e-6)


def test_columns_result(work):
    found = outputs(kernels.scipy_columns, work, 1)[0]
    np.testing.assert_allclose(found, work.dense.astype(float) @ work.inputs[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("make", "top"), [(kernels.onednn_int8, 255), (kernels.integer_int8, 127)])
def test_int8_result(work, make, top, batch):
    np.testing.assert_allclose(outputs(make, work, batch), with_int8(work, batch, top), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", BATCHES)
def test_int4_result(work, batch):
    found, expected = outputs(kernels.weight_only_int4, work, batch), with_int4(work, batch)
    np.testing.assert_allclose(found, expected, rtol=2**-7, atol=2**-7 * abs(expected).max())  # it writes bfloat16


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(("name", "make"), [pair for pair in KERNELS if pair[0].startswith("int")])
def test_rounded_weights_stay_within_the_rounding(work, name, make, batch):
    """No weight is off by more than half a step of its row, no input by more than half of its own; plus bfloat16."""
    weights, inputs = abs(work.dense.astype(float)), work.inputs[:batch].astype(float)
    weight_off = weights.max(axis=1) / (254 if name == "int8" else 14)
    input_off = inputs.max() / 254
    bound = np.outer(inputs.sum(axis=1), weight_off) + input_off * weights.sum(axis=1)
    bound += weights.shape[1] * input_off * weight_off + 2**-7 * inputs @ weights.T
    assert (abs(outputs(make, work, batch) - inputs @ work.dense.T.astype(float)) <= bound).all()


@pytest.mark.parametrize(("name", "make"), KERNELS)
def test_rows_and_inputs_of_zeros(name, make):
    dense, inputs = np.zeros((5, 9), np.float32), np.zeros((64, 9), np.float32)
    dense[3] = 1.0
    work = kernels.Work(sp.csr_array(dense), inputs)
    assert not outputs(make, work, 1).any()
    work.inputs[0, 2] = 1.0
    np.testing.assert_allclose(outputs(make, work, 1)[0], [0, 0, 0, 1, 0], atol=0.01)


@pytest.mark.parametrize(("name", "make"), KERNELS)
def test_every_kernel_passes_its_check(work, name, make):
    kernel = measure.checked_kernel(make, devices.cpu(), work, name, 1)
    assert kernel.n_bytes >= work.dense.size // 2


@pytest.mark.parametrize("make", [make for _, make in KERNELS if make is not kernels.onednn_int8])
def test_copies_have_memory_of_their_own(work, make):
    pack = make(work, 1, "cpu").pack
    held = [pack() for _ in range(3)]
    assert len({data_of(copy) for copy in [*held, work.dense, work.csr]}) == 5


def data_of(copy):
    copy = copy[0] if isinstance(copy, tuple) else copy
    if isinstance(copy, torch.Tensor):
        return (copy.values() if copy.layout == torch.sparse_csr else copy).data_ptr()
    return (copy.data if sp.issparse(copy) else copy).ctypes.data


def test_wrong_result_is_refused(work):
    def zeros(work, batch, device):
        return kernels.Kernel("wrong", 1, lambda: None, lambda _: np.zeros((batch, len(work.dense))))

    with pytest.raises(measure.CannotTime, match=r"^zeros: its result is off by [\d.]+ of [\d.]+$"):
        measure.checked_kernel(zeros, devices.cpu(), work, "dense", 1)


def test_result_that_is_no_number_is_refused(work):
    def broken(work, batch, device):
        return kernels.Kernel("wrong", 1, lambda: None, lambda _: np.full((batch, len(work.dense)), np.nan))

    with pytest.raises(measure.CannotTime, match="its result is off by nan"):
        measure.checked_kernel(broken, devices.cpu(), work, "dense", 1)


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AttributeError, TypeError, ValueError])
def test_library_without_a_kernel(work, error):
    def missing(*_):
        raise error("no kernel in /home/someone/torch/lib.so or C:\\Users\\someone\nand more")

    with pytest.raises(measure.CannotTime) as caught:
        measure.checked_kernel(missing, devices.cpu(), work, "dense", 1)
    assert str(caught.value) == "missing: no kernel in [..] or [..]"


@pytest.mark.parametrize(
    ("n_bytes", "cache_bytes", "expected"),
    [
        (400, 100, (1, "rotated")),
        (399, 100, (2, "rotated")),
        (100, 100, (4, "rotated")),
        (1, 1024, (4096, "rotated")),
        (1, 1025, (1, "evicted")),
        (2**30, 2**30, (2, "rotated")),
        (2**30 + 1, 2**30, (1, "evicted")),
        (2**40, 2**30, (1, "rotated")),
    ],
)
def test_weights_are_cold(n_bytes, cache_bytes, expected):
    assert measure.cold_plan(n_bytes, cache_bytes) == expected


def device(clock, kernels, calls=1, cache_bytes=100, meter=None):
    return devices.Device("CPU", "cpu", kernels, cache_bytes, clock, calls, 0.0, meter)


def kernel_of(library, called, n_bytes=100):
    """A right result of the tiny layer, noting which copy gave it."""

    def make(work, batch, _):
        names = iter(range(1000))

        def call(copy):
            called.append(copy)
            return work.exact[:batch]

        return kernels.Kernel(library, n_bytes, lambda: next(names), call)

    return make


def fake_clock(*times):
    """A clock that does the work and says something else."""
    told = iter(times)

    def clock(work):
        work()
        return next(told)

    return clock


@pytest.mark.parametrize(("batch", "calls"), [(1, 1), (64, 1), (64, 4)])
def test_times_are_per_vector_with_quartiles(work, batch, calls):
    told = [64.0 * time for time in (5, 1, 3, 2, 4)]
    bench = measure.Bench(5, quick=True)
    found = bench.timing(device(fake_clock(*told), {"dense": (kernel_of("a", []),)}, calls), work, "dense", batch)
    unit = 64 / batch / calls
    assert (found["low_us"], found["time_us"], found["high_us"]) == (2 * unit, 3 * unit, 4 * unit)
    assert found == found | {"repeats": 5, "library": "a", "copies": 4, "cold": "rotated"}
    assert "watts" not in found
    assert "slower" not in found


def test_calls_go_round_the_copies(work):
    called = []
    measure.Bench(6, quick=True).timing(
        device(fake_clock(*range(1, 7)), {"dense": (kernel_of("a", called),)}), work, "dense", 1
    )
    assert called[0] == 0  # the check
    assert called[1:6] == [1, 2, 3, 4, 1]  # all of them to warm up
    assert called[6:] == [2, 3, 4, 1, 2, 3]


def test_fastest_library_is_taken_and_a_missing_one_passed_over(work):
    def missing(*_):
        raise RuntimeError("not here")

    makes = (kernel_of("slow", []), missing, kernel_of("fast", []), kernel_of("slower", []))
    found = measure.Bench(1, quick=True).timing(device(fake_clock(5, 2, 9), {"dense": makes}), work, "dense", 1)
    assert (found["library"], found["time_us"], found["slower"]) == ("fast", 2, {"slow": 5, "slower": 9})


def test_weights_are_evicted_where_copies_are_too_many(work, monkeypatch):
    called, evictions = [], []
    monkeypatch.setattr(devices.Device, "evictor", lambda _: lambda: evictions.append(len(called)))
    asked = device(fake_clock(1, 1, 1), {"dense": (kernel_of("a", called, 1),)}, calls=10, cache_bytes=10_000)
    found = measure.Bench(3, quick=True).timing(asked, work, "dense", 1)
    assert (found["copies"], found["cold"], found["repeats"]) == (1, "evicted", 3)
    assert evictions == [3, 4, 5]  # before each timed call, of which there is one a time


def test_evictor_writes_more_than_the_cache_holds(monkeypatch):
    sizes, zeros = [], torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda n, **rest: sizes.append(n) or zeros(n, **rest))
    device(None, {}, cache_bytes=1000).evictor()()
    assert sizes == [1000]  # float32: 4 times the cache


@pytest.mark.parametrize(("cache", "cold"), [(1000, 4000), (2**25, 2**27), (2**27, 2**28), (300 * 2**20, 450 * 2**20)])
def test_a_large_cache_needs_fewer_copies(cache, cold):
    assert devices.cold_bytes(cache) == cold


@pytest.mark.parametrize("quick", [True, False])
def test_timing_goes_on_for_some_seconds_unless_quick(work, monkeypatch, quick):
    monkeypatch.setattr(devices, "CPU_SECONDS", 0.02)
    found = measure.Bench(3, quick).timing(devices.cpu(), work, "csc-columns", 1)
    assert (found["repeats"] == 3) == quick
    assert found["time_us"] * found["repeats"] < 1e5


class Meter:
    name, watts = "by hand", None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watts = 12.345


@pytest.mark.parametrize(("cache_bytes", "watts"), [(100, 12.35), (10_000, None)])
def test_watts_are_given_unless_they_are_also_of_evictions(work, cache_bytes, watts):
    asked = device(fake_clock(1), {"dense": (kernel_of("a", [], 1),)}, cache_bytes=cache_bytes, meter=Meter())
    assert measure.Bench(1, quick=True).timing(asked, work, "dense", 1).get("watts") == watts


def test_run_writes_what_platforms_reads(target, capsys):
    run(target)
    assert capsys.readouterr() == ("", "")  # a bar of progress only on a terminal
    assert list(target.parent.iterdir()) == [target]
    found = platforms.read(target)
    assert list(found.rows[["layer", "batch", "variant"]].itertuples(index=False, name=None)) == [
        (layer, batch, name) for layer in SIZES for batch, name in EVERYTHING
    ]
    assert set(found.rows["platform"]) == {"CPU"}
    assert set(found.rows["repeats"]) == {2}
    assert found.power == "none readable"
    assert found.left_out.to_dict("records") == [
        {"platform": "GPU", "batch": None, "variant": "all", "layer": "all", "reason": "PyTorch sees no GPU"}
    ]


def strings_in(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [text for inner in value for text in strings_in(inner)]
    return [value] if isinstance(value, str) else []


def test_result_names_the_machine_but_not_its_owner(target, monkeypatch):
    monkeypatch.setattr(host.platform, "release", lambda: "6.1.0-zebra-laptop")
    monkeypatch.setattr(host.platform, "node", lambda: "zebra")
    monkeypatch.setenv("USER", "zebra")
    run(target, {"tiny": SIZES["tiny"]})
    result = json.loads(target.read_text(encoding="utf-8"))
    assert set(result) == {"schema", "provenance", "settings", "date", "about", "power", "rows", "left_out"}
    assert set(result["provenance"]) == set(platforms.PROVENANCE) | {"command", "commit", "seeds"}
    assert set(result["provenance"]["libraries"]) <= {
        *("python", "numpy", "BLAS of numpy", "numba", "scipy", "torch", "instructions of torch", "MKL", "oneDNN"),
        *("CUDA", "onnxruntime"),
    }
    assert set().union(*result["rows"]) <= WATTLESS | {"cold", "n_bytes", "slower", "watts"}
    assert not re.search(r"zebra|(^|\s)[/~]\w|\\", "\n".join(strings_in(result)))
    assert str(target.parent) not in target.read_text(encoding="utf-8")


def test_variant_that_no_library_has_is_left_out(target, monkeypatch):
    def missing(*_):
        raise RuntimeError("int4 is not offered here\nat line 3")

    monkeypatch.setattr(kernels, "weight_only_int4", missing)
    run(target, {"tiny": SIZES["tiny"]})
    found = platforms.read(target)
    assert set(found.rows["variant"]) == {"dense", "sparse", "int8", "csc-columns"}
    left_out = found.left_out[found.left_out["variant"] == "int4"]
    assert left_out[["platform", "layer", "batch"]].to_numpy().tolist() == [["CPU", "tiny", 1], ["CPU", "tiny", 64]]
    assert set(left_out["reason"]) == {"missing: int4 is not offered here"}


class Stopped:
    """Layers with made-up results; stops at the n-th."""

    def __init__(self, monkeypatch, at):
        self.timed, self.at = [], at
        monkeypatch.setattr(measure.Bench, "layer", self)

    def __call__(self, benchmark):
        if len(self.timed) == self.at:
            raise KeyboardInterrupt
        self.timed.append(benchmark.name)
        time = float(benchmark.n_in)
        row = {"platform": "CPU", "batch": 1, "variant": "dense", "layer": benchmark.name, "time_us": time}
        row |= {"low_us": time, "high_us": time, "repeats": 2, "library": "none", "copies": 1, "cold": "rotated"}
        return {"rows": [row], "left_out": []}


@pytest.fixture
def stopped(target, monkeypatch, capsys):
    """A run that was stopped while it timed the second layer."""
    Stopped(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        run(target)
    assert [path.name for path in target.parent.iterdir()] == ["measured.json.part"]
    return target


def test_interrupted_run_goes_on(stopped, monkeypatch, capsys):
    layers = Stopped(monkeypatch, 2)
    run(stopped)
    assert layers.timed == ["other"]
    assert platforms.read(stopped).rows[["layer", "time_us"]].to_numpy().tolist() == [["tiny", 70.0], ["other", 24.0]]
    assert list(stopped.parent.iterdir()) == [stopped]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({"repeats": 3}, ["tiny", "other"]),
        ({"quick": False}, ["tiny", "other"]),
        ({"own_layers": SIZES | {"tiny": [70, 37, 0.3, 0.6]}}, ["tiny", "other"]),
        ({"own_layers": {"other": SIZES["other"]}}, ["other"]),
    ],
)
def test_results_that_do_not_belong_together_are_not_joined(stopped, monkeypatch, changes, again):
    layers = Stopped(monkeypatch, 2)
    run(stopped, **changes)
    assert layers.timed == again
    assert len(platforms.read(stopped).rows) == len(again)


def test_another_machine_starts_again(stopped, monkeypatch):
    layers = Stopped(monkeypatch, 2)
    monkeypatch.setattr(host, "cpu_name", lambda: "another")
    run(stopped)
    assert layers.timed == ["tiny", "other"]


def test_output_left_out_is_where_platforms_look(tmp_path, monkeypatch):
    monkeypatch.delenv("EIE_MEASURED", raising=False)
    monkeypatch.setenv("EIE_DATA", str(tmp_path / "new" / "cache"))
    Stopped(monkeypatch, 9)
    run(None)
    assert platforms.measured().is_readers_own


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"layers": ["Alex-9"]}, ValueError, "unknown layer 'Alex-9'"),
        ({"repeats": 0}, ValueError, r"repeats must be an integer in 1\.\.100000, got 0"),
        ({"own_layers": {"mine": [0, 1, 0.1, 0.1]}}, ValueError, "inputs of mine"),
        ({"own_layers": {}}, ValueError, "at least one layer"),
    ],
)
def test_wrong_arguments(target, changes, error, message):
    with pytest.raises(error, match=message):
        run(target, **changes)
    assert list(target.parent.iterdir()) == []


def test_output_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        run(tmp_path / "nowhere" / "measured.json")


def test_output_that_is_a_folder(target):
    target.mkdir()
    with pytest.raises(ValueError, match="not an ordinary file"):
        run(target)


def test_quick_run_takes_the_smallest_layer(target, monkeypatch):
    layers = Stopped(monkeypatch, 9)
    run(target, {}, layers=None)
    assert layers.timed == [min(nine_layers(), key=lambda layer: layer.n_in * layer.n_out).name]


def test_whole_run_takes_all_layers(target, monkeypatch):
    layers = Stopped(monkeypatch, 10)
    run(target, {}, layers=None, quick=False)
    assert layers.timed == [layer.name for layer in nine_layers()]


def test_without_torch_it_says_what_to_install(target, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'eie\[networks\]'"):
        run(target)


def test_torch_is_not_loaded_before_it_is_needed():
    code = "import sys; from eie.studies.baselines import measure, platforms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_clock_of_the_cpu(monkeypatch):
    clock = SimpleNamespace(now=0)
    monkeypatch.setattr(devices.time, "perf_counter_ns", lambda: clock.now)
    assert devices._cpu_clock(lambda: setattr(clock, "now", 20_000_000)) == 20_000


def test_clock_of_a_gpu(monkeypatch):
    said = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            said.append("record")

        def elapsed_time(self, end):
            return 1.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: said.append("wait"))
    assert devices._gpu_clock(lambda: said.append("work")) == 1500
    assert said == ["wait", "record", "work", "record", "wait"]


@pytest.mark.parametrize("cache", [{"L2_cache_size": 2**20}, {}])
def test_a_gpu_is_timed_too(target, monkeypatch, cache):
    """As far as it goes without one: the kernels run on the CPU."""
    properties = SimpleNamespace(uuid="none", **cache)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    real = devices.gpu()
    assert real.cache_bytes == cache.get("L2_cache_size", host.ASSUMED_CACHE_BYTES)
    stands_in = devices.Device("GPU", "cpu", real.kernels, 2**15, devices._cpu_clock, 10, 0.0, None)
    monkeypatch.setattr(devices, "gpu", lambda: stands_in)
    run(target, {"tiny": SIZES["tiny"]})
    found = platforms.read(target)
    on_gpu = found.rows[found.rows["platform"] == "GPU"]
    assert on_gpu["variant"].tolist() == ["dense", "dense", "sparse", "sparse", "int8", "int8"]
    assert found.provenance["gpu"] == "a GPU"
    assert found.left_out.empty
