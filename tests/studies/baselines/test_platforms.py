import copy
import json
import math
import os
from contextlib import suppress

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eie.formats import FormatError
from eie.published import load
from eie.studies.baselines import platforms

ROW = {
    "platform": "CPU",
    "batch": 1,
    "variant": "dense",
    "layer": "tiny",
    "time_us": 2.0,
    "low_us": 1.5,
    "high_us": 3,
    "repeats": 5,
    "library": "by hand",
    "copies": 4,
    "cold": "rotated",
}
RESULT = {
    "schema": 1,
    "date": "2026-01-02 03:04",
    "provenance": {
        "cpu": "a processor",
        "cores": 2,
        "threads": 2,
        "caches": {"L1d": 1024, "L2": 4096},
        "last_level_cache_bytes": 4096,
        "memory_bytes": 2**33,
        "gpu": None,
        "os": "Linux 6.1",
        "libraries": {"numpy": "2.0"},
        "eie": "0.1.0",
        "seed": 0,
    },
    "power": "none readable",
    "rows": [ROW, ROW | {"batch": 64, "watts": 30, "slower": {"another": 2.5}}],
    "left_out": [{"platform": "GPU", "batch": None, "variant": "all", "layer": "all", "reason": "there is none"}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*RESULT, *ROW]) | st.text(), inner),
    max_leaves=8,
)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Where the reader's own result would be."""
    monkeypatch.delenv("EIE_MEASURED", raising=False)
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.setattr(platforms, "resource", lambda folder: tmp_path / "project" / folder)
    return tmp_path / "measured.json"


def write(path, result=RESULT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def changed(place, value):
    """The result with one field changed, or left out where the value is `...`."""
    result = copy.deepcopy(RESULT)
    *inside, last = place
    target = result
    for key in inside:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return result


def refused(path):
    with pytest.raises(FormatError) as caught:
        platforms.read(path)
    name, _, text = str(caught.value).partition(": ")
    assert name == str(path)
    return text


@pytest.mark.parametrize(
    ("get", "file", "column", "renamed"),
    [(platforms.published, "table4", "time", "time_us"), (platforms.watts, "power", "power", "watts")],
)
def test_published_numbers_are_those_of_the_file(get, file, column, renamed):
    table, source = get(), load(file)
    source = source[source["platform"] != "EIE"]
    assert table[renamed].tolist() == source[column].tolist()
    keys = ["platform", "batch", "variant", "layer"]
    assert table[keys].to_numpy().tolist() == source[keys].to_numpy().tolist()
    assert not table.duplicated(keys).any()
    assert table["place"].notna().all()
    assert "unit" not in table


def test_published_times_are_complete():
    table, layers = platforms.published(), load("table3")["layer"]
    assert len(table) == 3 * 2 * 2 * len(layers)
    assert set(table["platform"]) == set(platforms.PLATFORMS)
    assert set(table["layer"]) == set(layers)


def test_watts_say_which_are_printed():
    assert set(platforms.watts()["origin"]) <= {"printed", "implied"}


def test_published_in_another_unit_is_refused(monkeypatch):
    monkeypatch.setattr(platforms, "load", lambda name: load(name).assign(unit="ms"))
    with pytest.raises(ValueError, match=r"units of published table4 must be us, got \['ms'\]"):
        platforms.published()


def test_read(file):
    found = platforms.read(write(file))
    assert found.rows[list(ROW)].to_dict("records") == [ROW, ROW | {"batch": 64}]
    assert math.isnan(found.rows["watts"][0])
    assert found.rows["watts"][1] == 30
    assert found.rows["slower"][1] == {"another": 2.5}
    assert found.rows[["time_us", "low_us", "high_us", "watts"]].dtypes.eq(float).all()
    assert found.provenance == RESULT["provenance"]
    assert found.left_out["reason"].tolist() == ["there is none"]
    assert (found.power, found.date, found.is_readers_own) == ("none readable", RESULT["date"], True)


def test_read_without_power_or_anything_left_out(file):
    found = platforms.read(write(file, RESULT | {"rows": [ROW], "left_out": []}))
    assert found.rows["watts"].isna().all()
    assert found.left_out.columns.tolist() == ["platform", "batch", "variant", "layer", "reason"]


def test_fields_of_a_later_version_are_let_be(file):
    later = changed(("rows", 0, "colour"), "red") | {"weather": "fair"}
    assert "colour" not in platforms.read(write(file, later)).rows


def test_measured_is_none_where_there_is_nothing(file):
    assert platforms.measured() is None


def test_measured_is_the_projects_where_the_reader_has_none(file):
    write(file.parent / "project" / "data" / "measured" / "reference.json")
    assert not platforms.measured().is_readers_own


def test_measured_is_the_readers_where_there_is_one(file):
    write(file.parent / "project" / "data" / "measured" / "reference.json")
    write(file)
    assert platforms.measured().is_readers_own


def test_measured_by_name(file, monkeypatch):
    write(file)
    monkeypatch.setenv("EIE_MEASURED", str(write(file.parent / "other.json", RESULT | {"date": "another day"})))
    assert platforms.measured().date == "another day"


def test_measured_by_the_name_of_nothing(file, monkeypatch):
    write(file)
    monkeypatch.setenv("EIE_MEASURED", str(file.parent / "nowhere.json"))
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        platforms.measured()


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["schema"], 2, "schema must be 1, got 2"),
        (["schema"], True, "schema must be 1, got True"),
        (["schema"], ..., "schema is missing"),
        (["rows"], [], "rows must be a list of at least one, got []"),
        (["rows"], {"0": ROW}, "rows must be a list"),
        (["left_out"], None, "left_out must be a list, got None"),
        (["power"], "", "power must be a text, got ''"),
        (["provenance", "cpu"], ..., "provenance.cpu is missing"),
        (["provenance", "cores"], 0, "provenance.cores must be a whole number"),
        (["provenance", "cores"], 2.0, "provenance.cores must be a whole number"),
        (["provenance", "gpu"], 1, "provenance.gpu must be a text, or null, got 1"),
        (["provenance", "memory_bytes"], "8 GB", "provenance.memory_bytes must be a whole number in 1..1e15, or null"),
        (["provenance", "caches"], {"L2": "1M"}, "provenance.caches must be an object, each in it a whole number"),
        (["provenance", "libraries"], [], "provenance.libraries must be an object, each in it a text, got []"),
        (["rows", 0], 7, "rows[0] must be an object, got 7"),
        (["rows", 1, "platform"], "TPU", "rows[1].platform must be one of CPU, GPU, mGPU, got 'TPU'"),
        (["rows", 1, "platform"], ["CPU"], "rows[1].platform must be one of CPU, GPU, mGPU, got ['CPU']"),
        (["rows", 1, "variant"], "int2", "rows[1].variant must be one of dense, sparse"),
        (["rows", 1, "time_us"], "fast", "rows[1].time_us must be a number above 0 and below 1e15, got 'fast'"),
        (["rows", 1, "time_us"], 0, "rows[1].time_us must be a number above 0"),
        (["rows", 1, "time_us"], True, "rows[1].time_us must be a number above 0"),
        (["rows", 1, "time_us"], 10**400, "rows[1].time_us must be a number above 0"),
        (["rows", 1, "time_us"], 4, "rows[1].time_us must lie between its quartiles, got 4"),
        (["rows", 1, "watts"], -1, "rows[1].watts must be a number above 0"),
        (["rows", 1, "slower"], {"another": None}, "rows[1].slower must be an object, each in it a number"),
        (["rows", 1, "cold"], "warm", "rows[1].cold must be one of rotated, evicted, got 'warm'"),
        (["rows", 1, "copies"], ..., "rows[1].copies is missing"),
        (["rows", 1], ROW, "rows[1] must differ from the rows before it, got ('CPU', 1, 'dense'"),
        (["left_out", 0, "batch"], "all", "left_out[0].batch must be a whole number in 1..1e15, or null, got 'all'"),
        (["left_out", 0, "reason"], ..., "left_out[0].reason is missing"),
    ],
)  # fmt: skip
def test_wrong_field_is_named(file, place, value, message):
    assert refused(write(file, changed(place, value))).startswith(message)


def test_what_is_shown_of_a_wrong_value_is_short(file):
    assert len(refused(write(file, changed(["power"], ["x" * 1000])))) < 100


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b'{"schema": 1', "Expecting"),
        (b"\xff\xfe\xfd", "codec can't decode"),
        (b"[1, 2]", "a result must be an object, got [1, 2]"),
        (b'{"schema": NaN}', "numbers must be finite, got NaN"),
        (b'{"schema": -Infinity}', "numbers must be finite, got -Infinity"),
        (b"[" * 100_000, "JSON nested too deep"),
        (b'{"schema": ' + b"1" * 5000 + b"}", "4300 digits"),
        (b" " * (5 * 2**20) + b"{}", "the file must have at most 5242880 bytes"),
    ],
    ids=["empty", "cut off", "binary", "list", "nan", "infinite", "deep", "long number", "large"],
)
def test_damaged_file(file, content, message):
    file.write_bytes(content)
    assert message in refused(file)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_no_ordinary_file(file, make):
    make(file)
    assert refused(file) == "is not an ordinary file"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from([["rows"], ["provenance"], ["rows", 0], ["rows", 1, "slower"], ["left_out"]]), value=JSON)
def test_anything_is_read_or_refused(file, place, value):
    write(file, changed(place, value))
    with suppress(FormatError):
        assert isinstance(platforms.read(file).rows, pd.DataFrame)
