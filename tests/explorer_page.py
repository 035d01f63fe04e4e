"""What tests of the explorer share."""

import os
import re
import shutil
from pathlib import Path

import pytest

BOOK = Path(__file__).resolve().parents[1] / "book"
RAW_HTML = re.compile(r"^```\{raw\} html\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorer</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">"""


def write(root, bundle):
    """Write the page without the rest of the book; `bundle` is the module of tools/ that makes its script."""
    bundle.write(root / "_static" / "explorer")
    body = RAW_HTML.findall((BOOK / "explorer.md").read_text(encoding="utf-8"))
    (root / "explorer.html").write_text("\n".join([HEAD, *body]), encoding="utf-8")


def answers(page):
    """Milliseconds from each change to the numbers on the page."""
    return page.evaluate("performance.getEntriesByName('explorer-answer').map((entry) => entry.duration)")


def wait_for_answer(page, after):
    page.wait_for_function(f"performance.getEntriesByName('explorer-answer').length > {after}")


def move(page, label, key):
    """Move a slider by a key and wait for the answer."""
    before = len(answers(page))
    setting(page).get_by_label(label, exact=True).press(key)
    wait_for_answer(page, before)


def setting(page):
    return page.get_by_role("form", name="Setting")


def node():
    """The Node binary; a machine that checks changes must have it, a reader's need not."""
    found = shutil.which("node")
    if found is None and os.environ.get("CI"):
        pytest.fail("the explorer's scripts are tested in Node, which is not installed (Debian: apt install nodejs)")
    return found or pytest.skip("the explorer's scripts are tested in Node 20 or newer, which is not installed")
