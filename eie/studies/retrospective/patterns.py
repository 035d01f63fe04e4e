"""Does pruning one by one let more weights go than pruning by pattern: accuracy over density, after retraining.

All networks of a seed begin from the same dense one, trained as long as the compressed LeNet of this project is. A
control is trained on for as many epochs without being pruned, so that a loss is not confused with a shorter training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import log2
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eie import _check
from eie.compress import masks
from eie.compress.masks import MaskOf
from eie.machine import EIE_45NM
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.experiments import Experiment, grid
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import Measured
from eie.writing.words import printed

DENSITIES = (0.5, 0.25, 0.125, 0.0625, 0.03125)
SEEDS = (0, 1, 2)
EPOCHS = (15, 4)
"""Of the dense network (that of the full schedule in `data/lenets.toml`), and after each step of pruning."""
MAX_SEED = 2**31 - 1
MAX_EPOCHS = 1000
WITHIN = 0.2
"""Points of accuracy that a network may lose, against the control, and still count as unharmed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A way to prune."""

    mask_of: MaskOf
    index_bits: float
    """Bits that say where a kept weight stands; padding is left out."""
    least: float = 0.0
    """The lowest density that the pattern has."""


def of_every(m: int, weight: masks.Matrix, keep: float) -> masks.Mask:
    """Keep N of every `m`, with N what the fraction comes to."""
    return masks.n_of_m(weight, round(keep * m), m)


def neurons(weight: masks.Matrix, keep: float) -> masks.Mask:
    """Keep whole outputs."""
    return masks.by_block(weight, keep, 1, weight.shape[1])


def even(columns: int, n_pe: int, weight: masks.Matrix, keep: float) -> masks.Mask:
    """Keep as many weights for each of `n_pe` PEs in each group of so many columns."""
    return masks.balanced(weight, keep, n_pe, columns)


def everything(weight: masks.Matrix, keep: float) -> masks.Mask:
    """Prune nothing, whatever is asked for."""
    return np.ones_like(weight, bool)


FINE = "one by one"
CONTROL = "not pruned"
PATTERNS = {
    FINE: Pattern(masks.by_block, EIE_45NM.index_bits),
    "N of 4": Pattern(partial(of_every, 4), log2(4), 1 / 4),
    "N of 8": Pattern(partial(of_every, 8), log2(8), 1 / 8),
    "blocks, 4 x 1": Pattern(partial(masks.by_block, height=4), EIE_45NM.index_bits / 4),
    "blocks, 4 x 4": Pattern(partial(masks.by_block, height=4, width=4), EIE_45NM.index_bits / 16),
    "neurons": Pattern(neurons, 0.0),
}
"""Ways to prune, from fine to coarse; a block is so many outputs x so many inputs."""

EVEN = {(1, 64): "even in each column", (16, 64): "even in each 16 columns", (1, 4): "even in each column, 4 PEs"}
"""Ways to prune so that PEs have equally many weights, by columns of a group and PEs."""
BALANCED_AT = 0.125
"""Density at which what even pruning costs is quoted: near that of Table III's layers."""
WAYS: dict[str, MaskOf] = {
    CONTROL: everything,
    **{name: pattern.mask_of for name, pattern in PATTERNS.items()},
    **{name: partial(even, columns, n_pe) for (columns, n_pe), name in EVEN.items()},
}
"""Everything that the table has."""


def measure(
    seeds: Sequence[int] = SEEDS,
    names: Sequence[str] = tuple(WAYS),
    densities: Sequence[float] = DENSITIES,
    epochs: Sequence[int] = EPOCHS,
) -> pd.DataFrame:
    """Prune LeNet-300-100 in each way, to one density after the other, and train it on after each.

    Parameters
    ----------
    seeds : sequence of int
    names : sequence of str
        Of `WAYS`.
    densities : sequence of float
        Fractions of the weights to keep; those below what a pattern has are left out.
    epochs : sequence of two int
        Of the dense network, and after each step of pruning.

    Returns
    -------
    DataFrame
        See `eie.studies.retrospective.retraining.accuracies`.

    Raises
    ------
    ValueError
        When there is no such pattern (the message lists them), or a number is out of range.
    FileNotFoundError
        When MNIST is not available; the message says how to get it.
    """
    from eie.studies.retrospective import retraining  # and PyTorch, which the committed table needs not

    chosen = _check.literal(names)
    for name in chosen:
        if name not in WAYS:
            raise ValueError(f"names must be of {', '.join(WAYS)}, got {name!r}")
    falling = falling_densities(densities)
    chains = {name: (WAYS[name], [density for density in falling if density >= _least(name)]) for name in chosen}
    numbers, given = _check.integers("seeds", seeds, 0, MAX_SEED), _check.literal(epochs)
    if len(given) != 2:
        raise ValueError(f"epochs must be two numbers, before pruning and after each step of it, got {epochs!r}")
    before, after = (_check.integer("each of epochs", count, 1, MAX_EPOCHS) for count in given)
    return retraining.accuracies(chains, numbers, before, after)


def _least(name: str) -> float:
    return PATTERNS[name].least if name in PATTERNS else 0.0


def _one(seed: int, pattern: str) -> pd.DataFrame:
    return measure([seed], [pattern])


EXPERIMENT = Experiment(parts=partial(grid, seed=SEEDS, pattern=tuple(WAYS)), make=_one, processes=True)


def falling_densities(densities: Any) -> list[float]:
    """Check fractions above 0, and sort them, the largest first."""
    found = {_check.fraction("density", density) for density in _check.literal(densities)}
    if not found or 0 in found:
        raise ValueError(f"densities must be one or more fractions above 0, got {densities!r}")
    return sorted(found, reverse=True)


def losses(frame: pd.DataFrame) -> pd.DataFrame:
    """Average points of accuracy lost by pattern and target density: `mean` and `std` over seeds, and `density`."""
    over = lost(frame).groupby(["pattern", "target"], sort=False)
    return over["lost"].agg(["mean", "std"]).fillna({"std": 0.0}).join(over["density"].mean())


def lost(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `lost`, the points of accuracy below the control that was trained as long; the control is left out."""
    control = frame[frame["pattern"] == CONTROL].set_index(["seed", "target"])["accuracy"]
    others = frame[frame["pattern"] != CONTROL]
    return others.assign(
        lost=control.loc[list(zip(others["seed"], others["target"], strict=True))].array - others["accuracy"]
    )


def lowest(frame: pd.DataFrame, pattern: str) -> float | None:
    """Find the lowest density, of those tried, down to which a pattern stays within `WITHIN` points; None if none does.

    It must do so in the mean over seeds, and at every higher density, too.
    """
    rows = losses(frame).loc[pattern].sort_index(ascending=False)
    good = rows.index[(rows["mean"] <= WITHIN).cummin()]
    return float(good[-1]) if len(good) else None


def reached(frame: pd.DataFrame, pattern: str) -> pd.Series:
    """Find the density at which a pattern has lost `WITHIN` points, one value per seed.

    Between densities that were tried the loss is a straight line over the density's logarithm; with all weights nothing
    is lost. Where the loss stays smaller it is the least density tried.
    """
    own = lost(frame).query("pattern == @pattern")
    return own.groupby("seed")[["density", "lost"]].apply(_crossing)


def _crossing(rows: pd.DataFrame) -> float:
    falling = rows.sort_values("density", ascending=False)
    halvings = np.concatenate([[0.0], -np.log2(falling["density"])])
    loss = np.concatenate([[0.0], falling["lost"]])
    harmed = loss > WITHIN
    if not harmed.any():
        return float(2 ** -halvings[-1])
    i = int(harmed.argmax())
    return float(2 ** -np.interp(WITHIN, loss[i - 1 : i + 1], halvings[i - 1 : i + 1]))


class FineGrained(Measured):
    """Accuracy that pruning by each pattern leaves: rows of `measure`."""

    @property
    def names(self) -> list[str]:
        """The patterns, without the control."""
        return [name for name in dict.fromkeys(self.rows["pattern"]) if name != CONTROL]

    def table(self) -> pd.DataFrame:
        """Tabulate points of accuracy lost, mean and deviation over seeds: patterns by densities."""
        rows = losses(self.rows)
        text = rows.apply(_points, axis=1)
        wide = text.unstack("target").loc[self.names].sort_index(axis=1, ascending=False)
        return wide.rename(columns=_percent).fillna("").rename_axis(columns=None)

    def bits(self) -> pd.Series:
        """Count bits of each pattern's kept weights and of their places, for each weight of the dense network.

        At the lowest density that is unharmed; codes have the bits of EIE's.
        """
        found = {name: lowest(self.rows, name) for name in self.names}
        return pd.Series(
            {
                name: density * (EIE_45NM.weight_bits + PATTERNS[name].index_bits)
                for name, density in found.items()
                if density is not None
            }
        )

    def answer(self) -> str:
        """Say down to which density pruning one by one is unharmed, and how much further it goes than the next best."""
        fine, dense = self.names[0], self.rows[self.rows["pattern"] == CONTROL].groupby("seed")["accuracy"].last()
        first = (
            f"With its weights pruned {fine}, LeNet-300-100 stays within {WITHIN:g} points of the accuracy of an "
            f"unpruned control **{self._reached(fine)}**"
        )
        over = f"± is the standard deviation over {len(dense)} seeds"
        if (best := next_best(self.rows)) is None:
            return f"{first} ({over})."
        name, halvings = best
        times, called = 2**halvings, printed(name)
        return (
            f"{first}. For a loss of {WITHIN:g} points (interpolated), the next best pattern that can be as sparse "
            f"({called}) must keep **{times.mean():.1f} ± {times.std():.1f} times** as many weights ({over})."
        )

    def words(self) -> str:
        """Say in words how good the control is, and which pattern takes the fewest bits."""
        control = self.rows[self.rows["pattern"] == CONTROL].groupby("seed")["accuracy"].last()
        first = f"The control classifies {control.mean():.2f} ± {control.std():.2f} % of the test images correctly."
        bits = self.bits()
        if bits.empty:
            return first
        best = str(bits.idxmin())
        called = best if best == FINE else f"by the pattern *{printed(best)}*"
        return (
            f"{first} The positions of the weights must be stored, too, and coarse patterns have fewer of them to "
            f"store. If each pattern is pruned as far as it stays within {WITHIN:g} points, a network pruned "
            f"{called} takes the fewest bits: {bits.min():.2f} per "
            f"weight of the dense layers."
        )

    def unharmed(self) -> pd.DataFrame:
        """Tabulate down to which density each pattern is unharmed, what it has lost there, and its bits."""
        points = losses(self.rows)
        found = {name: lowest(self.rows, name) for name in self.names}
        return pd.DataFrame(
            {
                "weights kept": {name: "none" if kept is None else _percent(kept) for name, kept in found.items()},
                "points lost": {name: _points(points.loc[name, kept]) for name, kept in found.items() if kept},
                "bits per dense weight": self.bits(),
            },
            index=self.names,
        )

    def _reached(self, name: str) -> str:
        density = lowest(self.rows, name)
        rows = losses(self.rows).loc[name]
        shown = rows.loc[rows.index.max() if density is None else density]
        if density is None:
            return f"at none of these densities ({_points(shown)} points lost at {_percent(rows.index.max())})"
        return f"down to {_percent(density)} of its weights ({_points(shown)} points lost)"

    def plot(self) -> Figure:
        """Draw accuracy lost over density, one line per pattern."""
        return retrospective.losses(losses(self.rows), WITHIN)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:g} %"


def _points(row: pd.Series) -> str:
    return f"{row['mean']:.2f} ± {row['std']:.2f}"


def fine_grained(
    seeds: Sequence[int] | None = None,
    densities: Sequence[float] = DENSITIES,
    names: Sequence[str] = tuple(PATTERNS),
    epochs: Sequence[int] = EPOCHS,
) -> FineGrained:
    """Compare patterns of pruning by the accuracy that they leave.

    Without seeds the committed table is shown, whatever the other parameters; else `measure` takes them all, with the
    control beside the names, and raises its errors.
    """
    if seeds is None:
        rows = experiments.read("patterns")
        return FineGrained(rows[rows["pattern"].isin([CONTROL, *PATTERNS])])
    return FineGrained(measure(seeds, [CONTROL, *_check.literal(names)], densities, epochs))


def next_best(frame: pd.DataFrame) -> tuple[str, pd.Series] | None:
    """Find the best pattern that could go as far as pruning one by one.

    Returns
    -------
    str, Series
        Its name, and how often its density is to be halved to be that of pruning one by one, where both have lost
        `WITHIN` points: one value per seed. None if no other pattern goes as far.
    """
    if FINE not in set(frame["pattern"]):
        return None
    fine = reached(frame, FINE)
    others = [
        name
        for name in dict.fromkeys(frame["pattern"])
        if name in PATTERNS and name != FINE and PATTERNS[name].least <= fine.mean()
    ]
    halvings = {name: np.log2(reached(frame, name) / fine) for name in others}
    return min(halvings.items(), key=lambda item: float(item[1].mean())) if halvings else None


def one_by_one_goes_furthest() -> Margin:
    """Compute how often the density of the best other pattern is to be halved to be that of pruning one by one.

    See `next_best`; its error is that of the mean over seeds.
    """
    best = next_best(fine_grained().rows)
    if best is None:
        return Margin(-1.0)
    return Margin(float(best[1].mean()), 2 * float(best[1].sem()), unit="halvings of the share of kept weights")
