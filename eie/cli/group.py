"""The group of all commands, as click has it."""

from __future__ import annotations

from importlib import import_module

import click

import eie
from eie.cli import options
from eie.cli.commands import COMMANDS, EPILOG, OPTIONS, REST


class Commands(options.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Import a command; an unknown name is an error that suggests the nearest one."""
        if cmd_name not in COMMANDS:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=COMMANDS, ctx=ctx)
        module, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"eie.cli.{module}"), cmd_name)
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands only: the usage line names the options, and the list has to fit a screen."""
        self.format_commands(ctx, formatter)


@click.group(
    cls=Commands,
    help=str(eie.__doc__).splitlines()[0],
    epilog=EPILOG,
    options_metavar=OPTIONS,
    subcommand_metavar=REST,
)
@click.version_option(eie.__version__, message="eie %(version)s")
@click.option("--debug", is_flag=True, help="show where an error came from")
def cli(debug: bool) -> None:
    """Run the commands of the package."""
