"""Tables that public objects show in a notebook: their fields and properties."""

from __future__ import annotations

from html import escape
from typing import Any


class Shown:
    """Base of public objects: a notebook shows one row per public field and property, with its value."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        properties = [name for name, value in vars(type(self)).items() if isinstance(value, property)]
        names = [name for name in (*getattr(self, "__dataclass_fields__", ()), *properties) if name[0] != "_"]
        rows = "".join(f"<tr><th>{name}</th><td>{escape(_text(getattr(self, name)))}</td></tr>" for name in names)
        return f"<table><caption>{type(self).__name__}</caption><tbody>{rows}</tbody></table>"


def _text(value: Any) -> str:
    """Return a value as people write it: commas in integers, four digits of a fraction, the shape of an array."""
    if getattr(value, "ndim", 0):
        return f"{value.dtype} array of shape {value.shape}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if type(value) is int else str(value)
