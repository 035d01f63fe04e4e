"""Addresses of packages' files, from the registry that the reader's own client is set up for.

No registry is named here: pip, npm and apt-get know theirs, a mirror or a company's own included. Only addresses are
asked of them; nothing of a package is installed or run.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin

import requests

from eie.datasets.download import CHUNK_BYTES, TIMEOUT_S, reason
from eie.datasets.errors import FetchError

PAGE_BYTES = 64 * 2**20
"""No page of an index may be longer; that of a package with thousands of files has a few megabytes."""

CLIENT_TIMEOUT_S = 60
"""Seconds that a registry's client may take to answer."""

_PIP = (sys.executable, "-m", "pip")
_PIP_SECTIONS = ("global", "download", ":env:")
"""Sections of pip's settings that count for `pip download`, the last one first."""

_TRUE = ("1", "y", "yes", "t", "true", "on")
"""Values that pip takes for yes."""


def pypi(package: str, file: str) -> tuple[str, bool | str]:
    """Find the address of a file of a Python package, and the certificates to trust (as `requests` takes them).

    Raises
    ------
    FetchError
        When pip is missing, or none of its indexes can be reached or has the file.
    """
    settings = _pip_settings()
    verify = settings["cert"] or True
    failures = []
    for index in settings["indexes"]:
        page = f"{index.rstrip('/')}/{re.sub(r'[-_.]+', '-', package).lower()}/"
        try:
            links = _links(page, verify)
        except requests.RequestException as error:
            failures.append(reason(error, page))
            continue
        if file in links:
            return links[file], verify
        failures.append(f"the index has no {file}")
    raise FetchError("; ".join(failures) or "pip is set up without an index")


def npm(package: str) -> str:
    """Find the address of an npm package given as `name@version`.

    Raises
    ------
    FetchError
        When npm is missing or cannot answer.
    """
    return _ask("npm", "view", package, "dist.tarball")


def debian(package: str) -> str:
    """Find the address of a Debian package, of whatever version this machine's distribution has.

    Raises
    ------
    FetchError
        When apt-get is missing or knows no such package.
    """
    answer = _ask("apt-get", "download", "--print-uris", package)
    found = re.search(r"'([^']+)'", answer)
    if not found:
        raise FetchError(f"apt-get gave no address of {package}; `apt-get update` may help")
    return found[1]


@cache
def _pip_settings() -> dict[str, Any]:
    """Return the indexes that pip is set up for, and its file of certificates."""
    listed = dict(re.findall(r"^(\S+?)=(.*)$", _run("pip", [*_PIP, "config", "list"]), re.MULTILINE))
    options: dict[str, str] = {}
    for section in _PIP_SECTIONS:
        found = {key.removeprefix(f"{section}."): text for key, text in listed.items() if key.startswith(f"{section}.")}
        options |= {name: str(ast.literal_eval(text)) for name, text in found.items()}
    urls = []
    if options.get("no-index", "").lower() not in _TRUE:
        urls = [options.get("index-url") or _pip_default_index(), *options.get("extra-index-url", "").split()]
    return {"indexes": [url for url in urls if url.startswith(("http://", "https://"))], "cert": options.get("cert")}


def _pip_default_index() -> str:
    """Return the index that pip uses when none is set up; only its help names it."""
    found = re.search(r"--index-url.*?\(default\s+([^\s)]+)\)", _run("pip", [*_PIP, "download", "--help"]), re.DOTALL)
    return found[1] if found else ""


def _ask(client: str, *arguments: str) -> str:
    path = shutil.which(client)
    if path is None:
        raise FetchError(f"{client} is not installed")
    return _run(client, [path, *arguments])


def _run(client: str, command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CLIENT_TIMEOUT_S, check=True)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{client} did not answer within {CLIENT_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FetchError(f"{client} failed: {last}") from error
    return done.stdout.strip()


def _links(page: str, verify: bool | str) -> dict[str, str]:
    """Read file names and addresses from a page of the simple repository API, in JSON or in HTML."""
    accept = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
    with requests.get(page, headers={"Accept": accept}, stream=True, timeout=TIMEOUT_S, verify=verify) as answer:
        answer.raise_for_status()
        body = bytearray()
        for chunk in answer.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > PAGE_BYTES:
                raise requests.exceptions.ContentDecodingError("the page is too long")
        text = body.decode("utf-8", errors="replace")
        if "json" not in answer.headers.get("Content-Type", ""):
            parser = _Anchors()
            parser.feed(text)
            found = parser.found
        else:
            try:
                found = [(file["filename"], file["url"]) for file in json.loads(text)["files"]]
            except (ValueError, KeyError, TypeError) as error:
                raise requests.exceptions.InvalidJSONError("the page is not a list of files") from error
        return {name: urldefrag(urljoin(answer.url, url)).url for name, url in found}


class _Anchors(HTMLParser):
    """Text and target of every link of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._target: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._target = dict(attrs).get("href")

    def handle_data(self, data: str) -> None:
        if self._target and data.strip():
            self.found.append((data.strip(), self._target))
            self._target = None
