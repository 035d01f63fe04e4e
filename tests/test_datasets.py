from pathlib import Path

import pytest
from platformdirs import user_cache_path

from eie import datasets
from eie._data import read_toml

NAME = "authors-layer"
FOLDER = "EIE-simulator"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    return tmp_path


def test_root_is_the_folder_that_eie_data_names(data):
    assert datasets.root() == data


def test_root_may_begin_with_a_home_folder(monkeypatch):
    monkeypatch.setenv("EIE_DATA", "~/data")
    assert datasets.root() == Path.home() / "data"


@pytest.mark.parametrize("value", [None, ""])
def test_root_without_eie_data_is_the_users_cache(monkeypatch, value):
    monkeypatch.delenv("EIE_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("EIE_DATA", value)
    assert datasets.root() == user_cache_path("eie")


def test_names_are_those_of_the_data_file():
    assert datasets.names() == list(read_toml("datasets.toml"))
    assert NAME in datasets.names()


@pytest.mark.parametrize("folder", [FOLDER, f"{FOLDER}/data"])
def test_both_layouts_are_found(data, folder):
    (data / folder).mkdir(parents=True)
    (data / folder / "act.dat").touch()
    assert datasets.find(NAME) == data / folder
    assert datasets.require(NAME) == data / folder


@pytest.mark.parametrize("there", ["", FOLDER, f"{FOLDER}/data", f"{FOLDER}/act.dat"])
def test_not_found_without_the_file_that_shows_it(data, there):
    (data / there).mkdir(parents=True, exist_ok=True)
    assert datasets.find(NAME) is None
    with pytest.raises(FileNotFoundError) as caught:
        datasets.require(NAME)
    assert str(caught.value) == datasets.how_to_get(NAME)


def test_how_to_get_names_folder_commands_and_commit(data):
    entry, text = read_toml("datasets.toml")[NAME], datasets.how_to_get(NAME)
    target = data / FOLDER
    assert f"not in `{target}`" in text
    assert f"git clone {entry['url']} {target} && git -C {target} checkout {entry['commit']}" in text
    assert entry["licence"] in text


def test_how_to_get_for_others_names_no_folder_of_this_machine(data):
    text = datasets.how_to_get(NAME, anywhere=True)
    assert str(data) not in text
    assert f"`EIE_DATA` to that folder (`export EIE_DATA=$PWD/{FOLDER}`)" in text
    assert read_toml("datasets.toml")[NAME]["commit"] in text


@pytest.mark.parametrize("ask", [datasets.find, datasets.require, datasets.how_to_get])
def test_unknown_name_lists_the_right_ones(ask):
    with pytest.raises(ValueError, match="unknown data set 'alexnet'") as caught:
        ask("alexnet")
    for name in datasets.names():
        assert name in str(caught.value)
