"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import reduce
from textwrap import fill, indent
from typing import Any

import click

Function = Callable[..., int | None]
Decorator = Callable[[Function], Function]


class Command(click.Command):
    """A command whose help ends with an example."""

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the options that show the help, also for a command that is not reached through the group."""
        return ["-h", "--help"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options; those that many commands share are one line of names, so that the help fits a screen."""
        parameters = self.get_params(ctx)
        options = [one for one in parameters if isinstance(one, click.Option) and not isinstance(one, Brief)]
        with formatter.section("Options"):
            formatter.write_dl([row for one in options if (row := one.get_help_record(ctx)) is not None])
        brief = [f"{one.opts[0]}\0{one.metavar}" for one in parameters if isinstance(one, Brief)]
        if brief:
            formatter.write_paragraph()
            wrapped = fill(", ".join(brief), formatter.width - 2, break_on_hyphens=False).replace("\0", " ")
            formatter.write("Machine, the paper's if left out:\n" + indent(wrapped, "  ") + "\n")

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog as the last line, at the left."""
        formatter.write_paragraph()
        formatter.write_text(self.epilog or "")


class Brief(click.Option):
    """An option of a machine, of which the help has the name only."""


class First(click.Option):
    """The first of two options that share a line of the help; the other one is hidden."""

    def __init__(self, *given: Any, label: str, **named: Any) -> None:
        super().__init__(*given, **named)
        self.label = label

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the names of both options, and the help."""
        return self.label, self.help or ""


class Group(Command, click.Group):
    """A group of commands whose help ends like theirs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; without any, the error lists the commands, where click prints the whole help."""
        if not args and not ctx.resilient_parsing:
            raise click.UsageError(f"Missing command; there are {', '.join(self.list_commands(ctx))}.", ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


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
            raise ValueError(f"--prune-to must be a fraction in 0..1 or NAME=fraction, got {text!r}") from None
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
    return click.option("-o", "--output", metavar=metavar, required=required, callback=_named, help=text)


def _named(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    if given == "":
        raise ValueError("--output must name a file or a folder, got an empty name")
    return given


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
    help="parameter to change; may be repeated; an invalid name lists all",
)
file = click.argument(
    "file", metavar="FILE", help="network: .onnx, .pt, .safetensors, .gguf, .npz, .eie, ...; or Alex-6"
)
prune_to = click.option(
    "--prune-to",
    "density",
    metavar="[NAME=]D",
    multiple=True,
    callback=fractions,
    help="prune dense layers to this density; may be repeated",
)
input_shapes = click.option(
    "--input",
    "input_shapes",
    metavar="[NAME=]SIZE",
    multiple=True,
    callback=shapes,
    help="size of an ONNX input: 1x3x224x224, or a .npy",
)


def brief(*names: str, metavar: str, read: Callable[[str], Any]) -> Decorator:
    """Make an option of a machine."""

    def callback(_context: click.Context, _parameter: click.Parameter, given: str | None) -> Any:
        return None if given is None else read(given)

    return click.option(*names, cls=Brief, metavar=metavar, callback=callback)


def _whole(name: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{name} must be a whole number, got {text!r}") from None

    return read


_HERTZ = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}
_LEAST_WITHOUT_UNIT_HZ = 1e6
"""Clock that no chip of today is below: a smaller number without a unit is rather one of MHz or GHz."""


def hertz(text: str) -> float:
    """Read a clock, such as 800MHz or 1.2 GHz; a number without a unit is in Hz.

    Raises
    ------
    ValueError
        When it is something else, or has no unit and is so small that another one must be meant.
    """
    match = re.fullmatch(r"([-+.\de]+?) *([kmg]?hz)?", text.strip().lower())
    try:
        number, unit = match.groups() if match else ("", None)
        found = float(number) * _HERTZ[unit or "hz"]
    except ValueError:
        raise ValueError(f"--clock must be a frequency, such as 800MHz or 1.2GHz, got {text!r}") from None
    if unit is None and 0 < found < _LEAST_WITHOUT_UNIT_HZ:
        raise ValueError(f"--clock must have a unit, such as {text}MHz or {text}Hz, got {text!r}")
    return found


def nanometres(text: str) -> float:
    """Read a feature size, such as 28 or 28nm.

    Raises
    ------
    ValueError
        When it is something else.
    """
    try:
        return float(text.strip().lower().removesuffix("nm"))
    except ValueError:
        raise ValueError(f"--feature-nm must be a number of nanometres, such as 28, got {text!r}") from None


layout = together(
    brief("--pe", "--n-pe", "n_pe", metavar="N", read=_whole("--pe")),
    brief("--index-bits", metavar="N", read=_whole("--index-bits")),
    brief("--weight-bits", metavar="N", read=_whole("--weight-bits")),
)
"""Fields of the machine that decide how a layer is encoded."""

machine = together(
    layout,
    brief("--fifo", "--fifo-depth", "fifo_depth", metavar="N", read=_whole("--fifo")),
    brief("--width", "--spmat-width-bits", "spmat_width_bits", metavar="BITS", read=_whole("--width")),
    brief("--clock", "--clock-hz", "clock_hz", metavar="800MHz", read=hertz),
    brief("--feature-nm", metavar="NM", read=nanometres),
)
"""All fields of a machine."""

formats = together(
    click.option(
        "--json",
        "form",
        cls=First,
        label="--json, --csv",
        flag_value="json",
        default=None,
        help="print JSON, or the table as CSV",
    ),
    click.option("--csv", "form", flag_value="csv", default=None, hidden=True),
)
"""Form in which a table is printed: text (None), JSON or CSV."""

technology = brief("--technology", metavar="FILE", read=str)
"""File of a technology's energies, which `eie.explore.own_technology` describes."""

activations = together(
    click.option("--act-density", metavar="D", type=float, help="draw inputs with this fraction of non-zero values"),
    click.option(
        "--activations",
        metavar="FILE",
        cls=First,
        label="--activations FILE",
        help="inputs, .npy or .npz; --signed allows negative ones",
    ),
    click.option("--signed", is_flag=True, hidden=True),
    integer("--seed", default=0, text="random seed (default: 0)"),
)
