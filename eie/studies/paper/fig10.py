"""Figure 10: what a multiplication costs at each precision, and what accuracy real networks keep."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

import numpy as np
import pandas as pd

from eie import _check, published
from eie.studies import experiments, plots
from eie.studies.paper.setup import usual
from eie.technology import chip_facts, operation_pj, paper_value, pe_breakdown
from eie.writing.words import percent_apart


@dataclass(frozen=True, eq=False)
class Figure10:
    """Energy by precision, computed; accuracy by precision, published and measured.

    Attributes
    ----------
    rows : DataFrame
        One row per precision, widest first: `precision`, `kind`, `bits`; `published energy` (the figure's) and `energy`
        (of the table that the energy model uses) of a multiplication, `multiply and add`, all in pJ; `published
        accuracy` in percent; `power, mW` and `share of a PE, %` of a multiply-and-add a cycle, against Table II.
    clock_mhz : float
        Multiply-and-adds a microsecond, in one PE.
    measured : DataFrame
        What the project's own run of `eie experiment precision` gave, see `eie.studies.paper.accuracy.measure`.
    """

    rows: pd.DataFrame
    clock_mhz: float
    measured: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per precision."""
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
                "text": [paper_value("precision-int32"), paper_value("precision-float32")],
                "figure": (wide["published energy"] / narrow["published energy"]).to_numpy(),
                "computed": (wide["energy"] / narrow["energy"]).to_numpy(),
                "by the power law": (wide["energy"] / self.expected_pj(bits)).to_numpy(),
            },
            index=[f"32-bit {kind} point over {bits}-bit fixed point" for kind in ("fixed", "floating")],
        )

    def accuracies(self) -> pd.DataFrame:
        """Accuracy in percent: one row per network and its pictures, the paper's first, one column per precision."""
        paper = self.rows.set_index("precision")["published accuracy"]
        found = pd.DataFrame([paper.rename(PAPER)]).rename_axis(columns=None)
        return pd.concat([found, by_network(self.measured)])

    def plot(self) -> plots.Figure:
        """Energy beside accuracy."""
        return plots.bars.precision(self.rows, self.accuracies(), PAPER)

    def answer(self) -> str:
        """Say what narrow arithmetic saves, and what it costs in accuracy."""
        fixed, bits = self.ratios()["computed"].iloc[0], _eie_bits()
        table = self.accuracies().drop(PAPER)
        apart = (table["32b float"] - table[f"{bits}b int"]).abs().max()
        one = 100 / self.measured["count"].max()
        return (
            f"A 32-bit fixed-point multiplication takes **{fixed:.1f} times** the energy of a {bits}-bit one. With "
            f"{bits} bits, the accuracy of the compressed networks measured here differs from floating point by at "
            f"most **{apart:.2f} points** (one image of the largest test set is {one:.2f} points)."
        )

    def words(self) -> str:
        """The ratios, where their numbers come from, and how accuracy compares."""
        fixed, floating = self.ratios().to_dict("records")
        bits = _eie_bits()
        expected, used = self.expected_pj(bits), float(self._ints()[bits])
        share = self.rows.set_index(["kind", "bits"])["share of a PE, %"]
        return (
            f"A 32-bit fixed-point multiplication takes **{fixed['computed']:.2f} times** the energy of a {bits}-bit "
            f"one (the paper's text says {fixed['text']:g}), and a 32-bit floating-point multiplication "
            f"**{floating['computed']:.2f} times** (the text says {floating['text']:g}). The 32-bit energies are those "
            f"of Table I; we read those of fewer bits off this figure, so the ratios check only whether figure, table "
            f"and text agree. By a power law through the energies of the narrowest and the widest integer (exponent "
            f"{self.exponent:.2f}), {bits} bits would take {expected:.2f} pJ; the figure shows "
            f"{percent_apart(100 * (used / expected - 1))}. With {bits}-bit "
            f"integers, one multiply-and-add per cycle at {self.clock_mhz:g} MHz draws {share['int', bits]:.0f} % of "
            f"the power of Table II's PE; with 32-bit integers, {share['int', 32]:.0f} %, and with 32-bit floating "
            f"point, {share['float', 32]:.0f} %.\n\n"
            f"{self._of_accuracy(bits)}"
        )

    def _of_accuracy(self, bits: int) -> str:
        """How far EIE's arithmetic is from floating point, in the paper and here."""
        table = self.accuracies()
        loss = table["32b float"] - table[f"{bits}b int"]
        wide, narrow, mixed = (table[name].drop(PAPER) for name in ("32b float", "8b int", table.columns[-1]))
        return (
            f"**Accuracy.** With {bits}-bit integers, the paper's network loses {loss[PAPER]:.1f} points. In our "
            f"measurements, one image is {100 / self.measured['count'].max():.2f} points of the largest set and "
            f"{100 / self.measured['count'].min():.0f} points of the smallest, so the small sets cannot show smaller "
            f"differences. With 8 bits throughout, including the accumulators, the networks reach {narrow.min():.1f} "
            f"to {narrow.max():.1f} % instead of {wide.min():.1f} to {wide.max():.1f} %; the paper's network reaches "
            f"{table.loc[PAPER, '8b int']:.1f} % (top-5), but the paper does not say how wide its sums were. With "
            f"8-bit weights and activations but sums of EIE's width, the networks reach {mixed.min():.1f} to "
            f"{mixed.max():.1f} %."
        )


PAPER = "AlexNet (published)"

PICTURES = {"mnist": "MNIST digits", "imagenet-samples": "ImageNet images", "pictures": "Foolbox images"}
"""What each set of pictures is called on the page."""


HEADS = {
    "published energy": ("energy of a multiplication, pJ", "published"),
    "energy": ("energy of a multiplication, pJ", "energy model"),
    "multiply and add": "multiply and add, pJ",
    "power, mW": "power, mW",
    "share of a PE, %": "share of a PE, %",
}
"""Heads of the table by precision."""

MEASURED_HEADS = {
    "network": "network",
    "pictures": "images",
    "count": "number of images",
    "precision": "precision",
    "top-1, %": ("accuracy, %", "top-1"),
    "top-5, %": ("accuracy, %", "top-5"),
    "as in float, %": "top-1 as in floating point, %",
    "saturations": "saturated values",
}
"""Heads of the table of all that was measured."""


def by_network(measured: pd.DataFrame) -> pd.DataFrame:
    """First answers that are right, percent: one row per network and its pictures, one column per precision."""
    counts = measured["count"].map("{:,}".format)
    named = measured["network"] + ", " + counts + " " + measured["pictures"].replace(PICTURES)
    wide = measured.assign(row=named).pivot(index="row", columns="precision", values="top-1, %")
    order = list(dict.fromkeys(measured["precision"]))
    return wide.loc[list(dict.fromkeys(named)), order].rename_axis(index=None, columns=None)


def measured_again(test_images: int, pictures: int) -> pd.DataFrame | None:
    """The accuracies measured anew on a few pictures, as far as they are available; None when none are.

    Parameters
    ----------
    test_images : int
        Test images of MNIST for the LeNets, 0..10,000.
    pictures : int
        Pictures of each set for SqueezeNet, 0..100. Choosing its formats takes a while, however few they are.
    """
    from eie.studies.paper import accuracy

    test_images = _check.integer("test_images", test_images, 0, 10_000)
    pictures = _check.integer("pictures", pictures, 0, 100)
    tasks = accuracy.mnist_tasks(test_images) if test_images else []
    tasks += accuracy.imagenet_tasks(pictures) if pictures else []
    return by_network(pd.concat([accuracy.measure(task) for task in tasks])) if tasks else None


def figure10(clock_mhz: float | None = None) -> Figure10:
    """Compute the energies of Figure 10, and bring together the accuracies.

    Parameters
    ----------
    clock_mhz : float, optional
        Clock in MHz at which a PE multiplies and adds once a cycle; the paper's if left out.
    """
    clock_mhz = paper_value("clock") if clock_mhz is None else _check.positive("clock_mhz", clock_mhz)
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
    rows["share of a PE, %"] = 100 * rows["power, mW"] / fsum(pe_breakdown("power", "component").values())
    rows = rows.sort_values(["bits", "kind"], ascending=[False, True], ignore_index=True)
    return Figure10(rows, clock_mhz, experiments.read("precision"))


def _eie_bits() -> int:
    """Width of EIE's arithmetic."""
    return int(chip_facts()["arithmetic"]["bits"])


def _energies(rows: pd.DataFrame, operation: str) -> list[float]:
    return [operation_pj(operation, kind, bits) for kind, bits in zip(rows["kind"], rows["bits"], strict=True)]


def multiplication_ratio(column: str) -> float:
    """Compute the energy of a 32-bit multiplication of a kind over that of a 16-bit fixed-point one."""
    return float(usual(figure10).table().loc[column, "energy"] / usual(figure10).table().loc["16b int", "energy"])
