"""What checks in a browser share: Chromium itself, a server of local files, and axe-core."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]  # as root in a container there is neither
AXE = "axe-core@4.11.0"
AXE_INTEGRITY = "sha512-ilYanEU8vxxBexpJd8cWM4ElSQq4QctCLKih0TSfjIfCQTeyH/6zVrmIJfLPrKTKJRbiG+cfnZbQIjAlJmF1jQ=="


class Missing(Exception):
    """A program or file that a check needs cannot be had; the message says what would help."""


def chromium() -> str:
    """Return the path of Chromium or Chrome; Debian's is installed where there is none and that is possible."""
    found = _which_chromium()
    if not found and shutil.which("apt-get") and os.geteuid() == 0:
        print("Chromium is not here: installing Debian's", flush=True)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        found = _which_chromium()
    if not found:
        raise Missing("the book is checked in Chromium, which is not here; on Debian: apt-get install chromium")
    return found


def _which_chromium() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def axe(cache: Path) -> str:
    """Return axe-core's script; fetched from the npm registry once, kept in `cache`, and verified each time."""
    archive = cache / f"{AXE.replace('@', '-')}.tgz"
    if not archive.is_file():
        _fetch_axe(cache)
    data = archive.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != AXE_INTEGRITY:
        raise Missing(f"{archive} is not {AXE}: its hash is {found}, not {AXE_INTEGRITY}; remove it to fetch it again")
    with tarfile.open(fileobj=io.BytesIO(data)) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None  # by the hash
        return script.read().decode()


def _fetch_axe(cache: Path) -> None:
    if not shutil.which("npm"):
        raise Missing(
            f"accessibility is checked with {AXE}, fetched by npm, which is not here; on Debian: apt install npm"
        )
    cache.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(["npm", "pack", "--silent", AXE], cwd=cache, capture_output=True, text=True, check=False)
    if packed.returncode:
        raise Missing(f"{AXE} cannot be fetched: {packed.stderr.strip() or 'npm pack failed'}")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine while the block runs; gives the address, without a slash at its end."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
