import pandas as pd
import pytest

from eie.cli import main
from eie.studies import experiments
from eie.studies.experiments import Experiment


def small():
    return pd.DataFrame({"x": [1, 2], "y": [0.1, 0.123456789]})


@pytest.fixture(autouse=True)
def one_small(monkeypatch):
    monkeypatch.setitem(experiments.EXPERIMENTS, "small", Experiment(__name__, "small", "a trial"))


def test_a_table_says_what_made_it(tmp_path, capsys):
    assert main.main(["experiment", "small", "-o", str(tmp_path / "t.csv")]) == 0
    assert capsys.readouterr().out == f"written to {tmp_path / 't.csv'}\n"
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0] == "# command: eie experiment small"
    keys = [line.split(":")[0] for line in lines if line.startswith("#")]
    assert keys == ["# command", "# date", "# processor", "# cores", "# eie", "# commit"]
    assert lines[6:] == ["x,y", "1,0.1", "2,0.123457"]


def test_a_failure_leaves_the_old_table(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("old")
    monkeypatch.setitem(experiments.EXPERIMENTS, "small", Experiment(__name__, "fails", ""))
    with pytest.raises(FileNotFoundError):
        experiments.run("small", tmp_path / "t.csv")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("t.csv", "old")]


def fails():
    raise FileNotFoundError("no network")


def test_unknown_names_list_the_known(capsys):
    assert main.main(["experiment", "x"]) == 2
    assert "there is no experiment 'x'; there are" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in experiments.EXPERIMENTS if name != "small"])
def test_committed_tables_name_their_command(name):
    facts = experiments.made_by(name)
    assert facts["command"] == f"eie experiment {name}"
    assert len(experiments.read(name)) > 0
    assert facts["date"] in experiments.about(name)
