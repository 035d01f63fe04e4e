import gzip
import io
import zipfile

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from damage import mutants

from eie.formats import FormatError, matrix_market, scipy_npz
from eie.networks import importing


def matrix(seed=0):
    return sp.random_array((30, 20), density=0.2, rng=np.random.default_rng(seed), dtype=np.float32)


def read(path):
    (layer,) = importing.read(path).layers
    return layer


def refused(path, *named):
    with pytest.raises(FormatError) as caught:
        importing.read(path)
    assert str(path) in str(caught.value)
    for words in named:
        assert words in str(caught.value)


def test_a_table_of_white_space_is_given_up_soon(tmp_path):
    head = b"%%MatrixMarket matrix coordinate real general\n99999 99999 100\n"
    (tmp_path / "a.mtx.gz").write_bytes(gzip.compress(head + (b" " * 1000 + b"\n") * 2**15, 1))
    refused(tmp_path / "a.mtx.gz", "is mostly white space")


@pytest.mark.parametrize("kind", ["csc", "csr", "coo"])
@pytest.mark.parametrize("compress", [True, False])
def test_scipy_matrix(tmp_path, kind, compress):
    sp.save_npz(tmp_path / "fc.npz", matrix().asformat(kind), compressed=compress)
    layer = read(tmp_path / "fc.npz")
    assert (layer.name, layer.kind, layer.n_out, layer.n_in) == ("fc", "matrix", 30, 20)
    np.testing.assert_array_equal(layer.read().toarray(), matrix().toarray())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dense", [False, True])
def test_matrix_market(tmp_path, packed, dense):
    given = matrix().toarray() if dense else matrix()
    text = io.BytesIO()
    scipy.io.mmwrite(text, given, precision=9)
    path = tmp_path / ("fc.mtx.gz" if packed else "fc.mtx")
    path.write_bytes(gzip.compress(text.getvalue()) if packed else text.getvalue())
    layer = read(path)
    assert (layer.name, layer.n_out, layer.n_in) == ("fc", 30, 20)
    found = layer.read()
    np.testing.assert_array_equal(found if dense else found.toarray(), matrix().toarray())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pattern general\n3 3 2\n1 1\n3 2\n", [[1, 0, 0], [0, 0, 0], [0, 1, 0]]),
        ("pattern symmetric\n3 3 2\n1 1\n3 2\n", [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ("real skew-symmetric\n3 3 1\n3 2 5\n", [[0, 0, 0], [0, 0, -5], [0, 5, 0]]),
        ("integer general\n% why\n\n3 3 2\n1 1 4\n1 1 3\n", [[7, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_kinds_of_text(tmp_path, words, expected):
    (tmp_path / "a.mtx").write_text("%%MatrixMarket matrix coordinate " + words)
    assert read(tmp_path / "a.mtx").read().toarray().tolist() == expected


def test_many_lines_are_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_market, "_CHUNK", 7)
    scipy.io.mmwrite(tmp_path / "a.mtx", matrix(), precision=9)
    np.testing.assert_array_equal(read(tmp_path / "a.mtx").read().toarray(), matrix().toarray())


HEAD = "%%MatrixMarket matrix coordinate real general\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + f"1000 1000 {10**12}\n1 1 1\n", "entries, says 1000000000000"),
        (HEAD + f"{10**12} 5 1\n1 1 1\n", "1..1048576 rows and columns"),
        (HEAD + "5 5 2\n1 1 1\n", "must have 2 lines of 3 finite numbers, has 1"),
        (HEAD + "5 5 1\n1 1 1\n2 2 2\n", "not so line 2"),
        (HEAD + "5 5 2\n1 1 1\n2 2", "not so line 2"),
        (HEAD + "5 5 1\n1 1 1 1\n", "not so line 1"),
        (HEAD + "5 5 1\n1 1 inf\n", "not so line 1"),
        (HEAD + "5 5 1\n6 1 1\n", "in 1..5 and 1..5"),
        (HEAD + "5 5 1\n0 1 1\n", "in 1..5 and 1..5"),
        (HEAD + "5 5 1\n1.5 1 1\n", "in 1..5 and 1..5"),
        (HEAD + "5 5 1\n1 1 x\n", "not a complete Matrix Market file"),
        (HEAD + "5 5", "and a table"),
        (HEAD + "5 5 -1\n", "sizes must be 3 whole numbers"),
        (HEAD + "% a comment\n" * 10_001, "lines of comment"),
        (HEAD.replace("real", "complex") + "5 5 1\n1 1 1 1\n", "must hold real numbers"),
        (HEAD.replace("general", "symmetric") + "5 4 1\n1 1 1\n", "must be square"),
        ("%%MatrixMarket matrix array real general\n100000 100000\n1\n", "entries, says 10000000000"),
        ("%%MatrixMarket matrix array real symmetric\n2 2\n1\n", "must have 3 lines of 1 finite numbers, has 1"),
        ("%%MatrixMarket matrix array real symmetric\n2 3\n1\n", "must be square"),
        ("%%MatrixMarket matrix array real symmetric\n1000000 1000000\n1\n", "entries, says 500000000000"),
        ("%%MatrixMarket matrix array pattern general\n2 2\n", "must be coordinate, or array of numbers"),
        ("MatrixMarket\n", "must begin with %%MatrixMarket"),
        ("", "1..1073741824 bytes, has 0"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_hostile_text(tmp_path, text, message, packed):
    path = tmp_path / ("a.mtx.gz" if packed else "a.mtx")
    path.write_bytes(gzip.compress(text.encode()) if packed and text else text.encode())
    refused(path, message)


def test_packed_text_does_not_unpack_endlessly(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_market, "MAX_BYTES", 2**16)
    (tmp_path / "a.mtx.gz").write_bytes(gzip.compress((HEAD + "5 5 1\n1 1 1\n" + "\n" * 2**20).encode()))
    refused(tmp_path / "a.mtx.gz", "must unpack to at most 65536 bytes")
    for text in ("%" * 2**20, HEAD + "%" * 2**20):
        (tmp_path / "a.mtx.gz").write_bytes(gzip.compress(text.encode()))
        refused(tmp_path / "a.mtx.gz", "lines of at most 4096 bytes")


def write_npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def good():
    csc = matrix().tocsc()
    return {
        "indices": csc.indices,
        "indptr": csc.indptr,
        "format": np.array(b"csc"),
        "shape": np.array(csc.shape),
        "data": csc.data,
    }


CUBE = {"shape": np.array([2, 3, 4]), "format": np.array(b"coo"), "coords": np.zeros((3, 120), int)}
CUBE |= {"_is_array": np.array(True)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.array([object()] * 3)}, "Python objects, which could be made to run anything"),
        ({"indices": np.full(120, 99, np.int32)}, "not a sparse matrix"),
        ({"indices": np.full(120, -1, np.int32)}, "not a sparse matrix"),
        ({"indptr": np.arange(21)[::-1].astype(np.int32)}, "not a sparse matrix"),
        ({"indptr": np.zeros(3, np.int32)}, "not a sparse matrix"),
        ({"indptr": np.array([0] + 19 * [10**8] + [0], np.int32)}, "indptr must never fall, as it does at 20"),
        ({"shape": np.array([2**40, 20])}, "1..1048576 rows"),
        ({"shape": np.array([30])}, "not a sparse matrix"),
        ({"format": np.array(b"dia"), "offsets": np.array([[0]]), "data": np.ones((1, 3))}, "not a sparse matrix"),
        (
            {
                "shape": np.array([2, 3, 4]),
                "format": np.array(b"coo"),
                "coords": np.zeros((3, 120), int),
                "_is_array": np.array(True),
            },
            "2-D",
        ),
        ({"format": np.array(b"xyz")}, "not a sparse matrix"),
        ({"data": np.ones(120, complex)}, "must hold real numbers"),
    ],
)
def test_hostile_archive(tmp_path, change, message):
    refused(write_npz(tmp_path / "a.npz", **(good() | change)), message)


def test_archive_that_unpacks_to_too_much(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "a.npz", **(good() | {"more": np.zeros(2**20)}))
    monkeypatch.setattr(scipy_npz, "MAX_BYTES", 2**20)
    refused(path, "must unpack to at most 1048576 bytes, says")


def test_array_that_announces_more_than_there_is(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in good().items():
            content = io.BytesIO()
            np.save(content, array)
            text = content.getvalue()
            if name == "data":
                text = text.replace(b"'shape': (120,), }          ", b"'shape': (12000000000000,), }")
                assert b"12000000000000" in text
            archive.writestr(f"{name}.npy", text)
    refused(path, "data.npy at byte", "says 48000000000000 bytes")


@pytest.mark.parametrize("name", ["a.npz", "b.mtx", "c.mtx.gz"])
def test_mutated_files_are_refused_or_read_but_never_crash(tmp_path, name):
    path = tmp_path / name
    if name == "a.npz":
        sp.save_npz(path, matrix().tocsc(), compressed=False)
    else:
        text = io.BytesIO()
        scipy.io.mmwrite(text, matrix())
        path.write_bytes(gzip.compress(text.getvalue()) if name.endswith("gz") else text.getvalue())
    n_refused = 0
    for mutant in mutants(path.read_bytes(), 200):
        path.write_bytes(mutant)
        try:
            importing.compress(read(path))
        except FormatError:
            n_refused += 1
    assert n_refused > 50
