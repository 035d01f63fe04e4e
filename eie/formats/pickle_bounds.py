"""Bounds on what a pickle builds, checked on its instructions before anything follows them.

A tuple that is nested deep enough crashes the interpreter once it is a key; one that holds itself twice at each of 40
levels keeps it busy for hours. Both take less than a kilobyte.
"""

from __future__ import annotations

import pickletools
import warnings
from mmap import mmap
from typing import IO

MAX_INSTRUCTIONS = 2**20
"""Instructions of one pickle; a tensor takes about 40."""

MAX_DEPTH = 32
"""Levels of tuples and calls in each other; a parameter's tensor has 7."""

MAX_VALUES = 10_000
"""Values in a tuple or a call, those of the tuples in it counted each time; a tensor has about 20."""

MAX_NAME = 1000
"""Letters in the name of a class or function; PyTorch's message about an unknown one takes time by their square."""

Size = tuple[int, int]
"""Depth and number of values."""

_FILLS = ("SETITEM", "SETITEMS", "APPEND", "APPENDS", "ADDITEMS", "BUILD")
"""Instructions that put values into the one below them; lists, dictionaries and sets are never keys."""


def check(data: IO[bytes] | mmap) -> None:
    """Read one pickle to its end, and raise a `ValueError` where it builds too much."""
    stack: list[Size | None] = []  # None is a mark
    memo: dict[int, Size | None] = {}
    with warnings.catch_warnings(action="ignore"):  # about odd texts, which PyTorch refuses
        for number, (instruction, argument, at) in enumerate(pickletools.genops(data)):  # type: ignore[arg-type]
            if number >= MAX_INSTRUCTIONS:
                raise ValueError(f"a pickle must have at most {MAX_INSTRUCTIONS} instructions, goes on at byte {at}")
            name = instruction.name
            if name == "GLOBAL" and len(str(argument)) > MAX_NAME:
                raise ValueError(f"a name must have at most {MAX_NAME} letters, has {len(str(argument))} at byte {at}")
            if name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
                memo[len(memo) if argument is None else argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET", "GET"):
                stack.append(memo[int(argument or 0)])
            elif name == "MARK":
                stack.append(None)
            else:
                _follow(instruction, stack, at or 0)


def _follow(instruction: pickletools.OpcodeInfo, stack: list[Size | None], at: int) -> None:
    before = [each.name for each in instruction.stack_before]
    taken = []
    if "mark" in before:
        while (value := stack.pop()) is not None:
            taken.append(value)
    taken += [stack.pop() or (1, 1) for _ in before[: before.index("mark") if "mark" in before else len(before)]]
    made = (1 + max((depth for depth, _ in taken), default=0), 1 + sum(values for _, values in taken))
    if instruction.name in _FILLS:
        made = taken[-1]
    elif instruction.stack_after and (made[0] > MAX_DEPTH or made[1] > MAX_VALUES):
        raise ValueError(
            f"values must be at most {MAX_DEPTH} levels deep and {MAX_VALUES} in one, byte {at} of the pickle makes "
            f"{made[0]} levels of {made[1]} values"
        )
    stack.extend([made] * len(instruction.stack_after))
