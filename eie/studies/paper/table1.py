"""Table I: what one operation costs in 45 nm CMOS, and why weights must not come from DRAM."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eie import _check, published
from eie.studies import claims_file, plots
from eie.studies.paper.setup import usual
from eie.technology import alu_table, operation_pj, paper_value, sram_table
from eie.writing.words import with_error

_KINDS = {"add": "addition", "multiply": "multiplication"}


HEADS = {
    "energy, pJ": ("energy, pJ", "published"),
    "relative, paper": ("ratio to the cheapest", "published"),
    "relative, computed": ("ratio to the cheapest", "computed"),
}
"""Heads of the table of the page."""


@dataclass(frozen=True, eq=False)
class Table1:
    """Table I with its ratios computed again, and what they mean for a network in DRAM.

    Attributes
    ----------
    rows : DataFrame
        One row per operation: `operation`, `energy, pJ`, `relative, paper`, `relative, computed`.
    connections : float
        Weights read at each inference.
    rate_hz : float
        Inferences per second.
    """

    rows: pd.DataFrame
    connections: float
    rate_hz: float

    @property
    def dram_over_sram(self) -> float:
        """Energy of a 32-bit read from DRAM over one from SRAM."""
        return self._pj("DRAM") / self._pj("SRAM")

    @property
    def orders_over_arithmetic(self) -> float:
        """Orders of magnitude between the energy of a DRAM read and of arithmetic, mean over the table's operations."""
        energy = self.rows.set_index("operation")["energy, pJ"]
        return float(np.log10(energy.max() / energy[~energy.index.str.contains("RAM")]).mean())

    @property
    def dram_watts(self) -> float:
        """Power of reading every weight from DRAM at every inference, W."""
        return self._watts("DRAM")

    @property
    def sram_watts(self) -> float:
        """The same from SRAM, W."""
        return self._watts("SRAM")

    def _watts(self, memory: str) -> float:
        return self.connections * self.rate_hz * self._pj(memory) * 1e-12

    def _pj(self, memory: str) -> float:
        return float(self.rows.loc[self.rows["operation"].str.endswith(memory), "energy, pJ"].iloc[0])

    def table(self) -> pd.DataFrame:
        """One row per operation."""
        return self.rows.set_index("operation")

    def arithmetic(self) -> pd.DataFrame:
        """Energy of arithmetic by width in pJ, from the table that the energy model uses; one column per width."""
        wide = alu_table().pivot(index=["kind", "operation"], columns="bits", values="pJ").sort_index(ascending=False)
        wide.index = pd.Index([f"{kind} {_KINDS[operation]}" for kind, operation in wide.index])
        return wide.rename(columns=lambda bits: f"{bits} bit")

    def memories(self) -> pd.DataFrame:
        """The SRAM of Table I in the SRAM sweep, pJ per read: one row per setting that has this size and width."""
        width, size = _sram_of_table_1()
        sweep = sram_table()
        same = sweep[(sweep["size"] == size) & (sweep["width"] == width)].set_index("setting")["read_pJ"]
        return pd.DataFrame({"read, pJ": same, "ratio to Table I": same / self._pj("SRAM")})

    def plot(self) -> plots.Figure:
        """Energies on a logarithmic axis."""
        return plots.bars.log_bars(
            list(self.rows["operation"]), list(self.rows["energy, pJ"]), "energy of one operation, pJ"
        )

    def answer(self) -> str:
        """Say how much more DRAM takes than SRAM and arithmetic, and how exactly the rounded energies give this."""
        wide = operation_pj("multiply", "int", 32)
        over_sram = with_error(self.dram_over_sram, claims_file.spreads()["dram-over-sram"])
        return (
            f"By Table I, reading 32 bits from DRAM takes **{over_sram} times** the energy "
            f"of reading them from a small SRAM, and **{self._pj('DRAM') / wide:.0f} times** that of multiplying two "
            "32-bit integers. The error comes from the rounding of the published energies."
        )

    def words(self) -> str:
        """The ratios, and the power of a network in DRAM."""
        off = (self.rows["relative, computed"] - self.rows["relative, paper"]).abs().max()
        ratios = (
            "All published ratios follow from the published energies"
            if np.isclose(off, 0, atol=1e-9)
            else f"The published ratios differ from those of the published energies by up to {off:.2f}"
        )
        return (
            f"{ratios}. The caption of the table says that a read from DRAM takes "
            f"{paper_value('dram-over-sram'):.0f} times the energy of one from SRAM (computed: "
            f"{self.dram_over_sram:.0f}) and {paper_value('dram-over-arithmetic'):.0f} orders of magnitude more than "
            f"arithmetic (computed: {self.orders_over_arithmetic:.1f}, averaged over the table's operations). "
            f"{self._example()}"
        )

    def _example(self) -> str:
        paper = ("dram-connections", "dram-rate")
        printed = (
            f" (the paper says {paper_value('dram-power'):.1f} W)"
            if (self.connections, self.rate_hz) == tuple(map(paper_value, paper))
            else ""
        )
        return (
            f"A network of {self.connections:,.0f} connections at {self.rate_hz:g} inferences per second takes "
            f"**{self.dram_watts:.3g} W** just to read its weights from DRAM{printed}; from SRAM, it would take "
            f"{self.sram_watts:.3g} W."
        )


def table1(connections: float | None = None, rate_hz: float | None = None) -> Table1:
    """Compute Table I's ratios, and the power of a network whose weights are in DRAM.

    Parameters
    ----------
    connections : float, optional
        Weights read at each inference; those of the paper's example if left out.
    rate_hz : float, optional
        Inferences per second; as in the paper's example if left out.
    """
    connections = paper_value("dram-connections") if connections is None else connections
    rate_hz = paper_value("dram-rate") if rate_hz is None else rate_hz
    return Table1(_rows(), _check.positive("connections", connections), _check.positive("rate_hz", rate_hz))


def _rows() -> pd.DataFrame:
    wide = published.load("table1").pivot(index="operation", columns="quantity", values="value")
    wide = wide.sort_values("energy")
    return pd.DataFrame(
        {
            "operation": wide.index,
            "energy, pJ": wide["energy"].to_numpy(),
            "relative, paper": wide["relative"].to_numpy(),
            "relative, computed": (wide["energy"] / wide["energy"].min()).to_numpy(),
        }
    )


def _sram_of_table_1() -> tuple[int, int]:
    """Width in bits and size in bytes of Table I's SRAM, from the name of its row."""
    names = published.load("table1")["operation"]
    for name in names:
        found = re.fullmatch(r"(\d+) bit (\d+)KB SRAM", name)
        if found:
            return int(found[1]), 1024 * int(found[2])
    raise ValueError(f"Table I has no SRAM, only {', '.join(names.unique())}")


def ratio(operation: str) -> float:
    """Compute the energy of an operation of Table I over that of the cheapest one."""
    return float(usual(table1).table().loc[operation, "relative, computed"])


def dram_over_sram() -> float:
    """Compute the energy of a DRAM read over that of an SRAM read, by Table I's energies."""
    return usual(table1).dram_over_sram


def dram_over_arithmetic() -> float:
    """Compute the orders of magnitude between a DRAM read and arithmetic, mean over Table I's four operations."""
    return usual(table1).orders_over_arithmetic


def dram_watts() -> float:
    """Compute the power of the text's example, all weights from DRAM, W."""
    return usual(table1).dram_watts
