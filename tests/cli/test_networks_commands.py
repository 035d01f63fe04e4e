import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import onnx_models as make
import pandas as pd
import pytest

from eie.cli.main import main
from eie.machine import Machine
from eie.networks.evaluate import evaluate


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a network, to run in."""
    monkeypatch.chdir(tmp_path)
    make.small(tmp_path / "net.onnx")
    return tmp_path


def run(capsys, *arguments):
    status = main(arguments)
    return status, *capsys.readouterr()


def refused(capsys, *arguments, status=2):
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (status, "")
    assert err.startswith("eie: ")
    assert err.count("\n") == 1
    return err


def test_inspect(capsys, here):
    status, out, err = run(capsys, "inspect", "net.onnx")
    assert (status, err) == (0, "")
    assert out.splitlines()[2].split() == ["conv", "conv", "5", "27", "9", "135", "1.000"]
    assert "norm (BatchNormalization): a scale and a shift" in out


def test_run_and_report(capsys, here):
    arguments = ["net.onnx", "--pe", "8", "--fifo", "4", "--act-density", "0.35", "--prune-to", "0.5"]
    status, out, err = run(capsys, "run", *arguments, "--prune-to", "fc1=0.1", "-o", "report")
    assert (status, err) == (0, "")
    plain = json.loads((here / "report" / "layers.json").read_text())
    assert (plain["machine"]["n_pe"], plain["machine"]["fifo_depth"]) == (8, 4)
    assert [round(layer["weight_density"], 1) for layer in plain["layers"]] == [0.5, 0.1, 0.5]
    assert "report/report.html" in out


@pytest.mark.parametrize("command", [("run", "--act-density", "0.5"), ("encode", "-o", "new.eie"), ("explain",)])
def test_a_density_for_encoded_layers_is_refused(capsys, here, command):
    run(capsys, "encode", "net.onnx", "-o", "net.eie")
    error = refused(capsys, command[0], "net.eie", *command[1:], "--prune-to", "0.5")
    assert "net.eie holds encoded layers; give it when they are encoded" in error
    assert not (here / "new.eie").exists()


def test_a_density_for_a_drawn_layer_is_refused(capsys):
    assert "Alex-7 is drawn at the density of Table III" in refused(capsys, "run", "Alex-7", "--prune-to", "0.5")


def test_encode_once_and_run_often(capsys, here):
    status, out, _ = run(capsys, "encode", "net.onnx", "--pe", "8", "--index-bits", "5", "-o", "net.eie")
    assert (status, out) == (0, "3 layers written to net.eie\n")
    assert run(capsys, "run", "net.eie", "--act-density", "0.5")[0] == 0
    fc2 = "fc2    linear      6     7        1       42    1.000"
    assert fc2 in run(capsys, "inspect", "net.eie")[1]
    status, out, _ = run(capsys, "explain", "net.eie", "--layer", "fc2", "--act-density", "0.5", "--fifo-depth", "2")
    assert status == 0
    assert out.startswith("fc2: 6 x 7 on 8 PEs\n")
    assert "encode the network again" in refused(capsys, "run", "net.eie", "--pe", "4", "--act-density", "1")


def test_explain_a_layer_of_table_iii(capsys, here):
    status, out, err = run(capsys, "explain", "NT-We", "--n-pe", "16")
    assert (status, err) == (0, "")
    for cause in ("work", "padding", "starvation", "scan", "sum"):
        assert f"\n{cause}" in out
    assert "cycles x 16 PEs" in out


def test_activations_from_files(capsys, here):
    np.save(here / "one.npy", np.ones((3, 45), np.float32))
    np.savez(here / "all.npz", conv=np.ones(27), fc1=np.ones(45), fc2=-np.ones(7))
    status, out, _ = run(capsys, "explain", "net.onnx", "--layer", "fc1", "--activations", "one.npy")
    assert (status, "fc1: 7 x 45" in out) == (0, True)
    assert "fc2: activations must be 0 or more" in refused(capsys, "run", "net.onnx", "--activations", "all.npz")
    assert run(capsys, "run", "net.onnx", "--activations", "all.npz", "--signed")[0] == 0
    np.save(here / "objects.npy", np.array([object()]), allow_pickle=True)
    assert "objects.npy" in refused(capsys, "run", "net.onnx", "--activations", "objects.npy")
    assert "must be in a .npy or .npz file" in refused(capsys, "run", "net.onnx", "--activations", "x.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "net.onnx"], "--act-density on the command line"),
        (["run", "net.onnx", "--act-density", "2"], "act_density must be a fraction in 0..1, got 2.0"),
        (["run", "net.onnx", "--act-density", "1", "--prune-to", "fc1:0.1"], "--prune-to must be a fraction"),
        (["run", "net.onnx", "--act-density", "1", "--prune-to", "x=0.1"], "the layers are conv, fc1, fc2"),
        (["run", "net.onnx", "--act-density", "1", "--pe", "0"], "n_pe must be an integer in 1..65536, got 0"),
        (["run", "net.onnx", "--act-density", "1", "-o", "net.onnx"], "it is not a folder"),
        (["run", "nothing.onnx"], "nothing.onnx: there is no such file"),
        (["run", "Alex-9"], "Table III has no such layer; it has Alex-6"),
        (["inspect", "net.txt"], "the ending must be one of .onnx"),
        (["encode", "net.onnx", "-o", "net.bin"], "must end in .eie"),
        (["explain", "net.onnx", "--act-density", "1"], "has 3 layers: name one of them"),
    ],
)
def test_errors_say_what_to_do_next(capsys, here, arguments, message):
    before = sorted(here.iterdir())
    assert message in refused(capsys, *arguments)
    assert sorted(here.iterdir()) == before


def test_missing_folder(capsys, here):
    said = refused(capsys, "run", "net.onnx", "--act-density", "1", "-o", "no/report")
    assert "there is no folder" in said


def eie(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "eie.cli.main", *arguments], **options)


@pytest.mark.long
def test_output_to_a_pipe_has_no_colours_and_may_be_cut_off(here):
    arguments = ("inspect", "net.onnx")
    whole = subprocess.run([sys.executable, "-m", "eie.cli.main", *arguments], capture_output=True, text=True)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "\x1b" not in whole.stdout
    reader, writer = os.pipe()
    os.close(reader)
    cut = eie(*arguments, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (cut.communicate()[1], cut.returncode) == (b"", 1)


@pytest.mark.parametrize(("text", "hertz"), [("800MHz", 800e6), ("1.2 GHz", 1.2e9), ("8e8", 8e8), ("400khz", 4e5)])
def test_every_field_of_the_machine_on_the_command_line(capsys, here, text, hertz):
    fields = ["--pe", "4", "--fifo", "5", "--width", "32", "--index-bits", "3", "--weight-bits", "5"]
    given = ["--act-density", "0.5", "--clock", text, "--feature-nm", "28nm", *fields]
    assert run(capsys, "run", "net.onnx", *given, "-o", "out")[0] == 0
    found = json.loads((here / "out" / "layers.json").read_text())
    expected = {"n_pe": 4, "fifo_depth": 5, "spmat_width_bits": 32, "index_bits": 3, "weight_bits": 5}
    assert found["machine"] == expected | {"clock_hz": hertz, "feature_nm": 28.0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--clock", "fast"], "--clock must be a frequency, such as 800MHz or 1.2GHz, got 'fast'"),
        (["--clock", "-1MHz"], "clock_hz must be"),
        (["--feature-nm", "x"], "--feature-nm must be a number of nanometres, such as 28, got 'x'"),
        (["--pe", "many"], "--pe must be a whole number, got 'many'"),
    ],
)
def test_wrong_fields_of_the_machine(capsys, here, given, message):
    assert message in refused(capsys, "run", "net.onnx", "--act-density", "0.5", *given)


def test_energy_in_28_nm_is_scaled_as_stated(capsys, here):
    """Table V, footnote 3: less energy per event by the ratio of the feature sizes; leakage power stays."""
    totals = []
    for nm in ("45", "28"):
        assert run(capsys, "run", "net.onnx", "--act-density", "0.5", "--feature-nm", nm, "-o", nm)[0] == 0
        layers = json.loads((here / nm / "layers.json").read_text())["layers"]
        joules = {name: sum(layer["joules"][name] for layer in layers) for name in layers[0]["joules"]}
        totals.append((joules.pop("leakage"), sum(joules.values())))
    assert totals[0][0] == pytest.approx(totals[1][0])
    assert totals[0][1] / totals[1][1] == pytest.approx(45 / 28)


def test_sizes_of_inputs_on_the_command_line(capsys, here):
    path = make.save(
        here / "open.onnx", [make.node("MatMul", ["x", "w"], "y", "fc")], {"w": make.values(4, 6)}, (1, "n", 4)
    )
    status, out, _ = run(capsys, "run", path.name, "--act-density", "0.5")
    assert (status, out.startswith("At least ")) == (0, True)
    assert "The file does not say how many products per inference fc takes; one is counted." in out.splitlines()[1]
    assert "100 % of the file's weights are on the machine." in out
    np.save(here / "x.npy", np.zeros((1, 7, 4)))
    for size in ("x=1x7x4", "1x7x4", "x=x.npy"):
        status, out, _ = run(capsys, "inspect", path.name, "--input", size, "--json")
        assert json.loads(out)["layers"][0]["vectors"] == 7
    assert "is 1 x n x 4 in the file, got 1x7x5" in refused(capsys, "run", path.name, "--input", "1x7x5")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("arguments", "column"),
    [
        (("run", "net.onnx", "--act-density", "0.5"), "layer"),
        (("inspect", "net.onnx"), "layer"),
        (("explain", "net.onnx", "--layer", "fc1", "--act-density", "0.5"), "cause"),
        (("table", "3"), "layer"),
        (("data", "list"), "name"),
        (("experiment", "--list"), "name"),
    ],
)
def test_tables_as_json_and_csv(capsys, here, arguments, column):
    status, out, err = run(capsys, *arguments, "--csv")
    assert (status, err) == (0, "")
    rows = rows_of(out)
    status, out, err = run(capsys, *arguments, "--json")
    found = json.loads(out)
    found = found["layers"] if isinstance(found, dict) else found
    assert (status, err) == (0, "")
    names = [row.get(column, row.get("name")) for row in found]
    assert [row[column] for row in rows] == names
    assert len(names) > 2


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_sweep_of_a_file_is_what_evaluate_says_of_each_machine(capsys, here, ending):
    given = ["--act-density", "0.5", "--prune-to", "0.3", "--pe", "4,8", "--index-bits", "3..4", "--width", "16,64"]
    status, out, _ = run(capsys, "sweep", "net.onnx", *given, "--clock", "1GHz", "-o", f"a.{ending}")
    assert (status, out) == (0, f"32 rows, 8 designs: written to a.{ending}\n")
    readers = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}
    frame = readers[ending](f"a.{ending}")
    for _, row in frame[frame["spmat_width_bits"] == 64].iterrows():
        machine = Machine(n_pe=row["n_pe"], index_bits=row["index_bits"], clock_hz=1e9)
        found = evaluate("net.onnx", machine=machine, act_density=0.5, density=0.3)
        if row["layer"] == "total":
            expected = (found.seconds, found.energy.total, found.dense.seconds, found.load_balance)
        else:
            (layer,) = (each for each in found.layers if each.run.name == row["layer"])
            expected = (layer.seconds, layer.energy.total, layer.dense.seconds, layer.run.report.load_balance)
        names = ["seconds", "energy_j", "dense_seconds", "load_balance"]
        assert tuple(row[names]) == pytest.approx(expected, rel=1e-9)
        assert not row["at_least"]
    narrow = frame[frame["spmat_width_bits"] == 16]
    assert narrow["energy_j"].isna().all()
    assert narrow["note"].str.startswith("no energy: the SRAM sweep has memories of").all()


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_sweeps_of_table_iii_in_other_formats(capsys, here, ending):
    arguments = ("sweep", "--layers", "NT-We", "--pe", "16,64", "--clock", "1GHz", "--feature-nm", "28")
    assert run(capsys, *arguments, "-o", f"a.{ending}")[0] == 0
    assert run(capsys, *arguments, "-o", "a.parquet")[0] == 0
    found = {"csv": pd.read_csv, "json": pd.read_json}[ending](f"a.{ending}")
    expected = pd.read_parquet("a.parquet")
    columns = ["layer", "n_pe", "cycles", "seconds", "energy_j", "clock_hz", "feature_nm"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], check_dtype=False, rtol=1e-9)
    assert set(expected["feature_nm"]) == {28.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "net.onnx", "-o", "a.txt"], "must be written to a file that ends in .parquet, .csv, .json, got"),
        (["sweep", "net.onnx", "--layers", "NT-We", "-o", "a.csv"], "--layers is for synthetic layers, not for a file"),
        (["sweep", "--act-density", "0.5", "-o", "a.csv"], "--act-density is for a network's file"),
        (["sweep", "net.onnx", "--index-bits", "x", "-o", "a.csv"], "--index-bits must be whole numbers or a range"),
        (["sweep", "net.onnx", "-o", "a.csv"], "--act-density on the command line"),
    ],
)
def test_wrong_sweeps_of_files(capsys, here, arguments, message):
    assert message in refused(capsys, *arguments)
    assert not (here / "a.csv").exists()
