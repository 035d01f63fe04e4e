"""Names of other people's files, made safe to print."""

from __future__ import annotations

import re

_CONTROLS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")
"""Characters that move the cursor, change the terminal or the direction of text; not tabs and ends of lines."""


def visible(text: str) -> str:
    """Write control characters as escapes, backslash and number: names in a file of others may hold them."""
    return _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text)
