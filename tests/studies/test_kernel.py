"""A run of a page that is stopped between any two parts of its start leaves no process, file, task or message."""

import asyncio
import errno
import logging
import signal
import sys
import threading
from pathlib import Path

import jupyter_client
import nbformat
import pytest
import zmq
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import ensure_event_loop

from eie.studies import kernel, pages

EARLY = {
    "before the manager": (AsyncKernelManager, "__init__", "before"),
    "after the manager": (AsyncKernelManager, "__init__", "after"),
    "before the connection file": (AsyncKernelManager, "write_connection_file", "before"),
    "after the connection file": (AsyncKernelManager, "write_connection_file", "after"),
    "before the process": (LocalProvisioner, "launch_kernel", "before"),
    "after the process": (jupyter_client.provisioning.local_provisioner, "launch_kernel", "after"),
    "before the control socket": (AsyncKernelManager, "_connect_control_socket", "before"),
    "after the control socket": (AsyncKernelManager, "_connect_control_socket", "after"),
    "after the client": (AsyncKernelManager, "client", "after"),
    "after the channels": (AsyncKernelClient, "start_channels", "after"),
    "while the kernel is asked": (AsyncKernelClient, "kernel_info", "after"),
    "while the answer is awaited": (AsyncKernelClient, "kernel_info", "soon"),
}
"""A moment of the start: a function, and when the signal comes, before or after it or while its caller waits."""

LATE = {
    "when the kernel is ready": (AsyncKernelClient, "_handle_kernel_info_reply", "after"),
    "while a cell runs": (AsyncKernelClient, "execute", "soon"),
    "when the kernel is to end": (AsyncKernelManager, "stop_restarter", "before"),
    "when the kernel has ended": (AsyncKernelManager, "cleanup_ipc_files", "before"),
    "when its connection file is gone": (AsyncKernelManager, "cleanup_ipc_files", "after"),
}
"""Moments that come once the kernel is ready, which takes a second."""


def stopping(function, when, number):
    """The function, and a signal before or after its first call, or in the next round of the event loop."""
    sent = []

    def send():
        if not sent:
            sent.append(number)
            signal.raise_signal(number)

    def stopped(*given, **named):
        if when == "before":
            send()
        elif when == "soon":
            asyncio.get_running_loop().call_soon(send)
        result = function(*given, **named)
        if when == "after":
            send()
        return result

    return stopped


@pytest.fixture
def handled():
    """The three signals raise KeyboardInterrupt, as in a command."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders for temporary files, of Jupyter and of the output, all empty."""
    for name in ("temporary", "runtime", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path


@pytest.fixture
def page(tmp_path_factory, monkeypatch):
    """The name of a page that does nothing."""
    path = tmp_path_factory.mktemp("page") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")]), path)
    monkeypatch.setattr(pages, "find", lambda _name: path)
    return path.stem


@pytest.fixture
def started(monkeypatch):
    """Processes of kernels that were started."""
    found, usual = [], jupyter_client.provisioning.local_provisioner.launch_kernel

    def launch(*given, **named):
        found.append(usual(*given, **named))
        return found[-1]

    monkeypatch.setattr(jupyter_client.provisioning.local_provisioner, "launch_kernel", launch)
    return found


def check_stopped(moment, number, monkeypatch, caplog, capfd, page, folders, started):
    owner, name, when = moment
    monkeypatch.setattr(owner, name, stopping(getattr(owner, name), when, number))
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        pages.rerun(page, {}, folders / "out" / "page.ipynb", progress=False)
    assert {path.name for path in folders.rglob("*")} == {"temporary", "runtime", "out"}
    assert [process.returncode for process in started] in ([], [-signal.SIGKILL])
    assert asyncio.all_tasks(ensure_event_loop()) == set()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(("place", "moment"), list(enumerate(EARLY.values())), ids=EARLY)
def test_stopped_while_the_kernel_starts(
    place, moment, handled, monkeypatch, caplog, capfd, page, folders, started
):  # one signal each; the long test tries all
    check_stopped(moment, NUMBERS[place % 3], monkeypatch, caplog, capfd, page, folders, started)


@pytest.mark.long
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("moment", [*EARLY.values(), *LATE.values()], ids=[*EARLY, *LATE])
def test_stopped_by_each_signal(moment, number, handled, monkeypatch, caplog, capfd, page, folders, started):
    check_stopped(moment, number, monkeypatch, caplog, capfd, page, folders, started)


def test_signals_wait(handled):
    reached = []

    def work():
        with kernel.signals_later():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [True]
    assert signal.getsignal(signal.SIGTERM) == signal.default_int_handler


def test_a_signal_that_is_ignored_stays_ignored(handled):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    with kernel.signals_later():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_signals_are_left_alone_in_other_threads():
    done = []

    def run():
        with kernel.signals_later():
            done.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [True]


def check_failed(monkeypatch, caplog, capfd, page, folders, message):
    with caplog.at_level(logging.WARNING), pytest.raises(ChildProcessError, match=message) as caught:
        pages.rerun(page, {}, folders / "out" / "page.ipynb", progress=False)
    assert "\n" not in str(caught.value)
    assert {path.name for path in folders.rglob("*")} == {"temporary", "runtime", "out"}
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_kernel_that_dies_tells_its_last_words(monkeypatch, caplog, capfd, page, folders):
    usual = LocalProvisioner.launch_kernel
    dying = [sys.executable, "-c", "import sys; sys.exit('a line\\nlast words')"]
    monkeypatch.setattr(LocalProvisioner, "launch_kernel", lambda self, _cmd, **given: usual(self, dying, **given))
    check_failed(monkeypatch, caplog, capfd, page, folders, "kernel failed: Kernel died .*: last words")


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), zmq.ZMQError(errno.EMFILE)])
def test_a_kernel_that_cannot_be_reached(monkeypatch, caplog, capfd, page, folders, started, error):
    def fail(_client):
        raise error

    monkeypatch.setattr(AsyncKernelClient, "start_channels", fail)
    check_failed(monkeypatch, caplog, capfd, page, folders, f"the page's kernel failed: {error}")
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@pytest.mark.long
def test_a_page_does_not_depend_on_the_user(tmp_path_factory, monkeypatch, capfd, page, folders):
    """A home that cannot be written to gives no warning, and nothing is left of what a page writes aside."""
    path = pages.find(page)
    code = "import os, tempfile; os.write(2, b'noise'); print(tempfile.mkdtemp(), get_ipython().ipython_dir)"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/dev/null")
    out = folders / "out" / "page.ipynb"
    pages.rerun(page, {}, out, progress=False)
    made, settings = nbformat.read(out, 4).cells[0].outputs[-1].text.split()
    assert Path(made).parent == Path(settings)
    assert not Path(made).exists()
    assert list((folders / "temporary").iterdir()) == []
    assert capfd.readouterr() == ("", "")
