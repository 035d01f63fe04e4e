"""Output that any terminal can show."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from eie.writing.names import visible

if TYPE_CHECKING:
    import pandas as pd


class _Plain:
    """A stream that gets no control characters, and nothing that its encoding does not have."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "utf-8"
        return int(self._stream.write(visible(text).encode(encoding, "replace").decode(encoding)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plain_output() -> Iterator[None]:
    """Print what the terminal can show, and warnings and other packages' logs in one line without their source."""
    before, log = warnings.formatwarning, logging.StreamHandler()
    warnings.formatwarning = lambda message, *_, **__: f"eie: {message}\n"
    log.setFormatter(logging.Formatter("eie: %(message)s"))
    logging.getLogger().addHandler(log)
    try:
        with redirect_stdout(_Plain(sys.stdout)):
            yield
    finally:
        warnings.formatwarning = before
        logging.getLogger().removeHandler(log)


def print_table(frame: pd.DataFrame, form: str) -> None:
    """Print a table as JSON, a list of rows, or as CSV, in which no text is a spreadsheet's formula."""
    from eie.networks.file_sweep import as_json
    from eie.networks.report import as_csv

    rows = frame.reset_index() if frame.index.name or frame.index.names != [None] else frame
    rows.columns = [name if isinstance(name, str) else " ".join(map(str, name)) for name in rows.columns]
    print(as_json(rows) if form == "json" else as_csv(rows).rstrip("\n"))
