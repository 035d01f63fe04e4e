"""Which layers of real networks suit EIE: convolutions, LSTM gates and the projections of a transformer, one by one.

Every layer comes down to products of a matrix with vectors. What differs is how many rows the PEs have to share, how
many weights are in a column, and how many vectors meet the same weights. EIE begins each product anew.
"""

from __future__ import annotations

from collections.abc import Mapping as Mapped
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from eie.cycles import simulate
from eie.energy_model import energy
from eie.explore import benchmarks
from eie.layer import CompressedLayer
from eie.machine import EIE_45NM, Machine
from eie.models import ocr, translator, zoo
from eie.networks.layer_run import LayerRun
from eie.networks.network import Network
from eie.networks.operations import Conv2d
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.experiments import Experiment, Part, grid
from eie.studies.paper.winograd import winograd
from eie.studies.plots import points
from eie.studies.retrospective import emerging, models
from eie.studies.retrospective._shared import Measured

SQUEEZENET, TABLE_3 = "SqueezeNet", "Table III"
FULLY_CONNECTED = "fully connected (Table III)"
ALEXNET = ("Alex-6", "Alex-7", "Alex-8")
"""Layers of Table III to hold the others against."""

WINOGRAD, PRUNED_WINOGRAD = "Winograd 3 x 3", "Winograd 3 x 3, pruned again"


def _samples(counts: Mapped[str, int]) -> list[Part]:
    return [part for network, count in counts.items() for part in grid(network=[network], sample=range(count))]


def _sample(network: str, sample: int, counts: Mapped[str, int]) -> list[dict[str, Any]]:
    """Run one input of a network, of as many as there are."""
    if network == SQUEEZENET:
        rows = convolutions(zoo.squeezenet(), models.pictures(counts[network])[sample : sample + 1])
    elif network == TABLE_3:
        rows = _table3()
    else:
        rows = _of_text(network, sample, counts[network])
    return [{"network": network, "sample": sample, **row} for row in rows]


def _of_text(network: str, sample: int, count: int) -> list[dict[str, Any]]:
    density = emerging.lowest(experiments.read("emerging"), network)
    model, texts = (
        (translator.load(), models.sentences(count)) if network == "translator" else (ocr.load(), models.strings(count))
    )
    layers = models.compressed_layers(model, density)
    inputs = models.inputs_of(models.thinned(model, density), partial(_use, texts[sample]))
    runs = {name: _run(name, emerging.kind_of(name), layers[name], x) for name, x in inputs.items()}
    return [row_of(run, [layers[name]]) for name, run in runs.items()]


COUNTS = {SQUEEZENET: 2, TABLE_3: 1, "translator": 2, "recogniser": 2}
"""Inputs of each network in the table."""
EXPERIMENT = Experiment(parts=partial(_samples, COUNTS), make=partial(_sample, counts=COUNTS))


def _use(text: str, model: Any) -> object:
    if isinstance(model, ocr.Recogniser):
        return model.read(ocr.draw_text(text))
    return model.translate([text])


def _run(name: str, kind: str, layer: Any, x: NDArray[Any], machine: Machine = EIE_45NM) -> LayerRun:
    report = simulate(layer, x, machine, signed=True)
    return LayerRun(name, kind, layer.density, float(np.mean(x != 0)), report, energy(report, machine))


def row_of(run: LayerRun, matrices: Sequence[CompressedLayer], dense_macs: int | None = None) -> dict[str, Any]:
    """Describe a layer by what it took, and what it would take without loss.

    Parameters
    ----------
    run : LayerRun
    matrices : sequence of CompressedLayer
        Its matrices, all of one size.
    dense_macs : int, optional
        Products of the same layer if no zero is skipped; those of the run's matrix and vectors if left out.

    Returns
    -------
    dict
        `layer`, `kind`, `rows` (of a matrix), `columns` (of all matrices together), `macs`, `padding`, `cycles`, `kept`
        (weights stored, padding zeros left out), `dense_macs`, and `weight_reads`, the share of the energy that reading
        weights takes, 0..1.
    """
    report = run.report
    return {
        "layer": run.name,
        "kind": run.kind,
        "rows": report.n_out,
        "columns": report.n_in * len(matrices),
        "macs": report.macs,
        "padding": report.padding,
        "cycles": report.cycles,
        "kept": sum(len(matrix.codes) for matrix in matrices),
        "dense_macs": dense_macs or report.n_out * report.n_in * report.vectors,
        "weight_reads": run.energy.components["spmat read"] / run.energy.total,
    }


def _table3() -> list[dict[str, Any]]:
    drawn = {benchmark.name: benchmark.draw() for benchmark in benchmarks.select(ALEXNET)}
    return [row_of(_run(name, FULLY_CONNECTED, layer, x), [layer]) for name, (layer, x) in drawn.items()]


def convolutions(network: Network, inputs: NDArray[Any]) -> list[dict[str, Any]]:
    """List all convolutions of a network, and its 3 x 3 ones done Winograd's way, with `row_of` each.

    Winograd's transformed weights are kept as they come, and pruned again to the density of the plain kernels, which
    costs accuracy that is not measured here.

    Parameters
    ----------
    network : Network
    inputs : array of shape `(n, *network.input_shape)`
    """
    machine = zoo.machine_for(network)
    run = network.run(inputs, machine, keep=True)
    rows = []
    for layer in run.layers:
        node = next(node for node in network.nodes if node.name == layer.name)
        if not isinstance(node.op, Conv2d):
            continue
        kind = f"convolution {node.op.kernel[0]} x {node.op.kernel[1]}"
        plain = row_of(replace(layer, kind=kind), node.op.layers)
        rows.append(plain)
        if (node.op.kernel, node.op.stride) == ((3, 3), (1, 1)):
            values = run.values[node.inputs[0]]
            for kind, density in ((WINOGRAD, 1.0), (PRUNED_WINOGRAD, layer.density)):
                op = winograd(node.op, machine.weight_bits, density)
                again = Network.chain(values.shape[1:], {node.name: op}).run(values, machine).layers[0]
                rows.append(row_of(replace(again, kind=kind), op.layers, plain["dense_macs"]))
    return rows


class Mapping(Measured):
    """Use that each kind of layer makes of the machine.

    One row per layer and input: `network`, `sample` (number of the input), what `row_of` gives, and: `useful` (PE
    cycles that multiply a weight, 0..1), `lost` (to padding zeros, 0..1), `reads` (times that a kept weight is read for
    one input), `speed` (against a dense array of as many multipliers, all of them always busy), `filling` (kept weights
    of a column in one PE).
    """

    @classmethod
    def of(cls, measured: pd.DataFrame, n_pe: int = EIE_45NM.n_pe) -> Mapping:
        """Derive the shares from what was measured on a machine of `n_pe` PEs."""
        pe_cycles = n_pe * measured["cycles"]
        return cls(
            measured.assign(
                useful=measured["macs"] / pe_cycles,
                lost=measured["padding"] / pe_cycles,
                reads=measured["macs"] / measured["kept"],
                speed=measured["dense_macs"] / pe_cycles,
                filling=measured["kept"] / measured["columns"] / n_pe,
            )
        )

    def table(self) -> pd.DataFrame:
        """Tabulate by kind of layer: means over its layers and inputs, and the standard deviation over layers."""
        kinds = self.rows.groupby("kind", sort=False)
        over_layers = self.rows.groupby(["kind", "network", "layer"], sort=False)["useful"].mean()
        return pd.DataFrame(
            {
                "layers": kinds["layer"].nunique(),
                "weights a column and PE": kinds["filling"].mean(),
                "useful, %": 100 * kinds["useful"].mean(),
                "spread": 100 * over_layers.groupby("kind", sort=False).std(),
                "padding, %": 100 * kinds["lost"].mean(),
                "times dense": kinds["speed"].mean(),
                "reads a weight": kinds["reads"].mean(),
                "energy of weight reads, %": 100 * kinds["weight_reads"].mean(),
            }
        )

    def useful(self, kinds: str, network: str = "") -> tuple[float, float, float]:
        """Find least, mean and greatest useful share of the layers whose kind has `kinds` in it, %."""
        each = self.each_useful(kinds, network)
        return float(each.min()), float(each.mean()), float(each.max())

    def each_useful(self, kinds: str, network: str = "") -> pd.Series:
        """Find the useful share of each layer whose kind has `kinds` in it, %."""
        kind, of = self.rows["kind"].str, self.rows["network"].str
        some = self.rows[kind.contains(kinds, regex=False) & of.contains(network)]
        return 100 * some.groupby(["network", "layer", "kind"])["useful"].mean()

    def over_inputs(self) -> float:
        """Find the largest standard deviation of a layer's useful share over inputs, %."""
        return 100 * float(self.rows.groupby(["network", "layer", "kind"])["useful"].std().max())

    def words(self) -> str:
        """Say the answer in words, with numbers."""
        _, connected, _ = self.useful(FULLY_CONNECTED)
        least, mean, most = self.useful("convolution")
        low, projections, high = self.useful("", "translator")
        _, gates, _ = self.useful("LSTM")
        convolved = self.rows[self.rows["kind"].str.contains("convolution")]
        narrow = convolved["rows"] < EIE_45NM.n_pe
        attention = self.rows["speed"][self.rows["kind"] == "attention"].mean()
        return (
            f"Of the PEs' cycles {mean:.0f} % multiply a weight in SqueezeNet's convolutions (from {least:.0f} to "
            f"{most:.0f} %, layer by layer), where it is {connected:.0f} % in AlexNet's fully connected layers, "
            f"{gates:.0f} % in the recogniser's LSTM gates and {projections:.0f} % in the translator's matrices "
            f"({low:.0f} to {high:.0f} %): transformers map better than what EIE was made for, convolutions worse. To "
            "map well is not yet to gain: the translator keeps most of its weights, and where its inputs are dense, "
            f"too, EIE is {attention:.1f} times as fast as a dense array of as many multipliers. Convolutions with "
            f"fewer outputs than PEs leave PEs without rows: {100 * convolved['useful'][narrow].mean():.0f} % against "
            f"{100 * convolved['useful'][~narrow].mean():.0f} % in the others. And each position of a convolution "
            f"reads the weights again, {convolved['reads'].median():,.0f} times a picture in the median layer, which "
            f"takes {100 * convolved['weight_reads'].mean():.0f} % of the energy; a design that kept weights while "
            f"positions pass would read them once.{self._spread()}"
        )

    def _spread(self) -> str:
        spread = self.over_inputs()
        return "" if np.isnan(spread) else f" From input to input no share changes by more than {spread:.1f} points."

    def plot(self) -> Figure:
        """Draw the useful share over the weights of one column in one PE."""
        layers = self.rows.groupby(["kind", "network", "layer"], sort=False)[["filling", "useful"]].mean().reset_index()
        layers["family"] = layers["kind"].map(_family)
        layers["useful"] *= 100
        labels = ("kept weights of a column in one PE", "PE cycles that multiply a weight, %")
        return points.points_by(layers, "filling", "useful", "family", *labels)


def _family(kind: str) -> str:
    """Name the group of kinds that a kind is drawn in."""
    if kind.startswith(("convolution", "Winograd")):
        return kind.split()[0] if kind != PRUNED_WINOGRAD else "Winograd, pruned again"
    if kind == FULLY_CONNECTED:
        return "Table III"
    return "recogniser" if kind in ("LSTM gates", "output layer") else "transformer"


def mapping(n_pictures: int | None = None, n_sentences: int = 1, n_strings: int = 1) -> Mapping:
    """Run every weight layer of three real networks, and three layers of Table III, on the machine.

    Parameters
    ----------
    n_pictures : int, optional
        Pictures for SqueezeNet now; if left out, the table of `eie experiment mapping`, whatever the other parameters.
    n_sentences, n_strings : int
        Inputs of the translator and of the recogniser.

    Raises
    ------
    FileNotFoundError
        When a network or its inputs are needed and not at hand; the message says how to get them.
    """
    if n_pictures is None:
        return Mapping.of(experiments.read("mapping"))
    counts = {SQUEEZENET: n_pictures, TABLE_3: 1, "translator": n_sentences, "recogniser": n_strings}
    return Mapping.of(pd.DataFrame([row for part in _samples(counts) for row in _sample(**part, counts=counts)]))


def convolutions_map_worse() -> Margin:
    """Compute how many more PE cycles multiply a weight in AlexNet's last layers than in convolutions, points."""
    return _apart(mapping().each_useful(FULLY_CONNECTED), mapping().each_useful("convolution"))


def transformers_map_as_well() -> Margin:
    """Compute how many more PE cycles multiply a weight in the translator's matrices than in AlexNet's, points."""
    return _apart(mapping().each_useful("", "translator"), mapping().each_useful(FULLY_CONNECTED))


def _apart(more: pd.Series, less: pd.Series) -> Margin:
    """Return the difference of two means over layers, with twice its standard error."""
    return Margin(float(more.mean() - less.mean()), 2 * float(np.hypot(more.sem(), less.sem())))
