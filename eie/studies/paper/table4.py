"""Table IV: the wall-clock time of each layer. EIE's two rows, computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from eie import _check, published
from eie._files import read_toml
from eie.cycles import simulate
from eie.explore.benchmarks import Benchmark, nine_layers
from eie.explore.sweep import geomean, sweep
from eie.explore.synthetic import draw_activations
from eie.formats import authors
from eie.interleaved import encode
from eie.machine import Machine
from eie.studies import plots
from eie.studies.baselines import platforms
from eie.studies.paper.series import BAND_IS, in_words, machine_warning, placed
from eie.studies.paper.setup import Setup, exhibit, usual
from eie.writing.words import joined, with_error

CLOSE = 0.10
"""A layer's time is called close when it is within this fraction of the printed one."""


HEADS = {
    "published theoretical": ("theoretical time, us", "published"),
    "theoretical": ("theoretical time, us", "computed"),
    "published actual": ("actual time, us", "published"),
    "actual": ("actual time, us", "computed"),
    "sd": ("actual time, us", "±"),
    "low": ("band, us", "from"),
    "high": ("band, us", "to"),
    "printed is": ("band, us", "published is"),
    "ratio": "ratio",
    "load balance %": "load balance, %",
}
"""Heads of the table of the page."""

DENSITY_HEADS = {
    "inputs %": ("not zero, %", "inputs"),
    "weights %": ("not zero, %", "weights"),
    "published actual": ("actual time, us", "published"),
    "actual": ("actual time, us", "computed"),
    "ratio": "ratio",
}
"""Heads of the table of the authors' densities."""

AUTHORS_HEADS = {name: HEADS[name] for name in HEADS if name not in ("sd", "low", "high", "printed is")} | {
    "cycles": "cycles"
}
"""Heads of the table of the authors' own layer."""

NEEDS_HEADS = {
    "printed": ("inputs that are not zero, %", "published"),
    "for the theoretical time": ("inputs that are not zero, %", "for the theoretical time"),
    "for the actual time": ("inputs that are not zero, %", "for the actual time"),
}
"""Heads of the table of the inputs that would explain the times."""


@dataclass(frozen=True, eq=False)
class Table4:
    """EIE's rows of Table IV.

    Attributes
    ----------
    rows : DataFrame
        One row per layer. Times in microseconds: `published theoretical`, `theoretical`, `published actual`, `actual`,
        its `low` and `high` end over the band of spreads and `sd` over draws; `ratio`, computed / published actual
        time; `load balance %`; `cycles`; where in the band the `printed is`.
    other_machine : str
        A warning, where the machine is not the paper's; empty if it is.
    """

    rows: pd.DataFrame
    other_machine: str = ""

    @cached_property
    def known(self) -> pd.DataFrame:
        """The layers that the paper has too."""
        return self.rows.dropna(subset=["published actual"])

    @property
    def geomean_ratio(self) -> float:
        """Geometric mean over the paper's layers of computed / published actual time."""
        return geomean(self.known["ratio"])

    @cached_property
    def close(self) -> list[str]:
        """Layers whose actual time is within `CLOSE` of the printed one."""
        return list(self.known.loc[(self.known["ratio"] - 1).abs() <= CLOSE, "layer"])

    @property
    def far(self) -> list[str]:
        """The others of the paper's layers; none when the machine is another one, whose times must differ."""
        return [] if self.other_machine else [name for name in self.known["layer"] if name not in self.close]

    def table(self) -> pd.DataFrame:
        """One row per layer."""
        return self.rows.set_index("layer")

    def plot(self) -> plots.Figure:
        """Published and computed times side by side."""
        return plots.bars.bars(
            self.rows,
            {
                "published theoretical": "published, theoretical",
                "theoretical": "computed, theoretical",
                "published actual": "published, actual",
                "actual": "computed, actual",
            },
            "wall-clock time, us",
            errors={"actual": "sd"},
        )

    def answer(self) -> str:
        """Say how near the computed times come to the published ones."""
        if self.known.empty:
            slowest = self.rows["actual"].max()
            return f"The paper has none of these layers; the slowest of them takes {slowest:.2f} µs."
        error = 2 * float(np.sqrt(((self.known["sd"] / self.known["actual"]) ** 2).sum())) / len(self.known)
        ratio = with_error(self.geomean_ratio, error * self.geomean_ratio)
        spread = ", ± two standard deviations over random draws" if error > 0 else ""
        far = f"; they differ more for {joined(self.far)}" if self.far else ""
        return (
            f"{self.other_machine}The computed time of a layer is **{ratio} times** the published one (geometric "
            f"mean over {len(self.known)} layers{spread}). "
            f"For {len(self.close)} of {len(self.known)} layers the two differ by at most {100 * CLOSE:.0f} %{far}."
        )

    def words(self) -> str:
        """Say how much waiting adds to the time, and where the printed times lie in the band."""
        if self.known.empty:
            return "The paper has none of these layers, so there is nothing to compare."
        if self.other_machine:
            mean = self.geomean_ratio
            return f"{self.other_machine}Computed over published actual time is {mean:.3f} in the geometric mean."
        slower = (self.known["actual"] / self.known["theoretical"]).pipe(geomean) - 1
        theirs = (self.known["published actual"] / self.known["published theoretical"]).pipe(geomean) - 1
        return (
            f"The computed actual time is {100 * slower:.1f} % longer than the theoretical one; in the published "
            f"times, it is {100 * theirs:.1f} % longer. In the additional cycles, PEs process no entry, mostly because "
            f"they wait for each other or find a column empty ([all causes](../timing.md)). "
            f"{in_words(self.known['printed is'], 'published times')} {BAND_IS}"
        )


@exhibit("layers", "n_pe", "fifo_depth", "seed", "draws", "own_layers")
def table4(setup: Setup, clock_mhz: float = 800.0) -> Table4:
    """Compute EIE's rows of Table IV.

    Parameters
    ----------
    clock_mhz : float
        Clock in MHz.
    """
    machine = setup.machine(clock_hz=1e6 * _check.positive("clock_mhz", clock_mhz))
    rows = _with_published(setup.sweep([machine])).set_index("layer")
    ends = [_with_published(end).set_index("layer")["actual"] for end in setup.ends([machine])]
    rows.insert(rows.columns.get_loc("sd"), "low", np.minimum(*ends))
    rows.insert(rows.columns.get_loc("sd"), "high", np.maximum(*ends))
    rows["printed is"] = placed(rows, rows["published actual"]).where(rows["published actual"].notna(), "")
    return Table4(rows.reset_index(), machine_warning(machine))


def all_platforms() -> pd.DataFrame:
    """The whole of Table IV, microseconds for one input: as printed, and where a machine was measured, its rows too.

    Returns
    -------
    DataFrame
        One row per platform, batch and variant (`"CPU, batch 1, dense"`; measured ones end in `", measured"`), a column
        a layer.
    """
    printed = published.load("table4").rename(columns={"time": "time_us"})
    found = platforms.measured()
    parts = [_by_row(printed, "")] + ([_by_row(found.rows, ", measured")] if found else [])
    order = [benchmark.name for benchmark in nine_layers()]
    return pd.concat(parts).reindex(columns=order).rename_axis(index=None, columns=None)


def measured_words(what: str = "Rows that end in *measured*") -> str:
    """Say on which machine rows were measured, and what could not be; `what` is how the page calls these rows."""
    found = platforms.measured()
    if found is None:
        return "No machine was measured; `eie measure` measures yours."
    machine = found.provenance
    whose = "your machine" if found.is_readers_own else "the machine on which this book was made"
    left = sorted({_not_measured(row.platform, row.variant, row.reason) for row in found.left_out.itertuples()})
    meters = (
        "No power meter could be read" if found.power == platforms.NO_METER else f"Power was read from {found.power}"
    )
    return (
        f"{what} were timed on {whose}: {machine['cpu']}, {machine['threads']} threads"
        + (f", {machine['gpu']}" if machine["gpu"] else "")
        + f", on {found.date[:10]}. Each of the {found.rows['layer'].nunique()} layers was run at least "
        f"{found.rows['repeats'].min()} times with each method. {meters}." + "".join(f" {each}" for each in left)
    )


def _not_measured(platform: str, variant: str, reason: str) -> str:
    """Say in a sentence what was not measured, and why."""
    what = f"The {platform}" if variant == "all" else f"The variant {variant} on the {platform}"
    return f"{what} was not measured: {reason}."


def _by_row(times: pd.DataFrame, ending: str) -> pd.DataFrame:
    batch = "batch " + times["batch"].astype(str)
    row = times["platform"].str.cat([batch, times["variant"]], sep=", ") + ending
    return times.assign(row=row).pivot_table(index="row", columns="layer", values="time_us", sort=False)


def authors_run() -> Table4:
    """Run the authors' own layer on its own input.

    Raises
    ------
    FileNotFoundError
        When the layer is not available; the message says how to get it.
    """
    dump = authors.read()
    report = simulate(dump.mem, dump.activations, dump.machine)
    quantities = ("theoretical_seconds", "seconds", "theoretical_cycles", "cycles")
    row = {"layer": _authors_benchmark()} | {name: getattr(report, name) for name in quantities}
    return Table4(_with_published(pd.DataFrame([row])))


def _authors_benchmark() -> str:
    return str(read_toml("authors_layer.toml")["layer"]["benchmark"])


def measured_densities() -> tuple[float, float]:
    """Fractions of the authors' weights and inputs that are not 0, 0..1 (`data/authors_layer.toml`)."""
    facts = read_toml("authors_layer.toml")
    n_out, n_in = facts["layer"]["n_out"], facts["layer"]["n_in"]
    return facts["layer"]["nonzero"] / (n_out * n_in), facts["input"]["nonzero"] / n_in


def at_measured_densities(seed: int = 0, draws: int = 5) -> pd.DataFrame:
    """The authors' layer's benchmark on the paper's machine, at the densities of the authors' own layer and input.

    Returns
    -------
    DataFrame
        Rows `published densities`, `measured input density` and `both measured`; columns `inputs %`, `weights %`,
        `published actual`, `actual` (microseconds) and `ratio`.
    """
    printed = Benchmark.named(_authors_benchmark())
    weights, inputs = measured_densities()
    cases = {
        "published densities": printed,
        "measured input density": replace(printed, act_density=inputs),
        "both measured": replace(printed, act_density=inputs, weight_density=weights),
    }
    return pd.DataFrame({name: _case(case, seed, draws) for name, case in cases.items()}).T


def _case(benchmark: Benchmark, seed: int, draws: int) -> pd.Series:
    densities = pd.Series({"inputs %": 100 * benchmark.act_density, "weights %": 100 * benchmark.weight_density})
    row = _with_published(sweep([benchmark], [Machine()], seed=seed, draws=draws)).iloc[0]
    return pd.concat([densities, row[["published actual", "actual", "ratio"]]])


def needs(names: Sequence[str], seed: int = 0) -> pd.DataFrame:
    """The input density at which each layer would take the printed times on the paper's machine.

    Returns
    -------
    DataFrame
        One row per layer, percentages: `printed`, `for the theoretical time`, `for the actual time`.
    """
    columns = ["printed", "for the theoretical time", "for the actual time"]
    times = _eie_times()
    rows = [_need(Benchmark.named(name), times.loc[name], seed) for name in names]
    return pd.DataFrame(rows, pd.Index(names, name="layer"), columns)


def _need(benchmark: Benchmark, printed: pd.Series, seed: int) -> tuple[float, float, float]:
    machine = Machine()
    mem = encode(benchmark.draw(seed)[0], machine)

    def density_for(microseconds: float, quantity: str) -> float:
        low, high = 0.0, 1.0
        while high - low > 1e-4:  # inputs of the same seed hold those of lower density, so time rises with density
            middle = (low + high) / 2
            report = simulate(mem, draw_activations(benchmark.n_in, middle, seed), machine)
            low, high = (low, middle) if 1e6 * getattr(report, quantity) > microseconds else (middle, high)
        return 100 * high if high < 1 else np.nan

    theoretical = density_for(printed["theoretical"], "theoretical_seconds")
    return 100 * benchmark.act_density, theoretical, density_for(printed["actual"], "seconds")


def _eie_times() -> pd.DataFrame:
    """Printed times in microseconds, one row per layer, columns `theoretical` and `actual`."""
    table = published.load("table4")
    return table[table["platform"] == "EIE"].pivot(index="layer", columns="variant", values="time")


def _with_published(runs: pd.DataFrame) -> pd.DataFrame:
    per_layer = runs.groupby("layer", sort=False)
    mean, times = per_layer.mean(numeric_only=True), _eie_times().reindex(per_layer.size().index)
    rows = pd.DataFrame(
        {
            "published theoretical": times["theoretical"],
            "theoretical": 1e6 * mean["theoretical_seconds"],
            "published actual": times["actual"],
            "actual": 1e6 * mean["seconds"],
            "sd": 1e6 * per_layer["seconds"].std(),
            "ratio": 1e6 * mean["seconds"] / times["actual"],
            "load balance %": 100 * mean["theoretical_cycles"] / mean["cycles"],
            "cycles": mean["cycles"],
        }
    )
    return rows.reset_index(names="layer")


def layer_us(layer: str, row: str) -> float:
    """Return EIE's `"theoretical"` or `"actual"` time of a layer, us."""
    return float(usual(table4).table().loc[layer, row])


def slowdown(rows: str) -> float:
    """Compute how much longer the `"computed"` or `"printed"` actual time is than the theoretical one, geomean, %."""
    prefix = {"computed": "", "printed": "published "}[rows]
    table = usual(table4).table()
    return 100 * (geomean(table[f"{prefix}actual"] / table[f"{prefix}theoretical"]) - 1)


def frames(network: str, rows: str) -> float:
    """Compute the rate of a network's fully-connected layers, 1/s, from `"computed"` or `"printed"` times."""
    table = usual(table4).table()
    times = table.loc[table.index.str.startswith(network), {"computed": "actual", "printed": "published actual"}[rows]]
    return 1e6 / float(times.sum())
