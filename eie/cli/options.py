"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., int | None]
Decorator = Callable[[Function], Function]


class Command(click.Command):
    """A command whose help ends with an example."""

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog as the last line, at the left."""
        formatter.write_paragraph()
        formatter.write_text(self.epilog or "")


class Group(Command, click.Group):
    """A group of commands whose help ends like theirs."""


def command(example: str, name: str | None = None) -> Callable[[Function], click.Command]:
    """Make a command of a function; its docstring becomes the help."""
    return click.command(name, cls=Command, epilog=f"example: {example}")


def value(text: str) -> Any:
    """Read a Python literal, or return the text itself where it is none. Nothing is executed."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def fractions(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, float] | None:
    """Read densities by layer; `*` stands for all other layers. Return None where no density is given."""
    found = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            found[name or "*"] = float(number)
        except ValueError:
            raise ValueError(f"--prune-to must be a fraction of 0..1 or NAME=fraction, got {text!r}") from None
    return found or None


def output(metavar: str, text: str, *, required: bool = False) -> Decorator:
    """Make the option for the file or folder to write."""
    return click.option("-o", "--output", metavar=metavar, required=required, help=text)


changes = click.option(
    "-p",
    "changes",
    type=(str, value),
    multiple=True,
    metavar="NAME VALUE",
    callback=lambda _context, _parameter, given: dict(given),
    help="change a parameter; may be given again; a wrong name lists the right ones",
)
file = click.argument(
    "file", metavar="FILE", help="ONNX, PyTorch, safetensors, .npz, .mtx, .eie, or a layer of Table III"
)
prune_to = click.option(
    "--prune-to",
    "density",
    metavar="[NAME=]D",
    multiple=True,
    callback=fractions,
    help="prune dense layers to this; may be repeated",
)
index_bits = click.option("--index-bits", metavar="N", type=int, help="bits of a relative index (default: 4)")
n_pe = click.option("--pe", "--n-pe", "n_pe", metavar="N", type=int, help="PEs (default: 64)")
weight_bits = click.option("--weight-bits", metavar="N", type=int, help="bits of a code (default: 4)")
_QUEUES = (
    click.option(
        "--fifo", "--fifo-depth", "fifo_depth", metavar="N", type=int, help="depth of the queues (default: 8)"
    ),
    click.option(
        "--width",
        "--spmat-width-bits",
        "spmat_width_bits",
        metavar="N",
        type=int,
        help="bits per weight-memory read (default: 64)",
    ),
)
_ACTIVATIONS = (
    click.option("--act-density", metavar="D", type=float, help="draw inputs of which this fraction is not 0"),
    click.option("--activations", metavar="FILE", help=".npy of inputs, or .npz with one per layer"),
    click.option("--signed", is_flag=True, help="allow negative inputs"),
    click.option("--seed", metavar="N", type=int, default=0, help="random seed (default: 0)"),
)


def machine(function: Function) -> Function:
    """Add the parameters of a machine that runs a network."""
    return _all(n_pe, index_bits, *_QUEUES)(function)


def activations(function: Function) -> Function:
    """Add the options that say what the inputs are."""
    return _all(*_ACTIVATIONS)(function)


def _all(*decorators: Decorator) -> Decorator:
    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
