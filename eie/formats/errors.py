"""The one error that readers of files raise."""


class FormatError(ValueError):
    """A file is not what its format says; the message names the file and what is wrong with it."""
