"""Progressive precision: attention by the high-order bits of its keys, the other bits only where it comes out flat.

As in SpAtten (named on the slide): where one key outweighs the others, errors of the scores hardly move the weights;
where none does, the low-order bits are fetched, and the scores computed again. The control spends as many bits on all
keys alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.models.translator import Translator
from eie.studies import experiments
from eie.studies.experiments import Experiment, Part
from eie.studies.plots import panels
from eie.studies.retrospective import models
from eie.studies.retrospective._shared import Measured

Array = NDArray[np.float32]

BITS = 8
"""Bits of a whole key."""
HIGH_BITS = 4
"""Bits that are fetched first."""

PROGRESSIVE, ALIKE = "high bits first", "all keys alike"
THRESHOLDS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
"""Attention is flat when no key gets as much."""


@dataclass(frozen=True, eq=False)
class Progressive(Translator):
    """A translator that fetches its keys in two steps."""

    threshold: float = 0.0
    """A query whose largest attention is below it fetches the other bits, 0..1."""
    high_bits: int = HIGH_BITS
    """Bits that are fetched first, 1..8."""
    counts: Counter[str] = field(default_factory=Counter)
    """So far: `keys` looked at with the high bits, `again` with all bits, `queries`, and `misplaced`, the attention
    that went to other keys than with float32 ones, added up over queries."""

    def attention(self, queries: Array, keys: Array, mask: Array | float = 0.0) -> Array:
        """Compute how much queries look at keys."""
        found = super().attention(queries, rounded(keys, self.high_bits), mask)
        flat = found.max(axis=-1) < self.threshold
        whole = super().attention(queries, rounded(keys, BITS), mask)
        found = np.where(flat[..., np.newaxis], whole, found)
        n_keys = np.broadcast_to(np.asarray(mask) == 0, found.shape).sum(axis=-1)
        self.counts["keys"] += int(n_keys.sum())
        self.counts["again"] += int(n_keys[flat].sum())
        self.counts["queries"] += flat.size
        elsewhere = np.abs(found - super().attention(queries, keys, mask)).sum() / 2
        self.counts["misplaced"] += float(elsewhere)  # type: ignore[assignment]
        return found

    @property
    def bits(self) -> float:
        """Bits fetched so far for each number of a key that was looked at."""
        return self.high_bits + (BITS - self.high_bits) * self.counts["again"] / self.counts["keys"]

    @property
    def misplaced(self) -> float:
        """Share of the attention that went to other keys than with float32 keys, 0..1."""
        return self.counts["misplaced"] / self.counts["queries"]


def rounded(keys: Array, bits: int) -> Array:
    """Round keys of which only the high-order bits are known, the others half-way.

    Parameters
    ----------
    keys : float32 array of shape `(.., n_keys, width)`
        Held in 8 bits, in steps of the largest magnitude of a sentence and head.
    bits : int
        1..8.
    """
    step = np.maximum(np.abs(keys).max(axis=(-1, -2), keepdims=True), np.finfo(np.float32).tiny) / (2 ** (BITS - 1) - 1)
    unknown = 2.0 ** (BITS - _check.integer("bits", bits, 1, BITS))
    whole = np.rint(keys / step)
    return np.asarray(((np.floor(whole / unknown) + 0.5) * unknown - 0.5) * step, np.float32)


def _settings() -> list[Part]:
    """List the settings: thresholds of two steps, and numbers of bits for all keys alike."""
    two = [{"way": PROGRESSIVE, "threshold": threshold, "high_bits": HIGH_BITS} for threshold in THRESHOLDS]
    return two + [{"way": ALIKE, "threshold": 0.0, "high_bits": bits} for bits in range(HIGH_BITS - 1, BITS + 1)]


def _tried(n_sentences: int, way: str, threshold: float, high_bits: int) -> dict[str, object]:
    model, texts, expected = models.translations(n_sentences)
    tried = Progressive(model.tensors, model.vocabulary, threshold=threshold, high_bits=high_bits)
    quality, spread = models.chrf_and_spread(tried.translate(texts), expected)
    row = {"way": way, "threshold": threshold, "bits": tried.bits, "misplaced": tried.misplaced}
    return row | {"quality": quality, "quality_sd": spread}


EXPERIMENT = Experiment(parts=_settings, make=lambda **setting: [_tried(32, **setting)])


class Precision(Measured):
    """Attention with fewer bits.

    One row per setting: `way`, `threshold` (0 where all keys are alike), `bits` (of a key's number, mean), `misplaced`
    (attention, 0..1), `quality` (chrF against float32 keys), `quality_sd` (over resampled sentences).
    """

    def halfway(self) -> tuple[pd.Series, float]:
        """Find the setting in two steps with most bits below six, and what as many bits for all keys would misplace."""
        two, alike = (self.rows[self.rows["way"] == way].sort_values("bits") for way in (PROGRESSIVE, ALIKE))
        chosen = two[two["bits"] < (HIGH_BITS + BITS) / 2].iloc[-1]
        # An error halves with each bit, so it is a straight line on a logarithmic axis.
        return chosen, float(np.exp(np.interp(chosen["bits"], alike["bits"], np.log(alike["misplaced"]))))

    def pays(self) -> bool:
        """Tell whether two steps misplace less attention than as many bits for all keys alike."""
        chosen, alike = self.halfway()
        return bool(chosen["misplaced"] < alike)

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        chosen, alike = self.halfway()
        least = self.rows[self.rows["way"] == PROGRESSIVE].iloc[0]
        return (
            f"With {chosen['bits']:.1f} bits of a key's {BITS} fetched on average ({HIGH_BITS} first, the others "
            f"where no key gets {100 * chosen['threshold']:.0f} % of the attention), {100 * chosen['misplaced']:.1f} "
            "% of the attention goes to other keys than with float32 ones and translations keep a chrF of "
            f"{chosen['quality']:.0f} ± {chosen['quality_sd']:.0f}; the same number of bits for all keys alike would "
            f"misplace {100 * alike:.1f} %, and {HIGH_BITS} bits for all {100 * least['misplaced']:.1f} % (chrF "
            f"{least['quality']:.0f} ± {least['quality_sd']:.0f}). Two steps are "
            f"{'better' if self.pays() else 'no better'} than as many bits for all here."
        )

    def plot(self) -> Figure:
        """Draw misplaced attention over bits."""
        points = self.rows.assign(misplaced=100 * self.rows["misplaced"], panel="keys of all attention")
        labels = ("bits fetched of a key's number, mean", "attention misplaced, %")
        return panels.series_by_panel(points, "panel", "bits", "misplaced", "way", *labels, log_y=True)


def precision(n_sentences: int | None = None) -> Precision:
    """Translate sentences with fewer bits of the keys now, or read the committed table if no number is given.

    Raises
    ------
    FileNotFoundError
        When the translator is needed and not at hand; the message says how to get it.
    """
    if n_sentences is None:
        return Precision(experiments.read("progressive"))
    return Precision(pd.DataFrame([_tried(n_sentences, **setting) for setting in _settings()]))
