"""Errors of fetching data."""


class FetchError(OSError):
    """A file could not be fetched from the network; the message says why."""
