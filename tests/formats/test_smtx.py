import numpy as np
import pytest
import scipy.sparse as sp
from damage import mutants

from eie.cli import main
from eie.formats import FormatError, smtx
from eie.networks import importing

GOOD = b"3, 4, 5\n0 2 2 5 \n0 3 1 2 3 \n"
DENSE = [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 1]]


def read(path):
    (layer,) = importing.read(path).layers
    return layer


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        b"3 4 5\n0,2,2,5\n0,3,1,2,3",
        b"3,4,5\r\n0 2 2 5\r\n0 3 1 2 3\r\n",
        b"3,  4 ,5 \n 0\t2 2 5\n\n0 3\n1 2 3\n",
        b"3, 4, 5\n0 2 2 5\n3 0 2 3 1\n",
    ],
)
def test_pattern(tmp_path, text):
    (tmp_path / "fc.smtx").write_bytes(text)
    layer = read(tmp_path / "fc.smtx")
    assert (layer.name, layer.kind, layer.n_out, layer.n_in) == ("fc", "matrix", 3, 4)
    assert layer.read().toarray().tolist() == DENSE


def test_matrix_without_entries(tmp_path):
    (tmp_path / "a.smtx").write_bytes(b"2, 3, 0\n0 0 0\n\n")
    assert read(tmp_path / "a.smtx").read().toarray().tolist() == [[0] * 3] * 2


def test_as_scipy_has_it(tmp_path):
    matrix = sp.random_array((70, 90), density=0.1, format="csr", rng=np.random.default_rng(0))
    matrix.sort_indices()
    lines = [[70, 90, matrix.nnz], matrix.indptr, matrix.indices]
    (tmp_path / "a.smtx").write_text("\n".join(" ".join(map(str, line)) for line in lines))
    np.testing.assert_array_equal(read(tmp_path / "a.smtx").read().toarray(), matrix.toarray() != 0)


def test_commands_take_it(tmp_path, capsys):
    (tmp_path / "fc.smtx").write_bytes(GOOD)
    assert main.main(["inspect", str(tmp_path / "fc.smtx")]) == 0
    assert main.main(["run", str(tmp_path / "fc.smtx"), "--act-density", "0.5"]) == 0
    assert "fc" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "1..268435456 bytes, has 0"),
        (b"3, 4\n0 0 0 0\n", "must begin with rows, columns and entries, begins with b'3, 4'"),
        (b"3, 4, 5.0\n0 2 2 5\n0 3 1 2 3\n", "must begin with rows, columns and entries"),
        (b"3, 4, -5\n0 2 2 5\n0 3 1 2 3\n", "must begin with rows, columns and entries"),
        (b"3, 4, 99999999999999999999\n0\n", "must begin with rows, columns and entries"),
        (b"0, 4, 0\n0\n", "1..1048576 rows"),
        (b"3, 9999999, 5\n0 2 2 5\n0 3 1 2 3\n", "1..1048576 rows and columns, has 3 x 9999999"),
        (
            b"1000000, 9, 999999999\n0 2 2 5\n",
            "999999999 columns after its first line, has 4 numbers",
        ),
        (GOOD + b"7\n", "4 offsets and 5 columns after its first line, has 10 numbers"),
        (b"3, 4, 5\n0 2 2 x\n0 3 1 2 3\n", "must hold whole numbers, spaces and commas, holds b'x'"),
        (b"3, 4, 5\n0 2 2 5\n0 3 1 2 -3\n", "holds b'-'"),
        (b"3, 4, 5\n0 3 2 5\n0 3 1 2 3\n", "offsets must rise from 0 to 5"),
        (b"3, 4, 5\n1 2 2 5\n0 3 1 2 3\n", "offsets must rise from 0 to 5"),
        (b"3, 4, 5\n0 2 2 4\n0 3 1 2 3\n", "offsets must rise from 0 to 5"),
        (b"3, 4, 5\n0 2 2 5\n0 4 1 2 3\n", "columns must be in 0..3, are 0..4"),
        (b"3, 4, 5\n0 2 2 5\n0 3 1 2 99999999999999999999\n", "columns must be in 0..3"),
        (b"3, 4, 5\n0 2 2 5\n0 3 1 1 3\n", "no row may have two entries in one column"),
    ],
)
def test_hostile(tmp_path, text, message):
    (tmp_path / "a.smtx").write_bytes(text)
    with pytest.raises(FormatError) as caught:
        importing.read(tmp_path / "a.smtx")
    assert str(tmp_path / "a.smtx") in str(caught.value)
    assert message in str(caught.value)


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(smtx, "MAX_BYTES", 10)
    (tmp_path / "a.smtx").write_bytes(GOOD)
    with pytest.raises(FormatError, match=r"1\.\.10 bytes, has 28"):
        smtx.read(tmp_path / "a.smtx")


def test_damaged(tmp_path):
    path = tmp_path / "a.smtx"
    for content in mutants(GOOD, 200):
        path.write_bytes(content)
        try:
            layer = read(path)
        except FormatError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert layer.read().shape == (layer.n_out, layer.n_in)
