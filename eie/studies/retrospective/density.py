"""Up to what density does it pay? EIE over density, against dense arrays of the same multipliers and memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import fsum

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check, published
from eie.chip import weights_held
from eie.cycles import simulate
from eie.energy_model import energy
from eie.explore.benchmarks import select
from eie.explore.dense_array import DenseArray
from eie.explore.synthetic import draw_activations, draw_layer
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM
from eie.studies.claim import Estimate, Margin
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import draws
from eie.technology import paper_value

DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ACT_DENSITIES = (0.1, 0.35, 1.0)
MAX_SIDE = 8192

ARRAYS = (
    DenseArray(4, skips_zeros=False),
    DenseArray(4),
    DenseArray(8),
    DenseArray(16),
    DenseArray(4, multipliers=EIE_45NM.spmat_width_bits // 4),
)
"""The dense arrays: the last feeds a multiplier with each weight of a memory's row."""
FAIREST = ARRAYS[1]
"""What is asked for: the same multipliers, the same bits, and zero inputs skipped by both."""


@dataclass(frozen=True, eq=False)
class Density:
    """EIE over density, held against dense arrays."""

    ratios: pd.DataFrame
    """One row per draw, density, input density and dense array: `seed`, `density`, `act_density`, `array`, and EIE's
    `time` and `energy` over those of the array."""
    storage: dict[str, float]
    """Density up to which EIE's memories hold a larger layer than the array's, by array; padding not counted."""

    def break_even(self, quantity: str) -> pd.DataFrame:
        """Find the density, %, at which EIE and the array are equal, one row per draw: by array and input density.

        100 stands for "at every density", 0 for "at none".
        """
        groups = self.ratios.groupby(["array", "act_density", "seed"], sort=False)
        found = {key: _crossing(group["density"], group[quantity]) for key, group in groups}
        return 100 * pd.Series(found).unstack([0, 1])

    def table(self) -> pd.DataFrame:
        """Tabulate break-even densities in percent: storage, then time and energy at each density of the inputs."""
        columns = {"storage": pd.Series({array: _held(share) for array, share in self.storage.items()})}
        for quantity in ("time", "energy"):
            even = self.break_even(quantity)
            for act in even.columns.unique(level=1):
                mean, sd = (getattr(even.xs(act, axis=1, level=1), how)() for how in ("mean", "std"))
                columns[f"{quantity}, inputs {100 * act:g} %"] = pd.Series(
                    {array: _in_words(mean[array], sd[array]) for array in mean.index}
                )
        return pd.DataFrame(columns).loc[list(self.storage)]

    def plot(self) -> Figure:
        """Draw ratios against density, one column per density of the inputs."""
        return retrospective.ratios(self.ratios, 100 * _claimed())

    @property
    def usual_inputs(self) -> float:
        """The density of the inputs that the words are about, the middle one."""
        acts = sorted(self.ratios["act_density"].unique())
        return float(acts[len(acts) // 2])

    def answer(self) -> str:
        """Say up to which density EIE takes less energy and time than two dense arrays."""
        act, energies, times = self.usual_inputs, self.break_even("energy"), self.break_even("time")
        fair, wide = str(FAIREST), str(ARRAYS[-1])
        return (
            f"If {100 * act:g} % of the inputs are not zero, EIE takes less energy than a dense array with as many "
            f"multipliers as EIE **{_up_to(energies[fair, act])}**, and less than one with {ARRAYS[-1].multipliers} "
            f"multipliers per PE **{_up_to(energies[wide, act])}** (± is the standard deviation over {len(energies)} "
            f"draws). It is at least as fast as the first array {_up_to(times[fair, act])}, but as fast as the second "
            f"only {_up_to(times[wide, act])}."
        )

    def words(self) -> str:
        """Say in words for which arrays the answer holds, and what room the indices take."""
        return (
            f"The densities in the answer are those of the weights, for dense arrays that have "
            f"{FAIREST.weight_bits}-bit weights and skip zero inputs, as EIE does. The slide says that sparse "
            f"hardware pays off up to a density of {100 * _claimed():.0f} %.\n\n"
            f"The indices take storage: EIE's memories hold a larger layer than those of the array with "
            f"{FAIREST.weight_bits}-bit weights only up to a density of {100 * self.storage[str(FAIREST)]:.0f} %, even "
            f"if padding zeros are not counted. The array with {ARRAYS[-1].multipliers} multipliers per PE takes less "
            f"energy than the one with one multiplier, because it finishes sooner and so leaks less; its area is "
            f"hardly larger, because the arithmetic is a small part of a PE in Table II."
        )

    def change(self) -> str:
        """Say in words what would change the answer."""
        act, energies = self.usual_inputs, self.break_even("energy")
        return (
            f"Wider weights in the dense array favour EIE: if they have "
            f"{ARRAYS[3].weight_bits} bits, EIE takes less energy {_up_to(energies[str(ARRAYS[3]), act])}. A "
            f"dense array that does not skip zero inputs takes more energy than EIE "
            f"{_up_to(energies[str(ARRAYS[0]), act])} if {100 * act:g} % of the inputs are not zero; if no input "
            f"is zero, skipping gains nothing."
        )


@exhibit("seed", "draws")
def density(
    setup: Setup,
    n_in: int = 1024,
    n_out: int = 2048,
    densities: Sequence[float] = DENSITIES,
    act_densities: Sequence[float] = ACT_DENSITIES,
) -> Density:
    """Sweep the density of a layer, and hold EIE against each dense array, in 2..100 draws.

    Parameters
    ----------
    n_in, n_out : int
        Size of the layer, 1..8192 each. It fits on 64 PEs at every density up to about eight million weights.
    densities, act_densities : sequence of float
        Fractions of the weights kept and of the inputs that are not 0, above 0.
    """
    n_in, n_out = _check.integer("n_in", n_in, 1, MAX_SIDE), _check.integer("n_out", n_out, 1, MAX_SIDE)
    densities, acts = _fractions("densities", densities), _fractions("act_densities", act_densities)
    rows = []
    for draw, for_layer, for_inputs in draws(setup.draws, setup.seed):
        inputs = {act: draw_activations(n_in, act, for_inputs) for act in acts}
        dense = {(act, array): _dense(array, n_out, x) for act, x in inputs.items() for array in ARRAYS}
        for kept in densities:
            mem = encode(draw_layer(n_out, n_in, kept, for_layer, bias=False), EIE_45NM)
            for act, x in inputs.items():
                report = simulate(mem, x)
                used = energy(report, EIE_45NM).total
                for array in ARRAYS:
                    seconds, joules = dense[act, array]
                    rows.append((draw, kept, act, str(array), report.seconds / seconds, used / joules))
    ratios = pd.DataFrame(rows, columns=["seed", "density", "act_density", "array", "time", "energy"])
    storage = {str(array): min(1.0, weights_held(array.machine) / array.weights_held) for array in ARRAYS}
    return Density(ratios, storage)


def _dense(array: DenseArray, n_out: int, x: NDArray[np.float32]) -> tuple[float, float]:
    """Compute seconds and joules of a dense array."""
    report = array.run(n_out, x)
    return report.seconds, fsum(array.joules(report).values())


def _crossing(densities: pd.Series, ratios: pd.Series) -> float:
    """Find the density at which a ratio first passes 1, by interpolation; 1 where it never does, 0 if at once."""
    above = ratios.to_numpy() > 1
    if not above.any():
        return 1.0
    first = int(above.argmax())
    near = slice(max(first - 1, 0), first + 1)
    return float(np.interp(1.0, ratios.iloc[near], densities.iloc[near])) if first else 0.0


def _fractions(name: str, values: Sequence[float]) -> list[float]:
    given = _check.literal(values)
    if not isinstance(given, (list, tuple)) or len(given) < 2:
        raise ValueError(f"{name} must be a list of at least two fractions, got {given!r}")
    found = sorted({_check.fraction(f"each of {name}", value) for value in given})
    if found[0] == 0:
        raise ValueError(f"each of {name} must be above 0, got 0")
    return found


def _claimed() -> float:
    """Read the density up to which it is said to pay, a fraction."""
    return float(published.row("retrospective", id="sparse-hardware-density")["value"]) / 100


def _up_to(densities: pd.Series) -> str:
    """Say up to which density something holds: mean and standard deviation over draws, %."""
    found = _in_words(densities.mean(), densities.std())
    return {"all": "at every density", "none": "at no density"}.get(found, f"up to a density of {found} %")


def _in_words(mean: float, sd: float) -> str:
    if mean == 100:
        return "all"
    return "none" if mean == 0 else f"{mean:.1f} ± {sd:.1f}"


def _held(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.0f}"


@cache
def _default() -> Density:
    """Run the page's draws at the slide's density and above, where the margins lie."""
    return density(densities=[kept for kept in DENSITIES if kept >= _claimed()])


def pays_at_half_density(multipliers: str) -> Margin:
    """Compute how far the density at which EIE and a dense array take equal energy is above the slide's, points.

    It is the least over the densities of the inputs, and its error that of the draws.

    The array has `"as many"` multipliers as EIE, or one for each weight of `"a row"` of its memory.
    """
    array = {"as many": FAIREST, "a row": ARRAYS[-1]}[multipliers]
    even = _default().break_even("energy")[str(array)]
    least = even.mean().idxmin()
    return Margin(float(even[least].mean() - 100 * _claimed()), 2 * float(even[least].sem()), unit="points")


DRAWS = 4
"""Layers of the slide's densities that are drawn for its factors."""


def saved_cycles(by: str) -> Estimate:
    """Divide cycles before by those after leaving out zeros, at the slide's sparsity of `"weights"` or of `"inputs"`.

    Weights: a dense layer's cycles over those of a pruned one, all inputs being non-zero. Inputs: cycles of the pruned
    layer with all inputs over those with the slide's share of them. Its error is two standard deviations over draws.
    """
    found = []
    for draw in range(DRAWS):
        layer, x = _slide_layer(draw)
        full = np.ones_like(x)
        if by == "weights":
            dense = DenseArray(EIE_45NM.weight_bits, skips_zeros=False).run(layer.n_out, full)
            found.append(dense.cycles / simulate(layer, full).cycles)
        else:
            found.append(simulate(layer, full).cycles / simulate(layer, x).cycles)
    return _estimate(found)


def saved_memory(by: str) -> Estimate:
    """Divide the bits of a layer before by those after `"sharing"`, or pruning `"weights"` with all its overheads.

    Its error is two standard deviations over draws; sharing has none.
    """
    bits, found = EIE_45NM.weight_bits, []
    for draw in range(DRAWS):
        layer, _ = _slide_layer(draw)
        weights = layer.n_out * layer.n_in
        if by == "sharing":
            return Estimate(32 * weights / (bits * weights + 32 * EIE_45NM.codebook_size), 0.0)
        mem = encode(layer, EIE_45NM)
        found.append(bits * weights / (mem.spmat_bits + mem.pointer_bits(int(paper_value("pointer-bits")))))
    return _estimate(found)


def _estimate(found: Sequence[float]) -> Estimate:
    error = 2 * float(np.std(found, ddof=1))
    return Estimate(float(np.mean(found)), error, "draws of the layer")


@cache
def _slide_layer(draw: int) -> tuple[CompressedLayer, NDArray[np.float32]]:
    """Draw a layer of Alex-7's size and an input at the slide's densities."""
    (size,) = select(["Alex-7"])
    weights, inputs = (
        1 - published.row("retrospective", id=sparsity)["value"] / 100
        for sparsity in ("weight-sparsity", "activation-sparsity")
    )
    layer = draw_layer(size.n_out, size.n_in, weights, draw, bias=False)
    return layer, draw_activations(size.n_in, inputs, draw)
