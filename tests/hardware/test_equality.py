from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from rtl_layers import SETS, cases, formats_of, machine_of

import eie
from eie import hardware
from eie.datasets import catalogue
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.formats import authors
from eie.hardware import build
from eie.hardware.geometry import Geometry
from eie.networks import register_batches

pytestmark = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())


@pytest.fixture(scope="module", autouse=True)
def _built():
    """Build all simulations side by side."""
    geometries = [Geometry.fitting([case.mem], case.machine, [case.formats]) for case in map(first_case, SETS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(build.library, reversed(geometries)))


def first_case(parameters):
    return cases(parameters)[0]


def expected(case):
    """What the stepped machine says of each vector, and `eie.infer` of all, before ReLU."""
    vectors = np.atleast_2d(case.activations)
    setting = {"formats": case.formats, "signed": case.signed}
    stepped = [eie.step(case.mem, vector, case.machine, **setting) for vector in vectors]
    inferred = eie.infer(case.mem, case.activations, case.machine, bias=case.bias, relu=False, **setting)
    if case.bias is None:
        assert np.atleast_2d(inferred.raw).tolist() == [run.raw.tolist() for run in stepped]
        assert inferred.saturations == sum(run.saturations for run in stepped)
    report = eie.simulate(case.mem, case.activations, case.machine, signed=case.signed)
    assert report == sum((run.report for run in stepped[1:]), stepped[0].report)
    return report, inferred


def run(case, **setting):
    keywords = {"formats": case.formats, "bias": case.bias, "signed": case.signed, **setting}
    return hardware.simulate(case.mem, case.activations, case.machine, **keywords)


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: f"{p[0]}pe-depth{p[1]}")
def test_every_counter_and_bit_equals_the_model(parameters):
    for case in cases(parameters):
        report, inferred = expected(case)
        found = run(case)
        assert found.report == report, case.kind
        assert found.saturations == inferred.saturations, case.kind
        np.testing.assert_array_equal(found.raw, inferred.raw, case.kind)
        np.testing.assert_array_equal(run(case, relu=True).raw, np.maximum(inferred.raw, 0), case.kind)


def test_the_layers_are_of_every_kind():
    every = [case for parameters in SETS for case in cases(parameters)]
    seen = Counter()
    for case in every:
        report, inferred = expected(case)
        seen["saturating"] += inferred.saturations > 0
        seen["padded"] += report.padding > 0
        seen["empty columns"] += bool((case.mem.column_macs == 0).any())
        seen["nothing to send"] += report.broadcasts == 0
        seen["bias column"] += case.mem.has_bias
        seen["start values"] += case.bias is not None
        seen["signed"] += bool((case.activations < 0).any())
        seen["batch of vectors"] += report.vectors > 1
        seen["negative outputs"] += bool((inferred.raw < 0).any())
        seen["some PE without entries"] += bool((case.mem.pointers[-1] == 0).any())
        seen[f"weights of {case.formats.weight.frac - case.formats.weight.bits} bits"] += 1
    formats = {(case.formats, case.machine.n_pe) for case in every}
    assert len(every) >= 60
    assert len(formats) >= 2 * len(SETS)
    assert min(seen.values()) > 0, seen
    assert {case.machine.n_pe for case in every} >= {1, 2, 4, 8, 16, 32, 64}
    assert {case.machine.fifo_depth for case in every} >= {2, 3, 16}


@pytest.mark.parametrize("parameters", SETS[2:4], ids=lambda p: f"{p[0]}pe-depth{p[1]}")
def test_memories_written_through_the_ports_give_the_same(parameters):
    for case in cases(parameters)[4:7]:
        placed, written = run(case), run(case, through_ports=True)
        assert placed.report == written.report
        np.testing.assert_array_equal(placed.raw, written.raw)


def random_layer(n_out, n_in, seed):
    return eie.draw_layer(n_out, n_in, 0.3, seed)


@pytest.mark.parametrize("parameters", [SETS[2], SETS[5]], ids=lambda p: f"{p[0]}pe")
def test_chained_layers_find_their_inputs_where_the_last_one_wrote_them(parameters):
    machine = machine_of(parameters)
    layers = [random_layer(90, 50, 1), random_layer(33, 90, 2), random_layer(70, 33, 3)]
    point = FixedPoint(16, 10)
    formats = [LayerFormats(FixedPoint(16, 13), point, FixedPoint(16, 11))]
    formats += [LayerFormats(FixedPoint(16, 12), FixedPoint(16, 11), point), formats[0]]
    activations = np.arange(50) % 7 / 4.0
    runs = hardware.chain(layers, activations, machine, formats=formats)
    for layer, chosen, found in zip(layers, formats, runs, strict=True):
        stepped = eie.step(layer, activations, machine, formats=chosen)
        assert found.report == stepped.report
        assert found.saturations == stepped.saturations
        np.testing.assert_array_equal(found.raw, stepped.raw)
        activations = chosen.output.real(np.maximum(stepped.raw, 0))
    assert (runs[0].raw < 0).any()


def test_a_batch_goes_through_a_chain_with_biases():
    machine, point = machine_of(SETS[3]), FixedPoint(16, 10)
    layers = [random_layer(60, 40, 5), random_layer(25, 60, 6)]
    formats = [LayerFormats(FixedPoint(16, 13), point, point)] * 2
    vectors = np.arange(120).reshape(3, 40) % 5 / 4.0
    biases = [np.linspace(-2, 2, 60), None]
    runs = hardware.chain(layers, vectors, machine, formats=formats, biases=biases)
    for layer, chosen, bias, found in zip(layers, formats, biases, runs, strict=True):
        inferred = eie.infer(layer, vectors, machine, formats=chosen, bias=bias, relu=False)
        np.testing.assert_array_equal(found.raw, inferred.raw)
        assert found.report == eie.simulate(layer, vectors, machine)
        assert found.saturations == inferred.saturations
        vectors = chosen.output.real(np.maximum(inferred.raw, 0))


def test_batches_of_inputs_add_up_in_the_same_accumulators():
    machine = machine_of(SETS[2])
    formats = formats_of(16, "plain", 0)
    codes = np.random.default_rng(2).integers(0, 9, (50, 600)).astype(np.uint8) // 6
    bias = np.arange(50).astype(np.uint8) % 16
    layer = eie.CompressedLayer.from_codes(codes, np.linspace(-1, 1, 16) * (np.arange(16) > 0), bias)
    activations = np.random.default_rng(3).integers(0, 3, 600) / 4.0
    cut = register_batches.tiles(layer, machine)
    assert len(cut) == 3
    found = hardware.batches([(tile.mem, tile.inputs) for tile in cut], activations, machine, formats=formats)
    inferred = eie.infer(layer, activations, machine, formats=formats, relu=False)
    np.testing.assert_array_equal(found.raw, inferred.raw)
    assert found.saturations == inferred.saturations
    report, _ = register_batches.run_tiles(layer, cut, activations[None], machine)
    # Cycles in which registers are filled from the activation SRAM are outside the RTL.
    assert found.report == replace(report, cycles=report.cycles - sum(tile.before + tile.after for tile in cut))
    with pytest.raises(ValueError, match="must have the same outputs"):
        hardware.batches([(cut[0].mem, cut[0].inputs), (cases(SETS[2])[0].mem, cut[1].inputs)], [], formats=formats)


def test_shifts_further_than_a_product_is_wide():
    case = replace(cases(SETS[4])[6], formats=LayerFormats(FixedPoint(12, 9), FixedPoint(12, 8), FixedPoint(12, -13)))
    assert case.formats.places > 24
    _, inferred = expected(case)
    np.testing.assert_array_equal(run(case).raw, inferred.raw)


def test_memories_grow_where_a_layer_needs_more_than_the_papers():
    machine = replace(machine_of(SETS[0]), fifo_depth=3)
    layer = random_layer(70, 130, 4)
    formats = formats_of(16, "plain", 0)
    activations = np.arange(130) % 5 / 4.0
    found = hardware.simulate(layer, activations, machine, formats=formats)
    stepped = eie.step(layer, activations, machine, formats=formats)
    assert found.report == stepped.report
    np.testing.assert_array_equal(found.raw, stepped.raw)


@pytest.mark.long
@pytest.mark.skipif(catalogue.find("authors-layer") is None, reason=catalogue.how_to_get("authors-layer"))
def test_authors_layer_on_64_pes():
    dump = authors.read()
    formats = eie.calibrate(dump.mem, dump.activations, dump.machine)
    activations = formats.activation.real(formats.activation.quantize(dump.activations)[0])
    found = hardware.simulate(dump.mem, activations, dump.machine, formats=formats)
    report = found.report
    assert (report.cycles, report.broadcasts, report.macs) == (7926, 1760, 453_748)
    assert (report.ptr_reads, report.spmat_reads) == (112_640, 100_900)
    inferred = eie.infer(dump.mem, activations, dump.machine, formats=formats, relu=False)
    assert len(found.raw) == 1000
    np.testing.assert_array_equal(found.raw, inferred.raw)
    assert report == eie.simulate(dump.mem, dump.activations, dump.machine)
