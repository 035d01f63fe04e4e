"""The pipelined RTL: two more cycles per layer and vector, and everything else as in the model."""

from dataclasses import replace

import numpy as np
import pytest
from rtl_layers import SETS, cases, machine_of

import eie
from eie import hardware
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.formats import authors
from eie.hardware import build, icarus
from eie.hardware.geometry import PIPELINE_CYCLES, Geometry

needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())
QUICK = (SETS[2], SETS[3], SETS[5])
ALL = [parameters if parameters in QUICK else pytest.param(parameters, marks=pytest.mark.long) for parameters in SETS]


def name_of(parameters):
    return f"{parameters[0]}pe-depth{parameters[1]}"


def pipelined(case):
    return replace(Geometry.fitting([case.mem], case.machine, [case.formats]), pipelined=True)


def later(report):
    return replace(report, cycles=report.cycles + PIPELINE_CYCLES * report.vectors)


@needs_tools
@pytest.mark.parametrize("parameters", ALL, ids=name_of)
def test_each_layer_takes_two_more_cycles_and_is_equal_otherwise(parameters):
    for case in cases(parameters):
        setting = {"formats": case.formats, "bias": case.bias, "signed": case.signed}
        found = hardware.simulate(case.mem, case.activations, case.machine, geometry=pipelined(case), **setting)
        report = eie.simulate(case.mem, case.activations, case.machine, signed=case.signed)
        inferred = eie.infer(case.mem, case.activations, case.machine, relu=False, **setting)
        assert found.report == later(report), case.kind
        assert found.saturations == inferred.saturations, case.kind
        np.testing.assert_array_equal(found.raw, inferred.raw, case.kind)


@needs_tools
def test_a_chain_of_layers_in_small_memories():
    machine, point = machine_of(SETS[2]), FixedPoint(16, 10)
    layers = [eie.draw_layer(60, 40, 0.3, 5), eie.draw_layer(25, 60, 0.3, 6)]
    formats = [LayerFormats(FixedPoint(16, 13), point, point)] * 2
    geometry = Geometry(n_pe=4, row_bits=6, column_bits=7, reg_bits=4, pipelined=True)
    vectors = np.arange(120).reshape(3, 40) % 5 / 4.0
    for written in (False, True):
        inputs = vectors
        runs = hardware.chain(layers, inputs, machine, formats=formats, geometry=geometry, through_ports=written)
        for layer, chosen, found in zip(layers, formats, runs, strict=True):
            inferred = eie.infer(layer, inputs, machine, formats=chosen, relu=False)
            np.testing.assert_array_equal(found.raw, inferred.raw)
            assert found.report == later(eie.simulate(layer, inputs, machine))
            inputs = chosen.output.real(np.maximum(inferred.raw, 0))


@pytest.mark.skipif(not icarus.installed(), reason="the second opinion needs Icarus Verilog")
@pytest.mark.parametrize("parameters", SETS[:5], ids=name_of)
def test_four_states_say_the_same(parameters):
    for case in cases(parameters)[1:7]:
        setting = {"formats": case.formats, "signed": case.signed}
        found = icarus.simulate(case.mem, case.activations, case.machine, geometry=pipelined(case), **setting)
        stepped = eie.step(case.mem, case.activations, case.machine, **setting)
        assert found.report == later(stepped.report), case.kind
        assert found.saturations == stepped.saturations, case.kind
        np.testing.assert_array_equal(found.raw, stepped.raw, case.kind)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_pe": 8}, "the geometry's n_pe must be 4, as the layers have it, got 8"),
        ({"data_bits": 12}, "the geometry's data_bits must be 16, as the layers have it, got 12"),
        ({"row_bits": 1}, "the geometry has 2 rows of sparse-matrix SRAM per PE, the layers need "),
        ({"column_bits": 2}, "the geometry has 4 pointers per PE, the layers need "),
        ({"reg_bits": 1}, "the geometry has 2 registers per PE, the layers need "),
    ],
)
def test_a_geometry_that_does_not_hold_the_layers_is_refused(changes, says):
    case = cases(SETS[2])[0]
    with pytest.raises(ValueError, match=says):
        hardware.simulate(
            case.mem, case.activations, case.machine, formats=case.formats, geometry=replace(pipelined(case), **changes)
        )


@needs_tools
@pytest.mark.long
@pytest.mark.needs_data("authors-layer")
def test_authors_layer_on_64_pes_takes_two_more_cycles():
    dump = authors.read()
    formats = eie.calibrate(dump.mem, dump.activations, dump.machine)
    activations = formats.activation.real(formats.activation.quantize(dump.activations)[0])
    size = replace(Geometry.fitting([dump.mem], dump.machine, [formats]), pipelined=True)
    found = hardware.simulate(dump.mem, activations, dump.machine, formats=formats, geometry=size)
    assert found.report == later(eie.simulate(dump.mem, dump.activations, dump.machine))
    inferred = eie.infer(dump.mem, activations, dump.machine, formats=formats, relu=False)
    np.testing.assert_array_equal(found.raw, inferred.raw)
