"""One claim of the paper, the function that computes it, and the rule of verdicts.

The rule: a claim is **reproduced** when computed and published differ by no more than the tolerance, **close** when by
no more than three times the tolerance, and **differs** otherwise. A message in words is reproduced or differs. A claim
that nothing here can compute is **not testable here**.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from types import ModuleType
from typing import Any

CLOSE_TIMES = 3
"""A claim is close within so many tolerances."""

VALUES = ("bool", "float", "int")
"""What a finding returns: whether a message in words holds, or a number in the unit of its claim."""


class Verdict(StrEnum):
    """How a claim fares, best first."""

    REPRODUCED = "reproduced"
    CLOSE = "close"
    DIFFERS = "differs"
    NOT_TESTABLE = "not testable here"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far computed and published may be apart.

    Attributes
    ----------
    value : float
        In the claim's unit, or as a fraction of the published value.
    kind : str
        `"absolute"` or `"relative"`.
    reason : str
        Where it comes from: how the number was published, or how exactly the layers are described.
    """

    value: float
    kind: str
    reason: str

    def margin(self, value: float) -> float:
        """The tolerance of a published value, in its unit."""
        return self.value if self.kind == "absolute" else self.value * abs(value)

    def words(self) -> str:
        """The tolerance as a reader would write it, without its unit."""
        return f"{self.value:g}" if self.kind == "absolute" else f"{100 * self.value:g} %"


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id : str
        Its name, lower-case words joined by `-`.
    place : str
        Where it stands.
    statement : str
        What it says, in this project's words.
    published : float or bool
        The published value; True for a message in words, which the statement gives.
    unit : str
        Unit of both values.
    finding : str
        Dotted path below `eie.studies` of the function that computes it; empty where there is none.
    arguments : dict
        Its keyword arguments.
    tolerance : Tolerance or None
        None for messages in words and where nothing is computed.
    page : str
        Page of the book that shows it.
    verdict : Verdict
        The verdict when it was last recorded.
    reason : str
        Why it is not reproduced.
    """

    id: str
    place: str
    statement: str
    published: float | bool
    unit: str
    finding: str
    arguments: dict[str, Any]
    tolerance: Tolerance | None
    page: str
    verdict: Verdict
    reason: str = ""

    def compute(self) -> float | bool | None:
        """Compute the value; None where nothing here can compute it."""
        if not self.finding:
            return None
        found = finding(self.finding)(**self.arguments)
        return found if isinstance(found, bool) else float(found)


@dataclass(frozen=True, slots=True)
class Result:
    """A claim and what came of it now.

    Attributes
    ----------
    claim : Claim
    computed : float, bool or None
        What we find.
    verdict : Verdict
        The verdict now.
    """

    claim: Claim
    computed: float | bool | None
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", judge(self.claim, self.computed))

    @property
    def is_worse(self) -> bool:
        """Whether the verdict is worse than the recorded one."""
        return worse(self.claim.verdict, self.verdict)

    @property
    def is_news(self) -> bool:
        """Whether the verdict is better than the recorded one."""
        return worse(self.verdict, self.claim.verdict)


def judge(claim: Claim, computed: float | bool | None) -> Verdict:
    """Compare a claim with what was computed, by the rule at the head of this module."""
    if computed is None:
        return Verdict.NOT_TESTABLE
    if claim.tolerance is None:
        return Verdict.REPRODUCED if computed == claim.published else Verdict.DIFFERS
    # Sums of decimal fractions miss by a few units of the last binary digit what they should be.
    apart = abs(computed - claim.published) - 1e-9 * max(1.0, abs(claim.published))
    margin = claim.tolerance.margin(claim.published)
    if apart <= margin:
        return Verdict.REPRODUCED
    return Verdict.CLOSE if apart <= CLOSE_TIMES * margin else Verdict.DIFFERS


def worse(old: Verdict, new: Verdict) -> bool:
    """Whether a verdict has got worse; to be no longer testable is the worst."""
    order = list(Verdict)
    return order.index(new) > order.index(old)


def finding(path: str) -> Callable[..., Any]:
    """Import the function that computes a claim.

    Parameters
    ----------
    path : str
        Its dotted path below `eie.studies`, such as `"paper.table4.slowdown"`.

    Raises
    ------
    ValueError
        When there is no such module or function; the message lists the module's findings.
    """
    package = __name__.rpartition(".")[0]
    place, _, name = path.rpartition(".")
    if not all(part.isidentifier() for part in path.split(".")) or not place:
        raise ValueError(f"a finding is a path such as 'paper.table4.slowdown', got {path!r}")
    try:
        module = import_module(f"{package}.{place}")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(package):
            raise
        raise ValueError(f"there is no module {place!r} in {package}, where finding {path!r} should be") from error
    known = findings(module)
    if name not in known:
        raise ValueError(f"there is no finding {name!r} in {place}; findings there are {', '.join(known) or 'none'}")
    return known[name]


def findings(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the public functions of a module that return a number or whether a message holds, by name."""
    own = {name: each for name, each in vars(module).items() if inspect.isfunction(each) and not name.startswith("_")}
    return {
        name: each
        for name, each in sorted(own.items())
        if each.__module__ == module.__name__ and each.__annotations__.get("return") in VALUES
    }
