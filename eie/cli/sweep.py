"""The command that sweeps a design space."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import product
from typing import TYPE_CHECKING, Any

import click

from eie.cli import options

if TYPE_CHECKING:
    from eie.machine import Machine

_RANGES = (
    options.brief("--pe", "--n-pe", "n_pe", metavar="1,2|1..512", read=str),
    options.brief("--fifo", "--fifo-depth", "fifo_depth", metavar="RANGE", read=str),
    options.brief("--width", "--spmat-width-bits", "spmat_width_bits", metavar="RANGE", read=str),
    options.brief("--index-bits", metavar="3..6", read=str),
    options.brief("--weight-bits", metavar="RANGE", read=str),
    options.brief("--clock", "--clock-hz", "clock_hz", metavar="800MHz", read=options.hertz),
    options.brief("--feature-nm", metavar="NM", read=options.nanometres),
    options.technology,
)
"""Fields of the machine. A range of PEs, depths and widths means the powers of two in it."""

_DOUBLING = {"n_pe": "--pe", "fifo_depth": "--fifo", "spmat_width_bits": "--width"}
_COUNTING = {"index_bits": "--index-bits", "weight_bits": "--weight-bits"}


@options.command("eie sweep --pe 1..512 --fifo 2..256 -o sweep.parquet")
@click.argument(
    "file", metavar="[FILE]", required=False, help="network, as for eie run; layers of Table III if left out"
)
@options.prune_to
@options.input_shapes
@options.activations
@click.option(
    "--layers",
    metavar="NAMES",
    cls=options.First,
    label="--layers, --own-layers",
    help="NT-We,NT-Wd; {'a': [n_in, n_out, 0.1, 0.4]}",
)
@click.option("--own-layers", type=options.value, metavar="LAYERS", hidden=True)
@click.option(
    "--draws",
    metavar="N",
    type=int,
    cls=options.First,
    label="--draws, --dask",
    help="draws of each of these; Dask cluster, tcp://HOST:PORT",
)
@click.option("--dask", metavar="ADDRESS", hidden=True)
@options.together(*_RANGES)
@options.output("FILE", ".parquet, .csv or .json", required=True)
def sweep(file: str | None, output: str, technology: str | None, **given: Any) -> None:
    """Simulate all combinations of machine parameters."""
    from eie.networks.file_sweep import check_ending

    check_ending(output)
    if file is None:
        _sweep_drawn(output, technology, given)
    else:
        _sweep_file(file, output, technology, given)


def _sweep_file(file: str, output: str, technology: str | None, given: dict[str, Any]) -> None:
    from eie.cli.networks import inputs_of
    from eie.explore import own_technology
    from eie.networks import file_sweep
    from eie.writing.aside import target_of

    _refuse(given, ("layers", "own_layers", "draws", "dask"), "is for synthetic layers, not for a file")
    target_of(output)
    own = own_technology.read(technology) if technology else None
    if own is not None and given["feature_nm"] is None:
        given["feature_nm"] = own.feature_nm
    machines = _machines(given)
    frame = file_sweep.sweep_file(file, machines, technology=own, **inputs_of(given))
    file_sweep.write(frame, output)
    print(f"{len(frame)} rows, {len(machines)} designs: written to {output}")


def _sweep_drawn(output: str, technology: str | None, given: dict[str, Any]) -> None:
    from eie.explore import benchmarks, cluster, design_space
    from eie.networks import file_sweep

    names = ("density", "input_shapes", "activations", "act_density", "signed")
    _refuse(given | {"technology": technology}, (*names, "weight_bits", "technology"), "is for a network's file")
    layers = "table3" if given["layers"] is None else given["layers"]
    chosen = None if layers == "table3" else [name for name in layers.split(",") if name]
    scalars = {name: given[name] for name in ("clock_hz", "feature_nm", "draws") if given[name] is not None}
    fields: dict[str, Any] = _ranges(given) | scalars
    space = design_space.DesignSpace(
        tuple(benchmarks.select(chosen, given["own_layers"])), **fields, seed=given["seed"]
    )
    if output.lower().endswith(".parquet"):
        with cluster.dask(given["dask"]) if given["dask"] else nullcontext() as executor:
            new = design_space.run(space, output, executor)
    else:
        _refuse(given, ("dask",), "writes .parquet files only")
        file_sweep.write(design_space.frame(space), output)
        new = True
    print(f"{space.points} points, {space.designs} designs: {'written to' if new else 'already in'} {output}")


def _refuse(given: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    for name in names:
        if given[name] not in (None, False):
            option = {"density": "prune-to", "input_shapes": "input"}.get(name, name.replace("_", "-"))
            raise ValueError(f"--{option} {why}")


def _ranges(given: dict[str, Any]) -> dict[str, Any]:
    from eie.explore import design_space

    found = {name: design_space.values(option, given[name]) for name, option in _DOUBLING.items() if given[name]}
    counting = {name: option for name, option in _COUNTING.items() if given[name]}
    return found | {name: design_space.values(option, given[name], doubling=False) for name, option in counting.items()}


def _machines(given: dict[str, Any]) -> list[Machine]:
    """Make all combinations of the values of the machine's fields."""
    from eie.machine import Machine

    ranges = _ranges(given)
    scalars = {name: given[name] for name in ("clock_hz", "feature_nm") if given[name] is not None}
    return [Machine(**dict(zip(ranges, values, strict=True)), **scalars) for values in product(*ranges.values())]
