"""Commands in hostile surroundings; `make fuzz` tries every command in all of them."""

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
