"""The paper's tables and figures as this project computes them: numbers, a plot, and the difference in words.

An exhibit is a function from parameters to an object with `table()`, `plot()` and `words()`. Notebooks and the command
line show the same ones. Drawing is imported when something is drawn, so that printing a table starts sooner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eie.exhibits.display import show
from eie.exhibits.fig05 import figure5
from eie.exhibits.fig08 import blocks, figure8
from eie.exhibits.fig09 import figure9
from eie.exhibits.fig10 import figure10
from eie.exhibits.format_example import figures2_3
from eie.exhibits.ladder import ladder
from eie.exhibits.pareto import pareto
from eie.exhibits.partitioning import partitioning
from eie.exhibits.pe_counts import figure11, figure12, figure13
from eie.exhibits.real_activations import real_activations
from eie.exhibits.table1 import table_i
from eie.exhibits.table2 import table_ii
from eie.exhibits.table3 import table_iii
from eie.exhibits.table4 import table_iv
from eie.exhibits.table5 import table_v
from eie.exhibits.versus_platforms import figure6, figure7

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
