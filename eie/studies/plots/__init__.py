"""The house style, the kinds of plot, and the numbers that each plot carries.

It imports no exhibit. Its modules are imported when they are first named, so that printing a table starts sooner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eie.studies.plots import bars, compression, hardware, panels, pictures, points, pruned, style

__all__ = ["Figure", "bars", "compression", "hardware", "panels", "pictures", "points", "pruned", "style"]


def __getattr__(name: str) -> Any:
    """Import a module of this package, or the class of figures."""
    if name not in __all__:
        raise AttributeError(f"{__name__} has no {name!r}; it has {', '.join(__all__)}")
    return import_module("matplotlib.figure").Figure if name == "Figure" else import_module(f"{__name__}.{name}")
