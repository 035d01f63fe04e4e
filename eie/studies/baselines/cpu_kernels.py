"""Times of EIE's format on this machine's processor, beside dense and sparse libraries.

It times as `eie.studies.baselines.measure` does: weights come from memory each time, and every result is compared with
the exact one first. What a thread count gives is timed in a process of its own, since numerical libraries read it when
they start.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numba as nb
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from eie._files import resource
from eie._sums.bitmap import can_expand
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.formats import FormatError
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import Machine
from eie.studies import host
from eie.studies.baselines import devices, kernels, measure
from eie.studies.baselines.csc_kernel import own_csc
from eie.studies.baselines.devices import Device
from eie.studies.baselines.dot_kernel import can_dot
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.expand_kernel import ExpandLayer
from eie.studies.baselines.kernels import SEED, Kernel, Make, Work
from eie.studies.baselines.measure import Bench, CannotTime
from eie.studies.baselines.onnx_kernels import onnx_int4, onnx_int8
from eie.studies.baselines.row_kernel import RowLayer
from eie.studies.experiments import Experiment
from eie.values import calibrate

DENSITIES = (0.01, 0.02, 0.04, 0.09, 0.15, 0.25, 0.5)
ON_ALL_THREADS = (0.04, 0.09, 0.25)
"""Densities that are timed on all threads, too."""
BATCHES = (1, 8, 64)
LAYER = "Alex-7"
"""The layer of Table III whose size and input density are taken."""
REPEATS = 12
ROUNDS = 3
"""All variants are timed so often in turn, and the fastest counts: other work on the machine only makes it slower."""
DENSE = ("dense", "int8", "int4")
"""Variants that do not see the weights' density: timed once."""
ONE_INPUT = ("csc-columns",)
"""Variants that take one input at a time."""
SKIPPING = ("eie", "row", "expand8", "expand16", "csc-own", "csc-columns")
"""Variants that read only the columns of inputs that are not zero."""
STREAM_BYTES = 2**28
"""Bytes that are read once to find how many a second come from memory."""
LIBRARY_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RESULT = "measured/cpu_kernels.json"
SCHEMA = 1
COLUMNS = frozenset(
    (
        *("threads", "platform", "act_density", "density", "batch", "variant", "library"),
        *("time_us", "low_us", "high_us", "n_bytes", "touched_bytes"),
    )
)
ABOUT = (
    "time_us is the median time per input vector in microseconds (time of a call / batch), low_us and high_us are the "
    "quartiles, of the fastest of a few rounds. Weights are cold: in memory, not in a cache. n_bytes is what a layer "
    "takes, touched_bytes what of it a call reads. load_average is that of the last minute before each group of "
    "timings; above the number of cores, times are upper bounds. stream_gb_s is what the group's threads read from "
    "memory, GB/s."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """Settings that are timed together: one number of threads, one density of inputs and of weights.

    `density` 1 stands for the variants that do not see it.
    """

    threads: int
    act_density: float
    density: float


def cells(quick: bool = False) -> list[Cell]:
    """List what is timed: all densities on one thread; the usual one with full inputs, and on all threads."""
    size = table3_layer()
    usual, most = (size.weight_density,), len(host.own_cores())
    on_all = usual if quick else ON_ALL_THREADS
    groups = [(1, size.act_density, usual if quick else DENSITIES), (1, 1.0, usual), (most, size.act_density, on_all)]
    return list(dict.fromkeys(Cell(t, act, density) for t, act, some in groups for density in (1.0, *some)))


def time_cell(cell: Cell, batches: Sequence[int], repeats: int) -> dict[str, Any]:
    """Time one group in this process: `cell`, `load`, `stream_gb_s` and `rows`, and what was `left_out`."""
    found: dict[str, Any] = {"cell": asdict(cell), "load": os.getloadavg()[0], "rows": [], "left_out": []}
    bench = Bench(repeats, quick=True)
    best: dict[tuple[str, str, int], dict[str, Any]] = {}
    found["stream_gb_s"] = round(stream_gb_s(cell.threads), 2)
    for device, work in contests(cell, max(batches)):
        asked = [(name, batch) for name in device.kernels for batch in (batches[:1] if name in ONE_INPUT else batches)]
        failed: dict[tuple[str, str, int], dict[str, Any]] = {}
        for variant, batch in asked * ROUNDS:
            about = {"platform": device.platform, **asdict(cell), "batch": batch, "variant": variant}
            key = device.platform, variant, batch
            try:
                timing = bench.timing(device, work, variant, batch)
            except CannotTime as error:
                failed[key] = about | {"reason": str(error)}
                continue
            if key not in best or timing["time_us"] < best[key]["time_us"]:
                best[key] = about | timing | {"touched_bytes": _touched(variant, timing["n_bytes"], work, batch)}
        found["left_out"] += [why for key, why in failed.items() if key not in best]
    return found | {"rows": list(best.values())}


def stream_gb_s(threads: int) -> float:
    """Measure how many 10^9 bytes a second so many threads read from memory, one after the other."""
    numbers, seconds = np.ones(STREAM_BYTES // 8, np.int64), []
    before = nb.get_num_threads()
    nb.set_num_threads(threads)
    for _ in range(2 * ROUNDS):
        begun = time.perf_counter()
        _read(numbers)
        seconds.append(time.perf_counter() - begun)
    nb.set_num_threads(before)
    return STREAM_BYTES / min(seconds) / 1e9


def _touched(variant: str, n_bytes: int, work: Work, batch: int) -> int:
    share = work.inputs[:batch].any(axis=0).mean() if variant in SKIPPING else 1.0
    return round(n_bytes * float(share))


def contests(cell: Cell, batch: int) -> Iterator[tuple[Device, Work]]:
    """Yield the processor, and the GPU where there is one, with the kernels and the matrix of a group."""
    size = table3_layer()
    # What does not see the density gets a half-filled matrix.
    benchmark = Benchmark(size.name, size.n_in, size.n_out, min(cell.density, DENSITIES[-1]), cell.act_density)
    work, cpu = Work.draw(benchmark, batch), devices.cpu()
    if cell.density < 1:
        layer, _ = benchmark.draw(SEED)
        own = _own_layouts(replace(layer, bias_codes=None), cell.threads)
        sparse = {name: cpu.kernels[name] for name in ("sparse", *ONE_INPUT)}
        yield replace(cpu, kernels={**own, **sparse, "csc": (kernels.scipy_csc,), "csc-own": (own_csc,)}), work
    else:
        dense = {name: cpu.kernels[name] for name in DENSE}
        dense |= {"int8": (kernels.onednn_int8,), "onnx-int8": (onnx_int8,), "onnx-int4": (onnx_int4,)}
        yield replace(cpu, kernels=dense), work
    yield from _on_gpu(cell, work)


def committed() -> dict[str, Any] | None:
    """Read the table that comes with the project; None where there is none."""
    path = resource("data") / RESULT
    return read(path) if path.is_file() else None


def read(path: str | Path) -> dict[str, Any]:
    """Read a table of this experiment, with `rows` as a frame.

    Raises
    ------
    FormatError
        When it is not such a table; the message names the field.
    """
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(result, dict) or result.get("schema") != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}")
        rows = pd.DataFrame(result["rows"])
        if missing := COLUMNS - set(rows.columns):
            raise ValueError(f"rows lack {', '.join(sorted(missing))}")
    except (ValueError, KeyError, RecursionError) as error:
        raise FormatError(f"{path}: not a result of `eie experiment cpu_kernels`: {error}") from error
    return result | {"rows": rows}


def table3_layer() -> Benchmark:
    """Return the layer whose size and input density are taken."""
    return next(layer for layer in nine_layers() if layer.name == LAYER)


def _settings(quick: bool) -> dict[str, Any]:
    repeats, batches = (REPEATS // 2, BATCHES[:2]) if quick else (REPEATS, BATCHES)
    return {"layer": LAYER, "repeats": repeats, "batches": list(batches)}


def _in_own_process(quick: bool, **cell: Any) -> dict[str, Any]:
    settings, threads = _settings(quick), dict.fromkeys(LIBRARY_THREADS, str(cell["threads"]))
    with patch.dict(os.environ, threads), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(time_cell, Cell(**cell), settings["batches"], settings["repeats"]).result()


def _joined(groups: Sequence[Any], facts: Mapping[str, Any]) -> str:
    settings = _settings(facts["settings"]["quick"])
    result = {"schema": SCHEMA, "about": ABOUT, **measure.header(facts, settings)}
    result["load_average"] = [group["load"] for group in groups]
    result["stream_gb_s"] = [{"threads": group["cell"]["threads"], "gb_s": group["stream_gb_s"]} for group in groups]
    result |= {name: [entry for group in groups for entry in group[name]] for name in ("rows", "left_out")}
    return json.dumps(result, indent=1) + "\n"


def _own_layouts(layer: CompressedLayer, threads: int) -> dict[str, tuple[Make, ...]]:
    """Make this project's kernels for a layer."""
    by_bitmap = ExpandLayer.pack(layer, threads)
    return {
        "eie": (_own(CpuLayer.pack(layer, threads), "EIE's format", threads),),
        "row": (_own(RowLayer.pack(layer, threads), "rows in the entries", threads),),
        "expand8": (_own(by_bitmap, f"bitmaps{_loops(can_dot())}, int8", threads),),
        "expand16": (_in_16_bits(layer, by_bitmap, threads),),
    }


def _own(packed: CpuLayer | RowLayer | ExpandLayer, what: str, threads: int) -> Make:
    def own_layout(work: Work, batch: int, _: str) -> Kernel:
        inputs = work.inputs[:batch] if batch > 1 else work.inputs[0]
        return Kernel(_library(what, threads), packed.n_bytes, packed.copy, lambda w: w.multiply(inputs))

    return own_layout


def _in_16_bits(layer: CompressedLayer, packed: ExpandLayer, threads: int) -> Make:
    """Multiply in EIE's arithmetic, in formats in which nothing saturates on these inputs; on one thread."""
    machine = Machine(n_pe=1)
    mem = encode(layer, machine)

    def expand_in_16_bits(work: Work, batch: int, _: str) -> Kernel:
        if threads > 1:
            raise ValueError("it runs on one thread")
        inputs = work.inputs[:batch] if batch > 1 else work.inputs[0]
        formats = calibrate(mem, inputs, machine)
        one, step = np.float32(2.0**formats.activation.frac), np.float32(2.0**-formats.output.frac)

        def call(w: ExpandLayer) -> NDArray[np.float32]:
            return w.saturating(np.floor(inputs * one + np.float32(0.5)).astype(np.int64), formats) * step

        name = _library(f"bitmaps{_loops(can_expand())}, 16 bits saturating", 1)
        return Kernel(name, packed.n_bytes, packed.copy, call)

    return expand_in_16_bits


def _loops(has_instructions: bool) -> str:
    return "" if has_instructions else " in plain loops"


def _library(what: str, threads: int) -> str:
    return f"this project, {what}, {threads} thread{'s' * (threads > 1)}"


@nb.njit(cache=True, nogil=True, parallel=True)
def _read(numbers):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for i in nb.prange(len(numbers)):
        total += numbers[i]
    return total


def _on_gpu(cell: Cell, work: Work) -> Iterator[tuple[Device, Work]]:
    """Yield the GPU where there is one, with dense, 2:4 and CSR matrices: once, with the groups of one thread."""
    import torch

    if cell.threads > 1 or not torch.cuda.is_available():
        return
    gpu = devices.gpu()
    if cell.density < 1:
        yield replace(gpu, kernels={"sparse": gpu.kernels["sparse"]}), work
    else:
        pruned = Work(sp.csr_array(two_of_four(work.dense)), work.inputs)
        yield replace(gpu, kernels={"float16": (_half_dense,), "2:4": (_half_two_of_four,)}), pruned


def _half_dense(work: Work, batch: int, device: str) -> Kernel:
    """Multiply by the dense matrix in half precision; inputs are padded to eight, which the 2:4 library asks for."""
    import torch
    from torch.nn.functional import linear

    padded = np.pad(work.inputs[:batch], [(0, -batch % 8), (0, 0)])
    weights, inputs = (torch.from_numpy(array).to(device).half() for array in (work.dense, padded))
    return Kernel("PyTorch linear, float16", weights.nbytes, weights.clone, lambda w: linear(inputs, w)[:batch].float())


def _half_two_of_four(work: Work, batch: int, device: str) -> Kernel:
    import torch

    dense = _half_dense(work, batch, device)
    n_bytes = dense.n_bytes * 9 // 16  # half the weights, and two bits for the place of each
    pack = partial(torch.sparse.to_sparse_semi_structured, dense.pack())
    return replace(dense, library="PyTorch linear, float16, 2:4", n_bytes=n_bytes, pack=pack)


def two_of_four(dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a matrix with the two smallest of every four weights of a row set to 0.

    Raises
    ------
    ValueError
        When a row's length is not a multiple of four.
    """
    if dense.shape[1] % 4:
        raise ValueError(f"rows must have a multiple of 4 weights, got {dense.shape[1]}")
    groups = dense.reshape(len(dense), -1, 4)
    order = np.argsort(np.abs(groups), axis=2, kind="stable")
    pruned = groups.copy()
    np.put_along_axis(pruned, order[:, :, :2], 0.0, axis=2)
    return pruned.reshape(dense.shape)


EXPERIMENT = Experiment(
    parts=lambda quick: [asdict(cell) for cell in cells(quick)],
    make=_in_own_process,
    join=_joined,
    ending=".json",
    settings={"quick": (False, True)},
    facts=host.provenance,
    seeds=(SEED,),
)
