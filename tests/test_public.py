"""The library in people's hands: public names, how objects show themselves, and arguments that were swapped."""

import doctest
import subprocess
import sys
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

import eie

MACHINE = eie.Machine(n_pe=4)
ACTIVATIONS = eie.draw_activations(32, 0.5, 0)


@cache
def layer():
    return eie.draw_layer(64, 32, 0.2, 0)


@cache
def report():
    return eie.simulate(layer(), ACTIVATIONS, MACHINE)


USER_SCRIPT = """
import eie
import numpy as np

layer: eie.CompressedLayer = eie.draw_layer(64, 32, 0.2, 0)
report: eie.CycleReport = eie.simulate(layer, np.ones(32), eie.Machine(n_pe=4))
joules: float = eie.energy(report, eie.Machine(n_pe=4)).total
outputs: eie.Inference = eie.infer(layer, np.ones(32), eie.Machine(n_pe=4))
"""

SHOWN = {
    "machine": (lambda: MACHINE, "fifo_depth"),
    "layer": (layer, "density"),
    "encoded": (lambda: eie.encode(layer(), MACHINE), "n_padding"),
    "report": (report, "load_balance"),
    "energy": (lambda: eie.energy(report(), MACHINE), "spmat read"),
    "outputs": (lambda: eie.infer(layer(), ACTIVATIONS, MACHINE), "saturations"),
    "steps": (lambda: eie.step(layer(), ACTIVATIONS, MACHINE), "saturations"),
    "formats": (lambda: eie.calibrate(layer(), ACTIVATIONS, MACHINE), "places"),
    "spread": (lambda: eie.typical_spread(0.1), "row_cv"),
    "benchmark": (lambda: eie.Benchmark.named("Alex-8"), "act_density"),
    "evaluation": (lambda: eie.evaluate("NT-We", machine=MACHINE), "load balance"),
}

SWAPPED = {
    "mem": lambda: eie.simulate(ACTIVATIONS, layer()),
    "machine": lambda: eie.simulate(layer(), MACHINE, ACTIVATIONS),
    "layer": lambda: eie.encode(MACHINE, layer()),
    "report": lambda: eie.energy(MACHINE, report()),
    "formats": lambda: eie.infer(layer(), ACTIVATIONS, MACHINE, formats=16),
    "network": lambda: eie.evaluate(np),
}


def test_names_are_the_public_ones():
    assert dir(eie) == sorted(eie.__all__)


def test_the_example_of_the_package_holds():
    found = doctest.testmod(eie)
    assert found.attempted > 4
    assert found.failed == 0


def test_help_opens_with_a_paragraph_and_an_example():
    text = subprocess.run([sys.executable, "-c", "import eie; help(eie)"], capture_output=True, text=True, check=True)
    assert ">>> import eie" in text.stdout


@pytest.mark.long
def test_a_users_script_passes_the_strict_checker(tmp_path):
    assert files("eie").joinpath("py.typed").is_file()
    script = tmp_path / "mine.py"
    script.write_text(USER_SCRIPT)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(script)]
    assert subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False).stdout == (
        "Success: no issues found in 1 source file\n"
    )


@pytest.mark.parametrize("kind", SHOWN)
def test_objects_show_themselves_in_short_and_as_a_table(kind):
    made, holds = SHOWN[kind]
    shown = made()
    assert len(repr(shown)) < 400
    assert "<table" in shown._repr_html_()
    assert holds in shown._repr_html_()


@pytest.mark.parametrize("name", SWAPPED)
def test_swapped_arguments_are_named(name):
    with pytest.raises(ValueError, match=rf"(^|the ){name} must be"):
        SWAPPED[name]()


def test_tables_can_go_into_latex():
    assert r"\begin{tabular}" in eie.evaluate("NT-We", machine=MACHINE).table().to_latex()
