import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import scipy

from eie.studies import host


def test_provenance_of_this_machine(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(host, "caches", lambda: {"L1i": 2**30, "L2": 2**14, "L3": 2**15})
    found = host.provenance()
    assert found["libraries"]["torch"] == torch.__version__
    assert found["libraries"]["numpy"] == np.__version__
    assert found["libraries"]["scipy"] == scipy.__version__
    assert (found["threads"], found["gpu"] is None) == (torch.get_num_threads(), not torch.cuda.is_available())
    assert found["cores"] >= 1
    assert found["last_level_cache_bytes"] == 2**15


@pytest.mark.parametrize("threads", ["x", "0", "", "-1", "2,"])
def test_a_number_of_threads_that_is_none_is_named(monkeypatch, threads):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    with pytest.raises(ValueError, match=f"OMP_NUM_THREADS must be a number of 1 or more, got '{threads}'"):
        host.require_torch()


@pytest.mark.parametrize("threads", ["4", " 08 ", "4,2"])
def test_numbers_of_threads(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    host._check_threads()


def test_commit_of_no_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(host, "__file__", str(tmp_path / "host.py"))
    assert host.commit() == "none"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one file that is committed, and which `host` takes for its own."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    monkeypatch.setattr(host, "__file__", str(tmp_path / "host.py"))
    (tmp_path / "file").write_text("old")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for words in ("init -q", "add file", "-c user.name=a -c user.email=a@b commit -qm first"):
        subprocess.run(["git", "-C", tmp_path, *words.split()], check=True)
    return tmp_path


def test_commit_of_a_checkout(checkout):
    found = host.commit()
    assert re.fullmatch("[0-9a-f]{40}", found)
    (checkout / "another").touch()
    assert host.commit() == found
    (checkout / "file").write_text("new")
    assert host.commit() == f"{found}-changed"


def test_asking_for_the_commit_writes_nothing(checkout):
    """On a full disk, git would leave a lock behind, which no later commit gets past."""
    os.utime(checkout / "file", (1e9, 1e9))  # what the index says of it is out of date
    before = (checkout / ".git" / "index").read_bytes()
    host.commit()
    assert (checkout / ".git" / "index").read_bytes() == before


def test_caches_are_counted_once_each(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "own_cores", lambda: [0, 1, 2, 10])
    levels = [
        ("1", "Data", "48K", 1),
        ("1", "Instruction", "32K", 1),
        ("2", "Unified", "1M", 2),
        ("3", "Unified", "3M", 4),
    ]
    for core in (0, 1, 2, 3, 10):
        for n, (level, kind, size, each) in enumerate(levels):
            folder = tmp_path / f"cpu{core}" / "cache" / f"index{n}"
            folder.mkdir(parents=True)
            first = core // each * each
            for name, text in (
                ("level", level),
                ("type", kind),
                ("size", size),
                ("shared_cpu_list", f"{first}+{each}"),
            ):
                (folder / name).write_text(f"{text}\n")
    found = host.caches(tmp_path)
    kilo = 2**10
    assert found == {"L1d": 4 * 48 * kilo, "L1i": 4 * 32 * kilo, "L2": 3 * 1024 * kilo, "L3": 2 * 3 * 1024 * kilo}
    assert host.last_level_bytes(found) == 6 * 1024 * kilo


def test_caches_where_the_system_does_not_tell(tmp_path, monkeypatch):
    (tmp_path / "cpu0" / "cache" / "index0").mkdir(parents=True)
    (tmp_path / "cpu0" / "cache" / "index0" / "level").write_text("1\n")
    assert host.caches(tmp_path) == {}
    assert host.last_level_bytes({}) == host.ASSUMED_CACHE_BYTES


def test_cache_of_instructions_is_not_the_last_one():
    assert host.last_level_bytes({"L1d": 5, "L1i": 9}) == 5


def test_machine_that_tells_little(monkeypatch):
    monkeypatch.setattr(host, "text_of", lambda _: "")
    monkeypatch.setattr(host.platform, "processor", lambda: "")
    monkeypatch.setattr(host.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(host.platform, "system", lambda: "Plan9")
    monkeypatch.setattr(host.platform, "release", lambda: "fourth")
    monkeypatch.setattr(host.platform, "freedesktop_os_release", nothing)
    monkeypatch.delattr(host.psutil.Process, "cpu_affinity", raising=False)
    assert host.cpu_name() == "riscv64"
    assert host.system_name() == "Plan9"
    assert len(host.own_cores()) == os.cpu_count()


def nothing(*_):
    raise OSError
