"""EIE on a vector processor: measured times of its format and of others, and the lanes that it would keep busy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from eie.studies.retrospective.kernel_names import ARITHMETIC, NAMES, OURS, in_prose
from eie.writing.words import joined

LANES = (4, 8, 16, 32, 64)
LAYOUTS = ("eie", "row", "expand16", "expand8", "csc-own", "sparse", "int8", "onnx-int8", "onnx-int4", "dense")
"""Variants whose bytes are shown."""
DRAWN = ("eie", "row", "csc-own", "sparse", "expand8", "int8")
"""Variants that are drawn."""
HOW = "`eie experiment cpu_kernels` times it on this machine"


@dataclass(frozen=True, eq=False)
class Vector:
    """Times and useful lanes of EIE's format on a vector processor."""

    result: dict[str, Any] | None
    """The committed table of `eie experiment cpu_kernels`, `rows` as a frame."""
    live: pd.DataFrame
    """A small part of it timed now: `variant`, `kept` (the committed time) and `now`, us per input, and `library`."""
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

    def over(
        self, variant: str, threads: int = 1, batch: int = 1, act_density: float | None = None, base: str = "eie"
    ) -> float:
        """Divide the time of a variant by that of a base, EIE's format, at the usual density of weights.

        Raises
        ------
        ValueError
            When there is no committed table.
        """
        times = self.times(threads, act_density)
        if times.empty:
            raise ValueError(f"there is no table data/{cpu_kernels.RESULT}; {HOW}")
        row = times.loc[batch, self.usual[0]]
        return float(row[variant] / row[base])

    def range_of(self, variant: str, batch: int, base: str = "eie") -> float:
        """Add up the ranges of the repeats of a variant and of a base on one thread, as fractions."""
        if self.result is None:
            raise ValueError(f"there is no table data/{cpu_kernels.RESULT}; {HOW}")
        rows = self._rows(1, batch, self.usual[0])
        rows = rows[rows["variant"].isin([variant, base])]
        return float(((rows["high_us"] - rows["low_us"]) / rows["time_us"]).sum())

    def _rows(self, threads: int, batch: int, density: float) -> pd.DataFrame:
        """Take the timings of a batch at a density of the weights, those that do not see it among them."""
        assert self.result is not None
        rows = self.result["rows"].query("platform == 'CPU' and threads == @threads and batch == @batch")
        rows = rows[(rows["act_density"] == self.usual[1]) & rows["density"].isin([density, 1.0])]
        return rows.sort_values("density").drop_duplicates("variant")

    def scaling(self, variant: str = "eie", density: float | None = None) -> float:
        """Divide the time on one thread by that on the most, batch 1, at the usual density if none is given."""
        one, most = (self.times(n).loc[1, density or self.usual[0]][variant] for n in (1, self.threads()[-1]))
        return float(one / most)

    def scaled(self) -> pd.DataFrame:
        """Tabulate `scaling`: one row per variant that runs on several threads, one column per density of weights."""
        if not self.threads() or self.threads()[-1] == 1:
            return pd.DataFrame()
        names = [name for name in ("eie", "row", "expand8", "sparse", "int8", "dense") if name in self.times(1)]
        densities = cpu_kernels.ON_ALL_THREADS
        return pd.DataFrame(
            {f"{100 * density:g} %": [self.scaling(name, density) for name in names] for density in densities},
            index=pd.Index([NAMES[name] for name in names], name="kernel"),
        )

    def stream(self, threads: int = 1) -> float:
        """Return what so many threads read from memory, 10^9 bytes a second: the best of all groups."""
        assert self.result is not None
        return max(float(each["gb_s"]) for each in self.result["stream_gb_s"] if each["threads"] == threads)

    def layouts(self, threads: int = 1, batch: int = 1, density: float | None = None) -> pd.DataFrame:
        """Tabulate the bytes that kernels touch, and how near that is to the speed of the memory.

        Returns
        -------
        DataFrame
            One row per kernel: `bytes` that a kept weight takes, `MB` that a call reads, `us` that it takes for one
            input, and `stream`, the share of what the memory could bring meanwhile, %.
        """
        if self.result is None:
            return pd.DataFrame()
        layer = cpu_kernels.table3_layer()
        density = density or self.usual[0]
        rows = self._rows(threads, batch, density).set_index("variant")
        rows = rows.reindex([name for name in LAYOUTS if name in rows.index])
        speed = rows["touched_bytes"] / (rows["time_us"] * batch) / 1e3
        table = pd.DataFrame(
            {
                "bytes": rows["n_bytes"] / (density * layer.n_in * layer.n_out),
                "MB": rows["touched_bytes"] / 1e6,
                "us": rows["time_us"],
                "stream": 100 * speed / self.stream(threads),
            }
        )
        return table.rename(index=NAMES).rename_axis("kernel")

    def useful(self) -> pd.DataFrame:
        """Tabulate percent of useful lanes by number of lanes and model: means, and the largest standard deviation."""
        over = 100 * self.lanes.drop(columns="seed").set_index("lanes")
        mean = over.groupby("lanes").mean()
        return mean.assign(**{"largest sd": over.groupby("lanes").std().max(axis=1)})

    def plot(self) -> Figure:
        """Draw times against density at the smallest and the largest batch, and useful lanes."""
        times = self.times(1)
        if not times.empty:
            times = times[[name for name in DRAWN if name in times]].rename(columns=NAMES)
        return retrospective.vector(times, self.useful().drop(columns="largest sd"))

    def fastest(self) -> pd.DataFrame:
        """List the densities at which each kernel is the fastest of its arithmetic: one column per batch."""
        times, found = self.times(1), {}
        for own in ARITHMETIC.values():
            names = [name for name in own if name in times]
            best = times[names].idxmin(axis=1)
            for name in names:
                per_batch = {f"batch {n}": _densities(each == name) for n, each in _by_batch(best)}
                found[NAMES[name]] = per_batch
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("kernel")

    def faster_than(self) -> pd.DataFrame:
        """List the densities at which this project's layout is faster: one row per rival, one column per batch."""
        times, found = self.times(1), {}
        for arithmetic, own in ARITHMETIC.items():
            ours = times[OURS[arithmetic]]
            for name in own:
                if name in times and name != OURS[arithmetic]:
                    slower = times[name].gt(ours).where(times[name].notna())
                    found[NAMES[name]] = {f"batch {n}": _densities(each) for n, each in _by_batch(slower)}
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("against")

    def by_batch(self, arithmetic: str) -> pd.DataFrame:
        """Tabulate us per input on one thread at three densities of weights (%), of the kernels of an arithmetic."""
        times = self.times(1)
        if times.empty:
            return times
        names = [name for name in ARITHMETIC[arithmetic] if name in times and name not in ("csc", "csc-columns")]
        chosen = times.loc[times.index.get_level_values("density").isin(cpu_kernels.ON_ALL_THREADS), names]
        return chosen.rename(index=lambda density: 100 * density, level="density").rename(columns=NAMES)

    def answer(self) -> str:
        """Say what loses on a vector processor, with the ranges of the repeats, and who wins in batches."""
        if self.result is None:
            return f"**Times are missing:** {HOW}. {self._on_lanes()}"
        row, byte = self.over("eie", base="row"), self.over("int8", base="expand8")
        largest = int(self.times(1).index.unique("batch").max())
        of_row, of_byte = row * self.range_of("eie", 1, "row"), byte * self.range_of("int8", 1, "expand8")
        finding = (
            "With one input at a time (batch 1), a vector processor is slowed down by **EIE's relative index, not by "
            "the sparsity**"
            if min(row, byte) > 1
            else "With one input at a time (batch 1), these times do not show that EIE's relative index slows it down"
        )
        return (
            f"{finding}: with {100 * self.usual[0]:g} % of the weights kept, one thread computes the same sums "
            f"**{row:.2f} ± {of_row:.2f} times** as fast if each entry holds its row, and another sparse layout, "
            f"bitmaps, is **{byte:.1f} ± {of_byte:.1f} times** as fast as a dense matrix of 8-bit weights (dense int8; "
            f"± adds up the ranges of both timings). In batches of {largest} inputs, dense int8 takes "
            f"{self.over('int8', batch=largest, base='expand8'):.2f} times as long as bitmaps."
        )

    def words(self) -> str:
        """Say in words what the comparison gave."""
        if self.result is None:
            return self._on_lanes()
        return f"{self._measured()}\n\n{self._on_lanes()}\n\n{self._why()}"

    def _on_lanes(self) -> str:
        useful = self.useful()
        widest = useful.index[-1]
        row = useful.loc[widest]
        return (
            f"Of {widest} lanes that work in lockstep, each on the rows of one EIE PE, {row['lockstep']:.0f} % do "
            f"useful work (largest standard deviation {useful['largest sd'].max():.1f} points). If each lane has its "
            f"own queue, as in EIE, {row['own queues']:.0f} % do. On a vector processor that processes whole columns "
            f"with their zeros, {row['dense columns']:.0f} % do."
        )

    def _measured(self) -> str:
        assert self.result is not None
        provenance = self.result["provenance"]
        return (
            f"{self._who_wins()}\n\nAt batch 1, bitmaps with EIE's 16-bit saturating sums take "
            f"{self.over('expand16'):.2f} times as long as EIE's relative index with float32 sums. {self._scaled()} "
            f"One thread reads {self.stream():.0f} GB/s from memory. We measured on {provenance['cores']} cores "
            f"({provenance['cpu']}) on {self.result['date']} UTC. "
            f"{self._load()}"
        )

    def _who_wins(self) -> str:
        """Say at which batches other kernels beat this project's layouts, and which do."""
        ahead = {int(batch): self._ahead(int(batch)) for batch in self.times(1).index.unique("batch")}
        won, lost = ([batch for batch, names in ahead.items() if bool(names) is beaten] for beaten in (True, False))
        usual = f"{100 * self.usual[0]:g} % of the weights"
        ours = "rows in the entries (floating-point inputs) or bitmaps (8-bit inputs)"
        if not won:
            return f"No other kernel wins: at {usual}, none beats {ours}."
        if lost:
            first = "In batches, other kernels win." if lost == [1] else f"At batch {joined(won)}, other kernels win."
            first += f" At {usual}, no other kernel beats {ours} at batch {joined(lost)}."
        else:
            first = f"Other kernels win. At {usual}, some beat {ours}."
        return " ".join([first, *(f"At batch {batch}, {_faster(ahead[batch])}." for batch in won)])

    def _ahead(self, batch: int) -> dict[str, float]:
        """Find the kernels that are faster than this project's layout of their arithmetic, and how many times."""
        known, found = self.times(1), dict[str, float]()
        for arithmetic, own in ARITHMETIC.items():
            for name in own:
                over = self.over(name, batch=batch, base=OURS[arithmetic]) if name in known else 1.0
                found |= {in_prose(name): 1 / over} if over < 1 else {}
        return found

    def _scaled(self) -> str:
        most = self.threads()[-1]
        if most == 1:
            return "More threads were not timed."
        factors = [self.scaling(name) for name in ("eie", "row", "expand8", "int8")]
        return (
            f"With {most} threads instead of one, EIE's format, rows in the entries, bitmaps and dense int8 run "
            f"{min(factors):.1f} to {max(factors):.1f} times as fast at batch 1."
        )

    def _load(self) -> str:
        """Say how busy the machine was beside the measurement."""
        assert self.result is not None
        cores, load = self.result["provenance"]["cores"], self.result["load_average"]
        span = f"({min(load):.1f} to {max(load):.1f})"
        if max(load) <= cores:
            return f"The system load was never above the number of cores {span}."
        when = "all the time" if min(load) > cores else "part of the time"
        return (
            f"The system load was above the number of cores {when} {span}; other processes disturbed the measurement."
        )

    def _growth(self, variant: str, batch: int) -> float:
        """Divide the time at the highest of three densities by that at the lowest."""
        times = self.times(1).loc[batch][variant]
        return float(times[max(cpu_kernels.ON_ALL_THREADS)] / times[min(cpu_kernels.ON_ALL_THREADS)])

    def _why(self) -> str:
        """Say why the layouts differ."""
        low, high = (100 * each(cpu_kernels.ON_ALL_THREADS) for each in (min, max))
        return (
            "In EIE's format each row depends on the previous one, so entries wait for each other. An entry that holds "
            "its row does not wait, but still needs a separate addition in memory. A bitmap fills a vector: one "
            f"instruction moves the codes of 128 rows into place. From {low:g} to {high:g} % of the weights, at batch "
            f"1, the time of bitmaps grows by a factor of {self._growth('expand8', 1):.1f}, and that of rows in the "
            f"entries by a factor of {self._growth('row', 1):.1f}. In large batches, hardly any input is zero for the "
            "whole batch, so skipping columns saves little."
        )

    def change(self) -> str:
        """Say what would change the answer."""
        changes = "Another processor, batch or density would change it"
        return changes + (
            "; the tables vary batch and density. Without an instruction that moves codes into place, a bitmap takes "
            "more steps. Dense int8 reads every weight, which takes less time if memory is faster."
            if self.result
            else "."
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


def _faster(kernels: Mapping[str, float]) -> str:
    """Say how many times as fast the kernels that are faster are, and which they are."""
    low, high = (f"{each(kernels.values()):.1f}" for each in (min, max))
    times = f"{low if low == high else f'{low} to {high}'} times as fast as these layouts"
    kernel = "this kernel is" if len(kernels) == 1 else "the following kernels are"
    return f"{kernel} {times}: {joined([*kernels])}"


def _by_batch(values: pd.Series) -> Iterator[tuple[int, pd.Series]]:
    """Yield each batch, and values by the density of the weights."""
    for batch, own in values.groupby("batch"):
        yield int(batch), own.droplevel("batch")


def _live(result: dict[str, Any] | None, repeats: int) -> pd.DataFrame:
    """Time EIE's format and its rivals now, one input, on as many threads as this process has been given."""
    layer = cpu_kernels.table3_layer()
    found = []
    for density in (layer.weight_density, 1.0):
        cell = cpu_kernels.Cell(1, layer.act_density, density)
        timed = cpu_kernels.time_cell(cell, [1], repeats)
        found += [(row["variant"], row["time_us"], _whose(row)) for row in timed["rows"] if row["platform"] == "CPU"]
    now = pd.DataFrame(found, columns=["variant", "now, us", "library"]).set_index("variant")
    now = now.reindex([name for name in NAMES if name in now.index])
    if result is not None:
        shown = Vector(result, pd.DataFrame(), pd.DataFrame()).times(1).loc[1, layer.weight_density]
        now.insert(0, "kept, us", shown)
    return now.rename(index=NAMES).reset_index()


def _whose(row: Mapping[str, Any]) -> str:
    """Name the library of a timing as a reader of the page sees it."""
    return str(row["library"]).replace("this project, ", "our kernel: ")


def dense_wins_in_batches() -> Margin:
    """Compute how much less time dense int8 takes than bitmaps with 8-bit inputs at the largest batch, %.

    Kernels with floating-point inputs are left out; there, CSR may win. The error is the whole range of the repeats.
    """
    found = vector(draws=2, live=False)
    largest = int(found.times(1).index.unique("batch").max())
    over = found.over("int8", batch=largest, base="expand8")
    return Margin(100 * (1 - over), 100 * over * found.range_of("int8", largest, "expand8"), unit="%")
