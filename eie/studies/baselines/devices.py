"""The processor and the GPU: their kernels, clocks, caches and power meters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from eie.studies import host
from eie.studies.baselines import kernels
from eie.studies.baselines.kernels import Make
from eie.studies.baselines.meters import NvidiaSmi, Rapl

CPU_SECONDS, GPU_SECONDS = 0.5, 2.0
"""A timing goes on for that long at least, in more repeats: the power counters need it."""
COLD_FACTOR, LEAST_COLD_FACTOR = 4, 1.5
"""Copies of a matrix, together, are that many times as large as the last-level cache: a small one, and a large one."""
ENOUGH_COPIES_BYTES = 2**28
"""With a large cache, copies beyond that only take time: going round more than the cache holds leaves nothing in it."""
MAX_COPIES_BYTES = 2 * 2**30
"""Copies of a matrix together take no more memory than that."""
GPU_CALLS = 10
"""Calls between two events of a GPU, at least: the launch of one alone would count, too."""


@dataclass(frozen=True, eq=False, slots=True)
class Device:
    """Device that calls are timed on.

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
        """Return a function that fills the caches with something else."""
        n_bytes = min(cold_bytes(self.cache_bytes), MAX_COPIES_BYTES)
        return partial(host.require_torch().zeros(n_bytes // 4, device=self.torch_name).add_, 1)


def cold_bytes(cache_bytes: int) -> int:
    """Return how much memory has to be read between two uses of a matrix for none of it to stay in the cache."""
    return min(COLD_FACTOR * cache_bytes, max(ENOUGH_COPIES_BYTES, int(LEAST_COLD_FACTOR * cache_bytes)))


def cpu() -> Device:
    """Return the processor, with all cores that PyTorch would use."""
    variants = {
        "dense": (kernels.torch_dense, kernels.numpy_dense),
        "sparse": (kernels.torch_sparse, kernels.scipy_sparse),
        "int8": (kernels.onednn_int8, kernels.integer_int8),
        "int4": (kernels.weight_only_int4,),
        "csc-columns": (kernels.scipy_columns,),
    }
    return Device("CPU", "cpu", variants, host.last_level_bytes(host.caches()), _cpu_clock, 1, CPU_SECONDS, Rapl.find())


def gpu() -> Device:
    """Return the first GPU that PyTorch sees."""
    variants = {"dense": (kernels.torch_dense,), "sparse": (kernels.torch_sparse,), "int8": (kernels.integer_int8,)}
    properties = host.require_torch().cuda.get_device_properties(0)
    cache_bytes = getattr(properties, "L2_cache_size", 0) or host.ASSUMED_CACHE_BYTES
    meter = NvidiaSmi.find(f"GPU-{getattr(properties, 'uuid', '')}")
    return Device("GPU", "cuda", variants, cache_bytes, _gpu_clock, GPU_CALLS, GPU_SECONDS, meter)


def _cpu_clock(work: Callable[[], Any]) -> float:
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e3


def _gpu_clock(work: Callable[[], Any]) -> float:
    cuda = host.require_torch().cuda
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    cuda.synchronize()
    start.record()
    work()
    end.record()
    cuda.synchronize()
    return float(start.elapsed_time(end)) * 1e3
