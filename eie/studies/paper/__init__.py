"""The paper's tables and figures as this project computes them: numbers, a plot, and the difference in words.

An exhibit is a function from parameters to an object with `table()`, `plot()` and `words()`. Notebooks and the command
line show the same ones. Drawing is imported when something is drawn, so that printing a table starts sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eie.studies.paper import ladder, pareto, partitioning, real_activations, table1, table2, table3, table4, table5
from eie.studies.paper.display import show
from eie.studies.paper.fig05 import figure5
from eie.studies.paper.fig08 import blocks, figure8
from eie.studies.paper.fig09 import figure9
from eie.studies.paper.fig10 import figure10
from eie.studies.paper.format_example import figures2_3
from eie.studies.paper.pe_counts import figure11, figure12, figure13
from eie.studies.paper.versus_platforms import figure6, figure7

TABLES: dict[int, Callable[..., Any]] = dict(
    enumerate((table1.table1, table2.table2, table3.table3, table4.table4, table5.table5), start=1)
)
"""Tables by number."""

FIGURES: dict[int, Callable[..., Any]] = {
    2: figures2_3,
    3: figures2_3,
    5: figure5,
    6: figure6,
    7: figure7,
    8: figure8,
    9: figure9,
    10: figure10,
    11: figure11,
    12: figure12,
    13: figure13,
}
"""Figures by number."""

__all__ = [
    "FIGURES",
    "TABLES",
    "blocks",
    "figure5",
    "figure6",
    "figure7",
    "figure8",
    "figure9",
    "figure10",
    "figure11",
    "figure12",
    "figure13",
    "figures2_3",
    "ladder",
    "pareto",
    "partitioning",
    "real_activations",
    "show",
    "table1",
    "table2",
    "table3",
    "table4",
    "table5",
]
