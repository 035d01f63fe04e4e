"""Commands that measure: longer experiments, and times on this machine."""

from __future__ import annotations

import click

from eie.cli import options


@options.command("eie compress --seeds 0 --schedule short -o build/lenets")
@click.argument("networks", nargs=-1, metavar="[NETWORK]...", help="lenet-300-100, lenet-5 (default: both)")
@click.option("--seeds", multiple=True, type=int, metavar="SEED", help="may be given again (default: 0 to 4)")
@click.option("--schedule", default="full", help="full (the default) or short")
@click.option("--sweep", is_flag=True, help="also compress the first seed's to other sizes")
@options.output("FOLDER", "gets tables, networks and checkpoints; an earlier run goes on", required=True)
def compress(networks: tuple[str, ...], seeds: tuple[int, ...], schedule: str, sweep: bool, output: str) -> None:
    """Train and compress the LeNets of the book on MNIST."""
    from eie.compress import lenets

    lenets.make(output, list(seeds) or [0, 1, 2, 3, 4], schedule, list(networks) or None, sweep=sweep)
    print(f"written to {output}")


@options.command("eie measure --quick")
@options.output("FILE", "result (default: where the book's pages look for yours)")
@click.option("--layers", multiple=True, metavar="NAME", help="layer of Table III; may be given again (default: all)")
@click.option("--quick", is_flag=True, help="a trial: the smallest layer only, and shorter")
def measure(output: str | None, layers: tuple[str, ...], quick: bool) -> None:
    """Time the layers of Table III on this machine."""
    from eie.studies.baselines.measure import run

    run(output, list(layers) or None, quick=quick)


@options.command("eie accuracy -o precision.csv")
@options.output("FILE", "table to write", required=True)
def accuracy(output: str) -> None:
    """Measure real networks' accuracy by the width of arithmetic."""
    from eie.studies.paper.accuracy import run

    table = run(output)
    print(f"{table.to_string(index=False, float_format='{:.2f}'.format)}\nwritten to {output}")


@options.command("eie experiment w4a16")
@click.argument("name", help="name of the table; any other word lists all")
@options.output("FILE", "CSV file (default: the table of the book's page)")
def experiment(name: str, output: str | None) -> None:
    """Run a longer experiment and write its table."""
    from eie.studies.experiments import run

    print(f"written to {run(name, output)}")


@options.command("eie bench cpu")
@click.argument(
    "what", type=click.Choice(["cpu"]), help="cpu: kernels of the processor, and of a GPU where there is one"
)
@options.output("FILE", "result (default: the one that comes with the project)")
@click.option("--quick", is_flag=True, help="a trial: one density, two batches, and shorter")
def bench(what: str, output: str | None, quick: bool) -> None:
    """Time EIE's format on this machine beside other libraries."""
    from eie.studies.baselines.cpu_kernels import run

    print(f"written to {run(output, quick=quick)}")
