import errno
import os
import signal
import subprocess
import sys

import pytest

from eie.writing.aside import target_of, written_aside

KILLED = """
import sys, time
from eie.writing.aside import written_aside
with written_aside(sys.argv[1]) as aside:
    aside.write_text("half of the n")
    print("in the middle", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def umask():
    """Set the umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def write(path, text):
    with written_aside(path) as aside:
        aside.write_text(text)


def write_half(path, error):
    with written_aside(path) as aside:
        aside.write_text("half of the n")
        raise error("stopped")


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_new_file(tmp_path, as_type):
    write(as_type(tmp_path / "new.txt"), "new")
    assert (tmp_path / "new.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]


def test_old_file_is_replaced(tmp_path):
    (tmp_path / "file.txt").write_text("old and longer")
    write(tmp_path / "file.txt", "new")
    assert (tmp_path / "file.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_old_file_stays_until_the_end(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with written_aside(target) as aside:
        aside.write_text("new")
        assert target.read_text() == "old"
        assert (aside.parent, aside.suffix) == (tmp_path, ".txt")
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, SystemExit])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(error):
        write_half(target, error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_failing_move_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    target = tmp_path / "file.txt"
    target.write_text("old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "out.txt"
    with (
        pytest.raises(OSError, match=r"cannot write .*out\.txt: Too many open files") as caught,
        written_aside(path) as aside,
    ):
        raise OSError(errno.EMFILE, "Too many open files", str(aside))
    assert caught.value.errno == errno.EMFILE
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_no_file_where_there_was_none(tmp_path):
    with pytest.raises(TypeError):
        write(tmp_path / "file.txt", 1)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path):
    target = tmp_path / "nowhere" / "file.txt"
    with pytest.raises(FileNotFoundError) as caught:
        write(target, "new")
    assert str(target) in str(caught.value)
    assert "there is no folder" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
@pytest.mark.parametrize("is_new", [True, False])
def test_permissions_follow_the_umask(tmp_path, umask, mask, mode, is_new):
    target = tmp_path / "file.txt"
    if not is_new:
        target.touch(0o400)
    umask(mask)
    write(target, "new")
    assert target.stat().st_mode & 0o777 == mode
    assert umask(mask) == mask


@pytest.mark.slow
def test_killed_in_the_middle_leaves_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with subprocess.Popen([sys.executable, "-c", KILLED, target], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "in the middle\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    write(target, "new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_what_another_process_writes_meanwhile_stays(tmp_path):
    target = tmp_path / "file.txt"
    (tmp_path / ".file-thesis.txt").write_text("mine")
    with written_aside(target) as first:
        first.write_text("first")
        write(target, "second")
    assert target.read_text() == "first"
    assert (tmp_path / ".file-thesis.txt").read_text() == "mine"


def test_only_ordinary_files_are_replaced(tmp_path):
    with pytest.raises(ValueError, match="it is not an ordinary file"), written_aside(tmp_path):
        pass
    with pytest.raises(ValueError, match="it is not an ordinary file"), written_aside("/dev/null"):
        pass


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with written_aside(tmp_path / "link.txt") as aside:
        aside.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_link_that_leads_to_itself_is_refused(tmp_path):
    (tmp_path / "a.txt").symlink_to("b.txt")
    (tmp_path / "b.txt").symlink_to("a.txt")
    with pytest.raises(ValueError, match=r"cannot write .*a\.txt: it is a link that leads to itself"):
        target_of(tmp_path / "a.txt")


def test_a_folder_that_takes_no_file_is_named_as_asked(tmp_path, monkeypatch):
    def full(**_):
        raise PermissionError(13, "Permission denied", ".x-abc.svg")

    monkeypatch.setattr("eie.writing.aside.tempfile.mkstemp", full)
    with pytest.raises(PermissionError) as caught:
        write(tmp_path / "x.svg", "new")
    assert str(caught.value) == f"cannot write {tmp_path / 'x.svg'}: Permission denied"
