"""Small mistakes in the RTL, all in one build: a number that is written into the chip chooses one of them."""

import re
from dataclasses import dataclass

import numpy as np

from eie.hardware.chip import Chip

SWITCH = 7
"""Memory of input/output mode, free in the RTL, that stands for the number; the address is its value."""
_REGISTER = f"""
  logic [7:0] mutant_i;

  always_ff @(posedge clk_i) if (io_write_i && io_target_i == 3'd{SWITCH}) mutant_i <= 8'(io_addr_i);
"""
_COMMENT = re.compile(r"//.*")
_ASSIGNS = re.compile(r"\s<?=\s")
_INSTANCE = re.compile(r"^  +\) u_\w+ \($", re.M)


@dataclass(frozen=True)
class Mutant:
    """A piece of the RTL, and what stands there instead."""

    file: str
    line: str
    wrong: str


def changed(text, mutant):
    """Put a mutant into the text of its file."""
    assert text.count(mutant.line) == 1, mutant
    return text.replace(mutant.line, mutant.wrong)


def write_switched(folder, numbers):
    """Put all mutants into the RTL of a folder, by their numbers, and a way for the number into each module."""
    for path in folder.glob("*.sv"):
        own = {number: mutant for mutant, number in numbers.items() if mutant.file == path.stem}
        text = _with_choices(_COMMENT.sub("", path.read_text(encoding="utf-8")), own)
        if path.stem == "eie_top":
            text = text.replace("\n);\n", f"\n);\n{_REGISTER}", 1)
        else:
            text = text.replace("\n) (\n", "\n) (\n  input logic [7:0] mutant_i,\n", 1)
        path.write_text(_INSTANCE.sub(r"\g<0>\n    .mutant_i(mutant_i),", text), encoding="utf-8")


def choose(monkeypatch, number):
    """Let every chip that is made from now on have the mutant of this number."""
    made = Chip.__init__

    def init(self, *args, **keywords):
        made(self, *args, **keywords)
        self._write(SWITCH, 0, number, np.zeros((1, 1), np.uint32))

    monkeypatch.setattr(Chip, "__init__", init)


def _with_choices(text, mutants):
    """Replace each statement that mutants change by a choice; statements end with a semicolon."""
    for mutant in mutants.values():
        changed(text, mutant)
    statements = text.split(";")
    for k, right in enumerate(statements):
        for number, mutant in mutants.items():
            if mutant.line in right:
                statements[k] = _choice(number, changed(right, mutant), statements[k])
    return ";".join(statements)


def _choice(number, wrong, right):
    """Write one statement that does what the wrong one does if it has this number, and else what the right one does."""
    (target, value), (wrong_target, wrong_value) = _cut(right), _cut(wrong)
    if target == wrong_target:
        return f"{target}mutant_i == 8'd{number} ? ({wrong_value}) : ({value})"
    return f" if (mutant_i == 8'd{number}) {wrong}; else {right}"


def _cut(statement):
    """Cut a statement behind its sign of assignment."""
    sign = _ASSIGNS.search(statement)
    assert sign, statement
    return statement[: sign.end()], statement[sign.end() :]
