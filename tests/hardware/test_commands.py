import json

import pytest

from eie.cli.main import main
from eie.hardware import build

SMALL = ["--pe", "4", "--outputs", "30", "--inputs", "20", "--density", "0.3"]
needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())


@needs_tools
def test_run_compares_with_the_model(capsys):
    assert main(["rtl", "run", *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("cycles ")
    assert out.endswith("every counter and every output bit equals the model's\n")


@needs_tools
def test_check_runs_layers_and_proofs(capsys):
    assert main(["rtl", "check", "--layers", "1"]) == 0
    first, *proofs = capsys.readouterr().out.splitlines()
    assert first.endswith("equal")
    assert [line.startswith("proved: ") for line in proofs] == [True, True, True]


def test_images_are_written(capsys, tmp_path):
    assert main(["rtl", "images", *SMALL, "-o", str(tmp_path / "memories")]) == 0
    manifest = json.loads((tmp_path / "memories" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["layer"] == {"n_out": 30, "n_in": 20}
    assert capsys.readouterr().out.startswith("written to ")


def test_stepped_machine_is_traced_without_tools(capsys, tmp_path):
    path = tmp_path / "run.vcd"
    assert main(["rtl", "trace", *SMALL, "--stepped", "-o", str(path)]) == 0
    assert path.read_text(encoding="ascii").startswith("$timescale")
    assert " cycles written to " in capsys.readouterr().out


def test_a_wrong_machine_is_refused(capsys):
    assert main(["rtl", "run", *SMALL[2:], "--pe", "65"]) == 2
    assert "must be an integer in 1..64, got 65" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "images", "check", "trace", "synthesise", "power"])
def test_help_fits_a_screen(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["rtl", command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert lines[-1].startswith(f"example: eie rtl {command}")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--density", "2", "density must be a fraction in 0..1, got 2.0"),
        ("--act-density", "-1", "act_density must be a fraction in 0..1, got -1.0"),
        ("--outputs", "0", "outputs must be an integer in 1..65536, got 0"),
        ("--inputs", "65537", "inputs must be an integer in 1..65536, got 65537"),
        ("--seed", "-1", "seed must be an integer in 0.."),
    ],
)
def test_a_layer_that_cannot_be_drawn_is_refused(capsys, option, value, said):
    assert main(["rtl", "run", option, value]) == 2
    assert said in capsys.readouterr().err
