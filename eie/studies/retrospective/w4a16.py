"""Four-bit weights, sixteen-bit arithmetic: a shared codebook against uniform steps with a scale a group.

EIE decodes a 4-bit code through one table of shared weights for the whole layer. What language models use today keeps
the 4 bits but not the table: the weights of a group of inputs are whole numbers times a scale of their own. Table and
steps are compared for a whole matrix and for groups, with as many bits per weight, all counted. The float32 (or int8)
weights of two real networks are taken as the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check, published
from eie.compress.kmeans import prune_and_share, shared_in_groups
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


CODEBOOK, SCALED, UNIFORM = "codebook", "scaled codebook", "uniform"
"""Kinds of schemes: a codebook for each group, one codebook for all groups with a scale for each, and even steps."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to store the weights of a matrix."""

    kind: str
    """`CODEBOOK`, `SCALED` or `UNIFORM`."""
    bits: int
    """Of a weight, 1..8."""
    group: int = WHOLE
    """Weights that share a scale or a codebook, 0 for the whole matrix."""

    @property
    def name(self) -> str:
        """Such as `"uniform, groups of 32"`."""
        return f"{self.kind}, {f'groups of {self.group:,}' if self.group else 'one per matrix'}"

    def stored(self, weights: Array) -> Array:
        """Store a matrix of shape `(n_out, n_in)`, and return what is left of it."""
        if self.kind == UNIFORM:
            rows, group = (weights, self.group) if self.group else (weights.reshape(1, -1), weights.size)
            return uniform(rows, self.bits, group).reshape(weights.shape)
        if self.kind == SCALED:
            return scaled_codebook(weights, self.bits, self.group)
        if self.group:
            return shared_in_groups(weights.ravel(), 2**self.bits - 1, self.group).reshape(weights.shape)
        return models.dense(prune_and_share(weights, self.bits))

    def bits_each(self, n_out: int, n_in: int) -> float:
        """Count bits that a weight takes, with its share of codebooks, or of scale and zero point."""
        n_weights = n_out * n_in
        codebook = SCALE_BITS * 2**self.bits
        if self.kind == CODEBOOK:
            return self.bits + codebook * (-(-n_weights // self.group) if self.group else 1) / n_weights
        groups = n_out * -(-n_in // self.group) if self.group else 1
        if self.kind == SCALED:
            return self.bits + (codebook + SCALE_BITS * groups) / n_weights
        return self.bits + (SCALE_BITS + self.bits) * groups / n_weights

    def as_large(self) -> tuple[Scheme, Scheme]:
        """Return the codebooks, own and scaled, that take no more bits per weight than these even steps in groups."""
        each = self.group / (SCALE_BITS + self.bits)
        own, scaled = ceil(SCALE_BITS * 2**self.bits * each), ceil(SCALE_BITS * each)
        return Scheme(CODEBOOK, self.bits, own), Scheme(SCALED, self.bits, scaled)


def schemes(bits: Sequence[int] = (4, 3, 2), groups: Sequence[int] = (128, 32)) -> list[Scheme]:
    """List the schemes: for each number of bits a codebook and even steps for the whole matrix, and by groups.

    Beside even steps by groups stand the codebooks that take as many bits.

    Raises
    ------
    ValueError
        When a number of bits is not of 1..8, or a group not of 1..65536.
    """
    sizes = _check.integers("groups", groups, 1, 65_536)[::-1]
    found = []
    for each in _check.integers("bits", bits, 1, 8)[::-1]:
        found += [Scheme(CODEBOOK, each), Scheme(UNIFORM, each)]
        for steps in (Scheme(UNIFORM, each, size) for size in sizes):
            found += [steps, *steps.as_large()]
    return found


def scaled_codebook(weights: Array, bits: int, group: int) -> Array:
    """Share the weights of a matrix in one codebook after dividing each group by its largest magnitude.

    Parameters
    ----------
    weights : float32 array of shape `(n_out, n_in)`
    bits : int
        Of a weight, 1..8: `2**bits` shared values, one of them 0.
    group : int
        Neighbouring inputs of a row that share a scale. The last group of a row may be smaller.

    Returns
    -------
    float32 array of shape `(n_out, n_in)`
    """
    n_out, n_in = weights.shape
    filled = np.pad(weights, ((0, 0), (0, -n_in % group))).reshape(n_out, -1, group)
    scale = np.float16(np.abs(filled).max(axis=2, keepdims=True)).astype(np.float32)
    parts = filled / np.where(scale > 0, scale, 1)
    shared = models.dense(prune_and_share(parts.reshape(n_out, -1), bits)).reshape(parts.shape)
    return np.ascontiguousarray((shared * scale).reshape(n_out, -1)[:, :n_in], dtype=np.float32)


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

    One row per network and scheme: `network`, `kind`, `bits`, `group`, `bits_each` (bits per weight, with what they
    share), `error` (of the outputs of the matrices on their real inputs, root of the mean square over matrices, as a
    fraction), `quality` and `quality_sd` (chrF against the dense network's translations, or percent of strings read),
    `kB_a_step` (weights that one step of the decoder, or of the LSTM and output, reads).
    """

    def table(self, network: str) -> pd.DataFrame:
        """Tabulate the schemes of a network: one row per number of bits and scheme."""
        rows = self.rows.query("network == @network")
        labels = [f"{row.bits} bits: {Scheme(row.kind, row.bits, row.group).name}" for row in rows.itertuples()]
        shown = rows.drop(columns=["network", "kind", "bits", "group"]).set_axis(labels)
        shown["error"] *= 100
        names = {"bits_each": "bits per weight", "error": "output error, %", "kB_a_step": "kB per step"}
        return shown.rename(columns=names | {"quality_sd": "spread"})

    def best(self, network: str, bits: int, kind: str, group: int | None = None) -> pd.Series:
        """Find the row of a network, number of bits and kind; of several groups the smallest error."""
        rows = self.rows.query("network == @network and bits == @bits and kind == @kind")
        return rows[rows["group"].eq(group)].iloc[0] if group is not None else rows.loc[rows["error"].idxmin()]

    def equals(self, network: str, bits: int) -> pd.DataFrame:
        """List even steps in the smallest groups and the codebooks as large: `error`, `quality` and so on by kind."""
        steps = self.best(network, bits, UNIFORM)
        same = [Scheme(UNIFORM, bits, int(steps["group"])), *Scheme(UNIFORM, bits, int(steps["group"])).as_large()]
        return pd.DataFrame({scheme.kind: self.best(network, bits, scheme.kind, scheme.group) for scheme in same}).T

    def answer(self) -> str:
        """Say in two sentences whether the table or the group matters, at as many bits per weight."""
        bits = int(self.rows["bits"].max())
        equal, one = self.equals("translator", bits), self.best("translator", bits, CODEBOOK, WHOLE)
        steps, scaled = equal.loc[UNIFORM], equal.loc[SCALED]
        apart = abs(steps["quality"] - scaled["quality"])
        within = 2 * float(np.hypot(steps["quality_sd"], scaled["quality_sd"]))
        same = (
            "as good as"
            if apart <= within
            else ("better than" if steps["quality"] > scaled["quality"] else "worse than")
        )
        return (
            f"**At {steps['bits_each']:.2f} bits per weight, evenly spaced values with a scale per group are {same} "
            f"a shared codebook with a scale per group**: the quality of a translator (chrF, 0 to 100) is "
            f"{_quality(steps)} with even steps and {_quality(scaled)} with the codebook. The groups make the "
            f"difference: one codebook per matrix, as in EIE, takes {one['bits_each']:.2f} bits and reaches "
            f"**{_quality(one)}** (± is the standard deviation over resampled sentences)."
        )

    def words(self) -> str:
        """Say the rest in words, with numbers: codebooks per group, one scale per matrix, and fewer bits."""
        bits = int(self.rows["bits"].max())
        own, steps, scaled = (self.equals("translator", bits).loc[kind] for kind in (CODEBOOK, UNIFORM, SCALED))
        whole, even = (self.best("translator", bits, kind, WHOLE) for kind in (CODEBOOK, UNIFORM))
        more = " ".join(self._smaller(b) for b in sorted(self.rows["bits"].unique())[::-1][1:])
        return (
            f"The outputs of the translator's matrices have an error of {100 * steps['error']:.1f} % with even steps "
            f"and {100 * scaled['error']:.1f} % with the codebook that has a scale per group. The error is "
            f"{100 * whole['error']:.1f} % with one codebook per matrix. A separate codebook for each {own['group']} "
            f"weights takes {own['bits_each']:.2f} bits, too, and has an error of {100 * own['error']:.1f} %. Even "
            f"steps with one scale for the whole matrix have an error of {100 * even['error']:.1f} %, and chrF falls "
            f"to {_quality(even)}. {more}"
        )

    def _smaller(self, bits: int) -> str:
        equal = self.equals("translator", bits)
        quality = equal["quality"]
        return (
            f"With codes of {bits} bits and groups ({equal['bits_each'].max():.2f} bits per weight), chrF lies between "
            f"{quality.min():.0f} ({quality.idxmin()}) and {quality.max():.0f} ({quality.idxmax()})."
        )

    def plot(self) -> Figure:
        """Draw output error against bits per weight, one panel per network."""
        shared = np.where(self.rows["group"] > 0, ", per group", ", one per matrix")
        points = self.rows.assign(error=100 * self.rows["error"], scheme=self.rows["kind"] + shared)
        labels = ("bits per weight, all counted", "output error, %")
        points = points.sort_values("bits_each")
        return panels.series_by_panel(points, "network", "bits_each", "error", "scheme", *labels, log_y=True)


def _quality(row: pd.Series) -> str:
    return f"{row['quality']:.0f} ± {row['quality_sd']:.0f}"


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
        When a network is needed and not available; the message says how to get it.
    """
    if n_sentences is None:
        return FourBitWeights(experiments.read("w4a16"))
    counts = {"translator": n_sentences, "recogniser": n_strings}
    return FourBitWeights(pd.DataFrame([_stored(**part, counts=counts) for part in _parts(bits, groups)]))


def four_bits_keep_translations(kind: str) -> Margin:
    """Compute how far the translator with 4-bit weights is above nine tenths, chrF.

    `"uniform"`: even steps with a scale per group, the best of the groups. `"codebook"`: one codebook per matrix.
    """
    bits = int(published.row("retrospective", id="weight-bits")["value"])
    best = four_bit_weights().best("translator", bits, kind, WHOLE if kind == CODEBOOK else None)
    return Margin(float(best["quality"] - 100 * KEPT), 2 * float(best["quality_sd"]), unit="points")
