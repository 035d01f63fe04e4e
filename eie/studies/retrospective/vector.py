"""EIE on a vector processor: measured times of a kernel for its format, and the lanes it would keep busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from eie import _check
from eie.explore.synthetic import draw_activations, draw_layer
from eie.studies.baselines import cpu_kernels
from eie.studies.claim import Margin
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective import lanes
from eie.studies.retrospective._shared import draws

LANES = (4, 8, 16, 32, 64)
NAMES = {
    "eie": "EIE's format",
    "csc": "CSC, SciPy",
    "csc-columns": "CSC columns, SciPy",
    "sparse": "CSR, fastest",
    "dense": "dense float32",
    "int8": "dense int8",
    "int4": "dense int4",
}
"""What a variant is called on the page."""
HOW = "`eie experiment cpu_kernels` times it on this machine"


@dataclass(frozen=True, eq=False)
class Vector:
    """Times and useful lanes of EIE's format on a vector processor."""

    result: dict[str, Any] | None
    """The committed table of `eie experiment cpu_kernels`, `rows` as a frame."""
    live: pd.DataFrame
    """A small part of it timed now: `variant`, `committed` and `now`, us an input."""
    lanes: pd.DataFrame
    """One row per draw and number of lanes: `lanes`, `seed`, and the fraction of useful lanes by model."""

    @property
    def usual(self) -> tuple[float, float]:
        """Densities of weights and inputs of the layer that is timed."""
        layer = cpu_kernels.table3_layer()
        return layer.weight_density, layer.act_density

    def times(self, threads: int, act_density: float | None = None) -> pd.DataFrame:
        """Tabulate median us per input: batch and density by variant. Empty without a committed table."""
        if self.result is None:
            return pd.DataFrame()
        rows = self.result["rows"]
        act = self.usual[1] if act_density is None else act_density
        own = rows[(rows["platform"] == "CPU") & (rows["threads"] == threads) & (rows["act_density"] == act)]
        sparse = own[own["density"] < 1].pivot(index=["batch", "density"], columns="variant", values="time_us")
        dense = own[own["density"] == 1].pivot(index="batch", columns="variant", values="time_us")
        return sparse.join(dense, on="batch")[[name for name in NAMES if name in own["variant"].to_numpy()]]

    def threads(self) -> list[int]:
        """List the numbers of threads in the table."""
        return [] if self.result is None else sorted(int(n) for n in self.result["rows"]["threads"].unique())

    def over(self, variant: str, threads: int = 1, batch: int = 1, act_density: float | None = None) -> float:
        """Divide the time of a variant by that of EIE's format, at the usual density of weights.

        Raises
        ------
        ValueError
            When there is no committed table.
        """
        times = self.times(threads, act_density)
        if times.empty:
            raise ValueError(f"there is no table data/{cpu_kernels.RESULT}; {HOW}")
        row = times.loc[batch, self.usual[0]]
        return float(row[variant] / row["eie"])

    def range_of(self, variant: str, batch: int) -> float:
        """Add up the ranges of the repeats of a variant and of EIE's format on one thread, as fractions."""
        if self.result is None:
            raise ValueError(f"there is no table data/{cpu_kernels.RESULT}; {HOW}")
        density, act_density = self.usual
        rows = self.result["rows"].query("platform == 'CPU' and threads == 1 and batch == @batch")
        rows = rows[(rows["act_density"] == act_density) & rows["density"].isin([density, 1.0])]
        rows = rows[rows["variant"].isin([variant, "eie"])].sort_values("density").drop_duplicates("variant")
        return float(((rows["high_us"] - rows["low_us"]) / rows["time_us"]).sum())

    def scaling(self) -> float:
        """Divide the time on one thread by that on the most, EIE's format at the usual density, batch 1."""
        one, most = (self.times(n).loc[1, self.usual[0]]["eie"] for n in (1, self.threads()[-1]))
        return float(one / most)

    def useful(self) -> pd.DataFrame:
        """Tabulate percent of useful lanes by number of lanes and model: means, and the largest standard deviation."""
        over = 100 * self.lanes.drop(columns="seed").set_index("lanes")
        mean = over.groupby("lanes").mean()
        return mean.assign(**{"largest sd": over.groupby("lanes").std().max(axis=1)})

    def plot(self) -> Figure:
        """Draw times against density at the smallest and the largest batch, and useful lanes."""
        times = self.times(1)
        if not times.empty:
            times = times.rename(columns=NAMES)
        return retrospective.vector(times, self.useful().drop(columns="largest sd"))

    def fastest(self) -> pd.DataFrame:
        """Find the fastest kernel on one thread: one row per batch, one column per density of the weights, %."""
        found = self.times(1).idxmin(axis=1).map(NAMES).unstack("density")
        return found.rename(columns=lambda density: f"{100 * density:g} %").rename_axis(columns=None)

    def faster_than(self) -> pd.DataFrame:
        """List the densities at which EIE's format is faster: one row per kernel, one column per batch."""
        times = self.times(1)
        rivals = times.drop(columns="eie")
        slower = rivals.gt(times["eie"], axis=0).where(rivals.notna())
        found = {
            f"batch {batch}": {NAMES[name]: _densities(own.droplevel("batch")[name]) for name in rivals}
            for batch, own in slower.groupby("batch")
        }
        return pd.DataFrame(found).rename_axis("against")

    def answer(self) -> str:
        """Say where EIE's format is the fastest kernel, and how it does where both sides skip zero inputs."""
        if self.result is None:
            return f"**Times are missing:** {HOW}. {self._on_lanes()}"
        density, act = self.usual
        batches = self.times(1).index.unique("batch")
        fastest = self.fastest()
        said = "; ".join(
            f"at batch {batch} {_where(fastest.columns[fastest.loc[batch] == NAMES['eie']])}" for batch in batches
        )
        return (
            f"On one thread of a processor, the kernel for EIE's format is the fastest of those timed **{said}**. With "
            f"{100 * density:g} % of the weights, {100 * act:g} % of the inputs and batch 1 it is "
            f"**{self.over('csc-columns'):.1f} times** as fast as SciPy's CSC when both skip zero inputs, and "
            f"{self.over('csc', act_density=1.0):.1f} times as fast when no input is zero. In batches of "
            f"{batches[-1]}, dense int8 takes only {self.over('int8', batch=int(batches[-1])):.1f} times the time of "
            f"EIE's format."
        )

    def words(self) -> str:
        """Say in words what the comparison gave, and why it is so."""
        if self.result is None:
            return self._on_lanes()
        return f"{self._measured()}\n\n{self._on_lanes()}\n\n{self._what_changes()}"

    def _on_lanes(self) -> str:
        useful = self.useful()
        widest = useful.index[-1]
        row = useful.loc[widest]
        return (
            f"Of {widest} lanes that work in lockstep, each on the rows of one EIE PE, {row['lockstep']:.0f} % do "
            f"useful work (largest standard deviation {useful['largest sd'].max():.1f}). With its own queue for each "
            f"lane, as in EIE, {row['own queues']:.0f} % do. On a vector processor that processes whole columns with "
            f"their zeros, {row['dense columns']:.0f} % do."
        )

    def _measured(self) -> str:
        assert self.result is not None
        provenance, load = self.result["provenance"], self.result["load_average"]
        batches = [int(batch) for batch in self.times(1).index.unique("batch")]
        slower = ", ".join(f"{name} ({self.over(key):.1f} times)" for key, name in self._rivals().items())
        ahead = "; ".join(f"at batch {batch} {self._ahead(batch)}" for batch in batches[1:])
        return (
            f"At the layer's own density and batch 1, EIE's format is faster than {slower}; SciPy's plain CSC does not "
            f"skip zero inputs. Several kernels are faster than EIE's format in batches: {ahead}. The fastest CSR is "
            f"PyTorch's, which calls MKL. "
            f"{self._scaled()} Measured on {provenance['cpu']}, {provenance['cores']} cores, {self.result['date']} "
            f"UTC, at a system load of {min(load):.1f} to {max(load):.1f} (above {provenance['cores']}, other "
            f"processes disturbed the measurement)."
        )

    def _rivals(self) -> dict[str, str]:
        known = self.times(1)
        return {name: NAMES[name] for name in ("csc", "sparse", "dense", "int8", "int4") if name in known}

    def _ahead(self, batch: int) -> str:
        """List the kernels that are faster than EIE's format at the usual density, by how much."""
        overs = {word: self.over(name, batch=batch) for name, word in self._rivals().items()}
        return ", ".join(f"{word} ({1 / over:.1f} times)" for word, over in overs.items() if over < 1) or "none"

    def _scaled(self) -> str:
        most = self.threads()[-1]
        if most == 1:
            return "More threads were not timed."
        return f"On {most} threads, EIE's format is {self.scaling():.2f} times as fast as on one."

    def _what_changes(self) -> str:
        return (
            "**What would change the answer.** The batch and the density: the tables below show both. At very low "
            "density, padding zeros outnumber the weights. Dense int8 multiplies dozens of weights with one "
            "instruction on adjacent bytes, and reads them once for a whole batch. EIE's stream needs three steps for "
            "every weight: a row that depends on the previous one, a table look-up, and an addition at another "
            "address. None of these fills a vector. In large batches, moreover, hardly any input is zero for the whole "
            "batch. EIE's hardware has a queue and a memory port for each lane; a vector processor does not."
        )


@exhibit("seed", draws=3)
def vector(setup: Setup, lane_counts: Sequence[int] = LANES, repeats: int = 5, live: bool = True) -> Vector:
    """Show the committed times, time a small part of them now, and count useful lanes in 2..100 draws of the layer.

    Parameters
    ----------
    lane_counts : sequence of int
        Numbers of lanes, 1..1024 each.
    repeats : int
        Timings of each kind in a round, 1..1000.
    live : bool
        Whether to time anything.
    """
    layer = cpu_kernels.table3_layer()
    rows = []
    for draw, for_layer, for_inputs in draws(setup.draws, setup.seed):
        drawn = draw_layer(layer.n_out, layer.n_in, layer.weight_density, for_layer, bias=False)
        x = draw_activations(layer.n_in, layer.act_density, for_inputs)
        counts = _check.integers("lane_counts", lane_counts, 1, lanes.MAX_LANES)
        rows += [{"lanes": n, "seed": draw} | lanes.utilisation(drawn, x, n) for n in counts]
    result = cpu_kernels.committed()
    now = _live(result, _check.integer("repeats", repeats, 1, 1000)) if live else pd.DataFrame()
    return Vector(result, now, pd.DataFrame(rows))


def _densities(faster: pd.Series) -> str:
    """List densities at which something is so; all and none in words, and a dash where nothing was timed."""
    if faster.isna().any():
        return "-"
    chosen = [f"{100 * density:g}" for density, is_so in faster.items() if is_so]
    return "none" if not chosen else "all" if len(chosen) == len(faster) else ", ".join(chosen) + " %"


def _where(densities: Sequence[str]) -> str:
    if not len(densities):
        return "at no density"
    return f"at {densities[0]}" if len(densities) == 1 else f"from {densities[0]} to {densities[-1]} density"


def _live(result: dict[str, Any] | None, repeats: int) -> pd.DataFrame:
    """Time EIE's format and its rivals now, one input, on as many threads as this process has been given."""
    layer = cpu_kernels.table3_layer()
    found = []
    for density in (layer.weight_density, 1.0):
        cell = cpu_kernels.Cell(1, layer.act_density, density)
        timed = cpu_kernels.time_cell(cell, [1], repeats)
        found += [(row["variant"], row["time_us"], row["library"]) for row in timed["rows"] if row["platform"] == "CPU"]
    now = pd.DataFrame(found, columns=["variant", "now, us", "library"]).set_index("variant")
    now = now.reindex([name for name in NAMES if name in now.index])
    if result is not None:
        shown = Vector(result, pd.DataFrame(), pd.DataFrame()).times(1).loc[1, layer.weight_density]
        now.insert(0, "committed, us", shown)
    return now.rename(index=NAMES).reset_index()


def dense_wins_in_batches() -> Margin:
    """Compute how much less time dense int8 takes than EIE's format on a processor at the largest batch, %.

    Its error is the whole range of the repeats.
    """
    found = vector(draws=2, live=False)
    largest = int(found.times(1).index.unique("batch").max())
    over = found.over("int8", batch=largest)
    return Margin(100 * (1 - over), 100 * over * found.range_of("int8", largest))
