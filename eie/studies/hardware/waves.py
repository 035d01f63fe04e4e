"""Waveforms as pictures: what a trace has of some signals, and a slider that reads the values of one cycle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import eie
from eie._files import PACKAGE
from eie.fixedpoint import FixedPoint, LayerFormats
from eie.hardware import trace, vcd
from eie.hardware.chip import half_cycle

Row = list[float | None]

FORMATS = LayerFormats(FixedPoint(16, 12), FixedPoint(16, 8), FixedPoint(16, 8))
_LEFT, _CYCLE, _HEIGHT, _GAP, _TOP = 96, 30, 18, 10, 26
_COLOURS = {"line": "#0072B2", "bus": "#e8f1f8", "mark": "#fdf0dc", "unknown": "#999999", "text": "#222222"}


@dataclass(frozen=True)
class Scene:
    """Some cycles of a small layer.

    Attributes
    ----------
    name : str
    says : str
        What to look at.
    rows : dict of str to list
        Values of each signal, one per cycle; None is unknown.
    wide : frozenset of str
        Signals that are numbers, not levels.
    marked : list of int
        Cycles to look at.
    """

    name: str
    says: str
    rows: Mapping[str, Row]
    wide: frozenset[str]
    marked: Sequence[int]

    def svg(self) -> str:
        """Draw the signals."""
        cycles = len(next(iter(self.rows.values())))
        width, height = _LEFT + cycles * _CYCLE + 8, _TOP + len(self.rows) * (_HEIGHT + _GAP)
        parts = [
            f'<svg class="waves" role="img" aria-label="{escape(self.says, quote=True)}" '
            f'viewBox="0 0 {width} {height}" width="{width}" xmlns="http://www.w3.org/2000/svg">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]
        for cycle in self.marked:
            x = _LEFT + cycle * _CYCLE
            parts.append(f'<rect x="{x}" y="0" width="{_CYCLE}" height="{height}" fill="{_COLOURS["mark"]}"/>')
        parts += [_text(_LEFT + (cycle + 0.5) * _CYCLE, 14, str(cycle), "middle") for cycle in range(cycles)]
        for k, (name, values) in enumerate(self.rows.items()):
            y = _TOP + k * (_HEIGHT + _GAP)
            parts.append(_text(_LEFT - 8, y + _HEIGHT - 4, name, "end"))
            parts += _buses(values, y) if name in self.wide else [_levels(values, y)]
        parts.append(f'<line class="cursor" y1="0" y2="{height}" stroke="#D55E00" stroke-width="1.5" hidden=""/>')
        return "".join([*parts, "</svg>"])

    def html(self, number: int) -> str:
        """Return picture, slider and the place for the values of a cycle."""
        cycles = len(next(iter(self.rows.values())))
        values = json.dumps(self.rows)
        return (
            f'<div class="waves-box" data-left="{_LEFT}" data-cycle="{_CYCLE}" data-rows="{escape(values)}">'
            f'<div class="waves-scroll" tabindex="0">{self.svg()}</div>'
            f'<p class="waves-cursor" hidden><label>Cycle <input type="range" min="0" max="{cycles - 1}" value="0" '
            f'aria-describedby="waves-{number}"></label> <output id="waves-{number}"></output></p></div>'
        )


def page(scenes: Sequence[Scene], first: int = 0) -> str:
    """Return scenes as HTML, with the style and script that they share."""
    folder = PACKAGE / "studies" / "templates"
    style, script = ((folder / f"waves.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    body = "\n".join(scene.html(first + k) for k, scene in enumerate(scenes))
    return f"<style>\n{style}</style>\n{body}\n<script>\n{script}</script>"


def bypass() -> Scene:
    """Let one accumulator be hit in adjacent cycles, and in the cycle after the next."""
    codes = np.array([[1, 2, 3, 0, 1], [0, 0, 0, 1, 0]])
    rows = _traced(codes, [1.0, 2.0, 3.0, 1.0, 2.0], eie.Machine(n_pe=1, fifo_depth=8))
    writes = [k for k, value in enumerate(rows["mac"]) if value]
    marked = [b for a, b in pairwise(writes) if b == a + 1 and rows["row"][a] == rows["row"][b]]
    return Scene(
        "bypass",
        "The first three products are added to row 0 in consecutive cycles. When an addition needs the previous sum, "
        "that sum is not written yet, so it comes directly from the adder's output: it is bypassed. The shaded cycles "
        "write sums that were computed from a bypassed sum. The fifth product is added to row 0 two cycles after the "
        "third; it reads the third's sum in the same cycle in which that sum is written.",
        _chosen(rows, ("push", "column", "pop", "entry", "mac", "row", "sum"), 18),
        frozenset({"column", "row", "sum"}),
        marked,
    )


def full_queue() -> Scene:
    """Let one PE have all the work, so that its queue fills and the control waits."""
    codes = np.zeros((12, 8), int)
    codes[0::2] = 1 + np.arange(8) % 3
    rows = _traced(codes, [1.0] * 8, eie.Machine(n_pe=2, fifo_depth=4))
    count = 20
    waits = [k for k in range(count) if rows["scanning"][k] and rows["full"][k]]
    return Scene(
        "full queue",
        "All entries lie on PE 0, whose queue of depth 4 is full with 3 activations. In the shaded cycles, the control "
        "has an activation to send and must wait.",
        _chosen(rows, ("scanning", "push", "column", "full", "head", "pop", "entry", "mac"), count),
        frozenset({"column"}),
        waits,
    )


def empty_column() -> Scene:
    """Let the second of three columns be empty on the PE."""
    codes = np.array([[1, 0, 2], [3, 0, 1], [0, 0, 3]])
    rows = _traced(codes, [1.0, 2.0, 3.0], eie.Machine(n_pe=1, fifo_depth=8))
    bubbles = [k for k, (slot, entry) in enumerate(zip(rows["slot"], rows["entry"], strict=True)) if slot and not entry]
    return Scene(
        "empty column",
        "Column 1 has no entry on this PE, but it takes one cycle all the same: a bubble passes through the pipeline. "
        "In the shaded cycle, the bubble leaves SpmatRead as a slot without an entry.",
        _chosen(rows, ("push", "column", "pop", "slot", "entry", "mac", "row", "sum"), 17),
        frozenset({"column", "row", "sum"}),
        bubbles,
    )


_NAMES = {
    "scanning": "eie_top scanning_o",
    "push": "eie_top push_o",
    "column": "eie_top column",
    "full": "eie_top g_pe[0].u_pe full_o",
    "head": "eie_top g_pe[0].u_pe head_valid",
    "pop": "eie_top g_pe[0].u_pe pop",
    "slot": "eie_top g_pe[0].u_pe slot",
    "entry": "eie_top g_pe[0].u_pe entry",
    "mac": "eie_top g_pe[0].u_pe mac_o",
    "row": "eie_top g_pe[0].u_pe waddr",
    "sum": "eie_top g_pe[0].u_pe wdata",
}
"""Signals of the trace, whose names are those of the RTL, by what they are called in the pictures."""


def _traced(codes: Any, activations: Sequence[float], machine: eie.Machine) -> dict[str, Row]:
    """Trace the stepped machine, which needs no tools and has the values of the RTL, and sample each cycle."""
    codebook = np.array([0.0, 1.0, 0.5, -0.5, *[0.25] * 12])
    layer = eie.CompressedLayer.from_codes(codes.astype(np.uint8), codebook)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.vcd"
        run = trace(layer, activations, path, machine, formats=FORMATS, stepped=True)
        changes = vcd.read(path.read_text(encoding="ascii"))
    step, cycles = 2 * half_cycle(machine), run.report.cycles
    return {name: _sampled(changes[signal], step, cycles) for name, signal in _NAMES.items()}


def _sampled(changes: Sequence[tuple[int, int | None]], step: int, cycles: int) -> Row:
    values: Row = []
    latest: int | None = None
    pending = list(changes)[::-1]
    for cycle in range(cycles):
        while pending and pending[-1][0] <= cycle * step:
            latest = pending.pop()[1]
        values.append(latest)
    return values


def _chosen(rows: Mapping[str, Row], names: Sequence[str], count: int) -> dict[str, Row]:
    """Return some signals in their first cycles; sums as real numbers."""
    found = {name: list(rows[name][:count]) for name in names}
    if "sum" in found:
        signed = [None if raw is None else (int(raw) ^ 0x8000) - 0x8000 for raw in found["sum"]]
        found["sum"] = [None if raw is None else float(FORMATS.output.real(np.array(raw))) for raw in signed]
    return found


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="12" font-family="sans-serif" '
        f'fill="{_COLOURS["text"]}">{escape(text)}</text>'
    )


def _levels(values: Row, y: float) -> str:
    """Draw a signal of one bit."""
    points = []
    for k, value in enumerate(values):
        level = y + (0 if value else _HEIGHT)
        points += [f"{_LEFT + k * _CYCLE},{level:g}", f"{_LEFT + (k + 1) * _CYCLE},{level:g}"]
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{_COLOURS["line"]}" stroke-width="1.6"/>'


def _buses(values: Row, y: float) -> list[str]:
    """Draw a signal of several bits: a box for as long as it stays, a line where it means nothing."""
    parts, start = [], 0
    for k in range(1, len(values) + 1):
        if k < len(values) and values[k] == values[start]:
            continue
        x, width = _LEFT + start * _CYCLE, (k - start) * _CYCLE
        if values[start] is None:
            middle = y + _HEIGHT / 2
            parts.append(f'<path d="M{x} {middle:g}h{width}" stroke="{_COLOURS["unknown"]}" stroke-dasharray="3 3"/>')
        else:
            parts.append(
                f'<rect x="{x + 1}" y="{y}" width="{width - 2}" height="{_HEIGHT}" rx="3" fill="{_COLOURS["bus"]}" '
                f'stroke="{_COLOURS["line"]}"/>'
            )
            parts.append(_text(x + width / 2, y + _HEIGHT - 4, f"{values[start]:g}", "middle"))
        start = k
    return parts
