"""The tests of equality must notice every small mistake in the RTL: each of these mutants is one."""

import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from rtl_layers import KINDS, SETS, draw_case, machine_of
from rtl_mutants import Mutant, changed, choose, write_switched

import eie
from eie import hardware
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware import build
from eie.hardware.geometry import PIPELINE_CYCLES, Geometry

pytestmark = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())

SET = SETS[3]
PIPELINED_SET = (5, 3, 4, 4, 4, 16)
"""As `SETS[3]`, but a row has a power of two of entries, for which the pipelined RTL has a comparison of its own."""


MUTANTS = {
    "no bypass": Mutant("arithm_unit", "bypass_d = write2_q && row2_q == row1_q", "bypass_d = 1'b0"),
    "bypass of padding zeros": Mutant("arithm_unit", "bypass_d = write2_q && row2_q", "bypass_d = row2_q"),
    "no rounding": Mutant("arithm_unit", "{(DATA_BITS+1){1'b0}}, below}", "{(DATA_BITS+1){1'b0}}, 1'b0}"),
    "no saturation of far products": Mutant("arithm_unit", "assign far = ", "assign far = 1'b0 && "),
    "no saturation of near sums": Mutant("arithm_unit", "assign over = ", "assign over = 1'b0 && "),
    "logical shift": Mutant("arithm_unit", "product2_q >>> (places_i", "product2_q >> (places_i"),
    "padding zeros are written": Mutant("arithm_unit", "entry_i && code_i != '0, write1_q", "entry_i, write1_q"),
    "column does not begin above row 0": Mutant("arithm_unit", "first_i ? '0 : row1_q", "1'b0 ? '0 : row1_q"),
    "no write-through": Mutant("act_rw", "through = write_i && waddr_i == raddr", "through = 1'b0"),
    "no ReLU": Mutant("act_rw", "relu_i && source[DATA_BITS-1]", "1'b0 && source[DATA_BITS-1]"),
    "registers are not cleared": Mutant("reg_file", "clear_i ? '0 : written_q", "written_q"),
    "roles swap once only": Mutant("eie_top", "role_q ^ swap_i", "role_q | swap_i"),
    "back-pressure of one PE only": Mutant("eie_top", "any_full = |full", "any_full = full[0]"),
    "queue is never full": Mutant("act_queue", "full_o = after_tail == head_q", "full_o = 1'b0"),
    "queue is full too early": Mutant("act_queue", "full_o = after_tail == head_q", "full_o = valid_o"),
    "queue looks ahead to the slot behind": Mutant(
        "act_queue", "!valid_o || one_left ? column_i", "!valid_o ? column_i"
    ),
    "pointers are read over held ones": Mutant("pe", "|| next_valid) && (pop || !head_valid)", "|| next_valid)"),
    "pointer banks mixed up": Mutant("ptr_read", "start_o = odd_q ? odd : even", "start_o = odd_q ? even : odd"),
    "even bank one address early": Mutant("ptr_read", "(COLUMN_BITS - 1)'(column_i[0])", "(COLUMN_BITS - 1)'(1'b0)"),
    "rows are read again": Mutant("spmat_read", "issue && !(held_q && held_row_q == row)", "issue"),
    "end of a column is not seen": Mutant("spmat_read", "after_at == stop_q", "1'b0"),
    "held row survives a start": Mutant("spmat_read", "(held_q || issue) && !start_i", "(held_q || issue)"),
    "empty column takes no turn": Mutant("spmat_read", "<= {active_q, issue}", "<= {issue, issue}"),
    "idle cycle after the last bank": Mutant("central_control", "!found || (push_o && last_bank)", "!found"),
    "scan ends before the bias": Mutant("central_control", "addresses_i + (REG_BITS + 1)'(has_bias_i)", "addresses_i"),
    "tree takes the second of two": Mutant("lnzd_node", "valid_i[1] || !valid_i[2]", "valid_i[1]"),
}
PIPELINED = {
    "idle cycle after the last bank": Mutant("pipelined_control", "= |pending_i[N-2:0]", "= |pending_i"),
    "idle turns are left out": Mutant("pipelined_control", "|pending_i[N-2:0]", "|(pending_i & (pending_i - 1'b1))"),
    "all that is pending is sent at once": Mutant("pipelined_control", "pending_i & (~pending_i + 1'b1)", "pending_i"),
    "held activation is overwritten": Mutant("pipelined_control", "advance = !held_q || !full_q", "advance = 1'b1"),
    "full queues are noticed a cycle late": Mutant("pipelined_control", "full_i || (push_o && almost_i)", "full_i"),
    "full queues stay full": Mutant("act_queue", "!pop_i && full_o", "full_o"),
    "queues are full without a push": Mutant("pipelined_control", "(push_o && almost_i)", "almost_i"),
    "scan ends before the bias": Mutant("pipelined_control", "(1) || has_bias_i)", "(1))"),
    "column of the address that is fetched": Mutant("pipelined_control", ": find_base_q +", ": base_q +"),
    "one address too many": Mutant("pipelined_control", "live_d = live_q && left_q !=", "live_d = live_q || left_q !="),
    "what is fetched after the end counts": Mutant("source_fetch", "non_zero_i && live_i", "non_zero_i"),
    "fetched activation is not kept": Mutant("source_fetch", "if (step_i || read_i) act_q", "act_q"),
    "source at hand is not kept": Mutant("source_fetch", "take_o = step_i || idle_i", "take_o = 1'b1"),
    "scan begins where the last one ended": Mutant("source_fetch", "read_addr_i : '0", "read_addr_i : addr_q"),
    "the first source is sent twice": Mutant("source_fetch", "addr_d = REG_BITS'(1)", "addr_d = '0"),
    "empty columns are issued": Mutant("spmat_read", "active_q && at_q != stop_q", "active_q"),
    "end of a column is not seen": Mutant("spmat_read", "is_after(at_q, stop_q)", "1'b0"),
    "end of a column without carry": Mutant("spmat_read", "((stop | ~at) << 1)", "'0"),
    "large part of the shift left out": Mutant("arithm_unit", ">>> (places_i & ~LatePlaces)", ">>> (places_i & '0)"),
    "pointers are read over held ones": Mutant("pe", "(PIPELINED != 0 || next_valid) && (pop || !head_valid)", "1'b1"),
}
NO_RESET = Mutant("act_queue", "tail_q <= '0", "tail_q <= tail_d")
NUMBERS = {mutant: k for k, mutant in enumerate([*MUTANTS.values(), *PIPELINED.values()], 1)}


def tiny():
    """Three equal vectors on a layer whose PEs hold one row each and whose last column is empty."""
    layer = eie.CompressedLayer.from_codes(np.repeat([[3, 5, 0]], 4, 0).astype(np.uint8), np.arange(16) / 8.0)
    return layer, np.tile([1.0, 0.5, 0.25], (3, 1))


@cache
def expectations(parameters):
    """Runs of the true machine: keywords of `simulate`, report, results and saturations."""
    machine, found = machine_of(parameters), []
    cases = [draw_case(parameters, kind, seed) for seed, kind in enumerate(KINDS)]
    inputs = [(case.mem, case.activations, case.formats, case.bias, case.signed) for case in cases]
    layer, vectors = tiny()
    inputs.append((eie.encode(layer, machine), vectors, cases[0].formats, None, False))
    # Inputs in all registers: whoever reads on after the last address finds the first again.
    full = eie.encode(eie.draw_layer(10, 64 * machine.n_pe, 0.1, 1), machine)
    inputs.append((full, np.ones(64 * machine.n_pe), cases[0].formats, None, False))
    for mem, activations, formats, bias, signed in inputs:
        inferred = eie.infer(mem, activations, machine, formats=formats, bias=bias, relu=False, signed=signed)
        report = eie.simulate(mem, activations, machine, signed=signed)
        keywords = {"mem": mem, "activations": activations, "formats": formats, "bias": bias, "signed": signed}
        found.append((keywords, report, inferred.raw, inferred.saturations))
    return found


@cache
def chained():
    """Two layers of which the second sees what ReLU leaves of the first."""
    point = FixedPoint(16, 9)
    formats = [LayerFormats(FixedPoint(16, 12), point, point)] * 2
    layers = [eie.draw_layer(40, 30, 0.4, 1), eie.draw_layer(20, 40, 0.4, 3)]
    activations = np.arange(30) % 4 / 2.0
    return layers, activations, formats


def geometry_of(parameters):
    keywords = expectations(parameters)[0][0]
    fitting = Geometry.fitting([keywords["mem"]], machine_of(parameters), [keywords["formats"]])
    return replace(fitting, pipelined=parameters is PIPELINED_SET)


def is_right(rtl, parameters):
    """Whether the RTL of a folder does what the model says, on all runs."""
    machine, geometry = machine_of(parameters), geometry_of(parameters)
    setting = {"machine": machine, "geometry": geometry, "rtl": rtl}
    try:
        for keywords, report, raw, saturations in expectations(parameters):
            found = hardware.simulate(**keywords, **setting)
            more = PIPELINE_CYCLES * report.vectors * geometry.pipelined
            if found.report != replace(report, cycles=report.cycles + more) or found.saturations != saturations:
                return False
            if (found.raw != raw).any():
                return False
        layers, activations, formats = chained()
        first, second = hardware.chain(layers, activations, formats=formats, **setting)
    except RuntimeError:  # it does not come to an end
        return False
    inputs = formats[0].output.real(np.maximum(first.raw, 0))
    return bool((second.raw == eie.step(layers[1], inputs, machine, formats=formats[1]).raw).all())


@pytest.fixture(scope="module")
def switched(tmp_path_factory):
    """The RTL with all mutants in it; a number that is written before each run chooses one, 0 none."""
    folder = shutil.copytree(build.RTL, tmp_path_factory.mktemp("mutants") / "rtl")
    write_switched(folder, NUMBERS)
    return folder


@pytest.mark.parametrize("parameters", [SET, PIPELINED_SET], ids=["exact", "pipelined"])
def test_the_true_rtl_is_right(parameters):
    assert is_right(build.RTL, parameters)


@pytest.mark.parametrize("parameters", [SET, PIPELINED_SET], ids=["exact", "pipelined"])
def test_the_rtl_with_no_mutant_chosen_is_right(switched, monkeypatch, parameters):
    choose(monkeypatch, 0)
    assert is_right(switched, parameters)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(switched, monkeypatch, name):
    choose(monkeypatch, NUMBERS[MUTANTS[name]])
    assert not is_right(switched, SET)


@pytest.mark.parametrize("name", PIPELINED)
def test_mutant_of_the_pipelined_rtl_is_killed(switched, monkeypatch, name):
    choose(monkeypatch, NUMBERS[PIPELINED[name]])
    assert not is_right(switched, PIPELINED_SET)


def test_a_queue_without_reset_is_killed(tmp_path):
    """Apart from the others, which are chosen after the reset."""
    folder = shutil.copytree(build.RTL, tmp_path / "rtl")
    text = (folder / "act_queue.sv").read_text(encoding="utf-8")
    (folder / "act_queue.sv").write_text(changed(text, NO_RESET), encoding="utf-8")
    assert not is_right(folder, SET)
