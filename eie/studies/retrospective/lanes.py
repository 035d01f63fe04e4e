"""Lanes of a vector processor that do useful work on EIE's stream, under stated models of how they would take it.

A lane is useful in a turn when it multiplies a weight that is not 0 with an input that is not 0. The models:

- `own queues`: each lane is an EIE PE with its queue; lanes wait only where a queue is full. What EIE's hardware does.
- `lockstep`: each lane holds a PE's rows, as in EIE, but all lanes are in the same column; the longest column decides.
- `gather`: the entries of one stream, as many at a time as there are lanes, added to their rows by gather and scatter.
- `dense columns`: no format at all: the columns of non-zero inputs, zeros included, as many rows at a time.
- `dense`: the same with all columns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eie import _check
from eie.cycles import scan, simulate
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM

MODELS = ("own queues", "lockstep", "gather", "dense columns", "dense")
MAX_LANES = 1024


def utilisation(layer: CompressedLayer, activations: Any, lanes: int) -> dict[str, float]:
    """Compute the fraction of the lanes that do useful work, by model.

    Parameters
    ----------
    layer : CompressedLayer
        Its bias is left out.
    activations : array of shape `(n_in,)`
        Inputs, 0 or more.
    lanes : int
        Lanes, 1..1024.
    """
    lanes = _check.integer("lanes", lanes, 1, MAX_LANES)
    layer = replace(layer, bias_codes=None)
    machine = replace(EIE_45NM, n_pe=lanes)
    mem = encode(layer, machine)
    report = simulate(mem, activations, machine)
    active, _ = scan(np.asarray(activations), lanes, False)
    if not report.macs:
        return dict.fromkeys(MODELS, 0.0)
    each = np.diff(mem.pointers, axis=0)[active]
    stream = np.diff(encode(layer, replace(machine, n_pe=1)).pointers[:, 0])[active]
    rows = -(-layer.n_out // lanes)
    turns = {
        "own queues": report.cycles,
        "lockstep": each.max(axis=1).clip(1).sum(),
        "gather": (-(-stream // lanes)).clip(1).sum(),
        "dense columns": rows * len(active),
        "dense": rows * layer.n_in,
    }
    return {model: float(report.macs / (lanes * turns[model])) for model in MODELS}
