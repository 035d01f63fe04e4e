"""Where the paper disagrees with itself: each case with both sides, what was computed, and which side holds.

`data/published/disagreements.toml` has the words of every case and says which function computes the numbers in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

import pandas as pd

from eie import published
from eie._files import read_toml
from eie.machine import EIE_45NM
from eie.studies import plots
from eie.studies.paper.disagreements_time import figure11
from eie.technology import paper_value
from eie.writing.words import unit

VERDICTS = ("one side holds", "both hold", "neither holds", "it cannot be decided")
"""How a case can end."""
ENDS = dict(
    zip(
        VERDICTS,
        (
            "one side holds in {}",
            "both sides hold in {}, where the contradiction is only apparent",
            "neither side holds in {}",
            "{} cannot be decided",
        ),
        strict=True,
    )
)
"""Sentences that count the cases, by how a case ends."""


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
        One of `VERDICTS`.
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
        return f"## {self.title}\n\n{sides}\n\n{self.computed}\n\n**{_capital(self.verdict)}.** {self.why}"


@dataclass(frozen=True, eq=False)
class Disagreements:
    """All cases.

    Attributes
    ----------
    cases : tuple of Disagreement
        In the order of the page.
    swapped : DataFrame
        Differences to Figure 11 in percent, one row per layer, as labelled and with labels swapped.
    """

    cases: tuple[Disagreement, ...]
    swapped: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per case."""
        rows = [
            {"case": case.title, "sides": "; ".join(f"{said.what} ({said.place})" for said in case.statements)}
            | {"verdict": case.verdict, "why": case.why}
            for case in self.cases
        ]
        return pd.DataFrame(rows).set_index("case")

    def plot(self) -> plots.Figure:
        """The case that a plot shows best: Figure 11 as labelled and with labels swapped."""
        frame = self.swapped.rename_axis("layer").reset_index()
        return plots.bars.bars(frame, {name: name for name in self.swapped}, "difference from Figure 11, %")

    def words(self) -> str:
        """How the cases end."""
        listed = "; ".join(ENDS[verdict].format(len(cases)) for verdict, cases in self._by_verdict().items())
        return (
            f"In **{len(self.cases)}** places, the paper and the sources that it builds on seem to contradict "
            f"themselves or each other. Of these places, {listed}."
        )

    def contents(self) -> str:
        """Return the cases by how they end, each leading to its section, as a Markdown table."""
        rows = [
            f"| {_capital(verdict)} | {len(cases)} | {'; '.join(map(_link, cases))} |"
            for verdict, cases in self._by_verdict().items()
        ]
        return "\n".join(["| outcome | number | cases |", "|---|---:|---|", *rows])

    def _by_verdict(self) -> dict[str, list[Disagreement]]:
        groups = {verdict: [case for case in self.cases if case.verdict == verdict] for verdict in VERDICTS}
        return {verdict: cases for verdict, cases in groups.items() if cases}

    def markdown(self) -> str:
        """All cases, a section each."""
        return "\n\n".join(case.markdown() for case in self.cases)


def disagreements(seed: int = 0) -> Disagreements:
    """Settle every known case, as far as computation can.

    Parameters
    ----------
    seed : int
        Random seed of the layers that are run.
    """
    entries = read_toml("published/disagreements.toml")["cases"]
    return Disagreements(tuple(settle(entry, seed) for entry in entries), figure11(seed).swapped())


def settle(entry: Mapping[str, Any], seed: int) -> Disagreement:
    """Compute the numbers of a case and put them into its words.

    Parameters
    ----------
    entry : mapping
        A case of `data/published/disagreements.toml`, whose head describes it.
    seed : int
        Random seed of the layers that are run.

    Raises
    ------
    ValueError
        When the verdict is not one of `VERDICTS`.
    KeyError
        When a word in braces is not a name of a number.
    """
    if entry["verdict"] not in VERDICTS:
        raise ValueError(f"{entry['title']}: verdict must be one of {', '.join(VERDICTS)}, got {entry['verdict']!r}")
    topic, _, function = entry["numbers"].partition(".")
    numbers = getattr(import_module(f"{__package__}.disagreements_{topic}"), function)(seed)
    numbers |= {"machine": EIE_45NM, "text": _Text()}
    title, computed, why = (entry[name].format_map(numbers) for name in ("title", "computed", "why"))
    sides = tuple(_statement(**{"numbers": numbers, **side}) for side in entry["sides"])
    return Disagreement(title, sides, computed, entry["verdict"], why)


class _Text:
    """Numbers of the paper's running text by their id, for words in braces."""

    def __getitem__(self, name: str) -> float:
        return paper_value(name)


def _statement(
    numbers: Mapping[str, Any],
    *,
    place: str = "",
    what: str = "",
    text: str = "",
    file: str = "text",
    where: Mapping[str, Any] | None = None,
    column: str = "value",
    before: str = "",
) -> Statement:
    """Make one side of an entry: words as they are, or a published number with all its digits, thousands apart."""
    if what:
        return Statement(place.format_map(numbers), what.format_map(numbers))
    row = published.row(file, **(where or {"id": text}))
    return Statement(row["place"], f"{before.format_map(numbers)}{float(row[column]):,.10g} {unit(row['unit'])}")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _link(case: Disagreement) -> str:
    """A link to a case's section, whose id the book makes of its heading."""
    anchor = re.sub(r"[^\w\- ]", "", case.title.lower()).replace(" ", "-")
    return f'<a href="#{anchor}">{escape(case.title)}</a>'
