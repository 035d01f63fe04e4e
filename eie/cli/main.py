"""The `eie` command, and what it says when something fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eie.cli.commands import is_wide, print_help

EXTRAS = {
    **dict.fromkeys(("onnx", "safetensors", "ml_dtypes", "torch", "sentencepiece", "sacrebleu"), "networks"),
    "pyarrow": "sweep",
    "distributed": "dask",
    "papermill": "book",
}
"""The extra of this package that has a package which is not installed."""

MAX_LETTERS = 2048
"""Letters of a message; what is longer, such as a name of 70,000 letters, is cut in its middle."""

_NO_MEMORY = "failed to map segment"
"""Message of the system's loader about a library that does not fit into memory."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status. No error leaves it."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        status = print_help() if arguments in (["-h"], ["--help"]) and is_wide() else _run(arguments.copy())
        sys.stdout.flush()
        return status
    except SystemExit:
        raise
    except BaseException as error:
        if arguments[:1] == ["--debug"]:
            import traceback

            traceback.print_exc()
        return _told(error)


def _run(arguments: list[str]) -> int:
    """Run without click's own handling of errors, which has other exit codes and more than one line."""
    import click

    from eie.cli.group import cli
    from eie.cli.terminal import plain_output

    try:
        with plain_output(), cli.make_context("eie", arguments) as context:
            return cli.invoke(context) or 0
    except click.exceptions.Exit as done:  # after --help and --version
        return done.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "eie"
        return _fail(f"{error.format_message()} See '{where} --help'.", 2)


def _told(error: BaseException) -> int:
    """Say in one line what went wrong, and return the exit status."""
    try:
        sys.stdout.flush()
    except OSError:  # what is left of the output has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # who reads our output wants no more of it, such as `head`
        return 1
    if _was_stopped(error):
        return _fail("stopped; no file was left half-written", 1)
    if isinstance(error, ValueError):
        return _fail(str(error), 2)
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS and "pip install" not in str(error):
        return _fail(
            f"this needs the package {error.name}; install it with: pip install 'eie[{EXTRAS[error.name]}]'", 1
        )
    if isinstance(error, FileNotFoundError) and error.filename is None and error.errno and not _is_somewhere():
        return _fail("the current folder is gone; change to another one", 1)
    if isinstance(error, (OSError, ModuleNotFoundError)):
        return _fail(str(error), 1, has_lines=getattr(error, "has_lines", False))
    if isinstance(error, MemoryError):
        return _fail(f"there is not enough memory: {str(error) or 'this needs more than there is'}", 1)
    if isinstance(error, ImportError) and _NO_MEMORY in str(error):
        return _fail(f"there is not enough memory to load a library: {error}", 1)
    said = " ".join(str(error).split())[:200]
    return _fail(f"{type(error).__name__}: {said}; to see where: eie --debug COMMAND ..", 1)


def _is_somewhere() -> bool:
    """Tell whether the current folder still exists."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _was_stopped(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is behind an error: a library that is being imported may turn it into another."""
    return error is not None and (
        isinstance(error, KeyboardInterrupt) or _was_stopped(error.__cause__ or error.__context__)
    )


def _fail(message: str, status: int, has_lines: bool = False) -> int:
    """Print a message in one line, unless it has lines of its own, as a licence; return the status."""
    from eie.writing.names import visible

    line = visible(message) if has_lines else visible(message).replace("\n", "\\n")
    if len(line) > MAX_LETTERS and not has_lines:
        line = f"{line[: MAX_LETTERS // 2]} ... {line[-MAX_LETTERS // 2 :]}"
    print(f"eie: {line}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
