"""Figure 10, its energy half: what a multiplication costs at each precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eie import _check, published
from eie.technology import chip_facts, operation_pj, table2, text_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Figure10:
    """Energy by precision, computed; accuracy by precision, as published.

    Attributes
    ----------
    rows : DataFrame
        A row a precision, widest first: `precision`, `kind`, `bits`; `published energy` (the figure's) and `energy`
        (of the table that the energy model uses) of a multiplication, `multiply and add`, all in pJ; `published
        accuracy` in percent; `power, mW` and `share of a PE, %` of a multiply-and-add a cycle, against Table II.
    clock_mhz : float
        Multiply-and-adds a microsecond, in one PE.
    """

    rows: pd.DataFrame
    clock_mhz: float

    def table(self) -> pd.DataFrame:
        """A row a precision."""
        return self.rows.set_index("precision").drop(columns=["kind", "bits"])

    @property
    def exponent(self) -> float:
        """Power of the width with which an integer multiplication's energy grows, from the narrowest to the widest."""
        ints = self._ints()
        return float(np.log(ints.iloc[-1] / ints.iloc[0]) / np.log(ints.index[-1] / ints.index[0]))

    def expected_pj(self, bits: int) -> float:
        """Energy of an integer multiplication of `bits` bits by that power law, pJ."""
        ints = self._ints()
        return float(ints.iloc[0] * (bits / ints.index[0]) ** self.exponent)

    def _ints(self) -> pd.Series:
        return self.rows[self.rows["kind"] == "int"].set_index("bits")["energy"].sort_index()

    def ratios(self) -> pd.DataFrame:
        """How much more 32-bit multiplications take than those of EIE's width: text, figure and table."""
        rows, bits = self.rows.set_index(["kind", "bits"]), _eie_bits()
        wide, narrow = rows.loc[[("int", 32), ("float", 32)]], rows.loc[("int", bits)]
        return pd.DataFrame(
            {
                "text": [text_value("precision-int32"), text_value("precision-float32")],
                "figure": (wide["published energy"] / narrow["published energy"]).to_numpy(),
                "computed": (wide["energy"] / narrow["energy"]).to_numpy(),
                "by the power law": (wide["energy"] / self.expected_pj(bits)).to_numpy(),
            },
            index=[f"32-bit {kind} point over {bits}-bit fixed point" for kind in ("fixed", "floating")],
        )

    def plot(self) -> Figure:
        """Energy beside accuracy."""
        from eie import plots

        return plots.precision(self.rows)

    def words(self) -> str:
        """The ratios, where their numbers come from, and what is not measured here."""
        fixed, floating = self.ratios().to_dict("records")
        accuracy = self.rows.set_index("precision")["published accuracy"]
        bits = _eie_bits()
        expected, used = self.expected_pj(bits), float(self._ints()[bits])
        share = self.rows.set_index(["kind", "bits"])["share of a PE, %"]
        return (
            f"A 32-bit fixed-point multiplication takes **{fixed['computed']:.2f} times** the energy of a {bits}-bit "
            f"one (the text says {fixed['text']:g}), a floating-point one **{floating['computed']:.2f} times** (the "
            f"text says {floating['text']:g}). The 32-bit energies are also Table I's; those of fewer bits are read "
            f"off this figure, so only the ratio is checked, not the energy. Through the narrowest and the widest "
            f"integer the energy grows with the width to the power {self.exponent:.2f}; on that curve {bits} bits "
            f"would take {expected:.2f} pJ, and the figure has {abs(used / expected - 1) * 100:.0f} % "
            f"{'less' if used < expected else 'more'}. One multiply-and-add a cycle at {self.clock_mhz:g} MHz draws "
            f"{share['int', bits]:.0f} % of the power of Table II's PE with {bits}-bit integers, and would draw "
            f"{share['int', 32]:.0f} % of it with 32-bit ones and {share['float', 32]:.0f} % in floating point.\n\n"
            f"**Accuracy is the paper's**, from {accuracy.max():.1f} % down to {accuracy.min():.1f} %. Measuring it "
            f"needs trained networks and images: a page to come."
        )


def figure10(clock_mhz: float | None = None) -> Figure10:
    """Compute the energy half of Figure 10.

    Parameters
    ----------
    clock_mhz : float, optional
        Clock in MHz at which a PE multiplies and adds once a cycle; the paper's if left out.
    """
    clock_mhz = text_value("clock") if clock_mhz is None else _check.positive("clock_mhz", clock_mhz)
    wide = published.load("fig10").pivot(index="precision", columns="quantity", values="value").reset_index()
    parts = wide["precision"].str.extract(r"(?P<bits>\d+)b (?P<kind>\w+)")
    rows = pd.DataFrame(
        {
            "precision": wide["precision"],
            "kind": parts["kind"],
            "bits": parts["bits"].astype(int),
            "published energy": wide["multiply_energy"],
            "published accuracy": wide["accuracy"],
        }
    )
    rows["energy"] = _energies(rows, "multiply")
    rows["multiply and add"] = rows["energy"] + _energies(rows, "add")
    rows["power, mW"] = rows["multiply and add"] * clock_mhz * 1e-3
    rows["share of a PE, %"] = 100 * rows["power, mW"] / sum(table2("power", "component").values())
    return Figure10(rows.sort_values(["bits", "kind"], ascending=[False, True], ignore_index=True), clock_mhz)


def _eie_bits() -> int:
    """Width of EIE's arithmetic."""
    return int(chip_facts()["arithmetic"]["bits"])


def _energies(rows: pd.DataFrame, operation: str) -> list[float]:
    return [operation_pj(operation, kind, bits) for kind, bits in zip(rows["kind"], rows["bits"], strict=True)]
