"""One disagreement of the paper with itself: what it says in several places, what was computed, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from eie import published

ONE, BOTH, NEITHER, OPEN = VERDICTS = "one side holds", "both hold", "neither holds", "it cannot be told"
"""How a case can end."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One side: what the paper says, and where.

    Attributes
    ----------
    place : str
        Where.
    what : str
        The value with its unit, or a few words.
    """

    place: str
    what: str

    @classmethod
    def of_text(cls, name: str, what: str = "") -> Statement:
        """Return a number of the running text, by its id in `data/published/text.csv`."""
        row = published.row("text", id=name)
        return cls(row["place"], f"{what}{plain(row['value'])} {row['unit']}")

    @classmethod
    def of_cell(cls, what: str, file: str, column: str = "value", **where: Any) -> Statement:
        """Return a cell of a published table or figure."""
        row = published.row(file, **where)
        return cls(row["place"], f"{what}{plain(float(row[column]))} {row['unit']}")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One case.

    Attributes
    ----------
    title : str
        What it is about.
    statements : tuple of Statement
        The sides.
    computed : str
        What was computed, a sentence or more.
    verdict : str
        One of `ONE`, `BOTH`, `NEITHER`, `OPEN`.
    why : str
        Which side holds and why, in a sentence.
    """

    title: str
    statements: tuple[Statement, ...]
    computed: str
    verdict: str
    why: str

    def markdown(self) -> str:
        """The case as a section."""
        sides = "\n".join(f"- {said.what} ({said.place})" for said in self.statements)
        return f"## {self.title}\n\n{sides}\n\n{self.computed}\n\n**{capital(self.verdict)}.** {self.why}"


def capital(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[0].upper() + text[1:]


def plain(value: float) -> str:
    """Write a number with all its digits, thousands apart."""
    return f"{value:,.10g}"


def percents(values: pd.Series) -> str:
    """List percentages, each with its name."""
    return ", ".join(f"{value:.1f} % ({name})" for name, value in values.items())
