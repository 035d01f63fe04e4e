"""What claims say of the figures that plot one number of each layer against one parameter: Figures 8 and 11 to 13."""

from __future__ import annotations

from collections.abc import Callable

from eie.machine import EIE_28NM, EIE_45NM
from eie.studies.paper.fig08 import figure8
from eie.studies.paper.pe_counts import Figure11, figure11, figure12, figure13
from eie.studies.paper.series import Series
from eie.studies.paper.setup import usual
from eie.technology import paper_value

PAST_THE_KNEE = 0.5
"""A depth is past the knee when doubling it gains less than this fraction of what the doubling before gained."""

NEAR_LINEAR = 0.5
"""Speed grows nearly linearly when N PEs are at least this fraction of N times as fast as one."""


FIGURES: dict[str, Callable[..., Series]] = {"fig08": figure8, "fig11": figure11, "fig12": figure12, "fig13": figure13}


def difference(figure: str) -> float:
    """Compute the mean absolute difference to Figure 8, 12 or 13 in points, or to Figure 11 in %."""
    return usual(FIGURES[figure]).mean_absolute_difference


def swapped_difference() -> float:
    """Compute the mean absolute difference of Figure 11's AlexNet and VGG layers with their labels swapped, %."""
    figure = usual(figure11)
    assert isinstance(figure, Figure11)
    return float(figure.swapped()["swapped"].mean())


def scaling() -> float:
    """Compute the speed of 256 PEs over that of 64 on AlexNet's second layer, the clock being the same."""
    row = usual(figure11).table().loc["Alex-7"]
    return float(row[EIE_28NM.n_pe] / row[EIE_45NM.n_pe])


def past_the_knee(depth: int) -> bool:
    """Tell whether queues twice as deep gain little over those of this depth, which gained over those half as deep."""
    mean = usual(figure8).table().mean()
    return bool(mean[2 * depth] - mean[depth] < PAST_THE_KNEE * (mean[depth] - mean[depth // 2]))


def one_layer_apart() -> bool:
    """Tell whether speed grows nearly linearly, up to the text's number of PEs, on all layers except NT-We."""
    most = int(paper_value("scalable-pe-count"))
    near = usual(figure11).table()[most] >= NEAR_LINEAR * most
    return list(near.index[~near]) == ["NT-We"]


def falls_with_pes(figure: str) -> bool:
    """Tell whether a series of Figure 12 or 13 falls from the fewest to the most PEs on every layer."""
    table = usual(FIGURES[figure]).table()
    return bool((table.iloc[:, -1] < table.iloc[:, 0]).all())


def padding_falls() -> bool:
    """Tell whether the fraction of real work grows with the PEs on every layer."""
    return bool((usual(figure12).table().diff(axis=1).iloc[:, 1:] > -1e-9).all(axis=None))


def better_balanced_on(n_pe: int) -> bool:
    """Tell whether NT-We has a better load balance on so many PEs than on 64."""
    row = usual(figure13).table().loc["NT-We"]
    return bool(row[n_pe] > row[EIE_45NM.n_pe])
