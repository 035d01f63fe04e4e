"""All commands and their help, which is printed without click: its import takes several times as long as all this."""

from __future__ import annotations

import os
from textwrap import fill

import eie

COMMANDS = {
    "table": ("paper", "Print a table of the paper, as computed by the model."),
    "figure": ("paper", "Draw a figure of the paper, as computed by the model."),
    "rerun": ("paper", "Run a page of the book."),
    "claims": ("paper", "Judge every claim of the paper that the book tests."),
    "measure": ("experiment", "Time the layers of Table III on this machine."),
    "experiment": ("experiment", "Repeat a measurement of the book, or a part of it."),
    "data": ("data", "Fetch data sets of other authors."),
    "inspect": ("networks", "List the layers of a file and the parts that do not run."),
    "encode": ("networks", "Encode a network into an .eie file."),
    "run": ("networks", "Run a network layer by layer and write a report."),
    "explain": ("networks", "Break down the cycles of one layer."),
    "sweep": ("sweep", "Simulate all combinations of machine parameters."),
    "rtl": ("rtl", "Run the machine in SystemVerilog, bit by bit."),
}
"""The module of `eie.cli` that has each command, and the first line of its help, in the order of the help."""
OPTIONS, REST = "[-h] [--version] [--debug]", "COMMAND ..."
EPILOG = "exit status: 0 done, 1 failed, 2 the command line or a value is not valid"
_WIDTH = 80
"""Columns of a terminal, from which on the help looks the same."""


def print_help() -> int:
    """Print the help of all commands as click does; returns the exit status."""
    longest = max(map(len, COMMANDS))
    print(f"Usage: eie {OPTIONS} {REST}\n")
    print(fill(str(eie.__doc__).splitlines()[0], _WIDTH - 2, initial_indent="  ", subsequent_indent="  "))
    print("\nCommands:")
    for name, (_, words) in COMMANDS.items():
        print(f"  {name:{longest}}  {words}")
    print(f"\n{EPILOG}")
    return 0


def is_wide() -> bool:
    """Tell whether the terminal, or what stands for it, has as many columns as the help may take."""
    columns = os.environ.get("COLUMNS", "")
    try:
        return (int(columns) if columns.isdigit() else 0 or os.get_terminal_size(1).columns or _WIDTH) >= _WIDTH
    except OSError:  # a pipe or a file
        return True
