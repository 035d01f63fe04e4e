"""No command ends in a traceback, and none loses what it computed to a terminal or a disk."""

import io
import logging
import sys

import onnx_models as make
import pytest

from eie.cli.main import main
from eie.networks import report
from eie.studies import paper


def stopped_import():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise ImportError("initialization failed") from error


def raising(error):
    def fail(**_):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (TypeError("odd\nand more"), 1, "TypeError: odd and more; to see where: eie --debug COMMAND .."),
        (RecursionError(), 1, "RecursionError"),
        (MemoryError(), 1, "there is not enough memory"),
        (ImportError("a.so: failed to map segment from shared object"), 1, "there is not enough memory to load a"),
        (ValueError("wrong \x1b[2J"), 2, "wrong \\x1b[2J"),
        (OSError("no"), 1, "no"),
    ],
)
def test_any_error_is_one_line(capsys, monkeypatch, error, status, said):
    monkeypatch.setitem(paper.TABLES, 4, raising(error))
    assert main(["table", "4"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"eie: {said}")
    assert err.count("\n") == 1


def test_a_missing_extra_is_named(capsys, monkeypatch):
    missing = ModuleNotFoundError("No module named 'safetensors'", name="safetensors")
    monkeypatch.setitem(paper.TABLES, 4, raising(missing))
    assert main(["table", "4"]) == 1
    assert (
        capsys.readouterr().err
        == "eie: this needs the package safetensors; install it with: pip install 'eie[networks]'\n"
    )


def test_debug_shows_the_traceback(capsys, monkeypatch):
    monkeypatch.setitem(paper.TABLES, 4, raising(TypeError("odd")))
    assert main(["--debug", "table", "4"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_stopped_while_a_library_is_imported(capsys, monkeypatch):
    monkeypatch.setitem(paper.TABLES, 4, lambda **_: stopped_import())
    assert main(["table", "4"]) == 1
    assert capsys.readouterr().err == "eie: stopped; no file was left half-written\n"


def test_a_terminal_without_the_letters_loses_nothing(monkeypatch, network, tmp_path):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(report, "text", lambda _found: "5 µs \x1b[2J")
    assert main(["run", network, "--act-density", "0.5", "-o", str(tmp_path / "report")]) == 0
    terminal.flush()
    assert terminal.buffer.getvalue().startswith(b"5 ?s \\x1b[2J\n")
    assert {path.name for path in (tmp_path / "report").iterdir()} == set(report.FILES)


@pytest.fixture
def network(tmp_path):
    (tmp_path / "in").mkdir()
    path, _ = make.small(tmp_path / "in" / "net.onnx")
    return str(path)


def test_an_empty_name_of_activations_is_refused(capsys, network):
    assert main(["run", network, "--activations", ""]) == 2
    assert "must be a .npy or .npz file, got an empty name" in capsys.readouterr().err


def test_what_packages_log_is_marked_like_warnings(capsys, monkeypatch):
    monkeypatch.setitem(
        paper.TABLES, 4, lambda **_: logging.getLogger("another").warning("odd") or raising(OSError("no"))()
    )
    assert main(["table", "4"]) == 1
    assert capsys.readouterr().err == "eie: odd\neie: no\n"
