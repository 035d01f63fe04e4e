"""The command that sweeps a design space."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import click

from eie.cli import options


@options.command("eie sweep --pe 1..512 --fifo 2..256 -o sweep.parquet")
@click.option("--layers", metavar="NAMES", default="table3", help="of Table III: table3 for all, or NT-We,NT-Wd")
@click.option("--own-layers", type=options.value, metavar="LAYERS", help="such as {'a': [n_in, n_out, 0.1, 0.4]}")
@click.option("--pe", "--n-pe", "n_pe", metavar="N", default="64", help="PEs: 1,2,48 or 1..512 (powers of two)")
@click.option("--fifo", "--fifo-depth", "fifo_depth", metavar="N", default="8", help="queue depths, likewise")
@click.option(
    "--width",
    "--spmat-width-bits",
    "spmat_width_bits",
    metavar="N",
    default="64",
    help="bits per weight-memory read, likewise",
)
@click.option("--index-bits", metavar="N", default="4", help="bits of a relative index: 3,4 or 3..6")
@options.integer("--draws", default=1, text="draws of each layer (default: 1)")
@options.integer("--seed", default=0, text="random seed (default: 0)")
@click.option("--dask", metavar="ADDRESS", help="run on the Dask cluster of tcp://HOST:PORT")
@options.output("FILE", ".parquet file; run again to go on", required=True)
def sweep(
    layers: str,
    own_layers: Any,
    n_pe: str,
    fifo_depth: str,
    spmat_width_bits: str,
    index_bits: str,
    draws: int,
    seed: int,
    dask: str | None,
    output: str,
) -> None:
    """Simulate every combination of machine parameters."""
    from eie.explore import benchmarks, design_space

    names = None if layers == "table3" else [name for name in layers.split(",") if name]
    space = design_space.DesignSpace(
        tuple(benchmarks.select(names, own_layers)),
        n_pe=design_space.values("--pe", n_pe),
        fifo_depth=design_space.values("--fifo", fifo_depth),
        spmat_width_bits=design_space.values("--width", spmat_width_bits),
        index_bits=design_space.values("--index-bits", index_bits, doubling=False),
        draws=draws,
        seed=seed,
    )
    with design_space.dask(dask) if dask else nullcontext() as executor:
        new = design_space.run(space, output, executor)
    print(f"{space.points} points, {space.designs} designs: {'written to' if new else 'already in'} {output}")
