"""Put every deliberate bug of tests/mutants.toml into a copy of the project, and run the tests that have to notice it.

python tools/mutate.py [PART OF A NAME ...]
"""

import ast
import os
import re
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
        wrong = right.replace(bug["old"], bug["new"])
        path.write_text(wrong, encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            compiled = copy / "compiled" if kernels(wrong) == kernels(right) else Path(folder)
            noticed = not passes(bug["tests"], copy, compiled)
        path.write_text(right, encoding="utf-8")
        print(f"{'noticed ' if noticed else 'SURVIVES'}  {bug['name']}", flush=True)
        if not noticed:
            found.append(bug["name"])
    return found


def kernels(source: str) -> list[str]:
    """Return what numba compiles of a file. If that changes, all is compiled anew: it does not see who calls whom."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return [
        ast.dump(node)
        for node in functions
        if re.search("Kernel|Part|njit", "".join(map(ast.unparse, node.decorator_list)))
    ]


def passes(tests: list[str], copy: Path, compiled: Path) -> bool:
    """Run tests on the copy, those of `make test`. Those marked slow run last, and only if no other one fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    environment["NUMBA_CACHE_DIR"] = str(compiled)
    for which in ("not slow and not long", "slow and not long"):
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
