"""What a kept weight costs besides itself: bits around its code, energy around its multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import fsum

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eie import _check
from eie.energy_model import energy
from eie.explore.synthetic import draw_activations, draw_layer
from eie.machine import EIE_45NM, Machine
from eie.studies.claim import Margin
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import draws
from eie.studies.retrospective.blocks import Blocked, prune_by_block
from eie.technology import paper_value

DENSITIES = (0.01, 0.02, 0.05, 0.09, 0.25, 0.5)
PE_COUNTS = (1, 16, 64, 256)
INDEX_BITS = (2, 3, 4, 5, 6, 8)
HEIGHTS = (1, 2, 4, 8)
MAX_SIDE = 16_384
MULTIPLIER = "multiply and add"
PARTS = ("code", "index", "zeros in blocks", "padding", "pointers")
UNSTRUCTURED, BY_BLOCK = "pruned one by one", "pruned by block"


_HEADS = {
    **{part: ("bits per kept weight", part) for part in PARTS},
    "bits": ("bits per kept weight", "all"),
    "bits, sd": ("bits per kept weight", "±"),
    "pJ": "energy, pJ",
    "multiplier, %": "arithmetic's share, %",
}
HEADS = {"parameter": "parameter", "value": "value", **_HEADS}
"""Heads of the table of sweeps."""

BLOCK_HEADS = {"pruned": "pruned", "height": "rows per block", **_HEADS, "cycles": "cycles"}
"""Heads of the table of blocks."""

PARAMETERS = {"density": "weights kept, %", "n_pe": "PEs", "index_bits": "bits of an index"}
"""Parameters in words."""


@dataclass(frozen=True, eq=False)
class Overheads:
    """Bits and energy of a kept weight."""

    sweeps: pd.DataFrame
    """One row per draw and a value of one parameter, the others being the usual: `parameter`, `value`, `seed`, the bits
    of a kept weight by part, `bits`, `pJ` (of the whole chip for a multiplication with an input) and `multiplier` (its
    share of that, a fraction)."""
    blocks: pd.DataFrame
    """One row per draw, height of a block and way of pruning: `height`, `pruned`, `seed`, the same, and `cycles`."""
    usual: dict[str, float]
    """What the parameters are where they are not swept."""

    def table(self) -> pd.DataFrame:
        """Tabulate bits per kept weight by part, and energy, by parameter and value; means over draws."""
        return self._means(self.sweeps, ["parameter", "value"])

    def of_blocks(self) -> pd.DataFrame:
        """Tabulate the same by the height of a block and the way of pruning, cycles too."""
        return self._means(self.blocks, ["pruned", "height"])

    def _means(self, frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
        over = frame.groupby(by, sort=False)
        table = over.mean().drop(columns="seed")
        table["multiplier"] *= 100
        return table.rename(columns={"multiplier": "multiplier, %"}).assign(**{"bits, sd": over["bits"].std()})

    def plot(self) -> Figure:
        """Draw bits by part, one small plot per parameter, and one of blocks."""
        labels = {"density": "weights kept, %", "n_pe": "PEs", "index_bits": "bits of an index"}
        swept = self.sweeps.copy()
        swept.loc[swept["parameter"] == "density", "value"] *= 100
        panels = {
            labels[str(name)]: part.groupby("value")[list(PARTS)].mean()
            for name, part in swept.groupby("parameter", sort=False)
        }
        for name, part in self.blocks.groupby("pruned", sort=False):
            panels[f"rows per block, {name}"] = part.groupby("height")[list(PARTS)].mean()
        return retrospective.bit_parts(panels)

    def answer(self) -> str:
        """Say what a kept weight costs in bits and energy besides itself."""
        usual = self.blocks[(self.blocks["height"] == 1) & (self.blocks["pruned"] == UNSTRUCTURED)]
        bits, share = usual["bits"], 100 * usual["multiplier"]
        return (
            f"The code of a kept weight has {usual['code'].iloc[0]:g} bits, but with "
            f"{100 * self.usual['density']:g} % of the weights kept, EIE stores **{bits.mean():.2f} ± "
            f"{bits.std():.2f} bits** per kept weight. The arithmetic uses only **{share.mean():.1f} ± "
            f"{share.std():.1f} %** of the energy that one multiplication takes on the whole chip (± is the standard "
            f"deviation over draws)."
        )

    def words(self) -> str:
        """Say in words what the overheads are, and what blocks do about them."""
        usual = self.blocks[(self.blocks["height"] == 1) & (self.blocks["pruned"] == UNSTRUCTURED)]
        table = self.of_blocks()
        tall = int(self.blocks["height"].max())
        one, mine, structured = (
            table.loc[where] for where in ((UNSTRUCTURED, 1), (UNSTRUCTURED, tall), (BY_BLOCK, tall))
        )
        slower, worse = (row["cycles"] / one["cycles"] for row in (structured, mine))
        return (
            f"On a layer of {self._layer()}, the index takes {usual['index'].mean():.2f} bits per kept weight, padding "
            f"zeros {usual['padding'].mean():.2f} and pointers {usual['pointers'].mean():.2f}. One multiplication "
            f"takes {usual['pJ'].mean():.1f} pJ on the whole chip.\n\n"
            f"**Blocks** of {tall} rows that share an index help only if the network was pruned by blocks. A "
            f"weight then takes {structured['bits']:.2f} bits and {structured['pJ']:.1f} pJ, but one input vector "
            f"takes {slower:.2f} times the cycles, because it is harder to distribute few large pieces evenly. "
            f"If the weights were pruned one by one, zeros fill the blocks: a weight takes {mine['bits']:.1f} bits and "
            f"{mine['pJ']:.1f} pJ, and one input vector takes {worse:.1f} times the cycles. [The page on "
            f"patterns](retro_patterns.ipynb) measures what blocks cost in accuracy."
        )

    def change(self) -> str:
        """Say in words what would change the answer."""
        best = int(self.table()["bits"].loc["index_bits"].idxmin())
        return (
            f"Sparser layers need more pointers and more padding zeros per weight. With fewer rows or more PEs, "
            f"a weight needs more pointers, but fewer padding zeros. On this layer, an index of {best} bits gives the "
            f"fewest bits per weight. A PE with one multiplier for each row of a block would process a block in one "
            f"cycle."
        )

    def _layer(self) -> str:
        usual = self.usual
        return (
            f"{usual['n_out']:,} × {usual['n_in']:,} weights ({100 * usual['density']:g} % kept, "
            f"{100 * usual['act_density']:g} % of the inputs not zero, {usual['n_pe']:g} PEs)"
        )


@exhibit("n_pe", "seed", draws=3)
def overheads(
    setup: Setup,
    n_in: int = 1024,
    n_out: int = 4096,
    density: float = 0.09,
    act_density: float = 0.35,
    heights: Sequence[int] = HEIGHTS,
) -> Overheads:
    """Count bits and energy of a kept weight over density, PEs and index bits, and over the height of blocks.

    It takes 2..100 draws. The PEs are those where they are not swept.

    Parameters
    ----------
    n_in, n_out : int
        Size of the layer, 1..16384 each; `n_out` a multiple of each height.
    density, act_density : float
        Fractions of the weights kept and of the inputs that are not 0, above 0, where they are not swept.
    heights : sequence of int
        Rows of a block; the first is 1, EIE's own format.
    """
    size = _check.integer("n_out", n_out, 1, MAX_SIDE), _check.integer("n_in", n_in, 1, MAX_SIDE)
    machine = setup.machine()
    heights = _check.integers("heights", [1, *_check.literal(heights)], 1, 64)
    sweeps, blocks = [], []
    for draw, for_layer, for_inputs in draws(setup.draws, setup.seed):
        x = draw_activations(size[1], act_density, for_inputs)
        drawn = {kept: draw_layer(*size, kept, for_layer, bias=False) for kept in {*DENSITIES, density}}
        points = [("density", kept, machine, drawn[kept]) for kept in DENSITIES]
        points += [("n_pe", n, replace(machine, n_pe=n), drawn[density]) for n in PE_COUNTS]
        points += [("index_bits", n, _with_index(machine, n), drawn[density]) for n in INDEX_BITS]
        for parameter, value, chip, layer in points:
            point = _point(Blocked.of(layer, 1, chip), x)
            sweeps.append({"parameter": parameter, "value": value, "seed": draw} | point)
        for height in heights:
            structured = prune_by_block(*size, density, height, for_layer)
            for pruned, layer in ((UNSTRUCTURED, drawn[density]), (BY_BLOCK, structured)):
                point = _point(Blocked.of(layer, height, machine), x)
                blocks.append({"height": height, "pruned": pruned, "seed": draw} | point)
    usual = {"n_in": n_in, "n_out": n_out, "density": density, "act_density": act_density, "n_pe": setup.n_pe}
    columns = ["height", "pruned", "seed", *PARTS, "bits", "pJ", "multiplier", "cycles"]
    return Overheads(pd.DataFrame(sweeps).drop(columns="cycles"), pd.DataFrame(blocks)[columns], usual)


def _with_index(machine: Machine, bits: int) -> Machine:
    """Give the chip another index, and rows of the memory that whole entries fill."""
    width = machine.spmat_width_bits // (machine.weight_bits + bits) * (machine.weight_bits + bits)
    return replace(machine, index_bits=bits, spmat_width_bits=width)


def _point(blocked: Blocked, x: np.ndarray) -> dict[str, float]:
    bits = blocked.bits(int(paper_value("pointer-bits")))
    report = blocked.run(x)
    # Energies are those of the usual memories: the sweep has no rows of other widths.
    used = energy(report, replace(EIE_45NM, n_pe=blocked.machine.n_pe))
    share = used.components[MULTIPLIER] / used.total
    pj = 1e12 * used.total / report.macs
    return bits | {"bits": fsum(bits.values()), "pJ": pj, "multiplier": share, "cycles": report.cycles}


@cache
def _default() -> Overheads:
    return overheads(draws=2)


def more_around_a_weight() -> Margin:
    """Compute by how much the bits beside a kept weight's code exceed it, and energy beside its multiplication half.

    The lesser of the two, in % of code and half; its error is that of the draws.
    """
    blocks = _default().blocks.set_index(["pruned", "height"]).sort_index().loc[(UNSTRUCTURED, 1)]
    over = pd.DataFrame({"bits": blocks["bits"] / (2 * blocks["code"]) - 1, "energy": 0.5 / blocks["multiplier"] - 1})
    return _least(100 * over)


def blocks_cost_less() -> Margin:
    """Compute how many % fewer bits, and less energy, a weight takes in the tallest blocks than one by one.

    The lesser of the two; its error is that of the draws.
    """
    blocks = _default().blocks.set_index(["pruned", "height", "seed"]).sort_index()
    tall = blocks.loc[BY_BLOCK].index.get_level_values("height").max()
    ratio = blocks.loc[(BY_BLOCK, tall)] / blocks.loc[(UNSTRUCTURED, 1)]
    return _least(100 * (1 - ratio[["bits", "pJ"]]))


def _least(values: pd.DataFrame) -> Margin:
    """Return the column with the least mean as a margin, with twice its standard error over the rows."""
    column = values[values.mean().idxmin()]
    return Margin(float(column.mean()), 2 * float(column.sem()), unit="%")
