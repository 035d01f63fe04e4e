"""EIE, the efficient inference engine on compressed deep neural networks, as an exact model (ISCA 2016)."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eie._version import __version__

if TYPE_CHECKING:
    from eie.cycles import CycleReport, simulate
    from eie.energy_model import EnergyReport, energy
    from eie.explore.benchmarks import Benchmark
    from eie.explore.synthetic import Spread, draw_activations, draw_layer
    from eie.fixedpoint import FixedPoint, LayerFormats
    from eie.interleaved import InterleavedCSC, decode, encode
    from eie.layer import CompressedLayer
    from eie.machine import EIE_28NM, EIE_45NM, Machine
    from eie.networks.evaluate import Evaluation, evaluate
    from eie.stepped import step
    from eie.values import Inference, calibrate, infer

__all__ = [
    "EIE_28NM",
    "EIE_45NM",
    "Benchmark",
    "CompressedLayer",
    "CycleReport",
    "EnergyReport",
    "Evaluation",
    "FixedPoint",
    "Inference",
    "InterleavedCSC",
    "LayerFormats",
    "Machine",
    "Spread",
    "__version__",
    "calibrate",
    "decode",
    "draw_activations",
    "draw_layer",
    "encode",
    "energy",
    "evaluate",
    "infer",
    "simulate",
    "step",
]

_HOMES = {
    "CycleReport": "eie.cycles",
    "simulate": "eie.cycles",
    "EnergyReport": "eie.energy_model",
    "energy": "eie.energy_model",
    "Benchmark": "eie.explore.benchmarks",
    "Spread": "eie.explore.synthetic",
    "draw_activations": "eie.explore.synthetic",
    "draw_layer": "eie.explore.synthetic",
    "FixedPoint": "eie.fixedpoint",
    "LayerFormats": "eie.fixedpoint",
    "InterleavedCSC": "eie.interleaved",
    "decode": "eie.interleaved",
    "encode": "eie.interleaved",
    "CompressedLayer": "eie.layer",
    "EIE_28NM": "eie.machine",
    "EIE_45NM": "eie.machine",
    "Machine": "eie.machine",
    "Evaluation": "eie.networks.evaluate",
    "evaluate": "eie.networks.evaluate",
    "step": "eie.stepped",
    "Inference": "eie.values",
    "calibrate": "eie.values",
    "infer": "eie.values",
}

if not TYPE_CHECKING:  # a checker that saw this would take every name for one of the package

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used, so that `import eie` and `eie --help` are quick."""
        if name not in _HOMES:
            raise AttributeError(f"module 'eie' has no attribute {name!r}")
        globals()[name] = found = getattr(import_module(_HOMES[name]), name)
        return found
