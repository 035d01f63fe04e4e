"""The `eie` command: its groups of commands, and what it says when something fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

import eie
from eie.cli import options

COMMANDS = {
    "table": "paper",
    "figure": "paper",
    "rerun": "paper",
    "claims": "paper",
    "measure": "experiment",
    "experiment": "experiment",
    "data": "data",
    "inspect": "networks",
    "encode": "networks",
    "run": "networks",
    "explain": "networks",
    "sweep": "sweep",
    "rtl": "rtl",
}
"""The module of `eie.cli` that has each command, in the order of the help."""


class Commands(options.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command; an unknown name is an error that suggests the nearest one."""
        if cmd_name not in COMMANDS:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=COMMANDS, ctx=ctx)
        found: click.Command = getattr(import_module(f"eie.cli.{COMMANDS[cmd_name]}"), cmd_name)
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands only: the usage line names the options, and the list has to fit a screen."""
        self.format_commands(ctx, formatter)


@click.group(
    cls=Commands,
    help=eie.__doc__,
    epilog="exit status: 0 done, 1 failed, 2 the command line or a value on it is wrong",
    no_args_is_help=False,
    options_metavar="[-h] [--version]",
    subcommand_metavar="COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(eie.__version__, message="eie %(version)s")
def cli() -> None:
    """Run the commands of the package."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    try:
        status = _status(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads our output wants no more of it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "eie"
        return _fail(f"{error.format_message()} See '{where} --help'.", 2)
    except ValueError as error:
        return _fail(str(error), 2)
    except (OSError, ModuleNotFoundError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("stopped; no file was left half-written", 1)


def _status(arguments: list[str]) -> int:
    """Run without click's own handling of errors, which has other exit codes and more than one line."""
    try:
        with cli.make_context("eie", arguments) as context:
            return cli.invoke(context) or 0
    except click.exceptions.Exit as done:  # after --help and --version
        return done.exit_code


def _fail(message: str, status: int) -> int:
    print(f"eie: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
