"""A few damaged files for every reader; `make fuzz` reads thousands."""

import os
import signal

import fuzz
import pytest

from eie.networks import importing

TIMES = 25


@pytest.mark.parametrize("name", fuzz.READERS)
def test_damaged_files_are_refused_by_name_in_little_memory_and_time(tmp_path, name):
    assert fuzz.fuzz(name, tmp_path, TIMES, seed=2016)["refused"] > 0


class Waits(BaseException):
    """Raised where a reader waits for what another writes into a pipe; no reader may take it for damage."""


def stop_waiting(*_):
    raise Waits


def make_loop(path):
    path.symlink_to(path.name)


NO_FILES = {"nothing": lambda path: None, "a folder": os.mkdir, "a pipe": os.mkfifo, "a link to itself": make_loop}


@pytest.fixture
def alarm():
    """A function that stops a reader which waits; what was there before comes back, however the test ends."""
    before = signal.signal(signal.SIGALRM, stop_waiting)
    yield signal.alarm
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", fuzz.READERS)
def test_what_is_no_file_is_refused_by_name(tmp_path, alarm, name):
    paths, read = fuzz.READERS[name](tmp_path)
    for path in (paths[0], paths[-1]):
        for make in NO_FILES.values():
            path.rename(tmp_path / "kept")
            make(path)
            alarm(5)
            with pytest.raises((ValueError, OSError)) as caught:
                fuzz.read_all(read(paths[0]))
            alarm(0)
            assert any(str(named) in str(caught.value) for named in {path, tmp_path, paths[0]})
            if os.path.lexists(path):
                path.rmdir() if path.is_dir() else path.unlink()
            (tmp_path / "kept").rename(path)


def test_every_reader_is_registered(tmp_path):
    """A new format needs a function here."""
    endings = set()
    for number, write in enumerate(fuzz.READERS.values()):
        (tmp_path / str(number)).mkdir()
        endings |= {path.name[1:] for path in write(tmp_path / str(number))[0]}
    readers = importing._READERS
    assert {readers[ending] for ending in endings & set(readers)} == set(readers.values())
