"""What claims say of the figures that plot one number of each layer against one parameter: Figures 8 and 11 to 13."""

from __future__ import annotations

from collections.abc import Callable

from eie.machine import EIE_28NM, EIE_45NM
from eie.studies.claim import Margin
from eie.studies.paper.fig08 import figure8
from eie.studies.paper.pe_counts import figure11, figure12, figure13
from eie.studies.paper.series import Series
from eie.studies.paper.setup import usual
from eie.technology import paper_value

FIGURES: dict[str, Callable[..., Series]] = {"fig08": figure8, "fig11": figure11, "fig12": figure12, "fig13": figure13}


def difference(figure: str) -> float:
    """Compute the mean absolute difference from Figure 8, 12 or 13 in points, or from Figure 11 in %."""
    return usual(FIGURES[figure]).mean_absolute_difference


def scaling() -> float:
    """Compute the speed of 256 PEs over that of 64 on AlexNet's second layer, the clock being the same."""
    row = usual(figure11).table().loc["Alex-7"]
    return float(row[EIE_28NM.n_pe] / row[EIE_45NM.n_pe])


def past_the_knee(depth: int) -> Margin:
    """Compute how much less doubling this depth gains than the doubling that led to it, points of load balance."""
    mean = usual(figure8).table().mean()
    return Margin(float((mean[depth] - mean[depth // 2]) - (mean[2 * depth] - mean[depth])), unit="points")


def one_layer_apart() -> Margin:
    """Compute how much less NT-We gains by the text's number of PEs than the layer next to it, points of linear."""
    most = int(paper_value("scalable-pe-count"))
    share = 100 * usual(figure11).table()[most] / most
    return Margin(float(share.drop("NT-We").min() - share["NT-We"]), unit="points of linear speed-up")


def falls_with_pes(figure: str) -> Margin:
    """Compute how far Figure 12 or 13 falls from the fewest to the most PEs, least of all layers, in points."""
    table = usual(FIGURES[figure]).table()
    return Margin(float((table.iloc[:, 0] - table.iloc[:, -1]).min()), unit="points")


def padding_falls() -> Margin:
    """Compute how far the share of real work grows from the fewest to the most PEs, least of all layers, points."""
    table = usual(figure12).table()
    return Margin(float((table.iloc[:, -1] - table.iloc[:, 0]).min()), unit="points")


def better_balanced_on(n_pe: int) -> Margin:
    """Compute how much better balanced NT-We is on so many PEs than on 64, points."""
    row = usual(figure13).table().loc["NT-We"]
    return Margin(float(row[n_pe] - row[EIE_45NM.n_pe]), unit="points")
