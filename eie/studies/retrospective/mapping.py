"""Which layers of real networks suit EIE: convolutions, fully connected layers and the projections of a transformer.

Every layer comes down to products of a matrix with vectors. What differs is how many rows the PEs have to share, how
many weights are in a column, and how many vectors meet the same weights. EIE begins each product anew. Layers are
compared at equal density, and all of them were trained again after they had been pruned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from eie.machine import EIE_45NM
from eie.models import zoo
from eie.networks.layer_run import LayerRun
from eie.networks.network import Network
from eie.networks.operations import Conv2d
from eie.studies import experiments
from eie.studies.claim import Margin
from eie.studies.experiments import Experiment, Part, grid
from eie.studies.paper.winograd import winograd
from eie.studies.plots import points
from eie.studies.pruned import spread
from eie.studies.retrospective import models
from eie.writing.words import joined

SQUEEZENET, TABLE_3 = "SqueezeNet", "Table III"
FULLY_CONNECTED = "fully connected (Table III)"
ALEXNET = ("Alex-6", "Alex-7")
"""Layers of Table III to hold the others against: of one density, which Alex-8 has not."""
WITHIN = 1.3
"""Times by which the density of a real pruned matrix may differ from that of `ALEXNET` to count as equal."""
TRANSFORMER, RESNET = "transformer", "rn50"
"""Networks of the Deep Learning Matrix Collection."""
CLASSIFIER = "final_dense"
"""The layer of ResNet-50 that is not a convolution."""

WINOGRAD, PRUNED_WINOGRAD = "Winograd 3 x 3", "Winograd 3 x 3, pruned again"

COUNTS = {SQUEEZENET: 2, TABLE_3: 3}
"""Inputs of each network in the table: pictures, and draws of layer and input."""


def _samples() -> list[Part]:
    return [part for network, count in COUNTS.items() for part in grid(network=[network], sample=range(count))]


def _sample(network: str, sample: int, pictures: int = COUNTS[SQUEEZENET]) -> list[dict[str, Any]]:
    """Run one input of a network, of as many pictures as there are."""
    if network == SQUEEZENET:
        rows = convolutions(zoo.squeezenet(), models.pictures(pictures)[sample : sample + 1])
    else:
        rows = _table3(sample)
    return [{"network": network, "sample": sample, **row} for row in rows]


EXPERIMENT = Experiment(parts=_samples, make=_sample)


def _run(name: str, kind: str, layer: CompressedLayer, x: NDArray[Any]) -> LayerRun:
    report = simulate(layer, x)
    return LayerRun(name, kind, layer.density, float(np.mean(x != 0)), report, energy(report, EIE_45NM))


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


def _table3(draw: int) -> list[dict[str, Any]]:
    drawn = {benchmark.name: benchmark.draw(0, draw) for benchmark in benchmarks.select(ALEXNET)}
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


KIND_HEADS = {
    "layers": "layers",
    "weights a column and PE": "weights per column and PE",
    "useful, %": ("useful cycles, %", "mean"),
    "spread": ("useful cycles, %", "±"),
    "padding, %": "padding, %",
    "times dense": "times dense",
    "reads a weight": "reads per weight",
    "energy of weight reads, %": "energy of weight reads, %",
}
"""Heads of the table of kinds of layers."""

EQUAL_HEADS = {
    "model": "network",
    "method": "pruned by",
    "matrices": "matrices",
    "rows, median": "rows, median",
    "useful, %": ("useful cycles, %", "mean"),
    "spread of useful": ("useful cycles, %", "±"),
    "as high, %": ("with as many rows as AlexNet's layers, %", "mean"),
    "spread of as high": ("with as many rows as AlexNet's layers, %", "±"),
}
"""Heads of the table of matrices as dense as AlexNet's layers."""


@dataclass(frozen=True, eq=False)
class Mapping:
    """Use that each kind of layer makes of the machine."""

    rows: pd.DataFrame
    """One row per layer and input: `network`, `sample` (number of the input), what `row_of` gives, and: `useful` (PE
    cycles that multiply a weight, 0..1), `lost` (to padding zeros, 0..1), `reads` (times that a kept weight is read for
    one input), `speed` (against a dense array of as many multipliers, all of them always busy), `filling` (kept weights
    of a column in one PE)."""
    pruned: pd.DataFrame
    """Real pruned matrices of the Deep Learning Matrix Collection: `model`, `method`, `layer`, `n_out`, `density`,
    and `useful` and `filling` as above; `useful_stacked` when each is made as high as `ALEXNET`'s layers."""

    @classmethod
    def of(cls, measured: pd.DataFrame, n_pe: int = EIE_45NM.n_pe) -> Mapping:
        """Derive the shares from what was measured on a machine of `n_pe` PEs."""
        pe_cycles = n_pe * measured["cycles"]
        matrices = spread.table().query("family != 'random'")
        return cls(
            measured.assign(
                useful=measured["macs"] / pe_cycles,
                lost=measured["padding"] / pe_cycles,
                reads=measured["macs"] / measured["kept"],
                speed=measured["dense_macs"] / pe_cycles,
                filling=measured["kept"] / measured["columns"] / n_pe,
            ),
            matrices.assign(
                useful=matrices["load_balance"] * matrices["real_work"],
                useful_stacked=matrices["load_balance_stacked"] * matrices["real_work_stacked"],
                filling=matrices["entries"] / matrices["n_in"] / n_pe,
            ),
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

    def as_dense(self) -> pd.DataFrame:
        """List the real pruned matrices that are as dense as `ALEXNET`'s layers."""
        density = _density()
        near = self.pruned["density"].between(density / WITHIN, density * WITHIN)
        return self.pruned[near]

    def equal(self) -> pd.DataFrame:
        """Tabulate `as_dense` by network and method, percent: at their own size, and as high as `ALEXNET`'s."""
        kinds = self.as_dense().groupby(["model", "method"], sort=False)
        columns = {"useful, %": "useful", "as high, %": "useful_stacked"}
        found = {"matrices": kinds.size(), "rows, median": kinds["n_out"].median()}
        for name, column in columns.items():
            found[name] = 100 * kinds[column].mean()
            found[f"spread of {name.removesuffix(', %')}"] = 100 * kinds[column].std()
        return pd.DataFrame(found)

    def each_useful(self, kinds: str) -> pd.Series:
        """Find the useful share of each layer whose kind has `kinds` in it, %: mean over inputs."""
        some = self.rows[self.rows["kind"].str.contains(kinds, regex=False)]
        return 100 * some.groupby(["network", "layer", "kind"])["useful"].mean()

    def alexnet(self) -> pd.Series:
        """Find the useful share of `ALEXNET`'s layers, %: mean over draws."""
        return self.each_useful(FULLY_CONNECTED)

    def of_network(self, model: str, column: str = "useful") -> pd.Series:
        """Find the useful share of a network's matrices that are as dense as `ALEXNET`'s layers, %.

        Of ResNet-50 only convolutions are taken.
        """
        rows = self.as_dense().query("model == @model")
        return 100 * rows.loc[~rows["layer"].str.contains(CLASSIFIER), column]

    def answer(self) -> str:
        """Say which layers keep the PEs busiest, and how busy a transformer's matrices and convolutions keep them."""
        high = self.of_network(TRANSFORMER, "useful_stacked")
        shares, by_height = self._ranked()
        first, *others = (f"**{_spread(share)}**{{}} on {name}" for name, share in shares.items())
        listed = [f"in {first.format(' of their cycles')}", *(f"in {other.format('')}" for other in others)]
        taller = "Taller matrices keep the PEs busier: the" if by_height else "The"
        return (
            f"At similar density, EIE's PEs multiply a weight {joined(listed)} (mean ± standard "
            f"deviation over layers). {taller} Transformer's matrices reach **{_spread(high)}** when they "
            f"are stacked until they have as many rows as AlexNet's layers."
        )

    def _ranked(self) -> tuple[dict[str, pd.Series], bool]:
        """Rank kinds of layers of equal density by the mean of their useful shares.

        Returns
        -------
        shares : dict of str to Series
            Useful share of each layer by kind, the kind with the largest mean first.
        by_height : bool
            Whether the median numbers of rows have the same order.
        """
        layers = {
            "two fully connected layers of AlexNet's size": self.alexnet(),
            "a Transformer's matrices": self.of_network(TRANSFORMER),
            "ResNet-50's convolutions": self.of_network(RESNET),
        }
        heights = (self.rows.loc[self.rows["kind"] == FULLY_CONNECTED, "rows"].median(), *self._heights())
        found = pd.DataFrame({"busy": [each.mean() for each in layers.values()], "rows": heights}, index=[*layers])
        found = found.sort_values("busy", ascending=False)
        return {name: layers[name] for name in found.index}, bool(found["rows"].is_monotonic_decreasing)

    def _heights(self) -> list[float]:
        rows = self.as_dense().loc[lambda rows: ~rows["layer"].str.contains(CLASSIFIER)].groupby("model")["n_out"]
        return [float(rows.median()[model]) for model in (TRANSFORMER, RESNET)]

    def words(self) -> str:
        """Say the rest in words, with numbers: why convolutions map worse, and what reading costs."""
        convolved = self.rows[self.rows["kind"].str.contains("convolution")]
        narrow = convolved["rows"] < EIE_45NM.n_pe
        return (
            f"The layers in the answer keep about {100 * _density():g} % of their weights, and the Transformer's "
            f"matrices have {_rows(self, TRANSFORMER)} rows before they are stacked. SqueezeNet's convolutions, "
            f"which are denser, multiply a weight in {_spread(self.each_useful('convolution'))} of the cycles. "
            f"The share depends on the number of weights that each PE holds of a column: a PE with few weights waits "
            f"for the PE with the most.\n\n"
            f"Convolutions with fewer outputs than PEs leave some PEs without rows: in those of SqueezeNet, "
            f"{100 * convolved['useful'][narrow].mean():.0f} % of the cycles multiply a weight, compared with "
            f"{100 * convolved['useful'][~narrow].mean():.0f} % in its other convolutions. Each position of a "
            f"convolution reads the weights again, {convolved['reads'].median():,.0f} times per image in the median "
            f"layer; these reads take {100 * convolved['weight_reads'].mean():.0f} % of the energy. A design that "
            f"keeps weights while positions pass would read them once.{self._over_inputs()}"
        )

    def _over_inputs(self) -> str:
        spread = self.over_inputs()
        return (
            ""
            if np.isnan(spread)
            else f" From input to input, a layer's share varies by at most {spread:.1f} points (standard deviation)."
        )

    def over_inputs(self) -> float:
        """Find the largest standard deviation of a layer's useful share over inputs, %."""
        return 100 * float(self.rows.groupby(["network", "layer", "kind"])["useful"].std().max())

    def plot(self) -> Figure:
        """Draw the useful share over the weights of one column in one PE."""
        layers = self.rows.groupby(["kind", "network", "layer"], sort=False)[["filling", "useful"]].mean().reset_index()
        layers["family"] = layers["kind"].map(_family)
        families = {RESNET: "ResNet-50", TRANSFORMER: "Transformer"}
        matrices = self.pruned.assign(family=self.pruned["model"].map(families))
        columns = ["family", "layer", "filling", "useful"]
        both = pd.concat([matrices.query("filling > 0")[columns], layers[columns]])
        both["useful"] *= 100
        labels = ("kept weights per column and PE", "PE cycles that multiply a weight, %")
        return points.points_by(both, "filling", "useful", "family", *labels)


def _family(kind: str) -> str:
    """Name the group of kinds that a kind is drawn in."""
    if kind == PRUNED_WINOGRAD:
        return "Winograd, pruned again"
    if kind == WINOGRAD:
        return "Winograd"
    return "Table III" if kind == FULLY_CONNECTED else "SqueezeNet"


def _density() -> float:
    """Return the density of `ALEXNET`'s layers."""
    return benchmarks.select(ALEXNET)[0].weight_density


def _spread(shares: pd.Series) -> str:
    """Give mean and standard deviation, with a decimal where the deviation is below one half."""
    digits = 0 if shares.std() >= 0.5 else 1
    return f"{shares.mean():.{digits}f} ± {shares.std():.{digits}f} %"


def _rows(result: Mapping, model: str) -> str:
    rows = result.as_dense().query("model == @model")["n_out"]
    return f"{rows.min()} to {rows.max():,}"


def mapping(n_pictures: int | None = None) -> Mapping:
    """Run every convolution of SqueezeNet and layers of Table III on the machine, beside real pruned matrices.

    Parameters
    ----------
    n_pictures : int, optional
        Pictures for SqueezeNet now; if left out, the table of `eie experiment mapping`.

    Raises
    ------
    FileNotFoundError
        When SqueezeNet or its pictures are needed and not available; the message says how to get it.
    """
    if n_pictures is None:
        return Mapping.of(experiments.read("mapping"))
    make = partial(_sample, pictures=n_pictures)
    rows = [row for sample in range(n_pictures) for row in make(SQUEEZENET, sample)]
    return Mapping.of(pd.DataFrame(rows + [row for draw in range(COUNTS[TABLE_3]) for row in make(TABLE_3, draw)]))


def convolutions_map_worse() -> Margin:
    """Compute how many more PE cycles multiply a weight in AlexNet's layers than in convolutions, points.

    The lesser of the differences to SqueezeNet's, which are denser, and to ResNet-50's, which are as dense.
    """
    found = mapping()
    margins = [
        _apart(found.alexnet(), others) for others in (found.each_useful("convolution"), found.of_network(RESNET))
    ]
    return min(margins, key=lambda margin: margin.value)


def transformers_map_as_well() -> Margin:
    """Compute how many more PE cycles multiply a weight in a transformer's matrices than in AlexNet's, points.

    Both have the same density, and the transformer's matrices their own size.
    """
    found = mapping()
    return _apart(found.of_network(TRANSFORMER), found.alexnet())


def _apart(more: pd.Series, less: pd.Series) -> Margin:
    """Return the difference of two means over layers, with twice its standard error."""
    return Margin(float(more.mean() - less.mean()), 2 * float(np.hypot(more.sem(), less.sem())), unit="points")
