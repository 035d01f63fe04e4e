"""The one error that readers of files raise."""


class FormatError(ValueError):
    """Error for a file that is not as its format says; the message names the file and the fault."""
