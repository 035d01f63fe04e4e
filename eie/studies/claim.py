"""One claim of the paper, the evidence for it, the function that computes it, and the rule of verdicts.

The rule for a number: a claim is **reproduced** when computed and published differ by no more than the tolerance,
**close** when by no more than twice the tolerance, and **differs** otherwise. The rule for a message in words: it has a
margin, by how much it holds, and is **undecided** when the margin lies within its error bar; else it is reproduced or
differs. A claim that nothing here can compute is **not testable**.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib import import_module
from math import hypot, log10
from types import ModuleType
from typing import Any

CLOSE_TIMES = 2
"""A claim is close within so many tolerances."""

ROUNDED_AND_DRAWN = "rounded inputs and draws of layers"
"""The part of a tolerance that comes from the inputs, in words."""

VALUES = ("bool", "float", "int", "Margin", "Estimate")
"""Value of a finding: whether a message in words holds, by what margin, or a number in the unit of its claim."""


class Evidence(StrEnum):
    """Evidence that a verdict rests on, strongest first.

    Attributes
    ----------
    SIMULATED
        A run of the machine model on drawn layers, or the memory model.
    MEASURED
        A measurement on real data: trained networks, pictures, sentences, or a processor of today.
    ARITHMETIC
        Numbers that the paper prints, put together; it shows whether they agree with each other.
    DEFINITION
        How the paper describes the machine or its format; it tests little.
    """

    SIMULATED = "simulated"
    MEASURED = "measured"
    ARITHMETIC = "arithmetic"
    DEFINITION = "definition"

    @property
    def is_test(self) -> bool:
        """True if the paper's statement could have failed on evidence of its own."""
        return self in (Evidence.SIMULATED, Evidence.MEASURED)


class Verdict(StrEnum):
    """How a claim fares, best first."""

    REPRODUCED = "reproduced"
    CLOSE = "close"
    UNDECIDED = "undecided"
    DIFFERS = "differs"
    NOT_TESTABLE = "not testable"


@dataclass(frozen=True, slots=True)
class Margin:
    """By how much a message in words holds; negative where it does not.

    Attributes
    ----------
    value : float
        The margin.
    error : float
        Two standard errors of it, as the measurement or the draws have them; 0 where they have none.
    unit : str
        Unit of both, as it is printed; empty if they have none.
    """

    value: float
    error: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number in the unit of its claim, of which the model itself leaves something open.

    Attributes
    ----------
    value : float
        The number.
    error : float
        What the model's settings leave open, such as which SRAM the chip has, or how uneven its layers are.
    cause : str
        What that is, in words.
    """

    value: float
    error: float
    cause: str = "settings of the model"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far computed and published may be apart, in the claim's unit.

    Attributes
    ----------
    printed : float
        What the published number leaves open: half a unit of its last digit, or how exactly a figure can be read.
    reason : str
        Why.
    inputs : float
        What the rounding of the printed inputs and the draws of layers do to the computed value: two standard
        deviations (`data/measured/tolerances.csv`).
    model : float
        What settings of the model leave open.
    cause : str
        What those settings are, in words.
    each : bool
        `printed` is of each of many points, and `inputs` holds what it does to their mean.
    """

    printed: float
    reason: str
    inputs: float = 0.0
    model: float = 0.0
    cause: str = ""
    each: bool = False

    @property
    def value(self) -> float:
        """The tolerance: all parts in quadrature, because they are independent."""
        return self.inputs if self.each and self.inputs else hypot(self.printed, self.inputs, self.model)

    @property
    def decimals(self) -> int:
        """Decimals of the published number, where `printed` is half a unit of its last one; else 0."""
        places = -log10(2 * self.printed) if self.printed else 0.0
        return max(0, round(places)) if abs(places - round(places)) < 1e-9 else 0

    @property
    def source(self) -> str:
        """The reason of the tolerance, or a list of its parts, which are added in quadrature."""
        parts = [(self.reason, self.printed), (ROUNDED_AND_DRAWN, self.inputs), (self.cause, self.model)]
        present = [f"{why}: {size(part)}" for why, part in parts if part]
        if self.each or not present:
            return self.reason
        return "; ".join(present) if len(present) > 1 else next(why for why, part in parts if part)

    def words(self) -> str:
        """The tolerance as a reader would write it, without its unit."""
        return size(self.value)


def size(value: float) -> str:
    """Write a tolerance or a part of it, without its unit: two digits, or all before the point."""
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"


Computed = float | bool | Margin | Estimate | None
"""What comes of a claim; None where nothing here can compute it."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id : str
        Its name, lower-case words joined by `-`.
    evidence : Evidence
        What the verdict rests on.
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
    spread : float
        Two standard deviations of what rounded inputs and the draws of layers do to the computed value or margin.
    page : str
        Page of the book that shows it.
    verdict : Verdict
        The verdict when it was last recorded.
    reason : str
        Why it is not reproduced.
    """

    id: str
    evidence: Evidence
    place: str
    statement: str
    published: float | bool
    unit: str
    finding: str
    arguments: dict[str, Any]
    tolerance: Tolerance | None
    spread: float
    page: str
    verdict: Verdict
    reason: str = ""

    def compute(self) -> Computed:
        """Compute the value; None where nothing here can compute it."""
        if not self.finding:
            return None
        found = finding(self.finding)(**self.arguments)
        return found if isinstance(found, bool | Margin | Estimate) else float(found)


@dataclass(frozen=True, slots=True)
class Result:
    """A claim and what came of it now.

    Attributes
    ----------
    claim : Claim
        The claim.
    computed : float, bool, Margin, Estimate or None
        What we find.
    error : float or None
        Error bar of the computed value or margin, two standard deviations; None where it has none.
    verdict : Verdict
        The verdict now.
    """

    claim: Claim
    computed: Computed
    error: float | None = field(init=False)
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "error", error_bar(self.claim, self.computed))
        object.__setattr__(self, "verdict", judge(self.claim, self.computed))

    @property
    def value(self) -> float | bool | None:
        """The computed number; a margin as such."""
        return self.computed.value if isinstance(self.computed, Margin | Estimate) else self.computed

    @property
    def tolerance(self) -> Tolerance | None:
        """The tolerance, with what the model leaves open."""
        return full_tolerance(self.claim, self.computed)

    @property
    def is_worse(self) -> bool:
        """Whether the verdict is worse than the recorded one."""
        return worse(self.claim.verdict, self.verdict)

    @property
    def is_news(self) -> bool:
        """Whether the verdict is better than the recorded one."""
        return worse(self.verdict, self.claim.verdict)


def full_tolerance(claim: Claim, computed: Computed) -> Tolerance | None:
    """Return the tolerance of a claim, with what settings of the model leave open of the computed number."""
    if claim.tolerance is None or not isinstance(computed, Estimate):
        return claim.tolerance
    return replace(claim.tolerance, model=computed.error, cause=computed.cause)


def error_bar(claim: Claim, computed: Computed) -> float | None:
    """Return two standard deviations of what was computed; None where it is not computed or says yes or no."""
    if computed is None or isinstance(computed, bool):
        return None
    own = computed.error if isinstance(computed, Margin | Estimate) else 0.0
    return hypot(own, claim.spread)


def judge(claim: Claim, computed: Computed) -> Verdict:
    """Compare a claim with what was computed, by the rule at the head of this module."""
    if computed is None:
        return Verdict.NOT_TESTABLE
    if isinstance(computed, Margin):
        if abs(computed.value) <= (error_bar(claim, computed) or 0.0):
            return Verdict.UNDECIDED
        return judge(claim, computed.value > 0)
    tolerance = full_tolerance(claim, computed)
    if tolerance is None:
        return Verdict.REPRODUCED if computed == claim.published else Verdict.DIFFERS
    # Sums of decimal fractions miss by a few units of the last binary digit what they should be.
    value = computed.value if isinstance(computed, Estimate) else computed
    apart = abs(value - claim.published) - 1e-9 * max(1.0, abs(claim.published))
    margin = tolerance.value
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
    """Return the public functions of a module that return a number, a margin or whether a message holds, by name."""
    own = {name: each for name, each in vars(module).items() if inspect.isfunction(each) and not name.startswith("_")}
    return {
        name: each
        for name, each in sorted(own.items())
        if each.__module__ == module.__name__ and each.__annotations__.get("return") in VALUES
    }
