"""Damaged files for every reader: `make fuzz` reads 10,000 of each, `make test` a few.

A reader registers with a function that writes good files into a folder and one that reads a file. What is read of a
damaged one is read to the end, weights included. Allowed are results and `ValueError` that names the file, memory of 20
times the file and 64 MB more, and 10 s of the processor.

    python tests/fuzz.py --times 10000 --seed 1 [NAME ...]
"""

import argparse
import faulthandler
import gzip
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mutators import damaged

BYTES_PER_BYTE, MORE_BYTES, SECONDS = 20, 64 * 2**20, 10
READERS = {}
"""By name: a function that writes good files into a folder, and returns them and what reads the first."""


def reader(name):
    """Register a function that writes good files and returns their paths and how to read the first."""

    def register(write):
        READERS[name] = write
        return write

    return register


def read_all(file):
    """Read what a reader left for later."""
    for layer in getattr(file, "layers", ()):
        if not layer.sizes_only:
            layer.read()
        if layer.bias is not None:
            layer.bias()


def memory():
    """Peak and present resident bytes of this process; the peak counts from the last call."""
    status = Path("/proc/self/status").read_text()
    peak, now = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1024 for name in ("VmHWM", "VmRSS"))
    Path("/proc/self/clear_refs").write_text("5")
    return peak, now


def fuzz(name, folder, times, seed, *, told=None):
    """Read damaged copies of a reader's files, and count the outcomes; an `AssertionError` says what went wrong.

    `told` is called with the error instead, if it is given, and the next copy is read.
    """
    paths, read = READERS[name](folder)
    contents = {path: path.read_bytes() for path in paths}
    counts = Counter()
    read_all(read(paths[0]))  # compiles and imports what is needed
    for number in range(times):
        rng = random.Random(f"{name} {seed} {number}")
        path = rng.choice(paths)
        path.write_bytes(mutant := damaged(contents[path], rng))
        try:
            counts[outcome(read, paths[0], [path, folder], len(mutant))] += 1
        except AssertionError as error:
            error.add_note(f"{name}, seed {seed}, mutant {number} of {len(mutant)} bytes")
            if told is None:
                raise
            told(error)
            counts["wrong"] += 1
        path.write_bytes(contents[path])
    return counts


def outcome(read, first, names, n_bytes):
    """Say whether a damaged file was read or refused; an `AssertionError` says what else happened."""
    faulthandler.dump_traceback_later(6 * SECONDS, exit=True)
    before, start, found = memory()[1], time.process_time(), "read"
    try:
        with warnings.catch_warnings(action="error"):
            read_all(read(first))
    except ValueError as error:
        if not any(str(each) in str(error) for each in (first, *names)):
            raise AssertionError(f"names no file: {error}") from error
        found = "refused"
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__}: {error}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()
    took, used = time.process_time() - start, memory()[0] - before
    assert took < SECONDS, f"took {took:.0f} s"
    assert used < BYTES_PER_BYTE * n_bytes + MORE_BYTES, f"took {used / 2**20:.0f} MB"
    return found


@reader("npy")
def _npy(folder):
    import numpy as np

    from eie.formats import arrays

    np.save(folder / "a.npy", np.linspace(-1, 1, 60, dtype=np.float32).reshape(6, 10))
    return [folder / "a.npy"], lambda path: np.array(arrays.read(path))


@reader("npz")
def _npz(folder):
    import numpy as np

    from eie.formats import arrays

    np.savez(folder / "a.npz", fc=np.ones(30, np.float32), other=np.arange(12))
    return [folder / "a.npz"], arrays.read


@reader("compressed npz")
def _npz_compressed(folder):
    import numpy as np

    from eie.formats import arrays

    np.savez_compressed(folder / "a.npz", fc=np.ones(3000, np.float32), other=np.arange(12))
    return [folder / "a.npz"], arrays.read


@reader("authors")
def _authors(folder):
    import numpy as np

    import eie
    from eie.formats import authors

    mem, out = eie.encode(eie.draw_layer(40, 20, 0.2, seed=3), eie.Machine(n_pe=2)), folder
    for name in ("ptr", "spm"):
        (out / name).mkdir()
    eie.draw_activations(20, 0.5, seed=4).astype("<f4").tofile(out / "act.dat")
    mem.codebook.astype("<f4").tofile(out / "arithm.dat")
    for p in range(mem.n_pe):
        codes, skips, pointers = mem.pe(p)
        pointers.astype("<u4").tofile(out / "ptr" / f"ptr{p}.dat")
        np.stack([codes, skips], axis=1).astype("<u4").tofile(out / "spm" / f"spm{p}.dat")
    return sorted(out.rglob("*.dat")), lambda _path: authors.read(folder, 40)


def _layer():
    import eie

    return eie.encode(eie.draw_layer(40, 20, 0.2, seed=3), eie.Machine(n_pe=4))


@reader("eie")
def _container(folder):
    from eie.formats import container

    container.write(folder / "a.eie", [container.EncodedLayer("fc", "linear", _layer())])
    return [folder / "a.eie"], container.read


@reader("eie with right checksums")
def _sealed_container(folder):
    import json

    from eie.formats import container

    paths, _ = _container(folder)

    def read(path):
        """Make the checksums right first, so that what stands behind them is tried."""
        data = path.read_bytes() if path.is_file() else b""
        length = int.from_bytes(data[:8], "little")
        try:
            header = json.loads(data[8 : 8 + length])
            facts = json.loads(header["__metadata__"]["eie"])
            shapes = {name: (part["dtype"], part["shape"]) for name, part in header.items() if name != "__metadata__"}
            for name in shapes:
                begin, end = header[name]["data_offsets"]
                facts["checksums"][name] = zlib.crc32(data[8 + length + begin : 8 + length + end])
            facts["checksum"] = container._header_checksum(facts, shapes)
            header["__metadata__"]["eie"] = json.dumps(facts)
            text = json.dumps(header).encode()
            path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError):
            pass  # it is refused before its checksums are
        return container.read(path)

    return paths, read


@reader("deep compression")
def _deep_compression(folder):
    import numpy as np
    import scipy.sparse as sp

    from eie.formats import deepcompression

    codes = (np.arange(84).reshape(7, 12) % 5 == 0) * np.uint8(3)
    book = np.append(0, np.linspace(-1, 1, 15)).astype(np.float32)
    layer = deepcompression.NetLayer(sp.csc_array(codes.astype(np.uint8)), (7, 12), book, np.ones(7, np.float32))
    deepcompression.write(folder / "a.net", {"fc": layer})
    return [folder / "a.net"], lambda path: deepcompression.read(path, {"fc": (7, 12)})


@reader("idx")
def _idx(folder):
    from eie.formats import idx

    (folder / "a-idx").write_bytes(bytes([0, 0, 8, 3]) + struct.pack(">3I", 4, 5, 6) + bytes(range(120)))
    return [folder / "a-idx"], idx.read


@reader("packed idx")
def _idx_gz(folder):
    from eie.formats import idx

    (folder / "a.gz").write_bytes(
        gzip.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", 4, 5, 6) + bytes(range(120)), mtime=0)
    )
    return [folder / "a.gz"], idx.read


@reader("marian")
def _marian(folder):
    from eie.formats import marian

    tensors = {"W": (0x4101, (3, 4), bytes(12) + struct.pack("<f", 8.0)), "b": (0x404, (1, 4), bytes(16))}
    data = struct.pack("<QQ", 1, len(tensors))
    data += b"".join(struct.pack("<4Q", len(n) + 1, kind, 2, len(raw)) for n, (kind, _, raw) in tensors.items())
    data += b"".join(n.encode() + b"\0" for n in tensors)
    data += b"".join(struct.pack("<2i", *shape) for _, shape, _ in tensors.values())
    (folder / "a.bin").write_bytes(data + struct.pack("<Q", 4) + bytes(4) + b"".join(t[2] for t in tensors.values()))
    return [folder / "a.bin"], marian.read


MTX = b"%%MatrixMarket matrix coordinate real general\n% made up\n6 5 4\n1 1 0.5\n2 3 -1e3\n6 5 2\n4 2 1\n"


@reader("mtx")
def _mtx(folder):
    from eie.networks import importing

    (folder / "a.mtx").write_bytes(MTX)
    return [folder / "a.mtx"], importing.read


@reader("smtx")
def _smtx(folder):
    """A pattern of three rows and four columns."""
    from eie.networks import importing

    (folder / "a.smtx").write_bytes(b"3, 4, 5\n0 2 3 5\n0 2 1 0 3\n")
    return [folder / "a.smtx"], importing.read


@reader("dense mtx")
def _mtx_dense(folder):
    from eie.networks import importing

    (folder / "a.mtx").write_bytes(b"%%MatrixMarket matrix array real general\n2 3\n" + b"0.5\n" * 6)
    return [folder / "a.mtx"], importing.read


@reader("packed mtx")
def _mtx_gz(folder):
    from eie.networks import importing

    (folder / "a.mtx.gz").write_bytes(gzip.compress(MTX, mtime=0))
    return [folder / "a.mtx.gz"], importing.read


@reader("pickle")
def _pickle(folder):
    import pickle

    import numpy as np

    from eie.formats import numpy_pickle

    nested = {"net": {"w": np.arange(6, dtype="f4").reshape(2, 3), "b": np.ones(3, "f4")}, "last": np.ones(2, "f4")}
    (folder / "a.ckpt").write_bytes(pickle.dumps(nested, protocol=3))
    return [folder / "a.ckpt"], numpy_pickle.read


@reader("onnx")
def _onnx(folder):
    import onnx_models

    from eie.networks import importing

    onnx_models.small(folder / "a.onnx")
    return [folder / "a.onnx"], importing.read


@reader("onnx with weights beside it")
def _onnx_beside(folder):
    import onnx
    import onnx_models

    from eie.networks import importing

    path, _ = onnx_models.small(folder / "a.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="a.data", size_threshold=16)
    return [folder / "a.onnx", folder / "a.data"], importing.read


def _picture(folder, kind):
    import numpy as np
    from PIL import Image

    from eie.formats import pictures

    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f"a.{kind}")
    return [folder / f"a.{kind}"], pictures.read


@reader("jpeg")
def _jpeg(folder):
    return _picture(folder, "jpg")


@reader("png")
def _png(folder):
    return _picture(folder, "png")


def _torch(folder, new):
    import torch

    from eie.networks import importing

    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.Linear(4, 5), torch.nn.LSTM(3, 2))
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, folder / "a.pt", _use_new_zipfile_serialization=new)
    return [folder / "a.pt"], importing.read


@reader("torch")
def _torch_zip(folder):
    return _torch(folder, True)


@reader("old torch")
def _torch_old(folder):
    return _torch(folder, False)


@reader("safetensors")
def _safetensors(folder):
    import numpy as np
    from safetensors.numpy import save_file

    from eie.networks import importing

    save_file({"fc.weight": np.ones((3, 4), np.float32), "fc.bias": np.ones(3, np.float32)}, folder / "a.safetensors")
    return [folder / "a.safetensors"], importing.read


@reader("gguf")
def _gguf(folder):
    import gguf
    import numpy as np

    from eie.networks import importing

    writer = gguf.GGUFWriter(folder / "a.gguf", "llama")
    writer.add_token_list(["a", "bc"])
    for name, kind in (("output.weight", gguf.GGMLQuantizationType.Q8_0), ("blk.0.norm.weight", None)):
        array = np.ones((4, 32), np.float32)
        writer.add_tensor(name, array if kind is None else gguf.quants.quantize(array, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return [folder / "a.gguf"], importing.read


@reader("safetensors in two files")
def _shards(folder):
    import json

    import numpy as np
    from safetensors.numpy import save_file

    from eie.networks import importing

    save_file({"fc.weight": np.ones((3, 4), np.float32)}, folder / "1.safetensors")
    save_file({"fc.bias": np.ones(3, np.float32)}, folder / "2.safetensors")
    places = {"fc.weight": "1.safetensors", "fc.bias": "2.safetensors"}
    (folder / "a.index.json").write_text(json.dumps({"metadata": {"total_size": 60}, "weight_map": places}))
    return [folder / "a.index.json", folder / "1.safetensors", folder / "2.safetensors"], importing.read


@reader("configuration of a decoder")
def _decoder(folder):
    import json

    from eie.networks import importing

    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    (folder / "aconfig.json").write_text(json.dumps({"model_type": "llama", **dict.fromkeys(names, 8)}))
    return [folder / "aconfig.json"], importing.read


@reader("npz of matrices")
def _matrices(folder):
    import numpy as np

    from eie.networks import importing

    np.savez(folder / "a.npz", fc=np.ones((3, 4), np.float32), other=np.arange(12.0).reshape(2, 6))
    return [folder / "a.npz"], importing.read


@reader("npy of a matrix")
def _matrix(folder):
    import numpy as np

    from eie.networks import importing

    np.save(folder / "a.npy", np.ones((3, 4), np.float32))
    return [folder / "a.npy"], importing.read


@reader("scipy npz")
def _scipy(folder):
    import scipy.sparse as sp

    from eie.networks import importing

    sp.save_npz(folder / "a.npz", sp.random_array((20, 30), density=0.2, format="csc", rng=0))
    return [folder / "a.npz"], importing.read


@reader("sealed")
def _sealed(folder):
    import numpy as np

    from eie.formats import sealed

    sealed.write(folder / "a.safetensors", {"w": np.ones((3, 4), np.float32)}, {"made": "up"})
    return [folder / "a.safetensors"], sealed.read


@reader("compressed network with right digest")
def _compressed(folder):
    import json

    from eie.compress import packed
    from eie.formats import sealed

    packed.write(folder / "a.safetensors", _small_network(packed.lenet("lenet-300-100")))

    def read(path):
        """Make the digest right first, so that what stands behind it is tried."""
        data = path.read_bytes() if path.is_file() else b""
        try:
            length = int.from_bytes(data[:8], "little")
            header = json.loads(data[8 : 8 + length])
            arrays, _ = sealed._opened(path)
            facts = json.loads(header["__metadata__"]["seal"])["facts"]
            seal = json.dumps({"digest": sealed._digest(arrays, facts), "facts": facts})
            text = json.dumps(header | {"__metadata__": {"seal": seal}}).encode()
            path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError):
            pass  # it is refused before its checksums are
        return packed.read(path)

    return [folder / "a.safetensors"], read


def _small_network(network):
    """Rows and columns of a network's last layer, which is enough to read."""
    from dataclasses import replace

    part = network.parts[-1]
    small = replace(part, codes=part.codes[:4, :30].copy(), bias=part.bias[:4].copy())
    return replace(network, parts=(small,), steps=({"op": "Linear", "layer": part.name},))


@reader("technology")
def _technology(folder):
    from eie.explore import own_technology

    (folder / "a.toml").write_text(
        'name = "mine"\nfeature_nm = 16\n[sram.weights]\nwidth_bits = 64\nread_pj = 11.5\nleakage_mw = 0.4\n'
        "[sram.pointers]\nread_pj = 1.1\nleakage_mw = 0.05\n[sram.activations]\nread_pj = 0.9\nwrite_pj = 1.0\n"
        "leakage_mw = 0.01\n[alu]\nmultiply_pj = 0.2\nadd_pj = 0.02\n[dram]\nread_pj_per_bit = 4.0\n"
    )
    return [folder / "a.toml"], own_technology.read


@reader("times of a machine")
def _times(folder):
    import shutil

    from eie._files import resource
    from eie.studies.baselines import platforms

    shutil.copy(resource("data") / "measured" / "reference.json", folder / "a.json")
    return [folder / "a.json"], platforms.read


@reader("standard cells")
def _cells(folder):
    import toy_cells

    from eie.hardware.silicon import liberty

    (folder / "a.lib").write_text(toy_cells.text(), encoding="ascii")
    return [folder / "a.lib"], liberty.read


def main():
    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*", default=[])
    options.add_argument("--times", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--here", action="store_true", help="in this process")
    given = options.parse_args()
    failed = 0
    for name in given.names or READERS:
        if given.here:
            with tempfile.TemporaryDirectory() as folder:
                counts = fuzz(name, Path(folder), given.times, given.seed, told=tell)
                print(name, dict(counts), flush=True)
            failed |= counts["wrong"] > 0
            continue
        # Each in a process of its own: a crash is an outcome, too.
        command = [sys.executable, __file__, "--here", "--times", str(given.times), "--seed", str(given.seed), name]
        failed |= subprocess.run(command, check=False).returncode != 0
    return failed


def tell(error):
    """Print what went wrong, and the innermost place of the library in which it did."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    where = next((f"{frame.filename}:{frame.lineno}" for frame in reversed(frames) if "/eie/" in frame.filename), "")
    print(f"{error.__notes__[0]}: {str(error)[:300]} {where}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
