"""Install the package with the named extras into this interpreter's environment: `python tools/install.py book ...`.

Versions come from `requirements.lock`. pip installs uv, which takes seconds instead of minutes; where uv fails,
pip does it all. uv does not read pip's settings, so they are passed on in uv's own variables.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
NEEDED_FIRST = ("uv", "hatchling", "editables")
"""The installer, and what builds an editable package."""

SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "constraint": "UV_CONSTRAINT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
"""pip's settings, and uv's variables for the same."""

SECTIONS = ("global", "install", ":env:")
"""Where pip finds a setting; later ones win."""

AS_PIP = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
"""A package may come from any index, as with pip; the lock pins the versions."""

PROBE = {"UV_HTTP_RETRIES": "0"}
"""Whether PyTorch's own index can be reached is asked once."""


def uv_settings(config: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what `pip config list` printed as variables for uv; those that the environment has already stay."""
    pairs = [line.partition("=")[::2] for line in config.splitlines()]
    found = {name: ast.literal_eval(value) for name, value in pairs if value}
    settings = dict(AS_PIP)
    for section in SECTIONS:
        for setting, variable in SETTINGS.items():
            if value := found.get(f"{section}.{setting}"):
                settings[variable] = ("," if setting == "find-links" else " ").join(value.split())
    return {name: value for name, value in settings.items() if name not in environment}


def _run(*command: str, variables: Mapping[str, str] = {}, stderr: int | None = None) -> bool:
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-m", *command], env=environment, cwd=ROOT, stderr=stderr)
    return done.returncode == 0


def _pip(*arguments: str) -> bool:
    return _run("pip", "install", "--disable-pip-version-check", "--constraint", str(LOCK), *arguments)


def install(extras: list[str]) -> bool:
    """Install the package with these extras; returns whether that worked."""
    package = ("--no-build-isolation", "--editable", f".[{','.join(extras)}]")
    if not _pip("--quiet", *NEEDED_FIRST):
        return False
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    settings = uv_settings(listed, os.environ)
    uv = ("uv", "pip", "install", "--python", sys.executable, "--constraint", str(LOCK))
    probe = (*uv, "--quiet", "--torch-backend=cpu", "torch")
    if not _run(*probe, variables=settings | PROBE, stderr=subprocess.DEVNULL):
        print(
            "No index of CPU builds of torch is reachable: torch comes from where the other packages come", flush=True
        )
    if _run(*uv, *package, variables=settings):
        return True
    print("uv could not install the packages: pip tries, which takes some minutes", flush=True)
    return _pip(*package)


if __name__ == "__main__":
    sys.exit(0 if install(sys.argv[1:]) else 1)
