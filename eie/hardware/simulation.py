"""Runs of the RTL that equal `eie.step`, `eie.simulate` and `eie.infer` in every counter and every bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.cycles import CycleReport, checked_activations, encoded_for
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware.build import RTL
from eie.hardware.chip import Chip
from eie.hardware.geometry import Geometry, chosen
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.stepped import UNIT_FORMATS, SteppedRun


def simulate(
    mem: InterleavedCSC | CompressedLayer,
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats = UNIT_FORMATS,
    bias: Any = None,
    relu: bool = False,
    signed: bool = False,
    through_ports: bool = False,
    geometry: Geometry | None = None,
    rtl: Path = RTL,
) -> SteppedRun:
    """Run one layer on the RTL.

    Parameters
    ----------
    mem, activations, machine, signed
        As for `eie.simulate`: one vector, or several one after the other.
    formats : LayerFormats
        Fixed-point formats. The width of the accumulators is that of the hardware's data path.
    bias : float array of shape `(n_out,)`, optional
        Start values of the accumulators, as for `eie.infer`.
    relu : bool
        Read the results as the next layer would, negative sums as 0.
    through_ports : bool
        Write all memories in input/output mode, one word per cycle. These cycles are not counted.
    geometry : Geometry, optional
        Parameters of the RTL; if left out, the paper's, with larger memories where the layer needs them. A pipelined
        one takes `geometry.PIPELINE_CYCLES` more cycles per vector, and is equal in everything else.
    rtl : Path
        Folder of the RTL.

    Returns
    -------
    SteppedRun
        What `eie.step` returns; with several vectors, the counters are added up and `raw` has one row per vector.

    Raises
    ------
    ValueError
        As `eie.simulate` and `eie.infer` do; also when the layer is outside the hardware's limits (`Geometry`), or when
        an activation that is not 0 rounds to 0: the hardware sends raw values that are not 0.
    eie.hardware.build.ToolError
        When a tool is missing.
    """
    mem = encoded_for(mem, machine)
    inputs = raw_inputs(mem, activations, formats, signed)
    start, clipped = _start_values(bias, mem.n_out, formats.output)
    size = chosen(geometry, [mem], machine, [formats])
    with Chip(size, machine, through_ports=through_ports, rtl=rtl) as chip:
        chip.add(mem)
        chip.set_codebook(formats.weight.quantize(mem.codebook)[0])
        runs = [run_one(chip, mem, vector, formats, start, relu) for vector in np.atleast_2d(inputs)]
    found = _together(runs, inputs.ndim > 1)
    return replace(found, saturations=found.saturations + clipped * len(runs))


def chain(
    layers: Sequence[InterleavedCSC | CompressedLayer],
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: Sequence[LayerFormats],
    biases: Sequence[Any] | None = None,
    signed: bool = False,
    through_ports: bool = False,
    geometry: Geometry | None = None,
    rtl: Path = RTL,
) -> list[SteppedRun]:
    """Run layers one after the other, each on the ReLU of the previous results, which stay in the registers.

    Parameters
    ----------
    layers : sequence of InterleavedCSC or CompressedLayer
        All are in the memories at the same time.
    activations : array of shape `(n_in,)` or `(n_vectors, n_in)`
        Inputs of the first layer; a vector goes through all layers before the next.
    machine, signed, through_ports, geometry, rtl
        As for `simulate`.
    formats : sequence of LayerFormats
        One per layer. The activations of a layer have the format of the previous layer's outputs.
    biases : sequence of (float array or None), optional
        Start values of the accumulators, one array or None per layer.

    Returns
    -------
    list of SteppedRun
        One per layer, each as from `simulate`.

    Raises
    ------
    ValueError
        As `simulate` does; also when sizes or formats of neighbouring layers do not fit.
    """
    mems = [encoded_for(layer, machine) for layer in layers]
    _check_chain(mems, formats)
    inputs = raw_inputs(mems[0], activations, formats[0], signed)
    given = biases or [None] * len(mems)
    starts = [_start_values(bias, mem.n_out, fmt.output) for bias, mem, fmt in zip(given, mems, formats, strict=True)]
    size = chosen(geometry, mems, machine, formats)
    with Chip(size, machine, through_ports=through_ports, rtl=rtl) as chip:
        for mem in mems:
            chip.add(mem)
        runs = [_run_chain(chip, mems, vector, formats, starts) for vector in np.atleast_2d(inputs)]
    return [_together(of_layer, inputs.ndim > 1) for of_layer in zip(*runs, strict=True)]


def _run_chain(
    chip: Chip,
    mems: Sequence[InterleavedCSC],
    inputs: NDArray[np.int64],
    formats: Sequence[LayerFormats],
    starts: Sequence[tuple[NDArray[np.int64] | None, int]],
) -> list[SteppedRun]:
    """Run one vector through all layers."""
    runs = []
    chip.set_sources(inputs)
    for k, (mem, fmt, (start, clipped)) in enumerate(zip(mems, formats, starts, strict=True)):
        chip.set_codebook(fmt.weight.quantize(mem.codebook)[0])
        chip.set_accumulators(start)
        report, saturations = chip.run(mem, fmt, relu=k > 0)
        chip.swap()
        runs.append(SteppedRun(report, chip.sources(mem.n_out), saturations + clipped))
    return runs


def _together(runs: Sequence[SteppedRun], several: bool) -> SteppedRun:
    """Add up the runs of several vectors; results get a row for each."""
    raw = np.stack([run.raw for run in runs]) if several else runs[0].raw
    return SteppedRun(reduce(add, (run.report for run in runs)), raw, sum(run.saturations for run in runs))


def batches(
    parts: Sequence[tuple[InterleavedCSC, slice]],
    activations: Any,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats,
    signed: bool = False,
    rtl: Path = RTL,
) -> SteppedRun:
    """Run one layer in batches of inputs that the source registers hold; the sums stay in the accumulators.

    This is how a layer longer than the registers runs (ISCA 2016, section IV). Filling the registers is not counted.

    Parameters
    ----------
    parts : sequence of (InterleavedCSC, slice)
        The columns of each batch, all with the same rows, and the inputs that belong to them. A bias column is the last
        of the last part.
    activations : array of shape `(n_in,)`
        Inputs of the whole layer.
    machine, formats, signed, rtl
        As for `simulate`.

    Returns
    -------
    SteppedRun
        Counters of all batches together, and the results after the last.

    Raises
    ------
    ValueError
        As `simulate` does; also when the parts have different rows.
    """
    mems = [mem for mem, _ in parts]
    if len({mem.n_out for mem in mems}) != 1:
        raise ValueError(f"all batches must have the same outputs, got {[mem.n_out for mem in mems]}")
    values = np.asarray(activations)
    found: list[tuple[CycleReport, int]] = []
    with Chip(Geometry.fitting(mems, machine, [formats]), machine, rtl=rtl) as chip:
        for mem in mems:
            chip.add(mem)
        chip.set_codebook(formats.weight.quantize(mems[0].codebook)[0])
        chip.set_accumulators(None)
        for mem, columns in parts:
            chip.set_sources(raw_inputs(mem, values[columns], formats, signed, several=False))
            found.append(chip.run(mem, formats))
        chip.swap()
        raw = chip.sources(mems[0].n_out)
    reports = [replace(report, n_in=len(values)) for report, _ in found]
    return SteppedRun(replace(reduce(add, reports), vectors=1), raw, sum(clipped for _, clipped in found))


def raw_inputs(
    mem: InterleavedCSC, activations: Any, formats: LayerFormats, signed: bool, *, several: bool = True
) -> NDArray[np.int64]:
    """Return activations in their format; a `ValueError` when the hardware would not send what the model does."""
    values = checked_activations(activations, mem.n_in, signed, several=several)
    raw, _ = formats.activation.quantize(values)
    lost = (raw == 0) & (values != 0)
    if lost.any():
        raise ValueError(
            f"the hardware sends raw values that are not 0, but {values[lost][0]} rounds to 0 in {formats.activation}: "
            "round the activations to their format first"
        )
    if mem.has_bias and 1 << max(formats.activation.frac, 0) > formats.activation.high:
        raise ValueError(f"the activation format must hold the bias's 1.0, got {formats.activation}")
    return raw


def run_one(
    chip: Chip,
    mem: InterleavedCSC,
    inputs: NDArray[np.int64],
    formats: LayerFormats,
    start: NDArray[np.int64] | None = None,
    relu: bool = False,
) -> SteppedRun:
    """Run one vector of raw inputs, from start values of the accumulators, and read the results."""
    chip.set_sources(inputs)
    chip.set_accumulators(start)
    report, saturations = chip.run(mem, formats)
    chip.swap()
    return SteppedRun(report, chip.sources(mem.n_out, relu=relu), saturations)


def _start_values(bias: Any, n_out: int, fmt: FixedPoint) -> tuple[NDArray[np.int64] | None, int]:
    """Return the bias in the accumulators' format, and how many values saturated."""
    if bias is None:
        return None, 0
    values = np.asarray(bias, dtype=np.float64)
    if values.shape != (n_out,) or not np.isfinite(values).all():
        raise ValueError(f"bias must be {n_out} finite numbers, one per output, got shape {values.shape}")
    return fmt.quantize(values)


def _check_chain(mems: Sequence[InterleavedCSC], formats: Sequence[LayerFormats]) -> None:
    if not mems or len(mems) != len(formats):
        raise ValueError(f"formats must be one per layer, got {len(formats)} for {len(mems)} layers")
    for k in range(1, len(mems)):
        if mems[k].n_in != mems[k - 1].n_out:
            raise ValueError(f"layer {k} must have {mems[k - 1].n_out} inputs, the outputs before, got {mems[k].n_in}")
        if formats[k].activation != formats[k - 1].output:
            raise ValueError(
                f"the activations of layer {k} must have the format of the outputs before, {formats[k - 1].output}, "
                f"got {formats[k].activation}"
            )
