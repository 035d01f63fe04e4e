"""What a page says when it was run for another machine than the paper's."""

from __future__ import annotations

from eie.machine import Machine

_NAMED = {
    "n_pe": ("{:g} PEs", 1.0),
    "fifo_depth": ("queues of depth {:g}", 1.0),
    "spmat_width_bits": ("reads of {:g} bits", 1.0),
    "clock_hz": ("a clock of {:g} MHz", 1e-6),
}


def another_machine(machine: Machine) -> str:
    """A warning that published numbers are of another machine, to stand before the words; empty if they are not.

    Such as "**Not the paper's machine: 128 PEs instead of 64.** ".
    """
    paper = Machine()
    other = [
        f"{text.format(scale * getattr(machine, name))} instead of {scale * getattr(paper, name):g}"
        for name, (text, scale) in _NAMED.items()
        if getattr(machine, name) != getattr(paper, name)
    ]
    return f"**Not the paper's machine: {', '.join(other)}.** What follows compares two machines. " if other else ""
