"""GGUF files, as the format's own library writes them; what their codes stand for is compared with its reader."""

import struct

import gguf
import numpy as np
import pytest

from eie.formats import FormatError
from eie.networks import importing

Kind = gguf.GGMLQuantizationType
VALUES = np.random.default_rng(0).standard_normal((6, 64)).astype(np.float32) * (np.arange(64) % 3 == 0)


def written(path, tensors, **values):
    """Write tensors of several kinds with some of the values that a language model's file has."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_token_list(["a", "bc", ""])
    writer.add_token_scores([0.5, 1.5, 2.5])
    for name, value in values.items():
        getattr(writer, f"add_{name}")(value)
    for name, (array, kind) in tensors.items():
        coded = gguf.quants.quantize(array, kind) if array.dtype == np.float32 else array
        writer.add_tensor(name, coded, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_1"])
def test_layers_are_what_the_formats_own_reader_gives(tmp_path, kind):
    path = written(tmp_path / "a.gguf", {"blk.0.ffn_up.weight": (VALUES, Kind[kind])})
    (layer,) = importing.read(path).layers
    (own,) = gguf.GGUFReader(path).tensors
    assert (layer.name, layer.n_out, layer.n_in) == ("blk.0.ffn_up", 6, 64)
    np.testing.assert_array_equal(layer.read(), gguf.quants.dequantize(np.asarray(own.data), own.tensor_type))
    assert ("codes times their scales" in layer.note) == kind.startswith("Q")


def test_what_is_no_layer_is_listed_with_its_reason(tmp_path):
    tensors = {
        "token_embd.weight": (VALUES, Kind.F16),
        "blk.0.attn_norm.weight": (VALUES[0], Kind.F32),
        "blk.0.ffn_up_exps.weight": (np.stack([VALUES, VALUES]), Kind.F16),
        "rope.order": (np.arange(8, dtype=np.int32), Kind.I32),
        "output.weight": (VALUES, Kind.F16),
    }
    found = importing.read(written(tmp_path / "a.gguf", tensors, custom_alignment=64))
    assert [layer.name for layer in found.layers] == ["output"]
    reasons = {part.name: part.why for part in found.unmapped}
    assert set(reasons) == set(tensors) - {"output.weight"}
    assert "experts" in reasons["blk.0.ffn_up_exps.weight"]
    assert "looked up" in reasons["token_embd.weight"]


def test_codes_that_the_library_cannot_decode_are_named(tmp_path):
    block = np.zeros((2, 40), np.uint8)  # Q8_1: 40 bytes for 32 numbers
    path = written(tmp_path / "a.gguf", {"output.weight": (block, Kind.Q8_1)})
    with pytest.raises(
        FormatError, match=r"output\.weight: 2 x 32: Q8_1 codes, which the format's library cannot decode"
    ):
        importing.read(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: b"GGML" + content[4:], "must be a little-endian GGUF file"),
        (lambda content: content[:4] + struct.pack("<I", 1) + content[8:], "of version 2 or 3"),
        (lambda content: content[:60], "in the middle of its header"),
        (lambda content: content[:-64], "but a tensor lies at"),
        (
            lambda content: content[:16] + struct.pack("<Q", 2**60) + content[24:],
            "in the middle|unknown kind",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    path = written(tmp_path / "a.gguf", {"output.weight": (VALUES, Kind.F32)})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FormatError, match=message):
        importing.read(path)


def test_a_stated_length_of_an_array_costs_nothing(tmp_path):
    """The format's own reader would make an object for each of 2^60 numbers."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 4, 2**60)
    (tmp_path / "a.gguf").write_bytes(head)
    with pytest.raises(FormatError, match="in the middle of its header"):
        importing.read(tmp_path / "a.gguf")
