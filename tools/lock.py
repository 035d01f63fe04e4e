"""Write `requirements.lock`: install what pyproject.toml asks for into a fresh environment, and note every version.

Run by `make lock`. A lock pins versions, not files, so that each platform finds its own; torch is pinned to the version
whose CPU build is used.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

import install

ROOT = Path(__file__).resolve().parent.parent
PINNED = [
    "torch==2.13.0",
    "jupyter-book==1.0.4.post1",
    "papermill==2.7.0",
    "sphinx-mathjax-offline==0.0.2",
    "ipykernel<7.3",
]
"""Versions that the book is known to build with."""

HEADER = """\
# Every package of the project's environment, pinned. Made by `make lock`; `tools/install.py` takes versions from here.
"""


def wanted() -> list[str]:
    """Names of the packages that pyproject.toml asks for, with all extras, and of those that install them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [*project["dependencies"], *(name for extra in extras for name in extra), *install.NEEDED_FIRST]


def installed(python: Path) -> list[str]:
    """Pins of everything that pip has put there; a local build's label is left off, since no registry carries it."""
    frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    return [line.split("+")[0] for line in frozen.splitlines()]


def main() -> int:
    """Resolve, install, write."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", *wanted(), *PINNED], check=True)
        (ROOT / "requirements.lock").write_text(HEADER + "\n".join(installed(python)) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
