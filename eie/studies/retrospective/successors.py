"""Where the ideas went: what followed EIE, on the axes that the pages of this part measure.

Systems are those that the lecture slide names. Every number is read from a committed table or computed by another
page's exhibit; none is of those systems.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from eie.studies.baselines import cpu_kernels
from eie.studies.plots import bars
from eie.studies.retrospective import edits, frames, mapping, point_clouds, progressive, tokens, vector, w4a16

ACTIVATION_BITS = 16
"""Bits of a weight before it is stored in fewer (ISCA 2016, section III-B: 16-bit fixed point)."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One thing that followed."""

    name: str
    systems: str
    """Named on the slide."""
    idea: str
    """What of EIE is in it."""
    factor: float
    """How many times less work, time or bytes, on this project's networks."""
    measured: str
    """The factor and its price, in words."""
    page: str = "retro_opportunities"
    exact: bool = False
    """Whether outputs stay the same."""


@dataclass(frozen=True, eq=False)
class Afterwards:
    """Directions that followed, measured here."""

    directions: tuple[Direction, ...]

    def table(self) -> pd.DataFrame:
        """Tabulate one row per direction."""
        rows = [(d.systems, d.idea, d.factor, d.exact) for d in self.directions]
        columns = ["systems", "idea", "times less", "outputs stay the same"]
        return pd.DataFrame(rows, columns=columns, index=[d.name for d in self.directions])

    def listed(self) -> str:
        """Write the same as a Markdown table, with what was measured and links to the pages."""
        rows = [
            ("what followed", "systems on the slide", "what of EIE is in it", "measured here"),
            ("---",) * 4,
            *((d.name, d.systems, d.idea, f"{d.measured} [More.]({d.page}.ipynb)") for d in self.directions),
        ]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        exact = sorted((d for d in self.directions if d.exact), key=lambda d: -d.factor)
        others = [d.name for d in self.directions if not d.exact]
        return (
            f"Of {len(self.directions)} directions that followed, {len(exact)} save work on this project's networks "
            f"without changing what comes out: {_joined([d.name for d in exact])}. The cases shown save "
            f"{exact[-1].factor:.1f} to {exact[0].factor:.1f} times; they are illustrations chosen for the idea, and "
            "other "
            "inputs, such as a video that pans, save far less. The others cost quality here, or need hardware made "
            "for them: "
            f"{_joined(others)}."
        )

    def plot(self) -> Figure:
        """Draw the factors, one bar per direction."""
        ranked = sorted(self.directions, key=lambda d: -d.factor)
        names = [d.name + ("" if d.exact else " *") for d in ranked]
        values = [float(f"{d.factor:.2g}") for d in ranked]
        return bars.log_bars(names, values, "times less work, time or bytes (*: outputs change)")


def _joined(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def afterwards() -> Afterwards:
    """Collect what followed, from the committed tables of the other pages."""
    makes = (_structured, _four_bits, _activations, _tokens, _precision, _edits, _video, _points)
    return Afterwards(tuple(make() for make in makes))


def _structured() -> Direction:
    found = vector.Vector(cpu_kernels.committed(), pd.DataFrame(), pd.DataFrame())
    batches = found.times(1).index.unique("batch")
    one, many = (found.over("int8", batch=int(batch)) for batch in (batches.min(), batches.max()))
    return Direction(
        "weights without a pattern, in a batch",
        "tensor cores with 2:4 weights give them one",
        "weights that are 0",
        many,
        f"On a vector processor dense int8 takes {one:.1f} times as long as EIE's format for one input, but {many:.1f} "
        f"times for {batches.max()} of them.",
        "retro_vector",
    )


def _four_bits() -> Direction:
    result = w4a16.four_bit_weights()
    group, code = (result.best("translator", 4, kind) for kind in ("uniform", "codebook"))
    return Direction(
        "weight-only quantisation",
        "GPTQ, AWQ, llama.cpp, MLC LLM",
        "4-bit weights, 16-bit arithmetic",
        ACTIVATION_BITS / float(group["bits_each"]),
        f"{group['bits_each']:.1f} bits a weight in groups leave an error of {100 * group['error']:.1f} %, EIE's "
        f"codebook with {code['bits_each']:.1f} bits {100 * code['error']:.1f} %.",
        "retro_w4a16",
    )


def _activations() -> Direction:
    rows = mapping.mapping().rows
    kinds = rows.groupby("kind")["speed"].mean()
    behind, dense = (float(kinds[kind]) for kind in ("feed-forward, behind a ReLU", "attention"))
    return Direction(
        "activation-sparse inference",
        "-",
        "activations that are 0, found as they come",
        behind / dense,
        f"Behind the translator's ReLUs EIE is {behind:.1f} times as fast as a dense array, on its dense inputs "
        f"{dense:.1f} times.",
        "retro_mapping",
        exact=True,
    )


def _tokens() -> Direction:
    result = tokens.tokens()
    row, chance = result.at(tokens.MILD), result.at(tokens.MILD, tokens.BY_CHANCE)
    return Direction(
        "token pruning",
        "SpAtten",
        "activations that matter little, dropped",
        1 / float(row["work"]),
        f"With {100 * tokens.MILD:.0f} % of the tokens chrF is {row['quality']:.0f}, and {chance['quality']:.0f} when "
        "they are dropped by chance.",
    )


def _precision() -> Direction:
    row, alike = progressive.precision().halfway()
    return Direction(
        "progressive precision",
        "SpAtten",
        "few bits where they do",
        progressive.BITS / float(row["bits"]),
        f"{row['bits']:.1f} bits of a key misplace {100 * row['misplaced']:.1f} % of the attention, as many bits for "
        f"all keys alike {100 * alike:.1f} %.",
    )


def _edits() -> Direction:
    row = edits.edits().work().loc[edits.SIDES[2]]
    return Direction(
        "edits of pictures",
        "SIGE",
        "work that is done already, skipped",
        100 / float(row["work"]),
        f"An edit of {row['area']:.1f} % of a picture takes {row['work']:.0f} % of SqueezeNet's cycles.",
        exact=True,
    )


def _video() -> Direction:
    still = frames.frames().table().loc[("object", 0.0)]
    return Direction(
        "video",
        "TSM",
        "activations whose change is 0, skipped",
        100 / float(still["products, %"]),
        f"Over a still background differences take {still['products, %']:.0f} % of the products.",
        exact=True,
    )


def _points() -> Direction:
    inked, _ = point_clouds.clouds().work()
    return Direction(
        "point clouds",
        "TorchSparse, PointAcc",
        "places that are empty, skipped",
        100 / inked,
        f"The inked points of digits take {inked:.0f} % of the products of the whole picture.",
        exact=True,
    )
