"""The `eie` command."""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import eie
from eie._files import written_aside
from eie.cli import networks
from eie.datasets import catalogue
from eie.studies import pages

EXIT_CODES = "exit status: 0 done, 1 failed, 2 the command line or a value on it is wrong"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status = arguments.run(arguments) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads our output wants no more of it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"eie: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    except KeyboardInterrupt:
        print("eie: stopped; no file was left half-written", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    # Every command on a line of its own, so that the list fits a screen.
    form = partial(argparse.HelpFormatter, max_help_position=16)
    usage = "eie [-h] [--version] COMMAND ..."
    parser = argparse.ArgumentParser(
        prog="eie", usage=usage, description=eie.__doc__, epilog=EXIT_CODES, formatter_class=form, add_help=False
    )
    # The usage line names these two; listed again they would push the commands off the screen.
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"eie {eie.__version__}", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND, each with --help", prog="eie")

    table = _command(
        commands, "table", _table, "print a table of the paper as computed here", "eie table 4 -p n_pe 128"
    )
    table.add_argument("number", type=int, help="number of the table")
    _takes_changes(table)

    figure = _command(
        commands, "figure", _figure, "draw a figure of the paper as computed here", "eie figure 8 -o fig8.svg"
    )
    figure.add_argument("number", type=int, help="number of the figure")
    figure.add_argument("-o", "--output", metavar="FILE", help="picture: .svg, .png or .pdf (default: figureN.svg)")
    _takes_changes(figure)

    rerun = _command(
        commands,
        "rerun",
        _rerun,
        "run a page of the book again",
        'eie rerun fig08 -p fifo_depths "[2, 8, 32]" -o out.ipynb',
    )
    rerun.add_argument("page", help="name of the page, or how it begins; any other word lists all pages")
    rerun.add_argument("-o", "--output", metavar="FILE", required=True, help="executed notebook to write")
    _takes_changes(rerun)

    claims = _command(
        commands, "claims", _claims, "judge every claim of the paper that is kept here", "eie claims --json"
    )
    claims.add_argument("--json", action="store_true", help="for machines; exit status 1 if a verdict got worse")

    compress = _command(
        commands,
        "compress",
        _compress,
        "train and compress the LeNets of the book on MNIST",
        "eie compress --seeds 0 --schedule short -o build/lenets",
    )
    compress.add_argument("networks", nargs="*", metavar="NETWORK", help="lenet-300-100, lenet-5 (default: both)")
    compress.add_argument(
        "--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], metavar="SEED", help="default: 0 to 4"
    )
    compress.add_argument("--schedule", default="full", help="full (the default) or short")
    compress.add_argument("--sweep", action="store_true", help="also compress the first seed's to other sizes")
    compress.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        required=True,
        help="gets tables, networks and checkpoints; an earlier run goes on",
    )

    measure = _command(
        commands, "measure", _measure, "time the layers of Table III on this machine", "eie measure --quick"
    )
    measure.add_argument(
        "-o", "--output", metavar="FILE", help="result (default: where the book's pages look for yours)"
    )
    measure.add_argument("--layers", nargs="+", metavar="NAME", help="layers of Table III (default: all nine)")
    measure.add_argument("--quick", action="store_true", help="a trial: the smallest layer only, and shorter")

    accuracy = _command(
        commands,
        "accuracy",
        _accuracy,
        "measure real networks' accuracy by the width of arithmetic",
        "eie accuracy -o precision.csv",
    )
    accuracy.add_argument("-o", "--output", metavar="FILE", required=True, help="table to write")

    experiment = _command(
        commands, "experiment", _experiment, "run a longer experiment and write its table", "eie experiment w4a16"
    )
    experiment.add_argument("name", help="name of the table; any other word lists all")
    experiment.add_argument("-o", "--output", metavar="FILE", help="CSV file (default: the table of the book's page)")

    data = commands.add_parser("data", help="fetch data made by others", description="Data made by others.")
    kinds = data.add_subparsers(required=True, metavar="COMMAND")
    _command(kinds, "list", _data_list, "list the data sets, and which are at hand", "eie data list")
    fetch = _command(kinds, "fetch", _data_fetch, "get data sets that are not at hand", "eie data fetch mnist trunks")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="name of a data set, or all")
    path = _command(kinds, "path", _data_path, "print the folder of a data set", "eie data path mnist")
    path.add_argument("name", metavar="NAME", help="name of a data set")

    networks.add(partial(_command, commands))

    sweep = _command(
        commands,
        "sweep",
        _sweep,
        "simulate every combination of machine parameters",
        "eie sweep --pe 1..512 --fifo 2..256 -o sweep.parquet",
    )
    sweep.add_argument(
        "--layers", metavar="NAMES", default="table3", help="of Table III: table3 for all, or NT-We,NT-Wd"
    )
    sweep.add_argument("--sizes", metavar="SIZES", help="own layers: {'mine': [inputs, outputs, 0.1, 0.4]}")
    sweep.add_argument("--pe", metavar="N", default="64", help="PEs: 1,2,48 or 1..512, the powers of two in it")
    sweep.add_argument("--fifo", metavar="N", default="8", help="queue depths, likewise")
    sweep.add_argument("--width", metavar="N", default="64", help="bits of a sparse-matrix memory read, likewise")
    sweep.add_argument("--index-bits", metavar="N", default="4", help="bits of a relative index: 3,4 or 3..6")
    sweep.add_argument("--draws", metavar="N", type=int, default=1, help="draws of each layer (default: 1)")
    sweep.add_argument("--seed", metavar="N", type=int, default=0, help="names the random numbers (default: 0)")
    sweep.add_argument("--dask", metavar="ADDRESS", help="run on the Dask cluster of tcp://HOST:PORT")
    sweep.add_argument("-o", "--output", metavar="FILE", required=True, help=".parquet file; run again to go on")

    bench = _command(
        commands, "bench", _bench, "time EIE's format on this machine beside other libraries", "eie bench cpu"
    )
    bench.add_argument("what", choices=["cpu"], help="cpu: kernels of the processor, and of a GPU where there is one")
    bench.add_argument("-o", "--output", metavar="FILE", help="result (default: the one that comes with the project)")
    bench.add_argument("--quick", action="store_true", help="a trial: one density, two batches, and shorter")
    return parser


def _command(
    commands: Any, name: str, run: Callable[..., int | None], text: str, example: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=f"example: {example}"
    )
    parser.set_defaults(run=run)
    return parser


def _takes_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-p",
        dest="changes",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="change a parameter; may be given again; a wrong name lists the right ones",
    )


def _table(arguments: argparse.Namespace) -> None:
    tables = import_module("eie.studies.paper").TABLES
    exhibit = _exhibit(tables, "table", arguments)
    print(exhibit.table().to_string(float_format=lambda value: f"{value:.2f}", na_rep="-"))
    print("\n" + exhibit.words().replace("**", ""))


def _figure(arguments: argparse.Namespace) -> None:
    output = arguments.output or f"figure{arguments.number}.svg"
    if Path(output).suffix not in (".svg", ".png", ".pdf"):
        raise ValueError(f"the picture must be a .svg, .png or .pdf file, got {output!r}")
    import_module("matplotlib").use("Agg")
    figures = import_module("eie.studies.paper").FIGURES
    with written_aside(output) as aside:
        exhibit = _exhibit(figures, "figure", arguments)
        # Without the date the same figure gives the same file.
        exhibit.plot().savefig(aside, metadata={"Date": None} if output.endswith(".svg") else None)
    print(f"{exhibit.words()}\nwritten to {output}".replace("**", ""))


def _rerun(arguments: argparse.Namespace) -> None:
    pages.rerun(arguments.page, _changes(arguments), arguments.output, progress=sys.stderr.isatty())
    print(f"written to {arguments.output}")


def _claims(arguments: argparse.Namespace) -> int:
    text, status = import_module("eie.studies.claims").report(arguments.json)
    print(text)
    return int(status)


def _compress(arguments: argparse.Namespace) -> None:
    lenets = import_module("eie.compress.lenets")
    lenets.make(
        arguments.output, arguments.seeds, arguments.schedule, arguments.networks or None, sweep=arguments.sweep
    )
    print(f"written to {arguments.output}")


def _measure(arguments: argparse.Namespace) -> None:
    import_module("eie.studies.baselines.measure").run(arguments.output, arguments.layers, quick=arguments.quick)


def _accuracy(arguments: argparse.Namespace) -> None:
    table = import_module("eie.studies.paper.accuracy").run(arguments.output)
    print(f"{table.to_string(index=False, float_format='{:.2f}'.format)}\nwritten to {arguments.output}")


def _experiment(arguments: argparse.Namespace) -> None:
    written = import_module("eie.studies.experiments").run(arguments.name, arguments.output)
    print(f"written to {written}")


def _data_list(arguments: argparse.Namespace) -> None:
    for row in catalogue.overview():
        print(f"{row['name']:<17}{row['size']:>9}  {row['folder'] or 'not here'}")
        print(f"  {row['title']}; licence: {row['licence']}")


def _data_fetch(arguments: argparse.Namespace) -> int:
    names = catalogue.names() if arguments.names == ["all"] else arguments.names
    at_hand = {name: catalogue.find(name) for name in names}  # a wrong name is told before anything is fetched
    failed = 0
    for name, folder in at_hand.items():
        try:
            print(f"{name}: {folder or catalogue.fetch(name)}", flush=True)
        except OSError as error:
            print(f"eie: {error}", file=sys.stderr)
            failed = 1
    return failed


def _data_path(arguments: argparse.Namespace) -> None:
    print(catalogue.require(arguments.name))


def _sweep(arguments: argparse.Namespace) -> None:
    sweep, benchmarks = import_module("eie.explore.design_space"), import_module("eie.explore.benchmarks")
    names = None if arguments.layers == "table3" else [name for name in arguments.layers.split(",") if name]
    space = sweep.DesignSpace(
        benchmarks.select(names, arguments.sizes),
        n_pe=sweep.values("--pe", arguments.pe),
        fifo_depth=sweep.values("--fifo", arguments.fifo),
        spmat_width_bits=sweep.values("--width", arguments.width),
        index_bits=sweep.values("--index-bits", arguments.index_bits, doubling=False),
        draws=arguments.draws,
        seed=arguments.seed,
    )
    with sweep.dask(arguments.dask) if arguments.dask else nullcontext() as executor:
        new = sweep.run(space, arguments.output, executor)
    print(
        f"{space.points} points, {space.designs} designs: "
        + ("written to " if new else "already in ")
        + arguments.output
    )


def _bench(arguments: argparse.Namespace) -> None:
    print(
        f"written to {import_module('eie.studies.baselines.cpu_kernels').run(arguments.output, quick=arguments.quick)}"
    )


def _exhibit(exhibits: dict[int, Callable[..., Any]], kind: str, arguments: argparse.Namespace) -> Any:
    if arguments.number not in exhibits:
        listed = ", ".join(map(str, sorted(exhibits)))
        raise ValueError(f"there is no {kind} {arguments.number} here; there are {listed}")
    make, changes = exhibits[arguments.number], _changes(arguments)
    known = inspect.signature(make).parameters
    for name in changes:
        if name not in known:
            listed = ", ".join(f"{key} = {value.default!r}" for key, value in known.items())
            raise ValueError(f"there is no parameter {name!r}; this {kind} has {listed}")
    return make(**changes)


def _changes(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: _value(text) for name, text in arguments.changes}


def _value(text: str) -> Any:
    """A Python literal, or the text itself where it is none. Nothing is executed."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


if __name__ == "__main__":
    sys.exit(main())
