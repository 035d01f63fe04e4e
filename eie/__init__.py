"""EIE, the efficient inference engine on compressed deep neural networks, as an exact model (ISCA 2016)."""

from eie.benchmarks import Benchmark
from eie.cycles import CycleReport, simulate
from eie.energy import EnergyReport, energy
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.infer import Inference, calibrate, infer
from eie.interleaved import InterleavedCSC, decode, encode
from eie.layer import CompressedLayer
from eie.layerwise import Evaluation, evaluate
from eie.machine import EIE_28NM, EIE_45NM, Machine
from eie.stepped import step
from eie.synthetic import Spread, draw_activations, draw_layer

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
__version__ = "0.1.0"
