"""A Jupyter kernel that runs one page and leaves nothing, whatever stops the run, and at whatever moment."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that end a command; Windows has no SIGHUP."""


@contextmanager
def ended(manager: type | None = None) -> Iterator[tuple[type, Path]]:
    """Give a class of kernel managers whose kernels end with the block, and a folder that is removed with it.

    Jupyter ends a kernel only once it has said that it is ready. An interrupt before that would leave its process, its
    connection file and tasks that nobody waits for. The kernel's settings and its temporary files are in the folder,
    too, so that pages do not depend on the user's settings of IPython. What kernel and Jupyter print goes to no
    terminal; the last line of it is in the error.

    Parameters
    ----------
    manager : class of asynchronous kernel managers, optional
        What starts a kernel, in place of Jupyter's own.

    Raises
    ------
    ChildProcessError
        When a kernel cannot start, or ends too early.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.paths import jupyter_path
    from zmq import ZMQBaseError

    folder = TemporaryDirectory()
    own = {"IPYTHONDIR": folder.name, "TMPDIR": folder.name}
    log = Path(folder.name) / "kernel.log"
    made: list[Any] = []
    base: Any = manager or AsyncKernelManager

    class Manager(base):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            options["kernel_spec_manager"] = KernelSpecManager(kernel_dirs=jupyter_path("kernels"))  # not IPython's
            options["log"] = _SILENT
            super().__init__(connection_file=str(Path(folder.name) / "kernel.json"), **options)
            self.clients: list[Any] = []
            self.is_launched = False
            made.append(self)

        def client(self, **options: Any) -> Any:
            self.clients.append(super().client(**options))
            return self.clients[-1]

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            with signals_later(), log.open("wb") as said:  # a process that is not known yet could not be ended
                self.is_launched = True
                changed = {"env": options["env"] | own, "stdout": said, "stderr": said}
                await super()._async_launch_kernel(kernel_cmd, **options | changed)

        async def shutdown_kernel(self, **options: Any) -> None:
            await _cancel(asyncio.all_tasks() - {asyncio.current_task()})  # a cell would complain of a dead kernel
            await super().shutdown_kernel(**options)

    try:
        with _unheard("papermill"):
            yield Manager, Path(folder.name)
    except (RuntimeError, ZMQBaseError) as error:
        last = log.read_text(errors="replace").split("\n")[-2:-1] if log.exists() else []
        raise ChildProcessError(": ".join(["the page's kernel failed", str(error), *last])) from error
    finally:
        with signals_later(), folder:
            _finish(_end(one) for one in made if one.is_launched)


_SILENT = logging.Logger("eie.studies.kernel", level=logging.CRITICAL + 1)
"""A logger that nobody hears."""


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """Let a logger say nothing: what it would say is in the error, too."""
    logger = logging.getLogger(name)
    logger.addFilter(_nothing)
    try:
        yield
    finally:
        logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    """Let no record through."""
    return False


@contextmanager
def signals_later() -> Iterator[None]:
    """Let signals that end a command wait until the end of the block, which should be short."""
    if threading.current_thread() is not threading.main_thread():  # signals arrive only there
        yield
        return
    numbers = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    waiting: list[int] = []
    taken = [number for number in numbers if before[number] not in (None, signal.SIG_IGN)]
    try:
        for number in taken:
            signal.signal(number, lambda arrived, _frame: waiting.append(arrived))
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
        if waiting:
            signal.raise_signal(waiting[0])


def _finish(last: Iterator[Coroutine[Any, Any, None]]) -> None:
    """Cancel tasks that an interrupt has left, which else complain when the interpreter ends; then do the last ones."""
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    loop.run_until_complete(_cancel(asyncio.all_tasks(loop)))
    for one in last:
        loop.run_until_complete(one)


async def _cancel(tasks: set[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _end(manager: Any) -> None:
    """Kill the kernel if it still runs, and close all connections to it."""
    for client in manager.clients:
        if client.channels_running:
            client.stop_channels()
    if manager.has_kernel:
        await manager.provisioner.kill()
        await manager.provisioner.wait()
    await manager.cleanup_resources()
