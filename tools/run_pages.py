"""Run the book's notebooks whose sources have changed: `python tools/run_pages.py --out FOLDER [--jobs N]`.

A page whose prose alone has changed is not run again: its executed notebook gets the new prose.

One interpreter imports what pages need and compiles the machine, once. It then forks a kernel for each page, so that
pages share what was loaded and nothing else. `eie rerun PAGE` runs the same page in a kernel of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import page_prose

ROOT = Path(__file__).resolve().parent.parent
STATE = "made_from.json"
"""What each page was made from, as a digest, beside the executed pages."""

WHOLE = "all sources"
"""The entry of that file which spares looking further when nothing has changed."""

FIRST = ("fig08_fifo_depth", "scorecard", "retro_balance", "retro_vector", "retro_emerging")
"""The longest pages begin, so that no core works on one alone at the end."""

EVERYWHERE = ("eie.studies.plots", "eie.studies.paper.display")
"""Modules that any page may show its results with, although their imports do not tell."""

ANYTHING = {"eie.studies.claims"}
"""Modules that find functions by a name in a file: a page that uses them may use all of the package."""

FORK = multiprocessing.get_context("fork")


def digest(paths: Iterable[Path]) -> str:
    """Return a digest of what files hold and what they are called."""
    found = hashlib.sha256()
    for path in sorted(paths):
        found.update(f"{path}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def page_digest(page: Path, sources: Iterable[Path]) -> str:
    """Return a digest of what the outputs of a page are made from: its code, and what that depends on."""
    code = page_prose.code(json.loads(page.read_text(encoding="utf-8")))
    return hashlib.sha256(f"{code}\0{digest(sources)}".encode()).hexdigest()


def package_sources(root: Path) -> list[Path]:
    """Return the package's files."""
    found = (root / "eie").rglob("*")
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def common_sources(root: Path, found: Path) -> list[Path]:
    """Return what any page may depend on besides code: numbers, versions, and what was found on this machine."""
    data = [path for path in (root / "data").rglob("*") if path.is_file()]
    return [*data, root / "requirements.lock", Path(__file__), Path(page_prose.__file__), found]


def code_sources(notebook: Path, graph: Any, root: Path) -> list[Path]:
    """Return the modules that a page depends on: those it names, what they import, and the machine."""
    import book_code

    used = set(book_code.modules_used(json.loads(notebook.read_text(encoding="utf-8")), root)) & graph.modules
    if used & ANYTHING:
        return package_sources(root)
    packages = {module for module in graph.modules if graph.find_children(module)}
    machine = graph.find_children("eie") - packages
    named = (used | machine | {m for m in graph.modules if m.startswith(EVERYWHERE)}) - packages
    needed = named.union(packages, *(graph.find_upstream_modules(module) for module in named))
    paths = (root.joinpath(*module.split(".")) for module in needed)
    others = (path for path in package_sources(root) if path.suffix != ".py")
    return [*others, *(path / "__init__.py" if path.is_dir() else path.with_suffix(".py") for path in paths)]


def stale(out: Path, found: Path, root: Path = ROOT) -> dict[str, str]:
    """Return the pages to run, each with the digest of what it is made from; longest pages first.

    The last entry is no page: it is the digest of all sources, and stands for "nothing has changed since".
    """
    pages = sorted((root / "notebooks").glob("*.ipynb"))
    common = common_sources(root, found)
    state, whole = _state(out), digest([*pages, *common, *package_sources(root)])
    missing = [page.stem for page in pages if not (out / page.name).exists()]
    if state.get(WHOLE) == whole and not missing:
        return {}
    import grimp

    graph = grimp.build_graph("eie", cache_dir=None)
    digests = {page.stem: page_digest(page, [*common, *code_sources(page, graph, root)]) for page in pages}
    todo = {name: new for name, new in digests.items() if state.get(name) != new or name in missing}
    return {**dict(sorted(todo.items(), key=lambda page: (page[0] not in FIRST, page[0]))), WHOLE: whole}


def refresh(out: Path, todo: Iterable[str], root: Path = ROOT) -> None:
    """Bring the prose of the pages that need not run up to date."""
    for page in sorted((root / "notebooks").glob("*.ipynb")):
        if page.stem not in todo:
            page_prose.refresh(out / page.name, page)


def _state(out: Path) -> dict[str, str]:
    try:
        return dict(json.loads((out / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _write_state(out: Path, state: dict[str, str]) -> None:
    (out / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def preload() -> None:
    """Import what pages need, and compile the machine's kernels or read them from numba's cache."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel of its own would have it
    import ipykernel.kernelapp  # noqa: F401
    import papermill.engines  # noqa: F401
    from matplotlib import pyplot

    import eie.studies.claims  # noqa: F401
    from eie.studies import paper

    paper.table4.table4(draws=1).plot()
    pyplot.close("all")


class Kernel:
    """A forked process that becomes a kernel once it knows its connection file; to Jupyter it looks like a `Popen`."""

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        receiver, self._sender = FORK.Pipe(duplex=False)
        self._process = FORK.Process(target=self._serve, args=(receiver, self._sender))
        self._process.start()
        self.pid = self._process.pid

    @staticmethod
    def _serve(receiver: Connection, sender: Connection) -> None:
        sender.close()  # its copy here would hide that the parent has died
        # An interrupt of the build ends the kernel's parent, which ends the kernel; its own would only be printed.
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ipykernel lets it through while a cell runs
        os.setsid()
        from ipykernel.kernelapp import IPKernelApp

        parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # the kernel ends when its parent does
        try:
            connection_file = receiver.recv()
        except EOFError:  # the parent has ended before it told
            return
        app: Any = IPKernelApp.instance()
        app.initialize(argv=["-f", connection_file, parent])
        # Matplotlib does this when it is first imported, which was before there was a kernel.
        app.shell.enable_matplotlib("inline")
        app.start()

    def begin(self, connection_file: str) -> None:
        """Become a kernel."""
        self._sender.send(connection_file)

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it ends, and return the exit status."""
        self._process.join(timeout)
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal to it."""
        os.kill(self._process.pid or 0, number)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()


def manager(kernel: Kernel) -> type:
    """Return the class of a kernel manager that uses this kernel in place of a new process."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class Provisioner(LocalProvisioner):
        process: Any

        async def launch_kernel(self, cmd: list[str], **_options: Any) -> Any:
            self.process, self.pid = kernel, kernel.pid
            kernel.begin(cmd[cmd.index("-f") + 1])
            return self.connection_info

    class Manager(AsyncKernelManager):
        async def _async_pre_start_kernel(self, **options: Any) -> Any:
            self.provisioner = Provisioner(kernel_id="page", kernel_spec=self.kernel_spec, parent=self)
            return await super()._async_pre_start_kernel(**options)

    return Manager


def _run(name: str, output: Path) -> None:
    from eie.studies import pages

    kernel = Kernel()  # before there are threads
    try:
        pages.rerun(name, {}, output, progress=False, manager=manager(kernel))
    except pages.PageError as error:
        sys.exit(f"book: {error}")
    finally:
        kernel.kill()


def run(names: Iterable[str], out: Path, jobs: int) -> Iterator[tuple[str, float, bool]]:
    """Run pages side by side; yields the name of each that has ended, its seconds, and whether it worked."""
    waiting = list(names)
    running: dict[Any, tuple[str, Any, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            process = FORK.Process(target=_run, args=(waiting[0], out / f"{waiting[0]}.ipynb"))
            process.start()
            running[process.sentinel] = waiting.pop(0), process, time.perf_counter()
        for ended in wait(list(running)):
            name, process, started = running.pop(ended)
            process.join()
            yield name, time.perf_counter() - started, process.exitcode == 0


def main() -> int:
    """Run what is out of date; the exit status says whether all pages worked."""
    parser = argparse.ArgumentParser(description="Run the book's notebooks whose sources have changed.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the executed notebooks")
    parser.add_argument("--found", type=Path, required=True, help="file that says what is found on this machine")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="pages side by side")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    todo = stale(out, arguments.found)
    if not todo:
        return 0
    whole, failed = todo.pop(WHOLE), []
    refresh(out, todo)
    if todo:
        print(f"{len(todo)} pages to run, {arguments.jobs} side by side", flush=True)
        preload()
    for number, (name, seconds, worked) in enumerate(run(todo, out, arguments.jobs), start=1):
        print(f"[{number:2}/{len(todo)}] {name:20} {seconds:5.1f} s{'' if worked else '  failed'}", flush=True)
        if worked:
            _write_state(out, _state(out) | {name: todo[name]})
        else:
            failed.append(name)
    if not failed:
        _write_state(out, _state(out) | {WHOLE: whole})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
