"""The reader's machine, timed as the paper timed its CPU and GPU: the layers of Table III, dense and sparse.

The weights come from memory each time, as those of a network too large for the caches do: calls go round as many
copies of a matrix as together exceed the last-level cache several times; where those would need too much memory, a
buffer of that size is written before each call. Every result is compared with NumPy's before it is timed.
"""

from __future__ import annotations

import json
import os
import platform as host
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy
import scipy.sparse as sp
from numpy.typing import NDArray

from eie import __version__, _check
from eie._files import written_aside
from eie.explore.benchmarks import Benchmark, select, table3
from eie.explore.synthetic import draw_activations
from eie.studies.baselines import platforms

SEED = 0
REPEATS = 100
CPU_SECONDS, GPU_SECONDS = 0.5, 2.0
"""A timing goes on for that long at least, in more repeats: the power counters need it."""
COLD_FACTOR = 4
"""Copies of a matrix, together, are that many times as large as the last-level cache."""
ASSUMED_CACHE_BYTES = 64 * 2**20
"""The last-level cache where the system does not tell its size."""
MAX_COPIES = 4096
MAX_COPIES_BYTES = 2 * 2**30
GPU_CALLS = 10
"""Calls between two events of a GPU, at least: the launch of one alone would count, too."""
INT4_GROUP = 128
"""Inputs that share a scale in int4: the default of torchao."""
INT4_ROWS = 16
"""The int4 kernel takes that many rows at a time."""
TOLERANCE = {
    **dict.fromkeys(("dense", "sparse", "csc-columns", "csc", "eie"), 1e-4),
    **dict.fromkeys(("float16", "2:4"), 0.01),
    "int8": 0.03,
    "int4": 0.15,
}
"""How far a result may lie from the exact one, as a fraction of its norm; wider where weights are rounded."""
TINY = 1e-20
ABOUT = (
    "time_us is the median time per input vector in microseconds (time of a call / batch), low_us and high_us are the "
    "quartiles. Inputs and outputs are float32 vectors in the memory of the device; what a variant must do with them "
    "(rounding, finding what is not zero) is in its time. Weights are cold: in memory, not in a cache."
)


class CannotTime(ValueError):
    """A library does not offer something on this machine, or computes it wrongly; the message says what."""


def run(
    output: str | Path | None = None,
    layers: Sequence[str] | None = None,
    repeats: int = REPEATS,
    quick: bool = False,
    progress: bool = True,
    sizes: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Time layers on this machine, and write what `eie.studies.baselines.platforms` reads.

    Finished layers are kept beside the output, in a file that ends in `.part`: started again after an interruption, on
    the same machine with the same settings, it goes on from there.

    Parameters
    ----------
    output : path, optional
        JSON file to write; `eie.studies.baselines.platforms.own_path()` if left out.
    layers : sequence of str, optional
        Names from Table III; all nine if left out.
    repeats : int
        Timings of each kind, at least.
    quick : bool
        A trial: no more repeats than asked for, and of the nine layers only the smallest, unless some are named.
    progress : bool
        Say on stderr which layer is being timed.
    sizes : mapping of str to (n_in, n_out, weight_density, act_density), optional
        Further layers, densities as fractions.

    Raises
    ------
    ValueError
        When a layer is unknown, a number out of range, or the output no ordinary file.
    ModuleNotFoundError
        When PyTorch is not installed.
    FileNotFoundError
        When the folder of the output does not exist.
    """
    benchmarks = _chosen(layers, sizes, quick)
    target = _checked_target(output)
    bench = Bench(_check.integer("repeats", repeats, 1, 100_000), quick)
    part = target.with_name(f"{target.name}.part")
    say = partial(print, file=sys.stderr) if progress else lambda _: None
    try:
        done = list(_finished(benchmarks, bench, part, say))
    except KeyboardInterrupt:
        say(f"finished layers are kept in {part}; the same command goes on from there")
        raise
    result = bench.header | {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "about": ABOUT, "power": bench.power}
    result["rows"] = [row for layer in done for row in layer["rows"]]
    result["left_out"] = bench.left_out + [entry for layer in done for entry in layer["left_out"]]
    with written_aside(target) as aside:
        aside.write_text(json.dumps(platforms.check(result), indent=1) + "\n", encoding="utf-8")
    part.unlink()
    say(f"written to {target}")


class Bench:
    """What this machine has to time layers on, and how.

    Parameters
    ----------
    repeats : int
        Timings of each kind, at least.
    quick : bool
        No more than those, however short they are.
    """

    def __init__(self, repeats: int, quick: bool = False) -> None:
        self.repeats, self.quick = repeats, quick
        self.devices = [cpu(), gpu()] if _torch().cuda.is_available() else [cpu()]
        self.batches = sorted(int(batch) for batch in platforms.published()["batch"].unique())

    @cached_property
    def header(self) -> dict[str, Any]:
        """What must be the same for results to belong together."""
        settings = {"repeats": self.repeats, "quick": self.quick}
        return {"schema": platforms.SCHEMA, "provenance": provenance(self.devices), "settings": settings}

    @property
    def power(self) -> str:
        """Where watts are from."""
        return "; ".join(device.meter.name for device in self.devices if device.meter) or "none readable"

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """What no layer is timed on."""
        return [] if len(self.devices) > 1 else [_left_out("GPU", None, "all", "all", "PyTorch sees no GPU")]

    def layer(self, benchmark: Benchmark) -> dict[str, list[dict[str, Any]]]:
        """Time all there is for a layer: `rows`, and what was `left_out`."""
        work = Work.draw(benchmark, max(self.batches))
        found: dict[str, list[dict[str, Any]]] = {"rows": [], "left_out": []}
        for device, variant, batch in self._asked():
            about = device.platform, batch, variant, benchmark.name
            try:
                found["rows"].append(_row(*about) | self.timing(device, work, variant, batch))
            except CannotTime as error:
                found["left_out"].append(_left_out(*about, str(error)))
        return found

    def _asked(self) -> Iterator[tuple[Device, str, int]]:
        """Everything to time; columns are picked for one input at a time."""
        for device in self.devices:
            for variant in device.kernels:
                for batch in self.batches[:1] if variant == "csc-columns" else self.batches:
                    yield device, variant, batch

    def timing(self, device: Device, work: Work, variant: str, batch: int) -> dict[str, Any]:
        """Time one variant with every library at hand: the fastest, and the medians of the `slower` ones.

        Raises
        ------
        CannotTime
            When no library computes it, or none correctly.
        """
        found, reasons = [], []
        for make in device.kernels[variant]:
            try:
                found.append(self._timed(device, checked_kernel(make, device, work, variant, batch), batch))
            except CannotTime as error:
                reasons.append(str(error))
        if not found:
            raise CannotTime("; ".join(reasons))
        best, *slower = sorted(found, key=lambda timing: timing["time_us"])
        return best | ({"slower": {timing["library"]: timing["time_us"] for timing in slower}} if slower else {})

    def _timed(self, device: Device, kernel: Kernel, batch: int) -> dict[str, Any]:
        copies, cold = cold_plan(kernel.n_bytes, device.cache_bytes)
        seconds = 0.0 if self.quick else device.seconds
        times, watts = _times(device, kernel, copies, cold, self.repeats, seconds)
        low, median, high = (round(float(value) / batch, 3) for value in np.percentile(times, [25, 50, 75]))
        found = {"time_us": median, "low_us": low, "high_us": high, "repeats": len(times), "library": kernel.library}
        return found | {"copies": copies, "cold": cold} | ({"watts": round(watts, 2)} if watts else {})


@dataclass(frozen=True, eq=False)
class Work:
    """A layer as a sparse and as a dense matrix, and inputs for it.

    Attributes
    ----------
    csr : SciPy CSR array of shape `(n_out, n_in)`, float32
    inputs : float32 array of shape `(batch, n_in)`
        None is negative: they are as after a ReLU.
    """

    csr: sp.csr_array
    inputs: NDArray[np.float32]

    @classmethod
    def draw(cls, benchmark: Benchmark, batch: int) -> Self:
        """A layer as the benchmark draws it, and its input with `batch` - 1 others."""
        layer, first = benchmark.draw(SEED)
        values = layer.codebook[layer.codes]
        shape = layer.n_out, layer.n_in
        csr = sp.csc_array((values, layer.rows, layer.indptr.astype(np.int32)), shape=shape).tocsr()
        others = [draw_activations(layer.n_in, benchmark.act_density, n) for n in range(1, batch)]
        return cls(csr, np.stack([first, *others]))

    @cached_property
    def dense(self) -> NDArray[np.float32]:
        """The matrix with its zeros."""
        return self.csr.toarray(order="C")

    @cached_property
    def exact(self) -> NDArray[np.float64]:
        """What to expect, of shape `(batch, n_out)`."""
        return (self.csr.astype(np.float64) @ self.inputs.T.astype(np.float64)).T


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """One way to multiply a matrix with inputs.

    Attributes
    ----------
    library : str
        Whose it is, and what it does.
    n_bytes : int
        Size of the weights.
    pack : function
        Makes one more copy of the weights.
    call : function of such a copy
        Gives the outputs, of shape `(batch, n_out or more)` or, for one input, without the first axis.
    """

    library: str
    n_bytes: int
    pack: Callable[[], Any]
    call: Callable[[Any], Any]


def checked_kernel(make: Make, device: Device, work: Work, variant: str, batch: int) -> Kernel:
    """A way to compute a variant, if this machine has it and its result is right.

    Raises
    ------
    CannotTime
        When not; the message says why.
    """
    try:
        kernel = make(work, batch, device.torch_name)
        _check_result(kernel, work.exact[:batch], TOLERANCE[variant])
    except (RuntimeError, AttributeError, TypeError, ValueError) as error:
        raise CannotTime(f"{make.__name__.strip('_')}: {_public(str(error))}") from error
    return kernel


def cold_plan(n_bytes: int, cache_bytes: int) -> tuple[int, str]:
    """Copies to go round, and how the weights come to be cold: `"rotated"` or, with one copy, `"evicted"`."""
    copies = -(-COLD_FACTOR * cache_bytes // n_bytes)
    if copies > 1 and (copies > MAX_COPIES or copies * n_bytes > MAX_COPIES_BYTES):
        return 1, "evicted"
    return copies, "rotated"


def _chosen(layers: Sequence[str] | None, sizes: Mapping[str, Sequence[float]] | None, quick: bool) -> list[Benchmark]:
    if quick and layers is None:
        layers = [min(table3(), key=lambda benchmark: benchmark.n_in * benchmark.n_out).name]
    return select(layers, sizes)


def _checked_target(output: str | Path | None) -> Path:
    target = platforms.own_path() if output is None else Path(output)
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {target}: there is no folder {target.parent}")
    if target.exists() and not target.is_file():
        raise ValueError(f"cannot write {target}: it is no ordinary file")
    return target


def _finished(
    benchmarks: list[Benchmark], bench: Bench, part: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Each layer's results: those that an interrupted run kept, else by timing it now."""
    kept = _kept(part, bench.header)
    _write_lines(part, [bench.header, *kept])
    for n, benchmark in enumerate(benchmarks, 1):
        found = next((entry for entry in kept if entry["benchmark"] == asdict(benchmark)), None)
        say(f"{n} of {len(benchmarks)}: {benchmark.name}{' (kept)' if found else ''}")
        if not found:
            found = {"benchmark": asdict(benchmark), **bench.layer(benchmark)}
            _append_line(part, found)
        yield found


def _kept(part: Path, header: dict[str, Any]) -> list[dict[str, Any]]:
    """Finished layers of an interrupted run, if it had the same header; a line that was cut off is none."""
    found = []
    with suppress(ValueError, FileNotFoundError):
        for line in part.read_text(encoding="utf-8").splitlines():
            found.append(json.loads(line))  # noqa: PERF401 - lines before a damaged one are good
    if not found or found[0] != header:
        return []
    return [
        entry for entry in found[1:] if isinstance(entry, dict) and {"benchmark", "rows", "left_out"} <= entry.keys()
    ]


def _write_lines(path: Path, entries: list[dict[str, Any]]) -> None:
    with written_aside(path) as aside:
        aside.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")


def _append_line(path: Path, entry: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(entry)}\n")


def _row(platform: str, batch: int | None, variant: str, layer: str) -> dict[str, Any]:
    return {"platform": platform, "batch": batch, "variant": variant, "layer": layer}


def _left_out(platform: str, batch: int | None, variant: str, layer: str, reason: str) -> dict[str, Any]:
    return _row(platform, batch, variant, layer) | {"reason": reason}


def _check_result(kernel: Kernel, exact: NDArray[np.float64], tolerance: float) -> None:
    result = _as_array(kernel.call(kernel.pack())).reshape(len(exact), -1)[:, : exact.shape[1]]
    off, norm = float(np.linalg.norm(result - exact)), float(np.linalg.norm(exact))
    if not off <= tolerance * norm:
        raise CannotTime(f"its result is off by {off:.3g} of {norm:.3g}")


def _as_array(result: Any) -> NDArray[Any]:
    return result if isinstance(result, np.ndarray) else result.cpu().numpy()


def _public(text: str) -> str:
    """The first line of a message, without the paths in it: they may name people."""
    line = (text.splitlines() or [""])[0]
    return re.sub(r"\S*[/\\]\S*", "[..]", line)[:200]


def _times(
    device: Device, kernel: Kernel, copies: int, cold: str, repeats: int, seconds: float
) -> tuple[list[float], float | None]:
    """Times of a call in microseconds, and the power meanwhile."""
    evict = device.evictor() if cold == "evicted" else lambda: None
    calls = 1 if cold == "evicted" else device.calls
    order = cycle([kernel.pack() for _ in range(copies)])
    for _ in range(copies + calls):
        kernel.call(next(order))
    times: list[float] = []
    with device.meter or nullcontext() as meter:
        end = time.perf_counter() + seconds
        while len(times) < repeats or time.perf_counter() < end:
            evict()
            times.append(device.clock(lambda: [kernel.call(next(order)) for _ in range(calls)]) / calls)
    return times, meter.watts if meter and cold == "rotated" else None


@dataclass(frozen=True, eq=False, slots=True)
class Device:
    """What calls are timed on.

    Attributes
    ----------
    platform, torch_name : str
        In our words, and in PyTorch's.
    kernels : mapping of str to functions
        Ways to compute each variant.
    cache_bytes : int
        Size of the last-level cache.
    clock : function of work to do
        Gives the microseconds that it takes.
    calls : int
        Calls in a timing.
    seconds : float
        A timing goes on for that long at least.
    meter : Rapl or NvidiaSmi or None
        What measures the power.
    """

    platform: str
    torch_name: str
    kernels: Mapping[str, tuple[Make, ...]]
    cache_bytes: int
    clock: Callable[[Callable[[], Any]], float]
    calls: int
    seconds: float
    meter: Rapl | NvidiaSmi | None

    def evictor(self) -> Callable[[], Any]:
        """A function that fills the caches with something else."""
        n_bytes = min(COLD_FACTOR * self.cache_bytes, MAX_COPIES_BYTES)
        return partial(_torch().zeros(n_bytes // 4, device=self.torch_name).add_, 1)


Make = Callable[[Work, int, str], Kernel]


def cpu() -> Device:
    """The processor, with all cores that PyTorch would use."""
    kernels = {
        "dense": (_torch_dense, _numpy_dense),
        "sparse": (_torch_sparse, _scipy_sparse),
        "int8": (_onednn_int8, _integer_int8),
        "int4": (_weight_only_int4,),
        "csc-columns": (_scipy_columns,),
    }
    return Device("CPU", "cpu", kernels, _last_level_bytes(_caches()), _cpu_clock, 1, CPU_SECONDS, Rapl.find())


def gpu() -> Device:
    """The first GPU that PyTorch sees."""
    kernels = {"dense": (_torch_dense,), "sparse": (_torch_sparse,), "int8": (_integer_int8,)}
    properties = _torch().cuda.get_device_properties(0)
    cache_bytes = getattr(properties, "L2_cache_size", 0) or ASSUMED_CACHE_BYTES
    meter = NvidiaSmi.find(f"GPU-{getattr(properties, 'uuid', '')}")
    return Device("GPU", "cuda", kernels, cache_bytes, _gpu_clock, GPU_CALLS, GPU_SECONDS, meter)


def _cpu_clock(work: Callable[[], Any]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e3


def _gpu_clock(work: Callable[[], Any]) -> float:
    cuda = _torch().cuda
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    cuda.synchronize()
    start.record()
    work()
    end.record()
    cuda.synchronize()
    return float(start.elapsed_time(end)) * 1e3


def _torch_dense(work: Work, batch: int, device: str) -> Kernel:
    torch = _torch()
    matrix, inputs = _tensor(work.dense, device), _tensor(work.inputs[:batch], device)
    vector = inputs[0]
    if batch == 1:
        return Kernel("PyTorch mv, float32", work.dense.nbytes, matrix.clone, lambda w: torch.mv(w, vector))
    return Kernel("PyTorch mm, float32", work.dense.nbytes, matrix.clone, lambda w: torch.mm(inputs, w.t()))


def _numpy_dense(work: Work, batch: int, _: str) -> Kernel:
    inputs = work.inputs[:batch].T if batch > 1 else work.inputs[0]
    return Kernel("NumPy @, float32", work.dense.nbytes, work.dense.copy, lambda w: (w @ inputs).T)


def _torch_sparse(work: Work, batch: int, device: str) -> Kernel:
    torch = _torch()
    parts = [_tensor(array, device) for array in (work.csr.indptr, work.csr.indices, work.csr.data)]
    columns = _tensor(np.ascontiguousarray(work.inputs[:batch].T), device)
    vector = columns[:, 0].contiguous()

    def pack() -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")  # it is in beta
            return torch.sparse_csr_tensor(*(part.clone() for part in parts), work.csr.shape, check_invariants=False)

    if batch == 1:
        return Kernel("PyTorch mv, CSR float32", _bytes_of(work.csr), pack, lambda w: torch.mv(w, vector))
    return Kernel("PyTorch mm, CSR float32", _bytes_of(work.csr), pack, lambda w: torch.mm(w, columns).t())


def _scipy_sparse(work: Work, batch: int, _: str) -> Kernel:
    inputs = np.ascontiguousarray(work.inputs[:batch].T) if batch > 1 else work.inputs[0]
    return Kernel("SciPy, CSR float32, 1 thread", _bytes_of(work.csr), work.csr.copy, lambda w: (w @ inputs).T)


def _scipy_columns(work: Work, _: int, __: str) -> Kernel:
    csc, vector = work.csr.tocsc(), work.inputs[0]

    def call(w: sp.csc_array) -> NDArray[np.float32]:
        active = np.flatnonzero(vector)
        return w[:, active] @ vector[active]

    return Kernel("SciPy, the CSC columns of non-zero inputs, float32, 1 thread", _bytes_of(csc), csc.copy, call)


def _onednn_int8(work: Work, batch: int, device: str) -> Kernel:
    """Weights and inputs of 8 bits, a scale a row: what PyTorch's compiler makes of quantized layers on x86."""
    torch = _torch()
    codes, steps = _int8(work.dense)
    weights, scales = _tensor(codes, device), _tensor(steps, device)
    inputs, zeros = _tensor(work.inputs[:batch], device), torch.zeros(len(codes), dtype=torch.int32)

    def call(w: Any) -> Any:
        step = max(float(inputs.amax()), TINY) / 255
        levels = torch.round(inputs * (1 / step)).to(torch.uint8)
        rest: Any = (None, 1.0, 0, torch.float32, "none", [], "")
        return torch.ops.onednn.qlinear_pointwise(levels, step, 0, w, scales, zeros, *rest)

    pack = partial(torch.ops.onednn.qlinear_prepack, weights, [batch, codes.shape[1]])
    return Kernel("PyTorch oneDNN, int8 weights and inputs (rounded in the call)", codes.nbytes, pack, call)


def _integer_int8(work: Work, batch: int, device: str) -> Kernel:
    """Weights and inputs of 8 bits, a scale a row. A GPU takes multiples of 8, and more than 16 inputs at once."""
    torch = _torch()
    codes, steps = _int8(_padded(work.dense, 8, 8))
    weights, scales = _tensor(codes, device), _tensor(steps, device)
    inputs = _tensor(_padded(work.inputs[:batch], 1 if device == "cpu" else 32, 8), device)

    def call(w: Any) -> Any:
        step = inputs.amax().clamp(min=TINY) / 127
        levels = torch.round(inputs / step).to(torch.int8)
        return (torch._int_mm(levels, w.t()) * (scales * step))[:batch]

    return Kernel("PyTorch _int_mm, int8 weights and inputs (rounded in the call)", codes.nbytes, weights.clone, call)


def _weight_only_int4(work: Work, batch: int, device: str) -> Kernel:
    torch = _torch()
    codes, scales = _int4(_padded(work.dense, INT4_ROWS, INT4_GROUP))
    weights = torch.ops.aten._convert_weight_to_int4pack_for_cpu(_tensor(codes, device), 1)
    steps = _tensor(np.stack([scales, np.zeros_like(scales)], axis=2), device).bfloat16()
    inputs = _tensor(_padded(work.inputs[:batch], 1, INT4_GROUP), device)
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu

    def call(w: tuple[Any, Any]) -> Any:
        return multiply(inputs.bfloat16(), w[0], INT4_GROUP, w[1]).float()

    library = f"PyTorch _weight_int4pack_mm_for_cpu, int4 weights in groups of {INT4_GROUP}, bfloat16 inputs"
    return Kernel(library, weights.nbytes + steps.nbytes, lambda: (weights.clone(), steps.clone()), call)


def _int8(dense: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes of -127..127, and a scale a row."""
    scales = _largest(dense, 1) / np.float32(127)
    return np.rint(dense / scales[:, np.newaxis]).astype(np.int8), scales


def _int4(dense: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Codes of 0..15, 8 for 0, and scales of shape `(groups, rows)`."""
    groups = dense.reshape(len(dense), -1, INT4_GROUP)
    scales = _largest(groups, 2) / np.float32(7)
    codes = np.rint(groups / scales[:, :, np.newaxis])
    codes += 8
    return codes.astype(np.int32).reshape(dense.shape), np.ascontiguousarray(scales.T)


def _largest(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Largest absolute values along an axis, and never 0, without a copy of them all."""
    return np.maximum(values.max(axis), -values.min(axis)).clip(np.float32(TINY))


def _padded(matrix: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """A matrix with zeros below and beside it, up to multiples of some numbers."""
    return np.pad(matrix, [(0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)])


def _bytes_of(matrix: Any) -> int:
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)


def _tensor(array: NDArray[Any], device: str) -> Any:
    return _torch().from_numpy(array).to(device)


def _torch() -> Any:
    try:
        return import_module("torch")
    except ModuleNotFoundError:
        raise ModuleNotFoundError("timing needs PyTorch; to install it: pip install 'eie[networks]'") from None


class Rapl:
    """Power of the processor's sockets and memory, from the counters that Linux shows; often only root may read them.

    Parameters
    ----------
    zones : list of path
        Folders with an `energy_uj`, a counter of microjoules.

    Attributes
    ----------
    name : str
    watts : float or None
        The power from entering to leaving the context; None after less time than the counters resolve.
    """

    FOLDER = Path("/sys/class/powercap")
    LEAST_SECONDS = 0.05

    def __init__(self, zones: list[Path]) -> None:
        self.zones = zones
        self.watts: float | None = None
        self.name = f"RAPL ({', '.join(_line(zone / 'name') for zone in zones)})"

    @classmethod
    def find(cls) -> Self | None:
        """The counters, if there are any that can be read."""
        zones = [zone for zone in sorted(cls.FOLDER.glob("intel-rapl:*")) if cls._counts(zone)]
        return cls(zones) if zones else None

    @staticmethod
    def _counts(zone: Path) -> bool:
        is_wanted = _line(zone / "name").startswith(("package", "dram"))
        return is_wanted and _line(zone / "energy_uj").isdecimal() and _line(zone / "max_energy_range_uj").isdecimal()

    def __enter__(self) -> Self:
        self._start, self._before = time.perf_counter(), self._microjoules()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._start
        ranges = [int(_line(zone / "max_energy_range_uj")) for zone in self.zones]
        used = [(now - old) % top for now, old, top in zip(self._microjoules(), self._before, ranges, strict=True)]
        self.watts = sum(used) / 1e6 / seconds if seconds >= self.LEAST_SECONDS else None

    def _microjoules(self) -> list[int]:
        return [int(_line(zone / "energy_uj")) for zone in self.zones]


class NvidiaSmi:
    """Power of a GPU, from `nvidia-smi` running beside; what it says in the first half of the time is left out.

    Parameters
    ----------
    gpu : str
        Its UUID.

    Attributes
    ----------
    name : str
    watts : float or None
        The mean power from entering to leaving the context.
    """

    name = "nvidia-smi power.draw"

    def __init__(self, gpu: str) -> None:
        self.watts: float | None = None
        self._command = ["nvidia-smi", "-i", gpu, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]

    @classmethod
    def find(cls, gpu: str) -> Self | None:
        """The meter, if `nvidia-smi` gives a number for that GPU."""
        found = cls(gpu)
        try:
            said = subprocess.run(found._command, capture_output=True, text=True, timeout=30, check=False).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found if _numbers(said) else None

    def __enter__(self) -> Self:
        self.watts = None
        self._process = subprocess.Popen([*self._command, "--loop-ms=100"], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        said = _numbers(self._process.communicate()[0])
        self.watts = float(np.mean(said[len(said) // 2 :])) if said else None


def _numbers(text: str) -> list[float]:
    return [float(line) for line in text.split() if re.fullmatch(r"\d+(\.\d+)?", line)]


def provenance(devices: Sequence[Device]) -> dict[str, Any]:
    """The machine, its libraries and the seed: nothing that names its owner."""
    caches = _caches()
    return {
        "cpu": cpu_name(),
        "cores": len(own_cores()),
        "threads": _torch().get_num_threads(),
        "caches": caches,
        "last_level_cache_bytes": _last_level_bytes(caches),
        "memory_bytes": _memory_bytes(),
        "gpu": _torch().cuda.get_device_name(0) if len(devices) > 1 else None,
        "os": _system_name(),
        "libraries": _libraries(),
        "eie": __version__,
        "seed": SEED,
    }


def _libraries() -> dict[str, str]:
    torch = _torch()
    of_torch = dict(re.findall(r"(Math Kernel Library|MKL-DNN) (?:Version )?v?([\d.]+)", torch.__config__.show()))
    of_numpy: Any = np.show_config(mode="dicts")
    blas = of_numpy.get("Build Dependencies", {}).get("blas", {})
    found = {
        "python": host.python_version(),
        "numpy": np.__version__,
        "BLAS of numpy": f"{blas.get('name', '')} {blas.get('version', '')}".strip(),
        "scipy": scipy.__version__,
        "torch": str(torch.__version__),
        "instructions of torch": str(torch.backends.cpu.get_cpu_capability()),
        "MKL": of_torch.get("Math Kernel Library", ""),
        "oneDNN": of_torch.get("MKL-DNN", ""),
        "CUDA": str(torch.version.cuda or ""),
    }
    return {name: version for name, version in found.items() if version}


def cpu_name() -> str:
    """What this machine's processor calls itself."""
    with suppress(OSError):
        found = re.search(r"^model name\s*: *(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1].strip()
    return host.processor() or host.machine() or "unknown"


def _system_name() -> str:
    release = re.match(r"[\d.]*\d", host.release())
    name = f"{host.system() or 'unknown'} {release[0] if release else ''}".strip()
    with suppress(OSError):
        name += f", {host.freedesktop_os_release()['PRETTY_NAME']}"
    return name


def _memory_bytes() -> int | None:
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def own_cores() -> list[int]:
    """The logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _caches(folder: Path = Path("/sys/devices/system/cpu")) -> dict[str, int]:
    """Bytes of the caches of these cores by name, such as L1d or L3; empty where the system does not tell."""
    found: dict[tuple[str, ...], int] = {}
    for core in own_cores():
        for cache in sorted(folder.glob(f"cpu{core}/cache/index*")):
            level, kind, cores, size = (_line(cache / name) for name in ("level", "type", "shared_cpu_list", "size"))
            if level and size[:-1].isdecimal() and size[-1] in UNITS:
                found[f"L{level}{KINDS.get(kind, '')}", cores] = int(size[:-1]) * UNITS[size[-1]]
    names = sorted({name for name, _ in found})
    return {name: sum(size for key, size in found.items() if key[0] == name) for name in names}


KINDS = {"Data": "d", "Instruction": "i"}
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def _last_level_bytes(caches: Mapping[str, int]) -> int:
    data = {name: size for name, size in caches.items() if not name.endswith("i")}
    return data[max(data)] if data else ASSUMED_CACHE_BYTES


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
