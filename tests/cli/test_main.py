import inspect
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

import eie
from eie.cli.commands import COMMANDS
from eie.cli.main import main
from eie.studies import pages, paper

SMALL = ["-p", "layers", "['NT-We']", "-p", "draws", "1"]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    status = main(arguments)
    return status, *capsys.readouterr()


def refused(capsys, *arguments, status=2):
    """What the command says on stderr when it fails: one line, after its name."""
    found, out, err = run(capsys, *arguments)
    assert found == status
    assert out == ""
    assert err.startswith("eie: ")
    assert err.count("\n") == 1
    return err


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"eie {eie.__version__}\n", "")


@pytest.mark.parametrize("command", ["", *COMMANDS, "data list", "data fetch", "data verify", "data path"])
def test_help_fits_a_screen(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, err = run(capsys, *command.split(), "--help")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    last = {"": "exit status: 0 done, 1 failed, 2 ", "data": "example: eie data fetch "}
    assert lines[-1].startswith(last.get(command, f"example: eie {command}"))
    assert run(capsys, *command.split(), "-h") == (0, out, "")


def test_help_of_all_commands_is_the_one_that_click_makes(capsys, monkeypatch):
    from eie.cli.group import cli

    monkeypatch.setenv("COLUMNS", "80")
    with cli.make_context("eie", ["table", "1"]) as context:
        assert run(capsys, "--help") == (0, context.get_help() + "\n", "")
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, run(capsys, "--help")[1].splitlines())) <= 60


def test_help_imports_no_numerical_library():
    program = "import sys; from eie.cli.main import main; main(['--help']); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing command; there are table, figure, rerun,"),
        (["rtl"], "Missing command; there are check, fpga, images, power, run, synthesise, trace."),
        (["tables"], "No such command 'tables'. Did you mean 'table'? See 'eie --help'."),
        (["--versions"], "No such option '--versions'. Did you mean '--version'?"),
        (["data", "fetsh"], "No such command 'fetsh'. Did you mean 'fetch'? See 'eie data --help'."),
        (["table"], "Missing argument 'NUMBER'. See 'eie table --help'."),
        (["table", "four"], "'four' is not a valid integer"),
        (["table", "-1"], "No such option '-1'"),
        (["table", "4", "-p", "n_pe"], "'-p' requires 2 arguments"),
        (["figure", "8", "--outptu", "x.svg"], "No such option '--outptu'. Did you mean '--output'?"),
        (["rerun", "fig02"], "Missing option '-o' / '--output'"),
    ],
)
def test_wrong_command_line(capsys, arguments, message):
    assert message in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (3, SMALL[:3], lambda: paper.table3.table3(["NT-We"])),
        (4, SMALL, lambda: paper.table4.table4(["NT-We"], draws=1)),
        (4, [*SMALL, "-p", "n_pe", "128"], lambda: paper.table4.table4(["NT-We"], n_pe=128, draws=1)),
    ],
)
def test_table(capsys, number, arguments, expected):
    status, out, err = run(capsys, "table", str(number), *arguments)
    table, (row, said) = expected(), (out.splitlines()[i] for i in (2, -1))
    assert (status, err) == (0, "")
    name, *values = row.split()
    assert name == "NT-We"
    for shown, value in zip(values, table.table().loc["NT-We"], strict=True):
        if isinstance(value, str):
            assert shown == value
        else:
            number = float("nan") if shown == "-" else float(shown)
            assert number == pytest.approx(value, abs=0.0051, nan_ok=True)
    assert said == table.words().replace("**", "")
    assert table.answer().replace("**", "") in out.splitlines()


def test_last_of_the_same_parameter_counts(capsys):
    twice = run(capsys, "table", "4", *SMALL, "-p", "n_pe", "16", "-p", "n_pe", "32")
    assert twice == run(capsys, "table", "4", *SMALL, "-p", "n_pe", "32")
    assert twice != run(capsys, "table", "4", *SMALL, "-p", "n_pe", "16")


def test_layer_of_ones_own_stands_below(capsys):
    status, out, _ = run(capsys, "table", "4", *SMALL, "-p", "own_layers", '{"mine": [256, 128, 0.1, 0.4]}')
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[2:4]] == ["NT-We", "mine"]


@pytest.mark.parametrize(
    ("name", "is_right"),
    [
        ("fig.svg", lambda content: ElementTree.fromstring(content).tag.endswith("svg")),
        ("fig.png", lambda content: content.startswith(PNG)),
        ("fig.pdf", lambda content: content.startswith(b"%PDF-")),
    ],
)
def test_figure(capsys, here, name, is_right):
    status, out, err = run(capsys, "figure", "2", "-o", str(here / name))
    assert (status, err) == (0, "")
    assert out == f"{paper.figures2_3().words().replace('**', '')}\nwritten to {here / name}\n"
    assert [path.name for path in here.iterdir()] == [name]
    assert is_right((here / name).read_bytes())


def test_figure_has_a_name_of_its_own(capsys, here):
    status, out, _ = run(capsys, "figure", "3", "-p", "n_pe", "2")
    assert status == 0
    assert out.endswith("written to figure3.svg\n")
    assert [path.name for path in here.iterdir()] == ["figure3.svg"]


def test_figure_with_an_own_layer_prints_its_numbers(capsys, here):
    own = '{"mine": [64, 128, 0.2, 0.5]}'
    status, out, _ = run(capsys, "figure", "13", "-p", "layers", "mine", "-p", "own_layers", own)
    assert status == 0
    assert re.search(r"^mine +\d", out, re.MULTILINE)


@pytest.mark.parametrize("name", ["fig.gif", "fig", "fig.svg.txt", "svg"])
def test_figure_of_another_kind(capsys, here, name):
    said = refused(capsys, "figure", "2", "-o", name)
    assert ".svg, .png or .pdf" in said
    assert repr(name) in said
    assert list(here.iterdir()) == []


def test_figure_into_a_missing_folder(capsys, here):
    assert "there is no folder" in refused(capsys, "figure", "2", "-o", "nowhere/fig.svg")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("kind", "known"), [("table", paper.TABLES), ("figure", paper.FIGURES)])
@pytest.mark.parametrize("number", ["0", "99", "-1"])
def test_unknown_number_lists_the_right_ones(capsys, here, kind, known, number):
    said = refused(capsys, kind, "--", number)
    assert said == f"eie: there is no {kind} {number}; {kind}s are {', '.join(map(str, sorted(known)))}\n"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "number", "make"), [("table", "3", paper.table3.table3), ("figure", "8", paper.figure8)]
)
def test_unknown_parameter_lists_the_right_ones(capsys, here, kind, number, make):
    said = refused(capsys, kind, number, "-p", "n_pes", "64")
    assert f"there is no parameter 'n_pes'; this {kind} has " in said
    for name, parameter in inspect.signature(make).parameters.items():
        assert f"{name} = {parameter.default!r}" in said
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n_pe", "0", "n_pe must be an integer in 1..65536, got 0"),
        ("n_pe", "many", "n_pe must be an integer in 1..65536, got 'many'"),
        ("n_pe", "True", "n_pe must be an integer in 1..65536, got True"),
        ("fifo_depth", "1", "fifo_depth must be an integer in 2..1048576, got 1"),
        ("fifo_depth", "8.0", "fifo_depth must be an integer in 2..1048576, got 8.0"),
        ("draws", "0", "draws must be an integer in 1..1000, got 0"),
        ("seed", "-1", "seed must be an integer in 0..9223372036854775807, got -1"),
        ("layers", "['NT-We', 'NT']", "unknown layer 'NT'; Table III has Alex-6,"),
        ("layers", "6", "layers must be a list of names, got 6"),
        ("layers", "[]", "layers must name at least one layer"),
        ("own_layers", "{'mine': [64, 64, 0.1]}", "by name or in a list, got [64, 64, 0.1]"),
        ("own_layers", "{'mine': [64, 64, 1.1, 0.5]}", "weight density of mine must be a fraction in 0..1, got 1.1"),
        ("n_pe", "__import__('os').getpid()", "got \"__import__('os').getpid()\""),
    ],
)
def test_bad_value_is_named_with_what_would_do(capsys, name, value, message):
    assert message in refused(capsys, "table", "4", *SMALL, "-p", name, value)


def test_interrupted(capsys, monkeypatch):
    def stop(**_):
        raise KeyboardInterrupt

    monkeypatch.setitem(paper.TABLES, 4, stop)
    assert "stopped" in refused(capsys, "table", "4", status=1)


@pytest.mark.parametrize("page", ["fig", "nothing"])
def test_rerun_of_no_single_page_lists_them(capsys, here, page):
    said = refused(capsys, "rerun", page, "-o", "out.ipynb")
    assert repr(page) in said
    assert ", ".join(name for name in pages.names() if name.startswith(page) or page == "nothing") in said
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["-p", "depth", "8"], "there is no parameter 'depth'"),
        (["-p", "n_pe", "four"], "n_pe must be of the kind of 4, got 'four'"),
    ],
)
def test_rerun_with_wrong_parameters(capsys, here, changes, message):
    said = refused(capsys, "rerun", "fig02", *changes, "-o", "out.ipynb")
    assert message in said
    assert "this page has n_pe = 4, index_bits = 4" in said
    assert list(here.iterdir()) == []


def test_rerun_into_a_missing_folder(capsys, here):
    assert "cannot write nowhere/out.ipynb: there is no folder" in refused(
        capsys, "rerun", "fig02", "-o", "nowhere/out.ipynb"
    )
    assert list(here.iterdir()) == []


def test_rerun_hands_on_page_parameters_and_output(capsys, monkeypatch):
    asked = []
    monkeypatch.setattr(pages, "rerun", lambda *given, progress: asked.append(given))
    status, out, _ = run(capsys, "rerun", "fig08", "-p", "fifo_depths", "[2, 8]", "-p", "x", "y z", "-o", "out.ipynb")
    assert (status, out) == (0, "written to out.ipynb\n")
    assert asked == [("fig08", {"fifo_depths": [2, 8], "x": "y z"}, "out.ipynb")]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("clock_mhz", "abc", "clock_mhz must be a number, got 'abc'"),
        ("clock_mhz", "-1", "clock_mhz must be finite and above 0, got -1"),
        ("layers", "5", "layers must be a list of names, got 5"),
        ("own_layers", "5", "own_layers must be a mapping from names to layers, got 5"),
        ("own_layers", "{[1]: 2}", "own_layers must be a mapping from names to layers, got '{[1]: 2}'"),
        ("own_layers", "{'a': None}", "got None for 'a'"),
    ],
)
def test_values_of_the_wrong_kind(capsys, name, value, message):
    assert main(["table", "4", "-p", name, value]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("output", [".svg", "x.txt"])
def test_figure_needs_a_name_with_an_ending(capsys, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", "2", "-o", output]) == 2
    assert "must be a .svg, .png or .pdf file" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_experiment_hands_on_what_was_asked(capsys, monkeypatch):
    from eie.studies import experiments

    asked = []
    monkeypatch.setattr(experiments, "run", lambda *given: asked.append(given) or "there")
    status, out, _ = run(
        capsys, "experiment", "lenets", "--slice", "seed=3", "--slice", "seed=4", "--slice", "schedule=short", "-o", "x"
    )
    assert (status, out) == (0, "written to there\n")
    assert asked == [("lenets", "x", {"seed": ["3", "4"], "schedule": ["short"]})]


def test_experiment_without_a_name_lists_all(capsys):
    status, out, _ = run(capsys, "experiment")
    assert status == 0
    assert run(capsys, "experiment", "--list") == (0, out, "")
    assert "precision         accuracy of real networks by the width of arithmetic\n" in out


def test_a_slice_has_a_name_and_a_value(capsys):
    assert main(["experiment", "lenets", "--slice", "seed"]) == 2
    assert "must be NAME=VALUE, got 'seed'" in capsys.readouterr().err


def test_measure_writes_where_the_book_looks(capsys, monkeypatch):
    from eie.studies.baselines import measure

    asked = []
    monkeypatch.setattr(measure, "run", lambda *given, **named: asked.append((*given, named)) or "there")
    status, out, _ = run(capsys, "measure", "--quick")
    assert (status, out) == (0, "written to there\n")
    assert asked == [(None, None, {"quick": True})]
