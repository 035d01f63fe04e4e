import hashlib
import io
import tarfile

import pytest

from eie.datasets import catalogue, dlmc
from eie.datasets.errors import FetchError

PATHS = ["rn50/magnitude_pruning/0.9/a.smtx", "rn50/magnitude_pruning/0.9/b.smtx", "transformer/l0/0.5/c.smtx"]
CONTENT = {path: f"1, 2, 1\n0 1\n{number % 2}\n".encode() for number, path in enumerate(PATHS)}


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(dlmc, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setenv("EIE_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "dlmc").mkdir(parents=True)
    known = {path: (len(content), f"git:{blob(content)}") for path, content in CONTENT.items()}
    monkeypatch.setattr(catalogue, "files_of", lambda name: {"dlmc.csv": (9, "git:0"), **known})
    return tmp_path / "data" / "dlmc"


def blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def unpacked(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def packed(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"dlmc/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("inside", ["", "dlmc"])
def test_folder(data, inside):
    unpacked(data / inside, CONTENT)
    assert dlmc.at_hand() == PATHS
    assert dict(dlmc.contents(PATHS)) == CONTENT


def test_archive_of_a_part(data):
    packed(data / "dlmc-subset.tar.gz", {path: CONTENT[path] for path in PATHS[1:]} | {"other.smtx": b"1"})
    assert dlmc.at_hand() == PATHS[1:]
    assert dict(dlmc.contents(PATHS)) == {path: CONTENT[path] for path in PATHS[1:]}


def test_nothing_at_hand(data):
    assert dlmc.at_hand() == []
    assert list(dlmc.contents(PATHS)) == []


@pytest.mark.parametrize("put", [unpacked, lambda folder, files: packed(folder / "dlmc.tar.gz", files)])
def test_another_content_is_refused(data, put):
    put(data, {PATHS[0]: CONTENT[PATHS[1]]})
    with pytest.raises(FetchError, match=r"a\.smtx of the collection does not have the expected content"):
        list(dlmc.contents(PATHS))


def test_damaged_archive_is_refused(data):
    (data / "dlmc-subset.tar.gz").write_bytes(b"no archive")
    with pytest.raises(FetchError, match="damaged or not an archive"):
        dlmc.at_hand()


def test_groups_of_the_collection():
    found = dlmc.groups()
    assert sum(map(len, found.values())) == 3846
    assert {group.model for group in found} == {"rn50", "transformer"}
    assert len(found[dlmc.Group("transformer", "l0_regularization", "0.98")]) == 97


def test_what_is_at_hand_is_what_the_catalogue_knows():
    (*_, last) = dlmc.at_hand() or [None]
    if last is None:
        pytest.skip(catalogue.how_to_get(dlmc.NAME))
    group = dlmc.Group(*last.split("/")[:3])
    assert len(list(dlmc.contents(dlmc.groups()[group]))) > 0
