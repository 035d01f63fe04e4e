"""Boolean functions of cells, as Liberty writes them, and their truth tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product

from eie.formats import FormatError

MAX_INPUTS = 6
"""A truth table of six inputs fills 64 bits."""
_TOKEN = re.compile(r"\s*(?:(\w+)|([!'&*|+^()]))")
_LEVELS = ("|+", "^", "&*")
"""Operators between two operands, the one that binds least first; operands side by side are an "and"."""

Node = tuple[str, ...] | tuple[str, "Node"] | tuple[str, "Node", "Node"]


def value(function: str, pins: Mapping[str, int]) -> int:
    """Return 0 or 1, the value of a function.

    Parameters
    ----------
    function : str
        Such as "!(A1 & A2)"; "and" is `&`, `*` or a space, "or" is `|` or `+`, "not" is `!` before or `'` behind.
    pins : mapping of str to int
        Value of each pin, 0 or 1.

    Raises
    ------
    FormatError
        When it is not a function of these pins.
    """
    return _value(_parsed(function), pins, function)


def table(function: str, inputs: Sequence[str]) -> int:
    """Return a truth table: bit i is the value when input k is bit k of i."""
    if len(inputs) > MAX_INPUTS:
        raise FormatError(f"a function must have at most {MAX_INPUTS} inputs, {function!r} has {len(inputs)}")
    found = 0
    for i in range(1 << len(inputs)):
        found |= value(function, {name: i >> k & 1 for k, name in enumerate(inputs)}) << i
    return found


def possible(function: str, known: Mapping[str, int]) -> bool:
    """Tell whether a function can be 1 when some of its pins are known; an empty function can."""
    if not function.strip():
        return True
    free = sorted(set(re.findall(r"\b[A-Za-z_]\w*", function)) - set(known))
    states = (dict(zip(free, bits, strict=True)) for bits in product((0, 1), repeat=len(free)))
    return any(value(function, {**known, **state}) for state in states)


@cache
def _parsed(function: str) -> Node:
    words = _words(function)
    node, rest = _either(words, 0)
    if rest:
        raise FormatError(f"not a function of a cell: {function!r}")
    return node


def _words(function: str) -> list[str]:
    words, place = [], 0
    while place < len(function.rstrip()):
        match = _TOKEN.match(function, place)
        if match is None:
            raise FormatError(f"not a function of a cell: {function!r}")
        words.append(match[1] or match[2])
        place = match.end()
    return words


def _either(words: list[str], level: int) -> tuple[Node, list[str]]:
    """Read operands with one kind of operator between them."""
    if level == len(_LEVELS):
        return _operand(words)
    node, rest = _either(words, level + 1)
    beside = level == len(_LEVELS) - 1
    while rest and (rest[0] in _LEVELS[level] or (beside and (rest[0] in "!(" or rest[0][0].isalnum()))):
        after = rest[1:] if rest[0] in _LEVELS[level] else rest
        other, rest = _either(after, level + 1)
        node = (_LEVELS[level][0], node, other)
    return node, rest


def _operand(words: list[str]) -> tuple[Node, list[str]]:
    if not words:
        raise FormatError("not a function of a cell: an operand is missing")
    first, rest = words[0], words[1:]
    if first == "!":
        node, rest = _operand(rest)
        return ("!", node), rest
    node = (first,)
    if first == "(":
        node, rest = _either(rest, 0)
        if not rest or rest[0] != ")":
            raise FormatError("not a function of a cell: a bracket is not closed")
        rest = rest[1:]
    elif not re.fullmatch(r"\w+", first):
        raise FormatError(f"not a function of a cell: {first!r} where an operand should be")
    while rest and rest[0] == "'":
        node, rest = ("!", node), rest[1:]
    return node, rest


def _value(node: Node, pins: Mapping[str, int], function: str) -> int:
    kind = str(node[0])
    if len(node) == 1:
        if kind in ("0", "1"):
            return int(kind)
        if kind not in pins:
            raise FormatError(f"the function {function!r} has no pin {kind!r}; there are {', '.join(pins)}")
        return pins[kind]
    operands = [_value(inner, pins, function) for inner in node[1:]]  # type: ignore[arg-type]
    if kind == "!":
        return 1 - operands[0]
    left, right = operands
    return {"|": left | right, "^": left ^ right, "&": left & right}[kind]
