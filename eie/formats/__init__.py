"""Readers and writers of files that other tools made, one module per format. All raise `FormatError`.

It may import the machine and datasets.
"""

from eie.formats.errors import FormatError

__all__ = ["FormatError"]
