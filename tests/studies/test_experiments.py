import json
from functools import partial

import pandas as pd
import pytest

from eie.cli import main
from eie.studies import experiments, host
from eie.studies.experiments import Experiment, as_csv, grid


def rows(x, seed, word="short"):
    if x == 3:
        raise FileNotFoundError("no network")
    return pd.DataFrame({"x": [x], "seed": [seed], "y": [0.123456789 * x], "word": [word], "none": [float("nan")]})


def table(**changes):
    made = {"parts": lambda word: grid(x=(1, 2), seed=(0, 5)), "make": rows, "settings": {"word": ("short", "long")}}
    return Experiment(**made | changes)


SMALL = table()
FAILS = table(parts=lambda word: grid(x=(1, 3), seed=(0,)))
IN_PROCESSES = table(processes=True, make=partial(dict, y=1), join=lambda parts, facts: json.dumps(parts))


@pytest.fixture(autouse=True)
def own(monkeypatch):
    for name in ("SMALL", "FAILS", "IN_PROCESSES"):
        monkeypatch.setitem(experiments.EXPERIMENTS, name.lower(), (f"{__name__}:{name}", "a trial"))


@pytest.fixture
def target(tmp_path):
    return tmp_path / "t.csv"


def lines(path):
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


WHOLE = [
    "x,seed,y,word,none",
    "1,0,0.123457,short,",
    "1,5,0.123457,short,",
    "2,0,0.246914,short,",
    "2,5,0.246914,short,",
]


def test_a_table_says_what_made_it(target, capsys):
    assert main.main(["experiment", "small", "-o", str(target)]) == 0
    assert capsys.readouterr().out == f"written to {target}\n"
    facts = [line.removeprefix("# ").partition(": ") for line in target.read_text().splitlines() if line[0] == "#"]
    assert [name for name, _, _ in facts] == ["command", "date", "processor", "cores", "eie", "commit", "seeds"]
    told = {name: value for name, _, value in facts}
    assert (told["command"], told["seeds"]) == ("eie experiment small", "0, 5")
    assert told["commit"] == host.commit()
    assert lines(target) == WHOLE


def test_without_a_name_it_is_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(experiments.run("small")) == "small.csv"
    assert lines(tmp_path / "small.csv") == WHOLE


@pytest.mark.parametrize(
    ("slices", "kept"),
    [
        ({"seed": "5"}, [2, 4]),
        ({"x": ["1", "2"], "seed": "0"}, [1, 3]),
        ({"x": "2", "seed": "5"}, [4]),
        ({"word": "short", "x": "1"}, [1, 2]),
    ],
)
def test_a_slice_is_those_rows_of_the_table(target, slices, kept):
    experiments.run("small", target, slices)
    assert lines(target) == [WHOLE[row] for row in (0, *kept)]


def test_a_slice_is_named_in_the_command_and_its_seeds_are(target):
    experiments.run("small", target, {"seed": "5", "word": "long"})
    assert "# command: eie experiment small --slice seed=5 --slice word=long" in target.read_text()
    assert "# seeds: 5\n" in target.read_text()
    assert lines(target)[1:] == ["1,5,0.123457,long,", "2,5,0.246914,long,"]


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ({"layer": "1"}, "there is no slice by 'layer'; there are x, seed, word"),
        ({"x": "9"}, "there is no x '9'; there are 1, 2"),
        ({"x": ["1", "9"]}, "there is no x '9'; there are 1, 2"),
        ({"x": []}, "x must have a value of 1, 2"),
        ({"word": "new"}, "there is no word 'new'; there are short, long"),
        ({"word": ["short", "long"]}, "word must have one value of short, long"),
    ],
)
def test_wrong_slices_list_the_right_ones(target, slices, message):
    with pytest.raises(ValueError, match=message):
        experiments.run("small", target, slices)
    assert not target.exists()


def test_long_lists_of_numbers_are_told_by_their_ends(target):
    with pytest.raises(ValueError, match=r"there is no sample '24'; there are 0\.\.23$"):
        experiments.run("tolerances", target, {"sample": "24"})


def test_a_failure_leaves_the_old_table(target):
    target.write_text("old")
    with pytest.raises(FileNotFoundError, match="no network"):
        experiments.run("fails", target)
    assert target.read_text() == "old"


def test_a_failure_of_the_first_part_leaves_nothing(target):
    with pytest.raises(FileNotFoundError, match="no network"):
        experiments.run("fails", target, {"x": "3"})
    assert list(target.parent.iterdir()) == []


def test_unknown_names_list_the_known(capsys):
    assert main.main(["experiment", "x"]) == 2
    assert "there is no experiment 'x'; there are" in capsys.readouterr().err


def test_output_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        experiments.run("small", tmp_path / "nowhere" / "t.csv")


def test_output_that_is_a_folder(tmp_path):
    with pytest.raises(ValueError, match="not an ordinary file"):
        experiments.run("small", tmp_path)


class Stopped:
    """Make parts until the n-th, and note which."""

    def __init__(self, at):
        self.made, self.at = [], at

    def __call__(self, x, seed, word):
        if len(self.made) == self.at:
            raise KeyboardInterrupt
        self.made.append((x, seed))
        return rows(x, seed, word)


def part_of(target):
    return target.with_name("t.csv.part")


def write(target, make, slices=(), **changes):
    return experiments.write(table(make=make, **changes), target, "eie trial", dict(slices))


@pytest.fixture
def stopped(target, capsys):
    """A run that was stopped at the third of four parts."""
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write(target, Stopped(2))
    assert capsys.readouterr().err == (
        f"finished parts are kept in {part_of(target)}; the same command continues from there\n"
    )
    assert sorted(path.name for path in target.parent.iterdir()) == ["t.csv", "t.csv.part"]
    assert target.read_text() == "old"
    return target


def test_interrupted_run_goes_on(stopped):
    make = Stopped(9)
    write(stopped, make)
    assert make.made == [(2, 0), (2, 5)]
    assert lines(stopped) == WHOLE
    assert list(stopped.parent.iterdir()) == [stopped]


def test_twice_interrupted_run_goes_on(stopped):
    with pytest.raises(KeyboardInterrupt):
        write(stopped, Stopped(1))
    make = Stopped(9)
    write(stopped, make)
    assert make.made == [(2, 5)]
    assert lines(stopped) == WHOLE


def test_parts_that_are_not_asked_for_are_left_out(stopped):
    make = Stopped(9)
    write(stopped, make, {"seed": "5"})
    assert make.made == [(2, 5)]
    assert lines(stopped) == [WHOLE[0], WHOLE[2], WHOLE[4]]


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '[{"cores": 1}]', "\ud800"])
def test_a_damaged_file_of_parts_is_passed_over(stopped, content):
    part_of(stopped).write_text(content, errors="surrogatepass")
    make = Stopped(9)
    write(stopped, make)
    assert len(make.made) == 4


@pytest.mark.parametrize("changed", ["setting", "machine", "commit"])
def test_parts_of_another_setting_are_not_joined(stopped, monkeypatch, changed):
    make, slices = Stopped(9), {"word": "long"} if changed == "setting" else {}
    if changed == "machine":
        monkeypatch.setattr(host, "cpu_name", lambda: "another")
    if changed == "commit":
        monkeypatch.setattr(host, "commit", lambda: "another")
    write(stopped, make, slices)
    assert len(make.made) == 4


def test_parts_made_in_processes_stand_in_the_table_s_order(tmp_path):
    path = experiments.run("in_processes", tmp_path / "t.json")
    assert json.loads(path.read_text()) == [
        {"x": x, "seed": seed, "word": "short", "y": 1} for x in (1, 2) for seed in (0, 5)
    ]


def test_columns_that_every_row_gets(target):
    join = partial(as_csv, stamps={"machine": "processor"})
    write(target, rows, {"x": "1", "seed": "0"}, join=join)
    assert pd.read_csv(target, comment="#")["machine"].tolist() == [host.cpu_name()]


@pytest.mark.parametrize("name", experiments.EXPERIMENTS)
def test_every_experiment_is_found_and_has_parts(name):
    path, about = experiments.EXPERIMENTS[name]
    module, _, attribute = path.partition(":")
    experiment = getattr(experiments.import_module(module), attribute)
    parts, _ = experiments._chosen(experiment, {})
    assert len({json.dumps(part) for part in parts}) == len(parts) > 1
    assert experiments.listed()[name] == about


IN_ROWS = [name for name, (path, _) in experiments.EXPERIMENTS.items() if "retrospective" in path]


@pytest.mark.parametrize("name", IN_ROWS)
def test_committed_tables_name_their_command(name):
    facts = experiments.made_by(name)
    assert facts["command"] == f"eie experiment {name}"
    assert len(experiments.read(name)) > 0
    assert facts["date"] in experiments.about(name)


@pytest.mark.parametrize(
    ("name", "slices", "needs"),
    [
        ("mapping", {"network": "Table III"}, []),
        ("precision", {"network": "LeNet-300-100"}, ["mnist"]),
    ],
)
def test_a_slice_computed_again_is_that_of_the_committed_table(target, name, slices, needs):
    from eie.datasets import catalogue

    if any(catalogue.find(need) is None for need in needs):
        pytest.skip("data are not available")
    made, known = pd.read_csv(experiments.run(name, target, slices), comment="#"), experiments.read(name)
    (key, wanted), *_ = slices.items()
    same = known[known[key].astype(str).isin([wanted] if isinstance(wanted, str) else wanted)].reset_index(drop=True)
    left = [column for column in known if column not in ("date", "commit")]
    pd.testing.assert_frame_equal(made[left], same[left], check_dtype=False)
