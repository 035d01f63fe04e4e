"""Deep Compression on MNIST: two networks pruned, shared and coded here, beside what its paper printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from eie import published
from eie._check import literal
from eie.compress import packed, sizes
from eie.compress.packed import CompressedNetwork
from eie.datasets import catalogue
from eie.interleaved import encode
from eie.machine import Machine
from eie.studies import experiments, plots
from eie.studies.claim import Margin
from eie.studies.paper.setup import usual
from eie.writing.words import joined

TITLES = {"lenet-300-100": "LeNet-300-100", "lenet-5": "LeNet-5"}
"""Networks as their paper calls them."""

TABLES = {"lenet-300-100": 2, "lenet-5": 3}
"""The tables of Deep Compression that have their layers."""

STAGES = {"dense": "before pruning", "pruned": "pruned"}

PRINTED_COLUMNS = {
    ("original", "weights"): "weights",
    ("P", "weights_left"): "weights left, % (P)",
    ("P+Q", "weight_bits"): "weight bits (P+Q)",
    ("P+Q+H", "weight_bits"): "weight bits (P+Q+H)",
    ("P+Q", "index_bits"): "index bits (P+Q)",
    ("P+Q+H", "index_bits"): "index bits (P+Q+H)",
    ("P+Q", "size"): "size, % (P+Q)",
    ("P+Q+H", "size"): "size, % (P+Q+H)",
}
"""Variant and quantity in `data/published/` of a column of `eie.compress.sizes.published_form`."""

COMMAND = "eie experiment lenets"
"""What makes the networks and the tables."""

KB = 1000
"""Bytes of a kB."""


HEADS = {
    "error before, %": ("test error, %", "before"),
    "error after, %": ("test error, %", "after"),
    "size before, kB": ("size, kB", "before"),
    "size after, kB": ("size, kB", "after"),
    "times smaller": ("times smaller", "all counted"),
    "without Huffman tables": ("times smaller", "without Huffman tables"),
    "without Huffman coding": ("times smaller", "without Huffman coding"),
}
"""Heads of the table of errors and sizes."""

LAYER_HEADS = {
    "weights": "weights",
    "weights left, % (P)": "left, %",
    "weight bits (P+Q)": ("bits of a code", "P+Q"),
    "weight bits (P+Q+H)": ("bits of a code", "P+Q+H"),
    "index bits (P+Q)": ("bits of an index", "P+Q"),
    "index bits (P+Q+H)": ("bits of an index", "P+Q+H"),
    "size, % (P+Q)": ("size, %", "P+Q"),
    "size, % (P+Q+H)": ("size, %", "P+Q+H"),
}
"""Heads of the tables of layers."""

RUN_HEADS = {
    "seed": "seed",
    "before, %": ("error, %", "before"),
    "pruned, %": ("error, %", "pruned"),
    "compressed, %": ("error, %", "compressed"),
    "compressed, validation, %": ("error, %", "compressed, validation images"),
    "times smaller": "times smaller",
    "CPU seconds": "CPU seconds",
}
"""Heads of the table of all runs."""


@dataclass(frozen=True, eq=False)
class DeepCompression:
    """Two compressed networks.

    Attributes
    ----------
    runs : DataFrame
        One row per network and seed, as `eie experiment lenets` wrote it.
    sweep : DataFrame
        The same of the first seed's networks compressed to other sizes.
    trace, histograms : DataFrame
        Shared weights over training, and counts of weights by size, of the first seed.
    nets : dict of str to CompressedNetwork
        The first seed's networks.
    errors : dict of str to float
        Their errors on the test pictures in percent, found now; empty where MNIST is not available.
    """

    runs: pd.DataFrame
    sweep: pd.DataFrame
    trace: pd.DataFrame
    histograms: pd.DataFrame
    nets: dict[str, CompressedNetwork]
    errors: dict[str, float]

    def table(self) -> pd.DataFrame:
        """Errors and sizes of each network: printed, found over the seeds, and of the network that comes along."""
        rows = {}
        for name in self.nets:
            title = TITLES[name]
            rows[f"{title}, published"] = _printed_row(title)
            rows[f"{title}, here: mean"] = self.over_seeds(name).mean()
            rows[f"{title}, here: spread"] = self.over_seeds(name).std().round(9)  # the size before is always the same
            rows[f"{title}, here: worst"] = self._worst(name)
        return pd.DataFrame(rows).T[rows[f"{title}, here: mean"].index]

    def over_seeds(self, name: str) -> pd.DataFrame:
        """A network's errors and sizes, one row per seed."""
        runs, before = self.runs[self.runs["network"] == name], self._before(name)
        return pd.DataFrame(
            {
                "error before, %": runs["dense_error"],
                "error after, %": runs["compressed_error"],
                "size before, kB": before,
                "size after, kB": before / runs["factor"],
                "times smaller": runs["factor"],
                "without Huffman tables": runs["factor_without_tables"],
                "without Huffman coding": runs["factor_shared"],
            }
        )

    def rise(self, name: str) -> pd.Series:
        """By how many points compression raised the test error, of each seed."""
        seeds = self.over_seeds(name)
        return seeds["error after, %"] - seeds["error before, %"]

    def against_published(self, name: str) -> pd.DataFrame:
        """Tabulate by how many % each seed errs less, and gets smaller, than was published."""
        seeds, printed = self.over_seeds(name), _printed_row(TITLES[name])
        return pd.DataFrame(
            {
                "error": 100 * (1 - seeds["error after, %"] / printed["error after, %"]),
                "size": 100 * (seeds["times smaller"] / printed["times smaller"] - 1),
            }
        )

    def _worst(self, name: str) -> pd.Series:
        seeds = self.over_seeds(name)
        smaller = seeds.columns.str.startswith(("times", "without"))
        return seeds.min().where(smaller, seeds.max())

    def _before(self, name: str) -> float:
        return sum(layer.original for layer in self.nets[name].sizes) / 8 / KB

    def seeds(self) -> pd.DataFrame:
        """Every run."""
        columns = {
            "network": "network",
            "seed": "seed",
            "dense_error": "before, %",
            "pruned_error": "pruned, %",
            "compressed_error": "compressed, %",
            "compressed_validation_error": "compressed, validation, %",
            "factor": "times smaller",
            "cpu_seconds": "CPU seconds",
            "date": "date",
            "commit": "commit",
            "machine": "machine",
        }
        return self.runs[list(columns)].rename(columns=columns).replace({"network": TITLES}).set_index("network")

    def layers(self, name: str, *, tables: bool = True) -> pd.DataFrame:
        """A network's layers in the form of Deep Compression's tables, the printed numbers below those found."""
        printed, found = _printed_layers(name), sizes.published_form(self.nets[name].sizes, tables=tables)
        # The paper numbers the fully connected layers as here, layer by layer.
        both = zip(found.iterrows(), printed.iterrows(), strict=True)
        rows: dict[str, Any] = {}
        for (layer, mine), (_, theirs) in both:
            rows |= {f"{layer}, here": mine, f"{layer}, published": theirs}
        return pd.DataFrame(rows).T[list(PRINTED_COLUMNS.values())]

    def parts(self) -> pd.DataFrame:
        """Where the bits go, in kB: one row per network and a way to store it."""
        rows = {}
        for name, net in self.nets.items():
            layers = net.sizes
            shared = {
                "codes": sum(layer.entries * layer.weight_bits for layer in layers),
                "relative indices": sum(layer.entries * layer.index_bits for layer in layers),
            }
            coded = {
                "codes": sum(layer.coded_weights for layer in layers),
                "relative indices": sum(layer.coded_indices for layer in layers),
                "Huffman tables": sum(layer.tables for layer in layers),
            }
            for how, bits in (("shared", shared), ("Huffman-coded", coded), ("as EIE holds it", _in_eie(net))):
                rest = {
                    "codebooks": sum(layer.codebook for layer in layers),
                    "biases": sizes.FLOAT_BITS * sum(layer.biases for layer in layers),
                }
                rows[f"{TITLES[name]}, {how}"] = bits | rest
        columns = ["codes", "relative indices", "pointers", "codebooks", "biases", "Huffman tables"]
        return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).fillna(0) / 8 / KB

    def plot(self) -> plots.Figure:
        """Error against ratio."""
        dense = self.runs.groupby("network")["dense_error"].mean()[list(self.nets)].rename(TITLES)
        printed = pd.DataFrame({title: _printed_row(title) for title in dense.index}).T
        columns = ["times smaller", "error after, %"]
        mine = {TITLES[name]: self.over_seeds(name)[columns] for name in self.nets}
        mean, spread = (pd.DataFrame({t: getattr(own, how)() for t, own in mine.items()}).T for how in ("mean", "std"))
        sweep = self.sweep.replace({"network": TITLES})
        return plots.compression.error_by_factor(sweep, dense, printed[columns], mean, spread)

    def plot_centroids(self, name: str) -> plots.Figure:
        """Shared weights of a network while they are trained."""
        return plots.compression.values_over_epochs(self.trace[self.trace["network"] == name])

    def plot_weights(self, name: str) -> plots.Figure:
        """A network's weights before and after pruning."""
        return plots.compression.weight_histograms(self.histograms[self.histograms["network"] == name], STAGES)

    def plot_parts(self) -> plots.Figure:
        """Where the bits go."""
        return plots.compression.parts_of_sizes(self.parts(), "kB")

    def answer(self) -> str:
        """Say how much smaller each network gets, and at which error."""
        said = []
        for name in self.nets:
            seeds = self.over_seeds(name)
            mean, sd = seeds.mean(), seeds.std().fillna(0)
            said.append(
                f"{TITLES[name]} becomes **{mean['times smaller']:.1f} ± {sd['times smaller']:.1f} times smaller** at "
                f"a test error of {mean['error after, %']:.2f} ± {sd['error after, %']:.2f} % "
                f"({mean['error before, %']:.2f} % before compression"
            )
        return f"{'). '.join(said)}; ± is the standard deviation over seeds)."

    def words(self) -> str:
        """How errors and ratios compare with the printed ones, and whether the networks that come along bear it out."""
        return "\n\n".join([*(self._compared(name) for name in self.nets), self._evaluated()])

    def _compared(self, name: str) -> str:
        title, seeds = TITLES[name], self.over_seeds(name)
        worst, printed = self._worst(name), _printed_row(title)
        return (
            f"**{title}**: the published network is {printed['times smaller']:g} times smaller, with an error of "
            f"{printed['error after, %']:.2f} %. Ours is at least {worst['times smaller']:.1f} times smaller, with an "
            f"error of at most {worst['error after, %']:.2f} % ({len(seeds)} seeds). Compression raises the error by "
            f"{self.rise(name).max():.2f} points at most."
        )

    def _evaluated(self) -> str:
        if not self.errors:
            return catalogue.how_to_get("mnist", anywhere=True)
        found = joined(f"{error:.2f} % ({TITLES[name]})" for name, error in self.errors.items())
        return f"This page ran the compressed networks of the first seed on all test images; the error is {found}."


def deep_compression(names: Any = None, evaluate: bool = True) -> DeepCompression:
    """Gather the tables of the LeNets, and run the compressed networks on the test pictures.

    Parameters
    ----------
    names : list of str, optional
        Networks to show, `"lenet-300-100"` and `"lenet-5"`; both if left out.
    evaluate : bool
        Run the networks, if MNIST is available.
    """
    chosen = list(TITLES) if names is None else literal(names)
    if not isinstance(chosen, (list, tuple)) or not chosen:
        raise ValueError(f"names must be a list of {', '.join(TITLES)}, got {names!r}")
    nets = {name: packed.lenet(name) for name in chosen}
    errors: dict[str, float] = {}
    if evaluate and catalogue.find("mnist"):
        from eie.compress import lenets

        errors = {name: lenets.test_error(net) for name, net in nets.items()}
    return DeepCompression(
        experiments.read("lenets"),
        experiments.read("lenets_sweep"),
        experiments.read("lenets_centroids"),
        experiments.read("lenets_weights"),
        nets,
        errors,
    )


def _printed_row(title: str) -> pd.Series:
    found = published.load("deep_compression")
    rows = found[(found["table"] == 1) & (found["network"] == title)].set_index(["variant", "quantity"])["value"]
    return pd.Series(
        {
            "error before, %": rows["reference", "top1_error"],
            "error after, %": rows["compressed", "top1_error"],
            "size before, kB": rows["reference", "size"],
            "size after, kB": rows["compressed", "size"],
            "times smaller": rows["compressed", "size_factor"],
        }
    )


def _printed_layers(name: str) -> pd.DataFrame:
    found = published.load("deep_compression")
    rows = found[found["table"] == TABLES[name]]
    keys = pd.Series(list(zip(rows["variant"], rows["quantity"], strict=True)), rows.index).map(PRINTED_COLUMNS)
    wide = rows.assign(column=keys).dropna(subset="column").pivot(index="layer", columns="column", values="value")
    return wide.loc[list(dict.fromkeys(rows["layer"]))]


def _in_eie(net: CompressedNetwork) -> dict[str, int]:
    """Bits of codes, indices and pointers in the memories of the paper's machine, codes as wide as the layer's."""
    codes = indices = pointers = 0
    for part in net.parts:
        machine = Machine(weight_bits=part.weight_bits)
        mem = encode(part.layer, machine)
        codes += mem.n_entries * machine.weight_bits
        indices += mem.n_entries * machine.index_bits
        pointers += mem.pointer_bits()
    return {"codes": codes, "relative indices": indices, "pointers": pointers}


def keeps_accuracy(network: str) -> Margin:
    """Compute by how many points compression lowers the test error of a network, mean over seeds."""
    lowered = -usual(deep_compression, evaluate=False).rise(network)
    return Margin(float(lowered.mean()), 2 * float(lowered.sem()), unit="points")


def is_as_small_and_accurate(network: str) -> Margin:
    """Compute by how many % runs err less, and get smaller, than Deep Compression's Table 1 has it: the lesser."""
    margins = usual(deep_compression, evaluate=False).against_published(network)
    worst = margins[margins.mean().idxmin()]
    return Margin(float(worst.mean()), 2 * float(worst.sem()), unit="%")
