"""Put every deliberate bug of tests/mutants.toml into a copy of the project, and run the tests that have to notice it.

python tools/mutate.py [PART OF A NAME ...]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("eie", "data", "tests", "tools", "notebooks", "book", "pyproject.toml")
SECONDS = 600
"""A bug that makes a test hang is noticed, too."""


def survivors(bugs: list[dict[str, Any]], copy: Path) -> list[str]:
    """Try one bug after the other; return the names of those that no test noticed."""
    found = []
    for bug in bugs:
        path = copy / bug["file"]
        right = path.read_text(encoding="utf-8")
        if right.count(bug["old"]) != 1:
            sys.exit(f"{bug['name']}: {bug['file']} must have this text once: {bug['old']}")
        path.write_text(right.replace(bug["old"], bug["new"]), encoding="utf-8")
        forget_compiled(right, copy)
        noticed = not passes(bug["tests"], copy)
        path.write_text(right, encoding="utf-8")
        forget_compiled(right, copy)
        print(f"{'noticed ' if noticed else 'SURVIVES'}  {bug['name']}", flush=True)
        if not noticed:
            found.append(bug["name"])
    return found


def forget_compiled(source: str, copy: Path) -> None:
    """Remove what numba has compiled if a kernel may have changed: it does not see that a kernel calls another one."""
    if "@Kernel" in source or "@nb.njit" in source:
        for compiled in (copy / "eie").rglob("*.nb[ic]"):
            compiled.unlink()


def passes(tests: list[str], copy: Path) -> bool:
    """Run tests on the copy. Those marked slow run last, and only if no other one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    for which in ("not slow", "slow"):
        try:
            done = subprocess.run(
                [*command, "-m", which], cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode not in (0, 5):  # 5: no test of that kind
            return False
    return True


def main(parts: list[str]) -> bool:
    """Try the bugs whose names have one of these parts in them, or all."""
    bugs = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))["bugs"]
    chosen = [bug for bug in bugs if not parts or any(part in bug["name"] for part in parts)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
        found = survivors(chosen, copy)
    print(f"{len(chosen) - len(found)} of {len(chosen)} deliberate bugs were noticed")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
