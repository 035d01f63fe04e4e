"""Times of EIE's format on this machine's processor, beside dense and sparse libraries.

It times as `eie.studies.baselines.measure` does: weights come from memory each time, and every result is compared with
the exact one first. What a thread count gives is timed in a process of its own, since numerical libraries read it when
they start.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from eie._files import resource
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.formats import FormatError
from eie.studies import host
from eie.studies.baselines import devices, kernels, measure
from eie.studies.baselines.devices import Device
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.kernels import SEED, Kernel, Make, Work
from eie.studies.baselines.measure import Bench, CannotTime
from eie.studies.experiments import Experiment

DENSITIES = (0.01, 0.02, 0.05, 0.09, 0.15, 0.25, 0.5)
BATCHES = (1, 8, 64)
LAYER = "Alex-7"
"""The layer of Table III whose size and input density are taken."""
REPEATS = 8
ROUNDS = 3
"""A timing is made so often, and the fastest counts: other work on the machine can only make it slower."""
DENSE = ("dense", "int8", "int4")
"""Variants that do not see the weights' density: timed once."""
ONE_INPUT = ("csc-columns",)
"""Variants that take one input at a time."""
LIBRARY_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RESULT = "measured/cpu_kernels.json"
SCHEMA = 1
COLUMNS = frozenset(
    ["threads", "platform", "act_density", "density", "batch", "variant", "time_us", "low_us", "high_us", "library"]
)
ABOUT = (
    "time_us is the median time per input vector in microseconds (time of a call / batch), low_us and high_us are the "
    "quartiles, of the fastest of a few rounds. Weights are cold: in memory, not in a cache. load_average is that of "
    "the last minute before each group of timings; above the number of cores, times are upper bounds."
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
    groups = [(1, size.act_density, usual if quick else DENSITIES), (1, 1.0, usual), (most, size.act_density, usual)]
    return list(dict.fromkeys(Cell(t, act, density) for t, act, some in groups for density in (1.0, *some)))


def time_cell(cell: Cell, batches: Sequence[int], repeats: int) -> dict[str, Any]:
    """Time one group in this process: `cell`, `load` and `rows`, and what was `left_out`."""
    found: dict[str, Any] = {"cell": asdict(cell), "load": os.getloadavg()[0], "rows": [], "left_out": []}
    bench = Bench(repeats, quick=True)
    for device, work in contests(cell, max(batches)):
        for variant in device.kernels:
            for batch in batches if variant not in ONE_INPUT else batches[:1]:
                about = {"platform": device.platform, **asdict(cell), "batch": batch, "variant": variant}
                try:
                    rounds = [bench.timing(device, work, variant, batch) for _ in range(ROUNDS)]
                    found["rows"].append(about | min(rounds, key=lambda timing: float(timing["time_us"])))
                except CannotTime as error:
                    found["left_out"].append(about | {"reason": str(error)})
    return found


def contests(cell: Cell, batch: int) -> Iterator[tuple[Device, Work]]:
    """Yield the processor, and the GPU where there is one, with the kernels and the matrix of a group."""
    size = table3_layer()
    # What does not see the density gets a half-filled matrix.
    benchmark = Benchmark(size.name, size.n_in, size.n_out, min(cell.density, DENSITIES[-1]), cell.act_density)
    work, cpu = Work.draw(benchmark, batch), devices.cpu()
    if cell.density < 1:
        layer, _ = benchmark.draw(SEED)
        packed = CpuLayer.pack(replace(layer, bias_codes=None), cell.threads)
        sparse = {name: cpu.kernels[name] for name in ("sparse", *ONE_INPUT)}
        yield replace(cpu, kernels={"eie": (_own(packed),), **sparse, "csc": (kernels.scipy_csc,)}), work
    else:
        yield replace(cpu, kernels={name: cpu.kernels[name] for name in DENSE}), work
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
        When it is no such table; the message names the field.
    """
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(result, dict) or result.get("schema") != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}")
        rows = pd.DataFrame(result["rows"])
        if missing := COLUMNS - set(rows.columns):
            raise ValueError(f"rows lack {', '.join(sorted(missing))}")
    except (ValueError, KeyError, RecursionError) as error:
        raise FormatError(f"{path}: no result of `eie experiment cpu_kernels`: {error}") from error
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
    result |= {name: [entry for group in groups for entry in group[name]] for name in ("rows", "left_out")}
    return json.dumps(result, indent=1) + "\n"


def _own(packed: CpuLayer) -> Make:
    def eie_format(work: Work, batch: int, _: str) -> Kernel:
        inputs = work.inputs[:batch] if batch > 1 else work.inputs[0]
        library = f"this project, EIE's format, {packed.threads} thread{'s' * (packed.threads > 1)}"
        return Kernel(library, packed.n_bytes, packed.copy, lambda w: w.multiply(inputs))

    return eie_format


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
        When a row's length is no multiple of four.
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
