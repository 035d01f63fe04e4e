"""Proofs of the RTL by induction, with the solver of yosys: unbounded, over all inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from eie.hardware.build import RTL, ToolError, yosys

FORMAL = Path(__file__).resolve().parent / "formal"
Verdict = Literal["proved", "refuted", "open"]
_VERDICTS: dict[str, Verdict] = {
    "Induction step proven: SUCCESS!": "proved",
    "model found for base case: FAIL!": "refuted",
    "Reached maximum number of time steps": "open",
}
_DEPTH, _MAX_STEPS = 8, 8
_FILES = ("sram", "reg_file", "act_rw", "act_queue", "arithm_unit")


@dataclass(frozen=True, slots=True)
class Proof:
    """A module of properties, with small sizes as its defaults, and what its taps are connected to.

    Attributes
    ----------
    name : str
        File and module in the folder `formal`.
    says : str
        What is proved.
    taps : dict
        Port of the properties, and the registers that it sees, the lowest bits last.
    parameters : dict
        Parameters of the module that are not its defaults.
    """

    name: str
    says: str
    taps: dict[str, tuple[str, ...]]
    parameters: dict[str, int] = field(default_factory=dict)


def _slots(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}[{k}]" for k in reversed(range(count)))


_ARITHMETIC = {
    "weight1_i": ("u_unit.weight1_q",),
    "act1_i": ("u_unit.act1_q",),
    "row1_i": ("u_unit.row1_q",),
    "write1_i": ("u_unit.write1_q",),
    "row2_i": ("u_unit.row2_q",),
    "write2_i": ("u_unit.write2_q",),
    "total2_i": ("u_unit.total2_q",),
    "cleared2_i": ("u_unit.cleared2_q",),
    "product2_i": ("u_unit.product2_q",),
    "regs_i": _slots("u_regs.u_b.regs", 2),
    "written_i": ("u_regs.u_b.written_q",),
}

PROOFS = (
    Proof(
        "act_queue_properties",
        f"a queue of depth {_DEPTH} counts to {_DEPTH - 1}, is full exactly then, keeps the order, and the pointers "
        "that were looked up are those of its head",
        {
            "head_i": ("u_queue.head_q",),
            "tail_i": ("u_queue.tail_q",),
            "columns_i": _slots("u_queue.columns", _DEPTH),
            "acts_i": _slots("u_queue.acts", _DEPTH),
        },
    ),
    Proof(
        "arithm_unit_properties",
        "bypass, write-through, rounding and saturation give what a reference gives that takes one cycle",
        _ARITHMETIC,
    ),
    Proof(
        "arithm_unit_properties",
        "so they do where stage 2 makes a part of the shift, as on an FPGA",
        _ARITHMETIC,
        {"EARLY_BITS": 1},
    ),
)


def prove(proof: Proof, rtl: Path = RTL) -> Verdict:
    """Prove the properties of a module by induction.

    Returns
    -------
    str
        `"proved"`; `"refuted"` when a run from reset breaks a property; `"open"` when no induction is found.

    Raises
    ------
    eie.hardware.build.ToolError
        When pyosys is missing, or cannot read the RTL.
    """
    files = " ".join([*(str(rtl / f"{name}.sv") for name in _FILES), str(FORMAL / f"{proof.name}.sv")])
    # Without -nounset, a tap would lose what already hangs on it.
    taps = [f"connect -nounset -set {port} {','.join(names)}" for port, names in proof.taps.items()]
    script = [f"read_verilog -sv -formal {files}"]
    script += [f"chparam -set {name} {value} {proof.name}" for name, value in proof.parameters.items()]
    script += [f"hierarchy -check -top {proof.name}", "proc", "flatten"]
    script += ["memory_collect", "memory_map", *taps, "chformal -lower", "opt_clean"]
    script += [f"sat -tempinduct -prove-asserts -set-assumes -set-init-zero -maxsteps {_MAX_STEPS}"]
    said = yosys(script)
    for words, verdict in _VERDICTS.items():
        if words in said:
            return verdict
    raise ToolError(f"yosys gave no verdict on {proof.name}")
