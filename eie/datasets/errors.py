"""What goes wrong when data are fetched."""


class FetchError(OSError):
    """A file could not be fetched from the network; the message says why."""
