"""Synthetic layers to run on the RTL, and their comparison with the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie import _check, cycles, values
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware.simulation import simulate
from eie.interleaved import InterleavedCSC, encode
from eie.layer import CompressedLayer
from eie.machine import Machine
from eie.stepped import SteppedRun

MAX_SIDE = 65536
"""Largest number of outputs or inputs of a layer to draw; `Geometry` has the limits of the hardware."""

_COUNTERS = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads")


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A layer with uniformly random codes, inputs in their format, and the machine to run it on."""

    name: str
    machine: Machine
    mem: InterleavedCSC
    activations: NDArray[np.float64]
    formats: LayerFormats


def draw(outputs: int, inputs: int, density: float, act_density: float, seed: int, **fields: Any) -> Drawn:
    """Draw a layer.

    Parameters
    ----------
    outputs, inputs : int
        Its size, 1..65536 each.
    density, act_density : float
        Fractions of its weights that are kept and of its inputs that are not 0, 0..1.
    seed : int
        Random seed; equal seeds give equal layers.
    **fields
        Parameters of the machine that are not the paper's.

    Raises
    ------
    ValueError
        When a parameter is out of its range.
    """
    for name, size in (("outputs", outputs), ("inputs", inputs)):
        _check.integer(name, size, 1, MAX_SIDE)
    for name, share in (("density", density), ("act_density", act_density)):
        _check.fraction(name, share)
    _check.seed(seed)
    machine, rng = Machine(**fields), np.random.default_rng(seed)
    kept = rng.random((outputs, inputs)) < density
    codes = np.where(kept, rng.integers(1, machine.codebook_size, kept.shape), 0).astype(np.uint8)
    codebook = np.append(0.0, rng.normal(size=machine.codebook_size - 1))
    mem = encode(CompressedLayer.from_codes(codes, codebook), machine)
    real = np.where(rng.random(inputs) < act_density, rng.uniform(0.01, 2.0, inputs), 0.0)
    activation = FixedPoint(16, 12)
    activations = activation.real(activation.quantize(real)[0])
    formats = values.calibrate(mem, activations, machine)
    formats = LayerFormats(formats.weight, activation, FixedPoint(16, min(formats.output.frac, 12)))
    name = f"{machine.n_pe} PEs, queue depth {machine.fifo_depth}, {outputs} x {inputs}"
    return Drawn(name, machine, mem, activations, formats)


def draw_small(seed: int) -> Drawn:
    """Draw a layer of one of a few machines, so that few of them have to be built."""
    rng = np.random.default_rng(seed)
    machines = ((4, 8, 64), (1, 2, 16), (5, 3, 24))
    n_pe, depth, width = machines[seed % len(machines)]
    outputs, inputs = (int(size) for size in rng.integers(1, 64, 2))
    density, act_density = rng.uniform(0.02, 0.6, 2)
    fields = {"n_pe": n_pe, "fifo_depth": depth, "spmat_width_bits": width}
    return draw(outputs, inputs, float(density), float(act_density), seed, **fields)


def compare(drawn: Drawn) -> tuple[list[str], SteppedRun]:
    """Run a layer on the RTL; say where counters or outputs are not those of the model, and return the run."""
    found = simulate(drawn.mem, drawn.activations, drawn.machine, formats=drawn.formats)
    report = cycles.simulate(drawn.mem, drawn.activations, drawn.machine)
    inferred = values.infer(drawn.mem, drawn.activations, drawn.machine, formats=drawn.formats, relu=False)
    pairs = {name: (getattr(found.report, name), getattr(report, name)) for name in _COUNTERS}
    pairs["saturations"] = (found.saturations, inferred.saturations)
    pairs["wrong outputs"] = (int((found.raw != inferred.raw).sum()), 0)
    wrong = [
        f"{name}: {ours} in the RTL, {model} in the model" for name, (ours, model) in pairs.items() if ours != model
    ]
    return wrong, found


def counters(run: SteppedRun) -> dict[str, int]:
    """Return the counters of a run by name."""
    return {name: getattr(run.report, name) for name in _COUNTERS} | {"saturations": run.saturations}


def text(run: SteppedRun) -> str:
    """Return the counters of a run, one per line."""
    return "\n".join(f"{name:<12} {value:>10,}" for name, value in counters(run).items())
