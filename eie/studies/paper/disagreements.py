"""Where the paper disagrees with itself: each case with both sides, what was computed, and which side holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from eie.studies.paper import disagreements_density, disagreements_energy, disagreements_format, disagreements_time
from eie.studies.paper.disagreement import VERDICTS, Disagreement, capital
from eie.studies.paper.disagreements_time import labels_of_figure11, speedup_of_256_pes
from eie.studies.paper.pe_counts import figure11

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Disagreements:
    """All cases.

    Attributes
    ----------
    cases : tuple of Disagreement
        In the order of the page.
    swapped : DataFrame
        Differences to Figure 11 in percent, a row a layer, as labelled and with labels swapped.
    """

    cases: tuple[Disagreement, ...]
    swapped: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """A row a case."""
        rows = [
            {"case": case.title, "sides": "; ".join(f"{said.what} ({said.place})" for said in case.statements)}
            | {"verdict": case.verdict, "why": case.why}
            for case in self.cases
        ]
        return pd.DataFrame(rows).set_index("case")

    def plot(self) -> Figure:
        """The case that a plot shows best: Figure 11 as labelled and with labels swapped."""
        from eie.studies.plots import bars

        frame = self.swapped.rename_axis("layer").reset_index()
        return bars.bars(frame, {name: name for name in self.swapped}, "difference to Figure 11, %")

    def words(self) -> str:
        """How the cases end."""
        count = {verdict: sum(case.verdict == verdict for case in self.cases) for verdict in VERDICTS}
        listed = ", ".join(f"in {number} {verdict}" for verdict, number in count.items() if number)
        return f"There are **{len(self.cases)}** places where two statements do not fit together: {listed}."

    def contents(self) -> str:
        """The cases by how they end, each leading to its section, HTML."""
        groups = {verdict: [case for case in self.cases if case.verdict == verdict] for verdict in VERDICTS}
        items = [
            f"<li><strong>{capital(verdict)}</strong>: {'; '.join(map(_link, cases))}.</li>"
            for verdict, cases in groups.items()
            if cases
        ]
        return f"<ul>{''.join(items)}</ul>"

    def markdown(self) -> str:
        """All cases, a section each."""
        return "\n\n".join(case.markdown() for case in self.cases)


def disagreements(seed: int = 0) -> Disagreements:
    """Settle every known case, as far as computation can.

    Parameters
    ----------
    seed : int
        Names the random numbers of the layers that are run.
    """
    scaling = figure11(seed=seed)
    cases = [case(seed) for case in _CASES]
    return Disagreements((*cases, labels_of_figure11(scaling), speedup_of_256_pes(scaling)), scaling.swapped())


def _link(case: Disagreement) -> str:
    """A link to a case's section, whose id the book makes of its heading."""
    anchor = re.sub(r"[^\w\- ]", "", case.title.lower()).replace(" ", "-")
    return f'<a href="#{anchor}">{escape(case.title)}</a>'


_CASES: tuple[Callable[[int], Disagreement], ...] = (
    disagreements_energy.chip_power,
    disagreements_time.redundant_cycles,
    disagreements_time.speedup_labels,
    disagreements_time.frame_rate,
    disagreements_time.slowdown_of_layers,
    disagreements_energy.projected_clock,
    disagreements_format.pointer_width,
    disagreements_format.pointers_of_largest_layer,
    disagreements_energy.read_interval,
    disagreements_time.queue_depth,
    disagreements_energy.panels_of_figure9,
    disagreements_time.stalled_cycles,
    disagreements_format.padding_rule,
    disagreements_format.weight_width,
    disagreements_format.dense_weights,
    disagreements_density.density_of_nt_we,
    disagreements_density.multiplications_left,
    disagreements_density.density_of_one_input,
    disagreements_energy.sum_of_modules,
    disagreements_energy.technologies,
    disagreements_format.labels_of_figure2,
    disagreements_energy.sram_energy,
    disagreements_energy.mobile_gpu,
    disagreements_format.deep_compression_totals,
)
"""Cases in the order of the page; those of Figure 11 come last."""
