"""EIE, the efficient inference engine on compressed deep neural networks, as an exact model (ISCA 2016)."""

from eie._version import __version__
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
