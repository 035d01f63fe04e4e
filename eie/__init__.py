"""EIE, the efficient inference engine on compressed deep neural networks, as an exact model (ISCA 2016).

A pruned layer with shared weights is encoded for the processing elements of a machine; what `simulate` counts on it
gives the time and `energy` the energy, and `infer` computes its outputs in fixed point, all as the hardware does.
`evaluate` does this for a whole network. For example, one layer of Table III on the chip of the paper:

    >>> import eie
    >>> layer, activations = eie.Benchmark.named("Alex-7").draw()
    >>> report = eie.simulate(layer, activations)
    >>> report.n_in, report.n_out, report.n_pe
    (4096, 4096, 64)
    >>> round(eie.energy(report, eie.EIE_45NM).watts, 1)
    0.5
"""

from __future__ import annotations

from importlib import import_module

from eie._version import __version__

TYPE_CHECKING = False  # checkers know the name; `typing` would take longer to import than all this
if TYPE_CHECKING:
    from typing import Any

    from eie.cycles import CycleReport, simulate
    from eie.energy_model import EnergyReport, energy
    from eie.explore.benchmarks import Benchmark
    from eie.explore.spread import Spread, typical_spread
    from eie.explore.synthetic import draw_activations, draw_layer
    from eie.fixedpoint import FixedPoint, LayerFormats
    from eie.interleaved import InterleavedCSC, decode, encode
    from eie.layer import CompressedLayer
    from eie.machine import EIE_28NM, EIE_45NM, Machine
    from eie.networks.evaluate import Evaluation, evaluate
    from eie.stepped import step
    from eie.values import Inference, calibrate, infer

__all__ = [
    "EIE_28NM", "EIE_45NM", "Benchmark", "CompressedLayer", "CycleReport", "EnergyReport", "Evaluation",
    "FixedPoint", "Inference", "InterleavedCSC", "LayerFormats", "Machine", "Spread", "__version__",
    "calibrate", "decode", "draw_activations", "draw_layer", "encode", "energy", "evaluate", "infer",
    "simulate", "step", "typical_spread",
]  # fmt: skip

_HOMES = {
    "eie.cycles": ("CycleReport", "simulate"),
    "eie.energy_model": ("EnergyReport", "energy"),
    "eie.explore.benchmarks": ("Benchmark",),
    "eie.explore.spread": ("Spread", "typical_spread"),
    "eie.explore.synthetic": ("draw_activations", "draw_layer"),
    "eie.fixedpoint": ("FixedPoint", "LayerFormats"),
    "eie.interleaved": ("InterleavedCSC", "decode", "encode"),
    "eie.layer": ("CompressedLayer",),
    "eie.machine": ("EIE_28NM", "EIE_45NM", "Machine"),
    "eie.networks.evaluate": ("Evaluation", "evaluate"),
    "eie.stepped": ("step",),
    "eie.values": ("Inference", "calibrate", "infer"),
}

if not TYPE_CHECKING:  # a checker that saw this would take every name for one of the package

    def __dir__() -> list[str]:
        return sorted(__all__)

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used, so that `import eie` and `eie --help` are quick."""
        for module, names in _HOMES.items():
            if name in names:
                globals()[name] = found = getattr(import_module(module), name)
                return found
        raise AttributeError(f"module 'eie' has no attribute {name!r}")
