"""Draw the modules of `eie/` in layers, by their own imports: `python tools/layout.py FILE.svg`; the book has it too.

A module stands above everything that it imports when it is loaded. A package of modules is one box, unless others stand
between its modules. Arrows that a longer way already says are left out.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, ROW, BOX, GAP = 900, 58, 26, 12  # pixels
LETTER = 7.3  # pixels of a letter in a box, at most

Graph = dict[str, set[str]]


def modules(package: Path) -> dict[str, Path]:
    """Return the modules of a package by dotted name."""
    paths = (path for path in sorted(package.rglob("*.py")))
    return {".".join(path.relative_to(package.parent).with_suffix("").parts): path for path in paths}


def when_loaded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when a module is loaded: not the bodies of functions, nor what only type checkers read."""
    yield node
    only_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    if not only_types and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for child in ast.iter_child_nodes(node):
            yield from when_loaded(child)


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names that a module imports from its own package."""
    for node in when_loaded(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "eie":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("eie."))


def imports(package: Path) -> Graph:
    """Return which modules each module of a package imports."""
    found = modules(package)
    graph: Graph = {}
    for name, path in found.items():
        targets = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
        # `from eie.formats import errors` names a module, `from eie.layer import CompressedLayer` something in one.
        known = {_module(target, found) for target in targets} - {None, name}
        graph[_short(name)] = {_short(target) for target in known if target}
    return graph


def _module(target: str, found: Mapping[str, Path]) -> str | None:
    candidates = (target, f"{target}.__init__", target.rpartition(".")[0], f"{target.rpartition('.')[0]}.__init__")
    return next((name for name in candidates if name in found), None)


def _short(name: str) -> str:
    """The name of a module without that of the whole package."""
    return name.removeprefix("eie.").removesuffix(".__init__")


def merged(graph: Mapping[str, set[str]], package: str) -> Graph:
    """Return the graph with a package as one node."""

    def node(name: str) -> str:
        return package if name.split(".")[0] == package else name

    found: Graph = {}
    for name, targets in graph.items():
        found.setdefault(node(name), set()).update({node(target) for target in targets} - {node(name)})
    return found


def is_acyclic(graph: Mapping[str, set[str]]) -> bool:
    """Tell whether a graph has an order."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return False
    return True


def rooms(graph: Graph) -> Graph:
    """Return the graph with packages as boxes, and without helpers whose names begin with an underscore."""
    for package in sorted({name.split(".")[0] for name in graph if "." in name}):
        whole = merged(graph, package)
        graph = whole if is_acyclic(whole) else graph
    drawn = {name for name in graph if not name.startswith("_")}
    return {name: graph[name] & drawn for name in sorted(drawn)}


def reduced(graph: Mapping[str, set[str]]) -> Graph:
    """Return the graph without the edges that a longer way already says."""
    below: Graph = {}
    for node in TopologicalSorter(graph).static_order():
        below[node] = {deep for target in graph[node] for deep in below[target] | {target}}
    return {
        node: {target for target in targets if not any(target in below[other] for other in targets)}
        for node, targets in graph.items()
    }


def levels(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the boxes row by row from the lowest: each one above what it imports, close to it from side to side."""
    level: dict[str, int] = {}
    for node in TopologicalSorter(graph).static_order():
        level[node] = 1 + max((level[target] for target in graph[node]), default=-1)
    rows: list[list[str]] = [[] for _ in range(1 + max(level.values()))]
    for node in sorted(level):
        rows[level[node]].append(node)
    rows = [part for row in rows for part in _that_fit(row)]
    for _ in range(8):
        for row in rows:
            place = {name: x for other in rows for name, (x, _) in _places(other).items()}
            row.sort(key=lambda name: (_mean([place[n] for n in _neighbours(graph, name)]), name))
    return rows


def _that_fit(row: list[str]) -> list[list[str]]:
    """A row as rows of boxes that have room side by side."""
    wide = sum(_width(name) + GAP for name in row)
    number = -(-int(wide) // WIDTH)
    return [row[start::number] for start in range(number)]


def _width(name: str) -> float:
    return LETTER * len(name) + 16


def _neighbours(graph: Mapping[str, set[str]], name: str) -> list[str]:
    return [*graph[name], *(other for other, targets in graph.items() if name in targets)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else WIDTH / 2


def _places(row: list[str]) -> dict[str, tuple[float, float]]:
    """Centre and width of each box of a row, the row in the middle of the drawing."""
    widths = [_width(name) for name in row]
    free = (WIDTH - sum(widths)) / (len(row) + 1)
    places, x = {}, free
    for name, width in zip(row, widths, strict=True):
        places[name] = (x + width / 2, width)
        x += width + free
    return places


def svg(graph: Mapping[str, set[str]]) -> str:
    """Return the drawing."""
    rows = levels(graph)
    height = ROW * (len(rows) - 1) + BOX + 2 * GAP
    centre, boxes = {}, []
    for number, row in enumerate(rows):
        y = height - GAP - BOX - ROW * number
        for name, (x, width) in _places(row).items():
            centre[name] = (x, y)
            boxes.append(
                f'<rect x="{x - width / 2:.0f}" y="{y}" width="{width:.0f}" height="{BOX}" rx="4"/>'
                f'<text x="{x:.0f}" y="{y + 17}">{escape(name)}</text>'
            )
    lines = [
        f'<path d="M{centre[a][0]:.0f} {centre[a][1] + BOX} C{centre[a][0]:.0f} {centre[a][1] + BOX + ROW / 3:.0f} '
        f'{centre[b][0]:.0f} {centre[b][1] - ROW / 3:.0f} {centre[b][0]:.0f} {centre[b][1]}"/>'
        for a in sorted(graph)
        for b in sorted(graph[a])
    ]
    style = (
        "path{fill:none;stroke:#8a8f98;stroke-width:1}rect{fill:#fff;stroke:#0072b2;stroke-width:1.3}"
        "text{font:12px ui-monospace,monospace;text-anchor:middle;fill:#222}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">\n'
        f"<style>{style}</style>\n" + "\n".join([*lines, *boxes]) + "\n</svg>\n"
    )


def drawing(package: Path) -> str:
    """Return the drawing of a package."""
    return svg(reduced(rooms(imports(package))))


def main(arguments: list[str]) -> int:
    """Write the drawing to a file."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    Path(arguments[0]).write_text(drawing(ROOT / "eie"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
