"""One file from the network: resumed where it broke off, bounded, with a progress bar on a terminal."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from eie.datasets.errors import FetchError

CHUNK_BYTES = 2**16
TIMEOUT_S = (10, 60)
"""Seconds to wait for a connection, and for the next bytes of an answer."""

TRIES = 3
"""How often a broken download is gone on with before it is given up until the next time."""


def download(url: str, target: Path, *, limit: int, label: str, verify: bool | str = True) -> bool:
    """Fetch a file; continue where an earlier try of the same file stopped.

    Parameters
    ----------
    url : str
        Where it is.
    target : path
        What to write. The file stands under this name once it is whole; before, it is `target` with `.part` appended.
    limit : int
        Bytes that the file may have at most.
    label : str
        What the progress bar says.
    verify : bool or str
        As `requests` takes it: a file of certificates to trust, or True for the usual ones.

    Returns
    -------
    bool
        True when part of the file is of an earlier try, so that a wrong content may be that part's fault.

    Raises
    ------
    FetchError
        When the server cannot be reached, has no such file, or sends more than `limit` bytes.
    """
    part = target.with_name(f"{target.name}.part")
    resumed = part.exists()
    for again in range(TRIES):
        try:
            _go_on(url, part, limit, label, verify)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if again == TRIES - 1 or not part.exists():  # nothing came at all: no use in asking again at once
                raise FetchError(reason(error, url)) from error
        except requests.RequestException as error:
            raise FetchError(reason(error, url)) from error
    os.replace(part, target)
    return resumed


def reason(error: requests.RequestException, url: str) -> str:
    """Describe the error in a few words; of the address it names the host only."""
    host = urlsplit(url).hostname
    if error.response is not None:
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} shows a certificate that is not trusted here"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{host} broke off; the next try continues from there"
    if isinstance(error, (requests.ConnectionError, requests.Timeout)):
        return f"{host} cannot be reached"
    return f"{host}: {type(error).__name__}"


def _go_on(url: str, part: Path, limit: int, label: str, verify: bool | str) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S, verify=verify) as answer:
        beyond = have > 0 and answer.status_code == requests.codes.requested_range_not_satisfiable
        if not beyond:
            answer.raise_for_status()
            kept = have if answer.status_code == requests.codes.partial_content else 0
            _append(answer, part, kept, limit, label)
        elif answer.headers.get("Content-Range") == f"bytes */{have}":  # it was whole already
            return
    if beyond:  # what was kept is not a beginning of this file
        part.unlink()
        _go_on(url, part, limit, label, verify)


def _append(answer: requests.Response, part: Path, have: int, limit: int, label: str) -> None:
    said = answer.headers.get("Content-Length", "")
    total = have + int(said) if said.isascii() and said.isdecimal() else 0  # what else it says tells nothing
    bar = tqdm(desc=label, total=total or None, initial=have, unit="B", unit_scale=True, disable=None, leave=False)
    with bar, part.open("ab" if have else "wb") as file:
        for chunk in answer.iter_content(CHUNK_BYTES):
            have += len(chunk)
            if have > limit:
                file.close()
                part.unlink()
                raise FetchError(f"{urlsplit(answer.url).hostname} sent more than the {limit} bytes that are allowed")
            file.write(chunk)
            bar.update(len(chunk))
    if have < total:
        raise requests.exceptions.ChunkedEncodingError("the connection ended early")
