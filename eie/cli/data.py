"""Commands on data made by others."""

from __future__ import annotations

import sys

import click

from eie.cli import options
from eie.cli.terminal import print_table


@click.group(cls=options.Group, epilog="example: eie data fetch mnist")
def data() -> None:
    """Fetch data sets of other authors."""


@data.command("list", cls=options.Command, epilog="example: eie data list")
@options.formats
def list_data(form: str | None) -> None:
    """List the data sets and say which are available."""
    from eie.datasets import catalogue

    if form is not None:
        import pandas as pd

        print_table(pd.DataFrame(catalogue.overview()), form)
        return
    for row in catalogue.overview():
        print(f"{row['name']:<17}{row['size']:>9}  {row['folder'] or 'not here'}")
        print(f"  {row['title']}; licence: {row['licence']}")


@data.command(cls=options.Command, epilog="example: eie data fetch mnist trunks")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", help="names of data sets, or all")
def fetch(names: tuple[str, ...]) -> int:
    """Download data sets that are missing."""
    from eie.datasets import catalogue

    wanted = catalogue.names() if names == ("all",) else names
    at_hand = {name: catalogue.find(name) for name in wanted}  # a wrong name is reported before anything is fetched
    failed = 0
    for name, folder in at_hand.items():
        try:
            print(f"{name}: {folder or catalogue.fetch(name)}", flush=True)
        except OSError as error:
            print(f"eie: {error}", file=sys.stderr)
            failed = 1
    return failed


@data.command(cls=options.Command, epilog="example: eie data verify mnist")
@click.argument("names", nargs=-1, metavar="[NAME...]", help="names of data sets (default: all available)")
def verify(names: tuple[str, ...]) -> int:
    """Compare data sets with their hashes."""
    from eie.datasets import catalogue

    faults = {name: catalogue.verify(name) for name in names or filter(catalogue.find, catalogue.names())}
    for name, found in faults.items():
        print("\n".join(found) if found else f"{name}: right")
    wrong = [name for name, found in faults.items() if found]
    if wrong:
        print(f"eie: remove what is wrong, and run: eie data fetch {' '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


@data.command(cls=options.Command, epilog="example: eie data path mnist")
@click.argument("name", help="name of a data set")
def path(name: str) -> None:
    """Print the folder of a data set."""
    from eie.datasets import catalogue

    print(catalogue.require(name))
