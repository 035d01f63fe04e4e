import os
import re
from pathlib import Path, PurePosixPath

import pytest
from platformdirs import user_cache_path

from eie._files import read_toml
from eie.datasets import catalogue, sources

NAME = "authors-layer"
FOLDER = "EIE-simulator"
ENTRY = {"title", "folder", "licence", "sources", "files"}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "eie"


@pytest.fixture
def data(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("EIE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_root_is_the_folder_that_eie_data_names(data):
    assert catalogue.root() == data


def test_root_may_begin_with_a_home_folder(monkeypatch):
    monkeypatch.setenv("EIE_DATA", "~/data")
    assert catalogue.root() == Path.home() / "data"


@pytest.mark.parametrize("value", [None, ""])
def test_root_without_eie_data_is_the_users_cache(monkeypatch, value):
    monkeypatch.delenv("EIE_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("EIE_DATA", value)
    assert catalogue.root() == user_cache_path("eie")


def test_names_are_those_of_the_data_file():
    assert catalogue.names() == list(read_toml("datasets.toml"))
    assert NAME in catalogue.names()


@pytest.mark.parametrize("folder", [FOLDER, f"{FOLDER}/data"])
def test_both_layouts_are_found(data, folder):
    for file, (size, _) in read_toml("datasets.toml")[NAME]["files"].items():
        path = data / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, size)
    assert catalogue.find(NAME) == data / folder
    assert catalogue.require(NAME) == data / folder


@pytest.mark.parametrize("there", ["", FOLDER, f"{FOLDER}/data", f"{FOLDER}/act.dat"])
def test_not_found_without_the_file_that_shows_it(data, there):
    (data / there).mkdir(parents=True, exist_ok=True)
    assert catalogue.find(NAME) is None
    with pytest.raises(FileNotFoundError) as caught:
        catalogue.require(NAME)
    assert str(caught.value) == catalogue.how_to_get(NAME)


def test_cache_is_looked_in_after_eie_data(data, cache):
    (cache / FOLDER).mkdir(parents=True)
    (cache / FOLDER / "act.dat").touch()
    assert catalogue.find(NAME) == cache / FOLDER
    (data / FOLDER).mkdir()
    (data / FOLDER / "act.dat").touch()
    assert catalogue.find(NAME) == data / FOLDER


def test_how_to_get_names_folder_command_size_and_licence(data):
    entry, text = read_toml("datasets.toml")[NAME], catalogue.how_to_get(NAME)
    assert f"not in `{data / FOLDER}`" in text
    assert f"`.venv/bin/eie data fetch {NAME}`" in text
    assert entry["licence"] in text
    assert " MB, " in text


def test_how_to_get_several_is_one_command(data):
    text = catalogue.how_to_get("mnist", NAME)
    assert f"`{data / 'mnist'}` or `{data / FOLDER}`" in text
    assert text.endswith(f"To get them: `.venv/bin/eie data fetch mnist {NAME}`")


def test_how_to_get_for_others_names_no_folder_of_this_machine(data):
    text = catalogue.how_to_get(NAME, anywhere=True)
    assert str(data) not in text
    assert f"`.venv/bin/eie data fetch {NAME}`" in text


def test_overview_says_what_is_at_hand(data):
    (data / FOLDER).mkdir()
    (data / FOLDER / "act.dat").touch()
    rows = {row["name"]: row for row in catalogue.overview()}
    assert list(rows) == catalogue.names()
    assert rows[NAME]["folder"] == str(data / FOLDER)
    assert rows["mnist"]["folder"] == ""
    assert all(row["title"] and row["licence"] and row["size"].endswith("MB") for row in rows.values())


@pytest.mark.parametrize("ask", [catalogue.find, catalogue.require, catalogue.how_to_get, catalogue.fetch])
def test_unknown_name_lists_the_right_ones(ask):
    with pytest.raises(ValueError, match="unknown data set 'resnet'") as caught:
        ask("resnet")
    for name in catalogue.names():
        assert name in str(caught.value)


@pytest.mark.parametrize("name", catalogue.names())
def test_entry_is_complete(name):
    entry = read_toml("datasets.toml")[name] | {"files": catalogue.files_of(name)}
    assert entry.keys() >= ENTRY
    assert entry.keys() - ENTRY <= {"inside", "manifest"}
    assert entry["sources"]
    for file, (size, digest) in entry["files"].items():
        assert file == PurePosixPath(file).as_posix()
        assert not {"..", "/"} & set(PurePosixPath(file).parts)
        assert size > 0
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|git:[0-9a-f]{40}", digest)


@pytest.mark.parametrize("name", catalogue.names())
def test_sources_are_complete(name):
    entry, files = read_toml("datasets.toml")[name], catalogue.files_of(name)
    for source in entry["sources"]:
        assert len({"pypi", "npm", "debian", "url"} & source.keys()) == 1
        assert source["bytes"] > 0
        per_file = "{file}" in source.get("url", "")
        assert per_file or source.get("members", {}).keys() == files.keys() or "{file}" in source["member"]


def test_folders_are_of_one_data_set_each():
    folders = [entry["folder"] for entry in read_toml("datasets.toml").values()]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("name", catalogue.names())
def test_what_is_at_hand_is_what_the_registry_says(name):
    folder = catalogue.find(name)
    if folder is None:
        pytest.skip(catalogue.how_to_get(name))
    for file, (size, digest) in catalogue.files_of(name).items():
        assert sources.is_right(folder / file, digest), f"{folder / file} is not what {digest} stands for"
        assert digest.startswith("git:") or (folder / file).stat().st_size == size
