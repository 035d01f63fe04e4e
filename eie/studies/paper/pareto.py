"""The design space around the paper's chip: time, energy and area of some ten thousand machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eie import _check
from eie.chip import memory_clock_hz
from eie.explore.design_space import DesignSpace, frame
from eie.machine import EIE_45NM, MAX_FIFO_DEPTH, MAX_PE
from eie.studies import plots
from eie.studies.paper.setup import Setup, exhibit
from eie.technology import sram_widths
from eie.writing.words import joined

N_PES = (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128, 144, 192, 256, 384, 512)
FIFO_DEPTHS = (*range(2, 17), 20, 24, 32, 40, 48, 64, 96, 128, 256)
INDEX_BITS = (3, 4, 5, 6)

PARAMETERS = ("n_pe", "fifo_depth", "spmat_width_bits", "index_bits")
OBJECTIVES = ("time", "energy", "area")
_SAID = ("{} PEs", "queues of {}", "reads of {} bits", "indices of {} bits")
_UNITS = {"time": "time, us", "energy": "energy, uJ", "area": "area, mm2"}


@dataclass(frozen=True, eq=False)
class Pareto:
    """Designs, and how they compare with the paper's.

    Attributes
    ----------
    designs : DataFrame
        One row per design, by its `PARAMETERS`: `time` (us) and `energy` (uJ, bottom-up), geometric means over the
        layers; `area` (mm2); `fill`, the most that a layer takes of a sparse-matrix memory; `holds all`, whether every
        layer fits; `front`, whether no design that holds all is at least as good in time, energy and area and better in
        one.
    layers : int
        Layers that the means are over.
    """

    designs: pd.DataFrame
    layers: int

    @property
    def paper(self) -> tuple[int, ...]:
        """The paper's choice of the `PARAMETERS`."""
        return tuple(getattr(EIE_45NM, name) for name in PARAMETERS)

    def better(self) -> pd.DataFrame:
        """Designs that hold all layers and are at least as good as the paper's in time, energy and area."""
        designs, paper = self.designs, self.designs.loc[self.paper]
        as_good = (designs[list(OBJECTIVES)] <= paper[list(OBJECTIVES)].astype(float)).all(axis=1)
        return designs[as_good & designs["holds all"] & (designs.index != self.paper)]

    def table(self, most: int = 12) -> pd.DataFrame:
        """Designs of `better` that are on the front, least energy x time first, against the paper's.

        Of those that differ in nothing but the queues, the one with the least is shown.

        Parameters
        ----------
        most : int
            Rows.
        """
        return self._compared(self._shown(most))

    def best(self) -> pd.DataFrame:
        """Tabulate the designs of `in_time` with the least time, energy and area, against the paper's."""
        quick = self.in_time()
        least: dict[Any, list[str]] = {}
        for what in OBJECTIVES if len(quick) else ():
            least.setdefault(quick[what].idxmin(), []).append(what)
        rows = self._compared(quick.loc[list(least)]).drop(columns="memories allow, MHz")
        rows.insert(0, "least", [joined(what) for what in least.values()])
        return rows

    def _compared(self, found: pd.DataFrame) -> pd.DataFrame:
        """Tabulate designs: differences from the paper's in percent, and the clock that their memories allow."""
        changes = {f"{what}, %": [self._change(design, what) for _, design in found.iterrows()] for what in OBJECTIVES}
        clocks = {"memories allow, MHz": 1e-6 * _clocks(found.index.get_level_values("spmat_width_bits"))}
        return pd.DataFrame(changes | clocks, index=[self._named(design) for design in found.index])

    def _shown(self, most: int) -> pd.DataFrame:
        """Return the designs of `table`."""
        found = self.better()
        found = found[found["front"]]
        found = found.loc[(found["time"] * found["energy"]).sort_values(kind="stable").index]
        others = [name for name in PARAMETERS if name != "fifo_depth"]
        return found[~found.reset_index().duplicated(others).to_numpy()].head(most)

    def alone(self, most: int = 12) -> pd.DataFrame:
        """Tabulate what each change of the designs of `table` does alone to the paper's: time, energy and area, %."""
        found = self._shown(most).index
        changes = sorted({(i, v) for design in found for i, v in enumerate(design) if v != self.paper[i]})
        designs = [self.designs.loc[(*self.paper[:i], value, *self.paper[i + 1 :])] for i, value in changes]
        rows = [[self._change(design, what) for what in OBJECTIVES] for design in designs]
        names = [_SAID[i].format(value) for i, value in changes]
        return pd.DataFrame(rows, index=names, columns=[f"{what}, %" for what in OBJECTIVES])

    def plot(self) -> plots.Figure:
        """Energy and area against time: all designs, those on the front, and the paper's."""
        return plots.points.design_space(self.designs.rename(columns=_UNITS), self.paper, list(_UNITS.values()))

    def answer(self) -> str:
        """Say how many designs beat the paper's, and by how much."""
        better, designs = self.better(), len(self.designs)
        if better.empty:
            return f"None of **{designs:,} designs** beats the paper's choice in time, energy or area without a loss."
        beat = "beats the paper's: it is" if len(better) == 1 else "beat the paper's: they are"
        return (
            f"**{len(better):,} of {designs:,} designs** {beat} better in time, energy or area and worse in none. "
            f"{self._saved()}"
        )

    def _saved(self) -> str:
        """Say what the better designs save whose memories are fast enough for the paper's clock."""
        better, quick = self.better(), self.in_time()
        if quick.empty:
            return "None of them has memories fast enough for the paper's clock."
        which = f"The {len(quick):,} with memories fast enough for the paper's clock save"
        if len(quick) == len(better):
            which = "It saves" if len(better) == 1 else "They save"
        each = ", each in a different design" if len(self.best()) == len(OBJECTIVES) else ""
        uncertain = "a saving of one or two percent is within the uncertainty of the model"
        return f"{which} {self._most(quick)}{each} ({uncertain})."

    def _most(self, designs: pd.DataFrame) -> str:
        """Say the most that one of the designs saves of each."""
        most = {what: -self._change(designs.loc[designs[what].idxmin()], what) for what in OBJECTIVES}
        return f"up to {joined([f'{percent:.1f} % of the {what}' for what, percent in most.items()], ' or ')}"

    def in_time(self) -> pd.DataFrame:
        """Return the designs of `better` whose memories can be read once per cycle at the paper's clock."""
        better = self.better()
        return better[_clocks(better.index.get_level_values("spmat_width_bits")) >= EIE_45NM.clock_hz]

    def _of_clock(self) -> str:
        """Say how many of the better designs have memories that are too slow, why, and what these would save."""
        better, quick = self.better(), self.in_time()
        slow = better.drop(quick.index)
        if slow.empty:
            return ""
        widths = sorted(set(slow.index.get_level_values("spmat_width_bits")))
        energy = -self._change(slow.loc[slow["energy"].idxmin()], "energy")
        return (
            f" Of the designs that beat it, {len(slow):,} have memories that are too slow for the paper's clock: in "
            f"our memory model, a memory can start reads of {joined(widths)} bits only every "
            f"{1e9 / _clocks(widths).min():.2f} ns, but a clock cycle is {1e9 / EIE_45NM.clock_hz:.2f} ns. If they ran "
            f"at the paper's clock, the best of them would save {energy:.1f} % of the energy."
        )

    def words(self) -> str:
        """How many designs there are, what the paper's choice is among them, and how far from the front it is."""
        designs, better = self.designs, self.better()
        least = self.fewest()
        holds = int(designs["holds all"].sum())
        front = int(designs["front"].sum())
        text = (
            f"Of **{len(designs):,} designs**, {holds:,} hold {self._all()} in their sparse-matrix memories. Of "
            f"those, {front:,} are on the Pareto front: no other design is better in time, energy or area without "
            "being worse in another. "
        )
        if least:
            text += f"With the paper's other choices, {least} PEs are the fewest tried here that hold {self._all()}. "
        if not designs.loc[self.paper, "holds all"]:
            return text + "The paper's choice does not hold them all."
        if better.empty:
            return text + "**The paper's choice is on the front.**"
        return f"{text}The paper's choice ({self._named(self.paper)}) is not on the front.{self._of_clock()}"

    def _named(self, design: Any) -> str:
        return ", ".join(said.format(value) for said, value in zip(_SAID, design, strict=True))

    def fewest(self) -> int | None:
        """The fewest PEs that hold all layers with the paper's other choices."""
        alike = self.designs.xs(self.paper[1:], level=PARAMETERS[1:])
        return int(alike.index[alike["holds all"]].min()) if alike["holds all"].any() else None

    def _change(self, design: pd.Series, what: str) -> float:
        """Percent that a design has more than the paper's."""
        return float(100 * (design[what] / self.designs.loc[self.paper, what] - 1))

    def _all(self) -> str:
        return f"all {self.layers} layers" if self.layers > 1 else "the layer"


@exhibit("layers", "seed", "own_layers")
def pareto(
    setup: Setup,
    n_pes: Sequence[int] = N_PES,
    fifo_depths: Sequence[int] = FIFO_DEPTHS,
    widths: Sequence[int] | None = None,
    index_bits: Sequence[int] = INDEX_BITS,
) -> Pareto:
    """Compute time, energy and area of every combination of parameters, the paper's values among them.

    Parameters
    ----------
    n_pes : sequence of int
        Numbers of processing elements, each 1..65536.
    fifo_depths : sequence of int
        Queue depths, each 2..1048576.
    widths : sequence of int, optional
        Bits of a read of the sparse-matrix memory, of those that the SRAM sweep has; all of them if left out.
    index_bits : sequence of int
        Bits of a relative index, each 1..8.

    Raises
    ------
    ValueError
        When a parameter is out of its range, or the SRAM sweep does not have a width.
    """
    known = sorted(sram_widths())
    wanted = known if widths is None else _check.integers("widths", widths, known[0], known[-1])
    if not set(wanted) <= set(known):
        raise ValueError(f"widths must be of {', '.join(map(str, known))}, which the SRAM sweep has, got {wanted}")
    space = DesignSpace(
        tuple(setup.benchmarks),
        n_pe=(*_check.integers("n_pes", n_pes, 1, MAX_PE), EIE_45NM.n_pe),
        fifo_depth=(*_check.integers("fifo_depths", fifo_depths, 2, MAX_FIFO_DEPTH), EIE_45NM.fifo_depth),
        spmat_width_bits=(*wanted, EIE_45NM.spmat_width_bits),
        index_bits=(*_check.integers("index_bits", index_bits, 1, 8), EIE_45NM.index_bits),
        seed=setup.seed,
    )
    return Pareto(_by_design(frame(space)), len(space.benchmarks))


def _clocks(widths: Sequence[int]) -> NDArray[np.float64]:
    """Return the highest clock that the memories of designs allow, Hz, by the width of a read."""
    return np.array([memory_clock_hz(replace(EIE_45NM, spmat_width_bits=int(width))) for width in widths])


def undominated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other point beats: is nowhere worse and somewhere better. Less is better.

    Parameters
    ----------
    values : float array of shape `(points, objectives)`
    """
    # In this order only an earlier point, or an equal one, can beat a later one.
    order = np.lexsort(values.T[::-1])
    front: list[int] = []
    for point in order:
        known = values[front]
        if not np.any((known <= values[point]).all(axis=1) & (known < values[point]).any(axis=1)):
            front.append(point)
    best = np.zeros(len(values), bool)
    best[front] = True
    return best


def _by_design(points: pd.DataFrame) -> pd.DataFrame:
    """One row per design: means over the layers, and which are on the front."""
    logs = points.assign(time=np.log(points["seconds"] * 1e6), energy=np.log(points["energy_j"] * 1e6))
    groups = logs.groupby(list(PARAMETERS))
    designs = np.exp(groups[["time", "energy"]].mean())
    designs["area"], designs["fill"] = groups["area_mm2"].first(), groups["spmat_fill"].max()
    designs["holds all"] = designs["fill"] <= 1
    designs["front"] = False
    holding = designs.index[designs["holds all"]]
    designs.loc[holding, "front"] = undominated(designs.loc[holding, list(OBJECTIVES)].to_numpy())
    return designs
