"""The reader's machine, timed as the paper timed its CPU and GPU: the layers of Table III, dense and sparse.

The weights come from memory each time, as those of a network too large for the caches do: calls go round as many
copies of a matrix as together exceed the last-level cache several times; where those would need too much memory, a
buffer of that size is written before each call. Every result is compared with NumPy's before it is timed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie.explore.benchmarks import Benchmark, nine_layers, select
from eie.studies import experiments, host
from eie.studies.baselines import devices, platforms
from eie.studies.baselines.devices import MAX_COPIES_BYTES, Device, cold_bytes
from eie.studies.baselines.kernels import SEED, Kernel, Make, Work
from eie.studies.experiments import Experiment

REPEATS = 100
MAX_COPIES = 4096
TOLERANCE = {
    **dict.fromkeys(("dense", "sparse", "csc-columns", "csc-own", "csc", "eie", "row"), 1e-4),
    "expand16": 2e-3,  # with half of the weights kept, rounding products to 16 bits alone makes 1e-3
    **dict.fromkeys(("float16", "2:4"), 0.01),
    **dict.fromkeys(("int8", "onnx-int8", "expand8"), 0.03),
    **dict.fromkeys(("int4", "onnx-int4"), 0.15),
}
"""Largest distance of a result from the exact one, as a fraction of its norm; wider where weights are rounded."""
ABOUT = (
    "time_us is the median time per input vector in microseconds (time of a call / batch), low_us and high_us are the "
    "quartiles. Inputs and outputs are float32 vectors in the memory of the device; what a variant must do with them "
    "(rounding, finding what is not zero) is in its time. Weights are cold: in memory, not in a cache. n_bytes is what "
    "the weights of a layer take."
)


class CannotTime(ValueError):
    """A library does not offer something on this machine, or computes it wrongly; the message says what."""


def run(
    output: str | Path | None = None,
    layers: Sequence[str] | None = None,
    repeats: int = REPEATS,
    quick: bool = False,
    own_layers: Mapping[str, Any] | None = None,
) -> Path:
    """Time layers on this machine, and write what `eie.studies.baselines.platforms` reads.

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
    own_layers : mapping, optional
        Further layers, densities as fractions.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ValueError
        When a layer is unknown, a number out of range, or the output no ordinary file.
    ModuleNotFoundError
        When PyTorch is not installed.
    FileNotFoundError
        When the folder of the output does not exist.
    """
    if quick and layers is None:
        layers = [min(nine_layers(), key=lambda benchmark: benchmark.n_in * benchmark.n_out).name]
    target = platforms.own_path() if output is None else Path(output)
    experiment = timings(select(layers, own_layers), _check.integer("repeats", repeats, 1, 100_000))
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    return experiments.write(experiment, target, "eie measure", {"quick": str(quick)})


def timings(benchmarks: Sequence[Benchmark], repeats: int = REPEATS) -> Experiment:
    """Describe the timing of layers, one part each."""
    return Experiment(
        parts=lambda **_: [{"layer": fields.pop("name"), **fields} for fields in map(asdict, benchmarks)],
        make=_layer,
        join=_joined,
        ending=".json",
        settings={"repeats": (repeats,), "quick": (False, True)},
        facts=host.provenance,
        seeds=(SEED,),
    )


def _layer(layer: str, repeats: int, quick: bool, **size: Any) -> dict[str, list[dict[str, Any]]]:
    return Bench(repeats, quick).layer(Benchmark(layer, **size))


def _joined(layers: Sequence[Any], facts: Mapping[str, Any]) -> str:
    bench = Bench(**facts["settings"])
    result = {"schema": platforms.SCHEMA, "about": ABOUT, "power": bench.power, **header(facts, facts["settings"])}
    result["rows"] = [row for layer in layers for row in layer["rows"]]
    result["left_out"] = bench.left_out + [entry for layer in layers for entry in layer["left_out"]]
    return json.dumps(platforms.check(result), indent=1) + "\n"


def header(facts: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Sort the facts of a run into those of a result: `provenance`, `settings` and `date`."""
    provenance = {name: fact for name, fact in facts.items() if name not in ("date", "settings")}
    return {"provenance": provenance, "settings": dict(settings), "date": facts["date"]}


class Bench:
    """Devices of this machine that time layers, and the settings of the timing.

    Parameters
    ----------
    repeats : int
        Timings of each kind, at least.
    quick : bool
        No more than those, however short they are.
    """

    def __init__(self, repeats: int, quick: bool = False) -> None:
        self.repeats, self.quick = repeats, quick
        self.devices = [devices.cpu(), devices.gpu()] if host.require_torch().cuda.is_available() else [devices.cpu()]
        self.batches = sorted(int(batch) for batch in platforms.published()["batch"].unique())

    @property
    def power(self) -> str:
        """Names of the counters that watts are from."""
        return "; ".join(device.meter.name for device in self.devices if device.meter) or platforms.NO_METER

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """The platform that no layer is timed on, and why."""
        gpu = {"platform": "GPU", "batch": None, "variant": "all", "layer": "all", "reason": "PyTorch sees no GPU"}
        return [] if len(self.devices) > 1 else [gpu]

    def layer(self, benchmark: Benchmark) -> dict[str, list[dict[str, Any]]]:
        """Time all there is for a layer: `rows`, and what was `left_out`."""
        work = Work.draw(benchmark, max(self.batches))
        found: dict[str, list[dict[str, Any]]] = {"rows": [], "left_out": []}
        for device, variant, batch in self._asked():
            about = {"platform": device.platform, "batch": batch, "variant": variant, "layer": benchmark.name}
            try:
                found["rows"].append(about | self.timing(device, work, variant, batch))
            except CannotTime as error:
                found["left_out"].append(about | {"reason": str(error)})
        return found

    def _asked(self) -> Iterator[tuple[Device, str, int]]:
        """Everything to time; columns are picked for one input at a time."""
        for device in self.devices:
            for variant in device.kernels:
                for batch in self.batches[:1] if variant == "csc-columns" else self.batches:
                    yield device, variant, batch

    def timing(self, device: Device, work: Work, variant: str, batch: int) -> dict[str, Any]:
        """Time one variant with every available library: the fastest, and the medians of the `slower` ones.

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
        found |= {"n_bytes": kernel.n_bytes, "copies": copies, "cold": cold}
        return found | ({"watts": round(watts, 2)} if watts else {})


def checked_kernel(make: Make, device: Device, work: Work, variant: str, batch: int) -> Kernel:
    """Make the kernel of a variant, if this machine has it and its result is right.

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
    """Return the copies to go round, and how weights come to be cold: `"rotated"` or, with one copy, `"evicted"`."""
    copies = -(-cold_bytes(cache_bytes) // n_bytes)
    if copies > 1 and (copies > MAX_COPIES or copies * n_bytes > MAX_COPIES_BYTES):
        return 1, "evicted"
    return copies, "rotated"


def _check_result(kernel: Kernel, exact: NDArray[np.float64], tolerance: float) -> None:
    result = kernel.call(kernel.pack())
    found = np.asarray(result if isinstance(result, np.ndarray) else result.cpu().numpy()).reshape(len(exact), -1)
    off, norm = float(np.linalg.norm(found[:, : exact.shape[1]] - exact)), float(np.linalg.norm(exact))
    if not off <= tolerance * norm:
        raise CannotTime(f"its result is off by {off:.3g} of {norm:.3g}")


def _public(text: str) -> str:
    """Return the first line of a message, without the paths in it: they may name people."""
    return re.sub(r"\S*[/\\]\S*", "[..]", text.partition("\n")[0])[:200]


def _times(
    device: Device, kernel: Kernel, copies: int, cold: str, repeats: int, seconds: float
) -> tuple[list[float], float | None]:
    """Return times of a call in microseconds, and the power in watts meanwhile."""
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


EXPERIMENT = timings(nine_layers())
