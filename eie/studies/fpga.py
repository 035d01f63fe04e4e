"""The machine on an FPGA: resources and clock after place and route, and the time of LeNet-300-100 at that clock."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from eie.hardware import fpga
from eie.hardware.build import ToolError
from eie.hardware.geometry import PIPELINE_CYCLES
from eie.studies import experiments, host
from eie.studies.experiments import Experiment, grid

TABLE = "fpga.csv"
PES, SPMAT_KB, SEEDS = (4, 16), 2, 3
"""Chips of the committed table: processing elements, sparse-matrix memory per PE in KB, and seeds of the placement."""


def experiment(pes: Sequence[int], spmat_kb: int, seeds: int) -> Experiment:
    """Return the experiment that places and routes chips with each of the seeds 1 to `seeds`."""
    parts = grid(n_pe=tuple(pes), spmat_kb=(spmat_kb,), seed=tuple(range(1, seeds + 1)))
    return Experiment(parts=lambda: parts, make=routed, facts=_facts)


def write(target: str | Path, pes: Sequence[int] = PES, spmat_kb: int = SPMAT_KB, seeds: int = SEEDS) -> pd.DataFrame:
    """Place and route, write the table, and return it.

    Parameters
    ----------
    target : path
        File to write. Finished parts are kept beside it until all are done; the same call continues from there.
    pes : sequence of int
        Processing elements of each chip, 1..64.
    spmat_kb : int
        Sparse-matrix memory per PE in KB, a power of two of 1..64.
    seeds : int
        Number of seeds, 1..100.

    Raises
    ------
    eie.hardware.build.ToolError
        When a tool is missing or fails.
    """
    for n_pe in pes:
        fpga.geometry(n_pe, spmat_kb)  # a wrong one is reported before long work
    if missing := fpga.missing_tools():
        raise ToolError(missing)
    chips = " ".join(f"--pe {n_pe}" for n_pe in pes)
    command = f"eie rtl fpga {chips} --spmat-kb {spmat_kb} --seeds {seeds}"
    experiments.write(experiment(pes, spmat_kb, seeds), Path(target), command, {})
    return pd.read_csv(target, comment="#")


def routed(n_pe: int, spmat_kb: int, seed: int) -> list[dict[str, Any]]:
    """Place and route one chip with one seed; return its row."""
    with tqdm(disable=None, leave=False, bar_format="{desc} [{elapsed}]", file=sys.stderr) as bar:
        told = partial(_told, bar, f"{n_pe} PEs, seed {seed}")
        told("synthesise")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in _netlist(n_pe, spmat_kb).items():
                (folder / file).write_bytes(text)
            found = fpga.route(folder, seed, told)
    return [{"n_pe": n_pe, "spmat_kb": spmat_kb, "seed": seed, **asdict(found)}]


def _told(bar: Any, chip: str, stage: str) -> None:
    bar.set_description_str(f"{chip}: {stage}")


@cache
def _netlist(n_pe: int, spmat_kb: int) -> dict[str, bytes]:
    """Synthesise a chip once for all seeds; return the files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fpga.synthesise(fpga.geometry(n_pe, spmat_kb), folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def _facts() -> dict[str, Any]:
    return {**host.summary(), "device": fpga.DEVICE["name"], "asked for, MHz": fpga.TARGET_MHZ, **fpga.versions()}


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row with the slowest clock of each chip: what a user can count on, whatever the seed."""
    return table.loc[table.groupby("n_pe")["mhz"].idxmin()].set_index("n_pe")


def text(table: pd.DataFrame) -> str:
    """Return the worst seed of each chip in words, one line each."""
    tried = table.groupby("n_pe").size()
    return "\n".join(_line(row, int(tried[row["n_pe"]])) for row in worst(table).reset_index().to_dict("records"))


def _line(row: dict[str, Any], seeds: int) -> str:
    share = row["luts"] / row["luts_available"]
    return (
        f"{row['n_pe']} PEs: {row['mhz']:.1f} MHz with the worst of {seeds} seeds, {row['luts']:,} LUTs ({share:.0%}), "
        f"{row['ffs']:,} flip-flops, {row['block_rams']} block RAMs, {row['multipliers']} multipliers; slowest path "
        f"{row['path']}"
    )


EXPERIMENT = experiment(PES, SPMAT_KB, SEEDS)


@dataclass(frozen=True, eq=False)
class OnFpga:
    """The committed tables: what place and route came to, and LeNet-300-100 in RTL simulation.

    Attributes
    ----------
    routed : DataFrame
        One row per chip and seed: `n_pe`, `spmat_kb`, `seed` and the attributes of `eie.hardware.fpga.Routed`.
    pictures : DataFrame
        One row per picture, see `eie.studies.fpga_lenet.run`.
    writes : dict of str to int
        Cycles in which a host writes: the memories once, and the inputs and what changes between layers per picture.
    n_pe : int
        Processing elements of the chip that LeNet ran on.
    """

    routed: pd.DataFrame
    pictures: pd.DataFrame
    writes: dict[str, int]
    n_pe: int

    def table(self) -> pd.DataFrame:
        """Resources and clock of each chip, the clock as worst and best of the seeds."""
        chips = self.routed.groupby("n_pe")
        slowest = worst(self.routed)
        return pd.DataFrame(
            {
                "seeds": chips.size(),
                "clock, worst seed, MHz": chips["mhz"].min(),
                "clock, best seed, MHz": chips["mhz"].max(),
                "LUTs": slowest["luts"],
                "LUTs, % of device": 100 * slowest["luts"] / slowest["luts_available"],
                "flip-flops": slowest["ffs"],
                "block RAMs": slowest["block_rams"],
                "multipliers": slowest["multipliers"],
                "slowest path": slowest["path"],
            }
        ).rename_axis("PEs")

    @property
    def mhz(self) -> float:
        """The clock that LeNet's time is told for: the worst seed of its chip.

        Raises
        ------
        ValueError
            When the table of place and route has no such chip.
        """
        slowest = worst(self.routed)
        if self.n_pe not in slowest.index:
            raise ValueError(f"there is no clock for {self.n_pe} PEs: run eie rtl fpga --pe {self.n_pe}")
        return float(slowest.loc[self.n_pe, "mhz"])

    def lenet(self) -> pd.DataFrame:
        """Cycles and microseconds per picture, by layer and in all: mean, shortest and longest."""
        cycles = self.pictures.filter(like="cycles ").rename(columns=lambda name: name.removeprefix("cycles "))
        cycles = cycles.assign(network=cycles.sum(axis=1))
        found = cycles.agg(["mean", "min", "max"]).T.rename_axis("layer")
        return found.add_suffix(" cycles").assign(**{f"{name} µs": found[name] / self.mhz for name in found})

    def words(self) -> str:
        """What it says, in words."""
        whole, share = self.lenet().loc["network"], (self.pictures["answer"] == self.pictures["label"]).mean()
        per_picture = sum(number for name, number in self.writes.items() if name != "memories")
        wrong = int(self.pictures["differences"].sum())
        apart = f"{wrong} of the results and counters" if wrong else "no result and no counter"
        return (
            f"With {self.n_pe} PEs, whose clock is {self.mhz:.0f} MHz with the worst seed, LeNet-300-100 takes "
            f"**{whole['mean µs']:.1f} µs** per image on average ({whole['min µs']:.1f} to {whole['max µs']:.1f} "
            f"µs), without loading. It answers {100 * share:.1f} % of the first {len(self.pictures)} test images of "
            f"MNIST correctly. In simulation, {apart} differed from the model's, apart from the {PIPELINE_CYCLES} "
            f"extra cycles per layer. Loading takes time as well: a host writes one word per cycle through the FPGA's "
            f"16-bit port, {self.writes['memories']:,} words once for the memories and {per_picture:,} words for each "
            f"image ({per_picture / self.mhz:.1f} µs)."
        )

    def _repr_html_(self) -> str:
        return str(self.table().to_html(float_format="{:.1f}".format))


def compute() -> OnFpga:
    """Read the committed tables."""
    facts = experiments.made_by("fpga_lenet")
    writes = {name.removeprefix("writes, "): int(value) for name, value in facts.items() if name.startswith("writes, ")}
    return OnFpga(experiments.read("fpga"), experiments.read("fpga_lenet"), writes, int(facts["n_pe"]))
