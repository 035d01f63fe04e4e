"""Fetching from a server of this test's own; nothing here leaves the machine."""

import gzip
import hashlib
import io
import random
import re
import stat
import tarfile
import threading
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from eie.cli.main import main
from eie.datasets import catalogue, registries, sources, unpack
from eie.datasets.catalogue import FetchError
from eie.datasets.download import CHUNK_BYTES, TRIES

CONTENT = bytes(range(256)) * 1000
OTHER = b"another file\n"
FILES = {"inner/a.bin": CONTENT, "b.bin": OTHER}


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def git_blob(content):
    return f"git:{hashlib.sha1(b'blob %d' % len(content) + bytes(1) + content).hexdigest()}"


def zip_of(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tar_of(files, mode="w:gz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tarfile.TarInfo):
                info = content
                content = b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def debian_of(files):
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": tar_of(files, "w:xz")}
    packed = b"!<arch>\n"
    for name, content in parts.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


class Server(ThreadingHTTPServer):
    """Serves `pages`; breaks off after `cut` bytes as often as said; counts what is asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages, self.asked, self.cuts, self.cut, self.ranges = {}, [], 0, 0, True
        self.url = f"http://127.0.0.1:{self.server_port}"

    def serve(self, path, content, kind="application/octet-stream"):
        self.pages[path] = content, kind
        return self.url + path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append((self.path, wanted))
        if self.path not in server.pages:
            self.send_error(404)
            return
        content, kind = server.pages[self.path]
        if content is None:
            self.send_error(416)
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Type", kind)
        self.end_headers()
        stop = len(content)
        if server.cuts:
            server.cuts -= 1
            stop = start + server.cut
        self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where data go; no registry of data sets but the test's own is read."""
    monkeypatch.setattr(catalogue, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setenv("EIE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def known(monkeypatch, base):
    """Make the registry of one data set."""

    def make(*sources, files=FILES, digest=sha256, **more):
        entry = {"title": "Made up", "folder": "made-up", "licence": "none", "sources": list(sources)}
        entry["files"] = {name: (len(content), digest(content)) for name, content in files.items()}
        monkeypatch.setattr(catalogue, "read_toml", lambda name: {"made": entry | more})
        return base / "made-up"

    return make


def source(url, member="in/{file}", size=10**6, **more):
    return {"url": url, "member": member, "bytes": size} | more


def inside(files=FILES):
    return {f"in/{name}": content for name, content in files.items()}


def assert_fetched(folder, files=FILES):
    assert catalogue.fetch("made") == folder
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == files
    assert catalogue.find("made") == folder


def assert_refused(folder, *words):
    with pytest.raises(FetchError) as caught:
        catalogue.fetch("made")
    for word in words:
        assert word in str(caught.value)
    assert catalogue.find("made") is None
    assert not folder.exists()
    return str(caught.value)


ARCHIVES = {
    "zip": zip_of(inside()),
    "tar": tar_of(inside(), "w"),
    "tar.gz": tar_of(inside()),
    "tar.xz": tar_of(inside(), "w:xz"),
    "deb": debian_of({f"./{name}": content for name, content in inside().items()}),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives(server, known, kind):
    assert_fetched(known(source(server.serve("/x", ARCHIVES[kind]))))


@pytest.mark.parametrize("digest", [sha256, git_blob])
def test_hashes(server, known, digest):
    assert_fetched(known(source(server.serve("/x", ARCHIVES["zip"])), digest=digest))


def test_a_file_each(server, known):
    for name, content in FILES.items():
        server.serve(f"/raw/{name}", content)
    assert_fetched(known(source(server.url + "/raw/{file}")))


def test_gzipped_files_are_unpacked(server, known):
    for name, content in FILES.items():
        server.serve(f"/raw/{name}.gz", gzip.compress(content))
    assert_fetched(known(source(server.url + "/raw/{file}.gz")))


def test_gzipped_members_are_unpacked(server, known):
    packed = {f"in/{name}.gz": gzip.compress(content) for name, content in FILES.items()}
    assert_fetched(known(source(server.serve("/x", zip_of(packed)), "in/{file}.gz")))


def test_members_may_have_other_names(server, known):
    url = server.serve("/x", zip_of({"one": CONTENT, "two": OTHER}))
    assert_fetched(known(source(url, members={"inner/a.bin": "one", "b.bin": "two"})))


def test_what_is_at_hand_is_not_fetched(server, known):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    assert_fetched(folder)
    assert_fetched(folder)
    assert len(server.asked) == 1


def test_nothing_is_left_but_the_data(server, known, base):
    assert_fetched(known(source(server.serve("/x", ARCHIVES["zip"]))))
    assert [path.name for path in (base / catalogue.STAGING).iterdir()] == ["made-up.lock"]


def test_broken_download_is_gone_on_with_at_once(server, known):
    server.cuts, server.cut = 2, CHUNK_BYTES
    assert_fetched(known(source(server.serve("/x", ARCHIVES["zip"]))))
    assert [wanted for _, wanted in server.asked] == [None, f"bytes={CHUNK_BYTES}-", f"bytes={2 * CHUNK_BYTES}-"]


def test_interrupted_download_is_gone_on_with_the_next_time(server, known):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    server.cuts, server.cut = TRIES, CHUNK_BYTES
    assert_refused(folder, "127.0.0.1 broke off", "eie data fetch made")
    server.asked.clear()
    assert_fetched(folder)
    assert server.asked == [("/x", f"bytes={TRIES * CHUNK_BYTES}-")]


def test_server_without_ranges_starts_anew(server, known):
    server.cuts, server.cut, server.ranges = 1, CHUNK_BYTES, False
    assert_fetched(known(source(server.serve("/x", ARCHIVES["zip"]))))


def kept_beginning(server, known, content):
    """Leave a part of a download behind, then serve the archive."""
    folder = known(source(server.serve("/x", content)))
    server.cuts, server.cut = TRIES, CHUNK_BYTES
    assert_refused(folder, "broke off")
    server.asked.clear()
    server.serve("/x", ARCHIVES["zip"])
    return folder


def test_beginning_of_another_file_is_dropped(server, known):
    assert_fetched(kept_beginning(server, known, bytes(10**6)))
    assert server.asked == [("/x", f"bytes={TRIES * CHUNK_BYTES}-"), ("/x", None)]


def test_beginning_longer_than_the_file_is_dropped(server, known):
    folder = kept_beginning(server, known, bytes(10**6))
    server.serve("/x", ARCHIVES["tar.gz"])
    assert_fetched(folder)
    assert server.asked == [("/x", f"bytes={TRIES * CHUNK_BYTES}-"), ("/x", None)]


def test_beginning_that_was_the_whole_file_is_taken(server, known, base):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    part = base / catalogue.STAGING / "made-up"
    part.mkdir(parents=True)
    name = f".{hashlib.sha256((server.url + '/x').encode()).hexdigest()[:16]}-x.part"
    (part / name).write_bytes(ARCHIVES["zip"])
    assert_fetched(folder)
    assert server.asked == [("/x", f"bytes={len(ARCHIVES['zip'])}-")]


def test_server_that_has_no_beginning_either(server, known):
    folder = known(source(server.serve("/x", None)))
    assert_refused(folder, "answered 416")


def test_files_that_came_are_not_fetched_again(server, known):
    server.serve("/raw/inner/a.bin", CONTENT)
    folder = known(source(server.url + "/raw/{file}"))
    assert_refused(folder, "127.0.0.1 answered 404")
    server.serve("/raw/b.bin", OTHER)
    server.asked.clear()
    assert_fetched(folder)
    assert [path for path, _ in server.asked] == ["/raw/b.bin"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_of(inside({**FILES, "b.bin": b"another lie!\n"})), "b.bin does not have the expected content"),
        (zip_of(inside({**FILES, "b.bin": bytes(10**5)})), "b.bin has more than"),
        (zip_of({"in/b.bin": OTHER}), "it holds no in/inner/a.bin"),
        (ARCHIVES["zip"][:-100], "damaged"),
        (ARCHIVES["tar.gz"][:-100], "damaged"),
        (ARCHIVES["tar.xz"][:-100], "damaged"),
        (ARCHIVES["deb"][:-100], "damaged"),
        (ARCHIVES["deb"][:100], "damaged"),
        (b"", "damaged"),
        (b"no archive at all", "damaged"),
        (b"!<arch>\nno package" + bytes(100), "damaged"),
        (tar_of({"in/inner/a.bin": tarfile.TarInfo("in/inner"), "in/b.bin": OTHER}), "it holds no in/inner/a.bin"),
    ],
)
def test_wrong_content(server, known, content, message):
    assert_refused(known(source(server.serve("/x", content))), message)


def test_second_source_is_taken_when_the_first_fails(server, known):
    wrong = source(server.serve("/wrong", zip_of(inside({**FILES, "b.bin": b"wrong"}))))
    missing = source(server.url + "/missing")
    nobody = source("http://127.0.0.1:9/nobody")
    good = source(server.serve("/good", ARCHIVES["tar.gz"]))
    folder = known(wrong, missing, nobody)
    text = assert_refused(folder, "not have the expected content", "answered 404", "127.0.0.1 cannot be reached")
    assert "Try again" in text
    assert str(folder) in text
    assert_fetched(known(wrong, missing, nobody, good))


def test_download_is_bounded(server, known):
    folder = known(source(server.serve("/x", bytes(10**6)), size=10))
    assert_refused(folder, f"more than the {10 * sources.SLACK} bytes")


def test_what_is_unpacked_is_bounded(server, known, monkeypatch):
    monkeypatch.setattr(unpack, "UNPACKED_BYTES", 10**5)
    folder = known(source(server.serve("/x", tar_of({"zeros": bytes(10**6), **inside()}))))
    assert_refused(folder, "unpacks to more than 100000 bytes")


def test_names_in_an_archive_lead_nowhere(server, known, base):
    link = tarfile.TarInfo("in/b.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    evil = {"../evil": b"evil", "/tmp/../evil": b"evil", "in/../../evil": b"evil"}
    folder = known(source(server.serve("/x", tar_of({**evil, **inside()}))))
    assert_fetched(folder)
    assert not [path for path in base.parent.rglob("*") if "evil" in path.name]


def test_link_is_no_file(server, known):
    link = tarfile.TarInfo("in/b.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "inner/a.bin"
    packed = tar_of({"in/inner/a.bin": CONTENT, "in/b.bin": link})
    assert_refused(known(source(server.serve("/x", packed))), "it holds no in/b.bin")


def test_damage_anywhere_is_refused_or_harmless(tmp_path):
    random.seed(0)
    for packed in ARCHIVES.values():
        for _ in range(40):
            damaged = bytearray(packed)
            for _ in range(random.randint(1, 4)):
                damaged[random.randrange(min(len(damaged), 600))] = random.randrange(256)
            (tmp_path / "x").write_bytes(damaged[: random.choice([None, random.randrange(len(damaged))])])
            with suppress(FetchError):
                unpack.unpack(tmp_path / "x", inside(), lambda name, stream: stream.read(10**6))
            assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_read_only_folder_is_left_alone(server, known, base, tmp_path):
    base.mkdir()
    base.chmod(stat.S_IRUSR | stat.S_IXUSR)
    known(source(server.serve("/x", ARCHIVES["zip"])))
    assert catalogue.fetch("made") == tmp_path / "cache" / "eie" / "made-up"
    assert list(base.iterdir()) == []


def test_folder_that_cannot_be_made(server, known, base, tmp_path):
    base.mkdir()
    base.chmod(stat.S_IRUSR | stat.S_IXUSR)
    (tmp_path / "cache").write_text("a file where a folder should be")
    known(source(server.serve("/x", ARCHIVES["zip"])))
    with pytest.raises(FetchError, match=r"cannot write to .* set EIE_DATA to"):
        catalogue.fetch("made")


def test_full_disk(server, known):
    known(source(server.serve("/x", ARCHIVES["zip"]), size=10**18))
    with pytest.raises(FetchError, match="MB left, Made up needs"):
        catalogue.fetch("made")


def test_folder_that_is_there_is_filled(server, known):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    folder.mkdir(parents=True)
    (folder / "b.bin").write_bytes(b"old")
    assert_fetched(folder)


PAGE = '<html><body><a href="../../files/made_up-1.0.zip#sha256=0">made_up-1.0.zip</a></body></html>'
JSON_PAGE = '{"files": [{"filename": "made_up-1.0.zip", "url": "/files/made_up-1.0.zip"}]}'


@pytest.fixture
def index(server, monkeypatch):
    """An index of Python packages that pip is set up for."""
    server.serve("/files/made_up-1.0.zip", ARCHIVES["zip"])
    settings = {"indexes": ["http://127.0.0.1:9/simple/", server.url + "/simple/"], "cert": None}
    monkeypatch.setattr(registries, "_pip_settings", lambda: settings)
    return server


@pytest.mark.parametrize(("page", "kind"), [(PAGE, "text/html"), (JSON_PAGE, "application/vnd.pypi.simple.v1+json")])
def test_python_package(index, known, page, kind):
    index.serve("/simple/made-up/", page.encode(), kind)
    assert_fetched(known({"pypi": "Made.Up", "file": "made_up-1.0.zip", "member": "in/{file}", "bytes": 10**6}))


@pytest.mark.parametrize(
    ("page", "kind", "message"),
    [
        (PAGE.replace("1.0", "2.0"), "text/html", "the index has no made_up-1.0.zip"),
        ("{}", "application/json", "InvalidJSONError"),
        ("[", "application/json", "InvalidJSONError"),
    ],
)
def test_index_without_the_package(index, known, page, kind, message):
    index.serve("/simple/made-up/", page.encode(), kind)
    folder = known({"pypi": "made-up", "file": "made_up-1.0.zip", "member": "in/{file}", "bytes": 10**6})
    assert_refused(folder, "Python package made-up: 127.0.0.1 cannot be reached", message)


def test_index_page_is_bounded(index, known, monkeypatch):
    monkeypatch.setattr(registries, "PAGE_BYTES", 10)
    index.serve("/simple/made-up/", PAGE.encode(), "text/html")
    folder = known({"pypi": "made-up", "file": "made_up-1.0.zip", "member": "in/{file}", "bytes": 10**6})
    assert_refused(folder, "ContentDecodingError")


def test_pip_says_which_indexes_it_is_set_up_for(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://extra.invalid/simple file:///nowhere")
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    registries._pip_settings.cache_clear()
    try:
        settings = registries._pip_settings()
    finally:
        registries._pip_settings.cache_clear()
    assert settings["indexes"] == ["https://index.invalid/simple", "https://extra.invalid/simple"]


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Put a program of this name first in the path."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def make(name, script):
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return make


CLIENTS = {"npm": ("npm", "made-up@1.0", "{}"), "debian": ("apt-get", "made-up", "'{}' made-up.deb 1 SHA256:0")}


@pytest.mark.parametrize("kind", CLIENTS)
def test_packages_of_other_registries(server, known, client, kind):
    program, package, answer = CLIENTS[kind]
    client(program, f'echo "{answer.format(server.serve("/x", ARCHIVES["deb"]))}"')
    assert_fetched(known({kind: package, "member": "in/{file}", "bytes": 10**6}))


@pytest.mark.parametrize("kind", CLIENTS)
def test_missing_and_failing_clients(known, client, kind):
    program, package, _ = CLIENTS[kind]
    folder = known({kind: package, "member": "in/{file}", "bytes": 10**6})
    assert_refused(folder, f"{program} is not installed")
    client(program, "echo no such thing >&2; exit 1")
    assert_refused(folder, f"{program} failed: no such thing")


def test_apt_without_lists(known, client):
    client("apt-get", "true")
    folder = known({"debian": "made-up", "member": "in/{file}", "bytes": 10**6})
    assert_refused(folder, "apt-get update")


def test_command_fetches_and_names_the_folder(server, known, capsys):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    assert main(["data", "path", "made"]) == 1
    assert "eie data fetch made" in capsys.readouterr().err
    assert main(["data", "list"]) == 0
    assert "not here" in capsys.readouterr().out
    assert main(["data", "fetch", "all"]) == 0
    assert capsys.readouterr().out == f"made: {folder}\n"
    assert main(["data", "path", "made"]) == 0
    assert Path(capsys.readouterr().out.strip()) == folder
    assert main(["data", "list"]) == 0
    assert str(folder) in capsys.readouterr().out


def test_data_are_compared_with_their_hashes_on_demand_and_by_size_on_use(server, known, capsys):
    folder = known(source(server.serve("/x", ARCHIVES["zip"])))
    assert main(["data", "verify", "made"]) == 1
    assert "eie data fetch made" in capsys.readouterr().err
    catalogue.fetch("made")
    assert main(["data", "verify"]) == 0
    assert capsys.readouterr().out == "made: right\n"
    name = next(iter(FILES))
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert main(["data", "verify", "made"]) == 1
    assert f"{folder / name} is not what it should be" in capsys.readouterr().out
    assert catalogue.require("made") == folder  # of the right size
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(ValueError, match=rf"must have {len(content)} bytes, has {len(content) - 1}; remove it"):
        catalogue.require("made")
    (folder / list(FILES)[-1]).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(FileNotFoundError, match="is missing; remove"):
        catalogue.require("made")


@pytest.mark.parametrize("said", ["many", "-5", "1e3", ""])
def test_a_wrong_content_length_does_not_stop_the_other_sources(server, known, monkeypatch, said):
    """Of a length that is none, nothing is expected; the hash tells whether all came."""
    answered = requests.get

    def get(*given, **options):
        answer = answered(*given, **options)
        answer.headers["Content-Length"] = said
        return answer

    monkeypatch.setattr(requests, "get", get)
    wrong = source(server.serve("/wrong", b"nothing"))
    assert_fetched(known(wrong, source(server.serve("/good", ARCHIVES["tar.gz"]))))


def test_command_says_what_failed(known, server, capsys):
    known(source(server.url + "/missing"))
    assert main(["data", "fetch", "made"]) == 1
    assert "could not fetch Made up" in capsys.readouterr().err


def test_command_tells_a_wrong_name_before_it_fetches(server, known, capsys):
    known(source(server.serve("/x", ARCHIVES["zip"])))
    assert main(["data", "fetch", "made", "maid"]) == 2
    assert "unknown data set 'maid'" in capsys.readouterr().err
    assert server.asked == []
