"""Set the address of the repository everywhere: `make fork URL=https://github.com/OWNER/REPO`.

Buttons, the citation, install cells and workflows then name the fork. `pyproject.toml` says what the address was.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://[\w.-]+(/[\w.-]+){2}")


def current(root: Path) -> str:
    """Return the address that `pyproject.toml` states."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Repository"])


def tracked(root: Path) -> list[Path]:
    """Return the files that git tracks."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [root / name for name in listed.split("\0") if name]


def naming(address: str, files: list[Path]) -> dict[Path, str]:
    """Return the text of each file that names an address; a longer name that begins like it does not count."""
    found = re.compile(re.escape(address) + r"(?![\w-])")
    texts = {path: _text(path) for path in files if path.is_file()}
    return {path: text for path, text in texts.items() if found.search(text)}


def _text(path: Path) -> str:
    """Return a file's text, nothing if it is not text."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return ""


def rename(new: str, root: Path, files: list[Path]) -> list[Path]:
    """Replace the address in all files; returns those that were changed.

    Raises
    ------
    ValueError
        When the new address is not of the form https://HOST/OWNER/REPO.
    """
    new = new.rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(new):
        raise ValueError(f"the address must be of the form https://github.com/OWNER/REPO, got {new!r}")
    old = current(root)
    found = naming(old, files) if new != old else {}
    for path, text in found.items():
        path.write_bytes(re.sub(re.escape(old) + r"(?![\w-])", new, text).encode("utf-8"))
    return list(found)


def main() -> int:
    """Read the command line; say in a line what was changed, or what is wrong."""
    if len(sys.argv) != 2:
        print("usage: make fork URL=https://github.com/OWNER/REPO", file=sys.stderr)
        return 2
    try:
        changed = rename(sys.argv[1], ROOT, tracked(ROOT))
    except ValueError as error:
        print(f"fork: {error}", file=sys.stderr)
        return 1
    print(f"{len(changed)} files now name {current(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
