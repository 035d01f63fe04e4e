"""Draw the house: the machine of `eie/` at the bottom, its wings above: `python tools/layout.py FILE.svg`.

The book has the drawing, too. Each box names its modules. An arrow leads from a wing to a wing that it imports, when a
module is loaded or inside a function; arrows that a longer way already says are left out.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

import grimp

PACKAGE = "eie"
MACHINE = "machine"
"""Name of the box of all modules that stand in no wing."""

WIDTH, LETTER, LINE = 900, 6.1, 15  # pixels: of the drawing, of a letter, and of a line of text, at most
MARGIN, PADDING, BETWEEN, ROW = 10, 10, 16, 28  # pixels: around, inside, beside and between boxes
TALL = 200  # pixels: width of a box that spans several rows

Graph = dict[str, set[str]]


def imports() -> grimp.ImportGraph:
    """Return what imports what in `eie`, apart from what only type checkers read."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


def wing(module: str, graph: grimp.ImportGraph) -> str:
    """Return the box that a module stands in."""
    top = module.split(".")[1]
    return top if graph.find_children(f"{PACKAGE}.{top}") and not top.startswith("_") else MACHINE


def wings(graph: grimp.ImportGraph) -> Graph:
    """Return the wings that each wing imports; all of them import the machine."""
    found: Graph = {}
    for module in graph.modules - {PACKAGE}:
        here = wing(module, graph)
        targets = graph.find_modules_directly_imported_by(module) - {PACKAGE}
        found.setdefault(here, set()).update({wing(target, graph) for target in targets} - {here})
    return found


def contents(graph: grimp.ImportGraph) -> dict[str, list[str]]:
    """Return the modules in each box; a folder inside a wing stands with the number of its modules."""
    found: dict[str, list[str]] = {}
    for module in sorted(graph.modules - {PACKAGE}):
        _, *path = module.split(".")
        here = wing(module, graph)
        if len(path) > 2 or (path == [here] and here != MACHINE) or any(part.startswith("_") for part in path):
            continue
        inside = len(graph.find_descendants(module))
        found.setdefault(here, []).append(f"{path[-1]}/ ({inside})" if inside else path[-1])
    return found


def reduced(graph: Mapping[str, set[str]]) -> Graph:
    """Return the graph without the edges that a longer way already says."""
    below: Graph = {}
    for node in TopologicalSorter(graph).static_order():
        targets = graph.get(node, set())
        below[node] = set(targets).union(*(below[target] for target in targets))
    return {
        node: {target for target in targets if not any(target in below[other] for other in targets)}
        for node, targets in graph.items()
    }


def floors(graph: Mapping[str, set[str]]) -> dict[str, tuple[int, int]]:
    """Return the lowest and the highest row of each box: above all that it imports, below all that import it."""
    order = list(TopologicalSorter(graph).static_order())
    low: dict[str, int] = {}
    for node in order:
        low[node] = 1 + max((low[target] for target in graph.get(node, ())), default=-1)
    high = dict.fromkeys(order, max(low.values()))
    for node in reversed(order):
        for target in graph.get(node, ()):
            high[target] = min(high[target], high[node] - 1)
    return {node: (low[node], high[node]) for node in order}


class Box:
    """A wing in the drawing: its name and modules in a rectangle.

    Attributes
    ----------
    x, y, width, height : float
        The upper left corner and the size, pixels.
    """

    def __init__(self, name: str, modules: list[str], x: float, width: float) -> None:
        self.name, self.x, self.y, self.width = name, x, 0.0, width
        self.lines = textwrap.wrap(", ".join(modules), int((width - 2 * PADDING) / LETTER), break_long_words=False)
        self.height: float = 2 * PADDING + LINE * (1 + len(self.lines))

    def grow(self, top: float, bottom: float) -> None:
        """Reach from where the box begins, or `top` if it has no place yet, down to `bottom`."""
        self.y = self.y or top
        self.height = bottom - self.y

    def svg(self) -> Iterator[str]:
        """Yield the rectangle and its texts."""
        yield f'<rect x="{self.x:.0f}" y="{self.y:.0f}" width="{self.width:.0f}" height="{self.height:.0f}" rx="5"/>'
        left, top = self.x + PADDING, self.y + PADDING + 11
        title = "eie/*.py, the machine" if self.name == MACHINE else f"eie/{self.name}/"
        yield f'<text class="name" x="{left:.0f}" y="{top:.0f}">{escape(title)}</text>'
        for number, line in enumerate(self.lines, 1):
            yield f'<text x="{left:.0f}" y="{top + LINE * number:.0f}">{escape(line)}</text>'


def placed(graph: Mapping[str, set[str]], modules: Mapping[str, list[str]]) -> tuple[dict[str, Box], float]:
    """Return the boxes by name, and the height of the drawing; a box that may stand in several rows spans them."""
    spans = floors(graph)
    tall = sorted(name for name, (low, high) in spans.items() if low < high)
    boxes: dict[str, Box] = {}
    y = float(MARGIN)
    for level in range(max(high for _, high in spans.values()), -1, -1):
        aside = [name for name in tall if spans[name][0] <= level <= spans[name][1]]
        right = WIDTH - MARGIN - (len(tall) * (TALL + BETWEEN) if aside else 0)
        row = sorted(name for name, span in spans.items() if span == (level, level))
        width = (right - MARGIN - BETWEEN * (len(row) - 1)) / len(row)
        for place, name in enumerate(row):
            boxes[name] = Box(name, modules.get(name, []), MARGIN + place * (width + BETWEEN), width)
            boxes[name].y = y
        bottom = y + max(boxes[name].height for name in row)
        for name in aside:
            x = right + BETWEEN + tall.index(name) * (TALL + BETWEEN)
            boxes.setdefault(name, Box(name, modules.get(name, []), x, TALL)).grow(y, bottom)
        y = bottom + ROW
    return boxes, y - ROW + MARGIN


def arrow(above: Box, below: Box) -> str:
    """Return the arrow from a box to one that it imports, where both are nearest."""
    left, right = max(above.x, below.x), min(above.x + above.width, below.x + below.width)
    shared = (left + right) / 2
    x1 = shared if left < right else above.x + above.width / 2
    x2 = shared if left < right else below.x + below.width / 2
    return f'<path d="M{x1:.0f} {above.y + above.height:.0f} L{x2:.0f} {below.y - 2:.0f}" marker-end="url(#head)"/>'


STYLE = (
    "path{fill:none;stroke:#5f6670;stroke-width:1.4}marker path{fill:#5f6670;stroke:none}"
    "rect{fill:#fff;stroke:#0072b2;stroke-width:1.4}text{font:12px sans-serif;fill:#222}.name{font-weight:bold}"
)
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
)


def drawing() -> str:
    """Return the drawing of the house."""
    graph = imports()
    arrows = reduced(wings(graph))
    boxes, height = placed(arrows, contents(graph))
    lines = [arrow(boxes[a], boxes[b]) for a in sorted(arrows) for b in sorted(arrows[a])]
    parts = [part for name in sorted(boxes) for part in boxes[name].svg()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}">\n<style>{STYLE}</style>\n{HEAD}\n' + "\n".join([*lines, *parts]) + "\n</svg>\n"
    )


def main(arguments: list[str]) -> int:
    """Write the drawing to a file."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    Path(arguments[0]).write_text(drawing(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
