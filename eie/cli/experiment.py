"""Commands that measure: tables that take longer, and times on this machine."""

from __future__ import annotations

import click

from eie.cli import options
from eie.cli.terminal import print_table


@options.command("eie experiment lenets --slice seed=0 -o lenets.csv")
@click.argument("name", required=False, help="name of the table; if left out, all are listed")
@click.option("--list", "only_list", is_flag=True, help="list the tables")
@click.option("--slice", "slices", multiple=True, metavar="NAME=VALUE", help="compute only this part; may be repeated")
@options.formats
@options.output("FILE", "table (default: its name, in the current folder); continues an earlier run")
def experiment(
    name: str | None, only_list: bool, slices: tuple[str, ...], form: str | None, output: str | None
) -> None:
    """Repeat a measurement of the book, or a part of it."""
    from eie.studies.experiments import listed, run

    if form is not None and not only_list and name is not None:
        raise ValueError(f"--{form} is for the list of the tables; a table is written to a file")
    if form is not None:
        import pandas as pd

        print_table(pd.DataFrame(list(listed().items()), columns=["name", "title"]), form)
    elif only_list or name is None:
        print("\n".join(f"{table:<18}{about}" for table, about in listed().items()))
    else:
        print(f"written to {run(name, output, _by_name(slices))}")


def _by_name(slices: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in slices:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--slice must be NAME=VALUE, got {text!r}")
        found.setdefault(name, []).append(value)
    return found


@options.command("eie measure --quick")
@options.output("FILE", "result (default: where the book's pages look for yours)")
@click.option("--layers", multiple=True, metavar="NAME", help="layer of Table III; may be repeated (default: all)")
@click.option("--quick", is_flag=True, help="trial: only the smallest layer, with fewer repeats")
def measure(output: str | None, layers: tuple[str, ...], quick: bool) -> None:
    """Time the layers of Table III on this machine."""
    from eie.studies.baselines.measure import run

    print(f"written to {run(output, list(layers) or None, quick=quick)}")
