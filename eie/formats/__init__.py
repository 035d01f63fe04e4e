"""Readers and writers of files that others made; one module a format. All raise `FormatError`."""

from eie.formats.errors import FormatError

__all__ = ["FormatError"]
