"""Everything in SRAM? Chips, area and energy for models from LeNet to a decoder of seven billion weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check, chip, published
from eie._files import data_path
from eie.cycles import CycleReport, simulate
from eie.energy_model import energy
from eie.explore.dense_array import DenseArray
from eie.explore.synthetic import draw_activations, draw_layer
from eie.interleaved import encode
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM
from eie.studies.claim import Margin
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import retrospective
from eie.studies.retrospective._shared import draws
from eie.technology import PICO, chip_facts, memories, paper_value, plausible_settings
from eie.writing.words import joined

COLUMNS_DRAWN = 512
"""Columns of a layer that are drawn and simulated; the others are taken to be like them."""
COMPRESSED, DENSE = "EIE", "dense"
SRAM, DRAM = "SRAM", "DRAM"
OTHER_TRANSISTORS = ("itrs-lstp", "lstp-hpperi", "lstp-energyopt", "itrs-hp")
"""Settings of the SRAM sweep that Table II speaks against, the least leaky first; itrs-lop is the energy model's."""
ROWS = {
    "million weights": "million weights",
    "chips": "chips, EIE's format",
    "mm2": "area of these chips, mm2",
    "ms": "time, SRAM, ms",
    f"{COMPRESSED}, {SRAM}, mJ": "energy, EIE's format, SRAM, mJ",
    f"{COMPRESSED}, {DRAM}, mJ": "energy, EIE's format, DRAM, mJ",
    "idle, %": "leakage of waiting chips, EIE's format, SRAM, %",
    "dense, chips": "chips, dense",
    f"{DENSE}, {SRAM}, mJ": "energy, dense, SRAM, mJ",
    f"{DENSE}, {DRAM}, mJ": "energy, dense, DRAM, mJ",
}
"""Rows of the table of models, and what they are called on the page."""
WAITING, GATED = "leak", "are off"
"""What chips do while another one holds the layer that is computed; those that are off cost nothing to wake."""


@dataclass(frozen=True, eq=False)
class Capacity:
    """Costs of models on chips of 64 PEs."""

    rows: pd.DataFrame
    """One row per model, draw, format (`EIE` or `dense`) and place of the weights (`SRAM` or `DRAM`): `model`, `seed`,
    `format`, `place`, `parameters`, `chips`, `mm2`, `seconds`, and joules an inference: `work` (everything but the
    three others), `leakage` of the chips at work, `idle` (leakage of the chips that wait), `dram`, and `total`."""
    by_setting: Mapping[str, pd.DataFrame]
    """The same by setting of the SRAM; the first is that of `rows`."""

    def table(self) -> pd.DataFrame:
        """Tabulate chips, area, time and energy of each model, means over draws; `EIE` and `dense` in both places."""
        mean = self._mean()
        own = mean.xs((COMPRESSED, SRAM), level=("format", "place"))
        table = own[["parameters", "chips", "mm2"]].copy()
        table["parameters"] /= 1e6
        table["ms"] = 1e3 * own["seconds"]
        for kind in (COMPRESSED, DENSE):
            for place in (SRAM, DRAM):
                table[f"{kind}, {place}, mJ"] = 1e3 * mean.xs((kind, place), level=("format", "place"))["total"]
        table["idle, %"] = 100 * own["idle"] / own["total"]
        table["dense, chips"] = mean.xs((DENSE, SRAM), level=("format", "place"))["chips"]
        return table.rename(columns={"parameters": "million weights"})

    def saving(self, rows: pd.DataFrame | None = None, gated: bool = False) -> pd.DataFrame:
        """Divide energy from DRAM by that from SRAM, in EIE's format: one row per model, one column per draw.

        Parameters
        ----------
        rows : DataFrame, optional
            Of `by_setting`; the first setting's if left out.
        gated : bool
            Whether chips that wait are switched off.
        """
        own = (self.rows if rows is None else rows).query("format == @COMPRESSED")
        if gated:
            own = own.assign(total=own["total"] - own["idle"])
        wide = own.pivot(index=["model", "seed"], columns="place", values="total")
        return (wide[DRAM] / wide[SRAM]).unstack("seed").loc[list(dict.fromkeys(own["model"]))]

    def savings(self) -> pd.DataFrame:
        """Tabulate `saving` as mean over draws: one row per setting and way to wait, one column per model."""
        return pd.DataFrame(
            {
                (setting, word): self.saving(rows, gated).mean(axis=1)
                for setting, rows in self.by_setting.items()
                for word, gated in ((WAITING, False), (GATED, True))
            }
        ).T

    def ranges(self) -> pd.DataFrame:
        """Find the least and the greatest `savings` of each model, waiting chips on or off.

        Columns: `least` and `most` over plausible settings, `least of all` and `most of all` over all of them.
        """
        found = self.savings()
        near = found[[setting in plausible_settings() for setting in found.index.get_level_values(0)]]
        columns = {"least": near.min(), "most": near.max(), "least of all": found.min(), "most of all": found.max()}
        return pd.DataFrame(columns)

    def _mean(self) -> pd.DataFrame:
        return self.rows.groupby(["model", "format", "place"], sort=False).mean().drop(columns="seed")

    def plot(self) -> Figure:
        """Draw the energy of an inference by part, one group per model: from SRAM and from DRAM."""
        mean = self._mean().xs(COMPRESSED, level="format")
        names = {"work": "work", "leakage": "leakage at work", "idle": "leakage while waiting", "dram": "DRAM"}
        parts = 1e3 * mean[list(names)].rename(columns=names)
        return retrospective.energy_parts(parts, mean["chips"].xs(SRAM, level="place"))

    def plot_ranges(self) -> Figure:
        """Draw how many times less energy SRAM takes than DRAM, as a range per model."""
        return retrospective.ranges(self.ranges(), self.saving().mean(axis=1))

    def answer(self) -> str:
        """Say for which models SRAM takes less energy than DRAM whatever the memories are, and for which it hangs."""
        ranges = self.ranges()
        large = ranges.index[-1]
        named = {name: str(name) for name in ranges.index}
        less, more = ranges["least"] > 1, ranges["most"] < 1
        open_ = ~less & ~more
        said = [
            f"An inference takes less energy with all weights in SRAM than with weights from DRAM for "
            f"{_joined(named, less)}",
            f"it takes more for {_joined(named, more)}" if more.any() else "",
            f"the answer is **undecided** for {_joined(named, open_)}" if open_.any() else "",
        ]
        return (
            f"{'; '.join(part for part in said if part)}. For {large}, an inference with "
            f"weights from DRAM takes **{_factor(ranges.loc[large, 'least'])} to {_factor(ranges.loc[large, 'most'])} "
            f"times** the energy of one with weights in SRAM, depending on the setting of the SRAM and on whether "
            f"chips that wait for their layer are switched off."
        )

    def words(self) -> str:
        """Say in words what the models need."""
        table = self.table()
        large = table.index[-1]
        row, usual = table.loc[large], self.saving().mean(axis=1)
        fits = table.index[table["chips"] == 1]
        lose = [name for name in usual.index if usual[name] < 1]
        named = (
            f"With the energy model's own setting, SRAM takes more energy than DRAM for {joined(lose)}. "
            if lose
            else ""
        )
        return (
            f"{large} at {100 * _decoder_density():.0f} % density needs {row['chips']:.0f} chips of 64 PEs "
            f"({row['mm2']:,.0f} mm²); {joined(fits)} fit{'s' * (len(fits) == 1)} on one. "
            f"{named}Few chips of {large} are busy at a time: one token takes "
            f"{row[f'{COMPRESSED}, {SRAM}, mJ']:.0f} mJ, and {row['idle, %']:.0f} % of that is leakage of chips that "
            f"wait for their layer. Without compression, the model would need {row['dense, chips']:,.0f} chips."
        )

    def change(self) -> str:
        """Say in words what would change the answer."""
        return (
            f"{_with_all_transistors(self.ranges())} We assume that it costs nothing to "
            f"switch waiting chips on again; any cost would reduce what switching them off saves. Several inputs at "
            f"once would keep more chips busy, and would share each read from DRAM. Decoders that keep more "
            f"of their weights than we assume would need more chips and more energy."
        )


def _factor(value: float) -> str:
    """Round a factor, so that one that is not 1 does not look like 1."""
    digits = 2 if value < 2 else 0
    while value != 1 and round(value, digits) == 1:
        digits += 1
    return f"{value:.{digits}f}"


def _with_all_transistors(ranges: pd.DataFrame) -> str:
    """Say for which models transistors that contradict Table II leave open what plausible ones decide."""
    least, most = ranges["least of all"], ranges["most of all"]
    listed = {name: f"{name} ({_factor(least[name])} to {_factor(most[name])} times)" for name in ranges.index}
    decided = (ranges["least"] > 1) | (ranges["most"] < 1)
    overturned = decided & (least < 1) & (most > 1)
    large = ranges.index[-1]
    kinds = "The plausible settings have transistors that fit Table II. With all types of transistors, the answer "
    also = f" The factor for {large} then ranges from {_factor(least[large])} to {_factor(most[large])}."
    if overturned.any():
        known = "" if overturned[large] else also
        return f"{kinds}is also undecided for {_joined(listed, overturned)}.{known}"
    return f"{kinds}stays the same wherever it was decided.{also}"


def _joined(listed: Mapping[Any, str], which: pd.Series) -> str:
    return joined(listed[name] for name in which.index[which]) or "no model"


@exhibit("seed", draws=3)
def capacity(setup: Setup, decoder_density: float | None = None, settings: Sequence[str] | None = None) -> Capacity:
    """Work out chips, area and energy of the models of `data/models.csv`, in 2..100 draws of each layer.

    Layers run one after the other, each on the chips that hold it; batch 1. From DRAM, one chip runs them all and every
    weight is read once an inference, only columns of non-zero inputs where it is used once; DRAM is never waited for.

    Parameters
    ----------
    decoder_density : float, optional
        Fraction of the weights kept in models that Deep Compression has not; the abstract's tenth if left out.
    settings : sequence of str, optional
        Settings of the SRAM; the first is the energy model's. The plausible ones and those of other transistors if left
        out.
    """
    settings = [*plausible_settings(), *OTHER_TRANSISTORS] if settings is None else settings
    kept = _decoder_density() if decoder_density is None else _check.fraction("decoder_density", decoder_density)
    found: dict[str, list[dict[str, Any]]] = {setting: [] for setting in settings}
    for draw, *_ in draws(setup.draws):
        for model, layers in models().groupby("model", sort=False):
            for kind in (COMPRESSED, DENSE):
                passes = [
                    _Pass.of(layer, kind, kept, np.random.SeedSequence([setup.seed, draw, n]))
                    for n, layer in enumerate(layers.itertuples())
                ]
                for setting, rows in found.items():
                    for place in (SRAM, DRAM):
                        about = {"model": model, "seed": draw, "format": kind, "place": place}
                        rows.append(about | _inference(passes, place, setting))
    tables = {setting: pd.DataFrame(rows) for setting, rows in found.items()}
    return Capacity(tables[settings[0]], tables)


@cache
def models() -> pd.DataFrame:
    """Read the layers of `data/models.csv`, with `weights` of all copies and the `density` of Deep Compression."""
    table = pd.read_csv(data_path("models.csv"), comment="#")
    table["weights"] = table["n_out"] * table["n_in"] * table["copies"]
    left = published.load("deep_compression").query("variant == 'P' and quantity == 'weights_left'")
    left = left.set_index(["network", "layer"])["value"] / 100
    table["density"] = [left.get((row.model, row.published), np.nan) for row in table.itertuples()]
    return table


def draw_columns(
    layer: Any, seed: np.random.SeedSequence, decoder_density: float | None = None
) -> tuple[CompressedLayer, NDArray[np.float32]]:
    """Draw the first columns of a layer of `models`, at most `COLUMNS_DRAWN`, and inputs for them.

    Parameters
    ----------
    layer : named tuple
        A row of `models`.
    seed : SeedSequence
        Random seed; equal seeds give equal layers.
    decoder_density : float, optional
        As for `capacity`.
    """
    for_layer, for_inputs = seed.spawn(2)
    columns = min(layer.n_in, COLUMNS_DRAWN)
    other = _decoder_density() if decoder_density is None else decoder_density
    density = other if np.isnan(layer.density) else layer.density
    drawn = draw_layer(layer.n_out, columns, density, for_layer, bias=False)
    return drawn, draw_activations(columns, _active(layer), for_inputs)


@dataclass(frozen=True, eq=False, slots=True)
class _Pass:
    """One layer of `models`: its matrix-vector product on one chip, and on the chips that hold it.

    `entries` and `pointers` are what one copy stores; `fetched` are the bits that a use of one copy fetches.
    """

    layer: Any
    entries: float
    entry_bits: int
    pointers: int
    fetched: float
    reports: dict[int, CycleReport]
    array: DenseArray | None

    @classmethod
    def of(cls, layer: Any, kind: str, decoder_density: float, names: np.random.SeedSequence) -> _Pass:
        """Draw some columns of a layer and simulate them."""
        drawn, x = draw_columns(layer, names, decoder_density)
        scale = layer.n_in / drawn.n_in
        used_part = _active(layer) if layer.uses == 1 else 1.0
        if kind == DENSE:
            array = DenseArray(chip_facts()["arithmetic"]["bits"])
            entries, bits, pointers = float(layer.n_out * layer.n_in), array.weight_bits, 0
        else:
            array = None
            entries, bits, pointers = scale * encode(drawn, EIE_45NM).n_entries, EIE_45NM.entry_bits, layer.n_in
        chips = max(1, int(np.ceil(entries * bits / _spmat_bits())))
        reports = {}
        for n in {1, chips}:
            machine = replace(EIE_45NM, n_pe=n * EIE_45NM.n_pe)
            run = (
                replace(array, machine=machine).run(layer.n_out, x)
                if array
                else simulate(encode(drawn, machine), x, machine)
            )
            reports[n] = _scaled(run, scale)
        fetched = used_part * (entries * bits + pointers * EIE_45NM.n_pe * paper_value("pointer-bits"))
        return cls(layer, entries, bits, pointers, fetched, reports, array)

    @property
    def chips(self) -> int:
        """Chips that one copy is spread over."""
        return max(self.reports)

    def joules(self, chips: int, setting: str) -> tuple[float, float]:
        """Compute the energy of one use: of the work, and the leakage of the chips at work."""
        report = self.reports[chips]
        machine = replace(EIE_45NM, n_pe=report.n_pe)
        if self.array:
            parts = replace(self.array, machine=machine).joules(report, partial(energy, setting=setting))
        else:
            parts = energy(report, machine, setting).components
        return fsum(parts.values()) - parts["leakage"], parts["leakage"]


def _inference(passes: list[_Pass], place: str, setting: str) -> dict[str, float]:
    """Add up chips, area, seconds and joules of one inference."""
    chips = _chips_of_all(passes) if place == SRAM else 1
    seconds = work = leakage = idle = dram = 0.0
    for one in passes:
        n, times = one.chips if place == SRAM else 1, one.layer.copies * one.layer.uses
        work_each, leakage_each = one.joules(n, setting)
        seconds_each = one.reports[n].seconds
        work += times * work_each
        leakage += times * leakage_each
        seconds += times * seconds_each
        idle += times * seconds_each * (chips - n) * EIE_45NM.n_pe * _leakage_watts(setting)
        if place == DRAM and one.layer.uses:
            dram += one.layer.copies * one.fetched * _dram_joules_a_bit()
    total = work + leakage + idle + dram
    parts = {"work": work, "leakage": leakage, "idle": idle, "dram": dram, "total": total}
    weights = sum(one.layer.weights for one in passes)
    return {"parameters": weights, "chips": chips, "mm2": chips * chip.area(EIE_45NM), "seconds": seconds} | parts


def _chips_of_all(passes: list[_Pass]) -> int:
    """Count chips for all copies of all layers: by entries, or by pointers if those take more."""
    entries = fsum(one.layer.copies * one.entries * one.entry_bits for one in passes) / _spmat_bits()
    sizes = chip_facts()["sram"]
    held = sizes["pointer_banks"] * sizes["pointer_bytes"] * 8 / paper_value("pointer-bits")
    pointers = fsum(one.layer.copies * one.pointers * one.chips for one in passes) / held
    return int(np.ceil(max(entries, pointers, 1.0)))


def _scaled(report: CycleReport, scale: float) -> CycleReport:
    """Scale a run over some columns to one over all."""
    counts = ("cycles", "broadcasts", "macs", "padding", "ptr_reads", "spmat_reads", "n_in")
    return replace(report, **{name: round(scale * getattr(report, name)) for name in counts})


def _spmat_bits() -> float:
    """Count bits that the weight memories of a chip hold."""
    return float(EIE_45NM.n_pe * chip_facts()["sram"]["spmat_bytes"] * 8)


@cache
def _leakage_watts(setting: str) -> float:
    """Add up the leakage of the memories of one PE."""
    return 1e-3 * fsum(memory.leakage_mw * count for memory, count in memories(EIE_45NM, setting).values())


@cache
def _dram_joules_a_bit() -> float:
    return PICO * float(published.row("table1", operation="32 bit DRAM", quantity="energy")["value"]) / 32


def _active(layer: Any) -> float:
    """Find the fraction of a layer's inputs that are not 0."""
    return 1.0 if layer.inputs == "dense" else 1 / paper_value("saving-activations")


def _decoder_density() -> float:
    return 1 / paper_value("saving-sparsity")


def sram_suits_only_the_small(small: str, large: str) -> Margin:
    """Compute by what factor SRAM saves energy for one model and loses for the other, the lesser, as a logarithm.

    The margin is the natural logarithm of that factor; above 0, SRAM suits only the small model. Its error is what the
    plausible SRAM settings leave open, with chips that wait leaking or switched off.
    """
    logs = np.log(capacity(draws=2, settings=plausible_settings()).savings())
    margins = np.minimum(logs[small], -logs[large])
    own = margins[plausible_settings()[0], WAITING]
    return Margin(float(own), float((margins - own).abs().max()))
