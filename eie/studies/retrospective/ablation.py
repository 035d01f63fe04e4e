"""Cycle or only energy? EIE with one of its savings after the other taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import fsum

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import published
from eie.cycles import CycleReport, simulate
from eie.energy_model import energy
from eie.explore.benchmarks import Benchmark
from eie.explore.dense_array import DenseArray
from eie.explore.sweep import geomean
from eie.interleaved import InterleavedCSC, encode
from eie.machine import EIE_45NM
from eie.studies.claim import Margin
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import draws
from eie.technology import PICO, chip_facts, paper_value

SAVINGS = {
    "SRAM for DRAM": "saving-sram",
    "weight sparsity": "saving-sparsity",
    "weight sharing": "saving-sharing",
    "activation sparsity": "saving-activations",
}
"""The four savings, in the order of a variant's letters, and the abstract's factor of each."""

PER_EVENT = ("spmat read", "pointer read", "multiply and add", "codebook", "accumulators", "queues")
"""Components of the energy that an input pays for by itself: a gated one saves them, and no cycle."""
OF_PRODUCT = ("multiply and add", "accumulators")
"""Components that a weight of zero can still save once it has been read."""

WAYS = ("nothing", "gate weights", "gate inputs", "gate both", "skip inputs", "skip weights", "skip both")
"""What is done about zeros. To skip weights is to store and process only those kept."""


HEADS = {
    f"{column}{part}": (f"factor in {head}", word)
    for column, head in (
        ("cycles", "cycles"),
        ("energy, 4 bits", "energy"),
        ("energy, 16 bits", "energy, 16-bit weights"),
    )
    for part, word in (("", "mean"), (", least", "least"), (", most", "most"))
}
"""Heads of the table of ways: the geometric mean of the layers, and the ends of their range."""

FACTOR_HEADS = {
    "abstract": "published",
    "first": ("as the first step", "computed"),
    "first, sd": ("as the first step", "±"),
    "last": ("as the last step", "computed"),
    "last, sd": ("as the last step", "±"),
}
"""Heads of the table of factors."""


@dataclass(frozen=True, eq=False)
class Ablation:
    """EIE's savings, each by itself and all together."""

    joules: pd.DataFrame
    """One row per layer and draw (`layer`, `seed` in the index), one column per variant: four bools, which of `SAVINGS`
    are there. Energy of one pass, J."""
    ways: pd.DataFrame
    """One row per layer, draw and way to treat zeros: `layer`, `seed`, `way`, `cycles`, and joules with weights of 4
    bits (`shared`) and of 16 (`plain`)."""

    def factors(self) -> pd.DataFrame:
        """Compare the energy that each saving gives: by the abstract, as the first to come and as the last to go."""
        rows = {}
        for n, (name, said) in enumerate(SAVINGS.items()):
            alone, without = tuple(i == n for i in range(4)), tuple(i != n for i in range(4))
            first = self._ratio(NOTHING, alone)
            last = self._ratio(without, EVERYTHING)
            rows[name] = [paper_value(said), first.mean(), first.std(), last.mean(), last.std()]
        table = pd.DataFrame(rows, index=["abstract", "first", "first, sd", "last", "last, sd"]).T
        table.loc["product"] = table.prod().where([True, True, False, True, False])
        whole = self._ratio(NOTHING, EVERYTHING)
        table.loc["all four together"] = [np.nan, whole.mean(), whole.std(), whole.mean(), whole.std()]
        return table

    def _ratio(self, before: tuple[bool, ...], after: tuple[bool, ...]) -> pd.Series:
        """Divide energy before by energy after, geometric mean of the layers, for each draw."""
        return (self.joules[before] / self.joules[after]).groupby("seed").agg(geomean)

    def table(self) -> pd.DataFrame:
        """Tabulate by what factor each way to treat zeros saves cycles and energy."""
        wide = self.ways.set_index(["layer", "seed", "way"]).unstack("way")
        columns: dict[str, pd.Series] = {}
        for quantity, name in (("cycles", "cycles"), ("shared", "energy, 4 bits"), ("plain", "energy, 16 bits")):
            saved = wide[quantity].rdiv(wide[quantity]["nothing"], axis=0)
            over = saved.groupby("seed").agg(geomean)
            columns |= {name: over.mean(), f"{name}, sd": over.std()}
            columns |= {f"{name}, least": saved.min(), f"{name}, most": saved.max()}
        return pd.DataFrame(columns).loc[list(WAYS)]

    def plot(self) -> Figure:
        """Draw the savings of each way, as bars with the range over layers."""
        return retrospective.savings(self.table(), ("cycles", "energy, 4 bits", "energy, 16 bits"))

    def answer(self) -> str:
        """Say what skipping zeros saves, and gating."""
        gate, skip = (self.table().loc[way] for way in ("gate both", "skip both"))
        return (
            f"By skipping all zeros among weights and inputs, EIE saves a factor of **{skip['cycles']:.2f} ± "
            f"{skip['cycles, sd']:.2f}** in cycles and of **{skip['energy, 4 bits']:.2f} ± "
            f"{skip['energy, 4 bits, sd']:.2f}** in energy (geometric means of "
            f"{_counted(self.ways['layer'].nunique())} of Table III; ± is the standard deviation over draws). A "
            f"machine that only gates zeros, which means that its circuits do not switch while a zero passes, saves no "
            f"cycles, but lowers the energy by a factor of {gate['energy, 4 bits']:.2f}."
        )

    def words(self) -> str:
        """Say in words what skipping gives beyond gating, and what the factors come to."""
        factors, skip = self.factors(), self.table().loc["skip both"]
        both = factors.loc["all four together", "first"]
        said = published.row("text", id="saving-product")["value"]
        sharing = factors.loc["weight sharing"]
        return (
            f"Depending on the layer, skipping all zeros saves a factor of {skip['cycles, least']:.1f} to "
            f"{skip['cycles, most']:.1f} in cycles. Gating cannot save leakage, clock and control, because their "
            f"energy is proportional to the number of cycles.\n\n"
            f"The abstract of the paper names four savings: weights in SRAM instead of DRAM, weight sparsity, weight "
            f"sharing and activation sparsity. Its four factors multiply to {said:,.0f}. Compared with a dense chip "
            f"that reads {_plain_bits()}-bit weights from DRAM, the four savings together lower the energy of the "
            f"whole chip by a factor of **{both:,.0f}**. No step saves as much as the abstract says, whether it comes "
            f"first or last: the rest of the chip also takes energy, padding zeros cost cycles, some layers have no "
            f"zero inputs, and weight sharing starts from {_plain_bits()} bits, the width of the arithmetic. As the "
            f"last step, weight sharing saves least, a factor of {sharing['last']:.2f}, because each code still needs "
            f"its index."
        )


def _counted(layers: int) -> str:
    return "one layer" if layers == 1 else f"the {layers} layers"


NOTHING = (False,) * 4
EVERYTHING = (True,) * 4


@exhibit("layers", "seed", "own_layers", draws=3)
def ablation(setup: Setup) -> Ablation:
    """Take EIE's savings away, each by itself and all, in 2..100 draws."""
    joules, ways = {}, []
    for draw, *_ in draws(setup.draws):
        for benchmark in setup.benchmarks:
            runs = _runs(benchmark, setup.seed, draw)
            joules[benchmark.name, draw] = {
                variant: _joules(runs, variant) for variant in product((False, True), repeat=4)
            }
            ways += [(benchmark.name, draw, way, *_way(runs, way)) for way in WAYS]
    frame = pd.DataFrame(joules.values(), index=pd.MultiIndex.from_tuples(joules, names=["layer", "seed"]))
    frame.columns = pd.Index(frame.columns.to_flat_index(), tupleize_cols=False)
    return Ablation(frame, pd.DataFrame(ways, columns=["layer", "seed", "way", "cycles", "shared", "plain"]))


@dataclass(frozen=True, eq=False, slots=True)
class Run:
    """One pass of one design."""

    report: CycleReport
    parts: dict[str, float]
    """Energy by component, weights from SRAM, J."""
    weight_bits: int
    """Bits of weights and indices that the pass fetches."""


Runs = dict[tuple[bool, bool, bool], Run]
"""Passes by which of the savings they have: weight sparsity, weight sharing, activation sparsity."""


def _runs(benchmark: Benchmark, seed: int, draw: int) -> Runs:
    layer, x = benchmark.draw(seed, draw)
    layer = replace(layer, bias_codes=None)
    mem = encode(layer, EIE_45NM)
    return {
        (sparse, shared, active): _sparse(mem, x, shared, active) if sparse else _dense(layer.n_out, x, shared, active)
        for sparse, shared, active in product((False, True), repeat=3)
    }


def _sparse(mem: InterleavedCSC, x: NDArray[np.float32], shared: bool, active: bool) -> Run:
    machine = EIE_45NM
    weight_bits = machine.weight_bits if shared else _plain_bits()
    entry_bits = weight_bits + machine.index_bits
    a_row = machine.spmat_width_bits // entry_bits
    rows_of_entries = replace(machine, spmat_width_bits=a_row * machine.entry_bits)
    report = simulate(mem, x if active else np.ones_like(x), rows_of_entries)
    parts = energy(report, machine).components
    return Run(report, parts if shared else parts | {"codebook": 0.0}, report.entries * entry_bits)


def _dense(n_out: int, x: NDArray[np.float32], shared: bool, active: bool) -> Run:
    array = DenseArray(EIE_45NM.weight_bits if shared else _plain_bits(), skips_zeros=active)
    report = array.run(n_out, x)
    return Run(report, array.joules(report), report.macs * array.weight_bits)


def _joules(runs: Runs, variant: tuple[bool, ...]) -> float:
    """Compute the energy of a pass with some savings; from DRAM, the bits fetched cost Table I's energy."""
    run = runs[variant[1:]]  # type: ignore[index]
    if variant[0]:
        return fsum(run.parts.values())
    dram = PICO * float(published.row("table1", operation="32 bit DRAM", quantity="energy")["value"]) / 32
    return fsum((run.parts | {"spmat read": dram * run.weight_bits}).values())


def _way(runs: Runs, way: str) -> Iterator[float]:
    """Yield cycles, and joules with shared and with plain weights, when zeros are treated in some way."""
    skips = {"skip inputs": (False, True), "skip weights": (True, False), "skip both": (True, True)}
    weights, inputs = skips.get(way, (False, False))
    yield runs[weights, True, inputs].report.cycles
    for shared in (True, False):
        parts = dict(runs[weights, shared, inputs].parts)
        if way in ("gate inputs", "gate both"):
            parts |= {name: runs[False, shared, True].parts[name] for name in PER_EVENT}
        if way in ("gate weights", "gate both"):
            kept = runs[True, shared, way == "gate both"].parts
            parts |= {name: kept[name] for name in OF_PRODUCT}
        yield fsum(parts.values())


def _plain_bits() -> int:
    """Count the bits of a weight that is not shared: those of the arithmetic."""
    return int(chip_facts()["arithmetic"]["bits"])


def skips_the_cycle() -> Margin:
    """Compute the least that skipping zeros saves, over the nine layers: of all cycles, and of gating's energy, %."""
    wide = ablation(draws=2).ways.set_index(["layer", "seed", "way"]).unstack("way")
    pairs = (("cycles", "nothing"), ("shared", "gate both"))
    saved = pd.DataFrame({name: 100 * (1 - wide[name]["skip both"] / wide[name][other]) for name, other in pairs})
    by_layer = saved.groupby("layer")
    return Margin(float(by_layer.mean().min(axis=None)), 2 * float(by_layer.sem().max(axis=None)), unit="%")
