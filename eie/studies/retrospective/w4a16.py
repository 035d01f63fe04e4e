"""Four-bit weights, sixteen-bit arithmetic: a shared codebook against uniform steps with a scale a group.

EIE decodes a 4-bit code through one table of shared weights for the whole layer. What language models use today keeps
the 4 bits but not the table: the weights of a group of inputs are whole numbers times a scale of their own. Both are
tried on the weights of two real networks, whose float32 (or int8) weights are taken as the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check, published
from eie.compress.kmeans import prune_and_share
from eie.models import ocr
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.experiments import Experiment, Part
from eie.studies.plots import panels
from eie.studies.retrospective import models
from eie.studies.retrospective._shared import Measured
from eie.studies.retrospective.emerging import KEPT

Array = NDArray[np.float32]

SCALE_BITS = 16
"""Bits of a group's scale, and of a shared weight in a codebook (ISCA 2016, section III-B: 16-bit shared weights)."""

WHOLE = 0
"""Group that stands for one scale, or one codebook, for the whole matrix."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to store the weights of a matrix."""

    kind: str
    """`"codebook"`, as EIE's, or `"uniform"`."""
    bits: int
    """Of a weight, 1..8."""
    group: int = WHOLE
    """Inputs that share a scale, 0 for the whole matrix; a codebook is always for the whole matrix."""

    @property
    def name(self) -> str:
        """Such as `"uniform, groups of 32"`."""
        shared = f"groups of {self.group}" if self.group else "one a matrix"
        return f"{self.kind}, {shared}"

    def stored(self, weights: Array) -> Array:
        """Store a matrix of shape `(n_out, n_in)`, and return what is left of it."""
        if self.kind == "codebook":
            return models.dense(prune_and_share(weights, self.bits))
        if self.group:
            return uniform(weights, self.bits, self.group)
        return uniform(weights.reshape(1, -1), self.bits, weights.size).reshape(weights.shape)

    def bits_each(self, n_out: int, n_in: int) -> float:
        """Count bits that a weight takes, with its share of codebook or of scale and zero point."""
        if self.kind == "codebook":
            return self.bits + SCALE_BITS * 2**self.bits / (n_out * n_in)
        groups = n_out * -(-n_in // self.group) if self.group else 1
        return self.bits + (SCALE_BITS + self.bits) * groups / (n_out * n_in)


def schemes(bits: Sequence[int] = (4, 3, 2), groups: Sequence[int] = (128, 32)) -> list[Scheme]:
    """List a codebook, uniform steps for the whole matrix, and uniform steps by groups, for each number of bits.

    Raises
    ------
    ValueError
        When a number of bits is not of 1..8, or a group not of 1..65536.
    """
    sizes = [WHOLE, *_check.integers("groups", groups, 1, 65_536)[::-1]]
    kinds = [("codebook", WHOLE), *(("uniform", size) for size in sizes)]
    return [Scheme(kind, b, size) for b in _check.integers("bits", bits, 1, 8)[::-1] for kind, size in kinds]


def uniform(weights: Array, bits: int, group: int) -> Array:
    """Round a matrix to even steps between the smallest and the largest weight of each group.

    Parameters
    ----------
    weights : float32 array of shape `(n_out, n_in)`
    bits : int
        Of a weight, 1..8: `2**bits` steps, one of them exactly 0.
    group : int
        Neighbouring inputs of a row that share scale and zero point. The last group of a row may be smaller.

    Returns
    -------
    float32 array of shape `(n_out, n_in)`
    """
    top = (1 << _check.integer("bits", bits, 1, 8)) - 1
    n_out, n_in = weights.shape
    filled = np.pad(weights, ((0, 0), (0, -n_in % group))).reshape(n_out, -1, group)
    low = np.minimum(filled.min(axis=2, keepdims=True), 0)
    high = np.maximum(filled.max(axis=2, keepdims=True), 0)
    scale = np.float16((high - low) / top).astype(np.float32)
    step = np.where(scale > 0, scale, 1)
    zero = np.clip(np.rint(-low / step), 0, top)
    whole = np.clip(np.rint(filled / step) + zero, 0, top)
    return np.ascontiguousarray(((whole - zero) * scale).reshape(n_out, -1)[:, :n_in], dtype=np.float32)


def _parts(*given: Sequence[int]) -> list[Part]:
    return [{"network": network, **asdict(scheme)} for network in TASKS for scheme in schemes(*given)]


@cache
def _task(network: str, count: int) -> _Translating | _Reading:
    return TASKS[network](count)


class _Translating:
    """The translator's task: its outputs are held against its own dense translations."""

    def __init__(self, n_sentences: int) -> None:
        self.model, self.texts, self.expected = models.translations(n_sentences)
        self.inputs = models.inputs_of(self.model, lambda model: model.translate(self.texts[:4]))
        self.a_step = [name for name in models.matrices(self.model) if name.startswith("decoder")]

    def quality(self, model: Any) -> tuple[float, float]:
        return models.chrf_and_spread(model.translate(self.texts), self.expected)


class _Reading:
    """The recogniser's task: drawn strings, half of the steps of its LSTM in each direction."""

    def __init__(self, n_strings: int) -> None:
        self.model = ocr.load()
        self.texts = models.strings(n_strings)
        self.inputs = models.inputs_of(self.model, lambda model: models.read_correctly(model, self.texts[:2]))
        self.a_step = list(models.matrices(self.model))

    def quality(self, model: Any) -> tuple[float, float]:
        share = float(models.read_correctly(model, self.texts).mean())
        return 100 * share, 100 * float(np.sqrt(share * (1 - share) / len(self.texts)))


def _stored(network: str, counts: Mapping[str, int], **wanted: Any) -> dict[str, Any]:
    """Store the weights of a network by a scheme."""
    task, scheme = _task(network, counts[network]), Scheme(**wanted)
    weights = models.matrices(task.model)
    stored = {name: scheme.stored(values) for name, values in weights.items()}
    errors = [models.error(x @ stored[name].T, x @ weights[name].T) for name, x in task.inputs.items()]
    bits = {name: scheme.bits_each(*values.shape) * values.size for name, values in weights.items()}
    quality, spread = task.quality(models.with_matrices(task.model, stored))
    return {
        "network": network,
        **wanted,
        "bits_each": sum(bits.values()) / sum(values.size for values in weights.values()),
        "error": float(np.sqrt(np.mean(np.square(errors)))),
        "quality": quality,
        "quality_sd": spread,
        "kB_a_step": sum(bits[name] for name in task.a_step) / 8000,
    }


TASKS: dict[str, type[_Translating | _Reading]] = {"translator": _Translating, "recogniser": _Reading}
EXPERIMENT = Experiment(
    parts=_parts, make=lambda **part: [_stored(**part, counts={"translator": 32, "recogniser": 48})]
)


class FourBitWeights(Measured):
    """Networks whose weights are stored in a few bits.

    One row per network and scheme: `network`, `kind`, `bits`, `group`, `bits_each` (bits a weight, with what they
    share), `error` (of the outputs of the matrices on their real inputs, root of the mean square over matrices, as a
    fraction), `quality` and `quality_sd` (chrF against the dense network's translations, or percent of strings read),
    `kB_a_step` (weights that one step of the decoder, or of the LSTM and output, reads).
    """

    def table(self) -> pd.DataFrame:
        """Tabulate one row per network, number of bits and scheme."""
        labels = [
            f"{row.network}, {row.bits} bits: {Scheme(row.kind, row.bits, row.group).name}"
            for row in self.rows.itertuples()
        ]
        shown = self.rows.drop(columns=["network", "kind", "bits", "group"]).set_axis(labels)
        shown["error"] *= 100
        names = {"bits_each": "bits a weight", "error": "output error, %", "kB_a_step": "kB a step"}
        return shown.rename(columns=names | {"quality_sd": "spread"})

    def best(self, network: str, bits: int, kind: str, group: int | None = None) -> pd.Series:
        """Find the row of a network, number of bits and kind; of several groups the smallest error."""
        rows = self.rows.query("network == @network and bits == @bits and kind == @kind")
        return rows[rows["group"].eq(group)].iloc[0] if group is not None else rows.loc[rows["error"].idxmin()]

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        bits = int(self.rows["bits"].max())
        code, one, groups = (
            self.best("translator", bits, kind, group)
            for kind, group in (("codebook", None), ("uniform", WHOLE), ("uniform", None))
        )
        more = " ".join(self._smaller(b) for b in sorted(self.rows["bits"].unique())[::-1][1:])
        return (
            f"With {bits} bits, one k-means codebook a matrix leaves {100 * code['error']:.1f} % of error in the "
            f"translator's outputs, where even steps with one scale a matrix leave {100 * one['error']:.1f} % and even "
            f"steps in {_grouped(groups)} {100 * groups['error']:.1f} %: the codebook is the better {bits} bits for a "
            f"whole matrix. Groups leave less error than both, but take {groups['bits_each']:.2f} bits a weight "
            "where the "
            f"codebook takes {code['bits_each']:.2f}: the comparison is not at equal size. Translations stay within "
            f"chrF {code['quality']:.0f} ± "
            f"{code['quality_sd']:.0f} of the dense network's with the codebook and {groups['quality']:.0f} ± "
            f"{groups['quality_sd']:.0f} with groups. {more}"
        )

    def _smaller(self, bits: int) -> str:
        code, groups = self.best("translator", bits, "codebook"), self.best("translator", bits, "uniform")
        return (
            f"With {bits} bits it is chrF {code['quality']:.0f} against {groups['quality']:.0f} "
            f"(in {_grouped(groups)}, which take {groups['bits_each']:.1f} bits a weight)."
        )

    def plot(self) -> Figure:
        """Draw output error against bits per weight, one panel per network."""
        names = [Scheme(row.kind, row.bits, row.group).name for row in self.rows.itertuples()]
        points = self.rows.assign(error=100 * self.rows["error"], scheme=names)
        labels = ("bits a weight, all counted", "output error, %")
        return panels.series_by_panel(points, "network", "bits_each", "error", "scheme", *labels, log_y=True)


def _grouped(row: pd.Series) -> str:
    return f"groups of {row['group']}" if row["group"] else "one group"


def four_bit_weights(
    n_sentences: int | None = None, n_strings: int = 8, bits: Sequence[int] = (4,), groups: Sequence[int] = (128, 32)
) -> FourBitWeights:
    """Store the weights of two real networks in every way, and see what is left of their outputs.

    Parameters
    ----------
    n_sentences : int, optional
        Sentences to translate now; if left out, the table of `eie experiment w4a16`, whatever the other parameters.
    n_strings : int
        Strings to read.
    bits, groups
        As for `schemes`.

    Raises
    ------
    FileNotFoundError
        When a network is needed and not at hand; the message says how to get it.
    """
    if n_sentences is None:
        return FourBitWeights(experiments.read("w4a16"))
    counts = {"translator": n_sentences, "recogniser": n_strings}
    return FourBitWeights(pd.DataFrame([_stored(**part, counts=counts) for part in _parts(bits, groups)]))


def four_bits_keep_translations(kind: str) -> Margin:
    """Compute how far the translator with 4-bit weights, `"codebook"` or `"uniform"`, is above nine tenths, chrF."""
    bits = int(published.row("retrospective", id="weight-bits")["value"])
    best = four_bit_weights().best("translator", bits, kind)
    return Margin(float(best["quality"] - 100 * KEPT), 2 * float(best["quality_sd"]))
