"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from typing import Any

import click

Function = Callable[..., int | None]
Decorator = Callable[[Function], Function]


class Command(click.Command):
    """A command whose help ends with an example."""

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the options that show the help, also for a command that is not reached through the group."""
        return ["-h", "--help"]

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog as the last line, at the left."""
        formatter.write_paragraph()
        formatter.write_text(self.epilog or "")


class Group(Command, click.Group):
    """A group of commands whose help ends like theirs."""


def command(example: str) -> Callable[[Function], click.Command]:
    """Make a command of a function; its docstring becomes the help."""
    return click.command(cls=Command, epilog=f"example: {example}")


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


def shapes(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, tuple[int, ...]] | None:
    """Read the sides of inputs by name; no name stands for the only input. Return None where none are given."""
    from eie.formats.onnx_shapes import sides_of

    named = [text.rpartition("=") for text in given]
    return {name: sides_of(text) for name, _, text in named} or None


def output(metavar: str, text: str, *, required: bool = False) -> Decorator:
    """Make the option for the file or folder to write."""
    return click.option("-o", "--output", metavar=metavar, required=required, help=text)


def integer(*names: str, text: str, default: int | None = None) -> Decorator:
    """Make the option for a whole number."""
    return click.option(*names, metavar="N", type=int, default=default, help=text)


def together(*options: Decorator) -> Decorator:
    """Join options into one decorator; help lists them in this order."""
    return lambda function: reduce(lambda decorated, option: option(decorated), reversed(options), function)


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
    "file", metavar="FILE", help="ONNX, PyTorch, safetensors, .gguf, .npz, .mtx, .smtx, .eie, or a layer of Table III"
)
prune_to = click.option(
    "--prune-to",
    "density",
    metavar="[NAME=]D",
    multiple=True,
    callback=fractions,
    help="prune dense layers to this; may be repeated",
)
input_shapes = click.option(
    "--input",
    "input_shapes",
    metavar="[NAME=]SIZE",
    multiple=True,
    callback=shapes,
    help="size of an ONNX file's input: 1x3x224x224, or a .npy",
)
n_pe = integer("--pe", "--n-pe", "n_pe", text="PEs (default: 64)")
index_bits = integer("--index-bits", text="bits of a relative index (default: 4)")
weight_bits = integer("--weight-bits", text="bits of a code (default: 4)")
machine = together(
    n_pe,
    index_bits,
    integer("--fifo", "--fifo-depth", "fifo_depth", text="depth of the queues (default: 8)"),
    integer("--width", "--spmat-width-bits", "spmat_width_bits", text="bits per weight-memory read (default: 64)"),
)
activations = together(
    click.option("--act-density", metavar="D", type=float, help="draw inputs of which this fraction is not 0"),
    click.option("--activations", metavar="FILE", help=".npy of inputs, or .npz with one per layer"),
    click.option("--signed", is_flag=True, help="allow negative inputs"),
    integer("--seed", default=0, text="random seed (default: 0)"),
)
