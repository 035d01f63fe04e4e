import numpy as np
import pytest

import eie
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware import build, fpga, host, icarus
from eie.hardware.geometry import PIPELINE_CYCLES

pytestmark = [
    pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools()),
    pytest.mark.skipif(not icarus.installed(), reason="a run through the pins needs Icarus Verilog"),
]


def test_a_host_runs_two_layers_through_the_pins_alone():
    """Two vectors, one after the other; the second layer sees what ReLU leaves of the first."""
    machine, rng = eie.Machine(n_pe=4), np.random.default_rng(0)
    point = FixedPoint(16, 9)
    formats = [LayerFormats(FixedPoint(16, 12), point, point)] * 2
    mems = [eie.encode(eie.draw_layer(*shape, 0.4, seed), machine) for seed, shape in enumerate([(40, 30), (20, 40)])]
    biases = [rng.normal(size=mem.n_out) for mem in mems]
    inputs = rng.integers(0, 4, (2, 30)) / 2.0
    raw, _ = point.quantize(inputs)
    found = host.simulate(host.layers_of(mems, formats, biases), raw, fpga.geometry(4, 2))
    cycles, results = [], []
    for vector in inputs:
        for mem, bias in zip(mems, biases, strict=True):
            inferred = eie.infer(mem, vector, machine, formats=formats[0], bias=bias, relu=False)
            cycles.append(eie.simulate(mem, vector, machine).cycles + PIPELINE_CYCLES)
            vector = point.real(np.maximum(inferred.raw, 0))
        results.append(inferred.raw)
    assert found.cycles == cycles
    np.testing.assert_array_equal(found.raw, results)
