"""The version, of which other modules may know without importing the whole package."""

__version__ = "0.1.0"
