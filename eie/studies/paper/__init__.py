"""The paper's tables and figures as this project computes them: numbers, a plot, and the difference in words.

An exhibit is a function from parameters to an object with `table()`, `plot()` and `words()`. Notebooks and the command
line show the same ones. Drawing is imported when something is drawn, so that printing a table starts sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eie.studies.paper.display import show
from eie.studies.paper.fig05 import figure5
from eie.studies.paper.fig08 import blocks, figure8
from eie.studies.paper.fig09 import figure9
from eie.studies.paper.fig10 import figure10
from eie.studies.paper.format_example import figures2_3
from eie.studies.paper.ladder import ladder
from eie.studies.paper.pareto import pareto
from eie.studies.paper.partitioning import partitioning
from eie.studies.paper.pe_counts import figure11, figure12, figure13
from eie.studies.paper.real_activations import real_activations
from eie.studies.paper.table1 import table_i
from eie.studies.paper.table2 import table_ii
from eie.studies.paper.table3 import table_iii
from eie.studies.paper.table4 import table_iv
from eie.studies.paper.table5 import table_v
from eie.studies.paper.versus_platforms import figure6, figure7

TABLES: dict[int, Callable[..., Any]] = {1: table_i, 2: table_ii, 3: table_iii, 4: table_iv, 5: table_v}
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
    "table_i",
    "table_ii",
    "table_iii",
    "table_iv",
    "table_v",
]
