"""Numbers, units and lists as a reader sees them in a sentence or a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import floor, log10
from typing import Any

MINUS = "\N{MINUS SIGN}"
"""Sign of a negative number in print; in code and in files, it is a hyphen."""

UNITS = {"us": "µs", "uJ": "µJ", "mm2": "mm²", "um2": "µm²"}
"""Units as they are printed, by their spelling in names of columns, which can be typed on any keyboard."""

_UNIT = re.compile(rf"\b({'|'.join(UNITS)})\b")
_TIMES = re.compile(r"(?<=\d) x (?=\d)")


def joined(names: Iterable[Any], last: str = " and ") -> str:
    """List names in words: commas between them, and `last` before the last one."""
    *some, end = [str(name) for name in names] or [""]
    return f"{', '.join(some)}{last}{end}" if some else end


def from_to(low: float, high: float, form: str = "") -> str:
    """Write a range, such as "10 to 30"; one number if both ends read alike."""
    ends = dict.fromkeys(signed(end, form) for end in (low, high))
    return " to ".join(ends)


def percent_apart(percent: float, decimals: int = 0, words: tuple[str, str] = ("more", "less")) -> str:
    """Say by how many percent a value is above or below another, such as "12 % less"; `words` are for both cases."""
    return f"{abs(percent):.{decimals}f} % {words[0] if percent >= 0 else words[1]}"


def signed(value: float, form: str = "+.1f") -> str:
    """Write a number by a format, with a minus sign if it is negative."""
    return with_minus(f"{value:{form}}")


def with_minus(number: str) -> str:
    """Put a minus sign before the text of a number that begins with a hyphen."""
    return MINUS + number[1:] if number.startswith("-") else number


def printed(label: Any) -> Any:
    """Return a label with units and signs as they are printed; anything else stays as it is."""
    if not isinstance(label, str):
        return label
    return _TIMES.sub(" × ", _UNIT.sub(lambda found: UNITS[found[1]], label))


def unit(name: str) -> str:
    """Return a unit of published numbers as it is printed: a factor has a sign, and a yes or no has none."""
    return {"x": "×", "yes or no": ""}.get(name, str(printed(name)))


def significant(value: float, digits: int = 3) -> str:
    """Write a number to read: with a comma between thousands, and so many significant digits."""
    rounded = float(f"{value:.{digits}g}")
    return with_minus(f"{rounded:,g}" if abs(value) < 1e6 else f"{rounded:,.0f}")


def decimals_of(value: float, digits: int) -> int:
    """Count the decimals that show so many significant digits of a number, 0 or more."""
    return max(0, digits - 1 - floor(log10(abs(value)))) if value else 0


def with_error(value: float, error: float, sign: str = "") -> str:
    """Write a number and its error bar with two digits of the error, such as "204.4 ± 8.8"; no error bar if it is 0."""
    if not error:
        return f"{'+' if sign and value > 0 else ''}{significant(value)}"
    decimals = decimals_of(error, 2)
    if error >= 100:  # and two digits of the error, before the point too
        step = 10 ** (floor(log10(error)) - 1)
        value, error = step * round(value / step), step * round(error / step)
    return f"{signed(value, f'{sign},.{decimals}f')} ± {error:,.{decimals}f}"


def neat(value: float) -> str:
    """Write a number of any size to read: whole numbers and large ones to the last, others with three digits."""
    size = abs(value)
    if value == round(value) or size >= 1000:
        return signed(value, ",.0f")
    if size < 0.1:
        return signed(value, ".2g")
    decimals = next(decimals for limit, decimals in ((100, 0), (10, 1), (1, 2), (0, 3)) if size >= limit)
    return signed(value, f",.{decimals}f")
