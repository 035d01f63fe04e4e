"""Energy in a technology of one's own, against the paper's where the numbers are the paper's."""

import copy
import re

import numpy as np
import onnx_models as make
import pytest

import eie
from eie import technology
from eie.cli.main import main
from eie.energy_model import register_bit_pj
from eie.explore import own_technology

MACHINE = eie.Machine(n_pe=4)


def as_the_paper():
    """The numbers of 45 nm that `eie.energy` uses."""
    parts = technology.memories(MACHINE, technology.chip_facts()["sram"]["setting"])
    weights, pointers, activations = (parts[name][0] for name in ("spmat", "pointer", "activation"))
    return {
        "name": "as the paper",
        "feature_nm": 45,
        "sram": {
            "weights": {"width_bits": 64, "read_pj": weights.read_pj, "leakage_mw": weights.leakage_mw},
            "pointers": {"read_pj": pointers.read_pj, "leakage_mw": pointers.leakage_mw},
            "activations": {
                "read_pj": activations.read_pj,
                "write_pj": activations.write_pj,
                "leakage_mw": activations.leakage_mw,
            },
        },
        "alu": {
            "multiply_pj": technology.operation_pj("multiply", "int", 16),
            "add_pj": technology.operation_pj("add", "int", 16),
        },
        "dram": {"read_pj_per_bit": 20},
    }


def text(numbers):
    lines = [f"name = {numbers['name']!r}", f"feature_nm = {numbers['feature_nm']}"]
    tables = {f"sram.{name}": part for name, part in numbers["sram"].items()}
    for name, part in (tables | {"alu": numbers["alu"], "dram": numbers["dram"]}).items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in part.items())]
    return "\n".join(lines) + "\n"


@pytest.fixture
def report():
    layer = eie.draw_layer(60, 50, 0.2, 0)
    return eie.simulate(layer, np.ones((3, 50)), MACHINE)


def test_the_papers_numbers_give_the_papers_energy(report):
    own = own_technology.of_numbers(as_the_paper()).energy(report, MACHINE)
    expected = eie.energy(report, MACHINE)
    assert own.components == pytest.approx(expected.components)
    assert own.seconds == expected.seconds


def test_numbers_that_are_left_out_are_scaled_and_others_count_in_proportion(report):
    numbers = as_the_paper() | {"feature_nm": 15}
    machine = eie.Machine(n_pe=4, feature_nm=15)
    own = own_technology.of_numbers(numbers)
    assert own.numbers["alu.register_bit_pj"] == pytest.approx(register_bit_pj() / 3)
    expected = eie.energy(report, MACHINE).components
    found = own.energy(report, machine).components
    for name in ("codebook", "accumulators", "queues", "control", "clock", "detection nodes"):
        assert found[name] == pytest.approx(expected[name] / 3)
    numbers["alu"] |= {"multiply_pj": 0, "add_pj": 2.0, "clock_pj": 0.5}
    changed = own_technology.of_numbers(numbers).energy(report, machine).components
    assert changed["multiply and add"] == pytest.approx(2e-12 * report.macs)
    assert changed["clock"] == pytest.approx(0.5e-12 * report.cycles * 4)
    assert own.loading(1000) == pytest.approx(2e-8)
    assert own_technology.dram_joules(32) == pytest.approx(640e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n.pop("name"), "name must be a text"),
        (lambda n: n.update(feature_nm=0), "feature_nm must be finite and above 0, got 0"),
        (lambda n: n["sram"].pop("pointers"), "sram.pointers.read_pj is missing"),
        (lambda n: n["alu"].update(multiply=3), "there is no alu.multiply; there are name, feature_nm, sram.weights"),
        (lambda n: n["dram"].update(read_pj_per_bit=-1), "dram.read_pj_per_bit must be a number of 0 or more, got -1"),
        (lambda n: n["alu"].update(add_pj=True), "alu.add_pj must be a number of 0 or more, got True"),
    ],
)
def test_wrong_numbers_are_named(tmp_path, change, message):
    numbers = copy.deepcopy(as_the_paper())
    change(numbers)
    with pytest.raises(ValueError, match=re.escape(message)):
        own_technology.of_numbers(numbers)


def test_wrong_files_are_named(tmp_path):
    (tmp_path / "a.toml").write_text("name = ")
    with pytest.raises(ValueError, match=r"a\.toml: is not a TOML file"):
        own_technology.read(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("#" * 70_000)
    with pytest.raises(ValueError, match=r"a\.toml: must have 1..65536 bytes"):
        own_technology.read(tmp_path / "a.toml")


def test_a_machine_of_another_technology_is_an_error(report):
    own = own_technology.of_numbers(as_the_paper() | {"feature_nm": 16})
    with pytest.raises(ValueError, match="is of 16 nm, the machine of 45 nm: give it feature_nm=16"):
        own.energy(report, MACHINE)
    with pytest.raises(ValueError, match="is 64 bits wide, the machine reads 32"):
        own.energy(report, eie.Machine(n_pe=4, feature_nm=16, spmat_width_bits=32))


def test_in_python_and_on_the_command_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, _ = make.small(tmp_path / "net.onnx")
    (tmp_path / "own.toml").write_text(text(as_the_paper()))
    usual = eie.evaluate(path, machine=MACHINE, act_density=0.5)
    own = eie.evaluate(path, machine=MACHINE, act_density=0.5, technology=tmp_path / "own.toml")
    assert own.energy.total == pytest.approx(usual.energy.total)
    assert own.dense.joules == pytest.approx(usual.dense.joules)
    assert own.loading_joules == pytest.approx(usual.loading_joules)
    (tmp_path / "small.toml").write_text(text(as_the_paper() | {"feature_nm": 16, "name": "mine"}))
    assert main(["run", "net.onnx", "--act-density", "0.5", "--technology", "small.toml"]) == 0
    assert "The energy is that of 16 nm (mine); loading all weights from DRAM once takes " in capsys.readouterr().out
    with_other = ["--technology", "small.toml", "--feature-nm", "28"]
    assert main(["run", "net.onnx", "--act-density", "0.5", *with_other]) == 2
    assert "is of 16 nm, the machine of 28 nm" in capsys.readouterr().err


def test_the_example_of_the_module_is_a_file(tmp_path):
    lines = [line[4:] for line in own_technology.__doc__.splitlines() if line.startswith("    ")]
    (tmp_path / "a.toml").write_text("\n".join(lines))
    found = own_technology.read(tmp_path / "a.toml")
    assert (found.name, found.feature_nm, found.numbers["alu.clock_pj"]) == ("my 16 nm", 16, 0.1)
