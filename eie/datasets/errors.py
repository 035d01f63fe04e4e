"""Errors of fetching data."""


class FetchError(OSError):
    """Error for a file that could not be fetched from the network; the message says why."""
