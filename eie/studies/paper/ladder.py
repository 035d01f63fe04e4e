"""The abstract's ladder of savings: SRAM for DRAM, sparsity, weight sharing, activation sparsity. Layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from eie import published
from eie.cycles import simulate
from eie.energy_model import energy
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.explore.sweep import geomean
from eie.machine import Machine
from eie.studies import claims_file, plots
from eie.studies.paper.series import machine_warning
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.technology import PICO, paper_value
from eie.writing.words import with_error

STEPS = (
    "dense, DRAM",
    "dense, SRAM",
    "sparse",
    "shared",
    "active only",
    "with indices and pointers",
    "whole chip",
)
"""The steps down, and the two back up: what the format costs, and everything else on the chip."""

SAVINGS = {
    "dense, SRAM": "saving-sram",
    "sparse": "saving-sparsity",
    "shared": "saving-sharing",
    "active only": "saving-activations",
}
"""The abstract's factor for each step down, by its id in `data/published/text.csv`."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """Energy of one pass through each layer, step by step.

    Attributes
    ----------
    joules : DataFrame
        One row per layer, one column per step.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    """

    joules: pd.DataFrame
    other_machine: str = ""

    def table(self) -> pd.DataFrame:
        """Microjoules, one row per layer, one column per step."""
        return 1e6 * self.joules

    def factors(self) -> pd.DataFrame:
        """What each step down saves, by layer, in the geometric mean, and by the abstract."""
        steps = list(SAVINGS)
        before = [STEPS[STEPS.index(step) - 1] for step in steps]
        saved = pd.DataFrame({step: self.joules[b] / self.joules[step] for b, step in zip(before, steps, strict=True)})
        saved["all four"] = saved.prod(axis=1)
        saved["whole chip"] = self.joules[STEPS[0]] / self.joules["whole chip"]
        saved.loc["geometric mean"] = saved.apply(geomean)
        abstract = {step: paper_value(name) for step, name in SAVINGS.items()}
        product = paper_value("saving-product")
        saved.loc["by the paper"] = abstract | {
            "all four": product,
            "whole chip": product / paper_value("saving-shortfall"),
        }
        return saved

    def plot(self) -> plots.Figure:
        """One waterfall: energy relative to the first step, with the factor of each step, here and by the paper."""
        levels = self.joules.div(self.joules[STEPS[0]], axis=0)
        mean = levels.apply(geomean)
        words = [_step_in_words(mean, step) for step in STEPS]
        label = f"energy of one pass; {STEPS[0]} = 1"
        return plots.bars.waterfall(levels, mean, _by_the_paper(), words, label)

    def answer(self) -> str:
        """Say what the four savings come to, on paper and on the whole chip."""
        factors = self.factors()
        mean, abstract = factors.loc["geometric mean"], factors.loc["by the paper"]
        layers = factors.drop(index=["geometric mean", "by the paper"])
        product = with_error(mean["all four"], self._error(list(layers.index)))
        return (
            f"{self.other_machine}The abstract's four savings of energy multiply to **{product}** in the geometric "
            f"mean over the layers; the abstract says {abstract['all four']:,.0f}. Reading a dense layer from DRAM "
            f"takes **{mean['whole chip']:,.0f} times** the energy of the whole chip "
            f"({layers['whole chip'].min():,.0f} to {layers['whole chip'].max():,.0f} times, depending on the layer)."
        )

    def _error(self, layers: list[str]) -> float:
        """Return what the rounding of the printed energies and densities does to the product; 0 if it is not known.

        It is known for the nine layers on the paper's machine.
        """
        if self.other_machine or layers != [benchmark.name for benchmark in nine_layers()]:
            return 0.0
        return claims_file.spreads()["saving-product-computed"]

    def words(self) -> str:
        """The product of the four savings, and what is left of it on the chip."""
        factors = self.factors()
        mean, abstract = factors.loc["geometric mean"], factors.loc["by the paper"]
        joules = self.joules
        format_costs = geomean(joules["with indices and pointers"] / joules["active only"])
        chip_costs = geomean(joules["whole chip"] / joules["with indices and pointers"])
        return (
            f"{self.other_machine}The saving of the whole chip is smaller than the product of the four savings by a "
            f"factor of {mean['all four'] / mean['whole chip']:.1f}. The paper says about "
            f"{paper_value('saving-shortfall'):g}, which would be a saving of {abstract['whole chip']:,.0f} instead of "
            f"{abstract['all four']:,.0f}. Indices, padding zeros "
            f"and pointers cost a factor of {format_costs:.1f}; everything else on the chip costs another "
            f"factor of {chip_costs:.1f}."
        )


def _by_the_paper() -> pd.Series:
    """The abstract's energy after each step relative to the first; NaN where it names no factor."""
    levels = pd.Series(np.nan, index=list(STEPS))
    levels[STEPS[0]] = 1.0
    levels[list(SAVINGS)] = 1 / np.cumprod([paper_value(name) for name in SAVINGS.values()])
    levels[STEPS[-1]] = paper_value("saving-shortfall") / paper_value("saving-product")
    return levels


def _step_in_words(mean: pd.Series, step: str) -> str:
    """The factor from one step to the next, in the mean and by the paper; at the end that of all steps, too."""
    i = STEPS.index(step)
    if i == 0:
        return "1"
    factor = mean.iloc[i - 1] / mean.iloc[i]
    said = f"÷ {factor:.3g}" if factor > 1 else f"\N{MULTIPLICATION SIGN} {1 / factor:.2g}"
    if step in SAVINGS:
        return f"{said} (paper ÷ {paper_value(SAVINGS[step]):g})"
    if step == STEPS[-1]:
        return f"{said}; in all ÷ {mean.iloc[0] / mean.iloc[i]:,.0f} (paper ÷ {1 / _by_the_paper().iloc[i]:,.0f})"
    return said


@exhibit("layers", "n_pe", "seed", "own_layers")
def ladder(setup: Setup, spmat_width_bits: int = 64) -> Ladder:
    """Work out the ladder.

    The first five steps are weights times the energy of fetching one: 32 bits from DRAM or from a small SRAM
    (Table I), then only the weights kept, then a code instead of 32 bits, then only for inputs that are not zero. The
    sixth is what the machine really reads: rows of entries with their indices and padding, and pointers. The last adds
    all the rest.

    Parameters
    ----------
    spmat_width_bits : int
        Bits of a read of the sparse-matrix memory.
    """
    machine, benchmarks = setup.machine(spmat_width_bits=spmat_width_bits), setup.benchmarks
    rows = [_steps(benchmark, machine, setup.seed) for benchmark in benchmarks]
    joules = pd.DataFrame(rows, index=[benchmark.name for benchmark in benchmarks], columns=list(STEPS))
    return Ladder(joules, machine_warning(machine))


def _steps(benchmark: Benchmark, machine: Machine, seed: int) -> list[float]:
    layer, activations = benchmark.draw(seed)
    report = simulate(layer, activations, machine)
    used = energy(report, machine)
    dense, active = layer.n_in * layer.n_out, (activations != 0).mean()
    dram, sram = (
        PICO * published.value("table1", operation=name, quantity="energy")
        for name in ("32 bit DRAM", "32 bit 32KB SRAM")
    )
    a_code = machine.weight_bits / 32  # Table I's accesses fetch 32 bits
    read = used.components["spmat read"] + used.components["pointer read"]
    return [
        dense * dram,
        dense * sram,
        layer.nnz * sram,
        layer.nnz * sram * a_code,
        layer.nnz * sram * a_code * active,
        read,
        used.total,
    ]


def factor(step: str, only_relu: bool = False) -> float:
    """Compute what a step of the abstract's ladder saves, geometric mean over layers, or over those after a ReLU."""
    layers = [benchmark.name for benchmark in nine_layers() if benchmark.act_density < 1 or not only_relu]
    return geomean(usual(ladder).factors().loc[layers, step])


def shortfall() -> float:
    """Compute how many times less the whole chip saves than the product of the four savings, bottom-up."""
    return factor("all four") / factor(STEPS[-1])
