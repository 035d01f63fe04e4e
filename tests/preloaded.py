"""What takes long to import or to compile, for processes that are forked from one that has it; see `commands.py`."""

import matplotlib.pyplot  # noqa: F401
import onnx.shape_inference  # noqa: F401
import pyarrow.parquet  # noqa: F401
import safetensors.numpy  # noqa: F401

import eie
import eie.cli.group
import eie.formats.onnx
import eie.networks.report
import eie.studies.experiments
import eie.studies.paper
from eie.explore.explain import explain

layer, activations = eie.draw_layer(20, 20, 0.5, 0), eie.draw_activations(20, 0.5, 0)
eie.simulate(layer, activations)
explain(layer, activations)
