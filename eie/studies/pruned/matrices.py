"""Thousands of real pruned layers on the machine, and how near synthetic layers come to them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from eie.cycles import CycleReport, simulate
from eie.datasets import catalogue, dlmc
from eie.explore.spread import UNIFORM, Spread, measured_spread, spread_of
from eie.explore.synthetic import draw_activations, draw_layer, even_codebook
from eie.formats import smtx
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM
from eie.studies.experiments import Experiment, Part

ACT_DENSITY = 0.35
"""Fraction of the inputs that are not 0: near that of AlexNet's layers in Table III (18 to 38 %)."""

ROWS_EACH = 64
"""Rows per PE of the layers in Table III that have 4,096 outputs."""

SEED = 0


def parts() -> list[Part]:
    """List the groups of which matrices are available; all groups if there are none: the error says how to get them."""
    found = {dlmc.Group(*PurePosixPath(path).parts[:3]) for path in dlmc.at_hand()}
    return [group._asdict() for group in dlmc.groups() if group in found or not found]


def measure(model: str, method: str, sparsity: str) -> list[dict[str, Any]]:
    """Run the matrices of one group on the machine.

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
    found = dict(dlmc.contents([*dlmc.groups()[group], dlmc.STATISTICS]))
    quality = _qualities(found.pop(dlmc.STATISTICS, b"")).get(group)
    if not found:
        raise FileNotFoundError(catalogue.how_to_get(dlmc.NAME))
    told = group._asdict() | {"quality": quality}
    return [told | row_of(path, *smtx.parse(content, path)) for path, content in sorted(found.items())]


def _qualities(content: bytes) -> dict[dlmc.Group, float]:
    """Read the quality of each network: BLEU, or top-1 accuracy in percent.

    That of the transformer pruned by variational dropout is left out: most such numbers are copies of ResNet's.
    """
    rows = csv.DictReader(io.StringIO(content.decode("utf-8")))
    known = {dlmc.Group(*row["name"].split("/")[:3]): float(row["quality"]) for row in rows}
    return {group: value for group, value in known.items() if group[:2] != ("transformer", "variational_dropout")}


EXPERIMENT = Experiment(parts=parts, make=measure, processes=True, seeds=(SEED,))


def row_of(path: str, offsets: NDArray[np.int32], columns: NDArray[np.int32], n_in: int) -> dict[str, Any]:
    """Measure one matrix; load balance and real work are fractions.

    Parameters
    ----------
    path : str
        Its name, which all random numbers follow from.
    offsets, columns, n_in
        As `eie.formats.smtx.parse` gives them.

    Returns
    -------
    dict
        `layer`, `n_out`, `n_in`, `entries`, `row_cv` and `column_cv` (beyond the binomial); `cycles`, `load_balance`
        and `real_work` with `ACT_DENSITY` of the inputs, the same with all inputs (`_all`), and as `stacked` layer
        (`_stacked`); load balance with `ACT_DENSITY` of synthetic layers of the same size and density: `uniform`, of
        the spread of the authors' layer (`alex8`), of the matrix's `own`, and of the library's usual one (`typical`).
    """
    values = np.ones(len(columns), np.uint8)
    pattern = sp.csr_array((values, columns, offsets), shape=(len(offsets) - 1, n_in))
    layer = as_layer(pattern)
    names = seeds_of(path)
    inputs = draw_activations(n_in, ACT_DENSITY, names[0])
    spread = spread_of(layer)
    runs = {
        "": run(layer, inputs),
        "_all": run(layer, np.ones(n_in, np.float32)),
        "_stacked": run(as_layer(stacked(pattern, np.random.default_rng(names[1]))), inputs),
    }
    return (
        {"layer": PurePosixPath(path).stem, "n_out": layer.n_out, "n_in": n_in, "entries": layer.nnz}
        | {"row_cv": _short(spread.row_cv), "column_cv": _short(spread.column_cv)}
        | {name + ending: value for ending, report in runs.items() for name, value in _counters(report)}
        | {name: _short(run(drawn, inputs).load_balance) for name, drawn in _synthetic(layer, spread, names[2])}
    )


def seeds_of(path: str) -> list[np.random.SeedSequence]:
    """Return the seeds of a matrix: of its inputs, of the stacked layer's order, and of the synthetic layers."""
    return np.random.SeedSequence([SEED, crc32(path.encode())]).spawn(3)


def as_layer(pattern: sp.csr_array) -> CompressedLayer:
    """Make a layer of a pattern; every weight has code 1, since time depends on places only."""
    by_column = pattern.tocsc()
    by_column.sort_indices()
    return CompressedLayer.from_codes(by_column, even_codebook(by_column.nnz / pattern.shape[0]))


def stacked(pattern: sp.csr_array, rng: np.random.Generator) -> sp.csr_array:
    """Make a layer with `ROWS_EACH` rows per PE: as many rows of a matrix, each as often as any other or once more.

    All its rows come in a random order, again and again in another one; so a PE has other rows than it would have had,
    and the columns stay as they are.
    """
    wanted = ROWS_EACH * EIE_45NM.n_pe
    n_out = pattern.shape[0]
    order = np.concatenate([rng.permutation(n_out) for _ in range(-(-wanted // n_out))])[:wanted]
    return pattern[rng.permutation(order)]


def _synthetic(
    layer: CompressedLayer, own: Spread, name: np.random.SeedSequence
) -> Iterator[tuple[str, CompressedLayer]]:
    spreads = {"uniform": UNIFORM, "alex8": measured_spread(), "own": own, "typical": None}
    for (word, spread), seed in zip(spreads.items(), name.spawn(len(spreads)), strict=True):
        yield word, draw_layer(layer.n_out, layer.n_in, layer.density, seed, spread, bias=False)


def run(layer: CompressedLayer, inputs: NDArray[np.float32]) -> CycleReport:
    """Simulate a layer on the paper's machine: 64 PEs, queues of depth 8."""
    return simulate(encode(layer, EIE_45NM), inputs, EIE_45NM)


def _counters(report: CycleReport) -> Iterator[tuple[str, float]]:
    yield "cycles", report.cycles
    yield "load_balance", _short(report.load_balance)
    yield "real_work", _short(report.real_work)


def _short(value: float) -> float:
    """Round a fraction to a hundredth of a percent."""
    return round(value, 4)
