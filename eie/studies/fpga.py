"""The machine on an FPGA: resources and clock after place and route, and LeNet-300-100 on it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from eie import __version__
from eie.hardware import fpga
from eie.hardware.build import ToolError
from eie.studies import experiments
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
        File to write. Finished parts are kept beside it until all are done; the same call goes on from there.
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
    if missing := fpga.missing_tools():
        raise ToolError(missing)
    for n_pe in pes:
        fpga.geometry(n_pe, spmat_kb)  # a wrong one is told before long work
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
    return {"device": fpga.DEVICE["name"], "target_mhz": fpga.TARGET_MHZ, **fpga.versions(), "eie": __version__}


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
