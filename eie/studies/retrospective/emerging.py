"""Networks that came later, on EIE: a translation transformer and a text recogniser, bit by bit.

Weights are pruned by magnitude and shared in a codebook for each matrix. No training data are available, so nothing is
trained again afterwards, which Deep Compression would do: how sparse a network can get here is a lower bound of what it
can stand. A transformer that was trained while it was pruned stands beside them (`eie.studies.pruned`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie import _check
from eie.cycles import simulate
from eie.energy_model import energy
from eie.explore.benchmarks import nine_layers
from eie.interleaved import InterleavedCSC, encode
from eie.machine import EIE_45NM, Machine
from eie.models import ocr, translator
from eie.networks.layer_run import LayerRun, table
from eie.studies import experiments
from eie.studies.experiments import Experiment, grid
from eie.studies.paper.setup import Setup, exhibit
from eie.studies.plots import panels
from eie.studies.pruned import spread
from eie.studies.retrospective import models
from eie.values import calibrate, infer
from eie.writing.words import joined, with_error

Array = NDArray[np.float32]
Operands = dict[str, tuple[InterleavedCSC, Array]]

NETWORKS = {"translator": "chrF against the dense network's translations", "recogniser": "% of strings read"}
"""The networks, and what quality means for each."""

KEPT = 0.9
"""Fraction of the quality of the unpruned, shared weights that a network must keep to count as unharmed."""

DENSITIES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)

ON_MACHINE = {"translator": 0.8, "recogniser": 0.15}
"""Densities at which all products are done by the machine, too."""
OTHERS = 4
"""Inputs that formats are calibrated on, which are left out of the quality on the machine."""


def curve(
    n_sentences: int = 32,
    n_strings: int = 32,
    densities: Sequence[float] = DENSITIES,
    seeds: Sequence[int] = (0, 1, 2),
    networks: Sequence[str] = tuple(NETWORKS),
) -> pd.DataFrame:
    """Measure the quality of both networks over the density of their weights, pruned and shared, in float32.

    Parameters
    ----------
    n_sentences : int
        Sentences to translate; seeds do not change them.
    n_strings : int
        Strings to read, others for each seed.
    densities : sequence of float
        Fractions of the weights to keep, 0..1.
    seeds : sequence of int
        Name the strings.
    networks : sequence of str
        Of `NETWORKS`.

    Returns
    -------
    DataFrame
        One row per network and density: `network`, `density`, `quality`, `quality_sd` (over seeds; for the translator
        over resampled sentences), and where products are done by the machine, too, `inputs`, `floating` and `fixed`
        (quality in float32 and on the machine, on so many inputs) and `apart_sd` (standard error of their difference).
    """
    densities = sorted({_check.fraction("density", d) for d in densities}, reverse=True)
    makes = {"translator": partial(_translated, n_sentences), "recogniser": partial(_read, n_strings)}
    rows = [
        {"network": network, "density": density, "quality": quality, "quality_sd": spread}
        | (_on_machine(network, density, n_sentences, n_strings) if density == ON_MACHINE[network] else NOTHING)
        for network in networks
        for density, quality, spread in makes[network](densities, seeds)
    ]
    return pd.DataFrame(rows)


NOTHING = dict.fromkeys(("inputs", "floating", "fixed", "apart_sd"), np.nan)


def _on_machine(network: str, density: float, n_sentences: int, n_strings: int) -> dict[str, float]:
    """Measure a network with all products done by the machine, beside the same in float32."""
    outputs: Callable[[Any, Sequence[str]], list[str]]
    if network == "translator":
        texts = models.sentences(n_sentences)
        task = Task(translator.load(), _translations, texts[OTHERS:], texts[:OTHERS])
        outputs, score = translator.Translator.translate, models.chrf
    else:
        texts = models.strings(n_strings)
        task = Task(ocr.load(), _readings, texts[OTHERS:], texts[:OTHERS])
        outputs, score = _read_all, _share
    thin = models.thinned(task.model, density)
    calibration = models.inputs_of(thin, lambda model: outputs(model, task.others))
    fixed = task.model.with_product(OnMachine(task.model, density, EIE_45NM, calibration).product)
    found = [outputs(model, task.tests) for model in (thin, fixed, task.model)]
    floating, on_machine, expected = found[0], found[1], found[2] if network == "translator" else list(task.tests)
    return {
        "inputs": len(task.tests),
        "floating": score(floating, expected),
        "fixed": score(on_machine, expected),
        "apart_sd": models.apart_sd(score, on_machine, floating, expected),
    }


def _read_all(model: ocr.Recogniser, texts: Sequence[str]) -> list[str]:
    return [model.read(ocr.draw_text(text)).lower() for text in texts]


def _share(found: Sequence[str], expected: Sequence[str]) -> float:
    """Return the share of strings that are right, %."""
    return 100 * float(np.mean([one == other for one, other in zip(found, expected, strict=True)]))


def _translated(n_sentences: int, densities: Sequence[float], _: Sequence[int]) -> Iterator[tuple[float, ...]]:
    model, texts, expected = models.translations(n_sentences)
    for density in densities:
        yield density, *models.chrf_and_spread(models.thinned(model, density).translate(texts), expected)


def _read(n_strings: int, densities: Sequence[float], seeds: Sequence[int]) -> Iterator[tuple[float, ...]]:
    reader = ocr.load()
    for density in densities:
        thin = models.thinned(reader, density)
        shares = [100 * float(models.read_correctly(thin, models.strings(n_strings, s)).mean()) for s in seeds]
        yield density, float(np.mean(shares)), float(np.std(shares))


EXPERIMENT = Experiment(
    parts=partial(grid, network=tuple(NETWORKS), density=DENSITIES),
    make=lambda network, density: curve(densities=[density], networks=[network]),
    seeds=(0, 1, 2),
)


class OnMachine:
    """The products of a network done by the machine, bit by bit.

    By matrix, `mems` are the matrices as the PEs hold them, and `saturations` counts the additions and inputs that ran
    out of their format's range so far.
    """

    def __init__(self, model: Any, density: float, machine: Machine, calibration: dict[str, Array]) -> None:
        """Prune, share and encode the matrices; formats are the finest in which no calibration input saturates."""
        layers = models.compressed_layers(model, density, machine.weight_bits)
        self.machine = machine
        self.layers = layers
        self.mems = {name: encode(layer, machine) for name, layer in layers.items()}
        self.formats = {
            name: calibrate(mem, calibration[name], machine, signed=True) for name, mem in self.mems.items()
        }
        self.saturations: Counter[str] = Counter()

    def product(self, name: str, x: Array) -> Array:
        """Multiply a matrix with inputs of shape `(n_vectors, n_in)`, as 16-bit sums."""
        y = infer(self.mems[name], x, self.machine, formats=self.formats[name], relu=False, signed=True)
        self.saturations[name] += y.saturations + y.input_saturations
        return y.values.astype(np.float32)

    def runs(self, inputs: dict[str, Array]) -> list[LayerRun]:
        """Simulate each matrix on its inputs."""
        return [self._run(name, inputs[name]) for name in self.mems]

    def _run(self, name: str, x: Array) -> LayerRun:
        report = simulate(self.mems[name], x, self.machine, signed=True)
        density, inputs = self.layers[name].density, float(np.mean(x != 0))
        used = energy(report, self.machine)
        return LayerRun(name, kind_of(name), density, inputs, report, used, self.saturations[name])


def kind_of(name: str) -> str:
    """Name the job of a matrix in its network."""
    if name.endswith("ffn_W2"):
        return "feed-forward, behind a ReLU"
    if name.endswith("ffn_W1"):
        return "feed-forward, first"
    if "_rnn_" in name:
        return "recurrent unit"
    if name in ocr.DIRECTIONS:
        return "LSTM gates"
    return "output layer" if name == ocr.OUTPUT else "attention"


@dataclass(frozen=True, eq=False)
class EmergingNetworks:
    """Two networks of today on EIE."""

    curve: pd.DataFrame
    """Quality over density, of `curve`."""
    density: dict[str, float]
    """Density at which each network was run."""
    runs: dict[str, list[LayerRun]]
    """What each matrix took."""
    quality: dict[str, tuple[float, float]]
    """Of each network on its few test inputs: pruned and shared in float32, and on the machine's 16-bit path."""
    operands: Operands
    """Each matrix as the PEs hold it, and the inputs that it was run on, shape `(n_vectors, n_in)`."""

    def layers(self, kinds: str = "") -> pd.DataFrame:
        """Tabulate the matrices whose kind has the regular expression `kinds` in it."""
        rows = table(run for runs in self.runs.values() for run in runs if re.search(kinds, run.kind))
        return rows if len(rows) else pd.DataFrame()

    def table(self) -> pd.DataFrame:
        """Tabulate one row per network and kind of matrix, beside the range of Table III."""
        rows = [
            {"matrices of": f"{network}: {kind}"} | _summary([run for run in runs if run.kind == kind])
            for network, runs in self.runs.items()
            for kind in dict.fromkeys(run.kind for run in runs)
        ]
        return pd.DataFrame(rows).set_index("matrices of") if rows else pd.DataFrame()

    def answer(self) -> str:
        """Say what sixteen bits cost two networks, and how much pruning they tolerate without retraining."""
        least = {network: 100 * lowest(self.curve, network) for network in NETWORKS}
        bits = joined(map(self._bits, NETWORKS))
        return (
            f"Compared with float32 on the same pruned weights, EIE's 16-bit arithmetic {bits}; ± is twice the "
            f"standard error. Without retraining, the translator tolerates pruning down to "
            f"**{least['translator']:.0f} %** of its weights and the recogniser down to **{least['recogniser']:.0f} "
            f"%**."
        )

    def _bits(self, network: str) -> str:
        """Say what the machine's arithmetic does to the quality of a network in float32."""
        row = self.curve[(self.curve["network"] == network) & self.curve["fixed"].notna()].iloc[0]
        inputs = f"({NETWORKS[network].split(' against')[0]}, {row['inputs']:.0f} inputs)"
        apart, error = row["fixed"] - row["floating"], 2 * row["apart_sd"]
        if apart == error == 0:
            return f"leaves the quality of a {network} unchanged {inputs}"
        return f"changes the quality of a {network} by {with_error(apart, error, '+')} {inputs}"

    def words(self) -> str:
        """Say what retraining gives, how sparse inputs are, and how the few inputs of this page came out."""
        scores = joined(map(self._on_machine, self.quality), ", and ")
        here = f"On the few inputs that this page runs itself, {scores}; the answer above rests on more inputs."
        return f"{_trained()}\n\n{self._inputs()} {here if self.quality else ''}".strip()

    def _inputs(self) -> str:
        behind = [100 * run.activation_density for run in self.runs.get("translator", []) if "ReLU" in run.kind]
        if not behind:
            return ""
        low, high = _table3_range("act_density")
        return (
            f"Of the inputs that come from the translator's ReLUs, {min(behind):.0f} to {max(behind):.0f} % are "
            f"non-zero; in Table III's layers, {100 * low:.0f} to {100 * high:.0f} % are. Nearly all other inputs of "
            f"both networks are non-zero."
        )

    def _on_machine(self, network: str) -> str:
        floating, fixed = self.quality[network]
        unit = NETWORKS[network].split(" against")[0]
        return f"the {network} scores {fixed:.0f} on the machine and {floating:.0f} in float32 ({unit})"

    def plot(self) -> Figure:
        """Draw quality over density."""
        points = self.curve.assign(density=100 * self.curve["density"], line="pruned and shared, not retrained")
        labels = ("weights kept, %", "quality, 0 to 100")
        return panels.series_by_panel(points, "network", "density", "quality", "line", *labels, spread="quality_sd")


def _trained() -> str:
    """Say what a transformer keeps that was trained while it was pruned."""
    rows = spread.table().query("model == 'transformer' and method == 'magnitude_pruning'")
    bleu = rows.groupby("sparsity")["quality"].first()
    densities = rows.groupby("sparsity")["density"].median()
    return (
        f"With retraining, networks tolerate more pruning: a Transformer that was trained while it was pruned (see "
        f"[real pruned layers](pruned_layers.ipynb)) reaches a BLEU score (similarity to reference translations, in "
        f"percent) of {bleu.iloc[0]:.1f} with {100 * densities.iloc[0]:.0f} % of its weights, and still "
        f"{bleu[0.9]:.1f} with {100 * densities[0.9]:.0f} %; the collection of these matrices has no score of the "
        f"unpruned network. The curves therefore do not show how far such networks can be pruned when retrained."
    )


def _table3_range(name: str) -> tuple[float, float]:
    found = [getattr(benchmark, name) for benchmark in nine_layers()]
    return min(found), max(found)


def lowest(curve: pd.DataFrame, network: str) -> float:
    """Find the lowest density down to which a network keeps `KEPT` of its unpruned quality without a gap."""
    rows = curve[curve["network"] == network].sort_values("density", ascending=False)
    good = rows["quality"] >= KEPT * rows["quality"].iloc[0]
    return float(rows["density"][good.cummin()].iloc[-1])


def _summary(runs: Sequence[LayerRun]) -> dict[str, Any]:
    products = sum(run.vectors for run in runs)
    cycles = sum(run.report.cycles for run in runs)
    return {
        "matrices": len(runs),
        "weights, %": 100 * float(np.mean([run.density for run in runs])),
        "activations, %": 100 * fsum(run.activation_density * run.vectors for run in runs) / products,
        "us a product": 1e6 * fsum(run.report.seconds for run in runs) / products,
        "load balance, %": 100 * fsum(run.report.theoretical_cycles for run in runs) / cycles,
        "padding, %": 100 * sum(run.report.padding for run in runs) / sum(run.report.entries for run in runs),
        "nJ a product": 1e9 * fsum(run.energy.total for run in runs) / products,
        "saturations": sum(run.saturations for run in runs),
    }


@exhibit("n_pe", "fifo_depth")
def emerging_networks(
    setup: Setup, n_sentences: int = 3, n_strings: int = 2, density: dict[str, float] | None = None
) -> EmergingNetworks:
    """Run both networks on the machine.

    Parameters
    ----------
    n_sentences, n_strings : int
        What to run. Formats are calibrated on other sentences and strings.
    density : dict of str to float, optional
        Fraction of the weights to keep in each network; the lowest that leaves it unharmed if left out.

    Returns
    -------
    EmergingNetworks
        Where a network is not available (see `models.missing`), `runs` and `quality` are empty.

    Raises
    ------
    ValueError
        When a parameter is out of range.
    """
    known = experiments.read("emerging")
    chosen = _checked({network: lowest(known, network) for network in NETWORKS}, _check.literal(density))
    machine = setup.machine()
    if models.missing():
        return EmergingNetworks(known, chosen, {}, {}, {})
    texts, strings = models.sentences(n_sentences + 3), models.strings(n_strings + 2)
    tasks = {
        "translator": Task(translator.load(), _translations, texts[:n_sentences], texts[n_sentences:]),
        "recogniser": Task(ocr.load(), _readings, strings[:n_strings], strings[n_strings:]),
    }
    done = {network: _done(task, chosen[network], machine) for network, task in tasks.items()}
    return EmergingNetworks(
        known,
        chosen,
        {network: runs for network, (runs, _, _) in done.items()},
        {network: quality for network, (_, quality, _) in done.items()},
        {name: both for _, _, operands in done.values() for name, both in operands.items()},
    )


def _checked(known: dict[str, float], changes: Any) -> dict[str, float]:
    """Check densities that change some of the known ones."""
    if not isinstance(changes, (dict, type(None))) or set(changes or {}) - set(known):
        raise ValueError(f"density must be a mapping from some of {', '.join(known)} to fractions, got {changes!r}")
    return known | {name: _check.fraction(f"density of the {name}", value) for name, value in (changes or {}).items()}


@dataclass(frozen=True, eq=False)
class Task:
    """A network, which is a translator or a recogniser, and what it has to do."""

    model: Any
    quality: Callable[[Any, Sequence[str], Any], float]
    """From a model, its inputs, and the dense model, to a number in 0..100."""
    tests: Sequence[str]
    others: Sequence[str]
    """What formats are calibrated on."""


def _done(task: Task, density: float, machine: Machine) -> tuple[list[LayerRun], tuple[float, float], Operands]:
    """Run a task: what each matrix took, the quality in float32 and on the machine, and the operands of each matrix."""
    thin = models.thinned(task.model, density)

    def seen(given: Sequence[str]) -> dict[str, Array]:
        return models.inputs_of(thin, lambda model: task.quality(model, given, task.model))

    on_machine = OnMachine(task.model, density, machine, seen(task.others))
    fixed = task.quality(task.model.with_product(on_machine.product), task.tests, task.model)
    inputs = seen(task.tests)
    operands = {name: (mem, inputs[name]) for name, mem in on_machine.mems.items()}
    return on_machine.runs(inputs), (task.quality(thin, task.tests, task.model), fixed), operands


def _translations(model: Any, given: Sequence[str], dense: Any) -> float:
    return models.chrf(model.translate(given), dense.translate(given))


def _readings(model: Any, given: Sequence[str], dense: Any) -> float:
    return 100 * float(models.read_correctly(model, given).mean())
