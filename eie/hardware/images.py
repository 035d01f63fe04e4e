"""Contents of the memories as files for `$readmemh`, with a manifest that says which file goes where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eie.cycles import encoded_for
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware import memories
from eie.hardware.geometry import Geometry, chosen
from eie.interleaved import InterleavedCSC
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.writing.aside import write_together

MANIFEST = "manifest.json"
_PE = "g_pe[{p}].u_pe."
_PLACES = {
    "spmat": "u_spmat_read.u_sram.mem",
    "even": "u_ptr_read.u_even.mem",
    "odd": "u_ptr_read.u_odd.mem",
}
"""Memories of a PE that have a file each, and their paths in the hierarchy."""


def images(
    mem: InterleavedCSC | CompressedLayer,
    folder: str | Path,
    machine: Machine = EIE_45NM,
    *,
    formats: LayerFormats | None = None,
    geometry: Geometry | None = None,
) -> Path:
    """Write the memories of all PEs as files that `$readmemh` reads.

    Parameters
    ----------
    mem : InterleavedCSC or CompressedLayer
        The layer; if not yet encoded, it is encoded for `machine`.
    folder : path
        Folder to write to; it is created if it does not exist.
    machine : Machine
        The chip.
    formats : LayerFormats, optional
        Fixed-point formats; if left out, the finest that hold the codebook, and 8 bits after the binary point for
        activations and accumulators.
    geometry : Geometry, optional
        Parameters of the RTL, as for `eie.hardware.simulate`.

    Returns
    -------
    Path
        The manifest, a JSON file: parameters of `eie_top.sv`, settings of its ports for this layer, and for each file
        the memory that it belongs to.

    Raises
    ------
    ValueError
        When the layer is outside the hardware's limits.
    """
    mem = encoded_for(mem, machine)
    formats = formats or _formats_for(mem)
    write_together(folder, _texts(mem, formats, chosen(geometry, [mem], machine, [formats])))
    return Path(folder) / MANIFEST


def _texts(mem: InterleavedCSC, formats: LayerFormats, size: Geometry) -> Iterator[tuple[str, str]]:
    """Yield names and texts of all files, the manifest last."""
    raw, _ = formats.weight.quantize(mem.codebook)
    shared = memories.words(raw[1:], size.data_bits)  # code 0, the padding zero, has no register
    files = []
    for p in range(mem.n_pe):
        own = memories.of_pe(mem, p, size)
        contents = {"spmat": own.spmat, "even": own.pointers[0::2], "odd": own.pointers[1::2]}
        places = {name: _PE.format(p=p) + _PLACES[name] for name in contents}
        contents["codebook"], places["codebook"] = shared, _PE.format(p=p) + "u_arithm_unit.codebook"
        for name, words in contents.items():
            file, first = f"pe{p:02d}_{name}.hex", int(name == "codebook")
            files.append({"file": file, "memory": places[name], "first": first, "words": len(words)})
            yield file, "".join(f"{text}\n" for text in hexadecimal(words))
    manifest = {
        "top": "eie_top",
        "parameters": size.parameters,
        "layer": {"n_out": mem.n_out, "n_in": mem.n_in},
        "ports": settings(mem, formats),
        "files": files,
    }
    yield MANIFEST, json.dumps(manifest, indent=1) + "\n"


def settings(mem: InterleavedCSC, formats: LayerFormats, first_column: int = 0) -> dict[str, int]:
    """Return what the ports of `eie_top.sv` have to be for a layer whose first pointer is number `first_column`."""
    one, _ = formats.activation.quantize([1.0])
    return {
        "addresses_i": -(-mem.n_in // mem.n_pe),
        "has_bias_i": int(mem.has_bias),
        "one_i": int(one[0]),
        "first_column_i": first_column,
        "bias_column_i": first_column + mem.n_in,
        "places_i": formats.places,
    }


def hexadecimal(words: memories.Words) -> list[str]:
    """Return words as hexadecimal numbers."""
    return ["".join(f"{chunk:08x}" for chunk in word[::-1]) for word in words]


def _formats_for(mem: InterleavedCSC) -> LayerFormats:
    weight = FixedPoint.covering(float(np.abs(mem.codebook).max()))
    return LayerFormats(weight, FixedPoint(16, 8), FixedPoint(16, 8))
