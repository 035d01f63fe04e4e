"""The `eie` command, and what it says when something fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eie.cli.commands import is_wide, print_help


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        status = print_help() if arguments in (["-h"], ["--help"]) and is_wide() else _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads our output wants no more of it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ValueError as error:
        return _fail(str(error), 2)
    except (OSError, ModuleNotFoundError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("stopped; no file was left half-written", 1)


def _run(arguments: list[str]) -> int:
    """Run without click's own handling of errors, which has other exit codes and more than one line."""
    import click

    from eie.cli.group import cli

    try:
        with cli.make_context("eie", arguments) as context:
            return cli.invoke(context) or 0
    except click.exceptions.Exit as done:  # after --help and --version
        return done.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "eie"
        return _fail(f"{error.format_message()} See '{where} --help'.", 2)


def _fail(message: str, status: int) -> int:
    print(f"eie: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
