"""Commands that take your own network: inspect, encode, run and explain."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eie.cli import options
from eie.cli.terminal import print_table

if TYPE_CHECKING:
    from eie.machine import Machine

Shapes = dict[str, tuple[int, ...]] | None


@options.command("eie inspect model.onnx")
@click.argument("file", metavar="FILE", help="ONNX, PyTorch, safetensors, .gguf, .npz, .mtx, .smtx or .eie file")
@click.option("--key", metavar="NAME", help="which state dict of a PyTorch file with several")
@options.input_shapes
@options.formats
def inspect(file: str, key: str | None, input_shapes: Shapes, form: str | None) -> None:
    """List the layers of a file and the parts that do not run."""
    from eie.networks import importing

    if form == "json":
        print(json.dumps(importing.described(file, key, input_shapes), indent=1))
        return
    runs, rest = importing.inspect(file, key, input_shapes)
    if form == "csv":
        print_table(runs, form)
        return
    runs["vectors"] = ["?" if n is None else n for n in runs["vectors"]]
    print(runs.set_index("layer").to_string(float_format=lambda value: f"{value:.3f}"))
    if len(rest):
        print("\nNot on the machine:")
        print("\n".join(f"  {part.part} ({part.kind}): {part.why}" for part in rest.itertuples()))
    mapped, others = runs["weights"].sum(), rest["weights"].sum()
    print(f"\n{100 * mapped / (mapped + others):.4g} % of the file's weights are on the machine")


@options.command("eie encode model.onnx --prune-to 0.1 -o model.eie")
@options.file
@options.prune_to
@options.input_shapes
@options.layout
@options.output("FILE", ".eie file to write", required=True)
def encode(
    file: str, density: dict[str, float] | None, input_shapes: Shapes, output: str, **fields: int | None
) -> None:
    """Encode a network into an .eie file."""
    from eie.formats import container
    from eie.networks import encoding

    container.check_path(output)
    network = encoding.encoded(file, _machine(file, fields), density=density, input_shapes=input_shapes)
    encoding.save(network, output, progress=sys.stderr.isatty())
    print(f"{network.count} layers written to {output}")


@options.command("eie run model.onnx --act-density 0.35 -o report/")
@options.file
@click.option(
    "--inputs",
    metavar="FILE",
    cls=options.First,
    label="--inputs, --labels",
    help="samples to run, and their labels: .npy",
)
@click.option("--labels", metavar="FILE", hidden=True)
@options.prune_to
@options.input_shapes
@options.activations
@options.machine
@options.technology
@options.formats
@options.output("FOLDER", "folder for report.html, layers.csv and .json")
def run(
    file: str,
    inputs: str | None,
    labels: str | None,
    technology: str | None,
    output: str | None,
    form: str | None,
    **given: Any,
) -> None:
    """Run a network layer by layer and write a report."""
    from eie.explore import own_technology
    from eie.networks import report
    from eie.networks.evaluate import evaluate

    if output:
        report.check_folder(output)
    samples, answers = (_array(name, path) for name, path in (("inputs", inputs), ("labels", labels)))
    rest = inputs_of(given)
    own = own_technology.read(technology) if technology else None
    if own is not None and given["feature_nm"] is None:
        given["feature_nm"] = own.feature_nm
    machine = _machine(file, given)
    found = evaluate(file, samples, answers, machine, technology=own, progress=sys.stderr.isatty(), **rest)
    written = report.write(found, output) if output else []  # first, since printing may fail
    if form is not None:
        print(
            json.dumps(found.to_dict(), indent=1) if form == "json" else report.as_csv(found.table().reset_index()),
            end="",
        )
        return
    print(report.text(found))
    if written:
        print(f"written: {', '.join(map(str, written))}")


@options.command("eie explain Alex-7")
@options.file
@options.prune_to
@options.input_shapes
@click.option("--layer", metavar="NAME", help="name of one layer; an invalid name lists all")
@click.option("--inputs", metavar="FILE", help="samples to run, as for eie run")
@options.activations
@options.machine
@options.formats
def explain(file: str, layer: str | None, inputs: str | None, form: str | None, **given: Any) -> None:
    """Break down the cycles of one layer."""
    from eie.networks import report
    from eie.networks.evaluate import explain_layer

    samples, rest = _array("inputs", inputs), inputs_of(given)
    one, found = explain_layer(file, _machine(file, given), layer=layer, inputs=samples, **rest)
    if form is None:
        print(report.explained(one, found))
    else:
        print_table(found.table().rename_axis("cause"), form)


def _machine(file: str, fields: dict[str, int | None]) -> Machine | None:
    """The machine asked for; None where the network's own will do."""
    from eie.networks.encoding import machine_for

    changes = {name: value for name, value in fields.items() if value is not None}
    return machine_for(file, changes) if changes else None


def inputs_of(given: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options what functions that run a network need beside it and a machine."""
    names = ("activations", "act_density", "density", "seed", "signed", "input_shapes")
    inputs = {name: given.pop(name) for name in names}
    return inputs | {"activations": _array("activations", inputs["activations"])}


def _array(name: str, path: str | None) -> Any:
    """Read the arrays that an option names; None where it is not given."""
    from eie.formats import arrays

    if path == "":
        raise ValueError(f"--{name} must be a .npy or .npz file, got an empty name")
    return arrays.read(Path(path)) if path else None
