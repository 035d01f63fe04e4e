import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUGS = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["bugs"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug["name"])
def test_every_deliberate_bug_still_has_its_place(bug):
    assert (ROOT / bug["file"]).read_text(encoding="utf-8").count(bug["old"]) == 1
    assert bug["old"] != bug["new"]
    assert all((ROOT / test).is_file() for test in bug["tests"])


def test_names_are_of_one_bug_each():
    assert len({bug["name"] for bug in BUGS}) == len(BUGS)


def test_what_no_test_notices_survives(tool, tmp_path):
    for path, text in (
        ("right.py", "answer = 42"),
        ("test_it.py", "import right\n\ndef test():\n    assert right.answer > 40"),
    ):
        (tmp_path / path).write_text(text)
    bugs = [
        {"name": name, "file": "right.py", "old": "42", "new": new, "tests": ["test_it.py"]}
        for name, new in (("noticed", "4"), ("survives", "43"))
    ]
    assert tool("mutate").survivors(bugs, tmp_path) == ["survives"]
