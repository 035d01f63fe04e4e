"""No command ends in a traceback, and none loses what it computed to a terminal or a disk."""

import io
import resource
import signal
import subprocess
import sys

import onnx_models as make
import pytest

from eie.cli.main import main
from eie.networks import report
from eie.studies import paper

# -B, since Python would keep a compiled module that is cut off at the limit, and fail to read it ever after.
RUN = [sys.executable, "-B", "-c", "import sys; from eie.cli import start; sys.exit(start())"]


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


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "options", "output"),
    [
        ("encode", ["NETWORK", "--prune-to", "0.5"], "net.eie"),
        ("run", ["NETWORK", "--act-density", "0.5"], "report"),
        ("figure", ["2"], "fig.svg"),
        ("sweep", ["--layers", "NT-We"], "sweep.parquet"),
    ],
)
def test_a_full_disk_leaves_nothing(tmp_path, network, command, options, output):
    arguments = [network if option == "NETWORK" else option for option in options]
    out = tmp_path / "out"
    out.mkdir()
    # Once without the limit, since numba could not keep the kernels that it compiles.
    subprocess.run([*RUN, command, *arguments, "-o", str(tmp_path / output)], check=True, capture_output=True)
    done = subprocess.run(
        [*RUN, command, *arguments, "-o", str(out / output)],
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )
    assert done.returncode == 1, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    # Parts of a sweep stay: the next run goes on from them.
    assert [path.name for path in out.iterdir()] == (["sweep.parquet.parts"] if command == "sweep" else [])
