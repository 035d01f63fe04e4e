"""Evening out the work of the PEs: a pruned layer changed so that each PE has as many weights as any other.

The experiment does so with real pruned matrices, and holds it against deeper queues.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel
from eie.compress import masks
from eie.cycles import simulate
from eie.datasets import catalogue, dlmc
from eie.explore.synthetic import draw_activations
from eie.formats import smtx
from eie.interleaved import encode
from eie.layer import MAX_SIZE, CompressedLayer
from eie.machine import EIE_45NM
from eie.studies.experiments import Experiment, Part
from eie.studies.paper import fig08
from eie.studies.pruned import matrices

FREE = 0
"""Stands for pruning that balances nothing."""
GROUPS = (1, 16)
"""Columns in each of which every PE of a real pruned matrix gets as many weights."""


def label(columns: int) -> str:
    """Name a way to prune."""
    if columns == FREE:
        return "without balance"
    return "balanced in each column" if columns == 1 else f"balanced in groups of {columns} columns"


def evened(layer: CompressedLayer, n_pe: int, columns: int, seed: int | np.random.SeedSequence) -> CompressedLayer:
    """Change a pruned layer to what it would be, had every PE as many weights in each group of columns.

    Nothing but places is known of a drawn layer, so which weights go and which come back is drawn at random: a PE with
    too many in a group loses some, and one with too few gets some of those that it had lost.

    Parameters
    ----------
    layer : CompressedLayer
        Its bias is left out, and all codes become 1.
    n_pe : int
        Processing elements; row i is dealt to PE i mod `n_pe`.
    columns : int
        Neighbouring columns of a group.
    seed : int or SeedSequence
        The same seed gives the same layer.
    """
    n_pe = min(_check.integer("n_pe", n_pe, 1, MAX_SIZE), layer.n_out)
    columns = _check.integer("columns", columns, 1, MAX_SIZE)
    if n_pe == 1:  # which has what there is
        return replace(layer, codes=np.ones_like(layer.codes), bias_codes=None)
    starts = np.arange(0, layer.n_in, columns)
    room = layer.n_out // n_pe * np.diff(starts, append=layer.n_in)
    each = masks.quotas(np.add.reduceat(np.diff(layer.indptr), starts), n_pe, room)
    rng = np.random.default_rng(seed)
    indptr, rows = _evened(rng, layer.indptr, layer.rows, layer.n_out, n_pe, columns, each)
    return CompressedLayer(layer.n_out, layer.n_in, indptr, rows, np.ones(len(rows), np.uint8), layer.codebook)


@Kernel
def _evened(rng, indptr, rows, n_out, n_pe, columns, each):  # type: ignore[no-untyped-def]
    """Find column pointers and rows of the evened layer."""
    n_in = len(indptr) - 1
    pointers, found = np.zeros(n_in + 1, np.int64), np.empty(each.sum() * n_pe, np.int32)
    n = 0
    kept = np.zeros((n_pe, columns, -(-n_out // n_pe)), np.bool_)  # so that the cells of a PE stand together
    for g in range(len(each)):
        first, stop = g * columns, min((g + 1) * columns, n_in)
        kept[:] = False
        counts = np.zeros(n_pe, np.int64)
        for j in range(first, stop):
            for i in rows[indptr[j] : indptr[j + 1]]:
                kept[i % n_pe, j - first, i // n_pe] = True
                counts[i % n_pe] += 1
        for p in range(n_pe):
            own = kept[p, : stop - first, : (n_out - p + n_pe - 1) // n_pe]
            if counts[p] > each[g]:
                _flip(rng, own, True, counts[p], counts[p] - each[g])
            else:
                _flip(rng, own, False, own.size - counts[p], each[g] - counts[p])
        for j in range(first, stop):
            for r in range(kept.shape[2]):
                for p in range(n_pe):
                    if kept[p, j - first, r]:
                        found[n] = r * n_pe + p
                        n += 1
            pointers[j + 1] = n
    return pointers, found


@Kernel
def _flip(rng, own, value, left, wanted):  # type: ignore[no-untyped-def]
    """Turn so many of the cells that have a value, of which there are `left`, into the other, each equally likely."""
    for c in range(own.shape[0]):
        for i in range(own.shape[1]):
            if not wanted:
                return
            if own[c, i] == value:
                if rng.random() * left < wanted:
                    own[c, i] = not value
                    wanted -= 1
                left -= 1


def _parts() -> list[Part]:
    """List the groups that the experiment on pruned matrices has, but for the control."""
    return [part for part in matrices.parts() if part["method"] != dlmc.CONTROL]


def measure(model: str, method: str, sparsity: str) -> list[dict[str, Any]]:
    """Run the matrices of one group, as they were pruned and evened out.

    Parameters
    ----------
    model, method, sparsity : str
        As in `eie.datasets.dlmc.Group`.

    Returns
    -------
    list of dict
        One per matrix; see `row_of`.

    Raises
    ------
    FileNotFoundError
        When none of the group is available; the message says how to get the collection.
    """
    group = dlmc.Group(model, method, sparsity)
    found = dict(dlmc.contents(dlmc.groups()[group]))
    if not found:
        raise FileNotFoundError(catalogue.how_to_get(dlmc.NAME))
    return [group._asdict() | row_of(path, *smtx.parse(content, path)) for path, content in sorted(found.items())]


EXPERIMENT = Experiment(parts=_parts, make=measure, processes=True, seeds=(matrices.SEED,))


def row_of(path: str, offsets: NDArray[np.int32], columns: NDArray[np.int32], n_in: int) -> dict[str, Any]:
    """Measure the load balance of one matrix with usual and deep queues, and evened out with usual ones.

    The matrix is made as high as the paper's layers (`eie.studies.pruned.matrices.stacked`), with the same seeds as in
    the table of real pruned layers.

    Parameters
    ----------
    path : str
        Its name, which all random numbers follow from.
    offsets, columns, n_in
        As `eie.formats.smtx.parse` gives them.

    Returns
    -------
    dict
        `layer`, and load balance as a fraction: `free_8` and `free_256` by the depth of the queues, and `even_1` and
        `even_16` by the columns of a group.
    """
    pattern = sp.csr_array((np.ones(len(columns), np.uint8), columns, offsets), shape=(len(offsets) - 1, n_in))
    names = matrices.seeds_of(path)
    inputs = draw_activations(n_in, matrices.ACT_DENSITY, names[0])
    layer = matrices.as_layer(matrices.stacked(pattern, np.random.default_rng(names[1])))
    mem = encode(layer, EIE_45NM)
    found = {
        f"free_{depth}": simulate(mem, inputs, replace(EIE_45NM, fifo_depth=depth))
        for depth in (EIE_45NM.fifo_depth, fig08.DEPTHS[-1])
    }
    found |= {f"even_{group}": matrices.run(evened(layer, EIE_45NM.n_pe, group, names[2]), inputs) for group in GROUPS}
    return {"layer": PurePosixPath(path).stem} | {name: round(report.load_balance, 4) for name, report in found.items()}
