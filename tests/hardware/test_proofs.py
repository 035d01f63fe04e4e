import shutil

import pytest

from eie.hardware import build
from eie.hardware.proofs import PROOFS, prove

pytestmark = pytest.mark.skipif(build.find_spec("pyosys") is None, reason="the proofs need pyosys")

MISTAKES = {
    "queue is full too early": (0, "act_queue", "full_o = after_tail == head_q", "full_o = valid_o"),
    "queue looks ahead to the slot behind": (0, "act_queue", "!valid_o || one_left ? column_i", "!valid_o ? column_i"),
    "queue takes the newest": (0, "act_queue", "act_o = acts[head_q]", "act_o = acts[tail_q - 1'b1]"),
    "no bypass": (1, "arithm_unit", "bypass_d = write2_q && row2_q == row1_q", "bypass_d = 1'b0"),
    "queue is full a cycle late": (0, "act_queue", "!pop_i && after_next == head_q", "1'b0"),
    "no rounding": (1, "arithm_unit", "{(DATA_BITS+1){1'b0}}, below}", "{(DATA_BITS+1){1'b0}}, 1'b0}"),
    "large part of the shift left out": (2, "arithm_unit", ">>> (places_i & ~LatePlaces)", ">>> (places_i & '0)"),
    "no saturation of far products": (1, "arithm_unit", "assign far = ", "assign far = 1'b0 && "),
    "no write-through": (1, "act_rw", "through = write_i && waddr_i == raddr", "through = 1'b0"),
}


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: "-".join([proof.name, *proof.parameters]))
def test_properties_hold_for_ever(proof):
    assert prove(proof) == "proved"


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refuted(name, tmp_path):
    which, file, line, wrong = MISTAKES[name]
    folder = shutil.copytree(build.RTL, tmp_path / "rtl")
    path = folder / f"{file}.sv"
    text = path.read_text(encoding="utf-8")
    assert text.count(line) == 1
    path.write_text(text.replace(line, wrong), encoding="utf-8")
    assert prove(PROOFS[which], folder) == "refuted"
