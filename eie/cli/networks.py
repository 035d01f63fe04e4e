"""The commands of `eie` for networks of one's own: inspect, encode, run and explain."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from eie.machine import EIE_45NM, Machine

Command = Callable[[str, Callable[..., int | None], str, str], argparse.ArgumentParser]

_FILE = "ONNX, PyTorch, safetensors, .npz, .mtx or .eie file, or a layer of Table III"


def add(command: Command) -> None:
    """Add the commands; `command(name, run, text, example)` makes the parser of one."""
    inspect = command("inspect", _inspect, "list a file's layers, and what does not map", "eie inspect model.onnx")
    inspect.add_argument("file", metavar="FILE", help="ONNX, PyTorch, safetensors, .npz, .mtx or .eie file")

    encode = command(
        "encode",
        _encode,
        "encode a network once, into an .eie file",
        "eie encode model.onnx --density 0.1 -o model.eie",
    )
    _takes_network(encode)
    _takes_machine(encode, encoding_only=True)
    encode.add_argument("-o", "--output", metavar="FILE", required=True, help=".eie file to write")

    run = command(
        "run", _run, "run a network layer by layer, with a report", "eie run model.onnx --act-density 0.35 -o report/"
    )
    _takes_network(run)
    _takes_activations(run)
    _takes_machine(run)
    run.add_argument("-o", "--output", metavar="FOLDER", help="write report.html, layers.csv and layers.json there")

    explain = command("explain", _explain, "say where the cycles of one layer went", "eie explain Alex-7")
    _takes_network(explain)
    explain.add_argument("--layer", metavar="NAME", help="of a file with several; a wrong name lists the right ones")
    _takes_activations(explain)
    _takes_machine(explain)


def _takes_network(parser: argparse.ArgumentParser) -> None:
    parser.usage = f"{parser.prog} FILE [option ...]"  # all of them below: the long form would fill a screen
    parser.add_argument("file", metavar="FILE", help=_FILE)
    parser.add_argument(
        "--density",
        metavar="[NAME=]D",
        action="append",
        help="prune dense layers to this; repeat it for single layers",
    )


def _takes_activations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--act-density", metavar="D", type=float, help="draw inputs of which this fraction is not 0")
    parser.add_argument("--activations", metavar="FILE", help=".npy of inputs, or .npz of an array a layer")
    parser.add_argument("--signed", action="store_true", help="allow negative inputs")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="names the random numbers (default: 0)")


def _takes_machine(parser: argparse.ArgumentParser, encoding_only: bool = False) -> None:
    parser.add_argument("--pe", metavar="N", type=int, help=f"PEs (default: {EIE_45NM.n_pe})")
    parser.add_argument("--index-bits", metavar="N", type=int, help="bits of a relative index (default: 4)")
    if encoding_only:
        parser.add_argument("--weight-bits", metavar="N", type=int, help="bits of a code (default: 4)")
        return
    parser.add_argument("--fifo", metavar="N", type=int, help="depth of the queues (default: 8)")
    parser.add_argument("--width", metavar="N", type=int, help="bits of a sparse-matrix memory read (default: 64)")


_FIELDS = {
    "pe": "n_pe",
    "fifo": "fifo_depth",
    "width": "spmat_width_bits",
    "index_bits": "index_bits",
    "weight_bits": "weight_bits",
}


def _machine(arguments: argparse.Namespace) -> Machine | None:
    """The machine asked for; None where the network's own will do."""
    found = vars(arguments)
    changes = {field: found[name] for name, field in _FIELDS.items() if found.get(name) is not None}
    return import_module("eie.networks.encoding").machine_for(arguments.file, changes) if changes else None


def _density(arguments: argparse.Namespace) -> dict[str, float] | None:
    """Densities by layer; `*` is that of all others."""
    if arguments.density is None:
        return None
    found = {}
    for text in arguments.density:
        name, _, number = text.rpartition("=")
        try:
            found[name or "*"] = float(number)
        except ValueError:
            raise ValueError(f"--density must be a fraction of 0..1 or NAME=fraction, got {text!r}") from None
    return found


def _inspect(arguments: argparse.Namespace) -> None:
    runs, rest = import_module("eie.networks.importing").inspect(arguments.file)
    print(runs.set_index("layer").to_string(float_format=lambda value: f"{value:.3f}"))
    if len(rest):
        print("\nNot on the machine:")
        print("\n".join(f"  {part.part} ({part.kind}): {part.why}" for part in rest.itertuples()))


def _encode(arguments: argparse.Namespace) -> None:
    encoding = import_module("eie.networks.encoding")
    import_module("eie.formats.container").check_path(arguments.output)
    network = encoding.encoded(arguments.file, _machine(arguments), density=_density(arguments))
    encoding.save(network, arguments.output, progress=sys.stderr.isatty())
    print(f"{network.count} layers written to {arguments.output}")


def _run(arguments: argparse.Namespace) -> None:
    evaluate, report = import_module("eie.networks.evaluate").evaluate, import_module("eie.networks.report")
    if arguments.output:
        report.check_folder(arguments.output)
    progress = sys.stderr.isatty()
    found = evaluate(arguments.file, _machine(arguments), progress=progress, **_inputs(arguments))
    print(report.text(found))
    if arguments.output:
        print(f"written: {', '.join(map(str, report.write(found, arguments.output)))}")


def _explain(arguments: argparse.Namespace) -> None:
    found = import_module("eie.networks.evaluate").explain_layer(
        arguments.file, _machine(arguments), layer=arguments.layer, **_inputs(arguments)
    )
    print(import_module("eie.networks.report").explained(*found))


def _inputs(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `evaluate` and `explain_layer` take beside a network and a machine."""
    path = arguments.activations
    return {
        "activations": import_module("eie.formats.arrays").read(Path(path)) if path else None,
        "act_density": arguments.act_density,
        "density": _density(arguments),
        "seed": arguments.seed,
        "signed": arguments.signed,
    }
