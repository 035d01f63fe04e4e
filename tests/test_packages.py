"""The wheel and the source distribution work outside of the repository, and hold the same."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[1]
TRIED = """
import eie, eie.cli.main
from eie._files import resource
from eie.studies import pages
print(eie.__file__, resource("data"), resource("notebooks"), eie.__version__, sep="\\n")
assert "fig08_fifo_depth" in pages.names()
raise SystemExit(eie.cli.main.main(["table", "2"]))
"""


def build(source, kind, folder):
    """Build a package from a folder of sources; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The unpacked source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(ROOT, "sdist", folder)) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    return build(sources, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_runs_from_anywhere(wheel, tmp_path):
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", TRIED]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    library, data, notebooks, version, *table = done.stdout.splitlines()
    assert {Path(path).is_relative_to(place) for path in (library, data, notebooks)} == {True}
    assert version in wheel.name
    assert table[0].split()[0] == "quantity"


def test_packages_hold_the_library_its_data_and_its_pages_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    inside = {"eie": "eie", "data": "eie/data", "notebooks": "eie/notebooks"}
    assert names == {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in inside.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts
    }
