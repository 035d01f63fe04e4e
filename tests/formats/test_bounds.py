"""What small hostile files may take: nothing near what they say. All in one process, which counts its own memory."""

import gzip
import json
import struct
import subprocess
import sys
import zipfile

import numpy as np
import onnx_models as make
import pytest
import torch
from mutators import varint

HEAD = b"%%MatrixMarket matrix coordinate real general\n"

WATCH = """
import pathlib, resource, sys
import torch, onnx, safetensors, onnx.shape_inference, pandas, scipy.sparse  # what is needed anyway
from eie.networks import importing
from eie.formats import FormatError, arrays, container

def read(path):
    if path.suffix == ".npy":
        return arrays.read(path)
    if path.suffix == ".eie":
        return container.read(path)
    for layer in importing.read(path).layers:
        importing.compress(layer)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

read(pathlib.Path(sys.argv[1]))  # compiles what is needed
for name in sys.argv[2:]:
    before = peak()
    try:
        read(pathlib.Path(name))
        print(f"{peak() - before} MB: {name} was read")
    except FormatError as error:
        print(f"{peak() - before} MB: {error}")
"""


def hostile(folder):
    """One file a trick, each of a few kB to a few MB."""
    (folder / "nodes.onnx").write_bytes(b"\x3a" + varint(2_000_000) + b"\x0a\x00" * 1_000_000)
    huge = make.model([make.node("MatMul", ["x", "w"])], {"w": make.values(4, 6)})
    huge.graph.initializer[0].dims[:] = [2**14, 2**14]
    (folder / "dims.onnx").write_bytes(huge.SerializeToString())
    torch.save({"a.weight": torch.ones(1, 1).expand(2**20, 200)}, folder / "repeated.pt")
    with zipfile.ZipFile(folder / "packed.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", bytes(2**27))
    said = json.dumps({"a": {"dtype": "F32", "shape": [2**14, 2**14], "data_offsets": [0, 2**30]}}).encode()
    (folder / "short.safetensors").write_bytes(struct.pack("<Q", len(said)) + said + bytes(4))
    (folder / "header.safetensors").write_bytes(struct.pack("<Q", 99_000_000) + b"{}")
    (folder / "header.eie").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with zipfile.ZipFile(folder / "packed.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data.npy", bytes(2**27))
    (folder / "entries.mtx").write_bytes(HEAD + b"1000000 1000000 60000000\n1 1 1\n")
    (folder / "blank.mtx.gz").write_bytes(gzip.compress(HEAD + b"9 9 1\n1 1 1\n" + b"\n" * 2**26, 1))
    (folder / "line.mtx.gz").write_bytes(gzip.compress(b"%" * 2**27, 1))
    (folder / "entries.smtx").write_bytes(b"1000000, 1000000, 60000000\n0 1\n1\n")
    np.save(folder / "objects.npy", np.array([{}]), allow_pickle=True)
    (folder / "long.npy").write_bytes((folder / "objects.npy").read_bytes().replace(b"'|O'", b"'<f8'")[:80])
    return sorted(str(path) for path in folder.iterdir())


@pytest.mark.long
def test_small_hostile_files_take_little_memory(tmp_path):
    (tmp_path / "good").mkdir()
    good, _ = make.small(tmp_path / "good" / "net.onnx")
    (tmp_path / "bad").mkdir()
    files = hostile(tmp_path / "bad")
    done = subprocess.run([sys.executable, "-c", WATCH, good, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(files)
    for name, line in zip(files, lines, strict=True):
        assert name in line
        assert "was read" not in line or "blank" in name
        assert int(line.split()[0]) < 100, line
