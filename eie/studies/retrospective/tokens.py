"""Token pruning: the tokens of a sentence that the others look at least are dropped on the way through the encoder.

As in SpAtten (named on the slide), a token's weight is the attention that it has received in all heads and layers so
far, and a token that is dropped stays dropped. Each one saves a product with every matrix of the layers that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie.models.translator import ENCODER_LAYERS, Translator
from eie.studies import experiments
from eie.studies.experiments import Experiment, grid
from eie.studies.plots import panels
from eie.studies.retrospective import models
from eie.studies.retrospective._shared import Measured

Array = NDArray[np.float32]

BY_ATTENTION, BY_CHANCE = "least attention", "by chance"
KEPT = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Fractions of the tokens that reach the decoder."""
SEEDS = (0, 1, 2)
"""Of the controls that drop by chance."""
MILD = 0.8
"""The fraction that the page quotes, beside the lowest."""


@dataclass(frozen=True, eq=False)
class TokenPruned(Translator):
    """A translator whose encoder drops tokens."""

    keep: float = 1.0
    """Fraction of a sentence's tokens that is left after the last layer, 0..1, rounded up; after each layer before it
    the same share of what is there is dropped."""
    seed: int | None = None
    """Drop by chance, as a control; the tokens that have received least attention if left out."""

    def encode(self, tokens: Sequence[int]) -> Array:
        """Encode a sentence, of which `(n_kept, width)` is left, in the order of its tokens."""
        x = self.embed(tokens)
        weight = np.zeros(len(tokens))
        chance = np.random.default_rng([self.seed or 0, *tokens]).random(len(tokens))
        for layer in range(1, ENCODER_LAYERS + 1):
            x, attention = self.encoder_layer(x, layer)
            weight = weight + attention.sum(axis=(0, 1)) if self.seed is None else chance
            n_kept = int(np.ceil(len(tokens) * self.keep ** (layer / ENCODER_LAYERS) - 1e-9))
            kept = np.sort(np.argsort(-weight, kind="stable")[: max(n_kept, 1)])
            x, weight, chance = x[kept], weight[kept], chance[kept]
        return x


def translated(model: Translator, texts: Sequence[str]) -> tuple[list[str], int]:
    """Translate, and count the products of weights of the encoder and of the decoder's keys and values."""
    done = 0

    def product(name: str, x: Array) -> Array:
        nonlocal done
        if name.startswith("encoder") or name.endswith(("context_Wk", "context_Wv")):
            done += len(x) * model.tensors[name].size
        return np.asarray(x @ model.tensors[name])

    return model.with_product(product).translate(texts), done


def _translate(n_sentences: int, keep: float) -> pd.DataFrame:
    """Translate with a fraction of the tokens, and with as many by chance."""
    model, texts, expected = models.translations(n_sentences)
    whole = _whole(n_sentences)
    found, done = translated(_pruned(model, keep, None), texts)
    rows = [(BY_ATTENTION, keep, done / whole, *models.chrf_and_spread(found, expected))]
    if keep < 1:
        drawn = [translated(_pruned(model, keep, seed), texts) for seed in SEEDS]
        qualities = [models.chrf(found, expected) for found, _ in drawn]
        rows.append((BY_CHANCE, keep, drawn[0][1] / whole, float(np.mean(qualities)), float(np.std(qualities))))
    return pd.DataFrame(rows, columns=["by", "kept", "work", "quality", "quality_sd"])


@cache
def _whole(n_sentences: int) -> int:
    """Count the products that the sentences take with all tokens."""
    model, texts, _ = models.translations(n_sentences)
    return translated(model, texts)[1]


def _pruned(model: Translator, keep: float, seed: int | None) -> TokenPruned:
    return TokenPruned(model.tensors, model.vocabulary, keep=keep, seed=seed)


EXPERIMENT = Experiment(parts=partial(grid, kept=KEPT), make=lambda kept: _translate(32, kept), seeds=SEEDS)


class Tokens(Measured):
    """Translations with fewer tokens.

    One row per way and fraction: `by`, `kept`, `work` (of the encoder and the decoder's keys and values, 0..1),
    `quality` (chrF against translations with all tokens), `quality_sd` (over resampled sentences; by chance over
    seeds).
    """

    def at(self, keep: float, by: str = BY_ATTENTION) -> pd.Series:
        """Find the row of a fraction."""
        return self.rows[(self.rows["by"] == by) & np.isclose(self.rows["kept"], keep)].iloc[0]

    def table(self) -> pd.DataFrame:
        """Tabulate one row per fraction of tokens: work and quality, by attention and by chance."""
        wide = self.rows.pivot_table(index="kept", columns="by", sort=False)
        return pd.DataFrame(
            {
                "work, %": 100 * wide["work", BY_ATTENTION],
                "chrF": wide["quality", BY_ATTENTION],
                "spread": wide["quality_sd", BY_ATTENTION],
                "chrF by chance": wide["quality", BY_CHANCE],
                "spread by chance": wide["quality_sd", BY_CHANCE],
            }
        ).set_axis([f"{100 * kept:g} % of the tokens" for kept in wide.index])

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        least = self.rows["kept"].min()
        mild, most = self.at(MILD), self.at(least)
        chance, more = self.at(MILD, BY_CHANCE), self.at(least, BY_CHANCE)
        return (
            f"With {100 * MILD:.0f} % of the tokens left, {100 * mild['work']:.0f} % of the encoder's work is left, "
            f"too, and translations have a chrF of {mild['quality']:.0f} ± {mild['quality_sd']:.0f} against those of "
            f"all tokens when those go that receive least attention, of {chance['quality']:.0f} ± "
            f"{chance['quality_sd']:.0f} when as many go by chance; with {100 * least:.0f} % it is "
            f"{100 * most['work']:.0f} % of the work, and {most['quality']:.0f} ± {most['quality_sd']:.0f} against "
            f"{more['quality']:.0f} ± {more['quality_sd']:.0f}. Attention received is "
            f"{self.guide()} guide than chance here."
        )

    def guide(self) -> str:
        """Say in a word or two how attention does against chance: better, worse, or neither within the spreads."""
        table = self.table().dropna()
        fewer = table[table["work, %"] < 100]
        gain, spread = fewer["chrF"] - fewer["chrF by chance"], np.hypot(fewer["spread"], fewer["spread by chance"])
        if self.attention_helps():
            return "a better"
        return "a worse" if (gain < -spread).any() and not (gain > spread).any() else "no better"

    def attention_helps(self) -> bool:
        """Tell whether dropping by attention keeps a better translation than by chance, at every fraction below 1."""
        table = self.table().dropna()
        fewer = table[table["work, %"] < 100]
        return bool((fewer["chrF"] > fewer["chrF by chance"]).all())

    def plot(self) -> Figure:
        """Draw quality over work."""
        points = self.rows.assign(work=100 * self.rows["work"], panel="tokens dropped")
        labels = ("work of the encoder left, %", "chrF against all tokens")
        return panels.series_by_panel(points, "panel", "work", "quality", "by", *labels, spread="quality_sd")


def tokens(n_sentences: int | None = None) -> Tokens:
    """Translate sentences with fewer and fewer tokens now, or read the committed table if no number is given.

    Raises
    ------
    FileNotFoundError
        When the translator is needed and not at hand; the message says how to get it.
    """
    if n_sentences is None:
        return Tokens(experiments.read("tokens"))
    return Tokens(pd.concat([_translate(n_sentences, keep) for keep in KEPT], ignore_index=True))
