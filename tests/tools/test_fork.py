import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEW = "https://github.com/somebody/eie-fork"


@pytest.fixture
def copy(tmp_path, tool):
    """A copy of the files that git tracks, without data."""
    try:
        files = [path.relative_to(ROOT) for path in tool("fork").tracked(ROOT)]
    except subprocess.CalledProcessError:
        pytest.skip("this folder is no git checkout")
    kept = [path for path in files if path.parts[0] not in ("data", "tests") and (ROOT / path).is_file()]
    for path in kept:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return [tmp_path / path for path in kept]


def test_no_old_address_is_left(copy, tmp_path, tool):
    fork = tool("fork")
    old = fork.current(tmp_path)
    changed = {path.relative_to(tmp_path).as_posix() for path in fork.rename(NEW, tmp_path, copy)}
    assert {"pyproject.toml", "CITATION.cff", "notebooks/start_here.ipynb"} <= changed
    owner_and_name = old.removeprefix("https://github.com/")
    assert [path for path in copy if owner_and_name.encode() in path.read_bytes()] == []
    assert fork.current(tmp_path) == NEW


def test_and_back_gives_the_same_files(copy, tmp_path, tool):
    fork = tool("fork")
    old, before = fork.current(tmp_path), {path: path.read_bytes() for path in copy}
    fork.rename(NEW + ".git", tmp_path, copy)
    fork.rename(old, tmp_path, copy)
    assert {path: path.read_bytes() for path in copy} == before


@pytest.mark.parametrize("wrong", ["", "eie", "github.com/a/b", "https://github.com/a", "https://github.com/a/b/c"])
def test_wrong_address_changes_nothing(copy, tmp_path, tool, wrong):
    before = {path: path.read_bytes() for path in copy}
    with pytest.raises(ValueError, match=r"must be of the form https://github\.com/OWNER/REPO"):
        tool("fork").rename(wrong, tmp_path, copy)
    assert {path: path.read_bytes() for path in copy} == before
