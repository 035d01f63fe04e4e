import json
import re

import numpy as np
import pytest
from rtl_layers import SETS, cases, machine_of

import eie
from eie import hardware
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware import build, memories
from eie.hardware.geometry import Geometry
from eie.stepped import UNIT_FORMATS

LAYER = eie.CompressedLayer.from_codes(np.array([[1, 0, 2], [0, 3, 4]], np.uint8), np.arange(16) / 8.0)
MEMORIES = {"spmat": "u_spmat_read.u_sram.mem", "even": "u_ptr_read.u_even.mem", "odd": "u_ptr_read.u_odd.mem"}
INPUTS = np.array([1.0, 0.0, 0.5])


def refused(match, layer=LAYER, activations=INPUTS, machine=None, **setting):
    with pytest.raises(ValueError, match=re.escape(match)):
        hardware.simulate(layer, activations, machine or eie.Machine(n_pe=2), **setting)


def test_more_pes_than_the_tree_has_leaves():
    refused("n_pe must be an integer in 1..64, got 65", machine=eie.Machine(n_pe=65))


def test_a_queue_that_is_too_deep():
    refused("depth must be an integer in 2..256, got 257", machine=eie.Machine(n_pe=2, fifo_depth=257))


def test_rows_that_are_too_wide():
    refused("entries must be an integer in 1..128, got 256", machine=eie.Machine(n_pe=2, spmat_width_bits=2048))


def test_more_registers_than_there_are():
    layer = eie.CompressedLayer.from_codes(np.ones((5000, 1), np.uint8), np.arange(16) / 8.0)
    refused("at most 4,096 registers per PE, the layer needs 5,000", layer, [1.0], eie.Machine(n_pe=1))


def test_formats_that_the_arithmetic_has_not():
    sixteen, eight = FixedPoint(16, 8), FixedPoint(8, 4)
    refused("weights must have at most the bits of its accumulators, 8", formats=LayerFormats(sixteen, eight, eight))
    refused("activations must have at most the bits", formats=LayerFormats(eight, sixteen, eight))
    finer = LayerFormats(sixteen, sixteen, FixedPoint(16, 17))
    refused("shifts products right by 0..31 places, got -1", formats=finer)
    coarse = LayerFormats(FixedPoint(16, 20), FixedPoint(16, 20), FixedPoint(16, 8))
    refused("shifts products right by 0..31 places, got 32", activations=INPUTS * 0, formats=coarse)


def test_an_activation_that_the_hardware_would_not_send():
    refused("0.001 rounds to 0", activations=np.array([1.0, 0.001, 0.5]), formats=UNIT_FORMATS)


def test_a_bias_that_does_not_fit():
    refused("bias must be 2 finite numbers", bias=[1.0, 2.0, 3.0])
    refused(
        "must hold the bias's 1.0",
        eie.CompressedLayer.from_codes(np.array([[1]], np.uint8), np.arange(16) / 8.0, np.array([1], np.uint8)),
        [0.0],
        formats=LayerFormats(FixedPoint(16, 8), FixedPoint(16, 15), FixedPoint(16, 8)),
    )


def test_layers_that_do_not_follow_each_other():
    formats = [UNIT_FORMATS, UNIT_FORMATS]
    with pytest.raises(ValueError, match="layer 1 must have 2 inputs"):
        hardware.chain([LAYER, LAYER], INPUTS, eie.Machine(n_pe=2), formats=formats)
    other = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 9), FixedPoint(16, 8))
    square = eie.CompressedLayer.from_codes(np.eye(2, dtype=np.uint8), np.arange(16) / 8.0)
    with pytest.raises(ValueError, match="must have the format of the outputs before"):
        hardware.chain([LAYER, square], INPUTS, eie.Machine(n_pe=2), formats=[UNIT_FORMATS, other])
    with pytest.raises(ValueError, match="one per layer"):
        hardware.chain([LAYER], INPUTS, eie.Machine(n_pe=2), formats=formats)


@pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())
@pytest.mark.parametrize("wrong", [{"N": 65}, {"DEPTH": 1}, {"CODE_BITS": 9}, {"DATA_BITS": 33}, {"IO_WIDTH": 8}])
def test_the_rtl_itself_refuses_wrong_parameters(wrong):
    with pytest.raises(build.ToolError, match="must"):
        build.yosys(build.read_script({**Geometry().parameters, **wrong}, "eie_top"))


def test_missing_tools_are_named(monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda _name: None)
    with pytest.raises(build.ToolError, match=re.escape("pip install 'eie[hardware]'")):
        hardware.simulate(LAYER, INPUTS, eie.Machine(n_pe=2))
    with pytest.raises(build.ToolError, match="pyosys"):
        build.yosys(["stat"])
    monkeypatch.setattr(build, "find_spec", lambda name: name == "pyosys" or None)
    monkeypatch.setattr(build, "compiler", tuple)
    with pytest.raises(build.ToolError, match=r"needs a C\+\+ compiler.*ziglang"):
        hardware.simulate(LAYER, INPUTS, eie.Machine(n_pe=2))


def test_images_hold_the_layer(tmp_path):
    case = cases(SETS[3])[2]
    path = hardware.images(case.mem, tmp_path / "memories", case.machine, formats=case.formats)
    manifest = json.loads(path.read_text(encoding="utf-8"))
    files = {entry["memory"]: entry for entry in manifest["files"]}
    assert len(files) == len(manifest["files"]) == 4 * case.machine.n_pe
    for p in range(case.machine.n_pe):
        words = {name: numbers(path.parent, files[f"g_pe[{p}].u_pe.{place}"]) for name, place in MEMORIES.items()}
        codes, skips, pointers = case.mem.pe(p)
        entries = case.machine.entries_per_row
        pairs = [row >> (8 * lane) & 255 for row in words["spmat"] for lane in range(entries)]
        assert pairs[: len(codes)] == (codes.astype(int) << 4 | skips).tolist()
        both = [0] * len(pointers)
        both[0::2], both[1::2] = words["even"], words["odd"]
        assert [(pointer >> 2) * entries + (pointer & 3) for pointer in both] == pointers.tolist()
    assert manifest["ports"]["places_i"] == case.formats.places
    assert manifest["parameters"]["N"] == case.machine.n_pe


def numbers(folder, entry):
    found = [int(line, 16) for line in (folder / entry["file"]).read_text(encoding="ascii").split()]
    assert len(found) == entry["words"]
    return found


def test_images_choose_formats_that_hold_the_codebook(tmp_path):
    path = hardware.images(LAYER, tmp_path, eie.Machine(n_pe=2))
    text = (tmp_path / "pe00_codebook.hex").read_text(encoding="ascii").split()
    assert json.loads(path.read_text(encoding="utf-8"))["files"][3]["first"] == 1
    assert [int(word, 16) for word in text] == [2**14 * k // 8 for k in range(1, 16)]


def test_words_are_twos_complement_and_cut_to_their_width():
    assert memories.words([-1, 5], 16).tolist() == [[0xFFFF], [5]]
    assert memories.words([-1], 40).tolist() == [[0xFFFFFFFF, 0xFF]]


def test_the_papers_memories_unless_a_layer_needs_more():
    case = cases(SETS[7])[0]
    assert Geometry.fitting([case.mem], case.machine, [case.formats]) == Geometry()
    machine = machine_of(SETS[3])
    wide = eie.encode(eie.draw_layer(700, 18_000, 0.01, 0), machine)
    grown = Geometry.fitting([wide], machine, [case.formats])
    assert (grown.reg_bits, grown.column_bits, grown.row_bits) == (12, 15, 15)
