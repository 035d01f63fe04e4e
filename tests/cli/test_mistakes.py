"""Newcomers' mistakes: each gets one line, which names the value and the valid ones, and status 2."""

import zipfile

import onnx_models as make
import pytest

from eie.cli.main import main

DOWNLOADS = {
    "page.onnx": (b"\n<!DOCTYPE html><html>404 Not Found</html>", "is a web page"),
    "page.pt": (b"<html>404</html>", "is a web page"),
    "pointer.onnx": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "pointer.eie": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    "picture.onnx": (b"\x89PNG\r\n\x1a\n" + bytes(99), "is a picture"),
    "empty.gguf": (b"", "has 0"),
    "empty.npz": (b"", "has 0"),
}


def refused(capsys, *arguments):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("eie: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make.small(tmp_path / "net.onnx")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", DOWNLOADS)
def test_what_a_download_is_instead(capsys, here, name):
    written, what = DOWNLOADS[name]
    (here / name).write_bytes(written)
    said = refused(capsys, "inspect", name)
    assert said.startswith(f"eie: {name}: ")
    assert what in said


def test_a_zipped_network(capsys, here):
    with zipfile.ZipFile(here / "zipped.onnx", "w") as archive:
        archive.write("net.onnx")
    assert "zipped.onnx: is a zip archive; unpack it" in refused(capsys, "inspect", "zipped.onnx")


def test_half_a_checkpoint_is_no_archive_to_unpack(capsys, here):
    (here / "half.pt").write_bytes(b"PK\x03\x04" + bytes(200))
    assert "half.pt: is not a complete zip archive" in refused(capsys, "inspect", "half.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "folder"], "folder: is a folder; the ending must be one of .onnx,"),
        (["inspect", "Alex-66"], "Alex-66: there is no such file; the ending must be one of .onnx,"),
        (["figure", "2", "-o", ""], "--output must name a file or a folder, got an empty name"),
        (["run", "net.onnx", "--act-density", "1", "-o", ""], "got an empty name"),
        (["rtl", "images", "--pe", "2", "-o", ""], "got an empty name"),
        (["rtl", "images", "--pe", "2", "-o", "net.onnx"], "cannot write into net.onnx: it is not a folder"),
        (["rtl", "check", "--layers", "-1"], "-1 is not in the range 0<=x<=1000"),
        (["rtl", "trace", "--pe", "2", "--stepped", "-o", "no/run.vcd"], "cannot write no/run.vcd: there is no folder"),
        (["encode", "net.onnx", "-o", "no/net.eie"], "cannot write no/net.eie: there is no folder"),
        (["run", "net.onnx", "--act-density", "1", "--clock", "800"], "--clock must have a unit, such as 800MHz"),
        (["rerun", "fgi08", "-o", "page.ipynb"], "no page begins with 'fgi08'"),
        (["rerun", "tabel 4", "-o", "page.ipynb"], "no page begins with 'tabel 4'"),
        (["data"], "Missing command; there are fetch, list, path, verify."),
    ],
)
def test_wrong_calls(capsys, here, arguments, message):
    before = sorted(here.rglob("*"))
    assert message in refused(capsys, *arguments)
    assert sorted(here.rglob("*")) == before


def test_a_folder_that_is_gone_is_named(capsys, here):
    (here / "folder" / "gone").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here / "folder" / "gone")
        (here / "folder" / "gone").rmdir()
        assert main(["figure", "5", "-o", "figure.svg"]) == 1
    assert capsys.readouterr().err == "eie: the current folder is gone; change to another one\n"
