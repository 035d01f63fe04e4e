"""Reports of an `Evaluation`: text for a terminal, CSV and JSON, and one HTML page that needs no other file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from eie._files import PACKAGE
from eie._version import __version__
from eie.chip import pe_memories
from eie.explore.explain import CAUSES, Explanation, Timeline
from eie.formats.container import EncodedLayer
from eie.machine import EIE_45NM
from eie.networks.evaluation import Evaluation, LayerEvaluation
from eie.writing.aside import MissingFolderError, check_writable, resolved, write_together
from eie.writing.names import visible
from eie.writing.words import joined

FILES = ("layers.csv", "layers.json", "report.html")

MAPS = 12
"""Number of layers in the map of waiting: the slowest ones."""

MAP_COLUMNS, MAP_ROWS = 96, 64
"""Cells of such a map: more broadcasts or PEs share a cell."""

LEVELS = (0.05, 0.2, 0.4, 0.6, 0.8)
"""Shares of time spent waiting from which a cell is drawn a shade darker."""

_PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


def write(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write `layers.csv`, `layers.json` and `report.html`: the table, all results, and the page; return their paths.

    The folder is created if needed. The files are moved into place when all three are complete. In the CSV file, an
    apostrophe is put before each text that a spreadsheet would read as a formula.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    folder = Path(folder)
    check_folder(folder)
    texts = (
        as_csv(evaluation.table().reset_index()),
        json.dumps(evaluation.to_dict(), indent=1) + "\n",
        visible(html(evaluation)),
    )
    write_together(folder, zip(FILES, texts, strict=True))
    return [folder / name for name in FILES]


def as_csv(table: pd.DataFrame) -> str:
    """Write a table as CSV, with an apostrophe before each text that a spreadsheet would read as a formula."""
    safe = table.copy()
    texts = safe.select_dtypes(exclude="number").columns
    safe[texts] = safe[texts].map(_no_formula)
    return safe.to_csv(index=False)


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def check_folder(folder: str | Path) -> None:
    """Raise an error if a path cannot become the folder of a report, before any work is done for it."""
    path = resolved(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(f"cannot write a report into {folder}: it is not a folder")
    if not path.parent.is_dir():
        raise MissingFolderError(f"cannot write a report into {folder}: there is no folder {path.parent}")
    check_writable(folder, path if path.exists() else path.parent)


def text(evaluation: Evaluation) -> str:
    """Write the totals, the table, the rest of the summary and the notes as plain text."""
    table = evaluation.table()
    size = [f"{outputs} x {inputs}" for outputs, inputs in zip(table["outputs"], table["inputs"], strict=True)]
    shown = ["kind", "vectors", "weights, %", "activations, %", "time, us", "load balance, %", "energy, uJ", "chips"]
    short = table[shown].rename(columns={"activations, %": "acts, %", "load balance, %": "balance, %"})
    short.columns = short.columns.str.replace(", u", ", µ")
    short.insert(1, "size", size)
    short["speed-up"] = table["dense, us"] / table["time, us"]
    counted = (layer.counted for layer in evaluation.layers)
    short["vectors"] = [_exact(n) if known else "?" for n, known in zip(table["vectors"], counted, strict=True)]
    if evaluation.inferences != (1, 1):
        short.insert(3, "inferences", [_exact(n) for n in table["inferences"]])
    lines = [*headline(evaluation), "", short.to_string(float_format=_short), "", *_about(evaluation)]
    return "\n".join(lines + [f"{name}: {note}" for name, note in _notes(evaluation).items()])


def sentences(evaluation: Evaluation) -> list[str]:
    """Summarise the evaluation in words."""
    return [*headline(evaluation), *_about(evaluation)]


def headline(evaluation: Evaluation) -> list[str]:
    """Say the total per inference, and why it is a lower bound if it is one."""
    machine, watts = evaluation.machine, evaluation.energy.watts
    at_least = "at least " if evaluation.uncounted else ""
    total = (
        f"{at_least}{si(evaluation.seconds, 's')} and {at_least}{si(evaluation.energy.total, 'J')} per inference "
        f"{_over(evaluation)}on {machine.n_pe} PEs at {machine.clock_hz / 1e6:g} MHz ({si(watts, 'W')}); load balance "
        f"{100 * evaluation.load_balance:.1f} %."
    )
    above = [*_why_at_least(evaluation), *_against_dense(evaluation), *_quality(evaluation)]
    return [total[0].upper() + total[1:], *above]


def _about(evaluation: Evaluation) -> list[str]:
    """Say how many chips hold the network, and where its inputs come from."""
    chips = evaluation.chips
    held = "one chip holds" if chips == 1 else f"it takes {chips} chips to hold"
    found = [f"{held[0].upper()}{held[1:]} all layers at once. Activations: {evaluation.inputs}."]
    is_scaled = evaluation.machine.feature_nm != EIE_45NM.feature_nm
    usual = "scaled from the paper's 45 nm" if is_scaled else "the paper's"
    origin = usual if evaluation.technology is None else evaluation.technology.name
    found.append(
        f"The energy is that of {evaluation.machine.feature_nm:g} nm ({origin}); loading all weights from DRAM once "
        f"takes {si(evaluation.loading_joules, 'J')} more."
    )
    if evaluation.on_machine is not None:
        found.append(f"{100 * evaluation.on_machine:.4g} % of the file's weights are on the machine.")
    if evaluation.unused:
        found.append(f"Not used by any sample: {_some(list(evaluation.unused))}.")
    return found


def _against_dense(evaluation: Evaluation) -> list[str]:
    dense = evaluation.dense
    if dense is None:
        return []
    time, joules = dense.seconds / evaluation.seconds, dense.joules / evaluation.energy.total
    return [
        f"A dense array with the same multipliers and memories takes {time:.3g} times the time and {joules:.3g} times "
        "the energy."
    ]


def _quality(evaluation: Evaluation) -> list[str]:
    """Say how many answers are right, or as in floating point."""
    found = evaluation.quality
    if found is None:
        return []
    said = []
    if found.accuracy is not None:
        each = ", ".join(f"{100 * share:.4g} % {_IN[kind]}" for kind, share in found.accuracy.items())
        said.append(f"Accuracy: {each} (16 bits; {found.samples} samples).")
    first = next(iter(found.error))
    others = [kind for kind in found.error if kind != first]
    agree = [f"{100 * found.agreement[kind]:.4g} % {_IN[kind]}" for kind in others if kind in found.agreement]
    apart = ", ".join(f"{100 * found.error[kind]:.3g} % {_IN[kind]}" for kind in others)
    if agree:
        said.append(f"Answers that agree with those {_IN[first]}: {', '.join(agree)}.")
    said.append(f"Outputs differ from those {_IN[first]} by {apart}.")
    return said


_IN = {"float": "in floating point", "shared weights": "with shared weights", "fixed point": "in fixed point"}


def _over(evaluation: Evaluation) -> str:
    """Say over how many inferences the mean goes; nothing if it is one."""
    fewest, most = evaluation.inferences
    if fewest == most:
        return "" if most == 1 else f"(mean of {_exact(most)} inferences) "
    return f"(mean of {_exact(fewest)} to {_exact(most)} inferences, by layer) "


def _why_at_least(evaluation: Evaluation) -> list[str]:
    unknown = evaluation.uncounted
    if not unknown:
        return []
    any_branch = any(layer.conditional for layer in evaluation.layers)
    taken = "one is counted" + ", none of layers in a branch" * any_branch
    some, verb = _some(list(unknown)), "takes" if len(unknown) == 1 else "take"
    return [f"The file does not say how many products per inference {some} {verb}; {taken}."]


def explained(layer: EncodedLayer, found: Explanation) -> str:
    """Explain the cycles of a layer by cause, as plain text."""
    table = found.table().to_string(float_format=lambda value: f"{value:.1f}")
    n_pe = len(found.per_pe)
    vectors = f", {layer.vectors} products" if layer.vectors > 1 else ""
    lines = [
        f"{layer.name}: {layer.mem.n_out} x {layer.mem.n_in} on {n_pe} PEs{vectors}",
        "",
        table,
        "",
        f"The sum is {found.cycles} cycles x {n_pe} PEs. PE {found.slowest_pe} was busy longest.",
    ]
    if found.slowest_column >= 0:
        lines.append(slowest_column(found, layer.mem.n_in))
    return "\n".join([*lines, "", *(f"{cause}: {meaning}" for cause, meaning in CAUSES.items())])


def slowest_column(found: Explanation, n_in: int) -> str:
    """Name the column that kept one PE busy longest, in words."""
    column = "the bias" if found.slowest_column == n_in else str(found.slowest_column)
    return (
        f"The slowest column is {column}, with {found.slowest_column_mean:.1f} entries per PE on average and "
        f"{found.slowest_column_entries} on the PE that has the most."
    )


def html(evaluation: Evaluation) -> str:
    """Write the HTML page, which contains its style and plots and no script."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(si=si, number=_number, slowest_column=slowest_column)
    template = environment.from_string((PACKAGE / "networks" / "templates" / "report.html").read_text(encoding="utf-8"))
    return template.render(
        evaluation=evaluation,
        version=__version__,
        sentences=sentences(evaluation),
        causes=CAUSES,
        time=_time_rows(evaluation.layers),
        cycles=_cause_rows(evaluation.layers),
        energy=_energy_rows(evaluation),
        memory=_memory_rows(evaluation.layers),
        capacity=pe_memories(),
        maps=[_map(layer) for layer in sorted(evaluation.layers, key=lambda each: -each.seconds)[:MAPS]],
        levels=LEVELS,
        table=evaluation.table().drop(columns="note"),
        notes=_notes(evaluation),
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a stacked bar: its class, and begin and width in percent of the whole."""

    kind: str
    begin: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled bar and its value in words."""

    label: str
    bars: tuple[Bar, ...]
    value: str


def _stacked(parts: Sequence[tuple[str, float, str]], whole: float) -> tuple[Bar, ...]:
    """Put bars end to end; `whole` is the full width."""
    widths = [100 * amount / whole for _, amount, _ in parts]
    begins = np.cumsum([0.0, *widths[:-1]])
    return tuple(
        Bar(kind, float(begin), width, words)
        for (kind, _, words), begin, width in zip(parts, begins, widths, strict=True)
        if width > 0
    )


def _time_rows(layers: Sequence[LayerEvaluation]) -> list[Row]:
    """Draw the time of each layer per inference: work and padding if all PEs had the same amount, and the rest."""
    longest = max(layer.seconds for layer in layers)
    rows = []
    for layer in layers:
        report = layer.run.report
        a_cycle = 1 / report.clock_hz / report.n_pe / layer.inferences
        work, padding = report.macs * a_cycle, report.padding * a_cycle
        spent = {"work": work, "padding": padding, "waiting": layer.seconds - work - padding}
        parts = [(kind, time, f"{kind} {si(time, 's')}") for kind, time in spent.items()]
        rows.append(Row(layer.run.name, _stacked(parts, longest), si(layer.seconds, "s")))
    return rows


def _cause_rows(layers: Sequence[LayerEvaluation]) -> list[Row]:
    """Draw the cycles of all PEs in each layer's first product, by cause."""
    rows = []
    for layer in layers:
        spent = layer.explanation.per_pe.sum(axis=0)
        shares = 100 * spent / spent.sum()
        parts = [
            (f"cause{i}", float(share), f"{cause} {share:.1f} %")
            for i, (cause, share) in enumerate(zip(CAUSES, shares, strict=True))
        ]
        rows.append(Row(layer.run.name, _stacked(parts, 100), f"{shares[:2].sum():.0f} %"))
    return rows


def _energy_rows(evaluation: Evaluation) -> list[Row]:
    components = sorted(evaluation.energy.components.items(), key=lambda item: -item[1])
    most, total = components[0][1], evaluation.energy.total
    bars = {name: _stacked([("work", joules, si(joules, "J"))], most) for name, joules in components}
    return [Row(name, bars[name], f"{si(joules, 'J')}, {100 * joules / total:.0f} %") for name, joules in components]


def _memory_rows(layers: Sequence[LayerEvaluation]) -> list[tuple[str, list[Row], int]]:
    """Draw how full each memory of the fullest PE is, layer by layer; bars end at twice its capacity."""
    return [
        (
            layer.run.name,
            [_filled(memory, share) for memory, share in layer.memory.filled().items()],
            layer.memory.chips,
        )
        for layer in layers
    ]


def _filled(memory: str, share: float) -> Row:
    words = f"{100 * share:.0f} %"
    return Row(memory, _stacked([("over" if share > 1 else "work", min(share, 2.0), words)], 2.0), words)


@dataclass(frozen=True, slots=True)
class Map:
    """A map of the waiting PEs over time, one path per shade."""

    layer: LayerEvaluation
    columns: int
    rows: int
    paths: tuple[tuple[int, str], ...]


def _map(layer: LayerEvaluation) -> Map:
    shares = waiting_shares(layer.timeline)
    shades = np.digitize(shares, LEVELS)
    paths = tuple((shade, _path(shades == shade)) for shade in range(1, len(LEVELS) + 1))
    return Map(layer, shares.shape[1], shares.shape[0], tuple((shade, path) for shade, path in paths if path))


def waiting_shares(time: Timeline) -> Any:
    """Average the share of the time that PEs waited over cells of the map.

    Returns
    -------
    float array of shape `(rows, columns)`
        A row for one PE or several, a column for one broadcast or several; 0..1. Empty when nothing was broadcast.
    """
    n_broadcasts, n_pe = time.waits.shape
    if not n_broadcasts:
        return np.zeros((1, 1))
    columns, rows = min(n_broadcasts, MAP_COLUMNS), min(n_pe, MAP_ROWS)
    starts = np.arange(columns) * n_broadcasts // columns
    pes = np.arange(rows) * n_pe // rows
    waited = np.add.reduceat(np.add.reduceat(time.waits.astype(np.int64), starts, axis=0), pes, axis=1)
    # A PE's time up to a broadcast goes from the one before to this one.
    ends = np.append(starts[1:], n_broadcasts) - 1
    elapsed = np.diff(time.broadcasts[ends] + 1, prepend=0)
    per_row = np.diff(np.append(pes, n_pe))
    return np.minimum(waited.T / (per_row[:, np.newaxis] * elapsed), 1.0)


def _path(cells: Any) -> str:
    """Draw runs of cells in each row as one SVG path."""
    parts = []
    for y, line in enumerate(cells):
        edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0)).tolist()
        parts += [f"M{x} {y}h{end - x}v1h{x - end}z" for x, end in zip(edges[::2], edges[1::2], strict=True)]
    return "".join(parts)


def _notes(evaluation: Evaluation) -> dict[str, str]:
    """Group the layers that have the same note."""
    together: dict[str, list[str]] = {}
    for layer in evaluation.layers:
        if layer.note:
            together.setdefault(layer.note, []).append(layer.run.name)
    return {_some(names): note for note, names in together.items()}


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else joined([*names[:3], f"{len(names) - 3} more"])


def si(value: float, unit: str) -> str:
    """Format a number with three digits and a prefix: `9.91 µs`."""
    factor, prefix = next(((f, p) for f, p in _PREFIXES if abs(value) >= 0.9995 * f), _PREFIXES[-1])
    scaled = value / factor
    digits = max(0, 2 - int(np.floor(np.log10(max(abs(scaled), 1)) + 1e-4)))
    return f"{scaled:,.{digits}f} {prefix}{unit}"


def _exact(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def _short(value: float) -> str:
    """Format a number with three digits, but at most one after the point."""
    return f"{value:.1f}" if value >= 9.95 or value == 0 else f"{value:.3g}"


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}" if value >= 9.95 else _short(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
