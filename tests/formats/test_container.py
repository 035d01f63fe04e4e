import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
from cases import runs
from damage import mutants
from hypothesis import given, settings
from safetensors.numpy import load_file, save_file

import eie
from eie.formats import FormatError, container
from eie.formats.container import EncodedLayer

MACHINE = eie.Machine(n_pe=4)
PARTS = ("codes", "skips", "pe_start", "pointers", "column_macs", "codebook")


def layers():
    fc = eie.encode(eie.draw_layer(90, 30, 0.06, 0), MACHINE)
    conv = eie.encode(eie.draw_layer(9, 7, 0.5, 1, bias=False), MACHINE)
    return [
        EncodedLayer("fc", "linear", fc),
        EncodedLayer("conv", "conv", conv, np.arange(9, dtype=np.float32), 49, "a note"),
    ]


@pytest.fixture
def path(tmp_path):
    container.write(tmp_path / "net.eie", layers())
    return tmp_path / "net.eie"


def assert_same(found, given):
    assert [(a.name, a.kind, a.vectors, a.note) for a in found] == [(b.name, b.kind, b.vectors, b.note) for b in given]
    for a, b in zip(found, given, strict=True):
        for name in PARTS:
            np.testing.assert_array_equal(getattr(a.mem, name), getattr(b.mem, name), err_msg=name)
            assert getattr(a.mem, name).dtype == getattr(b.mem, name).dtype
        for name in ("n_out", "n_in", "n_pe", "weight_bits", "index_bits", "has_bias"):
            assert getattr(a.mem, name) == getattr(b.mem, name)
        assert (a.bias is None) == (b.bias is None)
        assert a.bias is None or a.bias.tolist() == b.bias.tolist()


def refused(path, *named):
    with pytest.raises(FormatError) as caught:
        container.read(path)
    assert str(path) in str(caught.value)
    for words in named:
        assert words in str(caught.value)


def test_layers_come_back_as_they_were(path):
    assert_same(container.read(path), layers())


@settings(deadline=None, max_examples=25)
@given(runs())
def test_any_layer_comes_back(tmp_path_factory, run):
    machine, codes, bias, activations, codebook = run
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, codebook, bias), machine)
    path = tmp_path_factory.getbasetemp() / "any.eie"
    container.write(path, [EncodedLayer("any", "linear", mem)])
    (found,) = container.read(path)
    assert_same([found], [EncodedLayer("any", "linear", mem)])
    assert eie.simulate(found.mem, activations, machine) == eie.simulate(mem, activations, machine)


def test_numbers_are_mapped_and_cannot_be_changed(path):
    (fc, _) = container.read(path)
    assert isinstance(fc.mem.pointers.base, np.memmap)
    assert fc.mem.pointers.flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        fc.mem.codes[0] = 1


def test_the_format_is_as_documented(path):
    """Read with the safetensors library alone, by the description at the top of the module."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts, tensors = json.loads(header["__metadata__"]["eie"]), load_file(path)
    assert facts["version"] == 1
    (fc, conv) = facts["layers"]
    assert (fc["name"], fc["n_out"], fc["n_in"], fc["n_pe"], fc["has_bias"], conv["vectors"]) == (
        "fc",
        90,
        30,
        4,
        True,
        49,
    )
    for name, checksum in facts["checksums"].items():
        begin, end = header[name]["data_offsets"]
        assert zlib.crc32(content[8 + length + begin : 8 + length + end]) == checksum
    np.testing.assert_array_equal(tensors["0.codes"], layers()[0].mem.codes)
    assert tensors.keys() == {f"{i}.{part}" for i in (0, 1) for part in PARTS} | {"1.bias"}


def test_every_flipped_byte_is_found(path):
    content, said = path.read_bytes(), []
    rng = np.random.default_rng(0)
    for at in rng.choice(len(content), 300, replace=False):
        changed = bytearray(content)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            found = container.read(path)
        except FormatError as error:
            said.append(str(error))
        else:  # a space of the header's padding
            assert_same(found, layers())
    assert len(said) > 290
    assert all("at byte" in words or "version" in words for words in said)


def test_damaged_numbers_are_named_with_their_place(path):
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[:8], "little")
    begin = 8 + length + json.loads(content[8 : 8 + length])["0.codes"]["data_offsets"][0]
    content[begin + 3] ^= 1
    path.write_bytes(content)
    refused(path, f"0.codes at byte {begin} is damaged")


@pytest.mark.parametrize("kept", [0, 7, 8, 50, 0.5, -1])
def test_truncated(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    refused(path)


def test_huge_header_is_not_read(path):
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])
    refused(path, "header at byte 8 must have 2..16777216 bytes, says 4611686018427387904")


def test_mutated_files_are_refused_or_the_same(path):
    given = layers()
    for mutant in mutants(path.read_bytes(), 300):
        path.write_bytes(mutant)
        try:
            found = container.read(path)
        except FormatError:
            continue
        assert_same(found, given)


def forged(path, change, facts=None):
    """A file with right checksums whose first layer is none."""
    layer = layers()[0]
    tensors = dict(container._tensors(0, layer)) | change
    described = container._described(layer) | (facts or {})
    kinds = {"uint8": "U8", "int64": "I64", "int32": "I32", "float32": "F32"}
    facts = {
        "version": 1,
        "layers": [described],
        "checksums": {name: container._crc(array) for name, array in tensors.items()},
    }
    shapes = {name: (kinds[array.dtype.name], array.shape) for name, array in tensors.items()}
    facts["checksum"] = container._header_checksum(facts, shapes)
    save_file(tensors, path, {"eie": json.dumps(facts)})


def changed(name, place, value):
    """A function that makes the changed array: numba compiles nothing before a test runs."""

    def change():
        array = np.array(getattr(layers()[0].mem, name))
        array[place] = value
        return {f"0.{name}": array}

    return change


@pytest.mark.parametrize(
    ("change", "facts", "message"),
    [
        (changed("pointers", (3, 1), 2**31 - 1), {}, "lead out of the layer"),
        (changed("pointers", (3, 1), -5), {}, "lead out of the layer"),
        (changed("pointers", (0, 1), 1), {}, "must run from 0"),
        (changed("pointers", (-1, 1), 2**30), {}, "must run from 0"),
        (changed("pe_start", 1, 2**40), {}, "pe_start must rise"),
        (changed("pe_start", -1, 2**40), {}, "pe_start must rise"),
        (changed("skips", slice(None), 15), {}, "lead out of the layer"),
        (changed("skips", 0, 16), {}, "entries must be of 4 and 4 bits"),
        (changed("codes", 0, 200), {}, "entries must be of 4 and 4 bits"),
        (changed("codebook", 3, np.nan), {}, "codebook must be finite"),
        (changed("codebook", 0, 1), {}, "first shared weight must be 0"),
        (changed("column_macs", 0, 77), {}, "column_macs must count"),
        (lambda: {"0.codes": np.zeros(3, np.uint8)}, {}, "skips must have shape (3,)"),
        (lambda: {"0.bias": np.zeros(3, np.float32)}, {}, "bias must have shape (90,)"),
        (lambda: {"0.codes": np.zeros(3, np.int32)}, {}, "codes must have shape"),
        (dict, {"n_pe": 0}, "n_pe must be an integer in 1..65536, got 0"),
        (dict, {"n_out": 2**40}, "n_out must be an integer"),
        (dict, {"n_in": 29}, "pointers must have shape"),
        (dict, {"n_out": 20}, "lead out of the layer"),
        (dict, {"vectors": -1}, "vectors must be an integer"),
        (dict, {"has_bias": 1}, "has_bias, counted and conditional must be true or false"),
        (dict, {"counted": 0}, "has_bias, counted and conditional must be true"),
        (dict, {"groups": 0}, "groups must be an integer"),
        (dict, {"name": 3}, "must be texts"),
    ],
)
def test_forged_layers_are_refused_before_they_are_used(tmp_path, change, facts, message):
    forged(tmp_path / "a.eie", change(), facts)
    refused(tmp_path / "a.eie", "layer 0 is not an encoded layer", message)


def test_a_row_just_below_the_last_is_refused(tmp_path):
    """A row of the number `n_out` would be written one past the end of the outputs."""
    layer = eie.decode(layers()[0].mem)
    last = int(max(layer.rows.max(), np.flatnonzero(layer.bias_codes).max()))
    forged(tmp_path / "a.eie", {}, {"n_out": last})
    refused(tmp_path / "a.eie", "lead out of the layer")


def test_a_file_without_layers_is_refused(tmp_path):
    facts = {"version": 1, "layers": [], "checksums": {}}
    save_file({}, tmp_path / "a.eie", {"eie": json.dumps(facts | {"checksum": container._header_checksum(facts, {})})})
    refused(tmp_path / "a.eie", "the header at byte 8 is damaged")
    with pytest.raises(ValueError, match="must have at least one, got none"):
        container.write(tmp_path / "b.eie", [])


def test_other_safetensors_files_and_versions(tmp_path, path, monkeypatch):
    save_file({"a": np.zeros(3)}, tmp_path / "a.eie")
    refused(tmp_path / "a.eie", "is not a file in the .eie format")
    monkeypatch.setattr(container, "VERSION", 2)
    refused(path, "has version 1, this program reads version 2")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="at least one, got none"):
        container.write(tmp_path / "a.eie", [])
    with pytest.raises(ValueError, match=r"must end in \.eie"):
        container.write(tmp_path / "a.bin", layers())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 1}', "[" * 100_000, "nonsense"])
def test_metadata_that_are_none(tmp_path, text):
    save_file({"a": np.zeros(3)}, tmp_path / "a.eie", {"eie": text})
    refused(tmp_path / "a.eie", "the header at byte 8")


def test_the_same_layers_give_the_same_file(path, tmp_path):
    container.write(tmp_path / "again.eie", layers())
    assert (tmp_path / "again.eie").read_bytes() == path.read_bytes()


def test_old_file_stays_when_writing_fails(path):
    before = path.read_bytes()
    broken = replace(layers()[0], name=b"no text")
    with pytest.raises(TypeError):
        container.write(path, [broken])
    assert path.read_bytes() == before
