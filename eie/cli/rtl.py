"""Commands on the hardware: run the RTL, write its memories, check it against the model, and draw its waveforms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from eie.cli import options, rtl_silicon
from eie.cli.terminal import print_table

if TYPE_CHECKING:
    from eie.hardware.layers import Drawn

_LAYER = (
    click.option("--outputs", metavar="N", type=int, default=256, help="outputs of the layer (default: 256)"),
    click.option("--inputs", metavar="N", type=int, default=256, help="inputs of the layer (default: 256)"),
    click.option("--density", metavar="D", type=float, default=0.1, help="fraction of weights kept (default: 0.1)"),
    click.option(
        "--act-density", metavar="D", type=float, default=0.35, help="fraction of inputs that are not 0 (default: 0.35)"
    ),
    click.option("--seed", metavar="N", type=int, default=0, help="random seed (default: 0)"),
    options.machine,
)


def layer(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the parameters of a synthetic layer and of a machine."""
    for option in reversed(_LAYER):
        function = option(function)
    return function


@click.group(cls=options.Group, epilog="example: eie rtl check")
def rtl() -> None:
    """Run the machine in SystemVerilog, bit by bit."""


rtl.add_command(rtl_silicon.synthesise)
rtl.add_command(rtl_silicon.power)


@rtl.command(cls=options.Command, epilog="example: eie rtl run --pe 16 --density 0.2")
@layer
@options.formats
def run(form: str | None, **given: Any) -> int:
    """Run a synthetic layer on the RTL and check the results."""
    from eie.hardware import layers

    drawn = _drawn(given)
    differences, found = layers.compare(drawn)
    if form is not None:
        import pandas as pd

        print_table(pd.Series(layers.counters(found), name="value").rename_axis("counter").reset_index(), form)
        return int(bool(differences))
    print(layers.text(found))
    print("\n".join(differences) or "every counter and every output bit equals the model's")
    return int(bool(differences))


@rtl.command(cls=options.Command, epilog="example: eie rtl images --pe 4 -o memories/")
@layer
@options.output("FOLDER", "where to write the files", required=True)
def images(output: str, **given: Any) -> None:
    """Write the memories of a synthetic layer for $readmemh."""
    from eie import hardware

    drawn = _drawn(given)
    print(f"written to {hardware.images(drawn.mem, output, drawn.machine, formats=drawn.formats)}")


@rtl.command(cls=options.Command, epilog="example: eie rtl check --layers 20")
@click.option(
    "--layers",
    "count",
    metavar="N",
    type=click.IntRange(0, 1000),
    default=10,
    help="synthetic layers to run (default: 10)",
)
def check(count: int) -> int:
    """Compare the RTL with the model and prove its properties."""
    from eie.hardware import layers, proofs

    failed = 0
    for seed in range(count):
        drawn = layers.draw_small(seed)
        differences, found = layers.compare(drawn)
        failed += bool(differences)
        print(f"{drawn.name}: {found.report.cycles} cycles, {'; '.join(differences) or 'equal'}", flush=True)
    for proof in proofs.PROOFS:
        verdict = proofs.prove(proof)
        failed += verdict != "proved"
        print(f"{verdict}: {proof.says}", flush=True)
    return int(failed > 0)


@rtl.command(cls=options.Command, epilog="example: eie rtl trace --pe 4 -o run.vcd")
@layer
@click.option("--stepped", is_flag=True, help="trace the stepped machine, not the RTL")
@options.output("FILE", "waveform to write, .vcd", required=True)
def trace(output: str, stepped: bool, **given: Any) -> None:
    """Write the waveform of a synthetic layer.

    GTKWave and Surfer show such files.
    """
    from eie import hardware

    drawn = _drawn(given)
    mem, machine, formats = drawn.mem, drawn.machine, drawn.formats
    run = hardware.trace(mem, drawn.activations, output, machine, formats=formats, stepped=stepped)
    print(f"{run.report.cycles} cycles written to {output}")


@rtl.command(cls=options.Command, epilog="example: eie rtl fpga --pe 4 --seeds 1")
@click.option("--pe", "pes", metavar="N", type=int, multiple=True, help="PEs; may be repeated (default: 16)")
@options.integer("--spmat-kb", default=2, text="sparse-matrix memory per PE in KB (default: 2)")
@click.option("--seeds", metavar="N", type=click.IntRange(1, 100), default=3, help="placements to try (default: 3)")
@options.formats
@options.output("FILE", "table to write, .csv")
def fpga(pes: tuple[int, ...], spmat_kb: int, seeds: int, form: str | None, output: str | None) -> None:
    """Place and route the machine on a Lattice ECP5 FPGA.

    The table has resources and clock. An interrupted run continues if it is given the same FILE again.
    """
    from eie.studies import fpga as study

    with TemporaryDirectory() as folder:
        table = study.write(output or Path(folder) / study.TABLE, pes or (16,), spmat_kb, seeds)
    if form is None:
        print(study.text(table))
    else:
        print_table(table, form)


def _drawn(given: dict[str, Any]) -> Drawn:
    from eie.hardware import layers

    names = ("outputs", "inputs", "density", "act_density", "seed")
    size = {name: given.pop(name) for name in names}
    return layers.draw(**size, **{name: value for name, value in given.items() if value is not None})
