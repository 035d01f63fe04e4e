"""Commands on the paper: its tables and figures, the pages about them, and its claims."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eie.cli import options
from eie.cli.terminal import print_table


@options.command("eie table 4 -p n_pe 128")
@click.argument("number", type=int, help="number of the table")
@options.changes
@options.formats
def table(number: int, changes: dict[str, Any], form: str | None) -> None:
    """Print a table of the paper, as computed by the model."""
    from eie.studies.paper import TABLES

    exhibit = _exhibit(TABLES, "table", number, changes)
    if form is not None:
        print_table(exhibit.table(), form)
        return
    print(exhibit.table().to_string(float_format=lambda value: f"{value:.2f}", na_rep="-"))
    print("\n" + _said(exhibit))


@options.command("eie figure 8 -o fig8.svg")
@click.argument("number", type=int, help="number of the figure")
@options.output("FILE", "picture: .svg, .png or .pdf (default: figureN.svg)")
@options.changes
def figure(number: int, output: str | None, changes: dict[str, Any]) -> None:
    """Draw a figure of the paper, as computed by the model."""
    target = output or f"figure{number}.svg"
    if Path(target).suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(f"the picture must be a .svg, .png or .pdf file, got {target!r}")
    import matplotlib

    matplotlib.use("Agg")
    from eie.studies.paper import FIGURES
    from eie.studies.plots.style import STYLE
    from eie.writing.aside import written_aside

    with written_aside(target) as aside:
        exhibit = _exhibit(FIGURES, "figure", number, changes)
        # Without the date, and with names made of a fixed word, the same figure gives the same file.
        with matplotlib.rc_context({"svg.hashsalt": STYLE["svg.hashsalt"]}):
            exhibit.plot().savefig(aside, metadata={"Date": None} if target.endswith(".svg") else None)
    if changes.get("own_layers"):  # a picture alone does not give their numbers
        print(exhibit.table().to_string(float_format=lambda value: f"{value:.2f}", na_rep="-"))
    print(f"{_said(exhibit)}\nwritten to {target}")


@options.command('eie rerun fig08 -p fifo_depths "[2, 8, 32]" -o out.ipynb')
@click.argument("page", help="page name or its beginning; any other word lists all")
@options.output("FILE", "executed notebook to write, or a page to look at: .ipynb or .html", required=True)
@options.changes
def rerun(page: str, output: str, changes: dict[str, Any]) -> None:
    """Run a page of the book."""
    from eie.studies import pages

    pages.rerun(page, changes, output, progress=sys.stderr.isatty())
    print(f"written to {output}")


@options.command("eie claims --json")
@options.formats
def claims(form: str | None) -> int:
    """Judge every claim of the paper that the book tests."""
    from eie.studies.claims import report

    text, status = report(form is not None)
    if form == "csv":
        import pandas as pd

        print_table(pd.json_normalize(json.loads(text)["claims"]), form)
    else:
        print(text)
    return int(status)


def _said(exhibit: Any) -> str:
    """Return the answer of a page, and then its further words, without Markdown's marks."""
    parts = [getattr(exhibit, name)() for name in ("answer", "words") if hasattr(exhibit, name)]
    return "\n\n".join(filter(None, parts)).replace("**", "")


def _exhibit(exhibits: dict[int, Callable[..., Any]], kind: str, number: int, changes: dict[str, Any]) -> Any:
    if number not in exhibits:
        listed = ", ".join(map(str, sorted(exhibits)))
        raise ValueError(f"there is no {kind} {number}; {kind}s are {listed}")
    make = exhibits[number]
    known = inspect.signature(make).parameters
    for name in changes:
        if name not in known:
            listed = ", ".join(f"{key} = {value.default!r}" for key, value in known.items())
            raise ValueError(f"there is no parameter {name!r}; this {kind} has {listed}")
    return make(**changes)
