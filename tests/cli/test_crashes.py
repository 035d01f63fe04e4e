"""Every command that writes is killed, runs into a full disk or a folder that is closed to it, and runs twice at once.

Afterwards what was there before is still there or what is new is, whole; nothing else is; and the same command works.
"""

import json
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import commands
import onnx_models as make
import pytest

from eie.studies.baselines import platforms

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Writer:
    """A command, what makes it write something else, and its output: a file, or a folder of files."""

    arguments: tuple[str, ...]
    other: tuple[str, ...]
    output: str
    keeps: tuple[str, ...] = ()  # what a stopped run leaves, to go on from
    takes_long: bool = False  # too long for `make test`


NETWORK = "NETWORK"
WRITERS = {
    "encode": Writer(("encode", NETWORK, "--prune-to", "0.5"), ("--pe", "8"), "net.eie"),
    "run": Writer(("run", NETWORK, "--act-density", "0.5"), ("--pe", "8"), "report"),
    "figure": Writer(("figure",), ("2",), "fig.svg", takes_long=True),
    "sweep": Writer(
        ("sweep", "--layers", "NT-We"),
        ("--pe", "8..64"),
        "sweep.parquet",
        ("sweep.parquet.parts", "sweep.parquet.lock"),
    ),
    "experiment": Writer(
        ("experiment", "mapping", "--slice", "network=Table III"),
        ("--slice", "sample=0"),
        "table.csv",
        ("table.csv.part",),
        takes_long=True,
    ),
    "rerun": Writer(("rerun", "table1"), ("-p", "rate_hz", "30"), "page.ipynb", takes_long=True),
    "measure": Writer(
        ("measure", "--quick"),
        ("--layers", "NT-LSTM"),
        "times.json",
        ("times.json.part",),
        takes_long=True,
    ),
    "rtl images": Writer(
        ("rtl", "images", "--outputs", "20", "--inputs", "20"), ("--pe", "2"), "memories", takes_long=True
    ),
}
USUAL = {"figure": ("5",)}
"""What a command is given where it is not given the other."""

MOMENTS = int(os.environ.get("EIE_TEST_MOMENTS", "2"))
"""How often each command is killed; more find rarer moments."""
EACH = [pytest.param(name, marks=[pytest.mark.long] * writer.takes_long) for name, writer in WRITERS.items()]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path, _ = make.small(tmp_path_factory.mktemp("in") / "net.onnx")
    return str(path)


@pytest.fixture
def start(network, tmp_path_factory):
    """A function that starts a command, or with `other` a variant of it, in a folder."""

    def start(name, folder, *, other=False, **options):
        writer = WRITERS[name]
        given = [network if argument == NETWORK else argument for argument in writer.arguments]
        given += writer.other if other else USUAL.get(name, ())
        return commands.start(folder, tmp_path_factory.mktemp("said"), *given, "-o", writer.output, **options)

    return start


@pytest.fixture
def made(start, tmp_path_factory):
    """A function that gives what a command writes, the folder of it, and the seconds that it takes."""

    @cache
    def made(name, other):
        folder = tmp_path_factory.mktemp("made")
        assert start(name, folder, other=other).wait()[0] == 0
        began = time.monotonic()
        assert start(name, folder, other=other).wait()[0] == 0
        return content(name, folder), folder, time.monotonic() - began

    return made


def content(name, folder):
    """Every file that a command has written; what it says of the time, the commit and its own speed is left out."""
    output = folder / WRITERS[name].output
    files = sorted(output.iterdir()) if output.is_dir() else [output]
    return {file.name: WHOLE.get(name, without_told)(file.read_bytes()) for file in files}


def without_told(written):
    return b"\n".join(line for line in written.split(b"\n") if not told(line))


def cells(written):
    """Source and number of each cell of a page; the last one has a number once all have run."""
    return [(cell["source"], cell.get("execution_count")) for cell in json.loads(written)["cells"]]


def rows(written):
    """Layer and variant of each time that was measured."""
    return [(row["layer"], row["variant"]) for row in platforms.check(json.loads(written))["rows"]]


WHOLE = {"rerun": cells, "measure": rows}
"""Functions that return the part of an output file that is the same each time. They fail if the file is not whole."""


def is_aside(file):
    """Tell a file that its command had not finished when it was killed; the next run removes it."""
    return file.startswith(".")


def told(line):
    return line.startswith((b"# date: ", b"# commit: ")) or b"<dc:date>" in line


def left(name, folder):
    """Names of what is in a folder beside the output and what a stopped run may leave."""
    allowed = {WRITERS[name].output, *WRITERS[name].keeps}
    return {path.name for path in folder.iterdir()} - allowed


@pytest.mark.parametrize("name", EACH)
def test_a_full_disk_leaves_nothing(tmp_path, start, made, name):
    made(name, False)  # numba could not keep the kernels that it compiles
    status, _, err = start(name, tmp_path, limit=300).wait()
    assert (status, err.count("\n")) == (1, 1), err
    assert "cannot write" in err
    assert "Traceback" not in err
    assert left(name, tmp_path) == set()
    assert not (tmp_path / WRITERS[name].output).exists()


def test_a_sweep_that_cannot_begin_leaves_no_folder(tmp_path, start):
    assert start("sweep", tmp_path, limit=0).wait()[0] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", EACH)
def test_killed_at_any_moment(tmp_path, start, made, name):
    (old, folder, _), (new, _, seconds) = made(name, False), made(name, True)
    assert old != new
    chance = random.Random(name)
    for _ in range(MOMENTS):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        running = start(name, tmp_path, other=True)
        time.sleep(chance.uniform(0.5, 1.0) * seconds)
        running.process.kill()
        running.wait()
        for file, written in content(name, tmp_path).items():
            assert is_aside(file) or written in (old.get(file), new.get(file)), file
    status, _, err = start(name, tmp_path, other=True).wait()
    assert status == 0, err
    found = content(name, tmp_path)
    assert found.items() >= new.items()
    assert found.keys() <= old.keys() | new.keys()
    assert {path.name for path in tmp_path.iterdir()} == {WRITERS[name].output}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_by_a_signal(tmp_path, start, number):
    """A signal that can be answered is: in one line, and a sweep leaves what it goes on from."""
    running = start("sweep", tmp_path, other=True)
    while running.process.is_alive() and not list(tmp_path.iterdir()):
        time.sleep(0.001)
    with suppress(ProcessLookupError):  # it was quicker
        os.kill(running.process.pid, number)
    status, _, err = running.wait()
    assert (status, err) in [(1, "eie: stopped; no file was left half-written\n"), (0, "")]
    assert left("sweep", tmp_path) == set()


@pytest.mark.parametrize("name", WRITERS)
def test_a_folder_that_may_not_be_written_to(tmp_path, start, name):
    tmp_path.chmod(0o555)
    status, _, err = start(name, tmp_path, without_privileges=True).wait()
    assert (status, err.count("\n")) == (1, 1), err
    assert "may not be written to" in err
    assert list(tmp_path.iterdir()) == []
    tmp_path.chmod(0o755)


@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_two_at_once(tmp_path, start, made, name):
    old, new = made(name, False)[0], made(name, True)[0]
    running = [start(name, tmp_path, other=other) for other in (False, True)]
    results = [one.wait() for one in running]
    assert 0 in {status for status, _, _ in results}
    for status, _, err in results:
        assert status == 0 or (err.startswith("eie: ") and err.count("\n") == 1), err
    found = content(name, tmp_path)
    assert all(written in (old.get(file), new.get(file)) for file, written in found.items())
    assert left(name, tmp_path) == set()
