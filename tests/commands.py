"""Commands of `eie` in processes of their own, which start at once: they are forked from one that has `preloaded.py`.

A command may be run under a limit of the size of files, which stands for a full disk, or be killed.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest


@dataclass
class Running:
    """A command that was started; `process` can be killed, and `wait` gives its status, output and errors."""

    process: ForkServerProcess
    said: Path

    def wait(self):
        self.process.join()
        out, err = (path.read_text(encoding="utf-8") for path in outputs(self.said))
        return self.process.exitcode, out, err


@cache
def _forks():
    context = get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    with pytest.MonkeyPatch.context() as patch:
        here = str(Path(__file__).parent)
        patch.setenv("PYTHONPATH", os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]))
        forkserver.ensure_running()
    return context


def start(folder, said, *arguments, limit=None, without_privileges=False, registry=None):
    """Start a command in a folder; what it says goes to files in the folder `said`.

    `limit` is the size in bytes above which no file can be written, as on a full disk. Without privileges, permissions
    of files hold for root, too. With a `registry`, a JSON file of data sets, those are all that there are, and they go
    to the folder `data`.
    """
    given = str(folder), outputs(said), list(arguments), limit, without_privileges, registry
    for path in outputs(said):
        path.touch()
    process = _forks().Process(target=_run, args=given)
    process.start()
    return Running(process, said)


def outputs(said):
    return said / "out", said / "err"


def _run(folder, said, arguments, limit, without_privileges, registry):
    from eie.cli import start

    for number, path in zip((1, 2), said, strict=True):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(folder)
    sys.dont_write_bytecode = True  # a compiled module that is cut off at the limit could never be read again
    sys.argv = ["eie", *arguments]
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if registry is not None:
        from eie.datasets import catalogue

        catalogue.read_toml = lambda _name: json.loads(registry.read_text())
        data = str(Path(folder) / "data")
        os.environ |= {"EIE_DATA": data, "XDG_CACHE_HOME": data, "NO_PROXY": "127.0.0.1"}
    if without_privileges and os.geteuid() == 0:
        _give_up_privileges()
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.exit(start())


def _give_up_privileges():
    """Let the permissions of files hold: take away Linux's capabilities 1 and 2, to pass over them."""
    libc = ctypes.CDLL(None, use_errno=True)
    head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, sets) == 0
    for kind in (0, 1):  # effective and permitted ones
        sets[kind] &= ~0b110
    assert libc.capset(head, sets) == 0
