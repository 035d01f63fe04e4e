import re
import shutil
import subprocess

import pytest

from eie.hardware import build
from eie.hardware.geometry import Geometry
from eie.hardware.icarus import TESTBENCH
from eie.hardware.proofs import FORMAL

FILES = [*build.sources(), *build.sources(FORMAL), TESTBENCH]
PORT = re.compile(r"^  (parameter|input|output)\b")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_one_module_per_file_with_every_port_documented(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert max(map(len, lines)) <= 120
    assert [line.split()[1] for line in lines if line.startswith("module ")] == [path.stem]
    ports = [line for line in lines if PORT.match(line)]
    assert [line for line in ports if " /// " not in line] == []
    assert lines[0].startswith("// ")


@pytest.mark.parametrize("path", build.sources(), ids=lambda path: path.name)
def test_names_and_registers_follow_the_style(path):
    text = path.read_text(encoding="utf-8")
    assert "`REQUIRE(" in text
    ports = re.findall(r"^  (input|output)\s.*?(\w+)\s*,?\s*///", text, re.M)
    assert ports
    assert [name for way, name in ports if not name.endswith("i" if way == "input" else "_o")] == []
    assert not re.search(r"\balways\b|\breg\b|\bwire\b", re.sub(r"//.*", "", text))


@pytest.mark.skipif(shutil.which("verilator") is None, reason="linting needs Verilator")
@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(),
        Geometry(n_pe=1, depth=2, entries=3),
        Geometry(n_pe=5, entries=1, code_bits=3, index_bits=5),
        Geometry(n_pe=1, depth=2, entries=3, pipelined=True),
        Geometry(n_pe=16, pipelined=True),
    ],
    ids=lambda geometry: f"{geometry.n_pe}pe{'-pipelined' * geometry.pipelined}",
)
def test_verilator_finds_nothing(geometry):
    changes = [f"-G{name}={value}" for name, value in geometry.parameters.items()]
    files = [f"-I{build.RTL}", *map(str, build.sources())]
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "eie_top", *changes, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
