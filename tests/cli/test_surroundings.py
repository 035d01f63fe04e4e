"""Commands in hostile surroundings; `make fuzz` tries every command in all of them."""

import signal
import subprocess
import sys

import hunt
import pytest

FEW = [
    ("version", "all closed"),
    ("no command", "output closed"),
    ("no command", "errors full"),
    ("data list", "output full"),
    ("data list", "output closed"),
    ("data list", "odd numbers"),
]


@pytest.mark.parametrize(("name", "title"), FEW)
def test_no_surroundings_end_in_a_traceback(tmp_path, name, title):
    around = hunt.SURROUNDINGS[title]
    status, out, err = hunt.run(name, around, tmp_path)
    assert hunt.faults(name, around, status, out, err, tmp_path) == []


def test_what_is_printed_goes_into_no_file(tmp_path):
    """A file that is opened while the streams are closed must not take the place of one of them."""
    code = "import sys, eie.cli; eie.cli._open_closed_streams(); print(1); sys.exit(open('a', 'w').fileno())"
    command = ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", sys.executable, "-c", code]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 3


@pytest.mark.parametrize(
    ("title", "status", "err", "found"),
    [
        ("usual", 1, "", ["no line"]),
        ("output closed", 1, "", ["no line"]),
        ("errors closed", 1, "", []),
        ("all closed", 2, "", []),
        ("head", 1, "", []),
        ("head", 141, "", ["status 141"]),
        ("usual", 1, "eie: one\neie: two\n", ["more than one line"]),
        ("usual", 0, "a package's words\n", ["other lines than its own"]),
        ("SIGTERM at 0.1", -signal.SIGTERM, "", []),
        ("SIGINT at 0.05", -signal.SIGINT, "Traceback of <frozen site>\nKeyboardInterrupt\n", []),
        ("SIGINT at 0.8", 1, "", ["no line"]),
        ("SIGINT at 0.8", 0, "Exception ignored in: threading\n", ["Exception ignored", "other lines than its own"]),
    ],
)
def test_the_hunt_sees_each_fault_and_no_other(tmp_path, title, status, err, found):
    for name in ("here", "tmpdir"):
        (tmp_path / name).mkdir()
    assert hunt.faults("table", hunt.SURROUNDINGS[title], status, "", err, tmp_path) == found


def test_the_hunt_sees_what_is_left(tmp_path):
    for name in ("here/.made", "tmpdir/part", "jupyter_runtime_dir/kernel.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (fault,) = hunt.faults("rerun", hunt.SURROUNDINGS["usual"], 0, "", "", tmp_path)
    assert fault == "left ['.made', 'kernel.json', 'part']"
