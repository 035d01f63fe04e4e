"""Files out of an archive, by name: zip, tar in any compression, and Debian's packages.

An archive is only read, as a stream of bytes. What it says of folders, links and permissions is not followed, and what
is unpacked of it in all is bounded.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any, cast

from eie.datasets.errors import FetchError

UNPACKED_BYTES = 4 * 2**30
"""No more is unpacked of a tar file or a Debian package, whatever it says: twice the largest data set's bytes."""

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),  # zipfile on what it cannot make sense of
)
"""Errors that the readers of archives raise at bytes that are not an archive."""


def unpack(archive: Path, names: Collection[str], take: Callable[[str, IO[bytes]], None]) -> None:
    """Hand the regular files of an archive that have one of these names to `take`, each with a stream to read.

    Raises
    ------
    FetchError
        When the archive is damaged, or unpacks to too much.
    """
    try:
        with archive.open("rb") as file:
            start = file.read(8)
            if start.startswith(b"PK"):
                _of_zip(archive, names, take)
            elif start == b"!<arch>\n":
                _of_tar(_part_of_debian(file), names, take)
            else:
                file.seek(0)
                _of_tar(file, names, take)
    except DAMAGED as error:
        raise FetchError(f"{archive.name} is damaged or not an archive ({error})") from error


def gunzipped(stream: IO[bytes]) -> IO[bytes]:
    """Open the content of a gzip stream."""
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream))


def _of_zip(archive: Path, names: Collection[str], take: Callable[[str, IO[bytes]], None]) -> None:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.filename in names and not info.is_dir():
                with opened.open(info) as stream:
                    take(info.filename, stream)


def _of_tar(file: IO[bytes], names: Collection[str], take: Callable[[str, IO[bytes]], None]) -> None:
    start = file.peek(6)[:6] if isinstance(file, io.BufferedReader) else b""
    openers: dict[bytes, Callable[[IO[bytes]], Any]] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ": lzma.open}
    plain: Any = next((opener(file) for magic, opener in openers.items() if start.startswith(magic)), file)
    # As a stream, so that nothing but a bounded `read` is asked of it.
    with tarfile.open(fileobj=_Bounded(plain), mode="r|") as opened:  # type: ignore[call-overload]
        for info in opened:
            name = info.name.removeprefix("./")
            stream = opened.extractfile(info) if info.isreg() and name in names else None
            if stream is not None:
                take(name, stream)


def _part_of_debian(file: IO[bytes]) -> IO[bytes]:
    """Find the tar file with a Debian package's files, from the start of the list of its parts."""
    while len(header := file.read(60)) == 60:
        name, size = header[:16].decode("latin-1").strip(), int(header[48:58])
        if name.startswith("data.tar"):
            return io.BufferedReader(_Window(file, size))
        file.seek(size + size % 2, io.SEEK_CUR)
    raise tarfile.ReadError("it has no data.tar")


class _Window(io.RawIOBase):
    """The next so many bytes of a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class _Bounded:
    """A stream that gives out no more than `UNPACKED_BYTES`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {UNPACKED_BYTES} bytes")
        return data
