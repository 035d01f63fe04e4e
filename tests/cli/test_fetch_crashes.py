"""Fetching is killed, runs into a full disk or a closed folder, and runs twice at once.

Afterwards the data set is there, whole, or is not there; the same command brings it, and nothing else is left.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import commands
import pytest

pytestmark = pytest.mark.long

FILES = {"a.bin": bytes(range(256)) * 400, "b.bin": b"another file\n" * 9000}
PIECE = 20_000


class Server(ThreadingHTTPServer):
    """Sends files in pieces, and waits before the piece `stop` of all until `go` is set; `waits` tells that it does."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pieces, self.stop, self.waits, self.go = 0, None, threading.Event(), threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = FILES[self.path.removeprefix("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for start in range(0, len(content), PIECE):
            if self.server.pieces == self.server.stop:
                self.server.waits.set()
                self.server.go.wait()
            self.server.pieces += 1
            try:
                self.wfile.write(content[start : start + PIECE])
            except OSError:  # the command was killed
                return

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.go.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path, tmp_path_factory):
    """A function that starts to fetch the only data set that there is, into the folder `data`."""
    sources = [{"url": f"http://127.0.0.1:{server.server_port}/{{file}}", "bytes": 10**6}]
    files = {name: (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}") for name, content in FILES.items()}
    entry = {"title": "Made up", "folder": "made-up", "licence": "none", "sources": sources, "files": files}
    registry = tmp_path_factory.mktemp("registry") / "datasets.json"
    registry.write_text(json.dumps({"made": entry}))

    def fetch(**options):
        said = tmp_path_factory.mktemp("said")
        return commands.start(tmp_path, said, "data", "fetch", "made", registry=registry, **options)

    return fetch


def found(tmp_path):
    """Names and contents of all files below `data`, but for the lock."""
    data = tmp_path / "data"
    paths = [path for path in data.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(data)): path.read_bytes() for path in paths}


WHOLE = {f"made-up/{name}": content for name, content in FILES.items()}


def is_aside(name):
    return name.startswith(".fetching/")


@pytest.mark.parametrize("stop", [2, 11])
def test_killed_at_any_piece(tmp_path, server, fetch, stop):
    server.stop = stop
    running = fetch()
    assert server.waits.wait(60)
    running.process.kill()
    running.wait()
    server.go.set()
    assert all(map(is_aside, found(tmp_path)))
    status, _, err = fetch().wait()
    assert (status, err) == (0, "")
    assert found(tmp_path) == WHOLE


def test_a_full_disk_leaves_nothing_half_done_in_place(tmp_path, fetch):
    status, _, err = fetch(limit=50_000).wait()
    assert (status, err.count("\n"), err[:5]) == (1, 1, "eie: "), err
    assert all(map(is_aside, found(tmp_path)))
    assert fetch().wait()[0] == 0
    assert found(tmp_path) == WHOLE


def test_a_folder_that_may_not_be_written_to(tmp_path, fetch):
    (tmp_path / "data").mkdir(mode=0o555)
    status, _, err = fetch(without_privileges=True).wait()
    assert (status, err.count("\n"), err[:5]) == (1, 1, "eie: "), err
    assert found(tmp_path) == {}
    (tmp_path / "data").chmod(0o755)


def test_two_at_once(tmp_path, server, fetch):
    server.stop = 3
    first = fetch()
    assert server.waits.wait(60)
    second = fetch()
    server.go.set()
    for running in (first, second):
        status, _, err = running.wait()
        assert (status, err) == (0, "")
    assert found(tmp_path) == WHOLE
    assert server.pieces == sum(-(-len(content) // PIECE) for content in FILES.values())
