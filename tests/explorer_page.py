"""What tests of the explorer's page in a browser share."""

import re
import shutil
from pathlib import Path

BOOK = Path(__file__).resolve().parents[1] / "book"
RAW_HTML = re.compile(r"^```\{raw\} html\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Explorer</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">"""


def write(root):
    """Write the page without the rest of the book."""
    shutil.copytree(BOOK / "_static" / "explorer", root / "_static" / "explorer")
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
